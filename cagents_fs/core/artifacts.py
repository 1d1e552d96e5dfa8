"""What one task hands over to another: the artifacts that data dependencies name."""

from cagents_fs.core.ledger import Line
from cagents_fs.core.record import Record
from cagents_fs.model.states import State


def hands_over(record: Record, child: Record, reference: str) -> bool:
    """Whether what was verified holds every artifact for which `child` waits. What was skipped hands over nothing.

    `reference`: how the child calls it; another instruction may have a task of the same name.
    """
    if record.state is not State.COMPLETED:
        return True
    wanted = [d for d in child.task.dependencies.data_dependencies if d.task_id == reference]
    return all(artifact_at(record, d.artifact_path) is not None for d in wanted)


def artifact_at(record: Record, wanted: str) -> Line | None:
    """The artifact of an accepted manifest that a dependent calls by this path."""
    for artifact in record.ledger.artifacts:
        path = str(artifact.get("path"))
        if path == wanted or path.endswith("/" + wanted):
            return artifact
    return None
