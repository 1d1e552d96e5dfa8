"""Judging afresh: `verify` for one task, `audit` for everything completed. Both change nothing."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cagents_fs.client.naming import resolve
from cagents_fs.config import load as load_configuration
from cagents_fs.core.index import Record, Work
from cagents_fs.core.inputs import inputs
from cagents_fs.evidence import gather
from cagents_fs.jobs import Job, carry_out, check_job
from cagents_fs.model.faults import Fault
from cagents_fs.model.layout import JOURNAL, MANIFEST
from cagents_fs.model.observations import ManifestSeen
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import State
from cagents_fs.picture import load, load_index, record_named
from cagents_fs.plans import workspace_of
from cagents_fs.rules.verification import content_faults, identity_faults, proven_criteria
from cagents_fs.store import journal, tree
from cagents_fs.store.beneath import Roots
from cagents_fs.store.evidence import Budget
from cagents_fs.store.reading import NotRegular, TooLarge, read_bounded


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a task's manifest comes to now."""

    instruction_id: str
    task_id: str
    faults: tuple[Fault, ...]

    @property
    def accepted(self) -> bool:
        """Whether it holds."""
        return not self.faults

    def to_json(self) -> dict[str, Any]:
        """As `--json` shows it."""
        return {
            "instruction_id": self.instruction_id,
            "task_id": self.task_id,
            "accepted": self.accepted,
            "faults": [fault.to_json() for fault in self.faults],
        }


def verify(root: str, reference: str) -> Judgement:
    """Judge the manifest that lies in a task's output directory. Raises NothingThere, UsageError."""
    instruction, task_id = resolve(root, reference)
    work = load(root, instruction).work
    record = record_named(work, task_id)
    policy = load_configuration(root).policy
    roots = roots_of(root, work, task_id)
    path = os.path.join(roots.output_dir, MANIFEST)
    relative = os.path.relpath(path, os.path.join(root, instruction))
    try:
        data = read_bounded(path, policy.max_file_bytes).data
    except (FileNotFoundError, NotADirectoryError):
        text = f"there is no manifest yet; `cagents-fs complete {task_id} FILE…` writes one"
        return Judgement(instruction, task_id, (Fault("no_manifest", text, relative),))
    except (NotRegular, TooLarge) as error:
        return Judgement(instruction, task_id, (Fault("unparsable", str(error), relative),))
    return Judgement(instruction, task_id, tuple(_judge(root, work, record, policy, roots, relative, data)))


def _judge(
    root: str,
    work: Work,
    record: Record,
    policy: Policy,
    roots: Roots,
    relative: str,
    data: bytes,
    *,
    checks: bool = True,
) -> Iterator[Fault]:
    budget = Budget.of(policy.max_artifact_bytes, policy.hash_timeout_s)
    seen = gather(record.task.task_id, relative, data, roots, time.time(), budget)
    yield from seen.faults
    if seen.manifest is None:
        return
    yield from identity_faults(record, seen)
    yield from content_faults(work, record, seen, policy)
    if seen.manifest.status != "completed":
        yield Fault("schema", f"status is `{seen.manifest.status}`; only completed work holds", relative)
    if checks and proven_criteria(record, policy):
        yield from carry_out(_job(root, work, record, policy, roots, seen)).faults


def _job(root: str, work: Work, record: Record, policy: Policy, roots: Roots, seen: ManifestSeen) -> Job:
    """The same checks as the daemon's, without a log: judging afresh changes nothing in the tree."""
    givers = {d.task_id.partition(":")[0] for d in record.task.dependencies.data_dependencies if ":" in d.task_id}
    works = load_index(root, [name for name in givers if tree.has_anything(root, name)]).works
    given, attempt = inputs(works, work, record), record.ledger.attempt
    return check_job(root, work, record, roots, policy, key=seen.key, attempt=attempt, given=given, log=False)


def roots_of(root: str, work: Work, task_id: str) -> Roots:
    """Where the artifacts of a task may lie."""
    outputs = os.path.join(root, work.id, "outputs")
    partial, plain = os.path.join(outputs, "partial", task_id), os.path.join(outputs, task_id)
    own = plain if os.path.isdir(plain) and not os.path.isdir(partial) else partial
    return Roots(outputs, own, workspace_of(root, work.instruction.workspace))


def audit(root: str, only: str | None, *, checks: bool) -> list[Judgement]:
    """Verify everything completed once more, by the manifests that were accepted (the journal keeps them)."""
    policy = load_configuration(root).policy
    judgements = []
    for work in load_index(root, [only] if only else None).works.values():
        accepted = _accepted(root, work.id)
        for task_id in work.in_state[State.COMPLETED]:
            record = work.records[task_id]
            roots = roots_of(root, work, task_id)
            line = accepted.get(task_id)
            if line is None or record.ledger.accepted is None:
                fault = Fault("no_manifest", "it lies in tasks/completed, and no manifest of it was ever accepted")
                judgements.append(Judgement(work.id, task_id, (fault,)))
                continue
            data = str(line["manifest"]).encode(errors="backslashreplace")
            found = _judge(root, work, record, policy, roots, str(line["path"]), data, checks=checks)
            judgements.append(Judgement(work.id, task_id, tuple(found)))
    return judgements


def _accepted(root: str, instruction: str) -> dict[str, dict[str, Any]]:
    lines = journal.read(os.path.join(root, instruction, JOURNAL)).records
    return {line["task_id"]: line for line in lines if line["event"] == "accepted"}
