"""The checker of the storm, on a small tree made by hand: it finds nothing there, and each thing that is doctored."""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.storm import checks
from tests.storm.checks import Evidence, Line
from tests.storm.planning import expected, plan

NEEDS = {"hard_dependencies": [{"task_id": "one"}]}
TASKS: list[Line] = [
    {"task_id": "one", "description": "First", "tags": ["plain"]},
    {"task_id": "two", "description": "Then", "tags": ["plain"], "dependencies": NEEDS},
]
QUEUE, WORK, DONE, RETRY = "queues/agents/ann", "tasks/in_progress", "tasks/completed", "queues/retry"
WAITING, GLOBAL = "queues/waiting_on_dependencies", "queues/global"


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Small:
    """Two tasks, the second waits for the first, whose first attempt went stale; all is well."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "work" / "Agent_Memory" / "storm"
        self.lines: list[Line] = []
        self.notes: list[Line] = []
        self.torn = 0  # so many bytes of the journal are cut off
        for task in TASKS:
            self.event("taken_in", task["task_id"])
        self.move("one", None, GLOBAL)
        self.move("two", None, WAITING)
        self.event("intake_done", None)
        self.move("one", GLOBAL, QUEUE)
        self.claim("one", 1)
        self.move("one", WORK, RETRY)
        self.move("one", RETRY, GLOBAL, attempt=2)
        self.move("one", GLOBAL, QUEUE, attempt=2)
        self.hand_in("one", 1, folder="abandoned/one.1")  # late: whoever had it before it was taken back
        self.claim("one", 2)
        self.hand_in("one", 2, accepted=True)
        self.move("two", WAITING, QUEUE)
        self.claim("two", 1)
        self.hand_in("two", 1, accepted=True)
        for task in TASKS:
            path = self.home / DONE / f"{task['task_id']}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(yaml.safe_dump(task | {"instruction_id": "storm", "attempt": 2}))

    def event(self, event: str, task: str | None, **facts: object) -> int:
        number = len(self.lines) + 1
        self.lines.append({"seq": number, "time": f"T{number:03}", "event": event, "task_id": task, **facts})
        return number

    def move(self, task: str, source: str | None, target: str, attempt: int = 1) -> None:
        facts = {"from": source, "to": target, "attempt": attempt}
        intent = {"intent": self.event("intend", task, **facts)} if target != WORK else {}
        self.event("moved", task, agent="ann", **facts, **intent)

    def note(self, what: str, task: str, **facts: object) -> None:
        about = {"writer": "w1", "what": what, "task": task, "agent": "ann"}
        self.notes.append({"ns": len(self.notes) * 10**9, **about, **facts})

    def claim(self, task: str, attempt: int) -> None:
        self.note("claimed", task, attempt=attempt)
        self.move(task, QUEUE, WORK, attempt)

    def hand_in(self, task: str, attempt: int, *, folder: str = "", accepted: bool = False) -> None:
        path = self.home / "outputs" / (folder or f"partial/{task}")
        path.mkdir(parents=True)
        result = f"{task} {attempt}".encode()
        (path / "result.txt").write_bytes(result)
        self.note("wrote", task, kind="artifact", attempt=attempt, path="result.txt", sha256=digest(result))
        entry = {"path": "result.txt", "size_bytes": len(result), "checksum": f"sha256:{digest(result)}"}
        fields = {"task_id": task, "subagent": "ann", "attempt": attempt, "status": "completed", "artifacts": [entry]}
        text = yaml.safe_dump(fields)
        (path / "manifest.yaml").write_text(text)
        told = {"kind": "manifest", "attempt": attempt, "status": "completed", "sha256": digest(text.encode())}
        self.note("will", task, **told)
        self.note("wrote", task, **told)
        if accepted:
            facts = {"attempt": attempt, "manifest": text, "manifest_sha256": told["sha256"]}
            self.event("accepted", task, **facts)
            self.move(task, WORK, DONE, attempt)

    def line(self, event: str, task: str, number: int = -1) -> Line:
        return [line for line in self.lines if line["event"] == event and line["task_id"] == task][number]

    def number_again(self) -> None:
        for number, line in enumerate(self.lines, start=1):
            line["seq"] = number

    def seen(self) -> Evidence:
        text = "".join(json.dumps(line) + "\n" for line in self.lines)
        (self.home / "journal.jsonl").write_text(text[: len(text) - self.torn])
        return Evidence(self.home, {"mode": "swarm", "tasks": TASKS}, dict.fromkeys(("one", "two"), DONE), self.notes)


def test_nothing_is_wrong_with_what_is_well(tmp_path: Path) -> None:
    small = Small(tmp_path)

    assert checks.violations(small.seen()) == []
    assert [note["attempt"] for note in checks.stale_results(small.seen())] == [1]


def doubled_line(small: Small) -> None:
    small.lines.append(small.lines[-1])


def doubled_move(small: Small) -> None:
    small.lines.append(small.line("moved", "two") | {"seq": len(small.lines) + 1})


def gap(small: Small) -> None:
    del small.lines[-1]
    small.lines[-1]["seq"] += 1


def lost_move(small: Small) -> None:
    small.lines.remove(small.line("moved", "two", 1))


def open_intent(small: Small) -> None:
    small.event("intend", "two", **{"from": DONE, "to": GLOBAL, "attempt": 1})


def torn_line(small: Small) -> None:
    small.torn = 20


def two_states(small: Small) -> None:
    (small.home / RETRY).mkdir(parents=True)
    shutil.copy(small.home / DONE / "one.yaml", small.home / RETRY)


def no_state(small: Small) -> None:
    (small.home / DONE / "one.yaml").unlink()


def stranger(small: Small) -> None:
    shutil.copy(small.home / DONE / "one.yaml", small.home / DONE / "three.yaml")


def elsewhere(small: Small) -> None:
    (small.home / RETRY).mkdir(parents=True)
    (small.home / DONE / "two.yaml").rename(small.home / RETRY / "two.yaml")


def other_text(small: Small) -> None:
    path = small.home / DONE / "one.yaml"
    path.write_text(path.read_text().replace("First", "Thirst"))


def begun_too_early(small: Small) -> None:
    accepted = small.line("accepted", "one")
    small.lines.remove(accepted)
    small.lines.append(accepted)
    small.number_again()


def accepted_twice(small: Small) -> None:
    small.lines.append(small.line("accepted", "one") | {"seq": len(small.lines) + 1})


def never_accepted(small: Small) -> None:
    small.line("accepted", "one")["event"] = "finding"


def stale_accepted(small: Small) -> None:
    text = (small.home / "outputs/abandoned/one.1/manifest.yaml").read_text()
    line = small.line("accepted", "one")
    line |= {"manifest": text, "manifest_sha256": digest(text.encode())}


def attempt_kept(small: Small) -> None:
    for line in small.lines:
        if line["task_id"] == "one" and "attempt" in line:
            line["attempt"] = 1


def other_manifest_in_the_journal(small: Small) -> None:
    small.line("accepted", "one")["manifest"] += "# and more\n"


def nobody_wrote_it(small: Small) -> None:
    small.notes[:] = [note for note in small.notes if note["what"] == "claimed" or note["task"] == "two"]


def other_bytes(small: Small) -> None:
    (small.home / "outputs/partial/one/result.txt").write_bytes(b"one 3")


def stale_output_removed(small: Small) -> None:
    shutil.rmtree(small.home / "outputs/abandoned/one.1")


def manifest_removed(small: Small) -> None:
    (small.home / "outputs/partial/two/manifest.yaml").unlink()


def claimed_twice(small: Small) -> None:
    small.note("claimed", "two", attempt=1)


def taken_in_twice(small: Small) -> None:
    small.event("taken_in", "one")


def not_the_holder(small: Small) -> None:
    small.line("moved", "two", 2)["from"] = small.line("moved", "two", 1)["to"] = "queues/agents/bob"


def in_trouble(small: Small) -> None:
    small.note("trouble", "one", text="KeyError")


DOCTORED: dict[Callable[[Small], None], str] = {
    doubled_line: "of the journal has the number",
    doubled_move: "left tasks/in_progress, but lay in tasks/completed",
    gap: "of the journal has the number",
    lost_move: "two left queues/agents/ann, but lay in queues/waiting_on_dependencies",
    open_intent: "the intent for two has 0 answers",
    torn_line: "is no record",
    two_states: "one lies in 2 state directories",
    no_state: "one lies in 0 state directories",
    stranger: "three lies in ['tasks/completed'] and is no task of the plan",
    elsewhere: "two ends in queues/retry and not in tasks/completed",
    other_text: "one: its file says something else than the plan of description",
    begun_too_early: "two entered queues/agents/ann before one was verified",
    accepted_twice: "one was accepted 2 times, and it should be 1",
    never_accepted: "one was accepted 0 times, and it should be 1",
    stale_accepted: "accepted was a result of attempt 1, which had ended",
    attempt_kept: "one is in attempt 1, and it should be 2",
    other_manifest_in_the_journal: "is not the one whose checksum stands beside it",
    nobody_wrote_it: "no agent has written this manifest",
    other_bytes: "the artifact result.txt is not what its manifest says",
    stale_output_removed: "w1 wrote result.txt for one, and its bytes are nowhere",
    manifest_removed: "w1 handed two in, nobody replaced the manifest, and its bytes are nowhere",
    claimed_twice: "two was claimed 2 times, and the journal has 1 claims",
    taken_in_twice: "one was taken in 2 times",
    not_the_holder: "accepted was the work of ann, who does not hold it",
    in_trouble: "w1: KeyError",
}


@pytest.mark.parametrize("doctor", DOCTORED, ids=lambda doctor: doctor.__name__)
def test_whatever_is_doctored_is_called_out(tmp_path: Path, doctor: Callable[[Small], None]) -> None:
    small = Small(tmp_path)

    doctor(small)

    found = checks.violations(small.seen())
    assert any(DOCTORED[doctor] in text for text in found), found


def test_a_manifest_that_an_agent_replaced_is_not_missed(tmp_path: Path) -> None:
    small = Small(tmp_path)
    told: dict[str, Any] = {"kind": "manifest", "attempt": 1, "status": "completed"}
    first, *others = small.notes
    before = {"ns": 1, "writer": "w0", "what": "wrote", "task": "two", "agent": "ann", "sha256": "ab", **told}

    replaced = replace(small.seen(), notes=[first, before, *others])

    assert checks.violations(replaced) == []


def test_what_came_went_and_changed_in_a_tree_is_listed(tmp_path: Path) -> None:
    for name in ("stays", "goes", "changes", "_system/daemon/lock"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    before = checks.listing(tmp_path)
    (tmp_path / "goes").unlink()
    (tmp_path / "changes").write_text("changed")
    (tmp_path / "comes").mkdir()
    (tmp_path / "_system/daemon/lock").write_text("somebody else")

    assert checks.differences(before, checks.listing(tmp_path)) == ["changes changed", "comes came", "goes went"]


@pytest.mark.parametrize("shape", ["layered", "wide", "random"])
def test_every_plan_has_a_few_tasks_that_cannot_be_done_and_some_that_wait_for_them(shape: str) -> None:
    made = plan(300, 50, shape, seed=3)

    ends = list(expected(made).values())

    assert len(made["tasks"]) == len(ends) == 300
    assert ends.count("tasks/failed") == 1
    assert 1 <= ends.count("tasks/blocked") < 30
    assert made == plan(300, 50, shape, seed=3)
