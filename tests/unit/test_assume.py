"""What an action will have changed, and which two moves are one rename."""

from dataclasses import replace
from typing import Any

import pytest

from cagents_fs.core.assume import assume, coalesce
from cagents_fs.model.actions import (
    Action,
    KeepCopy,
    Make,
    Move,
    Note,
    Phase,
    Recognise,
    RunChecks,
    Settle,
    Start,
    Stop,
    StopChecks,
    Tell,
    Undo,
    Wake,
)
from cagents_fs.model.observations import ChecksDone
from cagents_fs.model.states import State
from tests.support import builders as b


def move(source: str, target: str, task: str = "a", **more: Any) -> Move:
    whole = {"instruction": "inst_1", "task_id": task, "source": source, "target": target, "attempt": 1}
    return Move(**(whole | {"reason": f"{task} goes on"} | more))  # type: ignore[arg-type]


def seen(source: str, target: str, **more: Any) -> Recognise:
    whole = {"instruction": "inst_1", "task_id": "a", "source": source, "target": target, "attempt": 1}
    return Recognise(**(whole | {"reason": "seen"} | more))  # type: ignore[arg-type]


def test_a_move_is_taken_in_as_done_in_the_tree_and_in_the_journal() -> None:
    made = b.work(b.task("a"))
    record = b.lies(made, "a", b.GLOBAL)

    assert assume(b.index(made), move(b.GLOBAL, b.queue(), agent="ann"), b.at(7))

    assert (record.place, record.ledger.place, record.settled) == (b.queue(), b.queue(), True)
    assert (record.ledger.holder, record.entered_s) == ("ann", b.at(7).s)


def test_a_move_back_to_the_holder_ends_the_checks_and_one_into_review_does_not() -> None:
    made = b.work(b.task("a"))
    record = b.lies(made, "a", b.IN_PROGRESS)
    record.checking = "m1/e1"

    assume(b.index(made), move(b.IN_PROGRESS, b.UNDER_REVIEW), b.NOW)
    assert record.checking == "m1/e1"

    assume(b.index(made), move(b.UNDER_REVIEW, b.IN_PROGRESS), b.NOW)
    assert record.checking is None


def test_a_move_that_sweeps_takes_the_old_manifest_with_it() -> None:
    made = b.work(b.task("a"))
    record = b.lies(made, "a", b.RETRY)
    b.hands_in(record)

    assume(b.index(made), move(b.RETRY, b.GLOBAL, attempt=2, sweep=1), b.NOW)

    assert (record.manifest, record.ledger.attempt) == (None, 2)


def test_a_recognised_claim_is_seen_in_this_life_and_any_other_move_is_no_claim() -> None:
    made = b.work(b.task("a"))
    record = b.lies(made, "a", b.IN_PROGRESS, journal=b.queue())

    assume(b.index(made), seen(b.queue(), b.IN_PROGRESS, agent="ann"), b.NOW)
    assert (record.claim_seen, record.settled, record.ledger.holder) == (True, True, "ann")

    made.put(record, b.FAILED, 0.0)
    assume(b.index(made), seen(b.IN_PROGRESS, b.FAILED), b.NOW)
    assert not record.claim_seen


def test_what_recovery_made_up_for_is_no_longer_intended() -> None:
    made = b.work(b.task("a"))
    b.lies(made, "a", b.queue(), journal=b.GLOBAL)
    made.history.intents[5] = {}

    assume(b.index(made), seen(b.GLOBAL, b.queue(), facts={"intent": 5}), b.NOW)

    assert made.history.intents == {}


def test_what_is_undone_lies_where_the_journal_knows_it() -> None:
    made = b.work(b.task("a"))
    record = b.lies(made, "a", b.COMPLETED, journal=b.GLOBAL)

    undo = Undo(instruction="inst_1", task_id="a", source=b.COMPLETED, target=b.GLOBAL, reason="-", attempt=1)
    assume(b.index(made), undo, b.NOW)

    assert (record.place, record.settled) == (b.GLOBAL, True)


def test_what_is_made_again_is_there() -> None:
    made = b.work(b.task("a"))
    record = b.lies(made, "a", b.GLOBAL)
    made.put(record, None, 0.0)

    assume(b.index(made), Make(instruction="inst_1", task_id="a", place=b.GLOBAL, attempt=1, reason="-"), b.NOW)

    assert (record.state, record.settled) == (State.GLOBAL, True)


def test_notes_are_applied_as_a_replay_would_and_set_what_only_this_life_knows() -> None:
    made = b.work(b.task("a"), b.task("z", "a"))
    record, found = b.lies(made, "a", b.IN_PROGRESS), b.index(made)

    def note(event: str, **facts: Any) -> None:
        assert assume(found, Note(instruction="inst_1", event=event, reason="-", task_id="a", facts=facts), b.at(3))

    note("stalled")
    assert (record.stalled_s, record.ledger.stalled) == (b.at(3).s, True)
    note("revived")
    assert (record.stalled_s, record.ledger.stalled) == (None, False)
    note("alert")
    assert record.ledger.alerted

    b.lies(made, "a", b.COMPLETED)
    note("accepted", manifest_sha256="m1")
    assert (record.ledger.accepted, made.unmet["z"]) == ("m1", 0)


def test_checks_run_are_stopped_and_run_anew() -> None:
    made = b.work(b.task("a"))
    record, found = b.lies(made, "a", b.UNDER_REVIEW), b.index(made)
    record.checks = ChecksDone(task_id="a", attempt=1, key="old", faults=())

    assume(found, RunChecks(instruction="inst_1", task_id="a", attempt=1, key="new"), b.NOW)
    assert record.checking == "new"
    assert record.checks is None

    assume(found, StopChecks(instruction="inst_1", task_id="a"), b.NOW)
    assert record.checking is None


def test_the_whole_is_checked_once_and_again_when_work_is_taken_up_again() -> None:
    made = b.work(b.task("a"))
    found = b.index(made)

    assume(found, RunChecks(instruction="inst_1", task_id="", attempt=1, key="whole"), b.NOW)
    assert made.whole_checking

    made.whole_checks = ChecksDone(task_id="", attempt=1, key="whole", faults=())
    assume(found, Phase(instruction="inst_1", phase="executing", reason="-"), b.NOW)
    assert made.history.phase == "executing"
    assert not made.whole_checking and made.whole_checks is None


def test_a_process_takes_a_slot_from_its_start_to_its_stop() -> None:
    made = b.work(b.task("a"))
    record, found = b.lies(made, "a", b.IN_PROGRESS), b.index(made, hands=3)

    assume(found, Start(instruction="inst_1", task_id="a", agent="ann", attempt=2, reason="-"), b.NOW)
    assert (record.running, record.running_attempt, found.running) == (True, 2, 1)

    assume(found, Stop(instruction="inst_1", task_id="a", reason="-"), b.NOW)
    assert (record.running, found.running) == (False, 0)


def test_a_request_that_is_carried_out_is_gone() -> None:
    made = b.work(b.task("a"))
    b.asks(made, "cancel", "a")

    assume(b.index(made), Settle(instruction="inst_1", name="1.yaml"), b.NOW)

    assert made.requests == {}


@pytest.mark.parametrize(
    "action",
    [
        Tell(to="ann", type="error", text="-", key="k"),
        KeepCopy(instruction="inst_1", path="p", faults=()),
        Wake(at_s=1.0),
    ],
)
def test_what_only_informs_leads_to_nothing_further(action: Action) -> None:
    made = b.work(b.task("a"))
    found = b.index(made)
    before = repr(found)

    assert not assume(found, action, b.NOW)
    assert repr(found) == before


# -- two moves in one turn --------------------------------------------------------------------------------------------


def test_a_task_that_becomes_ready_and_is_released_in_one_turn_is_renamed_once() -> None:
    ready = move(b.WAITING, b.GLOBAL, reason="dependencies met", facts={"x": 1})
    released = move(b.GLOBAL, b.queue(), reason="released to ann", agent="ann", facts={"y": 2})

    (joined,) = coalesce([ready, released])

    assert joined == move(
        b.WAITING, b.queue(), reason="dependencies met; released to ann", agent="ann", facts={"x": 1, "y": 2}
    )


def test_the_one_rename_stands_where_the_second_move_stood_and_others_keep_their_order() -> None:
    other = move(b.GLOBAL, b.queue("bob"), task="c")
    joined = coalesce([move(b.WAITING, b.GLOBAL), other, move(b.GLOBAL, b.queue())])

    assert [(one.task_id, one.target) for one in joined if isinstance(one, Move)] == [
        ("c", b.queue("bob")),
        ("a", b.queue()),
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (move(b.PENDING, b.GLOBAL), move(b.GLOBAL, b.queue())),  # the table has no pending -> agents
        (move(b.RETRY, b.GLOBAL, sweep=1, attempt=2), move(b.GLOBAL, b.queue(), attempt=2)),
        (move(b.BLOCKED, b.GLOBAL, edit_before={"blocked_by": None}), move(b.GLOBAL, b.queue())),
        (move(b.WAITING, b.GLOBAL), move(b.GLOBAL, b.BLOCKED, edit_after={"blocked_by": ["x"]})),
        (move(b.GLOBAL, b.queue()), move(b.queue(), b.IN_PROGRESS)),
        (move(b.WAITING, b.GLOBAL), move(b.GLOBAL, b.queue(), task="c")),
        (move(b.WAITING, b.GLOBAL), replace(move(b.GLOBAL, b.queue()), instruction="inst_2")),
        (move(b.GLOBAL, b.queue()), move(b.queue("bob"), "queues/domains/d")),
    ],
    ids=["not legal", "a sweep", "an edit before", "an edit after", "a claim", "two tasks", "two works", "a gap"],
)
def test_two_moves_stay_two_renames_where_one_would_lose_something(first: Move, second: Move) -> None:
    assert coalesce([first, second]) == [first, second]


def test_what_is_no_move_stays_where_it_is() -> None:
    told = Tell(to="ann", type="error", text="-", key="k")
    said = Note(instruction="inst_1", event="finding", reason="-", task_id="a")

    assert coalesce([told, move(b.WAITING, b.GLOBAL), said]) == [told, move(b.WAITING, b.GLOBAL), said]
