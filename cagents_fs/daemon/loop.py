"""The loop: hints in, a turn, sleep until something is to be done. The only caller of both eyes and rules.

A turn looks where hints point, lets each rule decide once and takes what it decided into the index, again until no rule
asks for more, and then makes all of it durable in one go. Trouble with the disk ends a turn and nothing else: the
instructions concerned are read again from the tree, later and later, until it is over. A fault of ours ends a turn as
well, and is then kept to the instruction that it concerned (`our_faults.py`).
"""

import logging
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator

from cagents_fs.core.assume import assume, coalesce
from cagents_fs.core.index import Index, Work
from cagents_fs.daemon.checking import Checking
from cagents_fs.daemon.clock import ObservedClock
from cagents_fs.daemon.derived import Derived
from cagents_fs.daemon.eyes import Eyes
from cagents_fs.daemon.hands import Hands
from cagents_fs.daemon.hearing import Hearing
from cagents_fs.daemon.our_faults import OurFaults, only_told
from cagents_fs.daemon.signs import Signs
from cagents_fs.daemon.trouble import Trouble, storage_text
from cagents_fs.daemon.verdict_desk import VerdictDesk
from cagents_fs.daemon.watch import Hint
from cagents_fs.errors import CagentsError, StorageError, TreeLost
from cagents_fs.model.actions import Action, Move, Note, RunChecks, Start, Stop, StopChecks, Undo, Wake
from cagents_fs.model.lines import iso
from cagents_fs.model.observations import Now
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import State, state_of
from cagents_fs.rules import reconcile
from cagents_fs.store.commit import Committer

log = logging.getLogger("cagents_fs")
MOST_PASSES = 20  # in a turn
MOST_RESTLESS = 200  # turns in a row that ended in the middle: two rules undo each other


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
        self.derived = Derived(committer.root, policy)
        self.trouble = Trouble()
        self.restless = 0  # turns in a row in which the rules did not come to rest
        self.faults = OurFaults(index, committer, eyes.holding, self.trouble)
        self.wake_s = 0.0
        self.look_s = 0.0  # when the next full look is due
        self.look_cost_s = 0.0
        self._looked_s = 0.0  # when the last one was
        self.moved = 0  # how many actions the last turn carried out
        self.listeners: list[Callable[[Action, Now], None]] = []
        self._reopen: set[str] = set()
        self._unheard_s = math.inf  # since when a process has ended and may have left a question
        self.hearing = Hearing(eyes)
        self.signs = Signs(index, eyes, policy)
        self.desk = VerdictDesk(committer.root, index, eyes.work_eyes, checking, policy)

    def turn(self, hints: Iterable[Hint] = (), *, everything: bool = False) -> None:
        """One turn. `everything`: a full look, whatever the hints say."""
        now, self.faults.failed = self.clock.now(), False
        if now.s < self.trouble.until_s:
            self.look_s = min(self.look_s, self.trouble.until_s)
            return
        try:
            self._turn(hints, now, everything=everything or now.s >= self.look_s)
        except TreeLost:
            raise
        except (OSError, StorageError) as error:
            self.trouble.begin(storage_text(error, self.committer.root), now.s)
            self._start_over()
        except Exception as error:  # a fault of ours: said loudly, and no reason to leave fifty agents alone
            longest_s = max(self.policy().scan_interval_s, 200 * self.look_cost_s)
            self.faults.met(error, self.clock.now(), longest_s)
            self._start_over()
        else:
            self.faults.over(now)
            self.trouble.end()

    def _start_over(self) -> None:
        """Whatever this turn has decided and not done is forgotten: everything is read again from the tree."""
        self._reopen |= set(self.index.works)
        if self.hands is not None:
            self.hands.recount()
        self.wake_s = self.look_s = self.trouble.until_s

    def _turn(self, hints: Iterable[Hint], now: Now, *, everything: bool) -> None:
        actions: list[Action] = []

        def take(found: Iterable[Action]) -> None:
            for action in found:  # taken in one by one: what was answered is not answered again further on
                assume(self.index, action, now)
                actions.append(action)
            self.faults.nobody()

        self.faults.nobody()
        self.eyes.holding.look_at_mounts(self.index.each(), now)
        self._reopen.update(self.eyes.holding.over(now, self.policy().scan_interval_s))
        for instruction in sorted(self._reopen):
            if not self.eyes.holding.is_blind(instruction):  # else what is read now is not true
                take(self._again(instruction, now))
        take(self.hearing.take(hints, now))
        take(self.desk.take(now))
        take(self._reap(now))
        if everything:
            take(self._look(now))
        take(self.eyes.settled(now))
        take(self.eyes.plan_eyes.released(self.index))
        take(self.signs.look(now))
        self.wake_s = now.s + 3600.0
        actions.extend(self._passes(now))
        self.faults.nobody()
        self.moved = len(actions)
        self._do(coalesce(actions), now)
        self.derive(now)

    def _reap(self, now: Now) -> Iterator[Action]:
        """Take note of what has ended. Who has asked for help and left has not handed in: so, who has asked?

        A question that has yet to settle is waited for, at most as long as twice that takes.
        """
        if self.hands is None:
            return
        if self.hands.processes.any_ended():
            for work in self.index.each():
                yield from self.eyes.plea_eyes.look(work, now)
            self._unheard_s = min(self._unheard_s, now.s)
            patient = now.s - self._unheard_s < 2 * self.policy().settle_s
            if patient and self.eyes.plea_eyes.wake_s is not None:
                return
        self._unheard_s = math.inf
        self.hands.reap(now)

    def derive(self, now: Now) -> None:
        """Write some of what is derived. Raises OSError."""
        for instruction in self.derived.step(self.index, now):
            if (work := self.index.turn_to(instruction)) is None:
                continue  # gone, or set aside: then it is closed after it was read again
            line = {"time": iso(now.wall_s), "event": "closed", "reason": "every task file says how it ended"}
            self.committer.note(instruction, [line], durable=False)
            work.history.apply(line)

    def take_up(self, work: Work, now: Now) -> None:
        """What an earlier life left behind of it: processes, and what was to be derived. Raises OSError."""
        with only_told(f"what was left behind of {work.id}", but=(OSError, CagentsError)):
            if self.hands is not None:
                self.hands.end_orphans(work, now)
            self.derived.opened(work)

    def _again(self, instruction: str, now: Now) -> Iterator[Action]:
        """Read an instruction again: somebody was first, or the disk refused in the middle of a turn."""
        self.index.about = instruction
        if os.path.isdir(os.path.join(self.committer.root, instruction)):
            yield from self.eyes.open(instruction, now)
        self._reopen.discard(instruction)
        if instruction in self.index.aside:
            self.faults.try_again(instruction, now)
            if self.hands is not None:
                self.hands.recount()
            if (work := self.index.works.get(instruction)) is not None:
                self.take_up(work, now)

    def _look(self, now: Now) -> Iterator[Action]:
        begun_s, self._looked_s = time.monotonic(), now.s
        if self.eyes.watcher.supervise():
            for work in self.index.each():
                self.eyes.watch(work)
        found = False
        for action in self.eyes.look_everywhere(now):
            found = True
            yield action
        self.look_cost_s = time.monotonic() - begun_s
        interval_s = self.policy().scan_interval_s
        if self.eyes.watcher.hears and not found:  # what was found is no measure of what looking costs
            interval_s = max(interval_s, 200 * self.look_cost_s)
        self.look_s = now.s + interval_s

    def look_soon(self) -> None:
        """Events were lost. Where that happens all the time, looking takes at most a tenth of ours."""
        self.look_s = min(self.look_s, self._looked_s + min(self.policy().scan_interval_s, 10 * self.look_cost_s))

    def _passes(self, now: Now) -> list[Action]:
        """Let the rules decide until none of them asks for anything more."""
        decided: list[Action] = []
        for _ in range(MOST_PASSES):
            quiet = True
            wakes = [now.s + 3600.0]
            self.index.look_across()
            for rule in reconcile.RULES:
                self.index.about = None
                for action in list(rule(self.index, self.policy(), now)):
                    self.index.about = getattr(action, "instruction", None)
                    if isinstance(action, Wake):
                        wakes.append(action.at_s)
                        if action.handed_in is not None:
                            self.eyes.work_eyes.look_soon(action.handed_in, now)
                        continue
                    if getattr(action, "instruction", None) in self.eyes.holding:
                        continue
                    quiet = not assume(self.index, action, now) and quiet
                    decided.append(action)
            if quiet:
                self.wake_s, self.restless = min(wakes), 0
                for work in self.index.works.values():
                    work.touched.clear()
                return decided
        self.restless += 1
        if self.restless > MOST_RESTLESS:
            self.index.about = getattr(decided[-1], "instruction", None)
            raise AssertionError(f"the rules did not come to rest: {decided[-5:]}")
        self.wake_s = now.s  # there is much to do: this much of it now, the rest in the next turn
        return decided

    def _do(self, actions: list[Action], now: Now) -> None:
        done = self.committer.commit(actions, now)
        undone = {id(action) for action in done.undone}
        self._reopen |= done.lost
        starts: list[Start] = []
        carried_out = [
            action
            for action in actions
            if id(action) not in undone and getattr(action, "instruction", None) not in done.lost
        ]
        for action in carried_out:  # all of them, before anything can go wrong with one
            self.index.about = getattr(action, "instruction", None)
            self.derived.saw(action)
        for action in carried_out:
            self.index.about = getattr(action, "instruction", None)
            self._act(action, starts, now)
            for listener in self.listeners:
                with only_told("telling of what was done"):
                    listener(action, now)
        self.index.about = None
        if starts and self.hands is not None:
            self.hands.start(starts, now)
        for instruction, why in done.busy.items():
            self.eyes.holding.hold(instruction, why, lambda i=instruction: self.committer.is_free(i), now)  # type: ignore[misc]
        if done.lost:
            self.wake_s = now.s
            if self.hands is not None:
                self.hands.recount()

    def _act(self, action: Action, starts: list[Start], now: Now) -> None:
        match action:
            case RunChecks():
                self.desk.send(action)
            case StopChecks():
                self.checking.cancel(action.instruction, action.task_id)
            case Start():
                starts.append(action)
            case Stop() if self.hands is not None:
                self.hands.stop(action)
            case Move():
                self._after_move(action, now)
            case Undo():  # what was handed in while it lay elsewhere is looked at in the next turn
                work = self.index.works[action.instruction]
                self.eyes.work_eyes.entered(work, work.records[action.task_id], now)
                self.wake_s = now.s
            case Note() if action.event in ("finding", "alert", "answered", "stalled"):
                log.warning(action.reason, extra={"event": action.event, "instruction": action.instruction})

    def _after_move(self, action: Move, now: Now) -> None:
        work = self.index.works[action.instruction]
        record = work.records[action.task_id]
        if state_of(action.target) is State.IN_PROGRESS:
            self.signs.begun(record, now)
        if self.eyes.after_move(work, record, action, now):
            self.wake_s = now.s
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
        others = (self.signs.next_s(), self.eyes.wake_s(), self.derived.next_s(), self.eyes.holding.next_s())
        times = [self.wake_s, self.look_s, *(at_s for at_s in others if at_s is not None)]
        return max(min(times), self.trouble.until_s)
