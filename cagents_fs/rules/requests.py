"""What do people ask for? Each request is a file in `requests/`; what it comes to is a move, or an answer."""

from collections.abc import Iterator, Mapping

from cagents_fs.core.graph import circle_by
from cagents_fs.core.index import Index, Record, Work, waits_also
from cagents_fs.model.actions import Action, Make, Note, Settle
from cagents_fs.model.files import Request
from cagents_fs.model.observations import Now
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import FINAL, NOT_STARTED, State, state_of
from cagents_fs.rules.retries import again
from cagents_fs.rules.steering import cancelled, passed_on

TAKEN_UP_AGAIN = (State.FAILED, State.CANCELLED)


def decide(index: Index, policy: Policy, now: Now) -> Iterator[Action]:  # noqa: ARG001 - all rules have one form
    """Which requests are there, and what do they come to?"""
    for work in index.each():
        for name, request in _without_repetition(work.requests):
            if request.action == "rescue" and _is_looked_for(work):
                continue
            yield from _carry_out(index, work, request, now)
            yield Settle(instruction=work.id, name=name)


def _is_looked_for(work: Work) -> bool:
    """Whether a task's file was nowhere at one look only: half of a rename looks like that, and the next look tells."""
    return any(r.place is None and r.ledger.place is not None and r.absent < 2 for r in work.records.values())


def _without_repetition(requests: Mapping[str, Request]) -> Iterator[tuple[str, Request]]:
    """One request a task in a pass: the next one has to see what the first came to. Without a task: about all."""
    met: set[str | None] = set()
    for name, request in requests.items():
        about = None if request.action == "rescue" else request.task_id  # a rescue is of all, whomever it names
        if None in met or about in met or (about is None and met):
            continue
        met.add(about)
        yield name, request


def _carry_out(index: Index, work: Work, request: Request, now: Now) -> Iterator[Action]:
    said = f"{(request.from_ or 'somebody')[:100]} asked to {request.action.replace('_', ' ')}"
    reason = f"{said}: {request.reason[:400]}" if request.reason else said
    record = work.records.get(request.task_id or "")
    if request.action == "rescue":
        yield from _rescue(work, reason)
    elif request.action in ("pause", "resume") and request.task_id is None:
        yield from _halt(work, None, request, reason)
    elif record is None:
        yield _answered(work, request, f"{said} {request.task_id}, which {work.id} does not have")
    elif request.action in ("pause", "resume"):
        yield from _halt(work, record, request, reason)
    elif request.action == "cancel":
        yield from _cancel(work, record, request, reason)
    elif request.action == "reassign":
        yield from _reassign(work, record, request, reason, now)
    elif request.action == "add_dependency":
        yield from _depend(index, work, record, request, reason)
    elif record.state in TAKEN_UP_AGAIN and record.settled:
        yield again(work, record, record.state, reason, retries=0)
    else:
        yield _answered(work, request, f"{said}, but {record.task.task_id} has neither failed nor been cancelled")


def _cancel(work: Work, record: Record, request: Request, reason: str) -> Iterator[Action]:
    if record.state in FINAL or not record.settled:
        where = record.state.name.lower() if record.state else "nowhere"
        yield _answered(work, request, f"{reason}, but {record.task.task_id} is {where} already")
    else:
        yield from cancelled(work, record, reason, skip=request.skip)


def _rescue(work: Work, reason: str) -> Iterator[Action]:
    """Every failed and cancelled task, with the budget it has left: at least the attempt that begins now."""
    for state in TAKEN_UP_AGAIN:
        for task_id in work.in_state[state]:
            record = work.records[task_id]
            if record.settled:
                yield again(work, record, state, reason)
    for record in work.records.values():
        if record.place is None and record.absent > 1:
            yield from _made_again(work, record, reason)


def _made_again(work: Work, record: Record, reason: str) -> Iterator[Action]:
    """A task whose file is nowhere: as from pending where it had not started, else where the journal knew it."""
    task_id, place = record.task.task_id, record.ledger.place
    if place is None or state_of(place) in NOT_STARTED:
        place = (State.WAITING if work.unmet[task_id] else State.GLOBAL).value
    yield Make(
        instruction=work.id,
        task_id=task_id,
        place=place,
        attempt=record.ledger.attempt,
        reason=f"{reason}; made again",
    )
    if state_of(place) in TAKEN_UP_AGAIN:
        yield again(work, record, state_of(place), reason)


def _halt(work: Work, record: Record | None, request: Request, reason: str) -> Iterator[Action]:
    """Pause or resume, a task or the whole. What is in progress goes on; nothing new begins."""
    paused = record.ledger.paused if record else work.history.paused
    wanted = request.action == "pause"
    what = record.task.task_id if record else work.id
    if paused == wanted or (record is not None and record.state in FINAL):
        state = "has ended" if record is not None and record.state in FINAL else f"is {'' if paused else 'not '}paused"
        yield _answered(work, request, f"{reason}, but {what} {state}")
        return
    yield Note(
        instruction=work.id,
        event="paused" if wanted else "resumed",
        task_id=record.task.task_id if record else None,
        reason=reason,
        first=True,
    )


def _reassign(work: Work, record: Record, request: Request, reason: str, now: Now) -> Iterator[Action]:
    assert request.agent is not None
    if record.state in FINAL:
        yield _answered(work, request, f"{reason}, but {record.task.task_id} has ended; `retry` takes it up again")
    else:
        yield from passed_on(work, record, request.agent, reason, now)


def _depend(index: Index, work: Work, record: Record, request: Request, reason: str) -> Iterator[Action]:
    """One more edge of a running mesh; never one that closes a circle."""
    task_id, on = record.task.task_id, (request.on or "").removeprefix(f"{work.id}:")
    if why := _no_edge(index, work, record, on):
        yield _answered(work, request, f"{reason} on {on}: {why}")
        return
    text = f"{reason}: {task_id} waits for {on} as well"
    yield Note(
        instruction=work.id, event="dependency_added", task_id=task_id, reason=text, facts={"on": on}, first=True
    )


def _no_edge(index: Index, work: Work, record: Record, on: str) -> str | None:
    """Why a task cannot be made to wait for another one as well."""
    task_id = record.task.task_id
    instruction, _, awaited = on.rpartition(":")
    other = index.works.get(instruction) if instruction else work
    if work.mode != "mesh":
        return f"{work.id} runs in {work.mode} mode; only a mesh takes further dependencies"
    if record.state not in NOT_STARTED | {State.RETRY, State.BLOCKED} or record.ledger.escalation:
        where = record.state.name.lower().replace("_", " ") if record.state else "nowhere"
        return f"{task_id} is {where}; only a task that has not started can be made to wait"
    if other is None or awaited not in other.records:
        return f"there is no task {on}"
    if on in work.edges[task_id]:
        return f"{task_id} waits for {on} already"
    circle = index.circle(work, task_id, on) if instruction else circle_by(waits_also(work), task_id, on)
    if circle:
        return f"these tasks would wait for each other: {' -> '.join(circle)}"
    return None


def _answered(work: Work, request: Request, text: str) -> Note:
    return Note(
        instruction=work.id,
        event="answered",
        task_id=request.task_id,
        reason=text,
        facts={"key": key_of(request), "path": "requests"},
    )


def key_of(request: Request) -> str:
    """The key of the line that answers a request: by it the one who asked finds out why nothing came of it."""
    return f"request/{request.action}/{request.task_id}/{request.timestamp}"
