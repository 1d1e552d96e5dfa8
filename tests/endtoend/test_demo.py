"""The demo from outside: fifty agents at once, three caught, every result verified, and all of it in the files."""

import ast
import dataclasses
import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.journal import Journal, state_files
from tests.support.shared import made_once
from tests.support.tree import (
    MARK,
    Answer,
    Document,
    Instruction,
    Running,
    Tree,
    a_task,
    as_yaml,
    entry,
    eventually,
    publish,
    surroundings,
)

pytestmark = pytest.mark.timeout(120)

WHOLE = "check_the_whole"
THINK_S = 10  # for which a parallelism efficiency of 0.75 is promised


def demo(folder: Path, think_s: int) -> Answer:
    """To its end. It may take longer than any other command."""
    line = [sys.executable, "-m", "cagents_fs", "demo", str(folder), "--think", str(think_s), "--json"]
    done = subprocess.run(line, cwd=folder, env=surroundings(None), capture_output=True, text=True, timeout=110)
    return Answer(done.returncode, done.stdout, done.stderr)


@dataclasses.dataclass(frozen=True, slots=True)
class Shown:
    """A demo that has ended, on disk and in its own words. Shared: nobody changes it."""

    folder: Path
    answer: Answer

    @property
    def instruction(self) -> Path:
        return Tree(self.folder).root / str(self.answer.data["instruction_id"])

    @property
    def journal(self) -> Journal:
        return Journal.of(self.instruction)

    @property
    def formatters(self) -> list[str]:
        """The fifty, in the order of the plan."""
        return [task for task in self.journal.by_task("taken_in") if task != WHOLE]

    def copied(self, place: Path) -> Tree:
        """One's own, to do harm to."""
        shutil.copytree(self.folder, place)
        return Tree(place)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    def make(folder: Path) -> Document:
        return {"folder": str(folder), "answer": dataclasses.asdict(demo(folder, THINK_S))}

    made = made_once(tmp_path_factory, "demo", make)
    return Shown(Path(made["folder"]), Answer(**made["answer"]))


def test_the_demo_ends_with_0_and_all_51_tasks_verified(shown: Shown) -> None:
    assert shown.answer.code == 0, shown.answer
    assert shown.answer.data["tasks"] == shown.answer.data["verified"] == 51


def test_each_task_is_one_file_and_lies_in_completed(shown: Shown) -> None:
    assert state_files(shown.instruction) == sorted(("tasks/completed", task) for task in [*shown.formatters, WHOLE])
    assert len(set(shown.formatters)) == 50


def test_the_work_is_done_on_fifty_real_files_of_the_standard_library(shown: Shown) -> None:
    workspace = Path(shown.answer.data["workspace"])
    before = sorted((workspace / "before").iterdir())
    after = sorted((workspace / "modules").iterdir())

    assert len(before) == len(after) == 50
    assert [path.name for path in before] == [path.name for path in after]
    for old, new in zip(before, after, strict=True):
        assert 5_000 <= old.stat().st_size <= 60_000
        assert old.read_bytes() != new.read_bytes()
        ast.parse(new.read_bytes())


def test_at_some_moment_fifty_processes_run_at_once(shown: Shown) -> None:
    assert shown.journal.most_at_once() == 50
    assert shown.answer.data["most_agents_at_once"] == 50
    shown.journal.check_processes()


def test_each_change_of_state_is_in_the_journal_once(shown: Shown) -> None:
    journal = shown.journal

    journal.check()

    assert len(journal.moves()) == 51
    for task, moves in journal.moves().items():
        assert moves[-1][1] == "tasks/completed", (task, moves)


def test_the_work_of_each_task_is_accepted_once(shown: Shown) -> None:
    assert shown.journal.accepted() == dict.fromkeys([*shown.formatters, WHOLE], 1)


def test_exactly_the_three_troublemakers_are_caught_and_each_for_what_it_did(shown: Shown) -> None:
    journal = shown.journal
    rejected = journal.by_task("rejected")
    codes = sorted([fault["code"] for line in lines for fault in line["faults"]] for lines in rejected.values())
    stalled = journal.by_task("stalled")

    assert codes == [["checksum_mismatch"], ["no_evidence"]]
    assert len(stalled) == 1
    assert not stalled.keys() & rejected.keys()
    assert [len(lines) for lines in stalled.values()] == [1]


def test_rejected_work_is_done_again_in_the_same_attempt_and_silent_work_in_a_second(shown: Shown) -> None:
    journal = shown.journal
    attempts = {line["task_id"]: line["attempt"] for line in journal.events("accepted")}
    (silent,) = journal.by_task("stalled")

    assert [task for task, attempt in attempts.items() if attempt != 1] == [silent]
    assert attempts[silent] == 2
    assert [move for move in journal.moves()[silent] if "queues/retry" in move] == [
        ("tasks/in_progress", "queues/retry"),
        ("queues/retry", "queues/global"),
    ]
    started = {task: len(lines) for task, lines in journal.by_task("process_started").items()}
    assert {task for task, count in started.items() if count == 2} == {silent, *journal.by_task("rejected")}
    assert sum(started.values()) == 51 + 3


def test_the_last_task_is_claimed_only_when_the_fifty_are_completed(shown: Shown) -> None:
    assert len(shown.formatters) == 50
    shown.journal.check_order({WHOLE: shown.formatters})


def test_every_figure_of_the_summary_comes_from_the_journal(shown: Shown) -> None:
    journal, said = shown.journal, shown.answer.data
    worked, makespan_s = journal.worked_s(), journal.makespan_s()
    path_s = max(worked[task] for task in shown.formatters) + worked[WHOLE]

    assert said["seconds_alone"] == pytest.approx(sum(worked.values()), abs=0.02)
    assert said["seconds_together"] == pytest.approx(makespan_s, abs=0.02)
    assert said["speedup"] == pytest.approx(sum(worked.values()) / makespan_s, abs=0.02)
    assert said["parallelism_efficiency"] == pytest.approx(path_s / makespan_s, abs=0.002)
    assert 0.75 <= said["parallelism_efficiency"] <= 1
    assert [one["task_id"] for one in said["rejected"]] == [line["task_id"] for line in journal.events("rejected")]
    assert [one["task_id"] for one in said["stalled"]] == [line["task_id"] for line in journal.events("stalled")]


def test_every_path_of_the_summary_is_there(shown: Shown) -> None:
    said = shown.answer.data

    assert Path(said["root"]) == Tree(shown.folder).root
    for name in ("journal", "manifest", "verdict"):
        path = Path(said[name])
        assert path.is_file(), said
        assert path.is_relative_to(shown.instruction)


def test_nothing_of_the_demo_runs_on_after_it(shown: Shown) -> None:
    assert Tree(shown.folder).agents_at_work() == []


def test_audit_finds_one_flipped_byte_of_one_artifact_and_names_it(shown: Shown, tmp_path: Path) -> None:
    tree = shown.copied(tmp_path / "copy")
    assert tree.data("audit") == {"verified": 51, "drifted": []}
    task = shown.formatters[25]
    (path,) = (tree.workspace / "work-1" / "modules").glob(f"{task.split('_', 2)[2]}.py")
    content = bytearray(path.read_bytes())
    content[content.index(b"# ") + 2] ^= 1  # in a comment: only the checksum can tell
    path.write_bytes(content)

    answer = tree.call("audit", "--no-checks", "--json")

    assert answer.code == 1, answer
    (drifted,) = answer.data["drifted"]
    assert drifted["task_id"] == task
    assert [(fault["code"], fault["path"]) for fault in drifted["faults"]] == [
        ("checksum_mismatch", f"modules/{path.name}")
    ]


def test_a_second_run_has_the_same_task_ids_and_every_command_tells_them_apart(shown: Shown, tmp_path: Path) -> None:
    tree = shown.copied(tmp_path / "copy")

    again = demo(tree.workspace, think_s=1)

    assert again.code == 0, again
    assert again.data["verified"] == 51
    first, second = shown.instruction.name, str(again.data["instruction_id"])
    assert first != second
    assert Path(again.data["workspace"]) != tree.workspace / "work-1"
    assert state_files(tree.root / second) == state_files(shown.instruction)
    for command in ("show", "explain", "verify"):
        bare = tree.call(command, WHOLE, "--json")
        assert bare.code == 2, (command, bare)
        assert f"{first}/{WHOLE}" in bare.error["message"]
        assert f"{second}/{WHOLE}" in bare.error["message"]
        for name in (first, second):
            full = tree.call(command, f"{name}/{WHOLE}", "--json")
            assert full.code == 0, (command, full)
            assert full.data["instruction_id"] == name
    meant = tree.call("show", WHOLE, "--json", env={"CAGENTS_INSTRUCTION": first})
    assert meant.data["instruction_id"] == first


# -- Ctrl-C ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def begun(tmp_path: Path) -> Iterator[tuple[Tree, Running]]:
    """A demo under way; it and all it started are ended after the test, whatever happens."""
    tree = Tree(tmp_path / "demo")
    tree.workspace.mkdir()
    out, err = tmp_path / "demo.out", tmp_path / "demo.err"
    line = [sys.executable, "-m", "cagents_fs", "demo", str(tree.workspace), "--think", "2", "--json"]
    with out.open("wb") as said, err.open("wb") as wrong:
        popen = subprocess.Popen(line, cwd=tmp_path, env=surroundings(None), stdout=said, stderr=wrong)
    tree.started.append(Running(popen, out, err))
    yield tree, tree.started[0]
    tree.end_everything()


def the_instruction(tree: Tree) -> Instruction:
    found = eventually(lambda: list(tree.root.glob("inst_*/journal.jsonl")), within=60)
    return Instruction(tree, found[0].parent.name)


def tasks_at_work(tree: Tree) -> set[str]:
    """Those for which a process lives, as the kernel tells."""
    everyone = psutil.process_iter(["environ"])
    around = [one.info["environ"] or {} for one in everyone]
    return {
        one["CAGENTS_TASK"] for one in around if one.get("CAGENTS_ROOT") == str(tree.root) and "CAGENTS_TASK" in one
    }


@pytest.mark.parametrize("moment", ["fifty processes live", "half of the tasks are completed"])
def test_ctrl_c_leaves_no_process_and_run_takes_up_the_work(begun: tuple[Tree, Running], moment: str) -> None:
    tree, running = begun
    instruction = the_instruction(tree)
    if moment == "fifty processes live":
        eventually(lambda: len(tasks_at_work(tree)) >= 50, within=60, saying=running.said)
    else:
        done = instruction.path / "tasks" / "completed"
        eventually(lambda: len(os.listdir(done)) >= 25, within=60, saying=running.said)

    code = running.stop(signal.SIGINT)

    assert code != 0, running.said()
    assert tree.agents_at_work() == []
    assert "Traceback" not in running.said()
    assert len(os.listdir(instruction.path / "tasks" / "completed")) < 51
    answer = tree.call("run", "--resume", instruction.name)
    assert answer.code == 0, answer
    assert [place for place, _task in state_files(instruction.path)] == ["tasks/completed"] * 51
    journal = Journal.of(instruction.path)
    journal.check()
    journal.check_processes()
    assert set(journal.accepted().values()) == {1}
    assert tree.agents_at_work() == []


# -- a byte flipped before its manifest is accepted -------------------------------------------------------------------


SETTLE_S = 0.2
SELDOM = {"settle_seconds": SETTLE_S, "scan_interval": "60 seconds"}  # so that no full look happens to come to help
BEFORE, DURING, LATE = "before it is handed in", "while its checks run", "just before its checks end"
IN_PLACE = "while its checks run, with a manifest written in place"


def has_settled(path: Path) -> bool:
    return path.exists() and time.time() - path.stat().st_mtime > 2 * SETTLE_S


@pytest.mark.parametrize("moment", [BEFORE, DURING, IN_PLACE, LATE])
@pytest.mark.parametrize("where", ["output", "workspace"])
def test_a_byte_flipped_before_acceptance_keeps_every_dependent_waiting(tree: Tree, where: str, moment: str) -> None:
    tree.configure("daemon.yaml", SELDOM)
    wait = {"criterion": "It may go on", "check": "touch started; until test -e go; do sleep 0.05; done"}
    instruction = tree.plan(
        a_task("t1", acceptance_criteria=[] if moment == BEFORE else [wait]),
        a_task("t2", "t1"),
        a_task("t3", "t1"),
        a_task("t4", "t3"),
    )
    good, bad = b"fifty agents\n", b"fifty agentr\n"
    with tree.daemon():
        instruction.claim("t1")
        path = (instruction.output("t1") if where == "output" else tree.workspace) / "made.txt"
        path.write_bytes(bad if moment == BEFORE else good)
        manifest = as_yaml(instruction.manifest("t1", artifacts=[entry("made.txt", good)]))
        if moment == IN_PLACE:  # as most agents do: no rename, no end marker
            (instruction.output("t1") / "manifest.yaml").write_text(manifest)
        else:
            publish(instruction.output("t1") / "manifest.yaml", manifest + MARK)
        if moment != BEFORE:
            eventually(lambda: has_settled(tree.workspace / "started"))
            path.write_bytes(bad)
            eventually(lambda: moment == LATE or has_settled(path))
            (tree.workspace / "go").touch()

        verdict = eventually(lambda: [*instruction.events("rejected"), *instruction.events("accepted")])[0]

        assert verdict["event"] == "rejected", f"flipped {moment}: {instruction.tail()}"
        assert [(fault["code"], fault["path"]) for fault in verdict["faults"]] == [("checksum_mismatch", "made.txt")]
        instruction.reaches("t1", "tasks/in_progress")
        for task in ("t2", "t3", "t4"):
            assert instruction.places(task) == ["queues/waiting_on_dependencies"]
        assert instruction.events("accepted") == []
        path.write_bytes(good)  # nothing else was wrong
        publish(instruction.output("t1") / "manifest.yaml", manifest + MARK)
        instruction.reaches("t1", "tasks/completed")
        instruction.reaches("t2", "queues/agents/ann")
        instruction.reaches("t3", "queues/agents/ann")
        assert instruction.places("t4") == ["queues/waiting_on_dependencies"]
        assert instruction.events("rejected")[-1]["seq"] < instruction.events("accepted")[0]["seq"]


def test_explain_tells_what_was_wrong_with_a_troublemaker_in_the_order_of_time(shown: Shown) -> None:
    tree = Tree(shown.folder)
    for task in shown.journal.by_task("rejected", "stalled"):
        story = tree.data("explain", f"{shown.instruction.name}/{task}")["story"]
        events = [line["event"] for line in story]
        assert {"rejected", "stalled"} & set(events), (task, events)
        times = [line["time"] for line in story]
        assert all(a <= b for a, b in itertools.pairwise(times))
