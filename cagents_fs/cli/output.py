"""What every command has in common: data on standard output, errors on standard error, agents' words escaped."""

import json
import sys
from collections.abc import Callable, Sequence
from typing import Any

import click

from cagents_fs.errors import CagentsError

SCHEMA_VERSION = 1
MOST_OF_A_WORD, LEAST_CUT = 24, 12
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
pass_root = click.pass_obj


def wants_json(words: Sequence[str]) -> bool:
    """Whether errors are to be JSON too."""
    return "--json" in words


def emit(data: Any) -> None:
    """The data of a command, as `--json` shows it."""
    click.echo(in_json({"schema_version": SCHEMA_VERSION, "data": data}))


def in_json(data: Any) -> str:
    """One line of JSON, and of ASCII without any control character: DEL is the one that `json` leaves as it is."""
    return json.dumps(data, default=str, allow_nan=False).replace("\x7f", "\\u007f")


def say(text: str) -> None:
    """One line for a person. What an agent wrote is escaped."""
    from cagents_fs.model.text import safe_text

    click.echo(safe_text(text, limit=4000))


def paragraph(text: str, indent: str = "") -> None:
    """A sentence for a person; on a terminal no word of it is broken in two. What an agent wrote is escaped."""
    import shutil
    import textwrap

    from cagents_fs.model.text import safe_text

    safe = safe_text(text, limit=4000)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else len(indent) + len(safe) + 1
    whole = {"break_long_words": False, "break_on_hyphens": False}
    lines = textwrap.wrap(safe, width, initial_indent=indent, subsequent_indent=indent + "  ", **whole)  # type: ignore[arg-type]
    click.echo("\n".join(lines) or indent)


def complain(error: CagentsError, *, as_json: bool) -> int:
    """Say on standard error why we refuse. Returns the exit code."""
    from cagents_fs.model.text import safe_text

    first = error.faults[0] if error.faults else None
    if as_json:
        fields = {
            "code": error.code,
            "message": error.message,
            "path": first.path if first else None,
            "line": first.line if first else None,
            "column": first.column if first else None,
        }
        if error.faults:
            fields["faults"] = [fault.to_json() for fault in error.faults]  # type: ignore[assignment]
        print(in_json({"schema_version": SCHEMA_VERSION, "error": fields}), file=sys.stderr)
        return error.exit_code
    for fault in error.faults:
        print(f"  {safe_text(str(fault))}", file=sys.stderr)
    print(f"cagents-fs: {safe_text(error.message)}", file=sys.stderr)
    return error.exit_code


def table(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    fold: Sequence[str] | None = None,
    cut: str | None = None,
) -> None:
    """A table for people. What an agent wrote is escaped, and is no markup. No word is broken in two.

    `fold` are the columns whose cells may take several lines; None: all. Words of the column `cut` end with `…` where
    they do not fit. A screen that is too narrow for the words of the others gets a table that is wider than it.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from cagents_fs.model.text import safe_text

    cells = [[safe_text(str(cell), limit=300) for cell in row] for row in rows]
    console = Console(highlight=False)
    wide = _widths(columns, cells, columns if fold is None else fold, cut, console.width)
    console.width = max(console.width, sum(wide) + 2 * len(wide))
    if title:
        console.print(Text(title, style="italic"), soft_wrap=True)
    shown = Table(box=SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for column, width in zip(columns, wide, strict=True):
        shown.add_column(column, width=width, overflow="ellipsis" if column == cut else "fold")
    for row in cells:
        shown.add_row(*map(Text, row))
    console.print(shown)


def _widths(
    columns: Sequence[str], cells: Sequence[Sequence[str]], fold: Sequence[str], cut: str | None, room: int
) -> list[int]:
    """How wide each column is: those that may fold give way, the widest first, but never below their longest word."""
    from rich.cells import cell_len

    texts = [[column, *(row[number] for row in cells)] for number, column in enumerate(columns)]
    wide = [max(map(cell_len, column)) for column in texts]
    words = [max((cell_len(word) for text in column for word in text.split()), default=1) for column in texts]
    least = [words[n] if column in fold else wide[n] for n, column in enumerate(columns)]
    if cut is not None:
        least[columns.index(cut)] = min(LEAST_CUT, words[columns.index(cut)])
    while sum(wide) + 2 * len(wide) > room:
        spare, number = max((wide[n] - least[n] and wide[n], n) for n in range(len(wide)))
        if not spare:
            break
        wide[number] -= 1
    return wide


def shortened(text: str, most: int = 60) -> str:
    """The beginning of a longer text, for a cell: cut between words, and words that no column holds cut as well."""
    words = [word if len(word) <= MOST_OF_A_WORD else word[: MOST_OF_A_WORD - 1] + "…" for word in text.split()]
    short = " ".join(words)
    if len(short) <= most:
        return short
    return short[:most].rpartition(" ")[0].rstrip(",;:") + " …"


def find(given: str | None) -> str:
    """The tree that a command works on. Raises NothingThere, InvalidTree."""
    from cagents_fs.picture import find_root

    return find_root(given)


Command = Callable[..., Any]
