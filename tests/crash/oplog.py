"""What a process has changed, call by call, as the shim has written it down."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Operation:
    """One call that succeeded."""

    number: int
    call: str  # create, truncate, write, cut, rename, move, exchange, link, unlink, mkdir, sync, sync folder, ...
    path: str
    other: str  # the target of a rename; the offset of a write; the size after a cut
    data: bytes


def operations(log: Path) -> Iterator[Operation]:
    """Every operation, in order."""
    text = log.read_bytes()
    at = 0
    while at < len(text):
        end = text.index(b"\n", at)
        number, call, path, other, length = text[at:end].decode(errors="surrogateescape").split("\t")
        at = end + 1
        size = int(length)
        data = text[at : at + size]
        at += size + 1 if size else 0
        yield Operation(int(number), call, path, other, data)
