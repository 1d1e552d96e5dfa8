"""The tasks in `queues/global` and `queues/domains`, in the order in which they are to be released.

Each agent type has a lane for each urgency. Within a lane the order never changes: who came first has waited longest,
and ageing only ever raises. So the best task is the best of at most four heads, whatever the time.
"""

import heapq
from collections.abc import Iterable, Iterator, Mapping

from cagents_fs.core.ordering import aged
from cagents_fs.core.record import Record
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import State

IN_LANES = frozenset({State.GLOBAL, State.DOMAINS})
Key = tuple[int, int]
_Entry = tuple[int, int, str]  # its turn, the number of the entry, the task


def standing(record: Record, policy: Policy, wall_s: float) -> Key:
    """Where a task stands in the one order; smaller comes first. `wall_s`: now, in seconds since the epoch."""
    since_s = record.ledger.queued_wall_s
    return aged(record.urgency, wall_s - since_s if since_s else 0.0, policy), record.queued


class Lanes:
    """Heaps with entries that go stale by themselves."""

    def __init__(self, records: Mapping[str, Record]) -> None:
        """Nobody is in them yet."""
        self._records = records
        self._heaps: dict[str, dict[int, list[_Entry]]] = {}
        self._entries = 0
        self.in_domains: dict[str, int] = {}  # agent type -> how many of its tasks wait in the queue of a domain
        self._counted: dict[str, str] = {}  # task -> the type under which it is counted there

    def agents(self) -> tuple[str, ...]:
        """The agent types that have had a lane."""
        return tuple(self._heaps)

    def enter(self, record: Record) -> None:
        """It is in the queues now, or more urgent than before."""
        self._entries += 1
        record.lane = self._entries
        lanes = self._heaps.setdefault(record.assigned or "", {})
        heapq.heappush(lanes.setdefault(record.urgency, []), (record.queued, record.lane, record.task.task_id))
        self.count(record)

    def count(self, record: Record) -> None:
        """It may have come into the queue of a domain, or left it."""
        counted = self._counted.pop(record.task.task_id, None)
        if counted is not None:
            self.in_domains[counted] -= 1
        if record.state is State.DOMAINS:
            agent = self._counted[record.task.task_id] = record.assigned or ""
            self.in_domains[agent] = self.in_domains.get(agent, 0) + 1

    def check(self) -> None:
        """The numbers against what they are the numbers of."""
        waiting = [record.assigned or "" for record in self._records.values() if record.state is State.DOMAINS]
        for agent, number in self.in_domains.items():
            assert number == waiting.count(agent), (agent, number)
        assert sum(self.in_domains.values()) == len(waiting)

    def best(self, agent: str, policy: Policy, wall_s: float) -> Iterator[Record]:
        """The tasks for this agent type, best first, as long as none is moved."""
        lanes = [self._in_turn(heap) for heap in self._heaps.get(agent, {}).values()]

        def key(record: Record) -> Key:
            return standing(record, policy, wall_s)

        return heapq.merge(*lanes, key=key)

    def best_of_all(self, policy: Policy, wall_s: float) -> Iterator[Record]:
        """The tasks of all agent types together, best first."""
        return self.best_among(self._heaps, policy, wall_s)

    def best_among(self, agents: Iterable[str], policy: Policy, wall_s: float) -> Iterator[Record]:
        """The tasks of some agent types together, best first."""
        lanes = [self.best(agent, policy, wall_s) for agent in agents]
        return heapq.merge(*lanes, key=lambda record: standing(record, policy, wall_s))

    def _in_turn(self, heap: list[_Entry]) -> Iterator[Record]:
        while heap and not self._is_live(heap[0]):
            heapq.heappop(heap)
        rest = heap.copy()  # a copy of a heap is a heap: only as much is sorted as is asked for
        while rest:
            entry = heapq.heappop(rest)
            if self._is_live(entry):
                yield self._records[entry[2]]

    def _is_live(self, entry: _Entry) -> bool:
        record = self._records.get(entry[2])
        return record is not None and record.lane == entry[1] and record.state in IN_LANES
