"""Checkpoints: points at which several tasks wait for each other (PROTOCOL section 2, `checkpoints/`)."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from cagents_fs.core.record import Record
from cagents_fs.model.files import Task
from cagents_fs.model.states import State

THERE = frozenset({State.IN_PROGRESS, State.UNDER_REVIEW})


@dataclass(slots=True)
class Meeting:
    """Who meets at a checkpoint, and who has come."""

    participants: tuple[str, ...] = ()
    arrived: dict[str, int] = field(default_factory=dict)  # task -> the attempt that came

    def has_come(self, record: Record) -> bool:
        """Whether this task is there, in the attempt that runs. One that has failed since is not."""
        here = record.state in THERE or (record.state is State.BLOCKED and record.ledger.escalation is not None)
        return here and self.arrived.get(record.task.task_id) == record.ledger.attempt

    def expects(self, record: Record) -> bool:
        """Whether the others still wait for this task. One that is done will not come any more, and need not."""
        return not (record.satisfied or self.has_come(record))


def meetings_of(tasks: Iterable[Task]) -> dict[str, tuple[str, ...]]:
    """The participants of each checkpoint: those that name it, and those whom they name."""
    found: dict[str, dict[str, None]] = {}
    for task in tasks:
        for point in task.dependencies.coordination:
            found.setdefault(point.checkpoint, {}).update(dict.fromkeys((task.task_id, *point.with_)))
    return {name: tuple(participants) for name, participants in found.items()}
