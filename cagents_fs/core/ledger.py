"""What the journal knows of one task."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cagents_fs.model.observations import Process
from cagents_fs.model.states import QUEUED, State, folder_of, state_of

Line = Mapping[str, Any]
MOST_TOLD = 20  # attempts and verdicts of which the story is kept


@dataclass(slots=True)
class Ledger:
    """What the journal knows of one task."""

    digest: str | None = None  # of the definition taken in
    moved_seq: int = 0  # of the line that brought it where it is
    added: bool = False  # came after the plan, by a file in tasks/pending
    place: str | None = None
    came_from: str | None = None
    attempt: int = 1
    holder: str | None = None
    retries: int = 0  # attempts that count against the budget
    rejections: int = 0  # manifests rejected in this attempt
    due_wall_s: float | None = None  # when the backoff is over, on the wall clock: it has to outlive us
    accepted: str | None = None  # SHA-256 of the manifest
    judged: tuple[str, str] | None = None  # manifest and evidence of the last verdict
    refused: str | None = None  # the manifest that was answered without a verdict: stale, foreign, too late
    checked_before: bool = False
    by_runner: bool = False
    process: Process | None = None
    starts: int = 0
    runs: int = 0  # processes of this attempt that came to their end by themselves
    blocked_by: tuple[str, ...] = ()
    skipped: bool = False
    stalled: bool = False
    alerted: bool = False  # that nobody claims it
    missing: bool = False  # that its file is nowhere
    flagged: str | None = None  # when it was called stalled, or the alert was given, as the journal says it
    reason: str = ""  # of the last move
    since: str | None = None  # when that was, as the journal says it
    queued_seq: int = 0  # of the line that brought it into the queues
    queued_wall_s: float = 0.0  # when that was
    assigned: str | None = None  # to whom it was given instead of the agent of its definition
    paused: bool = False
    escalation: str | None = None  # the one of its own that blocks it
    laid: str | None = None  # the manifest that lay there when it was blocked so
    waived: frozenset[str] = frozenset()  # dependencies that it goes on without
    added_edges: tuple[str, ...] = ()  # hard dependencies that were added to a running mesh
    artifacts: tuple[Line, ...] = ()  # of the accepted manifest: path, resolved, size_bytes, checksum, type
    quality: Line = field(default_factory=dict)
    claimed_wall_s: float | None = None
    completed_at: str | None = None
    story: tuple[Line, ...] = ()  # of its failed attempts: attempt, agent, reason, faults

    def move(self, line: Line) -> None:
        """Take over a `moved` line."""
        source, target, attempt = line.get("from"), line["to"], line.get("attempt") or self.attempt
        if attempt != self.attempt:
            self.rejections, self.judged, self.refused, self.starts, self.runs = 0, None, None, 0, 0
            self.accepted, self.artifacts, self.quality, self.completed_at = None, (), {}, None
        self._clocks(line, source, state_of(target))
        self.came_from, self.place, self.attempt = source, target, attempt
        self.reason, self.since, self.flagged = line.get("reason") or "", line.get("time"), None
        self.moved_seq = line.get("seq", self.moved_seq)
        self.retries = line.get("retries", self.retries)
        self.skipped = bool(line.get("skip", False))
        self.stalled = self.alerted = self.missing = False
        self.blocked_by, self.escalation = tuple(line.get("blocked_by", ())), line.get("escalation")
        self.laid, self.refused = line.get("laid"), line.get("void") or self.refused
        state = state_of(target)
        if state is State.AGENTS:
            self.holder, self.by_runner = folder_of(target), False
        elif state is State.IN_PROGRESS:
            self.holder = line.get("agent") or self.holder
            self.runs = 0 if source == State.BLOCKED.value else self.runs  # it had to ask, and goes on
            was_queued = source is not None and state_of(source) is State.AGENTS  # None: its file is made again
            self.by_runner = line.get("by") == "runner" or (self.by_runner and not was_queued)
        elif state is State.RETRY and line.get("due"):
            self.due_wall_s = datetime.fromisoformat(line["due"]).timestamp()

    def _clocks(self, line: Line, source: str | None, state: State) -> None:
        """Since when it waits, works, is done; what became of the attempt that ends here."""
        before = state_of(source) if source else None
        if state in QUEUED and before not in QUEUED and before is not State.IN_PROGRESS:
            self.queued_seq, self.queued_wall_s = line.get("seq", self.queued_seq), wall_s_of(line)
        elif state is State.IN_PROGRESS and before is State.AGENTS:
            self.claimed_wall_s = wall_s_of(line)
        elif state is State.COMPLETED:
            self.completed_at = line.get("time") or self.completed_at
        elif state in (State.RETRY, State.FAILED) and before in (State.IN_PROGRESS, State.UNDER_REVIEW):
            self.tell({**line, "agent": self.holder})

    def tell(self, line: Line) -> None:
        """Keep what became of an attempt or a manifest: for the story that a person gets when nothing helped."""
        told = {key: line[key] for key in ("attempt", "agent", "event", "reason", "time") if line.get(key) is not None}
        self.story = (*self.story, told)[-MOST_TOLD:]


def wall_s_of(line: Line) -> float:
    """When a line was written, in seconds since the epoch; 0 where it does not say."""
    return datetime.fromisoformat(line["time"]).timestamp() if line.get("time") else 0.0
