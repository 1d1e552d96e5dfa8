"""Which task is meant? `id` or `instruction/id` (PROTOCOL section 8)."""

import difflib
import os

from cagents_fs.errors import NothingThere, UsageError
from cagents_fs.model.ids import id_fault
from cagents_fs.model.layout import TAKEN_IN
from cagents_fs.model.states import FINAL, state_of
from cagents_fs.store import definitions, tree


def resolve(root: str, reference: str) -> tuple[str, str]:
    """(instruction, task) of a reference. Raises UsageError where it could be several, NothingThere where it is none.

    A bare id means `$CAGENTS_INSTRUCTION`, else the only instruction in which it is not final, else the only one that
    has it.
    """
    instruction, slash, task_id = reference.rpartition("/")
    for part in (instruction, task_id) if slash else (task_id,):
        if fault := id_fault(part):
            raise UsageError(f"{reference!r} is no task: {fault}")
    if not slash:
        instruction = os.environ.get("CAGENTS_INSTRUCTION", "")
    if instruction:
        if not os.path.isdir(os.path.join(root, instruction)):
            hint = _hint(instruction, tree.instructions(root))
            raise NothingThere(f"there is no instruction {instruction};{hint} `cagents-fs status` lists them")
        if _places(root, instruction, task_id) is None:
            hint = _hint(task_id, _known(root, instruction))
            raise NothingThere(
                f"{instruction} has no task {task_id};{hint} `cagents-fs tasks {instruction}` lists them"
            )
        return instruction, task_id
    return _only_one(root, task_id), task_id


def _only_one(root: str, task_id: str) -> str:
    found = {name: places for name in tree.instructions(root) if (places := _places(root, name, task_id)) is not None}
    if not found:
        hint = _hint(task_id, [known for name in tree.instructions(root) for known in _known(root, name)])
        raise NothingThere(f"no instruction has a task {task_id};{hint} `cagents-fs tasks` lists all of them")
    alive = [name for name, places in found.items() if any(state_of(place) not in FINAL for place in places)]
    candidates = alive or list(found)
    if len(candidates) > 1:
        named = ", ".join(f"{name}/{task_id}" for name in sorted(candidates))
        raise UsageError(f"{task_id} could be any of {named}; say which", code="ambiguous")
    return candidates[0]


def _places(root: str, instruction: str, task_id: str) -> list[str] | None:
    """Where its file lies; an empty list for a task that is known but nowhere; None for one that is not known."""
    folder = os.path.join(root, instruction)
    places = tree.locate(folder, task_id)
    if places:
        return places
    if os.path.lexists(definitions.added_path(folder, task_id)):
        return []
    try:
        with open(os.path.join(folder, TAKEN_IN), encoding="utf-8", errors="backslashreplace") as file:
            return [] if f'"task_id": "{task_id}"' in file.read() else None
    except FileNotFoundError:
        return None


def _known(root: str, instruction: str) -> list[str]:
    return [name for listing in tree.Scanner().changed(os.path.join(root, instruction)) for name in listing.tasks]


def _hint(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f" did you mean {near[0]}?" if near else ""


def resolve_instruction(root: str, name: str | None) -> str:
    """An instruction by name, or the only one there is. Raises NothingThere, UsageError."""
    names = [known for known in tree.instructions(root) if tree.has_anything(root, known)]
    if name is not None:
        if id_fault(name) or name not in names:
            hint = _hint(name, names)
            raise NothingThere(f"there is no instruction {name};{hint} `cagents-fs status` lists them")
        return name
    if len(names) != 1:
        text = f"there are {len(names)} instructions" if names else "there is no instruction yet; submit a plan"
        raise (UsageError if names else NothingThere)(f"{text}" + (f": {', '.join(names)}; say which" if names else ""))
    return names[0]
