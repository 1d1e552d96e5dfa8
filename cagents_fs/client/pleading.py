"""Asking for help, deciding about it, and writing to each other: escalate, answer, send."""

import os
import time
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from cagents_fs.client.naming import Kind, resolve, resolve_as
from cagents_fs.client.working import Speaker
from cagents_fs.core.history import History
from cagents_fs.errors import CagentsError, StorageError, UsageError
from cagents_fs.model.files import Escalation, Message, Response
from cagents_fs.model.ids import id_fault
from cagents_fs.model.layout import INBOX, JOURNAL
from cagents_fs.model.lines import iso
from cagents_fs.model.parts import Record as FileRecord
from cagents_fs.model.sla import sla_s
from cagents_fs.picture import load
from cagents_fs.rules.answers import key_of
from cagents_fs.rules.pleas import content_of
from cagents_fs.store import locks, tree
from cagents_fs.store.check import check
from cagents_fs.store.descent import real_folder
from cagents_fs.store.disk import Outcome, create, put, sync_folder
from cagents_fs.store.dump import END, dump
from cagents_fs.store.reading import NotRegular, TooLarge, read_bounded
from cagents_fs.store.yaml import Unreadable, parse_mapping

PATIENCE_S = 10.0
MOST_BYTES = 1 << 20


def escalate(
    root: str, who: Speaker, *, severity: str, to: str | None, issue: str, sla: str | None = None
) -> dict[str, Any]:
    """Write an escalation of a task's agent. Returns its id and where it lies. Raises UsageError, StorageError."""
    _is_agent(to)
    if not issue.strip():
        raise UsageError("--issue is blank; say what the matter is, and what you need to know")
    if sla is not None and sla_s(sla) is None:
        raise UsageError(f"--sla {sla!r} names no time; write for instance '30 minutes'")
    fields: dict[str, Any] = {"from_agent": who.agent, "to_agent": to, "task_id": who.task_id, "attempt": who.attempt}
    fields |= {"timestamp": iso(time.time()), "severity": severity, "issue_description": issue, "sla": sla}
    number, done = 0, False
    while not done:  # the next free number
        number += 1
        name = f"esc-{who.task_id[:80]}-{number}"
        path = os.path.join(root, who.instruction, "escalations", f"{name}.yaml")
        done = _write(path, {"escalation_id": name, **fields}, Escalation, replace=False)
    return {"escalation_id": name, "path": path, "instruction_id": who.instruction, "task_id": who.task_id}


def answer(
    root: str,
    reference: str,
    action: str,
    act: Callable[[str], None],
    *,
    decision: str | None = None,
    agent: str | None = None,
) -> dict[str, Any]:
    """Answer an escalation, and wait until that is carried out. Returns what came of it.

    `act` does a daemon's turns on the tree; it is called where no daemon holds it.

    Raises NothingThere, UsageError, StorageError, and CagentsError with code `closed` where it was answered before.
    """
    _is_agent(agent)
    instruction, name = resolve_as(ESCALATION, root, reference)
    path = os.path.join(root, instruction, "escalations", f"{name}.response.yaml")
    _still_open(load(root, instruction).work.history, name, path)
    fields: dict[str, Any] = {"escalation_id": name, "from": _who(), "timestamp": iso(time.time()), "action": action}
    _write(path, {**fields, "decision": decision, "agent": agent}, Response)
    task_id = _carried_out(root, instruction, name, path, act)
    result: dict[str, Any] = {"instruction_id": instruction, "escalation_id": name, "action": action, "path": path}
    if task_id is not None:
        places = tree.locate(os.path.join(root, instruction), task_id)
        result |= {"task_id": task_id, "state": places[0] if places else None}
    return result


def _still_open(history: History, name: str, path: str) -> None:
    """Raises CagentsError for an escalation that was answered, be it by a response on which nobody has acted yet."""
    known, before = history.escalations.get(name), _response(path)
    if known is not None and known.closed is not None:
        raise CagentsError(f"{name} is closed already: {known.closed}; nothing was written", code="closed")
    if before is not None and key_of(name, before) not in history.answered:
        text = f"{name} was answered by {before.from_ or 'somebody'} ({before.action}); the daemon has not acted yet"
        raise CagentsError(text, code="closed")


def _carried_out(root: str, instruction: str, name: str, path: str, act: Callable[[str], None]) -> str | None:
    """Wait until the journal has our answer. Returns the task that it is about.

    Raises CagentsError where the journal has something else, or nothing within ten seconds.
    """
    ours, log = _response(path), os.path.join(root, instruction, JOURNAL)
    if ours is None:  # written a moment ago, by us
        raise StorageError(f"{path} was written and cannot be read back; `cagents-fs events` says whether it counts")
    deadline_s = time.monotonic() + PATIENCE_S
    if not locks.is_held(root):
        act(root)
        deadline_s = time.monotonic()
    while True:
        size = os.path.getsize(log)
        history = load(root, instruction).work.history
        known = history.escalations.get(name)
        if known is not None and known.closed is not None:
            if known.response == content_of(ours):
                return known.task_id
            raise CagentsError(f"{name} was closed meanwhile: {known.closed}", code="closed")
        if key_of(name, ours) in history.answered:
            raise CagentsError(f"{path} was not taken; `cagents-fs inbox {_who()}` says why", code="refused")
        while os.path.getsize(log) == size:
            if time.monotonic() >= deadline_s:
                text = f"nobody has acted on the answer in time; it waits in {path}, `cagents-fs events` says more"
                raise CagentsError(text, code="not_acted")
            time.sleep(0.02)


def send(root: str, agent: str, text: str, task: str | None = None) -> dict[str, Any]:
    """Put a message into an agent's inbox. Returns its id and where it lies. Raises UsageError, StorageError."""
    _is_agent(agent)
    instruction, task_id = resolve(root, task) if task else (None, None)
    message_id = f"msg-{time.time_ns()}-{os.getpid()}"
    fields: dict[str, Any] = {"message_id": message_id, "type": "peer", "to": agent, "from": _who()}
    fields |= {"timestamp": iso(time.time()), "instruction_id": instruction, "task_id": task_id, "text": text}
    path = os.path.join(root, INBOX, agent, f"{message_id}.yaml")
    _write(path, fields, Message)
    return {"message_id": message_id, "path": path, "to": agent}


def _write(path: str, fields: dict[str, Any], kind: type[FileRecord], *, replace: bool = True) -> bool:
    """Write a file of a kind, as a whole. Without `replace`, returns False where there is one of that name."""
    fields = {key: value for key, value in fields.items() if value is not None}
    try:
        kind.model_validate(fields)
        data = (dump(fields) + END).encode()
        real_folder(os.path.dirname(path))
        if not replace:
            is_ours = create(path, data, durable=True) is Outcome.MOVED
            sync_folder(os.path.dirname(path))
            return is_ours
        put(path, data, durable=True)
    except ValidationError as error:
        said = "; ".join(f"{'.'.join(map(str, found['loc']))}: {found['msg']}" for found in error.errors())
        raise UsageError(f"this cannot be written: {said}") from None
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}") from error
    return True


def _is_agent(name: str | None) -> None:
    if name is not None and (fault := id_fault(name)):
        raise UsageError(f"{name!r} is no agent: {fault}")


# -- which escalation is meant -----------------------------------------------------------------------------------------


def _is_open(root: str, instruction: str, name: str) -> bool | None:
    """Whether this escalation still waits for an answer; None where there is none of that name."""
    path = os.path.join(root, instruction, "escalations", f"{name}.yaml")
    known = load(root, instruction).work.history.escalations.get(name)
    if known is None:
        return True if os.path.lexists(path) else None
    return known.closed is None


ESCALATION = Kind("escalation", _is_open, lambda *_: " they lie in escalations/")


def _response(path: str) -> Response | None:
    """The response that lies there, if it is one."""
    try:
        return check(parse_mapping(read_bounded(path, MOST_BYTES).data), Response, path).value
    except (OSError, NotRegular, TooLarge, Unreadable):
        return None


def _who() -> str:
    return os.environ.get("CAGENTS_AGENT") or os.environ.get("USER") or "person"
