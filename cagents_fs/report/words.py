"""How times, places and holders are said in a sentence."""

from collections.abc import Iterable
from datetime import UTC, datetime

from cagents_fs.core.record import Record
from cagents_fs.model.states import State, folder_of

MOST_NAMED = 5


def moment(wall_s: float) -> str:
    """A time as the journal writes it, to the second."""
    return datetime.fromtimestamp(wall_s, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def span(seconds: float) -> str:
    """How long, in the two largest units that matter."""
    rest = max(0, round(seconds))
    if rest < 90:
        return f"{rest} s"
    minutes = round(rest / 60)
    if minutes < 120:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{hours // 24} days"


def since(at_s: float, wall_s: float) -> str:
    """Since when, and for how long that is."""
    return f"since {moment(at_s)} ({span(wall_s - at_s)})"


def due(at_s: float, wall_s: float) -> str:
    """When something comes that was promised for a time."""
    return f"at {moment(at_s)}, in {span(at_s - wall_s)}" if at_s > wall_s else "in the daemon's next turn"


def listed(names: Iterable[str], most: int = MOST_NAMED) -> str:
    """Names with commas; of many, the first and how many more there are."""
    known = list(names)
    return ", ".join(known[:most]) + (f" and {len(known) - most} more" if len(known) > most else "")


def whereabouts(record: Record, wall_s: float) -> str:
    """Where a task is and who has it, as the end of a sentence about it: `is in …`."""
    ledger, place = record.ledger, record.place
    match record.state:
        case None:
            return "is nowhere at the moment"
        case State.AGENTS:
            return f"is in {place}, for {folder_of(place or '')} to claim"
        case State.IN_PROGRESS:
            held = f", {since(ledger.claimed_wall_s, wall_s)}" if ledger.claimed_wall_s else ""
            return f"is in {place}, held by {ledger.holder}{held}" + (
                ", which has gone quiet" if ledger.stalled else ""
            )
        case State.UNDER_REVIEW:
            return f"is in {place}, where the checks of what {ledger.holder} handed in run"
        case State.RETRY:
            return f"is in {place}; attempt {ledger.attempt + 1} comes {due(ledger.due_wall_s or 0.0, wall_s)}"
        case State.BLOCKED if ledger.escalation:
            return f"is in {place} until the escalation {ledger.escalation} is answered"
    return f"is in {place}"


def told_at(wall_s: float | None) -> str | None:
    """A time as the journal writes it, to the millisecond; None for one that is unknown, or that no calendar has."""
    if wall_s is None:
        return None
    try:
        said = datetime.fromtimestamp(wall_s, UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError):
        return None
    return said.replace("+00:00", "Z")
