"""Does a manifest hold? Points 1 to 5 of PROTOCOL section 6; the sixth, the checks, is run off the turn.

Every fault is listed, so that an agent can mend all of them in one go.
"""

from collections.abc import Iterator

from cagents_fs.core.index import Record, Work
from cagents_fs.model.faults import Fault
from cagents_fs.model.files import CriterionMet, Manifest, QualityMetrics, Task
from cagents_fs.model.observations import ManifestSeen
from cagents_fs.model.parts import Criterion
from cagents_fs.model.policy import Policy

GATES = {
    "implementation": "test_coverage",
    "testing": "test_coverage",
    "security_audit": "security_scan",
    "performance_optimization": "performance_validation",
    "code_review": "code_review_score",
}


def same_text(text: str) -> str:
    """The form in which criteria are compared: case and runs of white space do not count."""
    return " ".join(text.split()).casefold()


def proven_criteria(record: Record, policy: Policy) -> tuple[Criterion, ...]:
    """The criteria that the daemon proves itself by running their check."""
    if policy.checks == "never" or (record.ledger.added and policy.checks != "all"):
        return ()
    return tuple(criterion for criterion in record.task.acceptance_criteria if criterion.check)


def identity_faults(record: Record, seen: ManifestSeen) -> list[Fault]:
    """Is it about this task, from its holder, and of this attempt? (point 1)"""
    manifest, ledger, task_id = seen.manifest, record.ledger, record.task.task_id
    if manifest is None:
        return []
    faults = []
    if manifest.task_id != task_id:
        text = f"this is the manifest of {manifest.task_id}, but it lies where {task_id} hands in"
        faults.append(Fault("wrong_task", text, seen.path))
    if record.holder is not None and manifest.subagent != record.holder:
        text = f"{task_id} is held by {record.holder}, not by {manifest.subagent}; only its holder hands it in"
        faults.append(Fault("wrong_agent", text, seen.path))
    attempt = manifest.attempt or 1
    if attempt != ledger.attempt:
        running = f"attempt {ledger.attempt} is running"
        text = f"this is of attempt {attempt}, but {running}; name it: attempt: {ledger.attempt} (--attempt)"
        faults.append(Fault("old_attempt", text, seen.path))
    return faults


def content_faults(work: Work, record: Record, seen: ManifestSeen, policy: Policy) -> Iterator[Fault]:
    """Are artifacts, criteria and quality as claimed and as asked? (points 2 to 5)"""
    assert seen.manifest is not None
    yield from seen.artifact_faults
    proven = proven_criteria(record, policy)
    for criterion in record.task.acceptance_criteria:
        if criterion not in proven:
            yield from _criterion(criterion, seen)
    yield from gate_faults(record.task, seen.manifest.quality_metrics, policy, seen.path)
    handed_in = {artifact.path for artifact in seen.manifest.artifacts}
    for wanted, by in needed_artifacts(work, record.task.task_id):
        if not any(path == wanted or path.endswith("/" + wanted) for path in handed_in):
            yield Fault("missing_artifact", f"{by} needs the artifact {wanted}; hand it in as well", seen.path)


def needed_artifacts(work: Work, task_id: str) -> Iterator[tuple[str, str]]:
    """The artifacts of this task that others depend on, each with the task that needs it."""
    for child in work.children.get(task_id, ()):
        for dependency in work.records[child].task.dependencies.data_dependencies:
            if dependency.task_id == task_id:
                yield dependency.artifact_path, child
    yield from work.wanted.get(task_id, {}).items()


def _criterion(criterion: Criterion, seen: ManifestSeen) -> Iterator[Fault]:
    claim = _claim(criterion, seen.manifest)
    if claim is None:
        text = f"nothing is said of the criterion: {criterion.criterion}; add it to acceptance_criteria_met"
        yield Fault("criterion_missing", text, seen.path)
    elif not claim.met:
        yield Fault("criterion_not_met", f"the criterion is not met: {criterion.criterion}", seen.path)
    elif not (claim.evidence or "").strip():
        text = f"no evidence is given for: {criterion.criterion}; say where it can be seen"
        yield Fault("no_evidence", text, seen.path)
    elif claim.evidence in seen.unresolved:
        text = f"the evidence {claim.evidence} for '{criterion.criterion}' is not there; name a file that is"
        yield Fault("evidence_unresolved", text, seen.path)


def _claim(criterion: Criterion, manifest: Manifest | None) -> CriterionMet | None:
    """What is claimed of it; who says both that it is met and that it is not says that it is not."""
    wanted = same_text(criterion.criterion)
    claims = manifest.acceptance_criteria_met if manifest else ()
    found = [claim for claim in claims if same_text(claim.criterion) == wanted]
    return next((claim for claim in found if not claim.met), found[0] if found else None)


def gate_faults(task: Task, metrics: QualityMetrics, policy: Policy, path: str) -> Iterator[Fault]:
    """Quality: the metric that the task's type asks for must be there, and every reported one must be good enough."""
    asked = GATES.get(task.task_type or "")
    if asked and getattr(metrics, asked) is None and _enforced(asked, policy):
        yield Fault("metric_missing", f"a task of type {task.task_type} reports quality_metrics.{asked}", path)
    coverage, score = metrics.test_coverage, metrics.code_review_score
    if coverage is not None and not coverage >= policy.minimum_test_coverage:
        text = f"test_coverage {_below(coverage, policy.minimum_test_coverage)}"
        yield Fault("metric_below", text, path)
    if metrics.security_scan not in (None, "pass") and policy.security_scan_required:
        yield Fault("metric_below", f"security_scan is `{metrics.security_scan}`; it has to pass", path)
    if score is not None and not score >= policy.minimum_code_review_score and policy.enforce_code_review:
        text = f"code_review_score {_below(score, policy.minimum_code_review_score)}"
        yield Fault("metric_below", text, path)
    if metrics.performance_validation == "fail" and policy.performance_validation:
        yield Fault("metric_below", "performance_validation is `fail`; it has to pass", path)


def _below(value: float, least: float) -> str:
    """In so many digits that it is seen to be below."""
    return f"{value if f'{value:g}' == f'{least:g}' else f'{value:g}'} is below {least:g}"


def _enforced(metric: str, policy: Policy) -> bool:
    return {
        "test_coverage": True,
        "security_scan": policy.security_scan_required,
        "performance_validation": policy.performance_validation,
        "code_review_score": policy.enforce_code_review,
    }[metric]
