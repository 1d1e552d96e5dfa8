"""What is there? Paths to observations: the tree is read here, and nowhere else in the daemon.

A hint names one path; a full look names all of them. Both end in the same methods: what events miss, a look heals.
"""

import os
from collections.abc import Callable, Iterator

from cagents_fs.core.index import Index, Record, Work
from cagents_fs.daemon.answering import answer, version_of
from cagents_fs.daemon.beat_eyes import BeatEyes
from cagents_fs.daemon.holding import Holding
from cagents_fs.daemon.plan_eyes import PlanEyes
from cagents_fs.daemon.plea_eyes import PleaEyes
from cagents_fs.daemon.settling import Settling
from cagents_fs.daemon.watch import Watcher
from cagents_fs.daemon.work_eyes import WorkEyes
from cagents_fs.model.actions import Action, Move, Note
from cagents_fs.model.faults import Fault
from cagents_fs.model.layout import INSTRUCTION_FOLDERS, JOURNAL, SYNONYMS
from cagents_fs.model.observations import Now
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import ORDER_OF_LIFE, State, state_of
from cagents_fs.picture import Loaded, load
from cagents_fs.rules.foreign import missing
from cagents_fs.rules.liveness import lease_s
from cagents_fs.store import tree
from cagents_fs.store.commit import Committer

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
        self.work_eyes = WorkEyes(self.root, index, settling, watcher, policy)
        self.beat_eyes = BeatEyes(self.root, settling, policy)
        self.plan_eyes = PlanEyes(self.root, settling, committer, policy)
        self.plea_eyes = PleaEyes(self.root, settling, policy)
        self.holding = Holding(self.root, index)
        self._doubles: dict[tuple[str, str], tuple[str, ...]] = {}

    # -- instructions ---------------------------------------------------------------------------------------------

    def open(self, instruction: str, now: Now) -> Iterator[Action]:
        """Take an instruction into the picture, from its journal and its files, and watch it."""
        loaded = load(self.root, instruction)
        self.committer.open(instruction, loaded.lines)
        loaded.work.paused_at = loaded.work.arrivals  # whatever is claimed now was claimed before we saw it paused
        old = self.index.works.get(instruction)
        self.index.replace(loaded.work)
        self.holding.opened(instruction)
        for record in loaded.work.records.values():
            record.entered_s = record.sign_s = now.s
            if record.ledger.stalled and record.state is State.IN_PROGRESS:  # the grace begins anew
                record.stalled_s, record.sign_s = now.s, now.s - lease_s(record, self.policy())
        again = instruction in self.index.aside  # what we had of it then is what the tree said, and no life's
        if old is not None and not again:
            self._carry_over(old, loaded.work)
        if old is not None or again:
            self.plan_eyes.forget(instruction)  # what was seen and not carried out is still there
            self.plea_eyes.forget(instruction)
        self.watch(loaded.work)
        self.scanner.forget(os.path.join(self.root, instruction))
        yield from self._troubles(loaded)
        for state in (State.AGENTS, State.IN_PROGRESS):
            for task_id in tuple(loaded.work.in_state[state]):
                yield from self.plan_eyes.task_file(loaded.work, loaded.work.records[task_id], new=True)
        self.plan_eyes.remember_files(loaded.work, read=False)
        yield from self.look(loaded.work, now)

    def _carry_over(self, old: Work, new: Work) -> None:
        """What only this life knows: leases, processes, answers of checks. Checks under way are asked for anew."""
        new.whole_checks = old.whole_checks
        new.seen_s = {name: since_s for name, since_s in old.seen_s.items() if name in new.history.escalations}
        for name, meeting in new.meetings.items():
            meeting.arrived |= old.meetings[name].arrived if name in old.meetings else {}
        for task_id, before in old.records.items():
            if (record := new.records.get(task_id)) is None:
                continue
            record.running, record.running_attempt = before.running, before.running_attempt
            record.heartbeat, record.manifest = before.heartbeat, before.manifest
            if record.place == before.place and record.ledger.attempt == before.ledger.attempt:
                record.signs, record.stalled_s, record.promised_s = before.signs, before.stalled_s, before.promised_s
                record.entered_s, record.sign_s = before.entered_s, before.sign_s
                record.claim_seen, record.checks = before.claim_seen, before.checks
                record.blocked_s = before.blocked_s
            elif before.state is State.AGENTS and record.state is State.IN_PROGRESS:
                record.claim_seen = True  # it was claimed in this life, or putting it back has failed
                self.work_eyes.begun(new, record)

    @staticmethod
    def _troubles(loaded: Loaded) -> Iterator[Action]:
        lines = [f"line {number}" for number in loaded.lines.damaged[:10]]
        damaged = ", ".join([*lines, *(f"seq {number}" for number in loaded.work.history.damaged[:10])])
        found = [(JOURNAL, f"the journal is damaged in {damaged}; what stands there is left out")] if damaged else []
        for path, reason in (*found, *((fault.path, str(fault)) for fault in loaded.troubles)):
            key = f"{path}|{version_of(reason.encode(errors='backslashreplace'))}"
            if key not in loaded.work.history.answered:
                facts = {"path": path, "key": key}
                yield Note(instruction=loaded.work.id, event="finding", reason=reason, facts=facts)

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
            *self.plea_eyes.folders(work),
            *places,
        ):
            self.watcher.add(os.path.join(folder, relative) if relative else folder)

    def _links(self, work: Work) -> Iterator[Action]:
        """Links in the place of folders: nothing is read or written through them, and somebody should know."""
        for relative in dict.fromkeys((*INSTRUCTION_FOLDERS, *SYNONYMS)):
            key = f"{relative}|link"
            if tree.is_linked(os.path.join(self.root, work.id), relative) and key not in work.history.answered:
                text = f"{relative} is a link, or lies behind one; nothing is read or written there: make it a folder"
                yield Note(instruction=work.id, event="finding", reason=text, facts={"path": relative, "key": key})

    def after_move(self, work: Work, record: Record, move: Move, now: Now) -> bool:
        """We have moved a task. Returns whether there is something to be judged in the next turn."""
        source, target, task_id = state_of(move.source), state_of(move.target), move.task_id
        if source is State.IN_PROGRESS and target is not State.UNDER_REVIEW:
            self.work_eyes.unwatch(work, task_id)
        if target is State.IN_PROGRESS:
            self.work_eyes.entered(work, record, now)
        elif target is State.BLOCKED:  # what was handed in before its time is kept, and answered
            self.work_eyes.output(work, task_id, now)
            return task_id in work.touched
        return target is State.AGENTS and self.plan_eyes.is_to_be_read(work, task_id)

    # -- settling -------------------------------------------------------------------------------------------------

    def wake_s(self) -> float | None:
        """When, in observed seconds, something that has to settle is to be looked at again."""
        times = (eyes.wake_s for eyes in (self.work_eyes, self.beat_eyes, self.plan_eyes, self.plea_eyes))
        return min((at_s for at_s in times if at_s is not None), default=None)

    def settled(self, now: Now) -> Iterator[Action]:
        """Look again at what had to settle, where its time has come; tell of what was met on the way."""
        for work in self.index.each():
            yield from self.work_eyes.misnamed.manifests(work)
        if self.work_eyes.wake_s is not None and self.work_eyes.wake_s <= now.s:
            self.work_eyes.look_again(now)
        if self.beat_eyes.wake_s is not None and self.beat_eyes.wake_s <= now.s:
            self.beat_eyes.wake_s = None
            for work in self.index.each():
                yield from self.beat_eyes.heartbeats(work, now)
        if self.plea_eyes.wake_s is not None and self.plea_eyes.wake_s <= now.s:
            self.plea_eyes.wake_s = None
            for work in self.index.each():
                yield from self.plea_eyes.look(work, now)
        if self.plan_eyes.wake_s is not None and self.plan_eyes.wake_s <= now.s:
            self.plan_eyes.wake_s = None
            for work in self.index.each():
                self.scanner.forget(os.path.join(self.root, work.id))
                yield from self.look(work, now)

    # -- looks ----------------------------------------------------------------------------------------------------

    def look_everywhere(self, now: Now) -> Iterator[Action]:
        """The full look: everything that events might have missed. Raises OSError; an incomplete look is none."""
        there = tree.instructions(self.root)
        for name in there:
            self.index.about = name
            if name in self.index.aside:
                continue
            if name not in self.index.works or self.committer.has_lost(name):  # or another one under the same name
                self.watcher.add(os.path.join(self.root, name))
                if tree.has_anything(self.root, name):
                    yield from self.open(name, now)
            else:
                yield from self.look(self.index.works[name], now)
        for name in [name for name in self.index.works if name not in there]:
            self.index.about = name
            self.watcher.remove_below(os.path.join(self.root, name))
            self.committer.forget(name)
            del self.index.works[name]

    def look(self, work: Work, now: Now) -> Iterator[Action]:
        """Look through one instruction."""
        yield from self._links(work)
        yield from self.plan_eyes.plan(work, now)
        yield from self.work_eyes.misnamed.plans(work, self.scanner)
        self.watch(work)
        if self.holding.blinded(work, now):
            yield from self.plan_eyes.requests(work, now)
            return
        listings = list(self.scanner.changed(os.path.join(self.root, work.id)))
        if self.holding.suspects(work, listings):
            yield from self.plan_eyes.requests(work, now)  # somebody may have asked for a rescue just for that
            if self.holding.robbed(work, now):
                return
        for listing in listings:
            yield from self._listing(work, listing, now)
        yield from self._absent(work, now)
        yield from self.plan_eyes.requests(work, now)
        yield from self.plea_eyes.look(work, now)
        yield from self.beat_eyes.heartbeats(work, now)
        self.work_eyes.look(work, now)
        yield from self.work_eyes.misnamed.manifests(work)

    def _listing(self, work: Work, listing: tree.Listing, now: Now) -> Iterator[Action]:
        for name, why in listing.odd:
            path = f"{listing.folder}/{name}"
            yield from answer(work, path, [Fault("bad_name", why, path)], "name", _bearer(listing.place))
        seen = set(listing.tasks)
        for stem in listing.tasks:
            record = work.records.get(stem)
            if record is None:
                yield from self.stranger(work, listing, stem, now)
            elif record.place != listing.place:
                yield from self.relocate(work, record, now)
        here = [t for t in work.in_state[state_of(listing.place)] if work.records[t].place == listing.place]
        for task_id in here:
            if task_id not in seen:
                yield from self.relocate(work, work.records[task_id], now)

    def _absent(self, work: Work, now: Now) -> Iterator[Action]:
        """Tasks that were nowhere at the last look: for a moment that is a rename, for two looks it is a loss."""
        for record in [r for r in work.records.values() if r.place is None] if work.history.intake else ():
            yield from self.relocate(work, record, now)
            if record.place is None:
                record.absent += 1
                if record.absent == 1:
                    self._look_soon(now)
                if record.absent == 2 and not record.ledger.missing:
                    yield missing(work, record)

    def stranger(self, work: Work, listing: tree.Listing, stem: str, now: Now) -> Iterator[Action]:
        """A task file that nobody knows: taken in where tasks are taken in, answered elsewhere."""
        if listing.folder in INTAKE_FOLDERS:
            yield from self.plan_eyes.pending(work, listing.folder, stem, now)
        elif work.history.intake is not None:
            text = f"nobody knows a task {stem}; put new tasks into tasks/pending, from where they are taken in"
            path = f"{listing.folder}/{stem}.yaml"
            yield from answer(work, path, [Fault("unknown_task", text, path)], "stranger", _bearer(listing.place), stem)

    def lies(self, work: Work, record: Record) -> bool:
        """Whether a task's file is where we last saw it."""
        return record.place is not None and os.path.lexists(
            os.path.join(self.root, work.id, record.place, f"{record.task.task_id}.yaml")
        )

    def relocate(self, work: Work, record: Record, now: Now) -> Iterator[Action]:
        """Find where a task's file lies now."""
        task_id = record.task.task_id
        found = list(dict.fromkeys(tree.locate(os.path.join(self.root, work.id), task_id)))
        if not found and self.holding.blinded(work, now):
            return
        if not found:
            work.put(record, None, now.s)
            if not record.absent:
                self._look_soon(now)
            return
        known = record.ledger.place
        first = known if known in found else min(found, key=lambda place: ORDER_OF_LIFE[state_of(place)])
        rest = tuple(place for place in found if place != first)
        if rest and self._doubles.get((work.id, task_id)) == rest:
            yield from self.plan_eyes.double(work, task_id, first, rest)
        self._doubles[work.id, task_id] = rest
        if rest:
            self._look_soon(now)
        self.lies_at(work, record, first, now)

    def _look_soon(self, now: Now) -> None:
        """What was seen may be half of a rename; whether it stays so is seen at a second look."""
        soon_s = now.s + max(0.1, min(self.policy().scan_interval_s, self.policy().settle_s))
        self.plan_eyes.wake_s = soon_s if self.plan_eyes.wake_s is None else min(soon_s, self.plan_eyes.wake_s)

    def lies_at(self, work: Work, record: Record, place: str, now: Now) -> None:
        """A task's file was seen here."""
        work.put(record, place, now.s)
        if record.state in (State.IN_PROGRESS, State.COMPLETED) and not record.settled:
            self.work_eyes.entered(work, record, now)


def _bearer(place: str) -> str | None:
    """The agent in whose queue a file lies."""
    parts = place.split("/")
    return parts[2] if parts[:2] == ["queues", "agents"] and len(parts) == 3 else None
