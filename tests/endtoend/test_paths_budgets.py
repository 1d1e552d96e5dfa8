"""Artifacts of any size beside quick work: nothing waits for a giant, and what costs too much is refused by name."""

import os
import time
from pathlib import Path

from tests.support.tree import MARK, Document, Instruction, Tree, a_task, as_yaml, entry, publish

GIGABYTE = 1 << 30
INTERVAL_S = 5.0  # as it is shipped: so long may one task be delayed by all others together


def sparse(folder: Path, name: str, size: int) -> Document:
    (folder / name).touch()
    os.truncate(folder / name, size)
    return entry(name, b"") | {"size_bytes": size}


def quick_ones(instruction: Instruction, names: list[str]) -> float:
    """Hand in, and how long it took until all were verified."""
    begun = time.monotonic()
    for name in names:
        instruction.hand_in(name)
    for name in names:
        instruction.reaches(name, "tasks/completed")
    return time.monotonic() - begun


def codes(instruction: Instruction, task: str) -> list[str]:
    return [fault["code"] for line in instruction.tells("rejected", task) for fault in line["faults"]]


def test_a_giant_delays_no_other_task_and_not_the_end_of_the_daemon(tree: Tree) -> None:
    tree.configure("daemon.yaml", {"settle_seconds": 0.2, "scan_interval": 0.5, "max_artifact_bytes": 1 << 45})
    quick = [f"quick{number}" for number in range(5)]
    instruction = tree.plan(a_task("huge"), a_task("huger"), *map(a_task, quick))
    with tree.daemon() as daemon:
        for name in ("huge", "huger", *quick):
            instruction.claim(name)
        for name in ("huge", "huger"):
            listed = [sparse(instruction.output(name), "giant.bin", 4096 * GIGABYTE)]
            instruction.hand_in(name, artifacts=listed)
        took = quick_ones(instruction, quick)

        assert instruction.places("huge") == instruction.places("huger") == ["tasks/in_progress"]
        assert took < INTERVAL_S
        begun = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - begun < INTERVAL_S
        daemon.killed = True  # it has ended, as it should


def test_what_is_claimed_small_is_not_read_and_what_is_over_the_budget_neither(tree: Tree) -> None:
    instruction = tree.plan(a_task("liar"), a_task("honest"))
    with tree.daemon():
        for name in ("liar", "honest"):
            instruction.claim(name)
        lie = sparse(instruction.output("liar"), "giant.bin", 4096 * GIGABYTE) | {"size_bytes": 10}
        truth = sparse(instruction.output("honest"), "giant.bin", 4096 * GIGABYTE)
        begun = time.monotonic()
        instruction.hand_in("liar", artifacts=[lie])
        instruction.hand_in("honest", artifacts=[truth])

        assert codes(instruction, "liar") == ["size_mismatch"]
        assert codes(instruction, "honest") == ["over_budget"]
        assert time.monotonic() - begun < INTERVAL_S
        assert "max_artifact_bytes" in tree.inbox("ann")[-1]["text"] + tree.inbox("ann")[0]["text"]
    answer = tree.call("verify", "honest", "--json")
    assert [fault["code"] for fault in answer.data["faults"]] == ["over_budget"]


def test_many_middling_ones_at_once_are_no_giant_together(tree: Tree) -> None:
    names = [f"m{number}" for number in range(30)]
    instruction = tree.plan(*map(a_task, [*names, "quick"]), max_concurrent=50)
    tree.configure("parallel_execution_framework.yaml", {"task_queues": {"agent_queues": {"max_queue_depth": 100}}})
    content = b"x" * (1 << 20)
    with tree.daemon():
        for name in (*names, "quick"):
            instruction.claim(name)
        for name in names:
            publish(instruction.output(name) / "a.bin", content)
        for name in names:
            whole = instruction.manifest(name, artifacts=[entry("a.bin", content)])
            publish(instruction.output(name) / "manifest.yaml", as_yaml(whole) + MARK)
        assert quick_ones(instruction, ["quick"]) < INTERVAL_S
        for name in names:
            instruction.reaches(name, "tasks/completed")
        instruction.check(*names, "quick")


def test_a_manifest_that_is_replaced_while_its_giant_is_read_counts_as_it_is_now(tree: Tree) -> None:
    tree.configure("daemon.yaml", {"settle_seconds": 0.2, "scan_interval": 0.5, "max_artifact_bytes": 1 << 45})
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.claim("t1")
        instruction.hand_in("t1", artifacts=[sparse(instruction.output("t1"), "giant.bin", 4096 * GIGABYTE)])
        time.sleep(1)
        assert instruction.places("t1") == ["tasks/in_progress"]
        instruction.hand_in("t1")

        instruction.reaches("t1", "tasks/completed")
        assert instruction.events("rejected") == []


def shell(name: str, command: str, **more: object) -> Document:
    return a_task(name, assigned_agent="shell", command=command, max_retries=0, **more)


def test_the_runner_hands_in_no_giant_and_holds_up_nobody(tree: Tree) -> None:
    limits = {"max_artifact_bytes": 1 << 45, "hash_timeout": "3 seconds"}
    tree.configure("daemon.yaml", {"settle_seconds": 0.2, "scan_interval": 0.5, **limits})
    quick = [shell(f"quick{number}", "echo done > $CAGENTS_OUTPUT/a.txt") for number in range(5)]
    giant = shell("giant", "truncate -s 60G $CAGENTS_OUTPUT/giant.bin")
    later = [shell("later", "echo done > $CAGENTS_OUTPUT/a.txt", dependencies=["quick0"])]
    instruction = tree.plan(giant, *quick, *later)
    with tree.daemon("--agents"):
        begun = time.monotonic()
        for number in range(5):
            instruction.reaches(f"quick{number}", "tasks/completed")
        instruction.reaches("later", "tasks/completed")
        assert time.monotonic() - begun < 2 * INTERVAL_S
        instruction.reaches("giant", "tasks/failed")
        (line,) = instruction.tells("failed_attempt", "giant")

    assert line["error_type"] == "too_much_output"
    assert "take longer than 3 s" in line["reason"]


def test_the_runner_says_what_no_manifest_can_name(tree: Tree) -> None:
    many = "cd $CAGENTS_OUTPUT && seq 6000 | xargs touch"
    instruction = tree.plan(shell("many", many), shell("big", "truncate -s 60G $CAGENTS_OUTPUT/giant.bin"))
    with tree.daemon("--agents"):
        instruction.reaches("many", "tasks/failed", within=40)
        instruction.reaches("big", "tasks/failed")
        (many_line,) = instruction.tells("failed_attempt", "many")
        (big_line,) = instruction.tells("failed_attempt", "big")

    assert many_line["error_type"] == big_line["error_type"] == "too_much_output"
    assert "more than" in many_line["reason"]
    assert "pack them into one file" in many_line["reason"]
    assert "max_artifact_bytes in daemon.yaml" in big_line["reason"]
