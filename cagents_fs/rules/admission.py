"""How many at once, and who takes it? Limits of modes, agents and queues; release into agents' queues."""

from collections.abc import Iterator
from heapq import merge
from itertools import chain

from cagents_fs.core.index import Index, Record, Work
from cagents_fs.core.ordering import sort_key
from cagents_fs.model.actions import Action, Move, RunChecks, Tell
from cagents_fs.model.observations import Now
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import State, place_of


def decide(index: Index, policy: Policy, now: Now) -> Iterator[Action]:  # noqa: ARG001 - all rules have one form
    """Which claims go too far, and which tasks may be released?"""
    for work in index.works.values():
        if work.history.intake is None:
            continue
        yield from _put_back(index, work, policy)
        if work.in_state[State.GLOBAL] or work.in_state[State.DOMAINS]:
            yield from _release(index, work, policy)


def instances(agent: str, policy: Policy) -> tuple[str, ...]:
    """The agents of a type: the first bears the type's name, further ones -2, -3 …"""
    kind = policy.agents.get(agent)
    return (agent, *(f"{agent}-{n}" for n in range(2, (kind.instances if kind else 1) + 1)))


def type_of(agent: str, policy: Policy) -> str:
    """The type of an agent: `claude` for `claude-2`, where `claude` has that many instances."""
    head, _, number = agent.rpartition("-")
    kind = policy.agents.get(head)
    return head if kind and number.isdigit() and 2 <= int(number) <= kind.instances else agent


def slots(work: Work, agent: str, policy: Policy) -> int:
    """How many tasks this agent may have in progress: `max_concurrent` replaces it, upward too."""
    if work.instruction.max_concurrent:
        return work.instruction.max_concurrent
    kind = type_of(agent, policy)
    described = policy.agents[kind].slots if kind in policy.agents else policy.agent_slots.get(kind)
    return described if described is not None else policy.mode_limit(work.mode)


def refusal(index: Index, work: Work, agent: str, policy: Policy) -> str | None:
    """Why this agent may claim nothing more here; None if it may."""
    running, limit = len(work.in_state[State.IN_PROGRESS]), work.limit(policy.mode_limit)
    if running >= limit:
        return f"{running} of {limit} tasks are in progress, which is the limit of {work.mode} mode in {work.id}"
    busy = index.at_work(agent)
    if busy >= slots(work, agent, policy):
        return f"{agent} has {busy} tasks in progress, as many as it has slots"
    here, everywhere = index.agents_at_work(work), index.agents_at_work()
    if agent not in here and len(here) >= policy.max_agents_per_instruction:
        return f"{len(here)} agents are at work in {work.id}, as many as may be (max_agents_per_instruction)"
    if agent not in everywhere and len(everywhere) >= policy.max_global_agents:
        return f"{len(everywhere)} agents are at work in the tree, as many as may be (max_global_agents)"
    return None


def _put_back(index: Index, work: Work, policy: Policy) -> Iterator[Action]:
    """Claims over the limit that were seen in this life and show no work yet go back, the latest first."""
    running = work.in_state[State.IN_PROGRESS]
    over = len(running) - work.limit(policy.mode_limit)
    per_agent: dict[str, int] = {}
    for task_id in reversed(tuple(running)):
        record = work.records[task_id]
        holder = record.ledger.holder
        if not holder or not record.settled:
            continue
        if holder not in per_agent:
            per_agent[holder] = index.at_work(holder) - slots(work, holder, policy)
        if (over <= 0 and per_agent[holder] <= 0) or not _untouched_claim(record):
            continue
        limit = f"the limit of {work.mode} mode ({work.limit(policy.mode_limit)} at once)"
        if over <= 0:
            limit = f"the slots of {holder} ({slots(work, holder, policy)})"
        over, per_agent[holder] = over - 1, per_agent[holder] - 1
        reason = f"claimed over {limit}; put back"
        yield Move(
            instruction=work.id,
            task_id=task_id,
            source=State.IN_PROGRESS.value,
            target=place_of(State.AGENTS, holder),
            reason=reason,
            attempt=record.ledger.attempt,
            agent=holder,
        )
        key = f"put_back/{work.id}/{task_id}/{record.arrived}"
        text = f"{task_id} is back in your queue: {reason}. Claim it when another one has ended."
        yield Tell(to=holder, type="error", text=text, key=key, instruction=work.id, task_id=task_id)


def _untouched_claim(record: Record) -> bool:
    return record.claim_seen and not record.ledger.by_runner and record.signs == 0 and record.manifest is None


def _release(index: Index, work: Work, policy: Policy) -> Iterator[Action]:
    open_level = work.open_level() if work.mode == "pipeline" else None
    one_by_one = work.limit(policy.mode_limit) if work.mode == "sequential" else None
    out = len(work.in_state[State.AGENTS]) + len(work.in_state[State.IN_PROGRESS])
    depth: dict[str, int] = {}
    for record in _in_order(work, all_together=one_by_one is not None):
        if not record.settled or (open_level is not None and work.level[record.task.task_id] > open_level):
            continue
        if _before(record, policy):
            yield from _check_before(work, record)
            continue
        if one_by_one is not None and out >= one_by_one:
            return
        agent = _least_loaded(index, work, record, policy, depth)
        if agent is None:
            continue
        depth[agent], out = depth[agent] + 1, out + 1
        count = len(instances(record.task.assigned_agent or policy.default_agent, policy))
        yield Move(
            instruction=work.id,
            task_id=record.task.task_id,
            source=record.place or "",
            target=place_of(State.AGENTS, agent),
            reason=f"released to {agent}" + (f", least loaded of {count}" if count > 1 else ""),
            attempt=record.ledger.attempt,
            agent=agent,
        )


def _in_order(work: Work, *, all_together: bool) -> Iterator[Record]:
    """The tasks that could be released, best first: of each agent, or, one after another, of all of them together."""
    queues = [work.best(assigned) for assigned in tuple(work.heaps)]
    if all_together:
        return merge(*queues, key=lambda record: sort_key(record.task.priority, record.arrived))
    return chain.from_iterable(queues)


def _least_loaded(index: Index, work: Work, record: Record, policy: Policy, depth: dict[str, int]) -> str | None:
    """The agent of its type, with room in its queue, that has the least to do; `depth` counts this turn's releases."""
    agents = instances(record.task.assigned_agent or policy.default_agent, policy)
    for agent in agents:
        depth.setdefault(agent, index.queued_for(work, agent))
    with_room = [agent for agent in agents if depth[agent] < policy.max_queue_depth]
    return min(with_room, key=lambda agent: index.at_work(agent) + depth[agent], default=None)


def _before(record: Record, policy: Policy) -> bool:
    """Whether a check of it still has to be seen failing before anybody begins."""
    if record.ledger.checked_before or record.ledger.attempt > 1 or policy.checks == "never":
        return False
    if record.ledger.added and policy.checks != "all":
        return False
    return any(criterion.check and criterion.must_fail_before for criterion in record.task.acceptance_criteria)


def _check_before(work: Work, record: Record) -> Iterator[Action]:
    if record.checking is None:
        yield RunChecks(
            instruction=work.id,
            task_id=record.task.task_id,
            attempt=record.ledger.attempt,
            key=f"before/{record.ledger.attempt}",
            before=True,
        )
