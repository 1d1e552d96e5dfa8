"""What follows from a verdict: acceptance, rework, or an answer to what is no work of the running attempt at all."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from cagents_fs.core.index import Record, Work
from cagents_fs.model.actions import Action, KeepCopy, Move, Note, Recognise, Tell, Undo, WriteVerdict
from cagents_fs.model.faults import Fault
from cagents_fs.model.files import Manifest
from cagents_fs.model.observations import ManifestSeen, Now
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import State
from cagents_fs.rules.retries import after_failure


def fenced(work: Work, record: Record, seen: ManifestSeen, faults: tuple[Fault, ...]) -> Iterator[Action]:
    """Stale, of another task, or from somebody who does not hold it: kept and answered, and no rework is counted."""
    if record.state is State.IN_PROGRESS and all(fault.code != "wrong_agent" for fault in faults):
        yield KeepCopy(instruction=work.id, path=seen.path, faults=faults)
        yield from _say_rejected(work, record, seen, faults, record.ledger.rejections)
    else:
        yield from refuse(work, record, seen, faults)


def accept(work: Work, record: Record, seen: ManifestSeen) -> Iterator[Action]:
    """It holds: the acceptance, durable before the rename, and the rename."""
    assert seen.manifest is not None
    ledger, task_id = record.ledger, record.task.task_id
    if seen.path in work.history.quarantined:
        reason = f"{seen.path} can be read now"
        yield Note(instruction=work.id, event="mended", reason=reason, facts={"path": seen.path})
    count = len(seen.manifest.artifacts)
    reason = f"manifest holds: {count} artifact{'s' if count != 1 else ''}, every criterion" + (
        ", late" * is_late(record)
    )
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
            **_handed_over(seen.manifest, seen.resolved),
        },
        first=True,
    )
    if remarks := [*seen.remarks, *_claimed_before(work, task_id, seen.manifest, seen.resolved)]:
        text = f"{task_id}: {'; '.join(remarks)}"
        yield Note(instruction=work.id, event="finding", task_id=task_id, reason=text, facts={"path": seen.path})
    if record.state is not State.COMPLETED:
        yield move(work, record, State.COMPLETED, reason)
    elif not record.settled:
        yield recognise(work, record, f"moved by somebody else; {reason}")


def _claimed_before(work: Work, task_id: str, manifest: Manifest, resolved: Mapping[str, str]) -> Iterator[str]:
    """Artifacts for which another task was completed already, with the very same bytes. A parent may name them all."""
    for artifact in manifest.artifacts:
        other = work.history.claimed.get((resolved.get(artifact.path), artifact.checksum.lower()))
        if other is None or other == task_id or other in work.offspring.get(task_id, ()):
            continue
        if other in work.records and work.records[other].ledger.accepted is not None:
            yield f"{artifact.path} was the work of {other} already, with the same bytes"


def _handed_over(manifest: Manifest, resolved: Mapping[str, str]) -> dict[str, object]:
    """What others need of it without reading the manifest again: where its artifacts lie, and its quality."""
    facts: dict[str, object] = {}
    if manifest.artifacts:
        facts["artifacts"] = [
            {
                "path": artifact.path,
                "resolved": resolved.get(artifact.path),
                "size_bytes": artifact.size_bytes,
                "checksum": artifact.checksum,
                "type": artifact.type,
            }
            for artifact in manifest.artifacts
        ]
    if quality := manifest.quality_metrics.model_dump(exclude_none=True):
        facts["quality"] = quality
    return facts


def reject(
    work: Work, record: Record, seen: ManifestSeen, faults: tuple[Fault, ...], policy: Policy, now: Now
) -> Iterator[Action]:
    """It does not hold: every fault is said, and the task goes where rework, backoff or failure want it."""
    ledger = record.ledger
    fresh = ledger.judged is None or ledger.judged[0] != seen.sha256  # only a new manifest counts as rework
    rejections = ledger.rejections + fresh
    if seen.manifest is None:
        yield KeepCopy(instruction=work.id, path=seen.path, faults=faults)
        yield _unusable(work, record, seen, faults)
    elif seen.path in work.history.quarantined:
        reason = f"{seen.path} can be read now"
        yield Note(instruction=work.id, event="mended", reason=reason, facts={"path": seen.path})
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


def _unusable(work: Work, record: Record, seen: ManifestSeen, faults: tuple[Fault, ...]) -> Note:
    """`status` shows it until it can be read."""
    return Note(
        instruction=work.id,
        event="answered",
        task_id=record.task.task_id,
        attempt=record.ledger.attempt,
        agent=record.ledger.holder,
        reason="; ".join(str(fault) for fault in faults),
        facts={"key": f"{seen.path}|{seen.sha256}", "path": seen.path, "quarantined": True},
    )


def _after_rejection(work: Work, record: Record, rejections: int, policy: Policy, now: Now) -> Iterator[Action]:
    if record.state is State.COMPLETED and record.settled:  # its journal was lost: nothing else knows where it was
        yield move(work, record, State.IN_PROGRESS, "it lies in completed, and its manifest does not hold")
    elif record.state is State.COMPLETED:
        yield undo(work, record, "it lies in completed, and its manifest does not hold")
    elif is_late(record):
        yield back(work, record, "late work rejected")
    elif rejections > policy.max_rework:
        yield exhausted(work, record, rejections, policy, now)
    elif record.state is State.UNDER_REVIEW:
        yield move(work, record, State.IN_PROGRESS, f"rejected: rework {rejections} of {policy.max_rework}")


def exhausted(work: Work, record: Record, rejections: int, policy: Policy, now: Now) -> Move:
    """So many manifests of this attempt did not hold that it has failed."""
    return after_failure(work, record, policy, now, f"rework exhausted: {rejections} manifests rejected")


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


def refuse(
    work: Work,
    record: Record,
    seen: ManifestSeen,
    faults: tuple[Fault, ...],
    event: str = "answered",
    *,
    for_good: bool = True,
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
            **({"refused_task": record.task.task_id} if for_good else {}),
            "manifest_sha256": seen.sha256,
            "faults": [fault.to_json() for fault in faults],
        },
    )


def move(
    work: Work,
    record: Record,
    target: State,
    reason: str,
    *,
    edit_before: Mapping[str, Any] | None = None,
    edit_after: Mapping[str, Any] | None = None,
    **facts: object,
) -> Move:
    """The task goes to another state, with its holder and its attempt."""
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
        edit_before=edit_before or {},
        edit_after=edit_after or {},
    )


def is_late(record: Record) -> bool:
    """Whether what is judged is late work: the attempt has ended, and there is nobody to whom it could go back."""
    return record.state is State.UNDER_REVIEW and record.ledger.came_from == State.RETRY.value


def back(work: Work, record: Record, reason: str) -> Move:
    """From under review to where it came from: its agent, or, for late work, the rest of its backoff."""
    if not is_late(record):
        return move(work, record, State.IN_PROGRESS, reason)
    due = datetime.fromtimestamp(record.ledger.due_wall_s or 0.0, UTC).isoformat()
    return move(work, record, State.RETRY, f"{reason}; the backoff goes on", due=due)


def recognise(work: Work, record: Record, reason: str) -> Recognise:
    """Somebody else has made a move that is right; only its line is missing."""
    assert record.ledger.place is not None and record.place is not None
    return Recognise(
        instruction=work.id,
        task_id=record.task.task_id,
        source=record.ledger.place,
        target=record.place,
        reason=reason,
        attempt=record.ledger.attempt,
    )


def undo(work: Work, record: Record, reason: str) -> Undo:
    """Back to where the journal knows it."""
    assert record.place is not None and record.ledger.place is not None
    return Undo(
        instruction=work.id,
        task_id=record.task.task_id,
        source=record.place,
        target=record.ledger.place,
        reason=reason,
        attempt=record.ledger.attempt,
    )
