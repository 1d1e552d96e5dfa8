"""What must fail, so that nobody trusts a model that finds nothing: three careless toys, and the product unsynced.

The toy writes a file, says so in a journal, announces a move, moves the file, says so. One that does it right stands
beside the careless ones, and has to survive everything.
"""

import os
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

from cagents_fs.store import commit, disk, journal
from tests.crash.company import NAMED
from tests.crash.oplog import operations
from tests.crash.preload import Shim
from tests.crash.process import Came, apart
from tests.crash.stage import Stage
from tests.power.model import Disk, History, Recorder
from tests.power.outage import Outage
from tests.power.states import disk_of, states

CONTENT = b"what has to be done" * 50
JOURNAL = "one/journal.jsonl"
ENOUGH = 60  # states of the product without a sync: one of them has to be broken


@dataclass(frozen=True, slots=True)
class Toy:
    """Moves two files from one folder to another, with or without each kind of care."""

    name: str
    contents: bool = True  # synced before the rename
    folders: bool = True  # synced after it
    announced: bool = True  # the announcement is synced before the move

    def run(self, root: str) -> None:
        """Its life."""
        told = os.open(f"{root}/{JOURNAL}", os.O_RDWR | os.O_CREAT | os.O_APPEND)
        self._sync_folder(f"{root}/one")
        for name in ("x", "y"):
            beside, first, last = f"{root}/one/a/.{name}", f"{root}/one/a/{name}", f"{root}/one/b/{name}"
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT)
            os.write(descriptor, CONTENT)
            if self.contents:
                os.fsync(descriptor)
            os.close(descriptor)
            os.rename(beside, first)
            self._sync_folder(f"{root}/one/a")
            os.write(told, f"made {name}\n".encode())
            os.fdatasync(told)
            os.write(told, f"intend {name}\n".encode())
            if self.announced:
                os.fdatasync(told)
            os.rename(first, last)
            self._sync_folder(f"{root}/one/b")
            self._sync_folder(f"{root}/one/a")
            os.write(told, f"moved {name}\n".encode())
            os.fdatasync(told)

    def _sync_folder(self, path: str) -> None:
        if self.folders:
            disk.sync_folder(path)

    def history(self, folder: Path) -> History:
        """What its life changes, call by call."""
        root, log = folder / "toy", folder / "toy.log"
        for name in ("a", "b"):
            (root / "one" / name).mkdir(parents=True)
        base = Disk.of(root)

        def live() -> Came:
            shim = Shim()
            shim.log_to(os.open(log, os.O_CREAT | os.O_TRUNC | os.O_WRONLY))
            shim.arm(str(root))
            self.run(str(root))
            return Came(0)

        came = apart(live)
        assert came.code == 0, came.said
        history = Recorder(base, str(root), strict=False).take(operations(log))
        assert history.end.tree() == Disk.of(root).tree()
        return history

    def broken(self, folder: Path) -> tuple[int, int]:
        """How many states there are, and in how many something is lost."""
        history = self.history(folder)
        found = states(history)
        return len(found), sum(bool(list(_wrong(disk_of(history, s), history.told[s.cut]))) for s in found)


def _wrong(found: Disk, told: dict[str, bytes]) -> Iterator[str]:
    tree = found.tree()
    known = told.get(JOURNAL, b"").decode().splitlines()
    written = (tree.get(JOURNAL) or b"").split(b"\n")
    for line in known:
        what, name = line.split()
        there = [folder for folder in ("a", "b") if f"one/{folder}/{name}" in tree]
        if len(there) != 1 or tree[f"one/{there[0]}/{name}"] != CONTENT:
            yield f"{line}: lost or damaged"
        elif what == "moved" and there != ["b"]:
            yield f"{line}: it is back"
    for name in ("x", "y"):
        if f"one/b/{name}" in tree and f"intend {name}".encode() not in written:
            yield f"{name} was moved, and nobody has said so"


RIGHT = Toy("with every sync")
TOYS = (
    Toy("contents are not synced before the rename", contents=False),
    Toy("folders are not synced", folders=False),
    Toy("the announcement is not synced before the move", announced=False),
)

# The product, with one kind of sync left out, and a scene in which that is acknowledged all the same.
_nothing = lambda *_, **__: None  # noqa: E731
_write_new = disk._write_new


def _carelessly(path: str, data: bytes, *, durable: bool, mode: int = 0o644) -> None:  # noqa: ARG001 - that is the point
    _write_new(path, data, durable=False, mode=mode)


CARELESS: dict[str, tuple[str, Callable[[], list[AbstractContextManager[object]]]]] = {
    "the product, nothing synced": (
        "accepted",
        lambda: [patch.object(os, "fsync", _nothing), patch.object(os, "fdatasync", _nothing)],
    ),
    "the product, no folder synced": (
        "intake",
        lambda: [patch.object(disk, "sync_folder", _nothing), patch.object(commit, "sync_folder", _nothing)],
    ),
    "the product, journals not synced": ("accepted", lambda: [patch.object(journal.Journal, "sync", _nothing)]),
    "the product, contents not synced": (
        "intake",
        lambda: [patch.object(disk, "_write_new", _carelessly)],
    ),
}


def careless(name: str, folder: Path, seed: int) -> tuple[int, int]:
    """How many cuts of the product were played until one broke a promise, and how many did."""
    scene_name, without = CARELESS[name]
    scene = NAMED[scene_name]

    def counted(stage: Stage) -> tuple[int, str]:
        with ExitStack() as stack:
            for one in without():
                stack.enter_context(one)
            return scene.counted(stage)

    outage = Outage(folder)
    recorded = outage.record(replace(scene, counted=counted), "power_loss", strict=False)
    history = recorded.history
    # The daemon has ended: to its knowledge everything in the journal is durable.
    end = {path: data or b"" for path, data in history.end.tree().items() if path.endswith("/journal.jsonl")}
    history.told = [*history.told[:-1], end]
    last = [state for state in states(history) if state.cut == len(history.made) - 1]
    played = 0
    for state in random.Random(seed).sample(last, min(ENOUGH, len(last))):
        played += 1
        if outage.cut(recorded, state):
            return played, 1
    return played, 0


def controls(base: Path, seed: int) -> int:
    """Play all of them and say what came; returns how many were not as they have to be."""
    missed = 0
    print(f"{'what has to fail':60} {'cuts':>7} {'broken':>7}")
    for toy in (*TOYS, RIGHT):
        folder = base / toy.name.replace(" ", "-")
        folder.mkdir()
        played, broken = toy.broken(folder)
        missed += bool(broken) is (toy is RIGHT)
        note = "  (this one must not)" if toy is RIGHT else ""
        print(f"a toy: {toy.name:53} {played:7} {broken:7}{note}", flush=True)
    for name in CARELESS:
        folder = base / name.replace(" ", "-")
        folder.mkdir()
        played, broken = careless(name, folder, seed)
        missed += not broken
        print(f"{name:60} {played:7} {broken:7}", flush=True)
    print(f"{missed} of them not as they have to be")
    return missed
