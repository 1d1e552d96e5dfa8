"""One daemon a tree, whatever somebody does to its lock; and a lock on one instruction holds up that one only."""

import fcntl
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.kernel import in_own_mounts
from tests.support.tree import Running, Tree, a_task, cagents, eventually, load

LOCK = "_system/daemon/lock"
RACES = 50
RACER = """
import os, sys
from cagents_fs.errors import HeldByAnother
from cagents_fs.store import locks
from cagents_fs.store.locks import TreeLock
locks.PATIENCE_S = 0.02  # who is refused need not wait long, here nobody only asks
lock = TreeLock(sys.argv[1])
for _ in range(int(sys.argv[2])):
    os.read(0, 1)
    try:
        lock.take()
        os.write(1, b"h")
    except HeldByAnother as error:
        os.write(1, b"5" if "process " in error.message else b"?")
    os.read(0, 1)
    lock.release()
    os.write(1, b".")
"""


def readied(running: Running) -> None:
    eventually(lambda: "\n" in running.out.read_text(), saying=running.said)


def test_of_daemons_that_start_at_the_same_instant_exactly_one_holds_the_tree(tree: Tree) -> None:
    """Two real processes that stand ready, let go together, fifty times."""
    line, pipe = [sys.executable, "-c", RACER, str(tree.root.resolve()), str(RACES)], subprocess.PIPE
    pair = [subprocess.Popen(line, stdin=pipe, stdout=pipe, bufsize=0) for _ in range(2)]
    try:
        for number in range(RACES):
            for one in pair:
                one.stdin.write(b"g")  # type: ignore[union-attr]
            said = [one.stdout.read(1) for one in pair]  # type: ignore[union-attr]
            assert sorted(said) == [b"5", b"h"], (number, said)
            for one in pair:
                one.stdin.write(b"g")  # type: ignore[union-attr]
            assert [one.stdout.read(1) for one in pair] == [b".", b"."]  # type: ignore[union-attr]
    finally:
        for one in pair:
            one.kill()
            one.wait()
            for stream in (one.stdin, one.stdout):
                stream.close()  # type: ignore[union-attr]


def test_of_five_that_start_together_one_is_ready_and_four_end_with_5_and_name_it(tree: Tree) -> None:
    started = [tree.start("watch") for _ in range(5)]

    def over() -> bool:
        return sum(one.popen.poll() is not None for one in started) == 4

    eventually(over, within=60.0, saying=lambda: "\n".join(one.said() for one in started))
    (holding,) = [one for one in started if one.popen.poll() is None]
    readied(holding)

    for other in started:
        if other is not holding:
            assert other.popen.returncode == 5, other.said()
            assert other.out.read_text() == ""
            assert f"{holding.popen.pid}" in other.said()
    assert holding.stop() == 0


@pytest.mark.parametrize("name", ["..", "a link in its path"])
def test_a_second_daemon_is_refused_under_every_name_of_the_tree(tree: Tree, name: str) -> None:
    aside = tree.workspace.parent / "aside"
    (tree.workspace / "sub").mkdir()
    aside.symlink_to(tree.workspace)
    root = (tree.workspace if name == ".." else aside) / "sub" / ".." / "Agent_Memory"

    with tree.daemon() as first:
        answer = cagents("--root", str(root), "watch", "--once", cwd=tree.workspace)

        assert answer.code == 5
        assert f"pid {first.popen.pid}, since " in answer.err


def test_a_second_daemon_is_refused_where_the_tree_is_mounted_a_second_time(tree: Tree) -> None:
    other = tree.workspace.parent / "other"
    other.mkdir()
    with tree.daemon():
        done = in_own_mounts(f"mount --bind {tree.root} {other}", "watch", "--once", root=other)

    assert done.returncode == 5, done
    assert "another daemon holds" in done.stderr


def test_a_tree_that_is_held_is_not_touched_by_the_one_that_is_refused(tree: Tree) -> None:
    with tree.daemon():
        before = {str(path): path.stat().st_ctime_ns for path in tree.root.rglob("*")}
        assert tree.call("watch", "--once").code == 5

        assert {str(path): path.stat().st_ctime_ns for path in tree.root.rglob("*")} == before


def test_what_a_killed_daemon_says_of_itself_holds_nobody_up_even_if_its_number_lives_again(tree: Tree) -> None:
    """The number of a process that is not ours stands in the file, as after a restart of the machine."""
    (tree.root / LOCK).touch(mode=0o600)
    (tree.root / "_system/daemon/daemon.yaml").write_text(f"pid: {os.getppid()}\nboot_id: another\nhost: here\n")

    assert tree.data("status")["daemon"] is None
    with tree.daemon() as running:
        assert f"pid {running.popen.pid}," in tree.call("status", "--json").data["daemon"]


# -- its lock is meddled with ------------------------------------------------------------------------------------------


def gone(running: Running) -> str:
    """The daemon ends by itself, with 4 and one line that says why. Returns that line."""
    running.killed = True
    assert running.popen.wait(timeout=20) == 4, running.said()
    lines = [line for line in running.err.read_text().splitlines() if line.startswith("cagents-fs: ")]
    assert len(lines) == 1, running.said()
    return lines[0]


def replaced(path: Path) -> None:
    path.rename(path.with_name("old"))
    path.touch(mode=0o600)


@pytest.mark.parametrize("meddle", [Path.unlink, replaced], ids=["removed", "replaced"])
def test_a_daemon_whose_lock_is_removed_stops_before_it_changes_anything(
    tree: Tree, meddle: Callable[[Path], object]
) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2", "t1"))
    with tree.daemon() as running:
        instruction.claim("t1")
        instruction.tells("moved", "tasks/in_progress")
        time.sleep(1.5)  # what informs is written by now
        os.kill(running.popen.pid, signal.SIGSTOP)
        meddle(tree.root / LOCK)
        instruction.hand_in("t1")
        before = instruction.journal()
        os.kill(running.popen.pid, signal.SIGCONT)

        assert "was removed or replaced" in gone(running)

    assert (instruction.places("t1"), instruction.journal()) == (["tasks/in_progress"], before)
    with tree.daemon():
        instruction.reaches("t1", "tasks/completed")
        instruction.check("t1", "t2")


def test_a_second_daemon_that_came_in_through_a_removed_lock_is_alone_within_an_interval(tree: Tree) -> None:
    with tree.daemon() as first:
        (tree.root / LOCK).unlink()
        with tree.daemon() as second:
            gone(first)

            tree.plan(a_task("t1")).reaches("t1", "queues/agents/ann")
            assert second.popen.poll() is None


KINDS = {
    "link": lambda path, victim: path.symlink_to(victim),
    "hard link": lambda path, victim: path.hardlink_to(victim),
    "FIFO": lambda path, _: os.mkfifo(path),
    "folder": lambda path, _: path.mkdir(),
    "socket": lambda path, _: os.mknod(path, 0o600 | stat.S_IFSOCK),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_lock_that_is_no_plain_file_is_refused_and_nothing_behind_it_touched(tree: Tree, kind: str) -> None:
    victim = tree.workspace / "victim"
    victim.write_text("precious")
    path = tree.root / LOCK
    path.unlink(missing_ok=True)
    KINDS[kind](path, victim)

    answer = tree.call("watch", "--once")

    said = {"hard link": "2 names"}.get(kind, f"a {kind}")
    assert answer.code == 4, answer
    assert said in answer.err and "remove" in answer.err
    assert victim.read_text() == "precious"
    assert tree.data("status")["daemon"] is None  # and who only asks is neither held up nor misled


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make devices")
def test_a_lock_that_is_a_device_is_refused(tree: Tree) -> None:
    os.mknod(tree.root / LOCK, 0o600 | stat.S_IFCHR, os.makedev(1, 3))

    answer = tree.call("watch", "--once")

    assert (answer.code, "a device" in answer.err) == (4, True)


def test_a_folder_of_locks_that_is_a_link_is_refused(tree: Tree) -> None:
    (tree.root / "_system/daemon").rename(tree.workspace / "elsewhere")
    (tree.root / "_system/daemon").symlink_to(tree.workspace / "elsewhere")

    answer = tree.call("watch", "--once")

    assert (answer.code, "reached through a link" in answer.err) == (4, True)


def test_somebody_who_keeps_the_daemons_lock_is_named(tree: Tree) -> None:
    path = tree.root / LOCK
    path.touch(mode=0o600)
    with subprocess.Popen(["flock", "-x", str(path), "sleep", "60"], start_new_session=True) as keeper:
        try:
            eventually(lambda: tree.data("status")["daemon"])
            begun = time.monotonic()
            answer = tree.call("watch", "--once")

            assert time.monotonic() - begun < 10
            assert answer.code == 5
            assert f"process {keeper.pid} (flock" in answer.err
        finally:
            os.killpg(keeper.pid, signal.SIGKILL)


def test_who_inherited_the_lock_from_a_process_that_is_gone_is_named(tree: Tree) -> None:
    path = tree.root / LOCK
    path.touch(mode=0o600)
    with path.open("rb") as file:
        leave_it = ["sh", "-c", f"flock -x {file.fileno()}; sleep 60 >/dev/null & echo $!"]
        done = subprocess.run(leave_it, pass_fds=[file.fileno()], stdout=subprocess.PIPE, text=True, timeout=20)
    heir = int(done.stdout)
    try:
        answer = tree.call("watch", "--once")

        assert answer.code == 5
        assert f"process {heir} (sleep" in answer.err
    finally:
        os.kill(heir, signal.SIGKILL)


def test_nothing_that_the_daemon_starts_inherits_its_lock(tree: Tree) -> None:
    """An agent and its child outlive a daemon that is killed, and nobody holds the tree."""
    begun = tree.workspace / "begun"
    tree.plan(a_task("t1", assigned_agent="shell", command=f"touch {begun}; sleep 60 & sleep 60"))
    with tree.daemon("--agents") as first:
        eventually(begun.exists)
        first.kill()
    assert tree.agents_at_work()

    assert tree.data("status")["daemon"] is None


# -- somebody keeps the queues of one instruction ----------------------------------------------------------------------


@pytest.mark.parametrize("kept", ["locked", "a FIFO"])
def test_a_lock_on_one_instruction_holds_up_that_one_and_no_other(tree: Tree, kept: str) -> None:
    one, other = tree.plan(a_task("t1"), name="inst_1"), tree.plan(a_task("t1"), a_task("t2", "t1"), name="inst_2")
    with tree.daemon():
        one.claim("t1")
        other.claim("t1")
        one.tells("moved", "tasks/in_progress")
        path = tree.root / "_system/daemon/locks/inst_1.lock"
        if kept == "locked":
            with path.open("rb") as keeper:
                fcntl.flock(keeper, fcntl.LOCK_EX)
                hand_in_both(one, other)
                watching = eventually(lambda: tree.call("status", "--json").data["watching"]["held"])
                assert f"process {os.getpid()} (" in watching["inst_1"]
        else:
            path.unlink()
            os.mkfifo(path)
            hand_in_both(one, other)
            path.unlink()

        one.reaches("t1", "tasks/completed")
        one.check("t1")
        other.check("t1", "t2")
    assert tree.call("status").code == 0


def hand_in_both(one, other) -> None:  # type: ignore[no-untyped-def]
    one.hand_in("t1")
    other.hand_in("t1")
    other.reaches("t1", "tasks/completed", within=4.0)
    other.finish("t2")
    time.sleep(1.0)
    assert one.places("t1") == ["tasks/in_progress"]
    assert len(one.events("void")) < 5  # it is asked whether the lock is free, not tried


def test_the_own_files_of_the_daemon_are_for_its_user_only(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.finish("t1")
        own = tree.root / "_system/daemon"
        modes = {path.name: path.stat().st_mode & 0o777 for path in [own, *own.rglob("*")] if not path.is_dir()}

        assert {name: oct(mode) for name, mode in modes.items() if mode != 0o600} == {}
        assert own.stat().st_mode & 0o777 == 0o700
        assert load(own / "daemon.yaml")["pid"]
