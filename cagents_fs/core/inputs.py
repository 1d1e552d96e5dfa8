"""What a task gets from those for whose artifacts it waited."""

from collections.abc import Mapping

from cagents_fs.core.artifacts import artifact_at
from cagents_fs.core.record import Record
from cagents_fs.core.work import Work


def inputs(works: Mapping[str, Work], work: Work, record: Record) -> list[dict[str, str | None]]:
    """The artifacts for which a task waited: as it calls them, where they lie, and their checksum as verified."""
    found: list[dict[str, str | None]] = []
    for wanted in record.task.dependencies.data_dependencies:
        instruction, _, task_id = wanted.task_id.rpartition(":")
        holder = works.get(instruction) if instruction else work
        giver = holder.records.get(task_id) if holder else None
        artifact = artifact_at(giver, wanted.artifact_path) if giver and giver.satisfied else None
        entry = {"task_id": wanted.task_id, "artifact_path": wanted.artifact_path, "path": None, "checksum": None}
        if artifact is not None:
            entry |= {"path": artifact.get("resolved"), "checksum": artifact.get("checksum")}
        found.append(entry)
    return found
