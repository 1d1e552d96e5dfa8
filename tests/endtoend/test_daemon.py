"""`watch`: one daemon a tree, ready when it says so, and gone when it is told."""

import os
import signal

import pytest

from tests.support.tree import Tree, a_task, eventually, load


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_watch_says_when_it_is_ready_and_ends_with_0_when_it_is_told(tree: Tree, number: signal.Signals) -> None:
    tree.plan(a_task("t1"))
    running = tree.start("watch")
    eventually(lambda: "\n" in running.out.read_text(), saying=running.said)

    assert running.stop(number, within=5) == 0
    assert len(running.out.read_text().splitlines()) == 1


@pytest.mark.parametrize("command", [["watch"], ["watch", "--once"]], ids=" ".join)
def test_a_second_daemon_exits_5_at_once_and_the_first_goes_on(tree: Tree, command: list[str]) -> None:
    with tree.daemon():
        answer = tree.call(*command)

        assert answer.code == 5, answer
        tree.plan(a_task("t1")).reaches("t1", "queues/agents/ann")


def test_a_second_daemon_exits_5_under_another_name_of_the_tree(tree: Tree) -> None:
    alias = tree.workspace.parent / "alias"
    alias.symlink_to(tree.root)

    with tree.daemon():
        assert tree.start("watch", root=alias).popen.wait(timeout=20) == 5


def test_run_beside_a_daemon_exits_5(tree: Tree) -> None:
    plan = tree.workspace / "plan.yaml"
    plan.write_text("description: x\ntasks:\n  - {task_id: t1, description: x, command: 'true'}\n")

    with tree.daemon():
        assert tree.call("run", str(plan)).code == 5


def test_the_daemon_says_who_it_is(tree: Tree) -> None:
    with tree.daemon() as running:
        said = load(tree.root / "_system" / "daemon" / "daemon.yaml")

        assert said["pid"] == running.popen.pid


def test_a_killed_daemon_holds_nothing(tree: Tree) -> None:
    with tree.daemon() as first:
        first.kill()
    instruction = tree.plan(a_task("t1"))

    with tree.daemon():
        instruction.finish("t1")


def test_sighup_makes_the_daemon_read_its_numbers_again(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    with tree.daemon() as running:
        instruction.reaches("t1", "queues/agents/ann")
        quick = {"communication_channels": {"status_updates": {"stale_threshold": "1 second"}}}
        tree.configure("parallel_execution_framework.yaml", quick)
        running.popen.send_signal(signal.SIGHUP)
        instruction.claim("t1")

        instruction.tells("stalled", "t1")


def test_a_wrong_number_leaves_the_old_one_in_force_and_is_named(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        tree.configure("daemon.yaml", {"scan_interval": 0.5, "settle_seconds": "soon"})
        instruction.finish("t1")

    said = tree.call("config").said
    assert "settle_seconds" in said
    assert "daemon.yaml" in said


def test_polling_alone_sees_everything(tree: Tree) -> None:
    tree.configure("daemon.yaml", {"settle_seconds": 0.2, "scan_interval": 0.3, "watch": "poll"})
    with tree.daemon():
        instruction = tree.plan(a_task("first"), a_task("second", "first"))

        instruction.finish("first")
        instruction.finish("second")


def test_with_the_numbers_as_shipped_a_task_gets_done(plain: Tree) -> None:
    with plain.daemon():
        instruction = plain.plan(a_task("first"), a_task("second", "first"))

        instruction.finish("first")
        instruction.reaches("second", "queues/agents/ann")
        instruction.check("first", "second")


def test_once_ends_with_0_where_there_is_nothing_to_do(plain: Tree) -> None:
    assert plain.call("watch", "--once").code == 0


def test_once_waits_until_what_it_found_has_settled(plain: Tree) -> None:
    plan = plain.root / "inst_1" / "workflow" / "plan.yaml"
    plan.parent.mkdir(parents=True)
    plan.write_text("description: x\nmode: swarm\ntasks:\n  - {task_id: t1, description: x, assigned_agent: ann}\n")

    plain.once()

    assert (plain.root / "inst_1" / "queues" / "agents" / "ann" / "t1.yaml").is_file()


def test_once_does_all_that_can_be_done_now(tree: Tree) -> None:
    instruction = tree.plan(a_task("first"), a_task("second", "first"), a_task("third", "second"))
    tree.once()
    assert instruction.places("first") == ["queues/agents/ann"]
    assert instruction.places("second") == instruction.places("third") == ["queues/waiting_on_dependencies"]

    instruction.claim("first")
    instruction.hand_in("first")
    tree.once()

    assert instruction.places("first") == ["tasks/completed"]
    assert instruction.places("second") == ["queues/agents/ann"]
    assert instruction.places("third") == ["queues/waiting_on_dependencies"]
    instruction.check("first", "second", "third")


def test_once_more_changes_nothing(tree: Tree) -> None:
    instruction = tree.plan(a_task("first"), a_task("second", "first"))
    tree.once()
    before = instruction.events("moved"), instruction.events("taken_in")

    tree.once()

    assert (instruction.events("moved"), instruction.events("taken_in")) == before


def test_a_daemon_that_is_stopped_for_a_while_goes_on(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    with tree.daemon() as running:
        instruction.claim("t1")
        instruction.tells("moved", "tasks/in_progress")
        os.kill(running.popen.pid, signal.SIGSTOP)
        instruction.hand_in("t1")
        os.kill(running.popen.pid, signal.SIGCONT)

        instruction.reaches("t1", "tasks/completed")
