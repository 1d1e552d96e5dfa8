"""Links in the place of folders, and files that are no files: the daemon reads and writes nothing outside for them."""

import os
import socket
import time
from pathlib import Path

import pytest

from tests.support.tree import Document, Instruction, Tree, a_task, as_yaml, entry, eventually, publish

SECRET = b"the key: hunter2\n"


def away(tree: Tree) -> Path:
    """A folder outside of everything, with a secret under every name that might be read."""
    folder = tree.workspace.parent / "away"
    (folder / "t1").mkdir(parents=True)
    for name in ("manifest.yaml", "ann_t1.yaml", "e1.yaml", "t1.yaml", "secret", "t1/manifest.yaml", "t1/secret"):
        (folder / name).write_bytes(SECRET)
    return folder


def listing(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(folder)): (path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in [folder, *folder.rglob("*")]
    }


def everything_written(tree: Tree) -> bytes:
    files = [path for path in tree.root.rglob("*") if path.is_file() and not path.is_symlink()]
    return b"".join(path.read_bytes() for path in files)


def swap(folder: Path, target: Path) -> None:
    """A link in the place of a folder; what was in it stays beside it."""
    if folder.exists():
        folder.rename(folder.with_name(f"{folder.name}.real"))
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.symlink_to(target)


LINKED = {  # those that can be linked side by side, and what is told of them
    "informing": ["quarantine", "outputs/abandoned", "heartbeats/ann", "inbox/ann", "inbox/planner", "capacity"],
    "work": ["outputs/partial/t1", "escalations", "checkpoints", "heartbeats", "inbox"],
    "states": ["tasks/under_review", "tasks/completed", "outputs/partial", "workflow", "queues/agents/ann"],
    "all outputs": ["outputs", "requests"],
    "checks": ["outputs/partial/t1/verification"],
}
WHERE = {"inbox": "_communication/inbox", "capacity": "_system/capacity/agents"}


@pytest.mark.parametrize("places", LINKED.values(), ids=LINKED)
def test_a_link_in_the_place_of_a_folder_leads_nobody_out(tree: Tree, places: list[str]) -> None:
    """Everything that makes the daemon write is done to a tree in which one folder leads elsewhere."""
    outside = away(tree)
    checked = a_task("t1", acceptance_criteria=[{"criterion": "C", "check": "echo looked; false"}], max_retries=0)
    instruction = tree.plan(checked, a_task("t2", assigned_agent="bob"), a_task("t3", assigned_agent="bob"))
    tree.once()
    instruction.claim("t1")
    for place in places:
        head, slash, rest = place.partition("/")
        swap(tree.root / (WHERE.get(head, f"inst_1/{head}") + slash + rest), outside)
    before = listing(outside)
    with tree.daemon():
        for write in (_rejected, _broken_beat, _asks, _requests, _broken_task, _healthy):
            try:
                write(tree, instruction)
            except OSError:
                continue  # the folder in which it would have been done is the link
        time.sleep(1.5)

        assert listing(outside) == before
        found = [line["reason"] for line in instruction.events("finding")]
        linked = [place for place in places if place in ("escalations", "tasks/completed", "outputs/partial")]
        assert all(any(text.startswith(f"{place} is a link") for text in found) for place in linked), found
        assert b"hunter2" not in everything_written(tree)
    assert listing(outside) == before


def _inside(tree: Tree, path: Path) -> Path:
    """Raises OSError where a stranger's write would itself go out through the link."""
    if not os.path.realpath(path).startswith(str(tree.root)):
        raise OSError("that would be our own doing")
    return path


def _rejected(tree: Tree, instruction: Instruction) -> None:
    output = _inside(tree, instruction.path / "outputs/partial/t1")
    output.mkdir(parents=True, exist_ok=True)
    document: Document = {"task_id": "t1", "subagent": "ann", "status": "completed"}
    publish(output / "manifest.yaml", as_yaml(document | {"artifacts": [entry("secret", SECRET)]}))


def _broken_beat(tree: Tree, instruction: Instruction) -> None:
    publish(_inside(tree, instruction.path / "heartbeats/ann_t1.yaml"), "timestamp: [\n")


def _asks(tree: Tree, instruction: Instruction) -> None:
    asked = {"escalation_id": "e2", "from_agent": "ann", "to_agent": "planner", "task_id": "t1", "severity": "high"}
    publish(_inside(tree, instruction.path / "escalations/e2.yaml"), as_yaml(asked | {"issue_description": "Help"}))


def _requests(tree: Tree, instruction: Instruction) -> None:
    request = _inside(tree, instruction.path / "requests/1.yaml")
    publish(request, as_yaml({"action": "cancel", "task_id": "t2", "from": "alice"}))


def _broken_task(tree: Tree, instruction: Instruction) -> None:
    publish(_inside(tree, instruction.path / "tasks/pending/t9.yaml"), "task_id: t9\n")


def _healthy(tree: Tree, instruction: Instruction) -> None:
    queue = _inside(tree, instruction.path / "queues/agents/bob/t3.yaml")
    if queue.exists():
        queue.rename(_inside(tree, instruction.path / "tasks/in_progress") / "t3.yaml")
        _inside(tree, instruction.path / "outputs/partial/t3").mkdir(parents=True, exist_ok=True)
        instruction.hand_in("t3", "bob")


def test_each_kind_of_artifact_that_is_no_file_of_ours_has_its_code_at_once(tree: Tree) -> None:
    outside = away(tree)
    instruction = tree.plan(a_task("t1"))
    with tree.daemon() as daemon:
        instruction.claim("t1")
        output = instruction.output("t1")
        os.mkfifo(output / "fifo")
        (output / "folder").mkdir()
        (output / "in").write_bytes(b"fine")
        (output / "link-in").symlink_to("in")
        (output / "link-out").symlink_to(outside / "secret")
        (output / "folder-out").symlink_to(outside)
        (output / "proc").symlink_to("/proc/self/environ")
        (output / "loop").symlink_to("loop")
        short = os.open(output, os.O_PATH)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"/proc/self/fd/{short}/socket")
        os.close(short)
        expected = {
            "fifo": "not_a_file",
            "folder": "not_a_file",
            "socket": "not_a_file",
            "link-out": "outside_root",
            "folder-out/secret": "outside_root",
            "proc": "outside_root",
            "../../../../../../../../etc/passwd": "outside_root",
            "/etc/passwd": "outside_root",
            "/dev/zero": "outside_root",
            "in/../../../../../../..": "outside_root",
            "C:\\x": "missing_artifact",
            "https://example.com/x": "missing_artifact",
            "~/.bashrc": "missing_artifact",
            "$HOME": "missing_artifact",
            "*": "missing_artifact",
            "in/": "missing_artifact",
            "loop": "missing_artifact",
            "": "schema",
        }
        named = [entry(path, SECRET) for path in expected if path] + [entry("link-in", b"fine")]
        begun = time.monotonic()
        instruction.hand_in("t1", artifacts=named)
        (line,) = instruction.tells("rejected")
        assert time.monotonic() - begun < 5

        found = {fault["path"]: fault["code"] for fault in line["faults"]}
        assert found == {path: code for path, code in expected.items() if path}
        instruction.hand_in("t1", artifacts=[entry("", b"")])
        second = eventually(lambda: instruction.events("rejected")[1:])[0]
        assert second["faults"][0]["code"] == "schema"
        assert daemon.popen.poll() is None


def test_hard_links_and_work_that_counts_twice_are_findings(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2"), a_task("t3"))
    with tree.daemon():
        for task in ("t1", "t2", "t3"):
            instruction.claim(task)
        shared = tree.workspace / "shared.txt"
        shared.write_bytes(b"one work\n")
        os.link(shared, tree.workspace / "other.txt")
        instruction.hand_in("t1", artifacts=[entry("shared.txt", b"one work\n")])
        instruction.reaches("t1", "tasks/completed")
        (finding,) = instruction.tells("finding", "t1")
        assert finding["reason"] == "t1: shared.txt has 2 names (hard links): who writes to another one changes it"
        os.unlink(tree.workspace / "other.txt")
        instruction.hand_in("t2", artifacts=[entry("shared.txt", b"one work\n")])
        instruction.reaches("t2", "tasks/completed")
        (finding,) = instruction.tells("finding", '"t2"')
        assert finding["reason"] == "t2: shared.txt was the work of t1 already, with the same bytes"
        shared.write_bytes(b"more work\n")
        instruction.hand_in("t3", artifacts=[entry("shared.txt", b"more work\n")])
        instruction.reaches("t3", "tasks/completed")
        instruction.check("t1", "t2", "t3")

    assert instruction.events("finding", '"t3"') == [], "who works on with what others left does nothing wrong"


def test_nothing_is_written_through_a_hard_link_of_the_log(tree: Tree) -> None:
    outside = tree.workspace.parent / "precious"
    outside.write_text("mine\n")
    command = f'[ -e "{outside}.done" ] && exit 0; rm -f "$CAGENTS_OUTPUT/agent.log"; '
    command += f'ln "{outside}" "$CAGENTS_OUTPUT/agent.log"; touch "{outside}.done"; sleep 30'
    instruction = tree.plan(a_task("t1", assigned_agent="shell", command=command))
    with tree.daemon("--agents") as daemon:
        eventually(lambda: Path(f"{outside}.done").exists())
        daemon.kill()
    with tree.daemon("--agents"):
        instruction.reaches("t1", "tasks/completed", within=40)

    assert outside.read_text() == "mine\n"


def test_a_manifest_that_is_rewritten_after_its_acceptance_is_a_finding_and_no_second_one(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2", "t1"))
    with tree.daemon():
        instruction.finish("t1")
        instruction.reaches("t2", "queues/agents/ann")
        for number in range(3):
            instruction.hand_in("t1", artifacts=[entry("result.txt", b"other %d\n" % number)])
            (instruction.output("t1") / "result.txt").write_bytes(b"other %d\n" % number)
            time.sleep(0.8)
        instruction.check("t1", "t2")
    tree.once()

    assert len(instruction.events("accepted")) == 1
    assert [to for _, to in instruction.moves("t1")][-1] == "tasks/completed"
    assert len(instruction.moves("t2")) == len({tuple(move) for move in instruction.moves("t2")})
    drifted = tree.call("audit", "--json").data["drifted"]
    assert [fault["code"] for one in drifted for fault in one["faults"]] == ["size_mismatch"]
