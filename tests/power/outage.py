"""One cut: the tree that it left, two restarts, and whether everything that was acknowledged is there."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.crash import fsck
from tests.crash.case import Set, Theatre
from tests.crash.oplog import Operation, operations
from tests.crash.process import Came, apart
from tests.crash.scene import Scene
from tests.power import weaker
from tests.power.model import Disk, History, Recorder, Trees
from tests.power.states import State, disk_of

# What these commands do is not promised to outlive the power: signs of life, claims; and a message may come back.
NOT_KEPT = ("command-claim", "command-heartbeat", "command-inbox", "command-init")


@dataclass(frozen=True, slots=True)
class Recorded:
    """A scene that was played once, undisturbed, and what it has changed."""

    one: Set
    history: History
    after: fsck.Tree  # right after the counted thing
    durability: str
    strict: bool


class Outage(Theatre):
    """Plays cuts in a folder, as Theatre plays crashes."""

    def record(self, scene: Scene, durability: str, *, strict: bool) -> Recorded:
        """Set a scene up and write down what it changes. Raises AssertionError where the model misses something."""
        one = self.set_up(scene, f"{scene.name}.{durability}.{strict}")
        self._counted(scene, one.template, looks=False)
        real = Disk.of(self.root).tree()
        log = list(operations(self.log))
        base = Disk.of(one.template)
        if scene.agents is not None:
            foreign(log, real.keys() - base.tree().keys(), real, str(self.root))
        history = Recorder(base, str(self.root), strict=strict).take(log)
        told = history.end.tree()
        missed = sorted(path for path in real.keys() | told.keys() if real.get(path, 0) != told.get(path, 0))
        assert not missed, f"{scene.name}: the op log does not explain {missed[:5]}"
        return Recorded(one, history, fsck.listing(self._tree(scene)), durability, strict)

    def cut(self, recorded: Recorded, state: State) -> list[str]:
        """What is wrong after this cut."""
        shutil.rmtree(self.root, ignore_errors=True)
        lay_out(disk_of(recorded.history, state), self.root)
        acknowledged = state.cut == len(recorded.history.made) - 1
        in_order = recorded.history.in_order(state.kept)
        return self.judge(recorded, recorded.history.told[state.cut], acknowledged=acknowledged, in_order=in_order)

    def judge(
        self, recorded: Recorded, told: dict[str, bytes], *, acknowledged: bool, in_order: bool = True
    ) -> list[str]:
        """What is wrong with the tree that a cut left. `told`: journals as far as they were synced.

        Where a `moved` line is there without its rename (no file system with a journal does that), the task is where it
        was, moved back by somebody, as it seems to the daemon: it goes on, and may end elsewhere.
        """
        scene, one = recorded.one.scene, recorded.one
        if scene.again is not None and (not acknowledged or scene.name == "command-init"):
            came = apart(lambda: self._again(scene))
            if came.code:
                return [f"the command cannot be given again: {came.said}"]
        commanded = scene.again is not None and acknowledged and scene.name not in NOT_KEPT
        before = one.before if not commanded else one.before | _published(recorded.after)
        if recorded.durability == "process":
            wrong = self._weaker(lambda: weaker.process(self, one, before))
        elif recorded.strict:
            wrong = self._weaker(lambda: weaker.strict(self, one, before)) + _untold(self.root, told)
        else:
            wrong = self._recovered(one, before, strict=False) + _untold(self.root, told)
            if in_order and (scene.same_end or commanded):
                wrong += _other_ends(self._tree(scene), one)
        return [text for text in wrong if not text.startswith("litter")]  # cut short more than once is likely here

    def _weaker(self, look: Callable[[], list[str]]) -> list[str]:
        came = apart(lambda: Came(0, "\n".join(look())))
        return [*came.said.splitlines(), *([f"I5 the restart died: {came.code}"] if came.code else [])]


def _published(after: fsck.Tree) -> fsck.Tree:
    """What a command that has ended with 0 has put there for good."""
    return {path: data for path, data in after.items() if "/heartbeats/" not in path}


def _other_ends(root: Path, one: Set) -> list[str]:
    """Which tasks do not end where they would have: but for the queue, where another may have been first meanwhile."""
    wrong = []
    for name, tasks in one.ends.items():
        found = fsck.places(root / name)
        for task_id, there in tasks.items():
            if _released(found.get(task_id, [])) != _released(there):
                wrong.append(f"{task_id} is in {found.get(task_id)}, not in {there}")
    return wrong


def _released(places: list[str]) -> list[str]:
    return ["queued" if place.startswith(("queues/agents", "queues/domains")) else place for place in places]


def _untold(root: Path, told: dict[str, bytes]) -> list[str]:
    """Which journals no longer begin with what was synced of them."""
    wrong = []
    for path, data in told.items():
        found = (root / path).read_bytes() if (root / path).exists() else b""
        if not found.startswith(data):
            lost = next(n for n, line in enumerate(data.splitlines(), 1) if line not in found.splitlines()[:n][-1:])
            wrong.append(f"I3 journal: line {lost} of {path} was synced, and is not there")
    return wrong


def lay_out(disk: Disk, root: Path) -> None:
    """Make files and folders as they are on a disk; two names of one file are two links."""
    os.mkdir(root)
    first: dict[int, str] = {}
    base = str(root)
    for path, inode in disk.paths():
        data, whole = disk.contents[inode], f"{base}/{path}"
        if data is None:
            os.mkdir(whole)
        elif inode in first:
            os.link(first[inode], whole)
        else:
            first[inode] = whole
            with open(whole, "wb", buffering=0) as file:
                file.write(data)
                if inode in disk.times_ns:
                    os.utime(file.fileno(), ns=(disk.times_ns[inode], disk.times_ns[inode]))


def foreign(log: list[Operation], new: set[str], real: Trees, root: str) -> None:
    """Put into the log what no shim has seen: agents of the runner, who write before they are handed in."""
    seen = {operation.path for operation in log} | {operation.other for operation in log}
    for path in sorted(new):
        whole, data = f"{root}/{path}", real[path]
        if data and whole not in seen and "/outputs/" in path:
            manifest = f"{os.path.dirname(whole)}/manifest.yaml"
            at = next((number for number, operation in enumerate(log) if operation.other == manifest), len(log))
            log[at:at] = [Operation(0, "create", whole, "", b""), Operation(0, "write", whole, "0", data)]
