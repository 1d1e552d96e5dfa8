"""Agents as processes: started behind a gate, known by pid, start time and boot, ended with their whole group.

A process does nothing before its record is durable: it waits at a gate for a line on its standard input. If we die
before the gate opens, the line never comes and the process ends by itself; if later, the record names it for the next.
"""

import contextlib
import errno
import os
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import BinaryIO

import psutil

from cagents_fs.model.observations import Process

LOG_TAIL = 1500  # characters
KILL_AFTER_S = 3.0  # SIGTERM first, SIGKILL this much later
_GATE = 'read -r go || exit 143; [ "$go" = go ] || exit 143; exec "$@" </dev/null'
Key = tuple[str, str]  # instruction, task


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What to start for one attempt of one task."""

    key: Key
    attempt: int
    command: Sequence[str]
    env: Mapping[str, str]
    workspace: str
    log_path: str


@dataclass(slots=True)
class _Running:
    launch: Launch
    process: Process
    popen: subprocess.Popen[bytes]
    pidfd: int
    stopped_s: float | None = None  # monotonic, when SIGTERM was sent
    killed: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """A process that is gone. A negative exit code is the signal that ended it; `stopped`: by us."""

    key: Key
    attempt: int
    process: Process
    exit_code: int
    stopped: bool


class Processes:
    """The processes of this runner."""

    def __init__(self, watch: Callable[[int], None], unwatch: Callable[[int], None]) -> None:
        """`watch` is told of every descriptor that becomes readable when a process ends."""
        self._watch, self._unwatch = watch, unwatch
        self._running: dict[Key, _Running] = {}
        self._stopping: list[_Running] = []

    def __len__(self) -> int:
        """How many run, those being ended included."""
        return len(self._running) + len(self._stopping)

    def attempt(self, key: Key) -> int | None:
        """Which attempt of this task has a process that nobody has asked to end; None: it has none."""
        return self._running[key].launch.attempt if key in self._running else None

    def start(self, launch: Launch) -> Process:
        """Start a process behind its gate. Raises OSError, with `filename` set where the command is not there."""
        if not os.path.isdir(launch.workspace):
            raise FileNotFoundError(2, "the workspace is not there", launch.workspace)
        with _log(launch.log_path) as log:
            popen = subprocess.Popen(
                ["/bin/sh", "-c", _GATE, "cagents-agent", *launch.command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=launch.workspace,
                env=dict(launch.env),
                start_new_session=True,
            )
        process = Process(pid=popen.pid, started=start_time(popen.pid), boot_id=boot_id())
        running = _Running(launch, process, popen, os.pidfd_open(popen.pid))
        self._watch(running.pidfd)
        self._running[launch.key] = running
        return process

    def open_gate(self, key: Key) -> None:
        """Its record is durable: let it begin."""
        running = self._running[key]
        assert running.popen.stdin is not None
        with contextlib.suppress(BrokenPipeError, OSError):
            running.popen.stdin.write(b"go\n")
            running.popen.stdin.flush()
        with contextlib.suppress(BrokenPipeError, OSError):
            running.popen.stdin.close()

    def stop(self, key: Key) -> None:
        """Ask a process and its group to end; whoever does not is killed by `reap` later."""
        running = self._running.pop(key, None)
        if running is None:
            return
        self._signal(running, signal.SIGTERM)
        running.stopped_s = time.monotonic()
        self._stopping.append(running)

    def any_ended(self) -> bool:
        """Whether there is something to reap."""
        return any(running.popen.poll() is not None for running in self._running.values())

    def reap(self) -> list[Ended]:
        """Those that have ended since the last call. Kills what was asked to end and did not."""
        ended = []
        for running in [*self._running.values(), *self._stopping]:
            if running.stopped_s is not None and time.monotonic() - running.stopped_s >= KILL_AFTER_S:
                self._signal(running, signal.SIGKILL)
                running.killed = True
            exit_code = running.popen.poll()
            if exit_code is None:
                continue
            ended.append(self._forget(running, exit_code))
        return ended

    def _forget(self, running: _Running, exit_code: int) -> Ended:
        self._signal(running, signal.SIGKILL)  # what it left behind in its group has no task any more
        self._unwatch(running.pidfd)
        os.close(running.pidfd)
        if running.popen.stdin is not None:
            with contextlib.suppress(OSError):
                running.popen.stdin.close()
        stopped = running.stopped_s is not None
        if stopped:
            self._stopping.remove(running)
        else:
            del self._running[running.launch.key]
        return Ended(running.launch.key, running.launch.attempt, running.process, exit_code, stopped)

    @staticmethod
    def _signal(running: _Running, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(running.process.pid, number)

    def next_kill_in_s(self) -> float | None:
        """Seconds until somebody who was asked to end has to be killed; None if nobody was asked."""
        deadlines = [r.stopped_s + KILL_AFTER_S for r in self._stopping if r.stopped_s is not None and not r.killed]
        return max(0.0, min(deadlines) - time.monotonic()) if deadlines else (0.05 if self._stopping else None)

    def end_all(self) -> list[Ended]:
        """End every process, gently for up to three seconds. Returns when none is left."""
        for key in list(self._running):
            self.stop(key)
        ended = []
        while self._stopping:
            ended.extend(self.reap())
            if self._stopping:
                time.sleep(0.02)
        return ended


def _log(path: str) -> BinaryIO:
    """The agent's log, for appending. Raises OSError where something else than a file lies there."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o644)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "the log of an agent has to be a regular file", path)
    if os.fstat(descriptor).st_nlink > 1:  # its bytes have another name somewhere: nothing is written through to that
        os.close(descriptor)
        os.unlink(path)
        descriptor = os.open(path, flags | os.O_EXCL, 0o644)
    return os.fdopen(descriptor, "ab")


@lru_cache(maxsize=1)
def boot_id() -> str:
    """Names this boot of the machine: pids of another one mean nothing."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return f"boot-{psutil.boot_time():.0f}"


def start_time(pid: int) -> float:
    """When a process was started, in clock ticks since boot: with pid and boot it names the process for ever."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        return float(file.read().rpartition(")")[2].split()[19])


def is_alive(process: Process) -> bool:
    """Whether exactly this process is there, not another one that got its pid."""
    if process.boot_id != boot_id():
        return False
    try:
        return start_time(process.pid) == process.started
    except (OSError, ValueError, IndexError):
        return False


def end_orphan(process: Process, mark: str) -> bool:
    """End a process that a killed runner left behind, with its group. Returns whether there was anything to end.

    `mark` stands in the environment of everything we start for this task; it decides where the leader is gone already.
    """
    if process.boot_id != boot_id():
        return False
    if not is_alive(process) and not _group_is_ours(process.pid, mark):
        return False
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        deadline_s = time.monotonic() + (KILL_AFTER_S if number == signal.SIGTERM else 1.0)
        while time.monotonic() < deadline_s:
            if not _members(process.pid):
                return True
            time.sleep(0.02)
    return True


def _members(group: int) -> list[psutil.Process]:
    found = []
    for candidate in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if os.getpgid(candidate.pid) == group and candidate.status() != psutil.STATUS_ZOMBIE:
                found.append(candidate)
    return found


def _group_is_ours(group: int, mark: str) -> bool:
    for member in _members(group):
        with contextlib.suppress(psutil.Error, OSError):
            if member.environ().get("CAGENTS_MARK") == mark:
                return True
    return False


def log_tail(path: str) -> str:
    """The last lines of an agent's log, at most five; empty where there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        size = os.fstat(descriptor).st_size
        data = os.pread(descriptor, 4 * LOG_TAIL, max(0, size - 4 * LOG_TAIL))
    except OSError:
        return ""
    finally:
        os.close(descriptor)
    return "\n".join(data.decode(errors="backslashreplace")[-LOG_TAIL:].strip().splitlines()[-5:])
