"""The checks of a task: what exactly is run, where, with which surroundings, and what came out."""

import contextlib
import json
import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cagents_fs.core.index import Record, Work
from cagents_fs.model.faults import Fault
from cagents_fs.model.observations import ChecksDone
from cagents_fs.model.parts import Criterion
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import State
from cagents_fs.model.text import safe_text
from cagents_fs.plans import workspace_of
from cagents_fs.rules.verification import proven_criteria
from cagents_fs.runner.checks import CheckResult, CheckRun, check_environment, run_check
from cagents_fs.runner.prompts import Surroundings, variables
from cagents_fs.store.beneath import Roots
from cagents_fs.store.descent import real_folder
from cagents_fs.store.disk import put


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """The checks of one task, or of the whole (then `task_id` is empty)."""

    instruction: str
    task_id: str
    attempt: int
    key: str  # what they are about: a manifest with its evidence
    before: bool  # the single run before the first release, in which they must fail
    criteria: tuple[Criterion, ...]
    workspace: str
    env: dict[str, str]
    log_folder: str | None
    default_timeout_s: float


def check_mark(root: str) -> str:
    """What every check of a daemon on this tree carries in its environment: so that a killed one's can be found."""
    facts = os.stat(root)
    return f"{facts.st_dev}-{facts.st_ino}"


def check_job(
    root: str,
    work: Work,
    record: Record | None,
    roots: Roots | None,
    policy: Policy,
    *,
    key: str,
    attempt: int,
    given: Sequence[Mapping[str, str | None]] = (),  # the inputs of the task
    before: bool = False,
    log: bool = True,
) -> Job:
    """What has to be run for a task, or, without a record, for the whole. Raises OSError where the tree is gone."""
    workspace = workspace_of(root, work.instruction.workspace)
    env = {"CAGENTS_ROOT": root, "CAGENTS_INSTRUCTION": work.id, "CAGENTS_WORKSPACE": workspace}
    task_id, log_folder = "", None
    if record is not None and roots is not None:
        task_id = record.task.task_id
        around = _around(root, work, record, roots, attempt, given)
        env = variables(task_id, around)
        log_folder = os.path.join(roots.output_dir, "verification") if log else None
        if log:
            with contextlib.suppress(OSError):  # whoever reads it says so
                list_inputs(around)
    # Without a log it is not the daemon's: then nobody may take it for one that a killed daemon left behind.
    env["CAGENTS_CHECK"] = f"{check_mark(root) if log else 'afresh'}/{work.id}/{task_id}"
    return Job(
        instruction=work.id,
        task_id=task_id,
        attempt=attempt,
        key=key,
        before=before,
        criteria=proven_criteria(record, policy) if record else work.instruction.acceptance_criteria,
        workspace=workspace,
        env=check_environment(os.environ, env),
        log_folder=log_folder,
        default_timeout_s=policy.check_timeout_s,
    )


def list_inputs(around: Surroundings) -> None:
    """Write the file that lists the inputs of a task into its output directory. Raises OSError."""
    real_folder(around.output)
    put(around.inputs_file, json.dumps(list(around.inputs), indent=2).encode() + b"\n", durable=False)


def _around(
    root: str, work: Work, record: Record, roots: Roots, attempt: int, given: Sequence[Mapping[str, str | None]]
) -> Surroundings:
    place = record.place or State.UNDER_REVIEW.value
    return Surroundings(
        root=root,
        instruction=work.id,
        task_file=os.path.join(root, work.id, place, f"{record.task.task_id}.yaml"),
        agent=record.ledger.holder or "",
        attempt=attempt,
        output=roots.output_dir,
        workspace=roots.workspace,
        inputs=given,
    )


def carry_out(job: Job, cancelled: threading.Event | None = None) -> ChecksDone:
    """Run the checks of a job here and now, one after another."""
    faults: list[Fault] = []
    vacuous: list[str] = []
    for number, criterion in enumerate(_wanted(job), start=1):
        if cancelled is not None and cancelled.is_set():
            break
        assert criterion.check is not None
        run = CheckRun(
            command=criterion.check,
            workspace=job.workspace,
            env=job.env,
            timeout_s=criterion.timeout or job.default_timeout_s,
            log_path=_log(job.log_folder, f"before-{number}.log" if job.before else f"check-{number}.log"),
        )
        result = run_check(run, cancelled)
        if not job.before and not result.passed:
            faults.append(_fault(criterion, result, run))
        elif job.before and result.passed:
            vacuous.append(criterion.criterion)
    return ChecksDone(
        task_id=job.task_id,
        attempt=job.attempt,
        key=job.key,
        faults=tuple(faults),
        before=job.before,
        vacuous=tuple(vacuous),
    )


def _wanted(job: Job) -> Iterable[Criterion]:
    return [c for c in job.criteria if c.check and (c.must_fail_before or not job.before)]


def _log(folder: str | None, name: str) -> str | None:
    if folder is None:
        return None
    try:
        real_folder(folder)
    except OSError:
        return None  # also where somebody put a link there: a check can do without its log
    return os.path.join(folder, name)


def _fault(criterion: Criterion, result: CheckResult, run: CheckRun) -> Fault:
    tail = safe_text(result.tail.strip()[-500:])
    if result.timed_out:
        text = f"the check of '{criterion.criterion}' took longer than {run.timeout_s:g} s and was ended"
        return Fault("check_timeout", text, run.log_path)
    how = f"ended with {result.exit_code}" if result.exit_code is not None else "could not be run"
    text = f"the check of '{criterion.criterion}' {how}: {criterion.check}" + (f"; it said: {tail}" if tail else "")
    return Fault("check_failed", text, run.log_path)
