"""What an action will have changed, taken into the index before it is done, and the journal lines that tell of it.

If doing it fails, the instruction is read again from the tree: there is no rolling back.
"""

from cagents_fs.core.index import Index, Record, Work, add_edge
from cagents_fs.core.lanes import IN_LANES
from cagents_fs.model.actions import (
    Action,
    Escalate,
    Make,
    Move,
    Note,
    Phase,
    Recognise,
    RunChecks,
    Settle,
    Start,
    Stop,
    StopChecks,
    Undo,
)
from cagents_fs.model.files import Escalation
from cagents_fs.model.lines import iso, made_facts, move_facts, note_facts
from cagents_fs.model.observations import Now
from cagents_fs.model.states import NOT_STARTED, State, is_legal, state_of

REARRANGING = frozenset({"dependency_added", "dependency_waived", "reassigned", "paused", "resumed"})


def assume(index: Index, action: Action, now: Now) -> bool:
    """Take an action into the index. Returns whether it can lead to further actions in this turn."""
    match action:
        case Move() | Recognise():
            _moved(index, action, now)
        case Undo() | Make():
            _put(index, action, now)
        case Note():
            _noted(index, action, now)
        case RunChecks() | StopChecks():
            _checking(index, action)
        case Start():
            record = index.works[action.instruction].records[action.task_id]
            record.running, record.running_attempt = True, action.attempt
            index.running += 1
        case Stop():
            index.works[action.instruction].records[action.task_id].running = False
            index.running -= 1
        case Escalate():
            work = index.works[action.instruction]
            work.escalations[action.name] = Escalation.model_validate(action.fields)
            work.seen_s[action.name] = now.s
        case Settle():
            index.works[action.instruction].requests.pop(action.name, None)
        case Phase():
            work = index.works[action.instruction]
            work.history.phase = action.phase
            if action.phase == "executing":
                work.whole_checking, work.whole_checks = False, None
        case _:
            return False
    return True


def _put(index: Index, action: Undo | Make, now: Now) -> None:
    work = index.works[action.instruction]
    place = action.target if isinstance(action, Undo) else action.place
    if isinstance(action, Make):
        work.history.apply({**made_facts(action), "time": iso(now.wall_s)})
    else:
        work.history.ledger(action.task_id).place = place
    work.put(work.records[action.task_id], place, now.s)


def _checking(index: Index, action: RunChecks | StopChecks) -> None:
    work = index.works[action.instruction]
    record = work.records.get(action.task_id)
    if record is None:
        work.whole_checking = isinstance(action, RunChecks)
    else:
        record.checking, record.checks = (action.key if isinstance(action, RunChecks) else None), None


def _moved(index: Index, action: Move | Recognise, now: Now) -> None:
    work = index.works[action.instruction]
    record = work.records[action.task_id]
    work.history.apply({**move_facts(action), "time": iso(now.wall_s)})
    if isinstance(action, Move):
        work.put(record, action.target, now.s)
    else:
        work.touched[action.task_id] = None
        record.claim_seen = record.state is State.IN_PROGRESS
        work.refresh(record)
    if state_of(action.target) is not State.UNDER_REVIEW:
        record.checking, record.checks = None, None
    if action.sweep is not None:
        record.manifest, record.manifest_gone = None, False


def _noted(index: Index, action: Note, now: Now) -> None:
    work = index.works[action.instruction]
    work.history.apply({**note_facts(action), "time": iso(now.wall_s)})
    _escalation_noted(work, action, now)
    record = work.records.get(action.task_id or "")
    if record is None:
        if action.event == "checkpoint_opened":
            _met(work, str(action.facts["checkpoint"]), now)
        if action.event == "paused":
            work.paused_at = work.arrivals
        return
    if action.event in REARRANGING:
        _rearranged(work, record, action)
    elif action.event == "stalled":
        record.stalled_s = now.s
    elif action.event == "revived":
        record.stalled_s = None
    elif action.event == "accepted":
        work.refresh(record)


def _escalation_noted(work: Work, action: Note, now: Now) -> None:
    """The time for the answer begins, begins anew, or is over."""
    if action.event in ("escalated", "raised"):
        work.seen_s[action.facts["escalation_id"]] = now.s
    elif action.event == "escalation_answered":
        work.seen_s.pop(action.facts["escalation_id"], None)


def _met(work: Work, checkpoint: str, now: Now) -> None:
    """Whoever waited there goes on: the lease begins anew."""
    for task_id in work.meetings[checkpoint].participants if checkpoint in work.meetings else ():
        if task_id in work.in_state[State.IN_PROGRESS]:
            work.records[task_id].sign_s = now.s
            work.touched[task_id] = None


def _rearranged(work: Work, record: Record, action: Note) -> None:
    """Whom it waits for, or who is to do it, is another now."""
    work.touched[record.task.task_id] = None
    if action.event == "dependency_added":
        add_edge(work, record.task.task_id)
        work.recount(record.task.task_id)
    elif action.event == "dependency_waived":
        work.recount(record.task.task_id)
    elif record.state in IN_LANES:
        work.lanes.enter(record)


def coalesce(actions: list[Action]) -> list[Action]:
    """Two moves of one task through queues in one turn are one rename, where the table has it.

    A task that becomes ready goes from `waiting` straight into its agent's queue: that is the hot path. An alert that
    begins and ends in one turn was none.
    """
    latest: dict[tuple[str, str], int] = {}
    alerts: dict[tuple[str, object, object], int] = {}
    merged: list[Action | None] = []
    for action in actions:
        if isinstance(action, Note) and action.task_id is None and action.event in ("alert", "alert_over"):
            about = (action.instruction, action.facts.get("alert"), action.facts.get("about") or action.agent)
            if about in alerts:
                merged[alerts.pop(about)] = None
                continue
            alerts[about] = len(merged)
        if isinstance(action, Move):
            key = (action.instruction, action.task_id)
            before = merged[latest[key]] if key in latest else None
            if isinstance(before, Move) and _joins(before, action):
                merged[latest[key]] = None
                action = _joined(before, action)
            latest[key] = len(merged)
        merged.append(action)
    return [action for action in merged if action is not None]


def _joins(first: Move, second: Move) -> bool:
    through_queues = state_of(first.source) in NOT_STARTED and state_of(second.target) in NOT_STARTED
    plain = not (first.edit_before or first.edit_after or second.edit_before or second.edit_after)
    return through_queues and plain and first.target == second.source and is_legal(first.source, second.target)


def _joined(first: Move, second: Move) -> Move:
    return Move(
        instruction=second.instruction,
        task_id=second.task_id,
        source=first.source,
        target=second.target,
        reason=f"{first.reason}; {second.reason}",
        attempt=second.attempt,
        agent=second.agent,
        facts={**first.facts, **second.facts},
    )
