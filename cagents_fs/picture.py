"""A picture of a tree: journals replayed, definitions read, directories listed. Daemon and commands start from it.

Reads only. What it cannot read it names in `troubles`, so that nobody mistakes a damaged file for an absent one.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field

from cagents_fs.core.graph import choose_mode
from cagents_fs.core.history import History
from cagents_fs.core.index import Index, Record, Work, add_tasks
from cagents_fs.errors import InvalidTree, NothingThere
from cagents_fs.model.faults import Fault
from cagents_fs.model.files import Instruction, Task
from cagents_fs.model.layout import ADDED, JOURNAL, PLAN, TEMPLATE_MARK
from cagents_fs.model.states import ORDER_OF_LIFE, state_of
from cagents_fs.store import definitions, journal, tree
from cagents_fs.store.check import check
from cagents_fs.store.yaml import PLAN as PLAN_LIMITS
from cagents_fs.store.yaml import Unreadable, parse_mapping
from cagents_fs.waiting import see_who_waits


@dataclass(slots=True)
class Loaded:
    """One instruction, and what was odd about it."""

    work: Work
    lines: journal.Lines
    doubles: dict[str, list[str]] = field(default_factory=dict)  # task -> further places with a file of that name
    strangers: list[tuple[str, str]] = field(default_factory=list)  # (place, stem) of files without a definition
    troubles: list[Fault] = field(default_factory=list)


def find_root(given: str | None = None) -> str:
    """The tree to work on: the one given, `$CAGENTS_ROOT`, or the nearest `Agent_Memory` upward.

    The repository's own `Agent_Memory` is the template and is passed over. Raises NothingThere.
    """
    named = given or os.environ.get("CAGENTS_ROOT")
    if named:
        root = os.path.realpath(named)  # below it nothing is read or written through a link
        if not os.path.isdir(root):
            folder = os.path.dirname(root) if os.path.basename(root) == "Agent_Memory" else root
            raise NothingThere(f"there is no tree at {root}; make one with `cagents-fs init {folder}`")
        return _tree(root)
    folder = os.path.realpath(os.getcwd())
    while True:
        candidate = os.path.join(folder, "Agent_Memory")
        if os.path.isdir(candidate) and not os.path.lexists(os.path.join(candidate, TEMPLATE_MARK)):
            return os.path.realpath(candidate)
        if folder == os.path.dirname(folder):
            text = "there is no Agent_Memory here or above; make one with `cagents-fs init`, or name one with --root"
            raise NothingThere(text)
        folder = os.path.dirname(folder)


def _tree(root: str) -> str:
    """Take the folder that holds `Agent_Memory` for the tree itself: people name either."""
    if not os.path.isdir(os.path.join(root, "_system")) and os.path.isdir(os.path.join(root, "Agent_Memory")):
        return os.path.join(root, "Agent_Memory")
    if not os.path.isdir(os.path.join(root, "_system")):
        raise InvalidTree(f"{root} is no tree (it has no _system); make one with `cagents-fs init`")
    return root


def load_index(root: str, only: Iterable[str] | None = None) -> Index:
    """A picture of the whole tree, or of some instructions. Raises OSError."""
    index = Index()
    for name in only if only is not None else tree.instructions(root):
        if tree.has_anything(root, name):
            index.works[name] = load(root, name).work
            see_who_waits(root, index.works[name])
    index.look_across()
    return index


def load(root: str, instruction: str) -> Loaded:
    """One instruction as the tree and its journal have it. Raises OSError."""
    folder = os.path.join(root, instruction)
    lines = journal.read(os.path.join(folder, JOURNAL))
    history = History().replay(lines.records)
    troubles: list[Fault] = []
    whole, tasks = _definitions(folder, history, troubles)
    work = Work(instruction, whole, history)
    loaded = Loaded(work, lines, troubles=troubles)
    work.mode = str(history.intake["mode"]) if history.intake else whole.mode or choose_mode(whole.tier, {})
    add_tasks(work, tasks)
    place(loaded, folder)
    return loaded


def place(loaded: Loaded, folder: str, now_s: float = 0.0) -> None:
    """Put every task where its file lies. Of two files the one that the journal knows counts, else the earlier."""
    work = loaded.work
    places: dict[str, list[str]] = {}
    for listing in tree.Scanner().changed(folder, everything=True):
        for stem in listing.tasks:
            if stem in work.records:
                places.setdefault(stem, []).append(listing.place)
            else:
                loaded.strangers.append((listing.folder, stem))
    for task_id in sorted(places, key=lambda t: work.history.ledger(t).queued_seq or work.history.ledger(t).moved_seq):
        found = places[task_id]
        known = work.history.ledger(task_id).place
        first = known if known in found else min(found, key=lambda p: ORDER_OF_LIFE[state_of(p)])
        work.put(work.records[task_id], first, now_s)
        rest = [other for other in found if other != first]
        if rest:
            loaded.doubles[task_id] = rest
    for record in work.records.values():
        work.refresh(record)


def _definitions(folder: str, history: History, troubles: list[Fault]) -> tuple[Instruction, list[Task]]:
    """What was taken in; where that is damaged or missing, what can still be read of the plan."""
    whole, tasks = Instruction(description="(unknown)"), []
    try:
        taken = definitions.read(folder)
    except ValueError as error:
        troubles.append(
            Fault("damaged", f"cannot be read ({error}); the plan is read instead", "workflow/taken_in.jsonl")
        )
        taken = None
    if taken is not None:
        whole, tasks = taken.instruction, list(taken.tasks)
    elif history.intake is not None and (read := _plan(folder, troubles)) is not None:
        whole, tasks = read
    known = {task.task_id for task in tasks}
    for task_id, ledger in history.ledgers.items():
        if ledger.digest is not None and task_id not in known and (task := _added(folder, task_id, troubles)):
            tasks.append(task)
    return whole, tasks


def _plan(folder: str, troubles: list[Fault]) -> tuple[Instruction, list[Task]] | None:
    from cagents_fs.model.files import Plan

    try:
        with open(os.path.join(folder, PLAN), "rb") as file:
            checked = check(parse_mapping(file.read(), PLAN_LIMITS), Plan, PLAN)
    except FileNotFoundError:
        return None
    except Unreadable as error:
        troubles.extend(error.faults)
        return None
    if checked.value is None:
        troubles.extend(checked.faults)
        return None
    return checked.value, list(checked.value.tasks)


def _added(folder: str, task_id: str, troubles: list[Fault]) -> Task | None:
    path = definitions.added_path(folder, task_id)
    try:
        with open(path, "rb") as file:
            checked = check(parse_mapping(file.read()), Task, f"{ADDED}/{task_id}.yaml")
    except FileNotFoundError:
        troubles.append(Fault("damaged", f"the definition of {task_id} is gone", f"{ADDED}/{task_id}.yaml"))
        return None
    except Unreadable as error:
        troubles.extend(error.faults)
        return None
    troubles.extend(checked.faults)
    return checked.value


def record_named(work: Work, task_id: str) -> Record:
    """The record of a task. Raises NothingThere."""
    if task_id not in work.records:
        raise NothingThere(f"{work.id} has no task {task_id}; `cagents-fs tasks {work.id}` lists them")
    return work.records[task_id]
