"""Who hands out parts of a task is done when the parts are, and takes nobody's place while it waits."""

import pytest

from tests.support.tree import Answer, Document, Instruction, Tree, a_task, as_yaml, entry, eventually, load, snapshot

QUICK = {"settle_seconds": 0.2, "scan_interval": "200 milliseconds", "escalate_blocked_after": "1 second"}
WORK, BLOCKED, DONE = "tasks/in_progress", "tasks/blocked", "tasks/completed"


def child(task_id: str, parent: str, *needs: str, **fields: object) -> Document:
    """A part of another task, for bob."""
    return a_task(task_id, *needs, parent_task_id=parent, **({"assigned_agent": "bob"} | fields))


def fails(instruction: Instruction, task: str) -> None:
    instruction.claim(task, "bob")
    instruction.hand_in(task, "bob", status="failed", artifacts=[])
    instruction.reaches(task, "tasks/failed")


def escalations(instruction: Instruction, task: str) -> list[Document]:
    return [load(path) for path in (instruction.path / "escalations").glob(f"child-{task}-[!.]*.yaml")]


def refused(tree: Tree, *tasks: Document) -> Answer:
    """With 4, and nothing is written."""
    path = tree.workspace / "my-plan.yaml"
    path.write_text(as_yaml({"description": "A plan", "mode": "swarm", "tasks": list(tasks)}))
    before = snapshot(tree.root)
    answer = tree.call("submit", str(path), "--json")
    assert answer.code == 4, answer
    assert snapshot(tree.root) == before
    return answer


def codes(answer: Answer) -> set[str]:
    return {answer.error["code"], *(fault["code"] for fault in answer.error.get("faults", []))}


def test_a_parent_is_judged_when_all_its_children_are_completed(tree: Tree) -> None:
    instruction = tree.plan(a_task("top"), child("a", "top"), child("b", "top"), a_task("next", "top"))
    with tree.daemon():
        instruction.claim("top")
        instruction.hand_in("top")
        instruction.finish("a", "bob")
        assert instruction.places("top") == [WORK]
        assert instruction.places("next") == ["queues/waiting_on_dependencies"]

        instruction.finish("b", "bob")
        instruction.reaches("top", DONE)
        instruction.reaches("next", "queues/agents/ann")
        instruction.check("top", "a", "b", "next")

    assert [line["task_id"] for line in instruction.events("accepted")] == ["a", "b", "top"]


def test_a_parent_that_is_judged_is_judged_as_strictly_as_any(tree: Tree) -> None:
    instruction = tree.plan(a_task("top"), child("a", "top"))
    with tree.daemon():
        instruction.claim("top")
        instruction.hand_in("top", artifacts=[entry("nowhere.txt", b"?")])
        instruction.finish("a", "bob")
        instruction.tells("rejected", "top")
        instruction.reaches("top", WORK)
        instruction.hand_in("top")
        instruction.reaches("top", DONE)


def test_a_parent_waits_through_a_restart(tree: Tree) -> None:
    instruction = tree.plan(a_task("top"), child("a", "top"), a_task("other"))
    with tree.daemon() as first:
        instruction.claim("top")
        instruction.hand_in("top")
        instruction.finish("other")
        first.kill()
    with tree.daemon():
        instruction.claim("a", "bob")
        assert instruction.places("top") == [WORK]
        instruction.hand_in("a", "bob")
        instruction.reaches("top", DONE)
        instruction.check("top", "a", "other")


def test_a_parent_that_has_handed_in_holds_no_slot(tree: Tree) -> None:
    instruction = tree.plan(a_task("top"), child("a", "top"), child("b", "top"), max_concurrent=1)
    with tree.daemon():
        instruction.claim("top")
        instruction.tells("moved", WORK)
        assert tree.call("claim", "bob").code == 3
        instruction.hand_in("top")

        for _ in ("a", "b"):
            eventually(lambda: tree.call("claim", "bob").code == 0, saying=instruction.tail)
            (taken,) = [name for name in ("a", "b") if instruction.places(name) == [WORK]]
            assert tree.call("claim", "bob").code == 3
            instruction.hand_in(taken, "bob")
            instruction.reaches(taken, DONE)
        instruction.reaches("top", DONE)


def test_a_parent_that_has_handed_in_has_no_lease_to_lose(tree: Tree) -> None:
    lease = {"communication_channels": {"status_updates": {"stale_threshold": "2 seconds"}}}
    tree.configure("parallel_execution_framework.yaml", lease)
    later = {"retry_logic": {"backoff_strategy": {"base_delay": "30 minutes"}}}
    tree.configure("task_queue_manager.yaml", later)
    instruction = tree.plan(a_task("top"), child("a", "top"), a_task("silent", assigned_agent="eve"))
    with tree.daemon():
        instruction.claim("top")
        instruction.hand_in("top")
        instruction.claim("silent", "eve")
        instruction.reaches("silent", "queues/retry")
        assert instruction.places("top") == [WORK]
        assert instruction.events("stalled", "top") == []
        instruction.finish("a", "bob")
        instruction.reaches("top", DONE)


def test_a_parent_that_says_blocked_waits_for_its_children_and_needs_no_help(tree: Tree) -> None:
    tree.configure("daemon.yaml", QUICK)
    tasks = [a_task("top"), child("a", "top"), child("b", "top"), a_task("alone", assigned_agent="eve")]
    instruction = tree.plan(*tasks, max_concurrent=1)
    with tree.daemon():
        instruction.claim("top")
        instruction.beat("top", status="blocked")
        eventually(lambda: tree.call("claim", "bob", "--task", "a").code == 0, saying=instruction.tail)
        instruction.hand_in("a", "bob")
        instruction.reaches("a", DONE)
        eventually(lambda: tree.call("claim", "eve").code == 0, saying=instruction.tail)
        instruction.beat("alone", "eve", status="blocked")
        instruction.reaches("alone", BLOCKED)
        assert instruction.places("top") == [WORK]

    assert {line["task_id"] for line in instruction.events("escalated")} == {"alone"}


def test_a_lost_child_blocks_the_parent_that_waits_and_heals_it(tree: Tree) -> None:
    instruction = tree.plan(a_task("top"), child("a", "top", max_retries=0), child("b", "top"), a_task("next", "top"))
    with tree.daemon():
        instruction.claim("top")
        instruction.hand_in("top")
        fails(instruction, "a")
        instruction.reaches("top", BLOCKED)
        eventually(lambda: "a" in str(instruction.file("top").get("blocked_by")), saying=instruction.tail)
        (told,) = eventually(lambda: escalations(instruction, "top"), saying=instruction.tail)
        assert (told["severity"], told["from_agent"], told["task_id"]) == ("blocker", "daemon", "top")

        tree.ok("retry", "a")
        instruction.finish("a", "bob", attempt=2)
        instruction.reaches("top", WORK)
        instruction.finish("b", "bob")
        instruction.reaches("top", DONE)
        instruction.check("top", "a", "b")

    assert instruction.file("top").get("attempt", 1) == 1


def test_a_child_that_is_lost_before_the_parent_waits_lets_it_work_on(tree: Tree) -> None:
    instruction = tree.plan(a_task("top"), child("a", "top", max_retries=0), a_task("other"))
    with tree.daemon():
        instruction.claim("top")
        instruction.tells("moved", WORK)
        fails(instruction, "a")
        instruction.finish("other")
        assert instruction.places("top") == [WORK]
        instruction.hand_in("top")
        instruction.reaches("top", BLOCKED)


def test_a_child_that_is_cancelled_with_skip_is_not_waited_for(tree: Tree) -> None:
    instruction = tree.plan(a_task("top"), child("a", "top"), child("b", "top"))
    with tree.daemon():
        instruction.claim("top")
        instruction.hand_in("top")
        instruction.finish("a", "bob")
        tree.ok("cancel", "b", "--skip")
        instruction.reaches("top", DONE)


def test_a_child_that_is_cancelled_blocks_the_parent(tree: Tree) -> None:
    instruction = tree.plan(a_task("top"), child("a", "top"))
    with tree.daemon():
        instruction.claim("top")
        instruction.hand_in("top")
        instruction.reaches("a", "queues/agents/bob")
        tree.ok("cancel", "a")
        instruction.reaches("top", BLOCKED)


def test_a_child_that_is_added_while_the_parent_runs_is_waited_for(tree: Tree) -> None:
    instruction = tree.plan(a_task("top"), a_task("other"), mode="mesh")
    with tree.daemon():
        instruction.claim("top")
        instruction.drop("late", parent_task_id="top", assigned_agent="bob")
        instruction.reaches("late", "queues/agents/bob")
        instruction.hand_in("top")
        instruction.finish("other")
        assert instruction.places("top") == [WORK]
        instruction.finish("late", "bob")
        instruction.reaches("top", DONE)
        instruction.check("top", "late", "other")


def test_four_levels_complete_from_the_bottom_up_and_their_results_roll_up(tree: Tree) -> None:
    levels = [a_task("l1"), child("l2", "l1"), child("l3", "l2"), child("l4", "l3")]
    instruction = tree.plan(*levels)
    summary = instruction.path / "outputs" / "output_summary.yaml"
    with tree.daemon():
        for name, agent in (("l1", "ann"), ("l2", "bob"), ("l3", "bob")):
            instruction.claim(name, agent)
            instruction.hand_in(name, agent)
        instruction.finish("l4", "bob")
        instruction.reaches("l1", DONE)
        eventually(lambda: summary.exists() and load(summary)["final"], saying=instruction.tail)

    assert [line["task_id"] for line in instruction.events("accepted")] == ["l4", "l3", "l2", "l1"]
    rolled = {one["task_id"]: one for one in load(summary)["parents"]}
    assert set(rolled) == {"l1", "l2", "l3"}
    assert rolled["l1"]["size_bytes"] > rolled["l2"]["size_bytes"] > rolled["l3"]["size_bytes"] > 0


def test_five_levels_are_refused(plain: Tree) -> None:
    deep = [a_task("l1"), *(child(f"l{level}", f"l{level - 1}") for level in range(2, 6))]

    answer = refused(plain, *deep)

    assert "too_deep" in codes(answer)
    assert "l5" in answer.err


def test_a_parent_that_is_nobody_is_refused(plain: Tree) -> None:
    answer = refused(plain, a_task("top"), child("a", "nowhere"))

    assert "missing_parent" in codes(answer)
    assert "nowhere" in answer.err


@pytest.mark.parametrize(
    "tasks",
    [
        [child("hen", "egg"), child("egg", "hen")],
        [child("hen", "hen")],
        [a_task("hen"), child("egg", "hen", "hen")],
        [a_task("hen"), child("egg", "hen", "chick"), a_task("chick", "hen")],
    ],
    ids=["each of the other", "of itself", "a child that waits for its parent", "through a third"],
)
def test_a_circle_through_parents_is_refused_and_named(plain: Tree, tasks: list[Document]) -> None:
    answer = refused(plain, *tasks)

    assert "cycle" in codes(answer)
    assert "hen" in answer.err


def test_a_child_of_nobody_that_is_dropped_starts_nothing_and_stops_nobody(tree: Tree) -> None:
    instruction = tree.plan(a_task("top"))
    with tree.daemon():
        instruction.reaches("top", "queues/agents/ann")
        instruction.drop("orphan", parent_task_id="nowhere", assigned_agent="bob")
        eventually(lambda: instruction.places("orphan") in ([BLOCKED], ["tasks/pending"]), saying=instruction.tail)
        instruction.finish("top")
        assert instruction.places("orphan") in ([BLOCKED], ["tasks/pending"])
