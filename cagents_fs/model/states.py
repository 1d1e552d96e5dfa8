"""The life of a task: in which directories a task file may lie, and which moves between them are legal.

`TABLE` is the one place where a move is allowed; the daemon obeys it, foreign moves are held against it, and the
picture in the documentation is drawn from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """A kind of directory for task files, in the order of life. The value is its path below the instruction."""

    PENDING = "tasks/pending"
    WAITING = "queues/waiting_on_dependencies"
    GLOBAL = "queues/global"
    DOMAINS = "queues/domains"  # one folder per domain below it
    AGENTS = "queues/agents"  # one folder per agent below it
    IN_PROGRESS = "tasks/in_progress"
    UNDER_REVIEW = "tasks/under_review"
    RETRY = "queues/retry"
    BLOCKED = "tasks/blocked"
    COMPLETED = "tasks/completed"
    FAILED = "tasks/failed"
    CANCELLED = "tasks/cancelled"


ORDER_OF_LIFE: Mapping[State, int] = {state: position for position, state in enumerate(State)}
FOLDERED = frozenset({State.DOMAINS, State.AGENTS})
NOT_STARTED = frozenset({State.PENDING, State.WAITING, State.GLOBAL, State.DOMAINS, State.AGENTS})
QUEUED = frozenset({State.GLOBAL, State.DOMAINS, State.AGENTS})
FINAL = frozenset({State.COMPLETED, State.FAILED, State.CANCELLED})
UNFINISHED = frozenset(State) - FINAL

FINAL_COUNTS = ("completed", "failed", "cancelled")

# How `status --json` counts; `queued` is all queues from which work is taken.
COUNTED_AS: Mapping[State, str] = {
    State.PENDING: "pending",
    State.WAITING: "waiting",
    State.GLOBAL: "queued",
    State.DOMAINS: "queued",
    State.AGENTS: "queued",
    State.IN_PROGRESS: "in_progress",
    State.UNDER_REVIEW: "under_review",
    State.RETRY: "retry",
    State.BLOCKED: "blocked",
    State.COMPLETED: "completed",
    State.FAILED: "failed",
    State.CANCELLED: "cancelled",
}
COUNTS = ("pending", "waiting", "queued", "in_progress", "under_review", "blocked", "retry", *FINAL_COUNTS)


class Who(StrEnum):
    """Who may make a move."""

    DAEMON = "daemon"
    AGENT = "agent"
    REQUEST = "request"


@dataclass(frozen=True, slots=True)
class Transition:
    """One row of the table: from any of `sources` to any of `targets`."""

    sources: frozenset[State]
    targets: frozenset[State]
    who: Who
    when: str


def _row(sources: frozenset[State] | set[State], targets: set[State], who: Who, when: str) -> Transition:
    return Transition(frozenset(sources), frozenset(targets), who, when)


AS_FROM_PENDING = {State.WAITING, State.GLOBAL}

TABLE: tuple[Transition, ...] = (
    _row({State.PENDING}, {State.WAITING}, Who.DAEMON, "a blocking dependency is unmet"),
    _row({State.PENDING}, {State.GLOBAL}, Who.DAEMON, "nothing blocks it"),
    _row(
        {State.WAITING},
        {State.GLOBAL, State.DOMAINS, State.AGENTS},
        Who.DAEMON,
        "the last blocking dependency is met",
    ),
    _row(
        {State.GLOBAL},
        {State.DOMAINS, State.AGENTS},
        Who.DAEMON,
        "released to an agent; while none has room, to its domain",
    ),
    _row({State.DOMAINS}, {State.AGENTS}, Who.DAEMON, "an agent has room"),
    _row(
        {State.AGENTS},
        {State.DOMAINS},
        Who.DAEMON,
        "paused, given to somebody else; rebalancing, stealing, unclaimed too long",
    ),
    _row(QUEUED, {State.WAITING}, Who.DAEMON, "a dependency was added, or is unmet after all"),
    _row({State.AGENTS}, {State.IN_PROGRESS}, Who.AGENT, "claim"),
    _row(
        {State.IN_PROGRESS},
        {State.AGENTS},
        Who.DAEMON,
        "a claim over a limit, of a paused instruction or with an open breaker, put back",
    ),
    _row(
        {State.IN_PROGRESS, State.RETRY},
        {State.UNDER_REVIEW},
        Who.DAEMON,
        "a manifest of the last attempt, and checks to run; from `retry` always",
    ),
    _row({State.IN_PROGRESS, State.UNDER_REVIEW}, {State.COMPLETED}, Who.DAEMON, "verified"),
    _row({State.UNDER_REVIEW}, {State.IN_PROGRESS}, Who.DAEMON, "rejected: rework"),
    _row(
        {State.UNDER_REVIEW},
        {State.RETRY},
        Who.DAEMON,
        "late work rejected, rework exhausted; given to somebody else, or the answer says retry",
    ),
    _row(
        {State.IN_PROGRESS, State.UNDER_REVIEW},
        {State.BLOCKED},
        Who.DAEMON,
        "its own open escalation of severity blocker; a child that is lost",
    ),
    _row(NOT_STARTED | {State.RETRY}, {State.BLOCKED}, Who.DAEMON, "a hard or data dependency can no longer be met"),
    _row(
        {State.IN_PROGRESS},
        {State.RETRY},
        Who.DAEMON,
        "stalled, failed or rework exhausted, with retries left; given to somebody else, or the answer says retry",
    ),
    _row({State.RETRY}, AS_FROM_PENDING, Who.DAEMON, "the backoff is over"),
    _row(
        {State.IN_PROGRESS, State.UNDER_REVIEW, State.RETRY, State.BLOCKED},
        {State.FAILED},
        Who.DAEMON,
        "retries exhausted, or the answer says so",
    ),
    _row(
        {State.BLOCKED},
        AS_FROM_PENDING | {State.IN_PROGRESS, State.RETRY},
        Who.DAEMON,
        "the cause is gone, or the escalation is answered",
    ),
    _row(
        {State.FAILED, State.CANCELLED}, AS_FROM_PENDING, Who.REQUEST, "`retry`, `rescue`, or an answer that says retry"
    ),
    _row(UNFINISHED, {State.CANCELLED}, Who.REQUEST, "`cancel`, or an answer that says so"),
)

LEGAL: frozenset[tuple[State, State]] = frozenset(
    (source, target) for row in TABLE for source in row.sources for target in row.targets
)


def state_of(place: str) -> State:
    """The state that a directory, relative to the instruction, stands for. Raises ValueError for any other folder."""
    head, _, _ = place.removeprefix("queues/").partition("/") if place.startswith("queues/") else (place, "", "")
    return State(f"queues/{head}" if place.startswith("queues/") else head)


def place_of(state: State, folder: str | None = None) -> str:
    """The directory for a task in this state; `folder` is the domain or the agent, where there is one."""
    assert (folder is not None) == (state in FOLDERED), (state, folder)
    return f"{state.value}/{folder}" if folder else state.value


def folder_of(place: str) -> str | None:
    """The agent or domain in `queues/agents/A` or `queues/domains/D`; None for the other places."""
    parts = place.split("/")
    return parts[2] if len(parts) == 3 else None


def is_legal(source: str, target: str) -> bool:
    """Whether the table has this move. Two queues of one kind are never legal: balance goes through the domain."""
    return (state_of(source), state_of(target)) in LEGAL
