"""Who cries for help, who answers, who has come? Escalations, their responses, and the files at checkpoints."""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from cagents_fs.core.index import Work
from cagents_fs.core.meetings import Meeting
from cagents_fs.daemon.answering import answer, mended, version_of
from cagents_fs.daemon.beat_eyes import alive
from cagents_fs.daemon.fresh import FreshFiles
from cagents_fs.daemon.settling import Settling
from cagents_fs.model.actions import Action, Note
from cagents_fs.model.faults import Fault
from cagents_fs.model.files import Arrival, Escalation, Response
from cagents_fs.model.ids import is_candidate, near_miss, stem_of
from cagents_fs.model.observations import Now
from cagents_fs.model.parts import Record as FileRecord
from cagents_fs.model.policy import Policy
from cagents_fs.model.sla import sla_s
from cagents_fs.model.states import State
from cagents_fs.rules.oddities import warned
from cagents_fs.rules.pleas import content_of
from cagents_fs.store.check import UNKNOWN_KEY, Checked, check
from cagents_fs.store.reading import Snapshot
from cagents_fs.store.yaml import Unreadable, parse_mapping

ESCALATIONS, CHECKPOINTS = "escalations", "checkpoints"
ANSWERS = ".response"
OPEN = "open.yaml"  # ours: whatever somebody else writes there, only the journal counts
T = TypeVar("T", bound=FileRecord)


class PleaEyes(FreshFiles):
    """Reads escalations, responses, and who has come to a checkpoint."""

    def __init__(self, root: str, settling: Settling, policy: Callable[[], Policy]) -> None:
        """Nothing is read yet."""
        super().__init__(root, settling, policy)
        self._expected: dict[tuple[str, str], bool] = {}

    def folders(self, work: Work) -> list[str]:
        """The folders, relative to the instruction, in which something of this may appear."""
        points = _subfolders(os.path.join(self.root, work.id, CHECKPOINTS))
        return [ESCALATIONS, CHECKPOINTS, *(f"{CHECKPOINTS}/{point}" for point in points)]

    def look(self, work: Work, now: Now) -> Iterator[Action]:
        """Look at everything there is. Before the tasks are taken in nobody can say whom it is about."""
        if work.history.intake is None:
            return
        for name, known in work.history.escalations.items():
            if known.closed is None:
                work.seen_s.setdefault(name, now.s)  # of an earlier life: its time begins anew
        for name in _names(os.path.join(self.root, work.id, ESCALATIONS)):
            yield from self.plea(work, name, now)
        there: dict[str, set[str]] = {}
        for point in _subfolders(os.path.join(self.root, work.id, CHECKPOINTS)):
            names = _names(os.path.join(self.root, work.id, CHECKPOINTS, point))
            there[point] = {name.removesuffix(".yaml") for name in names}
            for name in names:
                yield from self.arrival(work, f"{point}/{name}", now)
        for point, meeting in work.meetings.items():
            for gone in meeting.arrived.keys() - there.get(point, set()):
                _went(work, meeting, gone)

    # -- escalations and responses ---------------------------------------------------------------------------------

    def plea(self, work: Work, name: str, now: Now) -> Iterator[Action]:
        """Look at one file of `escalations/`; before a response, at what it answers."""
        stem = stem_of(name)
        if work.history.intake is None or not is_candidate(name):
            return
        if stem is None or near_miss(name):
            yield from _misnamed(work, f"{ESCALATIONS}/{name}")
        elif stem.endswith(ANSWERS):
            yield from self._escalation(work, stem.removesuffix(ANSWERS), now)
            yield from self._response(work, stem.removesuffix(ANSWERS), now)
        else:
            yield from self._escalation(work, stem, now)

    def _escalation(self, work: Work, name: str, now: Now) -> Iterator[Action]:
        relative = f"{ESCALATIONS}/{name}.yaml"
        for item in self.settled(work, relative, self.policy().max_file_bytes, now):
            if not isinstance(item, Snapshot):
                yield item
                continue
            said, checked = _read(item.data, Escalation, relative)
            faults = list(checked.faults)
            if checked.value is not None:
                faults += _escalation_faults(work, checked.value, name, relative)
            if checked.value is None or faults:
                yield from answer(
                    work, relative, faults, version_of(item.data), _text(said, "from_agent"), _text(said, "task_id")
                )
                continue
            yield from mended(work, relative)
            yield from self._taken_in(work, name, checked.value, checked.warnings)

    def _taken_in(self, work: Work, name: str, said: Escalation, warnings: Sequence[Fault]) -> Iterator[Action]:
        """What was taken in counts; what the file says later changes nothing."""
        relative, known, before = f"{ESCALATIONS}/{name}.yaml", work.history.escalations.get(name), None
        if name in work.escalations:
            before = content_of(work.escalations[name])
        elif known is not None:
            before = known.content
        if before is None:
            yield from warned(work, relative, [*warnings, *_sla_warning(said, relative)], said.task_id)
        if before in (None, content_of(said)):
            work.escalations[name] = said
            return
        key = f"{relative}|{content_of(said)}"
        if key not in work.history.answered:
            text = f"{name} was changed after it was seen; that changes nothing, write another escalation"
            facts = {"path": relative, "key": key}
            yield Note(instruction=work.id, event="finding", task_id=said.task_id, reason=text, facts=facts)

    def _response(self, work: Work, name: str, now: Now) -> Iterator[Action]:
        relative, asked = f"{ESCALATIONS}/{name}{ANSWERS}.yaml", f"{ESCALATIONS}/{name}.yaml"
        known = name in work.escalations or name in work.history.escalations
        there = os.path.lexists(os.path.join(self.root, work.id, asked))
        if not known and there and not self.is_judged(work, asked):
            return  # what it answers has to settle; both are looked at again then
        for item in self.settled(work, relative, self.policy().max_file_bytes, now):
            if not isinstance(item, Snapshot):
                yield item
                continue
            said, checked = _read(item.data, Response, relative)
            faults = list(checked.faults)
            if checked.value is not None and checked.value.escalation_id != name:
                text = f"the file is called after {name}, but answers {checked.value.escalation_id}; make both the same"
                faults.append(Fault("wrong_name", text, relative))
            if checked.value is None or faults:
                yield from answer(work, relative, faults, version_of(item.data), _text(said, "from"))
                continue
            yield from mended(work, relative)
            before = work.history.escalations.get(name)
            if before is None or before.response != content_of(checked.value):
                yield from warned(work, relative, checked.warnings, before.task_id if before else None)
            work.responses[name] = checked.value

    # -- checkpoints -----------------------------------------------------------------------------------------------

    def arrival(self, work: Work, name: str, now: Now) -> Iterator[Action]:
        """Look at one file of a checkpoint's folder; `name` is `CHECKPOINT/FILE`."""
        point, _, file = name.partition("/")
        stem, relative = stem_of(file), f"{CHECKPOINTS}/{name}"
        if work.history.intake is None or file == OPEN or not is_candidate(file):
            return
        if stem is None or near_miss(file):
            yield from _misnamed(work, relative)
            return
        meeting = work.meetings.get(point)
        expected = meeting is not None and stem in meeting.participants
        if self._expected.get((work.id, relative)) != expected:  # a task that was added may have named it
            self._expected[work.id, relative] = expected
            self.reconsider(work, relative)
        if meeting is not None and not os.path.lexists(os.path.join(self.root, work.id, relative)):
            _went(work, meeting, stem)
        for item in self.settled(work, relative, self.policy().max_file_bytes, now):
            if isinstance(item, Snapshot):
                yield from self._arrived(work, point, stem, item.data, now)
            else:
                yield item

    def _arrived(self, work: Work, point: str, task_id: str, data: bytes, now: Now) -> Iterator[Action]:
        relative, meeting = f"{CHECKPOINTS}/{point}/{task_id}.yaml", work.meetings.get(point)
        said, checked = _read(b"{}" if _is_empty(data) else data, Arrival, relative)
        record = work.records.get(task_id)
        faults = [*checked.faults, *_arrival_faults(work, point, meeting, task_id, checked.value)]
        if faults or checked.value is None or meeting is None or record is None:
            writer = _text(said, "agent_name") or (record.holder if record else None)
            yield from answer(work, relative, faults, version_of(data), writer, task_id)
            if meeting is not None:
                _went(work, meeting, task_id)
            return
        running = record.ledger.attempt
        old = record.state is State.IN_PROGRESS and checked.value.attempt != running
        if not old:  # else it is wrong still, however well it can be read: each start would tell of both
            yield from mended(work, relative)
        odd = [warning for warning in checked.warnings if warning.code != UNKNOWN_KEY]  # any key may stand there
        yield from warned(work, relative, odd, task_id)
        meeting.arrived[task_id] = checked.value.attempt
        if old:
            text = (
                f"this is of attempt {checked.value.attempt}, but attempt {running} runs; add to it: attempt: {running}"
            )
            fault = Fault("old_attempt", text, relative)
            yield from answer(work, relative, [fault], f"{version_of(data)}/{running}", record.holder, task_id)
        work.touched[task_id] = None
        came = record.state is State.IN_PROGRESS and meeting.has_come(record)
        if came and not self.settling.starting:
            alive(work, record, now)


def _misnamed(work: Work, relative: str) -> Iterator[Action]:
    if wrong := near_miss(os.path.basename(relative)):
        yield from answer(work, relative, [Fault("bad_name", wrong, relative)], "name")


def _went(work: Work, meeting: Meeting, task_id: str) -> None:
    """Who took the file back has not come."""
    if meeting.arrived.pop(task_id, None) is not None:
        work.touched[task_id] = None


def _read(data: bytes, kind: type[T], relative: str) -> tuple[object, Checked[T]]:
    """What is written there, and what can be taken for it."""
    try:
        document = parse_mapping(data)
    except Unreadable as error:
        faults = tuple(Fault(f.code, f.message, relative, f.line, f.column) for f in error.faults)
        return None, Checked(None, faults, ())
    return document.value, check(document, kind, relative)


def _escalation_faults(work: Work, said: Escalation, name: str, relative: str) -> Iterator[Fault]:
    if said.escalation_id != name:
        text = f"the file is called {name}.yaml, but the escalation in it {said.escalation_id}; make both the same"
        yield Fault("wrong_name", text, relative)
    if said.task_id is not None and said.task_id not in work.records:
        text = f"{work.id} has no task {said.task_id}; name one that it has, or none"
        yield Fault("unknown_task", text, relative)


def _arrival_faults(
    work: Work, point: str, meeting: Meeting | None, task_id: str, said: Arrival | None
) -> Iterator[Fault]:
    relative = f"{CHECKPOINTS}/{point}/{task_id}.yaml"
    if meeting is None:
        text = f"no task of {work.id} names a checkpoint {point}; tasks name theirs under dependencies: coordination"
        yield Fault("unknown_checkpoint", text, relative)
    elif task_id not in meeting.participants:
        text = f"{task_id} does not take part in {point}; those who do are {', '.join(meeting.participants[:20])}"
        yield Fault("no_participant", text, relative)
    elif said is not None and said.task_id not in (None, task_id):
        text = f"the file is called {task_id}.yaml, but says that {said.task_id} has come; make both the same"
        yield Fault("wrong_name", text, relative)


def _sla_warning(said: Escalation, relative: str) -> Iterator[Fault]:
    if said.sla is not None and sla_s(said.sla) is None:
        text = f"sla: {said.sla!r} names no time, the configured one counts; write for instance 'within 30 minutes'"
        yield Fault("sla", text, relative)


def _is_empty(data: bytes) -> bool:
    """Nothing but blank lines, comments and the marks of a document."""
    lines = (line.strip() for line in data.splitlines())
    return all(not line or line.startswith(b"#") or line in (b"---", b"...") for line in lines)


def _text(said: Any, key: str) -> str | None:
    value = said.get(key) if isinstance(said, dict) else None
    return value if isinstance(value, str) else None


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _subfolders(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(e.name for e in entries if e.is_dir(follow_symlinks=False) and not e.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return []
