"""The runner's own heartbeats: they say that a process exists, and nothing else. No lease is renewed by them."""

import logging
import os
from collections.abc import Callable

from cagents_fs.core.index import Index, Record, Work
from cagents_fs.model.lines import iso
from cagents_fs.model.observations import Now
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import State
from cagents_fs.store.disk import put_unlinked
from cagents_fs.store.dump import END, dump

log = logging.getLogger("cagents_fs")


class Beats:
    """Beats for the processes that run."""

    def __init__(self, index: Index, root: str, policy: Callable[[], Policy]) -> None:
        """Nobody has beaten yet."""
        self._index, self._root, self._policy = index, root, policy
        self._at_s = 0.0

    def beat(self, now: Now) -> float:
        """Beat for the processes that run, when it is time. Returns when it is the next time."""
        if now.s >= self._at_s:
            self._at_s = now.s + self._policy().heartbeat_interval_s
            for work in self._index.each():
                for task_id in work.in_state[State.IN_PROGRESS]:
                    record = work.records[task_id]
                    if record.running and record.ledger.holder:
                        self.write(work, record, record.ledger.holder, now)
        return self._at_s

    def write(self, work: Work, record: Record, agent: str, now: Now) -> None:
        """Say that the process exists; never over what the agent itself has written."""
        task_id = record.task.task_id
        path = os.path.join(self._root, work.id, "heartbeats", f"{agent}_{task_id}.yaml")
        if record.heartbeat is not None and record.heartbeat.written_by != "runner":
            return
        beat = {
            "agent_name": agent,
            "task_id": task_id,
            "timestamp": iso(now.wall_s),
            "status": "in_progress",
            "current_activity": "the process is running",
            "attempt": record.ledger.attempt,
            "written_by": "runner",
        }
        try:
            put_unlinked(path, (dump(beat) + END).encode())
        except Exception as error:  # it informs, and decides nothing
            log.warning("cannot beat for %s: %s", agent, error, extra={"event": "skipped", "instruction": work.id})
