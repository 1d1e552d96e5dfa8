"""What a check has started: found in /proc, and ended.

A check gets a session of its own, and all it starts inherits the session and the environment. A background job may
leave the group but not the session; a daemon leaves both but keeps the environment, which says whose it is. Not found
is what leaves the session *and* loses that environment: `env -i setsid ...`, servers that write their title over it
(PostgreSQL, nginx), and what some service starts on request (`docker run`, `systemd-run`, `at`). What becomes another
user is found, and only root can end it. What forks into new sessions faster than we can read /proc gets away. No
process group can hold these; a control group could.

/proc is read directly: psutil takes three times as long for the same, and this runs after every check.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

MARK = "CAGENTS_CHECK"  # <tree id>/<task>, given by the caller: finds what a killed daemon left behind
RUN_MARK = "CAGENTS_CHECK_RUN"  # one run of one check: finds what left its session

POLL_S = 0.01
PATIENCE_S = 3.0  # how long we try to kill what does not die, or multiplies


@dataclass(frozen=True, slots=True)
class Seen:
    """A process as /proc shows it."""

    pid: int
    parent: int
    group: int
    session: int
    started_ticks: int  # since boot
    ended: bool  # a zombie: nobody has asked for its exit code yet


def living() -> Iterator[Seen]:
    """Every process that has not ended; a zombie has."""
    for name in os.listdir("/proc"):
        if name.isdigit() and (seen := look(int(name))) is not None and not seen.ended:
            yield seen


def look(pid: int) -> Seen | None:
    """One process; None when it is gone."""
    # The name stands in brackets and may contain anything, brackets and spaces included: count from the last one.
    fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    if len(fields) < 20:
        return None
    parent, group, session = map(int, fields[1:4])
    return Seen(pid, parent, group, session, started_ticks=int(fields[19]), ended=fields[0] in b"ZX")


def marked(pid: int, name: str) -> str | None:
    """The value of a variable in the environment with which a process was started; None without it."""
    start = f"{name}=".encode()
    for entry in _read(f"/proc/{pid}/environ").split(b"\0"):
        if entry.startswith(start):
            return entry[len(start) :].decode("utf-8", "backslashreplace")
    return None


def groups_of_run(session: int, started_ticks: int, run: str) -> set[int]:
    """The process groups in which something of one run of a check still lives."""
    # Nothing it started is older than itself: most environments need not be read.
    return {
        seen.group
        for seen in living()
        if seen.session == session or (seen.started_ticks >= started_ticks and marked(seen.pid, RUN_MARK) == run)
    }


def groups_of_checks(marker_prefix: str) -> set[int]:
    """The process groups of this user in which something lives whose CAGENTS_CHECK lies under the prefix."""
    prefix = marker_prefix.rstrip("/")
    found = set()
    for seen in living():
        mark = marked(seen.pid, MARK) if _is_ours(seen.pid) else None
        if mark is not None and (mark == prefix or mark.startswith(f"{prefix}/")):
            found.add(seen.group)
    return found - _own_groups()


def end_groups(find: Callable[[], set[int]]) -> tuple[int, bool]:
    """Kill the groups that `find` finds, until it finds none or 3 s are over: how many, and whether all ended."""
    ended: set[int] = set()
    deadline_s = time.monotonic() + PATIENCE_S
    while groups := find():
        if time.monotonic() > deadline_s:
            return len(ended), False
        if groups <= ended:
            time.sleep(POLL_S)  # they are dying; where there are new ones, they multiply, and we hurry
        ended |= groups
        for group in groups:
            send(group, signal.SIGKILL)
    return len(ended), True


def send(group: int, number: signal.Signals) -> None:
    """Signal a process group, if it is still there and ours."""
    assert group > 1, group  # 0 is our own group, and 1 that of init
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _own_groups() -> set[int]:
    """Our group and those of all above us: a daemon that was itself started by a check must not end itself."""
    groups = set()
    seen = look(os.getpid())
    while seen is not None:
        groups.add(seen.group)
        seen = look(seen.parent)
    return groups


def _is_ours(pid: int) -> bool:
    try:
        return os.stat(f"/proc/{pid}").st_uid == os.geteuid()
    except OSError:
        return False


def _read(path: str) -> bytes:
    try:
        with open(path, "rb", buffering=0) as file:
            return file.readall()
    except OSError:  # it ended, or is another user's
        return b""
