"""Which parents wait in vain? Who has handed in and lost a child is blocked until it is back, or done without."""

from collections.abc import Iterator

from cagents_fs.core.escalated import Escalated
from cagents_fs.core.index import Index, Record, Work
from cagents_fs.model.actions import Action
from cagents_fs.model.observations import Now
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import State
from cagents_fs.rules.pleas import (
    BLOCKER,
    CHILD,
    DAEMON,
    asked_already,
    back_to_work,
    closed,
    digest,
    is_of,
    lost_children,
    name_of,
    open_ones,
    plea,
)


def decide(index: Index, policy: Policy, now: Now) -> Iterator[Action]:  # noqa: ARG001 - all rules have one form
    """Who has lost a child, and who has got it back?"""
    for work in index.each():
        for parent in work.offspring:
            record = work.records.get(parent)
            if record is not None and _waits(record):
                yield from _asked_for(work, record, lost_children(work, parent), now)
        yield from _healed(work)


def _waits(record: Record) -> bool:
    """Its own part is there and unjudged, or its agent says that it is blocked: what is left is the children's."""
    return record.waits_for_children and record.state is State.IN_PROGRESS and record.settled


def _asked_for(work: Work, record: Record, lost: list[str], now: Now) -> Iterator[Action]:
    parent = record.task.task_id
    if not lost:
        return
    trouble = [f"{parent}/{record.ledger.attempt}"]
    trouble += [f"{child}/{work.records[child].ledger.attempt}/{work.records[child].state}" for child in lost]
    before = [name for name, known in work.history.escalations.items() if _is_past(name, known, parent)]
    name = name_of(CHILD, parent, digest("|".join([*trouble, str(len(before))])))
    if asked_already(work, name):
        return
    told = ", ".join(f"{child} ({_what(work.records[child])})" for child in lost)
    yield plea(
        work,
        name,
        now,
        f"{parent} waits for its children; lost are {told}",
        BLOCKER,
        task_id=parent,
        requested_decision="take the children up again (`cagents-fs retry`), or skip_dependency: it does without them",
    )


def _is_past(name: str, known: Escalated, parent: str) -> bool:
    """Whether this was asked for the parent before, and healed: what is lost once more is asked once more."""
    return known.task_id == parent and known.closed == "healed" and is_of(name, CHILD, known)


def _what(record: Record) -> str:
    state = record.state.name.lower() if record.state else "missing"
    return f"{state}: {record.ledger.reason}" if record.ledger.reason else state


def _healed(work: Work) -> Iterator[Action]:
    """The children are at work again, or done: so is the parent."""
    for name, known in open_ones(work):
        record = work.records.get(known.task_id or "")
        if record is None or not is_of(name, CHILD, known) or not record.settled:
            continue
        if name in work.responses or lost_children(work, record.task.task_id):
            continue
        reason = f"the children of {record.task.task_id} are lost no longer"
        if record.state is State.BLOCKED and record.ledger.escalation == name:
            yield back_to_work(work, record, reason)
        yield closed(work, name, "healed", DAEMON, reason)
