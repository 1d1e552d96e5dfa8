"""Who needs help, and who gives it? A cry reaches somebody, rises until it is answered, and is answered once.

What counts of an escalation is the journal's `escalated` line; its file may change or go. The time that an answer may
take is observed time, anew in each life of the daemon. What is answered follows from where the task is, not from what
was done before: a crash between a move and its line repeats the answer, and the repetition finds nothing left to do.
"""

from collections.abc import Iterator
from typing import Any

from cagents_fs.core.escalated import Escalated
from cagents_fs.core.index import Index, Record, Work
from cagents_fs.model.actions import Action, Move, Note, StopChecks, Tell, Wake
from cagents_fs.model.files import Escalation
from cagents_fs.model.ids import id_fault
from cagents_fs.model.observations import ManifestSeen, Now
from cagents_fs.model.policy import Policy
from cagents_fs.model.sla import sla_s
from cagents_fs.model.states import State
from cagents_fs.rules.answers import carried_out, key_of, turned_away
from cagents_fs.rules.own_pleas import given_up, says_blocked
from cagents_fs.rules.pleas import (
    BLOCKER,
    CHECKPOINT,
    CHILD,
    DAEMON,
    FAILED,
    GRAPH,
    MOST_SAID,
    ORCHESTRATOR,
    PERSON,
    PLANNER,
    back_to_work,
    closed,
    content_of,
    helpful,
    holder_of_parent,
    is_of,
    is_of_child,
    lost_children,
    open_ones,
)
from cagents_fs.rules.steering import HELD
from cagents_fs.rules.verdicts import is_late, move

LEAST_S = 0.1  # before an escalation is raised, whatever it says
MOST_DOUBLINGS = 20
QUIET = (State.COMPLETED, State.CANCELLED)  # nobody waits for the answer any more; it is still taken


def decide(index: Index, policy: Policy, now: Now) -> Iterator[Action]:
    """Which escalations are new, answered, over, or unanswered for too long?"""
    for work in index.each():
        if work.history.intake is None:
            continue
        yield from given_up(work, now)
        yield from says_blocked(work, policy, now)
        for name, said in work.escalations.items():
            if name not in work.history.escalations:
                yield from _seen(work, name, said)
        yield from turned_away(work)
        moved: set[str] = set()  # one move of a task in a pass: the next escalation has to see what it came to
        for name, known in open_ones(work):
            if known.task_id not in moved:
                found = list(_open(index, work, name, known, policy, now))
                moved.update(action.task_id for action in found if isinstance(action, Move))
                yield from found
        yield from _left_over(work, moved)


def _seen(work: Work, name: str, said: Escalation) -> Iterator[Action]:
    """It is taken in: whoever is asked is told, and the journal knows."""
    record = work.records.get(said.task_id or "")
    to = said.to_agent or holder_of_parent(work, said.task_id) or PLANNER
    issue = said.issue_description.strip()[:MOST_SAID]
    text = f"{said.from_agent} asks {to} for help ({said.severity}): {issue}"
    wanted = f"\nWanted: {said.requested_decision.strip()[:MOST_SAID]}" if said.requested_decision else ""
    yield _message(work, name, to, said.task_id, f"{text}{wanted}", 0)
    yield Note(
        instruction=work.id,
        event="escalated",
        task_id=said.task_id,
        attempt=said.attempt or (record.ledger.attempt if record else None),
        agent=said.from_agent,
        reason=text,
        facts={
            "escalation_id": name,
            "severity": said.severity,
            "to": to,
            "sla": said.sla,
            "issue": issue,
            "content": content_of(said),
        },
        first=True,
    )


def _message(work: Work, name: str, to: str, task_id: str | None, text: str, level: int) -> Tell:
    known = work.history.escalations.get(name)
    sender = known.sender if known else work.escalations[name].from_agent
    first, *others = helpful(name, sender)
    how = f'cagents-fs answer {work.id}/{name} --action {first} --decision "…"'
    return Tell(
        to=to,
        type="escalation",
        text=f"{text}\nAnswer: {how} (or --action {', '.join(others)})",
        key=f"escalation/{work.id}/{name}/{level}",
        instruction=work.id,
        task_id=task_id,
        path=f"escalations/{name}.yaml",
    )


def _open(index: Index, work: Work, name: str, known: Escalated, policy: Policy, now: Now) -> Iterator[Action]:
    record = work.records.get(known.task_id or "")
    if record is not None and not record.settled and record.absent < 2:
        return  # somebody moves it at this moment
    response = work.responses.get(name)
    helps = response is not None and response.action in helpful(name, known.sender)  # any other leaves it open
    if response is not None and helps and key_of(name, response) not in work.history.answered:
        yield from carried_out(index, work, name, response, policy, now)
    elif why := _over(work, name, known, record):
        yield closed(work, name, "healed", DAEMON, why)
    elif record is not None and _blocks(work, known, record):
        yield from _blocked(work, name, record)
    elif not is_moot(work, name, known, record):
        yield from _waited_for(work, name, known, policy, now)


def _over(work: Work, name: str, known: Escalated, record: Record | None) -> str | None:
    """Why nobody has to answer any more; those about children and checkpoints are closed by their own rules."""
    if record is None or is_of(name, CHECKPOINT, known):
        return None
    task_id, state = record.task.task_id, record.state
    if is_of(name, FAILED, known) and state is not State.FAILED:
        return f"{task_id} was taken up again"
    if is_of(name, GRAPH, known) and state is not State.BLOCKED and task_id not in work.causes():
        return f"{task_id} is blocked no longer"
    still = state is State.BLOCKED and record.ledger.escalation == name
    if known.blocked and not still and state not in (State.FAILED, State.CANCELLED):
        return f"somebody moved {task_id} on"
    return None


def _blocks(work: Work, known: Escalated, record: Record) -> bool:
    """Whether a task waits in `blocked` for the answer: to a blocker of its own agent, its parent's, or ours.

    Not late work, whose attempt has ended: after `blocked` it would go on as if it had not. Nor what was accepted.
    """
    same = known.attempt == record.ledger.attempt
    own = known.sender in (DAEMON, record.holder, holder_of_parent(work, record.task.task_id))
    held = record.state in HELD and not is_late(record) and record.ledger.accepted is None
    return known.severity == BLOCKER and not known.blocked and same and own and held


def _blocked(work: Work, name: str, record: Record) -> Iterator[Action]:
    """The task waits in `blocked` for the answer. The manifest that lies there by now is none."""
    task_id = record.task.task_id
    by = [name, *(lost_children(work, task_id) if is_of_child(work, name) else ())]
    if record.state is State.UNDER_REVIEW:
        yield StopChecks(instruction=work.id, task_id=task_id)
    facts: dict[str, Any] = {"blocked_by": by, "escalation": name}
    if record.manifest:
        facts["laid"] = record.manifest.sha256
    reason = f"blocked by its escalation {', '.join(by)}"
    yield move(work, record, State.BLOCKED, reason, edit_after={"blocked_by": by}, **facts)


def is_moot(work: Work, name: str, known: Escalated, record: Record | None) -> bool:
    """Whether nobody waits for the answer any more; it is still taken."""
    if record is None:
        return work.history.phase in ("complete", "cancelled")
    others_wait = is_of(name, CHECKPOINT, known)  # at a checkpoint to which this task will never come
    return record.state in QUIET and not others_wait


def _waited_for(work: Work, name: str, known: Escalated, policy: Policy, now: Now) -> Iterator[Action]:
    """Unanswered for its time, it rises by one; each further time is twice as long."""
    own_s = sla_s(known.sla) if known.sla else None
    within_s = max(LEAST_S, policy.response_s if own_s is None else own_s) * 2 ** min(known.level, MOST_DOUBLINGS)
    due_s = work.seen_s.get(name, now.s) + within_s
    if now.s < due_s:
        yield Wake(at_s=due_s)
        return
    chain, level = _chain(work, known), known.level + 1
    to = chain[min(level, len(chain) - 1)]
    text = f"{known.to} has not answered {name} within {within_s:g} s; {to} is asked: {known.issue}"
    yield _message(work, name, to, known.task_id, text, level)
    yield Note(
        instruction=work.id,
        event="raised",
        task_id=known.task_id,
        attempt=known.attempt,
        reason=text,
        facts={"escalation_id": name, "level": level, "to": to},
    )


def _chain(work: Work, known: Escalated) -> list[str]:
    """Who is asked, one after another: at last a person, again and again."""
    chain = [known.asked]
    for agent in (holder_of_parent(work, known.task_id), ORCHESTRATOR):
        if agent and agent not in chain:
            chain.append(agent)
    owner = work.instruction.owner
    person = owner if owner and id_fault(owner) is None else PERSON
    return chain if chain[-1] == person else [*chain, person]


def _left_over(work: Work, moved: set[str]) -> Iterator[Action]:
    """Blocked by an escalation that is closed: what was to follow did not come to it, as somebody else was first."""
    for task_id in work.in_state[State.BLOCKED]:
        record = work.records[task_id]
        name = record.ledger.escalation
        if name is None or not record.settled or task_id in moved:
            continue
        known = work.history.escalations.get(name)
        if known is not None and known.closed is not None:
            yield back_to_work(work, record, f"{name} was answered: {known.closed}")


def settled_by(work: Work, record: Record, seen: ManifestSeen) -> Iterator[Action]:
    """A manifest that came since its agent asked for help: it needs none any more, and what it handed in is judged.

    For lost children no manifest makes up: that is for those who can bring them back, or do without them.
    """
    ledger, task_id = record.ledger, record.task.task_id
    is_partial = seen.manifest is not None and seen.manifest.status == "partial"
    if ledger.escalation is None or seen.sha256 == ledger.laid or is_partial or is_of_child(work, ledger.escalation):
        return
    by = seen.manifest.subagent if seen.manifest else ledger.holder or "somebody"
    reason = f"{by} has handed in since"
    yield back_to_work(work, record, f"{ledger.escalation} is settled: {reason}")
    for name, known in open_ones(work):
        if known.task_id == task_id and known.severity == BLOCKER and not is_of(name, CHILD, known):
            yield closed(work, name, "manifest", by, reason)
