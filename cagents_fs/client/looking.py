"""What lies beside the journal: what agents say of themselves, and when there was a sign of them. For those who show.

The daemon has its own eyes, which answer what is wrong. Here what cannot be read is passed over.
"""

import os

from cagents_fs.core.index import Index, Record
from cagents_fs.model.files import Heartbeat
from cagents_fs.model.states import State
from cagents_fs.store.check import check
from cagents_fs.store.reading import NotRegular, TooLarge, read_bounded
from cagents_fs.store.yaml import Unreadable, parse_mapping

MOST_BYTES = 1 << 20
MOST_FILES = 1000  # of an output directory


def look_around(root: str, index: Index) -> dict[str, float]:
    """Take the heartbeats of what is in progress into a picture. Returns `inst/task` -> the last sign, wall clock."""
    signs: dict[str, float] = {}
    for work in index.works.values():
        folder = os.path.join(root, work.id)
        for task_id in work.in_state[State.IN_PROGRESS]:
            seen_s = max(_beat(folder, work.records[task_id]), _output(folder, task_id))
            if seen_s:
                signs[f"{work.id}/{task_id}"] = seen_s
    return signs


def _beat(folder: str, record: Record) -> float:
    """The heartbeat of a task's holder, in the attempt that runs."""
    holder, task_id = record.ledger.holder, record.task.task_id
    found: list[tuple[float, Heartbeat]] = []
    for name in (f"{holder}_{task_id}.yaml", f"{holder}/{task_id}.yaml"):
        path = os.path.join(folder, "heartbeats", name)
        beat = _read(path)
        if beat is not None and beat.attempt in (None, record.ledger.attempt) and beat.task_id == task_id:
            found.append((_changed_s(path), beat))
    if not found:
        return 0.0
    seen_s, record.heartbeat = max(found, key=lambda pair: pair[0])
    return seen_s


def _read(path: str) -> Heartbeat | None:
    try:
        return check(parse_mapping(read_bounded(path, MOST_BYTES).data), Heartbeat, path).value
    except (OSError, NotRegular, TooLarge, Unreadable):
        return None


def _output(folder: str, task_id: str) -> float:
    """When something last changed in a task's output directory."""
    output = os.path.join(folder, "outputs/partial", task_id)
    try:
        names = os.listdir(output)
    except OSError:
        return 0.0
    return max((_changed_s(os.path.join(output, name)) for name in names[:MOST_FILES]), default=0.0)


def _changed_s(path: str) -> float:
    try:
        return os.lstat(path).st_mtime
    except OSError:
        return 0.0
