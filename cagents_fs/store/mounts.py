"""On what kind of file system does a tree lie, and what is mounted inside it?"""

import contextlib
import os
import re
import select
from dataclasses import dataclass

TABLE = "/proc/self/mountinfo"
# In the kernel, on this machine's own disks or in its memory: whoever writes there is seen.
LOCAL = frozenset(
    {"ext2", "ext3", "ext4", "xfs", "btrfs", "tmpfs", "ramfs", "f2fs", "zfs", "bcachefs", "jfs", "nilfs2", "fuseblk"}
)
# Others may write there without our kernel knowing: no event tells of it.
REMOTE = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "virtiofs", "fuse", "afs", "ceph", "lustre", "vboxsf", "beegfs"}
)
_ESCAPED = re.compile(rb"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mount:
    """A file system, and where it is mounted."""

    point: str
    kind: str
    options: frozenset[str] = frozenset()

    @property
    def is_local(self) -> bool:
        """Whether every change in it is made through this kernel, as far as its kind tells."""
        return self.kind in LOCAL

    @property
    def is_remote(self) -> bool:
        """Whether changes are made in it that this kernel does not see."""
        return self.kind in REMOTE or self.kind.startswith("fuse.")


UNKNOWN = Mount("/", "unknown")


def parse(text: str) -> list[Mount]:
    """The lines of `/proc/self/mountinfo`, in the order of mounting. What is no such line is left out."""
    found = []
    for line in text.splitlines():
        before, dash, after = line.partition(" - ")
        words, more = before.split(), after.split()
        if dash and len(words) > 5 and more:
            options = {*words[5].split(","), *(more[2].split(",") if len(more) > 2 else ())}
            found.append(Mount(_plain(words[4]), more[0], frozenset(options)))
    return found


def _plain(escaped: str) -> str:
    return os.fsdecode(_ESCAPED.sub(lambda octal: bytes([int(octal[1], 8) & 0xFF]), os.fsencode(escaped)))


def read() -> list[Mount]:
    """What is mounted now; nothing where /proc does not tell."""
    try:
        with open(TABLE, encoding="utf-8", errors="surrogateescape") as file:
            return parse(file.read())
    except OSError:
        return []


def mount_of(path: str) -> Mount:
    """The file system on which a path lies."""
    real = os.path.realpath(path)
    best = UNKNOWN
    for mount in read():  # of two at the same place the later one hides the other
        if (real + "/").startswith(mount.point.rstrip("/") + "/") and len(mount.point) >= len(best.point):
            best = mount
    return best


def below(root: str, mounts: list[Mount] | None = None) -> list[str]:
    """Where inside a tree something is mounted, relative to it. `root` is its real path."""
    points = (mount.point for mount in (read() if mounts is None else mounts))
    return sorted({point[len(root) + 1 :] for point in points if point.startswith(root + "/")})


class Mounts:
    """What is mounted inside a tree, read again only when the kernel says that something has changed."""

    def __init__(self, root: str) -> None:
        """Begin; where /proc is not there, nothing is ever found."""
        self.root = root
        self._points: list[str] = []
        self._descriptor: int | None = None
        self._poll = select.poll()
        with contextlib.suppress(OSError):
            self._descriptor = os.open(TABLE, os.O_RDONLY | os.O_CLOEXEC)
            self._poll.register(self._descriptor, select.POLLPRI)
            self._poll.poll(0)  # what happens from here on is told
        self._points = below(root)

    def have_changed(self) -> bool:
        """Whether something was mounted or unmounted in the tree since this was asked last."""
        if self._descriptor is None or not self._poll.poll(0):
            return False
        before, self._points = self._points, below(self.root)
        return self._points != before

    def now(self) -> list[str]:
        """The places, relative to the tree, as they were when it was asked last whether they have changed."""
        return self._points

    def close(self) -> None:
        """Give the descriptor back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
