"""What lies where: listings of the state directories, re-read only where something changed."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from cagents_fs.model.ids import id_fault, is_candidate, near_miss, stem_of
from cagents_fs.model.layout import SYNONYMS, is_instruction_name
from cagents_fs.model.states import FOLDERED, State, place_of

_GRANULARITY_NS = 50_000_000  # a folder that changed this recently may change again within the same time stamp


@dataclass(slots=True)
class Listing:
    """The task files of one state directory."""

    place: str  # the state directory, whatever synonym it was read under
    folder: str  # relative to the instruction, as it is on the disk
    tasks: list[str] = field(default_factory=list)
    odd: list[tuple[str, str]] = field(default_factory=list)  # names that are no task files, and why


def instructions(root: str) -> list[str]:
    """The instructions of a tree, sorted. Raises OSError where the tree cannot be listed: that is never absence."""
    names = [entry.name for entry in os.scandir(root) if entry.is_dir(follow_symlinks=False)]
    return sorted(name for name in names if is_instruction_name(name))


def has_anything(root: str, instruction: str) -> bool:
    """Whether a folder is an instruction at all: there is a plan, a description, or a task."""
    folder = os.path.join(root, instruction)
    return any(os.path.lexists(os.path.join(folder, part)) for part in ("workflow", "instruction.yaml", "tasks"))


def state_folders(folder: str) -> Iterator[tuple[str, str]]:
    """(place, folder relative to the instruction) of every state directory, in the order of life.

    A link in the place of one is none: nothing is read or moved through it.
    """
    for state in State:
        if is_linked(folder, state.value):
            continue
        if state not in FOLDERED:
            yield state.value, state.value
            continue
        for name in _subfolders(os.path.join(folder, state.value)):
            yield place_of(state, name), f"{state.value}/{name}"
    for synonym, place in SYNONYMS.items():
        if not is_linked(folder, synonym):
            yield place, synonym


def is_linked(folder: str, relative: str) -> bool:
    """Whether somebody put a link in the place of a folder of an instruction, or of one above it."""
    path = folder
    for name in relative.split("/"):
        path = f"{path}/{name}"
        if os.path.islink(path):
            return True
    return False


def divides(point: str) -> bool:
    """Whether a mount at this place, relative to the tree, lies between the state directories of an instruction."""
    parts = point.split("/")
    return len(parts) > 1 and is_instruction_name(parts[0]) and parts[1] in ("tasks", "queues")


def _subfolders(path: str) -> list[str]:
    try:
        with os.scandir(path) as entries:
            names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(name for name in names if id_fault(name) is None)


class Scanner:
    """Lists state directories, and remembers which have not changed since."""

    def __init__(self) -> None:
        self._stamps: dict[str, int] = {}

    def changed(self, folder: str, *, everything: bool = False) -> Iterator[Listing]:
        """The listings of an instruction's state directories that changed since the last call.

        Raises OSError where a directory is there and cannot be read; a listing that is cut short never passes for one.
        """
        for place, relative in state_folders(folder):
            path = os.path.join(folder, relative)
            try:
                stamp = os.stat(path).st_mtime_ns
            except FileNotFoundError:
                if self._stamps.pop(path, None) is not None or everything:
                    yield Listing(place, relative)
                continue
            if everything or self._stamps.get(path) != stamp:
                yield _listing(place, relative, self._names(path, stamp))

    def names(self, path: str) -> list[str]:
        """What lies in a directory that is none of the state, if it changed since the last call. Raises OSError."""
        stamp = os.stat(path).st_mtime_ns
        return [] if self._stamps.get(path) == stamp else self._names(path, stamp)

    def _names(self, path: str, stamp: int) -> list[str]:
        names = os.listdir(path)
        racy = time.time_ns() - stamp < _GRANULARITY_NS
        self._stamps[path] = -1 if racy else stamp
        return names

    def forget(self, folder: str) -> None:
        """List everything of an instruction again next time."""
        for path in [path for path in self._stamps if path.startswith(folder + "/")]:
            del self._stamps[path]


def _listing(place: str, folder: str, names: list[str]) -> Listing:
    listing = Listing(place, folder)
    for name in names:
        if not is_candidate(name):
            continue
        stem = stem_of(name)
        if stem is None:
            if why := near_miss(name):
                listing.odd.append((name, why))
        elif stem == "queue" and place.startswith(State.AGENTS.value):
            continue
        elif why := near_miss(name) or id_fault(stem):
            listing.odd.append((name, why))
        else:
            listing.tasks.append(stem)
    return listing


def locate(folder: str, task_id: str) -> list[str]:
    """Every place in which a file of this task lies now, in the order of life."""
    name = f"{task_id}.yaml"
    return [place for place, rel in state_folders(folder) if os.path.lexists(os.path.join(folder, rel, name))]
