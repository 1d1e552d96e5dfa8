"""`notify:` runs a real program for each alert: beside us, one at a time, and whatever it does."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cagents_fs.daemon import notifying
from cagents_fs.daemon.notifying import Notifier
from cagents_fs.model.actions import Note
from tests.support import builders as b
from tests.support.tree import eventually

KEEPS = 'cat >> "$0"'


def alert(n: int = 1, event: str = "alert") -> Note:
    return Note(instruction="inst_1", event=event, agent="ann", reason=f"number {n}", facts={"alert": "queue_depth"})


def notifier(tmp_path: Path, *command: str) -> Notifier:
    return Notifier(str(tmp_path), lambda: b.policy(notify=command))


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def ends(notes: Notifier, told: Callable[[], object]) -> None:
    try:
        eventually(told)
    finally:
        notes.close()


def test_each_alert_comes_as_json_on_standard_input_in_its_order(tmp_path: Path) -> None:
    told = tmp_path / "told"
    notes = notifier(tmp_path, "sh", "-c", KEEPS, str(told))
    for n in range(3):
        notes.saw(alert(n), b.NOW)
    notes.saw(alert(3, "alert_over"), b.NOW)

    ends(notes, lambda: len(lines(told)) == 4)

    assert [(one["reason"], one["status"]) for one in lines(told)] == [
        *((f"number {n}", "open") for n in range(3)),
        ("number 3", "over"),
    ]
    assert {"alert": "queue_depth", "severity": "medium", "instruction_id": "inst_1"}.items() <= lines(told)[0].items()


def test_it_sees_no_secret_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "s3cret")
    told = tmp_path / "told"
    notes = notifier(tmp_path, "sh", "-c", 'env > "$0.part"; mv "$0.part" "$0"', str(told))
    notes.saw(alert(), b.NOW)

    ends(notes, told.exists)

    assert "PATH=" in told.read_text()
    assert "s3cret" not in told.read_text()


def test_one_that_does_not_end_is_killed_with_all_it_has_started_and_the_next_has_its_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifying, "TIMEOUT_S", 0.3)
    told = tmp_path / "told"
    notes = notifier(tmp_path, "sh", "-c", 'echo $$ >> "$0"; sleep 600 & wait', str(told))
    notes.saw(alert(1), b.NOW)
    notes.saw(alert(2), b.NOW)

    ends(notes, lambda: told.exists() and len(told.read_text().split()) == 2)

    for pid in map(int, told.read_text().split()):
        eventually(lambda pid=pid: not _group(pid))


def _group(leader: int) -> bool:
    try:
        os.killpg(leader, 0)
    except ProcessLookupError:
        return False
    return True


def test_who_leaves_waits_for_none(tmp_path: Path) -> None:
    told = tmp_path / "told"
    notes = notifier(tmp_path, "sh", "-c", 'echo $$ > "$0"; exec sleep 600', str(told))
    notes.saw(alert(1), b.NOW)
    notes.saw(alert(2), b.NOW)
    eventually(lambda: told.exists() and told.read_text().strip())

    notes.close()

    assert not _group(int(told.read_text()))


def test_what_cannot_be_started_or_reads_nothing_changes_nothing(tmp_path: Path) -> None:
    absent = notifier(tmp_path, "no-such-program-at-all")
    absent.saw(alert(), b.NOW)
    absent.close()
    deaf = notifier(tmp_path, "true")
    for n in range(5):
        deaf.saw(alert(n), b.NOW)
    deaf.close()


def test_a_flood_drops_the_oldest(tmp_path: Path) -> None:
    told = tmp_path / "told"
    gate = tmp_path / "gate"
    notes = notifier(
        tmp_path, "sh", "-c", 'while [ ! -e "$1" ]; do sleep 0.02; done; cat >> "$0"', str(told), str(gate)
    )
    for n in range(400):
        notes.saw(alert(n), b.NOW)
    gate.touch()

    ends(notes, lambda: lines(told) and lines(told)[-1]["reason"] == "number 399")

    assert len(lines(told)) <= notifying.MOST_WAITING + 1


@pytest.mark.parametrize("notify", [False, True, ()])
def test_without_a_command_nothing_is_run(tmp_path: Path, notify: object) -> None:
    notes = Notifier(str(tmp_path), lambda: b.policy(notify=notify))
    notes.saw(alert(), b.NOW)

    assert notes._thread is None
    notes.close()


def test_what_is_no_alert_is_not_told(tmp_path: Path) -> None:
    told = tmp_path / "told"
    notes = notifier(tmp_path, "sh", "-c", KEEPS, str(told))
    notes.saw(alert(1, "warning"), b.NOW)
    notes.saw(alert(2), b.NOW)

    ends(notes, lambda: lines(told))

    assert [one["reason"] for one in lines(told)] == ["number 2"]
