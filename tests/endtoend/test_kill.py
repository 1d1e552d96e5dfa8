"""`kill -9` of the daemon and of agents, at any moment: the outcome is that of a run in which nothing happened."""

import os
import random
import shutil
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.journal import Journal, state_files
from tests.support.shared import made_once
from tests.support.tree import Document, Instruction, Running, Tree, as_yaml, eventually, load

pytestmark = pytest.mark.timeout(120)

SEED = 20260110
LAYERS, WIDTH = 5, 8
KILLS = 10
FAST = {"settle_seconds": 0.2, "scan_interval": 0.5}
SOON = {"retry_logic": {"backoff_strategy": {"base_delay": "0.2 seconds", "jitter": False}}}
# Whoever works on a task holds a lock, so that two at once would be seen, whatever the journal says.
ALONE = 'exec 9>>"$CAGENTS_TASK.lock"; flock -n 9 || echo "$CAGENTS_TASK" >> doubled.txt'
WRITES = 'echo "$CAGENTS_TASK" >> "$CAGENTS_OUTPUT/line.txt"; echo "$CAGENTS_TASK" > "$CAGENTS_OUTPUT/whole.txt"'


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
            command = f"{ALONE}; sleep {chance.uniform(0.05, 0.3):.2f}; {WRITES}"
            tasks.append(job(f"t{layer}{at}", command, needs))
    return tasks


NAMES = [task["task_id"] for task in layered()]


def artifacts(instruction: Instruction, name: str) -> dict[str, tuple[int, str]]:
    """For each task that handed in a file of this name: its size and checksum, as the manifest says."""
    manifests = {
        task: load(instruction.output(task) / "manifest.yaml") for _place, task in state_files(instruction.path)
    }
    return {
        task: (entry["size_bytes"], entry["checksum"])
        for task, manifest in manifests.items()
        for entry in manifest["artifacts"]
        if entry["name"] == name
    }


def nobody_is_left(tree: Tree) -> None:
    eventually(lambda: tree.agents_at_work() == [], saying=lambda: f"still there: {tree.agents_at_work()}")


# -- the daemon ------------------------------------------------------------------------------------------------------


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def holds(tree: Tree, running: Running) -> bool:
    """Whether this process is the daemon of the tree by now."""
    path = tree.root / "_system" / "daemon" / "daemon.yaml"
    return path.exists() and f"pid: {running.popen.pid}\n" in path.read_text()


def kill_after(tree: Tree, instruction: Instruction, running: Running, grown: int) -> None:
    """Kill the daemon once it has the tree and has made the journal longer by so many bytes."""
    journal = instruction.path / "journal.jsonl"
    submitted = instruction.path / "workflow" / "plan.yaml"
    before, deadline = size(journal), time.monotonic() + 30
    while not (holds(tree, running) and submitted.exists() and size(journal) - before >= grown):
        assert running.popen.poll() is None, f"it ended before it could be killed: {running.said()}"
        assert time.monotonic() < deadline, f"not within 30 s: {running.said()} {instruction.tail()}"
        time.sleep(0.001)
    running.kill()


@dataclass(frozen=True, slots=True)
class Twice:
    """The same plan, carried out once in peace and once with a daemon that is killed ten times."""

    tree: Tree

    @property
    def calm(self) -> Instruction:
        return Instruction(self.tree, "calm")

    @property
    def wild(self) -> Instruction:
        return Instruction(self.tree, "wild")


def carry_out(tree: Tree) -> Document:
    chance = random.Random(SEED)
    moments = [0, 0, *(chance.randrange(1, 9_000) for _ in range(KILLS - 2))]  # twice while it still recovers
    chance.shuffle(moments)
    print(f"seed {SEED}: killed when it had written {moments} bytes of journal")
    tree.ok("run", plan(tree, "calm", layered()), "--id", "calm")
    wild = Instruction(tree, "wild")
    running = tree.start("run", plan(tree, "wild", layered()), "--id", "wild")
    for moment in moments:
        kill_after(tree, wild, running, moment)
        running = tree.start("run", "--resume", "wild")
    return {"workspace": str(tree.workspace), "code": running.popen.wait(timeout=60), "said": running.said()}


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Twice:
    def make(folder: Path) -> Document:
        tree = Tree(folder / "work")
        shutil.copytree(template, tree.root)
        tree.configure("daemon.yaml", FAST)
        try:
            return carry_out(tree)
        finally:
            tree.end_everything()

    made = made_once(tmp_path_factory, "killed", make)
    assert made["code"] == 0, made["said"]
    return Twice(Tree(Path(made["workspace"])))


@pytest.mark.parametrize("name", ["calm", "wild"])
def test_killed_ten_times_or_not_everything_is_completed_in_the_first_attempt(twice: Twice, name: str) -> None:
    instruction = Instruction(twice.tree, name)

    assert state_files(instruction.path) == [("tasks/completed", task) for task in sorted(NAMES)]
    accepted = {line["task_id"]: line["attempt"] for line in instruction.events("accepted")}
    assert accepted == dict.fromkeys(NAMES, 1)


@pytest.mark.parametrize("name", ["calm", "wild"])
def test_killed_ten_times_or_not_each_change_of_state_is_in_the_journal_once(twice: Twice, name: str) -> None:
    journal = Journal.of(Instruction(twice.tree, name).path)

    journal.check()

    assert journal.accepted() == dict.fromkeys(NAMES, 1)
    assert {task: moves[-1][1] for task, moves in journal.moves().items()} == dict.fromkeys(NAMES, "tasks/completed")


@pytest.mark.parametrize("name", ["calm", "wild"])
def test_killed_ten_times_or_not_nobody_is_accused(twice: Twice, name: str) -> None:
    """Whoever moved what was moved, it was the daemon."""
    assert Instruction(twice.tree, name).events("finding") == []


@pytest.mark.parametrize("name", ["calm", "wild"])
def test_killed_ten_times_or_not_every_dependency_is_respected(twice: Twice, name: str) -> None:
    edges = {task["task_id"]: task["dependencies"] for task in layered()}

    Journal.of(Instruction(twice.tree, name).path).check_order(edges)


@pytest.mark.parametrize("name", ["calm", "wild"])
def test_killed_ten_times_or_not_never_two_agents_work_on_one_task(twice: Twice, name: str) -> None:
    Journal.of(Instruction(twice.tree, name).path).check_processes()
    assert not (twice.tree.workspace / "doubled.txt").exists()


def test_killed_ten_times_no_process_is_left(twice: Twice) -> None:
    nobody_is_left(twice.tree)


def test_killed_ten_times_the_artifacts_are_those_of_a_calm_run(twice: Twice) -> None:
    calm, wild = artifacts(twice.calm, "whole.txt"), artifacts(twice.wild, "whole.txt")

    assert wild == calm
    assert list(wild) == sorted(NAMES)


def test_killed_ten_times_only_what_a_kill_interrupted_is_done_again(twice: Twice) -> None:
    """Bookkeeping is exactly once; the work of a process that died with its runner is done once more, no oftener."""
    started = Journal.of(twice.wild.path).by_task("process_started")
    for task in NAMES:
        lines = (twice.wild.output(task) / "line.txt").read_text().splitlines()
        assert len(set(lines)) == 1, (task, lines)
        assert 1 <= len(lines) <= len(started[task]), (task, lines, started[task])


@pytest.mark.parametrize("done", range(4))
def test_a_crash_amid_the_renames_of_a_turn_leaves_a_true_journal(tree: Tree, done: int) -> None:
    """The turn that completes t1 and releases and claims t2, cut off after its intents and so many of its renames."""
    tree.ok("run", plan(tree, "run", [job("t1", WRITES), job("t2", WRITES, ["t1"])]), "--id", "inst_1")
    instruction = Instruction(tree, "inst_1")
    text = (instruction.path / "journal.jsonl").read_bytes().splitlines(keepends=True)
    journal = Journal.of(instruction.path)
    (claimed,) = (at for at, line in enumerate(journal.lines) if line["event"] == "intend" and is_claim(line, "t2"))
    before = Journal(journal.lines[: claimed + 1])
    ways = [(line["task_id"], line["from"], line["to"]) for line in before.events("intend")[-3:]]
    assert [(task, target) for task, _source, target in ways] == [
        ("t1", "tasks/completed"),
        ("t2", "queues/agents/shell"),
        ("t2", "tasks/in_progress"),
    ]
    lies = {task: source for task, source, _target in reversed(ways)} | {task: to for task, _from, to in ways[:done]}
    for task, place in lies.items():
        name = f"{task}.yaml"
        (instruction.path / "tasks" / "completed" / name).rename(instruction.path / place / name)
    shutil.rmtree(instruction.output("t2"))
    (instruction.path / "status.yaml").unlink()
    (instruction.path / "journal.jsonl").write_bytes(b"".join(text[: claimed + 1]))

    tree.ok("run", "--resume", "inst_1")

    after = Journal.of(instruction.path)
    after.check()
    after.check_order({"t2": ["t1"]})
    assert after.events("finding") == []
    assert state_files(instruction.path) == [("tasks/completed", "t1"), ("tasks/completed", "t2")]
    assert after.accepted() == {"t1": 1, "t2": 1}


def is_claim(line: Document, task: str) -> bool:
    return bool(line["task_id"] == task and line["to"] == "tasks/in_progress")


# -- agents ----------------------------------------------------------------------------------------------------------


def test_ten_killed_agents_are_replaced_and_their_tasks_have_attempt_2(tree: Tree) -> None:
    tree.configure("task_queue_manager.yaml", SOON)
    names = [f"t{number:02}" for number in range(20)]
    work = f"{ALONE}; {WRITES}; until test -e go; do sleep 0.1; done"
    tasks = [*(job(name, work) for name in names), job("end", WRITES, names)]
    victims = set(random.Random(SEED).sample(names, KILLS))
    print(f"seed {SEED}: killed are {sorted(victims)}")
    running = tree.start("run", plan(tree, "run", tasks), "--id", "inst_1")
    instruction = Instruction(tree, "inst_1")

    written = [instruction.path / "outputs" / "partial" / name / "whole.txt" for name in names]
    eventually(lambda: all(size(path) > 0 for path in written), saying=running.said)
    for line in instruction.events("process_started"):
        if line["task_id"] in victims:
            os.kill(line["pid"], signal.SIGKILL)
    (tree.workspace / "go").touch()

    assert running.popen.wait(timeout=60) == 0, running.said()
    journal = Journal.of(instruction.path)
    journal.check()
    journal.check_processes()
    journal.check_order({"end": names})
    assert state_files(instruction.path) == [("tasks/completed", task) for task in sorted([*names, "end"])]
    assert journal.accepted() == dict.fromkeys([*names, "end"], 1)
    attempts = {line["task_id"]: line["attempt"] for line in journal.events("accepted")}
    assert attempts == {task: 2 if task in victims else 1 for task in [*names, "end"]}
    ended = {line["task_id"]: line["exit_code"] for line in journal.events("process_ended") if line["exit_code"]}
    assert ended == dict.fromkeys(victims, -signal.SIGKILL)
    assert len(set(artifacts(instruction, "line.txt"))) == 21
    assert artifacts(instruction, "line.txt") == artifacts(instruction, "whole.txt")
    assert not (tree.workspace / "doubled.txt").exists()
    nobody_is_left(tree)


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
    command = 'sleep 0.{}; echo done > "$CAGENTS_OUTPUT/result.txt"'
    tasks = [job(f"t{at:02}", command.format(at % 9 + 1), acceptance_criteria=checks) for at in range(50)]

    tree.ok("run", plan(tree, "run", tasks), "--id", "inst_1")

    started = Journal.of(tree.root / "inst_1").by_task("process_started")
    assert [task for task, lines in started.items() if len(lines) > 1] == []


def test_rework_that_ends_while_the_rejected_manifest_is_judged_again_is_neither_lost_nor_repeated(tree: Tree) -> None:
    """It changes what that manifest names and goes on for a while, so the daemon looks at it once more meanwhile."""
    tree.configure("subagent_coordination_protocol.yaml", {"quality_gates": {"rework_protocol": {"max_iterations": 1}}})
    command = 'date +%N > "$CAGENTS_OUTPUT/result.txt"; sleep 1'
    check = {"criterion": "It is good", "check": "sleep 1.5; false"}
    task = job("t1", command, acceptance_criteria=[check], max_retries=0)

    answer = tree.call("run", plan(tree, "run", [task]), "--id", "inst_1", "--timeout", "15s")

    instruction = Instruction(tree, "inst_1")
    assert len(instruction.events("process_started")) == 2, "the work, and one rework"
    assert instruction.places("t1") == ["tasks/failed"]
    assert answer.code == 1, answer
