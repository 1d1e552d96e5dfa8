"""What a turn does to the files of one instruction: edits beside renames, outputs put aside, lost tasks made again."""

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from cagents_fs.model.actions import Make, Move, Recognise
from cagents_fs.store import changes
from cagents_fs.store.disk import Outcome, rename_noreplace
from tests.support.desk import INST, Desk, move

GLOBAL, ANN, RETRY = "queues/global", "queues/agents/ann", "queues/retry"
WAITING, BLOCKED = "queues/waiting_on_dependencies", "tasks/blocked"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


# -- edits ------------------------------------------------------------------------------------------------------------


def test_a_task_that_leaves_retry_has_its_new_number_before_it_is_renamed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, real, seen = desk.put(RETRY), rename_noreplace, []

    def spy(source: str, target: str) -> Outcome:
        seen.append(path.read_text())
        return real(source, target)

    monkeypatch.setattr(changes, "rename_noreplace", spy)
    desk.commit(move(RETRY, GLOBAL, attempt=2, edit_before={"attempt": 2}))

    assert seen == ["# by hand\ntask_id: a\ndescription: Do it\nattempt: 2\n"]
    assert desk.path(GLOBAL, "a.yaml").read_text() == seen[0]


def test_a_task_that_is_blocked_is_told_by_whom_after_it_was_renamed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, real, seen = desk.put(WAITING), rename_noreplace, []

    def spy(source: str, target: str) -> Outcome:
        seen.append(path.read_text())
        return real(source, target)

    monkeypatch.setattr(changes, "rename_noreplace", spy)
    desk.commit(move(WAITING, BLOCKED, edit_after={"blocked_by": ["x"]}))

    assert "blocked_by" not in seen[0]
    assert yaml.safe_load(desk.path(BLOCKED, "a.yaml").read_text())["blocked_by"] == ["x"]
    assert desk.lines()[0]["edit"] == {"blocked_by": ["x"]}


def test_a_key_that_no_longer_holds_is_taken_out_and_the_rest_stays_as_it_was_written(desk: Desk) -> None:
    desk.put(BLOCKED, text="task_id: a  # mine\nblocked_by: [x]\n\ndescription: Do it\n")

    desk.commit(move(BLOCKED, WAITING, edit_before={"blocked_by": None}))

    assert desk.path(WAITING, "a.yaml").read_text() == "task_id: a  # mine\n\ndescription: Do it\n"


def test_an_edit_that_changes_nothing_writes_nothing(desk: Desk) -> None:
    inode = desk.put(RETRY, text="task_id: a\nattempt: 2\n").stat().st_ino

    desk.commit(move(RETRY, GLOBAL, edit_before={"attempt": 2}))

    assert desk.path(GLOBAL, "a.yaml").stat().st_ino == inode


@pytest.mark.parametrize("text", ["{broken: [", "- a list\n", "\x00", ""], ids=["broken", "list", "NUL", "empty"])
def test_a_file_that_somebody_damaged_moves_on_as_it_is(desk: Desk, text: str) -> None:
    desk.put(RETRY, text=text)

    assert desk.commit(move(RETRY, GLOBAL, edit_before={"attempt": 2})).lost == set()

    assert desk.path(GLOBAL, "a.yaml").read_text() == text


def test_nothing_is_read_or_written_through_a_link(desk: Desk, tmp_path: Path) -> None:
    victim = tmp_path / "victim.yaml"
    victim.write_text("task_id: a\n")
    desk.path(RETRY, "a.yaml").symlink_to(victim)

    desk.commit(move(RETRY, GLOBAL, edit_before={"attempt": 2}))

    assert victim.read_text() == "task_id: a\n"
    assert desk.path(GLOBAL, "a.yaml").is_symlink()


def test_a_pipe_in_the_place_of_a_task_file_holds_up_nobody(desk: Desk) -> None:
    os.mkfifo(desk.path(RETRY, "a.yaml"))

    assert desk.commit(move(RETRY, GLOBAL, edit_before={"attempt": 2})).lost == set()


def test_an_edit_of_a_file_that_was_moved_away_is_a_lost_race_and_brings_nothing_back(desk: Desk) -> None:
    assert desk.commit(move(RETRY, GLOBAL, edit_before={"attempt": 2})).lost == {INST}
    assert desk.places() == []


def test_a_move_of_somebody_else_may_need_its_number_written_as_well(desk: Desk) -> None:
    desk.put(GLOBAL)
    desk.output().joinpath("old.txt").write_text("old")
    whole = {"instruction": INST, "task_id": "a", "source": "tasks/failed", "target": GLOBAL, "reason": "by hand"}

    desk.commit(Recognise(attempt=2, edit_after={"attempt": 2}, sweep=1, **whole))  # type: ignore[arg-type]

    assert "attempt: 2" in desk.path(GLOBAL, "a.yaml").read_text()
    assert desk.path("outputs/abandoned/a.1/old.txt").read_text() == "old"


# -- what the last attempt left ---------------------------------------------------------------------------------------


def sweeping(**more: Any) -> Move:
    return move(RETRY, GLOBAL, attempt=2, sweep=1, **more)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_what_the_last_attempt_left_is_put_aside_whole_before_the_task_is_renamed(desk: Desk) -> None:
    desk.put(RETRY)
    (desk.output() / "sub").mkdir()
    (desk.output() / "sub" / "x.txt").write_text("half done")

    desk.commit(sweeping())

    assert not desk.path("outputs/partial/a").exists()
    assert desk.path("outputs/abandoned/a.1/sub/x.txt").read_text() == "half done"
    assert desk.places() == [GLOBAL]


def test_both_output_directories_are_put_aside_and_neither_replaces_what_lies_there(desk: Desk) -> None:
    desk.put(RETRY)
    for folder, text in (("outputs/abandoned/a.1", "earlier"), ("outputs/partial/a", "one"), ("outputs/a", "two")):
        desk.path(folder).mkdir()
        desk.path(folder, "x").write_text(text)

    desk.commit(sweeping())

    found = {path.parent.name: path.read_text() for path in desk.path("outputs/abandoned").rglob("x")}
    assert found == {"a.1": "earlier", "a.1-2": "one", "a.1-3": "two"}


def test_where_nothing_was_left_there_is_nothing_to_put_aside(desk: Desk) -> None:
    desk.put(RETRY)

    assert desk.commit(sweeping()).lost == set()
    assert list(desk.path("outputs/abandoned").iterdir()) == []


def test_late_work_that_came_at_the_last_moment_stops_the_next_attempt_and_lies_where_it_lay(desk: Desk) -> None:
    desk.put(RETRY)
    (desk.output() / "manifest.yaml").write_text("late: true\n")

    done = desk.commit(sweeping(late_work_but=frozenset({digest("other\n")})))

    assert done.lost == {INST}
    assert desk.places() == [RETRY]
    assert desk.path("outputs/partial/a/manifest.yaml").read_text() == "late: true\n"
    assert list(desk.path("outputs/abandoned").iterdir()) == []


@pytest.mark.parametrize("known", [frozenset({digest("seen\n")}), None], ids=["a manifest that is known", "no matter"])
def test_a_manifest_that_was_seen_is_put_aside_with_the_rest(desk: Desk, known: frozenset[str] | None) -> None:
    desk.put(RETRY)
    (desk.output() / "manifest.yaml").write_text("seen\n")

    assert desk.commit(sweeping(late_work_but=known)).lost == set()
    assert desk.path("outputs/abandoned/a.1/manifest.yaml").read_text() == "seen\n"


@pytest.mark.parametrize("odd", ["pipe", "folder", "link"])
def test_a_manifest_that_is_no_regular_file_is_no_late_work_and_hangs_nobody(
    desk: Desk, tmp_path: Path, odd: str
) -> None:
    desk.put(RETRY)
    manifest = desk.output() / "manifest.yaml"
    match odd:
        case "pipe":
            os.mkfifo(manifest)
        case "folder":
            manifest.mkdir()
        case _:
            (tmp_path / "elsewhere").write_text("x")
            manifest.symlink_to(tmp_path / "elsewhere")

    assert desk.commit(sweeping(late_work_but=frozenset())).lost == set()
    assert desk.places() == [GLOBAL]


# -- made again -------------------------------------------------------------------------------------------------------


def make(task: str = "a") -> Make:
    return Make(instruction=INST, task_id=task, place=GLOBAL, attempt=3, reason="made again")


def test_a_lost_task_is_made_again_as_it_was_taken_in_with_the_plan(desk: Desk) -> None:
    desk.path("workflow/taken_in.jsonl").write_text(
        '{"plan_sha256": "x", "instruction": {}}\n{"task_id": "b"}\n{"task_id": "a", "x": 1}\n'
    )

    assert desk.commit(make()).lost == set()

    text = desk.path(GLOBAL, "a.yaml").read_text()
    assert "task_id: a" in text and "x: 1" in text and "attempt: 3" in text
    assert [(line["event"], line["from"], line["to"]) for line in desk.lines()] == [("moved", None, GLOBAL)]


def test_a_lost_task_that_was_added_later_is_made_again_from_its_own_definition(desk: Desk) -> None:
    desk.path("workflow/tasks/a.yaml").write_text("# kept\ntask_id: a\ndescription: Later\n")

    assert desk.commit(make()).lost == set()

    assert "description: Later" in desk.path(GLOBAL, "a.yaml").read_text()


@pytest.mark.parametrize("there", [True, False], ids=["there after all", "never taken in"])
def test_what_is_there_after_all_or_was_never_taken_in_is_not_made(desk: Desk, there: bool) -> None:
    if there:
        desk.path("workflow/tasks/a.yaml").write_text("task_id: a\ndescription: Later\n")
        desk.put(GLOBAL, text="somebody's\n")

    assert desk.commit(make()).lost == {INST}
    assert desk.lines() == []
    assert desk.places() == [GLOBAL] * there
