"""What is said of a file that is odd, and was taken all the same: eyes and rules say it alike."""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import islice

from cagents_fs.core.index import Work
from cagents_fs.model.actions import Note
from cagents_fs.model.faults import Fault
from cagents_fs.model.text import safe_text

MOST_WARNINGS = 20  # of one path, ever: an agent may write another key into each heartbeat


def warned(work: Work, path: str, found: Sequence[Fault], task_id: str | None = None) -> Iterator[Note]:
    """Each oddity of a file in a `warning` line, once, however often the file is read or written anew.

    `path` is relative to the instruction. Where in the file it stands does not count: a line more above it makes no
    other oddity of it.
    """
    about, answered = f"{safe_text(path)}|warning|", work.history.answered
    new: dict[str, Fault] = {}
    for fault in found:
        if (key := about + _named(fault)) not in answered:
            new.setdefault(key, fault)
    room = MOST_WARNINGS - sum(key.startswith(about) for key in answered) if new else 0
    for key, fault in islice(new.items(), max(0, room)):
        yield Note(
            instruction=work.id,
            event="warning",
            task_id=task_id if task_id in work.records else None,
            reason=str(fault),
            facts={"path": safe_text(path), "key": key},
        )


def _named(fault: Fault) -> str:
    return hashlib.sha256(f"{fault.code}|{fault.message}".encode()).hexdigest()[:16]
