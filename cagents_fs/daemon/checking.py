"""Checks, off the turn: those of different tasks side by side, those of one task one after another."""

import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from cagents_fs.daemon.measuring import Measuring
from cagents_fs.jobs import Job, carry_out
from cagents_fs.model.faults import Fault
from cagents_fs.model.observations import ChecksDone


class Checking:
    """Runs jobs in threads; what came out is taken by the loop when it is woken."""

    def __init__(self, wake: Callable[[], None], workers: int | None = None) -> None:
        """`wake` is called from a thread when something is done."""
        self._pool = ThreadPoolExecutor(workers or max(4, 2 * (os.cpu_count() or 1)), thread_name_prefix="check")
        self._wake = wake
        self._cancel: dict[tuple[str, str], threading.Event] = {}
        self._done: deque[tuple[Job, ChecksDone]] = deque()
        self.measuring = Measuring(wake)
        self._running = 0

    @property
    def pending(self) -> int:
        """How much is under way, or was not taken yet."""
        return self._running + self.measuring.pending

    def submit(self, job: Job) -> None:
        """Run a job; a job of the same task that still runs is ended, and its answer dropped."""
        self.cancel(job.instruction, job.task_id)
        cancelled = self._cancel[job.instruction, job.task_id] = threading.Event()
        self._running += 1
        self._pool.submit(self._run, job, cancelled)

    def cancel(self, instruction: str, task_id: str) -> None:
        """End the checks of a task."""
        event = self._cancel.pop((instruction, task_id), None)
        if event is not None:
            event.set()

    def take(self) -> list[tuple[Job, ChecksDone]]:
        """Which checks have ended since the last call."""
        done = list[tuple[Job, ChecksDone]]()
        while self._done:
            done.append(self._done.popleft())
        self._running -= len(done)
        return done

    def close(self) -> None:
        """End all checks and measurements."""
        for event in self._cancel.values():
            event.set()
        self.measuring.close()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _run(self, job: Job, cancelled: threading.Event) -> None:
        try:
            done = carry_out(job, cancelled)
        except Exception as error:  # a bug here must not leave a task under review for ever
            fault = Fault("check_failed", f"the check could not be run: {error!r}")
            done = ChecksDone(task_id=job.task_id, attempt=job.attempt, key=job.key, faults=(fault,), before=job.before)
        if cancelled.is_set():
            done = ChecksDone(task_id=job.task_id, attempt=job.attempt, key="cancelled", faults=(), before=job.before)
        self._done.append((job, done))
        self._wake()
