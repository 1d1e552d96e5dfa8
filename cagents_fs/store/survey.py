"""Where everything in a YAML file stands, and everything that is wrong with it: the slow look, taken only when asked.

The quick reader of `yaml.py` knows values and no places, and stops at the first thing that is odd. This one walks the
same events again, notes the place of every value, and goes on after a fault as far as it can.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    MappingStartEvent,
    ScalarEvent,
)

from cagents_fs.model.faults import MOST_FAULTS, Fault
from cagents_fs.model.text import safe_text
from cagents_fs.store.complaints import Complaint, about_key, explain

UNPARSABLE = "unparsable"
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C part is missing on some platforms
# `"\0"` and `"\ud800"` are escapes that no path, process or terminal takes; libyaml itself refuses only the second.
UNUSABLE = re.compile("[\0\ud800-\udfff]")
_COLUMN = (1 << 32) - 1


@dataclass(frozen=True)
class Limits:
    """How much of a file is read: bytes, levels of nesting (the top mapping is the first), values and keys."""

    max_bytes: int
    max_depth: int
    max_nodes: int
    anchors: bool = False  # `&a` and `*a`, for files that people write; every copy counts as so many nodes


@dataclass(slots=True)
class Branch:
    """A mapping or a list: where it begins, where its keys stand, and what is in it.

    A place is line << 32 | column, both from 0: a plan has millions of them, and a tuple takes four times the room.
    """

    at: int
    items: "dict[str, int | Branch] | list[int | Branch]"
    keys: dict[str, int] = field(default_factory=dict)
    key: str | None = None  # the key whose value comes next
    anchor: str | None = None

    def below(self, step: str | int) -> "int | Branch | None":
        """The value under a key or an index; None where there is none."""
        if isinstance(self.items, dict):
            return self.items.get(str(step))
        return self.items[step] if isinstance(step, int) and 0 <= step < len(self.items) else None


class _Enough(Exception):
    """What follows cannot be judged any more."""


class Survey:
    """One look at the events of `data`, which is UTF-8 without a byte order mark. Never raises: see `faults`."""

    def __init__(self, data: bytes, limits: Limits, path: str | None = None) -> None:
        self.faults: list[Fault] = []
        self.root: int | Branch | None = None
        self._limits = limits
        self._path = path
        self._lines = re.split("\r\n|\r|\n", data.decode("utf-8", errors="replace"))
        self._open: list[Branch] = []
        self._anchors: dict[str, int | Branch] = {}
        self._nodes = 0
        try:
            self._walk(data)
        except _Enough:
            pass
        except yaml.YAMLError as error:
            self.faults += [self._fault(complaint) for complaint in explain(error, self._lines)]
        except (ValueError, RecursionError, OverflowError, MemoryError) as error:
            self._note(f"this file cannot be read ({type(error).__name__}); write it anew, in plain YAML", None)

    def place(self, loc: Sequence[str | int]) -> tuple[int, int] | None:
        """Line and column, from 1, of the value at `loc`, or of the nearest value around it that is there."""
        node = self.root
        for step in loc:
            below = node.below(step) if isinstance(node, Branch) else None
            if below is None:
                break
            node = below
        return None if node is None else _pair(node.at if isinstance(node, Branch) else node)

    def key_place(self, loc: Sequence[str | int]) -> tuple[int, int] | None:
        """Line and column of the key that `loc` ends with; where there is no such key, what `place` says."""
        node = self.root
        for step in loc[:-1]:
            node = node.below(step) if isinstance(node, Branch) else None
        if isinstance(node, Branch) and loc and str(loc[-1]) in node.keys:
            return _pair(node.keys[str(loc[-1])])
        return self.place(loc)

    def _walk(self, data: bytes) -> None:
        documents = 0
        next_event = LOADER(data).get_event
        while (event := next_event()) is not None:
            if isinstance(event, ScalarEvent):
                self._scalar(event)
            elif isinstance(event, CollectionStartEvent):
                self._start(event)
            elif isinstance(event, CollectionEndEvent):
                finished = self._open.pop()
                self._anchors[finished.anchor or ""] = finished
            elif isinstance(event, AliasEvent):
                self._alias(event)
            elif isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    text = "a second document begins here (`---`); a file holds one: remove this line or what follows"
                    self._note(text, event.start_mark)
                    raise _Enough

    def _scalar(self, event: Any) -> None:
        self._decorated(event, event.tag)
        self._count(event)
        if UNUSABLE.search(event.value):
            self._note(r"text with an escaped NUL or half a surrogate pair (\0, \ud800); remove it", event.start_mark)
        top = self._open[-1] if self._open else None
        if top is not None and isinstance(top.items, dict) and top.key is None:
            self._key(top, event)
        else:
            self._put(_at(event))
        if event.anchor:
            self._anchors[event.anchor] = _at(event)

    def _key(self, mapping: Branch, event: Any) -> None:
        name, line = event.value, event.start_mark.line + 1
        mapping.key = name
        shown = safe_text(name, 60)
        if name == "<<" and not event.style:
            self._note("merge keys (`<<`) are not read; write the keys out", event.start_mark)
        elif name in mapping.keys:
            first = (mapping.keys[name] >> 32) + 1
            lines = f"line {line}" if first == line else f"line {first} and in line {line}"
            text = f"the key '{shown}' stands twice in this mapping, in {lines}; remove one"
            self._note(text, event.start_mark)
        else:
            mapping.keys[name] = _at(event)

    def _start(self, event: Any) -> None:
        self._decorated(event, event.tag)
        self._count(event)
        self._descend(len(self._open), event)
        branch = Branch(_at(event), {} if isinstance(event, MappingStartEvent) else [], anchor=event.anchor)
        top = self._open[-1] if self._open else None
        if top is not None and isinstance(top.items, dict) and top.key is None:
            self._note(about_key(self._lines[event.start_mark.line]), event.start_mark)
            top.key = f"\0{_at(event)}"  # no key of the file can be this one
        else:
            self._put(branch)
        self._open.append(branch)

    def _alias(self, event: Any) -> None:
        name = safe_text(event.anchor, 40)
        node = self._anchors.get(event.anchor, _at(event))
        if not self._limits.anchors:
            self._note(f"aliases (*{name}) are not read here; write the value out, or quote it", event.start_mark)
            node = _at(event)  # and what it stands for does not count: that could take for ever
        elif event.anchor not in self._anchors:
            self._note(f"the alias *{name} names nothing that is complete before it", event.start_mark)
        self._copied(node, len(self._open), event)
        top = self._open[-1] if self._open else None
        if top is not None and isinstance(top.items, dict) and top.key is None:
            self._note("an alias cannot be a key; write the key out", event.start_mark)
            top.key = f"\0{_at(event)}"
        else:
            self._put(node)

    def _copied(self, node: int | Branch, depth: int, event: Any) -> None:
        """Count what an alias stands for: a few hundred bytes of aliases to aliases stand for 10^9 values."""
        self._count(event)
        if isinstance(node, Branch):
            self._descend(depth, event)
            for item in node.items.values() if isinstance(node.items, dict) else node.items:
                self._copied(item, depth + 1, event)
            for _ in node.keys:
                self._count(event)

    def _descend(self, depth: int, event: Any) -> None:
        if depth >= self._limits.max_depth:
            self._note(f"nested deeper than {self._limits.max_depth} levels; make it flatter", event.start_mark)
            raise _Enough

    def _decorated(self, event: Any, tag: str | None) -> None:
        if event.anchor and not self._limits.anchors:
            name = safe_text(event.anchor, 40)
            self._note(f"anchors (&{name}) are not read here; remove it, or quote the value", event.start_mark)
        if tag is not None:
            shown = safe_text(tag.replace("tag:yaml.org,2002:", "!!"), 60)
            self._note(f"tags ({shown}) are not read; remove it, or quote the value", event.start_mark)

    def _count(self, event: Any) -> None:
        self._nodes += 1
        if self._nodes > self._limits.max_nodes:
            self._note(f"more than {self._limits.max_nodes} keys and values; split the file", event.start_mark)
            raise _Enough

    def _put(self, node: int | Branch) -> None:
        if not self._open:
            self.root = node
            return
        top = self._open[-1]
        if isinstance(top.items, list):
            top.items.append(node)
        else:
            assert top.key is not None  # whoever comes here has looked
            top.items.setdefault(top.key, node)  # of two equal keys, the first
            top.key = None

    def _note(self, text: str, mark: Any) -> None:
        if len(self.faults) >= MOST_FAULTS:
            self.faults.append(Fault(UNPARSABLE, "and more of the kind", self._path))
            raise _Enough
        self.faults.append(self._fault(Complaint(text, *((mark.line, mark.column) if mark else (None, None)))))

    def _fault(self, complaint: Complaint) -> Fault:
        line, column = complaint.line, complaint.column
        return Fault(
            UNPARSABLE,
            complaint.text,
            self._path,
            None if line is None else line + 1,
            None if column is None else column + 1,
        )


def _at(event: Any) -> int:
    return int(event.start_mark.line << 32 | event.start_mark.column)


def _pair(at: int) -> tuple[int, int]:
    return (at >> 32) + 1, (at & _COLUMN) + 1
