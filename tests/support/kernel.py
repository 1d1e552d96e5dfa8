"""What only the kernel can do to a daemon: other mounts and limits, calls that it refuses. Skips where it may not."""

import contextlib
import ctypes
import fcntl
import os
import shlex
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from tests.support.tree import Running, Tree, attended, eventually, surroundings

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _FILTER = 38, 22, 2
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _ERRNO, _KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000
NUMBERS = {"flock": 73, "link": 86, "linkat": 265, "renameat2": 316, "inotify_init": 253, "inotify_init1": 294}
NUMBERS |= {"inotify_add_watch": 254, "clone": 56, "clone3": 435, "unlink": 87}
KILL = -1


def may(*words: str) -> bool:
    """Whether this user may do so here."""
    return subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0


def command(root: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "cagents_fs", "--root", str(root), *arguments]


def said(root: Path, *arguments: str) -> str:
    """A command for a shell, of which only the errors are heard."""
    return f"{shlex.join(command(root, *arguments))} >&2"


def in_own_mounts(prepare: str, *arguments: str, root: Path) -> "subprocess.CompletedProcess[str]":
    """A command in a mount namespace of its own, after `prepare` was done in it."""
    if not may("unshare", "--mount"):
        pytest.skip("mounts of its own need the right to `unshare --mount`")
    script = f"{prepare} && exec {shlex.join(command(root, *arguments))}"
    line = ["unshare", "--mount", "sh", "-c", script]
    return subprocess.run(line, env=surroundings(None), capture_output=True, text=True, timeout=60, check=False)


def with_limits(limits: Mapping[str, int], line: Sequence[str]) -> list[str]:
    """A command line in a user namespace of its own, in which `max_inotify_watches` and its like are as low as that."""
    if not may("unshare", "--user", "--map-root-user"):
        pytest.skip("limits of its own need the right to `unshare --user`")
    lower = "; ".join(f"echo {value} >/proc/sys/user/{name}" for name, value in limits.items())
    return ["unshare", "--user", "--map-root-user", "sh", "-c", f"{lower}; exec {shlex.join(line)}"]


def refusing(calls: Mapping[str, int]) -> None:
    """In a child before `exec`: from now on the kernel answers these calls with that error.

    0: as if it were done. KILL: the process is killed there.
    """
    program = [(_LOAD, 0, 0, 0)]
    for name, code in calls.items():
        answer = _KILL_PROCESS if code == KILL else _ERRNO | code
        program += [(_JUMP_IF_EQUAL, 0, 1, NUMBERS[name]), (_RETURN, 0, 0, answer)]
    program.append((_RETURN, 0, 0, _ALLOW))
    packed = b"".join(struct.pack("HBBI", *one) for one in program)
    held = ctypes.create_string_buffer(packed)
    filter_ = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(program), ctypes.addressof(held)))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    assert libc.prctl(_PR_SET_SECCOMP, _FILTER, ctypes.c_void_p(ctypes.addressof(filter_)), 0, 0) == 0


def begin(tree: Tree, line: Sequence[str], calls: Mapping[str, int] | None = None, stdin: int | None = None) -> Running:
    """A process like those of `Tree.start`, by this command line; the kernel refuses it these calls."""
    if calls and os.uname().machine != "x86_64":
        pytest.skip("the numbers of the calls are those of x86_64")
    log = tree.workspace.parent / f"process-{len(tree.started)}"
    said, wrong = log.with_suffix(".out"), log.with_suffix(".err")
    first = (lambda: refusing(calls)) if calls else None
    with said.open("wb") as out, wrong.open("wb") as err:
        around = surroundings(None)
        given = {"cwd": tree.workspace, "env": around, "stdin": stdin, "stdout": out, "stderr": err}
        popen = subprocess.Popen(line, preexec_fn=first, **given)  # type: ignore[call-overload]
    tree.started.append(Running(popen, said, wrong))
    return tree.started[-1]


@contextlib.contextmanager
def watching(tree: Tree, line: Sequence[str] = (), calls: Mapping[str, int] | None = None) -> Iterator[Running]:
    """A daemon begun that way, from the moment it is ready until it has ended well, or was found dead."""
    with attended(begin(tree, line or command(tree.root, "watch"), calls)) as running:
        eventually(lambda: "\n" in running.out.read_text() or running.popen.poll() is not None, 40.0, running.said)
        yield running


QUEUE = Path("/proc/sys/fs/inotify/max_queued_events")
ALLOWED = "CAGENTS_MACHINE"
GUARD = "import sys; sys.stdin.read(); open(sys.argv[1], 'w').write(sys.argv[2])"
WAITING = """
import sys
from watchdog.observers.inotify_c import InotifyFD
real = InotifyFD._create_inotify_fd
def create():
    print("about to", flush=True)
    sys.stdin.readline()
    made = real()
    print("done", file=sys.stderr, flush=True)
    return made
InotifyFD._create_inotify_fd = staticmethod(create)
from cagents_fs.cli import main
main()
"""


@contextlib.contextmanager
def queue_limit(limit: int) -> Iterator[None]:
    """Whoever begins to watch in here gets a queue of so many events. It is one number for the whole machine.

    So it is only changed where that was allowed, by one at a time, and for a moment. A process of its own puts it back,
    also where this one is killed: its standard input ends with us, and it holds the lock until it is done.
    """
    if not os.environ.get(ALLOWED) or not os.access(QUEUE, os.W_OK):
        pytest.skip(f"{QUEUE} is one number for the whole machine: {ALLOWED}=1 and root may change it for a moment")
    with open(Path(tempfile.gettempdir()) / "cagents-queue-limit.lock", "w") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        before = QUEUE.read_text().strip()
        line = [sys.executable, "-S", "-c", GUARD, str(QUEUE), before]
        kept = {"stdin": subprocess.PIPE, "start_new_session": True, "pass_fds": [alone.fileno()]}
        with subprocess.Popen(line, **kept) as guard:  # type: ignore[call-overload]
            try:
                QUEUE.write_text(str(limit))
                yield
            finally:
                QUEUE.write_text(before)
                guard.communicate()
        assert QUEUE.read_text().strip() == before


@contextlib.contextmanager
def watching_with_queue(tree: Tree, limit: int) -> Iterator[Running]:
    """A daemon whose queue of events is so short: it waits with the call that asks for the limit until it is set."""
    line = [sys.executable, "-c", WAITING, "--root", str(tree.root), "watch"]
    reading, writing = os.pipe()
    try:
        running = begin(tree, line, stdin=reading)
        eventually(lambda: "about to" in running.out.read_text() or running.popen.poll() is not None, 40, running.said)
        with queue_limit(limit):
            os.write(writing, b"go\n")
            eventually(lambda: "done" in running.err.read_text(), saying=running.said)
        eventually(lambda: "watching" in running.out.read_text(), 40, running.said)
        yield running
    finally:
        os.close(reading)
        os.close(writing)
    assert running.stop() == 0, running.said()
