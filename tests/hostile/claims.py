"""What it says of criteria, of quality and of itself: C91 to C96 of the fault catalogue."""

from tests.hostile.case import MANIFEST, MET, Case, taken, wrong

NONE = "artifacts: []\n"

OF_T4 = MANIFEST.replace("t1", "t4") + NONE  # a task of type implementation: it reports its test coverage

AT_T4 = "../t4/manifest.yaml"


def measured(title: str, metrics: str, *answer: str) -> Case:
    """A manifest with these metrics."""
    return wrong("manifest", title, OF_T4 + f"quality_metrics: {{{metrics}}}\n", *answer, name=AT_T4)


# --- C94: what is said of the criteria
CRITERIA = [
    taken("manifest", "in other case and spacing", MANIFEST + NONE + MET.replace("It works", "it  WORKS")),
    wrong(
        "manifest",
        "none",
        MANIFEST + NONE,
        "criterion_missing nothing is said of the criterion: It works; add it to acceptance_criteria_met",
    ),
    wrong(
        "manifest",
        "renamed",
        MANIFEST + NONE + MET.replace("It works", "It mostly works"),
        "criterion_missing nothing is said of the criterion: It works; add it to acceptance_criteria_met",
    ),
    wrong(
        "manifest",
        "not met",
        MANIFEST + NONE + MET.replace("true", "false"),
        "criterion_not_met the criterion is not met: It works",
    ),
    wrong(
        "manifest",
        "without evidence",
        MANIFEST + NONE + "acceptance_criteria_met: [{criterion: It works, met: true}]\n",
        "no_evidence no evidence is given for: It works; say where it can be seen",
    ),
    wrong(
        "manifest",
        "with blank evidence",
        MANIFEST + NONE + MET.replace("seen", "' '"),
        "no_evidence no evidence is given for: It works; say where it can be seen",
    ),
    wrong(
        "manifest",
        "with evidence that is true",
        MANIFEST + NONE + MET.replace("seen", "true"),
        ("schema 5:70 acceptance_criteria_met.0.evidence: expected text, found true; put it in quotes if it is text"),
    ),
    wrong(
        "manifest",
        "with evidence that is a list",
        MANIFEST + NONE + MET.replace("seen", "[a, b]"),
        "schema 5:70 acceptance_criteria_met.0.evidence: expected text, found a list",
    ),
    wrong(
        "manifest",
        "with evidence that is nowhere",
        MANIFEST + NONE + MET.replace("seen", "src/x.py:12"),
        "evidence_unresolved the evidence src/x.py:12 for 'It works' is not there; name a file that is",
    ),
    wrong(
        "manifest",
        "with evidence that climbs",
        MANIFEST + NONE + MET.replace("seen", "../../../etc/passwd"),
        ("evidence_unresolved the evidence ../../../etc/passwd for 'It works' is not there; name a file that is"),
    ),
    taken("manifest", "with evidence that is there", MANIFEST + NONE + MET.replace("seen", "result.txt")),
    wrong(
        "manifest",
        "as text",
        MANIFEST + NONE + "acceptance_criteria_met: [It works]\n",
        "schema 5:27 acceptance_criteria_met.0: expected a mapping, found 'It works'",
    ),
    wrong(
        "manifest",
        "true for all",
        MANIFEST + NONE + "acceptance_criteria_met: true\n",
        "schema 5:26 acceptance_criteria_met: expected a list, found true",
    ),
    wrong(
        "manifest",
        "met twice, once not",
        MANIFEST + NONE + MET.replace("[{", "[{criterion: it works, met: false}, {"),
        "criterion_not_met the criterion is not met: It works",
    ),
    taken(
        "manifest",
        "C96: with a check of its own",
        MANIFEST + NONE + MET.replace("true,", "true, check: touch /tmp/x,"),
        "5:60: acceptance_criteria_met.0.check: unknown key, kept but not read",
    ),
    taken(
        "manifest",
        "C96: with a cmd of its own",
        MANIFEST + NONE + MET + "cmd: touch /tmp/x\n",
        "6:1: cmd: unknown key, kept but not read",
    ),
]

# --- C91 to C93: whose it is
WHOSE = [
    wrong(
        "manifest",
        "of another task",
        MANIFEST.replace("t1", "t3") + NONE + MET,
        "wrong_task this is the manifest of t3, but it lies where t1 hands in",
    ),
    wrong(
        "manifest",
        "of another agent",
        MANIFEST.replace("ann", "bob") + NONE + MET,
        "wrong_agent t1 is held by ann, not by bob; only its holder hands it in",
    ),
    wrong(
        "manifest",
        "of another attempt",
        MANIFEST + "attempt: 2\n" + NONE + MET,
        "old_attempt this is of attempt 2, but attempt 1 is running; name it: attempt: 1 (--attempt)",
    ),
    wrong(
        "manifest",
        "of attempt 0",
        MANIFEST + "attempt: 0\n" + NONE + MET,
        "schema 4:10 attempt: must be at least 1, found 0",
    ),
    wrong(
        "manifest",
        "of another task, agent and attempt",
        "task_id: x\nsubagent: y\nattempt: 9\nstatus: completed\n" + NONE,
        "wrong_task this is the manifest of x, but it lies where t1 hands in",
        "wrong_agent t1 is held by ann, not by y; only its holder hands it in",
        "old_attempt this is of attempt 9, but attempt 1 is running; name it: attempt: 1 (--attempt)",
    ),
]

# --- C95: what is said of quality
METRICS = [
    measured(
        "coverage that is NaN",
        "test_coverage: .nan",
        "schema 5:34 quality_metrics.test_coverage: expected a finite number, found .nan",
    ),
    measured(
        "coverage without end",
        "test_coverage: .inf",
        "schema 5:34 quality_metrics.test_coverage: expected a finite number, found .inf",
    ),
    measured(
        "coverage in percent",
        "test_coverage: 85",
        "schema 5:34 quality_metrics.test_coverage: must be at most 1, found 85",
    ),
    measured(
        "coverage with a sign of percent",
        "test_coverage: 85%",
        "schema 5:34 quality_metrics.test_coverage: expected a number without quotes, found '85%'",
    ),
    measured(
        "coverage below 0",
        "test_coverage: -0.1",
        "schema 5:34 quality_metrics.test_coverage: must be at least 0, found -0.1",
    ),
    measured(
        "coverage in quotes",
        "test_coverage: '0.9'",
        "schema 5:34 quality_metrics.test_coverage: expected a number without quotes, found '0.9'",
    ),
    measured(
        "coverage that is true",
        "test_coverage: true",
        "schema 5:34 quality_metrics.test_coverage: expected a number without quotes, found true",
    ),
    measured("coverage below the threshold", "test_coverage: 0.5", "metric_below test_coverage 0.5 is below 0.8"),
    measured(
        "coverage a hair below the threshold",
        "test_coverage: 0.7999999999999999",
        "metric_below test_coverage 0.7999999999999999 is below 0.8",
    ),
    measured("no coverage", "", "metric_missing a task of type implementation reports quality_metrics.test_coverage"),
    measured(
        "a score of 101",
        "test_coverage: 0.9, code_review_score: 101",
        "schema 5:58 quality_metrics.code_review_score: must be at most 100, found 101",
    ),
    measured(
        "a score that is NaN",
        "test_coverage: 0.9, code_review_score: .NaN",
        "schema 5:58 quality_metrics.code_review_score: expected a finite number, found .NaN",
    ),
    measured(
        "a scan that is true",
        "test_coverage: 0.9, security_scan: true",
        "schema 5:54 quality_metrics.security_scan: expected pass, fail, warning; found true",
    ),
    measured(
        "a scan in capitals",
        "test_coverage: 0.9, security_scan: PASS",
        ("schema 5:54 quality_metrics.security_scan: expected pass, fail, warning; found 'PASS'; did you mean 'pass'?"),
    ),
    measured(
        "a failed scan",
        "test_coverage: 0.9, security_scan: fail",
        "metric_below security_scan is `fail`; it has to pass",
    ),
    taken("manifest", "coverage at the threshold", OF_T4 + "quality_metrics: {test_coverage: 0.8}\n", name=AT_T4),
]

CASES = [*CRITERIA, *WHOSE, *METRICS]
