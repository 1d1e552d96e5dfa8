"""Real cuts: ext4 and xfs in files, mounted through loop devices, shut down under a daemon at one of its calls.

`shutdown -f` of xfs_io keeps what stands in the file system's log, `shutdown` without it loses that, too. Both are one
ioctl, which is what is called here: a program would cost more than the cut. Mounting again is the recovery of the log.

The mounts are in a mount namespace of this process, the loop devices clear themselves and the files have no name: when
the process ends, however it does, the kernel removes all of it. What is left then is an empty folder.
"""

import contextlib
import ctypes
import errno
import fcntl
import os
import shutil
import signal
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tests.crash import fsck
from tests.crash.faults import STOP
from tests.crash.oplog import operations
from tests.crash.process import Came, apart
from tests.power.model import Recorder
from tests.power.outage import Outage, Recorded

PREFIX = "cagents-power-"
KINDS = {"ext4": ("mkfs.ext4", "-q", "-F"), "xfs": ("mkfs.xfs", "-q", "-f")}
PATIENCE_S = 20.0
SIZE = 320 << 20  # the least that xfs takes; as good as nothing of it is used
HOW = {"log kept": 1, "log lost": 2}  # flags of the ioctl
_SHUTDOWN = 0x8004587D  # XFS_IOC_GOINGDOWN, and the same number EXT4_IOC_SHUTDOWN
_NEWNS, _PRIVATE = 0x20000, 0x44000  # CLONE_NEWNS; MS_REC | MS_PRIVATE
_libc = ctypes.CDLL(None, use_errno=True)


class NotHere(Exception):
    """Real cuts cannot be made on this machine; says why."""


@dataclass(frozen=True, slots=True)
class Mounted:
    """A file system in a file."""

    kind: str
    device: str
    point: Path

    def mount(self) -> None:
        """Raises OSError."""
        self._done(_libc.mount(self.device.encode(), bytes(self.point), self.kind.encode(), 0, None))

    def unmount(self) -> None:
        """Returns when the kernel has nothing of it any more. Raises OSError.

        Whoever was killed a moment ago may still have it open; and a file system that is mounted again before the last
        has let go of it is the old one, shut down.
        """
        result = _libc.umount2(bytes(self.point), 0)
        deadline_s = time.monotonic() + PATIENCE_S
        while result != 0 and time.monotonic() < deadline_s:
            time.sleep(0.002)
            result = _libc.umount2(bytes(self.point), 0)
        self._done(result)
        alive = f"/sys/fs/{self.kind}/{os.path.basename(self.device)}"
        while os.path.exists(alive):
            if time.monotonic() > deadline_s:
                raise OSError(errno.EBUSY, "somebody keeps the file system", alive)
            time.sleep(0.002)

    def write_back(self) -> None:
        """Let everything be on the disk."""
        descriptor = os.open(self.point, os.O_RDONLY)
        try:
            self._done(_libc.syncfs(descriptor))
        finally:
            os.close(descriptor)

    def shut_down(self, how: str) -> None:
        """From here on nothing reaches the disk. Raises OSError."""
        descriptor = os.open(self.point, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, _SHUTDOWN, struct.pack("I", HOW[how]))
        finally:
            os.close(descriptor)

    def _done(self, result: int) -> None:
        if result != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), f"{self.kind} at {self.point}")


@contextlib.contextmanager
def mounted(kind: str) -> Iterator[Mounted]:
    """A new file system, gone afterwards in any case. Raises NotHere."""
    if (why := missing(kind)) is not None:
        raise NotHere(why)
    base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=base))
    image, point = folder / "image", folder / "mnt"
    try:
        point.mkdir()
        with open(image, "wb") as file:
            file.truncate(SIZE)
        _run(*KINDS[kind], str(image))
        device = _run("losetup", "--find", "--show", str(image)).strip()
        image.unlink()
        held = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
        _run("losetup", "--detach", device)  # when nobody has it open any more
        try:
            one = Mounted(kind, device, point)
            one.mount()
            yield one
            one.unmount()
        finally:
            os.close(held)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def alone() -> None:
    """Let this process and its children have their own mounts from now on. Raises NotHere."""
    if _libc.unshare(_NEWNS) != 0 or _libc.mount(b"none", b"/", None, _PRIVATE, None) != 0:
        raise NotHere(f"a mount namespace is refused: {os.strerror(ctypes.get_errno())}")


def missing(kind: str) -> str | None:
    """Why such file systems cannot be mounted here; None where they can."""
    if os.geteuid() != 0:
        return "only root can mount"
    if not os.path.exists("/dev/loop-control"):
        return "there are no loop devices"
    if shutil.which(KINDS[kind][0]) is None:
        package = {"ext4": "e2fsprogs", "xfs": "xfsprogs"}[kind]
        return f"there is no {KINDS[kind][0]} (Debian: apt-get install {package})"
    known = Path("/proc/filesystems").read_text()
    if f"\t{kind}\n" not in known and subprocess.run(["modprobe", kind], capture_output=True, check=False).returncode:
        return f"this kernel has no {kind}"
    return None


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NotHere(f"{command[0]} says: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def sweep() -> None:
    """Remove what runs have left that were killed."""
    for base in {"/dev/shm", tempfile.gettempdir()}:
        for folder in Path(base).glob(f"{PREFIX}*-*"):
            pid = folder.name.removeprefix(PREFIX).partition("-")[0]
            if pid.isdigit() and not os.path.exists(f"/proc/{pid}"):
                shutil.rmtree(folder, ignore_errors=True)


class RealOutage(Outage):
    """Plays cuts on a file system that is really shut down."""

    def __init__(self, one: Mounted, beside: Path) -> None:
        """`beside`: a folder on another file system, for what has to survive."""
        folder = one.point / "stage"
        folder.mkdir(exist_ok=True)
        super().__init__(folder)
        self.log, self._mounted = beside / "log", one

    def strike(self, recorded: Recorded, at: int, how: str) -> list[str]:
        """What is wrong after a cut before the call of this number."""
        scene, disk = recorded.one.scene, self._mounted
        self._fresh(recorded.one.template)
        disk.write_back()

        def counted() -> Came:
            self.shim.log_to(os.open(self.log, os.O_CREAT | os.O_TRUNC | os.O_WRONLY))
            self.shim.arm(str(self.root), at, STOP)
            return Came(*scene.counted(self._stage(scene, 0)))

        def cut(pid: int) -> None:
            disk.shut_down(how)
            os.kill(pid, signal.SIGKILL)

        came = apart(counted, cut)
        if came.code >= 0:  # it came to its end: what it has published counts, as it was this time
            recorded = replace(recorded, after=fsck.listing(self._tree(scene)))
            disk.shut_down(how)
        disk.unmount()
        disk.mount()
        recorder = Recorder(recorded.history.base, str(self.root), strict=False)
        told = recorder.take(operations(self.log)).told[-1]
        return self.judge(recorded, told, acknowledged=came.code == 0)
