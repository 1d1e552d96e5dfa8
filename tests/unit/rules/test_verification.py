"""Does a manifest hold? Every fault is listed, each with its stable code."""

from typing import Any

import pytest

from cagents_fs.core.index import Record, Work
from cagents_fs.model.faults import Fault
from cagents_fs.model.files import QualityMetrics
from cagents_fs.model.policy import Policy
from cagents_fs.rules.verification import content_faults, gate_faults, identity_faults, proven_criteria, same_text
from tests.support import builders as b

CHECKED = {"criterion": "The tests pass", "check": "pytest"}
ARTIFACT = {"path": "out/schema.sql", "size_bytes": 1, "checksum": "0" * 64}


def one(*criteria: object, **fields: Any) -> tuple[Work, Record]:
    made = b.work(b.task("a", acceptance_criteria=list(criteria), **fields))
    return made, b.lies(made, "a", b.IN_PROGRESS)


def claims(*criteria: str, met: bool = True, evidence: str | None = "I looked") -> list[dict[str, Any]]:
    return [{"criterion": criterion, "met": met, "evidence": evidence} for criterion in criteria]


def codes(made: Work, record: Record, policy: Policy = b.PLAIN, **manifest: Any) -> list[str]:
    return [fault.code for fault in content_faults(made, record, b.hands_in(record, **manifest), policy)]


# -- whose is it? -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "attempt", "expected"),
    [
        ({}, 1, []),
        ({"task_id": "c"}, 1, ["wrong_task"]),
        ({"agent": "bob"}, 1, ["wrong_agent"]),
        ({"attempt": 1}, 2, ["old_attempt"]),
        ({}, 2, ["old_attempt"]),
        ({"attempt": 2}, 2, []),
        ({"attempt": 3}, 2, ["old_attempt"]),
        ({"task_id": "c", "agent": "bob", "attempt": 9}, 1, ["wrong_task", "wrong_agent", "old_attempt"]),
    ],
)
def test_a_manifest_is_of_this_task_from_its_holder_and_of_this_attempt(
    changed: dict[str, Any], attempt: int, expected: list[str]
) -> None:
    _, record = one()
    record.ledger.attempt = attempt

    assert [fault.code for fault in identity_faults(record, b.hands_in(record, **changed))] == expected


def test_where_no_journal_names_a_holder_the_one_it_was_meant_for_hands_it_in() -> None:
    _, record = one()
    record.ledger.holder = None

    assert identity_faults(record, b.hands_in(record)) == []
    assert [fault.code for fault in identity_faults(record, b.hands_in(record, agent="bob"))] == ["wrong_agent"]


def test_a_manifest_that_cannot_be_read_says_nothing_of_whose_it_is() -> None:
    _, record = one()

    assert identity_faults(record, b.hands_in_garbage(record)) == []


def test_the_answer_to_an_old_attempt_says_what_to_write() -> None:
    _, record = one()
    record.ledger.attempt = 3

    (fault,) = identity_faults(record, b.hands_in(record))

    assert "attempt: 3" in fault.message
    assert fault.path == "outputs/partial/a/manifest.yaml"


# -- criteria ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (claims("It works"), []),
        (claims("  it   WORKS "), []),
        ([], ["criterion_missing"]),
        (claims("Something else"), ["criterion_missing"]),
        (claims("It works", met=False), ["criterion_not_met"]),
        (claims("It works", evidence=None), ["no_evidence"]),
        (claims("It works", evidence=" \n"), ["no_evidence"]),
        (claims("It works", evidence="src/a.py:9"), ["evidence_unresolved"]),
    ],
)
def test_a_criterion_is_claimed_met_with_evidence_that_resolves(said: list[object], expected: list[str]) -> None:
    made, record = one("It works")

    assert codes(made, record, acceptance_criteria_met=said, unresolved=frozenset({"src/a.py:9"})) == expected


def test_every_fault_of_every_criterion_is_listed_at_once_with_those_of_the_artifacts_first() -> None:
    made, record = one("one", "two", "three")
    gone = Fault("missing_artifact", "it is not there", "p")

    found = codes(
        made,
        record,
        acceptance_criteria_met=claims("two", evidence="") + claims("three", met=False),
        artifact_faults=(gone,),
    )

    assert found == ["missing_artifact", "criterion_missing", "no_evidence", "criterion_not_met"]


@pytest.mark.parametrize(
    ("policy", "added", "proven"),
    [
        (b.policy(), False, True),
        (b.policy(), True, False),
        (b.policy(checks="all"), True, True),
        (b.policy(checks="never"), False, False),
    ],
    ids=["from the plan", "added later", "added later, all checks", "checks off"],
)
def test_a_criterion_is_proven_by_its_check_or_else_has_to_be_claimed(
    policy: Policy, added: bool, proven: bool
) -> None:
    made, record = one(CHECKED, "by word")
    record.ledger.added = added

    assert [criterion.criterion for criterion in proven_criteria(record, policy)] == ["The tests pass"] * proven
    expected = [] if proven else ["criterion_missing"]
    assert codes(made, record, policy, acceptance_criteria_met=claims("by word")) == expected


def test_case_and_runs_of_white_space_do_not_count() -> None:
    assert same_text(" The\n tests\tPASS ") == same_text("the tests pass")
    assert same_text("thetests pass") != same_text("the tests pass")


# -- quality ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task_type", "metrics", "expected"),
    [
        ("implementation", {}, ["metric_missing"]),
        ("implementation", {"test_coverage": 0.8}, []),
        ("implementation", {"test_coverage": 0.79}, ["metric_below"]),
        ("testing", {}, ["metric_missing"]),
        ("security_audit", {}, ["metric_missing"]),
        ("security_audit", {"security_scan": "pass"}, []),
        ("security_audit", {"security_scan": "warning"}, ["metric_below"]),
        ("performance_optimization", {}, ["metric_missing"]),
        ("performance_optimization", {"performance_validation": "fail"}, ["metric_below"]),
        ("performance_optimization", {"performance_validation": "pass"}, []),
        ("code_review", {}, ["metric_missing"]),
        ("code_review", {"code_review_score": 70}, []),
        ("code_review", {"code_review_score": 69.9}, ["metric_below"]),
        ("documentation", {}, []),
        (None, {}, []),
        (None, {"test_coverage": 0.1, "security_scan": "fail"}, ["metric_below", "metric_below"]),
        ("implementation", {"security_scan": "fail"}, ["metric_missing", "metric_below"]),
    ],
)
def test_a_type_asks_for_its_metric_and_every_metric_that_is_reported_has_to_be_good_enough(
    task_type: str | None, metrics: dict[str, Any], expected: list[str]
) -> None:
    task = b.task("a", task_type=task_type)

    found = list(gate_faults(task, QualityMetrics.model_validate(metrics), b.PLAIN, "m.yaml"))

    assert [fault.code for fault in found] == expected


@pytest.mark.parametrize(
    ("task_type", "metrics", "relaxed"),
    [
        ("security_audit", {}, {"security_scan_required": False}),
        ("security_audit", {"security_scan": "fail"}, {"security_scan_required": False}),
        ("performance_optimization", {"performance_validation": "fail"}, {"performance_validation": False}),
        ("code_review", {}, {"enforce_code_review": False}),
        ("code_review", {"code_review_score": 1}, {"enforce_code_review": False}),
        ("implementation", {"test_coverage": 0.1}, {"minimum_test_coverage": 0.1}),
    ],
)
def test_a_gate_that_the_configuration_opens_lets_everything_through(
    task_type: str, metrics: dict[str, Any], relaxed: dict[str, Any]
) -> None:
    task, metrics_seen = b.task("a", task_type=task_type), QualityMetrics.model_validate(metrics)

    assert list(gate_faults(task, metrics_seen, b.PLAIN, "m.yaml"))
    assert not list(gate_faults(task, metrics_seen, b.policy(**relaxed), "m.yaml"))


# -- what others need -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("out/schema.sql", []),
        ("schema.sql", []),
        ("ema.sql", ["missing_artifact"]),
        ("other.sql", ["missing_artifact"]),
    ],
)
def test_every_artifact_that_another_task_needs_is_handed_in(wanted: str, expected: list[str]) -> None:
    needs = {"data_dependencies": [{"task_id": "a", "artifact_path": wanted}]}
    made = b.work(b.task("a"), b.task("z", dependencies=needs), b.task("other", "a"))
    record = b.lies(made, "a", b.IN_PROGRESS)

    assert codes(made, record, artifacts=[ARTIFACT]) == expected
