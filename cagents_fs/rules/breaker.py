"""Who fails too often? After so many failed attempts in a row an agent gets nothing for a while, then a trial.

The source is the circuit breaker of `parallel_execution_framework.yaml`: closed, open for a time, half open with a few
tasks at once until one of them is verified. It is per agent and over the whole tree.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from cagents_fs.core.index import Index
from cagents_fs.model.actions import Action, Note, Wake
from cagents_fs.model.observations import Now
from cagents_fs.model.policy import Policy

CLOSED, OPEN, HALF_OPEN = "closed", "open", "half_open"


def decide(index: Index, policy: Policy, now: Now) -> Iterator[Action]:
    """Whose breaker opens, and whose closes again?"""
    for work in index.each():
        for agent, outcomes in work.history.outcomes.items():
            told = work.history.breakers.get(agent, CLOSED)
            if told == CLOSED and not outcomes.failures:
                continue
            state = state_for(index, agent, policy, now.wall_s)
            if state == OPEN:
                yield Wake(at_s=now.s + opens_until_s(index, agent, policy) - now.wall_s)
            if state != told:
                reason = _said(index, agent, state, policy)
                yield Note(instruction=work.id, event="breaker", agent=agent, reason=reason, facts={"state": state})


def _said(index: Index, agent: str, state: str, policy: Policy) -> str:
    if state == OPEN:
        until = datetime.fromtimestamp(opens_until_s(index, agent, policy), UTC).isoformat(timespec="seconds")
        return f"{agent} failed {len(failures(index, agent))} times in a row; it gets nothing until {until}"
    if state == HALF_OPEN:
        return f"{agent} may try again, {policy.breaker_trials} tasks at a time, until one is verified"
    return f"{agent} has had work verified again"


def state_for(index: Index, agent: str, policy: Policy, wall_s: float) -> str:
    """Where an agent's breaker stands: closed, open or half_open."""
    if not policy.breaker or len(failures(index, agent)) < policy.breaker_failures:
        return CLOSED
    return OPEN if wall_s < opens_until_s(index, agent, policy) else HALF_OPEN


def opens_until_s(index: Index, agent: str, policy: Policy) -> float:
    """Until when, in seconds since the epoch, an open breaker stays so."""
    return max(failures(index, agent), default=0.0) + policy.breaker_open_s


def failures(index: Index, agent: str) -> list[float]:
    """When this agent failed, since its last verified work anywhere in the tree."""
    outcomes = [known for work in index.works.values() if (known := work.history.outcomes.get(agent))]
    if not any(known.failures for known in outcomes):
        return []
    since_s = max(known.success_wall_s for known in outcomes)
    return [at_s for known in outcomes for at_s in known.failures if at_s > since_s]
