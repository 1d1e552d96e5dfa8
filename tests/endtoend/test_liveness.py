"""Who goes quiet is noticed, given a grace, and relieved of the task; who shows a sign of life keeps it."""

import json

from tests.support.tree import Document, Tree, a_task, eventually, publish

GRACE_LONG = {"settle_seconds": 0.2, "scan_interval": 0.5, "reassign_grace": "1 hour"}
AGAIN_SOON = {"retry_logic": {"backoff_strategy": {"base_delay": "2 seconds", "jitter": False}}}
AGAIN_LATE = {"retry_logic": {"backoff_strategy": {"base_delay": "30 minutes", "jitter": False}}}


def stale(after: str) -> Document:
    return {"communication_channels": {"status_updates": {"stale_threshold": after}}}


def quick(tree: Tree, again: Document = AGAIN_SOON, after: str = "1 second") -> None:
    tree.configure("parallel_execution_framework.yaml", stale(after))
    tree.configure("task_queue_manager.yaml", again)


def test_a_silent_task_is_stalled_and_comes_back_as_a_second_attempt(tree: Tree) -> None:
    quick(tree)
    instruction = tree.plan(a_task("t1"), a_task("t2", "t1"))
    with tree.daemon():
        instruction.claim("t1")
        instruction.tells("stalled", "t1")
        eventually(lambda: ("tasks/in_progress", "queues/retry") in instruction.moves("t1"), saying=instruction.tail)
        instruction.reaches("t1", "queues/agents/ann")

        assert instruction.file("t1")["attempt"] == 2
        assert len(instruction.events("stalled", "t1")) == 1
        assert instruction.places("t2") == ["queues/waiting_on_dependencies"]
        instruction.finish("t1", attempt=2)
        instruction.check("t1")

    assert [line["attempt"] for line in instruction.events("accepted", "t1")] == [2]


def test_an_agent_that_beats_is_not_stalled_while_another_is(tree: Tree) -> None:
    quick(tree, AGAIN_LATE, after="2 seconds")
    instruction = tree.plan(a_task("alive"), a_task("silent", assigned_agent="bob"))
    with tree.daemon():
        instruction.claim("alive")
        instruction.claim("silent", "bob")
        beats = iter(range(100_000))

        def beat_until_the_other_is_given_up() -> bool:
            instruction.beat("alive", current_activity=f"step {next(beats)}")
            return instruction.places("silent") == ["queues/retry"]

        eventually(beat_until_the_other_is_given_up, saying=instruction.tail)
        assert instruction.events("stalled", "alive") == []
        assert instruction.places("alive") == ["tasks/in_progress"]


def test_work_in_the_output_folder_is_a_sign_of_life(tree: Tree) -> None:
    quick(tree, AGAIN_LATE, after="2 seconds")
    instruction = tree.plan(a_task("alive"), a_task("silent", assigned_agent="bob"))
    with tree.daemon():
        instruction.claim("alive")
        instruction.claim("silent", "bob")

        def write_until_the_other_is_given_up() -> bool:
            with (instruction.output("alive") / "notes.txt").open("a") as notes:
                notes.write("more\n")
            return instruction.places("silent") == ["queues/retry"]

        eventually(write_until_the_other_is_given_up, saying=instruction.tail)
        assert instruction.events("stalled", "alive") == []
        assert instruction.places("alive") == ["tasks/in_progress"]


def test_beats_that_never_change_are_no_sign_of_life(tree: Tree) -> None:
    quick(tree, AGAIN_LATE)
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.claim("t1")

        def repeat_oneself_until_stalled() -> bool:
            instruction.beat("t1")
            return bool(instruction.events("stalled", "t1"))

        eventually(repeat_oneself_until_stalled, saying=instruction.tail)


def test_a_time_in_the_future_keeps_nobody_alive(tree: Tree) -> None:
    quick(tree, AGAIN_LATE)
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.claim("t1")
        instruction.beat("t1", timestamp="9998-01-01T00:00:00Z")

        instruction.tells("stalled", "t1")


def test_a_promise_of_silence_is_kept_to(tree: Tree) -> None:
    quick(tree, AGAIN_LATE)
    instruction = tree.plan(a_task("quiet"), a_task("silent", assigned_agent="bob"))
    with tree.daemon():
        instruction.claim("quiet")
        instruction.beat("quiet", timestamp="2026-01-10T12:00:00Z", next_heartbeat_by="2026-01-10T13:00:00Z")
        instruction.claim("silent", "bob")

        instruction.reaches("silent", "queues/retry")
        assert instruction.events("stalled", "quiet") == []
        assert instruction.places("quiet") == ["tasks/in_progress"]


def test_a_stalled_agent_that_beats_again_is_taken_back(tree: Tree) -> None:
    quick(tree)
    tree.configure("daemon.yaml", GRACE_LONG)
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.claim("t1")
        instruction.tells("stalled", "t1")
        instruction.beat("t1", current_activity="here I am")

        instruction.tells("revived", "t1")
        assert instruction.places("t1") == ["tasks/in_progress"]
        instruction.hand_in("t1")
        instruction.reaches("t1", "tasks/completed")


def test_upstream_heartbeats_in_a_folder_of_the_agent_count(tree: Tree) -> None:
    quick(tree)
    tree.configure("daemon.yaml", GRACE_LONG)
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.claim("t1")
        instruction.tells("stalled", "t1")
        beat = "{subagent_name: ann, current_task_id: t1, timestamp: '2026-01-10T12:00:00Z', status: in_progress}\n"
        publish(instruction.path / "heartbeats" / "ann" / "t1.yaml", beat)

        instruction.tells("revived", "t1")


def test_late_work_is_accepted_while_the_task_waits_for_its_retry(tree: Tree) -> None:
    quick(tree, AGAIN_LATE)
    instruction = tree.plan(a_task("t1"), a_task("t2", "t1"))
    with tree.daemon():
        instruction.claim("t1")
        instruction.reaches("t1", "queues/retry")
        instruction.hand_in("t1")

        instruction.reaches("t1", "tasks/completed")
        instruction.reaches("t2", "queues/agents/ann")
        instruction.check("t1", "t2")

    assert [to for _from, to in instruction.moves("t1")][-3:] == [
        "queues/retry",
        "tasks/under_review",
        "tasks/completed",
    ]
    assert [line["attempt"] for line in instruction.events("accepted", "t1")] == [1]


def test_a_late_heartbeat_in_retry_does_not_stop_the_second_attempt(tree: Tree) -> None:
    quick(tree)
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.claim("t1")
        instruction.reaches("t1", "queues/retry")
        instruction.beat("t1", current_activity="too late")

        instruction.reaches("t1", "queues/agents/ann")
        assert instruction.file("t1")["attempt"] == 2


def test_time_in_which_the_daemon_was_down_never_counts(tree: Tree) -> None:
    quick(tree, AGAIN_LATE)
    tree.configure("parallel_execution_framework.yaml", stale("20 seconds"))
    instruction = tree.plan(a_task("t1"), a_task("t2", assigned_agent="bob"))
    with tree.daemon():
        instruction.claim("t1")
        instruction.tells("moved", "tasks/in_progress")
    long_ago = [line | {"time": line["time"].replace("20", "19", 1)} for line in instruction.journal()]
    publish(instruction.path / "journal.jsonl", "".join(f"{json.dumps(line)}\n" for line in long_ago))

    with tree.daemon():
        instruction.finish("t2", "bob")

        assert instruction.places("t1") == ["tasks/in_progress"]
        assert instruction.events("stalled") == []


def test_status_counts_who_is_at_work_and_who_is_stalled(tree: Tree) -> None:
    quick(tree)
    tree.configure("daemon.yaml", GRACE_LONG)
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.claim("t1")
        instruction.tells("stalled", "t1")

        def stalled() -> int:
            (one,) = tree.data("status")["instructions"]
            return int(one["agents"]["stalled"])

        eventually(lambda: stalled() == 1)
