"""What an agent says of its work: heartbeat, complete, fail."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cagents_fs import handing_in
from cagents_fs.client.naming import resolve
from cagents_fs.core.index import Record
from cagents_fs.errors import CagentsError, StorageError, UsageError
from cagents_fs.model.durations import seconds_of
from cagents_fs.model.faults import Fault
from cagents_fs.model.ids import id_fault
from cagents_fs.model.layout import JOURNAL
from cagents_fs.model.lines import iso
from cagents_fs.model.states import FINAL, State
from cagents_fs.picture import load
from cagents_fs.plans import workspace_of
from cagents_fs.rules.verification import same_text
from cagents_fs.store import journal
from cagents_fs.store.beneath import Roots
from cagents_fs.store.descent import real_folder
from cagents_fs.store.disk import put
from cagents_fs.store.dump import END, dump
from cagents_fs.store.locks import is_held

MOVED_WITHIN_S = 2.0  # the daemon moves an accepted task in the same turn


@dataclass(frozen=True, slots=True)
class Speaker:
    """On whose behalf something is written: the task, its agent and the attempt that is being worked on."""

    instruction: str
    task_id: str
    agent: str
    attempt: int | None


def speaker(root: str, reference: str, agent: str | None, attempt: int | None) -> Speaker:
    """Who speaks: `--agent`, else `$CAGENTS_AGENT`, else the task's holder; the attempt never comes from the tree.

    Raises UsageError, NothingThere.
    """
    instruction, task_id = resolve(root, reference)
    agent = agent or os.environ.get("CAGENTS_AGENT")
    if attempt is None and (text := os.environ.get("CAGENTS_ATTEMPT")):
        if not text.isdigit():
            raise UsageError(f"CAGENTS_ATTEMPT is {text!r}; it should be a whole number")
        attempt = int(text)
    if agent is None:
        record = load(root, instruction).work.records.get(task_id)
        agent = (record.ledger.holder or record.assigned) if record else None
    if agent is None or id_fault(agent):
        raise UsageError("nobody knows on whose behalf; name the agent with --agent")
    return Speaker(instruction, task_id, agent, attempt)


def heartbeat(
    root: str,
    who: Speaker,
    *,
    status: str = "in_progress",
    progress: float | None = None,
    activity: str | None = None,
    silent_for: str | None = None,
) -> str:
    """Write a heartbeat. Returns its path. Raises UsageError, StorageError."""
    now = time.time()
    beat: dict[str, Any] = {"agent_name": who.agent, "task_id": who.task_id, "timestamp": iso(now), "status": status}
    if progress is not None:
        beat["progress_percentage"] = progress
    if activity is not None:
        beat["current_activity"] = activity
    if who.attempt is not None:
        beat["attempt"] = who.attempt
    if silent_for is not None:
        try:
            beat["next_heartbeat_by"] = iso(now + seconds_of(silent_for))
        except ValueError as error:
            raise UsageError(f"--silent-for: {error}") from None
    path = os.path.join(root, who.instruction, "heartbeats", f"{who.agent}_{who.task_id}.yaml")
    try:
        real_folder(os.path.dirname(path))
        put(path, (dump(beat) + END).encode(), durable=False)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}") from error
    return path


def output_roots(root: str, instruction: str, task_id: str) -> Roots:
    """Where the artifacts of a task may lie."""
    work = load(root, instruction).work
    outputs = os.path.join(root, instruction, "outputs")
    return Roots(outputs, os.path.join(outputs, "partial", task_id), workspace_of(root, work.instruction.workspace))


def complete(
    root: str, who: Speaker, files: Sequence[str], met: Sequence[str], metrics: Sequence[str]
) -> tuple[str, str]:
    """Write the manifest of completed work. Returns its path and its SHA-256. Raises UsageError, StorageError."""
    work = load(root, who.instruction).work
    record = work.records.get(who.task_id)
    _still_open(record)
    roots = output_roots(root, who.instruction, who.task_id)
    fields: dict[str, Any] = {"task_id": who.task_id, "subagent": who.agent}
    if who.attempt is not None:
        fields["attempt"] = who.attempt
    fields |= {"status": "completed", "completion_timestamp": iso(time.time())}
    try:
        fields["artifacts"] = [handing_in.artifact(path, roots) for path in files]
        fields["acceptance_criteria_met"] = [_met(text, record) for text in met]
        fields["quality_metrics"] = dict(_metric(text) for text in metrics)
        return _written(roots, fields)
    except OSError as error:
        raise StorageError(f"cannot hand in {error.filename}: {error.strerror}") from error


def fail(root: str, who: Speaker, reason: str, error_type: str | None) -> tuple[str, str]:
    """Write the manifest of failed work. Returns its path and its SHA-256. Raises StorageError."""
    _still_open(load(root, who.instruction).work.records.get(who.task_id))
    fields: dict[str, Any] = {"task_id": who.task_id, "subagent": who.agent}
    if who.attempt is not None:
        fields["attempt"] = who.attempt
    fields |= {"status": "failed", "completion_timestamp": iso(time.time()), "artifacts": []}
    if error_type:
        fields["error_type"] = error_type
    try:
        return _written(output_roots(root, who.instruction, who.task_id), {**fields, "subagent_notes": reason})
    except OSError as error:
        raise StorageError(f"cannot hand in {error.filename}: {error.strerror}") from error


def _still_open(record: Record | None) -> None:
    """Raises CagentsError for a task that has ended: a manifest would take the place of the one that was judged."""
    if record is not None and record.state in FINAL:
        text = f"{record.task.task_id} is {record.state.name.lower()} already; nothing was written"
        raise CagentsError(text, code="finished")


def _written(roots: Roots, fields: dict[str, Any]) -> tuple[str, str]:
    import hashlib

    text = handing_in.text_of(fields)
    return handing_in.write(roots.output_dir, text), hashlib.sha256(text).hexdigest()


def _met(text: str, record: Record | None) -> dict[str, Any]:
    """`criterion=evidence`; a criterion may itself hold `=`, so the task's own are tried first."""
    for criterion in record.task.acceptance_criteria if record else ():
        for place in [n for n, letter in enumerate(text) if letter == "="]:
            if same_text(text[:place]) == same_text(criterion.criterion):
                return {"criterion": criterion.criterion, "met": True, "evidence": text[place + 1 :].strip()}
    name, equals, evidence = text.partition("=")
    if not equals:
        raise UsageError(f"--met {text!r}: write it as criterion=evidence")
    return {"criterion": name.strip(), "met": True, "evidence": evidence.strip()}


def _metric(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise UsageError(f"--metric {text!r}: write it as name=value")
    try:
        number = float(value)
    except ValueError:
        return name.strip(), value.strip()
    return name.strip(), int(number) if number.is_integer() and "." not in value else number


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the daemon said of a manifest; `accepted` is None where it has said nothing in time."""

    accepted: bool | None
    reason: str
    faults: tuple[Fault, ...] = ()


def _no_verdict(root: str, who: Speaker, patience_s: float) -> str:
    """Why nothing was said yet, as far as the tree tells."""
    if not is_held(root):
        return f"no verdict within {patience_s:g} s: no daemon runs; start one with `cagents-fs watch`"
    record = load(root, who.instruction).work.records.get(who.task_id)
    where = f"it is in {record.place} and held by {record.holder}" if record else "nobody knows it"
    how = f"`cagents-fs explain {who.instruction}/{who.task_id}` tells why"
    return f"no verdict on {who.task_id} within {patience_s:g} s: {where}; {how}"


def _until_it_lies_there(root: str, who: Speaker) -> None:
    """An acceptance is durable before the task's file is moved; whoever asked finds the file where he looks for it."""
    path = os.path.join(root, who.instruction, State.COMPLETED.value, f"{who.task_id}.yaml")
    deadline_s = time.monotonic() + MOVED_WITHIN_S
    while not os.path.lexists(path) and time.monotonic() < deadline_s:
        time.sleep(0.005)


def wait_for_verdict(root: str, who: Speaker, sha256: str, patience_s: float) -> Verdict:
    """Wait until the journal has a verdict about a manifest. `patience_s`: seconds, at most."""
    path = os.path.join(root, who.instruction, JOURNAL)
    offset, deadline_s = 0, time.monotonic() + patience_s
    while True:
        lines, offset = journal.follow(path, offset)
        for line in lines:
            if line.get("manifest_sha256") == sha256 and line.get("event") in ("accepted", "rejected", "answered"):
                faults = tuple(
                    Fault(str(f.get("code")), str(f.get("message")), f.get("path"), f.get("line"), f.get("column"))
                    for f in line.get("faults", ())
                )
                if line["event"] == "accepted":
                    _until_it_lies_there(root, who)
                return Verdict(line["event"] == "accepted", str(line["reason"]), faults)
        if time.monotonic() >= deadline_s:
            return Verdict(None, _no_verdict(root, who, patience_s))
        time.sleep(0.05)
