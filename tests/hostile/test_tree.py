"""All hostile files in one tree, under a real daemon: it lives, answers each once, and gets the work beside them done.

What is wrong in one place must not change the answer in another, so files of the same name lie in instructions of their
own. In each of them a good task is handed in beside them.
"""

import json
import os
import re
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cagents_fs.model.text import safe_text
from tests.hostile.case import OF_THE_TREE, Case
from tests.hostile.table import TABLE, matches
from tests.hostile.world import PLEA, RESULT, plan, said
from tests.support.shared import made_once
from tests.support.tree import Document, Instruction, Tree, as_yaml, entry

GOOD = {"task_id": "good", "description": "Do it", "assigned_agent": "gina"}
HELD = {"t1": "ann", "t2": "bob", "t4": "ann", "good": "gina"}
ALONE = frozenset({"plan", "instruction"})
WIDE = {"max_concurrent_instructions": 1000, "max_global_agents": 1000, "max_agents_per_instruction": 1000}
DEEP = {"agent_queues": {"max_queue_depth": 10_000}}
QUICK = {"settle_seconds": 0.2, "scan_interval": 60, "durability": "process"}


@dataclass
class Round:
    """One instruction, and the hostile files in it."""

    name: str
    cases: list[Case] = field(default_factory=list)

    def has_room(self, case: Case) -> bool:
        """Whether this one can be there without getting into the way of another."""
        if {case.kind, *(other.kind for other in self.cases)} & ALONE:
            return not self.cases
        disturbs = case.outcome == "taken in" and case.kind in ("request", "task")
        if disturbs or any(other.outcome == "taken in" and other.kind in ("request", "task") for other in self.cases):
            return not self.cases
        return all(other.path.casefold() != case.path.casefold() for other in self.cases)


def rounds() -> list[Round]:
    """All cases of instructions, in as few of them as may be."""
    made: list[Round] = []
    for case in TABLE:
        if case.kind in OF_THE_TREE:
            continue
        room = next((one for one in made if one.has_room(case)), None)
        if room is None:
            made.append(room := Round(f"r{len(made):03}"))
        room.cases.append(case)
    return made


def put(folder: Path, case: Case) -> None:
    """As somebody who cares for nothing writes it: in place, and under whatever name."""
    path = os.path.join(os.fsencode(folder), os.fsencode(case.path))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(case.data)


def furnish(tree: Tree, one: Round) -> None:
    """The instruction as the table supposes it, and a good task."""
    folder = tree.root / one.name
    if one.cases[0].kind == "instruction":
        (folder / "tasks/pending").mkdir(parents=True)
        put(folder, one.cases[0])  # it is read when the first task is taken in
        (folder / "tasks/pending/T1.yaml").write_text("task_id: T1\ndescription: Do it\n")
    elif one.cases[0].kind != "plan":
        tree.plan(*plan(), GOOD, name=one.name, max_concurrent=10_000)


def work(tree: Tree, one: Round) -> None:
    """Everything is claimed, the good task is handed in, and what is hostile lies there."""
    instruction = Instruction(tree, one.name)
    if one.cases[0].kind not in ALONE:
        for task_id, agent in HELD.items():
            source = instruction.path / f"queues/agents/{agent}/{task_id}.yaml"
            source.rename(instruction.path / f"tasks/in_progress/{task_id}.yaml")
            (instruction.output(task_id) / "result.txt").write_bytes(RESULT)
        said: dict[str, Any] = {"task_id": "good", "subagent": "gina", "status": "completed"}
        said["artifacts"] = [entry("result.txt", RESULT)]
        (instruction.output("good") / "manifest.yaml").write_text(as_yaml(said) + "...\n")
        (instruction.path / "escalations/e0.yaml").write_text(PLEA)
    for case in one.cases:
        put(instruction.path, case)


def answers(tree: Tree, one: Round) -> list[tuple[str, str, tuple[str, ...]]]:
    """Event, path and faults of every answer in the journal."""
    found = []
    for line in Instruction(tree, one.name).journal():
        if line["event"] not in ("answered", "rejected"):
            continue
        path = line.get("path") or f"outputs/partial/{line['task_id']}/manifest.yaml"
        faults = json.loads(json.dumps(line.get("faults") or []).replace(one.name, "inst_1"))
        found.append((line["event"], path, said(faults, str(tree.workspace))))
    return found


def expected(one: Round) -> dict[str, Case]:
    """What is wrong, by its path as it is shown."""
    return {
        safe_text(os.path.normpath(case.path)): case for case in one.cases if case.outcome in ("answered", "rejected")
    }


def is_done(tree: Tree, every: list[Round]) -> list[str]:
    """What is still to come."""
    left = []
    for one in every:
        told = {path for _, path, _ in answers(tree, one)}
        left += [f"{one.name}: {case.id}" for path, case in expected(one).items() if path not in told]
        if one.cases[0].kind not in ALONE and Instruction(tree, one.name).places("good") != ["tasks/completed"]:
            left.append(f"{one.name}: the good task")
    return left


@dataclass
class Made:
    """The tree after the daemon has had its time with it."""

    tree: Tree
    every: list[Round]
    log: str


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Made:
    """Made once, for whichever process of the tests wants it first."""

    def make(folder: Path) -> Document:
        tree = Tree(folder / "work")
        shutil.copytree(template, tree.root)
        tree.configure("daemon.yaml", QUICK)
        tree.configure("parallel_execution_framework.yaml", {"configuration": WIDE, "task_queues": DEEP})
        (tree.root / "_system/config/agents.yaml").write_bytes("default: shell\n".encode("utf-16"))
        every = rounds()
        for one in every:
            furnish(tree, one)
        tree.once()
        for one in every:
            work(tree, one)
        return {"workspace": str(tree.workspace), "log": attended(tree, every)}

    told = made_once(tmp_path_factory, "hostile-files", make)
    return Made(Tree(Path(told["workspace"])), rounds(), told["log"])


def attended(tree: Tree, every: list[Round]) -> str:
    """A daemon with all of them, until every answer is there; what it said."""
    with tree.daemon("--verbose") as daemon:
        deadline_s = time.monotonic() + 150
        while left := is_done(tree, every):
            assert time.monotonic() < deadline_s, "\n".join(left[:20])
            time.sleep(0.5)
        time.sleep(1.0)
    return daemon.err.read_text()


def hidden(text: str) -> list[str]:
    """The lines in which a letter moves a cursor, hides, or turns others round."""
    return [line for line in text.split("\n") if line != safe_text(line, len(line) + 1)]


@pytest.mark.timeout(200)
def test_all_of_them_at_once_get_their_answers_and_harm_nobody(made: Made) -> None:
    tree, every = made.tree, made.every
    wrong = []
    for one in every:
        told = answers(tree, one)
        for path, case in expected(one).items():
            lines = {"answered": [], "rejected": []}
            for event, where, faults in told:
                if os.path.normpath(where) == path:
                    lines[event].append(faults)
            verdict = lines["rejected"] or lines["answered"]
            inst = tuple(line.replace("inst_2", "inst_1") for line in case.answer)
            if len(verdict) != 1 or not (matches(case.answer, verdict[0]) or matches(inst, verdict[0])):
                wrong.append(f"{one.name} {case.id}: {verdict}")
        strangers = {os.path.normpath(path) for _, path, _ in told} - expected(one).keys()
        wrong += [f"{one.name}: nobody expected an answer to {path}" for path in strangers]
    assert not wrong, "\n".join(wrong[:40])
    assert "Traceback" not in made.log and "should not happen" not in made.log, made.log
    assert hidden(made.log) == []
    assert len(re.findall(r"agents\.yaml.*UTF-16", made.log)) == 1, "a wrong configuration is named once"


def test_a_second_start_answers_nothing_again(made: Made) -> None:
    tree, every = made.tree, made.every
    before = {one.name: answers(tree, one) for one in every}
    letters = sorted(str(path) for path in (tree.root / "_communication/inbox").rglob("*.yaml"))

    tree.once()

    assert {one.name: answers(tree, one) for one in every} == before
    assert sorted(str(path) for path in (tree.root / "_communication/inbox").rglob("*.yaml")) == letters
    assert is_done(tree, every) == []


def test_every_wrong_file_is_where_it_was_and_kept_with_its_reasons(made: Made) -> None:
    tree, every = made.tree, made.every
    for one in every:
        kept = {hash(data) for data in Instruction(tree, one.name).quarantined()}
        for case in one.cases:
            path = os.path.join(os.fsencode(tree.root / one.name), os.fsencode(case.path))
            if case.outcome == "answered":
                with open(path, "rb") as file:
                    assert file.read() == case.data, f"{one.name} {case.id}"
                assert hash(case.data[: 1 << 20]) in kept, f"{one.name} {case.id}"


def test_no_byte_of_theirs_reaches_a_reader_unescaped(made: Made) -> None:
    tree, every = made.tree, made.every
    ours = [
        *(tree.root / one.name / "journal.jsonl" for one in every),
        *(tree.root / "_communication/inbox").rglob("*.yaml"),
        *tree.root.glob("*/quarantine/*.reason.yaml"),
        *tree.root.glob("*/outputs/partial/*/verification.yaml"),
        *tree.root.glob("*/status.yaml"),
        *tree.root.glob("*/dashboard.yaml"),
    ]
    ours = [path for path in ours if not path.match("inbox/ann/m1.yaml")]
    assert [str(path) for path in ours if hidden(path.read_text())] == []


@pytest.mark.parametrize(
    "line",
    [
        ["status"],
        ["status", "--json"],
        ["tasks"],
        ["inbox", "planner"],
        ["inbox", "ann", "--json"],
        ["prime", "ann"],
        ["events", "r000"],
        ["audit"],
        ["doctor"],
        ["config"],
    ],
    ids=" ".join,
)
def test_no_command_prints_a_byte_of_theirs_unescaped(made: Made, line: list[str]) -> None:
    tree = made.tree
    answer = tree.call(*line)
    assert answer.code in (0, 1, 4), answer.err[:500]
    assert hidden(answer.out) == []
    assert hidden(answer.err) == []


def test_what_is_said_of_single_tasks_and_files_is_safe_as_well(made: Made) -> None:
    tree, every = made.tree, made.every
    odd = [one for one in every if any("\\x1b" in line or "\\u" in line for case in one.cases for line in case.answer)]
    assert len(odd) > 10
    for one in odd[:3]:
        names = [str(tree.root / one.name / case.path) for case in one.cases]
        for line in (
            ["events", one.name],
            ["show", f"{one.name}/t1"],
            ["explain", f"{one.name}/t1"],
            ["validate", *names],
        ):
            answer = tree.call(*line)
            assert hidden(answer.out + answer.err) == [], (line, one.name)


def test_the_rounds_hold_the_whole_table() -> None:
    every = rounds()
    assert sum(len(one.cases) for one in every) == sum(case.kind not in OF_THE_TREE for case in TABLE)
