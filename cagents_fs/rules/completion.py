"""What has been finished? A manifest is believed when the daemon has found everything as it says."""

from collections.abc import Iterator

from cagents_fs.core.index import Index, Record, Work
from cagents_fs.model.actions import Action, Note, RunChecks, StopChecks, Wake
from cagents_fs.model.faults import Fault
from cagents_fs.model.files import Manifest
from cagents_fs.model.observations import ManifestSeen, Now
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import FINAL, NOT_STARTED, State
from cagents_fs.rules.escalations import settled_by
from cagents_fs.rules.oddities import warned
from cagents_fs.rules.pleas import back_to_work
from cagents_fs.rules.retries import after_failure
from cagents_fs.rules.verdicts import accept, back, exhausted, fenced, move, recognise, refuse, reject, undo
from cagents_fs.rules.verification import content_faults, identity_faults, proven_criteria

CUT_SHORT = frozenset({State.IN_PROGRESS, State.UNDER_REVIEW, State.RETRY})


def decide(index: Index, policy: Policy, now: Now) -> Iterator[Action]:
    """Which manifests are there, and do they hold?"""
    for work in index.each():
        if work.history.intake is None:
            continue
        for task_id in tuple(work.touched):
            record = work.records.get(task_id)
            if record is None or record.place is None:
                continue
            if record.ledger.accepted is not None and record.settled and _is_cut_short(record):
                yield _finished_after_a_crash(work, record)
            elif record.ledger.accepted is not None and record.state is State.COMPLETED and not record.settled:
                yield recognise(work, record, "moved by somebody else after it was accepted")
            elif record.manifest is not None:
                yield from warned(work, record.manifest.path, record.manifest.warnings, task_id)
                yield from _look_at(work, record, record.manifest, policy, now)
            elif record.manifest_gone:
                yield from _without_manifest(work, record)


def _is_cut_short(record: Record) -> bool:
    return record.state in CUT_SHORT or (record.state is State.BLOCKED and record.ledger.escalation is not None)


def _finished_after_a_crash(work: Work, record: Record) -> Action:
    """The journal has accepted it, the rename did not come to it: an acceptance holds, whatever lies there now."""
    if record.state is State.BLOCKED:  # a manifest had settled its escalation
        return back_to_work(work, record, "accepted before a crash; the moves are made up for")
    target = State.UNDER_REVIEW if record.state is State.RETRY else State.COMPLETED
    return move(work, record, target, "accepted before a crash; the move is made up for")


def _without_manifest(work: Work, record: Record) -> Iterator[Action]:
    if record.state is State.UNDER_REVIEW and record.settled:
        yield StopChecks(instruction=work.id, task_id=record.task.task_id)
        yield back(work, record, "its manifest was taken away while it was judged")
    elif record.state is State.COMPLETED and record.ledger.accepted is None and record.settled:
        yield move(work, record, State.IN_PROGRESS, "it lies in completed, and there is no manifest")
    elif record.state is State.COMPLETED and record.ledger.accepted is None:
        yield undo(work, record, "it lies in completed, and there is no manifest")


def _look_at(work: Work, record: Record, seen: ManifestSeen, policy: Policy, now: Now) -> Iterator[Action]:
    ledger, state = record.ledger, record.state
    if state in NOT_STARTED:
        return  # not yet claimed: held until it is
    # Somebody else put it there, or the journal that knew of its acceptance is lost: it is judged where it lies.
    foreign = state is State.COMPLETED and ledger.accepted is None
    if not foreign and (not record.settled or seen.sha256 == ledger.refused):
        if record.settled and state is State.UNDER_REVIEW:  # somebody put it there: of this manifest no verdict comes
            yield back(work, record, "its manifest was refused, and there is no other one")
        return
    if state is State.UNDER_REVIEW or foreign:
        yield from _review(work, record, seen, policy, now)
    elif (seen.sha256, seen.evidence_sha256) == ledger.judged:
        if state is State.IN_PROGRESS:
            yield from _made_up_for(work, record, seen, policy, now)
    elif state in FINAL:
        if seen.sha256 != ledger.accepted:
            text = f"{record.task.task_id} is {state.name.lower()} already; this manifest changes nothing"
            yield from refuse(work, record, seen, (Fault("finished", text, seen.path),), event="finding")
    elif fence := identity_faults(record, seen):
        yield from fenced(work, record, seen, tuple(fence))
    elif state in (State.IN_PROGRESS, State.RETRY):
        yield from _begin(work, record, seen, policy, now)
    elif state is State.BLOCKED and ledger.escalation:
        yield from settled_by(work, record, seen)
    elif state is State.BLOCKED:
        text = f"{record.task.task_id} is blocked by {', '.join(ledger.blocked_by) or 'a dependency'}; it is kept"
        if f"{seen.path}|{seen.sha256}" not in work.history.answered:  # once; it is judged when the task is free
            yield from refuse(work, record, seen, (Fault("blocked", text, seen.path),), for_good=False)


def _made_up_for(work: Work, record: Record, seen: ManifestSeen, policy: Policy, now: Now) -> Iterator[Action]:
    """The verdict was said, and a crash or the disk has prevented the move that goes with it."""
    if seen.manifest is not None and seen.manifest.status == "failed":
        yield after_failure(work, record, policy, now, _as_reported(seen.manifest), seen.manifest.error_type)
    elif record.ledger.rejections > policy.max_rework:
        yield exhausted(work, record, record.ledger.rejections, policy, now)


def _as_reported(manifest: Manifest) -> str:
    said = " | ".join((manifest.subagent_notes or "").strip().splitlines()[:6])
    return f"{manifest.subagent} reports failure" + (f": {said[:400]}" if said else "")


def _begin(work: Work, record: Record, seen: ManifestSeen, policy: Policy, now: Now) -> Iterator[Action]:
    """A manifest of the running attempt, or late work of the last one."""
    manifest, task_id = seen.manifest, record.task.task_id
    if manifest is not None and manifest.status == "partial":
        return
    if manifest is not None and manifest.status == "failed" and record.state is State.IN_PROGRESS:
        reason = _as_reported(manifest)
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
        if manifest is not None and manifest.status == "completed" and not work.open_children(task_id):
            yield move(work, record, State.UNDER_REVIEW, "late work: a manifest of the last attempt arrived")
        return
    if manifest is not None and work.open_children(task_id):
        return  # a parent is judged when all its children are done (rules/parents.py)
    if manifest is not None and proven_criteria(record, policy):
        yield move(work, record, State.UNDER_REVIEW, "a manifest is there; its checks run")
        return
    yield from _verdict(work, record, seen, _all_faults(work, record, seen, policy), policy, now)


def _review(work: Work, record: Record, seen: ManifestSeen, policy: Policy, now: Now) -> Iterator[Action]:
    """Under review: run the checks of exactly this manifest, then say what came out."""
    task_id, proven = record.task.task_id, proven_criteria(record, policy)
    if work.open_children(task_id):
        yield from _too_early(work, record)
        return
    fence = identity_faults(record, seen)
    if fence and record.state is State.UNDER_REVIEW:
        yield StopChecks(instruction=work.id, task_id=task_id)
        yield from refuse(work, record, seen, tuple(fence))
        yield back(work, record, "what was judged was replaced by a manifest that is none of this attempt")
    elif fence or not proven or seen.manifest is None:
        faults = [*fence, *_all_faults(work, record, seen, policy)]
        yield from _verdict(work, record, seen, faults, policy, now)
    elif record.checks is not None and record.checks.key == seen.key:
        faults = [*_all_faults(work, record, seen, policy), *record.checks.faults]
        yield from _verdict(work, record, seen, faults, policy, now)
    elif (found := _all_faults(work, record, seen, policy)) and _checked(record, seen):
        # What was checked is no longer what lies there, and does not hold: no further run can make it so.
        yield from _verdict(work, record, seen, found, policy, now)
    elif record.checking != seen.key:
        if record.checking is not None:
            yield StopChecks(instruction=work.id, task_id=task_id)
        yield RunChecks(instruction=work.id, task_id=task_id, attempt=record.ledger.attempt, key=seen.key)


def _too_early(work: Work, record: Record) -> Iterator[Action]:
    """A parent is judged when all its children are done, wherever its file was put meanwhile."""
    why = f"its children are not done: {', '.join(work.open_children(record.task.task_id)[:5])}"
    if record.state is State.UNDER_REVIEW:
        yield StopChecks(instruction=work.id, task_id=record.task.task_id)
        yield back(work, record, why)
    elif record.settled:
        yield move(work, record, State.IN_PROGRESS, why)
    else:
        yield undo(work, record, why)


def _checked(record: Record, seen: ManifestSeen) -> bool:
    """Whether the checks of this very manifest have run, whatever became of its artifacts since."""
    return record.checks is not None and record.checks.key.startswith(f"{seen.sha256}/")


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
    if record.looked_s < now.s:  # a parent whose children are just done, for instance: much may have changed meanwhile
        yield Wake(at_s=now.s, handed_in=(work.id, record.task.task_id))
    elif faults:
        yield from reject(work, record, seen, tuple(faults), policy, now)
    else:
        yield from accept(work, record, seen)
