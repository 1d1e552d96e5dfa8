"""Dependencies that only prefer, and those that ask for a file: who waits, for how long, and what they are told."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.tree import Document, Instruction, Tree, a_task, as_yaml, entry, eventually, publish

ANN, GLOBAL, BLOCKED = "queues/agents/ann", "queues/global", "tasks/blocked"
WAITING = "queues/waiting_on_dependencies"
SCHEMA = b"create table users (id integer);\n"
WRITES_IT = "printf 'create table users (id integer);\\n' > \"$CAGENTS_OUTPUT/schema.sql\""
TELLS_ITS_INPUTS = (
    'cp "$CAGENTS_INPUTS" "$CAGENTS_OUTPUT/list.json"; echo "${CAGENTS_INPUT-none}" > "$CAGENTS_OUTPUT/one"'
)


def soft(*task_ids: str) -> Document:
    return {"soft_dependencies": [{"task_id": one} for one in task_ids]}


def data(**wanted: str) -> Document:
    """Task by task, the artifact that is needed of it."""
    return {"data_dependencies": [{"task_id": task, "artifact_path": path} for task, path in wanted.items()]}


def job(task_id: str, command: str, **fields: object) -> Document:
    return {"task_id": task_id, "description": f"Do {task_id}", "command": command} | fields


def claimed(instruction: Instruction, *tasks: str) -> None:
    instruction.tree.once()
    for task in tasks:
        instruction.claim(task)
    instruction.tree.once()


def added(instruction: Instruction, task: str, **fields: object) -> None:
    instruction.drop(task, **fields)
    instruction.tree.once()


def handed_in(instruction: Instruction, task: str, *artifacts: Document) -> None:
    instruction.hand_in(task, artifacts=list(artifacts) or [instruction.artifact(task)])
    instruction.tree.once()


def given_up(instruction: Instruction, task: str) -> None:
    instruction.tree.ok("fail", task, "--reason", "it broke", env={"CAGENTS_AGENT": "ann"})
    instruction.tree.once()
    instruction.reaches(task, "tasks/failed")


def with_its_schema(tree: Tree, *more: Document, **fields: Any) -> Instruction:
    """`t1` has made a schema, which `t2` needs, and is completed."""
    instruction = tree.plan(a_task("t1"), a_task("t2", dependencies=data(t1="schema.sql")), *more, **fields)
    claimed(instruction, "t1")
    handed_in(instruction, "t1", instruction.artifact("t1", "schema.sql", SCHEMA))
    instruction.reaches("t1", "tasks/completed")
    return instruction


def is_the_schema(found: Document, instruction: Instruction) -> None:
    assert (found["task_id"], found["artifact_path"]) == ("t1", "schema.sql")
    assert found["path"] == str(instruction.output("t1") / "schema.sql")
    assert found["checksum"] == entry("", SCHEMA)["checksum"]


def test_a_soft_dependent_waits_while_its_predecessor_is_at_work_and_no_slot_is_idle(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), max_concurrent=1)
    claimed(instruction, "t1")
    instruction.drop("carefree")
    added(instruction, "t2", dependencies=soft("t1"))

    instruction.reaches("t2", GLOBAL)
    instruction.reaches("carefree", ANN)
    assert "t1" in " ".join(tree.data("explain", "t2")["reasons"])
    instruction.check("t2")


def test_a_soft_dependent_goes_at_once_where_a_slot_is_idle(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), max_concurrent=2)
    claimed(instruction, "t1")
    added(instruction, "t2", dependencies=soft("t1"))

    instruction.reaches("t2", ANN)


def test_a_soft_dependent_goes_when_a_slot_becomes_idle_though_its_predecessor_is_still_at_work(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("other"), max_concurrent=2)
    claimed(instruction, "t1", "other")
    added(instruction, "t2", dependencies=soft("t1"))
    instruction.reaches("t2", GLOBAL)

    handed_in(instruction, "other")

    instruction.reaches("t2", ANN)
    assert instruction.places("t1") == ["tasks/in_progress"]
    instruction.check("t1", "t2")


def test_a_soft_dependent_goes_when_its_predecessor_is_finished(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), max_concurrent=1)
    claimed(instruction, "t1")
    added(instruction, "t2", dependencies=soft("t1"))
    instruction.reaches("t2", GLOBAL)

    handed_in(instruction, "t1")

    instruction.reaches("t1", "tasks/completed")
    instruction.reaches("t2", ANN)


@pytest.mark.parametrize("end", ["failed", "cancelled"])
def test_a_soft_dependent_goes_when_its_predecessor_is_lost(tree: Tree, end: str) -> None:
    instruction = tree.plan(a_task("t1", max_retries=0), max_concurrent=1)
    claimed(instruction, "t1")
    added(instruction, "t2", dependencies=soft("t1"))
    instruction.reaches("t2", GLOBAL)

    if end == "failed":
        given_up(instruction, "t1")
    else:
        tree.ok("cancel", "t1")
        tree.once()

    instruction.reaches("t1", f"tasks/{end}")
    instruction.reaches("t2", ANN)


def test_a_soft_dependency_on_something_that_failed_never_blocks(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1", max_retries=0), a_task("strict", "t1"))
    claimed(instruction, "t1")
    given_up(instruction, "t1")
    added(instruction, "t2", dependencies=soft("t1"))

    instruction.reaches("t2", ANN)
    instruction.reaches("strict", BLOCKED)
    assert BLOCKED not in [to for _from, to in instruction.moves("t2")]


def test_soft_dependencies_in_a_circle_are_no_cycle(tree: Tree) -> None:
    plan = {"description": "Both", "mode": "swarm"}
    tasks = [a_task("t1", dependencies=soft("t2")), a_task("t2", dependencies=soft("t1"))]
    path = publish(tree.workspace / "plan.yaml", as_yaml(plan | {"tasks": tasks}))
    tree.ok("submit", str(path), "--id", "inst_1")
    tree.once()

    for task in ("t1", "t2"):
        Instruction(tree, "inst_1").reaches(task, ANN)


@pytest.mark.parametrize("path", ["schema.sql", "db/schema.sql"])
def test_a_data_dependent_goes_when_its_artifact_is_in_the_verified_manifest(tree: Tree, path: str) -> None:
    slow = {"criterion": "Somebody said so", "check": "while ! test -e go; do sleep 0.05; done"}
    needs = data(t1="schema.sql")
    instruction = tree.plan(a_task("t1", acceptance_criteria=[slow]), a_task("t2", dependencies=needs))
    with tree.daemon():
        instruction.claim("t1")
        (instruction.output("t1") / path).parent.mkdir(exist_ok=True)
        instruction.hand_in("t1", artifacts=[instruction.artifact("t1", path, SCHEMA)])
        instruction.reaches("t1", "tasks/under_review")
        assert instruction.places("t2") == [WAITING]

        (tree.workspace / "go").touch()

        instruction.reaches("t2", ANN)
        instruction.check("t1", "t2")


@pytest.mark.parametrize("name", ["result.txt", "my-schema.sql"])
def test_a_manifest_without_the_artifact_that_another_needs_is_rejected(tree: Tree, name: str) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2", dependencies=data(t1="schema.sql")))
    claimed(instruction, "t1")

    handed_in(instruction, "t1", instruction.artifact("t1", name))

    assert "schema.sql" in json.dumps(instruction.tells("rejected", "missing_artifact"))
    assert instruction.places("t1") == ["tasks/in_progress"]
    assert instruction.places("t2") == [WAITING]
    handed_in(instruction, "t1", instruction.artifact("t1", "schema.sql", SCHEMA))
    instruction.reaches("t1", "tasks/completed")
    instruction.reaches("t2", ANN)


def test_a_file_that_lies_there_but_is_not_in_the_manifest_is_not_enough(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2", dependencies=data(t1="schema.sql")))
    claimed(instruction, "t1")
    instruction.artifact("t1", "schema.sql", SCHEMA)

    handed_in(instruction, "t1", instruction.artifact("t1"))

    instruction.tells("rejected", "missing_artifact")
    assert instruction.places("t2") == [WAITING]


def test_who_comes_after_the_verdict_and_needs_what_is_not_there_is_blocked_by_the_task(tree: Tree) -> None:
    instruction = with_its_schema(tree)
    instruction.drop("lucky", dependencies=data(t1="schema.sql"))
    added(instruction, "late", dependencies=data(t1="diagram.svg"))

    instruction.reaches("lucky", ANN)
    instruction.reaches("late", BLOCKED)
    assert "t1" in str(instruction.file("late")["blocked_by"])
    assert instruction.places("t1") == ["tasks/completed"]
    assert "diagram.svg" in " ".join(tree.data("explain", "late")["reasons"])


def test_a_data_dependency_on_something_that_failed_blocks(tree: Tree) -> None:
    needs = data(t1="schema.sql")
    instruction = tree.plan(a_task("t1", max_retries=0), a_task("t2", dependencies=needs))
    claimed(instruction, "t1")
    given_up(instruction, "t1")

    instruction.reaches("t2", BLOCKED)


def test_the_dependent_is_told_where_its_input_is_when_it_is_released(tree: Tree) -> None:
    instruction = with_its_schema(tree)

    def letters() -> list[Document]:
        return [note for note in tree.inbox("ann") if note["type"] == "dependency_satisfied"]

    (note,) = eventually(letters, saying=instruction.tail)
    assert (note["to"], note["task_id"]) == ("ann", "t2")
    for wanted in ("schema.sql", str(instruction.output("t1") / "schema.sql"), entry("", SCHEMA)["checksum"]):
        assert wanted in note["text"]


def test_claim_and_prime_give_the_inputs(tree: Tree) -> None:
    instruction = with_its_schema(tree)

    (found,) = tree.data("claim", "ann", "--task", "t2")["inputs"]

    is_the_schema(found, instruction)
    assert "schema.sql" in tree.ok("prime", "ann").out


def test_claim_of_a_task_without_data_dependencies_gives_no_inputs(tree: Tree) -> None:
    with_its_schema(tree, a_task("free"))

    assert tree.data("claim", "ann", "--task", "free")["inputs"] == []


def told(instruction: Instruction, task: str) -> tuple[list[Document], str]:
    """What the process of the task found in its environment."""
    folder: Path = instruction.output(task)
    return json.loads((folder / "list.json").read_text()), (folder / "one").read_text().strip()


def test_run_gives_a_process_its_one_input_by_name(tree: Tree) -> None:
    tasks = [job("t1", WRITES_IT), job("t2", TELLS_ITS_INPUTS, dependencies=data(t1="schema.sql"))]
    plan = publish(tree.workspace / "plan.yaml", as_yaml({"description": "A run", "mode": "swarm", "tasks": tasks}))

    tree.ok("run", str(plan), "--id", "inst_1")

    instruction = Instruction(tree, "inst_1")
    (found,), one = told(instruction, "t2")
    is_the_schema(found, instruction)
    assert one == found["path"]


def test_watch_with_agents_gives_a_process_all_its_inputs(tree: Tree) -> None:
    other = WRITES_IT.replace("schema.sql", "second.sql")
    needs = data(t1="schema.sql", t0="second.sql")
    with tree.daemon("--agents"):
        tasks = [job("t0", other), job("t1", WRITES_IT), job("t2", TELLS_ITS_INPUTS, dependencies=needs)]
        instruction = tree.plan(*tasks)
        instruction.reaches("t2", "tasks/completed")

    inputs, one = told(instruction, "t2")
    assert one == "none"
    assert sorted(found["task_id"] for found in inputs) == ["t0", "t1"]
    is_the_schema(next(found for found in inputs if found["task_id"] == "t1"), instruction)
