"""What is wrong with something that somebody wrote: one fault each, with its place, in words that say what to do."""

from dataclasses import dataclass

from cagents_fs.model.text import safe_text

MOST_FAULTS = 100  # that are said of one file: nobody repairs more in one go, and a plan may hold millions
MOST_LETTERS = 4000  # of one message: more is not read by anybody


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a file, a manifest or a configuration value.

    `code` is a stable word for programs (`checksum_mismatch`, `schema`, ...), `message` is for people and agents: one
    line in which nothing is hidden, whatever the file holds that it quotes. `path` is as on the disk.
    `line` and `column` count from 1 and are absent where the fault has no place in a text.
    """

    code: str
    message: str
    path: str | None = None
    line: int | None = None
    column: int | None = None

    def __post_init__(self) -> None:
        if not (self.message.isascii() and self.message.isprintable() and len(self.message) <= MOST_LETTERS):
            object.__setattr__(self, "message", safe_text(self.message, MOST_LETTERS))

    def __str__(self) -> str:
        """`path:line:column: message`, as compilers print it, so that editors can jump there; safe to show."""
        path = None if self.path is None else safe_text(self.path)
        place = ":".join(str(part) for part in (path, self.line, self.column) if part is not None)
        return f"{place}: {self.message}" if place else self.message

    def to_json(self) -> dict[str, str | int | None]:
        """The fault as `--json` and `verification.yaml` show it."""
        return {
            "code": self.code,
            "message": self.message,
            "path": self.path,
            "line": self.line,
            "column": self.column,
        }


def and_more(left_out: int, code: str, path: str | None) -> tuple[Fault, ...]:
    """What says that so many faults were left out; nothing where none were."""
    return (Fault(code, f"and {left_out} more", path),) if left_out > 0 else ()
