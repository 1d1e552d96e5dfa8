"""For whom does the daemon ask? For tasks that have failed for good, and for agents that say `blocked` and no more."""

from collections.abc import Iterator

from cagents_fs.core.index import Record, Work
from cagents_fs.model.actions import Action, Wake
from cagents_fs.model.durations import spoken
from cagents_fs.model.observations import Now
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import State
from cagents_fs.rules.pleas import (
    BLOCKER,
    FAILED,
    MOST_SAID,
    PLANNER,
    SAYS_BLOCKED,
    asked_already,
    holder_of_parent,
    name_of,
    open_ones,
    plea,
)


def given_up(work: Work, now: Now) -> Iterator[Action]:
    """Every task whose retries are exhausted, with the story of its attempts: one file a failure."""
    if not work.open and work.history.closed:
        return  # it ended before, and everything is said
    for task_id in work.touched.keys() & work.in_state[State.FAILED].keys():
        record = work.records[task_id]
        name = name_of(FAILED, task_id, record.ledger.attempt)
        if record.settled and not asked_already(work, name):
            yield plea(
                work,
                name,
                now,
                f"{task_id} has failed: {record.ledger.reason}\n{_story(record)}"[:MOST_SAID],
                to_agent=holder_of_parent(work, task_id) or PLANNER,
                task_id=task_id,
                requested_decision="retry (a fresh budget), reassign, or skip_dependency (others go on without it)",
            )


def _story(record: Record) -> str:
    """What became of each attempt: who made it, and every reason and fault."""
    told = record.ledger.story
    lines = []
    for line, after in zip(told, (*told[1:], {}), strict=False):
        if line.get("event") == "failed_attempt" and after.get("event") == "moved":
            continue  # the move that followed says the same, and what it led to
        what = "a manifest was rejected: " if line.get("event") == "rejected" else ""
        lines.append(f"- attempt {line.get('attempt')}, {line.get('agent')}: {what}{line.get('reason')}")
    return "\n".join(lines) or "- the journal does not tell of its attempts"


def says_blocked(work: Work, policy: Policy, now: Now) -> Iterator[Action]:
    """Agents that have said `blocked` for long, and have not asked for anything."""
    for task_id in work.in_state[State.IN_PROGRESS]:
        record = work.records[task_id]
        if record.blocked_s is None or not record.settled or work.open_children(task_id) or _has_asked(work, task_id):
            continue
        name = first = name_of(SAYS_BLOCKED, task_id, record.ledger.attempt)
        if past := sum(known == first or known.startswith(f"{first}-") for known in work.history.escalations):
            name = f"{first}-{past + 1}"
        if asked_already(work, name):
            continue
        parts_s = [work.records[child].entered_s for child in work.offspring.get(task_id, ())]
        due_s = max([record.blocked_s, *parts_s]) + policy.escalate_blocked_s
        if now.s < due_s:
            yield Wake(at_s=due_s)
            continue
        yield plea(
            work,
            name,
            now,
            _complaint(record, policy.escalate_blocked_s),
            BLOCKER,
            from_agent=record.holder,
            task_id=task_id,
            requested_decision="resume (with what it needs to know), retry, reassign or cancel",
        )


def _has_asked(work: Work, task_id: str) -> bool:
    unseen = any(
        said.task_id == task_id and name not in work.history.escalations for name, said in work.escalations.items()
    )
    return unseen or any(known.task_id == task_id for _, known in open_ones(work))


def _complaint(record: Record, for_s: float) -> str:
    beat = record.heartbeat
    said = [*beat.blockers, *beat.questions, beat.current_activity or ""] if beat else []
    told = "; ".join(" ".join(text.split()) for text in said if text.strip()) or "it does not say by what"
    return f"{record.holder} has said for {spoken(for_s)} that it is blocked: {told}"[:MOST_SAID]
