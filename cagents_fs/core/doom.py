"""Which tasks can no longer start, and what was lost? Worked out over a whole instruction, when something was lost."""

from typing import TYPE_CHECKING

from cagents_fs.core.graph import circular, doomed
from cagents_fs.model.states import State

if TYPE_CHECKING:
    from cagents_fs.core.work import Work


def out_of_reach(work: "Work") -> dict[str, tuple[str, ...]]:
    """The tasks that can no longer start, each with what was lost, through any number of levels."""
    roots = [*work.lost(), *_missing(work), *sorted(_circles(work))]
    lacking = work.lacking | {(task_id, task_id) for task_id in work.tangled}
    done = frozenset(task_id for task_id, record in work.records.items() if record.satisfied)
    waived = frozenset((t, awaited) for t, record in work.records.items() for awaited in record.ledger.waived)
    doom = doomed(work.edges, work.children, roots, lacking, waived, done)
    if work.mode == "pipeline":
        _close_stages(work, doom)
    return doom


def _circles(work: "Work") -> set[str]:
    """The tasks of the circles that nobody has cut, by a cancellation with skip or by giving up a dependency."""
    return circular({task_id: [*work.unmet_of(task_id), *work.open_children(task_id)] for task_id in work.circular})


def _missing(work: "Work") -> list[str]:
    """What is waited for and is not there; before everything has been taken in, nothing counts as missing."""
    if work.history.intake is None:
        return []
    here = [task_id for task_id in work.children if ":" not in task_id and task_id not in work.records]
    return [*here, *(reference for reference, state in work.outside.items() if state == "lost")]


def _close_stages(work: "Work", doom: dict[str, tuple[str, ...]]) -> None:
    """In a pipeline a stage of which a task cannot come is never done: the stages after it can no longer begin."""
    stuck = {**doom, **{task_id: (task_id,) for task_id in work.lost()}}
    if not stuck:
        return
    for task_id, level in work.level.items():
        record = work.records[task_id]
        causes = {cause for other, roots in stuck.items() if work.level[other] < level for cause in roots}
        causes -= record.ledger.waived
        if causes and record.state is not State.COMPLETED:
            doom[task_id] = tuple(sorted({*doom.get(task_id, ()), *causes}))
