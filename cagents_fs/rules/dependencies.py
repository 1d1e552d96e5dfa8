"""What may start now, and what can start no more?"""

from collections.abc import Iterator
from hashlib import blake2b

from cagents_fs.core.graph import cycle
from cagents_fs.core.index import Index, Record, Work, waits_also
from cagents_fs.model.actions import Action, Escalate, Move
from cagents_fs.model.lines import iso
from cagents_fs.model.observations import Now
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import NOT_STARTED, QUEUED, State

PLANNER = "planner"


def decide(index: Index, policy: Policy, now: Now) -> Iterator[Action]:  # noqa: ARG001 - all rules have one form
    """Which tasks are freed, held back or blocked by what became of others?"""
    for work in index.each():
        if work.history.intake is None:
            continue  # before that, nothing counts as missing
        causes = work.causes()
        yield from _blocked_now(index, work, causes, now)
        yield from _freed(work, causes)
        yield from _sorted_in(work, causes)


def _blocked_now(index: Index, work: Work, causes: dict[str, tuple[str, ...]], now: Now) -> Iterator[Action]:
    for task_id in [task_id for task_id in work.touched if task_id in causes]:
        record, lost = work.records[task_id], causes[task_id]
        if record.settled and (record.state in NOT_STARTED or record.state is State.RETRY):
            yield _move(record, work, State.BLOCKED, f"blocked by {_why(work, task_id, lost)}", lost)
            yield from _broken_graph(index, work, record, now)


def _why(work: Work, task_id: str, lost: tuple[str, ...]) -> str:
    """The lost tasks; of one that is done, that it did not hand in what is needed of it."""
    said = []
    for cause in lost:
        lacks = (task_id, cause) in work.lacking
        said.append(f"{cause}, which was completed without the artifact that it needs" if lacks else cause)
    return ", ".join(said)


def _broken_graph(index: Index, work: Work, record: Record, now: Now) -> Iterator[Action]:
    """A dependency that is not there, or a circle: only a planner can mend it (section 5)."""
    task_id = record.task.task_id
    missing = [t for t in work.edges[task_id] if ":" not in t and t not in work.records]
    missing += [t for t in work.edges[task_id] if work.outside.get(t) == "lost" and not index.knows(t)]
    if task_id in work.circular:
        path = cycle({t: on for t, on in waits_also(work).items() if t in work.circular}) or [task_id]
        text = f"these tasks wait for each other: {' -> '.join(path)}; cancel one of them, or add one that does not"
    elif task_id in work.tangled:
        path = index.circle_through(work, task_id)
        text = f"these tasks of several instructions wait for each other: {' -> '.join(path)}; cancel one of them"
    elif missing:
        text = f"{task_id} waits for {', '.join(missing)}, which is not there; add it, or cancel {task_id}"
    else:
        return
    name = f"graph-{task_id[:60]}-{blake2b(text.encode(), digest_size=3).hexdigest()}"
    if name in work.escalations or name in work.history.escalations:
        return
    fields = {
        "escalation_id": name,
        "from_agent": "daemon",
        "to_agent": PLANNER,
        "task_id": task_id,
        "timestamp": iso(now.wall_s),
        "severity": "high",
        "issue_description": text,
        "requested_decision": "cancel (ends it), or skip_dependency (it goes on without)",
    }
    yield Escalate(instruction=work.id, name=name, fields=fields)


def _freed(work: Work, causes: dict[str, tuple[str, ...]]) -> Iterator[Action]:
    for task_id in [task_id for task_id in work.in_state[State.BLOCKED] if task_id in work.touched]:
        record = work.records[task_id]
        if task_id in causes or not record.settled or record.ledger.escalation:
            continue
        was = ", ".join(record.ledger.blocked_by) or "it"
        reason = f"no longer blocked by {was}"
        if record.ledger.came_from == State.RETRY.value:  # its last attempt is over: the backoff goes on
            yield _move(record, work, State.RETRY, reason)
        else:
            yield _move(record, work, State.WAITING if work.unmet[task_id] else State.GLOBAL, reason)


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
            yield _move(touched, work, State.WAITING, f"waits for {awaited(work, task_id)}")
        elif touched.state is State.PENDING:
            waits = bool(work.unmet[task_id])
            reason = f"waits for {awaited(work, task_id)}" if waits else "nothing blocks it"
            yield _move(touched, work, State.WAITING if waits else State.GLOBAL, reason)


def awaited(work: Work, task_id: str) -> str:
    """Whom a task still waits for, in words."""
    unmet = work.unmet_of(task_id)
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
