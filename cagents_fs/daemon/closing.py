"""When an instruction has come to an end, its task files say so: `status`, written a few at a time, off the turn."""

import logging
import os
import time
from collections import deque
from collections.abc import Callable

from cagents_fs.core.index import Index
from cagents_fs.model.actions import Phase
from cagents_fs.model.states import COUNTED_AS, FINAL
from cagents_fs.store.changes import LostRace, Renames

log = logging.getLogger("cagents_fs")
STEP_S = 0.02  # of a turn, at most
OVER = ("complete", "failed", "cancelled")


class Closing:
    """The task files that still have to be closed."""

    def __init__(self, root: str, durable: Callable[[], bool]) -> None:
        """Nothing has ended yet."""
        self._root, self._durable = root, durable
        self._left: deque[tuple[str, str]] = deque()
        self._ended: deque[str] = deque()

    def phase(self, action: Phase) -> None:
        """An instruction came to another phase."""
        if action.phase in OVER:
            self._ended.append(action.instruction)

    @property
    def busy(self) -> bool:
        """Whether anything is left to close."""
        return bool(self._left or self._ended)

    def step(self, index: Index, now: object) -> None:  # noqa: ARG002 - a step of the loop
        """Close some more. Raises OSError; what is left is closed later."""
        begun_s = time.monotonic()
        while self.busy and time.monotonic() - begun_s < STEP_S:
            if not self._left:
                name = self._ended.popleft()
                if name in index.works:
                    self._left.extend((name, task_id) for task_id in index.works[name].records)
                continue
            name, task_id = self._left[0]
            record = index.works[name].records.get(task_id) if name in index.works else None
            if record is not None and record.settled and record.state in FINAL:
                renames = Renames(self._root, name, lambda _: None, durable=self._durable())
                try:
                    renames.edit(record.place or "", task_id, {"status": COUNTED_AS[record.state]})
                except (LostRace, UnicodeError, ValueError) as error:
                    path = os.path.join(name, record.place or "", task_id)
                    log.warning("%s: its status could not be written: %s", path, error)
            self._left.popleft()
