"""How many at once? What every limit says of an agent, a mode, an instruction and the tree."""

from cagents_fs.core.index import Index, Work
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import QUEUED, State
from cagents_fs.rules import breaker


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
    described = described_slots(agent, policy)
    return described if described is not None else policy.mode_limit(work.mode)


def described_slots(agent: str, policy: Policy) -> int | None:
    """The slots that a file gives this agent; None where none does: then it has as many as the mode allows."""
    kind = type_of(agent, policy)
    return policy.agents[kind].slots if kind in policy.agents else policy.agent_slots.get(kind)


def refusal(index: Index, work: Work, agent: str, policy: Policy, wall_s: float) -> str | None:
    """Why this agent may claim nothing more here; None if it may. `wall_s`: now, in seconds since the epoch."""
    if work.history.paused:
        return f"{work.id} is paused; `cagents-fs resume {work.id}` lets it go on"
    running, limit = work.active(), work.limit(policy.mode_limit)
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
    state = breaker.state_for(index, agent, policy, wall_s)
    if state == breaker.OPEN or (state == breaker.HALF_OPEN and busy >= policy.breaker_trials):
        return f"{agent} failed {len(breaker.failures(index, agent))} times in a row; its breaker is {state}"
    return None


def admitted(index: Index, policy: Policy) -> frozenset[str]:
    """The instructions in which something may be released: so many at once, those first in which work has begun."""
    contending = [work for work in index.open_works() if not work.history.paused and _has_work(work)]
    if len(contending) > policy.max_concurrent_instructions:
        contending.sort(key=_begun_first)
    return frozenset(work.id for work in contending[: policy.max_concurrent_instructions])


def _has_work(work: Work) -> bool:
    """Whether anything can be released or is in work here. One that waits for others only takes nobody's place."""
    return any(work.in_state[state] for state in (*QUEUED, State.IN_PROGRESS, State.UNDER_REVIEW, State.RETRY))


def _begun_first(work: Work) -> tuple[bool, str, str]:
    begun = any(work.in_state[state] for state in (State.AGENTS, State.IN_PROGRESS, State.UNDER_REVIEW, State.RETRY))
    return not begun, str((work.history.intake or {}).get("time", "")), work.id
