"""What every command has in common: data on standard output, errors on standard error, agents' words escaped."""

import json
import sys
from collections.abc import Callable, Sequence
from typing import Any

import click

from cagents_fs.errors import CagentsError

SCHEMA_VERSION = 1
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
pass_root = click.pass_obj


def wants_json(words: Sequence[str]) -> bool:
    """Whether errors are to be JSON too."""
    return "--json" in words


def emit(data: Any) -> None:
    """The data of a command, as `--json` shows it."""
    click.echo(json.dumps({"schema_version": SCHEMA_VERSION, "data": data}, default=str, allow_nan=False))


def say(text: str) -> None:
    """One line for a person. What an agent wrote is escaped."""
    from cagents_fs.model.text import safe_text

    click.echo(safe_text(text, limit=4000))


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
        print(json.dumps({"schema_version": SCHEMA_VERSION, "error": fields}), file=sys.stderr)
        return error.exit_code
    for fault in error.faults:
        print(f"  {safe_text(str(fault))}", file=sys.stderr)
    print(f"cagents-fs: {safe_text(error.message)}", file=sys.stderr)
    return error.exit_code


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table for people. What an agent wrote is escaped, and is no markup."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from cagents_fs.model.text import safe_text

    shown = Table(title=title, title_justify="left", header_style="bold", expand=False)
    for column in columns:
        shown.add_column(column, overflow="fold")
    for row in rows:
        shown.add_row(*(Text(safe_text(str(cell), limit=300)) for cell in row))
    Console(highlight=False).print(shown)


def find(given: str | None) -> str:
    """The tree that a command works on. Raises NothingThere, InvalidTree."""
    from cagents_fs.picture import find_root

    return find_root(given)


Command = Callable[..., Any]
