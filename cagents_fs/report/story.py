"""Why is a task where it is? Its state in words, and its story from the journal."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cagents_fs.core.index import Index, Record, Work
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import State, folder_of
from cagents_fs.rules.limits import refusal

TOLD = frozenset(
    {
        "taken_in",
        "moved",
        "accepted",
        "rejected",
        "failed_attempt",
        "stalled",
        "revived",
        "answered",
        "finding",
        "alert",
    }
    | {"process_started", "process_ended", "checked_before", "warning"}
)


def reasons(
    index: Index, work: Work, record: Record, policy: Policy, lines: Iterable[Mapping[str, Any]], wall_s: float
) -> list[str]:
    """Sentences that name the tasks, agents and times concerned; the most important first."""
    task_id = record.task.task_id
    told = [line for line in lines if line.get("task_id") == task_id]
    last = next((line for line in reversed(told) if line["event"] == "moved"), None)
    found = list(_now(index, work, record, policy, wall_s))
    if last is not None:
        found.append(f"{last['time']}: {last['reason']}")
    verdict = next((line for line in reversed(told) if line["event"] in ("accepted", "rejected")), None)
    if verdict is not None and record.state is not State.COMPLETED:
        found.append(f"{verdict['time']}: last verdict: {verdict['event']}: {verdict['reason']}")
    return found


def _now(index: Index, work: Work, record: Record, policy: Policy, wall_s: float) -> Iterator[str]:
    task_id, ledger = record.task.task_id, record.ledger
    match record.state:
        case None:
            yield f"its file is nowhere; `cagents-fs rescue {work.id}` makes it again"
        case State.PENDING:
            yield "it has not been taken in yet; a daemon does that (`cagents-fs watch`)"
        case State.WAITING:
            for awaited in work.edges[task_id]:
                yield from _awaits(work, awaited)
        case State.GLOBAL | State.DOMAINS:
            yield from _not_released(work, record, policy)
        case State.AGENTS:
            agent = folder_of(record.place or "") or ""
            yield f"it is ready and waits in the queue of {agent} for {agent} to claim it"
            if held := refusal(index, work, agent, policy, wall_s):
                yield held
        case State.IN_PROGRESS:
            yield f"{ledger.holder} works on it, attempt {ledger.attempt}"
            if ledger.stalled:
                yield f"{ledger.holder} has gone quiet; it is taken back after the grace"
        case State.UNDER_REVIEW:
            yield f"the manifest of {ledger.holder} is there and its checks run"
        case State.RETRY:
            yield f"attempt {ledger.attempt} of {ledger.holder} failed; the next one comes when the backoff is over"
        case State.BLOCKED:
            lost = work.causes().get(task_id, ledger.blocked_by)
            yield from (_lost(work, cause) for cause in lost)
        case State.COMPLETED:
            yield (
                f"completed by {ledger.holder} in attempt {ledger.attempt} and verified"
                if ledger.accepted
                else ("somebody put it here; it is judged, and releases nobody until it holds")
            )
        case State.FAILED | State.CANCELLED:
            yield f"{record.state.name.lower()}; `cagents-fs retry {work.id}/{task_id}` takes it up again"


def _awaits(work: Work, awaited: str) -> Iterator[str]:
    other = work.records.get(awaited)
    if other is None:
        yield f"it waits for {awaited}, which is not there"
    elif not other.satisfied:
        holder = f", held by {other.ledger.holder}" if other.state is State.IN_PROGRESS else ""
        yield f"it waits for {awaited}, which is in {other.place or 'no place at the moment'}{holder}"


def _not_released(work: Work, record: Record, policy: Policy) -> Iterator[str]:
    agent = record.task.assigned_agent or policy.default_agent
    depth = len(work.at_agent.get(agent, ()))
    if any(c.must_fail_before for c in record.task.acceptance_criteria) and not record.ledger.checked_before:
        yield "its checks are run once before anybody begins, to see them fail"
    if depth >= policy.max_queue_depth:
        yield f"the queue of {agent} is full ({depth} of {policy.max_queue_depth}, max_queue_depth)"
    elif work.mode == "sequential":
        others = [*work.in_state[State.AGENTS], *work.in_state[State.IN_PROGRESS]]
        yield f"sequential mode: one after another; now it is the turn of {', '.join(others[:3]) or 'nobody'}"
    elif work.mode == "pipeline" and work.level[record.task.task_id] > work.open_level():
        yield f"it is of stage {work.level[record.task.task_id] + 1}, and stage {work.open_level() + 1} is not done"
    else:
        yield f"nothing blocks it; it is released to {agent} in the daemon's next turn"


def _lost(work: Work, cause: str) -> str:
    other = work.records.get(cause)
    if other is None:
        return f"it is blocked by {cause}, which does not exist; add it, or cancel this one"
    if other.state in (State.FAILED, State.CANCELLED):
        return f"it is blocked by {cause}, which is in {other.place}; `cagents-fs retry {work.id}/{cause}` frees it"
    return f"it is blocked by {cause}, which is in {other.place}"


def story(task_id: str, lines: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What the journal tells of one task, in order."""
    kept = ("time", "event", "from", "to", "attempt", "agent", "reason")
    return [
        {key: line.get(key) for key in kept}
        for line in lines
        if line.get("task_id") == task_id and line["event"] in TOLD
    ]
