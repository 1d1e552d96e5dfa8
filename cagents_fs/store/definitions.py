"""The definitions that count: what was taken in, once, as it was then (PROTOCOL section 3).

`workflow/taken_in.jsonl` holds the plan as JSON, a line for the whole and one for each task: reading it again after a
restart costs a fraction of reading the plan. A task that was added later has a file of its own in `workflow/tasks/`.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cagents_fs.model.files import Instruction, Task
from cagents_fs.model.layout import ADDED, TAKEN_IN
from cagents_fs.store.disk import put_unlinked

# What the daemon itself writes into a task file is no part of its definition.
NOT_PART = frozenset({"status", "attempt", "blocked_by", "instruction_id"})


@dataclass(frozen=True, slots=True)
class TakenIn:
    """The plan of an instruction as taken in."""

    instruction: Instruction
    plan_sha256: str
    tasks: tuple[Task, ...]


def as_written(value: Any) -> Any:
    """Plain data for JSON and YAML: a number that would not be written the same way again becomes its text."""
    if isinstance(value, Mapping):
        return {str(key): as_written(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_written(item) for item in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        plain = int(value) if isinstance(value, int) else float(value)
        text = getattr(value, "text", None)
        return plain if text is None or text == repr(plain) else text
    return value


def digest(definition: Mapping[str, Any]) -> str:
    """SHA-256 over a definition, without what the daemon itself changes in the file."""
    kept = {key: value for key, value in definition.items() if key not in NOT_PART}
    return hashlib.sha256(json.dumps(kept, sort_keys=True, default=str).encode()).hexdigest()


def write(folder: str, whole: Mapping[str, Any], plan_sha256: str, tasks: Iterable[Mapping[str, Any]]) -> None:
    """Write the definitions of a plan durably. `folder` is the instruction's. Raises OSError."""
    lines = [json.dumps({"plan_sha256": plan_sha256, "instruction": whole}), *(json.dumps(task) for task in tasks)]
    put_unlinked(os.path.join(folder, TAKEN_IN), "\n".join(lines).encode() + b"\n", durable=True)


def read(folder: str) -> TakenIn | None:
    """The plan as taken in; None where none was. Raises ValueError where the file was damaged."""
    try:
        with open(os.path.join(folder, TAKEN_IN), "rb") as file:
            lines = file.read().splitlines()
    except FileNotFoundError:
        return None
    if not lines:
        raise ValueError("it is empty")
    try:
        head = json.loads(lines[0])
        tasks = tuple(Task.model_validate(json.loads(line)) for line in lines[1:])
        return TakenIn(Instruction.model_validate(head["instruction"]), head["plan_sha256"], tasks)
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"it is not what was written: {error!r}") from error


def raw(folder: str) -> Iterator[dict[str, Any]]:
    """The tasks of the plan as plain data, in order; none where there was no plan."""
    try:
        with open(os.path.join(folder, TAKEN_IN), "rb") as file:
            lines = file.read().splitlines()[1:]
    except FileNotFoundError:
        return
    for line in lines:
        yield json.loads(line)


def added_path(folder: str, task_id: str) -> str:
    """Where the definition of a task that was added later stands."""
    return os.path.join(folder, ADDED, f"{task_id}.yaml")
