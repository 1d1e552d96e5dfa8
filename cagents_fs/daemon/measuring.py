"""Hashing, off the turn and in steps: what is short comes before what is long, and nothing is held up by a giant.

A job is a generator that says before each step how many bytes it is about to read (`store/evidence.py`). One that
comes to more than a share of them waits behind all that are short, before it opens the file; and it gives way between
two steps when a short one arrives. One worker never takes a long one: a slow disk holds up the others and not it.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from typing import Any

from cagents_fs.model.observations import Now
from cagents_fs.store.evidence import Steps

LONG_BYTES = 64 << 20
LEAVING_S = 2.0  # how long we wait for a step that is under way: a disk may never answer

Answer = Callable[[Now], None]


@dataclass(slots=True, eq=False)
class _Job:
    steps: Steps[Any]
    done: Callable[[Any, Now], None]
    failed: Callable[[Exception, Now], None]
    announced: int  # bytes, in all
    dropped: bool = False

    @property
    def is_long(self) -> bool:
        return self.announced > LONG_BYTES


class Measuring:
    """Goes through jobs in threads; their answers are given in the loop when it is woken."""

    def __init__(self, wake: Callable[[], None], workers: int | None = None) -> None:
        """`wake` is called from a thread when a job is done. No thread is started before there is one."""
        self.pending = 0  # jobs whose answer was not taken yet
        self._wake = wake
        self._most = workers or max(2, min(4, os.cpu_count() or 1))
        self._threads: list[threading.Thread] = []
        self._changed = threading.Condition()
        self._jobs: dict[Hashable, _Job] = {}  # those of which an answer is wanted
        self._short: deque[_Job] = deque()
        self._long: deque[_Job] = deque()
        self._long_at_work = 0
        self._answers: deque[Answer | None] = deque()
        self._closing = False

    def submit(
        self,
        key: Hashable,
        steps: Steps[Any],
        done: Callable[[Any, Now], None],
        failed: Callable[[Exception, Now], None],
        announced: int = 0,
    ) -> None:
        """Go through the steps. Of an older job with this key no answer is wanted any more.

        `done` gets what came out, in the loop, and `failed` what went wrong. `announced`: what the steps said so far.
        """
        self.cancel(key)
        job = self._jobs[key] = _Job(steps, done, failed, announced)
        self.pending += 1
        with self._changed:
            (self._long if job.is_long else self._short).append(job)
            if len(self._threads) < self._most:
                name = f"measure-{len(self._threads)}"
                self._threads.append(threading.Thread(target=self._work, name=name, daemon=True))
                self._threads[-1].start()
            self._changed.notify_all()

    def cancel(self, key: Hashable) -> None:
        """No answer is wanted any more."""
        job = self._jobs.pop(key, None)
        if job is not None:
            job.dropped = True

    def take(self) -> list[Answer]:
        """The answers that have come since the last call."""
        taken = []
        while self._answers:
            taken.append(self._answers.popleft())
        self.pending -= len(taken)
        return [answer for answer in taken if answer is not None]

    def close(self) -> None:
        """Stop after the steps that are under way."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(LEAVING_S)

    # -- in a thread -----------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while (job := self._next()) is not None:
            was_long = job.is_long
            answered = self._go_on(job)
            with self._changed:
                self._long_at_work -= was_long
                if not answered and not was_long:
                    self._long.append(job)
                elif not answered:
                    self._long.appendleft(job)  # what is half read is read to its end before the next is opened
                self._changed.notify_all()
            if answered:
                self._wake()

    def _next(self) -> _Job | None:
        with self._changed:
            while not self._closing:
                if self._short:
                    return self._short.popleft()
                if self._long and self._long_at_work < self._most - 1:
                    self._long_at_work += 1
                    return self._long.popleft()
                self._changed.wait()
            return None

    def _go_on(self, job: _Job) -> bool:
        """Whether there is an answer; if not, the job gives way to others."""
        was_long = job.is_long
        try:
            while not (job.dropped or self._closing):
                job.announced += next(job.steps)
                if job.is_long and (not was_long or self._short):
                    return False
            job.steps.close()
            self._answers.append(None)
        except StopIteration as end:
            self._answers.append(self._answer(job, partial(job.done, end.value)))
        except Exception as error:
            self._answers.append(self._answer(job, partial(job.failed, error)))
        return True

    def _answer(self, job: _Job, tell: Answer) -> Answer:
        def answer(now: Now) -> None:
            if not job.dropped:
                self._forget(job)
                tell(now)

        return answer

    def _forget(self, job: _Job) -> None:
        for key in [key for key, other in self._jobs.items() if other is job]:
            del self._jobs[key]
