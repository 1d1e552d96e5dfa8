"""What people ask of the daemon: cancel, retry, rescue. With a daemon or without one."""

import os
import time
from collections.abc import Callable
from typing import Any

from cagents_fs.client.naming import resolve, resolve_instruction
from cagents_fs.errors import CagentsError, StorageError
from cagents_fs.model.lines import iso
from cagents_fs.model.states import FINAL, State, state_of
from cagents_fs.store import locks, tree
from cagents_fs.store.disk import put
from cagents_fs.store.dump import END, dump

PATIENCE_S = 10.0


def request(
    root: str,
    action: str,
    reference: str,
    act: Callable[[str], None],
    *,
    reason: str | None = None,
    skip: bool = False,
) -> dict[str, Any]:
    """Ask, and wait until it is done. Returns where the task is then.

    `act` does a daemon's turns on the tree; it is called where no daemon holds it.

    Raises NothingThere, UsageError, StorageError, and CagentsError where a daemon does not act within ten seconds.
    """
    if action == "rescue":
        instruction, task_id = resolve_instruction(root, reference), None
    else:
        instruction, task_id = resolve(root, reference)
        _makes_sense(root, instruction, task_id, action)
    path = _write(root, instruction, action, task_id, reason, skip)
    if locks.is_held(root):
        _wait(path, action)
    else:
        act(root)
        if os.path.lexists(path):
            text = f"the request in {path} could not be carried out; `cagents-fs events` says why"
            raise CagentsError(text, code="not_acted")
    result: dict[str, Any] = {"instruction_id": instruction, "action": action}
    if task_id is not None:
        places = tree.locate(os.path.join(root, instruction), task_id)
        result |= {"task_id": task_id, "state": places[0] if places else None}
        result["status"] = state_of(places[0]).name.lower() if places else "missing"
    return result


def _makes_sense(root: str, instruction: str, task_id: str, action: str) -> None:
    """Raises CagentsError for what would change nothing."""
    places = tree.locate(os.path.join(root, instruction), task_id)
    state = state_of(places[0]) if places else None
    ended = state in FINAL
    if (action == "cancel" and ended) or (action == "retry" and state not in (State.FAILED, State.CANCELLED)):
        where = state.name.lower() if state else "nowhere"
        raise CagentsError(f"{task_id} is {where}; there is nothing to {action}", code="no_effect")


def _write(root: str, instruction: str, action: str, task_id: str | None, reason: str | None, skip: bool) -> str:
    folder = os.path.join(root, instruction, "requests")
    fields: dict[str, Any] = {
        "action": action,
        "from": os.environ.get("CAGENTS_AGENT") or os.environ.get("USER") or "person",
    }
    fields["timestamp"] = iso(time.time())
    if task_id is not None:
        fields["task_id"] = task_id
    if reason:
        fields["reason"] = reason
    if skip:
        fields["skip"] = True
    path = os.path.join(folder, f"{time.time_ns()}-{os.getpid()}.yaml")
    try:
        os.makedirs(folder, exist_ok=True)
        put(path, (dump(fields) + END).encode(), durable=True)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}") from error
    return path


def _wait(path: str, action: str) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while os.path.lexists(path):
        if time.monotonic() >= deadline_s:
            text = f"the daemon has not acted within {PATIENCE_S:g} s; the request to {action} waits in {path}"
            raise CagentsError(text, code="not_acted")
        time.sleep(0.02)
