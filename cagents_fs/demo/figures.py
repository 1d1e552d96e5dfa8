"""What the demo's table says, worked out from the journal alone."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cagents_fs.core.graph import Edges
from cagents_fs.model.states import State

LEAVES_WORK = frozenset({State.COMPLETED, State.RETRY, State.FAILED, State.CANCELLED, State.BLOCKED})


@dataclass(slots=True)
class Figures:
    """A run in numbers. Times are seconds."""

    rejected: list[tuple[str, str]] = field(default_factory=list)  # task, why
    stalled: list[tuple[str, str]] = field(default_factory=list)
    accepted: int = 0
    most_at_once: int = 0
    alone_s: float = 0.0  # all attempts one after another
    together_s: float = 0.0  # from the first claim to the last completion
    path_s: float = 0.0  # the longest path of attempts as they ran, through the graph

    @property
    def speedup(self) -> float:
        """Time alone over time together."""
        return self.alone_s / self.together_s if self.together_s else 0.0

    @property
    def efficiency(self) -> float:
        """The longest path of attempts over the makespan, 0..1: what no number of agents could have shortened."""
        return self.path_s / self.together_s if self.together_s else 0.0


def figures(lines: Iterable[Mapping[str, Any]], edges: Edges) -> Figures:
    """The figures of one instruction from its journal and its dependencies."""
    found = Figures()
    running = 0
    claimed: dict[str, float] = {}
    worked: dict[str, float] = {}
    first, last = float("inf"), 0.0
    for line in lines:
        at = datetime.fromisoformat(line["time"]).timestamp()
        task_id = line.get("task_id") or ""
        match line["event"]:
            case "process_started":
                running += 1
                found.most_at_once = max(found.most_at_once, running)
            case "process_ended":
                running -= 1
            case "rejected":
                found.rejected.append((task_id, line["reason"]))
            case "stalled":
                found.stalled.append((task_id, line["reason"]))
            case "accepted":
                found.accepted += 1
            case "moved" if line["to"] == State.IN_PROGRESS and task_id not in claimed:
                claimed[task_id] = at
                first = min(first, at)
            case "moved" if line["to"] in LEAVES_WORK and task_id in claimed:
                worked[task_id] = worked.get(task_id, 0.0) + at - claimed.pop(task_id)
                last = max(last, at)
    found.alone_s = sum(worked.values())
    found.together_s = max(0.0, last - first)
    found.path_s = longest_path(worked, edges)
    return found


def longest_path(seconds: Mapping[str, float], edges: Edges) -> float:
    """The longest chain of tasks that wait for each other, by the time worked on each."""
    from graphlib import TopologicalSorter

    until: dict[str, float] = {}
    sorter: TopologicalSorter[str] = TopologicalSorter(edges)
    for task in sorter.static_order():
        until[task] = seconds.get(task, 0.0) + max((until[awaited] for awaited in edges.get(task, ())), default=0.0)
    return max(until.values(), default=0.0)
