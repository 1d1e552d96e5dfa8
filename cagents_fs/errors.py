"""Every way we refuse, each with what to do next.

Expected trouble (a lost race, a half-written file) is a value and impossible trouble is an assertion; what stands here
is the third kind: a call that cannot be answered. The exit codes are those of the protocol, section 8.
"""

from collections.abc import Sequence

from cagents_fs.model.faults import Fault

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_NOTHING = 3
EXIT_INVALID = 4
EXIT_HELD = 5


class CagentsError(Exception):
    """We refuse, and the message says what to do. `code` is a stable word for programs."""

    code = "error"
    exit_code = EXIT_FAILED

    def __init__(self, message: str, *, faults: Sequence[Fault] = (), code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.faults = tuple(faults)
        if code is not None:
            self.code = code


class UsageError(CagentsError):
    """The call itself makes no sense, or does not say which of several things it means."""

    code = "usage"
    exit_code = EXIT_USAGE


class NothingThere(CagentsError):
    """There is no such task, instruction or agent, or nothing to claim."""

    code = "not_found"
    exit_code = EXIT_NOTHING


class InvalidTree(CagentsError):
    """The tree, or a file in it, is not what it should be."""

    code = "invalid"
    exit_code = EXIT_INVALID


class TreeLost(InvalidTree):
    """The tree that we hold was moved, removed or replaced, or its lock was: we stop before we change anything."""

    code = "tree_lost"


class HeldByAnother(CagentsError):
    """Another daemon holds the tree."""

    code = "held"
    exit_code = EXIT_HELD


class StorageError(CagentsError):
    """The file system refuses: full, read-only, gone, no permission. Nothing was lost; we try again later."""

    code = "storage"
    exit_code = EXIT_FAILED
