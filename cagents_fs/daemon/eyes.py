"""What is there? Paths to observations: the tree is read here, and nowhere else in the daemon.

A hint names one path; a full look names all of them. Both end in the same methods: what events miss, a look heals.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from cagents_fs.core.index import Index, Record, Work
from cagents_fs.daemon.answering import answer
from cagents_fs.daemon.beat_eyes import BeatEyes
from cagents_fs.daemon.plan_eyes import PlanEyes
from cagents_fs.daemon.settling import Settling
from cagents_fs.daemon.watch import Hint, Watcher
from cagents_fs.daemon.work_eyes import WorkEyes
from cagents_fs.model.actions import Action, Note
from cagents_fs.model.faults import Fault
from cagents_fs.model.layout import CONFIG, SYNONYMS, Spot, identify
from cagents_fs.model.observations import Now
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import ORDER_OF_LIFE, State, state_of
from cagents_fs.picture import Loaded, load
from cagents_fs.rules.foreign import missing
from cagents_fs.store import tree
from cagents_fs.store.commit import Committer

OURS_S = 2.0  # an event about a rename this soon after a task came into a place is that of our own rename
INTAKE_FOLDERS = (State.PENDING.value, *SYNONYMS)


class Eyes:
    """Reads what hints and looks name, and tells the index."""

    def __init__(
        self, index: Index, committer: Committer, watcher: Watcher, settling: Settling, policy: Callable[[], Policy]
    ) -> None:
        """Nothing is read yet."""
        self.root = committer.root
        self.index, self.committer, self.watcher, self.settling = index, committer, watcher, settling
        self.policy = policy
        self.scanner = tree.Scanner()
        self.work_eyes = WorkEyes(self.root, settling, watcher, policy)
        self.beat_eyes = BeatEyes(self.root, settling, policy)
        self.plan_eyes = PlanEyes(self.root, settling, committer, policy)
        self.noted: set[tuple[str, str, str]] = set()
        self._doubles: dict[tuple[str, str], tuple[str, ...]] = {}

    # -- instructions ---------------------------------------------------------------------------------------------

    def open(self, instruction: str, now: Now) -> Iterator[Action]:
        """Take an instruction into the picture, from its journal and its files, and watch it."""
        loaded = load(self.root, instruction)
        self.committer.open(instruction, loaded.lines)
        old = self.index.works.get(instruction)
        self.index.works[instruction] = loaded.work
        if old is not None:
            self._carry_over(old, loaded.work)
            self.plan_eyes.forget(instruction)  # what was seen and not carried out is still there
        for record in loaded.work.records.values():
            record.entered_s = record.sign_s = now.s
        self.watch(loaded.work)
        self.scanner.forget(os.path.join(self.root, instruction))
        yield from self._troubles(loaded)
        for state in (State.AGENTS, State.IN_PROGRESS):
            for task_id in tuple(loaded.work.in_state[state]):
                yield from self.plan_eyes.task_file(loaded.work, loaded.work.records[task_id], new=True)
        self.plan_eyes.remember_files(loaded.work)
        yield from self.look(loaded.work, now)

    @staticmethod
    def _carry_over(old: Work, new: Work) -> None:
        """What only this life knows: leases, processes, running checks."""
        new.whole_checking, new.whole_checks = old.whole_checking, old.whole_checks
        for task_id, before in old.records.items():
            if (record := new.records.get(task_id)) is None:
                continue
            record.running, record.running_attempt = before.running, before.running_attempt
            record.heartbeat, record.manifest, record.checking = before.heartbeat, before.manifest, before.checking
            if record.place == before.place and record.ledger.attempt == before.ledger.attempt:
                record.signs, record.stalled_s, record.promised_s = before.signs, before.stalled_s, before.promised_s
                record.claim_seen, record.checks = before.claim_seen, before.checks

    @staticmethod
    def _troubles(loaded: Loaded) -> Iterator[Action]:
        damaged = [f"line {number}" for number in loaded.lines.damaged[:10]]
        if damaged:
            reason = f"the journal is damaged in {', '.join(damaged)}; what stands there is left out"
            yield Note(instruction=loaded.work.id, event="finding", reason=reason, facts={"path": "journal.jsonl"})
        for fault in loaded.troubles:
            yield Note(instruction=loaded.work.id, event="finding", reason=str(fault), facts={"path": fault.path})

    def watch(self, work: Work) -> None:
        """Watch the folders of an instruction in which something may happen."""
        folder = os.path.join(self.root, work.id)
        places = [relative for _, relative in tree.state_folders(folder)]
        for relative in (
            "",
            "workflow",
            "queues/agents",
            "requests",
            "heartbeats",
            "outputs",
            "outputs/partial",
            *places,
        ):
            self.watcher.add(os.path.join(folder, relative) if relative else folder)

    # -- hints ----------------------------------------------------------------------------------------------------

    def take(self, hints: Iterable[Hint], now: Now) -> Iterator[Action]:
        """Look where hints point: at what came, then at what went, then once at all that many hints were about."""
        batch = _Batch()
        for hint in dict.fromkeys(hints):
            relative = hint.path[len(self.root) + 1 :]
            if not relative.startswith(CONFIG):  # the service compares the configuration before every turn
                yield from self._take(hint, relative, identify(relative), batch, now)
        for work, spot, hint in batch.went:  # most of these came elsewhere, and that has been seen by now
            yield from self._task(work, spot, hint, now)
        for (instruction, task_id), renamed in batch.outputs.items():
            self.work_eyes.output(self.index.works[instruction], task_id, now, renamed=renamed)
        for instruction in batch.looks:
            yield from self.look(self.index.works[instruction], now)

    def _take(self, hint: Hint, relative: str, spot: Spot, batch: "_Batch", now: Now) -> Iterator[Action]:
        parts = relative.split("/")
        if spot.kind == "other" and hint.folder and len(parts) <= 4:
            yield from self._folder(parts, hint, batch, now)
            return
        work = self.index.works.get(spot.instruction or "")
        if work is None:
            return
        if hint.renamed:
            self.settling.was_renamed(hint.path)
        match spot.kind:
            case "task" if os.path.lexists(hint.path):
                yield from self._task(work, spot, hint, now)
            case "task":
                batch.went.append((work, spot, hint))
            case "manifest" | "output":
                batch.output(work.id, spot.task or "", renamed=hint.renamed)
            case "heartbeat":
                yield from self.beat_eyes.heartbeat(work, spot.name, now)
            case "plan" | "instruction":
                yield from self.plan_eyes.plan(work, now)
                self.watch(work)
            case "request":
                yield from self.plan_eyes.request(work, spot.name, now)
            case _:
                if len(parts) >= 3 and parts[1] in ("tasks", "queues"):
                    self.scanner.forget(os.path.join(self.root, work.id))

    def _folder(self, parts: list[str], hint: Hint, batch: "_Batch", now: Now) -> Iterator[Action]:
        """A folder came or went: of an instruction, of a queue, of a task's output."""
        name = parts[0]
        if name not in self.index.works:
            if name in tree.instructions(self.root):
                self.watcher.add(os.path.join(self.root, name))
                if tree.has_anything(self.root, name):
                    yield from self.open(name, now)
        elif parts[1:2] == ["outputs"] and len(parts) in (3, 4):
            batch.output(name, parts[-1], renamed=hint.renamed)
        elif parts[1:2] == ["heartbeats"]:
            yield from self.beat_eyes.heartbeats(self.index.works[name], now)
        else:
            batch.looks[name] = None

    # -- settling -------------------------------------------------------------------------------------------------

    def wake_s(self) -> float | None:
        """When, in observed seconds, something that has to settle is to be looked at again."""
        times = (self.work_eyes.wake_s, self.beat_eyes.wake_s, self.plan_eyes.wake_s)
        return min((at_s for at_s in times if at_s is not None), default=None)

    def settled(self, now: Now) -> Iterator[Action]:
        """Look again at what had to settle, where its time has come."""
        if self.work_eyes.wake_s is not None and self.work_eyes.wake_s <= now.s:
            self.work_eyes.look_again(self.index, now)
        if self.beat_eyes.wake_s is not None and self.beat_eyes.wake_s <= now.s:
            self.beat_eyes.wake_s = None
            for work in tuple(self.index.works.values()):
                yield from self.beat_eyes.heartbeats(work, now)
        if self.plan_eyes.wake_s is not None and self.plan_eyes.wake_s <= now.s:
            self.plan_eyes.wake_s = None
            for work in tuple(self.index.works.values()):
                self.scanner.forget(os.path.join(self.root, work.id))
                yield from self.look(work, now)

    # -- looks ----------------------------------------------------------------------------------------------------

    def look_everywhere(self, now: Now) -> Iterator[Action]:
        """The full look: everything that events might have missed. Raises OSError; an incomplete look is none."""
        there = tree.instructions(self.root)
        for name in there:
            if name not in self.index.works:
                self.watcher.add(os.path.join(self.root, name))
                if tree.has_anything(self.root, name):
                    yield from self.open(name, now)
            else:
                yield from self.look(self.index.works[name], now)
        for name in [name for name in self.index.works if name not in there]:
            self.watcher.remove_below(os.path.join(self.root, name))
            self.committer.forget(name)
            del self.index.works[name]

    def look(self, work: Work, now: Now) -> Iterator[Action]:
        """Look through one instruction."""
        yield from self.plan_eyes.plan(work, now)
        self.watch(work)
        for listing in list(self.scanner.changed(os.path.join(self.root, work.id))):
            yield from self._listing(work, listing, now)
        yield from self._absent(work, now)
        yield from self.plan_eyes.requests(work, now)
        yield from self.beat_eyes.heartbeats(work, now)
        self.work_eyes.look(work, now)

    def _listing(self, work: Work, listing: tree.Listing, now: Now) -> Iterator[Action]:
        for name, why in listing.odd:
            path = f"{listing.folder}/{name}"
            yield from answer(work, path, [Fault("bad_name", why, path)], "name", _bearer(listing.place))
        seen = set(listing.tasks)
        for stem in listing.tasks:
            record = work.records.get(stem)
            if record is None:
                yield from self._stranger(work, listing, stem, now)
            elif record.place != listing.place:
                yield from self._relocate(work, record, now)
        here = [t for t in work.in_state[state_of(listing.place)] if work.records[t].place == listing.place]
        for task_id in here:
            if task_id not in seen:
                yield from self._relocate(work, work.records[task_id], now)

    def _absent(self, work: Work, now: Now) -> Iterator[Action]:
        """Tasks that were nowhere at the last look: for a moment that is a rename, for two looks it is a loss."""
        for record in [r for r in work.records.values() if r.place is None] if work.history.intake else ():
            yield from self._relocate(work, record, now)
            if record.place is None:
                record.absent += 1
                if record.absent == 1:
                    self._look_soon(now)
                if record.absent == 2:
                    yield missing(work, record)

    def _stranger(self, work: Work, listing: tree.Listing, stem: str, now: Now) -> Iterator[Action]:
        if listing.folder in INTAKE_FOLDERS:
            yield from self.plan_eyes.pending(work, listing.folder, stem, now)
        elif work.history.intake is not None:
            text = f"nobody knows a task {stem}; put new tasks into tasks/pending, from where they are taken in"
            path = f"{listing.folder}/{stem}.yaml"
            yield from answer(work, path, [Fault("unknown_task", text, path)], "stranger", _bearer(listing.place), stem)

    def _task(self, work: Work, spot: Spot, hint: Hint, now: Now) -> Iterator[Action]:
        assert spot.task is not None and spot.place is not None
        record = work.records.get(spot.task)
        there = os.path.lexists(os.path.join(self.root, work.id, spot.place, spot.name))
        if record is not None:
            lies = self._lies(work, record)
            if there and not lies:
                self._lies_at(work, record, spot.place, now)
            elif not lies or (there and record.place != spot.place):
                yield from self._relocate(work, record, now)
            elif there:  # our own renames come back as events too, and change nothing
                written = not hint.renamed or now.s - record.entered_s > OURS_S
                yield from self.plan_eyes.task_file(work, record, new=written)
        elif there:
            yield from self._stranger(work, tree.Listing(spot.place, spot.place), spot.task, now)

    def _lies(self, work: Work, record: Record) -> bool:
        return record.place is not None and os.path.lexists(
            os.path.join(self.root, work.id, record.place, f"{record.task.task_id}.yaml")
        )

    def _relocate(self, work: Work, record: Record, now: Now) -> Iterator[Action]:
        """Find where a task's file lies now."""
        task_id = record.task.task_id
        found = list(dict.fromkeys(tree.locate(os.path.join(self.root, work.id), task_id)))
        if not found:
            work.put(record, None, now.s)
            return
        known = record.ledger.place
        first = known if known in found else min(found, key=lambda place: ORDER_OF_LIFE[state_of(place)])
        rest = tuple(place for place in found if place != first)
        if rest and self._doubles.get((work.id, task_id)) == rest:
            yield from self.plan_eyes.double(work, task_id, first, rest)
        self._doubles[work.id, task_id] = rest
        if rest:
            self._look_soon(now)
        self._lies_at(work, record, first, now)

    def _look_soon(self, now: Now) -> None:
        """What was seen may be half of a rename; whether it stays so is seen at a second look."""
        soon_s = now.s + max(0.1, min(self.policy().scan_interval_s, self.policy().settle_s))
        self.plan_eyes.wake_s = soon_s if self.plan_eyes.wake_s is None else min(soon_s, self.plan_eyes.wake_s)

    def _lies_at(self, work: Work, record: Record, place: str, now: Now) -> None:
        work.put(record, place, now.s)
        if record.state in (State.IN_PROGRESS, State.COMPLETED) and not record.settled:
            self.work_eyes.entered(work, record, now)


@dataclass(slots=True)
class _Batch:
    """What several hints may be about, to be looked at once."""

    went: list[tuple[Work, Spot, Hint]] = field(default_factory=list)
    outputs: dict[tuple[str, str], bool] = field(default_factory=dict)
    looks: dict[str, None] = field(default_factory=dict)

    def output(self, instruction: str, task_id: str, *, renamed: bool) -> None:
        """Something changed in the output of a task; `renamed`: as far as we saw, by a rename into place."""
        self.outputs[instruction, task_id] = self.outputs.get((instruction, task_id), False) or renamed


def _bearer(place: str) -> str | None:
    """The agent in whose queue a file lies."""
    parts = place.split("/")
    return parts[2] if parts[:2] == ["queues", "agents"] and len(parts) == 3 else None
