"""What is asked of the daemon and refused ends with 1 and the reason, beside a daemon and without one."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.support.tree import Tree, a_task, as_yaml


@pytest.fixture(params=[True, False], ids=["daemon", "no daemon"])
def working(request: pytest.FixtureRequest, tree: Tree) -> Iterator[Tree]:
    """A mesh of two tasks, watched or not."""
    tree.plan(a_task("t1"), a_task("t2", "t1"), mode="mesh")
    tree.once()
    with ExitStack() as stack:
        if request.param:
            stack.enter_context(tree.daemon())
        yield tree


def refused(tree: Tree, *line: str, words: tuple[str, ...]) -> None:
    answer = tree.call(*line, "--json")
    assert answer.code == 1, answer
    assert answer.out == ""
    assert answer.error["code"] in ("refused", "no_effect")
    assert [word for word in words if word not in answer.error["message"]] == []


def test_what_would_change_nothing_is_refused(working: Tree) -> None:
    refused(working, "resume", words=("inst_1", "is not paused"))
    refused(working, "resume", "t1", words=("t1", "is not paused"))
    working.ok("pause")
    refused(working, "pause", "inst_1", words=("inst_1", "is paused"))
    working.ok("pause", "t2")
    refused(working, "pause", "inst_1/t2", words=("t2", "is paused"))
    working.ok("resume")
    working.ok("resume", "t2")
    refused(working, "retry", "t1", words=("t1", "nothing to retry"))
    refused(working, "depend", "t2", "--on", "t1", words=("t2 waits for t1 already",))
    refused(working, "depend", "t1", "--on", "t2", words=("t1", "t2", "->"))
    refused(working, "depend", "t2", "--on", "ghost", words=("ghost",))
    working.ok("cancel", "t2")
    refused(working, "cancel", "t2", words=("nothing to cancel",))
    refused(working, "pause", "t2", words=("t2 has ended",))
    refused(working, "reassign", "t2", "--to", "bob", words=("nothing to reassign",))


def test_an_instruction_comes_before_a_task_of_the_same_name(tree: Tree) -> None:
    tree.plan(a_task("twin"), name="twin")
    tree.once()

    assert tree.data("pause", "twin").get("task_id") is None
    assert tree.data("pause", "twin/twin")["task_id"] == "twin"
    assert "cagents-fs resume twin/twin" in str(tree.data("explain", "twin/twin")["reasons"])


def test_what_cannot_be_meant_exits_2(tree: Tree) -> None:
    tree.plan(a_task("t1"), mode="mesh")
    tree.plan(a_task("t9"), name="inst_2")
    tree.once()

    for line in (["pause"], ["pause", "../x"], ["depend", "t1", "--on", "../x"], ["depend", "t1", "--on", "a:b:c"]):
        assert tree.call(*line).code == 2, line
    assert tree.call("pause", "inst_3").code == 3
    assert tree.call("tasks", "--state", "blokced").code == 2
    assert "blocked" in tree.call("tasks", "--state", "blokced").err


def test_a_task_of_another_instruction_is_awaited_in_both_spellings(tree: Tree) -> None:
    tree.plan(a_task("base"), name="inst_0")
    tree.plan(a_task("t1"), a_task("t2"), mode="mesh")
    tree.once()

    tree.ok("depend", "inst_1/t1", "--on", "inst_0/base")
    tree.ok("depend", "inst_1/t2", "--on", "inst_0:base")

    for task in ("t1", "t2"):
        assert tree.data("tasks", "inst_1")["tasks"][0]["waits_for"] == ["inst_0:base"], task


def test_status_and_tables_keep_to_80_columns(tree: Tree) -> None:
    tasks = [a_task(f"task_20260110_001_{n:03}", assigned_agent="backend-developer") for n in range(20)]
    whole = {"description": "A plan", "mode": "swarm", "tasks": tasks}
    (tree.workspace / "plan.yaml").write_text(as_yaml(whole))
    tree.ok("submit", "plan.yaml", "--id", "inst_20260110_001")
    tree.once()
    for _ in range(5):
        tree.ok("claim", "backend-developer")
    tree.once()
    narrow = {"COLUMNS": "80"}

    for line in (["status"], ["ready"], ["tasks"], ["graph"]):
        said = tree.ok(*line, env=narrow).out
        lines = [one.rstrip() for one in said.splitlines() if str(tree.root) not in one]
        assert max(map(len, lines)) <= 80, (line, said)
    assert "works on" in tree.ok("status", env=narrow).out
