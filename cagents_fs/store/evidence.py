"""Looking at artifacts: are these the bytes that were claimed?

Nobody's word is taken (PROTOCOL.md, section 6). Every byte is read through one descriptor of a regular file inside the
roots, with equal `fstat` before and after, so that what is hashed is one version and no mixture.

What this cannot see: a page written through an old memory map moves no timestamp until it is written back, and before
Linux 6.13 two changes within one clock tick bear the same ctime. Neither lets wrong bytes pass: what is compared with
the claim is what was read.
"""

import hashlib
import os
import re
import stat
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from cagents_fs.model.faults import Fault
from cagents_fs.store.beneath import Located, Roots, fault, find, open_beneath, printable, storage_error

__all__ = [
    "EVIDENCE_PATH",
    "Examined",
    "Located",
    "Measured",
    "Roots",
    "Signature",
    "evidence_path",
    "examine",
    "find",
    "fingerprint",
    "measure",
    "open_beneath",
    "resolves",
]

Signature = tuple[int, int, int, int, int]  # dev, ino, size, mtime_ns, ctime_ns: equal means that nobody touched it

ONE_READ_BYTES = 256 * 1024  # below this, one read() is up to twice as fast as a loop (PERFORMANCE.md, A3)
BUFFER_BYTES = 1024 * 1024
MOST_ENTRIES = 20_000  # of a fingerprint: it is a sign of life, not an inventory

# Possessive: evidence may be a megabyte of slashes, and this stays linear.
EVIDENCE_PATH = re.compile(
    r"(?=[^\s:/]*+/|[^\s:]*\.[A-Za-z][^\s:./]*+(?![^\s:]))"  # PATH has a slash, or an extension from a letter on
    r"(?P<path>[^\s:]++)"
    r"(?::line [0-9]++|:\S++)?"
)

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


def measure(located: Located, expected_size: int | None = None) -> Measured | Fault:
    """Size, SHA-256 and signature of one file. Nothing is read when its size is not `expected_size` (bytes).

    A fault is `changed_while_read`, `not_a_file` or `missing_artifact`. Takes as long as hashing takes, 3 s a GB: not
    for the turn. Raises StorageError when the disk cannot be read.
    """
    descriptor = open_beneath(located.root, located.parts)
    if isinstance(descriptor, Fault):
        return descriptor
    try:
        before = os.fstat(descriptor)
        if expected_size is not None and before.st_size != expected_size:
            return Measured(before.st_size, None, _signature(before), before.st_nlink)
        digest = _digest(descriptor, before.st_size)
        after = os.fstat(descriptor)
    except OSError as error:
        raise storage_error(error, located.real_path) from error
    finally:
        os.close(descriptor)
    if digest is None or _signature(before) != _signature(after):
        path = "/".join(located.parts)
        return fault("changed_while_read", path, "was changed while it was read; let its writer end")
    return Measured(after.st_size, digest, _signature(after), after.st_nlink)


def examine(path: str, size_bytes: int, checksum: str, roots: Roots, *, now: float, settle_seconds: float) -> Examined:
    """Does an artifact hold? `checksum` is `sha256:` and 64 hex digits; `now` is the wall clock, as `time.time()`.

    Raises StorageError when the disk cannot be read: that is no verdict.
    """
    located = find(path, roots)
    if isinstance(located, Fault):
        return Examined(faults=(located,))
    measured = measure(located, size_bytes)
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


def _digest(descriptor: int, size: int) -> str | None:
    """SHA-256 of the whole file; None when it does not have `size` bytes."""
    if size < ONE_READ_BYTES:
        data = os.read(descriptor, size + 1)
        return hashlib.sha256(data).hexdigest() if len(data) == size else None
    if not hasattr(_local, "buffer"):
        _local.buffer = memoryview(bytearray(BUFFER_BYTES))
    buffer: memoryview = _local.buffer
    digest = hashlib.sha256()
    left = size
    while count := os.readv(descriptor, [buffer]):
        left -= count
        if left < 0:
            return None  # it grows: whoever follows it to its end may follow it for ever
        digest.update(buffer[:count])
    return digest.hexdigest() if left == 0 else None


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
