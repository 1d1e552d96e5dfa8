"""What can each agent take on? Its slots, its load, its queue, and how it has fared, over the whole tree."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from cagents_fs.core.index import Index, Work
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import State
from cagents_fs.rules import breaker
from cagents_fs.rules.limits import described_slots, instances, slots, type_of

Row = dict[str, Any]


@dataclass(slots=True)
class _Seen:
    """What the instructions say of one agent, together."""

    homes: list[Work] = field(default_factory=list)  # where it has a queue, or a task
    depth: int = 0
    load: int = 0
    completed: int = 0
    failed: int = 0
    work_s: float = 0.0
    troubled: bool = False  # it has failed since its last verified work


def capacities(index: Index, policy: Policy, wall_s: float, known: Iterable[str] = ()) -> dict[str, Row]:
    """Every agent that has, or has had, something to do, and those `known` besides, each with what it can take on."""
    seen = _gathered(index)
    kinds = {type_of(agent, policy) for agent in (*seen, *known) if agent}
    kinds |= {kind or policy.default_agent for work in index.works.values() for kind in work.lanes.agents()}
    agents = {*seen, *known, *(agent for kind in kinds for agent in instances(kind, policy))}
    rows = {}
    for agent in sorted(agents - {""}):
        told = seen[agent]
        state = breaker.state_for(index, agent, policy, wall_s) if told.troubled else breaker.CLOSED
        rows[agent] = _row(agent, told, state, policy)
    return rows


def _gathered(index: Index) -> defaultdict[str, _Seen]:
    """All agents at once: one walk, however many they are."""
    seen: defaultdict[str, _Seen] = defaultdict(_Seen)
    for work in index.works.values():
        for agent, members in work.at_agent.items():
            seen[agent].depth += len(members)
            seen[agent].homes.append(work)
        for task_id in work.in_state[State.IN_PROGRESS]:
            seen[work.records[task_id].ledger.holder or ""].homes.append(work)
        for record in work.working():
            seen[record.ledger.holder or ""].load += 1
        for agent, outcomes in work.history.outcomes.items():
            told = seen[agent]
            told.completed += outcomes.completed
            told.failed += outcomes.failed
            told.work_s += outcomes.work_s
            told.troubled = told.troubled or bool(outcomes.failures)
    return seen


def _row(agent: str, told: _Seen, state: str, policy: Policy) -> Row:
    kind, limit = type_of(agent, policy), _slots(told.homes, agent, policy)
    mean_s = round(told.work_s / told.completed, 3) if told.completed else None
    return {
        "agent_name": agent,
        "agent_type": kind,
        "slots": limit,
        "load": told.load,
        "utilization_percentage": round(100 * told.load / limit, 1) if limit else 0.0,
        "queue_depth": told.depth,
        "mean_duration_seconds": mean_s,
        "skills": list(policy.agents[kind].skills) if kind in policy.agents else [],
        "completed": told.completed,
        "failed": told.failed,
        "breaker": state,
        "max_concurrent_tasks": limit,
        "current_task_count": told.load,
        "average_task_duration": mean_s,
    }


def _slots(homes: list[Work], agent: str, policy: Policy) -> int:
    """As many as the instruction that gives it most; where it has nothing to do, as its description or a swarm."""
    given = [slots(work, agent, policy) for work in homes if work.open]
    if given:
        return max(given)
    described = described_slots(agent, policy)
    return policy.mode_limit("swarm") if described is None else described
