"""Who has met? A checkpoint opens when all have come; where one of them is lost, the planner is asked."""

from collections.abc import Iterator

from cagents_fs.core.graph import below
from cagents_fs.core.index import Index, Work, waits_also
from cagents_fs.core.meetings import Meeting
from cagents_fs.model.actions import Action, Note, Publish, Tell
from cagents_fs.model.lines import iso
from cagents_fs.model.observations import Now
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import State
from cagents_fs.rules.pleas import (
    CHECKPOINT,
    DAEMON,
    PLANNER,
    asked_already,
    closed,
    digest,
    is_lost,
    is_of,
    name_of,
    open_ones,
    plea,
)

STUCK = "checkpoint_stuck"


def decide(index: Index, policy: Policy, now: Now) -> Iterator[Action]:  # noqa: ARG001 - all rules have one form
    """Which checkpoints open, and which never will?"""
    for work in index.each():
        if work.history.intake is None or not (work.meetings and work.touched):
            continue
        troubles: set[str] = set()
        for name, meeting in work.meetings.items():
            missing = [] if name in work.history.open_checkpoints else _missing(work, meeting)
            lost = [task_id for task_id in missing if is_lost(work, task_id)]
            if not missing and name not in work.history.open_checkpoints:
                yield from _opened(work, name, meeting, now)
            yield from _alert(work, name, [*lost, *_waits_for_them(work, meeting, missing)])
            for task_id in lost:
                trouble = _trouble(work, name, task_id)
                troubles.add(trouble)
                if not asked_already(work, trouble):
                    yield _ask(work, name, meeting, task_id, trouble, now)
        for trouble, known in open_ones(work):
            if is_of(trouble, CHECKPOINT, known) and trouble not in troubles and trouble not in work.responses:
                yield closed(work, trouble, "healed", DAEMON, "nobody waits there for it any more")


def _waits_for_them(work: Work, meeting: Meeting, missing: list[str]) -> list[str]:
    """Who cannot come as long as those who have come stand there: it waits for one of them, or is of a later stage."""
    there = {t for t in meeting.participants if t in work.records and meeting.has_come(work.records[t])}
    if not there or not missing:
        return []
    edges = waits_also(work)
    first = min(work.level[task_id] for task_id in there)
    late = {t for t in missing if work.mode == "pipeline" and work.level.get(t, 0) > first}
    return [task_id for task_id in missing if task_id in late or below(edges, task_id) & there]


def _missing(work: Work, meeting: Meeting) -> list[str]:
    """Who has not come and is still waited for."""
    tasks = [work.records[task_id] for task_id in meeting.participants if task_id in work.records]
    given_up = frozenset[str]().union(*(record.ledger.waived for record in tasks))
    return [
        task_id
        for task_id in meeting.participants
        if task_id not in given_up and (task_id not in work.records or meeting.expects(work.records[task_id]))
    ]


def _opened(work: Work, name: str, meeting: Meeting, now: Now) -> Iterator[Action]:
    there = [work.records[task_id] for task_id in meeting.participants if task_id in work.records]
    there = [record for record in there if meeting.has_come(record) or record.state is State.COMPLETED]
    listed = [
        {
            "task_id": record.task.task_id,
            "agent": record.holder,
            "path": f"{_folder(name)}/{record.task.task_id}.yaml" if meeting.has_come(record) else None,
        }
        for record in there
    ]
    path = f"{_folder(name)}/open.yaml"
    fields = {"checkpoint": name, "opened_at": iso(now.wall_s), "participants": listed}
    yield Publish(instruction=work.id, path=path, fields=fields)
    who = ", ".join(record.task.task_id for record in there) or "nobody"
    for record in there:
        if record.holder and not record.satisfied:
            yield Tell(
                to=record.holder,
                type="checkpoint",
                text=f"The checkpoint {name} is open: {who} have come. Go on with {record.task.task_id}.",
                key=f"checkpoint/{work.id}/{name}/{record.task.task_id}",
                instruction=work.id,
                task_id=record.task.task_id,
                path=path,
            )
    facts = {"checkpoint": name, "participants": [record.task.task_id for record in there]}
    reason = f"all have come to {name}: {who}"
    yield Note(instruction=work.id, event="checkpoint_opened", reason=reason, facts=facts, first=True)


def _folder(name: str) -> str:
    return f"checkpoints/{name}"


def _alert(work: Work, name: str, lost: list[str]) -> Iterator[Action]:
    """Said once while it lasts."""
    told, facts = f"{STUCK}/{name}" in work.history.alerts, {"alert": STUCK, "about": name}
    if lost and not told:
        reason = f"{name} cannot open: {', '.join(lost)} will not come"
        yield Note(instruction=work.id, event="alert", reason=reason, facts=facts)
    elif told and not lost:
        reason = f"nobody who is lost is waited for at {name} any more"
        yield Note(instruction=work.id, event="alert_over", reason=reason, facts=facts)


def _trouble(work: Work, name: str, task_id: str) -> str:
    record = work.records.get(task_id)
    return name_of(CHECKPOINT, name, digest(f"{task_id}/{record.ledger.attempt if record else 0}"))


def _ask(work: Work, name: str, meeting: Meeting, task_id: str, trouble: str, now: Now) -> Action:
    record = work.records.get(task_id)
    what = f"is {record.state.name.lower()}" if record and record.state else "is not there"
    waiting = [t for t in meeting.participants if t in work.records and meeting.has_come(work.records[t])]
    return plea(
        work,
        trouble,
        now,
        f"the checkpoint {name} cannot open: {task_id} {what}; {', '.join(waiting) or 'nobody yet'} waits there",
        to_agent=PLANNER,
        task_id=task_id if record else None,
        requested_decision="retry (it is taken up again), or skip_dependency (the others go on without it)",
    )
