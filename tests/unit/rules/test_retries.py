"""Again, when, or never?"""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cagents_fs.core.index import Record, Work
from cagents_fs.model.actions import Action, Move
from cagents_fs.rules import retries
from cagents_fs.rules.retries import after_failure, backoff_s
from tests.support import builders as b


def in_retry(due_s: float = 0.0, **known: Any) -> tuple[Work, Record]:
    made = b.work(b.task("a"))
    return made, b.lies(made, "a", b.RETRY, due_wall_s=b.at(due_s).wall_s, **known)


def decided(made: Work, seconds: float = 0.0) -> list[Action]:
    return b.decided(retries.decide, b.index(made), b.PLAIN, b.at(seconds))


# -- when the backoff is over -----------------------------------------------------------------------------------------


def test_the_next_attempt_begins_when_the_backoff_is_over_and_not_a_moment_before() -> None:
    made, _ = in_retry(60.0)

    assert b.wakes(decided(made, 59.9)) == [60.0]
    assert b.moves(decided(made, 59.9)) == []
    move = b.only_move(decided(made, 60.0))
    assert (move.source, move.target, move.reason) == (b.RETRY, b.GLOBAL, "backoff over; attempt 2")


def test_the_next_attempt_is_fenced_off_from_the_last_one() -> None:
    made, _ = in_retry(attempt=4, retries=2)

    move = b.only_move(decided(made))

    assert (move.attempt, move.edit_before, move.sweep) == (5, {"attempt": 5, "status": None}, 4)
    b.taken(b.index(made), [move])
    assert made.records["a"].ledger.retries == 2


def test_a_task_that_has_to_wait_again_goes_to_the_waiting() -> None:
    made = b.work(b.task("a"), b.task("z", "a"))
    b.lies(made, "a", b.IN_PROGRESS)
    b.lies(made, "z", b.RETRY)

    assert b.moves(decided(made)) == [("z", b.RETRY, b.WAITING)]


def test_a_task_whose_cause_is_lost_is_left_to_be_blocked() -> None:
    made = b.work(b.task("a"), b.task("z", "a"))
    b.lies(made, "a", b.FAILED)
    b.lies(made, "z", b.RETRY)

    assert decided(made) == []


def test_what_somebody_else_is_moving_is_not_tried_again() -> None:
    made = b.work(b.task("a"))
    b.lies(made, "a", b.RETRY, journal=b.IN_PROGRESS)

    assert decided(made) == []


def test_a_task_without_a_due_time_is_due() -> None:
    made = b.work(b.task("a"))
    b.lies(made, "a", b.RETRY)

    assert b.moves(decided(made)) == [("a", b.RETRY, b.GLOBAL)]


@pytest.mark.parametrize(
    ("manifest", "known", "goes_on"),
    [
        ({}, {}, False),
        ({"attempt": 1}, {}, False),
        ({"attempt": 2}, {}, True),
        ({"status": "partial"}, {}, True),
        ({"status": "failed"}, {}, True),
        ({}, {"judged": ("m1", "e1")}, True),
        ({}, {"judged": ("m1", "e0")}, False),
        ({}, {"refused": "m1"}, True),
    ],
)
def test_late_work_that_nobody_has_judged_holds_the_next_attempt_back(
    manifest: dict[str, Any], known: dict[str, Any], goes_on: bool
) -> None:
    made, record = in_retry(**known)
    b.hands_in(record, **manifest)

    assert bool(b.moves(decided(made))) is goes_on


def test_the_manifests_that_are_known_are_named_so_that_a_new_one_is_met_when_all_is_put_aside() -> None:
    made, record = in_retry(judged=("m0", "e0"), refused="m2")
    b.hands_in(record, sha="m3", status="partial")
    assert b.only_move(decided(made)).late_work_but == frozenset({"m0", "m2", "m3"})

    record.manifest, record.ledger.judged, record.ledger.refused = None, None, None
    assert b.only_move(decided(made)).late_work_but == frozenset()


# -- what becomes of a failure ----------------------------------------------------------------------------------------


def failing(error_type: str | None = None, own: int | None = None, used: int = 0) -> Move:
    made = b.work(b.task("a", max_retries=own))
    record = b.lies(made, "a", b.IN_PROGRESS, retries=used)
    return after_failure(made, record, b.PLAIN, b.NOW, "it broke", error_type)


@pytest.mark.parametrize(("used", "pause"), [(0, 60.0), (1, 120.0), (2, 240.0)])
def test_a_failure_is_tried_again_after_a_pause_that_grows(used: int, pause: float) -> None:
    move = failing(used=used)

    assert (move.source, move.target, move.attempt, move.agent) == (b.IN_PROGRESS, b.RETRY, 1, "ann")
    assert move.facts["retries"] == used + 1
    assert datetime.fromisoformat(move.facts["due"]).timestamp() == b.NOW.wall_s + pause
    assert move.reason == f"it broke; retry {used + 1} of 3 in {pause:.0f} s"


def test_with_all_retries_used_it_has_failed_for_good() -> None:
    move = failing(used=3)

    assert (move.target, move.reason, move.facts) == (b.FAILED, "it broke; 3 of 3 retries used", {"failure": True})


@pytest.mark.parametrize(("own", "used", "target"), [(0, 0, b.FAILED), (5, 3, b.RETRY), (1, 1, b.FAILED)])
def test_a_task_may_bring_its_own_number_of_retries_none_included(own: int, used: int, target: str) -> None:
    assert failing(own=own, used=used).target == target


def test_some_kinds_of_failure_are_never_tried_again() -> None:
    move = failing(error_type="agent_not_found")

    assert (move.target, move.facts) == (b.FAILED, {"error_type": "agent_not_found"})
    assert "never tried again" in move.reason
    assert failing(error_type="timeout").facts["error_type"] == "timeout"


def test_which_kinds_are_never_tried_again_is_configuration() -> None:
    made = b.work(b.task("a"))
    record = b.lies(made, "a", b.IN_PROGRESS)

    move = after_failure(made, record, b.policy(never_retry=("bad_luck",)), b.NOW, "it broke", "bad_luck")

    assert move.target == b.FAILED


# -- the pause --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("used", "expected"), [(0, 60.0), (1, 120.0), (4, 960.0), (5, 1800.0), (500, 1800.0)])
def test_the_pause_doubles_up_to_its_maximum(used: int, expected: float) -> None:
    assert backoff_s(b.PLAIN, used, "any") == expected


def test_where_it_begins_how_it_grows_and_where_it_ends_is_configuration() -> None:
    quick = b.policy(backoff_base_s=2.0, backoff_multiplier=3.0, backoff_max_s=50.0)

    assert [backoff_s(quick, used, "any") for used in range(5)] == [2.0, 6.0, 18.0, 50.0, 50.0]


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 20), st.text(max_size=10))
def test_the_jitter_only_ever_adds_at_most_a_tenth_and_is_the_same_again(used: int, seed: str) -> None:
    plain, jittered = backoff_s(b.PLAIN, used, seed), backoff_s(b.policy(backoff_jitter=True), used, seed)

    assert plain <= jittered <= 1.1 * plain
    assert jittered == backoff_s(b.policy(backoff_jitter=True), used, seed)


def test_tasks_that_failed_together_do_not_come_back_together() -> None:
    assert len({backoff_s(b.policy(backoff_jitter=True), 0, f"t{n}") for n in range(20)}) == 20
