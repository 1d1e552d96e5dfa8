"""The changes of place and content that a turn makes in one instruction, one action at a time."""

import errno
import hashlib
import os
from collections.abc import Callable, Mapping
from typing import Any

from cagents_fs.model.actions import Action, Make, Move, Phase, Recognise, Undo
from cagents_fs.model.layout import MANIFEST, SYNONYMS
from cagents_fs.model.lines import iso
from cagents_fs.model.observations import Now
from cagents_fs.store import definitions
from cagents_fs.store.disk import Outcome, create, put, rename_noreplace, swap_in
from cagents_fs.store.dump import dump, edit
from cagents_fs.store.reading import NotRegular, TooLarge, read_bounded
from cagents_fs.store.tree import is_linked
from cagents_fs.store.yaml import Unreadable

MOST_BYTES = 256 << 20  # of a task file: as much as a plan may have

_READ_FROM = {place: [synonym for synonym, of in SYNONYMS.items() if of == place] for place in SYNONYMS.values()}


class LostRace(Exception):
    """Somebody else was first: the file is not where it was, or something lies where it should go."""


class Renames:
    """Does what the actions of one instruction ask of its files."""

    def __init__(self, root: str, instruction: str, changed: Callable[[str], None], *, durable: bool) -> None:
        """`changed` is told of every folder in which a name changed."""
        self.instruction = instruction
        self.folder = os.path.join(root, instruction)
        self._changed = changed
        self._durable = durable

    def do(self, action: Action, now: Now) -> None:
        """Carry it out, where it is one that changes files. Raises LostRace, OSError."""
        match action:
            case Move():
                if action.sweep is not None:
                    self._sweep(action.task_id, action.sweep, action.late_work_but)
                if action.edit_before:
                    self.edit(action.source, action.task_id, action.edit_before)
                self._rename(action.task_id, action.source, action.target)
                if action.edit_after:
                    self.edit(action.target, action.task_id, action.edit_after)
            case Recognise():
                if action.sweep is not None:
                    self._sweep(action.task_id, action.sweep, None)
                if action.edit_after:
                    self.edit(action.target, action.task_id, action.edit_after)
            case Undo():
                self._rename(action.task_id, action.source, action.target)
            case Make():
                self._make(action)
            case Phase():
                self.phase(action.phase, action.reason, action.facts, now)

    def _path(self, place: str, task_id: str) -> str:
        path = os.path.join(self.folder, place, f"{task_id}.yaml")
        for synonym in _READ_FROM.get(place, ()):
            other = os.path.join(self.folder, synonym, f"{task_id}.yaml")
            if os.path.lexists(other) and not os.path.lexists(path):
                return other
        return path

    def _no_link(self, *places: str) -> None:
        """Nothing is moved or written where somebody put a link in the place of a state directory. Raises OSError."""
        for place in places:
            if is_linked(self.folder, place):
                path = os.path.join(self.folder, place)
                raise NotADirectoryError(errno.ENOTDIR, "somebody put a link in the place of a folder", path)

    def _rename(self, task_id: str, source: str, target: str) -> None:
        self._no_link(source, target)
        old, new = self._path(source, task_id), os.path.join(self.folder, target, f"{task_id}.yaml")
        try:
            outcome = rename_noreplace(old, new)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(new), exist_ok=True)  # an agent's queue that nobody had before
            self._changed(os.path.dirname(os.path.dirname(new)))
            outcome = rename_noreplace(old, new)
        if outcome is not Outcome.MOVED:
            raise LostRace(f"{task_id}: {outcome} on the way from {source} to {target}")
        self._changed(os.path.dirname(new))
        self._changed(os.path.dirname(old))

    def edit(self, place: str, task_id: str, changes: Mapping[str, Any]) -> None:
        """Change keys of a task file; None removes a key. A damaged file stays as it is. Raises LostRace, OSError."""
        self._no_link(place)
        path = self._path(place, task_id)
        try:
            old = read_bounded(path, MOST_BYTES).data
        except FileNotFoundError:
            raise LostRace(f"{task_id} is no longer in {place}") from None
        except (NotRegular, TooLarge):
            return  # a link, a pipe: nothing is read or written through what somebody put there
        text = old.decode("utf-8", errors="surrogateescape")
        kept = {key: value for key, value in changes.items() if value is not None}
        removed = [key for key, value in changes.items() if value is None]
        try:
            new = edit(text, kept, removed).encode("utf-8", errors="surrogateescape")
        except Unreadable:
            return  # somebody damaged the file; what counts stands in the journal and the definition
        if new != old:
            if swap_in(path, new, durable=self._durable) is Outcome.GONE:
                raise LostRace(f"{task_id} was moved away from {place}")
            self._changed(os.path.dirname(path))

    def _sweep(self, task_id: str, attempt: int, late_work_but: frozenset[str] | None) -> None:
        """Put aside what an attempt left behind; a manifest that is none of those known is late work: nothing moves."""
        for output in (os.path.join("outputs/partial", task_id), os.path.join("outputs", task_id)):
            source = os.path.join(self.folder, output)
            if not os.path.isdir(source):
                continue
            self._no_link(os.path.dirname(output), "outputs/abandoned")
            target = self._free_name(os.path.join(self.folder, "outputs/abandoned", f"{task_id}.{attempt}"))
            if rename_noreplace(source, target) is not Outcome.MOVED:
                raise LostRace(f"{output} changed while it was put aside")
            self._changed(os.path.dirname(source))
            self._changed(os.path.dirname(target))
            found = _sha256(os.path.join(target, MANIFEST))
            if late_work_but is not None and found is not None and found not in late_work_but:
                rename_noreplace(target, source)
                raise LostRace(f"{output} has a manifest that nobody has judged")

    @staticmethod
    def _free_name(path: str) -> str:
        candidate, number = path, 2
        while os.path.lexists(candidate):
            candidate, number = f"{path}-{number}", number + 1
        return candidate

    def _make(self, action: Make) -> None:
        self._no_link(action.place)
        data = self._definition(action.task_id, action.attempt)
        path = os.path.join(self.folder, action.place, f"{action.task_id}.yaml")
        if data is None or create(path, data, durable=self._durable) is not Outcome.MOVED:
            raise LostRace(f"{action.task_id} is there after all, or was never taken in")
        self._changed(os.path.dirname(path))

    def _definition(self, task_id: str, attempt: int) -> bytes | None:
        """A task's file as it was taken in, with the plan or later."""
        for definition in definitions.raw(self.folder):
            if definition.get("task_id") == task_id:
                return task_text({**definition, "attempt": attempt}, self.instruction)
        try:
            with open(definitions.added_path(self.folder, task_id), encoding="utf-8") as file:
                return edit(file.read(), {"attempt": attempt}).encode()
        except (FileNotFoundError, UnicodeError, Unreadable):
            return None

    def phase(self, phase: str, reason: str, facts: Mapping[str, Any], now: Now) -> None:
        """Write `status.yaml`. Raises OSError."""
        status = {
            "instruction_id": self.instruction,
            "phase": phase,
            "reason": reason,
            **facts,
            "since": iso(now.wall_s),
        }
        put(os.path.join(self.folder, "status.yaml"), dump(status).encode(), durable=self._durable)


def task_text(definition: Mapping[str, Any], instruction: str) -> bytes:
    """A task file as the daemon makes it from its definition."""
    head = {"task_id": definition.get("task_id"), "instruction_id": instruction}
    return dump({**head, **{key: value for key, value in definition.items() if key not in head}}).encode()


def _sha256(path: str) -> str | None:
    try:
        return hashlib.sha256(read_bounded(path, MOST_BYTES).data).hexdigest()
    except (FileNotFoundError, NotADirectoryError, NotRegular, TooLarge):
        return None
