"""Actions to durable changes of the tree, in an order that a crash cannot turn against us.

The write-ordering contract of one turn:

1. What only informs is written first: copies in quarantine, messages, verdicts. Written twice, they are the same files.
2. The turn's `intend` lines and its acceptances go to the journal, which is synced once for each instruction. The
   folders that the last turn renamed in are synced before: a `moved` line never becomes durable before its rename.
3. The renames are done, in order, each never replacing anything. An edit of a file comes before a rename out of
   `retry`, `blocked`, `failed`, `cancelled` and after a rename into `blocked`: there no agent's `mv` can cross it.
4. The `moved` lines are appended. They become durable with the next turn's, or when the daemon goes idle.

After a crash each intent without an outcome is completed from the tree, as `moved` or `void`. A rename that is lost to
somebody else is `void`, and so is what was decided after it for the same instruction, which is read again.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from cagents_fs.errors import InvalidTree, TreeLost
from cagents_fs.model.actions import (
    Action,
    Make,
    Move,
    Note,
    Phase,
    Recognise,
    Settle,
    Undo,
)
from cagents_fs.model.layout import JOURNAL
from cagents_fs.model.lines import iso, made_facts, move_facts, note_facts
from cagents_fs.model.observations import Now
from cagents_fs.store import informing, journal
from cagents_fs.store.changes import LostRace, Renames
from cagents_fs.store.disk import sync_folder
from cagents_fs.store.locks import Busy, QueueLock

Line = dict[str, Any]
PATIENCE_S = 0.5  # of a whole turn with those who keep queues locked; then those instructions wait, and no others


class Reporter(Protocol):
    """Who is told what could not be written although nothing was lost by it."""

    def skipped(self, action: Action, error: OSError) -> None:
        """A message or a copy could not be written."""


@dataclass(slots=True)
class Done:
    """What became of a turn."""

    lost: set[str] = field(default_factory=set)  # instructions in which somebody else was first
    undone: list[Action] = field(default_factory=list)  # what was not done for that
    busy: dict[str, str] = field(default_factory=dict)  # of these, who keeps their queues locked


@dataclass(slots=True)
class _Batch:
    """The actions of one instruction in this turn."""

    actions: list[Action] = field(default_factory=list)
    intents: dict[int, int] = field(default_factory=dict)  # position in `actions` -> number of its `intend` line
    after: list[Line] = field(default_factory=list)


class Committer:
    """Makes actions durable. One at a time has the tree."""

    def __init__(
        self, root: str, reporter: Reporter, *, power_loss: bool, lost: Callable[[], str | None] = lambda: None
    ) -> None:
        """With `power_loss`, what is acknowledged survives a power cut; else only the death of this process.

        `lost` says why the tree is no longer ours, where it is not.
        """
        self.root = root
        self._lost = lost
        self.about: str | None = None  # whose actions are carried out just now: a fault of ours concerns that one
        self.power_loss = power_loss
        self._reporter = reporter
        self._journals: dict[str, journal.Journal] = {}
        self._locks: dict[str, QueueLock] = {}
        self._unsynced_folders: dict[str, None] = {}  # in the order of the changes: the target of a rename comes first

    def open(self, instruction: str, lines: journal.Lines) -> None:
        """Open the journal of an instruction for appending. Raises OSError."""
        self.forget(instruction)
        path = os.path.join(self.root, instruction, JOURNAL)
        is_new = not os.path.lexists(path)
        self._journals[instruction] = journal.Journal(path, lines)
        if is_new:
            self.renamed_in(os.path.dirname(path))

    def has_lost(self, instruction: str) -> bool:
        """Whether the journal that is open is no longer the one that lies there."""
        return instruction in self._journals and self._journals[instruction].is_lost()

    def forget(self, instruction: str) -> None:
        """Close the journal of an instruction."""
        if instruction in self._journals:
            self._journals.pop(instruction).close()

    def close(self) -> None:
        """Close everything, after making it durable as far as that is possible."""
        try:
            self.flush()
        finally:
            for instruction in list(self._journals):
                self.forget(instruction)

    def commit(self, actions: Sequence[Action], now: Now) -> Done:
        """Do a turn's actions. Raises OSError; then the tree has to be read again. Raises TreeLost: it is not ours."""
        self._still_ours()
        batches = _by_instruction(actions)
        self._inform(actions, now)
        for instruction, batch in batches.items():
            self.about = instruction
            self._announce(instruction, batch, now)
        done, deadline_s = Done(), time.monotonic() + PATIENCE_S
        for instruction, batch in batches.items():
            self.about = instruction
            if any(isinstance(action, Move | Undo | Recognise | Make) for action in batch.actions):
                self._perform_locked(instruction, batch, now, done, deadline_s)
            else:
                self._perform(instruction, batch, now, done)
        self._settle({name: batch for name, batch in batches.items() if name not in done.lost})
        self.about = None
        return done

    def note(self, instruction: str, lines: Iterable[Mapping[str, Any]], *, durable: bool = True) -> None:
        """Append lines that are no part of a turn: intake, processes. Raises OSError."""
        self._still_ours()
        opened = self._journals[instruction]
        if durable:
            self._sync_folders()  # before the lines are written: a disk may keep these of its own accord
        opened.append(list(lines))
        if durable:
            opened.sync()

    def flush(self) -> None:
        """Make durable what the last turns left to be made so. Raises OSError."""
        self._sync_folders()
        for opened in self._journals.values():
            opened.sync()

    def renamed_in(self, folder: str) -> None:
        """A name in this folder changed and has to be synced before the next `moved` lines are."""
        if self.power_loss:
            self._unsynced_folders[folder] = None

    def _sync_folders(self) -> None:
        while self._unsynced_folders:
            folder = next(iter(self._unsynced_folders))
            with contextlib.suppress(FileNotFoundError):  # an output directory that was swept aside since
                sync_folder(folder)
            del self._unsynced_folders[folder]

    def _lock(self, instruction: str) -> QueueLock:
        if instruction not in self._locks:
            self._locks[instruction] = QueueLock(self.root, instruction)
        return self._locks[instruction]

    def _inform(self, actions: Sequence[Action], now: Now) -> None:
        for action in actions:
            if isinstance(action, informing.Informing):
                self.about = action.instruction
                try:
                    informing.write(self.root, action, now, durable=self.power_loss)
                except (NotADirectoryError, FileExistsError, IsADirectoryError, PermissionError) as error:
                    self._reporter.skipped(action, error)  # somebody's litter in the way must not hold up the rest

    def _announce(self, instruction: str, batch: _Batch, now: Now) -> None:
        lines: list[Line] = []
        positions: list[int | None] = []
        for position, action in enumerate(batch.actions):
            if isinstance(action, Recognise):  # it has happened: what is intended after it must not be told before it
                lines.append({"time": iso(now.wall_s), **move_facts(action)})
                positions.append(None)
            elif isinstance(action, Note) and action.first:
                lines.append({"time": iso(now.wall_s), **note_facts(action)})
                positions.append(None)
            elif isinstance(action, Move):
                edit = {"edit": dict(action.edit_after)} if action.edit_after else {}
                lines.append({"time": iso(now.wall_s), **move_facts(action), **edit, "event": "intend"})
                positions.append(position)
        if not lines:
            return
        opened = self._journals[instruction]
        durable = self.power_loss and any(not isinstance(action, Recognise) for action in batch.actions)
        if durable:
            self._sync_folders()
        for number, action_position in zip(opened.append(lines), positions, strict=True):
            if action_position is not None:
                batch.intents[action_position] = number
        if durable:
            opened.sync()

    def _perform_locked(self, instruction: str, batch: _Batch, now: Now, done: Done, deadline_s: float) -> None:
        """Where somebody keeps the queues of an instruction locked, its batch is put off, and no other."""
        lock = self._lock(instruction)
        try:
            lock.take(max(0.0, deadline_s - time.monotonic()))
        except (Busy, InvalidTree) as error:
            done.busy[instruction] = error.message
            done.lost.add(instruction)
            self._perform(instruction, batch, now, done)  # which says of each intent that it came to nothing
            return
        try:
            self._perform(instruction, batch, now, done)
        finally:
            lock.release()

    def is_free(self, instruction: str) -> bool:
        """Whether nobody keeps the queues of an instruction locked. Raises OSError."""
        try:
            return self._lock(instruction).is_free()
        except InvalidTree:
            return False

    def _still_ours(self) -> None:
        if (why := self._lost()) is not None:
            raise TreeLost(why)

    def _perform(self, instruction: str, batch: _Batch, now: Now, done: Done) -> None:
        renames = Renames(self.root, instruction, self.renamed_in, durable=self.power_loss)
        try:
            for position, action in enumerate(batch.actions):
                if instruction in done.lost:
                    done.undone.append(action)
                    self._void(batch, position, action, now, done.busy.get(instruction))
                    continue
                try:
                    renames.do(action, now)
                except LostRace:
                    done.lost.add(instruction)
                    done.undone.append(action)
                    self._void(batch, position, action, now)
                else:
                    self._tell(batch, position, action, now)
        finally:
            if batch.after:
                self._journals[instruction].append(batch.after)

    def _tell(self, batch: _Batch, position: int, action: Action, now: Now) -> None:
        at = {"time": iso(now.wall_s)}
        match action:
            case Move():
                batch.after.append({**at, **move_facts(action), "intent": batch.intents[position]})
            case Note() if not action.first:
                batch.after.append({**at, **note_facts(action)})
            case Undo():
                facts = {"found_at": action.source, "put_back_to": action.target}
                batch.after.append({**at, "event": "finding", **_about(action), **facts})
            case Make():
                batch.after.append({**at, **made_facts(action)})
            case Phase():
                batch.after.append({**at, "event": "phase", "phase": action.phase, "reason": action.reason})

    def _void(self, batch: _Batch, position: int, action: Action, now: Now, why: str | None = None) -> None:
        if position in batch.intents:
            reason = why or "somebody else was first"
            facts = {"event": "void", "intent": batch.intents[position], "reason": reason}
            batch.after.append({"time": iso(now.wall_s), **_about(action), **facts})

    def _settle(self, batches: Mapping[str, _Batch]) -> None:
        """Requests go only when what they asked for is durable."""
        for instruction, batch in batches.items():
            self.about = instruction
            settled = [action for action in batch.actions if isinstance(action, Settle)]
            if settled:
                self._sync_folders()
                self._journals[instruction].sync()
            for action in settled:
                informing.remove(os.path.join(self.root, instruction, "requests", action.name))


def _by_instruction(actions: Sequence[Action]) -> dict[str, _Batch]:
    batches: dict[str, _Batch] = {}
    for action in actions:
        if isinstance(action, Move | Note | Recognise | Undo | Make | Settle | Phase):
            batches.setdefault(action.instruction, _Batch()).actions.append(action)
    return batches


def _about(action: Action) -> Line:
    return {
        "task_id": getattr(action, "task_id", None),
        "attempt": getattr(action, "attempt", None),
        "reason": getattr(action, "reason", None),
    }
