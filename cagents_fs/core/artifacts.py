"""What one task hands over to another: the artifacts that data dependencies name."""

from cagents_fs.core.ledger import Line
from cagents_fs.core.record import Record
from cagents_fs.model.states import State


def hands_over(record: Record, child: Record) -> bool:
    """Whether what was verified holds every artifact for which `child` waits. What was skipped hands over nothing."""
    if record.state is not State.COMPLETED:
        return True
    wanted = [d for d in child.task.dependencies.data_dependencies if names(d.task_id, record.task.task_id)]
    return all(artifact_at(record, d.artifact_path) is not None for d in wanted)


def names(reference: str, task_id: str) -> bool:
    """Whether a dependency is about this task, be it of another instruction."""
    return reference.rpartition(":")[2] == task_id


def artifact_at(record: Record, wanted: str) -> Line | None:
    """The artifact of an accepted manifest that a dependent calls by this path."""
    for artifact in record.ledger.artifacts:
        path = str(artifact.get("path"))
        if path == wanted or path.endswith("/" + wanted):
            return artifact
    return None
