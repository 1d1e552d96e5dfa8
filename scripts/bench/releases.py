"""Verified releases a second in a closed loop, against `make` and against the floor of the machine, in one run.

    .venv/bin/python scripts/bench/releases.py [--tasks 1000] [--rounds 3]

The daemon (`cagents-fs watch`) runs as it does for users: events, parsing, hashing, one journal, one sync a turn. A
second process plays 50 agents: as soon as a task lies in a queue it claims it by a rename and renames a finished output
directory with a manifest of one 4 KiB artifact into place. Ten layers, each task waits for three of the layer before.

floor: what no design can leave out, measured here in one thread: two renames, reading, parsing and checking a manifest,
reading and hashing 4 KiB, and a share of one journal sync a batch of 50. make: the same graph with `touch` as recipe,
-j2. Absolute figures differ between machines; the ratios are what counts.
"""

import argparse
import hashlib
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

from cagents_fs.model.files import Manifest
from cagents_fs.store.check import check
from cagents_fs.store.yaml import parse_mapping

AGENTS = 50
CONTENT = b"a" * 4096
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def layered(count: int) -> dict[str, list[str]]:
    """Ten layers; each task waits for three of the layer before, always the same ones."""
    chance, width = random.Random(7), count // 10
    return {
        f"t{layer * width + n}": [f"t{(layer - 1) * width + m}" for m in sorted(chance.sample(range(width), 3))]
        if layer
        else []
        for layer in range(10)
        for n in range(width)
    }


def manifest(task: str, agent: str) -> str:
    """A manifest of one artifact."""
    return (
        f"task_id: {task}\nsubagent: {agent}\nattempt: 1\nstatus: completed\n"
        f"artifacts:\n  - path: result.bin\n    size_bytes: 4096\n    checksum: sha256:{DIGEST}\n...\n"
    )


def prepare(folder: str, graph: dict[str, list[str]]) -> str:
    """A tree with the plan submitted, and the outputs ready beside it. Returns the tree."""
    subprocess.run([sys.executable, "-m", "cagents_fs", "init", folder], check=True, capture_output=True)
    root = os.path.join(folder, "Agent_Memory")
    lines = ["description: bench", "mode: swarm", "max_concurrent: 10000", "tasks:"]
    for number, (task, awaited) in enumerate(graph.items()):
        agent = f"a{number % AGENTS}"
        waits = f", dependencies: [{', '.join(awaited)}]" if awaited else ""
        lines.append(f"  - {{task_id: {task}, description: d, assigned_agent: {agent}{waits}}}")
        output = os.path.join(folder, "ready", task)
        os.makedirs(output)
        with open(os.path.join(output, "result.bin"), "wb") as file:
            file.write(CONTENT)
        with open(os.path.join(output, "manifest.yaml"), "w", encoding="ascii") as file:
            file.write(manifest(task, agent))
    plan = os.path.join(folder, "plan.yaml")
    with open(plan, "w", encoding="ascii") as file:
        file.write("\n".join(lines) + "\n")
    submit = [sys.executable, "-m", "cagents_fs", "--root", root, "submit", plan, "--id", "bench"]
    subprocess.run(submit, check=True, capture_output=True)
    return root


def play_agents(root: str, folder: str, count: int) -> None:
    """Claim what is there and hand in at once, until all is claimed."""
    queues = os.path.join(root, "bench/queues/agents")
    working, partial = os.path.join(root, "bench/tasks/in_progress"), os.path.join(root, "bench/outputs/partial")
    ready = os.path.join(folder, "ready")
    claimed = 0
    while claimed < count:
        before = claimed
        for path in _queued(queues):
            name = os.path.basename(path)
            os.rename(path, f"{working}/{name}")
            os.rename(f"{ready}/{name[:-5]}", f"{partial}/{name[:-5]}")
            claimed += 1
        if claimed == before:
            time.sleep(0.0005)


def _queued(queues: str) -> Iterator[str]:
    if not os.path.isdir(queues):
        return
    for agent in os.scandir(queues):
        for entry in os.scandir(agent.path):
            if entry.name.endswith(".yaml") and not entry.name.startswith(".") and entry.name != "queue.yaml":
                yield entry.path


def ours(count: int) -> float:
    """Tasks a second through the daemon, from the first claim to the last completion."""
    folder = tempfile.mkdtemp(prefix="bench-", dir=os.environ.get("BENCH_DIR"))
    try:
        root = prepare(folder, layered(count))
        daemon = subprocess.Popen([sys.executable, "-m", "cagents_fs", "--root", root, "watch"], stdout=subprocess.PIPE)
        try:
            assert daemon.stdout is not None
            daemon.stdout.readline()
            queues = os.path.join(root, "bench/queues/agents")
            while not any(True for _ in _queued(queues)):
                time.sleep(0.001)
            begun = time.perf_counter()
            play_agents(root, folder, count)
            done = os.path.join(root, "bench/tasks/completed")
            while len(os.listdir(done)) < count:
                time.sleep(0.001)
            return count / (time.perf_counter() - begun)
        finally:
            daemon.terminate()
            daemon.wait()
    finally:
        shutil.rmtree(folder)


def floor(count: int) -> float:
    """Tasks a second in one thread, doing only what cannot be left out."""
    folder = tempfile.mkdtemp(prefix="bench-", dir=os.environ.get("BENCH_DIR"))
    try:
        for name in ("one", "two", "out"):
            os.mkdir(os.path.join(folder, name))
        for n in range(count):
            with open(f"{folder}/one/{n}", "w", encoding="ascii") as file:
                file.write("task")
            with open(f"{folder}/out/{n}.yaml", "w", encoding="ascii") as file:
                file.write(manifest(f"t{n}", "a"))
            with open(f"{folder}/out/{n}.bin", "wb") as file:
                file.write(CONTENT)
        journal = os.open(f"{folder}/journal", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        begun = time.perf_counter()
        for n in range(count):
            with open(f"{folder}/out/{n}.yaml", "rb") as file:
                assert check(parse_mapping(file.read()), Manifest, "manifest.yaml").value is not None
            with open(f"{folder}/out/{n}.bin", "rb") as file:
                assert hashlib.sha256(file.read()).hexdigest() == DIGEST
            os.write(journal, b"x" * 300)
            if n % 50 == 0:
                os.fdatasync(journal)
            os.rename(f"{folder}/one/{n}", f"{folder}/two/{n}")
            os.rename(f"{folder}/two/{n}", f"{folder}/one/{n}")
        return count / (time.perf_counter() - begun)
    finally:
        shutil.rmtree(folder)


def make(count: int) -> float:
    """Tasks a second through GNU make -j2; 0 where it is not installed."""
    if shutil.which("make") is None:
        return 0.0
    with tempfile.TemporaryDirectory(prefix="bench-", dir=os.environ.get("BENCH_DIR")) as folder:
        graph = layered(count)
        rules = [f"all: {' '.join(graph)}"] + [f"{t}: {' '.join(ds)}\n\t@touch $@" for t, ds in graph.items()]
        with open(os.path.join(folder, "Makefile"), "w", encoding="ascii") as file:
            file.write("\n".join(rules) + "\n")
        begun = time.perf_counter()
        subprocess.run(["make", "-s", "-j2", "all"], cwd=folder, check=True)
        return count / (time.perf_counter() - begun)


def main() -> None:
    """Measure in turn, print medians and ratios."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    rates: dict[str, list[float]] = {"cagents-fs": [], "floor": [], "make -j2": []}
    for _ in range(arguments.rounds):
        rates["cagents-fs"].append(ours(arguments.tasks))
        rates["floor"].append(floor(arguments.tasks))
        rates["make -j2"].append(make(arguments.tasks))
    for name, measured in rates.items():
        print(f"{name:12} {statistics.median(measured):8.0f} tasks/s  ({min(measured):.0f} to {max(measured):.0f})")
    own = statistics.median(rates["cagents-fs"])
    for name in ("floor", "make -j2"):
        if other := statistics.median(rates[name]):
            print(f"ratio to {name}: {own / other:.2f}")


if __name__ == "__main__":
    main()
