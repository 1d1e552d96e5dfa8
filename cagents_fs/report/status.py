"""Who does what, in numbers: the data behind `status`, `tasks` and `ready`."""

from collections.abc import Iterator
from typing import Any

from cagents_fs.core.index import Index, Record, Work
from cagents_fs.core.lanes import standing
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import COUNTED_AS, COUNTS, State
from cagents_fs.rules.limits import refusal, type_of


def instruction_status(work: Work) -> dict[str, Any]:
    """One instruction as `status --json` shows it. `progress_percentage` is verified tasks over all, 0..100."""
    counts = dict.fromkeys(COUNTS, 0)
    for state, members in work.in_state.items():
        counts[COUNTED_AS[state]] += len(members)
    total = len(work.records)
    verified = sum(work.records[t].satisfied for t in work.in_state[State.COMPLETED])
    busy = {work.records[t].ledger.holder or "" for t in work.in_state[State.IN_PROGRESS]}
    stalled = {
        work.records[t].ledger.holder or "" for t in work.in_state[State.IN_PROGRESS] if work.records[t].ledger.stalled
    }
    known = {agent for agent in work.at_agent if agent} | busy
    return {
        "instruction_id": work.id,
        "mode": work.mode,
        "phase": work.history.phase,
        "tasks": {**counts, "total": total},
        "agents": {"active": len(busy - stalled), "stalled": len(stalled), "idle": len(known - busy)},
        "progress_percentage": round(100 * verified / total, 1) if total else 0.0,
        "quarantined": [{"path": path, "reason": why} for path, why in sorted(work.history.quarantined.items())],
        "description": work.instruction.description,
    }


def task_row(work: Work, record: Record) -> dict[str, Any]:
    """One task as `tasks --json` shows it."""
    task, ledger = record.task, record.ledger
    return {
        "task_id": task.task_id,
        "instruction_id": work.id,
        "state": record.place,
        "status": COUNTED_AS[record.state] if record.state else "missing",
        "priority": task.priority,
        "agent": ledger.holder or task.assigned_agent,
        "attempt": ledger.attempt,
        "retries": ledger.retries,
        "verified": record.satisfied and record.state is State.COMPLETED,
        "waits_for": [t for t in work.edges[task.task_id] if t not in work.records or not work.records[t].satisfied],
        "blocked_by": list(work.causes().get(task.task_id, ledger.blocked_by)),
        "description": task.description,
    }


def ready_rows(index: Index, policy: Policy, wall_s: float) -> list[dict[str, Any]]:
    """The tasks that somebody could take up now, best first."""
    found = [(work, record) for work in index.works.values() for record in _ready(work)]
    index.urgencies(policy)
    found.sort(key=lambda pair: (standing(pair[1], policy, wall_s)[0], pair[1].ledger.queued_wall_s, pair[1].queued))
    rows = []
    for work, record in found:
        agent = record.ledger.holder or record.task.assigned_agent or policy.default_agent
        row = task_row(work, record)
        row["agent"] = agent
        row["agent_type"] = type_of(agent, policy)
        row["held_up_by"] = refusal(index, work, agent, policy, wall_s)
        rows.append(row)
    return rows


def _ready(work: Work) -> Iterator[Record]:
    for state in (State.AGENTS, State.DOMAINS, State.GLOBAL):
        for task_id in work.in_state[state]:
            if not work.unmet[task_id]:
                yield work.records[task_id]
