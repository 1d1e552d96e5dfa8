"""The daemon's own escalations: what they are called, what they say, and when somebody counts as lost."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from cagents_fs.core.escalated import Escalated
from cagents_fs.core.index import Record, Work
from cagents_fs.model.actions import Escalate, Move, Note
from cagents_fs.model.ids import MAX_ID_LENGTH
from cagents_fs.model.lines import iso
from cagents_fs.model.observations import Now
from cagents_fs.model.states import State
from cagents_fs.rules.verdicts import move

DAEMON, PLANNER, ORCHESTRATOR, PERSON = "daemon", "planner", "orchestrator", "person"
BLOCKER = "blocker"
FAILED, SAYS_BLOCKED, GRAPH, CHILD, CHECKPOINT = "failed", "blocked", "graph", "child", "checkpoint"
# What an answer has to ask for to change anything about our own escalations; any other leaves them open.
HELPFUL = {
    FAILED: ("retry", "reassign", "skip_dependency", "cancel"),
    GRAPH: ("cancel", "skip_dependency"),
    CHILD: ("skip_dependency", "retry", "reassign", "cancel"),
    CHECKPOINT: ("retry", "skip_dependency", "reassign"),
}
MOST_SAID = 4000  # characters of a message; the whole is in the file


def name_of(kind: str, task_id: str, last: object) -> str:
    """The id of an escalation of ours: the same trouble has the same one, over restarts and crashes."""
    name = f"{kind}-{task_id}-{last}"
    if len(name) <= MAX_ID_LENGTH:
        return name
    return f"{kind}-{task_id[:60]}-{digest(task_id)}-{last}"


def is_of(name: str, kind: str, known: Escalated) -> bool:
    """Whether an escalation is one of ours, of this kind."""
    return known.sender == DAEMON and name.startswith(f"{kind}-")


def is_of_child(work: Work, name: str | None) -> bool:
    """Whether what blocks a task is the loss of a child: an escalation of ours, and none that is only called so."""
    known = work.history.escalations.get(name or "")
    return known is not None and name is not None and is_of(name, CHILD, known)


def helpful(name: str, sender: str | None) -> tuple[str, ...]:
    """The actions of an answer that change something about this escalation; the best first."""
    if sender == DAEMON:
        for kind, actions in HELPFUL.items():
            if name.startswith(f"{kind}-"):
                return actions
    return ("resume", "retry", "reassign", "cancel", "skip_dependency")


def digest(text: str) -> str:
    """A short name for a text."""
    return hashlib.blake2b(text.encode(errors="backslashreplace"), digest_size=4).hexdigest()


def content_of(said: BaseModel) -> str:
    """A name for what somebody wrote: equal for two files that say the same, however they are laid out."""
    return hashlib.sha256(said.model_dump_json(by_alias=True).encode()).hexdigest()[:16]


def asked_already(work: Work, name: str) -> bool:
    """Whether this was escalated before, whatever became of it."""
    return name in work.escalations or name in work.history.escalations


def open_ones(work: Work) -> Iterator[tuple[str, Escalated]]:
    """The escalations that nobody has answered."""
    return ((name, known) for name, known in work.history.escalations.items() if known.closed is None)


def plea(work: Work, name: str, now: Now, issue: str, severity: str = "high", **more: Any) -> Escalate:
    """An escalation of ours. `more` are further keys of it; those that are None are left out."""
    fields: dict[str, Any] = {"escalation_id": name, "from_agent": DAEMON, "timestamp": iso(now.wall_s)}
    fields |= {"severity": severity, "issue_description": issue} | more
    return Escalate(instruction=work.id, name=name, fields={k: v for k, v in fields.items() if v is not None})


def closed(work: Work, name: str, action: str, by: str, reason: str, more: Mapping[str, Any] | None = None) -> Note:
    """The line that ends an escalation. It follows the moves it stands for: a crash between them repeats both."""
    known = work.history.escalations[name]
    return Note(
        instruction=work.id,
        event="escalation_answered",
        task_id=known.task_id,
        attempt=known.attempt,
        reason=reason,
        facts={"escalation_id": name, "action": action, "from": by, **(more or {})},
    )


def back_to_work(work: Work, record: Record, reason: str) -> Move:
    """A task that its own escalation blocked goes on in the same attempt."""
    return move(work, record, State.IN_PROGRESS, reason, edit_before={"blocked_by": None})


def holder_of_parent(work: Work, task_id: str | None) -> str | None:
    """Who holds the task of which this one is a part."""
    record = work.records.get(task_id or "")
    parent = work.records.get((record.task.parent_task_id if record else None) or "")
    return parent.holder if parent else None


def asks_for_help(work: Work, record: Record) -> bool:
    """Whether a blocker of this attempt is open, be it seen in this very turn: then nothing is handed in for it."""
    task_id, attempt = record.task.task_id, record.ledger.attempt
    unseen = (said for name, said in work.escalations.items() if name not in work.history.escalations)
    return any(
        said.task_id == task_id and said.severity == BLOCKER and said.attempt in (None, attempt) for said in unseen
    ) or any(
        known.task_id == task_id and known.severity == BLOCKER and known.attempt == attempt and not known.blocked
        for _, known in open_ones(work)
    )


def decisions(work: Work, task_id: str) -> list[str]:
    """What was decided about a task, in answer to what."""
    answered = (known for known in work.history.escalations.values() if known.task_id == task_id and known.decision)
    return [f"{known.closed}: {known.decision} (asked was: {known.issue})" for known in answered]


def is_lost(work: Work, task_id: str) -> bool:
    """Whether nobody can be given this task any more: it failed, was cancelled, is not there, or cannot start.

    One that is blocked by a question of its own is not lost: whoever answers sets it to work again.
    """
    record = work.records.get(task_id)
    if record is None:
        return work.history.intake is not None
    if record.state is State.BLOCKED:
        return record.ledger.escalation is None or is_of_child(work, record.ledger.escalation)
    return record.state in (State.FAILED, State.CANCELLED) and not record.satisfied


def lost_children(work: Work, parent: str) -> list[str]:
    """The parts of a task that will not be done."""
    return [child for child in work.open_children(parent) if is_lost(work, child)]
