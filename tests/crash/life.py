"""One life of the real daemon in this process: real files, real locks; time jumps instead of passing.

What stands in: both clocks, so that a lease of ten minutes costs nothing; events (the daemon polls); and the commands
of checks, which `scripts/storm` and the end-to-end tests run.
"""

import contextlib
import logging
import math
import selectors
import signal
from collections import deque
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

from cagents_fs.daemon import service as service_module
from cagents_fs.daemon.checking import Checking
from cagents_fs.daemon.service import Service, handle_signals
from cagents_fs.errors import CagentsError
from cagents_fs.jobs import Job
from cagents_fs.model.faults import Fault
from cagents_fs.model.observations import ChecksDone
from tests.simulation.life import Complaints, SimMeasuring
from tests.simulation.sim_clock import SimClock, ticking

FAULT_OF_OURS = 70  # the daemon said "this should not happen", or died of an exception
GAVE_UP = 3  # it ended with an error that says what to do


class PromptChecking(Checking):
    """Checks that are done at once: the command `true` passes, before the work none does; or checks that never end."""

    def __init__(self, *, endless: bool = False) -> None:
        self._endless = endless
        self._done: deque[tuple[Job, ChecksDone]] = deque()
        self._running = 0
        self.measuring = SimMeasuring()

    @property
    def answered(self) -> bool:
        """Whether something came out that the loop has not taken yet."""
        return bool(self._done) or self.measuring.answered

    def submit(self, job: Job) -> None:
        if self._endless:
            return
        passes = all(criterion.check == "true" for criterion in job.criteria) and not job.before
        faults = () if passes or job.before else (Fault("check_failed", "the check ended with 1"),)
        done = ChecksDone(task_id=job.task_id, attempt=job.attempt, key=job.key, before=job.before, faults=faults)
        self._done.append((job, done))
        self._running += 1

    def cancel(self, instruction: str, task_id: str) -> None:
        kept = [(job, done) for job, done in self._done if (job.instruction, job.task_id) != (instruction, task_id)]
        self._running -= len(self._done) - len(kept)
        self._done = deque(kept)

    def close(self) -> None:
        self._done.clear()


class Jumping(selectors.DefaultSelector):
    """A selector that lets time jump to when it would have come back. Real processes are really waited for."""

    def __init__(self, clock: SimClock) -> None:
        super().__init__()
        self._clock = clock
        self.checking: PromptChecking | None = None
        self.until_s = math.inf  # nobody sleeps for longer, of the clock's time

    def select(self, timeout: float | None = None) -> list[Any]:
        assert timeout is not None
        if self.checking is not None and self.checking.answered:
            self._clock.sleep(0.05)  # it is taken in the next turn, unless the disk refuses for a while
            return []
        watched = len(self.get_map()) - 1
        found = super().select(0.02 if watched > 0 else 0.0)
        if not found or watched <= 0:
            self._clock.sleep(min(timeout, max(0.0, self.until_s - self._clock.passed_s)))
        return found


@contextlib.contextmanager
def as_before() -> Iterator[None]:
    """Signals mean afterwards what they meant before: many daemons live in one process, one after another."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def live(
    root: str, clock: SimClock, seconds: float, *, agents: int | None = None, endless: bool = False
) -> tuple[int, str]:
    """A daemon's life of at most so many seconds, shorter where nothing is left to do. Its exit code, what it said."""
    complaints = Complaints()
    logger = logging.getLogger("cagents_fs")
    logger.handlers[:] = [complaints]
    logger.propagate = False
    try:
        with ticking(clock), as_before():
            _live(root, clock, seconds, agents, endless)
    except CagentsError as error:
        return GAVE_UP, f"{type(error).__name__}: {error.message}"
    except KeyboardInterrupt:
        return FAULT_OF_OURS, "KeyboardInterrupt"
    except BaseException as error:
        return FAULT_OF_OURS, f"died of {error!r}"
    for said in complaints.heard:
        if said.exc_info:  # it says of itself that this should not happen
            return FAULT_OF_OURS, f"{said.getMessage()}: {said.exc_info[1]!r}"
    return 0, ""


def _live(root: str, clock: SimClock, seconds: float, agents: int | None, endless: bool) -> None:
    checking = PromptChecking(endless=endless)
    waiting = Jumping(clock)
    waiting.checking, waiting.until_s = checking, clock.passed_s + seconds
    service = Service(root, agents=agents)
    service._selector.close()
    service._selector = waiting
    handle_signals(service)
    with (
        patch.object(service_module, "Checking", lambda _: checking),
        patch.object(service_module, "end_leftover_checks", lambda _: None),
        service,
    ):
        service.begin()
        service.run(until=lambda: clock.passed_s >= waiting.until_s or _is_idle(service, waiting))


def _is_idle(service: Service, waiting: Jumping) -> bool:
    loop = service.loop
    busy = loop.moved or loop.derived.busy or loop.trouble.said or service.checking.pending or len(service.processes)
    if busy or service.eyes.work_eyes.unsettled or service.reload:
        return False
    return loop.next_s() >= service.clock.now().s + waiting.until_s - waiting._clock.passed_s
