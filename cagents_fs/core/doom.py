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
    work.given_up = {}
    if work.mode == "pipeline":
        without = {awaited for _, awaited in waived}
        gone = {task_id: lost for task_id, lost in doom.items() if _is_blocked(work, task_id)}
        for task_id, lost in {**gone, **{lost: (lost,) for lost in work.lost()}}.items():
            if without.issuperset(lost):  # nobody waits for these, nor for what cannot come because of them
                level = work.level[task_id]
                work.given_up[level] = work.given_up.get(level, 0) + 1
        _close_stages(work, doom, without)
    return doom


def _is_blocked(work: "Work", task_id: str) -> bool:
    """Whether a task waits among the blocked for what was lost, and not for the answer to a question of its own."""
    record = work.records[task_id]
    return record.state is State.BLOCKED and record.ledger.escalation is None


def _circles(work: "Work") -> set[str]:
    """The tasks of the circles that nobody has cut, by a cancellation with skip or by giving up a dependency."""
    return circular({task_id: [*work.unmet_of(task_id), *work.open_children(task_id)] for task_id in work.circular})


def _missing(work: "Work") -> list[str]:
    """What is waited for and is not there; before everything has been taken in, nothing counts as missing."""
    if work.history.intake is None:
        return []
    here = [task_id for task_id in work.children if ":" not in task_id and task_id not in work.records]
    return [*here, *(reference for reference, state in work.outside.items() if state == "lost")]


def _close_stages(work: "Work", doom: dict[str, tuple[str, ...]], without: set[str]) -> None:
    """In a pipeline a stage of which a task cannot come is never done: the stages after it can no longer begin.

    `without`: lost tasks that somebody goes on without; for the stages they count as done.
    """
    stuck: dict[int, set[str]] = {}
    for task_id, roots in (*doom.items(), *((lost, (lost,)) for lost in work.lost())):
        if causes := set(roots) - without:
            stuck.setdefault(work.level[task_id], set()).update(causes)
    if not stuck:
        return
    first = min(stuck)
    before = {level: set[str]().union(*(stuck[other] for other in stuck if other < level)) for level in stuck}
    last = set[str]().union(*stuck.values())
    for task_id, level in work.level.items():
        if level <= first or work.records[task_id].state is State.COMPLETED:
            continue
        causes = before[level] if level in before else _up_to(stuck, level, last)
        doom[task_id] = tuple(sorted({*doom.get(task_id, ()), *causes}))


def _up_to(stuck: dict[int, set[str]], level: int, everything: set[str]) -> set[str]:
    if level > max(stuck):
        return everything
    return set[str]().union(*(causes for other, causes in stuck.items() if other < level))
