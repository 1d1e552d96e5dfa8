"""Many processes want the same tasks: by the documented recipe, one rename, and by reading, changing and writing.

The rename has one winner each time. The other way looks as good and has not: it is here to show that this measurement
would see a double claim. Each winner appends the task to a log of its own, which nobody else touches.
"""

import argparse
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PROCESSES, ROUND = 6, 1_000  # tasks that lie in the queue at once
MOST_BY_WRITING = 10_000
QUEUE, WORK = "queues/agents/ann", "tasks/in_progress"
FREE = "task_id: {}\nstatus: ready\nowner: null\n"
Recipe = Callable[[str, str, str], bool]


def by_rename(folder: str, name: str, own: str) -> bool:  # noqa: ARG001 - one form
    """As section 4 of Agent_Memory/README.md says it. Returns whether the task is ours."""
    try:
        os.rename(f"{folder}/{QUEUE}/{name}", f"{folder}/{WORK}/{name}")
    except FileNotFoundError:
        return False
    return True


def by_writing(folder: str, name: str, own: str) -> bool:
    """What many do: look whether it is free, and write one's own name into it."""
    path = f"{folder}/{QUEUE}/{name}"
    with open(path) as file:
        text = file.read()
    if "owner: null" not in text:
        return False
    with open(path, "w") as file:
        file.write(text.replace("owner: null", f"owner: {own}"))
    return True


@dataclass(frozen=True, slots=True)
class Count:
    """How often tasks were claimed."""

    tasks: int
    claims: int
    doubled: int
    never: int
    processes: int  # that won anything
    seconds: float


def count(folder: Path, tasks: int, recipe: Recipe, processes: int = PROCESSES) -> Count:
    """Let so many processes claim so many tasks, a round at a time, all in the same order."""
    begun_s = time.monotonic()
    rounds = [range(at, min(at + ROUND, tasks)) for at in range(0, tasks, ROUND)]
    for name in (QUEUE, WORK, "won"):
        (folder / name).mkdir(parents=True)
    ready, done = multiprocessing.Barrier(processes + 1), multiprocessing.Barrier(processes + 1)

    def claim(own: str) -> None:
        with open(f"{folder}/won/{own}", "a") as won:
            for numbers in rounds:
                ready.wait()
                for number in numbers:
                    if recipe(str(folder), f"t{number}.yaml", own):
                        won.write(f"t{number}\n")
                done.wait()

    workers = [multiprocessing.get_context("fork").Process(target=claim, args=(f"p{at}",)) for at in range(processes)]
    for worker in workers:
        worker.start()
    for numbers in rounds:
        for number in numbers:
            (folder / QUEUE / f"t{number}.yaml").write_text(FREE.format(f"t{number}"))
        ready.wait()
        done.wait()
        shutil.rmtree(folder / WORK)
        (folder / WORK).mkdir()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0, worker
    logs = [(folder / "won" / f"p{at}").read_text().split() for at in range(processes)]
    won = Counter(task for log in logs for task in log)
    doubled = sum(times > 1 for times in won.values())
    never, winners = tasks - len(won), sum(bool(log) for log in logs)
    return Count(tasks, won.total(), doubled, never, winners, time.monotonic() - begun_s)


def main() -> int:
    """Both ways, and a table."""
    parser = argparse.ArgumentParser(prog="scripts/storm --claims", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("tasks", nargs="?", type=int, default=100_000, help="to be claimed (default %(default)s)")
    parser.add_argument("--processes", type=int, default=PROCESSES, help="that want them (default %(default)s)")
    parser.add_argument("--root", type=Path, default=Path("/var/tmp"), help="where that is (default %(default)s)")
    asked = parser.parse_args()
    row = "{:<24} {:>8} {:>8} {:>8} {:>8} {:>10} {:>8}"
    print(row.format("recipe", "tasks", "claims", "doubled", "never", "processes", "seconds"))
    found = {}
    for name, recipe, tasks in (
        ("rename", by_rename, asked.tasks),
        ("read, change, write", by_writing, min(asked.tasks, MOST_BY_WRITING)),
    ):
        with tempfile.TemporaryDirectory(prefix="claims-", dir=asked.root) as folder:
            one = found[name] = count(Path(folder), tasks, recipe, asked.processes)
        figures = (one.tasks, one.claims, one.doubled, one.never, one.processes, f"{one.seconds:.0f}")
        print(row.format(name, *figures), flush=True)
    right, wrong = found["rename"], list[str]()
    if right.doubled or right.never:
        wrong.append(f"{right.doubled} were claimed twice, {right.never} never")
    if not found["read, change, write"].doubled:
        wrong.append("the other way shows no double claim either: this measurement sees nothing")
    again = f"again: scripts/storm --claims {asked.tasks} --processes {asked.processes}"
    print("\n".join(f"VIOLATION {text}; {again}" for text in wrong) or "as it should be")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
