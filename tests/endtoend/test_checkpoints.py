"""Checkpoints: those who work together wait for each other, hold nothing while they wait, and learn who is lost."""

import json
from typing import Any

import pytest

from tests.support.tree import Document, Instruction, Tree, a_task, as_yaml, eventually, load, publish

NAME = "api_contract"
WORK = "tasks/in_progress"
AGAIN_SOON = {"retry_logic": {"backoff_strategy": {"base_delay": "1 second", "jitter": False}}}
AGAIN_LATE = {"retry_logic": {"backoff_strategy": {"base_delay": "30 minutes", "jitter": False}}}


def meets(*others: str) -> Document:
    return {"coordination": [{"checkpoint": NAME, "with": list(others)}]}


def arrive(instruction: Instruction, task: str, content: str | None = None, **fields: object) -> bytes:
    """The file by which a task says that it has arrived; looked at once."""
    text = as_yaml({"task_id": task} | fields) if content is None else content
    path = publish(instruction.path / "checkpoints" / NAME / f"{task}.yaml", text)
    instruction.tree.once()
    return path.read_bytes()


def two(tree: Tree, *more: Document, **fields: Any) -> Instruction:
    """`t1` of ann's names the checkpoint and `t2` of bob's; both are ready."""
    first = a_task("t1", dependencies=meets("t2"), max_retries=1)
    second = a_task("t2", assigned_agent="bob", max_retries=0)
    instruction = tree.plan(first, second, *more, **fields)
    tree.once()
    return instruction


def both_at_work(tree: Tree, *more: Document) -> Instruction:
    instruction = two(tree, *more)
    instruction.claim("t1")
    instruction.claim("t2", "bob")
    tree.once()
    return instruction


def opened(instruction: Instruction) -> list[Document]:
    return instruction.events("checkpoint_opened", NAME)


def letters(tree: Tree, agent: str, kind: str) -> list[Document]:
    return [note for note in tree.inbox(agent) if note["type"] == kind]


def test_a_checkpoint_opens_when_all_have_arrived_and_not_before(tree: Tree) -> None:
    instruction = both_at_work(tree)
    arrive(instruction, "t1")
    assert opened(instruction) == []
    assert not (instruction.path / "checkpoints" / NAME / "open.yaml").exists()

    arrive(instruction, "t2")

    (line,) = opened(instruction)
    assert line["checkpoint"] == NAME
    assert [instruction.places(task) for task in ("t1", "t2")] == [[WORK], [WORK]]
    instruction.check("t1", "t2")


def test_the_open_file_tells_who_took_part_and_each_holder_gets_a_message(tree: Tree) -> None:
    instruction = both_at_work(tree)
    arrive(instruction, "t1")
    arrive(instruction, "t2", contract="GET /users")

    found = load(instruction.path / "checkpoints" / NAME / "open.yaml")
    assert found["checkpoint"] == NAME
    assert found["opened_at"]
    assert sorted((one["task_id"], one["agent"]) for one in found["participants"]) == [("t1", "ann"), ("t2", "bob")]
    assert all(one["path"].endswith(f"{one['task_id']}.yaml") for one in found["participants"])
    for agent in ("ann", "bob"):
        (note,) = eventually(lambda a=agent: letters(tree, a, "checkpoint"), saying=instruction.tail)  # type: ignore[misc]
        assert NAME in note["text"]


def test_a_running_daemon_opens_a_checkpoint_too_and_only_once(tree: Tree) -> None:
    instruction = two(tree)
    with tree.daemon():
        instruction.claim("t1")
        instruction.claim("t2", "bob")
        for task in ("t1", "t2"):
            publish(instruction.path / "checkpoints" / NAME / f"{task}.yaml", "")
        instruction.tells("checkpoint_opened", NAME)

        for task, agent in (("t1", "ann"), ("t2", "bob")):
            instruction.hand_in(task, agent)
            instruction.reaches(task, "tasks/completed")

    tree.once()
    assert len(opened(instruction)) == 1


@pytest.mark.parametrize("content", ["", "{}\n", "note: I am here\n", "attempt: 1\n"])
def test_an_arrival_may_say_as_much_as_it_likes(tree: Tree, content: str) -> None:
    instruction = both_at_work(tree)
    arrive(instruction, "t1", content)
    arrive(instruction, "t2", content)

    assert len(opened(instruction)) == 1


def test_who_waits_at_a_checkpoint_holds_no_slot_of_the_mode(tree: Tree) -> None:
    instruction = two(tree, max_concurrent=1)
    tree.ok("claim", "ann")
    assert tree.call("claim", "bob", "--json").error["code"] == "limit_reached"
    arrive(instruction, "t1")

    assert tree.data("claim", "bob")["task"]["task_id"] == "t2"
    arrive(instruction, "t2")
    assert len(opened(instruction)) == 1


def test_a_claim_by_mv_stays_where_the_other_waits_at_a_checkpoint(tree: Tree) -> None:
    instruction = two(tree, max_concurrent=1)
    instruction.claim("t1")
    arrive(instruction, "t1")
    with tree.daemon():
        instruction.claim("t2", "bob")
        eventually(lambda: ("queues/agents/bob", WORK) in instruction.moves("t2"), saying=instruction.tail)
        publish(instruction.path / "checkpoints" / NAME / "t2.yaml", "")
        instruction.tells("checkpoint_opened", NAME)

        for task, agent in (("t1", "ann"), ("t2", "bob")):
            instruction.hand_in(task, agent)
            instruction.reaches(task, "tasks/completed")
    assert (WORK, "queues/agents/bob") not in instruction.moves("t2")


def test_the_lease_of_who_waits_at_a_checkpoint_stands_still(tree: Tree) -> None:
    stale = {"communication_channels": {"status_updates": {"stale_threshold": "2 seconds"}}}
    tree.configure("parallel_execution_framework.yaml", stale)
    tree.configure("task_queue_manager.yaml", AGAIN_LATE)
    instruction = two(tree, a_task("silent", assigned_agent="carl"))
    with tree.daemon():
        instruction.claim("t1")
        publish(instruction.path / "checkpoints" / NAME / "t1.yaml", "")
        instruction.claim("silent", "carl")

        instruction.reaches("silent", "queues/retry")
        assert instruction.events("stalled", "t1") == []
        assert instruction.places("t1") == [WORK]


@pytest.mark.parametrize("checkpoint", [NAME, "nobodys"])
def test_a_file_that_does_not_belong_there_is_answered_and_changes_nothing(tree: Tree, checkpoint: str) -> None:
    instruction = both_at_work(tree, a_task("stranger", assigned_agent="carl"))
    instruction.claim("stranger", "carl")
    arrive(instruction, "t1")
    path = publish(instruction.path / "checkpoints" / checkpoint / "stranger.yaml", "task_id: stranger\n")
    tree.once()

    instruction.tells("answered", "stranger")
    assert path.read_bytes() in instruction.quarantined()
    assert instruction.events("checkpoint_opened") == []
    tree.once()
    assert len(instruction.events("answered", "stranger")) == 1
    arrive(instruction, "t2")
    assert len(opened(instruction)) == 1


def test_a_file_that_names_another_task_than_it_is_called_after_does_not_count(tree: Tree) -> None:
    instruction = both_at_work(tree)
    arrive(instruction, "t1")
    wrong = arrive(instruction, "t2", "task_id: t1\n")

    instruction.tells("answered", "t2")
    assert wrong in instruction.quarantined()
    assert opened(instruction) == []
    arrive(instruction, "t2")
    assert len(opened(instruction)) == 1


def test_an_open_file_that_somebody_else_wrote_opens_nothing(tree: Tree) -> None:
    instruction = both_at_work(tree)
    publish(instruction.path / "checkpoints" / NAME / "open.yaml", f"{{checkpoint: {NAME}, participants: []}}\n")
    arrive(instruction, "t1")
    assert opened(instruction) == []

    arrive(instruction, "t2")

    assert len(opened(instruction)) == 1
    assert len(load(instruction.path / "checkpoints" / NAME / "open.yaml")["participants"]) == 2


def test_the_arrival_of_an_earlier_attempt_does_not_count(tree: Tree) -> None:
    tree.configure("task_queue_manager.yaml", AGAIN_SOON)
    instruction = both_at_work(tree)
    arrive(instruction, "t1")
    with tree.daemon():
        tree.ok("fail", "t1", "--reason", "it broke", env={"CAGENTS_AGENT": "ann"})
        eventually(lambda: "queues/retry" in [to for _from, to in instruction.moves("t1")], saying=instruction.tail)
        instruction.reaches("t1", "queues/agents/ann")
    instruction.claim("t1")
    arrive(instruction, "t2")
    assert opened(instruction) == []
    arrive(instruction, "t1", note="of the first attempt, as nothing else is said")
    assert opened(instruction) == []

    arrive(instruction, "t1", attempt=2)

    assert len(opened(instruction)) == 1


def test_who_is_completed_counts_as_arrived(tree: Tree) -> None:
    instruction = both_at_work(tree)
    arrive(instruction, "t1")
    instruction.hand_in("t2", "bob")
    tree.once()

    instruction.reaches("t2", "tasks/completed")
    assert len(opened(instruction)) == 1


def test_who_is_cancelled_with_skip_is_not_waited_for(tree: Tree) -> None:
    instruction = both_at_work(tree)
    arrive(instruction, "t1")
    tree.ok("cancel", "t2", "--skip")
    tree.once()

    assert len(opened(instruction)) == 1
    assert instruction.events("alert", "checkpoint_stuck") == []


@pytest.mark.parametrize("end", ["cancelled", "failed"])
def test_a_participant_that_is_lost_raises_one_alert_and_the_planner_is_asked(tree: Tree, end: str) -> None:
    instruction = both_at_work(tree)
    arrive(instruction, "t1")
    if end == "cancelled":
        tree.ok("cancel", "t2")
    else:
        tree.ok("fail", "t2", "--reason", "it broke", env={"CAGENTS_AGENT": "bob"})
    tree.once()
    instruction.reaches("t2", f"tasks/{end}")
    tree.once()

    (alert,) = instruction.events("alert", "checkpoint_stuck")
    assert NAME in json.dumps(alert)
    asked = [load(path) for path in (instruction.path / "escalations").glob("*.yaml")]
    asked = [one for one in asked if NAME in json.dumps(one, default=str)]
    assert [one["to_agent"] for one in asked] == ["planner"]
    eventually(lambda: [note for note in letters(tree, "planner", "escalation") if NAME in str(note)])
    assert opened(instruction) == []
    assert instruction.places("t1") == [WORK]


def test_a_plan_whose_checkpoint_names_an_unknown_task_is_refused(tree: Tree) -> None:
    plan = {"description": "A plan", "mode": "mesh", "tasks": [a_task("t1", dependencies=meets("nowhere"))]}
    path = publish(tree.workspace / "plan.yaml", as_yaml(plan))

    answer = tree.call("submit", str(path), "--json")

    assert answer.code == 4
    assert answer.error["code"] == "missing_dependency"
    assert "nowhere" in answer.error["message"]
