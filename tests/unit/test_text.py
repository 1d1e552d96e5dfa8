"""What an agent wrote, on a terminal and in a log."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cagents_fs.model.text import found, safe_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, äöü, 漢字, 😀 ✓", "plain text, äöü, 漢字, 😀 ✓"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x1b[2J", "\\x1b[2J"),
        ("\x9b31m", "\\x9b31m"),
        ("a\rb", "a\\rb"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\x00\x7f\x85", "\\x00\\x7f\\x85"),
        ("a\u202eb\u2066c", "a\\u202eb\\u2066c"),
        ("a\u200bb\u200dc\ufeff", "a\\u200bb\\u200dc\\ufeff"),
        ("a\u2028b\u2029c", "a\\u2028b\\u2029c"),
        ("bad\udcff", "bad\\udcff"),
        ("\U000e0041hidden", "\\U000e0041hidden"),
        ("soft\xadhyphen", "soft\\xadhyphen"),
        ("C:\\temp", "C:\\temp"),
        ("", ""),
    ],
)
def test_what_could_deceive_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert safe_text(text) == shown


def test_newlines_stay_where_several_lines_are_meant_and_nothing_else_does() -> None:
    assert safe_text("a\nb\r\n\tc\x1b", multiline=True) == "a\nb\\r\n\\tc\\x1b"


def test_long_text_is_cut_to_the_limit_and_says_so() -> None:
    assert safe_text("x" * 10, 10) == "x" * 10
    assert safe_text("x" * 11, 10) == "x" * 9 + "…"
    assert len(safe_text("\x1b" * 10_000)) == 2000
    assert safe_text("xy", 0) == "…"


@given(st.text(st.characters()), st.booleans())
@settings(max_examples=300)
def test_nothing_that_moves_a_cursor_or_hides_a_letter_is_left(text: str, multiline: bool) -> None:
    shown = safe_text(text, 200, multiline=multiline)
    assert len(shown) <= 200
    shown.encode()
    left = shown.replace("\n", "") if multiline else shown
    assert not any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in left)
    assert not any(unicodedata.bidirectional(letter) in ("RLO", "LRO", "RLE", "LRE", "PDF", "RLI") for letter in left)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "nothing"),
        (True, "true"),
        (False, "false"),
        ("a\x1b", "'a\\x1b'"),
        ("x" * 61, f"'{'x' * 59}…'"),
        (7, "7"),
        (1.5, "1.5"),
        ([1], "a list"),
        ((), "a list"),
        ({}, "a mapping"),
        ({1}, "set"),
    ],
)
def test_a_value_is_named_as_its_writer_knows_it(value: object, words: str) -> None:
    assert found(value) == words
