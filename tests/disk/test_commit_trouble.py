"""Commits that do not go as planned: lost races, requests that stay, a disk that refuses, a daemon that dies."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cagents_fs.core.history import History
from cagents_fs.model.actions import Action, Settle, Tell
from cagents_fs.store import journal
from cagents_fs.store.journal import Journal
from tests.support.desk import INST, Desk, move, note

GLOBAL, ANN, BOB = "queues/global", "queues/agents/ann", "queues/agents/bob"
IN_PROGRESS, COMPLETED = "tasks/in_progress", "tasks/completed"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


# -- somebody else was first ------------------------------------------------------------------------------------------


def three(desk: Desk) -> None:
    for task in "ace":
        desk.put(GLOBAL, task)


@pytest.mark.parametrize("trouble", ["gone", "taken"])
def test_a_lost_race_is_void_and_so_is_the_rest_of_its_instruction(desk: Desk, trouble: str) -> None:
    three(desk)
    if trouble == "gone":
        desk.path(GLOBAL, "c.yaml").unlink()
    else:
        desk.put(ANN, "c", "somebody's\n")
    actions: list[Action] = [move(GLOBAL, ANN), move(GLOBAL, ANN, "c"), note("finding", "e"), move(GLOBAL, ANN, "e")]

    done = desk.commit(*actions)

    assert (done.lost, done.undone) == ({INST}, actions[1:])
    assert (desk.places("a"), desk.places("e")) == ([ANN], [GLOBAL])
    assert desk.told()[3:] == [("moved", "a"), ("void", "c"), ("void", "e")]
    intents = {line["task_id"]: line["seq"] for line in desk.lines() if line["event"] == "intend"}
    assert {line["task_id"]: line["intent"] for line in desk.lines()[3:]} == intents
    assert History().replay(desk.lines()).intents == {}


def test_what_lay_at_the_target_is_never_replaced(desk: Desk) -> None:
    desk.put(GLOBAL)
    desk.put(ANN, text="somebody's\n")

    desk.commit(move(GLOBAL, ANN))

    assert desk.path(ANN, "a.yaml").read_text() == "somebody's\n"
    assert desk.path(GLOBAL, "a.yaml").read_text().startswith("# by hand")


def test_a_lost_race_in_one_instruction_undoes_nothing_in_another(desk: Desk) -> None:
    desk.begin("inst_2")
    desk.put(GLOBAL, name="inst_2")

    done = desk.commit(move(GLOBAL, ANN), move(GLOBAL, ANN, name="inst_2"))

    assert done.lost == {INST}
    assert desk.places(name="inst_2") == [ANN]


def test_an_acceptance_is_written_although_its_rename_is_lost(desk: Desk) -> None:
    desk.commit(note("accepted", first=True, manifest_sha256="m"), move(IN_PROGRESS, COMPLETED))

    assert desk.told() == [("accepted", "a"), ("intend", "a"), ("void", "a")]


# -- requests ---------------------------------------------------------------------------------------------------------


def request(desk: Desk) -> Path:
    path = desk.path("requests", "1.yaml")
    path.write_text("action: cancel\n")
    return path


SETTLE = Settle(instruction=INST, name="1.yaml")


def test_a_request_goes_when_what_it_asked_for_is_durable(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.put(GLOBAL)
    path, synced = request(desk), []

    def spy(_: int) -> None:
        synced.append((path.exists(), [event for event, _ in desk.told()]))

    monkeypatch.setattr(os, "fdatasync", spy)
    desk.commit(move(GLOBAL, ANN), SETTLE)

    assert synced[-1] == (True, ["intend", "moved"])
    assert not path.exists()


def test_a_request_stays_where_a_race_was_lost(desk: Desk) -> None:
    path = request(desk)

    desk.commit(move(GLOBAL, ANN), SETTLE)

    assert path.exists()


def test_a_request_that_is_gone_already_is_no_trouble(desk: Desk) -> None:
    assert desk.commit(SETTLE).lost == set()


# -- trouble ----------------------------------------------------------------------------------------------------------


def test_where_the_journal_takes_nothing_nothing_is_renamed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.put(GLOBAL)
    path, before = request(desk), desk.snapshot()

    def full(*_: object) -> list[int]:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Journal, "append", full)
    with pytest.raises(OSError, match="No space"):
        desk.commit(move(GLOBAL, ANN), SETTLE)

    assert desk.snapshot() == before
    assert path.exists()


def test_where_a_rename_is_refused_what_was_done_before_it_is_told(desk: Desk) -> None:
    three(desk)
    desk.path("queues/agents/ann").write_text("a file where a folder belongs")
    path = request(desk)

    with pytest.raises(OSError, match=r"Not a directory|File exists"):
        desk.commit(move(GLOBAL, BOB), move(GLOBAL, ANN, "c"), SETTLE)

    assert desk.told()[2:] == [("moved", "a")]
    assert [line["task_id"] for line in History().replay(desk.lines()).intents.values()] == ["c"]
    assert path.exists()


def test_a_message_that_cannot_be_written_is_reported_and_holds_up_nothing(desk: Desk) -> None:
    desk.put(GLOBAL)
    (desk.root / "_communication/inbox/ann").write_text("litter")
    tell = Tell(to="ann", type="error", text="-", key="k")

    desk.commit(tell, move(GLOBAL, ANN))

    assert [action for action, _ in desk.skips] == [tell]
    assert desk.places() == [ANN]


# Dies at the second rename, as a process does that is killed: nothing after it happens, no `finally` either.
DIES = """
import os, sys
from pathlib import Path
from cagents_fs.store import changes
from tests.support.desk import Desk, move
desk = Desk(Path(sys.argv[1]))
for task in "ac":
    desk.put("queues/global", task)
desk.path("queues/agents/ann").mkdir()
real, count = changes.rename_noreplace, [0]
def dies(source, target):
    count[0] += 1
    if count[0] == 2:
        os._exit(9)
    return real(source, target)
changes.rename_noreplace = dies
desk.commit(move("queues/global", "queues/agents/ann"), move("queues/global", "queues/agents/ann", "c"))
"""


def test_a_daemon_that_is_killed_between_two_renames_leaves_its_intents_for_the_next_one(tmp_path: Path) -> None:
    script, home = [sys.executable, "-c", DIES, str(tmp_path)], Path(__file__).parents[2]
    done = subprocess.run(script, capture_output=True, text=True, check=False, cwd=home)
    assert (done.returncode, done.stderr) == (9, "")

    left = tmp_path / "Agent_Memory" / INST
    history = History().replay(journal.read(str(left / "journal.jsonl")).records)
    assert [line["task_id"] for line in history.intents.values()] == ["a", "c"]
    assert (left / ANN / "a.yaml").exists() and (left / GLOBAL / "c.yaml").exists()
