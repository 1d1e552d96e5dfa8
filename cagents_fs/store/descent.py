"""The way down from a root to a folder below it, without links, from descriptor to descriptor.

Where the kernel has `openat2` (Linux 5.6), it is told to follow no link and to stay beneath; elsewhere each folder is
opened by its own name from the one above. Nobody who swaps folders for links meanwhile leads us out, in neither way.
"""

import contextlib
import ctypes
import errno
import functools
import os
import platform
import stat
from collections.abc import Sequence

_RESOLVE_NO_MAGICLINKS = 0x02
_RESOLVE_NO_SYMLINKS = 0x04
_RESOLVE_BENEATH = 0x08
_NO_LINKS = _RESOLVE_NO_SYMLINKS | _RESOLVE_NO_MAGICLINKS
_SEARCH = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC

# System calls as young as this one have the same number on all of these. Elsewhere (alpha, mips, ia64) this number is
# another call, and nobody knows what that would do.
_OPENAT2 = 437
_MACHINES = frozenset(
    {"x86_64", "i386", "i486", "i586", "i686", "aarch64", "arm64", "armv6l", "armv7l", "armv8l"}
    | {"ppc", "ppc64", "ppc64le", "riscv32", "riscv64", "s390x", "loongarch64"}
)
_AT_FDCWD = -100
_libc = ctypes.CDLL(None, use_errno=True)


def open_folder(root: str, names: Sequence[str] = ()) -> int:
    """A descriptor of the folder at these names below `root`, an absolute path; good for what goes on from there.

    No link is followed, not even above the root. Raises OSError: ELOOP where a link is met; ValueError for a NUL.
    """
    return _by_kernel(root, names) if has_openat2() else _by_name(root, names)


def real_folder(path: str, *, new: int = 3) -> None:
    """See to it that there is a folder at this absolute path, and that nothing on the way there is a link.

    Of what is missing at most the last `new` names are made: a tree that was removed does not come back. Raises
    OSError; NotADirectoryError where somebody put a link in the place of a folder, and nothing was made behind it.
    """
    try:
        os.close(open_folder(path))
        return
    except FileNotFoundError:
        if new <= 0:
            raise
    except OSError as error:
        raise _said(error, path) from error
    above = os.path.dirname(path)
    real_folder(above, new=new - 1)
    try:
        descriptor = open_folder(above)
        try:
            with contextlib.suppress(FileExistsError):
                os.mkdir(os.path.basename(path), dir_fd=descriptor)
                _sync(descriptor)
        finally:
            os.close(descriptor)
        os.close(open_folder(path))
    except OSError as error:
        raise _said(error, path) from error


def _sync(folder: int) -> None:
    """Make the names in a folder durable: what is put into a new one is lost with the new one's name."""
    descriptor = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _said(error: OSError, path: str) -> OSError:
    if error.errno in (errno.ELOOP, errno.EXDEV):
        return NotADirectoryError(errno.ENOTDIR, "somebody put a link in the place of a folder", path)
    return type(error)(error.errno, error.strerror, path)


@functools.cache
def has_openat2() -> bool:
    """Whether this kernel has it and lets us: strict sandboxes refuse what they do not know, with EPERM."""
    if platform.machine() not in _MACHINES:
        return False
    try:
        os.close(_openat2("/", _RESOLVE_NO_SYMLINKS))
    except OSError:
        return False
    return True


def _by_kernel(root: str, names: Sequence[str]) -> int:
    top = _openat2(root, _NO_LINKS)
    if not names:
        return top
    try:
        return _openat2("/".join(names), _NO_LINKS | _RESOLVE_BENEATH, dir_fd=top)
    finally:
        os.close(top)


def _by_name(root: str, names: Sequence[str]) -> int:
    above = os.open("/", _SEARCH)
    try:
        for name in (*filter(None, root.split("/")), *names):
            below = _next(name, above)
            os.close(above)
            above = below
    except (OSError, ValueError):
        os.close(above)
        raise
    return above


def _next(name: str, above: int) -> int:
    try:
        return os.open(name, _SEARCH | os.O_NOFOLLOW, dir_fd=above)
    except NotADirectoryError:  # also what a link gives
        if stat.S_ISLNK(os.stat(name, dir_fd=above, follow_symlinks=False).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), name) from None
        raise


class _How(ctypes.Structure):
    _fields_ = [("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64)]


def _openat2(path: str, resolve: int, *, dir_fd: int = _AT_FDCWD) -> int:
    name = os.fsencode(path)
    if b"\0" in name:
        raise ValueError("embedded null byte")
    how = _How(flags=_SEARCH, mode=0, resolve=resolve)
    descriptor: int = _libc.syscall(
        ctypes.c_long(_OPENAT2),
        ctypes.c_long(dir_fd),
        ctypes.c_char_p(name),
        ctypes.byref(how),
        ctypes.c_size_t(ctypes.sizeof(how)),
    )
    if descriptor < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), path)
    return descriptor
