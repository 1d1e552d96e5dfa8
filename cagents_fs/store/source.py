"""From the bytes of a file to what a YAML parser may see: everything that can be judged without parsing."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cagents_fs.model.faults import Fault
from cagents_fs.store.survey import UNPARSABLE, Limits

_BOM = b"\xef\xbb\xbf"
_OTHER_BOMS = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
# YAML 1.1, and with it libyaml, breaks lines at these; YAML 1.2 and every editor take them for letters. Left alone,
# `note: a<U+2028>status: completed` would be two keys.
_NOT_BREAKS = "\x85\u2028\u2029"
_NOT_BREAKS_UTF8 = tuple(letter.encode() for letter in _NOT_BREAKS)
# Noncharacters, which Unicode keeps for such uses: they stand in for the letters above while libyaml reads.
_STAND_INS = [chr(code) for code in range(0xFDD0, 0xFDF0)]
# libyaml compares each `%TAG` line with all others: 60,000 of them take five seconds, and a plan may hold far more.
_TAG_LINE = re.compile(rb"(?:\A(?:\xef\xbb\xbf)*|[\r\n])(%TAG)")


@dataclass(frozen=True)
class Source:
    """UTF-8 that may be parsed, unless there are `faults`."""

    data: bytes
    faults: tuple[Fault, ...] = ()
    warnings: tuple[Fault, ...] = ()
    letters: Mapping[str, str] = field(default_factory=dict)  # stand-in -> the letter that is meant

    def restored(self, value: Any) -> Any:
        """A value that was read, with the letters in it that are meant."""
        if isinstance(value, str):
            return value.translate({ord(stand_in): letter for stand_in, letter in self.letters.items()})
        if isinstance(value, list):
            return [self.restored(item) for item in value]
        if isinstance(value, dict):
            return {self.restored(key): self.restored(item) for key, item in value.items()}
        return value


def prepare(data: bytes, limits: Limits, path: str | None = None) -> Source:
    """Size, encoding, NUL and line breaks. A byte order mark is tolerated and left out."""

    def refused(message: str, offset: int | None = None) -> Source:
        line = None if offset is None else data.count(b"\n", 0, offset) + 1
        column = None if offset is None else offset - data.rfind(b"\n", 0, offset)
        return Source(data, (Fault(UNPARSABLE, message, path, line, column),))

    if len(data) > limits.max_bytes:
        return refused(f"{len(data)} bytes; at most {limits.max_bytes} are read: split the file")
    if data.startswith(_OTHER_BOMS) or (data.strip(b"\0") and 0 in data[:2] and 3 * data.count(0) > len(data)):
        return refused("this file is in UTF-16 or UTF-32; save it as UTF-8", 0)
    if data and not data.strip(b"\0"):
        return refused(f"{len(data)} NUL bytes and nothing else, as after a power cut; write the file anew", 0)
    nul = data.find(0)
    if nul >= 0:
        more = f", and {data.count(0) - 1} more" if data.count(0) > 1 else ""
        return refused(f"a NUL byte at offset {nul}{more}; remove it, or write the file anew", nul)
    if tag := _TAG_LINE.search(data) if b"%TAG" in data else None:
        return refused("directives (%TAG) are not read; remove this line", tag.start(1))
    if data.isascii():
        return Source(data)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        wrong = f"byte 0x{data[error.start]:02x} at offset {error.start}"
        return refused(f"not UTF-8: {wrong}; save the file as UTF-8", error.start)
    plain = data[len(_BOM) :] if data.startswith(_BOM) else data
    if any(letter in data for letter in _NOT_BREAKS_UTF8):
        return _with_stand_ins(text.removeprefix("\ufeff"), path)
    return Source(plain)


def _with_stand_ins(text: str, path: str | None) -> Source:
    first = min(text.find(letter) for letter in _NOT_BREAKS if letter in text)
    before = re.split("\r\n|\r|\n", text[:first])
    line, column = len(before), len(before[-1]) + 1
    name = f"U+{ord(text[first]):04X}"
    free = [letter for letter in _STAND_INS if letter not in text]
    if len(free) < len(_NOT_BREAKS):
        message = f"{name} beside all of U+FDD0 to U+FDEF; remove these, no text needs them"
        return Source(b"", (Fault(UNPARSABLE, message, path, line, column),))
    message = f"{name} is read as a letter; some programs break the line there: write it as an escape in double quotes"
    letters = dict(zip(free, _NOT_BREAKS, strict=False))
    data = text.translate({ord(letter): stand_in for stand_in, letter in letters.items()}).encode()
    return Source(data, warnings=(Fault("ambiguous", message, path, line, column),), letters=letters)
