"""Graphs of every shape in every mode with real processes: order, limits and barriers hold, whoever claims."""

import contextlib
import hashlib
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter

import pytest

from tests.support import order
from tests.support.journal import Journal, state_files
from tests.support.tree import Instruction, Tree, as_yaml, eventually

pytestmark = pytest.mark.timeout(120)

AGENTS = ("ann", "bob", "cid")
ATTACKERS = 4
RESULT = "result.txt"
# One of several processes that fight for the same queues. It takes whatever it sees, at once, and leaves the processor
# to others only when nothing happens. A patient one begins to work when the journal says that the claim stands, and has
# said so the last time as well: what one turn writes may be seen in halves. A greedy one does not ask, and hands in
# before it could be put back. The lock is what an agent that is made of several processes needs among them: the work on
# one attempt is done once.
ATTACKER = """
import hashlib, json, os, sys, time
home, file, locks, patience = sys.argv[1:]
edges = json.load(open(file))
outputs, claimed, counted = home + "/outputs/partial/", {}, 0
journal, rest, place, pending, over = open(home + "/journal.jsonl", "rb"), b"", {}, set(), False
parent = os.getppid()

def renamed(source, target):
    try:
        os.rename(source, target)
    except FileNotFoundError:
        return False
    return True

def listen():
    global rest, over
    while new := journal.read():
        *lines, rest = (rest + new).split(b"\\n")
        for line in map(json.loads, lines):
            if line["event"] == "intend":
                pending.add(line["task_id"])
            elif line["event"] in ("moved", "void"):
                pending.discard(line["task_id"])
            if line["event"] == "moved":
                place[line["task_id"]] = line["to"]
            over = over or line["event"] == "phase" and line["phase"] in ("complete", "failed", "cancelled")

def standing():
    return {task for task, where in place.items() if where == "tasks/in_progress"} - pending

def attempt_of(task):
    try:
        lines = open(home + "/tasks/in_progress/" + task + ".yaml").read().splitlines()
    except FileNotFoundError:
        return None
    return next((int(line[9:]) for line in lines if line.startswith("attempt: ")), 1)

def first(task, attempt):
    try:
        os.close(os.open(f"{locks}/{task}.{attempt}", os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True

def publish(task, name, text):
    beside = f"{outputs}{task}/.{name}.tmp"
    with open(beside, "w") as out:
        out.write(text)
    os.rename(beside, f"{outputs}{task}/{name}")

def work(task, agent, attempt):
    told = "".join([task + "\\n", *(open(f"{outputs}{one}/result.txt").read() for one in edges[task])])
    text = hashlib.sha256(told.encode()).hexdigest() + "  -\\n"
    os.makedirs(outputs + task, exist_ok=True)
    publish(task, "result.txt", text)
    digest, size = "sha256:" + hashlib.sha256(text.encode()).hexdigest(), len(text)
    artifact = {"name": "result", "type": "data", "path": "result.txt", "size_bytes": size, "checksum": digest}
    manifest = {"task_id": task, "subagent": agent, "attempt": attempt, "status": "completed"}
    manifest |= {"completion_timestamp": "2026-01-10T12:00:00Z", "artifacts": [artifact]}
    publish(task, "manifest.yaml", json.dumps(manifest) + "\\n...\\n")

while not over and os.getppid() == parent:
    before, stood = (counted, journal.tell()), standing()
    for agent in os.listdir(home + "/queues/agents"):
        for name in os.listdir(home + "/queues/agents/" + agent):
            task = name.removesuffix(".yaml")
            if task in edges and renamed(f"{home}/queues/agents/{agent}/{name}", f"{home}/tasks/in_progress/{name}"):
                claimed[task] = agent
                counted += 1
    listen()
    stood &= standing()
    for task, agent in list(claimed.items()):
        attempt = attempt_of(task) if task in stood or patience == "greedy" else None
        if attempt is not None and first(task, attempt):
            work(task, agent, attempt)
        if attempt is not None or place.get(task) == "tasks/completed":
            del claimed[task]
    if before == (counted, journal.tell()):
        time.sleep(0.0005)
print(counted)
"""


# -- shapes -----------------------------------------------------------------------------------------------------------


def diamond() -> order.Edges:
    return {"top": [], "left": ["top"], "right": ["top"], "end": ["left", "right"]}


def chain(length: int) -> order.Edges:
    return {f"t{n:02}": [f"t{n - 1:02}"] if n else [] for n in range(length)}


def fan_out(width: int) -> order.Edges:
    leaves = [f"t{n:02}" for n in range(width)]
    return {"top": []} | {leaf: ["top"] for leaf in leaves} | {"end": leaves}


def layered(layers: int, width: int) -> order.Edges:
    """Each task waits for three of the layer before, never all for the same."""
    return {
        f"t{layer}-{n}": [f"t{layer - 1}-{(n + step) % width}" for step in (0, 1, 3)] if layer else []
        for layer, n in itertools.product(range(layers), range(width))
    }


SHAPES = {"diamond": diamond(), "chain": chain(12), "fan-out": fan_out(30), "layered": layered(10, 10)}
ATTACKED = SHAPES | {"layered": layered(6, 8)}  # `scripts/modes` does it with a thousand tasks
every_shape = pytest.mark.parametrize("shape", SHAPES)
every_mode = pytest.mark.parametrize("mode", order.LIMITS)


def planned(edges: order.Edges, mode: str, **fields: object) -> order.Plan:
    """Every task writes the hash of its name and of what those have written for which it waited."""
    tasks = []
    for (task, awaited), agent in zip(edges.items(), itertools.cycle(AGENTS), strict=False):
        read = f"; cat {' '.join(f'{one}/{RESULT}' for one in awaited)}" if awaited else ""
        place = 'cd "$CAGENTS_ROOT/$CAGENTS_INSTRUCTION/outputs/partial"'
        command = f'{place} && {{ echo {task}{read}; }} | sha256sum > "$CAGENTS_OUTPUT/{RESULT}"'
        about = {"task_id": task, "description": f"Do {task}", "assigned_agent": agent}
        tasks.append(about | {"command": command, "dependencies": awaited})
    return {"description": "A shape", "mode": mode, **fields, "tasks": tasks}


def expected(edges: order.Edges) -> dict[str, str]:
    """What every task has to write, if those for which it waits have written the right thing before."""
    found: dict[str, str] = {}
    for task in TopologicalSorter(edges).static_order():
        told = f"{task}\n" + "".join(found[one] for one in edges[task])
        found[task] = hashlib.sha256(told.encode()).hexdigest() + "  -\n"
    return found


# -- carrying out -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Carried:
    """A plan that was carried out, and what there is to say against how."""

    plan: order.Plan
    instruction: Instruction
    seconds: float
    claims: int  # renames into `in_progress` that others counted

    @property
    def lines(self) -> order.Lines:
        return Journal.of(self.instruction.path).lines

    def wrong(self) -> list[str]:
        """Whatever the journal says."""
        return order.violations(self.lines, self.plan) + self.wrong_outside()

    def wrong_outside(self) -> list[str]:
        """Where what others did, the places of the files, and what was written contradict the journal or the plan."""
        edges = order.edges_of(self.plan)
        outputs = {task: self.instruction.path / "outputs" / "partial" / task / RESULT for task in edges}
        written = {task: path.read_text() if path.exists() else None for task, path in outputs.items()}
        found = [f"{task} wrote {written[task]!r}" for task, text in expected(edges).items() if written[task] != text]
        if state_files(self.instruction.path) != [("tasks/completed", task) for task in sorted(edges)]:
            found.append(f"the files lie at {state_files(self.instruction.path)}")
        told = [line for line in self.lines if line["event"] == "moved" and line["to"] == order.WORK]
        if self.claims != len([line for line in told if "by" not in line]):
            found.append(f"others made {self.claims} claims, and the journal tells of {len(told)}")
        return found


def run(tree: Tree, plan: order.Plan, within: float = 60.0) -> Carried:
    """Submitted, and worked on by the processes that the runner starts."""
    file = tree.workspace / "plan.yaml"
    file.write_text(as_yaml(plan))
    begun_s = time.monotonic()
    running = tree.start("run", str(file), "--id", "inst_1")
    code = running.popen.wait(timeout=within)
    assert code == 0, running.said()
    return Carried(plan, Instruction(tree, "inst_1"), time.monotonic() - begun_s, claims=0)


@contextlib.contextmanager
def attackers(tree: Tree, edges: order.Edges, patience: str) -> "Iterator[list[subprocess.Popen[bytes]]]":
    """They are at it until the instruction has ended, and print how often they claimed."""
    file, locks = tree.workspace / "edges.json", tree.workspace / "locks"
    file.write_text(json.dumps(edges))
    locks.mkdir()
    arguments = [str(tree.root / "inst_1"), str(file), str(locks), patience]
    line = [sys.executable, "-I", "-S", "-c", ATTACKER, *arguments]
    started = [subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(ATTACKERS)]
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.communicate()


def attack(tree: Tree, plan: order.Plan, patience: str = "patient", within: float = 60.0) -> Carried:
    """Submitted, and worked on by whoever is quickest with `mv`."""
    claims = 0
    with tree.daemon():
        begun_s = time.monotonic()
        instruction = tree.plan(*plan["tasks"], **{key: value for key, value in plan.items() if key != "tasks"})
        instruction.tells("intake_done")
        with attackers(tree, order.edges_of(plan), patience) as started:
            eventually(lambda: all(one.poll() is not None for one in started), within, instruction.tail)
            took_s = time.monotonic() - begun_s
            for one in started:
                said, wrong = one.communicate()
                assert one.returncode == 0, wrong.decode()
                claims += int(said)
    return Carried(plan, instruction, took_s, claims)


# -- tests ------------------------------------------------------------------------------------------------------------


@every_mode
@every_shape
def test_run_keeps_order_limits_and_barriers(tree: Tree, shape: str, mode: str) -> None:
    assert run(tree, planned(SHAPES[shape], mode)).wrong() == []


@every_mode
@every_shape
def test_agents_that_claim_whatever_they_see_break_nothing(tree: Tree, shape: str, mode: str) -> None:
    assert attack(tree, planned(ATTACKED[shape], mode)).wrong() == []


@pytest.mark.parametrize("mode", ["swarm", "mesh"])
def test_what_they_claim_over_a_limit_is_put_back_at_once(tree: Tree, mode: str) -> None:
    carried = attack(tree, planned(ATTACKED["fan-out"], mode, max_concurrent=4))

    assert carried.wrong() == []
    assert order.put_back(carried.lines) > 0
    assert order.most_at_once(carried.lines) == 4


def test_agents_that_hand_in_before_anybody_looks_break_neither_order_nor_barriers(tree: Tree) -> None:
    carried = attack(tree, planned(ATTACKED["layered"], "pipeline"), patience="greedy")

    lines, plan = carried.lines, carried.plan
    found = [*order.order(lines, plan), *order.barriers(lines, plan), *order.renames(lines)]
    assert found + order.completions(lines, plan) + carried.wrong_outside() == []
