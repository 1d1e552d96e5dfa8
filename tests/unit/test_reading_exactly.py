"""Where exactly the lines are drawn in reading, and what exactly is said: beside the tables of `test_yaml.py` and
`tests/hostile`, for what mutants of the code showed to be held by nothing."""

from pathlib import Path

import pytest

from cagents_fs.model.ids import id_fault
from cagents_fs.store.reading import NotRegular, TooLarge, read_bounded
from cagents_fs.store.yaml import AGENT_FILE, Limits, Unreadable, parse, parse_mapping

LONG = "x" * 100


def said(text: str, limits: Limits = AGENT_FILE) -> str:
    with pytest.raises(Unreadable) as caught:
        parse_mapping(text.encode(), limits)
    return str(caught.value.faults[0])


EXACTLY = [
    ("- a\n-b-c\n- d\n", "2:1: a space is missing after the dash"),
    ("  * a*b: c\n", "1:3: an item of a list begins with `- `, not with `* `"),
    (
        "*a* *b*\n",
        "1:1: '*a* *b*' is no `key: value`, no list item and no comment; begin it with #, or indent it into ",
    ),
    ("a: {{ x }} {{ y }}\n", "1:5: '{{' begins a mapping in YAML; quote this value: a: \"{{ x }} {{ y }}\""),
    (f"a: &{LONG} b\n", f"1:4: anchors (&{LONG[:39]}…) are not read here; remove it, or quote the value"),
    (f"a: *{LONG}\n", f"1:4: aliases (*{LONG[:39]}…) are not read here; write the value out, or quote it"),
    (f"a: !{LONG} b\n", f"1:4: tags (!{LONG[:58]}…) are not read; remove it, or quote the value"),
    (f"{LONG}\n", f"1:1: expected a mapping, found text ('{LONG[:39]}…'), line 1"),
    (f"{LONG}: 1\n{LONG}: 2\n", f"2:1: the key '{LONG[:59]}…' stands twice in this mapping, in line 1 and in line 2; "),
    ("a: [[x], @y]\n", "1:10: no value can begin with '@'; quote this value: a: [[x], \"@y\"]"),
    ("a: [b], *c\n", '1:7: text follows the closing bracket; quote this value as a whole: a: "[b], *c"'),
    ("a: {x}y\n", '1:7: text follows the closing bracket; quote this value as a whole: a: "{x}y"'),
    ('a: x: "y" it\'s\n', "1:4: this value contains ': '; quote this value: a: 'x: \"y\" it''s'"),
    ("a: x: C:\\y it's\n", "1:4: this value contains ': '; quote this value: a: 'x: C:\\y it''s'"),
    ("a: 'x'y'\n", '1:7: text follows the closing quote; quote this value as a whole: a: "x\'y"'),
    ('a: "x"y"\n', "1:7: text follows the closing quote; quote this value as a whole: a: 'x\"y'"),
    ('a: "b" c: d\n', "1:8: text follows the closing quote; quote this value as a whole: a: '\"b\" c: d'"),
    ("a: XyX: XbX\n", "1:4: this value contains ': '; quote this value: a: \"XyX: XbX\""),
    (f"a: b: {'y' * 197}\n", f"1:4: this value contains ': '; quote this value: a: \"b: {'y' * 112}…"),
    (f"a: b: {'y' * 198}\n", "1:4: this value contains ': '; quote this value"),
    (f"a:{LONG}\nb: c\n", f"1:2: a space is missing after the colon; write: a: {LONG[:76]}…"),
    (f"a: {LONG}\n  b: c\n", f"2:3: a key cannot begin here: the line above ('a: {LONG[:56]}…') already has a value; "),
    (f"a: 1\n{LONG}\n", f"2:1: '{LONG[:59]}…' is no `key: value`, no list item and no comment; "),
    ("a: 1\n]x\n", "2:1: a closing bracket that nothing opens; remove it"),
    ("a: 1\n}\n", "2:1: a closing bracket that nothing opens; remove it"),
    ('a: "x"\n ]\n', "2:2: a closing bracket that nothing opens; remove it"),
    ("a: - b\n", "1:4: a list begins on a line of its own, below its key; or quote this value"),
    ("a: b: c: d\n", "1:4: this value contains ': '; quote this value: a: \"b: c: d\""),
]


@pytest.mark.parametrize(("text", "words"), EXACTLY, ids=range(len(EXACTLY)))
def test_what_is_said_is_said_exactly_so(text: str, words: str) -> None:
    assert said(text) == words or (words.endswith(" ") and said(text).startswith(words))


ANCHORED = Limits(max_bytes=10_000, max_depth=4, max_nodes=20, anchors=True)


def is_read(text: str, limits: Limits = ANCHORED) -> bool:
    try:
        parse(text.encode(), limits)
    except Unreadable:
        return False
    return True


@pytest.mark.parametrize(
    ("inside", "nodes"),
    [
        ("[{}]", lambda n: n + 3),  # the mapping, its key, the list, n items
        ("{{{}}}", lambda n: 2 * n + 3),
    ],
    ids=["list", "mapping"],
)
def test_the_limit_of_nodes_is_exact(inside: str, nodes: object) -> None:
    items = [f"k{n}: {n}" if inside.startswith("{{") else str(n) for n in range(40)]
    counts = [n for n in range(40) if is_read("a: " + inside.format(", ".join(items[:n])))]
    assert counts == [n for n in range(40) if nodes(n) <= ANCHORED.max_nodes]  # type: ignore[operator]


def test_a_copy_counts_as_much_as_what_is_copied() -> None:
    # Mapping, key, list, two items; then a key and a copy of three for each alias.
    texts = ["a: &x [1, 2]\n" + "".join(f"b{n}: *x\n" for n in range(count)) for count in range(6)]
    assert [is_read(text) for text in texts] == [5 + 4 * count <= ANCHORED.max_nodes for count in range(6)]
    # Mapping, key, mapping, key, value; then a key and a copy of three for each alias.
    texts = ["a: &x {k: 1}\n" + "".join(f"b{n}: *x\n" for n in range(count)) for count in range(6)]
    assert [is_read(text) for text in texts] == [5 + 4 * count <= ANCHORED.max_nodes for count in range(6)]


@pytest.mark.parametrize("levels", range(1, 7))
def test_the_limit_of_depth_is_exact_also_for_copies(levels: int) -> None:
    nested = "[" * (levels - 1) + "]" * (levels - 1)
    assert is_read(f"a: {nested or 'b'}") is (levels <= ANCHORED.max_depth)
    copied = "a: &x []\nb: " + "[" * (levels - 2) + "*x" + "]" * (levels - 2) if levels >= 2 else "a: &x 1\nb: *x"
    assert is_read(copied) is (levels <= ANCHORED.max_depth)
    inner = "a: &x [[]]\nb: " + "[" * (levels - 3) + "*x" + "]" * (levels - 3) if levels >= 3 else "a: &x 1\nb: *x"
    assert is_read(inner) is (levels <= ANCHORED.max_depth)
    mapped = "a: &x {k: {}}\nb: " + "[" * (levels - 3) + "*x" + "]" * (levels - 3) if levels >= 3 else "a: &x 1\nb: *x"
    assert is_read(mapped) is (levels <= ANCHORED.max_depth)


def test_what_is_refused_unread_names_its_path_and_its_size(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"12345")
    with pytest.raises(TooLarge) as large:
        read_bounded(str(tmp_path / "f"), 4)
    assert (large.value.path, large.value.size, large.value.max_bytes) == (str(tmp_path / "f"), 5, 4)
    with pytest.raises(NotRegular) as odd:
        read_bounded(str(tmp_path), 4)
    assert (odd.value.path, odd.value.kind) == (str(tmp_path), "directory")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (True, "found true; put"),
        (False, "found false; put"),
        (int("9" * 50), f"found the number {'9' * 39}…; put"),
        ([], "found a list; write"),
        ({}, "found a mapping; write"),
        ({1}, "found no text; put"),
    ],
)
def test_what_is_no_text_is_named_where_an_id_belongs(value: object, words: str) -> None:
    assert words in str(id_fault(value))


def test_what_is_said_of_line_separators_names_the_file() -> None:
    assert [fault.path for fault in parse("a: x\u2028y\n".encode(), path="f.yaml").warnings] == ["f.yaml"]
    every = "".join(chr(code) for code in range(0xFDD0, 0xFDF0))
    with pytest.raises(Unreadable) as caught:
        parse(f"a: x\u2028{every}\n".encode(), path="f.yaml")
    assert caught.value.faults[0].path == "f.yaml"
    assert parse(f"a: x\u2028{every[3:]}\n".encode()).value == {"a": f"x\u2028{every[3:]}"}
