"""Stories that a person can check, told in text: what happens, a line, and what the daemon then does.

`SCENARIOS_REWRITE=1 pytest tests/scenarios` fills in the answers; a person reads the diff. Commands are the methods of
`Play`.
"""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cagents_fs.model.actions import (
    Action,
    KeepCopy,
    Make,
    Move,
    Note,
    Phase,
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
from cagents_fs.model.states import State, folder_of, state_of
from tests.support.stage import EPOCH, Stage

RULE = "----"
SCENARIOS = sorted(Path(__file__).parent.glob("*.txt"))
SHORT = {"queues/waiting_on_dependencies": "waiting"}
LISTS = frozenset({"needs"})


def short(place: str | None) -> str:
    """`agents/ann` for `queues/agents/ann`, `completed` for `tasks/completed`."""
    return SHORT.get(place or "", (place or "nowhere").partition("/")[2] or "nowhere")


def place(name: str) -> str:
    """The place that a short name stands for."""
    known = {short(state.value): state.value for state in State}
    return known.get(name, f"queues/{name}")


def _number(text: str) -> Any:
    return float(text)


class Play:
    """A scenario: its commands, one method each. `options` are what stands as key=value."""

    def __init__(self) -> None:
        self.stage = Stage()
        self.begun = False
        self.notes: list[Action] = []

    def instruction(self, **options: Any) -> None:
        self.stage.mode = options.pop("mode", "swarm")
        self.stage.instruction = Instruction(description="A play", **{k: int(v) for k, v in options.items()})

    def policy(self, **options: Any) -> None:
        self.stage.policy = dataclasses.replace(self.stage.policy, **{key: _number(v) for key, v in options.items()})

    def task(self, task_id: str, **options: Any) -> None:
        whole: dict[str, Any] = {"task_id": task_id, "description": f"Do {task_id}", "assigned_agent": "ann"}
        if check := options.pop("check", None):
            before = options.pop("must_fail_before", "no") == "yes"
            whole["acceptance_criteria"] = [{"criterion": "It works", "check": check, "must_fail_before": before}]
        if "max_retries" in options:
            options["max_retries"] = int(options["max_retries"])
        whole["dependencies"] = options.pop("needs", "").split(",") if "needs" in options else []
        task = Task.model_validate(whole | options)
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

    def beat(self, task_id: str) -> None:
        self.stage.beat(task_id)

    def manifest(self, task_id: str, outcome: str, **options: Any) -> None:
        said = {key: int(value) if key == "attempt" else value for key, value in options.items()}
        self.stage.hand_in(task_id, outcome, said)

    def checks(self, task_id: str, outcome: str) -> None:
        note = self.stage.checks_end(task_id, {"pass": True, "fail": False}[outcome])
        self.notes.extend([note] if note else [])

    def request(self, action: str, task_id: str | None = None, **options: Any) -> None:
        name = f"{len(self.stage.journal)}.yaml"
        whole = {"action": action, "task_id": task_id, "from": "rita", "skip": options.get("skip") == "yes"}
        self.stage.requests[name] = self.stage.work.requests[name] = Request.model_validate(whole)

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
            return "note", f"{action.task_id or '-'}  {action.event}", action.reason
        case Tell():
            return "tell", f"{action.to}  {action.type}", action.text.splitlines()[0]
        case WriteVerdict():
            said = "accepted" if action.accepted else "rejected"
            return "verdict", f"{action.task_id}  {said}", " ".join(fault.code for fault in action.faults)
        case KeepCopy():
            return "keep", action.path, ""
        case RunChecks() | StopChecks():
            return "checks", f"{action.task_id}  {'run' if isinstance(action, RunChecks) else 'stop'}", ""
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
