"""What a rule may ask for. Deciding and doing are different rooms; this is all that passes between them.

`reason` is a sentence for people: it goes to the journal and is what `explain` tells.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cagents_fs.model.faults import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Rename a task file from one directory of its instruction to another; one journal line.

    `edit_before` changes keys of the file in the source (only `retry`, `blocked`, `failed`, `cancelled`), `edit_after`
    in the target (only `blocked` and the final ones): an agent's `mv` can cross neither. A value of None removes a key.
    `facts` are further keys of the journal line, from which a restarted daemon knows what we know.
    """

    instruction: str
    task_id: str
    source: str
    target: str
    reason: str
    attempt: int
    agent: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    edit_before: Mapping[str, Any] = field(default_factory=dict)
    edit_after: Mapping[str, Any] = field(default_factory=dict)
    sweep: int | None = None  # put what this attempt left in its output directory aside first
    late_work_but: frozenset[str] | None = None  # where it may still come: SHA-256 of the manifests known to lie there


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A journal line that is no move. `first` means: durable before any rename of this turn."""

    instruction: str
    event: str
    reason: str
    task_id: str | None = None
    attempt: int | None = None
    agent: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    first: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognise:
    """A rename that somebody else made and that the table allows: only its journal line is missing."""

    instruction: str
    task_id: str
    source: str
    target: str
    reason: str
    attempt: int
    agent: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    edit_after: Mapping[str, Any] = field(default_factory=dict)
    sweep: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Undo:
    """A rename that somebody else made and that the table does not allow: rename back, one `finding` line."""

    instruction: str
    task_id: str
    source: str  # where it lies now
    target: str  # where the journal knows it
    reason: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Make:
    """Make a task file that is nowhere any more again, from the definition taken in."""

    instruction: str
    task_id: str
    place: str
    attempt: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tell:
    """Put a message into an agent's inbox. `key` makes the message's id: the same answer is the same file."""

    to: str
    type: str
    text: str
    key: str
    instruction: str | None = None
    task_id: str | None = None
    path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteVerdict:
    """Write `verification.yaml` beside a manifest."""

    instruction: str
    task_id: str
    attempt: int
    accepted: bool
    manifest_sha256: str
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalate:
    """Write an escalation of the daemon's own. `name` is its id: the same trouble is the same file."""

    instruction: str
    name: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Publish:
    """Write a file that tells others what the journal says: an opened checkpoint."""

    instruction: str
    path: str  # relative to the instruction
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepCopy:
    """Copy a file into the instruction's quarantine, with the reason."""

    instruction: str
    path: str  # relative to the instruction
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunChecks:
    """Run the checks of a task off the turn. `key` names what they are about; `before` is the run that must fail."""

    instruction: str
    task_id: str
    attempt: int
    key: str
    before: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StopChecks:
    """End the running checks of a task: nobody waits for their answer any more."""

    instruction: str
    task_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Start the process of a task that the runner holds, once the claim is durable."""

    instruction: str
    task_id: str
    agent: str
    attempt: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """End the process of a task, and everything in its group."""

    instruction: str
    task_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settle:
    """A request has been carried out: remove its file, once the last move is durable."""

    instruction: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """The whole has come to another phase: a journal line, and `status.yaml`."""

    instruction: str
    phase: str
    reason: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wake:
    """Look again at this time (observed seconds), even if nothing happens before."""

    at_s: float
    handed_in: tuple[str, str] | None = None  # and compare what was handed in for this task of this instruction


Action = (
    Move
    | Note
    | Recognise
    | Undo
    | Make
    | Tell
    | WriteVerdict
    | Escalate
    | Publish
    | KeepCopy
    | RunChecks
    | StopChecks
    | Start
    | Stop
    | Settle
    | Phase
    | Wake
)
