"""How tasks hang together: cycles, waves, and the mode that suits a graph. Pure, iterative, linear in the edges."""

from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

Edges = Mapping[str, Sequence[str]]  # task -> the tasks it waits for


def cycle(edges: Edges) -> list[str] | None:
    """A cycle as the path that one walks, the first task again at the end (`a -> b -> a`: a waits for b, b for a)."""
    sorter: TopologicalSorter[str] = TopologicalSorter(edges)
    try:
        sorter.prepare()
    except CycleError as error:
        path: list[str] = list(error.args[1])
        return path[::-1]  # graphlib walks from the awaited to the waiting one
    return None


def circle_by(edges: Edges, task: str, awaited: str) -> list[str] | None:
    """The circle that comes into being when `task` waits for `awaited` as well, as the path that one walks."""
    came_from: dict[str, str] = {awaited: task}
    pending = [awaited]
    while pending and task not in came_from:
        at = pending.pop()
        for further in edges.get(at, ()):
            if further not in came_from:
                came_from[further] = at
                pending.append(further)
    if task not in came_from:
        return None
    path = [task]
    while len(path) == 1 or path[-1] != task:
        path.append(came_from[path[-1]])
    return path[::-1]


def circular(edges: Edges) -> set[str]:
    """Every task that lies on a cycle which had to be cut to get an order; empty for a proper graph."""
    found: set[str] = set()
    rest = dict(edges)
    while path := cycle(rest):
        found.update(path)
        rest = {task: [t for t in awaited if t not in found] for task, awaited in rest.items() if task not in found}
    return found


def levels(edges: Edges) -> dict[str, int]:
    """The wave of each task: 0 for those that wait for nothing, else one more than the latest awaited one."""
    level: dict[str, int] = {}
    sorter: TopologicalSorter[str] = TopologicalSorter(edges)
    for task in sorter.static_order():
        level[task] = 1 + max((level[awaited] for awaited in edges.get(task, ())), default=-1)
    return level


def below(edges: Edges, start: str) -> set[str]:
    """Every task that `start` waits for, directly or through others."""
    found: set[str] = set()
    pending = [start]
    while pending:
        for awaited in edges.get(pending.pop(), ()):
            if awaited not in found:
                found.add(awaited)
                pending.append(awaited)
    return found


def independence(edges: Edges) -> float:
    """1 − (longest chain − 1) / (n − 1), PROTOCOL section 7: 1 for tasks without edges, 0 for a chain."""
    if len(edges) < 2:
        return 1.0
    longest = 1 + max(levels(edges).values(), default=0)
    return 1 - (longest - 1) / (len(edges) - 1)


def choose_mode(tier: int | None, edges: Edges) -> str:
    """The mode for a plan that names none; without a tier it has tier 3 (PROTOCOL sections 7 and 11)."""
    match 3 if tier is None else tier:
        case 0 | 1:
            return "sequential"
        case 2:
            return "pipeline"
        case 4:
            return "mesh"
    return "swarm" if independence(edges) > 0.7 else "pipeline"


def doomed(
    edges: Edges,
    children: Edges,
    lost: Iterable[str],
    lacking: Iterable[tuple[str, str]] = (),
    waived: frozenset[tuple[str, str]] = frozenset(),
    done: frozenset[str] = frozenset(),
) -> dict[str, tuple[str, ...]]:
    """Every task that can no longer start, with the lost tasks that it waits for, through any number of levels.

    `lost` are the tasks (or names of missing tasks) that will not be completed; they are not part of the answer,
    unless they wait for another lost one. `lacking` are edges (who waits, for whom) that cannot be met although the
    awaited one is completed; `waived` are edges that nobody waits for any more. Who waits for one that is `done`,
    whatever that one itself waits for, is not concerned.
    """
    causes: dict[str, set[str]] = {}
    starts = [(root, root, list(children.get(root, ()))) for root in lost]
    for root, via, first in [*starts, *((awaited, awaited, [child]) for child, awaited in lacking)]:
        pending = [(child, via) for child in first]
        while pending:
            task, awaited = pending.pop()
            if task in done:
                continue
            known = causes.setdefault(task, set()) if (task, awaited) not in waived else {root}
            if root not in known:
                known.add(root)
                pending.extend((child, task) for child in children.get(task, ()))
    return {task: tuple(sorted(roots)) for task, roots in causes.items() if task in edges}
