"""Running the check of an acceptance criterion: `sh -c` in the workspace, bounded in time and output.

The exit code is the proof (PROTOCOL.md, section 6), so it comes from the kernel and is never guessed. Whatever the
command does, the call comes back within its time and a few seconds: no pipe that a grandchild keeps open, no flood, and
nothing that ignores SIGTERM holds it up. To be called from any thread, many side by side.
"""

import os
import select
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from cagents_fs.runner import offspring
from cagents_fs.runner.kept_output import KeptOutput

GRACE_S = 3.0  # from SIGTERM to SIGKILL
TICK_S = 0.1  # how late a cancellation may be noticed
READ_BYTES = 64 * 1024
DRAIN_READS = 32  # of the pipe after the end: 2 MiB, more than a pipe can hold
FLOOD_PAUSE_S = 0.001  # a check that says more than we keep is slowed to 64 MB/s, so that it costs us little

# No core dumps. It cannot be set from here: code between fork and exec may deadlock in a process with threads. The
# space keeps a command that begins with a dash from being an option of sh.
_WRAPPER = 'ulimit -c 0 2>/dev/null; exec sh -c " $1"'

_INHERITED = frozenset(
    {"PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "TMPDIR", "TZ", "LANG", "LANGUAGE", "NO_COLOR", "CI"}
    | {"PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUTF8", "VIRTUAL_ENV", "CONDA_PREFIX", "PYENV_ROOT"}
    | {"NODE_PATH", "NVM_DIR", "JAVA_HOME", "GOPATH", "GOROOT", "GOCACHE", "GOMODCACHE", "CARGO_HOME", "RUSTUP_HOME"}
    | {"LD_LIBRARY_PATH", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "SSL_CERT_FILE", "SSL_CERT_DIR"}
)


@dataclass(frozen=True, slots=True)
class CheckRun:
    """One run of one check."""

    command: str  # for `sh -c`
    workspace: str  # the folder in which it runs
    env: dict[str, str]  # all of its environment: see `check_environment`
    timeout_s: float
    log_path: str | None  # absolute, its folders free of links; the last of them is made where it is not there


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """How a check ended. Without exit code, timeout or cancellation it could not be started, and `tail` says why."""

    exit_code: int | None = None  # negative: it was killed by that signal; None: it did not come to its end
    timed_out: bool = False
    cancelled: bool = False
    duration_s: float = 0.0  # until it ended or was told to
    tail: str = ""  # the last 2,000 characters of its output

    @property
    def passed(self) -> bool:
        """It came to its end in its time, and said yes."""
        return self.exit_code == 0


class _Ending(StrEnum):
    EXITED = "exited"
    TIMED_OUT = "timed out"
    CANCELLED = "cancelled"


def run_check(run: CheckRun, cancelled: threading.Event | None = None) -> CheckResult:
    """Run a check to its end, its limit or its cancellation, and end everything it has started.

    Comes back at once, or within some 10 s where something resists. A command that cannot be started, a workspace that
    is not there and a log that cannot be written are told in `tail`; nothing is raised for them.
    """
    if cancelled is not None and cancelled.is_set():
        return CheckResult(cancelled=True)
    if hindrance := _hindrance(run):
        return CheckResult(tail=hindrance)
    output = KeptOutput(run.log_path)
    begun_s = time.monotonic()
    try:
        running = _Running(run, output)
    except (OSError, ValueError) as error:
        return CheckResult(tail=output.close(f"cagents-fs: the check could not be started: {error}"))
    ending = _Ending.CANCELLED  # also when this thread is interrupted
    try:
        ending = running.watch(begun_s + run.timeout_s, cancelled)
        duration_s = time.monotonic() - begun_s
    finally:
        running.end(gently=ending is not _Ending.EXITED)
        tail = output.close(running.trouble)
    return CheckResult(
        exit_code=running.exit_code if ending is _Ending.EXITED else None,
        timed_out=ending is _Ending.TIMED_OUT,
        cancelled=ending is _Ending.CANCELLED,
        duration_s=duration_s,
        tail=tail,
    )


def check_environment(base: Mapping[str, str], extra: Mapping[str, str]) -> dict[str, str]:
    """The environment of a check: what tools need of `base`, and all of `extra` (the CAGENTS_ variables).

    An allow-list, because what must not be seen cannot be listed: API keys and tokens, proxies with passwords, sockets
    of agents and keyrings (SSH_AUTH_SOCK, XDG_RUNTIME_DIR), and the CAGENTS_ variables of a daemon that itself runs in
    a task. Kept are who and where one is (HOME, USER, PATH, TMPDIR), language and time zone (LANG, LC_*, TZ), and where
    toolchains lie (VIRTUAL_ENV, CARGO_HOME, ...). A check that needs more sets it in its command.
    """
    kept = {name: value for name, value in base.items() if name in _INHERITED or name.startswith("LC_")}
    return kept | dict(extra)


def end_leftover_checks(marker_prefix: str) -> int:
    """Kill the checks that a killed daemon left behind: all whose CAGENTS_CHECK lies under this prefix.

    The prefix counts in whole parts: `tree1` and `tree1/` mean `tree1/T1` and not `tree10/T1`. Returns how many process
    groups were ended; never our own. Raises ValueError for an empty prefix, which would mean every tree there is.
    """
    if not marker_prefix.strip("/"):
        raise ValueError("the prefix of the checks to end is empty")
    ended, _ = offspring.end_groups(lambda: offspring.groups_of_checks(marker_prefix))
    return ended


def _hindrance(run: CheckRun) -> str:
    """Why this check would prove nothing; empty when it may run."""
    if not run.command.strip():
        return "cagents-fs: the check is empty, and would hold whatever the work is worth"
    if not os.path.isdir(run.workspace):
        return f"cagents-fs: the workspace {run.workspace!a} is not there, or is no folder"
    # The kernel then forgets exit codes, and `subprocess` takes every forgotten one for 0.
    if signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN:
        return "cagents-fs: SIGCHLD is ignored in this process, so that no exit code can be known"
    return ""


class _Running:
    """A check at work. Its leader is reaped last: until then nobody else's group or session can bear its number."""

    def __init__(self, run: CheckRun, output: KeptOutput) -> None:
        """Raises OSError or ValueError when it cannot be started."""
        self.exit_code: int | None = None
        self.trouble = ""
        self._output = output
        self._mark = uuid.uuid4().hex
        self._process = subprocess.Popen(
            ["sh", "-c", _WRAPPER, "sh", run.command],
            cwd=run.workspace,
            env={**run.env, offspring.RUN_MARK: self._mark},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            start_new_session=True,
        )
        self._pid = self._process.pid
        leader = offspring.look(self._pid)
        self._started_ticks = leader.started_ticks if leader is not None else 0
        assert self._process.stdout is not None
        self._pipe = self._process.stdout.fileno()
        os.set_blocking(self._pipe, False)
        self._events = select.poll()
        self._events.register(self._pipe, select.POLLIN)
        self._pidfd: int | None = None
        with suppress(OSError):  # an old kernel or a strict sandbox: then the tick finds its end
            self._pidfd = os.pidfd_open(self._pid)
            self._events.register(self._pidfd, select.POLLIN)

    def watch(self, deadline_s: float, cancelled: threading.Event | None) -> _Ending:
        """Take in what it says until it ends by itself or must."""
        while not self._has_exited():
            left_s = deadline_s - time.monotonic()
            if cancelled is not None and cancelled.is_set():
                return _Ending.CANCELLED
            if left_s <= 0:
                return _Ending.TIMED_OUT
            self._listen(min(left_s, TICK_S))
        return _Ending.EXITED

    def end(self, *, gently: bool) -> None:
        """End all it has started, with SIGTERM first if `gently`; then take in the rest of the output."""
        if gently:
            deadline_s = time.monotonic() + GRACE_S
            for group in self._groups() | {self._pid}:
                offspring.send(group, signal.SIGTERM)
            while self._groups() and time.monotonic() < deadline_s:
                self._listen(TICK_S / 2)
        offspring.send(self._pid, signal.SIGKILL)  # the whole group at once: nothing in it can fork ahead of us
        _, all_ended = offspring.end_groups(self._groups)
        if not all_ended:
            self.trouble = "cagents-fs: some processes of the check do not end, and were left behind"
        for _ in range(DRAIN_READS):
            if not self._take():
                break
        self._close()

    def _groups(self) -> set[int]:
        return offspring.groups_of_run(self._pid, self._started_ticks, self._mark)

    def _has_exited(self) -> bool:
        try:
            seen = os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            self.trouble = "cagents-fs: somebody else took the exit code of the check"
            return True
        if seen is None:
            return False
        self.exit_code = seen.si_status if seen.si_code == os.CLD_EXITED else -seen.si_status
        return True

    def _listen(self, patience_s: float) -> None:
        for descriptor, _ in self._events.poll(patience_s * 1000):
            if descriptor == self._pidfd or self._take() == b"":
                self._events.unregister(descriptor)

    def _take(self) -> bytes | None:
        """Read once: b"" at the end of the output, None when there is nothing to read at the moment."""
        try:
            data = os.read(self._pipe, READ_BYTES)
        except BlockingIOError:
            return None
        self._output.take(data)
        if self._output.is_flooded:
            time.sleep(FLOOD_PAUSE_S)
        return data

    def _close(self) -> None:
        assert self._process.stdout is not None
        self._process.stdout.close()  # whoever escaped and still writes gets SIGPIPE
        if self._pidfd is not None:
            os.close(self._pidfd)
        with suppress(subprocess.TimeoutExpired):  # in the kernel for ever, as on a dead network disk
            self._process.wait(timeout=GRACE_S)
