"""Whose tree is it? What only the daemon writes is nobody else's, and root does not work for others by accident."""

import logging
import os
import stat
from collections.abc import Iterable

from cagents_fs.errors import InvalidTree

log = logging.getLogger("cagents_fs")
OTHERS = 0o077


def check_owner(root: str, *, allow_root: bool) -> None:
    """Refuse to be root in a tree of somebody else; warn of one in which everybody may write.

    Whoever owns the tree writes what the daemon runs and where: as root that would be a way to become root. Raises
    InvalidTree, OSError.
    """
    facts = os.stat(root)
    if os.geteuid() == 0 and facts.st_uid != 0 and not allow_root:
        whose = f"{root} belongs to user {facts.st_uid}, and this is root, who would run what that user writes there"
        raise InvalidTree(f"{whose}; start as that user, or say `watch --allow-root`", code="foreign_tree")
    if facts.st_mode & stat.S_IWOTH and not facts.st_mode & stat.S_ISVTX:
        text = "everybody on this machine may write in %s, and so decide what is run here: chmod o-w %s"
        log.warning(text, root, root, extra={"event": "world_writable"})


def make_private(folders: Iterable[str]) -> None:
    """Close folders that are ours to everybody else, where they are there. Raises OSError."""
    for folder in folders:
        try:
            facts = os.lstat(folder)
        except FileNotFoundError:
            continue
        if stat.S_ISDIR(facts.st_mode) and facts.st_mode & OTHERS and facts.st_uid == os.geteuid():
            os.chmod(folder, stat.S_IMODE(facts.st_mode) & ~OTHERS)
