"""What may be released now? Global queue, domain queue, agent's queue; what does not fit waits, in its order."""

from collections.abc import Iterable, Iterator

from cagents_fs.core.index import Index, Record, Work
from cagents_fs.core.inputs import inputs
from cagents_fs.model.actions import Action, Move, RunChecks, Tell
from cagents_fs.model.observations import Now
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import State, place_of
from cagents_fs.rules.limits import admitted, type_of
from cagents_fs.rules.placement import Placement


def decide(index: Index, policy: Policy, now: Now) -> Iterator[Action]:
    """Which tasks are released, to whom, and which wait in their domain?"""
    may_release = admitted(index, policy)
    index.urgencies(policy)
    for work in index.each():
        if work.history.intake is None:
            continue
        yield from _recalled(work)
        if work.id in may_release and (work.in_state[State.GLOBAL] or work.in_state[State.DOMAINS]):
            yield from _release(index, work, policy, now)


def _recalled(work: Work) -> Iterator[Action]:
    """What was paused, or given to somebody else, leaves the queue of its agent for that of its domain."""
    for task_id in tuple(work.touched):
        record = work.records.get(task_id)
        if record is None or record.state is not State.AGENTS or not record.settled:
            continue
        if record.ledger.paused:
            yield _to_domain(work, record, "paused")
        elif record.ledger.assigned and record.ledger.holder != record.ledger.assigned:
            yield _to_domain(work, record, f"given to {record.ledger.assigned}")


def _release(index: Index, work: Work, policy: Policy, now: Now) -> Iterator[Action]:
    desk = Placement(index, work, policy, now.wall_s)
    if work.mode == "sequential":
        yield from _one_by_one(index, work, desk)
        return
    for lanes in _sharing_agents(work, policy):
        for record in work.lanes.best_among(lanes, policy, now.wall_s):
            if not record.settled or held_up(work, record, desk):
                yield from _check_before(work, record, policy)
                continue
            agent = desk.choose(record)
            if agent is not None:
                yield from _released(index, work, record, agent, desk)
            elif policy.balance != "skill_match" and desk.are_full(lanes):
                break  # nobody has room: those behind it find none either
    yield from _overflow(work, desk)


def _sharing_agents(work: Work, policy: Policy) -> Iterable[list[str]]:
    """The lanes that lead to agents of one type: who names none, its type, or one instance of it is in one order."""
    lanes: dict[str, list[str]] = {}
    for assigned in work.lanes.agents():
        lanes.setdefault(type_of(assigned or policy.default_agent, policy), []).append(assigned)
    return lanes.values()


def _one_by_one(index: Index, work: Work, desk: Placement) -> Iterator[Action]:
    """One after another, of all agents together the best first; the others stay in the global queue."""
    policy, limit = desk.policy, work.limit(desk.policy.mode_limit)
    out = len(work.in_state[State.AGENTS]) + work.active()
    for record in work.lanes.best_of_all(policy, desk.wall_s):
        if not record.settled or held_up(work, record, desk):
            yield from _check_before(work, record, policy)
            continue
        if out >= limit:
            return
        agent = desk.choose(record)
        if agent is not None:
            out += 1
            yield from _released(index, work, record, agent, desk)


def _overflow(work: Work, desk: Placement) -> Iterator[Action]:
    """What nothing holds up but the room in the queues of its agents waits in the queue of its domain."""
    for task_id in work.in_state[State.GLOBAL]:
        record = work.records[task_id]
        if task_id in desk.placed or not record.settled:
            continue
        if not desk.has_room(record) and not held_up(work, record, desk):
            yield _to_domain(work, record, f"no room in the queue of {' or '.join(desk.candidates(record))}")


def held_up(work: Work, record: Record, desk: Placement) -> str | None:
    """Why a task that waits for nobody is not released, its agents' room aside; None where nothing holds it up."""
    task_id = record.task.task_id
    if record.ledger.paused:
        return f"it is paused; `cagents-fs resume {work.id}/{task_id}` lets it go on"
    if _before(record, desk.policy):
        return "its checks are run once before anybody begins, to see them fail"
    if work.mode == "pipeline" and work.level[task_id] > desk.open_level:
        return f"it is of stage {work.level[task_id] + 1}, and stage {desk.open_level + 1} is not done"
    if (soft := _softly_awaited(desk.index, work, record)) and not desk.idle(record):
        return f"it would rather wait for {', '.join(soft)}, and no slot is idle"
    return None


def _softly_awaited(index: Index, work: Work, record: Record) -> list[str]:
    """The soft predecessors of a task that somebody works on now."""
    found = []
    for dependency in record.task.dependencies.soft_dependencies:
        instruction, _, task_id = dependency.task_id.rpartition(":")
        other = index.works.get(instruction) if instruction else work
        awaited = other.records.get(task_id) if other else None
        if awaited is not None and awaited.state in (State.IN_PROGRESS, State.UNDER_REVIEW):
            found.append(dependency.task_id)
    return found


def _released(index: Index, work: Work, record: Record, agent: str, desk: Placement) -> Iterator[Action]:
    count = len(desk.candidates(record))
    yield Move(
        instruction=work.id,
        task_id=record.task.task_id,
        source=record.place or "",
        target=place_of(State.AGENTS, agent),
        reason=f"released to {agent}" + (f", {desk.policy.balance} of {count}" if count > 1 else ""),
        attempt=record.ledger.attempt,
        agent=agent,
    )
    given = inputs(index.works, work, record)
    if given:
        listed = "\n".join(f"- {i['artifact_path']} of {i['task_id']}: {i['path']} ({i['checksum']})" for i in given)
        yield Tell(
            to=agent,
            type="dependency_satisfied",
            text=f"What {record.task.task_id} needs is there, verified:\n{listed}",
            key=f"inputs/{work.id}/{record.task.task_id}/{record.ledger.attempt}/{listed}",
            instruction=work.id,
            task_id=record.task.task_id,
        )


def _to_domain(work: Work, record: Record, reason: str) -> Move:
    return Move(
        instruction=work.id,
        task_id=record.task.task_id,
        source=record.place or "",
        target=place_of(State.DOMAINS, record.task.domain or work.instruction.domain),
        reason=reason,
        attempt=record.ledger.attempt,
    )


def _before(record: Record, policy: Policy) -> bool:
    """Whether a check of it still has to be seen failing before anybody begins."""
    if record.ledger.checked_before or record.ledger.attempt > 1 or policy.checks == "never":
        return False
    if record.ledger.added and policy.checks != "all":
        return False
    return any(criterion.check and criterion.must_fail_before for criterion in record.task.acceptance_criteria)


def _check_before(work: Work, record: Record, policy: Policy) -> Iterator[Action]:
    if record.settled and record.checking is None and _before(record, policy):
        yield RunChecks(
            instruction=work.id,
            task_id=record.task.task_id,
            attempt=record.ledger.attempt,
            key=f"before/{record.ledger.attempt}",
            before=True,
        )
