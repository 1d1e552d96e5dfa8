"""The journal of an instruction: one JSON object a line, appended, never changed.

A torn last line (a crash, a full disk) is cut off before anything is appended; a damaged line inside is kept and
reported. Only the daemon that holds the tree opens a journal for writing.
"""

import errno
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cagents_fs.store.disk import put, write_all

# After a power cut, bytes that were never written read as zeros. What stands behind them was not synced either: nobody
# was told of it. One zero alone is somebody's damage, and costs its line only.
HOLE = b"\0\0"

FIRST_KEYS = ("seq", "time", "event", "task_id", "from", "to", "attempt", "agent", "reason")


@dataclass(slots=True)
class Lines:
    """What a journal holds. `damaged` are the numbers (from 1) of lines that are no records."""

    records: list[dict[str, Any]] = field(default_factory=list)
    damaged: list[int] = field(default_factory=list)
    length: int = 0  # bytes up to the end of the last whole line
    torn: int = 0  # bytes after it


def read(path: str) -> Lines:
    """All lines of a journal; a journal that is not there is empty."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except FileNotFoundError:
        return Lines()
    hole = data.find(HOLE)
    whole = data[: hole if hole >= 0 else None].rpartition(b"\n")[0]
    lines = Lines(length=len(whole) + 1 if whole else 0)
    lines.torn = len(data) - lines.length
    if not whole:
        return lines
    for number, text in enumerate(whole.split(b"\n"), start=1):
        record = record_of(text)
        if record is None:
            lines.damaged.append(number)
        else:
            lines.records.append(record)
    return lines


def record_of(text: bytes) -> dict[str, Any] | None:
    """What a line says; None for one that is no record of ours."""
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(record, dict) and isinstance(record.get("seq"), int) and isinstance(record.get("event"), str):
        return record
    return None


def follow(path: str, offset: int) -> tuple[list[dict[str, Any]], int]:
    """The whole lines after `offset` and the offset after them: for readers beside a running daemon."""
    try:
        with open(path, "rb") as file:
            file.seek(offset)
            data = file.read()
    except FileNotFoundError:
        return [], offset
    whole = data[: data.rfind(b"\n") + 1]
    records = [record for text in whole.split(b"\n") if text and (record := record_of(text)) is not None]
    return records, offset + len(whole)


class Journal:
    """A journal that is open for appending."""

    def __init__(self, path: str, lines: Lines) -> None:
        """Open it; a torn tail is cut. Raises OSError."""
        self.path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        self._end = lines.length
        self._unsynced = False
        self.next_seq = 1 + max((record["seq"] for record in lines.records), default=0)
        if lines.torn:
            self._keep_lines_behind_a_hole()
            os.ftruncate(self._descriptor, self._end)
        os.lseek(self._descriptor, self._end, os.SEEK_SET)

    def _keep_lines_behind_a_hole(self) -> None:
        """Whole lines that are cut off are kept beside the journal: the hole may be no power cut's."""
        size = os.fstat(self._descriptor).st_size - self._end
        tail = os.pread(self._descriptor, size, self._end)
        if b"\n" in tail:
            put(f"{self.path}.cut-{self._end}", tail, durable=True, mode=0o600)

    def append(self, records: Sequence[Mapping[str, Any]]) -> list[int]:
        """Append lines and return their numbers. Raises OSError, after which the journal ends as it did before."""
        if os.fstat(self._descriptor).st_nlink == 0:
            raise FileNotFoundError(errno.ENOENT, "somebody removed the journal; it is begun anew", self.path)
        numbers = list(range(self.next_seq, self.next_seq + len(records)))
        data = b"".join(encode(ordered(seq, record)) for seq, record in zip(numbers, records, strict=True))
        try:
            write_all(self._descriptor, data)
        except OSError:
            self._cut()
            raise
        self._end += len(data)
        self._unsynced = True
        self.next_seq += len(records)
        return numbers

    def is_lost(self) -> bool:
        """Whether somebody removed or replaced the file: what we append is in no file that anybody reads."""
        try:
            there = os.stat(self.path, follow_symlinks=False)
        except OSError:
            return True
        ours = os.fstat(self._descriptor)
        return (ours.st_dev, ours.st_ino) != (there.st_dev, there.st_ino)

    def _cut(self) -> None:
        """Take back a part of a line; what cannot be taken back now is a torn tail for the next start."""
        try:
            os.ftruncate(self._descriptor, self._end)
            os.lseek(self._descriptor, self._end, os.SEEK_SET)
        except OSError:
            pass

    def sync(self) -> None:
        """Make durable what was appended. Raises OSError."""
        if self._unsynced:
            os.fdatasync(self._descriptor)
            self._unsynced = False

    def close(self) -> None:
        """Close the file; what was appended is in the kernel's hands."""
        os.close(self._descriptor)


def encode(record: Mapping[str, Any]) -> bytes:
    """One record as one line. Escapes everything that is not ASCII, so that no line can look like two."""
    return json.dumps(record, allow_nan=False, default=str, separators=(",", ":")).encode() + b"\n"


def ordered(seq: int, record: Mapping[str, Any]) -> dict[str, Any]:
    """The record with its number, the keys that every line has in front."""
    line = {key: record.get(key) for key in FIRST_KEYS}
    line["seq"] = seq
    return {**line, **{key: value for key, value in record.items() if key not in line}}
