"""What people ask of the daemon: cancel, retry, rescue, pause, resume, reassign, depend. With a daemon or without."""

import os
import time
from collections.abc import Callable
from typing import Any

from cagents_fs.client.naming import resolve, resolve_instruction
from cagents_fs.errors import CagentsError, NothingThere, StorageError, UsageError
from cagents_fs.model.files import Request
from cagents_fs.model.ids import id_fault
from cagents_fs.model.layout import JOURNAL
from cagents_fs.model.lines import iso
from cagents_fs.model.states import FINAL, State, state_of
from cagents_fs.rules.requests import key_of
from cagents_fs.store import journal, locks, tree
from cagents_fs.store.descent import real_folder
from cagents_fs.store.disk import put
from cagents_fs.store.dump import END, dump

PATIENCE_S = 10.0
LONGEST_LINE = 1 << 22  # bytes; a line carries a manifest at most


def request(
    root: str, action: str, instruction: str, task_id: str | None, act: Callable[[str], None], **fields: Any
) -> dict[str, Any]:
    """Ask, and wait until it is done. Returns where the task is then. `fields`: reason, skip, agent, on.

    `act` does a daemon's turns on the tree; it is called where no daemon holds it.

    Raises UsageError, StorageError, and CagentsError: `no_effect` where it would change nothing, `refused` where the
    daemon says why not, `not_acted` where a daemon does not act within ten seconds.
    """
    if task_id is not None:
        _makes_sense(root, instruction, task_id, action)
    said_until = _end_of(os.path.join(root, instruction, JOURNAL))
    path, asked = _write(root, instruction, action, task_id, fields)
    if locks.is_held(root):
        _wait(path, action)
    else:
        act(root)
        if os.path.lexists(path):
            text = f"the request in {path} could not be carried out; `cagents-fs events` says why"
            raise CagentsError(text, code="not_acted")
    _not_refused(root, instruction, asked, said_until)
    result: dict[str, Any] = {"instruction_id": instruction, "action": action}
    if task_id is not None:
        places = tree.locate(os.path.join(root, instruction), task_id)
        result |= {"task_id": task_id, "state": places[0] if places else None}
        result["status"] = state_of(places[0]).name.lower() if places else "missing"
    return result


def meant(root: str, name: str | None) -> tuple[str, str | None]:
    """(instruction, task or None) of a name that may be either: an instruction if there is one of that name.

    None: the only instruction. Raises NothingThere, UsageError.
    """
    if name is None or "/" in name:
        return resolve(root, name) if name else (resolve_instruction(root, None), None)
    if fault := id_fault(name):
        raise UsageError(f"{name!r} is neither an instruction nor a task: {fault}")
    if any(known == name and tree.has_anything(root, known) for known in tree.instructions(root)):
        return name, None
    try:
        return resolve(root, name)
    except NothingThere as error:
        raise NothingThere(f"no instruction is called {name}, and {error.message}") from None


def awaited_as(instruction: str, reference: str) -> str:
    """The task that is to be waited for, as a dependency names it: `id`, or `inst:id`; `inst/id` is understood too.

    Raises UsageError.
    """
    where, slash, task_id = reference.replace(":", "/", 1).rpartition("/")
    for part in (where, task_id) if slash else (task_id,):
        if fault := id_fault(part):
            raise UsageError(f"{reference!r} is no task: {fault}")
    return task_id if where in ("", instruction) else f"{where}:{task_id}"


def _makes_sense(root: str, instruction: str, task_id: str, action: str) -> None:
    """Raises CagentsError for what would change nothing."""
    places = tree.locate(os.path.join(root, instruction), task_id)
    state = state_of(places[0]) if places else None
    ended = state in FINAL
    if (action in ("cancel", "reassign") and ended) or (
        action == "retry" and state not in (State.FAILED, State.CANCELLED)
    ):
        where = state.name.lower() if state else "nowhere"
        raise CagentsError(f"{task_id} is {where}; there is nothing to {action}", code="no_effect")


def _write(root: str, instruction: str, action: str, task_id: str | None, more: dict[str, Any]) -> tuple[str, Request]:
    folder = os.path.join(root, instruction, "requests")
    who = os.environ.get("CAGENTS_AGENT") or os.environ.get("USER") or "person"
    fields: dict[str, Any] = {"action": action, "from": who, "timestamp": iso(time.time()), "task_id": task_id}
    fields = {key: value for key, value in (fields | more).items() if value}
    path = os.path.join(folder, f"{time.time_ns()}-{os.getpid()}.yaml")
    try:
        asked = Request.model_validate(fields)
    except ValueError as error:
        raise UsageError(f"this cannot be asked: {error}") from None
    try:
        real_folder(folder, new=1)
        put(path, (dump(fields) + END).encode(), durable=True)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}") from error
    return path, asked


def _wait(path: str, action: str) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while os.path.lexists(path):
        if time.monotonic() >= deadline_s:
            what = action.replace("_", " ")
            text = f"the daemon has not acted within {PATIENCE_S:g} s; the request to {what} waits in {path}"
            raise CagentsError(text, code="not_acted")
        time.sleep(0.02)


def _end_of(path: str) -> int:
    """Where the last whole line of a journal ends: what is torn after it may yet be cut off."""
    try:
        with open(path, "rb") as file:
            start = max(0, file.seek(0, os.SEEK_END) - LONGEST_LINE)
            file.seek(start)
            return start + file.read().rfind(b"\n") + 1
    except OSError:
        return 0


def _not_refused(root: str, instruction: str, asked: Request, said_until: int) -> None:
    """Raises CagentsError with what the journal answers to this very request."""
    lines, _ = journal.follow(os.path.join(root, instruction, JOURNAL), said_until)
    for line in lines:
        if line["event"] == "answered" and line.get("key") == key_of(asked):
            raise CagentsError(str(line.get("reason")), code="refused")
