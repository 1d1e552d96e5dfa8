"""What is told of a task: why it is where it is, and its story from the journal."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cagents_fs.model.states import State
from cagents_fs.report.why import Asked, answers

TOLD = frozenset(
    {
        *("taken_in", "moved", "accepted", "rejected", "failed_attempt", "stalled", "revived", "answered", "finding"),
        *("alert", "process_started", "process_ended", "checked_before", "warning", "paused", "resumed", "reassigned"),
        *("dependency_added", "dependency_waived", "escalated", "raised", "escalation_answered"),
    }
)


def about(task_id: str, lines: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The lines of a journal that are about one task."""
    return [line for line in lines if line.get("task_id") == task_id]


def reasons(asked: Asked) -> list[str]:
    """Sentences that name the tasks, agents and times concerned; the most important first."""
    found = list(answers(asked))
    last = next((line for line in reversed(asked.told) if line["event"] == "moved"), None)
    if last is not None and not any(str(last["reason"]) in said for said in found):
        found.append(f"{last['time']}: {last['reason']}")
    verdict = next((line for line in reversed(asked.told) if line["event"] in ("accepted", "rejected")), None)
    if verdict is not None and asked.record.state is not State.COMPLETED:
        found.append(f"{verdict['time']}: last verdict: {verdict['event']}: {verdict['reason']}")
    return found


def story(told: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What the journal tells of one task, in order."""
    kept = ("time", "event", "from", "to", "attempt", "agent", "reason")
    return [{key: line.get(key) for key in kept} for line in told if line["event"] in TOLD]
