"""The watcher on a real kernel: what becomes of it when its thread dies, its folders move, or too much is heard."""

import contextlib
import errno
import fcntl
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cagents_fs.daemon import watch as watch_module
from cagents_fs.daemon.service import Service
from cagents_fs.daemon.watch import Hint, Watcher
from cagents_fs.errors import InvalidTree
from cagents_fs.model.actions import KeepCopy, Publish, Tell
from cagents_fs.model.faults import Fault
from cagents_fs.model.layout import TREE_FOLDERS
from cagents_fs.model.observations import Now
from cagents_fs.store import informing, probe
from cagents_fs.store.disk import make_folders
from cagents_fs.store.holders import holding, who_holds
from cagents_fs.store.locks import LockFile
from tests.support.tree import Tree, a_task, eventually


@pytest.fixture
def watcher() -> Iterator[Watcher]:
    watcher = Watcher(events=True)
    yield watcher
    watcher.close()


def heard(watcher: Watcher, name: str) -> list[Hint]:
    found: list[Hint] = []

    def look() -> bool:
        found.extend(hint for hint in watcher.take()[0] if os.path.basename(hint.path) == name)
        return bool(found)

    eventually(look)
    return found


def kill_the_reader(watcher: Watcher, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its thread meets an error, as it would if the kernel failed a read."""

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "the kernel says no")

    reader = watcher._inotify
    assert reader is not None
    monkeypatch.setattr(reader, "handle_event", fail)
    (folder / "deadly").touch()
    eventually(lambda: not watcher.alive)


def test_a_reader_that_dies_says_so_at_once_and_is_started_again(
    watcher: Watcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher.add(str(tmp_path))
    opened = len(os.listdir("/proc/self/fd"))
    for number in (1, 2, 3):
        kill_the_reader(watcher, tmp_path, monkeypatch)
        (tmp_path / "deadly").unlink()
        eventually(lambda: watcher.take()[1])  # whoever waits is woken, and has to look everywhere
        assert not watcher.hears

        assert watcher.supervise()
        assert (watcher.alive, watcher.restarts, watcher.count()) == (True, number, 0)
        assert watcher.add(str(tmp_path))
        (tmp_path / f"new-{number}").touch()
        heard(watcher, f"new-{number}")
    assert len(os.listdir("/proc/self/fd")) == opened


def test_a_daemon_whose_reader_dies_handles_everything_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = Tree(tmp_path.resolve())
    tree.root.mkdir()
    make_folders(str(tree.root), TREE_FOLDERS)
    tree.configure("daemon.yaml", {"settle_seconds": 0.05, "scan_interval": 1, "durability": "process"})
    instruction = tree.plan(a_task("t1"))
    with Service(str(tree.root)) as service:
        service.begin()
        queue = instruction.path / "queues/agents/ann/t1.yaml"
        service.run(until=queue.exists)
        kill_the_reader(service.watcher, instruction.path, monkeypatch)
        queue.rename(instruction.path / "tasks/in_progress/t1.yaml")
        instruction.hand_in("t1")
        over_s = time.monotonic() + 15
        done = lambda: bool(instruction.events("accepted")) and service.watcher.alive  # noqa: E731
        service.run(until=lambda: done() or time.monotonic() > over_s)

        assert instruction.events("accepted")
        assert (service.watcher.alive, service.watcher.restarts) == (True, 1)
        assert service.watch_file.facts()["restarts"] == 1


def test_a_folder_that_is_moved_is_no_longer_taken_for_the_one_at_its_place(watcher: Watcher, tmp_path: Path) -> None:
    folder, inside = tmp_path / "folder", tmp_path / "folder" / "inside"
    inside.mkdir(parents=True)
    for path in (tmp_path, folder, inside):
        watcher.add(str(path))
    folder.rename(tmp_path / "aside")
    eventually(lambda: watcher.count() == 1)
    folder.mkdir()

    assert watcher.add(str(folder))
    (folder / "new").touch()
    assert {hint.path for hint in heard(watcher, "new")} == {str(folder / "new")}


def test_a_folder_that_is_removed_and_made_again_can_be_watched_again(watcher: Watcher, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    watcher.add(str(folder))
    shutil.rmtree(folder)
    eventually(lambda: watcher.count() == 0)
    folder.mkdir()

    assert watcher.add(str(folder))
    (folder / "new").touch()
    heard(watcher, "new")


def test_the_same_hint_is_kept_once_and_too_many_are_an_overflow(
    watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "MOST_HINTS", 10)
    for _ in range(1000):
        watcher.hint(Hint("/a"))
    assert watcher.take() == ([Hint("/a")], False)

    for number in range(25):
        watcher.hint(Hint(f"/{number}"))
    hints, lost = watcher.take()
    assert (len(hints) <= 10, lost, watcher.overflows) == (True, True, 1)


def test_a_folder_that_may_not_be_read_is_named_and_tried_again(tmp_path: Path, watcher: Watcher) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    folder = tmp_path / "shut"
    folder.mkdir(mode=0)
    assert not watcher.add(str(folder))
    assert watcher.trouble is not None and "0 of 1 folders" in watcher.trouble
    folder.chmod(0o700)

    assert watcher.add(str(folder))
    assert watcher.trouble is None


def test_folders_are_added_and_removed_while_events_arrive(watcher: Watcher, tmp_path: Path) -> None:
    """The thread of the watcher and ours change the same tables."""
    over = threading.Event()

    def litter() -> None:
        number = 0
        while not over.is_set():
            number += 1
            folder = tmp_path / f"folder-{number % 50}"
            folder.mkdir(exist_ok=True)
            (folder / "x").touch()
            shutil.rmtree(folder, ignore_errors=True)

    thread = threading.Thread(target=litter)
    thread.start()
    try:
        for number in range(2000):
            watcher.add(str(tmp_path / f"folder-{number % 50}"))
            if number % 10 == 0:
                watcher.remove_below(str(tmp_path))
    finally:
        over.set()
        thread.join()
    assert watcher.alive


# -- probes ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def root(tmp_path: Path) -> str:
    (tmp_path / "_system/daemon").mkdir(parents=True)
    return str(tmp_path)


def test_the_probe_at_the_start_is_cheap_and_leaves_nothing(root: str) -> None:
    took_s = []
    for _ in range(5):
        begun_s = time.perf_counter()
        way = probe.start(root, "auto")
        took_s.append(time.perf_counter() - begun_s)

    assert way.events
    assert os.listdir(os.path.join(root, "_system/daemon")) == []
    assert min(took_s) < 1.0  # measured: 0.5 ms on tmpfs, 4 to 8 ms on a busy ext4


def test_scratch_of_the_dead_is_swept_and_of_the_living_is_left(root: str) -> None:
    own = Path(root) / "_system/daemon"
    living = subprocess.Popen(["sleep", "60"])
    try:
        for name in (f".probe-{living.pid}", f".probe-{os.getpid()}", ".probe-4194301"):
            (own / name).mkdir()
            (own / name / "one").touch()
        with probe.scratch(root) as folder:
            assert sorted(os.listdir(own)) == sorted({f".probe-{living.pid}", os.path.basename(folder)})
        os.utime(own / f".probe-{living.pid}", (1, 1))
        assert probe.sweep(str(own)) == [f".probe-{living.pid}"]
    finally:
        living.kill()
        living.wait()


def test_what_a_good_file_system_can_do(root: str) -> None:
    with probe.scratch(root) as folder:
        assert probe.renames(folder) == "renames never replace"
        assert probe.exclusion(folder) == "a lock excludes other processes"
        assert probe.links(folder)
        assert probe.event_in_ms(folder) is not None
        assert probe.granularity_ns(folder) <= 1000
        assert abs(probe.skew_s(folder)) < 2
        assert os.listdir(folder) == []


def test_a_lock_that_lets_another_process_in_is_found_out(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a network file system that grants each machine its own."""
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)

    with probe.scratch(root) as folder, pytest.raises(InvalidTree, match="excludes nobody"):
        probe.exclusion(folder)


def test_state_directories_that_are_links_to_another_file_system_are_found(root: str, tmp_path: Path) -> None:
    if os.stat("/dev/shm").st_dev == os.stat(root).st_dev:
        pytest.skip("there is only one file system here")
    (tmp_path / "inst_1/queues").mkdir(parents=True)
    (tmp_path / "inst_1/tasks").symlink_to("/dev/shm")

    with pytest.raises(InvalidTree, match="different file systems"):
        probe.divided(root)


def test_who_holds_a_lock_is_asked_of_the_kernel_and_not_of_a_file(tmp_path: Path) -> None:
    facts = tmp_path / "facts"
    facts.write_text("pid: 1\nhost: elsewhere\n")
    lock = LockFile(str(tmp_path / "lock"))
    assert who_holds(lock.path, str(facts)) == "pid 1, on elsewhere"  # nobody holds it: what was said last
    assert lock.take()
    try:
        assert holding(lock.path) == [str(os.getpid())]
        assert who_holds(lock.path, str(facts)).startswith(f"process {os.getpid()} (")
        facts.write_text(f"pid: {os.getpid()}\n")
        assert who_holds(lock.path, str(facts)) == f"pid {os.getpid()}"
        assert not LockFile(lock.path).take()
        os.unlink(lock.path)
        assert not lock.still_ours()
    finally:
        lock.release()
    assert lock.take() and lock.still_ours()
    lock.release()


# -- a tree that goes away does not come back --------------------------------------------------------------------------


class Going(tuple[str, ...]):
    """Folders to be made, in the middle of which somebody removes the tree."""

    root: Path

    def __iter__(self) -> Iterator[str]:
        for number in range(len(self)):
            if number == 1:
                shutil.rmtree(self.root)
            yield self[number]


def test_a_tree_that_is_removed_while_folders_are_made_in_it_does_not_come_back(tmp_path: Path) -> None:
    folders = Going(("tasks/pending", "queues/global", "outputs"))
    folders.root = tmp_path / "tree"
    folders.root.mkdir()

    with pytest.raises(FileNotFoundError):
        make_folders(str(folders.root), folders)
    assert not folders.root.exists()


NOW = Now(s=0.0, wall_s=0.0)
INFORMING: list[informing.Informing] = [
    Tell(to="ann", type="error", key="k", text="x", instruction="inst_1"),
    KeepCopy(instruction="inst_1", path="tasks/pending/a.yaml", faults=(Fault("schema", "wrong", "a.yaml"),)),
    Publish(instruction="inst_1", path="checkpoints/open/open.yaml", fields={"checkpoint": "open"}),
]


@pytest.mark.parametrize("action", INFORMING, ids=lambda action: type(action).__name__)
def test_nothing_that_informs_brings_a_removed_tree_back(tmp_path: Path, action: informing.Informing) -> None:
    root = tmp_path / "tree"

    with contextlib.suppress(OSError):
        informing.write(str(root), action, NOW)

    assert not root.exists()
    root.mkdir()
    if not isinstance(action, Tell):
        with contextlib.suppress(OSError):
            informing.write(str(root), action, NOW)
        assert not (root / "inst_1").exists()
