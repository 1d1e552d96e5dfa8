"""The loop: hints in, a turn, sleep until something is to be done. The only caller of both eyes and rules.

A turn looks where hints point, lets each rule decide once and takes what it decided into the index, again until no rule
asks for more, and then makes all of it durable in one go. Trouble with the disk ends a turn and nothing else: the
instructions concerned are read again from the tree, later and later, until it is over.
"""

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from cagents_fs.core.assume import assume, coalesce
from cagents_fs.core.index import Index, Record, Work
from cagents_fs.daemon.checking import Checking
from cagents_fs.daemon.clock import ObservedClock
from cagents_fs.daemon.derived import Derived
from cagents_fs.daemon.eyes import Eyes
from cagents_fs.daemon.hands import Hands
from cagents_fs.daemon.watch import Hint
from cagents_fs.errors import StorageError
from cagents_fs.jobs import check_job
from cagents_fs.model.actions import Action, Move, Note, RunChecks, Start, Stop, StopChecks, Wake
from cagents_fs.model.observations import ChecksDone, ManifestSeen, Now
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import State, state_of
from cagents_fs.rules import reconcile
from cagents_fs.rules.liveness import lease_s
from cagents_fs.store.commit import Committer

log = logging.getLogger("cagents_fs")
MOST_PASSES = 20  # more means that two rules undo each other
LOUDEST_PAUSE_S = 30.0


@dataclass(slots=True)
class Trouble:
    """The file system refuses: since when, and when we try again."""

    pause_s: float = 0.0
    until_s: float = 0.0
    instructions: set[str] = field(default_factory=set)
    said: str = ""


class Loop:
    """Turns, one after another."""

    def __init__(
        self,
        index: Index,
        eyes: Eyes,
        hands: Hands | None,
        committer: Committer,
        checking: Checking,
        clock: ObservedClock,
        policy: Callable[[], Policy],
    ) -> None:
        """Nothing happens before the first turn."""
        self.index, self.eyes, self.hands, self.committer = index, eyes, hands, committer
        self.checking, self.clock, self.policy = checking, clock, policy
        self.derived = Derived(committer.root, lambda: policy().durability == "power_loss")
        self.trouble = Trouble()
        self.wake_s = 0.0
        self.look_s = 0.0  # when the next full look is due
        self.look_cost_s = 0.0
        self.signs_s = 0.0  # when the output of tasks in work is to be looked at, whatever events say
        self.moved = 0  # how many actions the last turn carried out
        self.listeners: list[Callable[[Action, Now], None]] = []
        self._reopen: set[str] = set()
        eyes.work_eyes.big = self._measure_later

    def turn(self, hints: Iterable[Hint] = (), *, everything: bool = False) -> None:
        """One turn. `everything`: a full look, whatever the hints say."""
        now = self.clock.now()
        if now.s < self.trouble.until_s:
            self.look_s = min(self.look_s, self.trouble.until_s)
            return
        try:
            self._turn(hints, now, everything=everything or now.s >= self.look_s)
        except (OSError, StorageError) as error:
            self._stumble(error, now)
        else:
            self.trouble.pause_s = 0.0
            if self.trouble.said:
                log.warning("the file system answers again; nothing was lost", extra={"event": "storage_back"})
                self.trouble.said = ""

    def _turn(self, hints: Iterable[Hint], now: Now, *, everything: bool) -> None:
        actions: list[Action] = []

        def take(found: Iterable[Action]) -> None:
            for action in found:  # taken in one by one: what was answered is not answered again further on
                assume(self.index, action, now)
                actions.append(action)

        for instruction in sorted(self._reopen):
            take(self._again(instruction, now))
        take(self.eyes.take(hints, now))
        take(self._checked(now))
        if self.hands is not None:
            self.hands.reap(now)
        if everything:
            take(self._look(now))
        take(self._settling(now))
        self._signs(now)
        self.wake_s = now.s + 3600.0
        actions.extend(self._passes(now))
        self.moved = len(actions)
        self._do(coalesce(actions), now)
        self.derived.step(self.index, now)

    def _again(self, instruction: str, now: Now) -> Iterator[Action]:
        """Read an instruction again: somebody was first, or the disk refused in the middle of a turn."""
        if os.path.isdir(os.path.join(self.committer.root, instruction)):
            yield from self.eyes.open(instruction, now)
        self._reopen.discard(instruction)

    def _look(self, now: Now) -> Iterator[Action]:
        begun_s = time.monotonic()
        if self.eyes.watcher.supervise():
            for work in self.index.works.values():
                self.eyes.watch(work)
        yield from self.eyes.look_everywhere(now)
        self.look_cost_s = time.monotonic() - begun_s
        interval_s = self.policy().scan_interval_s
        if self.eyes.watcher.alive and not self.eyes.watcher.trouble:
            interval_s = max(interval_s, 200 * self.look_cost_s)
        self.look_s = now.s + interval_s

    def _signs(self, now: Now) -> None:
        """A growing log or a file written in place is no event: where leases are short, look four times in each."""
        if now.s < self.signs_s:
            return
        shortest_s = 4 * self.policy().scan_interval_s
        for work in self.index.works.values():
            for task_id in tuple(work.in_state[State.IN_PROGRESS]):
                shortest_s = min(shortest_s, lease_s(work.records[task_id], self.policy()))
                self.eyes.work_eyes.output(work, task_id, now)
        self.signs_s = now.s + max(0.1, shortest_s / 4)

    def _settling(self, now: Now) -> Iterator[Action]:
        """Look again at what had to settle."""
        work_eyes, plan_eyes = self.eyes.work_eyes, self.eyes.plan_eyes
        if work_eyes.wake_s is not None and work_eyes.wake_s <= now.s:
            work_eyes.wake_s = None
            for instruction, task_id in tuple(work_eyes.unsettled):
                work = self.index.works.get(instruction)
                if work is not None and task_id in work.records:
                    work_eyes.manifest(work, work.records[task_id], now)
            for work in tuple(self.index.works.values()):
                yield from work_eyes.heartbeats(work, now)
        if plan_eyes.wake_s is not None and plan_eyes.wake_s <= now.s:
            plan_eyes.wake_s = None
            for work in tuple(self.index.works.values()):
                self.eyes.scanner.forget(os.path.join(self.committer.root, work.id))
                yield from self.eyes.look(work, now)

    def _passes(self, now: Now) -> list[Action]:
        """Let the rules decide until none of them asks for anything more."""
        decided: list[Action] = []
        for _ in range(MOST_PASSES):
            quiet = True
            wakes = [now.s + 3600.0]
            for rule in reconcile.RULES:
                for action in list(rule(self.index, self.policy(), now)):
                    if isinstance(action, Wake):
                        wakes.append(action.at_s)
                        continue
                    quiet = not assume(self.index, action, now) and quiet
                    decided.append(action)
            if quiet:
                self.wake_s = min(wakes)
                for work in self.index.works.values():
                    work.touched.clear()
                return decided
        raise AssertionError(f"the rules did not come to rest: {decided[-5:]}")

    def _do(self, actions: list[Action], now: Now) -> None:
        done = self.committer.commit(actions, now)
        undone = {id(action) for action in done.undone}
        self._reopen |= done.lost
        starts: list[Start] = []
        for action in actions:
            if id(action) in undone or getattr(action, "instruction", None) in done.lost:
                if isinstance(action, Start):
                    self.index.running -= 1
                    self.index.works[action.instruction].records[action.task_id].running = False
                continue
            self._act(action, starts, now)
            self.derived.saw(action)
            for listener in self.listeners:
                listener(action, now)
        if starts and self.hands is not None:
            self.hands.start(starts, now)
        if done.lost:
            self.wake_s = now.s

    def _act(self, action: Action, starts: list[Start], now: Now) -> None:
        match action:
            case RunChecks():
                self._submit(action)
            case StopChecks():
                self.checking.cancel(action.instruction, action.task_id)
            case Start():
                starts.append(action)
            case Stop() if self.hands is not None:
                self.hands.stop(action)
            case Move():
                self._after_move(action, now)
            case Note() if action.event in ("finding", "alert", "answered", "stalled"):
                log.warning(action.reason, extra={"event": action.event, "instruction": action.instruction})

    def _after_move(self, action: Move, now: Now) -> None:
        work = self.index.works[action.instruction]
        record = work.records[action.task_id]
        if state_of(action.source) is State.IN_PROGRESS and state_of(action.target) is not State.UNDER_REVIEW:
            self.eyes.work_eyes.unwatch(work, action.task_id)
        if state_of(action.target) is State.IN_PROGRESS:
            self.signs_s = min(self.signs_s, now.s + lease_s(record, self.policy()) / 4)
            self.eyes.work_eyes.entered(work, record, now)
        log.info(
            "%s: %s -> %s: %s",
            action.task_id,
            action.source,
            action.target,
            action.reason,
            extra={"event": "moved", "instruction": action.instruction},
        )

    def next_s(self) -> float:
        """When, in observed seconds, the next turn is due if nothing is heard before."""
        times = [self.wake_s, self.look_s]
        if any(work.in_state[State.IN_PROGRESS] for work in self.index.works.values()):
            times.append(self.signs_s)
        others = (self.eyes.work_eyes.wake_s, self.eyes.plan_eyes.wake_s, self.derived.next_s())
        times += [at_s for at_s in others if at_s is not None]
        return min(times)

    # -- checks ----------------------------------------------------------------------------------------------------

    def _submit(self, action: RunChecks) -> None:
        work = self.index.works[action.instruction]
        record = work.records.get(action.task_id)
        roots = self.eyes.work_eyes.roots(work, record) if record else None
        job = check_job(
            self.committer.root,
            work,
            record,
            roots,
            self.policy(),
            key=action.key,
            attempt=action.attempt,
            before=action.before,
        )
        self.checking.submit(job)

    def _checked(self, now: Now) -> Iterator[Action]:
        done, others = self.checking.take()
        for call in others:
            call()
        for job, result in done:
            work = self.index.works.get(job.instruction)
            record = work.records.get(job.task_id) if work else None
            if work is None or result.key == "cancelled":
                continue
            if not job.task_id:
                work.whole_checking, work.whole_checks = False, result
                work.touched[""] = None
            elif record is not None and record.checking == result.key:
                record.checking = None
                work.touched[job.task_id] = None
                if result.before:
                    yield checked_before(work, record, result)
                else:
                    record.checks = result
                    self.eyes.work_eyes.again(work, record, now)

    def _measure_later(self, instruction: str, task_id: str, measure: Callable[[], ManifestSeen | None]) -> None:
        """Hash what is big in a thread; it is judged when that is done."""

        def run() -> Callable[[], None]:
            seen = measure()
            return lambda: self._measured(instruction, task_id, seen)

        self.checking.measure(run)

    def _measured(self, instruction: str, task_id: str, seen: ManifestSeen | None) -> None:
        work = self.index.works.get(instruction)
        if work is not None and task_id in work.records:
            self.eyes.work_eyes.measured(work, work.records[task_id], seen, self.clock.now())

    # -- trouble ---------------------------------------------------------------------------------------------------

    def _stumble(self, error: OSError | StorageError, now: Now) -> None:
        trouble = self.trouble
        trouble.pause_s = min(LOUDEST_PAUSE_S, max(0.5, 2 * trouble.pause_s))
        trouble.until_s = self.wake_s = self.look_s = now.s + trouble.pause_s
        self._reopen |= set(self.index.works)
        said = storage_text(error, self.committer.root)
        if said != trouble.said:
            log.error(said, extra={"event": "storage"})
            trouble.said = said


def storage_text(error: OSError | StorageError, root: str) -> str:
    """One line: what the file system refuses, where, and what to do."""
    if isinstance(error, StorageError):
        return error.message
    advice = {
        28: "free some space or inodes (df -h, df -i)",
        122: "the quota is used up",
        30: "the file system is read-only; mount it writable",
        13: "give this user the right to write there",
        24: "raise the limit of open files (ulimit -n)",
        2: "the tree, or a folder in it, is gone; put it back or stop this daemon",
    }.get(error.errno or 0, "look at the disk")
    where = error.filename or root
    return f"{where}: {error.strerror or error}; nothing was lost, we try again: {advice}"


def checked_before(work: Work, record: Record, result: ChecksDone) -> Note:
    """The checks that had to fail before the work have been seen, once and for all."""
    vacuous = list(result.vacuous)
    said = (
        f"vacuous, passes before any work: {'; '.join(vacuous)}" if vacuous else "fails before the work, as it should"
    )
    return Note(
        instruction=work.id,
        event="checked_before",
        task_id=record.task.task_id,
        attempt=record.ledger.attempt,
        reason=said,
        facts={"vacuous": vacuous} if vacuous else {},
    )
