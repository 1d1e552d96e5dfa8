"""What does an answer come to? The five actions of a response, in every state of the task that it is about."""

from collections.abc import Iterator

from cagents_fs.core.index import Index, Record, Work
from cagents_fs.model.actions import Action, KeepCopy, Note, Tell
from cagents_fs.model.faults import Fault
from cagents_fs.model.files import Response
from cagents_fs.model.ids import id_fault
from cagents_fs.model.observations import Now
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import FINAL, State
from cagents_fs.rules.limits import instances, type_of
from cagents_fs.rules.pleas import DAEMON, MOST_SAID, PLANNER, back_to_work, closed, content_of, helpful, is_lost
from cagents_fs.rules.retries import again
from cagents_fs.rules.steering import HELD, begun_anew, cancelled, passed_on, waived

MOST_NAMED = 100  # characters of who says so
ENDED = (State.FAILED, State.CANCELLED)


def carried_out(index: Index, work: Work, name: str, response: Response, policy: Policy, now: Now) -> Iterator[Action]:
    """The first response to an open escalation: what it says is done, then told."""
    known = work.history.escalations[name]
    record = work.records.get(known.task_id or "")
    by, said = (response.from_ or "somebody")[:MOST_NAMED], response.decision or response.note
    reason = f"{by} answered {name}: {response.action}" + (f": {said[:400]}" if said else "")
    if record is not None and record.settled:
        yield from _done(index, work, name, record, response, reason, policy, now)
    facts = {"decision": said[:MOST_SAID] if said else None, "response": content_of(response)}
    yield closed(work, name, response.action, by, reason, facts)
    to = record.holder if record is not None and known.sender == DAEMON else known.sender
    if to is not None and id_fault(to) is None:
        yield Tell(
            to=to,
            type="decision",
            text=f"{reason}\nIt was about: {known.issue}",
            key=f"decision/{work.id}/{name}",
            instruction=work.id,
            task_id=known.task_id,
            path=f"escalations/{name}.response.yaml",
        )


def _done(
    index: Index, work: Work, name: str, record: Record, response: Response, reason: str, policy: Policy, now: Now
) -> Iterator[Action]:
    """The action. Where the task is past it, nothing: a crash may have come between the move and its line."""
    known, state = work.history.escalations[name], record.state
    same_attempt = known.attempt in (None, record.ledger.attempt)
    match response.action:
        case "resume":
            yield from _resumed(work, name, record, reason)
        case "retry" if state in ENDED and same_attempt:
            yield again(work, record, state, reason, retries=0)
        case "retry" if same_attempt and (state in HELD or record.ledger.escalation):
            yield from begun_anew(work, record, f"{reason}; begins anew", now)
        case "reassign" if state in ENDED and same_attempt:
            yield next(passed_on(work, record, _other(record, response, policy), reason, now))
            yield again(work, record, state, reason, retries=0)
        case "reassign" if state not in FINAL and same_attempt:
            yield from passed_on(work, record, _other(record, response, policy), reason, now)
        case "cancel" if state not in FINAL:
            yield from cancelled(work, record, reason)
        case "skip_dependency":
            yield from _without_it(index, work, record, reason) if state in ENDED else _without(work, record, reason)
            yield from _resumed(work, name, record, reason)


def _resumed(work: Work, name: str, record: Record, reason: str) -> Iterator[Action]:
    if record.state is State.BLOCKED and record.ledger.escalation == name:
        yield back_to_work(work, record, reason)


def _other(record: Record, response: Response, policy: Policy) -> str:
    """Who gets it: the one that is named, else another instance of the type, else the same once more."""
    if response.agent is not None:
        return response.agent
    holder = record.holder or policy.default_agent
    others = [agent for agent in instances(type_of(holder, policy), policy) if agent != holder]
    return others[0] if others else holder


def _without(work: Work, record: Record, reason: str) -> Iterator[Action]:
    """The task goes on without those that it will wait for in vain."""
    task_id = record.task.task_id
    awaited = [t for t in work.unmet_of(task_id) if _is_in_vain(work, task_id, t)]
    causes = [t for t in work.causes().get(task_id, ()) if t in work.records and is_lost(work, t)]
    awaited += causes if work.mode == "pipeline" else []
    awaited += [child for child in work.open_children(task_id) if is_lost(work, child)]
    for name, meeting in work.meetings.items():
        if task_id in meeting.participants and name not in work.history.open_checkpoints:
            awaited += [t for t in meeting.participants if t != task_id and is_lost(work, t)]
    if missing := [t for t in dict.fromkeys(awaited) if t not in record.ledger.waived]:
        yield waived(work, task_id, missing, reason)


def _is_in_vain(work: Work, task_id: str, awaited: str) -> bool:
    if (task_id, awaited) in work.lacking or work.outside.get(awaited) == "lost":
        return True
    circular = awaited in work.circular and task_id in work.circular
    tangled = ":" in awaited and task_id in work.tangled
    return circular or tangled or (":" not in awaited and (awaited in work.causes() or is_lost(work, awaited)))


def _without_it(index: Index, work: Work, record: Record, reason: str) -> Iterator[Action]:
    """Those who wait for a task that has ended go on without it, in whatever instruction they are."""
    task_id = record.task.task_id
    waiting = [child for child in work.children.get(task_id, ()) if child in work.records]
    waiting += [record.task.parent_task_id] if record.task.parent_task_id in work.records else []
    for name, meeting in work.meetings.items():
        if task_id in meeting.participants and name not in work.history.open_checkpoints:
            waiting += [t for t in meeting.participants if t != task_id and t in work.records]
    for other in dict.fromkeys(waiting):
        if task_id not in work.records[other].ledger.waived:
            yield waived(work, other, [task_id], reason)
    reference = f"{work.id}:{task_id}"
    for elsewhere in index.works.values():
        for child in elsewhere.children.get(reference, ()):
            if child in elsewhere.records and reference not in elsewhere.records[child].ledger.waived:
                yield waived(elsewhere, child, [reference], reason)


# -- what is not acted on ----------------------------------------------------------------------------------------------


def key_of(name: str, response: Response) -> str:
    """Names a response, so that it is answered once."""
    return f"escalations/{name}.response.yaml|{content_of(response)}"


def turned_away(work: Work) -> Iterator[Action]:
    """Responses to what nobody asked, or to what is closed: each is answered once, and changes nothing."""
    for name, response in work.responses.items():
        known = work.history.escalations.get(name)
        if known is None and name not in work.escalations:
            text = f"nobody has escalated {name}, so this answers nothing; look at the names in escalations/"
        elif known is not None and known.closed is not None and known.response != content_of(response):
            text = (
                f"{name} was closed before ({known.closed}); this changes nothing, ask for what you want by a request"
            )
        elif known is not None and known.closed is None and response.action not in helpful(name, known.sender):
            useful = ", ".join(helpful(name, known.sender))
            text = f"{response.action} changes nothing here, so {name} stays open; what helps is one of {useful}"
        else:
            continue
        if key_of(name, response) not in work.history.answered:
            yield from _answered(work, name, response, text)


def _answered(work: Work, name: str, response: Response, text: str) -> Iterator[Action]:
    path, key = f"escalations/{name}.response.yaml", key_of(name, response)
    fault = Fault("too_late" if name in work.history.escalations else "unknown_escalation", text, path)
    to = response.from_ if response.from_ and id_fault(response.from_) is None else PLANNER
    yield KeepCopy(instruction=work.id, path=path, faults=(fault,))
    yield Tell(to=to, type="error", text=f"- {fault}", key=f"wrong/{work.id}/{key}", instruction=work.id, path=path)
    yield Note(
        instruction=work.id,
        event="answered",
        agent=to,
        reason=text,
        facts={"key": key, "path": path, "escalation_id": name, "faults": [fault.to_json()]},
    )
