"""One life of a daemon: the real service on a real folder, without waiting, threads, events or processes."""

import logging
import random
import selectors
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any
from unittest.mock import patch

from cagents_fs.daemon import service as service_module
from cagents_fs.daemon.checking import Checking
from cagents_fs.daemon.clock import SLACK_S
from cagents_fs.daemon.measuring import Measuring, _Job
from cagents_fs.daemon.service import Service
from cagents_fs.daemon.watch import Hint
from cagents_fs.errors import StorageError
from cagents_fs.jobs import Job
from cagents_fs.model.faults import Fault
from cagents_fs.model.observations import ChecksDone
from tests.simulation.sim_clock import SimClock
from tests.simulation.tripwire import Died, Tripwire

Passes = Callable[[Job], bool]


class SimMeasuring(Measuring):
    """Measurements without threads: done at once, only their answers come later."""

    def __init__(self) -> None:
        super().__init__(wake=lambda: None)

    def submit(self, key: Hashable, steps: Any, done: Any, failed: Any, announced: int = 0) -> None:
        self.cancel(key)
        job = self._jobs[key] = _Job(steps, done, failed, announced)
        self.pending += 1
        while not self._go_on(job):
            pass

    @property
    def answered(self) -> bool:
        return bool(self._answers)


class SimChecking(Checking):
    """Checks without threads and commands: what comes out is known, only not yet when."""

    def __init__(self, clock: SimClock, passes: Passes, chance: random.Random) -> None:
        self._clock, self._passes, self._chance = clock, passes, chance
        self._under_way: list[tuple[float, Job]] = []
        self.measuring = SimMeasuring()

    @property
    def pending(self) -> int:
        return len(self._under_way) + self.measuring.pending

    def submit(self, job: Job) -> None:
        self.cancel(job.instruction, job.task_id)
        due_s = self._clock.passed_s + self._chance.choice((0.0, 0.3, 2.0, 40.0))
        self._under_way.append((due_s, job))

    def cancel(self, instruction: str, task_id: str) -> None:
        kept = [(s, job) for s, job in self._under_way if (job.instruction, job.task_id) != (instruction, task_id)]
        self._under_way = kept

    def next_in_s(self) -> float:
        """When something comes out, in seconds from now."""
        due_s = min((at_s for at_s, _ in self._under_way), default=self._clock.passed_s + 3600.0)
        return 0.0 if self.measuring.answered else max(0.0, due_s - self._clock.passed_s)

    def take(self) -> list[tuple[Job, ChecksDone]]:
        over = [job for at_s, job in self._under_way if at_s <= self._clock.passed_s]
        self._under_way = [(at_s, job) for at_s, job in self._under_way if at_s > self._clock.passed_s]
        return [(job, self._outcome(job)) for job in over]

    def close(self) -> None:
        self._under_way.clear()

    def _outcome(self, job: Job) -> ChecksDone:
        faults = () if job.before or self._passes(job) else (Fault("check_failed", "the check ended with 1"),)
        about = {"task_id": job.task_id, "attempt": job.attempt, "key": job.key, "before": job.before}
        return ChecksDone(**about, faults=faults)  # type: ignore[arg-type]


class Waiting(selectors.DefaultSelector):
    """A selector that lets simulated time pass in place of waiting."""

    def __init__(self, clock: SimClock, checks_in_s: Callable[[], float], planned_s: Callable[[], float]) -> None:
        super().__init__()
        self._clock, self._checks_in_s, self._planned_s = clock, checks_in_s, planned_s
        self.within_s = 0.0  # when somebody outside does something
        self.asleep_s = 0.0  # how much longer the machine sleeps than it was asked to
        self.lost_s = 0.0  # how much of the last wait the daemon could not observe

    def select(self, timeout: float | None = None) -> list[Any]:
        assert timeout is not None
        passed_s = min(timeout, self.within_s, self._checks_in_s()) + self.asleep_s
        self._clock.sleep(passed_s)
        self.lost_s, self.asleep_s = max(0.0, passed_s - self._planned_s() - SLACK_S), 0.0
        return []


class Life:
    """One daemon, from its start to its end."""

    def __init__(self, root: str, clock: SimClock, wire: Tripwire, passes: Passes, chance: random.Random) -> None:
        self.clock, self.wire, self.begun_s = clock, wire, clock.passed_s
        wire.dead, wire.pid = False, wire.pid + 1
        self.checking = SimChecking(clock, passes, chance)
        self.service = Service(root)
        self.waiting = Waiting(clock, self.checking.next_in_s, lambda: self.service.clock._planned_s)
        self.service._selector.close()
        self.service._selector = self.waiting

    def begin(self) -> bool:
        """Start, as `watch` does. Returns whether it lives: it may have died of a crash, or given up."""
        with (
            patch.object(service_module, "Checking", lambda _: self.checking),
            patch.object(service_module, "end_leftover_checks", lambda _: None),
        ):
            return self._lives(self._begin)

    def _begin(self) -> None:
        self.service.__enter__()
        self.service.begin()

    def turn(self, hints: Iterable[Hint], within_s: float, *, overflow: bool = False) -> bool:
        """Sleep until something is due or `within_s` is over, then one turn of the real loop. Whether it lives."""
        for hint in hints:
            self.service.watcher.hint(hint)
        if overflow:
            self.service.watcher.overflowed()
        self.waiting.within_s = within_s
        turns: Iterator[bool] = iter((False, True))
        return self._lives(lambda: self.service.run(until=lambda: next(turns)))

    def stop(self) -> bool:
        """A clean end. It may die of a crash in it."""
        return self._lives(self.service.__exit__)

    def _lives(self, part: Callable[[], None]) -> bool:
        try:
            with self.wire.daemon():
                part()
        except Died:
            self._drop()
            return False
        except StorageError:
            if self.wire.met != "refuse":
                raise
            self._drop()
            return False
        return True

    def _drop(self) -> None:
        """What the kernel does for a process that is gone."""
        self.wire.dead = False
        committer = getattr(self.service, "committer", None)
        for opened in committer._journals.values() if committer else ():
            opened.close()
        for lock in committer._locks.values() if committer else ():
            lock.release()
        if hasattr(self.service, "watcher"):
            self.service.watcher.close()
        self.waiting.close()
        self.service.lock.release()


class Complaints(logging.Handler):
    """What the daemon says loudly: a fault of its own never passes unseen."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.heard: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(record)
