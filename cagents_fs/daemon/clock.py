"""Observed time: it stands still while we were down, asleep, or stopped (PROTOCOL section 5, Lease).

A heartbeat that we could not have seen must not be missed, so no lease may run while nobody looked.
"""

import time

from cagents_fs.model.observations import Now

SLACK_S = 2.0  # how much later than planned a turn may come before the rest does not count


class ObservedClock:
    """Monotonic seconds that we were there to observe."""

    def __init__(self) -> None:
        """Begins at zero; nothing is remembered from a life before."""
        self._last_s = time.monotonic()
        self._observed_s = 0.0
        self._planned_s = 0.0

    def plan(self, sleep_s: float) -> None:
        """We mean to sleep this long: so much silence is expected."""
        self._planned_s = max(0.0, sleep_s)

    def now(self) -> Now:
        """The time of this turn."""
        monotonic_s = time.monotonic()
        passed_s = monotonic_s - self._last_s
        self._last_s = monotonic_s
        self._observed_s += min(passed_s, self._planned_s + SLACK_S)
        self._planned_s = 0.0
        return Now(s=self._observed_s, wall_s=time.time())
