"""What the lines of a journal say, beside their number."""

from datetime import UTC, datetime
from typing import Any

from cagents_fs.model.actions import Make, Move, Note, Recognise


def iso(wall_s: float) -> str:
    """ISO 8601 in UTC with microseconds, as the journal writes it."""
    return datetime.fromtimestamp(wall_s, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def move_facts(action: Move | Recognise) -> dict[str, Any]:
    """What a `moved` line says beside its number and time."""
    return {
        "event": "moved",
        "task_id": action.task_id,
        "from": action.source,
        "to": action.target,
        "attempt": action.attempt,
        "agent": action.agent,
        "reason": action.reason,
        **action.facts,
    }


def made_facts(action: Make) -> dict[str, Any]:
    """What the `moved` line of a task file that was made again says beside its number and time."""
    return {
        "event": "moved",
        "task_id": action.task_id,
        "from": None,
        "to": action.place,
        "attempt": action.attempt,
        "agent": None,
        "reason": action.reason,
    }


def note_facts(action: Note) -> dict[str, Any]:
    """What the line of a note says beside its number and time."""
    return {
        "event": action.event,
        "task_id": action.task_id,
        "attempt": action.attempt,
        "agent": action.agent,
        "reason": action.reason,
        **action.facts,
    }
