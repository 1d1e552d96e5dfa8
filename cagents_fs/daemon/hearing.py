"""What do events point at? Each hint is looked at by the eyes; what many of them are about is looked at once."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from cagents_fs.core.index import Work
from cagents_fs.daemon.eyes import Eyes
from cagents_fs.daemon.holding import MANY
from cagents_fs.daemon.watch import Hint
from cagents_fs.model.actions import Action
from cagents_fs.model.layout import CONFIG, Spot, identify
from cagents_fs.model.observations import Now
from cagents_fs.store import tree

OURS_S = 2.0  # an event about a rename this soon after a task came into a place is that of our own rename


@dataclass(slots=True)
class Batch:
    """What several hints may be about, to be looked at once."""

    went: list[tuple[Work, Spot, Hint]] = field(default_factory=list)
    outputs: dict[tuple[str, str], bool] = field(default_factory=dict)
    looks: dict[str, None] = field(default_factory=dict)

    def output(self, instruction: str, task_id: str, *, renamed: bool) -> None:
        """Something changed in the output of a task; `renamed`: as far as we saw, by a rename into place."""
        self.outputs[instruction, task_id] = self.outputs.get((instruction, task_id), False) or renamed


class Hearing:
    """Turns hints into looks."""

    def __init__(self, eyes: Eyes) -> None:
        """Nothing was heard yet."""
        self.eyes = eyes

    def take(self, hints: Iterable[Hint], now: Now) -> Iterator[Action]:
        """Look where hints point: at what came, then at what went, then once at all that many hints were about."""
        batch = Batch()
        for hint in dict.fromkeys(hints):
            relative = hint.path[len(self.eyes.root) + 1 :]
            if not relative.startswith(CONFIG):  # the service compares the configuration before every turn
                yield from self._take(hint, relative, identify(relative), batch, now)
        for work, spot, hint in self._went(batch):
            self.eyes.index.about = work.id
            yield from self._task(work, spot, hint, now)
        for (instruction, task_id), renamed in batch.outputs.items():
            self.eyes.index.about = instruction
            self.eyes.work_eyes.output(self.eyes.index.works[instruction], task_id, now, renamed=renamed)
        for instruction in batch.looks:
            self.eyes.index.about = instruction
            yield from self.eyes.look(self.eyes.index.works[instruction], now)

    def _went(self, batch: Batch) -> Iterator[tuple[Work, Spot, Hint]]:
        """Tasks that have left a place. Most came elsewhere, which has been seen by now; many others are a loss."""
        gone = [one for one in batch.went if not self._was_seen(one[0], one[1])]
        many = Counter(work.id for work, _, _ in gone)
        for work, spot, hint in gone:
            if many[work.id] >= MANY:
                batch.looks[work.id] = None
            else:
                yield work, spot, hint

    def _was_seen(self, work: Work, spot: Spot) -> bool:
        self.eyes.index.about, record = work.id, work.records.get(spot.task or "")
        return record is None or self.eyes.lies(work, record)

    def _take(self, hint: Hint, relative: str, spot: Spot, batch: Batch, now: Now) -> Iterator[Action]:
        parts = relative.split("/")
        if spot.kind == "other" and hint.folder and len(parts) <= 4:
            yield from self._folder(parts, hint, batch, now)
            return
        work = self.eyes.index.turn_to(spot.instruction or "")
        if work is None:
            return
        if hint.renamed:
            self.eyes.settling.was_renamed(hint.path)
        match spot.kind:
            case "task" if os.path.lexists(hint.path):
                yield from self._task(work, spot, hint, now)
            case "task":
                batch.went.append((work, spot, hint))
            case "manifest" | "output":
                batch.output(work.id, spot.task or "", renamed=hint.renamed)
            case "heartbeat":
                yield from self.eyes.beat_eyes.heartbeat(work, spot.name, now)
            case "plan" | "instruction":
                yield from self.eyes.plan_eyes.plan(work, now)
                self.eyes.watch(work)
            case "request":
                yield from self.eyes.plan_eyes.request(work, spot.name, now)
            case "escalation" | "response":
                yield from self.eyes.plea_eyes.plea(work, spot.name, now)
            case "arrival":
                yield from self.eyes.plea_eyes.arrival(work, spot.name, now)
            case _:
                if len(parts) >= 3 and parts[1] in ("tasks", "queues"):
                    self.eyes.scanner.forget(os.path.join(self.eyes.root, work.id))

    def _folder(self, parts: list[str], hint: Hint, batch: Batch, now: Now) -> Iterator[Action]:
        """A folder came or went: of an instruction, of a queue, of a task's output."""
        name = self.eyes.index.about = parts[0]
        if name in self.eyes.index.aside:
            return
        if name not in self.eyes.index.works:
            if name in tree.instructions(self.eyes.root):
                self.eyes.watcher.add(os.path.join(self.eyes.root, name))
                if tree.has_anything(self.eyes.root, name):
                    yield from self.eyes.open(name, now)
        elif parts[1:2] == ["outputs"] and len(parts) in (3, 4):
            batch.output(name, parts[-1], renamed=hint.renamed)
        elif parts[1:2] == ["heartbeats"]:
            yield from self.eyes.beat_eyes.heartbeats(self.eyes.index.works[name], now)
        else:
            batch.looks[name] = None

    def _task(self, work: Work, spot: Spot, hint: Hint, now: Now) -> Iterator[Action]:
        assert spot.task is not None and spot.place is not None
        record = work.records.get(spot.task)
        there = os.path.lexists(os.path.join(self.eyes.root, work.id, spot.place, spot.name))
        if record is not None:
            lies = self.eyes.lies(work, record)
            if there and not lies:
                self.eyes.lies_at(work, record, spot.place, now)
                yield from self.eyes.plan_eyes.task_file(work, record)
            elif not lies or (there and record.place != spot.place):
                yield from self.eyes.relocate(work, record, now)
            elif there:  # our own renames come back as events too, and change nothing
                written = not hint.renamed or now.s - record.entered_s > OURS_S
                yield from self.eyes.plan_eyes.task_file(work, record, new=written)
        elif there:
            yield from self.eyes.stranger(work, tree.Listing(spot.place, spot.place), spot.task, now)
