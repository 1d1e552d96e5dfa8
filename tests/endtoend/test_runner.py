"""`run` and `watch --agents`: the shell agent as shipped, from plan to verified work."""

import shlex
import sys
from pathlib import Path

import pytest

from tests.support.tree import Answer, Document, Instruction, Tree, as_yaml, entry, eventually, load

ONE_CHANCE = {"quality_gates": {"rework_protocol": {"max_iterations": 1}}}
AGAIN_SOON = {"retry_logic": {"backoff_strategy": {"base_delay": "1 second", "jitter": False}}}
DONE = 'echo done > "$CAGENTS_OUTPUT/result.txt"'


def job(task_id: str, command: str, *needs: str, **fields: object) -> Document:
    """A task for the default agent, the shell."""
    whole: Document = {"task_id": task_id, "description": f"Do {task_id}", "command": command}
    return whole | ({"dependencies": list(needs)} if needs else {}) | fields


def written(tree: Tree, *tasks: Document, **fields: object) -> str:
    path = tree.workspace / "plan.yaml"
    path.write_text(as_yaml({"description": "A run", "mode": "swarm"} | fields | {"tasks": list(tasks)}))
    return str(path)


def run(tree: Tree, *tasks: Document, more: tuple[str, ...] = (), **fields: object) -> tuple[Answer, Instruction]:
    answer = tree.call("run", written(tree, *tasks, **fields), "--id", "inst_1", *more)
    return answer, Instruction(tree, "inst_1")


def test_run_takes_a_plan_to_its_end_and_exits_0(tree: Tree) -> None:
    tasks = [job("top", DONE), job("left", DONE, "top"), job("right", DONE, "top"), job("end", DONE, "left", "right")]

    answer, instruction = run(tree, *tasks)

    assert answer.code == 0, answer
    for task in ("top", "left", "right", "end"):
        assert instruction.places(task) == ["tasks/completed"]
    instruction.check("top", "left", "right", "end")
    assert load(instruction.path / "status.yaml")["phase"] == "complete"


def test_run_makes_the_tree_if_it_is_not_there(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "work")
    tree.workspace.mkdir()

    answer, instruction = run(tree, job("t1", DONE))

    assert answer.code == 0, answer
    assert instruction.places("t1") == ["tasks/completed"]
    assert (tree.root / "_system" / "config" / "agents.yaml").is_file()


def test_the_runner_writes_a_true_manifest_for_an_agent_that_writes_none(tree: Tree) -> None:
    make = 'echo done > "$CAGENTS_OUTPUT/result.txt"; mkdir -p src; echo code > src/made.py'
    check = {"criterion": "The code is there", "check": "grep -q code src/made.py"}

    answer, instruction = run(tree, job("t1", make, files=["src/made.py"], acceptance_criteria=[check]))

    assert answer.code == 0, answer
    manifest = load(instruction.output("t1") / "manifest.yaml")
    sums = {artifact["path"].rpartition("/")[2]: artifact["checksum"] for artifact in manifest["artifacts"]}
    assert sums["result.txt"] == entry("", b"done\n")["checksum"]
    assert sums["made.py"] == entry("", b"code\n")["checksum"]


def test_a_criterion_that_nobody_claims_does_not_hold(tree: Tree) -> None:
    tree.configure("subagent_coordination_protocol.yaml", ONE_CHANCE)
    count = f'echo once >> "$CAGENTS_WORKSPACE/count.txt"; {DONE}'

    answer, instruction = run(tree, job("t1", count, acceptance_criteria=["It is nice"], max_retries=0))

    assert answer.code == 1, answer
    assert "t1" in answer.said
    assert instruction.places("t1") == ["tasks/failed"]
    assert instruction.events("rejected", "criterion_missing")
    assert (tree.workspace / "count.txt").read_text() == "once\n" * 2  # the work, and one rework


def test_rejected_work_is_done_again_in_the_same_attempt_with_every_fault_in_the_prompt(tree: Tree) -> None:
    command = f'cp "$CAGENTS_PROMPT_FILE" "prompt-$(ls | grep -c prompt-).txt"; {DONE}'
    check = {"criterion": "It was asked twice", "check": "test -e prompt-1.txt"}

    answer, instruction = run(tree, job("t1", command, acceptance_criteria=[check]))

    assert answer.code == 0, answer
    assert [line["attempt"] for line in instruction.events("accepted", "t1")] == [1]
    assert len(instruction.events("rejected", "t1")) == 1
    first, second = ((tree.workspace / f"prompt-{number}.txt").read_text() for number in (0, 1))
    assert "check_failed" not in first
    assert "It was asked twice" in second
    assert first != second


def test_an_exit_code_is_a_failure_and_gets_another_attempt(tree: Tree) -> None:
    tree.configure("task_queue_manager.yaml", AGAIN_SOON)
    command = f'echo "$CAGENTS_ATTEMPT" >> attempts.txt; test "$CAGENTS_ATTEMPT" = 2 || exit 9; {DONE}'

    answer, instruction = run(tree, job("t1", command), job("t2", DONE, "t1"))

    assert answer.code == 0, answer
    assert (tree.workspace / "attempts.txt").read_text() == "1\n2\n"
    assert [line["attempt"] for line in instruction.events("accepted", "t1")] == [2]
    instruction.check("t1", "t2")


def test_run_exits_1_and_says_which_tasks_are_not_completed_and_why(tree: Tree) -> None:
    answer, instruction = run(tree, job("base", "exit 9", max_retries=0), job("after", DONE, "base"), job("good", DONE))

    assert answer.code == 1, answer
    assert "base" in answer.said
    assert "after" in answer.said
    assert instruction.places("base") == ["tasks/failed"]
    assert instruction.places("after") == ["tasks/blocked"]
    assert instruction.places("good") == ["tasks/completed"]
    assert load(instruction.path / "status.yaml")["phase"] == "failed"


def test_the_manifest_of_the_agent_wins_over_its_exit_code(tree: Tree) -> None:
    program = shlex.quote(sys.executable)
    complete = f'{program} -m cagents_fs complete "$CAGENTS_TASK" "$CAGENTS_OUTPUT/result.txt" --met "It works=seen"'
    command = f"{DONE}; {complete}; exit 9"

    answer, instruction = run(tree, job("t1", command, acceptance_criteria=["It works"], max_retries=0))

    assert answer.code == 0, answer
    assert instruction.places("t1") == ["tasks/completed"]


def test_an_agent_knows_where_it_is_from_its_environment(tree: Tree) -> None:
    command = 'test -f "$CAGENTS_TASK_FILE" && test -f "$CAGENTS_PROMPT_FILE" && env > "$CAGENTS_OUTPUT/env.txt"'

    answer, instruction = run(tree, job("t1", command, max_retries=0))

    assert answer.code == 0, answer
    lines = (instruction.output("t1") / "env.txt").read_text().splitlines()
    told = dict(line.split("=", 1) for line in lines if line.startswith("CAGENTS_"))
    assert told["CAGENTS_ROOT"] == str(tree.root)
    assert told["CAGENTS_INSTRUCTION"] == "inst_1"
    assert told["CAGENTS_TASK"] == "t1"
    assert told["CAGENTS_TASK_FILE"] == str(instruction.path / "tasks" / "in_progress" / "t1.yaml")
    assert told["CAGENTS_AGENT"].startswith("shell")
    assert told["CAGENTS_ATTEMPT"] == "1"
    assert told["CAGENTS_OUTPUT"].rstrip("/") == str(instruction.output("t1"))
    assert told["CAGENTS_WORKSPACE"] == str(tree.workspace)
    assert Path(told["CAGENTS_PROMPT_FILE"]).is_absolute()


def test_what_an_agent_says_is_in_its_log(tree: Tree) -> None:
    answer, instruction = run(tree, job("t1", f"echo to standard output; echo to standard error >&2; {DONE}"))

    log = (instruction.output("t1") / "agent.log").read_text()
    assert answer.code == 0, answer
    assert "to standard output" in log
    assert "to standard error" in log


def test_the_end_of_the_log_is_the_reason_of_a_failure(tree: Tree) -> None:
    _answer, instruction = run(tree, job("t1", "echo the disk sang; exit 9", max_retries=0))

    assert "the disk sang" in "".join(map(str, instruction.journal()))


def test_prompt_and_variables_are_replaced_in_the_command_of_a_type(tree: Tree) -> None:
    script = 'printf "%s" "$1" > "$CAGENTS_OUTPUT/said.txt"'
    poet = {"command": ["sh", "-c", script, "poet", "{prompt}"], "slots": 2}
    tree.configure("agents.yaml", {"default": "poet", "agents": {"poet": poet}})

    answer, instruction = run(tree, job("t1", "unused", detailed_prompt='Sing of arms; $HOME `and` "the" man'))

    assert answer.code == 0, answer
    assert 'Sing of arms; $HOME `and` "the" man' in (instruction.output("t1") / "said.txt").read_text()


def test_a_program_that_does_not_exist_is_a_failure_that_names_it(tree: Tree) -> None:
    ghost = {"command": ["no-such-program-anywhere", "{prompt}"], "slots": 2}
    tree.configure("agents.yaml", {"default": "ghost", "agents": {"ghost": ghost}})

    answer, instruction = run(tree, job("t1", "unused", max_retries=0))

    assert answer.code == 1, answer
    assert instruction.places("t1") == ["tasks/failed"]
    assert "no-such-program-anywhere" in answer.said + "".join(map(str, instruction.journal()))


def test_twenty_agents_run_at_once(tree: Tree) -> None:
    meet = 'mkdir -p here; touch "here/$CAGENTS_TASK"; until [ "$(ls here | wc -l)" -ge 20 ]; do sleep 0.3; done'

    answer, _instruction = run(tree, *(job(f"t{number:02}", f"{meet}; {DONE}") for number in range(20)))

    assert answer.code == 0, answer


def test_sequential_mode_starts_one_agent_at_a_time(tree: Tree) -> None:
    alone = f"mkdir alone || exit 9; sleep 0.2; rmdir alone; {DONE}"

    tasks = [job(f"t{number}", alone, max_retries=0) for number in range(3)]
    answer, _instruction = run(tree, *tasks, mode="sequential")

    assert answer.code == 0, answer


@pytest.mark.parametrize("resumed", [False, True], ids=["watch --agents", "watch --agents, started twice"])
def test_watch_starts_agents_too_when_it_is_asked_to(tree: Tree, resumed: bool) -> None:
    instruction = tree.plan(job("t1", DONE), job("t2", DONE, "t1"))
    if resumed:
        with tree.daemon("--agents"):
            instruction.reaches("t1", "tasks/completed")
    with tree.daemon("--agents"):
        instruction.reaches("t2", "tasks/completed")
        instruction.check("t1", "t2")
    assert eventually(lambda: tree.agents_at_work() == [])
