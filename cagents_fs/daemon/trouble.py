"""When the file system refuses: one line that says what to do, and a pause that grows until it answers again."""

import errno
import logging
from dataclasses import dataclass

from cagents_fs.errors import StorageError

log = logging.getLogger("cagents_fs")
LONGEST_PAUSE_S = 30.0

ADVICE = {
    errno.ENOSPC: "free some space or inodes (df -h, df -i)",
    errno.EDQUOT: "the quota is used up; free some space",
    errno.EROFS: "the file system is read-only; mount it writable",
    errno.EACCES: "give this user the right to write there",
    errno.EPERM: "give this user the right to write there",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENOENT: "the tree, or a folder in it, is gone; put it back or stop this daemon",
}


@dataclass(slots=True)
class Trouble:
    """Since when the file system refuses, and when we try again."""

    pause_s: float = 0.0
    until_s: float = 0.0
    since_s: float = 0.0
    said: str = ""

    def begin(self, said: str, now_s: float) -> None:
        """A turn has failed, for this reason. It is said once, not at every attempt."""
        self.since_s = self.since_s if self.said else now_s
        self.pause_s = min(LONGEST_PAUSE_S, max(0.5, 2 * self.pause_s))
        self.until_s = now_s + self.pause_s
        if said != self.said:
            log.error(said, extra={"event": "storage"})
            self.said = said

    def end(self) -> None:
        """A turn has succeeded."""
        self.pause_s = 0.0
        if self.said:
            log.warning("the file system answers again; nothing was lost", extra={"event": "storage_back"})
            self.said = ""


def storage_text(error: OSError | StorageError, root: str, *, trying: str = "nothing was lost, we try again") -> str:
    """One line: what the file system refuses, where, and what to do."""
    if isinstance(error, StorageError):
        return error.message
    advice = ADVICE.get(error.errno or 0, "look at the disk")
    return f"{error.filename or root}: {error.strerror or error}; {trying}: {advice}"
