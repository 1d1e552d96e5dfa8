"""Which trees are the same to a daemon that starts: one of them is enough to restart.

A call that fails once and is tried again leaves what would have been anyway, and a kill after a call what a kill before
the next one leaves. What tells two trees apart: every name, mode and number of links, every byte but the numbers in
what a daemon says of itself (its pid), and whether the summary of results is older than the journal - the only times
that are read back.
"""

import hashlib
import os
import re
from pathlib import Path

from tests.crash import fsck

OF_ITSELF = "/_system/daemon"
NUMBERS = re.compile(rb"\d+")


def print_of(root: Path) -> bytes:
    """A digest of a tree that is equal for trees that are the same to a daemon."""
    digest = hashlib.blake2b(digest_size=16)
    for folder, folders, names in os.walk(root):
        folders.sort()
        of_itself = folder.endswith(OF_ITSELF)
        digest.update(b"\0folder " + folder.encode())
        for name in sorted(names):
            path = os.path.join(folder, name)
            facts = os.lstat(path)
            named = NUMBERS.sub(b"0", name.encode()) if of_itself else name.encode()
            digest.update(b"\0file %s %o %d " % (named, facts.st_mode, facts.st_nlink))
            if os.path.islink(path):
                digest.update(os.readlink(path).encode())
            elif os.path.isfile(path):
                with open(path, "rb") as file:
                    data = file.read()
                digest.update(NUMBERS.sub(b"0", data) if of_itself else data)
        if "journal.jsonl" in names:
            digest.update(b"older" if _summary_is_older(folder) else b"")
    return digest.digest()


def print_of_files(files: fsck.Tree) -> bytes:
    """A digest of what was in a tree before."""
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(files):
        digest.update(b"\0%s\0%s" % (os.fsencode(name), files[name] or b""))
    return digest.digest()


def _summary_is_older(instruction: str) -> bool:
    try:
        summary = os.stat(os.path.join(instruction, "outputs/output_summary.yaml"))
    except FileNotFoundError:
        return False
    return summary.st_mtime_ns < os.stat(os.path.join(instruction, "journal.jsonl")).st_mtime_ns
