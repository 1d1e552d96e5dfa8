"""What do people ask for? `cancel`, `retry` and `rescue`, each a file in `requests/`."""

from collections.abc import Iterator, Mapping

from cagents_fs.core.index import Index, Record, Work
from cagents_fs.model.actions import Action, Make, Move, Note, Settle, StopChecks
from cagents_fs.model.files import Request
from cagents_fs.model.observations import Now
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import FINAL, State, place_of
from cagents_fs.rules.retries import again

TAKEN_UP_AGAIN = (State.FAILED, State.CANCELLED)


def decide(index: Index, policy: Policy, now: Now) -> Iterator[Action]:  # noqa: ARG001 - all rules have one form
    """Which requests are there, and what do they come to?"""
    for work in index.works.values():
        for name, request in _without_repetition(work.requests):
            yield from _carry_out(work, request)
            yield Settle(instruction=work.id, name=name)


def _without_repetition(requests: Mapping[str, Request]) -> Iterator[tuple[str, Request]]:
    """One request a task in a pass: the next one has to see what the first came to. `rescue` is about all of them."""
    met: set[str | None] = set()
    for name, request in requests.items():
        if None in met or request.task_id in met or (request.task_id is None and met):
            continue
        met.add(request.task_id)
        yield name, request


def _carry_out(work: Work, request: Request) -> Iterator[Action]:
    said = f"{request.from_ or 'somebody'} asked to {request.action}"
    reason = f"{said}: {request.reason}" if request.reason else said
    if request.action == "rescue":
        yield from _rescue(work, reason)
        return
    record = work.records.get(request.task_id or "")
    if request.action not in ("cancel", "retry"):
        yield _answered(work, request, f"{said}: this version cannot {request.action} yet")
    elif record is None:
        yield _answered(work, request, f"{said} {request.task_id}, which {work.id} does not have")
    elif request.action == "cancel":
        yield from _cancel(work, record, request, reason)
    elif request.action == "retry":
        if record.state in TAKEN_UP_AGAIN and record.settled:
            yield again(work, record, record.state, reason, retries=0)
        else:
            yield _answered(work, request, f"{said}, but {record.task.task_id} has neither failed nor been cancelled")


def _cancel(work: Work, record: Record, request: Request, reason: str) -> Iterator[Action]:
    if record.state in FINAL or record.place is None or not record.settled:
        where = record.state.name.lower() if record.state else "nowhere"
        yield _answered(work, request, f"{reason}, but {record.task.task_id} is {where} already")
        return
    yield StopChecks(instruction=work.id, task_id=record.task.task_id)
    yield Move(
        instruction=work.id,
        task_id=record.task.task_id,
        source=record.place,
        target=State.CANCELLED.value,
        reason=reason + ("; those who wait for it go on without it" if request.skip else ""),
        attempt=record.ledger.attempt,
        agent=record.ledger.holder,
        facts={"skip": True} if request.skip else {},
    )


def _rescue(work: Work, reason: str) -> Iterator[Action]:
    """Every failed and cancelled task, with the budget it has left: at least the attempt that begins now."""
    for state in TAKEN_UP_AGAIN:
        for task_id in work.in_state[state]:
            record = work.records[task_id]
            if record.settled:
                yield again(work, record, state, reason)
    for task_id, record in work.records.items():
        if record.place is None and record.absent > 1:
            target = State.WAITING if work.unmet[task_id] else State.GLOBAL
            yield Make(
                instruction=work.id,
                task_id=task_id,
                place=place_of(target),
                attempt=record.ledger.attempt,
                reason=f"{reason}; made again",
            )


def _answered(work: Work, request: Request, text: str) -> Note:
    return Note(
        instruction=work.id,
        event="answered",
        task_id=request.task_id,
        reason=text,
        facts={"key": f"request/{request.action}/{request.task_id}/{request.timestamp}", "path": "requests"},
    )
