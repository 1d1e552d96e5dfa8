"""What is wrong with something that somebody wrote: one fault each, with its place, in words that say what to do."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a file, a manifest or a configuration value.

    `code` is a stable word for programs (`checksum_mismatch`, `schema`, ...), `message` is for people and agents.
    `line` and `column` count from 1 and are absent where the fault has no place in a text.
    """

    code: str
    message: str
    path: str | None = None
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        """`path:line:column: message`, as compilers print it, so that editors can jump there."""
        place = ":".join(str(part) for part in (self.path, self.line, self.column) if part is not None)
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
