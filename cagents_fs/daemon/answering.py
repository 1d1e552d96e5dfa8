"""Answering what is wrong: once, where its writer can see it, in the journal, with a copy in quarantine."""

import hashlib
from collections.abc import Iterator, Sequence

from cagents_fs.core.index import Work
from cagents_fs.model.actions import Action, KeepCopy, Note, Tell
from cagents_fs.model.faults import MOST_FAULTS, Fault
from cagents_fs.model.ids import id_fault
from cagents_fs.model.text import safe_text

PLANNER = "planner"


def answer(
    work: Work, path: str, faults: Sequence[Fault], version: str, to: str | None = None, task_id: str | None = None
) -> Iterator[Action]:
    """The answer to a wrong file, unless this version of it was answered before.

    `path` is relative to the instruction, `version` names the content (a digest, or what stat says of it).
    """
    key = f"{safe_text(path)}|{version}"
    if key in work.history.answered:
        return
    addressee = to if to and id_fault(to) is None else PLANNER
    listed = "\n".join(f"- {fault}" for fault in faults)
    yield KeepCopy(instruction=work.id, path=path, faults=tuple(faults))
    yield Tell(
        to=addressee,
        type="error",
        text=f"{safe_text(path)} cannot be used:\n{listed}\nMend it where it is; it will be read again.",
        key=f"wrong/{work.id}/{key}",
        instruction=work.id,
        task_id=task_id if task_id and id_fault(task_id) is None else None,
        path=safe_text(path),
    )
    yield Note(
        instruction=work.id,
        event="answered",
        task_id=task_id if task_id in work.records else None,
        agent=addressee,
        reason="; ".join(safe_text(str(fault)) for fault in faults[:20]),
        facts={
            "key": key,
            "path": safe_text(path),
            "quarantined": True,
            "faults": [fault.to_json() for fault in faults[: MOST_FAULTS + 1]],
        },
    )


def mended(work: Work, path: str) -> Iterator[Action]:
    """A file that was answered is right now."""
    shown = safe_text(path)
    if shown in work.history.quarantined:
        yield Note(instruction=work.id, event="mended", reason=f"{shown} can be used now", facts={"path": shown})


def version_of(data: bytes) -> str:
    """A name for a content."""
    return hashlib.sha256(data).hexdigest()[:16]
