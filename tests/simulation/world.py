"""The tree as its actors see and change it, and what an all-seeing observer remembers of what they did."""

import contextlib
import hashlib
import json
import os
import random
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cagents_fs.daemon.watch import Hint
from cagents_fs.jobs import Job
from cagents_fs.model.layout import TREE_FOLDERS
from cagents_fs.store.disk import make_folders
from cagents_fs.store.tree import locate
from tests.simulation.sim_clock import SimClock
from tests.simulation.tripwire import Tripwire

Document = dict[str, Any]
Key = tuple[str, str]  # instruction, task
_TASK_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\.yaml")
END = b"\n...\n"  # the YAML end marker


class Violation(AssertionError):
    """A promise was broken. Begins with the promise's number."""


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def encoded(document: object) -> bytes:
    """JSON is YAML, and much faster to write."""
    return json.dumps(document).encode()


@dataclass(slots=True)
class Numbers:
    """The configuration of this world: small, so that everything runs out soon."""

    settle_s: float = 1.0
    scan_s: float = 30.0
    lease_s: float = 120.0
    grace_s: float = 60.0
    depth: int = 10
    max_rework: int = 3
    max_retries: int = 3
    limits: dict[str, int] = field(default_factory=dict)


class World:
    """A folder with an `Agent_Memory` in it."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.seed, self.chance = seed, random.Random(seed)
        self.clock, self.wire = SimClock(), Tripwire()
        self.root = str(folder.resolve() / "Agent_Memory")
        os.mkdir(self.root)
        make_folders(self.root, TREE_FOLDERS)
        self.numbers = Numbers()
        self.plans: dict[str, Document] = {}
        self.tasks: dict[Key, Document] = {}  # every definition that was handed to the daemon
        self.turn = 0
        self.transcript: list[str] = []
        self.counts: Counter[str] = Counter()
        self.deaf = 0.0  # the share of events that are lost
        self.hints: list[Hint] = []
        self.sums: dict[str, list[tuple[int, str]]] = {}  # output file -> (turn, digest) of its versions
        self.unfinished: dict[str, str] = {}  # path of a half-written file that is held open -> its digest
        self.alive_s = 0.0  # for how long a daemon has lived and been awake
        self.life_began_s = 0.0
        self.sleeps: list[tuple[float, float]] = []  # (until, how long) the machine slept
        self.touched_s: dict[Key, float] = {}  # when an actor last changed where this task's files lie, in `alive_s`
        self.signs_s: dict[Key, list[tuple[float, str, int]]] = {}  # when who gave signs of life, of which attempt
        self.claimed_s: dict[Key, float] = {}  # when an agent has claimed it
        self.gone: set[Key] = set()  # tasks whose file somebody has removed
        self.passing: set[Key] = set()  # tasks whose checks pass as their output is now
        self.wrote_s = 0.0  # when an actor last wrote anything
        self._open: dict[str, int] = {}
        self._stamp = 0

    def say(self, text: str) -> None:
        """A line of the transcript."""
        self.transcript.append(f"{self.turn:4} {self.clock.passed_s:10.3f}  {self.masked(text)[:340]}")

    def masked(self, text: str) -> str:
        """Without the name of the folder, which is another one each time."""
        return text.replace(os.path.dirname(self.root), "...")

    def count(self, what: str) -> None:
        self.counts[what] += 1

    def passes(self, job: Job) -> bool:
        """Whether the checks of a task pass."""
        return not job.task_id or (job.instruction, job.task_id) in self.passing

    def may_wait(self, instruction: str) -> set[str]:
        """Tasks that hold no slot while they wait for children or at a checkpoint."""
        tasks = [task for (i, _), task in self.tasks.items() if i == instruction]
        parents = {str(task.get("parent_task_id")) for task in tasks}
        points = [(task, d["coordination"]) for task in tasks if isinstance(d := task.get("dependencies"), dict)]
        return parents | {name for task, found in points for c in found for name in (task["task_id"], *c["with"])}

    # -- looking ---------------------------------------------------------------------------------------------------

    def path(self, relative: str) -> str:
        return os.path.join(self.root, relative)

    def there(self, relative: str) -> bool:
        return os.path.lexists(self.path(relative))

    def read(self, relative: str) -> bytes:
        """Its bytes; none where it is not there."""
        try:
            with open(self.path(relative), "rb") as file:
                return file.read()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return b""

    def names(self, relative: str) -> list[str]:
        """The stems of the task files in a folder, sorted."""
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            found = os.listdir(self.path(relative))
            return sorted(name[:-5] for name in found if _TASK_FILE.fullmatch(name) and name != "queue.yaml")
        return []

    def folders(self, relative: str) -> list[str]:
        with contextlib.suppress(FileNotFoundError):
            return sorted(entry.name for entry in os.scandir(self.path(relative)) if entry.is_dir())
        return []

    # -- writing ---------------------------------------------------------------------------------------------------

    def publish(self, relative: str, data: bytes) -> None:
        """As every writer should: a dot file beside it, then a rename."""
        folder, name = os.path.split(self.path(relative))
        os.makedirs(folder, exist_ok=True)
        beside = os.path.join(folder, f".{name}.tmp")
        self._put(beside, data)
        os.rename(beside, self.path(relative))
        self._wrote(relative, data, renamed=True)

    def scribble(self, relative: str, data: bytes) -> None:
        """In place, as most do."""
        os.makedirs(os.path.dirname(self.path(relative)), exist_ok=True)
        self._put(self.path(relative), data)
        self._wrote(relative, data)

    def begin(self, relative: str, data: bytes) -> None:
        """The first part of a file whose writer keeps it open."""
        os.makedirs(os.path.dirname(self.path(relative)), exist_ok=True)
        self.finish(relative, b"")
        self._open[relative] = os.open(self.path(relative), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        self._append(relative, data)
        self.unfinished[relative] = sha256(self.read(relative))

    def finish(self, relative: str, data: bytes) -> bool:
        """The rest of it, and its end. False where its writer has let go of it before."""
        if relative not in self._open:
            return False
        self._append(relative, data)
        os.close(self._open.pop(relative))
        self.unfinished.pop(relative, None)
        return True

    def is_written(self, folder: str) -> bool:
        """Whether somebody holds a file in this folder open."""
        return any(path.startswith(folder) for path in self._open)

    def finish_all(self) -> None:
        """Every writer comes to an end: what was half stays half."""
        for relative in list(self._open):
            self.finish(relative, b"")

    def _append(self, relative: str, data: bytes) -> None:
        descriptor = self._open[relative]
        os.write(descriptor, data)
        os.utime(descriptor, ns=(self._now_ns(), self._now_ns()))
        now = os.path.relpath(os.readlink(f"/proc/self/fd/{descriptor}"), self.root)  # its folder may have moved
        self._wrote(now, self.read(now))

    def _put(self, path: str, data: bytes) -> None:
        with open(path, "wb") as file:
            file.write(data)
        os.utime(path, ns=(self._now_ns(), self._now_ns()))

    def _now_ns(self) -> int:
        """The simulated time, never twice the same: two versions always differ."""
        self._stamp, self.wrote_s = self._stamp + 1, self.clock.passed_s
        return self.clock.time_ns() // 1000 * 1000 + self._stamp % 1000

    def _wrote(self, relative: str, data: bytes, *, renamed: bool = False) -> None:
        if "/outputs/" in relative:
            self.sums.setdefault(relative, []).append((self.turn, sha256(data)))
        self.hear(relative, renamed=renamed)

    def touch(self, key: Key) -> None:
        """Somebody has changed where files of this task lie."""
        self.touched_s[key] = self.alive_s

    def is_touched(self, key: Key) -> bool:
        """Whether somebody has, so lately that the daemon need not have seen it, or not twice."""
        patience_s = 2 * self.numbers.scan_s + 3 * self.numbers.settle_s + 5.0
        return self.alive_s - self.touched_s.get(key, -1e9) <= patience_s

    def unobserved_since(self, since_s: float) -> float:
        """For how long since then nobody could look, as the machine slept."""
        return sum(long_s for until_s, long_s in self.sleeps if until_s > since_s)

    # -- moving ----------------------------------------------------------------------------------------------------

    def move(self, key: Key, source: str, target: str) -> bool:
        """`mv` of a task file; False where somebody was first."""
        instruction, task = key
        old, new = f"{instruction}/{source}/{task}.yaml", f"{instruction}/{target}/{task}.yaml"
        if not self.there(old) or self.there(new) or not os.path.isdir(os.path.dirname(self.path(new))):
            return False
        os.rename(self.path(old), self.path(new))
        self.touch(key)
        self.hear(old)
        self.hear(new, renamed=True)
        return True

    def copy(self, key: Key, source: str, target: str) -> bool:
        """A second file of a task."""
        instruction, task = key
        old, new = f"{instruction}/{source}/{task}.yaml", f"{instruction}/{target}/{task}.yaml"
        if not self.there(old) or self.there(new) or not os.path.isdir(os.path.dirname(self.path(new))):
            return False
        self.touch(key)
        self.publish(new, self.read(old))
        return True

    def see_again(self) -> None:
        """What was gone and is there again, made anew."""
        self.gone = {(i, task) for i, task in self.gone if not self.lies_somewhere(i, task)}

    def lies_somewhere(self, instruction: str, task: str) -> bool:
        return bool(locate(self.path(instruction), task))

    def remove(self, relative: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path(relative))
            self.hear(relative)

    # -- events ----------------------------------------------------------------------------------------------------

    def hear(self, relative: str, *, renamed: bool = False) -> None:
        """An event: mostly heard once and in time, at times lost or doubled."""
        if self.chance.random() < self.deaf:
            return
        hint = Hint(self.path(relative), renamed=renamed)
        self.hints.extend([hint, hint] if self.chance.random() < 0.05 else [hint])

    def take_hints(self) -> list[Hint]:
        """What the daemon hears before its next turn; some of it comes late."""
        late = [hint for hint in self.hints if self.chance.random() < 0.03]
        taken = [hint for hint in self.hints if hint not in late]
        self.hints = late
        return taken

    def follow(self, source: str, target: str) -> None:
        """The daemon has renamed something: its events, and where what lay in it lies now."""
        old, new = os.path.relpath(source, self.root), os.path.relpath(target, self.root)
        self.hear(old)
        self.hear(new, renamed=True)
        if "/outputs/" in old:
            for path in [path for path in self.sums if path.startswith(old + "/")]:
                self.sums[new + path[len(old) :]] = self.sums.pop(path)
