"""The write-ordering contract: what stands in the journal when, and what is durable before what."""

import os
from pathlib import Path

import pytest

from cagents_fs.core.history import History
from cagents_fs.model.actions import Phase, Recognise, Undo
from cagents_fs.store import changes
from cagents_fs.store.disk import Outcome, rename_noreplace
from cagents_fs.store.journal import Journal
from tests.support.desk import INST, Desk, move, note

GLOBAL, ANN = "queues/global", "queues/agents/ann"
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
    real = rename_noreplace
    events: list[object] = []

    def spy(source: str, target: str) -> Outcome:
        events.append([event for event, _ in desk.told()])
        return real(source, target)

    monkeypatch.setattr(changes, "rename_noreplace", spy)
    monkeypatch.setattr(os, "fdatasync", lambda _: events.append("synced"))

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
    monkeypatch.setattr(os, "fdatasync", lambda _: order.append("journal"))

    desk.commit(move(ANN, IN_PROGRESS))

    assert set(order[:-1]) >= {"global", "ann"}
    assert order[-1] == "journal"


@pytest.mark.parametrize("how", ["in a turn", "beside it"])
def test_names_are_durable_before_the_lines_that_go_by_them_are_even_written(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """A disk may keep the line of its own accord, before anybody asks for it."""
    desk.put(GLOBAL)
    desk.committer.renamed_in(str(desk.path(GLOBAL)))
    order: list[str] = []
    append = Journal.append
    monkeypatch.setattr("cagents_fs.store.commit.sync_folder", lambda path: order.append(Path(path).name))
    monkeypatch.setattr(Journal, "append", lambda one, lines: order.append("lines") or append(one, lines))

    if how == "in a turn":
        desk.commit(move(GLOBAL, ANN))
    else:
        desk.committer.note(INST, [{"event": "taken_in", "task_id": "a"}])

    assert order.index("global") < order.index("lines")


def test_the_name_of_a_new_journal_is_durable_before_its_lines_and_a_target_before_its_source(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.begin("young")
    desk.put(GLOBAL, name="young")
    order: list[str] = []
    monkeypatch.setattr("cagents_fs.store.commit.sync_folder", lambda path: order.append(Path(path).name))
    monkeypatch.setattr(os, "fdatasync", lambda _: order.append("journal"))

    desk.commit(move(GLOBAL, ANN, name="young"))
    desk.committer.flush()

    assert order.index("young") < order.index("journal")
    assert order.index("ann") < order.index("global") < len(order) - 1


def test_without_the_promise_to_survive_a_power_cut_nothing_waits_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path, power_loss=False)
    desk.put(GLOBAL)
    monkeypatch.setattr(os, "fdatasync", lambda _: pytest.fail("synced"))
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
