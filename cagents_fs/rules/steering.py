"""What a decision about a task comes to, be it asked for in a request or given in answer to an escalation."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from cagents_fs.core.index import Record, Work
from cagents_fs.model.actions import Action, Note, StopChecks
from cagents_fs.model.observations import Now
from cagents_fs.model.states import State
from cagents_fs.rules.verdicts import move

HELD = frozenset({State.IN_PROGRESS, State.UNDER_REVIEW})


def cancelled(work: Work, record: Record, reason: str, *, skip: bool = False) -> Iterator[Action]:
    """The task ends here; with `skip` those who wait for it go on without it."""
    yield StopChecks(instruction=work.id, task_id=record.task.task_id)
    if skip:
        yield move(work, record, State.CANCELLED, f"{reason}; those who wait for it go on without it", skip=True)
    else:
        yield move(work, record, State.CANCELLED, reason)


def passed_on(work: Work, record: Record, agent: str, reason: str, now: Now) -> Iterator[Action]:
    """The task is another agent's from now on: its next release goes there. What is begun, begins anew."""
    yield Note(
        instruction=work.id,
        event="reassigned",
        task_id=record.task.task_id,
        agent=agent,
        reason=f"{reason}; given to {agent}",
        first=True,
    )
    if record.state in HELD or record.ledger.escalation:
        yield from begun_anew(work, record, f"{reason}; begins anew at {agent}", now)


def begun_anew(work: Work, record: Record, reason: str, now: Now) -> Iterator[Action]:
    """The attempt ends without being a failure: the next one follows at once and costs no retry.

    Nothing where the task's file is nowhere: there is none to move, and `rescue` makes it again.
    """
    if record.place is None:
        return
    if record.state is State.UNDER_REVIEW:
        yield StopChecks(instruction=work.id, task_id=record.task.task_id)
    facts: dict[str, Any] = {"due": datetime.fromtimestamp(now.wall_s, UTC).isoformat()}
    if record.manifest:
        facts["void"] = record.manifest.sha256  # no late work: it is not wanted any more
    blocked = record.state is State.BLOCKED
    yield move(work, record, State.RETRY, reason, edit_before={"blocked_by": None} if blocked else None, **facts)


def waived(work: Work, task_id: str, on: list[str], reason: str) -> Note:
    """A task goes on without some of those it waits for."""
    return Note(
        instruction=work.id,
        event="dependency_waived",
        task_id=task_id,
        reason=f"{reason}; it goes on without {', '.join(on)}",
        facts={"on": on},
        first=True,
    )
