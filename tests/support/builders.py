"""Worlds for tests of the pure part: tasks, what lies where, what was handed in. No disk, no clock, no chance."""

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from cagents_fs.core.assume import assume
from cagents_fs.core.history import History
from cagents_fs.core.index import Index, Record, Work, add_tasks
from cagents_fs.model.actions import Action, Move, Note, Recognise, Tell, Undo, Wake
from cagents_fs.model.faults import Fault
from cagents_fs.model.files import Instruction, Manifest, Request, Task
from cagents_fs.model.observations import ManifestSeen, Now
from cagents_fs.model.policy import AgentType, Policy
from cagents_fs.model.states import State, state_of

Rule = Callable[[Index, Policy, Now], Iterator[Action]]

NOW = Now(s=1000.0, wall_s=1_800_000_000.0)
PLAIN = Policy(backoff_jitter=False)
PENDING, WAITING, GLOBAL = State.PENDING.value, State.WAITING.value, State.GLOBAL.value
IN_PROGRESS, UNDER_REVIEW, RETRY = State.IN_PROGRESS.value, State.UNDER_REVIEW.value, State.RETRY.value
BLOCKED, COMPLETED = State.BLOCKED.value, State.COMPLETED.value
FAILED, CANCELLED = State.FAILED.value, State.CANCELLED.value
HELD = frozenset({IN_PROGRESS, UNDER_REVIEW, RETRY, COMPLETED})


def queue(agent: str = "ann") -> str:
    return f"{State.AGENTS.value}/{agent}"


def at(seconds: float) -> Now:
    """So many seconds after `NOW`, on both clocks."""
    return Now(s=NOW.s + seconds, wall_s=NOW.wall_s + seconds)


def policy(**numbers: Any) -> Policy:
    return dataclasses.replace(PLAIN, **numbers)


def kind(name: str, *command: str, **numbers: Any) -> AgentType:
    return AgentType(name=name, command=command or ("run-it",), **numbers)


def task(task_id: str, *needs: str, **fields: Any) -> Task:
    """A task of ann's that hard-depends on others."""
    whole: dict[str, Any] = {"task_id": task_id, "description": f"Do {task_id}", "assigned_agent": "ann"}
    return Task.model_validate(whole | ({"dependencies": list(needs)} if needs else {}) | fields)


def work(*tasks: Task, name: str = "inst_1", mode: str = "swarm", **instruction: Any) -> Work:
    """An instruction that was taken in and is being executed; its files are nowhere yet."""
    line = {"event": "intake_done", "mode": mode}
    history = History(intake=line, phase="executing")
    made = Work(name, Instruction(description="A test", **instruction), history, mode=mode)
    add_tasks(made, tasks)
    return made


def index(*works: Work, **fields: Any) -> Index:
    return Index(works={one.id: one for one in works}, **fields)


def lies(made: Work, task_id: str, place: str, *, since: Now = NOW, journal: str | None = None, **known: Any) -> Record:
    """Its file lies there, and the journal agrees, unless it knows another place. `known` are fields of the ledger."""
    record = made.records[task_id]
    record.ledger.place = journal or place
    if place in HELD:
        record.ledger.holder = "ann"
    elif state_of(place) is State.AGENTS:
        record.ledger.holder = place.rsplit("/", 1)[1]
    for name, value in known.items():
        assert hasattr(record.ledger, name), name
        setattr(record.ledger, name, value)
    made.put(record, place, since.s)
    return record


def done(made: Work, task_id: str) -> Record:
    """Completed and verified."""
    return lies(made, task_id, COMPLETED, accepted="m0", judged=("m0", "e0"))


def hands_in(record: Record, agent: str = "ann", **changed: Any) -> ManifestSeen:
    """A settled manifest lies in the task's output; its bytes are `sha`, what it points to is `evidence`."""
    ours: dict[str, Any] = {"sha": "m1", "evidence": "e1", "artifact_faults": (), "unresolved": frozenset()}
    ours |= {name: changed.pop(name) for name in tuple(changed) if name in ours}
    whole = {"task_id": record.task.task_id, "subagent": agent, "status": "completed", "artifacts": []} | changed
    record.manifest = ManifestSeen(
        task_id=record.task.task_id,
        path=f"outputs/partial/{record.task.task_id}/manifest.yaml",
        sha256=ours["sha"],
        evidence_sha256=ours["evidence"],
        manifest=Manifest.model_validate(whole),
        faults=(),
        artifact_faults=ours["artifact_faults"],
        unresolved=ours["unresolved"],
        text="the manifest as written",
    )
    record.manifest_gone, record.looked_s = False, math.inf  # in these worlds it never changes unseen
    return record.manifest


def hands_in_garbage(record: Record, sha: str = "m1") -> ManifestSeen:
    """A manifest that cannot be read lies there."""
    fault = Fault("unparsable", "expected a mapping", f"outputs/partial/{record.task.task_id}/manifest.yaml", 1, 1)
    record.manifest = ManifestSeen(
        task_id=record.task.task_id,
        path=str(fault.path),
        sha256=sha,
        evidence_sha256="",
        manifest=None,
        faults=(fault,),
    )
    record.looked_s = math.inf
    return record.manifest


def asks(made: Work, action: str, task_id: str | None = None, **fields: Any) -> None:
    """A request lies in `requests/`."""
    whole = {"action": action, "task_id": task_id, "from": "rita"} | fields
    made.requests[f"{len(made.requests) + 1}.yaml"] = Request.model_validate(whole)


def decided(rule: Rule, found: Index, in_force: Policy = PLAIN, now: Now = NOW) -> list[Action]:
    """What a rule asks for. It must have changed nothing, but for what the index works out anew by itself."""
    found.look_across()
    found.urgencies(in_force)
    for one in found.works.values():
        one.causes()
    before = repr(found)
    actions = list(rule(found, in_force, now))
    assert repr(found) == before, "a rule decides; it does nothing"
    for one in found.works.values():
        check(one)
    return actions


def taken(found: Index, actions: Iterable[Action], now: Now = NOW) -> list[Action]:
    """Take actions into the index, and give them back."""
    listed = list(actions)
    for action in listed:
        assume(found, action, now)
        for one in found.works.values():
            check(one)
    return listed


def settled(found: Index, *rules: Rule, in_force: Policy = PLAIN, now: Now = NOW) -> list[Action]:
    """These rules again and again, in this order, until they ask for nothing more than to be woken."""
    actions: list[Action] = []
    for _ in range(10):
        new = []
        for rule in rules:
            new += taken(found, [one for one in decided(rule, found, in_force, now) if wakes([one]) == []], now)
        if not new:
            return actions
        actions += new
    raise AssertionError(f"they do not come to rest: {actions[-3:]}")


def moves(actions: Iterable[Action]) -> list[tuple[str, str, str]]:
    return [(one.task_id, one.source, one.target) for one in actions if isinstance(one, Move)]


def notes(actions: Iterable[Action]) -> list[tuple[str, str | None]]:
    return [(one.event, one.task_id) for one in actions if isinstance(one, Note)]


def told(actions: Iterable[Action]) -> list[tuple[str, str]]:
    return [(one.to, one.type) for one in actions if isinstance(one, Tell)]


def wakes(actions: Iterable[Action]) -> list[float]:
    """When to look again, in seconds after `NOW`."""
    return [round(one.at_s - NOW.s, 6) for one in actions if isinstance(one, Wake)]


def only_move(actions: Iterable[Action]) -> Move:
    (found,) = [one for one in actions if isinstance(one, Move)]
    return found


def only_note(actions: Iterable[Action], event: str) -> Note:
    (found,) = [one for one in actions if isinstance(one, Note) and one.event == event]
    return found


def only_undo(actions: Iterable[Action]) -> Undo:
    (found,) = [one for one in actions if isinstance(one, Undo)]
    return found


def only_recognise(actions: Iterable[Action]) -> Recognise:
    (found,) = [one for one in actions if isinstance(one, Recognise)]
    return found


def check(made: Work) -> None:
    """Every lookup of a work against what it is a lookup of: the program's own check, and more."""
    made.check()
    for task_id, record in made.records.items():
        verified = record.state is State.COMPLETED and record.ledger.accepted is not None
        skipped = record.state is State.CANCELLED and record.ledger.skipped
        if record.place is not None:
            assert record.satisfied == (verified or skipped), task_id
        at_agents = [agent for agent, members in made.at_agent.items() if task_id in members]
        assert at_agents == ([str(record.place).rsplit("/", 1)[1]] if record.state is State.AGENTS else []), task_id
        for awaited in made.edges[task_id]:
            assert made.children[awaited].count(task_id) == 1, (awaited, task_id)
    for level, left in made.level_left.items():
        assert left == sum(made.level[t] == level and not r.satisfied for t, r in made.records.items()), level
