"""Who gets a task: one winner, in order, and never more than the limit."""

import json
import subprocess
import sys

from tests.support.tree import Document, Tree, a_task, eventually, surroundings


def test_a_claim_by_mv_is_journalled_with_its_holder(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.claim("t1")
        (claim,) = instruction.tells("moved", "tasks/in_progress")

        assert claim["task_id"] == "t1"
        assert (claim["from"], claim["to"]) == ("queues/agents/ann", "tasks/in_progress")
        assert claim["agent"] == "ann"
        assert claim["attempt"] == 1
        instruction.check("t1")


def test_claim_gives_the_task_its_path_and_where_its_work_goes(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1", acceptance_criteria=["It works"]))
    tree.once()

    data = tree.data("claim", "ann")

    assert data["task"]["task_id"] == "t1"
    assert data["task"]["acceptance_criteria"] == ["It works"]
    assert data["path"].endswith("inst_1/tasks/in_progress/t1.yaml")
    assert data["output_path"].rstrip("/").endswith("outputs/partial/t1")
    assert data["attempt"] == 1
    assert instruction.places("t1") == ["tasks/in_progress"]


def test_claim_takes_the_most_urgent_first_and_then_the_oldest(tree: Tree) -> None:
    ranks = {"t1": "normal", "t2": "low", "t3": "critical", "t4": "high", "t5": "normal"}
    tree.plan(*(a_task(name, priority=rank) for name, rank in ranks.items()))
    tree.once()

    order = [tree.data("claim", "ann")["task"]["task_id"] for _ in ranks]

    assert order == ["t3", "t4", "t1", "t5", "t2"]


def test_claim_can_name_the_task(tree: Tree) -> None:
    tree.plan(a_task("t1", priority="critical"), a_task("t2"))
    tree.once()

    assert tree.data("claim", "ann", "--task", "t2")["task"]["task_id"] == "t2"


def test_claim_looks_in_all_instructions(tree: Tree) -> None:
    tree.plan(a_task("calm", priority="low"), name="inst_calm")
    tree.plan(a_task("urgent", priority="critical"), name="inst_urgent")
    tree.once()

    assert tree.data("claim", "ann")["task"]["task_id"] == "urgent"
    assert tree.data("claim", "ann")["task"]["task_id"] == "calm"


def test_claim_with_an_empty_queue_exits_3(tree: Tree) -> None:
    tree.plan(a_task("t1"))
    tree.once()

    answer = tree.call("claim", "bob", "--json")

    assert answer.code == 3
    assert answer.error["code"] == "nothing_ready"


def test_claim_over_the_limit_exits_3(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2"), max_concurrent=1)
    tree.once()
    tree.ok("claim", "ann")

    answer = tree.call("claim", "ann", "--json")

    assert answer.code == 3
    assert answer.error["code"] == "limit_reached"
    assert instruction.places("t2") == ["queues/agents/ann"]


def test_in_sequential_mode_nobody_gets_a_second_task(tree: Tree) -> None:
    tree.plan(a_task("t1"), a_task("t2", assigned_agent="bob"), mode="sequential")
    tree.once()
    tree.ok("claim", "ann")

    answer = tree.call("claim", "bob", "--json")

    assert answer.code == 3
    assert answer.error["code"] in ("limit_reached", "nothing_ready")


def test_a_claim_by_mv_over_the_limit_is_put_back_with_the_same_attempt(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2"), max_concurrent=1)
    with tree.daemon():
        instruction.claim("t1")
        instruction.tells("moved", "tasks/in_progress")
        instruction.claim("t2")

        back = ("tasks/in_progress", "queues/agents/ann")
        eventually(lambda: back in instruction.moves("t2"), saying=instruction.tail)
        instruction.reaches("t2", "queues/agents/ann")
        assert instruction.places("t1") == ["tasks/in_progress"]
        assert instruction.file("t2").get("attempt", 1) == 1
        instruction.check("t1", "t2")


def test_when_the_holder_is_done_the_task_that_was_put_back_can_be_claimed(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2"), max_concurrent=1)
    with tree.daemon():
        instruction.claim("t1")
        instruction.tells("moved", "tasks/in_progress")
        instruction.claim("t2")
        instruction.reaches("t2", "queues/agents/ann")
        instruction.hand_in("t1")
        instruction.reaches("t1", "tasks/completed")

        instruction.finish("t2")


def test_sequential_mode_runs_one_task_at_a_time(tree: Tree) -> None:
    instruction = tree.plan(*(a_task(f"t{number}") for number in range(3)), mode="sequential")
    with tree.daemon():
        for number in range(3):
            instruction.finish(f"t{number}")

    lines = [line["to"] for line in instruction.events("moved") if line["to"].startswith("tasks/")]
    assert lines == ["tasks/in_progress", "tasks/completed"] * 3


def test_six_claims_at_once_get_six_tasks(tree: Tree) -> None:
    names = [f"t{number}" for number in range(6)]
    instruction = tree.plan(*map(a_task, names))
    tree.once()
    line = [sys.executable, "-m", "cagents_fs", "--root", str(tree.root), "claim", "ann", "--json"]
    around = surroundings(None)

    claims = [subprocess.Popen(line, stdout=subprocess.PIPE, cwd=tree.workspace, env=around) for _ in names]
    said: list[Document] = [json.loads(claim.communicate(timeout=60)[0]) for claim in claims]

    assert sorted(answer["data"]["task"]["task_id"] for answer in said) == names
    assert all(instruction.places(name) == ["tasks/in_progress"] for name in names)


def test_the_queue_file_lists_the_best_task_first(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1", priority="low"), a_task("t2", priority="critical"), a_task("t3"))
    path = instruction.path / "queues" / "agents" / "ann" / "queue.yaml"
    with tree.daemon():
        eventually(lambda: path.exists() and all(name in path.read_text() for name in ("t1", "t2", "t3")))
        text = path.read_text()

    assert text.index("t2") < text.index("t3") < text.index("t1")


def test_a_task_that_nobody_claims_raises_an_alert(tree: Tree) -> None:
    quick = {"communication_channels": {"task_assignment": {"timeout": "1 second"}}}
    tree.configure("parallel_execution_framework.yaml", quick)
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.tells("alert", "unclaimed")
        assert instruction.places("t1") == ["queues/agents/ann"]


def test_an_agent_never_holds_more_than_its_slots_through_claim(tree: Tree) -> None:
    shell = {"command": ["sh", "-c", "{command}"], "slots": 50}
    tree.configure("agents.yaml", {"default": "shell", "agents": {"shell": shell, "ann": {**shell, "slots": 1}}})
    instruction = tree.plan(a_task("t1"), a_task("t2"))
    tree.once()
    tree.ok("claim", "ann")

    assert tree.call("claim", "ann").code == 3
    assert len(list((instruction.path / "tasks" / "in_progress").glob("*.yaml"))) == 1
