"""What `doctor --fix` mends: nothing that an agent or a person wrote is removed or changed by it."""

import contextlib
import os
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cagents_fs.errors import HeldByAnother
from cagents_fs.model.layout import INSTRUCTION_FOLDERS, JOURNAL, OWN, TREE_FOLDERS
from cagents_fs.picture import load
from cagents_fs.store import tree
from cagents_fs.store.disk import OWN_TEMPORARY, make_folders, sync_folder
from cagents_fs.store.locks import LOCK, TreeLock

OLD_S = 60.0


@dataclass(frozen=True, slots=True)
class Wrong:
    """One thing that can be mended: what, where, and what it means."""

    what: str
    path: str
    means: str
    harmless: bool = False


def _folders(root: str) -> Iterator[Wrong]:
    """Folders that everybody counts on."""
    for relative in TREE_FOLDERS:
        if not os.path.isdir(os.path.join(root, relative)):
            yield Wrong(relative, os.path.join(root, relative), "the next daemon makes it", harmless=True)
    for name in tree.instructions(root):
        if not os.path.lexists(os.path.join(root, name, JOURNAL)):
            continue  # it has not been taken in, and gets its folders then
        for relative in INSTRUCTION_FOLDERS:
            if not os.path.isdir(path := os.path.join(root, name, relative)):
                yield Wrong(f"{name}/{relative}", path, "whoever moves a task there fails")


def _make_folder(wrong: Wrong) -> None:
    relative = wrong.what
    make_folders(wrong.path[: -len(relative) - 1], (relative,))


def _litter(root: str) -> Iterator[Wrong]:
    """Temporary files of our own that a process which is gone has left behind, where only we write."""
    for folder in _own_folders(root):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            for name in os.listdir(folder):
                path = os.path.join(folder, name)
                if (known := OWN_TEMPORARY.fullmatch(name)) and _is_left(path, known[1]):
                    yield Wrong(os.path.relpath(path, root), path, "left behind by a kill; it is in nobody's way", True)


def _own_folders(root: str) -> Iterator[str]:
    for above, _, _ in os.walk(os.path.join(root, "_system")):
        yield above
    for name in tree.instructions(root):
        folder = os.path.join(root, name)
        yield from (folder, os.path.join(folder, "workflow"), os.path.join(folder, "workflow/tasks"))
        for place, relative in tree.state_folders(folder):
            if place != "tasks/pending":
                yield os.path.join(folder, relative)


def _is_left(path: str, pid: str) -> bool:
    try:
        facts = os.lstat(path)
    except FileNotFoundError:
        return False
    return stat.S_ISREG(facts.st_mode) and facts.st_mtime < time.time() - OLD_S and not os.path.exists(f"/proc/{pid}")


def _remove(wrong: Wrong) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(wrong.path)


def _modes(root: str) -> Iterator[Wrong]:
    """Files of the daemon that others may read or write."""
    paths = [os.path.join(root, OWN)] if os.path.lexists(os.path.join(root, LOCK)) else []  # the first daemon shuts it
    for above, _, names in os.walk(os.path.join(root, OWN)):
        paths += [os.path.join(above, name) for name in names]
    for name in tree.instructions(root):
        paths.append(os.path.join(root, name, JOURNAL))
        quarantine = os.path.join(root, name, "quarantine")
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            paths += [os.path.join(quarantine, kept) for kept in os.listdir(quarantine)]
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            facts = os.lstat(path)
            if facts.st_mode & 0o077 and stat.S_IFMT(facts.st_mode) in (stat.S_IFREG, stat.S_IFDIR):
                what = f"{os.path.relpath(path, root)} ({stat.S_IMODE(facts.st_mode):o})"
                yield Wrong(what, path, "others than the daemon's user may read or write it")


def _restrict(wrong: Wrong) -> None:
    descriptor = os.open(wrong.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        os.fchmod(descriptor, 0o700 if stat.S_ISDIR(os.fstat(descriptor).st_mode) else 0o600)
    finally:
        os.close(descriptor)


def _doubles(root: str) -> Iterator[Wrong]:
    """One task file under two names: a copy by hard link, or left by a crash where renames have to be links."""
    for name in tree.instructions(root):
        if not tree.has_anything(root, name):
            continue
        loaded = load(root, name)
        for task_id, further in loaded.doubles.items():
            first = os.path.join(root, name, loaded.work.records[task_id].place or "", f"{task_id}.yaml")
            for place in further:
                path = os.path.join(root, name, place, f"{task_id}.yaml")
                with contextlib.suppress(FileNotFoundError):
                    if os.path.samestat(os.lstat(first), os.lstat(path)):
                        means = "a task would be in two states; a daemon mends that, too"
                        yield Wrong(f"{name}/{place}/{task_id}.yaml", path, means)


def _unlink_double(wrong: Wrong) -> None:
    """One of two names goes, the file stays. Where a daemon holds the tree, it is left to that."""
    root = wrong.path[: -len(wrong.what) - 1]
    lock = TreeLock(os.path.realpath(root))
    try:
        lock.take()
    except HeldByAnother:
        return
    try:
        if os.lstat(wrong.path).st_nlink > 1:
            os.unlink(wrong.path)
            sync_folder(os.path.dirname(wrong.path))
    finally:
        lock.release()


Look = Callable[[str], Iterator[Wrong]]
MENDS: tuple[tuple[str, Look, Callable[[Wrong], None]], ...] = (
    ("folders", _folders, _make_folder),
    ("litter", _litter, _remove),
    ("modes", _modes, _restrict),
    ("doubles", _doubles, _unlink_double),
)
