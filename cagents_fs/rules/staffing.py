"""Which tasks do the runner's own agents take up, and whose process has to go? (PROTOCOL section 9)"""

from collections.abc import Iterator

from cagents_fs.core.index import Index, Record, Work
from cagents_fs.core.ordering import sort_key
from cagents_fs.model.actions import Action, Move, Start, Stop
from cagents_fs.model.observations import Now
from cagents_fs.model.policy import AgentType, Policy
from cagents_fs.model.states import State, place_of
from cagents_fs.rules.admission import refusal, slots, type_of
from cagents_fs.rules.retries import after_failure


def decide(index: Index, policy: Policy, now: Now) -> Iterator[Action]:
    """Who starts, and who stops?"""
    free = index.hands - _taken(index) if index.hands else 0
    for work in index.works.values():
        yield from _stop(work)
        if index.hands and index.staffed_only in (None, work.id) and work.history.intake is not None:
            yield from _start(work, policy, now)
            for claim in _claims(index, work, policy, free):
                free -= 1
                yield claim


def _taken(index: Index) -> int:
    """How many processes there are, and will be for what is claimed already."""
    coming = sum(
        work.records[task_id].ledger.by_runner and not work.records[task_id].running
        for work in index.works.values()
        for task_id in work.in_state[State.IN_PROGRESS]
    )
    return index.running + coming


def _stop(work: Work) -> Iterator[Action]:
    for task_id in tuple(work.touched):
        record = work.records.get(task_id)
        if record is None or not record.running:
            continue
        held = record.settled and record.state in (State.IN_PROGRESS, State.UNDER_REVIEW)
        if not (held and record.ledger.by_runner and record.running_attempt == record.ledger.attempt):
            where = record.place or "nowhere"
            yield Stop(instruction=work.id, task_id=task_id, reason=f"its task is in {where} now")


def _start(work: Work, policy: Policy, now: Now) -> Iterator[Action]:
    for task_id in tuple(work.in_state[State.IN_PROGRESS]):
        record = work.records[task_id]
        if record.running or not record.settled or not record.ledger.by_runner or _waits_for_verdict(record):
            continue
        kind = policy.agent_type(type_of(record.ledger.holder or "", policy))
        if kind is None or _lacks_command(kind, record):
            reason = "there is no command to run: the task has none and its agent type needs one"
            yield after_failure(work, record, policy, now, reason, "invalid_task_definition")
            continue
        again = f", once more after {record.ledger.rejections} rejected manifests" if record.ledger.rejections else ""
        yield Start(
            instruction=work.id,
            task_id=task_id,
            agent=record.ledger.holder or kind.name,
            attempt=record.ledger.attempt,
            reason=f"{kind.name} starts attempt {record.ledger.attempt}{again}",
        )


def _waits_for_verdict(record: Record) -> bool:
    seen = record.manifest
    if record.manifest_coming:
        return True
    return seen is not None and (seen.sha256, seen.evidence_sha256) != record.ledger.judged


def _lacks_command(kind: AgentType, record: Record) -> bool:
    return record.task.command is None and any("{command}" in part for part in kind.command)


def _claims(index: Index, work: Work, policy: Policy, free: int) -> Iterator[Action]:
    room = min(free, work.limit(policy.mode_limit) - len(work.in_state[State.IN_PROGRESS]))
    for agent, members in work.at_agent.items():
        if room <= 0 or refusal(index, work, agent, policy):
            continue
        own_room = min(room, slots(work, agent, policy) - index.at_work(agent))
        queue = sorted(members, key=lambda t: sort_key(work.records[t].task.priority, work.records[t].arrived))
        for task_id in [t for t in queue if work.records[t].settled and not work.unmet[t]][: max(0, own_room)]:
            room -= 1
            yield Move(
                instruction=work.id,
                task_id=task_id,
                source=place_of(State.AGENTS, agent),
                target=State.IN_PROGRESS.value,
                reason=f"claimed by {agent}, started here",
                attempt=work.records[task_id].ledger.attempt,
                agent=agent,
                facts={"by": "runner"},
            )
