"""From the global queue to the agent's: who has room, who comes next, who is over which limit, and who is told."""

import json

import pytest

from tests.support.tree import Document, Instruction, Tree, a_task, eventually, load

ANN, GLOBAL, SOFTWARE = "queues/agents/ann", "queues/global", "queues/domains/software"
WORK = "tasks/in_progress"
SHELL: Document = {"command": ["sh", "-c", "{command}"], "slots": 50}


def framework(tree: Tree, depth: int = 10, balance: str = "least_loaded", limits: Document | None = None) -> None:
    queues = {"agent_queues": {"max_queue_depth": depth}}
    scaling = {"scaling_strategy": {"load_balancing": {"algorithm": balance}}}
    whole: Document = {"task_queues": queues, "capacity_model": scaling, "configuration": limits or {}}
    tree.configure("parallel_execution_framework.yaml", whole)


def agents(tree: Tree, **types: Document) -> None:
    kinds = {"shell": SHELL} | {name: SHELL | fields for name, fields in types.items()}
    tree.configure("agents.yaml", {"default": "shell", "agents": kinds})


def of(agent: str, task: str, **fields: object) -> Document:
    return a_task(task, **{"assigned_agent": agent} | fields)


def lie(instruction: Instruction, place: str) -> list[str]:
    return sorted(path.stem for path in (instruction.path / place).glob("*.yaml") if path.stem != "queue")


def done(instruction: Instruction, task: str, agent: str = "ann") -> None:
    if instruction.places(task) != [WORK]:
        instruction.claim(task, agent)
    instruction.hand_in(task, agent)
    instruction.tree.once()
    instruction.reaches(task, "tasks/completed")


def is_put_back(instruction: Instruction, task: str, agent: str) -> None:
    """To the same queue, in the same attempt, and the agent is told."""
    eventually(lambda: (WORK, f"queues/agents/{agent}") in instruction.moves(task), saying=instruction.tail)
    instruction.reaches(task, f"queues/agents/{agent}")
    assert instruction.file(task).get("attempt", 1) == 1
    eventually(lambda: any(task in str(note) for note in instruction.tree.inbox(agent)), saying=instruction.tail)
    instruction.check(task)


def alerts(instruction: Instruction) -> list[Document]:
    return [line for line in instruction.events("alert") if line["alert"] == "queue_depth"]


def test_a_ready_task_goes_straight_to_its_agent_where_there_is_room(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    tree.once()

    assert instruction.moves("t1") == [(None, GLOBAL), (GLOBAL, ANN)]


def test_what_does_not_fit_waits_in_its_domain_and_follows_when_there_is_room(tree: Tree) -> None:
    framework(tree, depth=2)
    instruction = tree.plan(*(a_task(f"t{number}") for number in range(4)))
    tree.once()
    assert lie(instruction, ANN) == ["t0", "t1"]
    assert lie(instruction, SOFTWARE) == ["t2", "t3"]

    instruction.claim("t0")
    tree.once()

    assert lie(instruction, ANN) == ["t1", "t2"]
    assert lie(instruction, SOFTWARE) == ["t3"]
    assert instruction.moves("t2") == [(None, GLOBAL), (GLOBAL, SOFTWARE), (SOFTWARE, ANN)]
    instruction.check("t0", "t1", "t2", "t3")


def test_the_domain_is_that_of_the_task_or_else_of_the_instruction(tree: Tree) -> None:
    framework(tree, depth=1)
    tasks = [a_task("first", priority="high"), a_task("own", domain="legal"), a_task("inherited")]
    instruction = tree.plan(*tasks, domain="finance")
    tree.once()

    instruction.reaches("first", ANN)
    instruction.reaches("own", "queues/domains/legal")
    instruction.reaches("inherited", "queues/domains/finance")


def test_the_order_holds_through_a_full_queue(tree: Tree) -> None:
    framework(tree, depth=1)
    ranks = {"t1": "normal", "t2": "low", "t3": "critical", "t4": "high", "t5": "normal", "t6": "low"}
    tree.plan(*(a_task(name, priority=rank) for name, rank in ranks.items()))
    order = []
    for _ in ranks:
        tree.once()
        order.append(tree.data("claim", "ann")["task"]["task_id"])

    assert order == ["t3", "t4", "t1", "t5", "t2", "t6"]


def test_one_full_queue_holds_no_other_agent_up(tree: Tree) -> None:
    framework(tree, depth=1)
    instruction = tree.plan(a_task("t1"), a_task("t2"), of("bob", "t3"))
    tree.once()

    instruction.reaches("t2", SOFTWARE)
    instruction.reaches("t3", "queues/agents/bob")


def test_a_queue_that_is_too_deep_raises_one_alert_an_episode(tree: Tree) -> None:
    instruction = tree.plan(*(a_task(f"t{number:02}") for number in range(10)))
    tree.once()
    assert alerts(instruction) == []

    instruction.drop("t10")
    tree.once()
    (alert,) = alerts(instruction)
    assert (alert["agent"], alert["depth"]) == ("ann", 11)
    tree.once()
    assert len(alerts(instruction)) == 1

    tree.ok("claim", "ann")
    tree.once()
    instruction.drop("t11")
    tree.once()
    assert len(alerts(instruction)) == 2


def test_the_capacity_of_each_agent_is_current(tree: Tree) -> None:
    agents(tree, ann={"slots": 4, "skills": ["python"]})
    instruction = tree.plan(*(a_task(f"t{number}") for number in range(3)))
    path = tree.root / "_system" / "capacity" / "agents" / "ann.yaml"

    def tells(**wanted: object) -> None:
        def is_so() -> bool:
            return path.exists() and load(path).items() >= wanted.items()

        eventually(is_so, saying=lambda: path.read_text() if path.exists() else "no file")

    with tree.daemon():
        known = {"agent_name": "ann", "agent_type": "ann", "slots": 4, "breaker": "closed"}
        tells(**known, load=0, queue_depth=3, completed=0, mean_duration_seconds=None)
        assert load(path)["skills"] == ["python"]
        instruction.claim("t0")
        tells(load=1, queue_depth=2, utilization_percentage=25)
        tells(max_concurrent_tasks=4, current_task_count=1)
        instruction.hand_in("t0")
        tells(load=0, queue_depth=2, completed=1, failed=0)
    assert load(path)["mean_duration_seconds"] == load(path)["average_task_duration"] > 0


def test_a_claim_by_mv_of_one_agent_too_many_for_the_instruction_is_put_back(tree: Tree) -> None:
    framework(tree, limits={"max_agents_per_instruction": 1})
    instruction = tree.plan(a_task("t1"), of("bob", "t2"), a_task("t3"))
    with tree.daemon():
        instruction.claim("t1")
        instruction.tells("moved", f'"{WORK}"')
        instruction.claim("t2", "bob")
        is_put_back(instruction, "t2", "bob")

        instruction.finish("t3")  # ann is one of those at work already
        assert instruction.places("t1") == [WORK]


def test_a_claim_by_mv_of_one_agent_too_many_for_the_tree_is_put_back(tree: Tree) -> None:
    framework(tree, limits={"max_global_agents": 1})
    first = tree.plan(a_task("t1"), name="inst_a")
    second = tree.plan(of("bob", "t2"), a_task("t3"), name="inst_b")
    with tree.daemon():
        first.claim("t1")
        first.tells("moved", f'"{WORK}"')
        second.claim("t2", "bob")
        is_put_back(second, "t2", "bob")

        second.finish("t3")
        first.hand_in("t1")
        first.reaches("t1", "tasks/completed")
        second.finish("t2", "bob")


@pytest.mark.parametrize("limit", ["max_agents_per_instruction", "max_global_agents"])
def test_claim_says_that_there_are_agents_enough(tree: Tree, limit: str) -> None:
    framework(tree, limits={limit: 1})
    instruction = tree.plan(a_task("t1"), of("bob", "t2"), a_task("t3"))
    tree.once()
    tree.ok("claim", "ann")

    answer = tree.call("claim", "bob", "--json")

    assert answer.code == 3
    assert answer.error["code"] == "limit_reached"
    assert instruction.places("t2") == ["queues/agents/bob"]
    tree.ok("claim", "ann")


def test_only_so_many_instructions_are_released_from(tree: Tree) -> None:
    framework(tree, limits={"max_concurrent_instructions": 1})
    first = tree.plan(a_task("t1"), name="inst_z")
    tree.once()
    second = tree.plan(of("bob", "t2"), a_task("t3", "t2"), name="inst_a")
    tree.once()
    first.reaches("t1", ANN)
    second.reaches("t2", GLOBAL)

    done(first, "t1")
    tree.once()

    second.reaches("t2", "queues/agents/bob")
    second.check("t2", "t3")


def test_a_claim_by_mv_over_the_slots_of_an_agent_is_put_back(tree: Tree) -> None:
    agents(tree, ann={"slots": 1})
    instruction = tree.plan(a_task("t1"), a_task("t2"))
    with tree.daemon():
        instruction.claim("t1")
        instruction.tells("moved", f'"{WORK}"')
        instruction.claim("t2")

        is_put_back(instruction, "t2", "ann")
        assert instruction.places("t1") == [WORK]


def test_the_slots_of_an_agent_count_over_all_instructions(tree: Tree) -> None:
    agents(tree, ann={"slots": 1})
    tree.plan(a_task("t1"), name="inst_a")
    tree.plan(a_task("t2"), name="inst_b")
    tree.once()
    tree.ok("claim", "ann")

    assert tree.call("claim", "ann", "--json").error["code"] == "limit_reached"


def test_the_instances_of_a_type_share_its_tasks_and_each_has_its_own_slots(tree: Tree) -> None:
    framework(tree, depth=1)
    agents(tree, worker={"slots": 1, "instances": 2})
    instruction = tree.plan(*(of("worker", f"t{number}") for number in range(3)))
    tree.once()
    one, two = (lie(instruction, f"queues/agents/{name}") for name in ("worker", "worker-2"))
    assert sorted(one + two) == ["t0", "t1"]
    assert len(one) == len(two) == 1
    assert lie(instruction, SOFTWARE) == ["t2"]

    assert tree.data("claim", "worker")["task"]["task_id"] == one[0]
    assert tree.data("claim", "worker-2")["task"]["task_id"] == two[0]
    tree.once()
    assert lie(instruction, SOFTWARE) == []
    assert [tree.call("claim", name).code for name in ("worker", "worker-2")] == [3, 3]


def test_the_shortest_queue_gets_the_next_task(tree: Tree) -> None:
    framework(tree, balance="shortest_queue")
    agents(tree, worker={"instances": 2})
    instruction = tree.plan(*(of("worker", f"t{number}") for number in range(6)))
    tree.once()

    assert [len(lie(instruction, f"queues/agents/{name}")) for name in ("worker", "worker-2")] == [3, 3]


def test_the_least_loaded_gets_the_next_task(tree: Tree) -> None:
    agents(tree, worker={"instances": 2, "slots": 2})
    instruction = tree.plan(of("worker", "t1"))
    tree.once()
    (place,) = instruction.places("t1")
    busy = place.rpartition("/")[2]
    tree.ok("claim", busy)
    instruction.drop("t2", assigned_agent="worker")
    tree.once()

    (idle,) = {"worker", "worker-2"} - {busy}
    instruction.reaches("t2", f"queues/agents/{idle}")


def test_the_queue_file_of_an_agent_lists_what_it_should_take_first(tree: Tree) -> None:
    tasks = [a_task("calm"), a_task("urgent", priority="high"), a_task("awaited", priority="low")]
    instruction = tree.plan(*tasks, a_task("top", "awaited", priority="critical"))
    path = instruction.path / ANN / "queue.yaml"

    def listed() -> list[str]:
        text = json.dumps(load(path), default=str) if path.exists() else ""
        return sorted((task["task_id"] for task in tasks if task["task_id"] in text), key=text.index)

    with tree.daemon():
        eventually(lambda: listed() == ["awaited", "urgent", "calm"], saying=lambda: str(listed()))
        instruction.claim("awaited")
        eventually(lambda: listed() == ["urgent", "calm"], saying=lambda: str(listed()))
