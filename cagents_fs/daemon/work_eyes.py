"""What do agents write while they work? Heartbeats, output, manifests and the artifacts they point to."""

import errno
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from cagents_fs.core.index import Index, Record, Work
from cagents_fs.daemon.beat_eyes import alive
from cagents_fs.daemon.measuring import Measuring
from cagents_fs.daemon.misnamed import Misnamed
from cagents_fs.daemon.settling import Settling
from cagents_fs.daemon.watch import Watcher
from cagents_fs.errors import StorageError
from cagents_fs.evidence import gathering, stamp
from cagents_fs.model.faults import Fault
from cagents_fs.model.layout import AGENT_LOG, MANIFEST, is_agents_own
from cagents_fs.model.observations import ManifestSeen, Now
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import NOT_STARTED, State
from cagents_fs.plans import workspace_of
from cagents_fs.store.evidence import Budget, Roots, Steps
from cagents_fs.store.fingerprint import fingerprint
from cagents_fs.store.reading import NotRegular, Signature, TooLarge, read_bounded

log = logging.getLogger("cagents_fs")
T = TypeVar("T")
MEASURING = "measuring"
MANY_WATCHES = 10_000
YOUNGEST_S = 10.0  # an artifact that never comes to rest is judged as it is after this long
INLINE_BYTES = 8 << 20  # so much is read for evidence in a turn, some 20 ms; the rest off the turn
UNREADABLE_S = 5.0  # until what the disk did not give is asked for again
DEAR_S = 0.01  # looking at what a manifest names is dear when it takes this long,
SELDOM = 200  # and is then done again after so many times that long
LOOKED_AT = frozenset({State.IN_PROGRESS, State.UNDER_REVIEW, State.RETRY, State.BLOCKED})


@dataclass(slots=True)
class _Known:
    """A manifest as it was when it was last gathered."""

    signature: Signature
    stamp: str
    again_s: float = 0.0  # when, in observed seconds, its stamp may be compared again


class WorkEyes:
    """Reads what belongs to tasks in work."""

    def __init__(
        self, root: str, index: Index, settling: Settling, watcher: Watcher, policy: Callable[[], Policy]
    ) -> None:
        """Nothing is read yet."""
        self.root, self.index, self.settling, self.watcher, self.policy = root, index, settling, watcher, policy
        self.wake_s: float | None = None  # when something that has to settle should be looked at again
        self.unsettled: set[tuple[str, str]] = set()  # manifests to look at again
        self.measuring: Measuring | None = None  # who reads off the turn
        self.misnamed = Misnamed(root)
        self._inline = (0.0, 0)  # of the turn at this time, so many bytes were read
        self._manifests: dict[tuple[str, str], _Known] = {}
        self._young: dict[tuple[str, str], float] = {}  # since when evidence has been too young to judge
        self._prints: dict[tuple[str, str], str] = {}

    # -- output and manifests --------------------------------------------------------------------------------------

    def look(self, work: Work, now: Now) -> None:
        """Look at the output of every task that somebody works on."""
        for state in (*LOOKED_AT, State.COMPLETED, State.FAILED, State.CANCELLED):
            for task_id in tuple(work.in_state[state]):
                if state is not State.COMPLETED or work.records[task_id].ledger.accepted is None:
                    self.output(work, task_id, now)

    def entered(self, work: Work, record: Record, now: Now) -> None:
        """A task was claimed, or put into `completed` by somebody: watch and look at its output from here on."""
        self.begun(work, record)
        self.output(work, record.task.task_id, now)

    def begun(self, work: Work, record: Record) -> None:
        """Whatever lies in its output by now is no sign of life: only what changes from here on."""
        self._prints[work.id, record.task.task_id] = self._print(work, record)

    def output(self, work: Work, task_id: str, now: Now, *, renamed: bool = False) -> None:
        """Something changed in the output of a task."""
        record = work.records.get(task_id)
        if record is None or record.state is None:
            return
        for folder in self.output_folders(work, task_id):
            if record.state is State.IN_PROGRESS and os.path.isdir(folder):
                self.watcher.add(folder)
            if renamed:
                self.settling.was_renamed(os.path.join(folder, MANIFEST))
        if record.state is State.IN_PROGRESS:
            self._sign(work, record, now)
        if record.state not in NOT_STARTED:
            self.manifest(work, record, now)

    def output_folders(self, work: Work, task_id: str) -> tuple[str, str]:
        """The output directory of a task, and the one that counts where it does not exist."""
        base = os.path.join(self.root, work.id, "outputs")
        return os.path.join(base, "partial", task_id), os.path.join(base, task_id)

    def unwatch(self, work: Work, task_id: str) -> None:
        """A task is no longer worked on: where many folders are watched, its own is not any more."""
        if self.watcher.count() > MANY_WATCHES:
            for folder in self.output_folders(work, task_id):
                self.watcher.remove(folder)

    def _sign(self, work: Work, record: Record, now: Now) -> None:
        key = (work.id, record.task.task_id)
        seen, before = self._print(work, record), self._prints.get(key)
        self._prints[key] = seen
        if before is not None and seen != before:
            alive(work, record, now)

    def _print(self, work: Work, record: Record) -> str:
        task_id, own_log = record.task.task_id, record.ledger.by_runner

        def ignore(folder: str, name: str) -> bool:
            self.misnamed.met(work, task_id, folder, name)
            return not (is_agents_own(name) or (own_log and name == AGENT_LOG))

        return "".join(fingerprint(folder, partial(ignore, folder)) for folder in self.output_folders(work, task_id))

    def manifest(self, work: Work, record: Record, now: Now) -> None:
        """Look whether there is a manifest, and whether it or what it names has changed."""
        key = (work.id, record.task.task_id)
        self.unsettled.discard(key)
        for folder in self.output_folders(work, record.task.task_id):
            path = os.path.join(folder, MANIFEST)
            try:
                signature = Signature.of(os.lstat(path))
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                    raise  # that is no absence
                continue
            self._manifest(work, record, path, signature, now)
            return
        self._manifests.pop(key, None)
        if self.measuring is not None:
            self.measuring.cancel(key)
        record.manifest, record.manifest_gone, record.manifest_coming = None, True, False
        work.touched[record.task.task_id] = None

    def _manifest(self, work: Work, record: Record, path: str, signature: Signature, now: Now) -> None:
        key = (work.id, record.task.task_id)
        known, seen = self._manifests.get(key), record.manifest
        if known and known.signature == signature and self._is_as_it_was(work, known, seen, now):
            return
        relative = os.path.relpath(path, os.path.join(self.root, work.id))
        faults: tuple[Fault, ...] = ()
        data = b""
        try:
            snapshot = read_bounded(path, self.policy().max_file_bytes)
        except FileNotFoundError:
            return
        except TooLarge as error:
            faults = (Fault("unparsable", str(error), relative),)
        except NotRegular as error:
            faults = (Fault("unparsable", str(error), relative),)
        else:
            wake_s = self.settling.wait_s(path, snapshot, now)
            if wake_s is not None:
                self._wait(record, key, wake_s)
                return
            data, signature = snapshot.data, snapshot.signature
        roots = self.roots(work, record)
        patient = now.s - self._young.setdefault(key, now.s) < max(YOUNGEST_S, 5 * self.policy().settle_s)
        settle_s, wall_s = self.policy().settle_s if patient else 0.0, now.wall_s

        budget = Budget.of(self.policy().max_artifact_bytes, self.policy().hash_timeout_s)
        task_id = record.task.task_id
        steps = gathering(task_id, relative, data, faults, roots, wall_s, settle_s, budget)

        def done(seen: ManifestSeen | None, later: Now) -> None:
            now_work = self.index.turn_to(work.id)
            self._manifests.pop((work.id, task_id), None)
            if now_work is not None and task_id in now_work.records:
                self.gathered(now_work, now_work.records[task_id], signature, seen, later)

        self._manifests[key] = _Known(signature, MEASURING)
        record.manifest, record.manifest_gone, record.manifest_coming = None, False, True
        self.here_or_off_turn(key, steps, done, lambda error, later: self._put_off(work.id, task_id, error, later), now)

    def here_or_off_turn(
        self,
        key: tuple[str, ...],
        steps: Steps[T],
        done: Callable[[T, Now], None],
        failed: Callable[[Exception, Now], None],
        now: Now,
    ) -> None:
        """Go through steps that read, in this turn as far as it has room for them, else off it.

        Of what is under way with this key no answer is wanted any more.
        """
        if self.measuring is not None:
            self.measuring.cancel(key)
        at_s, spent = self._inline
        spent = spent if at_s >= now.s else 0
        try:
            while True:
                announced = next(steps)
                if self.measuring is not None and spent + announced > INLINE_BYTES:
                    self.measuring.submit(key, steps, done, failed, announced)
                    return
                spent += announced
                self._inline = (now.s, spent)
        except StopIteration as end:
            found = end.value
        except Exception as error:
            failed(error, now)
            return
        done(found, now)

    def _put_off(self, instruction: str, task_id: str, error: Exception, now: Now) -> None:
        """The disk does not give the bytes of an artifact: that holds up this task, and nothing else."""
        key = (instruction, task_id)
        self._manifests.pop(key, None)
        work = self.index.turn_to(instruction)
        if not isinstance(error, StorageError):
            raise error
        if work is not None and task_id in work.records:
            log.error("%s: %s", task_id, error.message, extra={"event": "storage", "instruction": instruction})
            self._wait(work.records[task_id], key, now.s + UNREADABLE_S)

    def _is_as_it_was(self, work: Work, known: _Known, seen: ManifestSeen | None, now: Now) -> bool:
        """Whether nothing that a manifest names has changed. What takes long to look at is not looked at each time."""
        if known.stamp == MEASURING or seen is None:
            return known.stamp == MEASURING
        if now.s < known.again_s:
            return True
        begun_s = time.monotonic()
        try:
            same = known.stamp == stamp(seen, self.roots(work, work.records[seen.task_id]))
        except StorageError:
            same = True  # as far as we know; it is asked again at the next look
        cost_s = time.monotonic() - begun_s
        if same:
            work.records[seen.task_id].looked_s = now.s
        known.again_s = now.s + SELDOM * cost_s if cost_s > DEAR_S else now.s
        return same

    def gathered(self, work: Work, record: Record, signature: Signature, seen: ManifestSeen | None, now: Now) -> None:
        """The evidence of a manifest was measured; None: some of it is too young to be judged."""
        key = (work.id, record.task.task_id)
        self._manifests.pop(key, None)
        record.manifest_coming = False
        if seen is None:
            self._wait(record, key, now.s + self.policy().settle_s)
            return
        self._young.pop(key, None)
        self._manifests[key] = _Known(signature, seen.stamp)
        record.manifest, record.manifest_gone, record.looked_s = seen, False, now.s
        work.touched[record.task.task_id] = None
        if seen.manifest is not None and seen.manifest.status == "partial":
            alive(work, record, now)

    def again(self, work: Work, record: Record, now: Now) -> None:
        """Measure the evidence once more, whatever stat says: its checks have just run."""
        self._manifests.pop((work.id, record.task.task_id), None)
        record.manifest = None
        self.manifest(work, record, now)

    def _wait(self, record: Record, key: tuple[str, str], at_s: float) -> None:
        """Something has changed and is not settled: what was seen before counts no more, and nothing is judged yet."""
        if self.measuring is not None:
            self.measuring.cancel(key)
        record.manifest, record.manifest_gone, record.manifest_coming = None, False, True
        self.unsettled.add(key)
        self.wake_s = at_s if self.wake_s is None else min(self.wake_s, at_s)

    def look_again(self, now: Now) -> None:
        """Look at the manifests that had to settle."""
        self.wake_s = None
        for instruction, task_id in tuple(self.unsettled):
            work = self.index.turn_to(instruction)
            if work is not None and task_id in work.records:
                self.manifest(work, work.records[task_id], now)
                work.touched[task_id] = None
            else:
                self.unsettled.discard((instruction, task_id))

    def look_soon(self, key: tuple[str, str], now: Now) -> None:
        """Compare a manifest and what it names at the beginning of the next turn: it is about to be judged."""
        if key in self._manifests:
            self._manifests[key].again_s = 0.0
        self.unsettled.add(key)
        self.wake_s = now.s

    def roots(self, work: Work, record: Record) -> Roots:
        """Where the artifacts of a task may lie."""
        partial, plain = self.output_folders(work, record.task.task_id)
        own = plain if os.path.isdir(plain) and not os.path.isdir(partial) else partial
        workspace = workspace_of(self.root, work.instruction.workspace)
        return Roots(os.path.join(self.root, work.id, "outputs"), own, workspace)
