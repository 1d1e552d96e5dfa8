"""What is at the root of a wait? Through any number of levels, of instructions, of children and of checkpoints."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from cagents_fs.core.graph import cycle
from cagents_fs.core.index import Index, Record, Work, waits_also
from cagents_fs.model.states import FINAL, NOT_STARTED, State
from cagents_fs.report.words import listed, whereabouts

LOST = frozenset({"failed", "cancelled", "missing", "lacking", "circle", "escalation"})
MOST_STEPS = 12  # of a way that are said; the data have all
Node = tuple[str, str]  # instruction, task


@dataclass(frozen=True, slots=True)
class Cause:
    """A task with which something has to happen before the one asked about can go on."""

    task_id: str  # as the instruction asked about would call it: `inst:task` for one of another
    kind: str  # one of LOST, else `work`: it is on its way
    state: str | None  # where it lies; None: nowhere
    path: tuple[str, ...]  # from the task asked about to this one, both included
    matter: str  # what is the matter with it, as the end of a sentence about it: `has failed`
    remedy: str  # what to type or to do; empty where one has to wait

    @property
    def said(self) -> str:
        """As the end of a sentence: its name, what is the matter, the way there where it is longer, and what to do."""
        way = self.path if len(self.path) <= MOST_STEPS else (*self.path[:4], "…", *self.path[-4:])
        via = f" ({' <- '.join(way)})" if len(way) > 2 and self.kind != "circle" else ""
        return f"{self.task_id}, which {self.matter}{via}" + self.then

    @property
    def then(self) -> str:
        """What to do about it, where anything can be done."""
        return f"; {self.remedy}" if self.remedy else ""


def roots(index: Index, work: Work, task_id: str, wall_s: float) -> list[Cause]:
    """All that a task waits for at the bottom, the nearest first. Empty where nothing is left to wait for."""
    start = (work.id, task_id)
    came: dict[Node, Node | None] = {start: None}
    pending = deque([start])
    found: list[Cause] = []
    while pending:
        node = pending.popleft()
        awaited = [] if _in_circle(index, node) else list(_held_by(index, node))
        if not awaited and (node != start or _stands_for_itself(index, node)):
            found.append(_cause(index, work, _path(came, node), wall_s))
        for other in awaited:
            if _lacks(index, node, other):
                found.append(_lacking(index, work, (*_path(came, node), other)))
            elif other not in came:
                came[other] = node
                pending.append(other)
    return [*found, *_before_its_stage(index, work, task_id, found, wall_s)]


def _path(came: dict[Node, Node | None], node: Node) -> tuple[Node, ...]:
    path: list[Node] = []
    step: Node | None = node
    while step is not None:
        path.append(step)
        step = came[step]
    return tuple(reversed(path))


def _record(index: Index, node: Node) -> Record | None:
    work = index.works.get(node[0])
    return work.records.get(node[1]) if work else None


def _node(work: Work, reference: str) -> Node:
    instruction, colon, task_id = reference.partition(":")
    return (instruction, task_id) if colon else (work.id, reference)


def _in_circle(index: Index, node: Node) -> bool:
    """Whether it lies on a circle that nobody has cut, be it through other instructions."""
    work = index.works.get(node[0])
    return work is not None and node[1] in (work.circular | work.tangled) & work.causes().keys()


def _stands_for_itself(index: Index, node: Node) -> bool:
    """Whether what holds the task up is its own: a circle, an escalation, its end."""
    record = _record(index, node)
    own = record is None or record.ledger.escalation is not None or record.state in (State.FAILED, State.CANCELLED)
    return own or _in_circle(index, node)


def _held_by(index: Index, node: Node) -> Iterator[Node]:
    """The next step: for whom this task waits as it lies there."""
    record = _record(index, node)
    if record is None or record.state in FINAL:
        return
    work, task_id = index.works[node[0]], node[1]
    if record.state is State.IN_PROGRESS:
        if work.waits(record) is not None:
            yield from ((work.id, other) for other in _met(work, record))
            if record.waits_for_children:
                yield from ((work.id, child) for child in work.open_children(task_id))
    elif record.ledger.escalation is not None:
        children = set(work.offspring.get(task_id, ()))
        yield from ((work.id, child) for child in record.ledger.blocked_by if child in children)
    elif record.state in NOT_STARTED or record.state in (State.BLOCKED, State.RETRY, None):
        yield from (_node(work, awaited) for awaited in work.unmet_of(task_id))


def _met(work: Work, record: Record) -> Iterator[str]:
    """Those who have not come to a checkpoint at which this task waits."""
    for name, meeting in work.meetings.items():
        if name not in work.history.open_checkpoints and meeting.has_come(record):
            yield from (t for t in meeting.participants if t in work.records and meeting.expects(work.records[t]))


def _lacks(index: Index, node: Node, other: Node) -> bool:
    """Whether the awaited one is done, without the artifact for which this one waits."""
    awaited = _record(index, other)
    return awaited is not None and awaited.satisfied and node[0] in index.works


# -- what is the matter with it ------------------------------------------------------------------------------------


def _name(work: Work, node: Node) -> str:
    return node[1] if node[0] == work.id else f"{node[0]}:{node[1]}"


def _cause(index: Index, work: Work, path: tuple[Node, ...], wall_s: float) -> Cause:
    names, node = tuple(_name(work, step) for step in path), path[-1]
    record, known_as = _record(index, node), f"{node[0]}/{node[1]}"
    if record is None:
        text = "does not exist"
        remedy = f"add it to {node[0]}/tasks/pending/" + (
            f", or end what waits for it with `cagents-fs cancel {path[-2][0]}/{path[-2][1]}`" if len(path) > 1 else ""
        )
        return Cause(names[-1], "missing", None, names, text, remedy)
    where = index.works[node[0]]
    if _in_circle(index, node):
        return _circle(where, node, names, record.place)
    if record.ledger.escalation is not None:
        text, remedy = escalation(where, record.ledger.escalation)
        return Cause(names[-1], "escalation", record.place, names, f"is blocked by {text}", remedy)
    if record.state in (State.FAILED, State.CANCELLED):
        ended = "has failed" if record.state is State.FAILED else "was cancelled"
        text = f"{ended} and is in {record.place}" + (f": {why}" if (why := record.ledger.reason) else "")
        remedy = f"`cagents-fs retry {known_as}` takes it up again"
        return Cause(names[-1], record.state.name.lower(), record.place, names, text, remedy)
    return Cause(names[-1], "work", record.place, names, whereabouts(record, wall_s), "")


def _circle(work: Work, node: Node, names: tuple[str, ...], place: str | None) -> Cause:
    edges = {task: awaited for task, awaited in waits_also(work).items() if task in work.circular}
    path = cycle(edges) if node[1] in work.circular else None
    while path and node[1] not in path and (rest := {t: on for t, on in edges.items() if t not in path}):
        edges = rest
        path = cycle(edges)
    shown = " -> ".join(path) if path else f"{node[1]} -> … -> {node[1]}, through other instructions"
    text = f"is part of a circle of tasks that wait for each other: {shown}"
    remedy = f"end one of them with `cagents-fs cancel {node[0]}/{node[1]}`"
    return Cause(names[-1], "circle", place, (*names, *(path[1:] if path and path[0] == node[1] else ())), text, remedy)


def _lacking(index: Index, work: Work, path: tuple[Node, ...]) -> Cause:
    names, (instruction, child), awaited = tuple(_name(work, step) for step in path), path[-2], path[-1]
    waiting, record = _record(index, path[-2]), _record(index, awaited)
    data = waiting.task.dependencies.data_dependencies if waiting else ()
    wanted = [d.artifact_path for d in data if _node(index.works[instruction], d.task_id) == awaited]
    text = f"was completed without {listed(wanted) or 'the artifact'}, which {names[-2]} needs of it"
    remedy = f"end {names[-2]} with `cagents-fs cancel {instruction}/{child}`, or plan it anew without that"
    return Cause(names[-1], "lacking", record.place if record else None, names, text, remedy)


def _before_its_stage(index: Index, work: Work, task_id: str, found: list[Cause], wall_s: float) -> Iterator[Cause]:
    """In a pipeline: the tasks of earlier stages that are lost, although no edge leads to them."""
    known = {cause.task_id for cause in found}
    level = work.level.get(task_id, 0)
    for lost in work.causes().get(task_id, ()):
        if lost not in known and lost in work.records and work.level[lost] < level:
            yield _cause(index, work, ((work.id, task_id), (work.id, lost)), wall_s)


def escalation(work: Work, name: str) -> tuple[str, str]:
    """An escalation as words, and how it is answered."""
    known = work.history.escalations.get(name)
    answer = f"answers with `cagents-fs answer {work.id}/{name} --action resume`"
    if known is None:
        return f"the escalation {name}", f"whoever was asked {answer}"
    times = "once" if known.level == 1 else f"{known.level} times"
    raised = f", raised {times}" if known.level else ""
    issue = f": {known.issue}" if known.issue else ""
    text = f"the escalation {name} ({known.severity}) of {known.sender or 'somebody'} to {known.to}{raised}{issue}"
    return text, f"{known.to} {answer}"
