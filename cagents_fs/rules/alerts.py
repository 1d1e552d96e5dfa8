"""Which queues are too deep? What an agent has before it, in its queue and in those of the domains, raises an alert."""

from collections.abc import Iterator

from cagents_fs.core.index import Index, Work
from cagents_fs.model.actions import Action, Note
from cagents_fs.model.observations import Now
from cagents_fs.model.policy import Policy
from cagents_fs.rules.limits import instances, type_of

DEPTH = "queue_depth"


def decide(index: Index, policy: Policy, now: Now) -> Iterator[Action]:  # noqa: ARG001 - all rules have one form
    """Which queues have become too deep, and which are so no more?"""
    for work in index.each():
        if work.history.intake is None or not work.touched:
            continue
        for agent in _types(work, policy):
            depth, limit = _depth(work, agent, policy), policy.alert_queue_depth
            told = f"{DEPTH}/{agent}" in work.history.alerts
            if depth > limit and not told:
                text = f"{depth} tasks wait for {agent}, more than {limit}; give it more slots, or some to others"
                yield _note(work, "alert", agent, depth, text)
            elif depth <= limit and told:
                text = f"{depth} tasks wait for {agent}, no more than {limit}"
                yield _note(work, "alert_over", agent, depth, text)


def _types(work: Work, policy: Policy) -> list[str]:
    """The agent types that have had tasks before them, or of which an alert is under way."""
    found = {type_of(agent, policy) for agent in work.at_agent}
    found |= {agent or policy.default_agent for agent in work.lanes.in_domains}
    found |= {key.partition("/")[2] for key in work.history.alerts if key.startswith(f"{DEPTH}/")}
    return sorted(found)


def _depth(work: Work, agent: str, policy: Policy) -> int:
    """The deepest queue of the agents of a type, and what waits in the domains for any of them."""
    waiting = work.lanes.in_domains
    shared = waiting.get(agent, 0) + (waiting.get("", 0) if agent == policy.default_agent else 0)
    return shared + max(len(work.at_agent.get(name, ())) for name in instances(agent, policy))


def _note(work: Work, event: str, agent: str, depth: int, reason: str) -> Note:
    return Note(instruction=work.id, event=event, agent=agent, reason=reason, facts={"alert": DEPTH, "depth": depth})
