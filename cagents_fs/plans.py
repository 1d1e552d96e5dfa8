"""Judging a plan as a whole: every fault with its line, or a plan that can be taken in."""

import hashlib
import os
import sys
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic import ValidationError

from cagents_fs.core.coherence import plan_faults
from cagents_fs.core.graph import choose_mode
from cagents_fs.model.faults import MOST_FAULTS, Fault, and_more
from cagents_fs.model.files import Plan, Task
from cagents_fs.model.ids import fold, id_fault
from cagents_fs.model.policy import Policy
from cagents_fs.store.check import SCHEMA, check
from cagents_fs.store.definitions import as_written
from cagents_fs.store.yaml import PLAN, Document, Unreadable, parse_mapping

MOST_UNREADABLE = 1000
SHELL = "shell"  # the embedded agent that runs a task's `command`; all others ignore it


@dataclass(frozen=True, slots=True)
class Judged:
    """A plan, or why it is none. `written` is the plan as plain data, as its author wrote it."""

    plan: Plan | None
    written: dict[str, Any]
    sha256: str
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...] = ()
    elsewhere: tuple[tuple[str, Callable[[], Fault]], ...] = ()  # `inst:task`, and what to say where it is not there

    @property
    def mode(self) -> str:
        """The mode it names, or the one that suits its tier and its graph."""
        assert self.plan is not None
        return _mode(self.plan)

    def missing(self, knows: Callable[[str], bool]) -> tuple[Fault, ...]:
        """The tasks of other instructions that it waits for and that nobody knows."""
        found = (say() for reference, say in self.elsewhere if not knows(reference))
        return tuple(sorted(found, key=_standing))


def _mode(plan: Plan) -> str:
    names = {task.task_id for task in plan.tasks}
    edges = {task.task_id: [awaited for awaited in task.blocking() if awaited in names] for task in plan.tasks}
    return plan.mode or choose_mode(plan.tier, edges)


def judge(data: bytes, path: str, policy: Policy, instruction: str | None = None) -> Judged:
    """Every fault of a plan at once. Raises nothing for any content."""
    sha256 = hashlib.sha256(data).hexdigest()
    try:
        document = parse_mapping(data, PLAN)
    except Unreadable as error:
        return Judged(None, {}, sha256, tuple(_at(fault, path) for fault in error.faults))
    checked = check(document, Plan, path)
    reading = _Reading(document, path, _readable(checked.value, document.value))
    faults = [*checked.faults, *reading.one_by_one(policy, instruction)]
    elsewhere = tuple(reading.elsewhere())
    faults += [*reading.references(), *reading.together(checked.value, policy)]
    faults = sorted(dict.fromkeys(faults), key=_standing)
    plan = None if faults else checked.value
    if len(faults) > MOST_FAULTS + 1:  # the last of a hundred and one says how many more there are
        faults[MOST_FAULTS:] = and_more(len(faults) - MOST_FAULTS, SCHEMA, path)
    return Judged(plan, as_written(document.value), sha256, tuple(faults), checked.warnings, elsewhere)


def _standing(fault: Fault) -> tuple[int, int]:
    return fault.line or sys.maxsize, fault.column or 0  # what has no place says how many more there are


def _at(fault: Fault, path: str) -> Fault:
    return fault if fault.path else Fault(fault.code, fault.message, path, fault.line, fault.column)


class _Reading:
    """The tasks that can be read, whether or not the others can: so all that is wrong is said at once."""

    def __init__(self, document: Document, path: str, tasks: dict[int, Task]) -> None:
        self.document, self.path, self.tasks = document, path, tasks
        self.number = {task.task_id: number for number, task in reversed(tasks.items())}
        self.names: Set[str] = self.number.keys() | named(document.value)

    def fault(self, code: str, message: str, *loc: str | int) -> Fault:
        """A fault with its line."""
        line, column = self.document.place(loc) or (None, None)
        return Fault(code, message, self.path, line, column)

    def one_by_one(self, policy: Policy, instruction: str | None) -> Iterator[Fault]:
        """What is wrong with each task by itself."""
        first: dict[str, tuple[str, int]] = {}
        for number, task in self.tasks.items():
            known = first.setdefault(fold(task.task_id), (task.task_id, number))
            if known[1] != number:
                same = "twice" if known[0] == task.task_id else f"beside {known[0]}, from which it differs in case only"
                text = f"the task {task.task_id} is there {same}; give it another id"
                yield self.fault("duplicate_id", text, "tasks", number, "task_id")
            if task.instruction_id and instruction and task.instruction_id != instruction:
                text = f"{task.task_id} says it belongs to {task.instruction_id}, not to {instruction}"
                yield self.fault("wrong_instruction", text, "tasks", number, "instruction_id")
            if problem := lacks_command(task, policy):
                yield self.fault("no_command", problem, "tasks", number)

    def references(self) -> Iterator[Fault]:
        """The tasks that are named and that this plan does not have."""
        for number, task, awaited, loc in self._awaited():
            at = ("tasks", number, "dependencies", *loc)
            if ":" not in awaited and awaited not in self.names:
                text = f"{task.task_id} waits for {awaited}, which this plan does not have"
                yield self.fault("missing_dependency", text, *at)
            elif ":" in awaited and not _is_elsewhere(awaited):
                text = f"{task.task_id} waits for {awaited}; a task of another instruction is written instruction:task"
                yield self.fault("missing_dependency", text, *at)
        for number, task in self.tasks.items():
            for n, point in enumerate(task.dependencies.coordination):
                for m, other in enumerate(point.with_):
                    if other not in self.names:
                        text = f"{task.task_id} meets {other} at {point.checkpoint}, which this plan does not have"
                        at = ("tasks", number, "dependencies", "coordination", n, "with", m)
                        yield self.fault("missing_dependency", text, *at)

    def elsewhere(self) -> Iterator[tuple[str, Callable[[], Fault]]]:
        """The tasks of other instructions that are waited for, each with what to say where it is not there."""
        for number, task, awaited, loc in self._awaited():
            if _is_elsewhere(awaited):
                text = f"{task.task_id} waits for {awaited}, which is not in this tree; submit what it belongs to first"
                at = ("tasks", number, "dependencies", *loc)
                yield awaited, partial(self.fault, "missing_dependency", text, *at)

    def _awaited(self) -> Iterator[tuple[int, Task, str, tuple[str | int, ...]]]:
        for number, task in self.tasks.items():
            short = isinstance(self.document.value["tasks"][number].get("dependencies"), list)
            yield from ((number, task, awaited, loc) for awaited, loc in _awaited(task, short=short))

    def together(self, plan: Plan | None, policy: Policy) -> Iterator[Fault]:
        """Parents, circles, stages."""
        value = self.document.value
        listed = plan.stages if plan else value.get("stages")
        stages = [name for name in listed if isinstance(name, str)] if isinstance(listed, list | tuple) else []
        tasks = {task_id: self.tasks[number] for task_id, number in reversed(self.number.items())}

        def is_staged() -> bool:  # asked only where there is no circle: then there are waves
            return (_mode(plan) if plan else value.get("mode")) == "pipeline"

        for task_id, loc, found in plan_faults(tasks, self.names, stages, policy.max_depth, is_staged):
            at = loc if task_id is None else ("tasks", self.number[task_id], *loc)
            yield self.fault(found.code, found.message, *at)


def _readable(plan: Plan | None, value: Any) -> dict[int, Task]:
    """The tasks that fit the schema, by their number in the plan."""
    if plan is not None:
        return dict(enumerate(plan.tasks))
    readable: dict[int, Task] = {}
    listed = value.get("tasks")
    for number, item in enumerate(listed if isinstance(listed, list) else []):
        try:
            readable[number] = Task.model_validate(item)
        except ValidationError:
            if number - len(readable) > MOST_UNREADABLE:
                break  # more than enough is said of them
    return readable


def named(value: Any) -> set[str]:
    """Every id that the plan gives, also to tasks that are otherwise wrong: those are not missing."""
    listed = value.get("tasks")
    if not isinstance(listed, list):
        return set()
    return {str(item["task_id"]) for item in listed if isinstance(item, dict) and "task_id" in item}


def _is_elsewhere(awaited: str) -> bool:
    """Whether this is how a task of another instruction is named: `inst:task`."""
    return ":" in awaited and not any(id_fault(part) for part in awaited.split(":", 1))


def _awaited(task: Task, *, short: bool) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    """Each dependency with where it stands, in the short form or in the long one."""
    if short:
        for number, dependency in enumerate(task.dependencies.hard_dependencies):
            yield dependency.task_id, (number,)
        return
    for kind in ("hard_dependencies", "soft_dependencies", "data_dependencies"):
        for number, dependency in enumerate(getattr(task.dependencies, kind)):
            yield dependency.task_id, (kind, number)


def lacks_command(task: Task, policy: Policy) -> str | None:
    """Why nobody could run this task, if it asks for an agent that runs commands and brings none."""
    if task.command is None and task.assigned_agent == SHELL and SHELL in policy.agents:
        return f"{task.task_id} is for `{SHELL}`, which runs a command, and has none; add command: …"
    return None


def workspace_of(root: str, instruction_workspace: str | None) -> str:
    """The folder in which agents and checks of an instruction work: by default the one that holds the tree."""
    base = os.path.dirname(os.path.abspath(root))
    return os.path.normpath(os.path.join(base, instruction_workspace)) if instruction_workspace else base
