"""Events are hints: whatever becomes of them, all that lies there is handled, and how we see can be seen."""

import errno
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support import kernel
from tests.support.tree import Instruction, Running, Tree, a_task, as_yaml, eventually

BURST = 60
SECOND = {"settle_seconds": 0.2, "scan_interval": 1, "reassign_grace": 1}


@pytest.fixture
def tree(plain: Tree) -> Tree:
    plain.configure("daemon.yaml", SECOND)
    return plain


def sees(tree: Tree) -> dict[str, Any]:
    """How the daemon sees, as `status` has it."""
    return dict(tree.call("status", "--json").data["watching"] or {})


def well(tree: Tree, name: str) -> bool:
    checks = {check["name"]: check["ok"] for check in tree.call("doctor", "--json").data["checks"]}
    return bool(checks[name])


def everything_is_handled(instruction: Instruction) -> None:
    """A burst of new tasks, a claim, a manifest: each of them is found."""
    names = [f"burst-{number}" for number in range(BURST)]
    for name in names:
        instruction.drop(name, assigned_agent="bob")
    instruction.finish("t1")
    eventually(lambda: len({line["task_id"] for line in instruction.events("moved", '"burst-')}) == BURST)
    instruction.check(names[0], names[-1])


# -- the kernel's queue ------------------------------------------------------------------------------------------------


@pytest.mark.alone
@pytest.mark.parametrize("limit", [1, 64])
def test_a_queue_that_is_too_short_loses_events_and_nothing_else(tree: Tree, limit: int) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2"))
    with kernel.watching_with_queue(tree, limit) as running:
        everything_is_handled(instruction)
        os.kill(running.popen.pid, signal.SIGSTOP)  # nobody empties the queue now
        for number in range(BURST):
            instruction.drop(f"burst-{BURST + number}", assigned_agent="bob")
        instruction.claim("t2")
        os.kill(running.popen.pid, signal.SIGCONT)

        instruction.hand_in("t2")
        instruction.reaches("t2", "tasks/completed")
        eventually(lambda: len(instruction.events("taken_in", '"burst-')) == 2 * BURST)
        assert eventually(lambda: sees(tree)["overflows"]) >= 1
        assert "events were lost" in running.said()


def test_a_queue_of_any_length_overflows_while_the_daemon_is_stopped(tree: Tree) -> None:
    length = int(kernel.QUEUE.read_text())
    if length > 100_000:
        pytest.skip(f"a queue of {length} events takes too long to fill")
    instruction = tree.plan(a_task("t1"), a_task("t2", "t1"))
    with tree.daemon() as running:
        instruction.claim("t1")
        instruction.tells("moved", "tasks/in_progress")
        os.kill(running.popen.pid, signal.SIGSTOP)
        litter = [instruction.path / "heartbeats" / f".litter-{number}" for number in range(100)]
        for _ in range(length // 300 + 2):
            for path in litter:
                os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
                path.unlink()
        instruction.hand_in("t1")
        os.kill(running.popen.pid, signal.SIGCONT)

        instruction.reaches("t1", "tasks/completed")
        assert eventually(lambda: sees(tree)["overflows"]) >= 1
        instruction.finish("t2")


# -- the limits of watches, instances, threads -------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [0, 10, 50])
def test_folders_beyond_the_limit_of_watches_are_looked_through(tree: Tree, limit: int) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2", "t1"))
    line = kernel.with_limits({"max_inotify_watches": limit}, kernel.command(tree.root, "watch"))
    with kernel.watching(tree, line):
        everything_is_handled(instruction)
        instruction.finish("t2")

        seen = eventually(lambda: said if (said := sees(tree)).get("not_watched") or limit == 50 else None)
        if limit < 50:
            assert seen["folders"] <= limit
            assert "fs.inotify" in seen["trouble"]
            assert not well(tree, "watcher")
            assert "it does not hear everything" in tree.call("status").out


def test_a_limit_of_watches_that_is_raised_is_noticed(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    line = kernel.with_limits({"max_inotify_watches": 5}, kernel.command(tree.root, "watch"))
    with kernel.watching(tree, line) as running:
        eventually(lambda: sees(tree).get("not_watched"))
        more = "echo 1000 >/proc/sys/user/max_inotify_watches"
        entered = ["nsenter", "-t", str(running.popen.pid), "--user", "--preserve-credentials", "sh", "-c", more]
        if subprocess.run(entered, capture_output=True, check=False).returncode:
            pytest.skip("the limit cannot be raised from outside")

        eventually(lambda: sees(tree)["trouble"] is None and sees(tree)["not_watched"] == 0)
        instruction.finish("t1")


REFUSED: Mapping[str, Mapping[str, int]] = {
    "no inotify at all": {"inotify_init": errno.ENOSYS, "inotify_init1": errno.ENOSYS},
    "no instance is free": {"inotify_init": errno.EMFILE, "inotify_init1": errno.EMFILE},
    "no watch may be added": {"inotify_add_watch": errno.EACCES},
}


@pytest.mark.parametrize("why", REFUSED)
def test_without_events_the_tree_is_looked_through(tree: Tree, why: str) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2", "t1"))
    with kernel.watching(tree, calls=REFUSED[why]) as running:
        everything_is_handled(instruction)
        instruction.finish("t2")

        assert sees(tree)["trouble"], running.said()
        assert not well(tree, "watcher")


def test_where_no_instance_is_left_by_the_limit_the_tree_is_looked_through_until_one_is(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    line = kernel.with_limits({"max_inotify_instances": 0}, kernel.command(tree.root, "watch"))
    with kernel.watching(tree, line):
        instruction.finish("t1")

        assert sees(tree)["mode"] == "polling"
        assert "instance limit" in sees(tree)["trouble"]
        assert "looks through the tree at intervals" in tree.call("status").out


def test_without_threads_the_tree_is_looked_through_and_small_work_is_judged(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    with kernel.watching(tree, calls={"clone": errno.EAGAIN, "clone3": errno.EAGAIN}) as running:
        instruction.finish("t1")

        assert "thread" in sees(tree)["trouble"], running.said()
        assert sees(tree)["mode"] == "polling"


def test_with_no_descriptor_left_nothing_counts_as_absent_and_it_is_said(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2", "t1"))
    with tree.daemon() as running:
        instruction.claim("t1")
        instruction.tells("moved", "tasks/in_progress")
        before = resource.prlimit(running.popen.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(running.popen.pid, resource.RLIMIT_NOFILE, (3, before[1]))
        instruction.hand_in("t1")
        eventually(lambda: "ulimit -n" in running.said(), saying=running.said)
        assert sees(tree)["storage"] is None or "ulimit -n" in sees(tree)["storage"]  # it cannot even write that
        time.sleep(2.5)  # two looks and more
        assert instruction.places("t1") == ["tasks/in_progress"]
        assert instruction.events("alert") == instruction.events("finding") == []
        resource.prlimit(running.popen.pid, resource.RLIMIT_NOFILE, before)

        instruction.reaches("t1", "tasks/completed")
        instruction.finish("t2")


# -- the tree goes away ------------------------------------------------------------------------------------------------


def ended(running: Running) -> str:
    running.killed = True
    assert running.popen.wait(timeout=20) == 4, running.said()
    (line,) = re.findall(r"^cagents-fs: .*", running.err.read_text(), re.MULTILINE)
    return str(line)


def test_a_tree_that_is_removed_is_not_made_again(tree: Tree) -> None:
    tree.plan(a_task("t1")), tree.plan(a_task("t1"), name="inst_2")
    with tree.daemon() as running:
        shutil.rmtree(tree.root)

        said = ended(running)
        assert "removed" in said or "No such file" in said
    assert not tree.root.exists()
    assert tree.call("watch", "--once").code == 3
    assert not tree.root.exists()


def test_a_tree_that_is_moved_is_not_made_again_and_where_it_is_is_said(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    moved = tree.workspace / "elsewhere"
    with tree.daemon() as running:
        instruction.claim("t1")
        tree.root.rename(moved)

        assert f"moved to {moved}" in ended(running)
    assert not tree.root.exists()


def test_a_tree_that_is_removed_and_made_anew_is_another_one(tree: Tree, template: Path) -> None:
    tree.plan(a_task("t1"))
    with tree.daemon() as running:
        eventually(lambda: sees(tree))
        shutil.rmtree(tree.root)
        shutil.copytree(template, tree.root)
        after = tree.plan(a_task("t2"), name="inst_2")

        said = ended(running)
        assert "another folder" in said or "removed" in said or "No such file" in said, said
    with tree.daemon():
        after.finish("t2")


def test_an_instruction_that_is_removed_and_made_anew_is_read_anew(tree: Tree) -> None:
    first = tree.plan(a_task("t1"))
    with tree.daemon() as running:
        first.finish("t1")
        first.path.rename(tree.workspace / "aside")  # a daemon that writes status.yaml meanwhile would trip `rmtree`
        shutil.rmtree(tree.workspace / "aside")
        again = tree.plan(a_task("t1"), a_task("t2", "t1"))

        again.finish("t1")
        again.finish("t2")
        assert "should not happen" not in running.said()


def test_a_folder_that_is_moved_away_and_back_is_watched_again(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2", "t1"))
    with tree.daemon():
        instruction.reaches("t1", "queues/agents/ann")
        aside = instruction.path / "aside"
        (instruction.path / "tasks").rename(aside)
        eventually(lambda: sees(tree)["held"].get("inst_1"))
        aside.rename(instruction.path / "tasks")

        instruction.finish("t1")
        instruction.finish("t2")
    assert instruction.events("alert", "task_missing") == []


@pytest.mark.parametrize("kind", ["tmpfs", "empty folder"])
def test_what_a_mount_hides_has_not_vanished(tree: Tree, kind: str) -> None:
    """It is mounted where the daemon is; agents outside still see the tasks."""
    names = [f"t{number}" for number in range(12)]
    hidden, other = tree.plan(*map(a_task, names)), tree.plan(a_task("t1"), name="inst_2")
    (tree.workspace / "empty").mkdir()
    where = hidden.path / "tasks"
    source = ["-t", "tmpfs", "x"] if kind == "tmpfs" else ["--bind", str(tree.workspace / "empty")]
    if not kernel.may("unshare", "--mount"):
        pytest.skip("mounts of its own need the right to `unshare --mount`")
    with kernel.watching(tree, ["unshare", "--mount", *kernel.command(tree.root, "watch")]) as running:
        inside = ["nsenter", "-t", str(running.popen.pid), "--mount"]
        hidden.finish("t0")
        hidden.claim("t1")
        hidden.tells("moved", "tasks/in_progress")
        subprocess.run([*inside, "mount", *source, str(where)], check=True)
        hidden.hand_in("t1")
        assert "mounted over inst_1/tasks" in eventually(lambda: sees(tree)["held"].get("inst_1"))
        other.finish("t1")
        time.sleep(2.2)  # two full looks

        assert [line["event"] for line in hidden.journal() if line["task_id"] == "t1"][-1] == "moved"
        assert hidden.events("accepted", '"t1"') == hidden.events("finding") == []
        assert not well(tree, "held")
        status = tree.call("status")
        assert (status.code, "is held" in status.out) == (1, True)
        subprocess.run([*inside, "umount", str(where)], check=True)
        hidden.reaches("t1", "tasks/completed")
        hidden.finish("t2")
        hidden.check(*names)
        assert hidden.events("alert", "task_missing") == []
    assert sees(tree) == {}


def test_most_tasks_gone_at_once_are_held_until_they_are_back_or_asked_for(tree: Tree) -> None:
    names = [f"t{number}" for number in range(10)]
    instruction, other = tree.plan(*map(a_task, names)), tree.plan(a_task("t1"), name="inst_2")
    with tree.daemon():
        instruction.finish("t0")
        eventually(lambda: len(instruction.events("moved", '"queues/agents/ann"')) >= 9)
        aside = tree.workspace / "aside"
        queue = instruction.path / "queues/agents/ann"
        shutil.copytree(queue, aside)
        for path in queue.glob("t*.yaml"):
            path.unlink()
        assert "are gone at once" in eventually(lambda: sees(tree)["held"].get("inst_1"))
        other.finish("t1")
        time.sleep(2.2)
        assert instruction.events("alert", "task_missing") == []
        for path in aside.glob("t*.yaml"):
            path.rename(queue / path.name)
        eventually(lambda: not sees(tree)["held"])
        instruction.finish("t1")

        for path in queue.glob("t*.yaml"):
            path.unlink()
        eventually(lambda: sees(tree)["held"])
        tree.ok("rescue", "inst_1")
        eventually(lambda: all(instruction.places(name) for name in names), saying=instruction.tail)
        instruction.finish("t2")
        assert all(len(instruction.places(name)) == 1 for name in names)


# -- quiet and noise ---------------------------------------------------------------------------------------------------


def test_a_daemon_that_was_stopped_handles_all_of_it_and_calls_nobody_stalled(tree: Tree) -> None:
    lease = {"communication_channels": {"status_updates": {"stale_threshold": "2 seconds"}}}
    tree.configure("parallel_execution_framework.yaml", lease)
    instruction = tree.plan(a_task("t1"), a_task("t2"), a_task("t3", "t1"))
    with tree.daemon() as running:
        instruction.claim("t1")
        instruction.claim("t2")
        instruction.tells("moved", "tasks/in_progress")
        os.kill(running.popen.pid, signal.SIGSTOP)
        for number in range(4):
            time.sleep(1.0)
            instruction.beat("t2", progress_percentage=number)
        instruction.hand_in("t1")
        os.kill(running.popen.pid, signal.SIGCONT)

        instruction.reaches("t1", "tasks/completed")
        instruction.reaches("t3", "queues/agents/ann")
        assert instruction.places("t2") == ["tasks/in_progress"]
        assert instruction.events("stalled") == []


STORM = """
import os, sys, time
folder, name = sys.argv[1:]
path, beside, number = f"{folder}/{name}.yaml", f"{folder}/.{name}.tmp", 0
until = time.monotonic() + 60
while time.monotonic() < until:
    number += 1
    with open(beside, "w") as file:
        file.write(f"agent_name: {name[:-3]}\\ntask_id: {name[-2:]}\\ncurrent_activity: '{number}'\\n...\\n")
    os.rename(beside, path)
"""


def test_a_storm_of_heartbeats_hides_no_manifest(tree: Tree) -> None:
    instruction = tree.plan(*(a_task(f"t{number}") for number in range(8)))
    writers: list[subprocess.Popen[bytes]] = []
    with tree.daemon() as running:
        for number in (1, 2):
            instruction.claim(f"t{number}")
            line = [sys.executable, "-S", "-c", STORM, str(instruction.path / "heartbeats"), f"ann_t{number}"]
            writers.append(subprocess.Popen(line))
        try:
            for number in (3, 4, 5):
                began = time.monotonic()
                instruction.finish(f"t{number}")
                assert time.monotonic() - began < 10
            memory = psutil.Process(running.popen.pid).memory_info().rss
        finally:
            for writer in writers:
                writer.kill()
                writer.wait()
        assert memory < 256 << 20
        instruction.hand_in("t1")
        instruction.reaches("t1", "tasks/completed")
        assert instruction.events("stalled") == []


def listing(tree: Tree) -> Iterator[tuple[str, int, int, int]]:
    for path in sorted([tree.root, *tree.root.rglob("*")]):
        facts = path.lstat()
        yield str(path), facts.st_ino, facts.st_size, facts.st_ctime_ns


@pytest.mark.parametrize("watch", ["auto", "poll"])
def test_a_daemon_with_nothing_to_do_writes_nothing_and_uses_next_to_no_time(tree: Tree, watch: str) -> None:
    tree.configure("daemon.yaml", SECOND | {"watch": watch})
    instruction = tree.plan(*(a_task(f"t{number}") for number in range(20)))
    with tree.daemon() as running:
        instruction.finish("t1")
        instruction.claim("t2")
        instruction.beat("t2")
        time.sleep(3.0)  # queues, results and capacity follow
        process = psutil.Process(running.popen.pid)
        before, begun = dict.fromkeys(listing(tree)), process.cpu_times()
        time.sleep(4.0)
        after, over = dict.fromkeys(listing(tree)), process.cpu_times()

    assert list(after) == list(before)
    assert over.user + over.system - begun.user - begun.system < 0.4  # of four seconds, on a machine that does more


def test_how_it_sees_is_said_and_only_while_it_is_there(tree: Tree) -> None:
    assert tree.data("status")["watching"] is None
    tree.plan(a_task("t1"))
    with tree.daemon() as running:
        seen = eventually(lambda: sees(tree))
        assert seen["pid"] == running.popen.pid
        assert (seen["mode"], seen["trouble"], seen["held"], seen["storage"]) == ("events", None, {}, None)
        assert seen["folders"] > 20
        assert well(tree, "watcher")
        written = (tree.root / "_system/daemon/watch.yaml").read_text()
        assert as_yaml(seen) and str(running.popen.pid) in written
    assert tree.data("status")["watching"] is None
