"""Why is a task where it is, what does it wait for, and what would free it? An answer for every state."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from cagents_fs.core.index import Index, Record, Work
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import FINAL, NOT_STARTED, State
from cagents_fs.report import queued
from cagents_fs.report.roots import LOST, Cause, escalation, roots
from cagents_fs.report.words import due, listed, moment, since, span, whereabouts
from cagents_fs.rules.liveness import lease_s

MOST_CAUSES = 100  # of which the data tell
MOST_SAID = 5  # of causes, children, attempts: the sentences for a person
WATCH = "start one with `cagents-fs watch`"


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about one task, and what is known when it is asked."""

    index: Index
    work: Work
    record: Record
    policy: Policy
    wall_s: float
    told: Sequence[Mapping[str, Any]] = ()  # the lines of the journal about this task
    daemon: bool | None = None  # whether one holds the tree; None: nobody looked
    signs: Mapping[str, float] = field(default_factory=dict)  # `inst/task` -> the last sign of life, wall clock

    @property
    def task_id(self) -> str:
        """The id of the task."""
        return self.record.task.task_id

    @property
    def name(self) -> str:
        """The task as any command takes it."""
        return f"{self.work.id}/{self.task_id}"


def answers(asked: Asked) -> Iterator[str]:
    """Sentences, the most important first. `Index.urgencies` has to be up to date."""
    yield from _now(asked)
    if asked.daemon is False and asked.record.state not in FINAL and asked.record.state is not State.PENDING:
        yield f"no daemon holds this tree, so nothing moves on; {WATCH}"


def causes(asked: Asked) -> list[dict[str, Any]]:
    """For a blocked task: what is lost at the root, and the way there."""
    return [{**asdict(cause), "path": list(cause.path)} for cause in _lost(asked)[:MOST_CAUSES]]


def untaken(place: str, instruction: str, task_id: str, faults: str | None, *, daemon: bool) -> list[str]:
    """Why a task file that nobody has taken in lies where it lies."""
    if faults:
        return [f"{place}/{task_id}.yaml cannot be used: {faults}; mend it where it lies, then it is taken in"]
    if place != State.PENDING.value:
        text = f"nobody has taken it in; a new task belongs into {instruction}/{State.PENDING.value}/"
        return [f"{text}: move {place}/{task_id}.yaml there"]
    if daemon:
        text = "it has not been taken in yet; the daemon does that in its next turn, once the file has settled"
        return [f"{text}; `cagents-fs validate FILE` says whether anything is wrong with it"]
    return [f"it has not been taken in yet, and no daemon holds this tree; {WATCH}"]


def _now(asked: Asked) -> Iterator[str]:
    match asked.record.state:
        case None:
            yield f"its file is nowhere; `cagents-fs rescue {asked.work.id}` makes it again"
        case State.PENDING:
            who = f"no daemon holds this tree: {WATCH}" if asked.daemon is False else "a daemon does that"
            yield f"it has not been taken in yet; {who}" + ("" if asked.daemon is False else " (`cagents-fs watch`)")
        case State.WAITING:
            yield from _waiting(asked)
        case State.GLOBAL | State.DOMAINS:
            yield from _unreleased(asked)
        case State.AGENTS:
            yield from queued.unclaimed(asked.index, asked.work, asked.record, asked.policy, asked.wall_s)
        case State.IN_PROGRESS:
            yield from _in_progress(asked)
        case State.UNDER_REVIEW:
            yield from _under_review(asked)
        case State.RETRY:
            yield from _again(asked)
        case State.BLOCKED:
            yield from _blocked(asked)
        case State.COMPLETED:
            yield _completed(asked)
        case State.FAILED | State.CANCELLED:
            yield from _ended(asked)


def _waiting(asked: Asked) -> Iterator[str]:
    work, record = asked.work, asked.record
    unmet = work.unmet_of(asked.task_id)
    if not unmet:
        yield "all that it waited for is done; it is released in the daemon's next turn"
        return
    wanted = {d.task_id: d.artifact_path for d in record.task.dependencies.data_dependencies}
    for awaited in unmet[:MOST_SAID]:
        what = f"{wanted[awaited]} of {awaited}" if awaited in wanted else awaited
        yield f"it waits for {what}, which {_place_of(asked, awaited)}"
    if len(unmet) > MOST_SAID:
        yield f"and for {len(unmet) - MOST_SAID} more: {listed(unmet[MOST_SAID:], 20)}"
    yield from _bottom(asked, set(unmet))


def _place_of(asked: Asked, awaited: str) -> str:
    instruction, colon, task_id = awaited.rpartition(":")
    work = asked.index.works.get(instruction) if colon else asked.work
    other = work.records.get(task_id) if work else None
    return whereabouts(other, asked.wall_s) if other else "is not there"


def _bottom(asked: Asked, next_ones: set[str]) -> Iterator[str]:
    """Behind those that a task waits for: what all of it hangs on."""
    found = roots(asked.index, asked.work, asked.task_id, asked.wall_s)
    behind = [cause for cause in found if cause.task_id not in next_ones or cause.remedy]
    for cause in behind[:MOST_SAID]:
        yield f"that hangs on {cause.said}"
    if len(behind) > MOST_SAID:
        yield f"and on {len(behind) - MOST_SAID} more: {listed((c.task_id for c in behind[MOST_SAID:]), 20)}"


def _unreleased(asked: Asked) -> Iterator[str]:
    world = (asked.index, asked.work, asked.record, asked.policy, asked.wall_s)
    if asked.record.place != asked.record.ledger.place:
        yield "somebody has put it here; the daemon looks at that in its next turn"
    held = list(queued.unreleased(*world))
    yield from held or [f"nothing blocks it; it is released to {queued.to_whom(*world)} in the daemon's next turn"]


def _in_progress(asked: Asked) -> Iterator[str]:
    record, work, ledger = asked.record, asked.work, asked.record.ledger
    begun = f", {since(ledger.claimed_wall_s, asked.wall_s)}" if ledger.claimed_wall_s else ""
    yield f"{ledger.holder} works on it, attempt {ledger.attempt}{begun}" + (
        f" (process {ledger.process.pid})" if ledger.process else ""
    )
    if not record.settled:
        yield "it was moved here, and the daemon has not looked at that yet"
    yield from _life(asked)
    for name, meeting in work.meetings.items():
        if name in work.history.open_checkpoints or asked.task_id not in meeting.participants:
            continue
        missing = [t for t in meeting.participants if t in work.records and meeting.expects(work.records[t])]
        if meeting.has_come(record):
            shown = [f"{t}, which {whereabouts(work.records[t], asked.wall_s)}" for t in missing]
            yield f"it waits at the checkpoint {name} for {'; '.join(shown) or 'the daemon, which opens it now'}"
            yield f"whoever comes writes {work.id}/checkpoints/{name}/TASK.yaml; meanwhile its lease stands still"
        elif len(missing) < len(meeting.participants):
            yield f"others wait for it at the checkpoint {name}: {_arrives(asked, name)}"
    yield from _children(asked)


def _arrives(asked: Asked, checkpoint: str) -> str:
    return f"it comes by writing {asked.work.id}/checkpoints/{checkpoint}/{asked.task_id}.yaml"


def _life(asked: Asked) -> Iterator[str]:
    """What its agent says, when there was a sign of it, and what follows from silence."""
    record, policy = asked.record, asked.policy
    beat, ledger = record.heartbeat, record.ledger
    if beat is not None:
        progress = f", {beat.progress_percentage:g} %" if beat.progress_percentage is not None else ""
        said = f": {beat.current_activity}" if beat.current_activity else ""
        yield f"{beat.agent_name} says {beat.status.replace('_', ' ')}{progress}{said}"
    seen_s = asked.signs.get(asked.name)
    if ledger.stalled:
        quiet = next((line for line in reversed(asked.told) if line["event"] == "stalled"), None)
        since_when = f" since {quiet['time']}" if quiet else ""
        yield (
            f"{ledger.holder} has gone quiet{since_when}; it is taken back {span(policy.reassign_grace_s)} after that, "
            f"unless a heartbeat comes: `cagents-fs heartbeat {asked.name}`"
        )
    elif seen_s is not None:
        waits = asked.work.waits(record)
        lease = (
            "the lease stands still meanwhile" if waits else f"the lease is {span(lease_s(record, policy))} from there"
        )
        yield f"the last sign of {ledger.holder}: {moment(seen_s)}; {lease}"


def _children(asked: Asked) -> Iterator[str]:
    work = asked.work
    still = work.open_children(asked.task_id)
    if not still:
        return
    shown = [f"{child}, which {whereabouts(work.records[child], asked.wall_s)}" for child in still[:MOST_SAID]]
    more = f"; and {len(still) - MOST_SAID} more" if len(still) > MOST_SAID else ""
    waits = "it waits for its children" if asked.record.waits_for_children else "it is done after its children"
    yield f"{waits}: {'; '.join(shown)}{more}"
    if asked.record.waits_for_children:
        yield from _bottom(asked, set(still))


def _under_review(asked: Asked) -> Iterator[str]:
    checks = [criterion.check for criterion in asked.record.task.acceptance_criteria if criterion.check]
    count = f"{len(checks)} check{'s' if len(checks) != 1 else ''}"
    yield f"the manifest of {asked.record.ledger.holder} is there and its checks run: {count}"
    yield from (f"check: {check}" for check in checks[:MOST_SAID])


def _again(asked: Asked) -> Iterator[str]:
    ledger, task = asked.record.ledger, asked.record.task
    budget = asked.policy.max_retries if task.max_retries is None else task.max_retries
    when = due(ledger.due_wall_s or 0.0, asked.wall_s)
    counted = f", retry {ledger.retries} of {budget}" if ledger.retries else ""
    yield f"attempt {ledger.attempt} of {ledger.holder} failed; attempt {ledger.attempt + 1}{counted}, comes {when}"
    yield from _attempts(asked)


def _attempts(asked: Asked) -> Iterator[str]:
    """The story of its attempts, the last one first."""
    story = asked.record.ledger.story[::-1]
    for line in story[:MOST_SAID]:
        verdict = " was rejected" if line.get("event") == "rejected" else ""
        who = f" by {line['agent']}" if line.get("agent") else ""
        yield f"attempt {line.get('attempt', 1)}{who}{verdict}, {line.get('time', 'once')}: {line.get('reason', '')}"
    if len(story) > MOST_SAID:
        yield f"and {len(story) - MOST_SAID} earlier ones; `cagents-fs events` has all"


def _lost(asked: Asked) -> list[Cause]:
    if asked.record.state is not State.BLOCKED:
        return []
    found = roots(asked.index, asked.work, asked.task_id, asked.wall_s)
    return [cause for cause in found if cause.kind in LOST]


def _blocked(asked: Asked) -> Iterator[str]:
    work, own = asked.work, asked.record.ledger.escalation
    found = _lost(asked)
    for cause in found[:MOST_SAID]:
        itself = cause.task_id == asked.task_id
        yield f"it {cause.matter}{cause.then}" if itself else f"it is blocked by {cause.said}"
    if len(found) > MOST_SAID:
        yield f"and by {len(found) - MOST_SAID} more: {listed((c.task_id for c in found[MOST_SAID:]), 20)}"
    if own and not any(cause.kind == "escalation" and cause.task_id == asked.task_id for cause in found):
        text, remedy = escalation(work, own)
        yield f"that is {text}; {remedy}"
    if not found and not own:
        yield "what blocked it is gone; it is freed in the daemon's next turn"
    yield from _asked_about(asked, own)


def _asked_about(asked: Asked, but: str | None = None) -> Iterator[str]:
    """Open escalations about the task that do not block it by themselves."""
    for name, known in asked.work.history.escalations.items():
        if known.task_id == asked.task_id and known.closed is None and name != but:
            text, _ = escalation(asked.work, name)
            yield f"{text}; `cagents-fs answer {asked.work.id}/{name} --action …` decides it"


def _completed(asked: Asked) -> str:
    ledger = asked.record.ledger
    if not ledger.accepted:
        return "somebody put it here; it is judged, and releases nobody until it holds"
    at = f", {ledger.completed_at}" if ledger.completed_at else ""
    files = f": {listed(str(one.get('path')) for one in ledger.artifacts)}" if ledger.artifacts else ""
    return f"completed by {ledger.holder} in attempt {ledger.attempt} and verified{at}{files}"


def _ended(asked: Asked) -> Iterator[str]:
    record, work = asked.record, asked.work
    assert record.state is not None
    why = f": {record.ledger.reason}" if record.ledger.reason else ""
    yield f"{record.state.name.lower()}{why}; `cagents-fs retry {asked.name}` takes it up again"
    states = {*NOT_STARTED, State.RETRY, State.BLOCKED}
    doomed = [child for child, lost in work.causes().items() if asked.task_id in lost]
    held = [child for child in doomed if work.records[child].state in states]
    if held:
        yield f"{len(held)} that wait for it are blocked: {listed(held)}"
    yield from _attempts(asked)
    yield from _asked_about(asked)
