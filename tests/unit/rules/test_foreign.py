"""What has somebody else moved?"""

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest

from cagents_fs.core.index import Work
from cagents_fs.model.actions import Action, Recognise, Tell, Undo
from cagents_fs.model.states import FOLDERED, State, is_legal, place_of
from cagents_fs.rules import foreign
from tests.support import builders as b

PLACES = [place_of(state, "ann" if state in FOLDERED else None) for state in State]


def moved(source: str, target: str, **known: Any) -> Work:
    """The journal knows it in `source`; somebody has put it into `target`."""
    made = b.work(b.task("a"))
    b.lies(made, "a", target, journal=source, **known)
    return made


def decided(made: Work) -> list[Action]:
    return b.decided(foreign.decide, b.index(made))


def test_what_the_table_allows_is_written_down_and_the_rest_goes_back_and_is_answered() -> None:
    for source, target in itertools.permutations(PLACES, 2):
        found = decided(moved(source, target))
        dependencies_hold_it = (source, target) == (b.BLOCKED, b.IN_PROGRESS)
        if not is_legal(source, target) or dependencies_hold_it:
            undo, answer = found
            assert isinstance(undo, Undo) and isinstance(answer, Tell)
            assert (undo.source, undo.target) == (target, source)
            assert f"from {source} to {target}" in undo.reason and undo.reason in answer.text
        elif target == b.COMPLETED:
            assert found == []  # judged where it lies
        else:
            (seen,) = found
            assert isinstance(seen, Recognise)
            assert (seen.source, seen.target) == (source, target)


def test_who_is_blocked_by_its_own_question_may_be_put_back_to_work_by_hand() -> None:
    made = b.work(b.task("a"))
    b.lies(made, "a", b.IN_PROGRESS, journal=b.BLOCKED, escalation="esc-1")

    assert b.only_recognise(decided(made)).target == b.IN_PROGRESS


def test_who_was_blocked_during_its_backoff_begins_a_new_attempt_when_it_is_taken_up_by_hand() -> None:
    made = b.work(b.task("a"))
    b.lies(made, "a", b.GLOBAL, journal=b.BLOCKED, came_from=b.RETRY, retries=1)

    found = b.only_recognise(decided(made))

    assert (found.attempt, found.sweep, found.facts["retries"]) == (2, 1, 1)


def test_late_work_is_not_put_among_the_blocked_by_hand() -> None:
    late, running = (
        moved(b.UNDER_REVIEW, b.BLOCKED, came_from=place, holder="ann") for place in (b.RETRY, b.IN_PROGRESS)
    )

    assert b.only_undo(decided(late)).target == b.UNDER_REVIEW
    assert b.only_recognise(decided(running)).target == b.BLOCKED


def test_what_lies_where_the_journal_knows_it_is_nobodys_move() -> None:
    made = b.work(b.task("a"))
    b.lies(made, "a", b.GLOBAL)

    assert decided(made) == []


def test_a_claim_belongs_to_the_agent_from_whose_queue_it_came() -> None:
    found = b.only_recognise(decided(moved(b.queue("bob"), b.IN_PROGRESS)))

    assert (found.agent, found.reason) == ("bob", "claimed by bob")


@pytest.mark.parametrize(
    ("source", "target"), [(b.GLOBAL, b.queue()), (b.IN_PROGRESS, b.FAILED), (b.GLOBAL, b.CANCELLED)]
)
def test_any_other_move_is_journalled_without_an_agent(source: str, target: str) -> None:
    assert b.only_recognise(decided(moved(source, target))).agent is None


@pytest.mark.parametrize(
    ("source", "target", "addressee"), [(b.GLOBAL, b.queue("bob"), "bob"), (b.COMPLETED, b.PENDING, "ann")]
)
def test_who_is_answered_is_the_owner_of_the_queue_else_the_holder(source: str, target: str, addressee: str) -> None:
    made = b.work(b.task("first"), b.task("a", "first"))
    b.lies(made, "a", target, journal=source)

    assert b.told(decided(made)) == [(addressee, "error")]


def test_nobody_starts_a_task_early_by_hand() -> None:
    made = b.work(b.task("first"), b.task("a", "first"))
    b.lies(made, "first", b.IN_PROGRESS)
    b.lies(made, "a", b.GLOBAL, journal=b.WAITING)

    undo = b.only_undo(decided(made))

    assert undo.target == b.WAITING
    assert "while it still waits for others" in undo.reason


def test_a_task_put_into_retry_by_hand_is_due_after_its_backoff_and_counts() -> None:
    found = b.only_recognise(decided(moved(b.IN_PROGRESS, b.RETRY, retries=1)))

    assert found.facts["retries"] == 2
    assert datetime.fromisoformat(str(found.facts["due"])).timestamp() == b.NOW.wall_s + 120.0


def test_a_task_put_into_retry_with_its_budget_used_is_due_at_once() -> None:
    found = b.only_recognise(decided(moved(b.IN_PROGRESS, b.RETRY, retries=3)))

    assert found.facts == {"due": datetime.fromtimestamp(b.NOW.wall_s, UTC).isoformat()}


@pytest.mark.parametrize("source", [b.FAILED, b.CANCELLED])
def test_taken_up_again_by_hand_is_a_new_attempt_with_a_fresh_budget(source: str) -> None:
    found = b.only_recognise(decided(moved(source, b.GLOBAL, attempt=2, retries=3)))

    assert (found.attempt, found.sweep, found.edit_after) == (3, 2, {"attempt": 3})
    assert found.facts == {"retries": 0}


def test_a_backoff_cut_short_by_hand_is_a_new_attempt_out_of_the_same_budget() -> None:
    known = {"attempt": 2, "retries": 2, "came_from": b.IN_PROGRESS}
    found = b.only_recognise(decided(moved(b.RETRY, b.GLOBAL, **known)))

    assert found.attempt == 3
    assert found.facts == {"retries": 2}


def test_a_task_that_is_nowhere_or_that_the_journal_does_not_know_is_nobodys_move() -> None:
    made = b.work(b.task("a"), b.task("c"))
    made.put(b.lies(made, "a", b.GLOBAL), None, 0.0)
    made.put(made.records["c"], b.GLOBAL, 0.0)

    assert decided(made) == []


def test_a_missing_task_is_an_alert_that_says_how_to_get_it_back() -> None:
    made = b.work(b.task("a"))

    note = foreign.missing(made, made.records["a"])

    assert (note.event, note.facts) == ("alert", {"alert": "task_missing"})
    assert "cagents-fs rescue inst_1" in note.reason
