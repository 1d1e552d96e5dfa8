"""Files that are derived from others and decide nothing: `queue.yaml`, the verdict on accepted work, closed task files.

Written off the turn, a few at a time; a disk that refuses them holds up nothing else.
"""

import logging
import os
import time
from collections import deque
from collections.abc import Callable

from cagents_fs.core.index import Index, Work
from cagents_fs.core.lanes import standing
from cagents_fs.daemon.capacity_files import CapacityFiles
from cagents_fs.daemon.result_files import ResultFiles
from cagents_fs.model.actions import Action, Move, Note, Phase, Recognise, WriteVerdict
from cagents_fs.model.observations import Now
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import COUNTED_AS, FINAL, State, folder_of, state_of
from cagents_fs.store import informing
from cagents_fs.store.changes import LostRace, Renames
from cagents_fs.store.disk import put_unlinked
from cagents_fs.store.dump import dump

log = logging.getLogger("cagents_fs")
STEP_S = 0.02  # of a turn, at most
EVERY_S = 1.0  # a queue is listed at most this often
OVER = ("complete", "failed", "cancelled")


class Derived:
    """What still has to be written."""

    def __init__(self, root: str, policy: Callable[[], Policy]) -> None:
        """Nothing has happened yet."""
        self._root, self._policy = root, policy
        self._queues: dict[tuple[str, str], None] = {}
        self._queues_at_s = 0.0
        self._verdicts: deque[WriteVerdict] = deque()
        self._ended: deque[str] = deque()
        self._closing: deque[tuple[str, str | None]] = deque()  # None: that was the last of the instruction
        self._results, self._capacity = ResultFiles(root), CapacityFiles(root)
        self._leaving = False
        self._refused = False

    def opened(self, work: Work) -> None:
        """The daemon has begun: what was cut short is taken up."""
        under_way = {*self._ended, *(name for name, _ in self._closing)}
        if not work.history.closed and not work.open and work.id not in under_way:
            self.close(work.id)
        self._results.opened(work)

    def hasten(self) -> None:
        """We are leaving: everything is due now."""
        self._leaving, self._refused, self._queues_at_s = True, False, 0.0
        self._results.hasten()
        self._capacity.hasten()

    def close(self, instruction: str) -> None:
        """An instruction has ended, and its task files do not say so yet."""
        self._ended.append(instruction)

    def saw(self, action: Action) -> None:
        """An action was carried out."""
        self._results.saw(action)
        self._capacity.changed()
        match action:
            case Move() | Recognise():
                for place in (action.source, action.target):
                    if place and state_of(place) is State.AGENTS:
                        self._queues[action.instruction, folder_of(place) or ""] = None
            case Note() if action.event == "accepted" and action.task_id:
                verdict = WriteVerdict(
                    instruction=action.instruction,
                    task_id=action.task_id,
                    attempt=action.attempt or 1,
                    accepted=True,
                    manifest_sha256=str(action.facts["manifest_sha256"]),
                    faults=(),
                )
                self._verdicts.append(verdict)
            case Phase() if action.phase in OVER:
                self.close(action.instruction)

    @property
    def busy(self) -> bool:
        """Whether anything is left to write now."""
        if self._leaving:  # what is refused now is left to the next daemon: nobody waits for a disk
            return not self._refused and self._soon_s() is not None
        return bool(self._rest or self._results.busy or self._capacity.busy)

    @property
    def _rest(self) -> bool:
        return bool(self._closing or self._ended or self._verdicts)

    def next_s(self) -> float | None:
        """When, in observed seconds, something is to be written; None for never."""
        return 0.0 if self.busy else self._soon_s()

    def _soon_s(self) -> float | None:
        if self._rest:
            return 0.0
        times = (self._queues_at_s if self._queues else None, self._results.next_s(), self._capacity.next_s())
        return min((at_s for at_s in times if at_s is not None), default=None)

    def step(self, index: Index, now: Now) -> list[str]:
        """Write some more. Returns the instructions that are closed now. Trouble is logged and nothing else."""
        until_s, closed = time.monotonic() + STEP_S, list[str]()
        if self._queues and now.s >= self._queues_at_s:
            self._queues_at_s = now.s + EVERY_S
            for instruction, agent in self._queues:
                self._safely(lambda i=instruction, a=agent: self._queue(index, i, a, now))  # type: ignore[misc]
            self._queues.clear()
        while self._rest and time.monotonic() < until_s:
            if self._verdicts:
                verdict = self._verdicts.popleft()
                self._safely(lambda v=verdict: informing.write(self._root, v, now))  # type: ignore[misc]
            elif self._closing:
                instruction, task_id = self._closing.popleft()
                if task_id is None:
                    closed.append(instruction)
                else:
                    self._safely(lambda i=instruction, t=task_id: self._close(index, i, t))  # type: ignore[misc]
            else:
                name = self._ended.popleft()
                if name in index.works:
                    self._closing.extend((name, task_id) for task_id in index.works[name].records)
                    self._closing.append((name, None))
        self._safely(lambda: self._capacity.step(index, self._policy(), now, until_s))
        if not (self._rest or closed):  # results come last: they are up to date when nothing in the journal is younger
            self._safely(lambda: self._results.step(index, now, until_s))
        return closed

    def _safely(self, write: Callable[[], None]) -> None:
        try:
            write()
        except (OSError, LostRace, UnicodeError, ValueError) as error:
            self._refused = True
            log.warning("a derived file could not be written: %s", error, extra={"event": "skipped"})
        except Exception:
            self._refused = True
            log.exception("a derived file could not be written; this should not happen, please report it")

    def _queue(self, index: Index, instruction: str, agent: str, now: Now) -> None:
        """`queue.yaml` lists an agent's tasks, best first."""
        work = index.works.get(instruction)
        folder = os.path.join(self._root, instruction, State.AGENTS.value, agent)
        if work is None or not os.path.isdir(folder):
            return
        records = [work.records[task_id] for task_id in work.at_agent.get(agent, ())]
        policy = self._policy()
        index.urgencies(policy)
        records.sort(key=lambda record: standing(record, policy, now.wall_s))
        tasks = [{"task_id": record.task.task_id, "priority": record.task.priority} for record in records]
        put_unlinked(os.path.join(folder, "queue.yaml"), dump({"agent": agent, "tasks": tasks}).encode())

    def _close(self, index: Index, instruction: str, task_id: str) -> None:
        """A task file of an instruction that has ended says how: `status`."""
        work = index.works.get(instruction)
        record = work.records.get(task_id) if work else None
        if record is not None and record.settled and record.state in FINAL:
            renames = Renames(
                self._root, instruction, lambda _: None, durable=self._policy().durability == "power_loss"
            )
            renames.edit(record.place or "", task_id, {"status": COUNTED_AS[record.state]})
