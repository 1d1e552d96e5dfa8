"""Does a set of tasks hang together? Parents, circles and stages that cannot be meant, before anything is made of them.

Each fault comes with the place that it is about: a task (none: the plan itself), and the keys that lead there from it.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import pairwise

from cagents_fs.core.graph import Edges, cycle
from cagents_fs.core.stages import Stage, named, stage_faults
from cagents_fs.core.work import Work
from cagents_fs.model.faults import Fault
from cagents_fs.model.files import Task

Loc = tuple[str | int, ...]
Placed = tuple[str | None, Loc, Fault]


def waits(tasks: Mapping[str, Task]) -> dict[str, list[str]]:
    """Whom each task waits for before it can be completed, within the plan: a parent also for its children."""
    edges = {task_id: [awaited for awaited in task.blocking() if awaited in tasks] for task_id, task in tasks.items()}
    for task_id, task in tasks.items():
        if task.parent_task_id in edges:
            edges[task.parent_task_id].append(task_id)
    return edges


def plan_faults(
    tasks: Mapping[str, Task],
    names: Collection[str],
    listed: Sequence[str],
    max_depth: int,
    is_staged: Callable[[], bool],
) -> Iterator[Placed]:
    """What is wrong with tasks together. `names`: all that the plan has, readable or not; `listed`: its stages."""
    parents = {task_id: task.parent_task_id for task_id, task in tasks.items()}
    for task in tasks.values():
        yield from _of_parent(task, parents, names, max_depth)
    edges = waits(tasks)
    if circle := cycle(edges):
        yield _circle(circle, tasks)
    else:
        yield from _of_stages(tasks, edges, listed, staged=is_staged())


def _of_parent(
    task: Task, parents: Mapping[str, str | None], names: Collection[str], max_depth: int
) -> Iterator[Placed]:
    parent, loc = task.parent_task_id, ("parent_task_id",)
    if parent is None:
        return
    if parent not in names:
        text = f"{task.task_id} is a child of {parent}, which is not there; name another parent, or take it out"
        yield task.task_id, loc, Fault("missing_parent", text)
        return
    chain = [task.task_id]
    while parent is not None and parent not in chain and len(chain) <= max_depth + 1:
        chain.append(parent)
        parent = parents.get(parent)
    if len(chain) == max_depth + 1 and parent is None:  # those below it are too deep for the same reason
        text = f"{' -> '.join(reversed(chain))} are {len(chain)} levels of parents, more than {max_depth}"
        yield task.task_id, loc, Fault("too_deep", f"{text}; make {task.task_id} a child of one further up")


def _circle(circle: list[str], tasks: Mapping[str, Task]) -> Placed:
    """A circle as the path that one walks."""
    of_parents = any(second not in tasks[first].blocking() for first, second in pairwise(circle))
    hint = "; a parent waits for its children" if of_parents else ""
    text = f"these tasks wait for each other: {' -> '.join(circle)}{hint}; take one of the dependencies out"
    if circle[1] in tasks[circle[0]].blocking():
        return circle[0], ("dependencies",), Fault("cycle", text)
    return circle[1], ("parent_task_id",), Fault("cycle", text)


def _of_stages(tasks: Mapping[str, Task], edges: Edges, listed: Sequence[str], *, staged: bool) -> Iterator[Placed]:
    for about, fault in stage_faults(list(tasks.values()), edges, listed):
        if fault.code == "empty_stage" and about in listed:
            yield None, ("stages", list(listed).index(about)), fault
        elif fault.code == "empty_stage":
            later = (t for t in tasks.values() if isinstance(t.stage, int) and t.stage > int(about))
            yield next(later).task_id, ("stage",), fault
        elif fault.code != "stage_order" or staged:  # where there are no stages, none is later
            yield about, ("stage",) if tasks[about].stage is not None else ("dependencies",), fault


def added_faults(work: Work, task: Task, max_depth: int) -> Iterator[tuple[Loc, Fault]]:
    """What is wrong with the parent and the stage of a task that is added to a running instruction."""
    parents = {task_id: record.task.parent_task_id for task_id, record in work.records.items()}
    names = {*parents, task.task_id}
    for _, loc, fault in _of_parent(task, parents, names, max_depth):
        yield loc, fault
    if task.parent_task_id in names and (circle := _circle_of(work, task)):
        definitions = {known: record.task for known, record in work.records.items()} | {task.task_id: task}
        yield ("parent_task_id",), _circle(circle, definitions)[2]
    if work.mode == "pipeline":
        yield from _added_stage(work, task)


def _circle_of(work: Work, task: Task) -> list[str] | None:
    """The circle that a child would close: its parent waits for it, and it, through whomever, for its parent."""
    edges: dict[str, list[str]] = {}
    pending = [task.task_id]
    while pending:
        task_id = pending.pop()
        if task_id in edges or not (task_id in work.records or task_id == task.task_id):
            continue
        awaited = task.blocking() if task_id == task.task_id else work.edges[task_id]
        child = (task.task_id,) if task_id == task.parent_task_id else ()
        edges[task_id] = [*awaited, *work.offspring.get(task_id, ()), *child]
        pending.extend(edges[task_id])
    circle = cycle(edges)
    return circle if circle and task.task_id in circle else None


def _added_stage(work: Work, task: Task) -> Iterator[tuple[Loc, Fault]]:
    known = [record.task for record in work.records.values()]
    listed = work.instruction.stages
    before, order = named(known, listed), named([*known, task], listed)
    if listed and task.stage is not None and task.stage not in listed:
        text = f"{task.task_id} is of the stage {task.stage}, which `stages:` does not list ({', '.join(listed)})"
        yield ("stage",), Fault("unknown_stage", text)
        return
    numbers = [stage for stage in before if isinstance(stage, int)]
    if isinstance(task.stage, int) and numbers and not numbers[0] - 1 <= task.stage <= numbers[-1] + 1:
        text = f"{task.task_id} is of the stage {task.stage}, but there are only {numbers[0]} to {numbers[-1]}"
        yield ("stage",), Fault("empty_stage", f"{text}; the stages between would never be done")

    def place(task_id: str) -> int:
        level = work.level.get(task_id, 0)
        return order.index(before[level]) if level < len(before) else len(order)

    awaited = [other for other in task.blocking() if other in work.records]
    mine = _position(task.stage, order) if task.stage is not None else max(map(place, awaited), default=0)
    if not order:
        return
    for other in awaited:
        if place(other) > mine:
            text = f"{task.task_id} waits for {other}, which is of a later stage and would never be done"
            yield ("stage",), Fault("stage_order", text)
    if task.parent_task_id in work.records and place(task.parent_task_id or "") < mine:
        text = f"{task.parent_task_id} waits for its child {task.task_id}, which is of a later stage"
        yield ("stage",), Fault("stage_order", f"{text} and would never be done")


def _position(stage: Stage, order: Sequence[Stage]) -> int:
    return order.index(stage) if stage in order else len(order)
