"""Who waits for whom: an instruction as waves, nodes and edges. Drawn in `drawing.py`."""

from collections.abc import Iterator
from typing import Any

from cagents_fs.core.graph import independence
from cagents_fs.core.index import Index, Work
from cagents_fs.core.stages import named
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import COUNTED_AS
from cagents_fs.report.urgency import effective

Edge = dict[str, Any]


def graph(index: Index, work: Work, policy: Policy, wall_s: float) -> dict[str, Any]:
    """What `graph --format json` shows. `from` is the awaited one, `to` the one that waits."""
    index.urgencies(policy)
    return {
        "instruction_id": work.id,
        "mode": work.mode,
        "mode_reason": mode_reason(work),
        "independence": round(independence(_orderly(work)), 4),
        "waves": waves(work),
        "stages": _stages(work),
        "nodes": [
            {
                "task_id": task_id,
                "state": record.place,
                "status": COUNTED_AS[record.state] if record.state else "missing",
                "wave": work.level[task_id],
                "agent": record.ledger.holder or record.assigned or policy.default_agent,
                "effective_priority": effective(record, policy, wall_s),
                "parent_task_id": record.task.parent_task_id,
                "unmet": work.unmet_of(task_id),
            }
            for task_id, record in work.records.items()
        ],
        "edges": [edge for task_id in work.records for edge in _edges_to(work, task_id)] + list(_meetings(work)),
    }


def waves(work: Work) -> list[list[str]]:
    """The tasks by wave, in a pipeline by stage: counted from 0, each in the order of the plan."""
    found: list[list[str]] = [[] for _ in range(1 + max(work.level.values(), default=-1))]
    for task_id in work.records:
        found[work.level[task_id]].append(task_id)
    return found


def _stages(work: Work) -> list[str]:
    """What the stages of a pipeline are called; empty where they are the waves of the graph."""
    if work.mode != "pipeline":
        return []
    return [str(name) for name in named((record.task for record in work.records.values()), work.instruction.stages)]


def _orderly(work: Work, *, planned: bool = False) -> dict[str, list[str]]:
    """Whom each task waits for within the instruction, without circles; `planned`: as it was in the plan."""
    records = {t: r for t, r in work.records.items() if not (planned and r.ledger.added)}
    blocking = {t: r.task.blocking() if planned else work.edges[t] for t, r in records.items()}
    loose = work.circular
    return {t: [] if t in loose else [o for o in on if o in records and o not in loose] for t, on in blocking.items()}


def mode_reason(work: Work) -> str:
    """Why it is carried out in this mode."""
    plan = work.instruction
    if plan.mode is not None:
        return f"the plan says `mode: {plan.mode}`"
    tier = f"the plan is of tier {plan.tier}" if plan.tier is not None else "the plan names no tier, so it is of tier 3"
    if plan.tier not in (None, 3):
        return f"{tier}, which runs in {work.mode} mode"
    share = independence(_orderly(work, planned=True))
    than = "above 0.7" if share > 0.7 else "not above 0.7"
    return f"{tier}; independence was {share:.2f} when it was taken in, {than}: {work.mode} mode"


def _edges_to(work: Work, task_id: str) -> Iterator[Edge]:
    """All edges that end at the one that waits."""
    record = work.records[task_id]
    on, met = record.task.dependencies, work.is_met
    hard = dict.fromkeys([*(d.task_id for d in on.hard_dependencies), *record.ledger.added_edges])
    for awaited in hard:
        yield {"from": awaited, "to": task_id, "kind": "hard", "met": met(task_id, awaited)}
    for data in on.data_dependencies:
        edge = {"from": data.task_id, "to": task_id, "kind": "data", "met": met(task_id, data.task_id)}
        yield {**edge, "artifact_path": data.artifact_path}
    for soft in on.soft_dependencies:
        other = work.records.get(soft.task_id)
        yield {"from": soft.task_id, "to": task_id, "kind": "soft", "met": other is not None and other.satisfied}
    for child in work.offspring.get(task_id, ()):
        yield {"from": child, "to": task_id, "kind": "parent", "met": work.records[child].satisfied}


def _meetings(work: Work) -> Iterator[Edge]:
    """Those who meet at a checkpoint: the first that names it with each of the others; it has no direction."""
    for name, meeting in work.meetings.items():
        opened = name in work.history.open_checkpoints
        for other in meeting.participants[1:]:
            edge = {"from": meeting.participants[0], "to": other, "kind": "coordination"}
            yield {**edge, "checkpoint": name, "met": opened}
