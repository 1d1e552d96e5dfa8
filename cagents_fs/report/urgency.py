"""How urgent is a task, and why? Its own priority, that of those who wait for it, and how long it has waited."""

from collections import deque
from collections.abc import Iterator

from cagents_fs.core.index import Index, Record, Work
from cagents_fs.core.lanes import standing
from cagents_fs.core.ordering import NAMES, RANK
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import State
from cagents_fs.report.words import listed, span

Node = tuple[Work, str]


def effective(record: Record, policy: Policy, wall_s: float) -> str:
    """The priority that counts now. `Index.urgencies` has to be up to date."""
    return NAMES[standing(record, policy, wall_s)[0]]


def why(index: Index, work: Work, record: Record, policy: Policy, wall_s: float) -> str:
    """The priority that counts, and where it comes from."""
    rank, own = standing(record, policy, wall_s)[0], RANK[record.task.priority]
    said = []
    if record.urgency < own:
        said.append(_because(index, work, record))
    if rank < record.urgency:
        waited_s = wall_s - record.ledger.queued_wall_s
        said.append(f"aged from {NAMES[record.urgency]} after {span(waited_s)} in the queues")
    return f"{NAMES[rank]}, {', and '.join(said) or 'first in, first out'}"


def _because(index: Index, work: Work, record: Record) -> str:
    """Who lends it its urgency: the nearest of those who wait for it whose own priority that is."""
    start = record.task.task_id
    came: dict[tuple[str, str], tuple[str, ...]] = {(work.id, start): ()}
    pending: deque[Node] = deque([(work, start)])
    while pending:
        here, task_id = pending.popleft()
        for there, child in _waiting(index, here, task_id):
            waiter, key = there.records[child], (there.id, child)
            if key in came or waiter.urgency > record.urgency:
                continue
            name = child if there is work else f"{there.id}:{child}"
            if RANK[waiter.task.priority] <= record.urgency:
                via = came[here.id, task_id]
                return f"because {name} waits for it" + (f" through {listed(reversed(via))}" if via else "")
            came[key] = (*came[here.id, task_id], name)
            pending.append((there, child))
    return "because a more urgent task waits for it"


def _waiting(index: Index, work: Work, task_id: str) -> Iterator[Node]:
    """Those who wait for a task, in its own instruction and in others."""
    reference = f"{work.id}:{task_id}"
    everyone = [(work, child) for child in work.children.get(task_id, ())]
    everyone += [(w, child) for w in index.works.values() for child in w.children.get(reference, ())]
    for there, child in everyone:
        waiter = there.records.get(child)
        if waiter is not None and waiter.state not in (State.FAILED, State.CANCELLED):
            yield there, child
