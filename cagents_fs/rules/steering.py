"""What a decision about a task comes to, be it asked for in a request or given in answer to an escalation."""

from collections.abc import Iterator
from datetime import UTC, datetime

from cagents_fs.core.index import Record, Work
from cagents_fs.model.actions import Action, Move, Note, StopChecks
from cagents_fs.model.observations import Now
from cagents_fs.model.states import State

HELD = frozenset({State.IN_PROGRESS, State.UNDER_REVIEW})


def cancelled(work: Work, record: Record, reason: str, *, skip: bool = False) -> Iterator[Action]:
    """The task ends here; with `skip` those who wait for it go on without it."""
    assert record.place is not None
    yield StopChecks(instruction=work.id, task_id=record.task.task_id)
    yield Move(
        instruction=work.id,
        task_id=record.task.task_id,
        source=record.place,
        target=State.CANCELLED.value,
        reason=reason + ("; those who wait for it go on without it" if skip else ""),
        attempt=record.ledger.attempt,
        agent=record.ledger.holder,
        facts={"skip": True} if skip else {},
    )


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
    """The attempt ends without being a failure: the next one follows at once and costs no retry."""
    assert record.place is not None
    if record.state is State.UNDER_REVIEW:
        yield StopChecks(instruction=work.id, task_id=record.task.task_id)
    yield Move(
        instruction=work.id,
        task_id=record.task.task_id,
        source=record.place,
        target=State.RETRY.value,
        reason=reason,
        attempt=record.ledger.attempt,
        agent=record.ledger.holder,
        facts={
            "due": datetime.fromtimestamp(now.wall_s, UTC).isoformat(),
            **({"void": record.manifest.sha256} if record.manifest else {}),  # no late work: it is not wanted any more
        },
        edit_before={"blocked_by": None} if record.state is State.BLOCKED else {},
    )


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
