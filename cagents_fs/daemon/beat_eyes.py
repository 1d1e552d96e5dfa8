"""What do agents say of themselves? Heartbeats: content that changes is a sign of life, what is wrong is answered."""

import hashlib
import os
from collections.abc import Callable, Iterator

from cagents_fs.core.index import Record, Work
from cagents_fs.daemon.answering import answer, mended, version_of
from cagents_fs.daemon.settling import Settling
from cagents_fs.model.actions import Action, Note
from cagents_fs.model.faults import Fault
from cagents_fs.model.files import Heartbeat
from cagents_fs.model.ids import is_candidate, near_miss
from cagents_fs.model.observations import Now
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import State
from cagents_fs.report.words import span
from cagents_fs.rules.oddities import warned
from cagents_fs.store.check import Checked, check
from cagents_fs.store.reading import NotRegular, Signature, Snapshot, TooLarge, read_bounded
from cagents_fs.store.yaml import Unreadable, parse_mapping

SKEW_S = 60.0  # so far may the time that an agent writes be from that of its file


class BeatEyes:
    """Reads heartbeats."""

    def __init__(self, root: str, settling: Settling, policy: Callable[[], Policy]) -> None:
        """Nothing is read yet."""
        self.root, self.settling, self.policy = root, settling, policy
        self.wake_s: float | None = None  # when something that has to settle should be looked at again
        self._beats: dict[str, tuple[Signature, str]] = {}
        self._wrong_clocks: set[tuple[str, str]] = set()  # heartbeats whose times are known to be wrong

    def heartbeats(self, work: Work, now: Now) -> Iterator[Action]:
        """Look at all heartbeats of an instruction."""
        folder = os.path.join(self.root, work.id, "heartbeats")
        for name in _names(folder):
            yield from self.heartbeat(work, name, now)

    def heartbeat(self, work: Work, name: str, now: Now) -> Iterator[Action]:
        """Look at one heartbeat; `name` is relative to the folder of heartbeats."""
        path = os.path.join(self.root, work.id, "heartbeats", name)
        relative = f"heartbeats/{name}"
        if not is_candidate(base := os.path.basename(name)):
            return
        if wrong := near_miss(base):
            yield from answer(work, relative, [Fault("bad_name", wrong, relative)], "name", _writer(name))
            return
        try:
            signature = Signature.of(os.lstat(path))
            if self._beats.get(path, (None,))[0] == signature:
                return
            snapshot = read_bounded(path, self.policy().max_file_bytes)
        except (FileNotFoundError, NotADirectoryError):
            return
        except (NotRegular, TooLarge) as error:
            version = f"{signature.ino}.{signature.size}"
            yield from answer(work, relative, [Fault("unparsable", str(error), relative)], version, _writer(name))
            return
        wake_s = self.settling.wait_s(path, snapshot, now)
        if wake_s is not None:
            self.wake_s = wake_s if self.wake_s is None else min(self.wake_s, wake_s)
            self._changed_at_least(work, name, snapshot.data, path, now)
            return
        content = hashlib.sha256(snapshot.data).hexdigest()
        before = self._beats.get(path)
        self._beats[path] = (snapshot.signature, content)
        if before is not None and before[1] == content:
            return  # rewritten as it was: no change of content, no sign of life
        first = before is None and self.settling.starting
        yield from self._beat(work, name, relative, snapshot, now, first=first)

    def _changed_at_least(self, work: Work, name: str, data: bytes, path: str, now: Now) -> None:
        """A heartbeat that is rewritten all the time never settles; that it changes is a sign of life all the same."""
        content = hashlib.sha256(data).hexdigest()
        before = self._beats.get(path + "\0seen")
        if before is None or before[1] != content:
            self._beats[path + "\0seen"] = (Signature(0, 0, 0, 0, 0), content)
            if before is None and self.settling.starting:
                return  # it may have been written long ago
            _alive_by_name(work, name, now)

    def _beat(
        self, work: Work, name: str, relative: str, snapshot: Snapshot, now: Now, *, first: bool
    ) -> Iterator[Action]:
        data = snapshot.data
        try:
            checked = check(parse_mapping(data), Heartbeat, relative)
        except Unreadable as error:
            faults = tuple(Fault(f.code, f.message, relative, f.line, f.column) for f in error.faults)
            checked = Checked(None, faults, ())
        beat = checked.value
        if beat is None:
            if not first:
                _alive_by_name(work, name, now)
            yield from answer(work, relative, checked.faults, version_of(data), _writer(name))
            return
        if name not in (f"{beat.agent_name}_{beat.task_id}.yaml", f"{beat.agent_name}/{beat.task_id}.yaml"):
            text = f"the file's name should be {beat.agent_name}_{beat.task_id}.yaml, as it says inside"
            fault = Fault("wrong_name", text, relative)
            yield from answer(work, relative, [fault], version_of(data), beat.agent_name, beat.task_id)
            return
        record = work.records.get(beat.task_id)
        if record is None:
            fault = Fault("unknown_task", f"{work.id} has no task {beat.task_id}", relative)
            yield from answer(work, relative, [fault], version_of(data), beat.agent_name)
            return
        yield from mended(work, relative)
        yield from warned(work, relative, checked.warnings, beat.task_id)
        stale = beat.attempt is not None and beat.attempt != record.ledger.attempt
        if record.state is State.IN_PROGRESS and record.ledger.holder in (None, beat.agent_name) and not stale:
            record.heartbeat = beat
            began_s = now.s if record.blocked_s is None else record.blocked_s
            record.blocked_s = began_s if beat.status == "blocked" else None
            if beat.written_by != "runner" and not first:
                alive(work, record, now)
                record.promised_s = beat.promised_silence_s() or 0.0
                yield from self._clock(work, beat, relative, snapshot.signature)

    def _clock(self, work: Work, beat: Heartbeat, relative: str, signature: Signature) -> Iterator[Action]:
        """An agent whose clock is far from that of the file system is told of once, until it is right again."""
        key = (work.id, relative)
        ahead_s = beat.timestamp.timestamp() - signature.ctime_ns / 1e9 if beat.timestamp else 0.0
        if abs(ahead_s) <= SKEW_S:
            self._wrong_clocks.discard(key)
        elif key not in self._wrong_clocks:
            self._wrong_clocks.add(key)
            how = f"{span(abs(ahead_s))} {'ahead' if ahead_s > 0 else 'behind'}"
            text = f"the clock of {beat.agent_name} is {how}, or its time has no offset; only what we see counts"
            facts = {"path": relative}
            yield Note(instruction=work.id, event="finding", task_id=beat.task_id, reason=text, facts=facts)


def _alive_by_name(work: Work, name: str, now: Now) -> None:
    """Whose heartbeat changes is at work, also where it cannot be read: then its name says whose it is."""
    for task_id in work.in_state[State.IN_PROGRESS]:
        record = work.records[task_id]
        if name in (f"{record.ledger.holder}_{task_id}.yaml", f"{record.ledger.holder}/{task_id}.yaml"):
            alive(work, record, now)


def alive(work: Work, record: Record, now: Now) -> None:
    """A sign of life: the lease begins anew."""
    record.sign_s = now.s
    record.signs += 1
    record.promised_s = 0.0
    work.touched[record.task.task_id] = None


def _writer(name: str) -> str:
    """Who a heartbeat that cannot be read is probably from: its folder, or the first part of its name."""
    return name.split("/", 1)[0].rsplit("_", 1)[0] if "/" not in name else name.split("/", 1)[0]


def _names(folder: str) -> list[str]:
    names: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    names.extend(f"{entry.name}/{name}" for name in os.listdir(entry.path))
                else:
                    names.append(entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return names
