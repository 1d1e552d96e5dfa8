"""How an instruction is carried out: the mode that is chosen, what a stage is, when the next one opens, the picture."""

import json
from typing import Any

import pytest

from tests.support.tree import Answer, Document, Instruction, Tree, a_task, as_yaml, publish

ANN, GLOBAL = "queues/agents/ann", "queues/global"
WAITING = "queues/waiting_on_dependencies"


def submit(tree: Tree, *tasks: Document, **fields: object) -> Answer:
    """Without a mode, unless one is named."""
    text = as_yaml({"description": "A plan"} | fields | {"tasks": list(tasks)})
    return tree.call("submit", str(publish(tree.workspace / "plan.yaml", text)), "--id", "inst_1", "--json")


def pipeline(tree: Tree, *tasks: Document, **fields: object) -> Instruction:
    answer = submit(tree, *tasks, mode="pipeline", **fields)
    assert answer.code == 0, answer
    tree.once()
    return Instruction(tree, "inst_1")


def done(instruction: Instruction, task: str, **changed: Any) -> None:
    instruction.claim(task)
    instruction.hand_in(task, **changed)
    instruction.tree.once()
    instruction.reaches(task, "tasks/completed")


def graph(tree: Tree, *more: str) -> Document:
    document = json.loads(tree.ok("graph", *more, "--format", "json").out)
    return dict(document.get("data", document))


def chain(longest: int, alone: int = 0) -> list[Document]:
    """So many tasks one after another, and so many that wait for nobody."""
    line = [a_task(f"c{number}", *([f"c{number - 1}"] if number else [])) for number in range(longest)]
    return line + [a_task(f"x{number}") for number in range(alone)]


def test_without_stages_a_pipeline_goes_by_the_waves_of_its_graph(tree: Tree) -> None:
    instruction = pipeline(tree, a_task("a1"), a_task("a2"), a_task("b1", "a1"), a_task("c1", "b1"))
    done(instruction, "a1")
    instruction.reaches("b1", GLOBAL)  # nothing blocks it, but a2 is of the wave before
    instruction.reaches("c1", WAITING)

    done(instruction, "a2")

    instruction.reaches("b1", ANN)
    done(instruction, "b1")
    instruction.reaches("c1", ANN)
    instruction.check("a1", "a2", "b1", "c1")


def test_numbered_stages_open_one_after_another(tree: Tree) -> None:
    tasks = [a_task("t2", stage=2), a_task("t0", stage=0), a_task("t1", stage=1), a_task("u0", stage=0)]
    instruction = pipeline(tree, *tasks)
    instruction.reaches("t0", ANN)
    instruction.reaches("t1", GLOBAL)
    done(instruction, "t0")
    instruction.reaches("t1", GLOBAL)
    done(instruction, "u0")

    instruction.reaches("t1", ANN)
    instruction.reaches("t2", GLOBAL)
    done(instruction, "t1")
    instruction.reaches("t2", ANN)
    instruction.check("t0", "u0", "t1", "t2")


def test_named_stages_come_in_the_order_of_the_plan(tree: Tree) -> None:
    tasks = [a_task("t3", stage="ship"), a_task("t2", stage="test"), a_task("t1", stage="build")]
    instruction = pipeline(tree, *tasks, stages=["build", "test", "ship"])

    for name, later in (("t1", ["t2", "t3"]), ("t2", ["t3"]), ("t3", [])):
        instruction.reaches(name, ANN)
        for one in later:
            instruction.reaches(one, GLOBAL)
        done(instruction, name)


def test_named_stages_without_a_list_come_as_they_first_appear(tree: Tree) -> None:
    tasks = [a_task("t1", stage="zinc"), a_task("t2", stage="amber"), a_task("t3", stage="zinc")]
    instruction = pipeline(tree, *tasks)
    done(instruction, "t1")
    instruction.reaches("t2", GLOBAL)

    done(instruction, "t3")

    instruction.reaches("t2", ANN)


def test_a_task_without_a_stage_is_of_the_latest_of_those_it_waits_for(tree: Tree) -> None:
    tasks = [a_task("t0", stage=0), a_task("t1", stage=1), a_task("joined", "t0", "t1"), a_task("t2", stage=2)]
    instruction = pipeline(tree, *tasks)
    done(instruction, "t0")
    done(instruction, "t1")

    instruction.reaches("joined", ANN)
    instruction.reaches("t2", GLOBAL)
    done(instruction, "joined")
    instruction.reaches("t2", ANN)


def test_a_task_without_a_stage_that_waits_for_nobody_is_of_the_first(tree: Tree) -> None:
    instruction = pipeline(tree, a_task("t1", stage=1), a_task("t0", stage=0), a_task("loose"))
    instruction.reaches("loose", ANN)
    done(instruction, "t0")
    instruction.reaches("t1", GLOBAL)

    done(instruction, "loose")

    instruction.reaches("t1", ANN)


def test_a_stage_with_a_failure_keeps_the_next_one_shut_until_it_is_mended(tree: Tree) -> None:
    instruction = pipeline(tree, a_task("bad", stage=0, max_retries=0), a_task("good", stage=0), a_task("t1", stage=1))
    instruction.claim("bad")
    tree.ok("fail", "bad", "--reason", "it broke", env={"CAGENTS_AGENT": "ann"})
    tree.once()
    instruction.reaches("bad", "tasks/failed")
    done(instruction, "good")
    instruction.reaches("t1", "tasks/blocked")  # nobody can get there any more, and the run comes to its end

    tree.ok("retry", "bad")
    tree.once()
    done(instruction, "bad", attempt=2)

    instruction.reaches("t1", ANN)
    instruction.check("bad", "good", "t1")


def test_the_barrier_outlives_the_daemon(tree: Tree) -> None:
    instruction = pipeline(tree, a_task("t0", stage=0), a_task("u0", stage=0), a_task("t1", stage=1))
    with tree.daemon() as daemon:
        instruction.finish("t0")
        daemon.kill()
    tree.once()
    instruction.reaches("t1", GLOBAL)

    with tree.daemon():
        instruction.finish("u0")
        instruction.reaches("t1", ANN)


def test_five_are_at_work_in_a_stage_and_no_more(tree: Tree) -> None:
    pipeline(tree, *(a_task(f"t{number}", stage=0) for number in range(6)))
    for _ in range(5):
        tree.ok("claim", "ann")

    assert tree.call("claim", "ann", "--json").error["code"] == "limit_reached"


@pytest.mark.parametrize(
    ("tasks", "fields", "code", "named"),
    [
        ([a_task("t1", stage="build")], {"stages": ["build", "ship"]}, "empty_stage", "ship"),
        ([a_task("t1", stage=0), a_task("t2", stage=2)], {}, "empty_stage", "1"),
        ([a_task("t1", stage="build"), a_task("t2", stage="shop")], {"stages": ["build"]}, "unknown_stage", "shop"),
        ([a_task("t1", "t2", stage=0), a_task("t2", stage=1)], {}, "stage_order", "t2"),
        (
            [a_task("t1", "t2", stage="build"), a_task("t2", stage="ship")],
            {"stages": ["build", "ship"]},
            "stage_order",
            "t2",
        ),
    ],
    ids=["a name that nobody bears", "a gap", "a name that is not listed", "backwards", "backwards by name"],
)
def test_stages_that_cannot_be_are_refused(
    tree: Tree, tasks: list[Document], fields: Document, code: str, named: str
) -> None:
    answer = submit(tree, *tasks, mode="pipeline", **fields)

    assert answer.code == 4, answer
    assert answer.error["code"] == code
    assert named in answer.error["message"]
    assert not (tree.root / "inst_1").exists()


@pytest.mark.parametrize(
    ("fields", "tasks", "mode"),
    [
        ({"tier": 0}, chain(1, 3), "sequential"),
        ({"tier": 1}, chain(1, 3), "sequential"),
        ({"tier": 2}, chain(1, 3), "pipeline"),
        ({"tier": 3}, chain(1, 3), "swarm"),
        ({"tier": 3}, chain(4), "pipeline"),
        ({"tier": 3}, chain(3, 8), "swarm"),  # independence 0.8
        ({"tier": 3}, chain(4, 7), "pipeline"),  # 0.7 is not above 0.7
        ({"tier": 4}, chain(4), "mesh"),
        ({}, chain(1, 3), "swarm"),
        ({}, chain(4), "pipeline"),
        ({"tier": 0, "mode": "swarm"}, chain(4), "swarm"),
    ],
)
def test_the_mode_follows_from_tier_and_independence(
    tree: Tree, fields: Document, tasks: list[Document], mode: str
) -> None:
    assert submit(tree, *tasks, **fields).code == 0
    tree.once()

    (one,) = tree.data("status")["instructions"]
    assert one["mode"] == mode
    assert graph(tree)["mode"] == mode
    assert graph(tree)["mode_reason"]


def test_what_comes_later_in_sequential_mode_stays_in_the_global_queue(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2"), mode="sequential")
    tree.once()
    instruction.reaches("t1", ANN)
    instruction.reaches("t2", GLOBAL)

    done(instruction, "t1")

    instruction.reaches("t2", ANN)


@pytest.mark.parametrize(("longest", "alone", "independence"), [(4, 0, 0.0), (1, 3, 1.0), (3, 2, 0.5), (3, 8, 0.8)])
def test_the_graph_tells_independence_and_waves(tree: Tree, longest: int, alone: int, independence: float) -> None:
    tree.plan(*chain(longest, alone))
    tree.once()

    found = graph(tree, "inst_1")

    assert found["independence"] == pytest.approx(independence, abs=0.01)
    first, *others = [sorted(wave) for wave in found["waves"]]
    assert first == ["c0", *(f"x{number}" for number in range(alone))]
    assert others == [[f"c{number}"] for number in range(1, longest)]


def test_the_graph_has_every_task_and_every_kind_of_edge(tree: Tree) -> None:
    needs = {"hard_dependencies": [{"task_id": "base"}], "soft_dependencies": [{"task_id": "nice"}]}
    needs |= {"data_dependencies": [{"task_id": "maker", "artifact_path": "result.txt"}]}
    tasks = [a_task(name) for name in ("base", "nice", "maker")]
    child = a_task("child", parent_task_id="nice", priority="high")
    instruction = tree.plan(*tasks, a_task("last", dependencies=needs), child)
    tree.once()

    found = graph(tree)

    assert found["instruction_id"] == "inst_1"
    nodes = {node["task_id"]: node for node in found["nodes"]}
    assert sorted(nodes) == ["base", "child", "last", "maker", "nice"]
    assert nodes["last"]["state"] in (WAITING, "waiting_on_dependencies", "waiting")
    assert nodes["last"]["wave"] > nodes["base"]["wave"]
    assert (nodes["child"]["parent_task_id"], nodes["child"]["effective_priority"]) == ("nice", "high")
    assert nodes["base"]["agent"] == "ann"
    edges = {(edge["from"], edge["to"], edge["kind"]) for edge in found["edges"]}
    assert edges == {
        ("base", "last", "hard"),
        ("nice", "last", "soft"),
        ("maker", "last", "data"),
        ("child", "nice", "parent"),
    }
    instruction.check("last")


@pytest.mark.parametrize(
    ("form", "begins", "arrow"),
    [("dot", ("digraph",), "->"), ("mermaid", ("graph", "flowchart"), "-->"), ("tree", ("",), "")],
)
def test_the_graph_in_other_forms(tree: Tree, form: str, begins: tuple[str, ...], arrow: str) -> None:
    tree.plan(a_task("base"), a_task("middle", "base"), a_task("last", "middle"))
    tree.once()

    said = tree.ok("graph", "inst_1", "--format", form).out

    assert said.lstrip().startswith(begins)
    assert arrow in said
    assert all(task in said for task in ("base", "middle", "last"))


def test_the_graph_of_an_unknown_instruction_is_not_there(tree: Tree) -> None:
    tree.plan(a_task("t1"))
    tree.once()

    assert tree.call("graph", "inst_nowhere").code == 3
