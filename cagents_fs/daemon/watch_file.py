"""How we see, written down for `status` and `doctor`: `_system/daemon/watch.yaml`. It informs and decides nothing."""

import contextlib
import os
import time
from typing import Any

from cagents_fs.daemon.holding import Holding
from cagents_fs.daemon.trouble import Trouble
from cagents_fs.daemon.watch import Watcher
from cagents_fs.model.layout import WATCHED
from cagents_fs.store.disk import put
from cagents_fs.store.dump import dump

EVERY_S = 1.0


class WatchFile:
    """Written when something in it has changed, at most once a second."""

    def __init__(self, root: str, why: str, watcher: Watcher, holding: Holding, trouble: Trouble) -> None:
        """`why`: what speaks for this way of watching."""
        self._path = os.path.join(root, WATCHED)
        self._why, self._watcher, self._holding, self._trouble = why, watcher, holding, trouble
        self._written: dict[str, Any] | None = None
        self._at_s = 0.0  # before which nothing more is written

    def facts(self) -> dict[str, Any]:
        """What it says now."""
        watcher = self._watcher
        return {
            "pid": os.getpid(),
            "mode": "events" if watcher.alive else "polling",
            "because": self._why,
            "folders": watcher.count(),
            "not_watched": watcher.not_watched(),
            "overflows": watcher.overflows,
            "restarts": watcher.restarts,
            "trouble": watcher.trouble if watcher.wanted else None,
            "held": {name: one.reason for name, one in self._holding.held.items()},
            "storage": self._trouble.said or None,
        }

    def next_in_s(self) -> float | None:
        """In how many seconds there is something to write; None: nothing."""
        return max(0.0, self._at_s - time.monotonic()) if self.facts() != self._written else None

    def step(self) -> None:
        """Write it where it has changed. What cannot be written now is tried again with the next change."""
        facts = self.facts()
        if facts == self._written or time.monotonic() < self._at_s:
            return
        self._written, self._at_s = facts, time.monotonic() + EVERY_S
        with contextlib.suppress(OSError):
            put(self._path, dump(facts).encode(), durable=False, mode=0o600)
