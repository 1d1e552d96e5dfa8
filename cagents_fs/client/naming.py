"""Which task, or what else of an instruction, is meant? `id` or `instruction/id` (PROTOCOL section 8)."""

import difflib
import os
from collections.abc import Callable
from dataclasses import dataclass

from cagents_fs.errors import NothingThere, UsageError
from cagents_fs.model.ids import id_fault
from cagents_fs.model.layout import TAKEN_IN
from cagents_fs.model.states import FINAL, state_of
from cagents_fs.store import definitions, tree


@dataclass(frozen=True, slots=True)
class Kind:
    """What a reference may name."""

    noun: str
    is_alive: Callable[[str, str, str], bool | None]  # (root, instruction, id); None where there is none of that name
    where_else: Callable[[str, str, str], str]  # of the same: what to do where there is none; instruction "": any


def resolve(root: str, reference: str) -> tuple[str, str]:
    """(instruction, task) of a reference. Raises UsageError where it could be several, NothingThere where it is none.

    A bare id means `$CAGENTS_INSTRUCTION`, else the only instruction in which it is not final, else the only one that
    has it.
    """
    return resolve_as(TASK, root, reference)


def resolve_as(kind: Kind, root: str, reference: str) -> tuple[str, str]:
    """As `resolve`, for anything that lies in an instruction and may be over."""
    instruction, slash, name = reference.rpartition("/")
    for part in (instruction, name) if slash else (name,):
        if fault := id_fault(part):
            raise UsageError(f"{reference!r} is no {kind.noun}: {fault}")
    if not slash:
        instruction = os.environ.get("CAGENTS_INSTRUCTION", "")
    if instruction and not os.path.isdir(os.path.join(root, instruction)):
        raise _no_instruction(instruction, tree.instructions(root))
    places = [instruction] if instruction else _instructions(root)
    found = {place: alive for place in places if (alive := kind.is_alive(root, place, name)) is not None}
    if not found:
        article = "an" if kind.noun[0] in "aeiou" else "a"
        has_none = f"{instruction} has no" if instruction else f"no instruction has {article}"
        raise NothingThere(f"{has_none} {kind.noun} {name};{kind.where_else(root, instruction, name)}")
    candidates = [place for place, alive in found.items() if alive] or list(found)
    if len(candidates) > 1:
        named = ", ".join(f"{place}/{name}" for place in sorted(candidates))
        raise UsageError(f"{name} could be any of {named}; say which", code="ambiguous")
    return candidates[0], name


def _is_alive(root: str, instruction: str, task_id: str) -> bool | None:
    """Whether a task is not final. One that is known but nowhere is not alive; None for one that is not known."""
    places = _places(root, instruction, task_id)
    return None if places is None else any(state_of(place) not in FINAL for place in places)


def _where_else(root: str, instruction: str, task_id: str) -> str:
    """The nearest name, and how to see all of them."""
    places = [instruction] if instruction else tree.instructions(root)
    hint = _hint(task_id, [known for place in places for known in _known(root, place)])
    listed = f"`cagents-fs tasks {instruction}` lists them" if instruction else "`cagents-fs tasks` lists all of them"
    return f"{hint} {listed}"


TASK = Kind("task", _is_alive, _where_else)


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


def _instructions(root: str) -> list[str]:
    return [name for name in tree.instructions(root) if tree.has_anything(root, name)]


def _no_instruction(name: str, known: list[str]) -> NothingThere:
    return NothingThere(f"there is no instruction {name};{_hint(name, known)} `cagents-fs status` lists them")


def resolve_instruction(root: str, name: str | None) -> str:
    """An instruction by name, or the only one there is. Raises NothingThere, UsageError."""
    names = _instructions(root)
    if name is not None:
        if id_fault(name) or name not in names:
            raise _no_instruction(name, names)
        return name
    if len(names) != 1:
        text = f"there are {len(names)} instructions" if names else "there is no instruction yet; submit a plan"
        raise (UsageError if names else NothingThere)(f"{text}" + (f": {', '.join(names)}; say which" if names else ""))
    return names[0]
