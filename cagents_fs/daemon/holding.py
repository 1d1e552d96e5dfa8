"""What is held: instructions about which nothing is decided for now, and why. The others go on.

Where another file system hides the task files, or most of them are gone at once, what we see is not what is so: to act
on it would turn an accident with `mount` or `rm` into changes of state. And where somebody keeps the lock of an
instruction's queues, or a fault of ours keeps us from handling it (`our_faults.py`), it alone has to wait.
"""

import logging
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cagents_fs.core.index import Index, Work
from cagents_fs.model.observations import Now
from cagents_fs.store import tree
from cagents_fs.store.mounts import Mounts

log = logging.getLogger("cagents_fs")
MANY, MOST = 5, 0.5  # so many tasks, and such a share of all, do not vanish one by one
FIRST_PAUSE_S = 0.1


@dataclass(slots=True)
class Held:
    """One instruction that waits."""

    reason: str
    over: Callable[[], bool]
    blind: bool  # what is read of it now is not true
    at_s: float
    pause_s: float = FIRST_PAUSE_S
    ours: bool = False  # for a fault of ours: whether that is over is seen by trying


class Holding:
    """Which instructions are held, and what keeps us from seeing their tasks."""

    def __init__(self, root: str, index: Index) -> None:
        """Nothing is held."""
        self.root, self._index = root, index
        self.mounts = Mounts(root)
        self.held: dict[str, Held] = {}
        self._mounted: dict[str, set[str]] = {}  # instruction -> what was mounted in it when it was opened

    def __contains__(self, instruction: object) -> bool:
        """Whether nothing is to be decided about it."""
        return instruction in self.held

    def is_blind(self, instruction: str) -> bool:
        """Whether what is read of it now is not true."""
        return instruction in self.held and self.held[instruction].blind

    def hold(self, instruction: str, reason: str, over: Callable[[], bool], now: Now, *, blind: bool = False) -> bool:
        """Decide nothing about it until it is over. Returns whether this is new; it is said once."""
        if instruction in self.held:
            return False
        self.held[instruction] = Held(reason, over, blind, now.s + FIRST_PAUSE_S)
        log.warning("%s is held: %s", instruction, reason, extra={"event": "held", "instruction": instruction})
        return True

    def set_aside(self, instruction: str, reason: str, now: Now, pause_s: float) -> None:
        """Hold it for a fault of ours, whatever it was held for, until it is tried again after this pause."""
        self.held[instruction] = Held(reason, lambda: True, blind=True, at_s=now.s + pause_s, ours=True)

    def is_aside(self, instruction: str) -> bool:
        """Whether it is held for a fault of ours."""
        return instruction in self.held and self.held[instruction].ours

    def over(self, now: Now, longest_s: float) -> list[str]:
        """Ask again, later and later but at least every `longest_s`. Returns those that are held no more."""
        free = []
        for instruction, one in tuple(self.held.items()):
            if now.s < one.at_s:
                continue
            self._index.about = instruction
            if one.over():  # an error of the disk ends the turn, and we ask again in the next
                free.append(instruction)
                del self.held[instruction]
                if not one.ours:  # else that has yet to be seen
                    log.warning("%s goes on", instruction, extra={"event": "goes_on", "instruction": instruction})
            else:
                one.pause_s = min(longest_s, 2 * one.pause_s)
                one.at_s = now.s + one.pause_s
        return free

    def next_s(self) -> float | None:
        """When, in observed seconds, to ask again."""
        return min((one.at_s for one in self.held.values()), default=None)

    # -- what hides task files -------------------------------------------------------------------------------------

    def opened(self, instruction: str) -> None:
        """An instruction was read: what is mounted in it now was there before."""
        self._mounted[instruction] = {point for point in self.mounts.now() if _is_in(point, instruction)}

    def look_at_mounts(self, works: Iterable[Work], now: Now) -> None:
        """Before anything is decided: was something mounted over task files? It costs next to nothing to ask."""
        if self.mounts.have_changed():
            for work in works:
                self.blinded(work, now)
            for one in self.held.values():
                one.at_s = now.s  # it may be over

    def blinded(self, work: Work, now: Now) -> bool:
        """Whether its task files cannot be seen now; then it is held until they can."""
        if not self.is_blind(work.id) and work.history.intake is not None:
            why = self.hidden(work.id)
            if why is not None:
                self.hold(work.id, why, lambda: self.hidden(work.id) is None, now, blind=True)
        return self.is_blind(work.id)

    @staticmethod
    def suspects(work: Work, listings: list[tree.Listing]) -> bool:
        """Whether many tasks are no more where they were: then it is worth the time to see where all of them are."""
        if not listings or work.history.intake is None:
            return False
        seen = {task_id for listing in listings for task_id in listing.tasks}
        places = {listing.place for listing in listings}
        gone = sum(record.place in places and name not in seen for name, record in work.records.items())
        return gone + sum(record.place is None for record in work.records.values()) >= MANY

    def robbed(self, work: Work, now: Now) -> bool:
        """Whether most of it is gone at once; then it is held until it is back, or somebody asks for a rescue."""
        why = None if _rescued(work) else self.vanished(work)
        if why is not None:
            self.hold(work.id, why, lambda: _rescued(work) or self.vanished(work) is None, now, blind=True)
        return why is not None

    def hidden(self, instruction: str) -> str | None:
        """Why the task files of an instruction cannot be seen; None where they can."""
        points = [point for point in self.mounts.now() if _is_in(point, instruction)]
        for point in points:
            if tree.divides(point):
                return f"another file system is mounted over {point}; unmount it, or move it to the whole instruction"
            if point not in self._mounted.get(instruction, points):
                return f"another file system was mounted over {point}; unmount it"
        for part in ("tasks", "queues"):
            if not os.path.isdir(os.path.join(self.root, instruction, part)):
                return f"{instruction}/{part} is gone; put it back, or have it made empty by `cagents-fs doctor --fix`"
        return None

    def vanished(self, work: Work) -> str | None:
        """Why the disappearance of so many tasks is not believed; None where not so many are gone."""
        placed = [task_id for task_id, record in work.records.items() if record.ledger.place is not None]
        if len(placed) < MANY:
            return None
        listings = tree.Scanner().changed(os.path.join(self.root, work.id), everything=True)
        seen = {task_id for listing in listings for task_id in listing.tasks}
        gone = sum(task_id not in seen for task_id in placed)
        if gone < max(MANY, MOST * len(placed)):
            return None
        return (
            f"{gone} of {len(placed)} task files are gone at once; put them back, "
            f"or call `cagents-fs rescue {work.id}` to have them made again"
        )


def _rescued(work: Work) -> bool:
    return any(request.action == "rescue" for request in work.requests.values())


def _is_in(point: str, instruction: str) -> bool:
    return point == instruction or point.startswith(instruction + "/")
