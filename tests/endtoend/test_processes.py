"""Processes end when they should: cancelled, out of time, orphaned, or interrupted; and the work is taken up again."""

import os
import signal

import pytest

from tests.support.tree import Document, Instruction, Running, Tree, as_yaml, eventually

AGAIN_SOON = {"retry_logic": {"backoff_strategy": {"base_delay": "1 second", "jitter": False}}}
DONE = 'echo done > "$CAGENTS_OUTPUT/result.txt"'
# The first process of a task lives for ever and leaves a child behind; what comes after it does the work.
FIRST_HANGS = f'mkdir "hung-$CAGENTS_TASK" 2>/dev/null && {{ sleep 1000 & sleep 1000; }}; {DONE}'


def job(task_id: str, command: str, *needs: str, **fields: object) -> Document:
    whole: Document = {"task_id": task_id, "description": f"Do {task_id}", "command": command}
    return whole | ({"dependencies": list(needs)} if needs else {}) | fields


def start(tree: Tree, *tasks: Document, more: tuple[str, ...] = ()) -> tuple[Running, Instruction]:
    tree.configure("task_queue_manager.yaml", AGAIN_SOON)
    path = tree.workspace / "plan.yaml"
    path.write_text(as_yaml({"description": "A run", "mode": "swarm", "tasks": list(tasks)}))
    return tree.start("run", str(path), "--id", "inst_1", *more), Instruction(tree, "inst_1")


def hangs(running: Running, tree: Tree, *tasks: str) -> None:
    """The agents of these tasks are at it, with a child of their own."""
    for task in tasks:
        eventually((tree.workspace / f"hung-{task}").is_dir, saying=running.said)
    eventually(lambda: len(tree.agents_at_work()) >= 3 * len(tasks), saying=running.said)


def nobody_works(tree: Tree) -> None:
    eventually(lambda: tree.agents_at_work() == [], saying=lambda: f"still there: {tree.agents_at_work()}")


def test_a_cancelled_task_takes_its_processes_with_it(tree: Tree) -> None:
    running, instruction = start(tree, job("t1", FIRST_HANGS), job("t2", DONE))
    hangs(running, tree, "t1")

    tree.ok("cancel", "t1")

    nobody_works(tree)
    assert running.popen.wait(timeout=30) == 1
    assert instruction.places("t1") == ["tasks/cancelled"]
    assert instruction.places("t2") == ["tasks/completed"]


def test_a_process_that_ignores_sigterm_is_killed(tree: Tree) -> None:
    stubborn = 'trap "" TERM; mkdir hung-t1; while :; do sleep 1000 & wait; done'
    running, _instruction = start(tree, job("t1", stubborn))
    eventually((tree.workspace / "hung-t1").is_dir, saying=running.said)

    tree.ok("cancel", "t1")

    nobody_works(tree)
    assert running.popen.wait(timeout=30) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_no_process_and_can_be_taken_up(tree: Tree, number: signal.Signals) -> None:
    running, instruction = start(tree, job("t1", FIRST_HANGS), job("t2", FIRST_HANGS), job("t3", DONE, "t1", "t2"))
    hangs(running, tree, "t1", "t2")

    running.stop(number)

    nobody_works(tree)
    answer = tree.call("run", "--resume", "inst_1")
    assert answer.code == 0, answer
    for task in ("t1", "t2", "t3"):
        assert instruction.places(task) == ["tasks/completed"]
    instruction.check("t1", "t2", "t3")


def test_the_time_limit_of_a_run_ends_it_with_1_and_leaves_no_process(tree: Tree) -> None:
    running, instruction = start(tree, job("t1", FIRST_HANGS), more=("--timeout", "6s"))
    hangs(running, tree, "t1")

    assert running.popen.wait(timeout=30) == 1
    nobody_works(tree)
    assert instruction.places("t1") != ["tasks/completed"]
    assert "t1" in running.said()


def test_what_a_killed_run_left_behind_is_ended_and_its_work_is_done_again(tree: Tree) -> None:
    running, instruction = start(tree, job("t1", FIRST_HANGS), job("t2", DONE, "t1"))
    hangs(running, tree, "t1")
    running.kill()
    orphans = set(tree.agents_at_work())

    answer = tree.call("run", "--resume", "inst_1")

    assert answer.code == 0, answer
    assert not orphans & set(tree.agents_at_work())
    assert instruction.places("t1") == instruction.places("t2") == ["tasks/completed"]
    instruction.check("t1", "t2")


def test_work_that_was_handed_in_while_nobody_ran_is_not_done_twice(tree: Tree) -> None:
    count = f"echo once >> count.txt; {DONE}; mkdir hung-t1; until test -e go; do sleep 0.1; done"
    running, instruction = start(tree, job("t1", count, assigned_agent="shell"))
    eventually((tree.workspace / "hung-t1").is_dir, saying=running.said)
    running.kill()
    instruction.hand_in("t1", "shell")

    answer = tree.call("run", "--resume", "inst_1")
    (tree.workspace / "go").touch()

    assert answer.code == 0, answer
    assert (tree.workspace / "count.txt").read_text() == "once\n"
    assert [line["attempt"] for line in instruction.events("accepted", "t1")] == [1]


def has_gone_so_far(running: Running, instruction: Instruction, moves: int) -> None:
    eventually(lambda: running.popen.poll() is not None or len(instruction.events("moved")) >= moves)


def test_a_run_that_is_killed_three_times_ends_as_if_it_had_not_been(tree: Tree) -> None:
    names = [f"t{number}" for number in range(6)]
    tasks = [job(name, f"sleep 0.3; {DONE}", *(["t0", "t1"] if at > 1 else [])) for at, name in enumerate(names)]
    running, instruction = start(tree, *tasks)
    for moves in (4, 10, 16):
        has_gone_so_far(running, instruction, moves)
        running.kill()
        running = tree.start("run", "--resume", "inst_1")

    assert running.popen.wait(timeout=60) == 0, running.said()
    for name in names:
        assert instruction.places(name) == ["tasks/completed"]
        assert len(instruction.events("accepted", f'"task_id": "{name}"')) == 1
    instruction.check(*names)
    nobody_works(tree)


def test_killed_agents_are_replaced(tree: Tree) -> None:
    running, instruction = start(tree, job("t1", FIRST_HANGS), job("t2", FIRST_HANGS))
    hangs(running, tree, "t1", "t2")

    for pid in tree.agents_at_work():
        os.kill(pid, signal.SIGKILL)

    assert running.popen.wait(timeout=60) == 0, running.said()
    assert instruction.places("t1") == instruction.places("t2") == ["tasks/completed"]
    instruction.check("t1", "t2")


def test_a_silent_process_is_ended_when_its_task_is_taken_back(tree: Tree) -> None:
    shell = {"command": ["sh", "-c", "{command}"], "slots": 50, "silence": "2 seconds"}
    tree.configure("agents.yaml", {"default": "shell", "agents": {"shell": shell}})
    running, instruction = start(tree, job("t1", FIRST_HANGS))

    assert running.popen.wait(timeout=60) == 0, running.said()
    assert len(instruction.events("stalled", "t1")) == 1
    assert [line["attempt"] for line in instruction.events("accepted", "t1")] == [2]
    nobody_works(tree)


def test_a_process_that_talks_is_not_silent(tree: Tree) -> None:
    shell = {"command": ["sh", "-c", "{command}"], "slots": 50, "silence": "2 seconds"}
    tree.configure("agents.yaml", {"default": "shell", "agents": {"shell": shell}})
    talk = f"for word in 1 2 3 4 5 6 7 8; do echo $word; sleep 0.5; done; {DONE}"
    running, instruction = start(tree, job("t1", talk))

    assert running.popen.wait(timeout=60) == 0, running.said()
    assert instruction.events("stalled") == []


def test_never_more_agents_at_once_than_asked_for(tree: Tree) -> None:
    busy = f'touch "busy-$CAGENTS_TASK"; ls | grep -c busy- >> most.txt; sleep 0.3; rm "busy-$CAGENTS_TASK"; {DONE}'
    running, _instruction = start(tree, *(job(f"t{number}", busy) for number in range(6)), more=("--agents", "2"))

    assert running.popen.wait(timeout=60) == 0, running.said()
    counts = [int(count) for count in (tree.workspace / "most.txt").read_text().split()]
    assert len(counts) == 6
    assert max(counts) <= 2
