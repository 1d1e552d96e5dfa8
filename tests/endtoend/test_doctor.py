"""`doctor` tries out what is under the tree, says what it means, and mends what it can; a daemon refuses the unsafe."""

import errno
import fcntl
import json
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support import kernel
from tests.support.tree import Answer, Tree, a_task, eventually

TRIED = {"file system", "mounts", "renames", "links", "locks", "events", "times", "clock", "space", "inodes", "daemon"}
TRIED |= {"max_user_watches", "max_user_instances", "max_queued_events", "configuration", "schemas", "rights", "modes"}
TRIED |= {"folders", "litter", "doubles"}


def checks(answer: Answer) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in answer.data["checks"]}


def refused(tree: Tree, calls: Mapping[str, int], *arguments: str) -> Answer:
    """A command to which the kernel refuses these calls."""
    running = kernel.begin(tree, kernel.command(tree.root, *arguments), calls)
    code = running.popen.wait(timeout=60)
    return Answer(code, running.out.read_text(), running.err.read_text())


def test_every_probe_says_what_it_found_and_leaves_nothing_behind(tree: Tree) -> None:
    before = {str(path) for path in tree.root.rglob("*")}

    answer = tree.call("doctor", "--json")

    found = checks(answer)
    assert answer.code == 0, answer
    assert found.keys() >= TRIED
    assert all(one["found"] and one["text"].startswith(one["found"]) for one in found.values())
    assert {str(path) for path in tree.root.rglob("*")} == before


def test_a_person_gets_a_table_and_a_last_line(tree: Tree) -> None:
    answer = tree.call("doctor")

    assert "renames never replace" in answer.out
    assert answer.out.splitlines()[-1].startswith("all ")


def test_what_is_missing_stale_left_behind_or_open_is_mended_and_said(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.finish("t1")
    schema = tree.root / "_system/schemas/manifest.schema.json"
    right, litter = schema.read_bytes(), instruction.path / ".status.yaml.4194300.tmp"
    theirs = instruction.output("t1") / ".notes.4194300.tmp"
    schema.write_text("{}")
    (tree.root / "_system/schemas/task.schema.json").unlink()
    shutil.rmtree(instruction.path / "escalations")
    for path in (litter, theirs):
        path.write_text("half")
        os.utime(path, (1, 1))
    (tree.root / "_system/daemon/daemon.yaml").chmod(0o644)
    (tree.root / "_system/daemon").chmod(0o755)
    (tree.root / "_system/daemon/.probe-4194301").mkdir()
    lock = (tree.root / "_system/daemon/lock").stat()

    answer = tree.call("doctor", "--json")
    assert answer.code == 1
    assert {name for name, one in checks(answer).items() if not one["ok"]} == {"folders", "modes", "schemas"}
    assert "--fix" in checks(answer)["litter"]["advice"]
    assert litter.exists()

    answer = tree.call("doctor", "--fix", "--json")
    assert answer.code == 0, answer
    assert {name for name, one in checks(answer).items() if one["mended"]} == {"folders", "modes", "schemas", "litter"}
    assert "inst_1/escalations" in checks(answer)["folders"]["found"]
    assert schema.read_bytes() == right
    assert (instruction.path / "escalations").is_dir()
    assert (litter.exists(), theirs.read_text()) == (False, "half")
    own = tree.root / "_system/daemon"
    assert (own.stat().st_mode & 0o777, (own / "daemon.yaml").stat().st_mode & 0o777) == (0o700, 0o600)
    assert [path.name for path in own.glob(".*")] == []
    after = (own / "lock").stat()  # nobody holds it, and nobody has touched it
    assert (after.st_ino, after.st_ctime_ns) == (lock.st_ino, lock.st_ctime_ns)
    assert not any(one["mended"] for one in checks(tree.call("doctor", "--fix", "--json")).values())


def test_litter_of_a_process_that_lives_is_left_alone(tree: Tree) -> None:
    path = tree.root / "_system" / f".watch.yaml.{os.getpid()}.tmp"
    path.write_text("half")
    os.utime(path, (1, 1))

    assert tree.call("doctor", "--fix").code == 0
    assert path.exists()


def test_a_task_with_two_names_is_mended_where_no_daemon_does_it(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    tree.once()
    name = instruction.path / "queues/agents/ann/t1.yaml"
    double = instruction.path / "tasks/in_progress/t1.yaml"
    double.hardlink_to(name)

    assert tree.call("doctor").code == 1
    answer = tree.call("doctor", "--fix")

    assert (answer.code, instruction.places("t1")) == (0, ["queues/agents/ann"])
    assert "mended: inst_1/tasks/in_progress/t1.yaml" in answer.out


def test_two_files_of_one_task_that_differ_are_left_to_the_daemon(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    tree.once()
    shutil.copy(instruction.path / "queues/agents/ann/t1.yaml", instruction.path / "tasks/in_progress/t1.yaml")

    assert checks(tree.call("doctor", "--fix", "--json"))["doubles"]["mended"] is False
    assert len(instruction.places("t1")) == 2


def test_somebody_who_holds_the_lock_and_is_no_daemon_is_named(tree: Tree) -> None:
    path = tree.root / "_system/daemon/lock"
    path.touch(mode=0o600)
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        found = checks(tree.call("doctor", "--json"))

    assert f"process {os.getpid()} (" in found["daemon"]["found"]
    assert "no daemon" in found["watcher"]["text"]


def test_a_tree_that_everybody_may_write_is_said(tree: Tree) -> None:
    tree.root.chmod(0o777)

    answer = tree.call("doctor", "--json")

    assert (answer.code, checks(answer)["rights"]["ok"]) == (1, False)
    assert "chmod o-w" in checks(answer)["rights"]["advice"]


def test_little_space_and_few_inodes_are_said(tree: Tree) -> None:
    done = kernel.in_own_mounts(
        f"cp -a {tree.root} {tree.workspace}/copy && mount -t tmpfs -o size=4m,nr_inodes=400 x {tree.root} "
        f"&& cp -a {tree.workspace}/copy/. {tree.root}",
        *("doctor", "--json"),
        root=tree.root,
    )

    found = checks(Answer(done.returncode, done.stdout, done.stderr))
    assert done.returncode == 1
    assert {name for name, one in found.items() if not one["ok"]} == {"space", "inodes"}
    assert "tmpfs" in found["file system"]["found"]


def test_limits_of_this_user_namespace_are_seen(tree: Tree) -> None:
    limits = {"max_inotify_watches": 7, "max_inotify_instances": 0}
    running = kernel.begin(tree, kernel.with_limits(limits, kernel.command(tree.root, "doctor", "--json")))
    assert running.popen.wait(timeout=60) == 1

    found = checks(Answer(1, running.out.read_text(), ""))
    assert not found["max_user_watches"]["ok"] and found["max_user_watches"]["found"].startswith("7,")
    assert not found["events"]["ok"] and "instances" in found["events"]["text"]


# -- what cannot be safe is refused ------------------------------------------------------------------------------------

UNSAFE: dict[str, tuple[dict[str, int], str, str]] = {
    "neither RENAME_NOREPLACE nor links": (
        {"renameat2": errno.EINVAL, "link": errno.EPERM, "linkat": errno.EPERM},
        "renames",
        "neither rename without replacing nor make hard links",
    ),
    "a lock that excludes nobody": ({"flock": 0}, "locks", "excludes nobody"),
    "no locks": ({"flock": errno.ENOSYS}, "locks", "no locks (flock)"),
}


@pytest.mark.parametrize("what", UNSAFE)
def test_a_daemon_refuses_a_file_system_that_cannot_be_safe_and_doctor_says_the_same(tree: Tree, what: str) -> None:
    calls, name, text = UNSAFE[what]
    tree.plan(a_task("t1"))

    answer = refused(tree, calls, "watch")
    assert answer.code == 4, answer
    (line,) = answer.err.splitlines()
    assert text in line and "use ext4, xfs, btrfs or tmpfs" in line
    assert not (tree.root / "inst_1" / "tasks").exists()

    said = refused(tree, calls, "doctor", "--json")
    assert (said.code, checks(said)[name]["ok"]) == (1, False)
    assert text in checks(said)[name]["text"]
    assert tree.data("status")["daemon"] is None


def test_without_renames_that_do_not_replace_hard_links_do(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2", "t1"))
    with kernel.watching(tree, calls={"renameat2": errno.EINVAL}):
        instruction.finish("t1")
        instruction.finish("t2")
        instruction.check("t1", "t2")


@pytest.mark.parametrize("where", ["tasks", "queues/agents"])
def test_state_directories_on_different_file_systems_are_refused(tree: Tree, where: str) -> None:
    instruction = tree.plan(a_task("t1"))
    tree.once()
    before = instruction.journal()
    mount = f"mount -t tmpfs x {instruction.path / where}"

    done = kernel.in_own_mounts(mount, "watch", "--once", root=tree.root)
    assert done.returncode == 4, done
    assert f"mounted over inst_1/{where}" in done.stderr
    assert instruction.journal() == before

    done = kernel.in_own_mounts(mount, "doctor", "--json", root=tree.root)
    assert checks(Answer(1, done.stdout, ""))["mounts"]["ok"] is False


def test_a_whole_instruction_on_a_file_system_of_its_own_is_well(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    tree.once()
    mount = f"cp -a {instruction.path} {tree.workspace}/copy && mount -t tmpfs x {instruction.path} && "
    mount += f"cp -a {tree.workspace}/copy/. {instruction.path}"

    assert kernel.in_own_mounts(mount, "watch", "--once", root=tree.root).returncode == 0


def test_an_overlay_is_watched_and_looked_through_as_well(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    above = tree.workspace / "above"
    above.mkdir()
    options = f"lowerdir={tree.root},upperdir={above}/u,workdir={above}/w"
    mount = f"mount -t tmpfs x {above} && mkdir {above}/u {above}/w && mount -t overlay -o {options} x {tree.root}"
    first = kernel.said(tree.root, "watch", "--once")

    done = kernel.in_own_mounts(f"{mount} && {first}", "doctor", "--json", root=tree.root)
    if "unknown filesystem" in done.stderr or "wrong fs type" in done.stderr:
        pytest.skip("this kernel mounts no overlay")

    found = checks(Answer(0, done.stdout, done.stderr))
    assert done.returncode == 0, done
    assert found["file system"]["note"] and found["file system"]["found"].startswith("overlay")
    assert not (instruction.path / "tasks").exists()  # what the daemon did, it did in the overlay


def test_a_probe_that_is_killed_leaves_nothing_that_lasts(tree: Tree) -> None:
    answer = refused(tree, {"renameat2": kernel.KILL}, "watch", "--once")
    assert answer.code < 0
    assert list((tree.root / "_system/daemon").glob(".probe-*"))

    tree.once()

    assert list((tree.root / "_system/daemon").glob(".*")) == []


def test_the_json_of_before_is_still_there(tree: Tree) -> None:
    document = json.loads(tree.call("doctor", "--json").out)

    assert all({"name", "ok", "text"} <= check.keys() for check in document["data"]["checks"])


def test_doctor_beside_a_daemon_disturbs_nobody(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2", "t1"))
    with tree.daemon():
        instruction.claim("t1")
        for _ in range(3):
            assert tree.call("doctor", "--fix").code == 0
        instruction.hand_in("t1")
        instruction.reaches("t1", "tasks/completed")
        instruction.check("t1", "t2")


def test_a_fresh_tree_is_well_before_and_after_its_first_daemon(plain: Tree) -> None:
    assert plain.call("doctor").code == 0
    with plain.daemon():
        eventually(lambda: (Path(plain.root) / "_system/daemon/watch.yaml").exists())
        assert plain.call("doctor").code == 0
    time.sleep(0.01)
    assert plain.call("doctor").code == 0
