"""YAML as agents write it, with every mistake that they make."""

import random
from collections.abc import Iterator

import pytest
import yaml as pyyaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cagents_fs.model.faults import Fault
from cagents_fs.store import survey
from cagents_fs.store import yaml as reader
from cagents_fs.store.complaints import Complaint, explain
from cagents_fs.store.yaml import AGENT_FILE, Limits, Unreadable, YamlFloat, YamlInt, parse, parse_mapping

ANCHORS = Limits(1 << 20, 64, 50_000, anchors=True)


def refused(data: str | bytes, limits: Limits = AGENT_FILE) -> tuple[Fault, ...]:
    """The faults with which a file is refused."""
    with pytest.raises(Unreadable) as caught:
        parse_mapping(data if isinstance(data, bytes) else data.encode(), limits)
    assert caught.value.faults
    return caught.value.faults


# --- what words mean

SCALARS: list[tuple[str, object]] = [
    ("", None),
    ("~", None),
    ("null", None),
    ("Null", None),
    ("NULL", None),
    ("nULL", "nULL"),
    ("true", True),
    ("True", True),
    ("TRUE", True),
    ("tRUE", "tRUE"),
    ("false", False),
    ("no", "no"),
    ("yes", "yes"),
    ("on", "on"),
    ("Off", "Off"),
    ("y", "y"),
    ("12:30", "12:30"),
    ("12:30:45", "12:30:45"),
    ("2024-01-01", "2024-01-01"),
    ("2026-11-22T09:31:02Z", "2026-11-22T09:31:02Z"),
    ("1_000", "1_000"),
    ("012", 12),
    ("007", 7),
    ("-0", 0),
    ("+5", 5),
    ("0o17", 15),
    ("0x1F", 31),
    ("0b11", "0b11"),
    ("08", 8),
    ("1e3", 1000.0),
    ("1.5", 1.5),
    (".5", 0.5),
    ("5.", 5.0),
    ("1e999", float("inf")),
    (".inf", float("inf")),
    ("-.INF", float("-inf")),
    ("+.Inf", float("inf")),
    (".", "."),
    ("-", None),  # an empty item of a list, which is no value of `a:`
    ("1.2.3", "1.2.3"),
    ("1e", "1e"),
    ("0x", "0x"),
    ("0o8", "0o8"),
    ("=", "="),
    ("'1'", "1"),
    ('"true"', "true"),
    ("\N{ARABIC-INDIC DIGIT ONE}", "\N{ARABIC-INDIC DIGIT ONE}"),
    ("9" * 4001, "9" * 4001),
]


@pytest.mark.parametrize(("text", "value"), [pair for pair in SCALARS if pair[0] != "-"])
def test_unquoted_words_mean_what_yaml_1_2_says(text: str, value: object) -> None:
    found = parse(f"a: {text}\n".encode()).value["a"]
    assert found == value
    assert isinstance(found, type(value))


def test_not_a_number_is_read_as_such() -> None:
    found = parse(b"a: .nan").value["a"]
    assert isinstance(found, YamlFloat)
    assert found != found


@pytest.mark.parametrize("text", ["007", "1e3", "0x1F", "0o17", "+5", "-0", "1.50", ".inf", "1e999"])
def test_numbers_keep_the_text_they_were_read_from(text: str) -> None:
    found = parse(f"a: {text}".encode()).value["a"]
    assert isinstance(found, YamlInt | YamlFloat)
    assert found.text == text


def test_keys_are_text_as_written() -> None:
    assert parse(b"1: a\ntrue: b\n~: c\n007: d\n'x y': e\n1e3: f\n").value == {
        "1": "a",
        "true": "b",
        "~": "c",
        "007": "d",
        "x y": "e",
        "1e3": "f",
    }


@pytest.mark.parametrize(
    "data",
    [
        b"a: 1\nb: [x, {c: d}]\n",
        b"\xef\xbb\xbfa: 1\nb: [x, {c: d}]\n",
        b"a: 1\r\nb: [x, {c: d}]\r\n",
        b"a: 1\rb: [x, {c: d}]\r",
        b"---\na: 1\nb: [x, {c: d}]\n...\n",
        b"%YAML 1.2\n---\na: 1\nb:\n- x\n- c: d",
        b'{"a": 1, "b": ["x", {"c": "d"}]}',
        b"# comment\n? a\n: 1\n? b\n:\n  - x\n  - {c: d} # tail\n...\n# after\n",
    ],
)
def test_every_layout_gives_the_same_value(data: bytes) -> None:
    assert parse_mapping(data).value == {"a": 1, "b": ["x", {"c": "d"}]}


def test_a_line_separator_is_a_letter_and_cannot_smuggle_in_a_key() -> None:
    data = "a: x\u2028b: y\n"
    assert "quote this value" in refused(data)[0].message
    document = parse_mapping("note\u2028: x\u2028y\u2029z\x85\nlist: [\u2028]\n".encode())
    assert document.value == {"note\u2028": "x\u2028y\u2029z\x85", "list": ["\u2028"]}
    assert document.place(("note\u2028",)) == (1, 8)
    (warning,) = document.warnings
    assert warning.line == 1
    assert "U+2028 is read as a letter" in warning.message


# --- what is refused, with place and words: (file, line, column, part of the message)

MISTAKES: list[tuple[str, int, int, str]] = [
    ("", 1, 1, "expected a mapping, found an empty file, line 1"),
    ("\n \n", 1, 1, "expected a mapping, found an empty file, line 1"),
    ("# only\n# comments\n", 1, 1, "expected a mapping, found only comments, line 1"),
    ("null", 1, 1, "expected a mapping, found nothing (null), line 1"),
    ("---\n", 2, 1, "expected a mapping, found nothing (null), line 2"),
    ("- a\n- b\n", 1, 1, "expected a mapping, found a list, line 1"),
    ("\n[1, 2]\n", 2, 1, "expected a mapping, found a list, line 2"),
    ("42", 1, 1, "expected a mapping, found 42, line 1"),
    ("007", 1, 1, "expected a mapping, found 007, line 1"),
    ("true", 1, 1, "expected a mapping, found true, line 1"),
    ("just text\n", 1, 1, "expected a mapping, found text ('just text'), line 1"),
    ("task_id:T1\n", 1, 1, "found text ('task_id:T1'; put a space after the colon), line 1"),
    # Markdown, prose, documents
    ("```yaml\na: 1\n```\n", 1, 1, "a Markdown fence in line 1, 3; remove it"),
    ("a: 1\n```\n", 2, 1, "a Markdown fence in line 2; remove it"),
    ("Here you are:\n\n```yaml\na: 1\n```\n", 3, 1, "a Markdown fence in line 3, 5"),
    ("p: |\n  x\n```python\ny\n```\n", 3, 1, "a Markdown fence in line 3, 5"),
    ("Here is the manifest you asked for.\n\ntask_id: x\n", 1, 1, "text before the YAML ('Here is the manifest you"),
    ("a: 1\n\nLet me know if you need more!\n", 3, 1, "'Let me know if you need more!' is no `key: value`"),
    ("a: 1\n---\nb: 2\n", 2, 1, "a second document begins here (`---`)"),
    ("a: 1\n---\n", 2, 1, "a second document begins here (`---`)"),
    ("a: 1\n...\nb: 2\n", 3, 1, "what follows the end of the document (`...`) is not read"),
    ("{a: 1}\n{b: 2}\n", 2, 1, "a second value follows the first"),
    ("--- a: 1\n", 1, 6, "what follows `---` begins on a line of its own"),
    # spaces and tabs
    ("a:\n\tb: 1\n", 2, 1, "indented with a tab; use spaces"),
    ("a: 1\n\tb: 2\n", 2, 1, "indented with a tab; use spaces"),
    ("a:\n  - b\n\t- c: d\n", 3, 1, "indented with a tab; use spaces"),
    ("a: 1\nkey:value\nb: 2\n", 2, 4, "a space is missing after the colon; write: key: value"),
    ("key:value\nb: 2\n", 1, 4, "a space is missing after the colon; write: key: value"),
    ("a:\n  b:c\n  d: e\n", 2, 4, "a space is missing after the colon; write: b: c"),
    ("- a\n-b\n- c\n", 2, 1, "a space is missing after the dash"),
    ("a: 1\n  b: 2\n", 2, 3, "the line above ('a: 1') already has a value"),
    ("a:\n    b: 1\n  c: 2\n", 3, 3, "indented by 2, which fits no line above it"),
    ("a: 1\n- b\n", 2, 1, "a list item stands where the next key of the mapping from line 1 belongs"),
    ("- a\nb: 1\n", 2, 1, "a key stands where the next list item of the list from line 1 belongs"),
    ("key: - a\n", 1, 6, "a list begins on a line of its own"),
    ("a: | text\n", 1, 6, "the text of a block begins on the line after"),
    ("a: 1\n\ufeffb: 2\n", 2, 1, "a byte order mark (U+FEFF) inside the file"),
    # quotes
    ("evidence: tests: 15/15\n", 1, 11, 'quote this value: evidence: "tests: 15/15"'),
    ("l:\n  - evidence: tests: ok\n", 2, 15, 'quote this value: - evidence: "tests: ok"'),
    ("path: C:\\temp: x\n", 1, 7, "quote this value: path: 'C:\\temp: x'"),
    ("a: “x: y”\n", 1, 4, "curly quotes are ordinary letters"),
    ("note: @x\n", 1, 7, "no value can begin with '@'; quote this value: note: \"@x\""),
    ("note: `x`\n", 1, 7, "no value can begin with '`'; quote this value: note: \"`x`\""),
    ("note: %x\n", 1, 7, "no value can begin with '%'; quote this value: note: \"%x\""),
    ("note: ,x\n", 1, 7, "no value can begin with ','; quote this value"),
    ("a: {{ x }}\n", 1, 5, "'{{' begins a mapping in YAML; quote this value: a: \"{{ x }}\""),
    ("a: {foo} bar\n", 1, 10, 'text follows the closing bracket; quote this value as a whole: a: "{foo} bar"'),
    ("a: [x] bar\n", 1, 8, "text follows the closing bracket"),
    ('a: "quoted" more\n', 1, 13, "text follows the closing quote; quote this value as a whole: a: '\"quoted\" more'"),
    ("a: 'don't'\n", 1, 9, 'quote this value as a whole: a: "don\'t"'),
    ('a: "open\nb: 1\n', 1, 4, "the quote that opens here is never closed"),
    ("a: 'open\nb: 1\n", 1, 4, "the quote that opens here is never closed"),
    ("a: [1, 2\nb: 3\n", 1, 4, "the bracket that opens here is not closed, or a comma is missing"),
    ("{a: 1", 1, 1, "the bracket that opens here is not closed"),
    ("a: 1\n]\n", 2, 1, "a closing bracket that nothing opens"),
    ('a: "C:\\path"\n', 1, 7, "no such escape in double quotes; double the backslash"),
    ("a: *important* text\n", 1, 4, "'*' has a meaning of its own in YAML; quote this value: a: \"*important* text\""),
    # what is not read in our files
    ("a: *x\n", 1, 4, "aliases (*x) are not read here"),
    ("a: &x y\n", 1, 4, "anchors (&x) are not read here"),
    ("a: &x {b: c}\n", 1, 4, "anchors (&x) are not read here"),
    ("&x a: b\n", 1, 1, "anchors (&x) are not read here"),
    ("a: !!python/object/apply:os.system [ls]\n", 1, 4, "tags (!!python/object/apply:os.system) are not read"),
    ("a: !important\n", 1, 4, "tags (!important) are not read"),
    ("a: !!set {b}\n", 1, 4, "tags (!!set) are not read"),
    ("a: !!binary aGk=\n", 1, 4, "tags (!!binary) are not read"),
    ("<<: {a: 1}\n", 1, 1, "merge keys (`<<`) are not read; write the keys out"),
    ("? [a]\n: b\n", 1, 3, "a key must be text; found a list or a mapping"),
    ("%TAG ! tag:x,2000:\n---\na: 1\n", 1, 1, "directives (%TAG) are not read"),
    ("%YAML 3.0\n---\na: 1\n", 1, 1, "directives (lines that begin with %) are not read"),
    ('a: "x\\0y"\n', 1, 4, "escaped NUL or half a surrogate pair"),
    ("a: x\x1b[2J\n", 1, 5, "a control character (U+001B); remove it"),
    ("a: \x07\nb: \x08\n", 1, 4, "a control character (U+0007), and 1 more like it"),
    # duplicates
    ("status: a\nx: 1\nstatus: b\n", 3, 1, "'status' stands twice in this mapping, in line 1 and in line 3"),
    ("a: {b: 1, b: 2}\n", 1, 11, "'b' stands twice in this mapping, in line 1; remove one"),
    ("'a': 1\na: 2\n", 2, 1, "'a' stands twice in this mapping, in line 1 and in line 2"),
    ("1: a\n'1': b\n", 2, 1, "'1' stands twice"),
    # limits
    ("a: " + "[" * 64 + "]" * 64, 1, 67, "nested deeper than 64 levels"),
    ("[" * 1_000_000, 1, 65, "nested deeper than 64 levels"),
    ("{a: " * 200_000, 1, 257, "nested deeper than 64 levels"),
    ("- " * 300_000, 1, 129, "nested deeper than 64 levels"),
    ("a:\n" + "- b\n" * 50_000, 49_999, 3, "more than 50000 keys and values"),
]


@pytest.mark.parametrize(("text", "line", "column", "part"), MISTAKES, ids=range(len(MISTAKES)))
def test_each_mistake_is_named_with_its_place_and_a_remedy(text: str, line: int, column: int, part: str) -> None:
    fault = refused(text)[0]
    assert part in fault.message
    assert (fault.line, fault.column) == (line, column)
    assert fault.code == "unparsable"
    assert "\n" not in fault.message
    assert "\x1b" not in fault.message


@pytest.mark.parametrize(
    ("data", "line", "column", "part"),
    [
        (b"a: 1\nb: \xe9t\xe9\n", 2, 4, "not UTF-8: byte 0xe9 at offset 8; save the file as UTF-8"),
        (b"\xef\xbb\xbfa: \xff\n", 1, 7, "not UTF-8: byte 0xff at offset 6"),
        (b"a: \xed\xa0\x80", 1, 4, "not UTF-8: byte 0xed at offset 3"),
        (b"a: \xc0\x80", 1, 4, "not UTF-8: byte 0xc0"),
        ("a: 1\n".encode("utf-16"), 1, 1, "UTF-16 or UTF-32; save it as UTF-8"),
        ("a: 1\n".encode("utf-16-be"), 1, 1, "UTF-16 or UTF-32; save it as UTF-8"),
        ("a: 1\n".encode("utf-32-be"), 1, 1, "UTF-16 or UTF-32; save it as UTF-8"),
        (b"a: 1\nb: x\0y\n", 2, 5, "a NUL byte at offset 9; remove it"),
        (b"a: 1\n" + bytes(4096), 2, 1, "a NUL byte at offset 5, and 4095 more"),
    ],
)
def test_bytes_that_are_no_utf_8_are_refused_with_their_offset(data: bytes, line: int, column: int, part: str) -> None:
    (fault,) = refused(data)
    assert part in fault.message
    assert (fault.line, fault.column) == (line, column)


def test_a_file_above_the_limit_is_refused_unread() -> None:
    (fault,) = refused(b"[" * ((1 << 20) + 1))
    assert fault.message == "1048577 bytes; at most 1048576 are read: split the file"


def test_all_faults_are_said_at_once_in_order() -> None:
    faults = refused("a: 1\na: 2\nb: &x {c: !!str 1, c: 2}\n<<: *x\nd: 'open\n")
    assert [(fault.line, fault.message.split(" ")[0]) for fault in faults] == [
        (2, "the"),
        (3, "anchors"),
        (3, "tags"),
        (3, "the"),
        (4, "merge"),
        (4, "aliases"),
        (5, "the"),
    ]


def test_a_flood_of_faults_is_cut_off() -> None:
    faults = refused("a: 1\n" + "a: 2\n" * 5000)
    assert len(faults) == 101
    assert faults[-1].message == "and more of the kind"


def test_faults_name_the_path_they_are_given() -> None:
    with pytest.raises(Unreadable) as caught:
        parse_mapping(b"a: 1\na: 2\n", path="tasks/pending/T1.yaml")
    assert str(caught.value.faults[0]).startswith("tasks/pending/T1.yaml:2:1: ")
    assert str(caught.value).startswith("tasks/pending/T1.yaml:2:1: ")


# --- anchors, for files of people


def test_where_anchors_are_allowed_an_alias_is_a_copy() -> None:
    value = parse(b"a: &x {k: [1]}\nb: *x\nc: &y z\nd: [*y, *y]\n", ANCHORS).value
    assert value == {"a": {"k": [1]}, "b": {"k": [1]}, "c": "z", "d": ["z", "z"]}
    value["b"]["k"].append(2)
    assert value["a"] == {"k": [1]}


def test_an_alias_bomb_is_refused_where_anchors_are_allowed() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    assert "more than 50000 keys and values" in refused("\n".join(lines), ANCHORS)[0].message


def test_an_alias_in_its_own_value_or_before_it_is_refused() -> None:
    assert "names nothing that is complete before it" in refused("a: &x [*x]\n", ANCHORS)[0].message
    assert "names nothing that is complete before it" in refused("a: *x\nb: &x 1\n", ANCHORS)[0].message
    nested = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 70))
    assert "nested deeper than 64 levels" in refused(nested, ANCHORS)[0].message


# --- places


def test_every_value_and_key_has_its_place() -> None:
    document = parse_mapping(b"\xef\xbb\xbf# c\na: 1\nb:\n  - x\n  - {c: 2}\nd:\n  e: |\n    t\nf:\n")
    assert document.place(()) == (2, 1)
    assert document.place(("a",)) == (2, 4)
    assert document.place(("b",)) == (4, 3)
    assert document.place(("b", 0)) == (4, 5)
    assert document.place(("b", 1, "c")) == (5, 9)
    assert document.place(("d", "e")) == (7, 6)
    assert document.place(("f",)) == (9, 3)
    assert document.key_place(("d",)) == (6, 1)
    assert document.key_place(("d", "e")) == (7, 3)
    assert document.key_place(("b", 1)) == (5, 5)


def test_what_is_missing_has_the_place_of_what_is_around_it() -> None:
    document = parse_mapping(b"a: 1\nb:\n  - c: 2\n")
    assert document.place(("x",)) == (1, 1)
    assert document.place(("b", 0, "x", 7)) == (3, 5)
    assert document.place(("b", 5)) == (3, 3)
    assert document.place(("b", -1)) == (3, 3)
    assert document.place(("a", 0)) == (1, 4)
    assert document.key_place(("b", 0, "x")) == (3, 5)


# --- nothing escapes

_TOKENS = [
    "[",
    "]",
    "{",
    "}",
    ": ",
    ":",
    "- ",
    "\n",
    "\r",
    "  ",
    "\t",
    "#",
    "'",
    '"',
    "|",
    ">",
    "&a ",
    "*a",
    "!x ",
    "<<: ",
    "? ",
]
_TOKENS += [
    "---\n",
    "...\n",
    "%TAG ! x\n",
    "\\0",
    "\\ud800",
    "\0",
    "\ufeff",
    "\x85",
    "\u2028",
    "\ufdd0",
    "😀",
    "0x1F",
    "~",
    "```",
]


@given(
    st.binary(max_size=60) | st.lists(st.sampled_from(_TOKENS) | st.text(max_size=3), max_size=25).map(_TOKENS[0].join)
)
@settings(max_examples=300, deadline=None)
def test_no_bytes_raise_anything_but_unreadable(data: bytes | str) -> None:
    raw = data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass")
    for limits in (AGENT_FILE, ANCHORS):
        try:
            document = parse(raw, limits)
        except Unreadable as error:
            assert error.faults
            assert not any("cannot be read (" in fault.message for fault in error.faults), error.faults
        else:
            assert document.place(("a", 0)) is not None


SAMPLE = b"task_id: T1\nartifacts:\n  - path: a.py\n    size_bytes: 10\n    note: |\n      x: y\nmet: [a, {b: 'c'}]\n"


def _mutations(seed: int) -> Iterator[bytes]:
    chance = random.Random(seed)
    for _ in range(2000):
        data = bytearray(SAMPLE)
        for _ in range(chance.randint(1, 5)):
            at = chance.randint(0, len(data))
            token = chance.choice(_TOKENS).encode()
            data[at : at + chance.choice((0, 0, 1, 4))] = token * chance.choice((1, 1, 1, 80))
        yield bytes(data)


def test_what_is_accepted_has_the_shape_that_libyaml_gives_it() -> None:
    accepted = 0
    for data in _mutations(seed=1):
        try:
            document = parse(data)
        except Unreadable:
            continue
        if not document.source.letters:
            accepted += 1
            assert _shape(document.value) == _shape(pyyaml.load(document.source.data, Loader=pyyaml.CBaseLoader))
    assert accepted > 100


def _shape(value: object) -> object:
    if isinstance(value, dict):
        return {key: _shape(item) for key, item in value.items()}
    return [_shape(item) for item in value] if isinstance(value, list) else None


@pytest.mark.parametrize("error", [RecursionError, MemoryError, OverflowError, ValueError])
def test_whatever_the_parser_raises_becomes_a_fault(error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_data: bytes) -> object:
        raise error

    monkeypatch.setattr(reader, "LOADER", broken)
    monkeypatch.setattr(survey, "LOADER", broken)
    (fault,) = refused("a: 1")
    assert fault.message == f"this file cannot be read ({error.__name__}); write it anew, in plain YAML"


def test_what_the_quick_reader_dislikes_and_the_slow_one_does_not_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_data: bytes) -> object:
        raise OverflowError

    monkeypatch.setattr(reader, "LOADER", broken)
    (fault,) = refused("a: 1")
    assert fault.message == "this file cannot be read (OverflowError); write it anew, in plain YAML"


def test_complaints_that_nobody_knows_are_passed_on() -> None:
    mark = pyyaml.Mark("f", 0, 3, 5, None, None)
    strange = pyyaml.MarkedYAMLError(problem="the moon is\x1b full", problem_mark=mark)
    assert explain(strange, ["", "", "", "x"]) == [Complaint("this is no valid YAML: the moon is\\x1b full", 3, 5)]
    assert explain(pyyaml.YAMLError("the moon is full"), []) == [Complaint("this is no valid YAML: the moon is full")]
    in_vain = pyyaml.reader.ReaderError("f", 0, 0, "utf-8", "odd")
    assert explain(in_vain, ["a: 1"]) == [Complaint("a character that YAML does not allow; remove it")]


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ("a: 1\na: 2\n", 2, "stands twice in this mapping"),
        ("evidence: tests: 15/15\n", 1, 'quote this value: evidence: "tests: 15/15"'),
        ("note: @x\n", 1, "no value can begin with '@'"),
        ("a:\n\tb: 1\n", 2, "indented with a tab"),
        ("a: 1\n---\n", 2, "a second document begins here"),
        ("a: &x 1\n", 1, "anchors (&x) are not read here"),
        ("- a\nb: 1\n", 2, "a key stands where the next list item"),
        ('a: "\\ud800"\n', 1, "half a surrogate pair"),
        ("a: \x07\n", 1, "a control character (U+0007)"),
        ("[" * 100, 1, "nested deeper than 64 levels"),
    ],
)
def test_where_the_c_parser_is_missing_the_other_one_says_the_same(
    text: str, line: int, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "LOADER", pyyaml.SafeLoader)
    monkeypatch.setattr(survey, "LOADER", pyyaml.SafeLoader)
    assert parse(b"a: 007\nb: [x, {c: no}]\n").value == {"a": 7, "b": ["x", {"c": "no"}]}
    fault = refused(text)[0]
    assert part in fault.message
    assert fault.line == line
