"""Did somebody work below a folder? A digest of what stat says, cheap enough to take again and again."""

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from itertools import islice

MOST_ENTRIES = 20_000  # it is a sign of life, not an inventory


def fingerprint(folder: str, ignore: Callable[[str], bool]) -> str:
    """A cheap digest of names, sizes, mtimes and inodes below a folder: it differs when somebody worked there.

    `ignore` gets paths relative to the folder; an ignored folder is not entered. Links are not followed. The first
    20,000 entries count. Empty for a folder that is not there; never raises for what vanishes meanwhile.
    """
    try:
        if not stat.S_ISDIR(os.lstat(folder).st_mode):
            return ""  # a link too: what lies behind it is not below this folder
    except OSError:
        return ""
    digest = hashlib.blake2b(digest_size=16)
    for line in islice(_entries(folder, ignore), MOST_ENTRIES):
        digest.update(line)
    return digest.hexdigest()


def _entries(folder: str, ignore: Callable[[str], bool]) -> Iterator[bytes]:
    waiting = [""]
    while waiting:
        above = waiting.pop()
        try:
            with os.scandir(os.path.join(folder, above)) as listing:
                entries = sorted(islice(listing, MOST_ENTRIES), key=lambda entry: entry.name)
        except OSError as error:
            yield b"%s\0unreadable %d\n" % (os.fsencode(above), error.errno or 0)
            continue
        for entry in entries:
            relative = os.path.join(above, entry.name)
            if ignore(relative):
                continue
            try:
                seen = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if stat.S_ISDIR(seen.st_mode):
                waiting.append(relative)
                # Its size and mtime also move when something in it that is ignored does: they are no sign of life.
                yield b"%s\0%d/\n" % (os.fsencode(relative), seen.st_ino)
            else:
                numbers = (seen.st_size, seen.st_mtime_ns, seen.st_ino)
                yield b"%s\0%d %d %d\n" % (os.fsencode(relative), *numbers)
