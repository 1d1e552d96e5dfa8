"""The daemon's picture of the tree: all instructions, and what they have to do with each other.

Never trusted over the tree; rebuilt from it. A rule that wants more than the live tasks gets a lookup here or in
`work.py`, and a line in `check`; no rule walks everything.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from cagents_fs.core.artifacts import hands_over
from cagents_fs.core.graph import circle_by, circular, cycle, levels
from cagents_fs.core.meetings import Meeting, meetings_of
from cagents_fs.core.record import Record
from cagents_fs.core.stages import stages
from cagents_fs.core.work import Work
from cagents_fs.model.files import Task
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import State

__all__ = ["Index", "Record", "Work", "add_edge", "add_tasks", "waits_also"]


def add_tasks(work: Work, tasks: Iterable[Task]) -> None:
    """Take definitions into the graph. Tasks of a circle are marked: they cannot be ordered in stages."""
    for task in tasks:
        work.records[task.task_id] = Record(task, work.history.ledger(task.task_id))
        if task.parent_task_id:
            work.offspring.setdefault(task.parent_task_id, []).append(task.task_id)
        _connect(work, task.task_id)
    arrived = {name: meeting.arrived for name, meeting in work.meetings.items()}
    work.meetings = {
        name: Meeting(participants, arrived.get(name, {}))
        for name, participants in meetings_of(record.task for record in work.records.values()).items()
    }
    _arrange(work)


def add_edge(work: Work, task_id: str) -> None:
    """A dependency was added to a task that is there already; its ledger says which."""
    _connect(work, task_id)
    _arrange(work)


def _connect(work: Work, task_id: str) -> None:
    """Take the edges of a task that are not known yet into the graph, each once."""
    record, before = work.records[task_id], work.edges.get(task_id, ())
    work.edges[task_id] = tuple(dict.fromkeys((*record.task.blocking(), *record.ledger.added_edges)))
    for awaited in work.edges[task_id]:
        if awaited in before:
            continue
        work.children.setdefault(awaited, []).append(task_id)
        if ":" in awaited:  # seen anew by all who wait for it: each of them may want another artifact
            work.outside[awaited] = "waits"
            work.lacking = {edge for edge in work.lacking if edge[1] != awaited}
            work.tangled_stale = True
        elif (other := work.records.get(awaited)) and other.satisfied and not hands_over(other, record, awaited):
            work.lacking.add((task_id, awaited))


def _arrange(work: Work) -> None:
    """Circles, stages, and for how many each task waits."""
    whole = waits_also(work)
    work.circular = frozenset(circular(whole))
    work.doom_stale = work.urgency_stale = True
    orderly = {
        task_id: []
        if task_id in work.circular
        else [t for t in awaited if t in work.records and t not in work.circular]
        for task_id, awaited in whole.items()
    }
    definitions = {task_id: record.task for task_id, record in work.records.items()}
    staged = work.mode == "pipeline"
    work.level = stages(definitions, orderly, work.instruction.stages) if staged else levels(orderly)
    work.level |= dict.fromkeys(work.circular, 0)
    work.level_left = {}
    for task_id, record in work.records.items():
        level = work.level[task_id]
        work.level_left[level] = work.level_left.get(level, 0) + (0 if record.satisfied else 1)
        work.unmet[task_id] = len(work.unmet_of(task_id))
        if work.unmet[task_id]:
            work.ready.pop(task_id, None)


def waits_also(work: Work) -> dict[str, list[str]]:
    """Whom each task waits for before it can be completed: those it depends on, and its children."""
    return {task_id: [*awaited, *work.offspring.get(task_id, ())] for task_id, awaited in work.edges.items()}


@dataclass(slots=True)
class Index:
    """All instructions of a tree."""

    works: dict[str, Work] = field(default_factory=dict)
    hands: int = 0  # how many processes the runner may have; 0: nobody is started here
    running: int = 0  # how many it has
    staffed_only: str | None = None  # the one instruction whose tasks the runner takes; None: all
    about: str | None = None  # with which instruction we are busy just now: a fault of ours concerns that one
    aside: set[str] = field(default_factory=set)  # with which we had such faults: nobody looks at them, or decides

    def each(self) -> Iterator[Work]:
        """All but those that are set aside, one after another; `about` says meanwhile which one it is."""
        before = self.about
        for work in tuple(self.works.values()):
            if work.id not in self.aside:
                self.about = work.id
                yield work
        self.about = before  # not where an exception ends it: then `about` says whom that concerned

    def turn_to(self, instruction: str) -> Work | None:
        """From here on `about` is this one. None where it is not there, or is set aside."""
        self.about = instruction
        return None if instruction in self.aside else self.works.get(instruction)

    def open_works(self) -> Iterator[Work]:
        """The instructions in which something can still happen."""
        return (work for work in self.works.values() if work.open)

    def at_work(self, agent: str) -> int:
        """How many tasks this agent works on, in the whole tree; those that wait for others hold none of its slots."""
        return sum(record.ledger.holder == agent for work in self.works.values() for record in work.working())

    def agents_at_work(self, work: Work | None = None) -> set[str]:
        """The distinct agents that work on something, in one instruction or in the tree; who waits is none of them."""
        works = [work] if work else self.works.values()
        return {record.ledger.holder or "" for one in works for record in one.working()}

    def queued_for(self, work: Work, agent: str) -> int:
        """How deep this agent's queue in this instruction is."""
        return len(work.at_agent.get(agent, ()))

    def replace(self, work: Work) -> None:
        """An instruction was read anew: what others want of it, or wait for in it, is looked at again."""
        self.works[work.id] = work
        for other in self.works.values():
            other.tangled_stale = True

    def look_across(self) -> None:
        """Bring what instructions know of each other's tasks up to date."""
        waiting = sum(bool(work.outside) for work in self.works.values())
        for _ in range(waiting + 1):  # what is lost, or a circle that is cut, is told on through all of them
            changed = [work.id for work in self.each() if work.outside and self._look_out_of(work)]
            if not changed:
                return

    def _look_out_of(self, work: Work) -> bool:
        """See what became of those for whom this instruction waits in others. Returns whether anything has."""
        before = {**work.outside}, work.tangled
        for reference in work.outside:
            state, record = self._state_of(reference)
            work.set_outside(reference, state, record)
        if work.tangled_stale or work.tangled:
            work.tangled, work.tangled_stale = self._tangled(work), False
            work.doom_stale = True
            self._want(work)
        return before != (work.outside, work.tangled)

    def urgencies(self, policy: Policy) -> None:
        """Bring the urgency of all tasks up to date, also where those who wait are of other instructions."""
        for _ in self.works:
            for work in self.each():
                work.urgencies(policy)
            for work in self.each():
                self._ask(work)
            if not [work for work in self.each() if work.urgency_stale]:
                return

    def _want(self, work: Work) -> None:
        """Let other instructions know which of their artifacts are waited for here."""
        for child in {child for reference in work.outside for child in work.children[reference]}:
            for dependency in work.records[child].task.dependencies.data_dependencies:
                instruction, _, task_id = dependency.task_id.rpartition(":")
                if instruction in self.works:
                    wanted = self.works[instruction].wanted.setdefault(task_id, {})
                    wanted[dependency.artifact_path] = f"{work.id}:{child}"

    def _ask(self, work: Work) -> None:
        for reference in work.outside:
            instruction, _, task_id = reference.partition(":")
            ranks = [work.records[child].urgency for child in work.children[reference] if child in work.records]
            if instruction in self.works and ranks:
                self.works[instruction].ask(task_id, min(ranks))

    def knows(self, reference: str) -> bool:
        """Whether `inst:task` is there, whatever became of it."""
        instruction, _, task_id = reference.partition(":")
        return instruction in self.works and task_id in self.works[instruction].records

    def _state_of(self, reference: str) -> tuple[str, Record | None]:
        """What became of `inst:task`: waits, met or lost."""
        instruction, _, task_id = reference.partition(":")
        work = self.works.get(instruction)
        if work is None and instruction in self.aside:
            return "waits", None  # nobody has seen whether it is there
        if work is None or (work.history.intake is not None and task_id not in work.records):
            return "lost", None
        if work.history.intake is None:
            return "waits", None
        record = work.records[task_id]
        if record.satisfied:
            return "met", record
        lost = record.state in (State.FAILED, State.CANCELLED) or self._is_doomed(work, task_id)
        return ("lost" if lost else "waits"), record

    def _is_doomed(self, work: Work, task_id: str) -> bool:
        """Whether a task of another instruction can no longer start. A fault of ours in that concerns the other."""
        before, self.about = self.about, work.id
        doomed = work.id not in self.aside and task_id in work.causes()
        self.about = before
        return doomed

    def circle(self, work: Work, task_id: str, on: str) -> list[str] | None:
        """The circle through other instructions that would be closed if this task waited for `inst:task` as well."""
        return circle_by(self._across([on]), f"{work.id}:{task_id}", on)

    def circle_through(self, work: Work, task_id: str) -> list[str]:
        """The circle through other instructions on which a task lies, as `inst:task`; empty where there is none."""
        return cycle(self._across([f"{work.id}:{task_id}"])) or []

    def _across(self, names: list[str]) -> dict[str, list[str]]:
        """Whom these tasks, each named `inst:task`, wait for, and whom those, through all instructions."""
        edges: dict[str, list[str]] = {}
        pending = list(names)
        while pending:
            name = pending.pop()
            if name in edges:
                continue
            instruction, _, task_id = name.partition(":")
            other = self.works.get(instruction)
            there = other is not None and task_id in other.records
            awaited = [*other.unmet_of(task_id), *other.open_children(task_id)] if other and there else []
            edges[name] = [a if ":" in a else f"{instruction}:{a}" for a in awaited]
            pending.extend(edges[name])
        return edges

    def _tangled(self, work: Work) -> frozenset[str]:
        """The tasks of an instruction that lie on a circle through other instructions."""
        waiting = [f"{work.id}:{child}" for reference in work.outside for child in work.children.get(reference, ())]
        edges = self._across(waiting)
        if cycle(edges) is None:
            return frozenset()
        return frozenset(n.partition(":")[2] for n in circular(edges) if n.startswith(f"{work.id}:"))
