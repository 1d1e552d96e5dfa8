"""The write-ordering contract: what stands in the journal when, what a lost race undoes, what a crash leaves."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from cagents_fs.core.history import History
from cagents_fs.model.actions import Make, Phase, Recognise, Settle, Tell, Undo
from cagents_fs.store import changes, journal
from cagents_fs.store.journal import Journal
from tests.support.desk import INST, Desk, move, note

GLOBAL, ANN, BOB = "queues/global", "queues/agents/ann", "queues/agents/bob"
IN_PROGRESS, RETRY, COMPLETED = "tasks/in_progress", "queues/retry", "tasks/completed"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


# -- the order of what is written -------------------------------------------------------------------------------------


def test_a_move_is_an_intent_a_rename_and_a_line_that_names_the_intent(desk: Desk) -> None:
    desk.put(GLOBAL)

    done = desk.commit(move(GLOBAL, ANN, facts={"retries": 2}))

    intend, moved = desk.lines()
    assert (done.lost, done.undone) == (set(), [])
    assert desk.places() == [ANN]
    assert (intend["event"], moved["event"], moved["intent"]) == ("intend", "moved", intend["seq"])
    for line in (intend, moved):
        assert (line["from"], line["to"], line["attempt"], line["agent"]) == (GLOBAL, ANN, 1, "ann")
        assert (line["reason"], line["retries"], line["time"]) == ("a goes on", 2, "2026-01-10T12:00:00.000000Z")


def test_when_the_first_file_is_renamed_all_intents_and_acceptances_are_durable_and_nothing_else(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for task in "ac":
        desk.put(IN_PROGRESS, task)
    real, events = changes.rename_noreplace, []

    def spy(source: str, target: str) -> changes.Outcome:
        events.append([event for event, _ in desk.told()])
        return real(source, target)

    monkeypatch.setattr(changes, "rename_noreplace", spy)
    monkeypatch.setattr(journal.os, "fdatasync", lambda _: events.append("synced"))

    desk.commit(
        note("finding"),
        note("accepted", first=True, manifest_sha256="m"),
        move(IN_PROGRESS, COMPLETED),
        move(IN_PROGRESS, RETRY, "c"),
    )

    assert events == ["synced", ["accepted", "intend", "intend"], ["accepted", "intend", "intend"]]
    assert [event for event, _ in desk.told()] == ["accepted", "intend", "intend", "finding", "moved", "moved"]


def test_a_moved_line_becomes_durable_only_after_the_folders_of_its_rename(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.put(GLOBAL)
    desk.commit(move(GLOBAL, ANN))
    order: list[str] = []
    monkeypatch.setattr("cagents_fs.store.commit.sync_folder", lambda path: order.append(Path(path).name))
    monkeypatch.setattr(journal.os, "fdatasync", lambda _: order.append("journal"))

    desk.commit(move(ANN, IN_PROGRESS))

    assert set(order[:-1]) >= {"global", "ann"}
    assert order[-1] == "journal"


def test_without_the_promise_to_survive_a_power_cut_nothing_waits_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path, power_loss=False)
    desk.put(GLOBAL)
    monkeypatch.setattr(journal.os, "fdatasync", lambda _: pytest.fail("synced"))
    monkeypatch.setattr("cagents_fs.store.commit.sync_folder", lambda _: pytest.fail("synced"))

    desk.commit(move(GLOBAL, ANN))

    assert desk.places() == [ANN]


def test_numbers_rise_through_everything_that_is_written(desk: Desk) -> None:
    desk.put(GLOBAL)
    desk.commit(note("warning"), move(GLOBAL, ANN))
    desk.committer.note(INST, [{"event": "process_started"}])
    desk.commit(move(ANN, IN_PROGRESS))

    assert [line["seq"] for line in desk.lines()] == list(range(1, 7))


def test_what_has_happened_already_is_told_before_what_is_intended_after_it(desk: Desk) -> None:
    desk.put(IN_PROGRESS)
    seen = Recognise(
        instruction=INST, task_id="a", source=ANN, target=IN_PROGRESS, reason="claimed", attempt=1, agent="ann"
    )

    desk.commit(seen, move(IN_PROGRESS, COMPLETED))

    assert [(line["event"], line["to"]) for line in desk.lines()] == [
        ("moved", IN_PROGRESS),
        ("intend", COMPLETED),
        ("moved", COMPLETED),
    ]


def test_what_is_undone_is_a_rename_and_a_finding_and_no_move(desk: Desk) -> None:
    desk.put(COMPLETED)

    desk.commit(Undo(instruction=INST, task_id="a", source=COMPLETED, target=GLOBAL, reason="put back", attempt=1))

    (line,) = desk.lines()
    assert desk.places() == [GLOBAL]
    assert (line["event"], line["found_at"], line["put_back_to"]) == ("finding", COMPLETED, GLOBAL)


def test_a_phase_is_a_line_and_a_status_file(desk: Desk) -> None:
    desk.commit(Phase(instruction=INST, phase="complete", reason="all done", facts={"tasks": 2}))

    assert [(line["event"], line["phase"]) for line in desk.lines()] == [("phase", "complete")]
    assert "phase: complete" in desk.path("status.yaml").read_text()


def test_the_journal_replayed_tells_where_everything_lies(desk: Desk) -> None:
    desk.put(GLOBAL)
    desk.commit(move(GLOBAL, ANN), move(ANN, IN_PROGRESS), move(IN_PROGRESS, RETRY, facts={"retries": 1}))

    history = History().replay(desk.lines())

    assert (history.ledger("a").place, history.ledger("a").retries, history.intents) == (RETRY, 1, {})
    assert desk.places() == [RETRY]


def test_a_queue_that_nobody_had_before_is_made(desk: Desk) -> None:
    desk.put(GLOBAL)

    desk.commit(move(GLOBAL, "queues/agents/newcomer"))

    assert desk.places() == ["queues/agents/newcomer"]


def test_a_file_in_a_folder_of_the_old_name_is_found_there(desk: Desk) -> None:
    desk.put("queues/waiting_on")

    desk.commit(move("queues/waiting_on_dependencies", GLOBAL))

    assert desk.places() == [GLOBAL]


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
    actions = [move(GLOBAL, ANN), move(GLOBAL, ANN, "c"), note("finding", "e"), move(GLOBAL, ANN, "e")]

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

    monkeypatch.setattr(journal.os, "fdatasync", spy)
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

    with pytest.raises(OSError, match="Not a directory|File exists"):
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
    done = subprocess.run([sys.executable, "-c", DIES, str(tmp_path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (9, "")

    left = tmp_path / "Agent_Memory" / INST
    history = History().replay(journal.read(str(left / "journal.jsonl")).records)
    assert [line["task_id"] for line in history.intents.values()] == ["a", "c"]
    assert (left / ANN / "a.yaml").exists() and (left / GLOBAL / "c.yaml").exists()


# -- made again -------------------------------------------------------------------------------------------------------


def make(task: str = "a") -> Make:
    return Make(instruction=INST, task_id=task, place=GLOBAL, attempt=3, reason="made again")


def test_a_lost_task_is_made_again_as_it_was_taken_in_with_the_plan(desk: Desk) -> None:
    desk.path("workflow/taken_in.jsonl").write_text('{"plan_sha256": "x", "instruction": {}}\n{"task_id": "a", "x": 1}\n')

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
