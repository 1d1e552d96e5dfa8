"""Who has gone quiet? A claim is a lease."""

import pytest

from cagents_fs.core.index import Index, Record
from cagents_fs.model.actions import Action, Note
from cagents_fs.rules import liveness
from cagents_fs.rules.liveness import is_due, lease_s
from tests.support import builders as b

NUMBERS = b.policy(lease_s=600.0, reassign_grace_s=300.0, max_task_duration_s=7200.0)


def claimed() -> tuple[Index, Record]:
    made = b.work(b.task("a"))
    return b.index(made), b.lies(made, "a", b.IN_PROGRESS)


def decided(found: Index, seconds: float) -> list[Action]:
    return b.decided(liveness.decide, found, NUMBERS, b.at(seconds))


def stalled() -> tuple[Index, Record]:
    found, record = claimed()
    b.taken(found, decided(found, 600.0), b.at(600.0))
    return found, record


def test_an_agent_is_stalled_at_its_deadline_and_not_a_moment_before() -> None:
    found, _ = claimed()

    assert b.wakes(decided(found, 599.9)) == [600.0]
    assert b.notes(decided(found, 599.9)) == []
    note = b.only_note(decided(found, 600.0), "stalled")
    assert (note.agent, note.task_id, note.reason) == ("ann", "a", "no sign of ann for 600 s")


def test_an_agent_is_stalled_once_and_then_has_its_grace() -> None:
    found, _ = stalled()

    assert decided(found, 600.0) != []
    assert b.notes(decided(found, 899.9)) == []
    assert b.wakes(decided(found, 899.9)) == [900.0]


def test_after_the_grace_the_task_is_taken_back_and_tried_again_later() -> None:
    found, _ = stalled()

    move = b.only_move(decided(found, 900.0))

    assert (move.source, move.target, move.attempt) == (b.IN_PROGRESS, b.RETRY, 1)
    assert move.reason.startswith("taken back from ann: no sign for 900 s, grace included; retry 1 of 3")
    assert move.facts["error_type"] == "stalled"


def test_a_stalled_task_without_retries_left_has_failed() -> None:
    found, record = stalled()
    record.ledger.retries = 3

    assert b.only_move(decided(found, 900.0)).target == b.FAILED


def test_a_sign_of_life_takes_the_flag_back_and_the_lease_begins_anew() -> None:
    found, record = stalled()
    record.sign_s = b.at(700.0).s

    assert b.notes(decided(found, 700.0)) == [("revived", "a")]
    b.taken(found, decided(found, 700.0), b.at(700.0))
    assert b.wakes(decided(found, 701.0)) == [1300.0]
    assert b.notes(decided(found, 1300.0)) == [("stalled", "a")]


def test_silence_has_its_consequences_when_the_lease_and_when_the_grace_is_over() -> None:
    found, record = claimed()
    work = found.works["inst_1"]

    def due(seconds: float) -> bool:
        return is_due(work, record, NUMBERS, b.at(seconds))

    assert (due(599.9), due(600.0)) == (False, True)
    b.taken(found, decided(found, 600.0), b.at(600.0))
    assert (due(600.0), due(899.9), due(900.0)) == (False, False, True)
    record.sign_s = b.at(700.0).s
    assert (due(900.0), due(1299.9), due(1300.0)) == (False, False, True)


def test_silence_of_who_waits_or_is_just_being_moved_has_no_consequence() -> None:
    points = {"coordination": [{"checkpoint": "api", "with": ["b"]}]}
    made = b.work(b.task("a", dependencies=points), b.task("b"))
    at_checkpoint, moved = b.lies(made, "a", b.IN_PROGRESS), b.lies(made, "b", b.IN_PROGRESS, journal=b.queue())
    assert is_due(made, at_checkpoint, NUMBERS, b.at(600.0))

    made.meetings["api"].arrived["a"] = 1

    assert not is_due(made, at_checkpoint, NUMBERS, b.at(600.0))
    assert not is_due(made, moved, NUMBERS, b.at(600.0))


@pytest.mark.parametrize("place", [b.queue(), b.UNDER_REVIEW, b.RETRY, b.BLOCKED])
def test_a_lease_runs_only_while_a_task_is_in_progress(place: str) -> None:
    made = b.work(b.task("a"))
    b.lies(made, "a", place)

    assert decided(b.index(made), 10_000.0) == []


def test_what_somebody_else_is_moving_has_no_lease_yet() -> None:
    made = b.work(b.task("a"))
    b.lies(made, "a", b.IN_PROGRESS, journal=b.queue())

    assert decided(b.index(made), 10_000.0) == []


@pytest.mark.parametrize(("promised", "deadline"), [(60.0, 600.0), (3600.0, 3600.0), (1e9, 7200.0)])
def test_a_promise_of_silence_stretches_the_lease_up_to_the_longest_a_task_may_take(
    promised: float, deadline: float
) -> None:
    found, record = claimed()
    record.promised_s = promised

    assert b.wakes(decided(found, 599.0)) == [deadline]
    assert [note.event for note in decided(found, deadline) if isinstance(note, Note)] == ["stalled"]


def test_the_lease_of_what_the_runner_started_is_the_silence_of_its_type() -> None:
    _, record = claimed()
    in_force = b.policy(agents={"ann": b.kind("ann", silence_s=30.0), "shell": b.kind("shell", silence_s=99.0)})

    assert lease_s(record, in_force) == in_force.lease_s
    record.ledger.by_runner = True
    assert lease_s(record, in_force) == 30.0
    assert lease_s(record, b.policy(agents={"shell": b.kind("shell", silence_s=99.0)})) == 99.0
