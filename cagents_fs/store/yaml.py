"""Reading YAML that anybody may have written: version 1.2, bounded, in one pass, with every fault said at once.

Over the events of PyYAML's C parser, never `compose` or `load`: those recurse in C and die on 25 kB of `[`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from cagents_fs.model.faults import Fault
from cagents_fs.model.text import safe_text
from cagents_fs.store.complaints import NO_SPACE
from cagents_fs.store.scalars import CONSTANTS, NUMBER_STARTS, YamlFloat, YamlInt, number
from cagents_fs.store.source import Source, prepare
from cagents_fs.store.survey import LOADER, UNPARSABLE, UNUSABLE, Limits, Survey

__all__ = [
    "AGENT_FILE",
    "PLAN",
    "Document",
    "Limits",
    "Unreadable",
    "YamlFloat",
    "YamlInt",
    "parse",
    "parse_mapping",
]

_EQUALS = re.compile(r"[\w.-]+ *=")
_MARKS = (b"---", b"...")  # of the beginning and the end of a document
AGENT_FILE = Limits(max_bytes=1 << 20, max_depth=64, max_nodes=50_000)
PLAN = Limits(max_bytes=256 << 20, max_depth=64, max_nodes=20_000_000)


class Unreadable(Exception):
    """These bytes are no YAML that we read. `faults` says all that is wrong, each with its place."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(str(fault) for fault in faults[:3]))
        self.faults = tuple(faults)


@dataclass
class Document:
    """What a file holds, and where. Numbers keep the text they were read from (`YamlInt.text`)."""

    value: Any
    source: Source = field(repr=False)
    limits: Limits = field(default=AGENT_FILE, repr=False)
    warnings: tuple[Fault, ...] = ()
    _survey: Survey | None = field(default=None, repr=False)

    def place(self, loc: Sequence[str | int]) -> tuple[int, int] | None:
        """Line and column, from 1, of the value at `loc`; where it is missing, of the nearest thing around it.

        The first call reads the file once more: places are asked for only when something is wrong.
        """
        return self._surveyed().place(self._spelled(loc))

    def key_place(self, loc: Sequence[str | int]) -> tuple[int, int] | None:
        """As `place`, but of the key that `loc` ends with instead of its value."""
        return self._surveyed().key_place(self._spelled(loc))

    def _surveyed(self) -> Survey:
        if self._survey is None:
            self._survey = Survey(self.source.data, self.limits)
        return self._survey

    def _spelled(self, loc: Sequence[str | int]) -> Sequence[str | int]:
        if not self.source.letters:
            return loc
        stand_ins = str.maketrans({letter: stand_in for stand_in, letter in self.source.letters.items()})
        return [step.translate(stand_ins) if isinstance(step, str) else step for step in loc]


def parse(data: bytes, limits: Limits = AGENT_FILE, path: str | None = None) -> Document:
    """The one document in `data`. Raises Unreadable, with as many faults at once as can be told, and nothing else.

    `path` is only named in the faults.
    """
    source = prepare(data, limits, path)
    if source.faults:
        raise Unreadable(source.faults)
    try:
        value = _Reader(source.data, limits).read()
    except (_Odd, yaml.YAMLError, ValueError, RecursionError, OverflowError, MemoryError) as error:
        raise Unreadable(_faults(source, limits, path, error)) from None
    if source.letters:
        value = source.restored(value)
    return Document(value, source, limits, source.warnings)


def parse_mapping(data: bytes, limits: Limits = AGENT_FILE, path: str | None = None) -> Document:
    """As `parse`, and refuses everything that is no mapping at the top, as no file of ours is anything else."""
    document = parse(data, limits, path)
    if isinstance(document.value, dict):
        return document
    line, column = document.place(()) or (1, 1)
    message = f"expected a mapping, found {_kind(document.value)}, line {line}"
    raise Unreadable([Fault(UNPARSABLE, message, path, line, column)])


def _kind(value: object) -> str:
    """What stands at the top of a file instead of a mapping."""
    if value is None:
        return "nothing (null)"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        how = "; put a space after the colon" if NO_SPACE.match(value) else ""
        how = "; write `key: value`, with a colon" if _EQUALS.match(value) else how
        return f"text ('{safe_text(value, 40)}'{how})"
    return f"{getattr(value, 'text', str(value).lower())}"


def _faults(source: Source, limits: Limits, path: str | None, error: Exception) -> list[Fault]:
    """Everything that is wrong with a text that the quick reader gave up on."""
    blank = all(not line or line[:1] == b"#" or line in _MARKS for line in map(bytes.strip, source.data.splitlines()))
    survey = None if blank else Survey(source.data, limits, path)
    if survey is None or (survey.root is None and not survey.faults):
        found = "only comments" if b"#" in source.data else "an empty file"
        return [Fault(UNPARSABLE, f"expected a mapping, found {found}, line 1", path, 1, 1)]
    if survey.faults:
        visible = {ord(stand_in): safe_text(letter) for stand_in, letter in source.letters.items()}
        return [replace(fault, message=fault.message.translate(visible)) for fault in survey.faults]
    return [Fault(UNPARSABLE, f"this file cannot be read ({type(error).__name__}); write it anew, in plain YAML", path)]


class _Odd(Exception):
    """Something that is not read here; `Survey` says what, and where."""


_LIST, _KEY = object(), object()  # in place of a key: values go to a list; the next scalar is a key


class _Reader:
    """Events in, the value of the one document out. Raises _Odd, or what the parser raises."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        self.data = data
        self.limits = limits
        self.room = limits.max_nodes
        self.documents = 0
        self.stack: list[tuple[Any, Any, str | None]] = []  # container, key and anchor of what is not finished
        self.anchors: dict[str, Any] = {}

    def read(self) -> Any:
        """The hot loop: two of three events are scalars, and they make no call of ours but for numbers."""
        next_event = LOADER(self.data).get_event
        constant, starts, escapes = CONSTANTS.get, NUMBER_STARTS, b"\\" in self.data
        root: list[Any] = []
        container: Any = root
        key: Any = _LIST
        while (event := next_event()) is not None:
            if event.__class__ is not ScalarEvent:
                container, key = self._turn(event, container, key)
                continue
            value: Any = event.value
            self.room -= 1
            if event.tag is not None or self.room < 0 or (escapes and UNUSABLE.search(value)):
                raise _Odd
            if key is _KEY:
                if value in container or (value == "<<" and not event.style):
                    raise _Odd
                key = value
            else:
                if not event.style:
                    value = number(value) if value[:1] in starts else constant(value, value)
                if key is _LIST:
                    container.append(value)
                else:
                    container[key] = value
                    key = _KEY
            if event.anchor is not None:
                self._name(event.anchor, value)
        if not root:
            raise _Odd
        return root[0]

    def _turn(self, event: Any, container: Any, key: Any) -> tuple[Any, Any]:
        """Where values go after an event that is no scalar: into a list or mapping, or out of it, or as before."""
        kind = event.__class__
        if kind is MappingEndEvent or kind is SequenceEndEvent:
            outer, outer_key, anchor = self.stack.pop()
            if anchor is not None:
                self._name(anchor, container)
            return outer, outer_key
        if kind is MappingStartEvent or kind is SequenceStartEvent:
            return self._enter(event, container, key)
        if kind is AliasEvent:
            return container, _put(container, key, self._copy(event.anchor))
        if kind is DocumentStartEvent:
            self.documents += 1
            if self.documents > 1:
                raise _Odd
        return container, key

    def _enter(self, event: Any, container: Any, key: Any) -> tuple[Any, Any]:
        self.room -= 1
        if event.tag is not None or self.room < 0 or len(self.stack) >= self.limits.max_depth:
            raise _Odd
        inner: Any
        inner, inner_key = ({}, _KEY) if event.__class__ is MappingStartEvent else ([], _LIST)
        self.stack.append((container, _put(container, key, inner), event.anchor))
        return inner, inner_key

    def _name(self, anchor: str, value: Any) -> None:
        # Only now, when it is complete: an alias inside its own value finds nothing.
        if not self.limits.anchors:
            raise _Odd
        self.anchors[anchor] = value

    def _copy(self, anchor: str) -> Any:
        if not self.limits.anchors or anchor not in self.anchors:
            raise _Odd
        return self._copied(self.anchors[anchor], len(self.stack))

    def _copied(self, value: Any, depth: int) -> Any:
        """A value once more, counted once more: a few hundred bytes of aliases to aliases stand for 10^9 values."""
        self.room -= 1
        if isinstance(value, list | dict) and depth >= self.limits.max_depth:
            raise _Odd
        if self.room < 0:
            raise _Odd
        if isinstance(value, list):
            return [self._copied(item, depth + 1) for item in value]
        if isinstance(value, dict):
            self.room -= len(value)
            return {key: self._copied(item, depth + 1) for key, item in value.items()}
        return value


def _put(container: Any, key: Any, value: Any) -> Any:
    """Put a value where it belongs, and say what comes next there. Raises _Odd where a key belongs."""
    if key is _KEY:
        raise _Odd
    if key is _LIST:
        container.append(value)
        return key
    container[key] = value
    return _KEY
