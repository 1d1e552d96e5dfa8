"""Who gives signs of life of which no event tells? Growing logs, files written in place; and events get lost.

Where leases are short, each output is looked at four times in a lease. And at all that speaks for an agent whose lease
or grace is over: nobody is called stalled, or loses a task, whose files were not looked at just then.
"""

from collections.abc import Callable, Iterator

from cagents_fs.core.index import Index, Record
from cagents_fs.daemon.eyes import Eyes
from cagents_fs.model.actions import Action
from cagents_fs.model.observations import Now
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import State
from cagents_fs.rules.liveness import is_due, lease_s


class Signs:
    """When the output of tasks in work is to be looked at, whatever events say."""

    def __init__(self, index: Index, eyes: Eyes, policy: Callable[[], Policy]) -> None:
        """At once."""
        self.due_s = 0.0  # in observed seconds
        self._index, self._eyes, self._policy = index, eyes, policy

    def look(self, now: Now) -> Iterator[Action]:
        """Look at those whose turn it is, and at whoever would be called stalled now."""
        in_turn, shortest_s = now.s >= self.due_s, 4 * self._policy().scan_interval_s
        for work in self._index.each():
            held = [work.records[task_id] for task_id in work.in_state[State.IN_PROGRESS]]
            due = [record for record in held if is_due(work, record, self._policy(), now)]
            if due:
                yield from self._eyes.beat_eyes.heartbeats(work, now)
                yield from self._eyes.plea_eyes.look(work, now)
            for record in held if in_turn else due:
                self._eyes.work_eyes.output(work, record.task.task_id, now)
            if in_turn:
                shortest_s = min([shortest_s, *(lease_s(record, self._policy()) for record in held)])
        if in_turn:
            self.due_s = now.s + max(0.1, shortest_s / 4)

    def begun(self, record: Record, now: Now) -> None:
        """A lease begins."""
        self.due_s = min(self.due_s, now.s + lease_s(record, self._policy()) / 4)

    def next_s(self) -> float | None:
        """When, in observed seconds, the next look is due; None while nobody is at work."""
        at_work = any(work.in_state[State.IN_PROGRESS] for work in self._index.works.values())
        return self.due_s if at_work else None
