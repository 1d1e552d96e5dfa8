"""The journal: one JSON object a line, each change of state once, whatever has happened to its last line."""

import json
import re
from datetime import datetime, timedelta

from tests.support.tree import Tree, a_task, met

KEYS = {"seq", "time", "event", "task_id", "from", "to", "attempt", "agent", "reason"}


def test_every_line_has_its_keys_its_own_number_and_its_time(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1", acceptance_criteria=["It works"]), a_task("t2", "t1"))
    with tree.daemon():
        instruction.claim("t1")
        instruction.hand_in("t1")
        instruction.tells("rejected", "t1")
        instruction.hand_in("t1", acceptance_criteria_met=met("It works"))
        instruction.finish("t2")

    lines = instruction.journal()
    assert all(set(line) >= KEYS for line in lines)
    assert len({line["seq"] for line in lines}) == len(lines)
    instruction.check("t1", "t2")
    for line in lines:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|\+00:00)", line["time"]), line
        assert datetime.fromisoformat(line["time"]).utcoffset() == timedelta(0)


def test_each_move_of_a_life_is_one_line_with_its_reason(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2", "t1"))
    with tree.daemon():
        instruction.finish("t1")
        instruction.finish("t2")

    first, second = instruction.moves("t1"), instruction.moves("t2")
    assert first[0][0] is None
    assert first[-2:] == [("queues/agents/ann", "tasks/in_progress"), ("tasks/in_progress", "tasks/completed")]
    assert second[0] == (None, "queues/waiting_on_dependencies")
    assert len(set(first)) == len(first)
    assert len(set(second)) == len(second)
    assert all(line["reason"] for line in instruction.events("moved"))
    instruction.check("t1", "t2")


def test_nothing_is_released_before_the_line_that_accepts(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2", "t1"))
    with tree.daemon():
        instruction.finish("t1")
        instruction.reaches("t2", "queues/agents/ann")

    (accepted,) = instruction.events("accepted", "t1")
    released = [line for line in instruction.events("moved") if line["from"] == "queues/waiting_on_dependencies"]
    assert released
    assert all(line["seq"] > accepted["seq"] for line in released)


def test_a_torn_last_line_is_dropped_and_the_numbers_go_on(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    tree.once()
    with (instruction.path / "journal.jsonl").open("ab") as journal:
        journal.write(b'{"seq": 99999, "time": "2026-01-')

    with tree.daemon():
        instruction.finish("t1")

    text = (instruction.path / "journal.jsonl").read_text()
    assert text.endswith("\n")
    assert all(isinstance(json.loads(line), dict) for line in text.splitlines())
    instruction.check("t1")


def test_a_damaged_line_inside_is_kept_and_stops_nobody(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    tree.once()
    path = instruction.path / "journal.jsonl"
    first, _, rest = path.read_bytes().partition(b"\n")
    path.write_bytes(first + b"\n{{{ damaged\n" + rest)

    with tree.daemon():
        instruction.claim("t1")
        instruction.hand_in("t1")
        instruction.reaches("t1", "tasks/completed")

    lines = path.read_bytes().splitlines()
    assert b"{{{ damaged" in lines
    whole = [json.loads(line) for line in lines if line != b"{{{ damaged"]
    assert [line["task_id"] for line in whole if line["event"] == "accepted"] == ["t1"]


def test_without_its_journal_a_tree_still_gets_its_work_done(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2", "t1"))
    with tree.daemon():
        instruction.claim("t1")
        instruction.tells("moved", "tasks/in_progress")
    (instruction.path / "journal.jsonl").unlink()

    with tree.daemon():
        instruction.hand_in("t1")
        instruction.reaches("t1", "tasks/completed")
        instruction.finish("t2")


def test_a_killed_daemon_writes_no_change_of_state_twice(tree: Tree) -> None:
    names = [f"t{number}" for number in range(4)]
    chain = [a_task(name, *names[:at][-1:]) for at, name in enumerate(names)]
    instruction = tree.plan(*chain)
    for name in names:
        with tree.daemon() as running:
            instruction.claim(name)
            instruction.hand_in(name)
            instruction.tells("accepted", f'"{name}"')
            running.kill()

    with tree.daemon():
        for name in names:
            instruction.reaches(name, "tasks/completed")
        instruction.check(*names)

    assert [line["task_id"] for line in instruction.events("accepted")] == names
    for name in names:
        assert len(set(instruction.moves(name))) == len(instruction.moves(name))
