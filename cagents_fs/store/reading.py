"""Reading a file that anybody may be writing: bounded, never hanging, and saying whether it stood still meanwhile."""

import errno
import fcntl
import os
import signal
import stat
from dataclasses import dataclass

from cagents_fs.store.descent import open_folder

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a FIFO without a writer would hang the daemon
_KINDS = (
    (stat.S_ISDIR, "directory"),
    (stat.S_ISLNK, "symlink"),
    (stat.S_ISFIFO, "FIFO"),
    (stat.S_ISSOCK, "socket"),
    (stat.S_ISCHR, "device"),
    (stat.S_ISBLK, "device"),
)


class NotRegular(Exception):
    """There is something at this path, and it is no regular file. `kind` says what."""

    def __init__(self, path: str, kind: str) -> None:
        super().__init__(f"{path}: expected a regular file, found a {kind}")
        self.path = path
        self.kind = kind


class TooLarge(Exception):
    """The file holds more than is read. `size` is in bytes."""

    def __init__(self, path: str, size: int, max_bytes: int) -> None:
        super().__init__(f"{path}: {size} bytes; at most {max_bytes} are read")
        self.path = path
        self.size = size
        self.max_bytes = max_bytes


@dataclass(frozen=True, slots=True)
class Signature:
    """Equal for two looks between which nobody touched the file. The ctime cannot be set back, as the mtime can."""

    dev: int
    ino: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, seen: os.stat_result) -> "Signature":
        """The signature of what `os.stat` and its like return."""
        return cls(seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The bytes of a file, and how far they can be believed."""

    data: bytes
    signature: Signature  # as it was before the first byte was read
    being_written: bool  # somebody has it open for writing, as far as the kernel tells us
    stable: bool  # the signature was the same before and after


def read_bounded(path: str, max_bytes: int, dir_fd: int | None = None) -> Snapshot:
    """A regular file, whole, through one descriptor; a symlink at the end of `path` is not followed.

    Raises NotRegular, TooLarge (before anything is read, or as soon as the file has grown too large), OSError.
    """
    try:
        fd = _open(path, dir_fd)
    except OSError as error:
        # A symlink gives ELOOP, a socket ENXIO; but so do a loop among the folders above and a device without driver.
        if error.errno in (errno.ELOOP, errno.ENXIO):
            kind = _kind(os.stat(path, dir_fd=dir_fd, follow_symlinks=False))
            if kind is not None:
                raise NotRegular(path, kind) from None
        raise
    try:
        before = os.fstat(fd)
        kind = _kind(before)
        if kind is not None:
            raise NotRegular(path, kind)
        if before.st_size > max_bytes:
            raise TooLarge(path, before.st_size, max_bytes)
        data = _whole(fd, before.st_size, max_bytes)
        # After reading: a writer that came and went meanwhile shows in the second look, one that stays shows here.
        being_written = is_being_written(fd)
        after = os.fstat(fd)
    finally:
        os.close(fd)
    if len(data) > max_bytes:
        raise TooLarge(path, max(len(data), after.st_size), max_bytes)
    signature = Signature.of(before)
    return Snapshot(data, signature, being_written, signature == Signature.of(after))


def _open(path: str, dir_fd: int | None) -> int:
    """A descriptor. Somebody may have put a link in the place of a folder above: not even there is one followed."""
    folder, name = os.path.split(path)
    if dir_fd is not None or not folder.startswith("/"):
        return os.open(path, _FLAGS, dir_fd=dir_fd)
    try:
        above = open_folder(folder)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise NotRegular(path, "file behind a link") from None
        raise
    try:
        return os.open(name, _FLAGS, dir_fd=above)
    except OSError as error:
        error.filename = path
        raise
    finally:
        os.close(above)


def _kind(seen: os.stat_result) -> str | None:
    """What a file is when it is not regular."""
    if stat.S_ISREG(seen.st_mode):
        return None
    return next((kind for test, kind in _KINDS if test(seen.st_mode)), "special file")


def _whole(fd: int, expected: int, max_bytes: int) -> bytes:
    """Everything up to the end, at most one byte more than allowed. A read may give less than was asked for."""
    data = os.read(fd, min(expected, max_bytes) + 1)
    if not data:
        return data
    parts, size = [data], len(data)
    while size <= max_bytes and (more := os.read(fd, min(1 << 20, max_bytes + 1 - size))):
        parts.append(more)
        size += len(more)
    return data if len(parts) == 1 else b"".join(parts)


def is_being_written(fd: int) -> bool:
    """Whether anybody holds this file open for writing; False where the kernel cannot tell.

    The kernel grants a read lease only on a file that nobody writes. It does so for our own files, or with CAP_LEASE,
    on local disks. The lease is given back at once. Whoever opens the file for writing in between is held up that long,
    and we are sent a signal: by default SIGIO, which would end the process. SIGURG is ignored unless somebody asks for
    it, so this works in every thread and changes nothing for the process, nor for those that it starts.
    """
    try:
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN
    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def has_end_marker(data: bytes) -> bool:
    """Whether the last line that is not blank is exactly `...`: the writer says that the file is whole."""
    text = data.rstrip(b" \t\r\n")
    if not text.endswith(b"...") or data[len(text) : len(text) + 1] not in (b"", b"\r", b"\n"):
        return False
    return text[-4:-3] in (b"", b"\r", b"\n")
