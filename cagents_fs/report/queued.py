"""Why is a task in a queue not taken up? What every rule of release says of it, and what would make room."""

from collections.abc import Iterator
from itertools import chain

from cagents_fs.core.index import Index, Record, Work
from cagents_fs.core.lanes import standing
from cagents_fs.core.stages import named
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import State, folder_of
from cagents_fs.report.words import due, listed, whereabouts
from cagents_fs.rules import breaker
from cagents_fs.rules.admission import held_up
from cagents_fs.rules.limits import admitted, refusal
from cagents_fs.rules.placement import Placement


def unreleased(index: Index, work: Work, record: Record, policy: Policy, wall_s: float) -> Iterator[str]:
    """What keeps a task in the global queue or in that of its domain; nothing where it is released next."""
    if work.history.paused:
        yield f"{work.id} is paused; `cagents-fs resume {work.id}` lets it go on"
    elif work.id not in (may := admitted(index, policy)):
        limit = policy.max_concurrent_instructions
        yield (
            f"{limit} instructions may be at work at once (max_concurrent_instructions), and {listed(sorted(may))} "
            f"come before {work.id}; it begins when one of them has ended or is paused"
        )
    desk = Placement(index, work, policy, wall_s)
    if held := held_up(work, record, desk):
        yield held
        yield from _earlier_stages(work, record, wall_s)
    elif work.mode == "sequential" and (turn := _whose_turn(work, record, policy, wall_s)):
        yield turn
    elif not desk.has_room(record):
        yield from (_full(index, work, agent, policy, wall_s) for agent in desk.candidates(record))
        yield from _before(work, record, policy, wall_s)


def to_whom(index: Index, work: Work, record: Record, policy: Policy, wall_s: float) -> str:
    """The agents to whom it may be released."""
    return " or ".join(Placement(index, work, policy, wall_s).candidates(record))


def _earlier_stages(work: Work, record: Record, wall_s: float) -> Iterator[str]:
    """In a pipeline: what is left of the stage that has to be done first."""
    level, opened = work.level.get(record.task.task_id, 0), work.open_level()
    if work.mode != "pipeline" or level <= opened:
        return
    names = named((known.task for known in work.records.values()), work.instruction.stages)

    def called(stage: int) -> str:
        return f"stage {stage + 1}" + (f" ({names[stage]})" if stage < len(names) else "")

    left = [r for r in work.records.values() if work.level[r.task.task_id] == opened and not r.satisfied]
    shown = [f"{one.task.task_id}, which {whereabouts(one, wall_s)}" for one in left]
    yield f"{called(level)} opens after {called(opened)}, of which there is left: {'; '.join(shown[:5])}" + (
        f"; and {len(shown) - 5} more" if len(shown) > 5 else ""
    )
    for lost in (one for one in left if one.state in (State.FAILED, State.CANCELLED)):
        yield f"{lost.task.task_id} cannot be done as it is; `cagents-fs retry {work.id}/{lost.task.task_id}`"


def _whose_turn(work: Work, record: Record, policy: Policy, wall_s: float) -> str | None:
    """In sequential mode: who is out now, else who comes first."""
    out = [*work.in_state[State.AGENTS], *(one.task.task_id for one in work.working())]
    if len(out) >= work.limit(policy.mode_limit):
        shown = [f"{task}, which {whereabouts(work.records[task], wall_s)}" for task in out[:3]]
        return f"sequential mode: one after another; now it is the turn of {'; '.join(shown)}"
    first = next(work.lanes.best_of_all(policy, wall_s), record)
    if first is record:
        return None
    return f"sequential mode: one after another; {first.task.task_id} comes before it"


def _full(index: Index, work: Work, agent: str, policy: Policy, wall_s: float) -> str:
    """Why an agent gets nothing more, and what would change that."""
    state = breaker.state_for(index, agent, policy, wall_s)
    if state != breaker.CLOSED:
        return _broken(index, agent, state, policy, wall_s)
    depth = index.queued_for(work, agent)
    if depth >= policy.max_queue_depth:
        text = f"the queue of {agent} is full ({depth} of {policy.max_queue_depth}, max_queue_depth)"
        return f"{text}; `cagents-fs claim {agent}` makes room"
    return f"there is room for it in the queue of {agent}"


def _broken(index: Index, agent: str, state: str, policy: Policy, wall_s: float) -> str:
    failed = f"{agent} failed {len(breaker.failures(index, agent))} times in a row"
    if state == breaker.HALF_OPEN:
        many = policy.breaker_trials
        return f"{failed}; its breaker is half open: it gets {many} tasks at a time, until one of them is verified"
    until = due(breaker.opens_until_s(index, agent, policy), wall_s)
    return f"{failed}; its breaker is open and closes on trial {until}"


def _before(work: Work, record: Record, policy: Policy, wall_s: float) -> Iterator[str]:
    """Who is released before it, when there is room."""
    before = []
    for other in work.lanes.best(record.assigned or "", policy, wall_s):
        if other is record:
            break
        before.append(other.task.task_id)
    if before:
        yield f"{len(before)} of the same kind come before it: {listed(before)}"


def unclaimed(index: Index, work: Work, record: Record, policy: Policy, wall_s: float) -> Iterator[str]:
    """Its place in the queue of an agent, and what a claim would be refused for."""
    agent = folder_of(record.place or "") or ""
    queue = sorted(
        (work.records[t] for t in work.at_agent.get(agent, ())), key=lambda one: standing(one, policy, wall_s)
    )
    place = next((number for number, one in enumerate(queue, start=1) if one is record), 1)
    yield (
        f"it is ready and waits in the queue of {agent} for {agent} to claim it, as number {place} of {len(queue)}; "
        f"`cagents-fs claim {agent} --task {work.id}/{record.task.task_id}` takes it up"
    )
    if record.ledger.alerted:
        yield f"nobody has claimed it for {policy.claim_timeout_s:g} s, and there is no sign of {agent}"
    if held := refusal(index, work, agent, policy, wall_s):
        yield f"a claim would be put back: {held}"
        if not work.history.paused:
            yield from _at_work(index, work, agent)


def _at_work(index: Index, work: Work, agent: str) -> Iterator[str]:
    """Whose end would make room: what is in progress here, and what the agent does elsewhere."""
    here = [f"{one.task.task_id} ({one.ledger.holder})" for one in work.working()]
    other = [
        f"{there.id}/{one.task.task_id}"
        for there in index.works.values()
        if there is not work
        for one in there.working()
        if one.ledger.holder == agent
    ]
    if busy := [*chain(here, other)]:
        yield f"in progress now: {listed(busy)}; it can be claimed when one of them has ended"
