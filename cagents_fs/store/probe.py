"""What can the file system under a tree do? Tried out, not believed: each probe really does what we rely on.

The daemon asks the first part when it starts, and refuses what cannot be safe; `doctor` asks everything.
"""

import contextlib
import errno
import os
import select
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass

from cagents_fs.errors import InvalidTree
from cagents_fs.model.layout import OWN
from cagents_fs.store import tree
from cagents_fs.store.disk import Outcome, rename_noreplace
from cagents_fs.store.locks import NO_EXCLUSION, USE_ANOTHER, LockFile
from cagents_fs.store.mounts import Mount, below, mount_of

SCRATCH = ".probe-"
LEFT_BEHIND_S = 60.0  # no probe takes so long
NO_SUCH_CALL = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EMLINK)


@dataclass(frozen=True, slots=True)
class Strategy:
    """How the daemon is to watch a tree."""

    events: bool
    trusted: bool  # whether every change makes an event
    why: str


# -- what the daemon needs to know -------------------------------------------------------------------------------------


@contextlib.contextmanager
def scratch(root: str) -> Iterator[str]:
    """A folder in the tree to try things in. What a killed probe has left behind goes first. Raises OSError."""
    above = os.path.join(root, OWN)
    sweep(above)
    folder = os.path.join(above, f"{SCRATCH}{os.getpid()}")
    os.mkdir(folder, 0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(above: str) -> list[str]:
    """Remove the scratch folders of processes that are gone. Returns their names."""
    swept = []
    for name in os.listdir(above):
        path, pid = os.path.join(above, name), name.removeprefix(SCRATCH)
        if not name.startswith(SCRATCH):
            continue
        with contextlib.suppress(OSError):
            gone = pid == str(os.getpid()) or not os.path.exists(f"/proc/{pid}")  # a number of ours is used once more
            if gone or os.stat(path).st_mtime < time.time() - LEFT_BEHIND_S:
                shutil.rmtree(path)
                swept.append(name)
    return swept


def start(root: str, watch: str) -> Strategy:
    """Is a tree safe, whose lock is held, and how is it to be watched? Raises InvalidTree, OSError."""
    mount = mount_of(root)
    divided(root)
    with scratch(root) as folder:
        renames(folder)
        if not mount.is_local:  # what the kernel itself does with locks is known; here others have a say
            exclusion(folder)
    return strategy(mount, watch)


def strategy(mount: Mount, watch: str) -> Strategy:
    """How to watch a tree on such a file system. `watch` is what the configuration says."""
    if watch == "poll":
        return Strategy(events=False, trusted=False, why="`watch: poll` in daemon.yaml")
    if mount.is_remote and watch != "events":
        why = f"{mount.kind} tells nothing of what other machines and programs beneath it write"
        return Strategy(events=False, trusted=False, why=why)
    return Strategy(events=True, trusted=mount.is_local, why=mount.kind)


def divided(root: str) -> None:
    """Raises InvalidTree where something is mounted between the state directories of an instruction."""
    for point in below(os.path.realpath(root)):
        if tree.divides(point):
            text = f"another file system is mounted over {point}: no rename leads from one state directory to another"
            raise InvalidTree(f"{text}; unmount it, or mount it over the whole instruction")
    for name in tree.instructions(root):
        folder = os.path.join(root, name)
        devices = {}
        for part in ("tasks", "queues"):
            with contextlib.suppress(FileNotFoundError):
                devices[part] = os.stat(os.path.join(folder, part)).st_dev
        if len(set(devices.values())) > 1:
            text = f"{name}/tasks and {name}/queues lie on different file systems"
            raise InvalidTree(f"{text}: no rename leads from one to the other; put both on one")


def renames(folder: str) -> str:
    """Can a rename be kept from replacing? Returns how. Raises InvalidTree where nothing of the kind works, OSError."""
    one, other = os.path.join(folder, "one"), os.path.join(folder, "other")
    _touch(one)
    before = os.stat(one).st_ino
    try:
        first = rename_noreplace(one, other)
        _touch(one)
        second = rename_noreplace(one, other)
    except OSError as error:
        if error.errno not in NO_SUCH_CALL:
            raise
        text = "this file system can neither rename without replacing nor make hard links"
        raise InvalidTree(f"{folder}: {text}, so a task could be lost or doubled; {USE_ANOTHER}") from None
    if first is not Outcome.MOVED or second is not Outcome.TAKEN or os.stat(other).st_ino != before:
        text = "a rename that must not replace a file has replaced one"
        raise InvalidTree(f"{folder}: {text}, so tasks could be lost; {USE_ANOTHER}")
    os.unlink(one)
    os.unlink(other)
    return "renames never replace"


def exclusion(folder: str) -> str:
    """Does a lock exclude another process? Returns so. Raises InvalidTree where it does not, OSError."""
    path = os.path.join(folder, "lock")
    ours = LockFile(path)
    try:
        if not ours.take() or _child_takes(path):
            raise InvalidTree(f"{folder}: {NO_EXCLUSION}")
    finally:
        ours.release()
    os.unlink(path)
    return "a lock excludes other processes"


def _child_takes(path: str) -> bool:
    """Whether a process of its own gets the lock. It does nothing else, so that threads here do not matter."""
    pid = os.fork()
    if pid == 0:
        code = 2
        try:
            code = int(LockFile(path).take())
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1


def _touch(path: str) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))


# -- what a person wants to know besides -------------------------------------------------------------------------------


def links(folder: str) -> bool:
    """Whether hard links are made, and counted."""
    one, other = os.path.join(folder, "linked"), os.path.join(folder, "linked-too")
    _touch(one)
    try:
        os.link(one, other)
        counted = os.stat(one).st_nlink == 2
        os.unlink(other)
    except OSError as error:
        if error.errno not in NO_SUCH_CALL:
            raise
        counted = False
    os.unlink(one)
    return counted


def event_in_ms(folder: str, within_s: float = 1.0) -> float | None:
    """How long after a file was made its event arrives, in milliseconds; None: it does not. Raises OSError."""
    import ctypes

    from watchdog.observers.inotify_c import InotifyConstants, inotify_add_watch, inotify_init

    descriptor = inotify_init()
    if descriptor == -1:
        raise OSError(ctypes.get_errno(), "no more inotify instances (fs.inotify.max_user_instances)", folder)
    try:
        if inotify_add_watch(descriptor, os.fsencode(folder), InotifyConstants.IN_CREATE) == -1:
            raise OSError(ctypes.get_errno(), "no more watches (fs.inotify.max_user_watches)", folder)
        path = os.path.join(folder, "seen")
        begun_s = time.monotonic()
        _touch(path)
        arrived = bool(select.select([descriptor], [], [], within_s)[0])
        took_ms = (time.monotonic() - begun_s) * 1e3
        os.unlink(path)
    finally:
        os.close(descriptor)
    return took_ms if arrived else None


def granularity_ns(folder: str) -> int:
    """How far apart the times of files are at least: what is left of a nanosecond that was written. Raises OSError."""
    path = os.path.join(folder, "stamped")
    _touch(path)
    stamp = 1_700_000_001_123_456_789
    os.utime(path, ns=(stamp, stamp))
    kept = os.stat(path).st_mtime_ns
    os.unlink(path)
    for step in (1, 100, 1_000, 1_000_000, 1_000_000_000, 2_000_000_000):
        if kept == stamp // step * step:
            return step
    return max(1, abs(stamp - kept))


def skew_s(folder: str) -> float:
    """How far the times of new files are ahead of this machine's clock, in seconds. Raises OSError."""
    path = os.path.join(folder, "timed")
    before_s = time.time()
    _touch(path)
    made_s = os.stat(path).st_mtime
    after_s = time.time()
    os.unlink(path)
    return made_s - before_s if made_s < before_s else max(0.0, made_s - after_s)
