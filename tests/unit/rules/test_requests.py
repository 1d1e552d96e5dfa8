"""What do people ask for?"""

import itertools
from typing import Any

import pytest

from cagents_fs.core.index import Work
from cagents_fs.model.actions import Action, Make, Move, Settle, StopChecks
from cagents_fs.model.files import Task
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
    assert (move.sweep, move.edit_before, move.late_work_but) == (2, {"attempt": 3, "status": None}, None)


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
    assert b.decided(requests.decide, b.index(made)) == []  # the next look tells; the request waits for it


@pytest.mark.parametrize("place", [b.IN_PROGRESS, b.COMPLETED, b.BLOCKED])
def test_a_rescue_makes_what_had_started_where_the_journal_knew_it_with_the_same_attempt(place: str) -> None:
    made = one(None, attempt=3)
    made.records["a"].ledger.place = place
    b.asks(made, "rescue")

    (make,) = [action for action in decided(made) if isinstance(action, Make)]

    assert (make.place, make.attempt) == (place, 3)


def test_a_rescue_takes_up_again_what_had_failed_and_lost_its_file() -> None:
    made = one(None, attempt=3)
    made.records["a"].ledger.place = b.FAILED
    b.asks(made, "rescue")

    make, again = [action for action in decided(made) if isinstance(action, Make | Move)]

    assert isinstance(make, Make) and isinstance(again, Move)
    assert (make.place, again.source, again.attempt, again.sweep) == (b.FAILED, b.FAILED, 4, 3)


def test_a_request_about_a_task_that_is_not_there_is_answered() -> None:
    made = one(b.GLOBAL)
    b.asks(made, "cancel", "ghost")

    assert b.only_note(decided(made), "answered").reason == "rita asked to cancel ghost, which inst_1 does not have"


# -- pause and resume -------------------------------------------------------------------------------------------------


def carried_out(made: Work) -> list[Action]:
    """What the requests come to, taken into the index."""
    return b.taken(b.index(made), decided(made))


@pytest.mark.parametrize("task_id", ["a", None], ids=["a task", "the instruction"])
def test_a_pause_is_written_down_before_anything_else_and_moves_nothing(task_id: str | None) -> None:
    made = one(b.GLOBAL)
    b.asks(made, "pause", task_id, reason="the budget is used")

    found = carried_out(made)

    note = b.only_note(found, "paused")
    assert (note.task_id, note.first, note.reason) == (task_id, True, "rita asked to pause: the budget is used")
    assert b.moves(found) == []
    assert (made.history.paused, made.records["a"].ledger.paused) == (task_id is None, task_id == "a")


@pytest.mark.parametrize("task_id", ["a", None])
def test_what_was_paused_is_resumed(task_id: str | None) -> None:
    made = one(b.GLOBAL)
    b.asks(made, "pause", task_id)
    carried_out(made)

    b.asks(made, "resume", task_id)

    assert b.notes(carried_out(made)) == [("resumed", task_id)]
    assert not made.history.paused
    assert not made.records["a"].ledger.paused


@pytest.mark.parametrize(("action", "said"), [("pause", "is paused"), ("resume", "is not paused")])
@pytest.mark.parametrize("task_id", ["a", None])
def test_what_is_paused_already_or_not_at_all_is_answered(action: str, said: str, task_id: str | None) -> None:
    made = one(b.GLOBAL)
    if action == "pause":
        b.asks(made, "pause", task_id)
        carried_out(made)
    b.asks(made, action, task_id)

    reason = b.only_note(carried_out(made), "answered").reason

    assert reason == f"rita asked to {action}, but {task_id or 'inst_1'} {said}"


def test_what_has_ended_is_not_paused() -> None:
    made = one(b.COMPLETED, accepted="m1")
    b.asks(made, "pause", "a")

    assert b.only_note(decided(made), "answered").reason == "rita asked to pause, but a has ended"


# -- reassign ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [b.WAITING, b.GLOBAL, b.queue(), b.RETRY, b.BLOCKED])
def test_what_has_not_begun_is_given_to_another_agent_without_a_move_of_its_own(place: str) -> None:
    made = one(place)
    b.asks(made, "reassign", "a", agent="bob")

    found = carried_out(made)

    note = b.only_note(found, "reassigned")
    assert (note.agent, note.reason, note.first) == ("bob", "rita asked to reassign; given to bob", True)
    assert b.moves(found) == []
    assert made.records["a"].assigned == "bob"


@pytest.mark.parametrize("place", [b.IN_PROGRESS, b.UNDER_REVIEW])
def test_what_has_begun_begins_anew_at_the_other_agent_and_no_retry_is_used(place: str) -> None:
    made = one(place, retries=1)
    b.asks(made, "reassign", "a", agent="bob")

    found = carried_out(made)

    move = b.only_move(found)
    assert (move.source, move.target, move.attempt, move.agent) == (place, b.RETRY, 1, "ann")
    assert "retries" not in move.facts
    assert "failure" not in move.facts
    ledger = made.records["a"].ledger
    assert (ledger.retries, ledger.assigned, ledger.due_wall_s) == (1, "bob", b.NOW.wall_s)
    assert (StopChecks(instruction="inst_1", task_id="a") in found) == (place == b.UNDER_REVIEW)


def test_what_is_blocked_by_its_own_escalation_begins_anew_and_is_blocked_by_nothing() -> None:
    made = one(b.BLOCKED, escalation="esc_1", blocked_by=("esc_1",))
    b.asks(made, "reassign", "a", agent="bob")

    move = b.only_move(carried_out(made))

    assert (move.source, move.target, move.edit_before) == (b.BLOCKED, b.RETRY, {"blocked_by": None})
    assert made.records["a"].ledger.escalation is None


@pytest.mark.parametrize("place", [b.COMPLETED, b.FAILED, b.CANCELLED])
def test_what_has_ended_is_given_to_nobody(place: str) -> None:
    made = one(place)
    b.asks(made, "reassign", "a", agent="bob")

    found = decided(made)

    assert (b.moves(found), b.notes(found)) == ([], [("answered", "a")])
    assert "`retry` takes it up again" in b.only_note(found, "answered").reason


# -- a further dependency ---------------------------------------------------------------------------------------------


def mesh(*tasks: Task, place: str = b.GLOBAL) -> Work:
    made = b.work(*tasks, mode="mesh")
    for name in made.records:
        b.lies(made, name, b.WAITING if made.unmet[name] else place)
    return made


def test_in_a_mesh_a_task_can_be_made_to_wait_for_another_one_as_well() -> None:
    made = mesh(b.task("a"), b.task("z"))
    b.asks(made, "add_dependency", "z", on="a")

    found = carried_out(made)

    assert b.only_note(found, "dependency_added").facts == {"on": "a"}
    assert (made.edges["z"], made.unmet["z"], made.children["a"]) == (("a",), 1, ["z"])


@pytest.mark.parametrize(
    ("task_id", "on", "words"),
    [
        ("a", "z", "these tasks would wait for each other: "),
        ("a", "a", "these tasks would wait for each other: a -> a"),
        ("a", "inst_1:z", "these tasks would wait for each other: "),
        ("z", "m", "z waits for m already"),
        ("z", "inst_1:m", "z waits for m already"),
        ("z", "ghost", "there is no task ghost"),
        ("z", "inst_9:a", "there is no task inst_9:a"),
    ],
)
def test_an_edge_that_cannot_be_is_answered_and_changes_nothing(task_id: str, on: str, words: str) -> None:
    made = mesh(b.task("a"), b.task("m", "a"), b.task("z", "m"))
    before = dict(made.edges)
    b.asks(made, "add_dependency", task_id, on=on)

    found = carried_out(made)

    assert b.notes(found) == [("answered", task_id)]
    assert words in b.only_note(found, "answered").reason
    assert made.edges == before


def test_the_circle_that_an_edge_would_close_is_named_as_the_path_one_walks() -> None:
    made = mesh(b.task("a"), b.task("m", "a"), b.task("z", "m"))
    b.asks(made, "add_dependency", "a", on="z")

    path = b.only_note(decided(made), "answered").reason.rpartition(": ")[2].split(" -> ")

    assert path[0] == path[-1]
    assert set(path) == {"a", "m", "z"}
    waits = {**made.edges, "a": ("z",)}
    assert all(after in waits[before] for before, after in itertools.pairwise(path))


def test_no_edge_closes_a_circle_through_another_instruction() -> None:
    here, other = mesh(b.task("a")), b.work(b.task("m", "inst_1:a"), name="inst_2")
    b.lies(other, "m", b.WAITING)
    b.asks(here, "add_dependency", "a", on="inst_2:m")

    found = b.decided(requests.decide, b.index(here, other))

    assert b.notes(found) == [("answered", "a")]
    assert "inst_1:a -> inst_2:m -> inst_1:a" in b.only_note(found, "answered").reason


@pytest.mark.parametrize("mode", ["sequential", "pipeline", "swarm"])
def test_only_a_mesh_takes_further_dependencies(mode: str) -> None:
    made = b.work(b.task("a"), b.task("z"), mode=mode)
    b.lies(made, "z", b.GLOBAL)
    b.asks(made, "add_dependency", "z", on="a")

    assert f"runs in {mode} mode; only a mesh" in b.only_note(decided(made), "answered").reason


@pytest.mark.parametrize("place", [b.IN_PROGRESS, b.UNDER_REVIEW, b.COMPLETED, b.FAILED, b.CANCELLED])
def test_what_has_begun_or_ended_waits_for_nobody_more(place: str) -> None:
    made = mesh(b.task("a"), b.task("z"))
    b.lies(made, "z", place)
    b.asks(made, "add_dependency", "z", on="a")

    assert "only a task that has not started can be made to wait" in b.only_note(decided(made), "answered").reason


# -- one after another ------------------------------------------------------------------------------------------------


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


def test_a_rescue_is_of_all_whomever_it_names_and_waits_for_what_else_is_asked() -> None:
    made = b.work(b.task("a"), b.task("c"))
    for name in "ac":
        b.lies(made, name, b.FAILED)
    b.asks(made, "retry", "a")
    b.asks(made, "rescue", "c")

    found = b.decided(requests.decide, b.index(made))

    assert b.moves(found) == [("a", b.FAILED, b.GLOBAL)]
