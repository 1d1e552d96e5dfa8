"""Who waits for others? What the daemon's eyes see of it, for those who look at the tree without a daemon."""

import hashlib
import os
import time
from typing import TypeVar

from cagents_fs.core.index import Record, Work
from cagents_fs.model.files import Arrival, Heartbeat, Manifest
from cagents_fs.model.layout import MANIFEST
from cagents_fs.model.observations import ManifestSeen
from cagents_fs.model.parts import Record as FileRecord
from cagents_fs.model.states import State
from cagents_fs.store.check import check
from cagents_fs.store.reading import NotRegular, TooLarge, read_bounded
from cagents_fs.store.yaml import Unreadable, parse_mapping

MOST_BYTES = 1 << 20
YOUNG_S = 1.3  # until a daemon has seen a manifest: as shipped, it settles in one second
T = TypeVar("T", bound=FileRecord)


def see_who_waits(root: str, work: Work, young_s: float = YOUNG_S) -> None:
    """Who has come to a checkpoint, which parents have handed in or say that they are blocked: they hold no slot.

    A manifest younger than `young_s` does not count yet: a claim that counts on it would be put back.
    """
    folder = os.path.join(root, work.id)
    for task_id in work.in_state[State.IN_PROGRESS] if work.meetings or work.offspring else ():
        record = work.records[task_id]
        for name, meeting in work.meetings.items():
            came = _attempt(os.path.join(folder, "checkpoints", name, f"{task_id}.yaml"))
            if task_id in meeting.participants and came is not None:
                meeting.arrived[task_id] = came
        if task_id in work.offspring:
            _hears_of(record, folder, young_s)


def _attempt(path: str) -> int | None:
    """The attempt of which an arrival is; None where there is none, or one that cannot be read."""
    data = _bytes(path)
    if data is None or not data.strip():
        return None if data is None else 1
    arrival = _read(data, Arrival)
    return arrival.attempt if arrival else None


def _hears_of(record: Record, folder: str, young_s: float) -> None:
    """The last manifest and the last heartbeat of a parent."""
    task_id, agent = record.task.task_id, record.ledger.holder
    for output in (f"outputs/partial/{task_id}", f"outputs/{task_id}"):
        data = _bytes(os.path.join(folder, output, MANIFEST), young_s)
        if data is not None and (manifest := _read(data, Manifest)) is not None:
            record.manifest = ManifestSeen(
                task_id=task_id,
                path=f"{output}/{MANIFEST}",
                sha256=hashlib.sha256(data).hexdigest(),
                evidence_sha256="",
                manifest=manifest,
                faults=(),
            )
            break
    for beat in (f"{agent}_{task_id}.yaml", f"{agent}/{task_id}.yaml"):
        data = _bytes(os.path.join(folder, "heartbeats", beat))
        if data is not None and (heartbeat := _read(data, Heartbeat)) is not None:
            record.heartbeat = heartbeat
            break


def _bytes(path: str, young_s: float = 0.0) -> bytes | None:
    """What a file says, unless it is younger than so many seconds."""
    try:
        if young_s and time.time() - os.lstat(path).st_ctime < young_s:
            return None
        return read_bounded(path, MOST_BYTES).data
    except (OSError, NotRegular, TooLarge):
        return None


def _read(data: bytes, kind: type[T]) -> T | None:
    try:
        return check(parse_mapping(data), kind, "").value
    except Unreadable:
        return None
