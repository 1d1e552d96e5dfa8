"""Honest time: nobody is called stalled for what a clock says, whosever clock it is."""

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.tree import Document, Instruction, Running, Tree, a_task, eventually, publish, surroundings

LEASE_S = 4
AGAIN_LATE = {"retry_logic": {"backoff_strategy": {"base_delay": "30 minutes", "jitter": False}}}


def leases(tree: Tree, lease: str = f"{LEASE_S} seconds", grace: str = "1 hour") -> None:
    tree.configure("daemon.yaml", {"settle_seconds": 0.2, "scan_interval": 0.5, "reassign_grace": grace})
    stale: Document = {"communication_channels": {"status_updates": {"stale_threshold": lease}}}
    tree.configure("parallel_execution_framework.yaml", stale)
    tree.configure("task_queue_manager.yaml", AGAIN_LATE)


NOW = datetime.now(UTC)
CLAIMED = {  # the time as the agent writes it -> whether its clock is told of as wrong
    "future": (f'"{(NOW + timedelta(days=400)).isoformat()}"', True),
    "year-9999": ('"9999-12-31T23:59:59Z"', True),
    "past": ('"1970-01-01T00:00:00Z"', True),
    "local-without-offset": (f'"{(NOW - timedelta(hours=5)).replace(tzinfo=None).isoformat()}"', True),
    "epoch-ms": (str(int(NOW.timestamp() * 1000)), False),
    "now": ("now", False),
    "offset-99": ('"2026-11-22T10:00:00+99:99"', False),
    "nothing": ('""', False),
    "a-list": ("[2026, 11, 22]", False),
    "fold": ('"2026-11-01T01:30:00-05:00"', True),
    "fold-without-offset": ('"2026-11-01T01:30:00"', True),
    "right": (None, False),
}


def beat(instruction: Instruction, task: str, number: int, claimed: str | None) -> None:
    at = claimed or f'"{datetime.now(UTC).isoformat()}"'
    text = f"agent_name: ann\ntask_id: {task}\ntimestamp: {at}\ncurrent_activity: step {number}\n"
    publish(instruction.path / f"heartbeats/ann_{task}.yaml", text)


def test_whatever_time_an_agent_claims_its_beats_keep_it_alive_and_a_wrong_clock_is_told_once(tree: Tree) -> None:
    leases(tree)
    instruction = tree.plan(*map(a_task, CLAIMED), a_task("silent", assigned_agent="bob"), max_concurrent=50)
    tree.configure("task_queue_manager.yaml", AGAIN_LATE)
    with tree.daemon(env={"TZ": "America/New_York"}):
        for task in CLAIMED:
            instruction.claim(task)
        instruction.claim("silent", "bob")
        numbers = itertools.count()

        def beat_until_the_silent_one_has_been_stalled_for_a_lease() -> bool:
            for task, (claimed, _) in CLAIMED.items():
                beat(instruction, task, next(numbers), claimed)
            time.sleep(0.5)
            stalled = instruction.events("stalled", "silent")
            return bool(stalled) and time.time() - _at(stalled[0]) > LEASE_S + 2

        eventually(beat_until_the_silent_one_has_been_stalled_for_a_lease, within=60, saying=instruction.tail)
        assert {line["task_id"] for line in instruction.events("stalled")} == {"silent"}
        assert len(instruction.events("stalled")) == 1, "once an episode, however often we look"

    told = [line["task_id"] for line in instruction.events("finding", "the clock of ann")]
    assert sorted(told) == sorted(task for task, (_, wrong) in CLAIMED.items() if wrong)


def _at(line: Document) -> float:
    return datetime.fromisoformat(line["time"]).timestamp()


SHIM = """
import os, sys, time
real, at = time.time, sys.argv.pop(1)
def shifted():
    try:
        with open(at) as file:
            return real() + float(file.read() or 0)
    except (OSError, ValueError):
        return real()
time.time = shifted
from cagents_fs.cli import main
main()
"""


@contextlib.contextmanager
def daemon_with_its_own_wall_clock(tree: Tree, ahead: Path) -> Iterator[Running]:
    """The real service, whose wall clock is as many seconds off as the file says."""
    ahead.touch()
    line = [sys.executable, "-c", SHIM, str(ahead), "--root", str(tree.root), "watch"]
    out, err = tree.workspace.parent / "clock.out", tree.workspace.parent / "clock.err"
    with out.open("wb") as said, err.open("wb") as wrong:
        popen = subprocess.Popen(line, cwd=tree.workspace, env=surroundings(None), stdout=said, stderr=wrong)
    running = Running(popen, out, err)
    tree.started.append(running)
    eventually(lambda: "\n" in out.read_text(), saying=running.said)
    yield running
    assert running.stop() == 0, running.said()


def set_clock(ahead: Path, seconds: float) -> None:
    publish(ahead, str(seconds))


def test_jumps_of_the_wall_clock_stall_nobody_and_keep_nobody_alive(tree: Tree) -> None:
    leases(tree, "8 seconds")
    instruction = tree.plan(a_task("alive"), a_task("silent", assigned_agent="bob"), a_task("other"))
    ahead = tree.workspace.parent / "ahead"
    numbers = itertools.count()
    with daemon_with_its_own_wall_clock(tree, ahead):
        instruction.claim("alive")
        instruction.claim("silent", "bob")
        instruction.tells("moved", "claimed by bob")
        began = time.monotonic()
        for jump in (86_400, -86_400, 0, 3_000_000_000, -1_000_000_000):
            set_clock(ahead, jump)
            beat(instruction, "alive", next(numbers), None)
            time.sleep(0.8)
            assert instruction.events("stalled") == [], f"{jump} s"
        set_clock(ahead, 86_400)

        def stalled() -> list[Document]:
            beat(instruction, "alive", next(numbers), None)
            return instruction.events("stalled")

        eventually(stalled, within=30)
        assert time.monotonic() - began > 6, "after its lease, and not before"
        assert [line["task_id"] for line in instruction.events("stalled")] == ["silent"]
        instruction.finish("other")
        instruction.check("alive", "silent", "other")

    seqs = [line["seq"] for line in instruction.journal()]
    assert seqs == sorted(set(seqs)), "the order of the journal is that of its numbers, whatever time it was"


def test_eight_hours_in_which_the_daemon_was_down_count_for_nobody(tree: Tree) -> None:
    leases(tree, "5 seconds", grace="5 seconds")
    instruction = tree.plan(a_task("t1"), a_task("t2", assigned_agent="bob"))
    ahead = tree.workspace.parent / "ahead"
    with daemon_with_its_own_wall_clock(tree, ahead):
        instruction.claim("t1")
        beat(instruction, "t1", 1, None)
        instruction.claim("t2", "bob")
        instruction.tells("moved", "claimed by bob")
    set_clock(ahead, 8 * 3600)
    with daemon_with_its_own_wall_clock(tree, ahead):
        began = time.monotonic()
        while time.monotonic() - began < 3:
            assert instruction.events("stalled") == []
            time.sleep(0.2)
        beat(instruction, "t1", 2, None)
        eventually(lambda: instruction.events("stalled", '"t2"'), within=30)
        assert time.monotonic() - began > 4, "a whole lease, from the start on"


def test_a_daemon_that_was_stopped_for_longer_than_a_lease_takes_nothing_from_anybody(tree: Tree) -> None:
    """Stopped, frozen or swapped out together with the agents: what nobody could do nobody is blamed for."""
    leases(tree, f"{LEASE_S + 2} seconds", grace="2 seconds")
    instruction = tree.plan(a_task("t1"), a_task("t2", assigned_agent="bob"))
    with tree.daemon() as daemon:
        instruction.claim("t1")
        instruction.claim("t2", "bob")
        beat(instruction, "t1", 1, None)
        instruction.tells("moved", "claimed by bob")
        os.kill(daemon.popen.pid, signal.SIGSTOP)
        time.sleep(LEASE_S + 6)
        os.kill(daemon.popen.pid, signal.SIGCONT)
        time.sleep(1)

        assert instruction.events("stalled") == []
        instruction.hand_in("t1")
        instruction.reaches("t1", "tasks/completed")
        eventually(lambda: instruction.events("stalled", '"t2"'), within=30)
        instruction.check("t1", "t2")


def test_a_manifest_can_add_no_check_and_no_command(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1", acceptance_criteria=["It works"]))
    mark = tree.workspace / "was-run"
    command: dict[str, Any] = {"check": f"touch {mark}", "command": f"touch {mark}", "cmd": f"touch {mark}"}
    with tree.daemon():
        instruction.claim("t1")
        met = [{"criterion": "It works", "met": True, "evidence": "I looked", **command}]
        instruction.hand_in("t1", acceptance_criteria_met=met, **command)
        instruction.reaches("t1", "tasks/completed")

    assert not mark.exists()
