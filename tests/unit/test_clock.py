"""Observed time: it goes on only while we were there to see something."""

import time

import pytest

from cagents_fs.daemon.clock import SLACK_S, ObservedClock

DAY_S = 86_400.0


class Clocks:
    """The clocks of a machine, in our hands."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monotonic_s, self.wall_s = 1000.0, 1_800_000_000.0
        monkeypatch.setattr(time, "monotonic", lambda: self.monotonic_s)
        monkeypatch.setattr(time, "time", lambda: self.wall_s)

    def go_on(self, seconds: float) -> None:
        self.monotonic_s += seconds
        self.wall_s += seconds


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    return Clocks(monkeypatch)


def test_it_begins_at_zero_and_goes_on_as_planned(clocks: Clocks) -> None:
    clock = ObservedClock()
    assert clock.now().s == 0.0
    for _ in range(10):
        clock.plan(30.0)
        clocks.go_on(30.0)
        clock.now()
    assert clock.now().s == 300.0


@pytest.mark.parametrize("jump_s", [DAY_S, -DAY_S, 3600.0, -3600.0, -3e9])
def test_a_jump_of_the_wall_clock_changes_what_is_shown_and_nothing_else(clocks: Clocks, jump_s: float) -> None:
    clock = ObservedClock()
    clock.plan(5.0)
    clocks.go_on(5.0)
    clocks.wall_s += jump_s
    now = clock.now()

    assert now.s == 5.0
    assert now.wall_s == clocks.wall_s


@pytest.mark.parametrize("planned_s", [0.0, 0.25, 5.0, 3600.0])
@pytest.mark.parametrize("asleep_s", [10.0, 8 * 3600.0, 30 * DAY_S])
def test_asleep_or_stopped_no_more_passes_than_was_planned(clocks: Clocks, planned_s: float, asleep_s: float) -> None:
    """A container that is frozen, a machine that was migrated: there the monotonic clock has gone on."""
    clock = ObservedClock()
    clock.plan(planned_s)
    clocks.go_on(asleep_s)

    assert clock.now().s == min(asleep_s, planned_s + SLACK_S)
    clocks.go_on(0.5)
    assert clock.now().s <= planned_s + SLACK_S + 0.5


def test_it_never_goes_back(clocks: Clocks) -> None:
    clock = ObservedClock()
    seen = []
    for step in (0.0, 5.0, 0.0, 3600.0, 0.1, 0.0):
        clock.plan(1.0)
        clocks.go_on(step)
        clocks.wall_s -= DAY_S
        seen.append(clock.now().s)

    assert seen == sorted(seen)
