"""What do planners and people write? Plans, further tasks, requests."""

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence

from cagents_fs.core.coherence import added_faults
from cagents_fs.core.index import Index, Record, Work
from cagents_fs.daemon.answering import answer, mended, version_of
from cagents_fs.daemon.fresh import FreshFiles
from cagents_fs.daemon.intake import take_in_plan, take_in_task
from cagents_fs.daemon.settling import Settling
from cagents_fs.model.actions import Action, Note
from cagents_fs.model.faults import Fault
from cagents_fs.model.files import Instruction, Request, Task
from cagents_fs.model.ids import fold, is_candidate, near_miss
from cagents_fs.model.layout import PLAN, SYNONYMS
from cagents_fs.model.observations import Now
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import FINAL
from cagents_fs.plans import judge, lacks_command
from cagents_fs.rules.oddities import warned
from cagents_fs.store.check import check
from cagents_fs.store.commit import Committer
from cagents_fs.store.definitions import as_written, digest
from cagents_fs.store.descent import real_folder
from cagents_fs.store.disk import rename_noreplace
from cagents_fs.store.reading import NotRegular, Snapshot, TooLarge, read_bounded
from cagents_fs.store.yaml import PLAN as PLAN_LIMITS
from cagents_fs.store.yaml import Unreadable, parse_mapping

DESCRIBED = "instruction.yaml"


class PlanEyes(FreshFiles):
    """Reads plans, tasks in `tasks/pending`, and requests."""

    def __init__(self, root: str, settling: Settling, committer: Committer, policy: Callable[[], Policy]) -> None:
        """Nothing is read yet."""
        super().__init__(root, settling, policy)
        self.committer = committer
        self._task_files: dict[tuple[str, str], tuple[int, int, int]] = {}
        self._unread: set[tuple[str, str]] = set()  # task files that were there at a start, and only looked at by stat
        self._released: list[tuple[str, str]] = []  # those of them from which an agent may read now
        self._orphans: dict[tuple[str, str], tuple[str, str]] = {}  # tasks without their parent -> path, parent

    # -- plans -----------------------------------------------------------------------------------------------------

    def plan(self, work: Work, now: Now) -> Iterator[Action]:
        """Take a plan in; a plan that changes afterwards changes nothing, and that is said."""
        for item in self.settled(work, PLAN, PLAN_LIMITS.max_bytes, now):
            if not isinstance(item, Snapshot):
                yield item
            elif work.history.intake is None:
                yield from self._take_in(work, item.data, now)
            elif work.history.intake.get("plan_sha256") not in (None, (sha := hashlib.sha256(item.data).hexdigest())):
                text = "the plan was changed after it was taken in; that changes nothing, what was taken in counts"
                key = f"{PLAN}|{sha}"
                if key not in work.history.answered:
                    facts = {"path": PLAN, "plan_sha256": sha, "key": key}
                    yield Note(instruction=work.id, event="finding", reason=text, facts=facts)

    def _take_in(self, work: Work, data: bytes, now: Now) -> Iterator[Action]:
        judged = judge(data, PLAN, self.policy(), work.id)
        if judged.plan is None:
            yield from answer(work, PLAN, judged.faults, version_of(data), _text(judged.written.get("owner")))
            return
        take_in_plan(work, judged, self.committer, self.policy(), now)
        self.remember_files(work)
        yield from mended(work, PLAN)
        yield from warned(work, PLAN, judged.warnings)

    # -- further tasks ---------------------------------------------------------------------------------------------

    def pending(self, work: Work, folder: str, stem: str, now: Now) -> Iterator[Action]:
        """A task file that nobody knows lies in `tasks/pending`."""
        if work.history.intake is None and os.path.lexists(os.path.join(self.root, work.id, PLAN)):
            return  # the plan comes first: it may have this task
        relative = f"{folder}/{stem}.yaml"
        for item in self.settled(work, relative, self.policy().max_file_bytes, now):
            if isinstance(item, Snapshot):
                yield from self._pending(work, folder, relative, stem, item.data, now)
            else:
                yield item

    def _pending(self, work: Work, folder: str, relative: str, stem: str, data: bytes, now: Now) -> Iterator[Action]:
        try:
            document = parse_mapping(data)
        except Unreadable as error:
            faults = [Fault(f.code, f.message, relative, f.line, f.column) for f in error.faults]
            yield from answer(work, relative, faults, version_of(data), task_id=stem)
            return
        checked = check(document, Task, relative)
        task, faults = checked.value, list(checked.faults)
        if task is not None:
            faults.extend(self._task_faults(work, task, stem, relative))
            for loc, fault in added_faults(work, task, self.policy().max_depth):
                faults.append(Fault(fault.code, fault.message, relative, *(document.place(loc) or (None, None))))
            if self._comes_after_its_parent(work, task, folder, faults):
                return
        if task is None or faults:
            yield from answer(work, relative, faults, version_of(data), task_id=stem)
            return
        if work.history.intake is None:
            yield from self._instruction(work, now)
            if os.path.lexists(os.path.join(self.root, work.id, DESCRIBED)) and not self.is_judged(work, DESCRIBED):
                self.reconsider(work, relative)  # what describes the whole has yet to settle, and comes first
                return
        source = SYNONYMS.get(folder, folder)
        take_in_task(work, task, as_written(document.value), source, self.committer, self.policy(), now)
        self.remember_files(work)
        self._parent_is_there(work, task.task_id, now)
        yield from mended(work, relative)
        yield from warned(work, relative, checked.warnings, stem)

    def _comes_after_its_parent(self, work: Work, task: Task, folder: str, faults: Sequence[Fault]) -> bool:
        """Whether nothing is wrong but that its parent lies in `tasks/pending` too, and is taken in first."""
        if "missing_parent" not in [fault.code for fault in faults]:
            return False
        parent = self._orphans[work.id, task.task_id] = f"{folder}/{task.task_id}.yaml", task.parent_task_id or ""
        above, chain = parent[1], [task.task_id]
        while above not in chain and (work.id, above) in self._orphans:
            chain.append(above)
            above = self._orphans[work.id, above][1]
        there = os.path.lexists(os.path.join(self.root, work.id, folder, f"{task.parent_task_id}.yaml"))
        return there and above not in chain and len(faults) == 1

    def _parent_is_there(self, work: Work, parent: str, now: Now) -> None:
        """Those that came before their parent, and were answered or kept waiting, are judged again."""
        self._orphans.pop((work.id, parent), None)
        for (instruction, _), (relative, above) in self._orphans.items():
            if (instruction, above) == (work.id, parent):
                self.reconsider(work, relative)
                self.wake_s = now.s

    def remember_files(self, work: Work, *, read: bool = True) -> None:
        """What stat says of the task files now: a rename changes none of it, an edit does.

        Those that are not read at a start, as they are many and only wait, are read when they are released.
        """
        for task_id, record in work.records.items():
            if record.place is not None and record.state not in FINAL and (work.id, task_id) not in self._task_files:
                with contextlib.suppress(FileNotFoundError):
                    path = os.path.join(self.root, work.id, record.place, f"{task_id}.yaml")
                    self._task_files[work.id, task_id] = _mark(os.lstat(path))
                    if not read:
                        self._unread.add((work.id, task_id))

    def is_to_be_read(self, work: Work, task_id: str) -> bool:
        """Whether a task that we have released was not read since the start; it is in the next turn."""
        if (work.id, task_id) in self._task_files and (work.id, task_id) not in self._unread:
            return False
        self._released.append((work.id, task_id))
        return True

    def released(self, index: Index) -> Iterator[Action]:
        """Read what was released: somebody may have written into it while no daemon was there."""
        while self._released:
            instruction, task_id = key = self._released.pop()
            self._unread.discard(key)
            self._task_files.pop(key, None)
            work = index.turn_to(instruction)
            if work is not None and task_id in work.records and work.records[task_id].place is not None:
                yield from self.task_file(work, work.records[task_id], new=True)

    def task_file(self, work: Work, record: Record, *, new: bool = False) -> Iterator[Action]:
        """Somebody may have written into a task file that was taken in: that is said, and changes nothing."""
        task_id = record.task.task_id
        relative = f"{record.place}/{task_id}.yaml"
        path = os.path.join(self.root, work.id, relative)
        try:
            facts = os.lstat(path)
        except FileNotFoundError:
            return
        mark = _mark(facts)
        before = self._task_files.get((work.id, task_id))
        self._task_files[work.id, task_id] = mark
        if before == mark or (before is None and not new):
            return  # a rename changes none of the three
        try:
            data = read_bounded(path, self.policy().max_file_bytes).data
            found = digest(as_written(parse_mapping(data).value))
        except (OSError, NotRegular, TooLarge, Unreadable):
            found = "unreadable"
        key = f"{task_id}|edited|{found}"
        if found == record.ledger.digest or record.ledger.digest is None or key in work.history.answered:
            return
        text = f"{task_id}.yaml was edited after it was taken in; that changes nothing, what was taken in counts"
        facts_said = {"path": relative, "key": key}
        yield Note(instruction=work.id, event="finding", task_id=task_id, reason=text, facts=facts_said)

    def _task_faults(self, work: Work, task: Task, stem: str, relative: str) -> Iterator[Fault]:
        if task.task_id != stem:
            text = f"the file is called {stem}.yaml, but the task in it {task.task_id}; make both the same"
            yield Fault("wrong_name", text, relative)
        if task.instruction_id and task.instruction_id != work.id:
            yield Fault("wrong_instruction", f"it says it belongs to {task.instruction_id}, not to {work.id}", relative)
        if any(fold(known) == fold(task.task_id) for known in work.records):
            text = f"{task.task_id} differs from another task of {work.id} in case only; give it another id"
            yield Fault("duplicate_id", text, relative)
        if problem := lacks_command(task, self.policy()):
            yield Fault("no_command", problem, relative)

    def _instruction(self, work: Work, now: Now) -> Iterator[Action]:
        """An instruction without a plan may describe itself; where it does not, the defaults hold."""
        for item in self.settled(work, DESCRIBED, self.policy().max_file_bytes, now):
            if not isinstance(item, Snapshot):
                yield item
                continue
            faults: tuple[Fault, ...]
            try:
                checked = check(parse_mapping(item.data), Instruction, DESCRIBED)
            except Unreadable as error:
                faults = tuple(Fault(f.code, f.message, DESCRIBED, f.line, f.column) for f in error.faults)
            else:
                faults = checked.faults
                work.instruction = checked.value or work.instruction
                yield from warned(work, DESCRIBED, checked.warnings if checked.value else ())
            if faults:
                yield from answer(work, DESCRIBED, faults, version_of(item.data))

    def double(self, work: Work, task_id: str, kept: str, others: tuple[str, ...]) -> Iterator[Action]:
        """A task has two files for good. One counts; the others go to quarantine as they are."""
        for place in others:
            source = os.path.join(self.root, work.id, place, f"{task_id}.yaml")
            target = os.path.join(self.root, work.id, "quarantine", f"{place.replace('/', '__')}__{task_id}.yaml")
            real_folder(os.path.dirname(target), new=1)
            number = 2
            while os.path.lexists(target):
                target, number = f"{target}.{number}", number + 1
            rename_noreplace(source, target)
            text = f"there were two files of {task_id}; the one in {kept} counts, the one in {place} is in quarantine"
            facts = {"path": f"{place}/{task_id}.yaml", "quarantined_as": os.path.basename(target)}
            yield Note(instruction=work.id, event="finding", task_id=task_id, reason=text, facts=facts)

    # -- requests --------------------------------------------------------------------------------------------------

    def requests(self, work: Work, now: Now) -> Iterator[Action]:
        """Look at all requests of an instruction."""
        try:
            names = sorted(os.listdir(os.path.join(self.root, work.id, "requests")))
        except (FileNotFoundError, NotADirectoryError):
            return
        for name in names:
            yield from self.request(work, name, now)

    def request(self, work: Work, name: str, now: Now) -> Iterator[Action]:
        """Look at one request."""
        if not is_candidate(name) or name in work.requests:
            return
        relative = f"requests/{name}"
        if wrong := near_miss(name):
            yield from answer(work, relative, [Fault("bad_name", wrong, relative)], "name")
            return
        for item in self.settled(work, relative, self.policy().max_file_bytes, now):
            if not isinstance(item, Snapshot):
                yield item
                continue
            faults: tuple[Fault, ...]
            writer = None
            try:
                document = parse_mapping(item.data)
            except Unreadable as error:
                faults = error.faults
            else:
                checked = check(document, Request, relative)
                faults, writer = checked.faults, _text(document.value.get("from"))
                if checked.value is not None:
                    work.requests[name] = checked.value
                    yield from mended(work, relative)
                    yield from warned(work, relative, checked.warnings, checked.value.task_id)
                    continue
            yield from answer(work, relative, faults, version_of(item.data), writer)


def _mark(facts: os.stat_result) -> tuple[int, int, int]:
    return (facts.st_ino, facts.st_size, facts.st_mtime_ns)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
