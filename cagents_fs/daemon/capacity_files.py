"""`_system/capacity/agents/{agent}.yaml`: what each agent can take on, written off the turn where it has changed."""

import os
import time

from cagents_fs.core.index import Index
from cagents_fs.model.layout import CAPACITY
from cagents_fs.model.observations import Now
from cagents_fs.model.policy import Policy
from cagents_fs.report.capacity import Row, capacities
from cagents_fs.store.disk import put_unlinked
from cagents_fs.store.dump import END, dump

EVERY_S, TIMES_COST = 1.0, 20.0


class CapacityFiles:
    """What was written of whom, and what has to be."""

    def __init__(self, root: str) -> None:
        """Nothing is written yet."""
        self._root = root
        self._stale = True
        self._due_s = 0.0
        self._policy: Policy | None = None
        self._written: dict[str, Row] = {}
        self._pending: dict[str, Row] = {}

    def changed(self) -> None:
        """Something has happened: somebody may have more, or less, to do."""
        self._stale = True

    def hasten(self) -> None:
        """We are leaving: everything is due now."""
        self._due_s = 0.0

    @property
    def busy(self) -> bool:
        """Whether something is being written."""
        return bool(self._pending)

    def next_s(self) -> float | None:
        """When, in observed seconds, something is to be written; None for never."""
        if self._pending:
            return 0.0
        return self._due_s if self._stale else None

    def step(self, index: Index, policy: Policy, now: Now, until_s: float) -> None:
        """Write on, until this moment of the monotonic clock. Raises OSError."""
        self._stale = self._stale or policy is not self._policy
        if self._stale and not self._pending and now.s >= self._due_s:
            begun_s = time.monotonic()
            self._stale, self._policy, self._due_s = False, policy, now.s + EVERY_S  # whatever goes wrong below
            found = capacities(index, policy, now.wall_s, self._written)
            self._pending = {agent: row for agent, row in found.items() if self._written.get(agent) != row}
            self._due_s = now.s + max(EVERY_S, TIMES_COST * (time.monotonic() - begun_s))
        while self._pending and time.monotonic() < until_s:
            agent, row = self._pending.popitem()
            self._written[agent] = row
            path = os.path.join(self._root, CAPACITY, f"{agent}.yaml")
            put_unlinked(path, (dump(row) + END).encode())
