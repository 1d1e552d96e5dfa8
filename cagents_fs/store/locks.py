"""Locks: one daemon a tree, and one at a time among daemon and command line in the queues of an instruction.

They only serialise us. What is true rests on renames that never replace, so an agent's `mv` needs no lock. Lock order:
the tree's, then the instruction's; nobody takes two of a kind. A lock file is only ever locked: never written, cut,
followed through a link, removed, or handed on to a child.
"""

import errno
import fcntl
import os
import socket
import stat
import time
from types import TracebackType

from cagents_fs.errors import HeldByAnother, InvalidTree, StorageError
from cagents_fs.model.layout import LOCKS, OWN
from cagents_fs.store.disk import no_links
from cagents_fs.store.holders import who_holds

LOCK = f"{OWN}/lock"
FACTS = f"{OWN}/daemon.yaml"
PATIENCE_S = 0.3  # for the tree's lock: commands that ask whether it is held hold it themselves, for microseconds
POLL_S = 0.005
USE_ANOTHER = "use ext4, xfs, btrfs or tmpfs"
NO_EXCLUSION = f"a lock (flock) excludes nobody on this file system, so that two daemons could run; {USE_ANOTHER}"
_FLAGS = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class LockFile:
    """A lock on a file, held by one process at a time and given up by the kernel when that process is gone."""

    def __init__(self, path: str) -> None:
        """Nothing is taken yet. The object may be used many times."""
        self.path = path
        self._descriptor: int | None = None

    def take(self, within_s: float = 0.0) -> bool:
        """Take it; False: somebody else has kept it for so long. Raises InvalidTree where it is no plain file."""
        deadline_s = time.monotonic() + within_s
        while not self._try():
            if time.monotonic() >= deadline_s:
                return False
            time.sleep(POLL_S)
        return True

    def _try(self) -> bool:
        descriptor = open_plain(self.path)
        taken = False
        try:
            # Between opening and locking, somebody may have removed the file: then this lock guards no name.
            taken = _lock(descriptor) and _is_at(descriptor, self.path)
        finally:
            if not taken:
                os.close(descriptor)
        if taken:
            self._descriptor = descriptor
        return taken

    def still_ours(self) -> bool:
        """Whether the file we hold is still the one that others would lock (nobody removed or replaced it)."""
        return self._descriptor is not None and _is_at(self._descriptor, self.path)

    def release(self) -> None:
        """Give it back."""
        if self._descriptor is not None:
            os.close(self._descriptor)  # no child has a copy, so this gives up the lock as well
            self._descriptor = None


def _lock(descriptor: int) -> bool:
    from filelock import lock_descriptor  # its import costs more than most commands, and few of them lock

    try:
        return lock_descriptor(descriptor, blocking=False)
    except OSError as error:
        if error.errno in (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL):
            raise InvalidTree(f"there are no locks (flock) on this file system; {USE_ANOTHER}") from None
        raise


def open_plain(path: str) -> int:
    """Open a lock file, made where there is none. Raises OSError, and InvalidTree for anything but a plain file."""
    try:
        _refuse(path, os.lstat(path))  # before opening: that alone makes some devices do things
        descriptor = os.open(path, _FLAGS)
    except FileNotFoundError:
        descriptor = _make(path)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise InvalidTree(f"{path} is a link; remove it, then try again") from None
        raise
    try:
        _refuse(path, os.fstat(descriptor))
    except InvalidTree:
        os.close(descriptor)
        raise
    return descriptor


def _make(path: str) -> int:
    try:
        return os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:  # somebody else has just made it
        return os.open(path, _FLAGS)


def _refuse(path: str, seen: os.stat_result) -> None:
    if not stat.S_ISREG(seen.st_mode):
        kinds = {stat.S_IFDIR: "a folder", stat.S_IFLNK: "a link", stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket"}
        kind = kinds.get(stat.S_IFMT(seen.st_mode), "a device")
        raise InvalidTree(f"{path} is {kind} and should be a plain file; remove it, then try again")
    if seen.st_nlink > 1:
        text = f"{path} has {seen.st_nlink} names (hard links): a lock on it would also be one on the others"
        raise InvalidTree(f"{text}; remove this one, then try again")


def _is_at(descriptor: int, path: str) -> bool:
    try:
        ours, there = os.fstat(descriptor), os.stat(path, follow_symlinks=False)
    except OSError:
        return False
    return (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino)


class TreeLock:
    """One daemon a tree, under whatever name it is reached: the lock is on a file inside it."""

    def __init__(self, root: str) -> None:
        """Nothing is taken yet. `root` is the tree's real path."""
        self.root = root
        self._lock = LockFile(os.path.join(root, LOCK))
        self._root: int | None = None  # keeps its inode number from being used again while we hold it

    def take(self) -> None:
        """Take the lock. Raises HeldByAnother with who holds it, InvalidTree, OSError."""
        folder = os.path.dirname(self._lock.path)
        try:
            no_links(folder)
        except NotADirectoryError:
            raise InvalidTree(f"{folder} is reached through a link; put a folder there, then try again") from None
        if not self._lock.take(PATIENCE_S):
            raise HeldByAnother(f"another daemon holds {self.root}: {holder(self.root)}; stop it first")
        if not self._excludes():
            self._lock.release()
            raise InvalidTree(f"{folder}: {NO_EXCLUSION}")
        self._root = os.open(self.root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        if stat.S_IMODE(os.stat(folder).st_mode) & 0o077:
            os.chmod(folder, 0o700)

    def _excludes(self) -> bool:
        """Whether a lock that we hold is one: what was opened a second time must not get it too."""
        descriptor = open_plain(self._lock.path)
        try:
            return not _lock(descriptor)
        finally:
            os.close(descriptor)

    def lost(self) -> str | None:
        """Why the tree is no longer ours: moved, removed, replaced, or its lock is; None where all is well."""
        if self._root is None:
            return f"{self.root} is not held"
        ours = os.fstat(self._root)
        try:
            there = os.stat(self.root)
        except OSError as error:
            return f"{self.root}: {error.strerror}{self._moved_to()}; start again where the tree is now"
        if (ours.st_dev, ours.st_ino) != (there.st_dev, there.st_ino):
            return f"{self.root} is another folder than before{self._moved_to()}; start again to work on this one"
        if not self._lock.still_ours():
            return (
                f"the lock {self._lock.path} was removed or replaced; make sure that no other daemon runs, start again"
            )
        return None

    def _moved_to(self) -> str:
        try:
            now_at = os.readlink(f"/proc/self/fd/{self._root}")
        except OSError:
            return ""
        if now_at.endswith(" (deleted)"):
            return ", the tree was removed"
        return f", the tree was moved to {now_at}" if now_at != self.root else ""

    def release(self) -> None:
        """Give it back."""
        self._lock.release()
        if self._root is not None:
            os.close(self._root)
            self._root = None


def holder(root: str) -> str:
    """Who holds the tree, as far as the kernel and its own file say: a line for a person."""
    return who_holds(os.path.join(root, LOCK), os.path.join(root, FACTS))


def is_held(root: str) -> bool:
    """Whether a daemon holds the tree now. Two that ask at once do not see each other."""
    try:
        descriptor = os.open(os.path.join(root, LOCK), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE, errno.EIO, errno.ESTALE):
            raise
        return False  # it is not there, not ours to open, or nothing that a daemon would take
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def our_facts(version: str, boot_id: str, started: str) -> dict[str, object]:
    """What the holder says of itself in `_system/daemon/daemon.yaml`."""
    return {
        "pid": os.getpid(),
        "start_time": started,
        "boot_id": boot_id,
        "host": socket.gethostname(),
        "version": version,
    }


class Busy(StorageError):
    """Somebody keeps the queues of an instruction locked."""

    code = "busy"


class QueueLock:
    """The queues of one instruction, for the time of a batch of renames or of one claim."""

    def __init__(self, root: str, instruction: str, timeout_s: float = 10.0) -> None:
        """Nothing is taken yet. The object may be used many times."""
        self.timeout_s = timeout_s
        self._lock = LockFile(os.path.join(root, LOCKS, f"{instruction}.lock"))

    def take(self, within_s: float) -> None:
        """Take it. Raises Busy where somebody keeps it for longer than that, InvalidTree, OSError."""
        if not self._lock.take(within_s):
            path = self._lock.path
            raise Busy(f"{who_holds(path)} keeps {path} locked; nothing was changed: end it, or wait for it")

    def is_free(self) -> bool:
        """Whether nobody has it now."""
        free = self._lock.take()
        self._lock.release()
        return free

    def release(self) -> None:
        """Give it back."""
        self._lock.release()

    def __enter__(self) -> None:
        """Take it within the time allowed. Raises as `take`."""
        self.take(self.timeout_s)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it back."""
        self._lock.release()
