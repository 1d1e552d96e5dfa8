"""How far is the whole? planning, executing, validating, complete, failed or cancelled."""

from collections.abc import Iterator

from cagents_fs.core.index import Index, Work
from cagents_fs.model.actions import Action, Note, Phase, RunChecks
from cagents_fs.model.observations import Now
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import NOT_STARTED, State
from cagents_fs.rules.pleas import is_of_child


def decide(index: Index, policy: Policy, now: Now) -> Iterator[Action]:  # noqa: ARG001 - all rules have one form
    """Which instructions have begun, and which have come to an end?"""
    for work in index.each():
        if work.history.intake is None or not (work.touched or work.whole_checks):
            continue
        phase, reason = _phase(work)
        checked = policy.checks != "never" and any(c.check for c in work.instruction.acceptance_criteria)
        if phase == "complete" and checked and work.history.phase != "complete":
            yield from _validate(work)
        elif phase != work.history.phase:
            yield _to(work, phase, reason)


def _phase(work: Work) -> tuple[str, str]:
    counts = {state: len(members) for state, members in work.in_state.items()}
    completed = sum(1 for t in work.in_state[State.COMPLETED] if work.records[t].satisfied)
    stuck = len(_stuck(work))
    failed, cancelled, total = counts[State.FAILED], counts[State.CANCELLED], len(work.records)
    if completed + stuck + failed + cancelled < total:
        return "executing", f"{completed} of {total} tasks are completed"
    if completed == total:
        return "complete", f"all {total} tasks are completed and verified"
    tally = f"{completed} completed, {failed} failed, {cancelled} cancelled, {stuck} blocked"
    return ("cancelled" if cancelled and not failed else "failed"), tally


def _stuck(work: Work) -> set[str]:
    """The tasks that cannot go on by themselves: whom a loss has blocked, and whoever waits for those.

    One that its own escalation blocks is not among them: it goes on as soon as somebody answers. A parent that has lost
    a child is, as its escalation does not bring the child back.
    """
    stuck = work.in_state[State.BLOCKED].keys() & work.causes().keys()
    bereft = {t for t in work.in_state[State.BLOCKED] if is_of_child(work, work.records[t].ledger.escalation)}
    while found := {t for t in bereft - stuck if any(_is_gone(work, child, stuck) for child in work.open_children(t))}:
        stuck |= found
    pending = [task_id for task_id in stuck if task_id in bereft]
    while pending:
        task_id = pending.pop()
        for waiting in work.children.get(task_id, ()):
            record = work.records.get(waiting)
            if record and waiting not in stuck and record.state in NOT_STARTED and not work.is_met(waiting, task_id):
                stuck.add(waiting)
                pending.append(waiting)
    if work.mode == "pipeline" and (levels := [work.level[task_id] for task_id in stuck & bereft]):
        later = (t for t, level in work.level.items() if level > min(levels))
        stuck |= {t for t in later if work.records[t].state in NOT_STARTED}
    return stuck


def _is_gone(work: Work, task_id: str, stuck: set[str]) -> bool:
    return task_id in stuck or work.records[task_id].state in (State.FAILED, State.CANCELLED)


def _validate(work: Work) -> Iterator[Action]:
    """All tasks are done; now the criteria of the whole."""
    if work.whole_checks is not None:
        faults = work.whole_checks.faults
        if not faults:
            yield _to(work, "complete", "all tasks and the criteria of the whole hold")
        elif work.history.phase != "failed":
            reason = "; ".join(fault.message for fault in faults)
            listed = [fault.to_json() for fault in faults]
            yield Note(instruction=work.id, event="finding", reason=reason, facts={"faults": listed})
            yield _to(work, "failed", reason)
    elif not work.whole_checking:
        yield _to(work, "validating", "all tasks are completed; the whole is checked")
        yield RunChecks(instruction=work.id, task_id="", attempt=1, key="whole")


def _to(work: Work, phase: str, reason: str) -> Phase:
    return Phase(instruction=work.id, phase=phase, reason=reason, facts={"mode": work.mode, "tasks": len(work.records)})
