"""What has come of an instruction: the view, and when it is written down."""

import os
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from cagents_fs.core.index import Index, Work
from cagents_fs.daemon.result_files import EVERY_S, TIMES_COST, ResultFiles
from cagents_fs.model.actions import Action, Move, Note, Phase
from cagents_fs.report.results import SECTIONS, Row, Tally, rows
from tests.support import builders as b

AT = "2027-01-15T08:00:00.000000Z"


def artifact(name: str, size: int = 5, resolved: str | None = None) -> dict[str, Any]:
    where = resolved or f"/out/{name}"
    return {"path": name, "resolved": where, "size_bytes": size, "checksum": "sha256:" + "a" * 64, "type": "data"}


def completed(made: Work, task_id: str, *artifacts: dict[str, Any], at: str = AT, **quality: object) -> None:
    b.lies(made, task_id, b.COMPLETED, accepted="m", artifacts=artifacts, quality=quality, completed_at=at)


def told(made: Work) -> dict[str, Any]:
    """All rows in their sections, under what they come to."""
    tally, found = Tally(), dict[str, list[Row]]({section: [] for section in SECTIONS})
    for section, row in rows(made):
        tally.add(section, row)
        found[section].append(row)
    return {**tally.head(made, b.NOW.wall_s), **found}


def test_only_verified_work_counts_and_it_stands_in_the_order_of_the_plan() -> None:
    made = b.work(b.task("z"), b.task("a"), b.task("claimed"), b.task("open"))
    completed(made, "a")
    completed(made, "z")
    b.lies(made, "claimed", b.COMPLETED)  # somebody put it there; nobody has accepted it

    found = told(made)

    assert [row["task_id"] for row in found["tasks"]] == ["z", "a"]
    assert found["totals"] | {"tasks": 4, "completed": 2, "failed": 0} == found["totals"]
    assert (found["instruction_id"], found["phase"], found["final"]) == ("inst_1", "executing", False)


def test_a_task_is_told_with_its_agent_its_artifacts_and_its_quality() -> None:
    made = b.work(b.task("top"), b.task("a", parent_task_id="top"))
    completed(made, "a", artifact("a.txt"), test_coverage=0.9)

    (row,) = told(made)["tasks"]

    assert row == {
        "task_id": "a",
        "agent": "ann",
        "attempt": 1,
        "completed_at": AT,
        "parent_task_id": "top",
        "artifacts": [artifact("a.txt")],
        "quality_metrics": {"test_coverage": 0.9},
    }


def test_averages_are_over_what_was_reported() -> None:
    made = b.work(*(b.task(name) for name in "abc"))
    completed(made, "a", test_coverage=0.85, security_scan="pass")
    completed(made, "b", test_coverage=0.95, security_scan="warning")
    completed(made, "c", performance_validation="pass")

    quality = told(made)["quality"]

    assert quality["test_coverage"] == {"average": 0.9, "count": 2}
    assert quality["code_review_score"] == {"average": None, "count": 0}
    assert quality["security_scan"] == {"pass": 1, "fail": 0, "warning": 1}
    assert quality["performance_validation"] == {"pass": 1, "fail": 0}


def test_a_failure_has_its_reason_and_its_attempts() -> None:
    made = b.work(b.task("a"))
    b.lies(made, "a", b.FAILED, attempt=3, reason="the disk sang; 2 of 2 retries used")

    assert told(made)["failures"] == [
        {"task_id": "a", "agent": None, "attempts": 3, "reason": "the disk sang; 2 of 2 retries used"}
    ]


def test_what_was_cancelled_with_skip_or_given_up_by_those_who_waited_is_skipped() -> None:
    made = b.work(b.task("off"), b.task("just_off"), b.task("lost"), b.task("late"), b.task("next", "lost", "late"))
    b.lies(made, "off", b.CANCELLED, skipped=True, reason="nobody wants it")
    b.lies(made, "just_off", b.CANCELLED)
    b.lies(made, "lost", b.FAILED)
    completed(made, "late")  # given up, and done all the same
    b.lies(made, "next", b.WAITING, waived=frozenset({"lost", "late"}))

    found = told(made)

    assert found["skipped"] == [
        {"task_id": "off", "reason": "nobody wants it"},
        {"task_id": "lost", "reason": "next went on without it"},
    ]
    assert (found["totals"]["cancelled"], found["totals"]["skipped"], found["totals"]["failed"]) == (2, 2, 1)


def test_parents_have_the_results_of_all_levels_below_them_and_their_own() -> None:
    tasks = [b.task("top"), b.task("a", parent_task_id="top"), b.task("b", parent_task_id="a"), b.task("aside")]
    made = b.work(*tasks)
    for name, size in (("top", 1), ("a", 10), ("b", 100), ("aside", 1000)):
        completed(made, name, artifact(f"{name}.txt", size))

    assert told(made)["parents"] == [
        {"task_id": "top", "children": ["a"], "artifacts": 3, "size_bytes": 111},
        {"task_id": "a", "children": ["b"], "artifacts": 2, "size_bytes": 110},
    ]


def test_a_file_that_two_tasks_hand_in_is_one_artifact_as_it_was_verified_last() -> None:
    made = b.work(b.task("top"), b.task("a", parent_task_id="top"), b.task("b", parent_task_id="top"))
    completed(made, "a", artifact("src/app.py", 30), at="2027-01-15T09:00:00.000000Z")
    completed(made, "b", artifact("src/app.py", 50))
    completed(made, "top", artifact("notes.md", 7))

    found = told(made)

    assert (found["totals"]["artifacts"], found["totals"]["size_bytes"]) == (2, 37)
    assert (found["parents"][0]["artifacts"], found["parents"][0]["size_bytes"]) == (2, 37)


def test_a_circle_of_parents_is_walked_once() -> None:
    made = b.work(b.task("hen", parent_task_id="egg"), b.task("egg", parent_task_id="hen"))
    completed(made, "hen", artifact("feather"))

    assert [row["artifacts"] for row in told(made)["parents"]] == [1, 1]


@pytest.mark.parametrize(
    ("phase", "final"), [("executing", False), ("validating", False), ("failed", True), ("complete", True)]
)
def test_it_is_final_when_the_whole_is_over(phase: str, final: bool) -> None:
    made = b.work(b.task("a"))
    made.history.phase = phase

    assert (told(made)["phase"], told(made)["final"]) == (phase, final)


def test_the_work_may_go_on_while_the_rows_are_taken() -> None:
    made = b.work(*(b.task(f"t{n}") for n in range(5)))
    completed(made, "t0")
    completed(made, "t1")
    taking = rows(made)
    next(taking)
    b.lies(made, "t1", b.FAILED, accepted=None)
    completed(made, "t4")

    assert [(section, row["task_id"]) for section, row in taking] == [("tasks", "t4"), ("failures", "t1")]


# -- when it is written ------------------------------------------------------------------------------------------------


class Desk:
    """A tree with one instruction, and what writes its summary."""

    def __init__(self, folder: Path, *tasks: str) -> None:
        self.root = folder.resolve()
        self.path = self.root / "inst_1" / "outputs" / "output_summary.yaml"
        self.path.parent.mkdir(parents=True)
        self.journal = self.root / "inst_1" / "journal.jsonl"
        self.journal.touch()
        self.work = b.work(*(b.task(name) for name in tasks or ("a", "b", "c")))
        self.index = b.index(self.work)
        self.files = ResultFiles(str(self.root))

    def completes(self, task_id: str) -> None:
        completed(self.work, task_id, artifact(f"{task_id}.txt"))
        move = Move(
            instruction="inst_1",
            task_id=task_id,
            source=b.IN_PROGRESS,
            target=b.COMPLETED,
            reason="holds",
            attempt=1,
        )
        self.files.saw(move)

    def ends(self, phase: str = "complete") -> None:
        self.work.history.phase = phase
        self.files.saw(Phase(instruction="inst_1", phase=phase, reason="over"))

    def step(self, seconds: float = 0.0, within: float = 5.0, index: Index | None = None) -> None:
        self.files.step(self.index if index is None else index, b.at(seconds), time.monotonic() + within)

    def said(self) -> dict[str, Any]:
        found: dict[str, Any] = yaml.safe_load(self.path.read_text()) if self.path.exists() else {}
        return found


def test_it_is_written_as_the_view_has_it_and_ends_with_the_end_marker(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.completes("a")
    desk.step()

    assert desk.said() == told(desk.work)
    assert desk.path.read_text().endswith("\n...\n")


@pytest.mark.parametrize(
    ("action", "shown"),
    [
        (Note(instruction="inst_1", event="accepted", reason="holds", task_id="a"), True),
        (Note(instruction="inst_1", event="dependency_waived", reason="goes on", task_id="a"), True),
        (Note(instruction="inst_1", event="stalled", reason="quiet", task_id="a"), False),
        (
            Move(instruction="inst_1", task_id="a", source=b.GLOBAL, target=b.queue(), reason="released", attempt=1),
            False,
        ),
        (Move(instruction="inst_1", task_id="a", source=b.FAILED, target=b.GLOBAL, reason="retry", attempt=2), True),
    ],
)
def test_only_what_it_shows_makes_it_out_of_date(tmp_path: Path, action: Action, shown: bool) -> None:
    desk = Desk(tmp_path)
    desk.files.saw(action)

    assert (desk.files.next_s() is not None) == shown
    assert not desk.files.busy


def test_it_is_written_at_most_once_a_second(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.completes("a")
    desk.step()
    desk.completes("b")
    desk.step(0.5)
    assert desk.said()["totals"]["completed"] == 1

    due_s = desk.files.next_s()
    assert due_s is not None and due_s >= b.NOW.s + EVERY_S
    desk.step(due_s - b.NOW.s)

    assert desk.said()["totals"]["completed"] == 2
    assert desk.files.next_s() is None


def test_it_never_takes_more_than_a_twentieth_of_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]

    def monotonic() -> float:
        clock[0] += 0.05  # each look at the clock: so long does a row take
        return clock[0]

    monkeypatch.setattr("cagents_fs.daemon.result_files.time.monotonic", monotonic)
    desk = Desk(tmp_path)
    desk.completes("a")
    desk.completes("b")
    desk.files.step(desk.index, b.NOW, 1000.0)
    desk.completes("c")

    due_s = desk.files.next_s()
    assert due_s is not None and due_s - b.NOW.s >= TIMES_COST * 0.1


def test_it_is_final_at_once_whatever_it_cost_before(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.completes("a")
    desk.step()
    desk.ends("failed")

    assert desk.files.busy
    desk.step(0.1)

    assert (desk.said()["final"], desk.said()["phase"]) == (True, "failed")
    assert not desk.files.busy


def test_work_that_goes_on_after_its_end_is_in_no_hurry(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.ends("failed")
    desk.ends("executing")

    assert not desk.files.busy
    desk.step()
    assert desk.said()["final"] is False


def test_a_step_that_takes_too_long_is_taken_up_where_it_stood(tmp_path: Path) -> None:
    desk = Desk(tmp_path, *(f"t{n}" for n in range(300)))
    for n in range(300):
        desk.completes(f"t{n}")
    steps = 0
    while desk.files.next_s() is not None:
        desk.step(within=0.002)
        steps += 1

    assert steps > 3
    assert desk.said() == told(desk.work)


def test_what_was_written_down_of_a_task_is_not_put_into_words_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cagents_fs.daemon import result_files

    written: list[object] = []
    real = result_files.item
    monkeypatch.setattr(result_files, "item", lambda row: written.append(row["task_id"]) or real(row))
    desk = Desk(tmp_path)
    desk.completes("a")
    desk.step()
    desk.completes("b")
    desk.step(2.0)

    assert written == ["a", "b"]
    assert desk.said()["totals"]["completed"] == 2


def test_an_instruction_that_was_read_again_meanwhile_is_written_as_it_is_now(tmp_path: Path) -> None:
    desk = Desk(tmp_path, *(f"t{n}" for n in range(50)))
    for n in range(50):
        desk.completes(f"t{n}")
    desk.step(within=0.0005)
    assert desk.files.busy
    again = b.work(b.task("t0"))
    desk.step(5.0, index=b.index(again))

    assert desk.said()["totals"]["tasks"] == 1


def test_an_instruction_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.ends()
    desk.step(index=b.index())

    assert desk.files.next_s() is None
    assert not desk.path.exists()


def test_who_leaves_writes_everything_at_once(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.completes("a")
    desk.step()
    desk.completes("b")
    desk.files.hasten()
    desk.step()

    assert desk.said()["totals"]["completed"] == 2


def test_a_disk_that_refuses_it_is_asked_again_later_and_nobody_waits_for_it(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.path.mkdir()
    desk.ends()
    with pytest.raises(OSError):
        desk.step()
    assert not desk.files.busy

    desk.path.rmdir()
    due_s = desk.files.next_s()
    assert due_s is not None and due_s > b.NOW.s + 5
    desk.step(due_s - b.NOW.s)

    assert desk.said()["final"] is True


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    desk.path.parent.rename(elsewhere)
    desk.path.parent.symlink_to(elsewhere)
    desk.completes("a")

    with pytest.raises(NotADirectoryError):
        desk.step()
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize(("age", "written"), [(-10, True), (10, False), (None, True)])
def test_after_a_restart_a_summary_older_than_its_journal_is_written_again(
    tmp_path: Path, age: int | None, written: bool
) -> None:
    desk = Desk(tmp_path)
    desk.work.history.phase = "complete"
    if age is not None:
        desk.path.write_text("old: true\n...\n")
        now_s = time.time()
        os.utime(desk.journal, (now_s, now_s))
        os.utime(desk.path, (now_s + age, now_s + age))
    desk.files.opened(desk.work)
    desk.step()

    assert desk.said().get("final") is (True if written else None)
