"""What a plan or a further task refers to, held against a real tree: tasks of other instructions, parents to come."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cagents_fs.client.submitting import missing_elsewhere, submit
from cagents_fs.client.validating import validate
from cagents_fs.daemon.service import Service
from cagents_fs.errors import InvalidTree
from cagents_fs.model.layout import TREE_FOLDERS
from cagents_fs.model.policy import Policy
from cagents_fs.plans import judge
from cagents_fs.store.disk import make_folders
from tests.support.tree import Document, Instruction, Tree, a_task, as_yaml, load, publish


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    tree = Tree(tmp_path.resolve())
    tree.root.mkdir()
    make_folders(str(tree.root), TREE_FOLDERS)
    tree.configure("daemon.yaml", {"settle_seconds": 0.05, "scan_interval": 0.3, "durability": "process"})
    return tree


# -- other instructions ------------------------------------------------------------------------------------------------


def plan(tree: Tree, *tasks: Document) -> Path:
    return publish(tree.workspace / "plan.yaml", as_yaml({"description": "P", "mode": "swarm", "tasks": list(tasks)}))


def codes(tree: Tree, path: Path) -> list[tuple[str, int | None]]:
    found = missing_elsewhere(str(tree.root), judge(path.read_bytes(), "plan.yaml", Policy()))
    return [(fault.code, fault.line) for fault in found]


def test_a_task_of_an_instruction_that_is_not_there_is_missing_and_nothing_is_written(tree: Tree) -> None:
    path = plan(tree, a_task("a"), a_task("z", "inst_9:t1"))
    line = path.read_text().splitlines().index("  - inst_9:t1") + 1
    assert codes(tree, path) == [("missing_dependency", line)]

    with pytest.raises(InvalidTree) as refused:
        submit(str(tree.root), str(path), "inst_1")

    assert refused.value.code == "missing_dependency"
    assert not (tree.root / "inst_1").exists()


def test_a_task_of_a_plan_that_waits_to_be_taken_in_is_there(tree: Tree) -> None:
    submit(str(tree.root), str(plan(tree, a_task("t1"))), "inst_9")

    assert codes(tree, plan(tree, a_task("z", "inst_9:t1"))) == []
    assert [code for code, _ in codes(tree, plan(tree, a_task("z", "inst_9:t2")))] == ["missing_dependency"]
    assert submit(str(tree.root), str(plan(tree, a_task("z", "inst_9:t1"))), "inst_1").tasks == ("z",)


def test_validate_agrees_with_submit_where_there_is_a_tree_and_asks_nothing_of_it_elsewhere(tree: Tree) -> None:
    path = str(plan(tree, a_task("z", "inst_9:t1")))

    assert [fault.code for fault in validate(path, None, str(tree.root)).faults] == ["missing_dependency"]
    assert validate(path, None, str(tree.workspace / "nowhere")).valid


# -- parents that come later -------------------------------------------------------------------------------------------


Until = Callable[[Callable[[], object]], None]


@pytest.fixture
def running(tree: Tree) -> Iterator[tuple[Instruction, Until]]:
    """A mesh with one task, and a daemon in this process."""
    instruction = tree.plan(a_task("t1"), mode="mesh")
    with Service(str(tree.root)) as service:
        service.begin()

        def until(reached: Callable[[], object]) -> None:
            deadline_s = time.monotonic() + 10.0
            service.run(until=lambda: bool(reached()) or time.monotonic() > deadline_s)
            assert reached(), instruction.tail()

        until(lambda: instruction.places("t1") == ["queues/agents/ann"])
        yield instruction, until


def is_queued(instruction: Instruction, *tasks: str) -> bool:
    return all(instruction.places(task) == ["queues/agents/ann"] for task in tasks)


def test_a_child_that_lies_beside_its_parent_is_taken_in_after_it_without_a_word(
    running: tuple[Instruction, Until],
) -> None:
    instruction, until = running
    for task, fields in (("a", {"parent_task_id": "b"}), ("b", {"parent_task_id": "c"}), ("c", {})):
        publish(instruction.path / "tasks" / "pending" / f"{task}.yaml", as_yaml(a_task(task, **fields)))

    until(lambda: is_queued(instruction, "a", "b", "c"))

    taken_in = [line["task_id"] for line in instruction.events("taken_in")]
    assert taken_in == ["t1", "c", "b", "a"]
    assert instruction.events("answered") == []


def test_a_child_of_nobody_is_answered_and_taken_in_when_its_parent_comes(running: tuple[Instruction, Until]) -> None:
    instruction, until = running
    instruction.drop("kid", parent_task_id="mum")
    until(lambda: instruction.events("answered", "mum"))
    assert instruction.places("kid") == ["tasks/pending"]

    instruction.drop("mum")
    until(lambda: is_queued(instruction, "kid", "mum"))

    assert instruction.events("mended", "kid")


def test_two_that_are_each_others_parent_are_answered(running: tuple[Instruction, Until]) -> None:
    instruction, until = running
    instruction.drop("hen", parent_task_id="egg")
    instruction.drop("egg", parent_task_id="hen")

    until(lambda: instruction.events("answered"))

    assert instruction.places("hen") == instruction.places("egg") == ["tasks/pending"]


def test_a_wrong_stage_is_answered_with_its_line(tree: Tree) -> None:
    tasks = [a_task("t0", stage=0), a_task("t1", stage=1)]
    instruction = tree.plan(*tasks, mode="pipeline")
    instruction.drop("late", stage=7)
    with Service(str(tree.root)) as service:
        service.once()

    (answered,) = instruction.events("answered", "late")
    assert answered["faults"][0]["code"] == "empty_stage"
    assert answered["faults"][0]["line"] == 4


# -- what is left when a daemon ends -----------------------------------------------------------------------------------


def test_who_ends_leaves_summary_queues_and_capacity_as_they_are(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2"))
    with Service(str(tree.root)) as service:
        service.once()
    instruction.claim("t1")
    instruction.hand_in("t1")
    with Service(str(tree.root)) as service:
        service.once()

    summary = load(instruction.path / "outputs" / "output_summary.yaml")
    capacity = load(tree.root / "_system" / "capacity" / "agents" / "ann.yaml")
    queue = load(instruction.path / "queues" / "agents" / "ann" / "queue.yaml")
    assert (summary["totals"]["completed"], summary["final"]) == (1, False)
    assert (capacity["completed"], capacity["queue_depth"]) == (1, 1)
    assert [task["task_id"] for task in queue["tasks"]] == ["t2"]


def test_an_instruction_that_is_over_is_closed_once_and_its_summary_is_younger_than_its_journal(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    with Service(str(tree.root)) as service:
        service.once()
    instruction.claim("t1")
    instruction.hand_in("t1")
    with Service(str(tree.root)) as service:
        service.once()
    path = instruction.path / "outputs" / "output_summary.yaml"
    assert load(path)["final"] is True
    assert len(instruction.events("closed")) == 1
    written_ns = path.stat().st_mtime_ns

    with Service(str(tree.root)) as service:
        service.once()

    assert path.stat().st_mtime_ns == written_ns
