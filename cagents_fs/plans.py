"""Judging a plan as a whole: every fault with its line, or a plan that can be taken in."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from cagents_fs.core.graph import choose_mode, cycle
from cagents_fs.model.faults import Fault
from cagents_fs.model.files import Plan, Task
from cagents_fs.model.ids import fold
from cagents_fs.model.policy import Policy
from cagents_fs.store.check import check
from cagents_fs.store.definitions import as_written
from cagents_fs.store.yaml import PLAN, Document, Unreadable, parse_mapping

SHELL = "shell"  # the embedded agent that runs a task's `command`; all others ignore it


@dataclass(frozen=True, slots=True)
class Judged:
    """A plan, or why it is none. `written` is the plan as plain data, as its author wrote it."""

    plan: Plan | None
    written: dict[str, Any]
    sha256: str
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...] = ()

    @property
    def mode(self) -> str:
        """The mode it names, or the one that suits its tier and its graph."""
        assert self.plan is not None
        edges = {task.task_id: task.blocking() for task in self.plan.tasks}
        return self.plan.mode or choose_mode(self.plan.tier, edges)


def judge(data: bytes, path: str, policy: Policy, instruction: str | None = None) -> Judged:
    """Every fault of a plan at once. Raises nothing for any content."""
    sha256 = hashlib.sha256(data).hexdigest()
    try:
        document = parse_mapping(data, PLAN)
    except Unreadable as error:
        return Judged(None, {}, sha256, tuple(_at(fault, path) for fault in error.faults))
    checked = check(document, Plan, path)
    faults = list(checked.faults)
    faults.extend(_of_tasks(_readable(checked.value, document.value), document, path, policy, instruction))
    faults = sorted(dict.fromkeys(faults), key=lambda fault: (fault.line or 0, fault.column or 0))
    plan = None if faults else checked.value
    return Judged(plan, as_written(document.value), sha256, tuple(faults), checked.warnings)


def _at(fault: Fault, path: str) -> Fault:
    return fault if fault.path else Fault(fault.code, fault.message, path, fault.line, fault.column)


def _of_tasks(
    tasks: dict[int, Task], document: Document, path: str, policy: Policy, instruction: str | None
) -> Iterator[Fault]:
    """Everything about the tasks that can be read, whether or not the others can: so all of it is said at once."""

    def fault(code: str, message: str, *loc: str | int) -> Fault:
        line, column = document.place(loc) or (None, None)
        return Fault(code, message, path, line, column)

    first: dict[str, tuple[str, int]] = {}
    for number, task in tasks.items():
        known = first.setdefault(fold(task.task_id), (task.task_id, number))
        if known[1] != number:
            same = "twice" if known[0] == task.task_id else f"beside {known[0]}, from which it differs in case only"
            text = f"the task {task.task_id} is there {same}; give it another id"
            yield fault("duplicate_id", text, "tasks", number, "task_id")
        if task.instruction_id and instruction and task.instruction_id != instruction:
            text = f"{task.task_id} says it belongs to {task.instruction_id}, not to {instruction}"
            yield fault("wrong_instruction", text, "tasks", number, "instruction_id")
        if problem := lacks_command(task, policy):
            yield fault("no_command", problem, "tasks", number)
    names = {task.task_id for task in tasks.values()} | _named(document.value)
    for number, task in tasks.items():
        for awaited, loc in _awaited(task, short=isinstance(document.value["tasks"][number].get("dependencies"), list)):
            if awaited not in names:
                text = f"{task.task_id} waits for {awaited}, which this plan does not have"
                yield fault("missing_dependency", text, "tasks", number, "dependencies", *loc)
    read = {task.task_id for task in tasks.values()}
    edges = {task.task_id: [t for t in task.blocking() if t in read] for task in tasks.values()}
    if circle := cycle(edges):
        text = f"these tasks wait for each other: {' -> '.join(circle)}; take one of the dependencies out"
        number = next(n for n, task in tasks.items() if task.task_id == circle[0])
        yield fault("cycle", text, "tasks", number, "dependencies")


def _readable(plan: Plan | None, value: Any) -> dict[int, Task]:
    """The tasks that fit the schema, by their number in the plan."""
    if plan is not None:
        return dict(enumerate(plan.tasks))
    readable = {}
    listed = value.get("tasks")
    for number, item in enumerate(listed if isinstance(listed, list) else []):
        try:
            readable[number] = Task.model_validate(item)
        except ValidationError:
            continue
    return readable


def _named(value: Any) -> set[str]:
    """Every id that the plan gives, also to tasks that are otherwise wrong: those are not missing."""
    listed = value.get("tasks")
    if not isinstance(listed, list):
        return set()
    return {str(item["task_id"]) for item in listed if isinstance(item, dict) and "task_id" in item}


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
