"""What a disk refuses, and what somebody put in the way, call by call: the branches that nothing else comes to."""

import contextlib
import ctypes
import errno
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from cagents_fs.errors import TreeLost
from cagents_fs.model.layout import LOCKS
from cagents_fs.store import changes, disk, locks
from cagents_fs.store.commit import Committer
from cagents_fs.store.disk import Outcome, exchange, put, put_link_aside
from cagents_fs.store.journal import Journal, read
from cagents_fs.store.locks import LockFile, QueueLock
from tests.support.desk import INST, NOW, Desk, move

GLOBAL, ANN, RETRY = "queues/global", "queues/agents/ann", "queues/retry"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@contextlib.contextmanager
def no_file_longer_than(size: int) -> Iterator[None]:
    """As `ulimit -f`: a write beyond it fails with EFBIG."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


# -- disk -------------------------------------------------------------------------------------------------------------


def test_what_could_not_be_written_whole_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")

    with no_file_longer_than(10), pytest.raises(OSError, match="File too large") as caught:
        put(str(path), b"new" * 100, durable=False)

    assert str(caught.value.filename).startswith(f"{tmp_path}/.a.")
    assert {one.name: one.read_text() for one in tmp_path.iterdir()} == {"a": "old"}


class NoFlags:
    """A file system whose `renameat2` knows no flags, as some over the network."""

    @staticmethod
    def renameat2(*_: object) -> int:
        ctypes.set_errno(errno.EINVAL)
        return -1


def test_without_the_flag_the_second_becomes_the_first_if_both_are_there_and_the_first_name_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text("1")
    other.write_text("2")
    monkeypatch.setattr(disk, "_libc", NoFlags())

    assert exchange(str(one), str(other)) is Outcome.MOVED
    assert (one.read_text(), other.read_text()) == ("1", "1")
    other.unlink()
    assert exchange(str(one), str(other)) is Outcome.GONE
    assert [path.name for path in tmp_path.iterdir()] == ["one"]


def test_what_else_the_system_says_of_a_swap_is_an_error(tmp_path: Path) -> None:
    one = tmp_path / "one"
    one.write_text("1")

    with pytest.raises(OSError, match="Invalid cross-device link"):
        exchange(str(one), "/proc/self/status")


def test_a_link_in_the_place_of_an_output_is_put_aside_and_what_it_points_at_stays(desk: Desk, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    output = desk.path("outputs/partial/a")
    output.symlink_to(elsewhere)

    put_link_aside(str(output))

    assert not os.path.lexists(output)
    assert desk.path("outputs/abandoned/a.link").readlink() == elsewhere
    put_link_aside(str(elsewhere))
    assert elsewhere.is_dir()


# -- journal ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    path = str(tmp_path / "journal.jsonl")
    opened = Journal(path, read(path))
    yield opened
    opened.close()


def test_lines_for_which_there_is_no_room_leave_the_journal_as_it_was(journal: Journal) -> None:
    journal.append([{"event": "one"}])
    before = Path(journal.path).read_bytes()

    with no_file_longer_than(len(before) + 20), pytest.raises(OSError, match="File too large"):
        journal.append([{"event": "two", "reason": "x" * 900}])

    assert Path(journal.path).read_bytes() == before
    assert journal.append([{"event": "three"}]) == [2]


def test_half_a_line_that_cannot_be_taken_back_is_a_torn_tail_for_the_next_start(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    journal.append([{"event": "one"}])
    with monkeypatch.context() as broken, pytest.raises(OSError, match="File too large"):
        broken.setattr(os, "ftruncate", refused)
        with no_file_longer_than(len(Path(journal.path).read_bytes()) + 20):
            journal.append([{"event": "two", "reason": "x" * 900}])

    lines = read(journal.path)
    assert ([record["event"] for record in lines.records], lines.torn) == (["one"], 20)


def test_nothing_is_appended_to_a_journal_that_somebody_removed(journal: Journal) -> None:
    journal.append([{"event": "one"}])
    assert not journal.is_lost()
    os.unlink(journal.path)

    assert journal.is_lost()
    with pytest.raises(FileNotFoundError, match="begun anew"):
        journal.append([{"event": "two"}])

    Path(journal.path).write_text("somebody's\n")
    assert journal.is_lost()


# -- changes ----------------------------------------------------------------------------------------------------------


def test_nothing_is_moved_into_a_state_folder_that_is_a_link(desk: Desk, tmp_path: Path) -> None:
    desk.put(GLOBAL)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    desk.path(ANN).parent.mkdir(parents=True, exist_ok=True)
    desk.path(ANN).symlink_to(elsewhere)

    with pytest.raises(NotADirectoryError, match="in the place of a folder"):
        desk.commit(move(GLOBAL, ANN))

    assert (desk.path(GLOBAL, "a.yaml").exists(), list(elsewhere.iterdir())) == (True, [])


def test_a_damaged_task_file_is_moved_as_it_is_and_not_edited(desk: Desk) -> None:
    desk.put(RETRY, text="task_id: [a\n")

    assert desk.commit(move(RETRY, GLOBAL, attempt=2, edit_before={"attempt": 2})).lost == set()

    assert desk.path(GLOBAL, "a.yaml").read_text() == "task_id: [a\n"


def test_an_edit_that_changes_nothing_writes_nothing(desk: Desk) -> None:
    path = desk.put(RETRY, text="task_id: a\nattempt: 2\n")
    before = path.stat().st_ino

    desk.commit(move(RETRY, GLOBAL, attempt=2, edit_before={"attempt": 2}))

    assert desk.path(GLOBAL, "a.yaml").stat().st_ino == before


def test_a_file_that_is_moved_away_while_it_is_edited_is_a_lost_race(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, real = desk.put(RETRY), changes.swap_in

    def after_somebody(there: str, data: bytes, *, durable: bool) -> Outcome:
        os.rename(there, desk.path(GLOBAL, "a.yaml"))
        return real(there, data, durable=durable)

    monkeypatch.setattr(changes, "swap_in", after_somebody)

    assert desk.commit(move(RETRY, ANN, attempt=2, edit_before={"attempt": 2})).lost == {INST}
    assert (desk.places(), path.exists()) == ([GLOBAL], False)


def test_an_output_that_goes_while_it_is_put_aside_is_a_lost_race(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.put(RETRY)
    output, real = desk.output(), changes.rename_noreplace

    def after_somebody(source: str, target: str) -> Outcome:
        if source == str(output):
            output.rmdir()
        return real(source, target)

    monkeypatch.setattr(changes, "rename_noreplace", after_somebody)

    assert desk.commit(move(RETRY, GLOBAL, attempt=2, sweep=1)).lost == {INST}
    assert desk.places() == [RETRY]


# -- locks in a commit ------------------------------------------------------------------------------------------------


def test_where_somebody_keeps_the_queues_locked_a_batch_is_put_off_and_each_intent_is_void(desk: Desk) -> None:
    desk.put(GLOBAL)
    held = QueueLock(str(desk.root), INST)
    held.take(1.0)
    try:
        assert not desk.committer.is_free(INST)
        done = desk.commit(move(GLOBAL, ANN))
    finally:
        held.release()

    assert (list(done.busy), done.lost, desk.places()) == ([INST], {INST}, [GLOBAL])
    assert [event for event, _ in desk.told()] == ["intend", "void"]
    assert desk.committer.is_free(INST)
    assert desk.commit(move(GLOBAL, ANN)).busy == {}


def test_a_lock_that_can_never_be_had_is_not_free(desk: Desk) -> None:
    os.makedirs(desk.root / LOCKS, exist_ok=True)
    os.mkfifo(desk.root / LOCKS / f"{INST}.lock")

    assert not desk.committer.is_free(INST)


def test_a_daemon_that_has_lost_its_tree_changes_nothing(desk: Desk) -> None:
    desk.put(GLOBAL)
    committer = Committer(str(desk.root), desk, power_loss=True, lost=lambda: "somebody else is the daemon")
    committer.open(INST, read(str(desk.path("journal.jsonl"))))

    with pytest.raises(TreeLost):
        committer.commit([move(GLOBAL, ANN)], NOW)

    assert (desk.places(), desk.lines()) == ([GLOBAL], [])


def test_a_lock_on_a_file_that_somebody_removes_at_that_moment_guards_nothing_and_is_taken_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, real, removed = tmp_path / "lock", locks._lock, list[Path]()

    def after_somebody(descriptor: int) -> bool:
        if not removed:
            path.unlink()
            removed.append(path)
        return real(descriptor)

    monkeypatch.setattr(locks, "_lock", after_somebody)
    lock = LockFile(str(path))

    assert lock.take(5.0)
    assert lock.still_ours()
    assert not LockFile(str(path)).take()
    lock.release()
