"""Writing YAML that everybody reads alike, and changing files without spoiling them."""

import random
from datetime import UTC, date, datetime, timedelta
from enum import Enum, IntEnum, StrEnum
from types import MappingProxyType
from typing import Any

import pytest
import yaml as pyyaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cagents_fs.store.dump import END, dump, edit
from cagents_fs.store.yaml import Unreadable, YamlFloat, YamlInt, parse, parse_mapping

# --- dump

AWKWARD = [
    "",
    "...",
    "---",
    "<<",
    "=",
    "null",
    "~",
    "a\n",
    "\n",
    "\n\n",
    " \n",
    "yes",
    "1e3",
    "007",
    "- a",
    "? b",
    "a\n\n",
]
AWKWARD += [
    "\r\n",
    "\u2028",
    "\x85a",
    "\ufeff",
    "# x",
    "a: b",
    "a #b",
    "a\n  b\n",
    " a\nb",
    "\ta",
    "@x",
    "%x",
    "`",
    "'",
    '"',
]
AWKWARD += ["|", "x" * 200]
PRINTED = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
TEXTS = PRINTED | st.sampled_from(AWKWARD)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def same(value: Any) -> Any:
    """Equal for values that mean the same: nan is nan, 1 is neither 1.0 nor true."""
    if isinstance(value, dict):
        return {key: same(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [same(item) for item in value]
    if isinstance(value, float):
        return ("float", repr(float(value)))
    return (bool if isinstance(value, bool) else int if isinstance(value, int) else type(value), value)


@given(st.dictionaries(TEXTS, VALUES, max_size=4))
@SETTINGS
def test_what_is_written_is_read_again_as_the_same_value(value: dict[str, Any]) -> None:
    text = dump(value)
    assert same(parse_mapping(text.encode()).value) == same(value)
    assert same(parse_mapping((text + END).encode()).value) == same(value)


MISREAD = [
    "1e3",
    "012",
    "0o7",
    "08",
    "1_000",
    "0x1F",
    "0b11",
    "123",
    "-1",
    "+1",
    ".5",
    "5.",
    "1.0",
    "1234e567",
    "12:30",
]
MISREAD += [
    "190:20:30",
    "2024-01-01",
    "2026-11-22T09:31:02Z",
    "2026-11-22 09:31:02",
    "yes",
    "No",
    "on",
    "OFF",
    "y",
    "N",
]
MISREAD += ["true", "False", "null", "Null", "~", "", "=", "<<", ".inf", "-.INF", ".nan", "1,000"]


@pytest.mark.parametrize("text", MISREAD)
def test_text_that_some_reader_takes_for_something_else_is_quoted(text: str) -> None:
    written = dump({"a": text, "l": [text]})
    assert written == f"a: '{text}'\nl:\n- '{text}'\n"
    assert pyyaml.safe_load(written) == {"a": text, "l": [text]}


@pytest.mark.parametrize(
    "text", ["T1", "backend-developer", "src/users.py", "sha256:12ab", "in_progress", "v1.2", "1.2.x"]
)
def test_ordinary_words_are_not_quoted(text: str) -> None:
    assert dump({"a": text}) == f"a: {text}\n"


def test_text_of_several_lines_is_a_literal_block_and_long_lines_are_not_folded() -> None:
    assert dump({"a": "one\n  two\n", "b": "one\ntwo"}) == "a: |\n  one\n    two\nb: |-\n  one\n  two\n"
    long = "word " * 2000 + "end"
    assert dump({"a": long, "b": long + "\nx\n"}) == f"a: {long}\nb: |\n  {long}\n  x\n"


def test_keys_stay_in_order_and_a_list_that_occurs_twice_is_written_twice() -> None:
    shared = ["x"]
    assert dump({"z": shared, "a": shared, "m": {}, "k": []}) == "z:\n- x\na:\n- x\nm: {}\nk: []\n"


class _Plain(Enum):
    A = "a-b"


class _Text(StrEnum):
    A = "a-b"


class _Mixed(str, Enum):  # noqa: UP042 - models of others are written like this
    A = "a-b"


class _Whole(IntEnum):
    THREE = 3


def test_what_models_hand_over_is_written_as_plain_data() -> None:
    moment = datetime(2026, 1, 10, 12, tzinfo=UTC)
    seven = YamlInt(7)
    seven.text = "007"
    value: dict[str, Any] = {
        "a": _Plain.A,
        "b": _Text.A,
        "c": _Mixed.A,
        "d": _Whole.THREE,
        "e": MappingProxyType({"x": (1, 2)}),
    }
    value |= {"f": {3, 1}, "g": frozenset("b"), "h": moment, "i": date(2026, 1, 10), "j": seven}
    assert parse(dump(value).encode()).value == {
        **dict.fromkeys("abc", "a-b"),
        "d": 3,
        "e": {"x": [1, 2]},
        "f": [1, 3],
        "g": ["b"],
        "h": "2026-01-10T12:00:00+00:00",
        "i": "2026-01-10",
        "j": 7,
    }


@pytest.mark.parametrize("text", ["007", "1e3", "0x1F", "0o17", "+5", "1.50", ".inf", "-.INF", ".nan"])
def test_numbers_that_were_read_are_written_as_they_were(text: str) -> None:
    number = parse(f"a: {text}".encode()).value["a"]
    assert isinstance(number, YamlInt | YamlFloat)
    assert dump({"a": number}) == f"a: {text}\n"


def test_what_no_file_may_hold_becomes_visible_and_does_not_raise() -> None:
    assert parse(dump({"name": "bad\udcff\0"}).encode()).value == {"name": "bad\\udcff\\x00"}


@pytest.mark.parametrize("value", [b"x", object(), timedelta(1), 1j, [object()]])
def test_what_is_no_plain_data_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="files of ours hold"):
        dump({"a": value})


# --- edit

EDITS: list[tuple[str, dict[str, Any], tuple[str, ...], str]] = [
    ("a: 1\n", {"b": 2}, (), "a: 1\nb: 2\n"),
    ("a: 1", {"b": 2}, (), "a: 1\nb: 2\n"),
    ("a: 1\n", {"b": ["x"], "c": "l1\nl2\n"}, (), "a: 1\nb:\n- x\nc: |\n  l1\n  l2\n"),
    ("a: 1\n...\n", {"b": 2}, (), "a: 1\nb: 2\n...\n"),
    ("a: 1\n...\n# after\n", {"b": 2}, (), "a: 1\nb: 2\n...\n# after\n"),
    ("# head\n---\na: 1 # one\n# tail\n", {"b": 2}, (), "# head\n---\na: 1 # one\n# tail\nb: 2\n"),
    ("a: 1\r\n", {"b": "x\ny"}, (), "a: 1\r\nb: |-\r\n  x\r\n  y\r\n"),
    ("\ufeffa: 1\n", {"b": 2}, (), "\ufeffa: 1\nb: 2\n"),
    ("a: |\n  text\n", {"b": 2}, (), "a: |\n  text\nb: 2\n"),
    ("a: |+\n  text\n\n", {"b": 2}, (), "a: |+\n  text\n\nb: 2\n"),
    ("status: pending   # now\nx: y\n", {"status": "done"}, (), "status: done   # now\nx: y\n"),
    ("status:   'pending'\n", {"status": "yes"}, (), "status:   'yes'\n"),
    ("status:\nx: y\n", {"status": "done"}, (), "status: done\nx: y\n"),
    ("status: # none yet\n", {"status": "done"}, (), "status: done # none yet\n"),
    ("by: [a, b] # who\nx: y\n", {"by": "c"}, (), "by: c # who\nx: y\n"),
    ("by: a\nx: y\n", {"by": ["b", "c"]}, (), "by:\n- b\n- c\nx: y\n"),
    ("'status': a\n", {"status": None}, (), "'status': null\n"),
    ("a: 1 # gone\nb: 2\n", {}, ("a", "zz"), "b: 2\n"),
    ("a: 1\nb: 2\n", {"a": 3}, ("a", "b"), "a: 3\n"),
    ("a: x\u2028y\nb: 1\n", {"b": 2}, (), "a: x\u2028y\nb: 2\n"),
    ("a: 007\nb: 1\n", {"b": 2}, (), "a: 007\nb: 2\n"),
]


@pytest.mark.parametrize(("text", "changes", "remove", "expected"), EDITS)
def test_an_edit_touches_only_what_it_is_about(
    text: str, changes: dict[str, Any], remove: tuple[str, ...], expected: str
) -> None:
    assert edit(text, changes, remove) == expected


HARD = [
    "{a: 1, b: 2}",
    '{"a": 1,\n "b": [1, 2]}\n',
    "  a: 1\n  b: 2 # c\n",
    "a:\n  - x # keep\n  - y\n# tail\nb: |\n  text",
    "a: 1\rb: 2\r",
    "? a\n: 1\n? b\n: 2\n",
    "---\r\na: 1\r\n# c\r\nb:\r\n  - x\r\n...\r\n",
    "\ufeff\ufeffa: 1\nb: 2\n",
    "1: x\ntrue: y\na: 'x\n  y'\nb: |2\n   z\n",
    "a: 007\nb: >-\n  x\n\n  # no comment\n",
    "b: |+\n  t\n\na: 1\n  # deep\n",
    'a: "x"#c\nb: 2\n',
    "b: |\n  t\na: 1",
    "2024-01-01: 0x1F\na: {c: 2024-01-01, d: 1e3}\nb: ~",
]


@pytest.mark.parametrize("text", HARD)
@pytest.mark.parametrize("change", [2, "x", "l1\nl2\n", ["y"], {"z": None}, "# h"])
def test_any_layout_survives_an_edit(text: str, change: object) -> None:
    old = parse_mapping(text.encode()).value
    for changes, remove in (
        ({"a": change}, ()),
        ({"new": change}, ()),
        ({"b": change, "new": 1}, ("a",)),
        ({}, ("a", "b")),
    ):
        new = parse_mapping(edit(text, changes, remove).encode()).value
        assert same(new) == same({**{key: old[key] for key in old if key not in remove}, **changes})


def test_comments_survive_even_where_a_list_is_replaced() -> None:
    text = "# head\na:\n  - x\nb: 1 # one\nc: 'quoted'\n# end\n"
    assert edit(text, {"a": ["z"]}) == "# head\na:\n  - z\nb: 1 # one\nc: 'quoted'\n# end\n"


def test_removing_every_key_leaves_an_empty_mapping() -> None:
    assert parse_mapping(edit("a: 1\n", {}, ["a"]).encode()).value == {}


@pytest.mark.parametrize("text", ["", "- a\n", "a: 1\na: 2\n", "a: [", "a: \udcff\n", "a: 1\n---\nb: 1\n"])
def test_what_is_no_mapping_cannot_be_edited(text: str) -> None:
    with pytest.raises(Unreadable):
        edit(text, {"b": 1})


_PIECES = [
    "1",
    "007",
    "x y",
    "'q'",
    '"d\\n"',
    "[1, 2]",
    "{f: 1}",
    "",
    "|\n  t\n   u\n",
    "|-\n  t",
    "|+\n  t\n\n",
    ">\n  t\n  u\n",
]
_PIECES += [
    "\n  - 1\n  - x: 2",
    "\n- 1\n- 2",
    "\n  k: v\n  l: # c\n    - z",
    "x\n  y",
    "'x\n  y'",
    "[1,\n 2]",
    "a\u2028b",
    "'a'#b",
]
_NEW = [
    1,
    "x",
    None,
    "1e3",
    "a\nb\n",
    "\n",
    "# h",
    [],
    [1, "a\nb"],
    {"z": [{"x": "q\n"}]},
    "é\u2028",
    "multi\n\n",
    " lead",
]


def _layout(chance: random.Random) -> str:
    lines = []
    for key in chance.sample("abcdef", chance.randint(1, 4)):
        if chance.random() < 0.2:
            lines.append(chance.choice(("", "# top", "  # deep", "  ")))
        value = chance.choice(_PIECES)
        spelled = chance.choice((key, key, key, f"'{key}'", key + " "))
        space = " " if value and not value.startswith("\n") else ""
        lines.append(f"{spelled}:{space}{value}{chance.choice(('', '', ' # c'))}")
    text = (
        chance.choice(("", "", "---\n")) + "\n".join(lines) + chance.choice(("", "\n", "\n", "\n...\n", "\n  # deep\n"))
    )
    return chance.choice(("", "", "\ufeff")) + text.replace("\n", chance.choice(("\n", "\n", "\r\n", "\r")))


def test_a_thousand_layouts_and_edits_give_the_value_that_was_asked_for() -> None:
    chance = random.Random(7)
    edited = 0
    for _ in range(1000):
        text = _layout(chance)
        try:
            old = parse_mapping(text.encode()).value
        except Unreadable:
            continue
        edited += 1
        changes = {key: chance.choice(_NEW) for key in chance.sample("abcdefgh", chance.randint(0, 3))}
        remove = chance.sample("abcdefgh", chance.randint(0, 1))
        new = parse_mapping(edit(text, changes, remove).encode()).value
        kept = {key: value for key, value in old.items() if key not in remove}
        assert same(new) == same({**kept, **changes}), (text, changes, remove)
        for key in kept.keys() - changes.keys():
            assert getattr(new[key], "text", None) == getattr(old[key], "text", None)
    assert edited > 500


@given(st.dictionaries(st.sampled_from("abcdxyz"), VALUES, max_size=3), st.lists(st.sampled_from("abcd"), max_size=2))
@SETTINGS
def test_any_value_can_be_put_into_a_file(changes: dict[str, Any], remove: list[str]) -> None:
    text = "# head\na: 1 # one\nb: [x] # two\nc:\n  - y\nd: |\n  text\n...\n"
    old = {"a": 1, "b": ["x"], "c": ["y"], "d": "text\n"}
    new = parse_mapping(edit(text, changes, remove).encode()).value
    assert same(new) == same({**{key: value for key, value in old.items() if key not in remove}, **changes})
