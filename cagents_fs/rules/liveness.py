"""Who has gone quiet? A claim is a lease; every sign of life renews it (PROTOCOL section 5, Lease)."""

from collections.abc import Iterator

from cagents_fs.core.index import Index, Record, Work
from cagents_fs.model.actions import Action, Note, Wake
from cagents_fs.model.observations import Now
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import State
from cagents_fs.rules.retries import after_failure


def decide(index: Index, policy: Policy, now: Now) -> Iterator[Action]:
    """Whose lease has run out, and who is back?"""
    for work in index.each():
        for task_id in work.in_state[State.IN_PROGRESS]:
            record = work.records[task_id]
            if record.settled:
                yield from _look_at(work, record, policy, now)


def lease_s(record: Record, policy: Policy) -> float:
    """How long this task's agent may say nothing, in seconds: its type's for a process of the runner, else the lease.

    A promise of silence stretches it, up to the longest that a task may take.
    """
    own_s = policy.lease_s
    if record.ledger.by_runner and (kind := policy.agent_type(record.assigned)):
        own_s = kind.silence_s
    return max(own_s, min(record.promised_s, policy.max_task_duration_s))


def _look_at(work: Work, record: Record, policy: Policy, now: Now) -> Iterator[Action]:
    if (waits := work.waits(record)) is not None:  # it is not its turn: the lease stands still
        if record.stalled_s is not None:
            yield _note(work, record, "revived", f"{record.ledger.holder} waits {waits}")
        return
    seen_s, due_s = _seen_s(work, record), _due_s(work, record, policy)
    if record.stalled_s is not None and now.s < seen_s + lease_s(record, policy):
        yield _note(work, record, "revived", f"{record.ledger.holder} gives signs of life again")
    elif now.s < due_s:
        yield Wake(at_s=due_s)
    elif record.stalled_s is None:
        yield _note(work, record, "stalled", f"no sign of {record.ledger.holder} for {now.s - seen_s:.0f} s")
    else:
        reason = f"taken back from {record.ledger.holder}: no sign for {now.s - seen_s:.0f} s, grace included"
        yield after_failure(work, record, policy, now, reason, "stalled")


def is_due(work: Work, record: Record, policy: Policy, now: Now) -> bool:
    """Whether it will be called stalled or taken back now, unless a sign of life is found."""
    return record.settled and now.s >= _due_s(work, record, policy) and work.waits(record) is None


def _due_s(work: Work, record: Record, policy: Policy) -> float:
    """When, in observed seconds, silence has its next consequence: the end of the lease, then that of the grace."""
    lease_over_s = _seen_s(work, record) + lease_s(record, policy)
    return lease_over_s if record.stalled_s is None else max(lease_over_s, record.stalled_s + policy.reassign_grace_s)


def _seen_s(work: Work, record: Record) -> float:
    """Its last sign of life, or when the last of its children was done: nobody was waiting for a parent before."""
    if not (names := work.offspring.get(record.task.task_id)):  # this is asked of everybody at work in each turn
        return record.sign_s
    children = map(work.records.__getitem__, names)
    return max([record.sign_s, *(child.entered_s for child in children if child.satisfied)])


def _note(work: Work, record: Record, event: str, reason: str) -> Note:
    return Note(
        instruction=work.id,
        event=event,
        task_id=record.task.task_id,
        attempt=record.ledger.attempt,
        agent=record.ledger.holder,
        reason=reason,
    )
