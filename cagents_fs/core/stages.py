"""The stages of a pipeline: those that its tasks name, else the waves of the graph."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

from cagents_fs.core.graph import Edges, levels
from cagents_fs.model.faults import Fault
from cagents_fs.model.files import Task

Stage = int | str


def stages(tasks: Mapping[str, Task], edges: Edges, listed: Sequence[str] = ()) -> dict[str, int]:
    """The stage of each task, counted from 0, in topological order. `edges` must be free of circles.

    A task that names none, beside tasks that do, is of the latest stage of those it waits for.
    """
    waves = levels(edges)
    order = named(tasks.values(), listed)
    if not order:
        return waves
    number = {stage: position for position, stage in enumerate(order)}
    found: dict[str, int] = {}
    for task_id in waves:
        stage = tasks[task_id].stage if task_id in tasks else None
        awaited = max((found[other] for other in edges.get(task_id, ())), default=0)
        found[task_id] = awaited if stage is None else number.get(stage, awaited)
    return found


def named(tasks: Iterable[Task], listed: Sequence[str] = ()) -> list[Stage]:
    """The stages that are named, in their order: numbers by size; names as listed, else as they first appear."""
    stages_named = list(dict.fromkeys(task.stage for task in tasks if task.stage is not None))
    numbers = sorted(stage for stage in stages_named if isinstance(stage, int))
    names = [stage for stage in stages_named if isinstance(stage, str)]
    return [*numbers, *listed, *(name for name in names if name not in listed)] if stages_named else []


def stage_faults(tasks: Sequence[Task], edges: Edges, listed: Sequence[str]) -> Iterator[tuple[str, Fault]]:
    """What cannot be meant, with the task that it is about (or the stage, where no task is)."""
    order = named(tasks, listed)
    numbers = [stage for stage in order if isinstance(stage, int)]
    gaps = [lower + 1 for lower, upper in pairwise(numbers) if upper - lower > 1]
    used = {task.stage for task in tasks}
    for empty in [*gaps[:10], *(name for name in listed if name not in used)]:
        text = f"the stage {empty} has no task: it would never be done; take it out, or give it one"
        yield str(empty), Fault("empty_stage", text)
    for task in tasks:
        if listed and task.stage is not None and task.stage not in listed:
            text = f"{task.task_id} is of the stage {task.stage}, which `stages:` does not list ({', '.join(listed)})"
            yield task.task_id, Fault("unknown_stage", text)
    level = stages({task.task_id: task for task in tasks}, edges, listed)
    for task in tasks:
        for awaited in edges.get(task.task_id, ()):
            if level[awaited] > level[task.task_id]:
                text = f"{task.task_id} waits for {awaited}, which is of a later stage and would never be done"
                yield task.task_id, Fault("stage_order", text)
