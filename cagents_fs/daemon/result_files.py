"""`outputs/output_summary.yaml`: what has come of each instruction, written off the turn, a few rows at a time.

Never more often than once a second, nor than twenty times what it cost last: an instruction of ten thousand tasks takes
a twentieth of our time, whatever happens in it. What a task comes to is put into words once, and kept until the end.
"""

import os
import re
import time
from collections.abc import Iterator

from cagents_fs.core.index import Index, Work
from cagents_fs.model.actions import Action, Make, Move, Note, Phase, Recognise, Undo
from cagents_fs.model.layout import JOURNAL
from cagents_fs.model.observations import Now
from cagents_fs.model.states import State
from cagents_fs.report.results import OVER, SECTIONS, Row, Tally, rows
from cagents_fs.store.disk import no_links, put
from cagents_fs.store.dump import END, dump
from cagents_fs.store.table import item

SUMMARY = "outputs/output_summary.yaml"
EVERY_S, TIMES_COST = 1.0, 20.0
REFUSED_S = 30.0  # a disk that would not take it is asked again after so long
SHOWN = frozenset(state.value for state in (State.PENDING, State.COMPLETED, State.FAILED, State.CANCELLED))
Texts = dict[tuple[str, str], tuple[Row, str]]  # section and task -> the row, and how it is written


class ResultFiles:
    """Which summaries are out of date, and the one that is being written."""

    def __init__(self, root: str) -> None:
        """Nothing has happened yet."""
        self._root = root
        self._changed: dict[str, None] = {}
        self._over: set[str] = set()  # those that are written for the last time, at once
        self._due_s: dict[str, float] = {}
        self._texts: dict[str, Texts] = {}
        self._writing: tuple[Work, Iterator[None]] | None = None
        self._cost_s = 0.0

    def opened(self, work: Work) -> None:
        """The daemon has begun: a summary that is older than its journal, or not whole, is written again."""
        folder = os.path.join(self._root, work.id)
        try:
            current = os.stat(os.path.join(folder, SUMMARY)).st_mtime_ns
            if current >= os.stat(os.path.join(folder, JOURNAL)).st_mtime_ns and _is_whole(folder):
                return
        except OSError:
            pass  # there is none
        if work.history.intake is not None:
            self._mark(work.id, work.history.phase)

    def saw(self, action: Action) -> None:
        """An action was carried out."""
        match action:
            case Phase():
                self._mark(action.instruction, action.phase)
            case Move() | Recognise() | Undo() if action.source in SHOWN or action.target in SHOWN:
                self._changed[action.instruction] = None
            case Make():
                self._changed[action.instruction] = None
            case Note() if action.event in ("accepted", "dependency_waived"):
                self._changed[action.instruction] = None

    def _mark(self, instruction: str, phase: str) -> None:
        self._changed[instruction] = None
        if phase in OVER:
            self._over.add(instruction)
        else:
            self._over.discard(instruction)

    def hasten(self) -> None:
        """We are leaving: everything is due now."""
        self._over.update(self._changed)

    @property
    def busy(self) -> bool:
        """Whether something is to be written at once."""
        return self._writing is not None or not self._over.isdisjoint(self._changed)

    def next_s(self) -> float | None:
        """When, in observed seconds, something is to be written; None for never."""
        if self.busy:
            return 0.0
        return min((self._due_s.get(name, 0.0) for name in self._changed), default=None)

    def step(self, index: Index, now: Now, until_s: float) -> None:
        """Write on, until this moment of the monotonic clock. Raises OSError."""
        while time.monotonic() < until_s:
            if self._writing is None and not self._begin(index, now):
                return
            assert self._writing is not None
            work, pieces = self._writing
            if index.works.get(work.id) is not work:  # it was read again from the tree meanwhile
                self._writing = None
                self._mark(work.id, work.history.phase)
                continue
            begun_s = time.monotonic()
            try:
                paused = self._go_on(pieces, until_s)
            except Exception:
                self._writing = None
                self._changed[work.id], self._due_s[work.id] = None, now.s + REFUSED_S
                raise
            self._cost_s += time.monotonic() - begun_s
            if not paused:
                self._writing = None
                self._due_s[work.id] = now.s + max(EVERY_S, TIMES_COST * self._cost_s)

    def _begin(self, index: Index, now: Now) -> bool:
        for name in tuple(self._changed):
            if name not in index.works:
                self._forget(name)
            elif name in self._over or now.s >= self._due_s.get(name, 0.0):
                del self._changed[name]
                self._over.discard(name)
                self._writing, self._cost_s = (index.works[name], self._write(index.works[name], now)), 0.0
                return True
        return False

    def _forget(self, name: str) -> None:
        del self._changed[name]
        self._over.discard(name)
        self._due_s.pop(name, None)
        self._texts.pop(name, None)

    @staticmethod
    def _go_on(pieces: Iterator[None], until_s: float) -> bool:
        """Whether there is more to do."""
        return any(time.monotonic() >= until_s for _ in pieces)

    def _write(self, work: Work, now: Now) -> Iterator[None]:
        """The whole summary, with a pause after each row."""
        before = self._texts.pop(work.id, {})
        texts: Texts = {}
        tally = Tally()
        sections: dict[str, list[str]] = {section: [] for section in SECTIONS}
        for section, row in rows(work):
            tally.add(section, row)
            key = (section, str(row["task_id"]))
            known = before.get(key)
            texts[key] = known if known is not None and known[0] == row else (row, item(row))
            sections[section].append(texts[key][1])
            yield
        head = tally.head(work, now.wall_s)
        yield
        body = [f"{name}:\n{''.join(found)}" if found else f"{name}: []\n" for name, found in sections.items()]
        data = "".join((dump(head), *body, END)).encode()
        yield
        path = os.path.join(self._root, work.id, SUMMARY)
        no_links(os.path.dirname(path))
        if _undated(_there(path)) == _undated(data):
            os.utime(path)  # it is up to date: a start that finds nothing new changes nothing
        else:
            put(path, data, durable=False)
        if not head["final"]:
            self._texts[work.id] = texts


def _there(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""


def _undated(data: bytes) -> bytes:
    """A summary without the line that says when it was written."""
    return re.sub(rb"(?m)^updated_at: .*\n", b"", data, count=1)


def _is_whole(folder: str) -> bool:
    """Whether it ends as it should: it is not made durable, and a power cut may keep its name without its bytes."""
    with open(os.path.join(folder, SUMMARY), "rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - len(END)))
        return file.read() == END.encode()
