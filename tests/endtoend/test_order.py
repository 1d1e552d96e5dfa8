"""Who comes first: the more urgent, those whom it waits for, those who have waited long; then first in, first out."""

import pytest

from tests.support.tree import Document, Instruction, Tree, a_task, eventually

ANN = "queues/agents/ann"
RATE = "+1 priority level per 2 seconds in queue"
AGES_QUICKLY = {"priority_scheduling": {"priority_boost": {"age_based_boost": {"enabled": True, "boost_rate": RATE}}}}


def row(tree: Tree, task: str) -> Document:
    (found,) = [one for one in tree.data("ready")["tasks"] if one["task_id"] == task]
    return dict(found)


def effective(tree: Tree, task: str) -> str:
    return str(row(tree, task)["effective_priority"])


def ready(tree: Tree) -> list[str]:
    return [one["task_id"] for one in tree.data("ready")["tasks"]]


def claimed(tree: Tree, many: int) -> list[str]:
    return [tree.data("claim", "ann")["task"]["task_id"] for _ in range(many)]


def joins(instruction: Instruction, task: str, **fields: object) -> None:
    instruction.drop(task, **fields)
    instruction.reaches(task, ANN)


def test_ready_tells_how_urgent_a_task_is_and_why(tree: Tree) -> None:
    tree.plan(a_task("t1"), a_task("t2", priority="high"))
    tree.once()

    for task, rank in (("t1", "normal"), ("t2", "high")):
        found = row(tree, task)
        assert found["effective_priority"] == rank
        assert rank in found["why"]


def test_among_equals_who_came_first_goes_first(tree: Tree) -> None:
    instruction = tree.plan(a_task("zoe"))
    tree.once()
    for name in ("yan", "abe"):
        instruction.drop(name)
        tree.once()

    assert ready(tree) == ["zoe", "yan", "abe"]
    assert claimed(tree, 3) == ["zoe", "yan", "abe"]


def test_who_enters_the_queues_later_goes_later_though_the_plan_names_it_first(tree: Tree) -> None:
    instruction = tree.plan(a_task("held", "opener"), a_task("opener"), a_task("early"))
    tree.once()
    instruction.claim("opener")
    instruction.hand_in("opener")
    tree.once()

    assert ready(tree) == ["early", "held"]
    assert claimed(tree, 2) == ["early", "held"]


def test_who_waits_long_goes_up_level_by_level_and_the_reason_is_told(tree: Tree) -> None:
    tree.configure("task_queue_manager.yaml", AGES_QUICKLY)
    instruction = tree.plan(a_task("old", priority="low"))
    with tree.daemon():
        instruction.reaches("old", ANN)
        ranks: list[str] = []

        def is_high() -> bool:
            ranks.append(effective(tree, "old"))
            return ranks[-1] == "high"

        eventually(is_high, saying=lambda: str(ranks))
        why = row(tree, "old")["why"]

    assert ranks == sorted(ranks, key=["low", "normal", "high"].index)
    assert "aged" in why
    assert "low" in why


def test_who_waits_long_is_claimed_before_the_more_urgent_that_came_later(tree: Tree) -> None:
    tree.configure("task_queue_manager.yaml", AGES_QUICKLY)
    instruction = tree.plan(a_task("old", priority="low"))
    with tree.daemon():
        instruction.reaches("old", ANN)
        eventually(lambda: effective(tree, "old") == "high")
        joins(instruction, "new")

        assert ready(tree) == ["old", "new"]
        assert claimed(tree, 2) == ["old", "new"]


def test_nobody_ages_to_critical(tree: Tree) -> None:
    tree.configure("task_queue_manager.yaml", AGES_QUICKLY)
    instruction = tree.plan(a_task("old", priority="high"))
    with tree.daemon():
        instruction.reaches("old", ANN)
        joins(instruction, "clock", priority="low")
        eventually(lambda: effective(tree, "clock") == "high")  # by then the old one would be far above critical

        assert effective(tree, "old") == "high"
        joins(instruction, "urgent", priority="critical")
        assert claimed(tree, 3) == ["urgent", "old", "clock"]


def test_as_shipped_nobody_ages_within_minutes(tree: Tree) -> None:
    instruction = tree.plan(a_task("old", priority="low"))
    tree.once()
    instruction.drop("new")
    tree.once()

    assert ready(tree) == ["new", "old"]
    assert effective(tree, "old") == "low"


def test_a_task_is_as_urgent_as_the_most_urgent_that_waits_for_it_through_several_levels(tree: Tree) -> None:
    tasks = [a_task("urgent", priority="high"), a_task("base", priority="low")]
    tasks += [a_task("middle", "base", priority="low"), a_task("upper", "middle"), a_task("aside")]
    instruction = tree.plan(*tasks, a_task("top", "upper", priority="critical"))
    tree.once()

    assert ready(tree) == ["base", "urgent", "aside"]
    found = row(tree, "base")
    assert found["effective_priority"] == "critical"
    assert "critical" in found["why"]
    assert any(task in found["why"] for task in ("middle", "upper", "top"))
    assert tree.data("claim", "ann")["task"]["task_id"] == "base"
    instruction.hand_in("base")
    tree.once()
    assert ready(tree) == ["middle", "urgent", "aside"]
    assert effective(tree, "middle") == "critical"


def test_the_reason_names_the_task_that_waits(tree: Tree) -> None:
    tree.plan(a_task("base", priority="low"), a_task("top", "base", priority="critical"))
    tree.once()

    assert "top" in row(tree, "base")["why"]


def test_urgency_is_not_lent_to_the_more_urgent(tree: Tree) -> None:
    tree.plan(a_task("base", priority="critical"), a_task("top", "base", priority="low"), a_task("other"))
    tree.once()

    assert ready(tree) == ["base", "other"]
    assert effective(tree, "base") == "critical"


@pytest.mark.parametrize(
    ("kind", "rank"),
    [("hard_dependencies", "critical"), ("data_dependencies", "critical"), ("soft_dependencies", "low")],
)
def test_urgency_is_inherited_through_what_blocks_and_through_nothing_else(tree: Tree, kind: str, rank: str) -> None:
    needs = {"task_id": "base"} | ({"artifact_path": "result.txt"} if kind == "data_dependencies" else {})
    tree.plan(a_task("base", priority="low"), a_task("top", priority="critical", dependencies={kind: [needs]}))
    tree.once()

    assert effective(tree, "base") == rank


def test_urgency_is_inherited_across_instructions(tree: Tree) -> None:
    tree.plan(a_task("other"), a_task("base", priority="low"), name="inst_a")
    tree.plan(a_task("top", "inst_a:base", priority="critical"), name="inst_b")
    tree.once()

    assert effective(tree, "base") == "critical"
    assert tree.data("claim", "ann")["task"]["task_id"] == "base"


def test_a_task_that_is_added_later_makes_what_it_waits_for_urgent(tree: Tree) -> None:
    instruction = tree.plan(a_task("other"), a_task("base", priority="low"))
    tree.once()
    assert ready(tree) == ["other", "base"]

    instruction.drop("top", "base", priority="critical")
    tree.once()

    assert ready(tree) == ["base", "other"]


def test_ready_and_claim_agree_over_all_instructions(tree: Tree) -> None:
    first = [a_task("a1", priority="low"), a_task("a2", priority="high"), a_task("a3", "a1", priority="critical")]
    second = [a_task("b1"), a_task("b2", priority="critical"), a_task("b3", priority="low")]
    tree.plan(*first, name="inst_a")
    tree.once()
    tree.plan(*second, name="inst_b")
    tree.once()

    said = ready(tree)

    assert said == ["a1", "b2", "a2", "b1", "b3"]
    assert claimed(tree, len(said)) == said
