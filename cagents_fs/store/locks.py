"""Locks: one daemon a tree, and one at a time among daemon and command line in the queues of an instruction.

They only serialise us. What is true rests on renames that never replace, so an agent's `mv` needs no lock. Lock order:
the tree's, then the instruction's; nobody takes two of a kind.
"""

import errno
import os
import socket
from types import TracebackType

from filelock import FileLock, Timeout

from cagents_fs.errors import HeldByAnother, StorageError
from cagents_fs.store.disk import put
from cagents_fs.store.dump import dump

LOCK = "_system/daemon/lock"
FACTS = "_system/daemon/daemon.yaml"


class TreeLock:
    """One daemon a tree, under whatever name it is reached: the lock is on a file inside it."""

    def __init__(self, root: str) -> None:
        """Nothing is taken yet."""
        self.root = root
        self._path = os.path.join(root, LOCK)
        self._lock = FileLock(self._path, timeout=0, thread_local=False, mode=0o600)

    def take(self, facts: dict[str, object]) -> None:
        """Take the lock and say who we are. Raises HeldByAnother with what is known of the holder."""
        if os.path.islink(self._path) or (os.path.lexists(self._path) and not os.path.isfile(self._path)):
            raise StorageError(f"{self._path} is not a regular file; remove it, then try again")
        try:
            self._lock.acquire()
        except Timeout:
            raise HeldByAnother(f"another daemon holds {self.root}: {holder(self.root)}; stop it first") from None
        put(os.path.join(self.root, FACTS), dump(facts).encode(), durable=False, mode=0o600)

    def still_ours(self) -> bool:
        """Whether the file we hold is still the one that others would lock (nobody removed or replaced it)."""
        descriptor = getattr(self._lock._context, "lock_file_fd", None)
        if descriptor is None:
            return False
        try:
            ours, there = os.fstat(descriptor), os.stat(self._path, follow_symlinks=False)
        except OSError:
            return False
        return (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino)

    def release(self) -> None:
        """Give it back."""
        self._lock.release(force=True)


def holder(root: str) -> str:
    """Who holds the tree, as far as its file says: a line for a person."""
    try:
        with open(os.path.join(root, FACTS), encoding="utf-8", errors="backslashreplace") as file:
            lines = [line.strip() for line in file.read(4000).splitlines() if line.strip()]
    except OSError:
        return "unknown process"
    return ", ".join(lines[:4])


def is_held(root: str) -> bool:
    """Whether a daemon holds the tree now."""
    path = os.path.join(root, LOCK)
    if not os.path.exists(path):
        return False
    lock = FileLock(path, timeout=0, thread_local=False, mode=0o600)
    try:
        lock.acquire()
    except Timeout:
        return True
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return False
        raise
    lock.release(force=True)
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


class QueueLock:
    """The queues of one instruction, for the time of a batch of renames or of one claim."""

    def __init__(self, root: str, instruction: str, timeout_s: float = 10.0) -> None:
        """Nothing is taken yet. The object may be used many times."""
        self._path = os.path.join(root, "_system/daemon/locks", f"{instruction}.lock")
        self._lock = FileLock(self._path, timeout=timeout_s, thread_local=False, mode=0o600)

    def __enter__(self) -> None:
        """Take it. Raises StorageError where somebody keeps it for longer than the time allowed."""
        try:
            self._lock.acquire(poll_interval=0.005)
        except Timeout:
            text = f"somebody keeps {self._path} locked (`fuser {self._path}` names the process); nothing was changed"
            raise StorageError(text) from None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it back."""
        self._lock.release()
