"""What has been finished? Nobody's word is taken."""

from typing import Any

import pytest

from cagents_fs.core.index import Record, Work
from cagents_fs.model.actions import (
    Action,
    KeepCopy,
    Move,
    Note,
    RunChecks,
    StopChecks,
    Tell,
    Wake,
    WriteVerdict,
)
from cagents_fs.model.faults import Fault
from cagents_fs.model.observations import ChecksDone
from cagents_fs.model.policy import Policy
from cagents_fs.rules import completion
from tests.support import builders as b

CHECKED = [{"criterion": "The tests pass", "check": "pytest"}]
WRONG = Fault("checksum_mismatch", "the checksum is another", "p")


def one(place: str = b.IN_PROGRESS, criteria: object = (), **known: Any) -> tuple[Work, Record]:
    made = b.work(b.task("a", acceptance_criteria=criteria), b.task("z", "a"))
    return made, b.lies(made, "a", place, **known)


def decided(made: Work, policy: Policy = b.PLAIN) -> list[Action]:
    return b.decided(completion.decide, b.index(made), policy)


def checks(record: Record, *faults: Fault, key: str = "m1/e1") -> None:
    """Its checks have run."""
    record.checks = ChecksDone(task_id="a", attempt=1, key=key, faults=faults)


# -- accepted ---------------------------------------------------------------------------------------------------------


def test_a_manifest_that_holds_completes_its_task_and_stands_in_the_journal_before_the_rename() -> None:
    made, record = one()
    b.hands_in(record)

    note, move = decided(made)

    assert isinstance(note, Note) and isinstance(move, Move)
    assert (note.event, note.agent, note.attempt, note.first) == ("accepted", "ann", 1, True)
    assert note.facts["manifest_sha256"] == "m1"
    assert note.facts["manifest"] == "the manifest as written"
    assert (move.source, move.target) == (b.IN_PROGRESS, b.COMPLETED)
    assert move.reason == "manifest holds: 0 artifacts, every criterion"


@pytest.mark.parametrize("faults", [(), (WRONG,)])
def test_no_verdict_follows_from_what_was_not_looked_at_in_this_very_turn(faults: tuple[Fault, ...]) -> None:
    made, record = one()
    b.hands_in(record, artifact_faults=faults)
    record.looked_s = b.NOW.s - 1e-6

    assert decided(made) == [Wake(at_s=b.NOW.s, handed_in=("inst_1", "a"))]

    record.looked_s = b.NOW.s
    assert Wake not in map(type, decided(made))
    assert b.notes(decided(made)) == [("rejected" if faults else "accepted", "a")]


def test_once_accepted_it_is_not_judged_again() -> None:
    made, record = one()
    b.hands_in(record)
    b.taken(b.index(made), decided(made))

    assert record.satisfied
    assert decided(made) == []


@pytest.mark.parametrize("place", [b.WAITING, b.GLOBAL, b.queue()])
def test_before_the_claim_a_manifest_is_held(place: str) -> None:
    made, record = one(place)
    b.hands_in(record)

    assert decided(made) == []


def test_a_partial_manifest_is_no_claim_to_have_finished() -> None:
    made, record = one()
    b.hands_in(record, status="partial", artifact_faults=(WRONG,))

    assert decided(made) == []


def test_before_intake_nothing_is_judged() -> None:
    made, record = one()
    b.hands_in(record)
    made.history.intake = None

    assert decided(made) == []


@pytest.mark.parametrize(
    ("place", "target"), [(b.IN_PROGRESS, b.COMPLETED), (b.UNDER_REVIEW, b.COMPLETED), (b.RETRY, b.UNDER_REVIEW)]
)
def test_what_the_journal_accepted_before_a_crash_is_completed_whatever_lies_there_now(place: str, target: str) -> None:
    made, _ = one(place, accepted="m1")

    assert b.moves(decided(made)) == [("a", place, target)]


def test_what_was_accepted_and_is_being_moved_by_somebody_waits_for_the_rule_of_foreign_moves() -> None:
    made, record = one(b.IN_PROGRESS, accepted="m1")
    record.ledger.place = b.queue()

    assert decided(made) == []


def test_an_acceptance_counts_the_artifacts() -> None:
    artifact = {"path": "out/a.txt", "size_bytes": 1, "checksum": "0" * 64}
    made, record = one()
    b.hands_in(record, artifacts=[artifact])
    assert b.only_move(decided(made)).reason == "manifest holds: 1 artifact, every criterion"

    b.hands_in(record, artifacts=[artifact, artifact])
    assert b.only_move(decided(made)).reason == "manifest holds: 2 artifacts, every criterion"


# -- rejected ---------------------------------------------------------------------------------------------------------


def rejected(**manifest: Any) -> list[Action]:
    made, record = one()
    b.hands_in(record, **{"artifact_faults": (WRONG,)} | manifest)
    return decided(made)


def test_a_manifest_that_does_not_hold_is_answered_with_every_fault_in_three_places() -> None:
    other = Fault("missing_artifact", "it is not there", "q")
    found = rejected(artifact_faults=(WRONG, other))

    verdict = next(action for action in found if isinstance(action, WriteVerdict))
    message = next(action for action in found if isinstance(action, Tell))
    note = b.only_note(found, "rejected")
    assert (verdict.accepted, verdict.faults) == (False, (WRONG, other))
    assert (message.to, message.type) == ("ann", "rework")
    assert "checksum_mismatch" in message.text and "missing_artifact" in message.text
    assert note.reason == "the checksum is another; it is not there"
    assert [fault["code"] for fault in note.facts["faults"]] == ["checksum_mismatch", "missing_artifact"]
    assert note.facts["rejections"] == 1


def test_judged_without_checks_it_just_stays_in_progress() -> None:
    assert b.moves(rejected()) == []


def test_the_same_manifest_over_the_same_evidence_is_judged_once() -> None:
    made, record = one()
    b.hands_in(record, artifact_faults=(WRONG,))
    b.taken(b.index(made), decided(made))

    assert decided(made) == []


def test_the_same_manifest_over_other_evidence_is_judged_again_and_counts_as_no_rework() -> None:
    made, record = one()
    b.hands_in(record, artifact_faults=(WRONG,))
    b.taken(b.index(made), decided(made))

    b.hands_in(record, evidence="e2", artifact_faults=(WRONG,))
    assert b.only_note(decided(made), "rejected").facts["rejections"] == 1
    b.hands_in(record, evidence="e2")
    assert b.moves(decided(made)) == [("a", b.IN_PROGRESS, b.COMPLETED)]


def test_a_new_manifest_counts_as_rework() -> None:
    made, record = one(judged=("m0", "e0"), rejections=1)
    b.hands_in(record, artifact_faults=(WRONG,))

    assert b.only_note(decided(made), "rejected").facts["rejections"] == 2


def test_with_the_rework_used_up_the_attempt_has_failed() -> None:
    made, record = one(judged=("m0", "e0"), rejections=3)
    b.hands_in(record, artifact_faults=(WRONG,))

    move = b.only_move(decided(made))

    assert (move.target, move.facts["retries"]) == (b.RETRY, 1)
    assert move.reason.startswith("rework exhausted: 4 manifests rejected")


def test_a_manifest_that_cannot_be_read_is_kept_and_rejected() -> None:
    made, record = one()
    b.hands_in_garbage(record)

    found = decided(made)

    assert [action.path for action in found if isinstance(action, KeepCopy)] == ["outputs/partial/a/manifest.yaml"]
    assert b.only_note(found, "rejected").reason == "expected a mapping"


def test_an_agent_that_reports_failure_ends_its_attempt_and_is_quoted() -> None:
    made, record = one()
    b.hands_in(record, status="failed", error_type="flaky", subagent_notes="no network\nat all")

    found = decided(made)

    assert b.only_note(found, "failed_attempt").facts["error_type"] == "flaky"
    move = b.only_move(found)
    assert move.target == b.RETRY
    assert move.reason.startswith("ann reports failure: no network | at all; retry 1 of 3")


def test_a_failure_of_a_kind_that_never_gets_better_is_final() -> None:
    made, record = one()
    b.hands_in(record, status="failed", error_type="insufficient_permissions")

    assert b.only_move(decided(made)).target == b.FAILED


# -- review: checks to run --------------------------------------------------------------------------------------------


def test_a_manifest_with_checks_to_run_goes_under_review_first() -> None:
    made, record = one(criteria=CHECKED)
    b.hands_in(record)

    assert b.moves(decided(made)) == [("a", b.IN_PROGRESS, b.UNDER_REVIEW)]


def test_under_review_the_checks_are_run_once_for_exactly_this_manifest() -> None:
    made, record = one(b.UNDER_REVIEW, CHECKED)
    b.hands_in(record)
    run = RunChecks(instruction="inst_1", task_id="a", attempt=1, key="m1/e1")
    assert decided(made) == [run]

    b.taken(b.index(made), [run])
    assert decided(made) == []


def test_a_new_manifest_voids_the_running_checks() -> None:
    made, record = one(b.UNDER_REVIEW, CHECKED)
    record.checking = "m1/e1"
    b.hands_in(record, sha="m2")

    assert decided(made) == [
        StopChecks(instruction="inst_1", task_id="a"),
        RunChecks(instruction="inst_1", task_id="a", attempt=1, key="m2/e1"),
    ]


def test_checks_that_hold_complete_the_task() -> None:
    made, record = one(b.UNDER_REVIEW, CHECKED)
    b.hands_in(record)
    checks(record)

    assert b.moves(decided(made)) == [("a", b.UNDER_REVIEW, b.COMPLETED)]


def test_the_outcome_of_checks_about_another_manifest_counts_for_nothing() -> None:
    made, record = one(b.UNDER_REVIEW, CHECKED)
    b.hands_in(record, sha="m2")
    checks(record, key="m1/e1")

    assert b.moves(decided(made)) == []
    assert any(isinstance(action, RunChecks) and action.key == "m2/e1" for action in decided(made))


def test_a_check_that_fails_sends_the_task_back_for_rework_with_all_faults_together() -> None:
    made, record = one(b.UNDER_REVIEW, CHECKED)
    b.hands_in(record, artifact_faults=(WRONG,))
    checks(record, Fault("check_failed", "pytest ended with 1"))

    found = decided(made)

    assert b.moves(found) == [("a", b.UNDER_REVIEW, b.IN_PROGRESS)]
    assert b.only_move(found).reason == "rejected: rework 1 of 3"
    assert b.only_note(found, "rejected").reason == "the checksum is another; pytest ended with 1"


def test_a_manifest_that_is_taken_away_while_it_is_judged_ends_the_review() -> None:
    made, record = one(b.UNDER_REVIEW, CHECKED)
    record.manifest_gone = True

    found = decided(made)

    assert StopChecks(instruction="inst_1", task_id="a") in found
    assert b.moves(found) == [("a", b.UNDER_REVIEW, b.IN_PROGRESS)]


def test_under_review_a_manifest_that_cannot_be_read_any_more_does_not_hold() -> None:
    made, record = one(b.UNDER_REVIEW, CHECKED)
    b.hands_in_garbage(record)

    assert b.moves(decided(made)) == [("a", b.UNDER_REVIEW, b.IN_PROGRESS)]


def test_under_review_a_manifest_that_is_not_completed_does_not_hold() -> None:
    made, record = one(b.UNDER_REVIEW, CHECKED)
    b.hands_in(record, status="partial")
    checks(record)

    assert "only completed work is judged" in b.only_note(decided(made), "rejected").reason
