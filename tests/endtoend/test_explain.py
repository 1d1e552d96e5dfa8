"""In every state, `explain` says why, names who and when, and the command that would change it."""

import re

import pytest

from tests.support.tree import Document, Instruction, Tree, a_task, as_yaml, eventually, publish

LATER = {"retry_logic": {"backoff_strategy": {"base_delay": "30 minutes", "jitter": False}}}
DEPTH_1 = {"task_queues": {"agent_queues": {"max_queue_depth": 1}}}
TIME = re.compile(r"\d\d:\d\d|\bin (about )?(\d+|an?|half an) (minutes?|hours?)\b|\b(29|30) min")
ANN, WORK, BLOCKED = "queues/agents/ann", "tasks/in_progress", "tasks/blocked"
GLOBAL, WAITING = "queues/global", "queues/waiting_on_dependencies"


def explained(tree: Tree, task: str, state: str, *words: str) -> str:
    """All that it says, once it speaks of that state; the words are in the reasons, each as a word of its own."""

    def lacks(data: Document) -> list[str]:
        reasons = " ".join(data["reasons"])
        return [word for word in words if not re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", reasons)]

    def told() -> Document:  # a file may lie at its new place for up to a turn before the journal tells of it
        answer = tree.call("explain", task, "--json")
        return answer.data if answer.code == 0 and answer.data["state"] == state and not lacks(answer.data) else {}

    saying = f"{task} in {state} with {words}"
    data = eventually(told, saying=lambda: f"{saying}: {tree.call('explain', task).said}")
    return str(data)


def by_command(said: str, command: str) -> None:
    assert f"cagents-fs {command}" in said, said


def cries(instruction: Instruction, task: str, escalation: str = "esc_1") -> None:
    said: Document = {"escalation_id": escalation, "from_agent": "ann", "to_agent": "lead", "task_id": task}
    said |= {"timestamp": "2026-01-10T12:00:00Z", "severity": "blocker", "issue_description": "There is no schema"}
    publish(instruction.path / "escalations" / f"{escalation}.yaml", as_yaml(said))


def fails(instruction: Instruction, task: str, agent: str = "ann", reason: str = "the disk sang") -> None:
    """Claimed and given up, with a reason."""
    instruction.claim(task, agent)
    line = ["fail", f"{instruction.name}/{task}", "--agent", agent, "--attempt", "1", "--reason", reason]
    instruction.tree.ok(*line)


def test_pending_where_nobody_watches(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    tree.once()
    instruction.drop("t2")

    by_command(explained(tree, "t2", "tasks/pending"), "watch")


def test_waiting_for_hard_dependencies(tree: Tree) -> None:
    instruction = tree.plan(a_task("base"), a_task("wall", assigned_agent="bob"), a_task("roof", "base", "wall"))
    with tree.daemon():
        instruction.claim("wall", "bob")
        instruction.tells("moved", WORK)

        explained(tree, "roof", WAITING, "base", "wall", "bob")


def test_waiting_for_data(tree: Tree) -> None:
    needs = {"data_dependencies": [{"task_id": "base", "artifact_path": "schema.sql"}]}
    tree.plan(a_task("base"), a_task("roof", dependencies=needs))
    with tree.daemon():
        explained(tree, "roof", WAITING, "base", "schema.sql")


def test_waiting_for_a_task_of_another_instruction(tree: Tree) -> None:
    tree.plan(a_task("base"), name="inst_1")
    with tree.daemon():
        tree.plan(a_task("roof", "inst_1:base"), name="inst_2")
        said = explained(tree, "inst_2/roof", WAITING)

    assert re.search(r"inst_1[:/]base", said), said


def test_in_the_global_queue_for_a_soft_predecessor(tree: Tree) -> None:
    wants = {"soft_dependencies": [{"task_id": "base"}]}
    instruction = tree.plan(a_task("base"), max_concurrent=1)
    with tree.daemon():
        instruction.claim("base")
        instruction.tells("moved", WORK)
        instruction.drop("roof", dependencies=wants)
        explained(tree, "roof", GLOBAL, "base")


def test_in_the_global_queue_while_the_instruction_is_paused(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2", "t1"))
    with tree.daemon():
        instruction.claim("t1")
        tree.ok("pause", "inst_1")
        instruction.hand_in("t1")

        by_command(explained(tree, "t2", GLOBAL, "paused"), "resume inst_1")


def test_in_the_global_queue_while_the_task_is_paused(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2", "t1"))
    with tree.daemon():
        instruction.claim("t1")
        tree.ok("pause", "t2")
        instruction.hand_in("t1")

        assert re.search(r"cagents-fs resume (inst_1/)?t2\b", explained(tree, "t2", GLOBAL, "paused"))


def test_in_the_global_queue_for_an_earlier_stage(tree: Tree) -> None:
    tree.plan(a_task("design", stage="drawing"), a_task("wall", stage="building"), mode="pipeline")
    with tree.daemon():
        explained(tree, "wall", GLOBAL, "drawing", "design")


def test_in_the_global_queue_while_another_is_at_work_in_sequential_mode(tree: Tree) -> None:
    tree.plan(a_task("t1"), a_task("t2"), mode="sequential")
    with tree.daemon():
        explained(tree, "t2", GLOBAL, "t1")


def test_in_the_queue_of_its_domain_while_the_agent_has_no_room(tree: Tree) -> None:
    tree.configure("parallel_execution_framework.yaml", DEPTH_1)
    tree.plan(a_task("t1"), a_task("t2"))
    with tree.daemon():
        explained(tree, "t2", "queues/domains/software", "ann")


def test_in_the_queue_of_its_agent(tree: Tree) -> None:
    tree.plan(a_task("t1"))
    with tree.daemon():
        by_command(explained(tree, "t1", ANN, "ann"), "claim ann")


def test_in_progress(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.claim("t1")
        instruction.tells("moved", WORK)
        instruction.beat("t1", current_activity="drawing the schema")

        explained(tree, "t1", WORK, "ann")


def test_at_a_checkpoint(tree: Tree) -> None:
    meets = {"coordination": [{"checkpoint": "api_contract", "with": ["t2"]}]}
    instruction = tree.plan(a_task("t1", dependencies=meets), a_task("t2", assigned_agent="bob"))
    with tree.daemon():
        instruction.claim("t1")
        instruction.claim("t2", "bob")
        instruction.tells("moved", f'"t2", "from": "queues/agents/bob", "to": "{WORK}"')
        publish(instruction.path / "checkpoints" / "api_contract" / "t1.yaml", "task_id: t1\n")

        eventually(lambda: "api_contract" in str(tree.data("explain", "t1")["reasons"]))
        explained(tree, "t1", WORK, "api_contract", "t2", "bob")


def test_waiting_for_its_children(tree: Tree) -> None:
    instruction = tree.plan(a_task("top"), a_task("part", parent_task_id="top", assigned_agent="bob"))
    with tree.daemon():
        instruction.claim("top")
        instruction.hand_in("top")

        eventually(lambda: "part" in str(tree.data("explain", "top")["reasons"]))
        explained(tree, "top", WORK, "part", "bob")


def test_under_review(tree: Tree) -> None:
    check = {"criterion": "Somebody says go", "check": "until test -e go; do sleep 0.1; done"}
    instruction = tree.plan(a_task("t1", acceptance_criteria=[check]))
    with tree.daemon():
        instruction.claim("t1")
        instruction.hand_in("t1")
        said = explained(tree, "t1", "tasks/under_review", "ann")
        (tree.workspace / "go").touch()
        instruction.reaches("t1", "tasks/completed")

    assert "check" in said


def test_blocked_by_a_failure(tree: Tree) -> None:
    instruction = tree.plan(a_task("base", max_retries=0, assigned_agent="bob"), a_task("roof", "base"))
    with tree.daemon():
        fails(instruction, "base", "bob")
        said = explained(tree, "roof", BLOCKED, "base", "sang")

    assert "the disk sang" in said
    assert re.search(r"cagents-fs retry (inst_1/)?base\b", said), said


def test_blocked_by_its_own_escalation(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.claim("t1")
        cries(instruction, "t1")
        said = explained(tree, "t1", BLOCKED, "esc_1", "lead")

    assert "There is no schema" in said
    assert re.search(r"cagents-fs answer (inst_1/)?esc_1\b", said), said


def test_blocked_by_what_is_missing(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.reaches("t1", ANN)
        instruction.drop("roof", "nowhere")
        explained(tree, "roof", BLOCKED, "nowhere")


def test_blocked_by_a_circle(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.reaches("t1", ANN)
        instruction.drop("hen", "egg")
        instruction.drop("egg", "hen")
        explained(tree, "hen", BLOCKED, "egg", "hen")


def test_waiting_for_its_next_attempt(tree: Tree) -> None:
    tree.configure("task_queue_manager.yaml", LATER)
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        fails(instruction, "t1")
        said = explained(tree, "t1", "queues/retry")

    assert "the disk sang" in said
    assert TIME.search(said), said


def test_completed(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.finish("t1")
        explained(tree, "t1", "tasks/completed", "ann")


def test_failed(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1", max_retries=0))
    with tree.daemon():
        fails(instruction, "t1")
        said = explained(tree, "t1", "tasks/failed")

    assert "the disk sang" in said
    assert re.search(r"cagents-fs retry (inst_1/)?t1\b", said), said


def test_cancelled(tree: Tree) -> None:
    tree.plan(a_task("t1"))
    with tree.daemon():
        eventually(lambda: tree.call("cancel", "t1", "--reason", "nobody wants it").code == 0)
        said = explained(tree, "t1", "tasks/cancelled")

    assert "nobody wants it" in said
    assert re.search(r"cagents-fs (retry|rescue) (inst_1\b)?(/?t1\b)?", said), said


@pytest.mark.parametrize("levels", [3, 40])
def test_the_root_cause_is_named_through_many_levels_in_one_call(tree: Tree, levels: int) -> None:
    chain = [a_task(f"l{level}", f"l{level - 1}" if level else "base") for level in range(levels)]
    instruction = tree.plan(a_task("base", max_retries=0, assigned_agent="bob"), *chain)
    with tree.daemon():
        fails(instruction, "base", "bob")
        for task in ("l0", f"l{levels // 2}", f"l{levels - 1}"):
            eventually(lambda t=task: "the disk sang" in explained(tree, t, BLOCKED, "base"))  # type: ignore[misc]
            said = explained(tree, task, BLOCKED, "base")
            assert re.search(r"cagents-fs retry (inst_1/)?base\b", said), said


def test_both_root_causes_are_named(tree: Tree) -> None:
    culprits = [a_task(name, max_retries=0) for name in ("left", "right")]
    instruction = tree.plan(*culprits, a_task("mid", "left", "right"), a_task("end", "mid"))
    with tree.daemon():
        fails(instruction, "left", reason="the disk sang")
        fails(instruction, "right", reason="the wind turned")
        instruction.reaches("right", "tasks/failed")
        said = explained(tree, "end", BLOCKED, "left", "right")

    assert "the disk sang" in said
    assert "the wind turned" in said


def test_a_parent_is_traced_to_what_its_child_waits_for(tree: Tree) -> None:
    base, top = a_task("base", max_retries=0, assigned_agent="bob"), a_task("top")
    instruction = tree.plan(base, top, a_task("part", "base", parent_task_id="top"))
    with tree.daemon():
        instruction.claim("top")
        instruction.hand_in("top")
        fails(instruction, "base", "bob")
        said = explained(tree, "top", BLOCKED, "part", "base")

    assert "the disk sang" in said
