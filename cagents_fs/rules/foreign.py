"""What has somebody else moved? What the table allows is written down; the rest goes back to where it was."""

from collections.abc import Iterator
from datetime import UTC, datetime

from cagents_fs.core.index import Index, Record, Work
from cagents_fs.model.actions import Action, Note, Recognise, Tell, Undo
from cagents_fs.model.observations import Now
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import AS_FROM_PENDING, QUEUED, State, folder_of, is_legal, state_of
from cagents_fs.rules.retries import after_failure

KEEPS_BUDGET = frozenset({State.RETRY, State.BLOCKED})
LEAVING_RAISES = frozenset({State.RETRY, State.FAILED, State.CANCELLED})  # the attempt goes up on the way out


def decide(index: Index, policy: Policy, now: Now) -> Iterator[Action]:
    """Which tasks lie elsewhere than the journal says?"""
    for work in index.each():
        for task_id in tuple(work.touched):
            record = work.records.get(task_id)
            if record and record.place and record.ledger.place and not record.settled:
                yield from _answer(work, record, policy, now)


def _answer(work: Work, record: Record, policy: Policy, now: Now) -> Iterator[Action]:
    source, target, task_id = record.ledger.place or "", record.place or "", record.task.task_id
    before, after = state_of(source), state_of(target)
    waits = before is State.BLOCKED and after is State.IN_PROGRESS and not record.ledger.escalation
    early = waits or (after in QUEUED and bool(work.unmet[task_id]))
    # Late work waits for nobody's answer. And nothing would tell then that its attempt is over: it would go on.
    late = before is State.UNDER_REVIEW and record.ledger.came_from == State.RETRY.value and after is State.BLOCKED
    if early or late or not is_legal(source, target):
        why = "while it still waits for others" if early else "which no rule allows"
        reason = f"somebody moved it from {source} to {target}, {why}; put back"
        yield Undo(
            instruction=work.id,
            task_id=task_id,
            source=target,
            target=source,
            reason=reason,
            attempt=record.ledger.attempt,
        )
        to = folder_of(target) or record.holder or "planner"
        key = f"undone/{work.id}/{task_id}/{source}/{target}/{record.arrived}"
        yield Tell(to=to, type="error", text=f"{task_id}: {reason}", key=key, instruction=work.id, task_id=task_id)
    elif after is State.COMPLETED:
        return  # judged where it lies, by the rule of completion
    elif before is State.AGENTS and after is State.IN_PROGRESS:
        agent = folder_of(source)
        yield _recognise(work, record, f"claimed by {agent}", agent=agent)
    elif after is State.RETRY:
        facts = {**after_failure(work, record, policy, now, "moved by somebody else").facts}
        facts.pop("failure", None)  # of the agent: nobody knows why this was done
        due = datetime.fromtimestamp(now.wall_s, UTC).isoformat()
        yield _recognise(work, record, "moved by somebody else", **{"due": due, **facts})
    elif after in AS_FROM_PENDING and (before in LEAVING_RAISES or _was_in_retry(record)):
        yield _raised(work, record)
    else:
        yield _recognise(work, record, "moved by somebody else")


def _was_in_retry(record: Record) -> bool:
    """Blocked while it waited out its backoff: its last attempt is over, and the next one is another one."""
    return record.ledger.place == State.BLOCKED.value and record.ledger.came_from == State.RETRY.value


def _recognise(work: Work, record: Record, reason: str, agent: str | None = None, **facts: object) -> Recognise:
    return Recognise(
        instruction=work.id,
        task_id=record.task.task_id,
        source=record.ledger.place or "",
        target=record.place or "",
        reason=reason,
        attempt=record.ledger.attempt,
        agent=agent,
        facts=facts,
    )


def _raised(work: Work, record: Record) -> Recognise:
    """A person took a task up again by hand: it is a new attempt, as if it had been asked for.

    Its file lies in a queue from which only the daemon takes, so that its number can still be written into it.
    """
    attempt = record.ledger.attempt + 1
    return Recognise(
        instruction=work.id,
        task_id=record.task.task_id,
        source=record.ledger.place or "",
        target=record.place or "",
        reason=f"taken up again by somebody else; attempt {attempt}",
        attempt=attempt,
        facts={"retries": record.ledger.retries if state_of(record.ledger.place or "") in KEEPS_BUDGET else 0},
        edit_after={"attempt": attempt},
        sweep=record.ledger.attempt,
    )


def missing(work: Work, record: Record) -> Note:
    """A task that two full looks did not find: it is not made again unless somebody asks for it."""
    text = f"its file is nowhere; `cagents-fs rescue {work.id}` makes it again from the definition taken in"
    return Note(
        instruction=work.id,
        event="alert",
        task_id=record.task.task_id,
        attempt=record.ledger.attempt,
        reason=text,
        facts={"alert": "task_missing"},
    )
