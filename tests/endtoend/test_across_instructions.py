"""Tasks that wait for tasks of other instructions: released, blocked and freed as if they were of their own."""

import pytest

from tests.support.tree import Answer, Document, Instruction, Tree, a_task, as_yaml, load, publish

ANN, BOB, BLOCKED = "queues/agents/ann", "queues/agents/bob", "tasks/blocked"
WAITING = "queues/waiting_on_dependencies"


def base(tree: Tree) -> Instruction:
    """The instruction for whose one task the other ones wait."""
    return tree.plan(a_task("base", max_retries=0), name="inst_a")


def after(tree: Tree, *more: Document, on: str = "inst_a:base", name: str = "inst_b") -> Instruction:
    return tree.plan(a_task("next", on, assigned_agent="bob"), *more, name=name)


def both(tree: Tree) -> tuple[Instruction, Instruction]:
    first, second = base(tree), after(tree)
    tree.once()
    return first, second


def submitted(tree: Tree, *tasks: Document) -> Answer:
    plan = {"description": "A plan", "mode": "swarm", "tasks": list(tasks)}
    return tree.call("submit", str(publish(tree.workspace / "plan.yaml", as_yaml(plan))), "--id", "inst_b", "--json")


def done(instruction: Instruction, task: str, agent: str = "ann", **changed: object) -> None:
    instruction.claim(task, agent)
    instruction.hand_in(task, agent, **changed)
    instruction.tree.once()
    instruction.reaches(task, "tasks/completed")


def given_up(instruction: Instruction, task: str) -> None:
    instruction.claim(task)
    name = f"{instruction.name}/{task}"
    instruction.tree.ok("fail", name, "--reason", "it broke", env={"CAGENTS_AGENT": "ann"})
    instruction.tree.once()
    instruction.reaches(task, "tasks/failed")


def asked_of_the_planner(*instructions: Instruction) -> list[str]:
    """What every escalation about the graph says, whichever instruction it lies in."""
    paths = [path for one in instructions for path in sorted((one.path / "escalations").glob("graph-*.yaml"))]
    asked = [load(path) for path in paths]
    assert {one["to_agent"] for one in asked} <= {"planner"}
    return [str(one) for one in asked]


def test_a_task_waits_for_one_of_another_instruction(tree: Tree) -> None:
    _first, second = both(tree)

    second.reaches("next", WAITING)
    assert "base" in " ".join(tree.data("explain", "next")["reasons"])
    second.check("next")


def test_it_is_released_when_the_other_is_verified_and_not_before(tree: Tree) -> None:
    slow = {"criterion": "Somebody said so", "check": "while ! test -e go; do sleep 0.05; done"}
    first = tree.plan(a_task("base", acceptance_criteria=[slow]), name="inst_a")
    second = after(tree)
    with tree.daemon():
        first.claim("base")
        first.hand_in("base")
        first.reaches("base", "tasks/under_review")
        second.reaches("next", WAITING)

        (tree.workspace / "go").touch()

        first.reaches("base", "tasks/completed")
        second.reaches("next", BOB)
        second.finish("next", "bob")
        second.check("next")


def test_what_was_verified_long_ago_keeps_nobody_waiting(tree: Tree) -> None:
    first = base(tree)
    tree.once()
    done(first, "base")
    assert load(first.path / "status.yaml")["phase"] == "complete"

    second = after(tree)
    tree.once()

    second.reaches("next", BOB)


def test_the_long_form_reaches_across_as_well(tree: Tree) -> None:
    first = base(tree)
    needs = {"hard_dependencies": [{"task_id": "inst_a:base", "reason": "schema"}]}
    second = tree.plan(a_task("next", assigned_agent="bob", dependencies=needs), name="inst_b")
    tree.once()
    second.reaches("next", WAITING)

    done(first, "base")

    second.reaches("next", BOB)


def test_a_data_dependency_reaches_across_and_gives_the_path(tree: Tree) -> None:
    first = base(tree)
    needs = {"data_dependencies": [{"task_id": "inst_a:base", "artifact_path": "result.txt"}]}
    second = tree.plan(a_task("next", assigned_agent="bob", dependencies=needs), name="inst_b")
    tree.once()
    second.reaches("next", WAITING)

    done(first, "base")

    second.reaches("next", BOB)
    (found,) = tree.data("claim", "bob")["inputs"]
    assert found["path"] == str(first.output("base") / "result.txt")


@pytest.mark.parametrize("end", ["failed", "cancelled"])
def test_it_is_blocked_when_the_other_is_lost_and_so_is_all_downstream(tree: Tree, end: str) -> None:
    first, second = base(tree), after(tree, a_task("last", "next"), a_task("free"))
    tree.once()
    if end == "failed":
        given_up(first, "base")
    else:
        tree.ok("cancel", "inst_a/base")
        tree.once()

    for task in ("next", "last"):
        second.reaches(task, BLOCKED)
    assert "base" in str(second.file("next")["blocked_by"])
    assert second.places("free") == [ANN]
    second.check("next", "last", "free")


def test_it_heals_when_the_other_gets_another_chance(tree: Tree) -> None:
    first, second = both(tree)
    given_up(first, "base")
    second.reaches("next", BLOCKED)

    tree.ok("retry", "inst_a/base")
    tree.once()

    second.reaches("next", WAITING)
    done(first, "base", attempt=2)
    second.reaches("next", BOB)
    first.check("base")
    second.check("next")


def test_a_running_daemon_blocks_and_frees_across_instructions_too(tree: Tree) -> None:
    first, second = base(tree), after(tree)
    with tree.daemon():
        second.reaches("next", WAITING)
        tree.ok("cancel", "inst_a/base")
        second.reaches("next", BLOCKED)
        tree.ok("retry", "inst_a/base")

        second.reaches("next", WAITING)
        first.finish("base", attempt=2)
        second.reaches("next", BOB)


@pytest.mark.parametrize("unknown", ["inst_nowhere:base", "inst_a:nothing"])
def test_submit_refuses_a_task_that_is_not_in_the_tree(tree: Tree, unknown: str) -> None:
    base(tree)
    tree.once()

    answer = submitted(tree, a_task("next", unknown))

    assert answer.code == 4
    assert answer.error["code"] == "missing_dependency"
    assert unknown in answer.error["message"]
    assert not (tree.root / "inst_b").exists()


def test_submit_takes_one_that_is_in_the_tree(tree: Tree) -> None:
    base(tree)
    tree.once()

    assert submitted(tree, a_task("next", "inst_a:base")).code == 0
    tree.once()
    Instruction(tree, "inst_b").reaches("next", WAITING)


def test_a_dropped_plan_that_names_no_instruction_there_is_blocked_until_it_appears(tree: Tree) -> None:
    second = after(tree, a_task("free"))
    tree.once()
    second.reaches("next", BLOCKED)
    assert "base" in str(second.file("next")["blocked_by"])
    second.reaches("free", ANN)
    assert any("inst_a:base" in text for text in asked_of_the_planner(second))

    first = base(tree)
    tree.once()

    second.reaches("next", WAITING)
    done(first, "base")
    second.reaches("next", BOB)
    second.check("next", "free")


def test_a_cycle_across_instructions_blocks_those_concerned_and_nobody_else(tree: Tree) -> None:
    first = tree.plan(a_task("hen", "inst_b:egg"), a_task("calm"), name="inst_a")
    second = tree.plan(a_task("egg", "inst_a:hen"), a_task("free", assigned_agent="bob"), name="inst_b")
    tree.once()

    first.reaches("hen", BLOCKED)
    second.reaches("egg", BLOCKED)
    first.reaches("calm", ANN)
    second.reaches("free", BOB)
    assert any("hen" in text and "egg" in text for text in asked_of_the_planner(first, second))
    done(first, "calm")
    done(second, "free", "bob")


def test_an_edge_across_survives_a_restart_of_the_daemon(tree: Tree) -> None:
    first, second = base(tree), after(tree)
    with tree.daemon() as daemon:
        second.reaches("next", WAITING)
        daemon.kill()

    with tree.daemon():
        first.finish("base")
        second.reaches("next", BOB)
        second.check("next")
