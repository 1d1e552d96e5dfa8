"""The pure part of the daemon over a tree and a journal that are two variables: what scenarios are played on.

A turn is what the loop makes of it: the rules until they rest, the moves coalesced, `intend` lines, renames, `moved`
lines. After each one every lookup is checked, and a journal that is replayed has to give what the index assumed.
"""

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from cagents_fs.core.assume import assume, coalesce
from cagents_fs.core.history import History, Ledger
from cagents_fs.core.index import Index, Work, add_tasks
from cagents_fs.model.actions import Action, Escalate, Make, Move, Note, Phase, Publish, Recognise, Undo, Wake
from cagents_fs.model.faults import Fault
from cagents_fs.model.files import Escalation, Heartbeat, Instruction, Manifest, Request, Response, Task
from cagents_fs.model.lines import iso, move_facts, note_facts
from cagents_fs.model.observations import ChecksDone, ManifestSeen, Now
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import NOT_STARTED, is_legal
from cagents_fs.rules import reconcile
from tests.support import builders as b

EPOCH = 1_768_046_400.0  # 2026-01-10T12:00:00Z
BAD = Fault("checksum_mismatch", "the checksum of result.txt is another", "outputs/partial/result.txt")
MOST_PASSES = 20


class Stage:
    """One instruction, from its plan on."""

    def __init__(self) -> None:
        self.policy: Policy = b.PLAIN
        self.now = Now(s=0.0, wall_s=EPOCH)
        self.instruction, self.mode = Instruction(description="A play"), "swarm"
        self.tasks: list[Task] = []
        self.tree: dict[str, str] = {}  # where each file lies
        self.outputs: dict[str, ManifestSeen] = {}
        self.journal: list[dict[str, Any]] = []
        self.requests: dict[str, Request] = {}
        self.escalations: dict[str, Escalation] = {}
        self.responses: dict[str, Response] = {}
        self.arrivals: dict[str, dict[str, int]] = {}
        self.published: dict[str, Mapping[str, Any]] = {}
        self.dies_after: int | None = None  # renames of this turn
        self.work = Work("inst_1", self.instruction, History())
        self.index = Index()

    # -- what happens outside ------------------------------------------------------------------------------------------

    def submit(self) -> None:
        """The daemon takes the plan in, as `daemon.intake` does."""
        for task in self.tasks:
            place = b.WAITING if task.blocking() else b.GLOBAL
            self._take_in(task, "plan")
            self._write({"event": "moved", "task_id": task.task_id, "from": None, "to": place, "attempt": 1})
            self.tree[task.task_id] = place
        self._write({"event": "intake_done", "mode": self.mode, "tasks": len(self.tasks)})
        self.restart()

    def drop(self, task: Task) -> None:
        """Somebody adds a task while the work runs."""
        self.tasks.append(task)
        self._take_in(task, "pending", at=b.PENDING)
        self.tree[task.task_id] = b.PENDING
        add_tasks(self.work, [task])
        self.work.history.apply(self.journal[-1])
        self.work.put(self.work.records[task.task_id], b.PENDING, self.now.s)

    def _take_in(self, task: Task, source: str, **more: str) -> None:
        self._write({"event": "taken_in", "task_id": task.task_id, "digest": "d", "source": source} | more)

    def restart(self) -> None:
        """A daemon starts: it knows the journal and the tree, and nothing else."""
        self.work = Work("inst_1", self.instruction, History().replay(self.journal), mode=self.mode)
        self.index = Index(works={"inst_1": self.work})
        add_tasks(self.work, self.tasks)
        known = self.work.history.ledger
        for task_id in sorted(self.tree, key=lambda name: known(name).queued_seq or known(name).moved_seq):
            self.work.put(self.work.records[task_id], self.tree[task_id], self.now.s)
        self.work.requests.update(self.requests)
        self._look_about()

    def rename(self, task_id: str, place: str) -> None:
        """Anybody's `mv`."""
        assert self.tree[task_id] != place, f"{task_id} lies in {place} already"
        self.tree[task_id] = place
        self.work.put(self.work.records[task_id], place, self.now.s)

    def hand_in(self, task_id: str, outcome: str, said: dict[str, Any]) -> None:
        """A settled manifest, and what was found where it points."""
        record, faults = self.work.records[task_id], {"bad": (BAD,)}.get(outcome, ())
        status = {"good": "completed", "bad": "completed"}.get(outcome, outcome)
        whole = {"task_id": task_id, "subagent": record.holder, "status": status, "artifacts": [], **said}
        old = self.outputs.get(task_id)
        sha = hashlib.sha256(f"{old.sha256 if old else ''}{whole}".encode()).hexdigest()[:8]
        path = f"outputs/partial/{task_id}/manifest.yaml"
        manifest = None if outcome == "garbage" else Manifest.model_validate(whole)
        wrong = () if manifest else (Fault("unparsable", "expected a mapping", path),)
        self.outputs[task_id] = ManifestSeen(
            task_id=task_id,
            path=path,
            sha256=sha,
            evidence_sha256="e",
            manifest=manifest,
            faults=wrong,
            artifact_faults=faults,
            resolved={artifact.path: f"/work/{artifact.path}" for artifact in manifest.artifacts} if manifest else {},
        )

    def checks_end(self, task_id: str, passed: bool) -> Note | None:
        """The checks that run have come to an end."""
        record = self.work.records[task_id]
        assert record.checking is not None, f"no checks of {task_id} run"
        key, record.checking = record.checking, None
        self.work.touched[task_id] = None
        if key.startswith("before/"):
            said = "vacuous, passes before any work" if passed else "fails before the work, as it should"
            return Note(instruction="inst_1", event="checked_before", task_id=task_id, reason=said)
        faults = () if passed else (Fault("check_failed", "the check ended with 1"),)
        record.checks = ChecksDone(task_id=task_id, attempt=record.ledger.attempt, key=key, faults=faults)
        return None

    def beat(self, task_id: str, status: str) -> None:
        """A heartbeat, as `daemon.beat_eyes` takes it in."""
        record = self.work.records[task_id]
        record.sign_s, record.signs = self.now.s, record.signs + 1
        began_s = self.now.s if record.blocked_s is None else record.blocked_s
        record.blocked_s = began_s if status == "blocked" else None
        said = {"agent_name": record.holder, "task_id": task_id, "status": status}
        record.heartbeat = Heartbeat.model_validate(said)
        self.work.touched[task_id] = None

    def arrive(self, checkpoint: str, task_id: str, attempt: int) -> None:
        """A file in `checkpoints/NAME/`."""
        self.arrivals.setdefault(checkpoint, {})[task_id] = attempt
        self._look_about()
        self.work.touched[task_id] = None

    def escalate(self, name: str, fields: Mapping[str, Any]) -> None:
        """A file in `escalations/`."""
        self.escalations[name] = Escalation.model_validate({"escalation_id": name, **fields})
        self._look_about()

    def answer(self, name: str, fields: Mapping[str, Any]) -> None:
        """A response beside an escalation."""
        self.responses[name] = Response.model_validate({"escalation_id": name, **fields})
        self._look_about()

    def _look_about(self) -> None:
        """What the daemon's eyes see besides tasks and manifests."""
        for name, said in self.escalations.items():
            self.work.escalations[name] = said
            self.work.seen_s.setdefault(name, self.now.s)
        self.work.responses.update(self.responses)
        for name, meeting in self.work.meetings.items():
            meeting.arrived.update(self.arrivals.get(name, {}))

    # -- a turn --------------------------------------------------------------------------------------------------------

    def turn(self, *before: Action) -> list[Action]:
        """What is decided in this turn, as it is carried out; the last one is when to look again."""
        decided = [action for action in before if assume(self.index, action, self.now)]
        self._look()
        for _ in range(MOST_PASSES):
            found, wakes, leads_on = self._pass()
            decided.extend(found)
            if not leads_on:
                break
        else:
            raise AssertionError("the rules do not come to rest")
        self.work.touched.clear()
        actions = coalesce(decided)
        self._commit(actions)
        if self.dies_after is not None:
            return actions
        return [*actions, *(Wake(at_s=at_s) for at_s in sorted(wakes)[:1])]

    def _look(self) -> None:
        for task_id, record in self.work.records.items():
            seen = None if record.state in NOT_STARTED else self.outputs.get(task_id)
            if record.manifest is not seen:
                record.manifest = seen
                self.work.touched[task_id] = None
            record.manifest_gone, record.looked_s = seen is None, self.now.s

    def _pass(self) -> tuple[list[Action], list[float], bool]:
        found: list[Action] = []
        wakes: list[float] = []
        leads_on = False
        self.index.look_across()
        for rule in reconcile.RULES:
            for action in _in_order(list(rule(self.index, self.policy, self.now))):
                if isinstance(action, Wake):
                    wakes.append(action.at_s)
                    continue
                leads_on = assume(self.index, action, self.now) or leads_on
                b.check(self.work)
                if isinstance(action, Move | Recognise) and action.sweep is not None:
                    self.outputs.pop(action.task_id, None)
                found.append(action)
        return found, wakes, leads_on

    # -- making it durable ---------------------------------------------------------------------------------------------

    def _commit(self, actions: list[Action]) -> None:
        intents = dict(self._announce(actions))
        renames = [action for action in actions if isinstance(action, Move | Undo | Make)]
        for rename in renames[: self.dies_after]:
            self._rename(rename)
        if self.dies_after is not None:
            return  # and what is in memory is gone with the process: a scenario starts the next one
        for action in actions:
            self._tell(action, intents)
        for name in [name for name in self.requests if name not in self.work.requests]:
            del self.requests[name]
        self._compare()

    def _announce(self, actions: list[Action]) -> Iterator[tuple[int, int]]:
        for action in actions:
            if isinstance(action, Recognise):
                self._write(move_facts(action))
            elif isinstance(action, Note) and action.first:
                self._write(note_facts(action))
            elif isinstance(action, Move):
                yield id(action), self._write(move_facts(action) | {"event": "intend"})

    def _rename(self, action: Move | Undo | Make) -> None:
        if isinstance(action, Make):
            self.tree[action.task_id] = action.place
            return
        assert self.tree[action.task_id] == action.source, action
        assert isinstance(action, Undo) or is_legal(action.source, action.target), action
        self.tree[action.task_id] = action.target

    def _tell(self, action: Action, intents: dict[int, int]) -> None:
        match action:
            case Move():
                self._write(move_facts(action) | {"intent": intents[id(action)]})
            case Note() if not action.first:
                self._write(note_facts(action))
            case Make():
                self._write({"event": "moved", "task_id": action.task_id, "from": None, "to": action.place})
            case Phase():
                self._write({"event": "phase", "phase": action.phase})
            case Escalate():
                self.escalations[action.name] = Escalation.model_validate(action.fields)
            case Publish():
                self.published[action.path] = action.fields

    def _write(self, line: dict[str, Any]) -> int:
        self.journal.append({"seq": len(self.journal) + 1, "time": iso(self.now.wall_s)} | line)
        return len(self.journal)

    def _compare(self) -> None:
        """What a daemon that starts now would know is what this one knows."""
        known, told = self.work.history, History().replay(self.journal)
        assert told.intents == {} and known.intents == {}
        assert told.phase == known.phase
        for what in ("paused", "escalations", "open_checkpoints", "breakers", "alerts", "outcomes"):
            assert getattr(told, what) == getattr(known, what), what
        for task_id, place in self.tree.items():
            assert self.work.records[task_id].place == place, task_id
            assert _what_counts(told.ledger(task_id)) == _what_counts(known.ledger(task_id)), task_id


def _what_counts(ledger: Ledger) -> Ledger:
    """Two moves through queues that became one rename differ in what only people read."""
    came_from = ledger.came_from if ledger.place == b.UNDER_REVIEW else None
    return dataclasses.replace(ledger, moved_seq=0, queued_seq=0, reason="", came_from=came_from)


def _in_order(actions: list[Action]) -> list[Action]:
    """What goes to and from `blocked`, and what is asked for, is decided over sets: here it has the order of names."""

    def key(action: Action) -> str:
        if isinstance(action, Escalate):
            return f"~{action.name}"
        return action.task_id if isinstance(action, Move) and b.BLOCKED in (action.source, action.target) else ""

    named = iter(sorted((action for action in actions if key(action)), key=key))
    return [next(named) if key(action) else action for action in actions]
