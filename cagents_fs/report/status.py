"""Who does what, in numbers: the data behind `status`, `tasks` and `ready`."""

from collections.abc import Iterator, Mapping
from typing import Any

from cagents_fs.core.index import Index, Record, Work
from cagents_fs.core.lanes import standing
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import COUNTED_AS, COUNTS, State
from cagents_fs.report import queued
from cagents_fs.report.urgency import effective, why
from cagents_fs.report.words import moment
from cagents_fs.rules.limits import refusal, type_of

MISSING = "missing"
# What `tasks --state` understands: how `status` counts, and the directories, whole or by their last word.
STATES = tuple(
    dict.fromkeys([*COUNTS, MISSING, *(state.value.rpartition("/")[2] for state in State), *(s.value for s in State)])
)


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
        "paused": work.history.paused,
        "tasks": {**counts, "total": total},
        "agents": {"active": len(busy - stalled), "stalled": len(stalled), "idle": len(known - busy)},
        "progress_percentage": round(100 * verified / total, 1) if total else 0.0,
        "open_escalations": sorted(name for name, one in work.history.escalations.items() if one.closed is None),
        "quarantined": [{"path": path, "reason": why} for path, why in sorted(work.history.quarantined.items())],
        "description": work.instruction.description,
    }


def at_work(work: Work, signs: Mapping[str, float]) -> list[dict[str, Any]]:
    """Who works on what, who began first before the others. `signs`: `inst/task` -> the last sign of life."""
    rows = []
    for task_id in work.in_state[State.IN_PROGRESS]:
        record = work.records[task_id]
        ledger, beat = record.ledger, record.heartbeat
        rows.append(
            {
                "instruction_id": work.id,
                "task_id": task_id,
                "agent": ledger.holder,
                "attempt": ledger.attempt,
                "since": moment(ledger.claimed_wall_s) if ledger.claimed_wall_s else None,
                "last_sign": moment(seen_s) if (seen_s := signs.get(f"{work.id}/{task_id}")) else None,
                "stalled": ledger.stalled,
                "waits": work.waits(record),
                "progress_percentage": beat.progress_percentage if beat else None,
                "activity": beat.current_activity if beat else None,
            }
        )
    return sorted(rows, key=lambda row: (row["since"] or "", row["task_id"]))


def task_row(work: Work, record: Record) -> dict[str, Any]:
    """One task as `tasks --json` shows it."""
    task, ledger = record.task, record.ledger
    return {
        "task_id": task.task_id,
        "instruction_id": work.id,
        "state": record.place,
        "status": COUNTED_AS[record.state] if record.state else MISSING,
        "priority": task.priority,
        "agent": ledger.holder or record.assigned,
        "attempt": ledger.attempt,
        "retries": ledger.retries,
        "paused": ledger.paused,
        "verified": record.satisfied and record.state is State.COMPLETED,
        "waits_for": work.unmet_of(task.task_id),
        "blocked_by": list(work.causes().get(task.task_id, ledger.blocked_by)),
        "description": task.description,
    }


def watching_lines(watching: Mapping[str, Any] | None) -> Iterator[str]:
    """What is to be said of how the daemon sees; nothing while it sees well."""
    if not watching:
        return
    if watching.get("mode") != "events":
        yield f"it looks through the tree at intervals: {watching.get('trouble') or watching.get('because')}"
    elif watching.get("trouble"):
        yield f"it does not hear everything: {watching['trouble']}"
    held = watching.get("held")
    for name, reason in sorted(held.items()) if isinstance(held, dict) else ():
        yield f"{name} is held, nothing is decided about it: {reason}"
    if watching.get("storage"):
        yield f"it is waiting for the file system: {watching['storage']}"


def is_in(row: Mapping[str, Any], state: str) -> bool:
    """Whether a row is of this state: one of `STATES`, or a directory such as `queues/agents/ann`."""
    place = row["state"] or MISSING
    return state in (row["status"], place) or state in place.split("/")[:2] or place.startswith(f"{state}/")


def ready_rows(index: Index, policy: Policy, wall_s: float) -> list[dict[str, Any]]:
    """The tasks that somebody could take up now, best first."""
    found = [(work, record) for work in index.works.values() for record in _ready(work)]
    index.urgencies(policy)
    found.sort(key=lambda pair: (standing(pair[1], policy, wall_s)[0], pair[1].ledger.queued_wall_s, pair[1].queued))
    refused: dict[tuple[str, str], str | None] = {}
    rows = []
    for work, record in found:
        released = record.state is State.AGENTS
        agent = (record.ledger.holder if released else None) or record.assigned or policy.default_agent
        if (work.id, agent) not in refused:
            refused[work.id, agent] = refusal(index, work, agent, policy, wall_s)
        row = task_row(work, record)
        row["agent"] = agent
        row["agent_type"] = type_of(agent, policy)
        row["effective_priority"] = effective(record, policy, wall_s)
        row["why"] = why(index, work, record, policy, wall_s)
        held = None if released else next(queued.unreleased(index, work, record, policy, wall_s), None)
        row["held_up_by"] = held or refused[work.id, agent]
        rows.append(row)
    return rows


def _ready(work: Work) -> Iterator[Record]:
    for state in (State.AGENTS, State.DOMAINS, State.GLOBAL):
        for task_id in work.in_state[state]:
            if not work.unmet[task_id]:
                yield work.records[task_id]
