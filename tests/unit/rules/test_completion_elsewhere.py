"""A manifest where none was expected: late, stale, from somebody else, of a task that somebody moved."""

from datetime import datetime
from typing import Any

import pytest

from cagents_fs.core.index import Record, Work
from cagents_fs.model.actions import Action, KeepCopy, Move, Note, Recognise
from cagents_fs.model.faults import Fault
from cagents_fs.model.observations import ChecksDone
from cagents_fs.rules import completion, foreign
from tests.support import builders as b

CHECKED = [{"criterion": "The tests pass", "check": "pytest"}]
WRONG = Fault("checksum_mismatch", "the checksum is another", "p")
DUE = b.NOW.wall_s + 77.0


def one(place: str, criteria: object = (), journal: str | None = None, **known: Any) -> tuple[Work, Record]:
    made = b.work(b.task("a", acceptance_criteria=criteria))
    return made, b.lies(made, "a", place, journal=journal, **known)


def decided(made: Work) -> list[Action]:
    return b.decided(completion.decide, b.index(made))


# -- late work --------------------------------------------------------------------------------------------------------


def test_late_work_stops_the_backoff_and_is_judged_even_where_no_check_has_to_be_run() -> None:
    made, record = one(b.RETRY)
    b.hands_in(record)

    move = b.only_move(decided(made))

    assert (move.target, move.attempt) == (b.UNDER_REVIEW, 1)
    assert "late work" in move.reason


@pytest.mark.parametrize("status", ["partial", "failed"])
def test_what_does_not_claim_to_be_finished_is_no_late_work(status: str) -> None:
    made, record = one(b.RETRY)
    b.hands_in(record, status=status)

    assert decided(made) == []


def test_late_work_that_cannot_be_read_is_none() -> None:
    made, record = one(b.RETRY)
    b.hands_in_garbage(record)

    assert decided(made) == []


def test_late_work_that_holds_completes_the_task_and_says_that_it_was_late() -> None:
    made, record = one(b.UNDER_REVIEW, came_from=b.RETRY, due_wall_s=DUE)
    b.hands_in(record)

    move = b.only_move(decided(made))

    assert (move.target, move.reason) == (b.COMPLETED, "manifest holds: 0 artifacts, every criterion, late")


def test_late_work_that_does_not_hold_goes_back_to_wait_out_its_old_backoff() -> None:
    made, record = one(b.UNDER_REVIEW, came_from=b.RETRY, due_wall_s=DUE, rejections=3)
    b.hands_in(record, artifact_faults=(WRONG,))
    found = decided(made)

    assert b.moves(found) == [("a", b.UNDER_REVIEW, b.RETRY)]
    b.taken(b.index(made), found)
    assert (record.ledger.due_wall_s, record.ledger.retries) == (DUE, 0)
    assert decided(made) == []


@pytest.mark.parametrize("replaced", [False, True], ids=["taken away", "replaced by one of another task"])
def test_late_work_that_goes_away_while_it_is_judged_goes_back_to_wait_out_its_old_backoff(replaced: bool) -> None:
    made, record = one(b.UNDER_REVIEW, CHECKED, came_from=b.RETRY, due_wall_s=DUE)
    record.manifest_gone = not replaced
    if replaced:
        b.hands_in(record, task_id="c")

    found = decided(made)

    assert b.moves(found) == [("a", b.UNDER_REVIEW, b.RETRY)]
    assert datetime.fromisoformat(b.only_move(found).facts["due"]).timestamp() == DUE


# -- the fence --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [b.RETRY, b.BLOCKED])
def test_a_manifest_of_an_older_attempt_is_kept_and_answered_and_nothing_moves(place: str) -> None:
    made, record = one(place, attempt=2)
    b.hands_in(record, attempt=1)

    found = decided(made)

    assert b.moves(found) == []
    assert [action.path for action in found if isinstance(action, KeepCopy)] == ["outputs/partial/a/manifest.yaml"]
    assert b.told(found) == [("ann", "error")]
    b.taken(b.index(made), found)
    assert decided(made) == []


def test_in_progress_a_manifest_of_an_older_attempt_is_rejected_and_is_no_rework() -> None:
    made, record = one(b.IN_PROGRESS, attempt=2, rejections=3)
    b.hands_in(record)

    found = decided(made)

    assert b.moves(found) == []
    assert b.only_note(found, "rejected").facts["rejections"] == 3
    assert "attempt: 2" in b.only_note(found, "rejected").reason


def test_a_manifest_from_somebody_who_does_not_hold_the_task_is_answered_to_its_writer() -> None:
    made, record = one(b.IN_PROGRESS)
    b.hands_in(record, agent="bob")

    found = decided(made)

    assert b.told(found) == [("bob", "error")]
    assert b.notes(found) == [("answered", "a")]
    b.taken(b.index(made), found)
    assert decided(made) == []


@pytest.mark.parametrize("place", [b.COMPLETED, b.FAILED, b.CANCELLED])
def test_a_manifest_for_what_is_final_is_one_finding(place: str) -> None:
    made, record = one(place, accepted="m0" if place == b.COMPLETED else None)
    b.hands_in(record)

    found = decided(made)

    assert b.moves(found) == []
    assert b.notes(found) == [("finding", "a")]
    b.taken(b.index(made), found)
    assert decided(made) == []


def test_the_manifest_that_was_accepted_is_no_finding() -> None:
    made, record = one(b.COMPLETED, accepted="m1", judged=("m1", "e1"))
    b.hands_in(record, evidence="e2")

    assert decided(made) == []


def test_a_manifest_for_a_task_that_others_block_is_kept_and_answered() -> None:
    made, record = one(b.BLOCKED, holder="ann", blocked_by=("x",))
    b.hands_in(record)

    found = decided(made)

    assert b.moves(found) == []
    assert "is blocked by x" in b.only_note(found, "answered").reason


def test_a_manifest_that_came_while_others_blocked_its_task_is_judged_once_it_is_claimed() -> None:
    made, record = one(b.BLOCKED, holder="ann", blocked_by=("x",))
    b.hands_in(record)
    b.taken(b.index(made), decided(made))
    b.lies(made, "a", b.IN_PROGRESS)

    assert b.moves(decided(made)) == [("a", b.IN_PROGRESS, b.COMPLETED)]


# -- put into `completed` by somebody else ----------------------------------------------------------------------------


def test_what_somebody_else_put_into_completed_is_judged_there_and_stays_when_it_holds() -> None:
    made, record = one(b.COMPLETED, journal=b.IN_PROGRESS)
    b.hands_in(record)

    note, seen = decided(made)

    assert isinstance(note, Note) and note.event == "accepted"
    assert isinstance(seen, Recognise)
    assert (seen.source, seen.target, seen.agent) == (b.IN_PROGRESS, b.COMPLETED, None)


def test_it_goes_back_when_its_manifest_does_not_hold() -> None:
    made, record = one(b.COMPLETED, journal=b.IN_PROGRESS)
    b.hands_in(record, artifact_faults=(WRONG,))
    found = decided(made)

    undo = b.only_undo(found)

    assert (undo.source, undo.target) == (b.COMPLETED, b.IN_PROGRESS)
    assert b.notes(found) == [("rejected", "a")]


def test_it_goes_back_when_there_is_no_manifest_and_not_before_somebody_has_looked() -> None:
    made, record = one(b.COMPLETED, journal=b.UNDER_REVIEW)
    assert decided(made) == []

    record.manifest_gone = True
    assert b.only_undo(decided(made)).target == b.UNDER_REVIEW


def test_its_checks_are_run_where_it_lies() -> None:
    made, record = one(b.COMPLETED, CHECKED, journal=b.IN_PROGRESS)
    b.hands_in(record)
    (run,) = decided(made)
    assert getattr(run, "key", None) == "m1/e1"

    b.taken(b.index(made), [run])
    record.checks = ChecksDone(task_id="a", attempt=1, key="m1/e1", faults=(Fault("check_failed", "no"),))
    assert b.only_undo(decided(made)).target == b.IN_PROGRESS


@pytest.mark.parametrize("changed", [{"agent": "bob"}, {"attempt": 1}, {"task_id": "c"}])
def test_it_goes_back_when_its_manifest_is_not_its_own(changed: dict[str, Any]) -> None:
    made, record = one(b.COMPLETED, journal=b.IN_PROGRESS, attempt=2)
    b.hands_in(record, **{"attempt": 2} | changed)

    assert b.only_undo(decided(made)).target == b.IN_PROGRESS


def test_it_goes_back_when_its_manifest_was_refused_before() -> None:
    made, record = one(b.COMPLETED, journal=b.IN_PROGRESS, refused="m1")
    b.hands_in(record, agent="bob")

    assert b.only_undo(decided(made)).target == b.IN_PROGRESS


def test_what_was_accepted_and_then_moved_into_completed_by_somebody_else_is_written_down() -> None:
    made, record = one(b.COMPLETED, journal=b.IN_PROGRESS, accepted="m1", judged=("m1", "e1"))
    b.hands_in(record)

    seen = b.only_recognise([*b.decided(foreign.decide, b.index(made)), *decided(made)])

    assert (seen.source, seen.target) == (b.IN_PROGRESS, b.COMPLETED)


def test_without_a_journal_that_knows_its_acceptance_it_is_judged_where_it_lies() -> None:
    made, record = one(b.COMPLETED, accepted=None)
    b.hands_in(record)
    found = decided(made)
    assert [type(action) for action in found] == [Note]
    b.taken(b.index(made), found)
    assert record.satisfied

    made, record = one(b.COMPLETED, accepted=None)
    b.hands_in(record, artifact_faults=(WRONG,))
    assert b.moves(decided(made)) == [("a", b.COMPLETED, b.IN_PROGRESS)]


@pytest.mark.parametrize("place", [b.IN_PROGRESS, b.RETRY, b.UNDER_REVIEW])
def test_elsewhere_a_task_that_somebody_is_moving_waits_for_the_rule_of_foreign_moves(place: str) -> None:
    made, record = one(place, journal=b.queue())
    b.hands_in(record)

    assert not [action for action in decided(made) if isinstance(action, Move)]
