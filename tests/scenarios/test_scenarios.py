"""Stories that a person can check, told in text: what happens, a line, and what the daemon then does.

`SCENARIOS_REWRITE=1 pytest tests/scenarios` fills in the answers; a person reads the diff. Commands are the methods of
`Play`.
"""

import dataclasses
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from cagents_fs.model.actions import (
    Action,
    Escalate,
    KeepCopy,
    Make,
    Move,
    Note,
    Phase,
    Publish,
    Recognise,
    RunChecks,
    Settle,
    StopChecks,
    Tell,
    Undo,
    Wake,
    WriteVerdict,
)
from cagents_fs.model.durations import seconds_of
from cagents_fs.model.files import Instruction, Request, Task
from cagents_fs.model.observations import Now
from cagents_fs.model.policy import AgentType, Policy
from cagents_fs.model.states import State, folder_of, state_of
from tests.support.stage import EPOCH, Stage

RULE = "----"
SCENARIOS = sorted(Path(__file__).parent.glob("*.txt"))
SHORT = {"queues/waiting_on_dependencies": "waiting"}


def short(place: str | None) -> str:
    """`agents/ann` for `queues/agents/ann`, `completed` for `tasks/completed`."""
    return SHORT.get(place or "", (place or "nowhere").partition("/")[2] or "nowhere")


def place(name: str) -> str:
    """The place that a short name stands for."""
    known = {short(state.value): state.value for state in State}
    return known.get(name, f"queues/{name}")


NUMBERS = frozenset({"attempt", "max_retries", "tier", "max_concurrent"})
DIGEST = f"sha256:{'0' * 64}"


def _setting(name: str, text: str) -> Any:
    """A value for a field of the policy: a number, words, `ann:2,bob:1`."""
    default = getattr(Policy(), name)
    if isinstance(default, bool):
        return text == "yes"
    if isinstance(default, int | float):
        return type(default)(seconds_of(text)) if name.endswith("_s") else type(default)(text)
    if isinstance(default, str):
        return text
    if name == "agent_slots":
        return {agent: int(count) for agent, _, count in (entry.partition(":") for entry in text.split(","))}
    return tuple(text.split(","))


def _numbers(options: Mapping[str, str]) -> dict[str, Any]:
    return {key: int(value) if key in NUMBERS else value for key, value in options.items()}


class Play:
    """A scenario: its commands, one method each. `options` are what stands as key=value."""

    def __init__(self) -> None:
        self.stage = Stage()
        self.begun = False
        self.notes: list[Action] = []

    def instruction(self, **options: Any) -> None:
        self.stage.mode = options.pop("mode", "swarm")
        whole = _numbers(options) | ({"stages": options["stages"].split(",")} if "stages" in options else {})
        self.stage.instruction = Instruction.model_validate({"description": "A play", **whole})

    def policy(self, **options: Any) -> None:
        chosen = {key: _setting(key, value) for key, value in options.items()}
        self.stage.policy = dataclasses.replace(self.stage.policy, **chosen)

    def agent(self, name: str, **options: str) -> None:
        """How the file of agents describes one."""
        kind = AgentType(name=name, command=("run",), **{key: int(value) for key, value in options.items()})
        self.stage.policy = dataclasses.replace(self.stage.policy, agents={**self.stage.policy.agents, name: kind})

    def task(self, task_id: str, **options: Any) -> None:
        """`needs`, `soft` and `meet` are names with commas between, `data` is TASK:PATH, `parent` and `stage` one."""
        whole: dict[str, Any] = {"task_id": task_id, "description": f"Do {task_id}", "assigned_agent": "ann"}
        if check := options.pop("check", None):
            before = options.pop("must_fail_before", "no") == "yes"
            whole["acceptance_criteria"] = [{"criterion": "It works", "check": check, "must_fail_before": before}]
        if parent := options.pop("parent", None):
            whole["parent_task_id"] = parent
        if (stage := options.get("stage", "")).isdigit():
            options["stage"] = int(stage)
        whole["dependencies"] = _dependencies(options)
        task = Task.model_validate(whole | _numbers(options))
        if self.begun:
            self.stage.drop(task)
        else:
            self.stage.tasks.append(task)

    def at(self, when: str) -> None:
        seconds = seconds_of(when)
        assert seconds >= self.stage.now.s, f"time goes on: {when}"
        self.stage.now = Now(s=seconds, wall_s=EPOCH + seconds)

    def mv(self, task_id: str, target: str) -> None:
        self.stage.rename(task_id, place(target))

    def claim(self, *task_ids: str) -> None:
        for task_id in task_ids:
            assert state_of(self.stage.tree[task_id]) is State.AGENTS, f"{task_id} lies in {self.stage.tree[task_id]}"
            self.stage.rename(task_id, State.IN_PROGRESS.value)

    def beat(self, task_id: str, *, status: str = "in_progress") -> None:
        self.stage.beat(task_id, status)

    def manifest(self, task_id: str, outcome: str, **options: Any) -> None:
        paths = options.pop("artifacts").split(",") if "artifacts" in options else []
        artifacts = [{"path": path, "size_bytes": 1, "checksum": DIGEST} for path in paths]
        said = _numbers(options) | ({"artifacts": artifacts} if artifacts else {})
        self.stage.hand_in(task_id, outcome, said)

    def arrive(self, checkpoint: str, task_id: str, *, attempt: str = "1") -> None:
        self.stage.arrive(checkpoint, task_id, int(attempt))

    def escalate(self, name: str, task_id: str, **options: str) -> None:
        holder = self.stage.work.records[task_id].holder
        fields = {"from_agent": holder, "task_id": task_id, "issue_description": "It is stuck", "severity": "blocker"}
        if "to" in options:
            fields["to_agent"] = options.pop("to")
        if "sla" in options:
            options["sla"] = f"Response needed within {options['sla'].replace('_', ' ')}"
        self.stage.escalate(name, fields | options)

    def answer(self, name: str, action: str, **options: str) -> None:
        self.stage.answer(name, {"action": action, "from": "rita"} | options)

    def checks(self, task_id: str, outcome: str) -> None:
        note = self.stage.checks_end(task_id, {"pass": True, "fail": False}[outcome])
        self.notes.extend([note] if note else [])

    def request(self, action: str, task_id: str | None = None, **options: Any) -> None:
        name = f"{len(self.stage.journal)}-{len(self.stage.requests)}.yaml"
        whole = {"action": action, "task_id": task_id, "from": "rita", **options, "skip": options.get("skip") == "yes"}
        self.stage.requests[name] = self.stage.work.requests[name] = Request.model_validate(whole)

    def pause(self, task_id: str | None = None) -> None:
        self.request("pause", task_id)

    def resume(self, task_id: str | None = None) -> None:
        self.request("resume", task_id)

    def crash(self, *, after: str) -> None:
        """In this turn, after so many renames; nothing of what followed was written."""
        self.stage.dies_after = int(after)

    def restart(self) -> None:
        self.stage.dies_after = None
        self.stage.restart()

    def turn(self) -> list[str]:
        """What the daemon does now, one line each."""
        if not self.begun:
            self.stage.submit()
            self.begun = True
        notes, self.notes = self.notes, []
        lines = [told(action) for action in self.stage.turn(*notes)] or ["nothing"]
        if self.stage.dies_after is not None:
            lines.append(f"dies    after {self.stage.dies_after} renames, before it could say so")
        return lines


def _dependencies(options: dict[str, Any]) -> dict[str, Any]:
    """Takes them out of the options of a task."""
    data = [entry.split(":", 1) for entry in options.pop("data", "").split(",") if entry]
    return {
        "hard_dependencies": [name for name in options.pop("needs", "").split(",") if name],
        "soft_dependencies": [name for name in options.pop("soft", "").split(",") if name],
        "data_dependencies": [{"task_id": task, "artifact_path": path} for task, path in data],
        "coordination": [{"checkpoint": name} for name in options.pop("meet", "").split(",") if name],
    }


def told(action: Action) -> str:
    """An action as a line of a transcript."""
    kind, about, reason = _told(action)
    return f"{kind:<8}{about:<38} {reason}".rstrip()


def _told(action: Action) -> tuple[str, str, str]:
    match action:
        case Move() | Recognise() | Undo():
            kind = {Move: "move", Recognise: "seen", Undo: "undo"}[type(action)]
            return kind, f"{action.task_id}  {short(action.source)} -> {short(action.target)}", action.reason
        case Make():
            return "make", f"{action.task_id}  {short(action.place)}", action.reason
        case Note():
            return "note", f"{action.task_id or '-'}  {action.event}", action.reason.splitlines()[0]
        case Tell():
            return "tell", f"{action.to}  {action.type}", action.text.splitlines()[0]
        case WriteVerdict():
            said = "accepted" if action.accepted else "rejected"
            return "verdict", f"{action.task_id}  {said}", " ".join(fault.code for fault in action.faults)
        case KeepCopy():
            return "keep", action.path, ""
        case RunChecks() | StopChecks():
            return "checks", f"{action.task_id}  {'run' if isinstance(action, RunChecks) else 'stop'}", ""
        case Escalate():
            said = action.fields
            text = f"{said['severity']}, {said['from_agent']} -> {said.get('to_agent') or 'whoever is asked'}: "
            return "ask", action.name, text + " | ".join(str(said["issue_description"]).splitlines())
        case Publish():
            return "publish", action.path, ""
        case Settle():
            return "settle", "the request", ""
        case Phase():
            return "phase", action.phase, action.reason
        case Wake():
            return "wake", f"at {action.at_s:.0f}s", ""
    raise AssertionError(action)


def commanded(play: Play, line: str) -> None:
    """Carry out `name word … key=value …`."""
    name, *words = line.split()
    options = dict(word.split("=", 1) for word in words if "=" in word)
    command: Callable[..., None] = getattr(play, name)
    command(*(word for word in words if "=" not in word), **options)


def played(text: str) -> str:
    """The scenario with what the daemon does now between each rule and the next blank line."""
    play, lines, answering = Play(), list[str](), False
    for line in text.splitlines():
        answering = answering and bool(line.strip())
        if answering:
            continue
        lines.append(line)
        if line == RULE:
            lines.extend(play.turn())
            answering = True
        elif line.strip() and not line.startswith("#"):
            commanded(play, line)
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_the_daemon_does_what_the_scenario_says(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    now = played(text)

    if os.environ.get("SCENARIOS_REWRITE") == "1":
        path.write_text(now, encoding="utf-8")
    else:
        assert now == text


def test_there_are_scenarios_and_each_has_answers() -> None:
    assert len(SCENARIOS) >= 12
    for path in SCENARIOS:
        blocks = path.read_text(encoding="utf-8").split(f"\n{RULE}\n")[1:]
        assert blocks and all(block.strip() for block in blocks), path.name


def test_short_names_of_places_are_read_back() -> None:
    for name in ("pending", "waiting", "global", "agents/ann", "domains/software", "retry", "completed"):
        assert short(place(name)) == name
    assert folder_of(place("agents/ann")) == "ann"
