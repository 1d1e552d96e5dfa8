"""Again, when, or never?"""

from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import blake2b

from cagents_fs.core.index import Index, Record, Work
from cagents_fs.model.actions import Action, Move, Wake
from cagents_fs.model.observations import Now
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import State


def decide(index: Index, policy: Policy, now: Now) -> Iterator[Action]:  # noqa: ARG001 - all rules have one form
    """Which tasks have waited out their backoff?"""
    for work in index.each():
        for task_id in work.in_state[State.RETRY]:
            record = work.records[task_id]
            if not record.settled or task_id in work.causes():
                continue
            due_s = record.ledger.due_wall_s or 0.0
            if now.wall_s < due_s:
                yield Wake(at_s=now.s + due_s - now.wall_s)
            elif not record.manifest_coming and (not _late_work(record) or work.open_children(task_id)):
                yield again(work, record, State.RETRY, "backoff over")


def again(work: Work, record: Record, source: State, reason: str, **facts: object) -> Move:
    """The next attempt: what the last one left is put aside, and the number that fences it off goes up."""
    ledger, task_id = record.ledger, record.task.task_id
    waits = bool(work.unmet[task_id])
    return Move(
        instruction=work.id,
        task_id=task_id,
        source=source.value,
        target=(State.WAITING if waits else State.GLOBAL).value,
        reason=f"{reason}; attempt {ledger.attempt + 1}",
        attempt=ledger.attempt + 1,
        facts=facts,
        edit_before={"attempt": ledger.attempt + 1, "status": None},
        sweep=ledger.attempt,
        late_work_but=_known_manifests(record) if source is State.RETRY and not _unreadable(record) else None,
    )


def after_failure(
    work: Work, record: Record, policy: Policy, now: Now, reason: str, error_type: str | None = None
) -> Move:
    """What becomes of a task whose attempt failed: another one after a pause, or none."""
    ledger, task = record.ledger, record.task
    assert record.state is not None
    facts: dict[str, object] = {"failure": True} if _says_something_of_its_agent(record, policy, error_type) else {}
    budget = policy.max_retries if task.max_retries is None else task.max_retries
    if error_type in policy.never_retry:
        target, why = State.FAILED, f"{reason}; {error_type} is never tried again"
    elif ledger.retries >= budget:
        target, why = State.FAILED, f"{reason}; {ledger.retries} of {budget} retries used"
    else:
        delay_s = backoff_s(policy, ledger.retries, f"{work.id}/{task.task_id}/{ledger.attempt}")
        due = datetime.fromtimestamp(now.wall_s + delay_s, UTC).isoformat()
        why = f"{reason}; retry {ledger.retries + 1} of {budget} in {delay_s:.0f} s"
        target = State.RETRY
        facts |= {"due": due, "retries": ledger.retries + 1}
    return Move(
        instruction=work.id,
        task_id=task.task_id,
        source=record.state.value,
        target=target.value,
        reason=why,
        attempt=ledger.attempt,
        agent=ledger.holder,
        facts={**facts, **({"error_type": error_type} if error_type else {})},
    )


def _says_something_of_its_agent(record: Record, policy: Policy, error_type: str | None) -> bool:
    """A task that nobody could do, or that brought a command that failed, is no failure of its agent (the breaker)."""
    kind = policy.agent_type(record.assigned)
    by_command = record.ledger.by_runner and kind is not None and kind.runs_commands
    return error_type not in policy.never_retry and not by_command


def backoff_s(policy: Policy, used: int, seed: str) -> float:
    """Seconds until the next attempt: base × multiplier^used, at most the maximum, plus up to a tenth of jitter.

    The jitter comes from the task's name, so that a replay gives the same, and only ever adds: nobody comes too early.
    """
    delay_s: float = min(policy.backoff_max_s, policy.backoff_base_s * policy.backoff_multiplier ** min(used, 64))
    if not policy.backoff_jitter:
        return delay_s
    share = int.from_bytes(blake2b(seed.encode(), digest_size=4).digest(), "big") / 2**32
    return delay_s * (1 + 0.1 * share)


def _unreadable(record: Record) -> bool:
    """A manifest that cannot be read is no late work, however often one looks."""
    return record.manifest is not None and record.manifest.manifest is None


def _known_manifests(record: Record) -> frozenset[str]:
    seen, judged = record.manifest, record.ledger.judged
    known = {seen.sha256 if seen else None, judged[0] if judged else None, record.ledger.refused}
    return frozenset(sha256 for sha256 in known if sha256 is not None)


def _late_work(record: Record) -> bool:
    """A manifest of the last attempt is there and has not been judged: it stops the backoff."""
    seen = record.manifest
    if seen is None or (seen.sha256, seen.evidence_sha256) == record.ledger.judged:
        return False
    manifest = seen.manifest
    if manifest is None or manifest.status != "completed" or seen.sha256 == record.ledger.refused:
        return False
    return (manifest.attempt or 1) == record.ledger.attempt
