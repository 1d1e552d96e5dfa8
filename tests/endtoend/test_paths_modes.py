"""Who may read and write what is the daemon's own, whatever the umask; and whose tree a root daemon works in."""

import os
import stat
from pathlib import Path

import pytest

from tests.support.tree import Instruction, Tree, a_task, eventually, publish

NOBODY = 65534


def modes(files: list[Path]) -> dict[str, str]:
    return {str(path): oct(stat.S_IMODE(path.lstat().st_mode)) for path in files if not path.is_symlink()}


def everything_happens(tree: Tree) -> Instruction:
    """Work is done, refused, asked about and kept aside, by a daemon with the widest umask there is."""
    shell = a_task("t2", assigned_agent="shell", command="echo done > $CAGENTS_OUTPUT/a.txt", max_retries=0)
    checked = a_task("t1", acceptance_criteria=[{"criterion": "C", "check": "echo looked; false"}])
    instruction = tree.plan(checked, shell)
    before = os.umask(0)
    try:
        running = tree.start("watch", "--agents", "-v")
    finally:
        os.umask(before)
    instruction.claim("t1")
    publish(instruction.path / "heartbeats/ann_t1.yaml", "timestamp: [\n")
    asked = "{escalation_id: e1, from_agent: ann, task_id: t1, severity: high, issue_description: Help}"
    publish(instruction.path / "escalations/e1.yaml", asked)
    instruction.hand_in("t1")
    instruction.tells("rejected", "t1")
    instruction.reaches("t2", "tasks/completed")
    eventually(lambda: list(instruction.path.glob("quarantine/*.reason.yaml")))
    eventually(lambda: (instruction.path / "outputs/output_summary.yaml").exists() or running.stop() == 0)
    if running.popen.poll() is None:
        assert running.stop() == 0
    return instruction


def test_with_any_umask_nobody_else_may_write_what_is_the_daemons(tree: Tree) -> None:
    instruction = everything_happens(tree)
    path = instruction.path
    private = [*(tree.root / "_system/daemon").rglob("*"), tree.root / "_system/daemon", *path.rglob("quarantine/*")]
    private += [path / "quarantine", path / "journal.jsonl"]
    assert len(private) >= 6
    assert {name: mode for name, mode in modes(private).items() if int(mode, 8) & 0o077} == {}

    named = ("status.yaml", "verification.yaml", "queue.yaml", "output_summary.yaml", "taken_in.jsonl", "agent.log")
    ours = [found for name in named for found in path.rglob(name)]
    ours += [*path.rglob("verification/*.log"), *(tree.root / "_system/capacity").rglob("*.yaml")]
    ours += [*(tree.root / "_communication/inbox").rglob("msg-*.yaml"), *path.rglob("tasks/*/*.yaml")]
    assert len(ours) >= 8
    assert {name: mode for name, mode in modes(ours).items() if int(mode, 8) & 0o022} == {}


def test_a_tree_in_which_everybody_may_write_is_warned_of(tree: Tree) -> None:
    os.chmod(tree.root, 0o777)
    answer = tree.call("watch", "--once")

    assert answer.code == 0
    assert f"everybody on this machine may write in {tree.root}" in answer.err
    assert f"chmod o-w {tree.root}" in answer.err
    os.chmod(tree.root, 0o755)
    assert "everybody" not in tree.call("watch", "--once").err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be root in a tree of somebody else")
def test_root_works_in_no_tree_of_another_user_unless_it_is_told_to(tree: Tree) -> None:
    os.chown(tree.root, NOBODY, NOBODY)
    plan = tree.workspace / "plan.yaml"
    plan.write_text("{description: A plan, tasks: [{task_id: t1, description: Do it, command: 'true'}]}\n")
    for arguments in (["watch", "--once"], ["run", str(plan)]):
        answer = tree.call(*arguments)
        assert answer.code == 4, answer
        assert f"{tree.root} belongs to user {NOBODY}" in answer.err
        assert "--allow-root" in answer.err
    assert tree.call("watch", "--once", "--json").code == 2, "no such option, and no other way in"
    assert not list(tree.root.glob("inst_*"))

    assert tree.call("watch", "--once", "--allow-root").code == 0
    assert tree.call("run", str(plan), "--allow-root").code == 0
