"""Writing YAML that readers of version 1.1 and 1.2 take for the same, and changing files that others wrote.

`edit` keeps comments and layout: single lines are replaced and others appended where that is certain to be right, and
the rest is left to ruamel.yaml, whose result is read back before it is believed.
"""

import io
import re
from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingStartEvent,
    ScalarEvent,
)

from cagents_fs.model.text import HIDDEN, safe_text
from cagents_fs.store.scalars import YamlFloat, YamlInt, is_misread
from cagents_fs.store.source import prepare
from cagents_fs.store.survey import LOADER, UNUSABLE
from cagents_fs.store.yaml import PLAN, parse_mapping

END = "...\n"  # the end marker: a file that ends with it is whole, whoever wrote it

_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_NO_FOLDING = 1 << 30  # a folded line reads the same, but agents look for their words with grep
_STR = "tag:yaml.org,2002:str"
# What a literal block would lose or cannot hold: breaks that are read as `\n`, and several at the end, which would stay
# open to whatever is appended. Such text is written in double quotes.
_NOT_LITERAL = re.compile(
    "[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]|\n\n\\Z|\\A\n\\Z"
)
_REST = re.compile(r"[ \t]*(?:#[^\r\n]*)?(?:\r?\n|\Z)")  # what may follow a value on its line
_INDENTED = re.compile(r"\s*^[ \t]+\S", re.MULTILINE)  # the next line that is not blank is indented
_END_MARKER = re.compile(r"^\.\.\.[ \t]*\r?$", re.MULTILINE)
_MAX_ROUND_TRIP = 1 << 16  # letters; ruamel.yaml takes a second for these, in which the daemon does nothing else


class _Dumper(_DUMPER):  # type: ignore[misc]
    def ignore_aliases(self, _data: Any) -> bool:
        return True  # a list that occurs twice is written twice: no file of ours has anchors


def _text(dumper: Any, text: str) -> Any:
    text = UNUSABLE.sub(lambda match: safe_text(match[0]), text)
    style: str | None
    if _NOT_LITERAL.search(text) or HIDDEN.search(text):
        style = '"'
    elif "\n" in text:
        style = "|"
    else:
        style = "'" if is_misread(text) else None
    return dumper.represent_scalar(_STR, text, style=style)


def _other(dumper: Any, value: Any) -> Any:
    match value:
        case YamlInt() | YamlFloat():
            # As it was written, and plain: the tag that PyYAML would guess is the one that need not be written.
            tag = dumper.resolve(yaml.ScalarNode, value.text, (True, False))
            return dumper.represent_scalar(tag, value.text)
        case Enum():
            return dumper.represent_data(value.value)
        case datetime() | date():
            return _text(dumper, value.isoformat())
        case str():
            return _text(dumper, str.__str__(value))
        case int():
            return dumper.represent_int(int(value))
        case float():
            return dumper.represent_float(float(value))
        case Mapping():
            return dumper.represent_dict(dict(value))
        case list() | tuple():
            return dumper.represent_list(list(value))
        case Set():
            return dumper.represent_list(sorted(value))
    raise TypeError(f"files of ours hold text, numbers, truth values, lists and mappings, not {type(value).__name__}")


_Dumper.add_representer(str, _text)
for _kind in (datetime, date, set, bytes):  # where PyYAML has a tag or a plain form of its own
    _Dumper.add_representer(_kind, _other)
_Dumper.add_multi_representer(object, _other)


def dump(value: Mapping[str, Any]) -> str:
    """A mapping as block YAML in its own order, a newline at the end, no end marker (append END for that).

    Every string that any reader might take for a number, a date, a truth value or nothing is quoted; text of several
    lines is a literal block. What no file may hold (NUL, lone surrogates) becomes a visible escape; what nobody would
    see (bidi, zero width) is written as the escape that YAML reads. Raises TypeError for what is no plain data.
    """
    text: str = yaml.dump(
        value,
        Dumper=_Dumper,
        sort_keys=False,
        default_flow_style=False,
        allow_unicode=True,
        width=_NO_FOLDING,
    )
    return HIDDEN.sub(_escaped, text)


def _escaped(letter: re.Match[str]) -> str:
    """What would hide something from whoever reads the file; it stands in double quotes, where escapes are read."""
    code = ord(letter[0])
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def edit(text: str, changes: Mapping[str, Any], remove: Collection[str] = ()) -> str:
    """`text` with the top-level keys of `changes` set and those of `remove` gone; everything else as it was.

    Takes whatever `parse_mapping` takes, and raises Unreadable for what is no YAML mapping. Comments and layout stay,
    except where no way of keeping them gives the value that was asked for: then the value counts, and they go.
    """
    body = text.removeprefix("\ufeff")
    removed = frozenset(remove) - changes.keys()
    try:
        outline = _outline(body)
    except yaml.YAMLError:
        outline = None  # the other way says what is wrong
    edited = None if outline is None else _by_lines(body, outline, changes, removed)
    if edited is None:
        edited = _by_value(body, changes, removed)
    return text[: len(text) - len(body)] + edited


@dataclass(slots=True)
class _Entry:
    """A top-level key and where its value stands, as offsets into the text."""

    key_start: int
    start: int
    end: int
    one_line: bool  # the whole entry is on one line, and where its value ends is certain


@dataclass(slots=True)
class _Outline:
    """The top level of a text whose top is a block mapping at the left margin."""

    entries: dict[str, _Entry] = field(default_factory=dict)
    end: int | None = None  # where the end marker is, if there is one

    def add(self, key: Any, first: Any, last: Any, certain: bool) -> None:
        lines = {key.start_mark.line, first.start_mark.line, last.end_mark.line}
        one_line = certain and len(lines) == 1 and key.start_mark.column == 0
        self.entries[key.value] = _Entry(key.start_mark.index, first.start_mark.index, last.end_mark.index, one_line)


def _outline(body: str) -> _Outline | None:
    """None where the top level is laid out in any other way. Raises YAMLError."""
    source = prepare(body.encode("utf-8", "surrogatepass"), PLAN)
    # libyaml does not count a second byte order mark, and editors do not agree on lone carriage returns.
    if source.faults or body.startswith("\ufeff") or "\r" in body.replace("\r\n", ""):
        return None
    outline, depth = _Outline(), 0
    event: Any
    key: Any = None
    first: Any = None
    next_event = LOADER(source.data).get_event
    while (event := next_event()) is not None:
        mark: Any = event.start_mark
        if isinstance(event, CollectionStartEvent):
            depth += 1
            if depth == 1 and (event.flow_style or mark.column or not isinstance(event, MappingStartEvent)):
                return None
            if depth == 2:
                first = event
        elif isinstance(event, CollectionEndEvent):
            depth -= 1
            if depth == 1:
                if key is None:
                    return None
                outline.add(key, first, event, first.flow_style)
                key = None
        elif isinstance(event, ScalarEvent) and depth == 1:
            if key is not None:
                outline.add(key, event, event, event.style not in ("|", ">"))
            elif event.value in outline.entries:
                return None
            key = event if key is None else None
        elif isinstance(event, DocumentEndEvent) and event.explicit:
            outline.end = mark.index
        elif isinstance(event, AliasEvent) or (isinstance(event, DocumentStartEvent) and outline.entries):
            return None
    return outline if outline.entries else None


def _by_lines(body: str, outline: _Outline, changes: Mapping[str, Any], removed: frozenset[str]) -> str | None:
    """The text with lines replaced, taken out and appended; None where that is not certain to be right."""
    end = len(body) if outline.end is None else outline.end
    gone = removed & outline.entries.keys()
    spans = [_taken_out(body, outline.entries[key]) for key in gone]
    if any(span is not None and body[span[1] : span[1] + 1].isspace() for span in spans):
        return None  # what follows would join a block of text above
    added = ""
    for key, value in changes.items():
        if key in outline.entries:
            spans.append(_replaced(body, outline.entries[key], key, value))
        else:
            added += dump({key: value})
    if len(gone) == len(outline.entries) and not added:
        return None  # an empty text is no mapping
    if added and body[end - 1] != "\n":
        if gone or not list(outline.entries.values())[-1].one_line:
            return None  # a block of text would change with its line break
        added = "\n" + added
    certain = sorted((span for span in spans if span is not None), reverse=True)
    if len(certain) < len(spans):
        return None
    windows = "\r\n" in body
    edited = body[:end] + (added.replace("\n", "\r\n") if windows else added) + body[end:]
    for start, stop, new in certain:
        edited = edited[:start] + (new.replace("\n", "\r\n") if windows else new) + edited[stop:]
    return edited


def _replaced(body: str, entry: _Entry, key: str, value: Any) -> tuple[int, int, str] | None:
    whole = _taken_out(body, entry)
    if whole is None or body.startswith("#", entry.end):  # `"a"#b` is taken for a comment, `a#b` is not
        return None
    shown = dump({"k": value}).removeprefix("k:")
    if shown.count("\n") == 1:  # `k: value`: only the value changes, and a comment behind it stays
        new = shown[:-1] if entry.start == entry.end else shown[1:-1]
        return entry.start, entry.end, new
    start, stop, _ = whole
    if "#" in body[entry.end : stop] or _INDENTED.match(body, stop):
        return None  # a comment would be lost, or become the last line of a block of text
    return start, stop, dump({key: value})


def _taken_out(body: str, entry: _Entry) -> tuple[int, int, str] | None:
    rest = _REST.match(body, entry.end)
    return None if rest is None or not entry.one_line else (entry.key_start, rest.end(), "")


def _by_value(body: str, changes: Mapping[str, Any], removed: frozenset[str]) -> str:
    """The text written anew: by ruamel.yaml with its comments, or plainly where that gives another value."""
    wanted = dict(parse_mapping(body.encode("utf-8", "surrogatepass"), PLAN).value)
    for key in removed:
        wanted.pop(key, None)
    wanted.update(changes)
    plain = dump(wanted) + (END if _END_MARKER.search(body) else "")
    if len(body) > _MAX_ROUND_TRIP:
        return plain
    try:
        kept = _round_trip(body, changes, removed)
        if _spelled(parse_mapping(kept.encode(), PLAN).value) == _spelled(parse_mapping(plain.encode(), PLAN).value):
            return kept
    except Exception:  # it is stricter than we are in places, and there are many ways in which it can fail
        return plain
    return plain


def _round_trip(body: str, changes: Mapping[str, Any], removed: frozenset[str]) -> str:
    # Not at the top: its import takes longer than all the rest of reading and writing.
    from ruamel.yaml import YAML

    trip = YAML()
    trip.indent(mapping=2, sequence=4, offset=2)
    trip.preserve_quotes = True
    trip.width = 4096
    trip.explicit_start = body.startswith("---")
    trip.explicit_end = _END_MARKER.search(body) is not None
    tree = trip.load(body.replace("\r\n", "\n"))
    for key in removed:
        tree.pop(key, None)
    for key, value in changes.items():
        tree[key] = trip.load(dump({key: value}))[key]
    written = io.StringIO()
    trip.dump(tree, written)
    return written.getvalue().replace("\n", "\r\n") if "\r\n" in body else written.getvalue()


def _spelled(value: Any) -> Any:
    """Equal for equal values that are spelled alike: `007` is not `7`, and nan is nan."""
    if isinstance(value, dict):
        return {key: _spelled(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_spelled(item) for item in value]
    return (type(value).__name__, getattr(value, "text", value))
