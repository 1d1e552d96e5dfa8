"""The one order of tasks in a queue: priority, then first in, first out (PROTOCOL section 7)."""

from collections.abc import Mapping

RANK: Mapping[str, int] = {"critical": 0, "high": 1, "normal": 2, "low": 3}


def sort_key(priority: str, arrived: int) -> tuple[int, int]:
    """Smaller comes first. `arrived` counts entries into queues, so that first in is first out."""
    return RANK[priority], arrived
