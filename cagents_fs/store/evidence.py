"""Looking at artifacts: are these the bytes that were claimed?

Nobody's word is taken (PROTOCOL.md, section 6). Every byte is read through one descriptor of a regular file inside the
roots, with equal `fstat` before and after, so that what is hashed is one version and no mixture.

What this cannot see: a page written through an old memory map moves no timestamp until it is written back, and before
Linux 6.13 two changes within one clock tick bear the same ctime. Neither lets wrong bytes pass: what is compared with
the claim is what was read.

Measuring takes as long as reading takes, so it is done in steps: whoever drives it is told what each step is about to
read before it opens anything, and may go on elsewhere or later. A budget bounds the whole of a manifest.
"""

import hashlib
import os
import re
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import TypeVar

from cagents_fs.model.faults import Fault
from cagents_fs.store.beneath import Located, Roots, fault, find, open_beneath, printable, storage_error

__all__ = [
    "EVIDENCE_PATH",
    "Budget",
    "Examined",
    "Located",
    "Measured",
    "Roots",
    "Signature",
    "Steps",
    "at_once",
    "evidence_path",
    "examine",
    "examining",
    "find",
    "measure",
    "measuring",
    "open_beneath",
    "resolves",
]

Signature = tuple[int, int, int, int, int]  # dev, ino, size, mtime_ns, ctime_ns: equal means that nobody touched it

ONE_READ_BYTES = 256 * 1024  # below this, one read() is up to twice as fast as a loop (PERFORMANCE.md, A3)
BUFFER_BYTES = 1024 * 1024
STEP_BYTES = 4 * BUFFER_BYTES  # some 10 ms
LOOKING_COSTS = 32 * 1024  # bytes that could be hashed in the time that finding and opening one file takes

# Possessive: evidence may be a megabyte of slashes, and this stays linear.
EVIDENCE_PATH = re.compile(
    r"(?=[^\s:/]*+/|[^\s:]*\.[A-Za-z][^\s:./]*+(?![^\s:]))"  # PATH has a slash, or an extension from a letter on
    r"(?P<path>[^\s:]++)"
    r"(?::line [0-9]++|:\S++)?"
)

T = TypeVar("T")
Steps = Generator[int, None, T]  # yields how many bytes are about to be read; 0 in the middle of them

_local = threading.local()  # one buffer a worker thread: a fresh megabyte costs as much as hashing 30 KB


@dataclass(frozen=True, slots=True)
class Measured:
    """One regular file, read through one descriptor while nobody changed it."""

    size: int  # bytes
    sha256: str | None  # 64 hex digits; None when the size was not the expected one, and nothing was read
    signature: Signature
    links: int  # hard links; above 1 the bytes have another name somewhere


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """One artifact beside what its manifest claims. No faults: it holds."""

    faults: tuple[Fault, ...] = ()
    young: bool = False  # does not hold, but was changed just now: wait `settle_seconds` and look again
    measured: Measured | None = None
    real_path: str | None = None  # where it lies, without links

    @property
    def signature(self) -> Signature | None:
        """What to compare later, to see whether it was touched; None where nothing could be read."""
        return self.measured.signature if self.measured else None


@dataclass(slots=True)
class Budget:
    """What the artifacts of one manifest may cost together, in the order in which they are listed."""

    bytes_left: int
    seconds_left: float  # of reading and hashing
    max_bytes: int = 0
    max_seconds: float = 0.0

    @classmethod
    def of(cls, max_bytes: int, max_seconds: float) -> "Budget":
        """All of it."""
        return cls(max_bytes, max_seconds, max_bytes, max_seconds)

    def over(self, path: str, size: int) -> Fault | None:
        """Why a file of this size (bytes) is not read; None when it is, and then its bytes are taken off."""
        if self.seconds_left <= 0:
            return self.out_of_time(path)
        if size > self.bytes_left:
            what = f"has {size} bytes, and of all artifacts of a manifest {self.max_bytes} are read"
            return fault("over_budget", path, f"{what} (max_artifact_bytes in daemon.yaml); list less, or raise it")
        self.bytes_left -= size
        return None

    def out_of_time(self, path: str) -> Fault:
        """The fault of a file that was not read to its end, or not at all."""
        what = f"was not read: the artifacts of this manifest take longer than {self.max_seconds:g} s"
        return fault("over_budget", path, f"{what} (hash_timeout in daemon.yaml); list less, or raise it")


def at_once(steps: Steps[T]) -> T:
    """Go through all steps here and now."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


def measure(located: Located, expected_size: int | None = None) -> Measured | Fault:
    """Size, SHA-256 and signature of one file. Nothing is read when its size is not `expected_size` (bytes).

    A fault is `changed_while_read`, `not_a_file` or `missing_artifact`. Takes as long as hashing takes, 3 s a GB: not
    for the turn. Raises StorageError when the disk cannot be read.
    """
    return at_once(measuring(located, expected_size))


def measuring(
    located: Located, expected_size: int | None = None, budget: Budget | None = None
) -> Steps[Measured | Fault]:
    """`measure` in steps and within a budget: what is over it is a fault `over_budget`."""
    path = "/".join(located.parts)
    descriptor = open_beneath(located.root, located.parts)
    if isinstance(descriptor, Fault):
        return descriptor
    try:
        before = os.fstat(descriptor)
        if expected_size is not None and before.st_size != expected_size:
            return Measured(before.st_size, None, _signature(before), before.st_nlink)
        if budget is not None and (over := budget.over(path, before.st_size)):
            return over
        digest = yield from _digest(descriptor, before.st_size, budget)
        after = os.fstat(descriptor)
    except OSError as error:
        raise storage_error(error, located.real_path) from error
    finally:
        os.close(descriptor)
    if budget is not None and budget.seconds_left <= 0 and digest is None:
        return budget.out_of_time(path)
    if digest is None or _signature(before) != _signature(after):
        return fault("changed_while_read", path, "was changed while it was read; let its writer end")
    return Measured(after.st_size, digest, _signature(after), after.st_nlink)


def examine(path: str, size_bytes: int, checksum: str, roots: Roots, *, now: float, settle_seconds: float) -> Examined:
    """Does an artifact hold? `checksum` is `sha256:` and 64 hex digits; `now` is the wall clock, as `time.time()`.

    Raises StorageError when the disk cannot be read: that is no verdict.
    """
    return at_once(examining(path, size_bytes, checksum, roots, now=now, settle_seconds=settle_seconds))


def examining(
    path: str,
    size_bytes: int,
    checksum: str,
    roots: Roots,
    *,
    now: float,
    settle_seconds: float,
    budget: Budget | None = None,
) -> Steps[Examined]:
    """`examine` in steps and within a budget. The first says what may have to be read, before anything is opened."""
    yield LOOKING_COSTS + max(0, size_bytes)
    located = find(path, roots)
    if isinstance(located, Fault):
        return Examined(faults=(located,))
    measured = yield from measuring(located, size_bytes, budget)
    if isinstance(measured, Fault):
        named = replace(measured, path=printable(path))
        return Examined(faults=(named,), young=named.code == "changed_while_read", real_path=located.real_path)
    found = _mismatch(path, size_bytes, checksum, measured)
    young = found is not None and _young(measured.signature, now, settle_seconds)
    return Examined(faults=(found,) if found else (), young=young, measured=measured, real_path=located.real_path)


def resolves(path: str, roots: Roots) -> bool:
    """Is there anything at this path inside a root, a folder included? For evidence, which names and does not claim."""
    return isinstance(find(path, roots), Located)


def evidence_path(text: str) -> str | None:
    """The path in evidence of the form `PATH`, `PATH:SYMBOL` or `PATH:line N`; None where it is prose."""
    match = EVIDENCE_PATH.fullmatch(text.strip())
    return match["path"] if match else None


def _digest(descriptor: int, size: int, budget: Budget | None) -> Steps[str | None]:
    """SHA-256 of the whole file; None when it does not have `size` bytes, or the time is up."""
    if size < ONE_READ_BYTES:
        data = os.read(descriptor, size + 1)
        return hashlib.sha256(data).hexdigest() if len(data) == size else None
    digest, left = hashlib.sha256(), size
    while True:
        begun_s = time.monotonic()
        left, ended = _hash_on(descriptor, digest, left)
        if left < 0:
            return None  # it grows: whoever follows it to its end may follow it for ever
        if ended:
            return digest.hexdigest() if left == 0 else None
        if budget is not None:
            budget.seconds_left -= time.monotonic() - begun_s
            if budget.seconds_left <= 0:
                return None
        yield 0


def _hash_on(descriptor: int, digest: "hashlib._Hash", left: int) -> tuple[int, bool]:
    """Read on for one step: how much is left then, below 0 where there was more, and whether that was the end."""
    if not hasattr(_local, "buffer"):  # of this thread: the next step may be another's
        _local.buffer = memoryview(bytearray(BUFFER_BYTES))
    buffer: memoryview = _local.buffer
    for _ in range(STEP_BYTES // BUFFER_BYTES):
        count = os.readv(descriptor, [buffer])
        if not count:
            return left, True
        left -= count
        if left < 0:
            return left, False
        digest.update(buffer[:count])
    return left, False


def _signature(seen: os.stat_result) -> Signature:
    return (seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)


def _young(signature: Signature, now: float, settle_seconds: float) -> bool:
    """Changed just now. A time far in the future is a wrong clock, not youth: nobody would ever stop waiting."""
    return any(abs(now - changed_ns / 1e9) < settle_seconds for changed_ns in signature[3:])


def _mismatch(path: str, size_bytes: int, checksum: str, measured: Measured) -> Fault | None:
    if measured.sha256 is None:
        found = f"has {measured.size} bytes, expected {size_bytes} as the manifest claims"
        return fault("size_mismatch", path, f"{found}; run `wc -c` and `sha256sum` on it, correct size and checksum")
    found_checksum = f"sha256:{measured.sha256}"
    if found_checksum == checksum.lower():
        return None
    found = f"has {found_checksum}, expected {checksum.lower()} as the manifest claims"
    return fault("checksum_mismatch", path, f"{found}; run `sha256sum` on it, correct the checksum")
