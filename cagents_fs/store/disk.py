"""The calls that change the tree. Everything durable goes through here, so that a test can count and fail each one."""

import contextlib
import ctypes
import errno
import os
import re
from enum import StrEnum

_RENAME_NOREPLACE = 1
_RENAME_EXCHANGE = 2
_AT_FDCWD = -100
_libc = ctypes.CDLL(None, use_errno=True)

OWN_TEMPORARY = re.compile(r"\..+\.(\d+)\.tmp")  # as `_temporary` calls them, with the process that wrote it


class Outcome(StrEnum):
    """What became of a rename."""

    MOVED = "moved"
    GONE = "gone"  # somebody else was first: the source is not there
    TAKEN = "taken"  # something lies at the target already


def rename_noreplace(source: str, target: str) -> Outcome:
    """Rename, and never replace anything. Raises OSError for what is neither a lost race nor success.

    Two hard links of one file are the trap: `rename` between them succeeds and does nothing, this one says TAKEN.
    """
    if _libc.renameat2(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), _RENAME_NOREPLACE) == 0:
        return Outcome.MOVED
    code = ctypes.get_errno()
    if code == errno.ENOENT:
        if os.path.lexists(source):  # then it is the target's directory that is not there
            raise FileNotFoundError(code, os.strerror(code), os.path.dirname(target))
        return Outcome.GONE
    if code == errno.EEXIST:
        return Outcome.TAKEN
    if code in (errno.EINVAL, errno.ENOSYS):
        return _link_and_unlink(source, target)
    raise OSError(code, os.strerror(code), source, None, target)


def exchange(one: str, other: str) -> Outcome:
    """Swap two files, both of which have to be there: GONE where one is not. Raises OSError."""
    if _libc.renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return Outcome.MOVED
    code = ctypes.get_errno()
    if code == errno.ENOENT:
        return Outcome.GONE
    if code in (errno.EINVAL, errno.ENOSYS):
        if not os.path.lexists(other):
            return Outcome.GONE
        os.link(one, one + "~")  # so that the caller finds something to remove under the first name
        os.rename(one, other)
        os.rename(one + "~", one)
        return Outcome.MOVED
    raise OSError(code, os.strerror(code), one, None, other)


def _link_and_unlink(source: str, target: str) -> Outcome:
    """For file systems without RENAME_NOREPLACE: a crash between the two leaves two names of one file, healed later."""
    try:
        if os.path.isdir(source) and not os.path.islink(source):  # a folder cannot be linked
            if os.path.lexists(target):
                return Outcome.TAKEN
            os.rename(source, target)
            return Outcome.MOVED
        os.link(source, target, follow_symlinks=False)
    except FileNotFoundError:
        if os.path.lexists(source):
            raise
        return Outcome.GONE
    except FileExistsError:
        return Outcome.TAKEN
    os.unlink(source)
    return Outcome.MOVED


def put(path: str, data: bytes, *, durable: bool, mode: int = 0o644) -> None:
    """Write a file so that a reader sees the old content or the new, never a part. Replaces what is there.

    With `durable`, the bytes are on the disk before the name is, and the name before this returns.
    """
    folder, name = os.path.split(path)
    temporary = _temporary(folder, name)
    _write_new(temporary, data, durable=durable, mode=mode)
    os.rename(temporary, path)
    if durable:
        sync_folder(folder)


def put_unlinked(path: str, data: bytes, *, durable: bool = False) -> None:
    """As `put`, but not through a link in the place of its folder. Raises NotADirectoryError for that."""
    no_links(os.path.dirname(path))
    put(path, data, durable=durable)


def create(path: str, data: bytes, *, durable: bool) -> Outcome:
    """Like `put`, but never replaces. The caller syncs the folder, once for many."""
    folder, name = os.path.split(path)
    temporary = _temporary(folder, name)
    _write_new(temporary, data, durable=durable)
    outcome = rename_noreplace(temporary, path)
    if outcome is Outcome.TAKEN:
        os.unlink(temporary)
    return outcome


def swap_in(path: str, data: bytes, *, durable: bool) -> Outcome:
    """Put new content under a name that must still be there: GONE if it is not, and then nothing has changed."""
    folder, name = os.path.split(path)
    temporary = _temporary(folder, name)
    _write_new(temporary, data, durable=durable)
    outcome = exchange(temporary, path)
    os.unlink(temporary)  # the old content, or, where the name was gone, the new one
    return outcome


def _temporary(folder: str, name: str) -> str:
    """A name of our own: `.NAME.tmp` is what agents use, and what lies there may be theirs, or no file at all."""
    return os.path.join(folder, f".{name}.{os.getpid()}.tmp")


def _write_new(path: str, data: bytes, *, durable: bool, mode: int = 0o644) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)  # left by a process of the same number that was killed
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        write_all(descriptor, data)
        if durable:
            os.fsync(descriptor)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(path)
        error.filename = error.filename or path  # `write` does not say where
        raise
    finally:
        os.close(descriptor)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of it: `write` may take only a part."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def sync_folder(path: str) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def no_links(folder: str) -> None:
    """Refuse a folder that is reached through a link: we write where the tree is, not where somebody points.

    `folder` begins with the tree's real path. Raises NotADirectoryError.
    """
    if os.path.realpath(folder) != folder:
        raise NotADirectoryError(errno.ENOTDIR, "somebody put a link in the place of a folder", folder)


def put_link_aside(output: str) -> None:
    """An agent may have put a link in the place of its output directory: we do not write through it."""
    if os.path.islink(output):
        aside = os.path.join(os.path.dirname(os.path.dirname(output)), "abandoned", f"{os.path.basename(output)}.link")
        os.replace(output, aside)


def make_folders(root: str, relative: tuple[str, ...], *, durable: bool = False) -> list[str]:
    """Make folders below a root that is there. The root is never made: a deleted tree must not come back empty.

    Returns the folders in which a name is new. With `durable` these are synced: what lies in a lost folder is lost.
    """
    if not os.path.isdir(root):
        raise FileNotFoundError(errno.ENOENT, "the tree is gone", root)
    grown: dict[str, None] = {}
    for folder in relative:
        path = root
        for part in folder.split("/"):  # not `makedirs`: that would make the root, were it removed in this moment
            above, path = path, os.path.join(path, part)
            if not os.path.isdir(path):
                grown[above] = None
                with contextlib.suppress(FileExistsError):
                    os.mkdir(path)
    for above in grown if durable else ():
        sync_folder(above)
    return list(grown)
