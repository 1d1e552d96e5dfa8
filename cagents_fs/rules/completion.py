"""What has been finished? A manifest is believed when the daemon has found everything as it says."""

from collections.abc import Iterator
from datetime import UTC, datetime

from cagents_fs.core.index import Index, Record, Work
from cagents_fs.model.actions import (
    Action,
    KeepCopy,
    Move,
    Note,
    Recognise,
    RunChecks,
    StopChecks,
    Tell,
    Undo,
    WriteVerdict,
)
from cagents_fs.model.faults import Fault
from cagents_fs.model.observations import ManifestSeen, Now
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import FINAL, NOT_STARTED, State
from cagents_fs.rules.retries import after_failure
from cagents_fs.rules.verification import content_faults, identity_faults, proven_criteria

CUT_SHORT = frozenset({State.IN_PROGRESS, State.UNDER_REVIEW, State.RETRY})


def decide(index: Index, policy: Policy, now: Now) -> Iterator[Action]:
    """Which manifests are there, and do they hold?"""
    for work in index.works.values():
        if work.history.intake is None:
            continue
        for task_id in tuple(work.touched):
            record = work.records.get(task_id)
            if record is None or record.place is None:
                continue
            if record.ledger.accepted is not None and record.settled and record.state in CUT_SHORT:
                yield _finished_after_a_crash(work, record)
            elif record.manifest is not None:
                yield from _look_at(work, record, record.manifest, policy, now)
            elif record.manifest_gone:
                yield from _without_manifest(work, record)


def _finished_after_a_crash(work: Work, record: Record) -> Action:
    """The journal has accepted it, the rename did not come to it: an acceptance holds, whatever lies there now."""
    target = State.UNDER_REVIEW if record.state is State.RETRY else State.COMPLETED
    return _move(work, record, target, "accepted before a crash; the move is made up for")


def _without_manifest(work: Work, record: Record) -> Iterator[Action]:
    if record.state is State.UNDER_REVIEW and record.settled:
        yield StopChecks(instruction=work.id, task_id=record.task.task_id)
        yield _move(work, record, State.IN_PROGRESS, "its manifest was taken away while it was judged")
    elif record.state is State.COMPLETED and record.ledger.accepted is None:
        yield _undo(work, record, "it lies in completed, and there is no manifest")


def _look_at(work: Work, record: Record, seen: ManifestSeen, policy: Policy, now: Now) -> Iterator[Action]:
    ledger, state = record.ledger, record.state
    if state in NOT_STARTED or seen.sha256 == ledger.refused:
        return  # not yet claimed: held until it is
    # Somebody else put it there, or the journal that knew of its acceptance is lost: it is judged where it lies.
    foreign = state is State.COMPLETED and ledger.accepted is None
    if not foreign and not record.settled:
        return
    if state is State.UNDER_REVIEW or foreign:
        yield from _review(work, record, seen, policy, now)
    elif (seen.sha256, seen.evidence_sha256) == ledger.judged:
        return
    elif state in FINAL:
        if seen.sha256 != ledger.accepted:
            text = f"{record.task.task_id} is {state.name.lower()} already; this manifest changes nothing"
            yield from _refuse(work, record, seen, (Fault("finished", text, seen.path),), event="finding")
    elif fence := identity_faults(record, seen):
        yield from _fenced(work, record, seen, tuple(fence))
    elif state in (State.IN_PROGRESS, State.RETRY):
        yield from _begin(work, record, seen, policy, now)
    elif state is State.BLOCKED:
        text = f"{record.task.task_id} is blocked by {', '.join(ledger.blocked_by) or 'a dependency'}; it is kept"
        yield from _refuse(work, record, seen, (Fault("blocked", text, seen.path),))


def _fenced(work: Work, record: Record, seen: ManifestSeen, faults: tuple[Fault, ...]) -> Iterator[Action]:
    """Stale, of another task, or from somebody who does not hold it: kept and answered, and no rework is counted."""
    if record.state is State.IN_PROGRESS and all(fault.code != "wrong_agent" for fault in faults):
        yield KeepCopy(instruction=work.id, path=seen.path, faults=faults)
        yield from _say_rejected(work, record, seen, faults, record.ledger.rejections)
    else:
        yield from _refuse(work, record, seen, faults)


def _begin(work: Work, record: Record, seen: ManifestSeen, policy: Policy, now: Now) -> Iterator[Action]:
    """A manifest of the running attempt, or late work of the last one."""
    manifest, task_id = seen.manifest, record.task.task_id
    if manifest is not None and manifest.status == "partial":
        return
    if manifest is not None and manifest.status == "failed" and record.state is State.IN_PROGRESS:
        said = " | ".join((manifest.subagent_notes or "").strip().splitlines()[:6])
        reason = f"{manifest.subagent} reports failure" + (f": {said[:400]}" if said else "")
        yield Note(
            instruction=work.id,
            event="failed_attempt",
            task_id=task_id,
            attempt=record.ledger.attempt,
            agent=record.ledger.holder,
            reason=reason,
            facts={
                "error_type": manifest.error_type,
                "manifest_sha256": seen.sha256,
                "evidence_sha256": seen.evidence_sha256,
            },
        )
        yield after_failure(work, record, policy, now, reason, manifest.error_type)
        return
    if record.state is State.RETRY:
        if manifest is not None and manifest.status == "completed":
            yield _move(work, record, State.UNDER_REVIEW, "late work: a manifest of the last attempt arrived")
        return
    if manifest is not None and proven_criteria(record, policy):
        yield _move(work, record, State.UNDER_REVIEW, "a manifest is there; its checks run")
        return
    yield from _verdict(work, record, seen, _all_faults(work, record, seen, policy), policy, now)


def _review(work: Work, record: Record, seen: ManifestSeen, policy: Policy, now: Now) -> Iterator[Action]:
    """Under review: run the checks of exactly this manifest, then say what came out."""
    task_id, proven = record.task.task_id, proven_criteria(record, policy)
    fence = identity_faults(record, seen)
    if fence or not proven or seen.manifest is None:
        faults = [*fence, *_all_faults(work, record, seen, policy)]
        yield from _verdict(work, record, seen, faults, policy, now)
    elif record.checks is not None and record.checks.key == seen.key:
        faults = [*_all_faults(work, record, seen, policy), *record.checks.faults]
        yield from _verdict(work, record, seen, faults, policy, now)
    elif record.checking != seen.key:
        if record.checking is not None:
            yield StopChecks(instruction=work.id, task_id=task_id)
        yield RunChecks(instruction=work.id, task_id=task_id, attempt=record.ledger.attempt, key=seen.key)


def _all_faults(work: Work, record: Record, seen: ManifestSeen, policy: Policy) -> list[Fault]:
    if seen.manifest is None:
        return list(seen.faults)
    faults = [*seen.faults, *content_faults(work, record, seen, policy)]
    if seen.manifest.status != "completed":
        faults.append(Fault("schema", f"status is `{seen.manifest.status}`; only completed work is judged", seen.path))
    return faults


def _verdict(
    work: Work, record: Record, seen: ManifestSeen, faults: list[Fault], policy: Policy, now: Now
) -> Iterator[Action]:
    if faults:
        yield from _reject(work, record, seen, tuple(faults), policy, now)
    else:
        yield from _accept(work, record, seen)


def _accept(work: Work, record: Record, seen: ManifestSeen) -> Iterator[Action]:
    assert seen.manifest is not None
    ledger, task_id = record.ledger, record.task.task_id
    late = ledger.came_from == State.RETRY.value and record.state is State.UNDER_REVIEW
    count = len(seen.manifest.artifacts)
    reason = f"manifest holds: {count} artifact{'s' if count != 1 else ''}, every criterion" + (", late" * late)
    yield Note(
        instruction=work.id,
        event="accepted",
        task_id=task_id,
        attempt=ledger.attempt,
        agent=ledger.holder,
        reason=reason,
        facts={
            "manifest_sha256": seen.sha256,
            "evidence_sha256": seen.evidence_sha256,
            "path": seen.path,
            "manifest": seen.text,
        },
        first=True,
    )
    if record.state is not State.COMPLETED:
        yield _move(work, record, State.COMPLETED, reason)
    elif not record.settled:
        assert ledger.place is not None and record.place is not None
        yield Recognise(
            instruction=work.id,
            task_id=task_id,
            source=ledger.place,
            target=record.place,
            reason=f"moved by somebody else; {reason}",
            attempt=ledger.attempt,
        )


def _reject(
    work: Work, record: Record, seen: ManifestSeen, faults: tuple[Fault, ...], policy: Policy, now: Now
) -> Iterator[Action]:
    ledger = record.ledger
    fresh = ledger.judged is None or ledger.judged[0] != seen.sha256  # only a new manifest counts as rework
    rejections = ledger.rejections + fresh
    if seen.manifest is None:
        yield KeepCopy(instruction=work.id, path=seen.path, faults=faults)
    yield from _say_rejected(work, record, seen, faults, rejections)
    yield from _after_rejection(work, record, rejections, policy, now)


def _say_rejected(
    work: Work, record: Record, seen: ManifestSeen, faults: tuple[Fault, ...], rejections: int
) -> Iterator[Action]:
    """Every fault: beside the manifest, in the holder's inbox, in the journal."""
    ledger, task_id = record.ledger, record.task.task_id
    yield WriteVerdict(
        instruction=work.id,
        task_id=task_id,
        attempt=ledger.attempt,
        accepted=False,
        manifest_sha256=seen.sha256,
        faults=faults,
    )
    if ledger.holder:
        yield _rework_message(work, record, seen, faults, ledger.holder)
    yield Note(
        instruction=work.id,
        event="rejected",
        task_id=task_id,
        attempt=ledger.attempt,
        agent=ledger.holder,
        reason="; ".join(str(fault.message) for fault in faults),
        facts={
            "manifest_sha256": seen.sha256,
            "evidence_sha256": seen.evidence_sha256,
            "rejections": rejections,
            "faults": [fault.to_json() for fault in faults],
        },
        first=True,
    )


def _after_rejection(work: Work, record: Record, rejections: int, policy: Policy, now: Now) -> Iterator[Action]:
    ledger = record.ledger
    if record.state is State.COMPLETED:
        yield _undo(work, record, "it lies in completed, and its manifest does not hold")
    elif record.state is State.UNDER_REVIEW and ledger.came_from == State.RETRY.value:
        due = datetime.fromtimestamp(ledger.due_wall_s or now.wall_s, UTC).isoformat()
        yield _move(work, record, State.RETRY, "late work rejected; the backoff goes on", due=due)
    elif rejections > policy.max_rework:
        reason = f"rework exhausted: {rejections} manifests rejected"
        yield after_failure(work, record, policy, now, reason)
    elif record.state is State.UNDER_REVIEW:
        yield _move(work, record, State.IN_PROGRESS, f"rejected: rework {rejections} of {policy.max_rework}")


def _rework_message(work: Work, record: Record, seen: ManifestSeen, faults: tuple[Fault, ...], holder: str) -> Tell:
    listed = "\n".join(f"- {fault.code}: {fault}" for fault in faults)
    return Tell(
        to=holder,
        type="rework",
        text=f"Your manifest of {record.task.task_id} (attempt {record.ledger.attempt}) does not hold:\n{listed}\n"
        "Mend all of it, then hand in the manifest again.",
        key=f"rework/{work.id}/{record.task.task_id}/{record.ledger.attempt}/{seen.sha256}/{seen.evidence_sha256}",
        instruction=work.id,
        task_id=record.task.task_id,
        path=seen.path,
    )


def _refuse(
    work: Work, record: Record, seen: ManifestSeen, faults: tuple[Fault, ...], event: str = "answered"
) -> Iterator[Action]:
    """Evidence, but no verdict: stale, from somebody else, or too late. Kept, answered once, and nothing changes."""
    reason = "; ".join(fault.message for fault in faults)
    to = seen.manifest.subagent if seen.manifest else record.ledger.holder
    yield KeepCopy(instruction=work.id, path=seen.path, faults=faults)
    if to:
        yield Tell(
            to=to,
            type="error",
            text="\n".join(f"- {fault.code}: {fault}" for fault in faults),
            key=f"refused/{work.id}/{record.task.task_id}/{seen.sha256}",
            instruction=work.id,
            task_id=record.task.task_id,
            path=seen.path,
        )
    yield Note(
        instruction=work.id,
        event=event,
        task_id=record.task.task_id,
        attempt=record.ledger.attempt,
        agent=to,
        reason=reason,
        facts={
            "key": f"{seen.path}|{seen.sha256}",
            "path": seen.path,
            "refused_task": record.task.task_id,
            "manifest_sha256": seen.sha256,
            "faults": [fault.to_json() for fault in faults],
        },
    )


def _move(work: Work, record: Record, target: State, reason: str, **facts: object) -> Move:
    assert record.place is not None
    return Move(
        instruction=work.id,
        task_id=record.task.task_id,
        source=record.place,
        target=target.value,
        reason=reason,
        attempt=record.ledger.attempt,
        agent=record.ledger.holder,
        facts=facts,
    )


def _undo(work: Work, record: Record, reason: str) -> Undo:
    assert record.place is not None and record.ledger.place is not None
    known = record.ledger.place
    return Undo(
        instruction=work.id,
        task_id=record.task.task_id,
        source=record.place,
        target=known if known != record.place else State.IN_PROGRESS.value,
        reason=reason,
        attempt=record.ledger.attempt,
    )
