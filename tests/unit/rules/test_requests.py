"""What do people ask for?"""

from typing import Any

import pytest

from cagents_fs.core.index import Work
from cagents_fs.model.actions import Action, Make, Move, Settle, StopChecks
from cagents_fs.model.states import UNFINISHED, State, place_of
from cagents_fs.rules import requests
from tests.support import builders as b


def one(place: str | None, **known: Any) -> Work:
    made = b.work(b.task("first"), b.task("a"))
    record = b.lies(made, "a", place or b.GLOBAL, **known)
    if place is None:
        made.put(record, None, 0.0)
        record.absent = 2
    return made


def decided(made: Work) -> list[Action]:
    found = b.decided(requests.decide, b.index(made))
    assert [action.name for action in found if isinstance(action, Settle)] == list(made.requests)
    return found


@pytest.mark.parametrize("state", sorted(UNFINISHED))
def test_whatever_is_not_finished_can_be_cancelled_and_its_checks_end(state: State) -> None:
    place = place_of(state, "ann" if state in (State.AGENTS, State.DOMAINS) else None)
    made = one(place)
    b.asks(made, "cancel", "a", reason="no longer needed")

    found = decided(made)

    assert b.moves(found) == [("a", place, b.CANCELLED)]
    assert b.only_move(found).reason == "rita asked to cancel: no longer needed"
    assert b.only_move(found).facts == {}
    assert StopChecks(instruction="inst_1", task_id="a") in found


def test_cancelled_with_a_skip_lets_those_who_wait_go_on() -> None:
    made = b.work(b.task("a"), b.task("z", "a"))
    b.lies(made, "a", b.GLOBAL)
    b.asks(made, "cancel", "a", skip=True)

    b.taken(b.index(made), decided(made))

    assert made.records["a"].ledger.skipped
    assert made.unmet["z"] == 0


@pytest.mark.parametrize("place", [b.COMPLETED, b.FAILED, b.CANCELLED, None])
def test_what_is_finished_or_nowhere_is_not_cancelled_and_that_is_said(place: str | None) -> None:
    made = one(place)
    b.asks(made, "cancel", "a")

    found = decided(made)

    assert b.moves(found) == []
    assert "already" in b.only_note(found, "answered").reason


@pytest.mark.parametrize("place", [b.FAILED, b.CANCELLED])
def test_a_retry_is_a_new_attempt_with_a_fresh_budget(place: str) -> None:
    made = one(place, attempt=2, retries=3)
    b.asks(made, "retry", "a")

    move = b.only_move(decided(made))

    assert (move.source, move.target, move.attempt, move.facts) == (place, b.GLOBAL, 3, {"retries": 0})
    assert (move.sweep, move.edit_before, move.late_work_but) == (2, {"attempt": 3}, None)


@pytest.mark.parametrize("place", [b.COMPLETED, b.IN_PROGRESS, b.RETRY, b.BLOCKED, b.GLOBAL])
def test_what_has_neither_failed_nor_been_cancelled_is_not_retried(place: str) -> None:
    made = one(place)
    b.asks(made, "retry", "a")

    found = decided(made)

    assert b.moves(found) == []
    assert "neither failed nor been cancelled" in b.only_note(found, "answered").reason


def test_a_rescue_takes_up_all_that_failed_or_was_cancelled_with_the_budgets_left() -> None:
    made = b.work(*(b.task(name) for name in "acegi"))
    for name, place in zip("acegi", (b.FAILED, b.CANCELLED, b.COMPLETED, b.IN_PROGRESS, b.FAILED), strict=True):
        b.lies(made, name, place, retries=2)
    made.records["i"].ledger.place = b.RETRY  # somebody is moving it
    b.asks(made, "rescue")

    found = decided(made)

    assert b.moves(found) == [("a", b.FAILED, b.GLOBAL), ("c", b.CANCELLED, b.GLOBAL)]
    assert [move.facts for move in found if isinstance(move, Move)] == [{}, {}]


def test_a_rescued_task_that_waits_for_others_waits_again() -> None:
    made = b.work(b.task("a"), b.task("z", "a"))
    b.lies(made, "a", b.FAILED)
    b.lies(made, "z", b.CANCELLED)
    b.asks(made, "rescue")

    assert b.moves(decided(made)) == [("a", b.FAILED, b.GLOBAL), ("z", b.CANCELLED, b.WAITING)]


def test_a_rescue_makes_a_task_again_that_two_full_looks_did_not_find() -> None:
    made = one(None)
    b.asks(made, "rescue")
    (make,) = [action for action in decided(made) if isinstance(action, Make)]
    assert (make.task_id, make.place) == ("a", b.GLOBAL)

    made.records["a"].absent = 1
    assert [action for action in decided(made) if isinstance(action, Make)] == []


def test_a_request_about_a_task_that_is_not_there_is_answered() -> None:
    made = one(b.GLOBAL)
    b.asks(made, "cancel", "ghost")

    assert b.only_note(decided(made), "answered").reason == "rita asked to cancel ghost, which inst_1 does not have"


@pytest.mark.parametrize("action", ["pause", "resume", "reassign"])
def test_what_cannot_be_done_yet_is_answered_and_nothing_moves(action: str) -> None:
    made = one(b.GLOBAL)
    b.asks(made, action, "a")

    found = decided(made)

    assert b.moves(found) == []
    assert b.notes(found) == [("answered", "a")]


def test_requests_are_carried_out_in_their_order_and_each_is_settled_after_its_moves() -> None:
    made = b.work(b.task("a"), b.task("c"))
    b.lies(made, "a", b.GLOBAL)
    b.lies(made, "c", b.FAILED)
    b.asks(made, "cancel", "a")
    b.asks(made, "retry", "c")

    found = [type(action) for action in decided(made)]

    assert found == [StopChecks, Move, Settle, Move, Settle]


@pytest.mark.parametrize("second", ["cancel", "retry"])
def test_a_second_request_about_a_task_is_carried_out_on_what_the_first_came_to(second: str) -> None:
    made = one(b.GLOBAL)
    found = b.index(made)
    b.asks(made, "cancel", "a")
    b.asks(made, second, "a")

    whole = []
    while made.requests:
        whole += b.taken(found, b.decided(requests.decide, found))

    after = {"cancel": [], "retry": [("a", b.CANCELLED, b.GLOBAL)]}[second]
    assert b.moves(whole) == [("a", b.GLOBAL, b.CANCELLED), *after]
