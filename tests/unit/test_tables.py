"""Tables for people: no word is broken in two at 80 columns, and nothing of an agent gets to the screen as it is."""

import pytest

from cagents_fs.cli.output import shortened, table

LONG = "inst_20260110_001/task_20260110_001_042"
WORDS = "released to backend-developer, because nothing blocks it, and it was the turn of nobody else"


@pytest.fixture(autouse=True)
def _narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")


def shown(capsys: pytest.CaptureFixture[str], *rows: tuple[str, ...], fold: tuple[str, ...] | None = None) -> list[str]:
    table("Tasks", ("task", "agent", "what"), rows, fold)
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


def test_a_table_keeps_to_the_screen_and_breaks_between_words(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(capsys, (LONG, "backend-developer", WORDS), fold=("what",))

    assert max(map(len, lines)) <= 80
    whole = {word for line in lines for word in line.split()}
    assert {LONG, "backend-developer", *WORDS.split()} <= whole


def test_a_column_that_does_not_fold_stays_whole(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(capsys, ("two words", "a", WORDS * 2), fold=("what",))

    assert any(line.startswith("two words") for line in lines)


def test_where_the_words_are_longer_than_the_screen_the_table_is_wider(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(capsys, ("t" * 100, "a" * 60, "short"))

    assert any("t" * 100 in line and "a" * 60 in line and "short" in line for line in lines)


def test_wide_letters_count_for_two(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(capsys, ("t1", "ann", "設計 " * 40), fold=("what",))

    assert all(word in ("設計", "…") for line in lines[3:] for word in line.split()[-1:])


def test_what_an_agent_wrote_is_escaped_and_is_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    text = " ".join(shown(capsys, ("t1", "ann", "\x1b[31m [bold]x[/bold] \u202e")))

    assert "\\x1b[31m" in text
    assert "[bold]x[/bold]" in text
    assert "\\u202e" in text


def test_an_empty_table_has_its_head(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys)[1].split() == ["task", "agent", "what"]


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("as it is", "as it is"),
        ("a " * 100, "a " * 29 + "a …"),
        ("x" * 30, "x" * 23 + "…"),
        ("one\n  two", "one two"),
        ("word, " * 20, "word, " * 9 + "word …"),
    ],
)
def test_a_long_text_is_shortened_between_words(text: str, short: str) -> None:
    assert shortened(text) == short
