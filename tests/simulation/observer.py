"""What has to be so after every turn. The observer reads the tree as a stranger would, and believes nobody."""

import dataclasses
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from operator import attrgetter

from cagents_fs.core.history import Ledger
from cagents_fs.core.index import Index
from cagents_fs.model.layout import identify
from cagents_fs.model.states import State
from cagents_fs.store.tree import state_folders
from tests.simulation.life import Life
from tests.simulation.line_checks import A_TURN_S, Case, wrong_with
from tests.simulation.planning import blocking
from tests.simulation.told import Fate, Line, Told
from tests.simulation.world import Violation, World, sha256

Rename = tuple[str, str, str, str]  # instruction, task, from, to


class Observer:
    """Compares tree, journal and index with each other and with what the actors did."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.told: dict[str, Told] = {}
        self.index = Index()  # of the daemon that lives
        self.due: Counter[Rename] = Counter()  # renames of the daemon less the lines that tell of them
        self.changed = True  # whether there is anything new to look at
        self.crashed_s = -1.0  # when a turn was last cut short, as long as no whole one came after
        self.found_s: list[
            tuple[float, float]
        ] = []  # (when, up to when) all that was given had been found, and settled
        self._life: Life | None = None  # whose looks these are
        self._look_s = -1.0  # when it is to look through the whole tree next
        self._looked_s: float | None = None  # when it did so last; what it has found may have yet to settle

    def after(self, life: Life | None) -> None:
        """After a turn, a start or an end; without a life: after a death. Raises Violation."""
        self._follow_renames()
        self._read_journals()
        if life is None:
            self.crashed_s = self.world.clock.passed_s if self.crashed_s < 0 else self.crashed_s
            return
        self.index, loop = life.service.index, life.service.loop
        if loop.faults.said:
            raise Violation(f"i9_no_fault_of_ours: {loop.faults.said}")
        if loop.trouble.said or loop._reopen:
            if loop.trouble.said and not self.world.wire.refused:
                raise Violation(f"i13_no_trouble_without_cause: {loop.trouble.said}")
            self.crashed_s = self.world.clock.passed_s if self.crashed_s < 0 else self.crashed_s
            return
        self.world.wire.refused = False
        self._note_looks(life)
        changed, self.changed = self.changed, False
        for check in CHECKS if changed or self.world.turn % 10 == 0 else CHECKS[:1]:
            for said in check(self):
                raise Violation(f"{check.__name__}: {said}")
        self.crashed_s = -1.0

    def _note_looks(self, life: Life) -> None:
        """Up to when everything has been found, whatever became of the events: a full look, and a turn once settled."""
        now_s, look_s = self.world.clock.passed_s, life.service.loop.look_s
        if life is not self._life:
            self._life, self._look_s, self._looked_s, self.found_s = life, -1.0, None, []
        if self._looked_s is not None and now_s > self._looked_s + self.world.numbers.settle_s + A_TURN_S:
            self.found_s.append((now_s, self._looked_s))
            self._looked_s = None
        if look_s != self._look_s:  # the next one is due later than it was: this turn was one
            self._look_s = look_s
            self._looked_s = now_s if self._looked_s is None else self._looked_s

    def _follow_renames(self) -> None:
        self.changed = self.changed or bool(self.world.wire.renames)
        for source, target in self.world.wire.renames:
            old, new = (identify(os.path.relpath(path, self.world.root)) for path in (source, target))
            if old.kind == new.kind == "task":
                assert old.instruction and old.task and old.place and new.place
                self.due[old.instruction, old.task, old.place, new.place] += 1
            self.world.follow(source, target)
        self.world.wire.renames.clear()

    def _read_journals(self) -> None:
        for instruction in self.world.plans:
            path = self.world.path(f"{instruction}/journal.jsonl")
            told = self.told.setdefault(instruction, Told(path))
            for line in told.fresh():
                self.changed = True
                self._tell(instruction, line)
                for said in wrong_with(Case(self.world, told, instruction, line)):
                    raise Violation(said)
                told.apply(line, self.world.clock.passed_s)

    def _tell(self, instruction: str, line: Line) -> None:
        event, task = line["event"], line.get("task_id") or ""
        self.world.count(event)
        if event == "moved":
            place = f"{line['from']} -> {line['to']} (attempt {line['attempt']})"
            self.world.say(f"    {instruction}/{task} {place}: {line['reason']}")
            self.world.count(f"moved to {line['to'].split('/')[1]}")
            if "intent" in line:
                self.due[instruction, task, line["from"], line["to"]] -= 1
        elif event == "finding" and "put_back_to" in line:
            self.world.count("put back")
            self.due[instruction, task, line["found_at"], line["put_back_to"]] -= 1
        if event not in ("moved", "intend"):
            told = json.dumps({key: line[key] for key in ("attempt", "reason", "intent") if line.get(key)})
            self.world.say(f"    {instruction}/{task} {event} {told}")


# -- checks ------------------------------------------------------------------------------------------------------------


def index_holds(observer: Observer) -> Iterator[str]:
    """Every lookup of the living index is what it is a lookup of."""
    for work in observer.index.works.values():
        try:
            work.check()
        except AssertionError as error:
            yield f"{work.id}: {error!r}"


def i1_one_place(observer: Observer) -> Iterator[str]:
    """Each task is one file, where the journal has it: at once, or one look after somebody else's doing."""
    world = observer.world
    for instruction, told in observer.told.items():
        places = where_files_lie(world, instruction)
        for task, fate in told.fates.items():
            found, key = places.get(task, []), (instruction, task)
            if fate.place is None or key in world.gone or found == [fate.place]:
                continue
            written = world.is_written(f"{instruction}/outputs/partial/{task}/")  # it is not judged before it is whole
            if not world.is_touched(key) and not written:
                yield f"{instruction}/{task} lies in {found}, and the journal has it in {fate.place}"


def where_files_lie(world: World, instruction: str) -> dict[str, list[str]]:
    """Every place of every task file."""
    places: dict[str, list[str]] = {}
    for place, folder in state_folders(world.path(instruction)):
        for task in world.names(f"{instruction}/{folder}"):
            places.setdefault(task, []).append(place)
    return places


def i4_one_rename_one_line(observer: Observer) -> Iterator[str]:
    """Each rename of the daemon has exactly one line, and no line is without its rename."""
    for rename, left in [(rename, left) for rename, left in observer.due.items() if left]:
        instruction, task, _, target = rename
        del observer.due[rename]
        put_back = observer.told[instruction].fate(task).place == target
        cut_short = observer.crashed_s >= 0 and (
            (left > 0 and put_back)  # the line of what was put back is no intent: a crash may cost it
            or observer.world.is_touched((instruction, task))  # nobody can tell then which of the two came first
        )
        if not cut_short:
            yield f"{rename}: {'no line tells of it' if left > 0 else 'a line tells of it, and it was not made'}"


def replay_gives_the_living_ledger(observer: Observer) -> Iterator[str]:
    """A daemon that starts now would know what this one knows."""
    for instruction, told in observer.told.items():
        work = observer.index.works.get(instruction)
        if work is None:
            continue
        known, history = work.history, told.history
        if known.intents or history.intents:
            yield f"{instruction}: intents without an outcome: {sorted(known.intents)} {sorted(history.intents)}"
        if known.phase != history.phase:
            yield f"{instruction}: phase {known.phase}, the journal says {history.phase}"
        for task in told.fates:
            one, other = what_counts(known.ledger(task)), what_counts(history.ledger(task))
            if one != other:
                differ = {name: (a, b) for name, a, b in zip(FIELDS, one, other, strict=True) if a != b}
                yield f"{instruction}/{task}: (known, in the journal) {differ}"


FIELDS = tuple(field.name for field in dataclasses.fields(Ledger) if not field.name.endswith(("_seq", "reason")))
_values = attrgetter(*FIELDS)


def what_counts(ledger: Ledger) -> tuple[object, ...]:
    """Two moves through queues that became one rename differ in what only people read."""
    values: tuple[object, ...] = _values(ledger)
    if ledger.place in (State.UNDER_REVIEW.value, State.BLOCKED.value):  # there it counts from where a task came
        return values
    return tuple(None if name == "came_from" else value for name, value in zip(FIELDS, values, strict=True))


def law4_held_back_until_all_it_waits_for_is_verified(observer: Observer) -> Iterator[str]:
    """No task can be claimed that waits for one which is not done, be it not done again."""
    for instruction, told in observer.told.items():
        for task, fate in told.fates.items():
            place, key = fate.place or "", (instruction, task)
            if not place.startswith(f"{State.AGENTS.value}/") or fate.waived:
                continue
            awaited = blocking(observer.world.tasks.get(key, {}))
            if left := [name for name in awaited if not told.fates.get(name, Fate()).satisfied]:
                yield f"{instruction}/{task} lies in {place}, and {', '.join(left)} is not done"


def claims_over_the_limit_go_back(observer: Observer) -> Iterator[str]:
    """Where more is in progress than may be, no claim of this life without any work stays."""
    world = observer.world
    for instruction, told in observer.told.items():
        plan = world.plans[instruction]
        limit = plan.get("max_concurrent") or world.numbers.limits[plan["mode"]]
        work = observer.index.works.get(instruction)
        if work is None or not told.intake:
            continue
        lying = world.names(f"{instruction}/{State.IN_PROGRESS.value}")
        waiting = world.may_wait(instruction)
        busy = [task for task, fate in told.fates.items() if fate.place == State.IN_PROGRESS.value and task in lying]
        busy = [task for task in busy if task not in waiting]
        for task in busy if len(busy) > limit else ():
            key, fate = (instruction, task), told.fates[task]
            output = any(world.there(f"{instruction}/outputs/{folder}") for folder in (f"partial/{task}", task))
            # What counts is when the daemon sees a sign. One given shortly before the claim may have come to nobody's
            # ears, and be found together with it; none that had been found before the claim was seen.
            before = [up_to_s for at_s, up_to_s in observer.found_s if at_s < fate.entered_s - A_TURN_S]
            idle = not output and all(at_s < max(before, default=-1.0) for at_s, *_ in world.signs_s.get(key, ()))
            if idle and world.claimed_s.get(key, -1.0) > world.life_began_s and fate.claimed:
                yield f"{instruction}/{task}: {len(busy)} of {limit} are in progress, and this claim stays"


Check = Callable[[Observer], Iterator[str]]
CHECKS: tuple[Check, ...] = (
    index_holds,
    i1_one_place,
    i4_one_rename_one_line,
    replay_gives_the_living_ledger,
    law4_held_back_until_all_it_waits_for_is_verified,
    claims_over_the_limit_go_back,
)


def i2_no_byte_is_lost(world: World) -> Iterator[str]:
    """The last version of everything that an agent put into its output is still there, wherever it was moved to."""
    for path, versions in world.sums.items():
        if sha256(world.read(path)) != versions[-1][1]:
            yield f"{path} is {'other than' if world.there(path) else 'gone, and was'} what an agent wrote last"


def snapshot(world: World) -> dict[str, bytes]:
    """Every file of the tree with its bytes; locks and who holds them are nobody's state."""
    found: dict[str, bytes] = {}
    locks, capacity = world.path("_system/daemon"), world.path("_system/capacity")  # the latter may come a little later
    for folder, folders, names in os.walk(world.root):
        folders[:] = [name for name in folders if os.path.join(folder, name) not in (locks, capacity)]
        found.update({os.path.join(folder, name): b"" for name in folders})
        for name in names:
            path = os.path.join(folder, name)
            found[path] = world.read(os.path.relpath(path, world.root))
    return found
