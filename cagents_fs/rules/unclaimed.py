"""What does nobody claim? A released task whose agent shows no sign of life raises an alert, once."""

from collections.abc import Iterator

from cagents_fs.core.index import Index, Work
from cagents_fs.model.actions import Action, Note, Wake
from cagents_fs.model.observations import Now
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import State, folder_of


def decide(index: Index, policy: Policy, now: Now) -> Iterator[Action]:
    """Which tasks have lain in an agent's queue for too long?"""
    for work in index.each():
        if work.history.paused:
            continue
        for agent, members in work.at_agent.items():
            if not members:
                continue
            seen_s = _last_sign_s(index, agent)
            for task_id in members:
                record = work.records[task_id]
                due_s = max(record.entered_s, seen_s) + policy.claim_timeout_s
                if record.ledger.alerted or not record.settled:
                    continue
                if now.s < due_s:
                    yield Wake(at_s=due_s)
                else:
                    yield _alert(work, task_id, agent, now.s - record.entered_s)


def _last_sign_s(index: Index, agent: str) -> float:
    """When this agent was last seen to work on anything, in observed seconds."""
    return max(
        (
            work.records[task_id].sign_s
            for work in index.works.values()
            for task_id in work.in_state[State.IN_PROGRESS]
            if work.records[task_id].ledger.holder == agent
        ),
        default=0.0,
    )


def _alert(work: Work, task_id: str, agent: str, waited_s: float) -> Note:
    record = work.records[task_id]
    assert folder_of(record.place or "") == agent
    return Note(
        instruction=work.id,
        event="alert",
        task_id=task_id,
        attempt=record.ledger.attempt,
        agent=agent,
        reason=f"unclaimed: {agent} has not claimed it for {waited_s:.0f} s and shows no sign of life; is it running?",
        facts={"alert": "unclaimed"},
    )
