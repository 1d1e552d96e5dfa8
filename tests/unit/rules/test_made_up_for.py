"""What a crash, or a disk that refused, has come between: the verdict was said, and the move is made up for."""

import pytest

from cagents_fs.core.history import History
from cagents_fs.model.faults import Fault
from cagents_fs.rules import completion, over_limit
from tests.support import builders as b

WRONG = Fault("checksum_mismatch", "the checksum is another", "p")


def test_rework_was_exhausted_and_the_task_lies_still_with_its_agent() -> None:
    made = b.work(b.task("a"))
    record = b.lies(made, "a", b.IN_PROGRESS, judged=("m1", "e1"), rejections=4)
    b.hands_in(record, artifact_faults=(WRONG,))

    move = b.only_move(b.decided(completion.decide, b.index(made)))

    assert (move.target, move.facts["retries"]) == (b.RETRY, 1)


def test_with_rework_left_the_same_manifest_is_judged_once() -> None:
    made = b.work(b.task("a"))
    record = b.lies(made, "a", b.IN_PROGRESS, judged=("m1", "e1"), rejections=3)
    b.hands_in(record, artifact_faults=(WRONG,))

    assert b.decided(completion.decide, b.index(made)) == []


def test_a_failure_was_reported_and_the_task_lies_still_with_its_agent() -> None:
    made = b.work(b.task("a"))
    record = b.lies(made, "a", b.IN_PROGRESS, judged=("m1", "e1"))
    b.hands_in(record, status="failed", error_type="flaky", subagent_notes="no network")

    found = b.decided(completion.decide, b.index(made))

    assert b.only_move(found).target == b.RETRY
    assert b.notes(found) == []


@pytest.mark.parametrize(("escalation", "target"), [("E1", b.IN_PROGRESS), (None, None)])
def test_a_manifest_had_settled_the_escalation_and_was_accepted(escalation: str | None, target: str | None) -> None:
    made = b.work(b.task("a"))
    record = b.lies(made, "a", b.BLOCKED, accepted="m1", judged=("m1", "e1"), escalation=escalation)
    b.hands_in(record)

    moves = b.moves(b.decided(completion.decide, b.index(made)))

    assert moves == ([("a", b.BLOCKED, target)] if target else [])


def test_a_claim_whose_manifest_has_yet_to_settle_is_no_untouched_claim() -> None:
    made = b.work(b.task("a"), b.task("c"), mode="sequential")
    for name in ("a", "c"):
        record = b.lies(made, name, b.IN_PROGRESS)
        record.claim_seen, record.ledger.holder = True, "ann"

    assert [task_id for task_id, *_ in b.moves(b.decided(over_limit.decide, b.index(made)))] == ["c"]

    made.records["c"].manifest_coming = True

    assert [task_id for task_id, *_ in b.moves(b.decided(over_limit.decide, b.index(made)))] == ["a"]


def test_that_a_file_is_nowhere_is_told_until_it_is_somewhere_again() -> None:
    lines = [
        {"seq": 1, "event": "alert", "task_id": "a", "alert": "task_missing", "reason": "nowhere"},
        {"seq": 2, "event": "moved", "task_id": "a", "from": None, "to": b.GLOBAL, "attempt": 1},
    ]

    assert History().replay(lines[:1]).ledger("a").missing
    assert not History().replay(lines).ledger("a").missing
