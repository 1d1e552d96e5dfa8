"""`kill -9` of the daemon and of agents, at any moment: the outcome is that of a run in which nothing happened."""

import os
import random
import signal
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.support.journal import Journal, state_files
from tests.support.tree import Document, Instruction, Running, Tree, as_yaml, entry, eventually, load

SEED = 20260110
LAYERS, WIDTH = 5, 8
KILLS = 10
SOON = {"retry_logic": {"backoff_strategy": {"base_delay": "0.2 seconds", "jitter": False}}}


def job(task_id: str, command: str, needs: Iterable[str] = (), **fields: object) -> Document:
    whole: Document = {"task_id": task_id, "description": f"Do {task_id}", "command": command}
    return whole | {"dependencies": list(needs)} | fields


def plan(tree: Tree, name: str, tasks: list[Document]) -> str:
    path = tree.workspace / f"{name}.yaml"
    path.write_text(as_yaml({"description": "Killed on the way", "mode": "swarm", "tasks": tasks}))
    return str(path)


def layered() -> list[Document]:
    """Forty tasks in five layers; each waits for two of the layer before, sleeps a moment and writes one line."""
    chance = random.Random(SEED)
    tasks = []
    for layer in range(LAYERS):
        for at in range(WIDTH):
            needs = [f"t{layer - 1}{(at + step) % WIDTH}" for step in (0, 3)] if layer else []
            sleep = f"sleep {chance.uniform(0.05, 0.3):.2f}"
            tasks.append(job(f"t{layer}{at}", f'{sleep}; echo "$CAGENTS_TASK" >> "$CAGENTS_OUTPUT/line.txt"', needs))
    return tasks


def edges(tasks: list[Document]) -> dict[str, list[str]]:
    return {task["task_id"]: task["dependencies"] for task in tasks}


def outcome(instruction: Instruction) -> dict[str, tuple[str, int, object]]:
    """Of each task: where it lies, the attempt that was accepted, and the artifacts with their checksums."""
    accepted = {line["task_id"]: line["attempt"] for line in Journal.of(instruction.path).events("accepted")}
    found = {}
    for place, task in state_files(instruction.path):
        artifacts = load(instruction.output(task) / "manifest.yaml")["artifacts"]
        sums = sorted((one["path"], one["size_bytes"], one["checksum"]) for one in artifacts)
        found[task] = (place, accepted[task], sums)
    return found


def check_nobody_was_doubled(tree: Tree, instruction: Instruction, tasks: list[Document]) -> None:
    journal = Journal.of(instruction.path)
    journal.check()
    journal.check_processes()
    journal.check_order(edges(tasks))
    assert journal.accepted() == {task["task_id"]: 1 for task in tasks}
    eventually(lambda: tree.agents_at_work() == [], saying=lambda: f"still there: {tree.agents_at_work()}")


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def holds(tree: Tree, running: Running) -> bool:
    """Whether this process is the daemon of the tree by now."""
    path = tree.root / "_system" / "daemon" / "daemon.yaml"
    return path.exists() and f"pid: {running.popen.pid}\n" in path.read_text()


def kill_after(tree: Tree, instruction: Instruction, running: Running, grown: int) -> None:
    """Kill the daemon once it has the tree and has made the journal longer by so many bytes."""
    journal = instruction.path / "journal.jsonl"
    plan_there = instruction.path / "workflow" / "plan.yaml"
    before, deadline = size(journal), time.monotonic() + 30
    while not (holds(tree, running) and plan_there.exists() and size(journal) - before >= grown):
        assert running.popen.poll() is None, f"it ended before it could be killed: {running.said()}"
        assert time.monotonic() < deadline, f"not within 30 s: {running.said()} {instruction.tail()}"
        time.sleep(0.001)
    running.kill()


@pytest.mark.timeout(120)
def test_killing_the_daemon_ten_times_changes_nothing_in_the_outcome(tree: Tree) -> None:
    tasks = layered()
    tree.ok("run", plan(tree, "calm", tasks), "--id", "calm")
    calm, wild = Instruction(tree, "calm"), Instruction(tree, "wild")
    chance = random.Random(SEED)
    moments = [0, 0, *(chance.randrange(1, 9_000) for _ in range(KILLS - 2))]  # twice while it still recovers
    chance.shuffle(moments)
    print(f"seed {SEED}: killed when the journal had grown by {moments} bytes")

    running = tree.start("run", plan(tree, "wild", tasks), "--id", "wild")
    for moment in moments:
        kill_after(tree, wild, running, moment)
        running = tree.start("run", "--resume", "wild")

    assert running.popen.wait(timeout=60) == 0, running.said()
    check_nobody_was_doubled(tree, wild, tasks)
    assert outcome(wild) == outcome(calm)
    for task in edges(tasks):
        assert (wild.output(task) / "line.txt").read_text() == f"{task}\n", "its work was done twice"


def test_a_run_that_nobody_disturbs_starts_each_agent_once(tree: Tree) -> None:
    """What the outcome is compared with."""
    tasks = layered()

    tree.ok("run", plan(tree, "calm", tasks), "--id", "calm")

    calm = Instruction(tree, "calm")
    check_nobody_was_doubled(tree, calm, tasks)
    started = Journal.of(calm.path).by_task("process_started")
    assert {task: len(lines) for task, lines in started.items()} == dict.fromkeys(edges(tasks), 1)
    line = {task: entry("line.txt", f"{task}\n".encode()) for task in edges(tasks)}
    assert outcome(calm) == {
        task: ("tasks/completed", 1, [(one["path"], one["size_bytes"], one["checksum"])]) for task, one in line.items()
    }


def test_ten_killed_agents_are_replaced_and_their_tasks_have_attempt_2(tree: Tree) -> None:
    tree.configure("task_queue_manager.yaml", SOON)
    chance = random.Random(SEED)
    tasks = [
        job(f"t{number:02}", 'sleep 1; echo "$CAGENTS_TASK" >> "$CAGENTS_OUTPUT/line.txt"') for number in range(20)
    ]
    names = [task["task_id"] for task in tasks]
    tasks.append(job("end", 'echo end >> "$CAGENTS_OUTPUT/line.txt"', names))
    victims = set(chance.sample(names, KILLS))
    print(f"seed {SEED}: killed are {sorted(victims)}")
    running = tree.start("run", plan(tree, "run", tasks), "--id", "inst_1")
    instruction = Instruction(tree, "inst_1")

    eventually(lambda: len(instruction.events("process_started")) >= len(names), saying=running.said)
    for line in instruction.events("process_started"):
        if line["task_id"] in victims:
            os.kill(line["pid"], signal.SIGKILL)

    assert running.popen.wait(timeout=60) == 0, running.said()
    check_nobody_was_doubled(tree, instruction, tasks)
    attempts = {task: attempt for task, (_place, attempt, _sums) in outcome(instruction).items()}
    assert attempts == {task: 2 if task in victims else 1 for task in [*names, "end"]}
    ended = {line["task_id"]: line["exit_code"] for line in instruction.events("process_ended") if line["exit_code"]}
    assert ended == dict.fromkeys(victims, -signal.SIGKILL)
    for task in names:
        assert (instruction.output(task) / "line.txt").read_text() == f"{task}\n"


def test_an_agent_is_not_started_again_while_its_own_manifest_settles(tree: Tree) -> None:
    """One that writes its manifest as most do: no rename, no end marker, and then it ends."""
    said = r"task_id: t1\nsubagent: %s\nstatus: completed\nartifacts: []\nacceptance_criteria_met: []\n"
    command = f'echo once >> count.txt; printf "{said}" "$CAGENTS_AGENT" > "$CAGENTS_OUTPUT/manifest.yaml"'

    tree.ok("run", plan(tree, "run", [job("t1", command)]), "--id", "inst_1")

    assert (tree.workspace / "count.txt").read_text() == "once\n"
    assert len(Instruction(tree, "inst_1").events("process_started")) == 1


def test_an_agent_is_not_started_again_while_others_are_judged(tree: Tree) -> None:
    """Its manifest may look as if somebody were writing it, because a check that is just being started inherits it."""
    checks = [{"criterion": f"It is {word}", "check": "true"} for word in ("good", "true", "beautiful")]
    tasks = [
        job(f"t{at:02}", f'sleep 0.{at % 9 + 1}; echo done > "$CAGENTS_OUTPUT/r.txt"', acceptance_criteria=checks)
        for at in range(50)
    ]

    tree.ok("run", plan(tree, "run", tasks), "--id", "inst_1")

    started = Journal.of(tree.root / "inst_1").by_task("process_started")
    assert [task for task, lines in started.items() if len(lines) > 1] == []
