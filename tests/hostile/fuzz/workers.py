"""Executions in processes of their own, watched from outside: a crash, a hang or a bloat ends a process and no more.

A worker says in shared memory what it is about to execute. It asks for a signal after a second of its own processor
time (so a busy machine makes no hangs); code in C that no signal reaches is ended from outside after ten. Its address
space may grow by 256 MiB.
"""

import faulthandler
import mmap
import os
import resource
import shutil
import signal
import struct
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import FrameType

from tests.hostile.fuzz.targets import NAMES, execute, made

LONGEST_S = 1.0  # of processor time
STUCK_S = 10.0  # of any time
MOST_GROWTH = 256 << 20  # bytes
STARTED = struct.Struct("qq")  # number of the execution, failures so far
ROW = struct.Struct("qqqd")  # of a target: accepted, refused, failures, slowest in seconds


class Hang(BaseException):
    """An execution that takes more than its second. Not to be mistaken for an answer by anybody."""


@dataclass
class Tally:
    """What has been executed of one target."""

    accepted: int = 0
    refused: int = 0
    failed: int = 0
    slowest_s: float = 0.0

    @property
    def all(self) -> int:
        """Executions."""
        return self.accepted + self.refused + self.failed


@dataclass
class Worker:
    """A process and the part of the numbers that is its own: first, first + step, ..., below last."""

    seed: int
    first: int
    step: int
    last: int
    pid: int = 0
    seen: tuple[int, float] = (-1, 0.0)  # number of the execution under way, and since when we see it
    board: mmap.mmap = field(default_factory=lambda: mmap.mmap(-1, mmap.PAGESIZE))

    def start(self) -> None:
        """Begin, or go on after what ended the last process."""
        STARTED.pack_into(self.board, 0, self.first, 0)
        self.seen = (self.first, time.monotonic())
        self.pid = os.fork()
        if self.pid == 0:
            code = 1
            try:
                self._work()
                code = 0
            finally:
                os._exit(code)

    def tallies(self) -> dict[str, Tally]:
        """What this worker has done so far, its former processes included."""
        return {name: Tally(*ROW.unpack_from(self.board, _offset(name))) for name in NAMES}

    def _work(self) -> None:
        folder = tempfile.mkdtemp(prefix="cagents-fuzz-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
        os.makedirs(os.path.join(folder, "_system/config"))
        os.environ["FUZZ_FOLDER"] = folder
        faulthandler.disable()  # of whoever has forked us: what ends us is told by a line of ours
        signal.signal(signal.SIGPROF, _too_long)
        limit = _address_space() + MOST_GROWTH
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        tallies = self.tallies()
        try:
            parent = os.getppid()
            for number in range(self.first, self.last, self.step):
                if os.getppid() != parent:
                    return  # whoever watched us is gone
                STARTED.pack_into(self.board, 0, number, 0)
                self._once(number, tallies)
            STARTED.pack_into(self.board, 0, self.last, 0)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _once(self, number: int, tallies: dict[str, Tally]) -> None:
        name, data = made(self.seed, number)
        tally, begun_s = tallies[name], time.process_time()
        signal.setitimer(signal.ITIMER_PROF, LONGEST_S)
        try:
            outcome = execute(name, data)
            signal.setitimer(signal.ITIMER_PROF, 0)
            tally.accepted += outcome == "accepted"
            tally.refused += outcome == "refused"
        except (Exception, Hang) as error:
            signal.setitimer(signal.ITIMER_PROF, 0)
            tally.failed += 1
            print(failure(self.seed, number, name, f"{type(error).__name__}: {error}"), flush=True)
        tally.slowest_s = max(tally.slowest_s, time.process_time() - begun_s)
        ROW.pack_into(self.board, _offset(name), tally.accepted, tally.refused, tally.failed, tally.slowest_s)

    def look(self) -> bool:
        """Whether it is still at work. What has ended or hangs is told, counted, and gone on after."""
        ended, status = os.waitpid(self.pid, os.WNOHANG)
        number, _ = STARTED.unpack_from(self.board, 0)
        if not ended:
            now_s = time.monotonic()
            if number != self.seen[0]:
                self.seen = (number, now_s)
            elif now_s - self.seen[1] > STUCK_S:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                self._go_on_after(number, f"hangs for more than {STUCK_S:.0f} s, and no signal helps")
            return True
        if number >= self.last and status == 0:
            return False
        how = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"exit code {os.WEXITSTATUS(status)}"
        self._go_on_after(number, f"the process ended by {how}")
        return True

    def _go_on_after(self, number: int, what: str) -> None:
        name, _ = made(self.seed, number)
        print(failure(self.seed, number, name, what), flush=True)
        tally = self.tallies()[name]
        ROW.pack_into(self.board, _offset(name), tally.accepted, tally.refused, tally.failed + 1, tally.slowest_s)
        self.first = number + self.step
        if self.first < self.last:
            self.start()
        else:
            STARTED.pack_into(self.board, 0, self.last, 0)
            self.pid = os.fork() or os._exit(0)


def failure(seed: int, number: int, name: str, what: str) -> str:
    """The line that says what went wrong, and replays it."""
    shown = what.encode("ascii", "backslashreplace").decode().replace("\n", " ")[:300]
    return f"FAILED {name}: {shown} | again: scripts/fuzz --replay {seed}:{number}"


def run(seed: int, executions: int, processes: int) -> Iterator[dict[str, Tally]]:
    """All executions. Gives what has been done, now and then and at the end."""
    workers = [Worker(seed, first, processes, executions) for first in range(min(processes, executions))]
    for worker in workers:
        worker.start()
    left = list(workers)
    try:
        while left:
            time.sleep(0.1)
            left = [worker for worker in left if worker.look()]
            yield total(workers)
    finally:
        for worker in left:
            os.kill(worker.pid, signal.SIGKILL)
            os.waitpid(worker.pid, 0)


def total(workers: list[Worker]) -> dict[str, Tally]:
    """What all of them have done."""
    found = {name: Tally() for name in NAMES}
    for worker in workers:
        for name, tally in worker.tallies().items():
            mine = found[name]
            mine.accepted, mine.refused = mine.accepted + tally.accepted, mine.refused + tally.refused
            mine.failed, mine.slowest_s = mine.failed + tally.failed, max(mine.slowest_s, tally.slowest_s)
    return found


def _offset(name: str) -> int:
    return STARTED.size + NAMES.index(name) * ROW.size


def _address_space() -> int:
    """Bytes of this process's address space."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def _too_long(_number: int, _frame: FrameType | None) -> None:
    raise Hang(f"more than {LONGEST_S:.0f} s of processor time")
