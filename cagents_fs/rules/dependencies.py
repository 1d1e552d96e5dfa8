"""What may start now, and what can start no more?"""

from collections.abc import Iterator

from cagents_fs.core.index import Index, Record, Work
from cagents_fs.model.actions import Action, Move
from cagents_fs.model.observations import Now
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import NOT_STARTED, QUEUED, State


def decide(index: Index, policy: Policy, now: Now) -> Iterator[Action]:  # noqa: ARG001 - all rules have one form
    """Which tasks are freed, held back or blocked by what became of others?"""
    for work in index.works.values():
        if work.history.intake is None:
            continue  # before that, nothing counts as missing
        causes = work.causes()
        yield from _blocked_now(work, causes)
        yield from _freed(work, causes)
        yield from _sorted_in(work, causes)


def _blocked_now(work: Work, causes: dict[str, tuple[str, ...]]) -> Iterator[Action]:
    for task_id in causes.keys() & work.touched.keys():
        record, lost = work.records[task_id], causes[task_id]
        if record.settled and (record.state in NOT_STARTED or record.state is State.RETRY):
            yield _move(record, work, State.BLOCKED, f"blocked by {', '.join(lost)}", lost)


def _freed(work: Work, causes: dict[str, tuple[str, ...]]) -> Iterator[Action]:
    for task_id in work.in_state[State.BLOCKED].keys() & work.touched.keys():
        record = work.records[task_id]
        if task_id in causes or not record.settled:
            continue
        was = ", ".join(record.ledger.blocked_by) or "it"
        target = State.WAITING if work.unmet[task_id] else State.GLOBAL
        yield _move(record, work, target, f"no longer blocked by {was}")


def _sorted_in(work: Work, causes: dict[str, tuple[str, ...]]) -> Iterator[Action]:
    for task_id in work.ready:
        record = work.records[task_id]
        if record.settled and task_id not in causes:
            yield _move(record, work, State.GLOBAL, "dependencies met" if work.edges[task_id] else "nothing blocks it")
    for task_id in tuple(work.touched):
        touched = work.records.get(task_id)
        if touched is None or not touched.settled or task_id in causes:
            continue
        if touched.state in QUEUED and work.unmet[task_id]:
            yield _move(touched, work, State.WAITING, f"waits for {_awaited(work, task_id)}")
        elif touched.state is State.PENDING:
            waits = bool(work.unmet[task_id])
            reason = f"waits for {_awaited(work, task_id)}" if waits else "nothing blocks it"
            yield _move(touched, work, State.WAITING if waits else State.GLOBAL, reason)


def _awaited(work: Work, task_id: str) -> str:
    unmet = [t for t in work.edges[task_id] if t not in work.records or not work.records[t].satisfied]
    return ", ".join(unmet[:5]) + (f" and {len(unmet) - 5} more" if len(unmet) > 5 else "")


def _move(record: Record, work: Work, target: State, reason: str, blocked_by: tuple[str, ...] = ()) -> Move:
    assert record.place is not None
    named = list(blocked_by)
    leaves_blocked = record.state is State.BLOCKED
    return Move(
        instruction=work.id,
        task_id=record.task.task_id,
        source=record.place,
        target=target.value,
        reason=reason,
        attempt=record.ledger.attempt,
        facts={"blocked_by": named} if named else {},
        edit_before={"blocked_by": None} if leaves_blocked else {},
        edit_after={"blocked_by": named} if named else {},
    )
