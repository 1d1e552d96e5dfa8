"""A mesh grows while it runs: tasks and edges are added; what cannot be is refused or blocks just those concerned."""

import json

import pytest

from tests.support.tree import Document, Instruction, Tree, a_task, eventually, load, publish

ANN, BLOCKED = "queues/agents/ann", "tasks/blocked"
WAITING = "queues/waiting_on_dependencies"


def mesh(tree: Tree, *tasks: Document, mode: str = "mesh") -> Instruction:
    instruction = tree.plan(*tasks, mode=mode)
    tree.once()
    return instruction


def done(instruction: Instruction, task: str) -> None:
    instruction.claim(task)
    instruction.hand_in(task)
    instruction.tree.once()
    instruction.reaches(task, "tasks/completed")


def asked_of_the_planner(instruction: Instruction) -> list[Document]:
    asked = [load(path) for path in sorted((instruction.path / "escalations").glob("graph-*.yaml"))]
    assert {one["to_agent"] for one in asked} <= {"planner"}
    return asked


def test_tasks_join_a_running_mesh_and_wait_for_what_is_there(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), mode="mesh")
    with tree.daemon():
        instruction.claim("t1")
        instruction.drop("t2", "t1")
        instruction.drop("t3", "t2")
        instruction.drop("free")
        instruction.reaches("t2", WAITING)
        instruction.reaches("t3", WAITING)
        instruction.reaches("free", ANN)

        instruction.hand_in("t1")
        instruction.finish("t2")

        instruction.reaches("t3", ANN)
        instruction.check("t1", "t2", "t3", "free")


def test_a_checkpoint_joins_a_running_mesh(tree: Tree) -> None:
    instruction = mesh(tree, a_task("t1"))
    instruction.claim("t1")
    meets = {"coordination": [{"checkpoint": "review", "with": ["t1"]}]}
    instruction.drop("t2", dependencies=meets)
    tree.once()
    instruction.claim("t2")
    publish(instruction.path / "checkpoints" / "review" / "t1.yaml", "")
    tree.once()
    assert instruction.events("checkpoint_opened") == []

    publish(instruction.path / "checkpoints" / "review" / "t2.yaml", "")
    tree.once()

    assert len(instruction.events("checkpoint_opened", "review")) == 1


def test_a_queued_task_goes_back_to_waiting_when_an_edge_is_added(tree: Tree) -> None:
    instruction = mesh(tree, a_task("t1"), a_task("t2"))
    instruction.reaches("t2", ANN)

    tree.ok("depend", "t2", "--on", "t1")
    tree.once()

    instruction.reaches("t2", WAITING)
    assert (ANN, WAITING) in instruction.moves("t2")
    (line,) = instruction.events("dependency_added")
    assert (line["task_id"], line["on"]) == ("t2", "t1")
    assert "t1" in " ".join(tree.data("explain", "t2")["reasons"])
    done(instruction, "t1")
    instruction.reaches("t2", ANN)
    instruction.check("t1", "t2")


def test_depend_works_beside_a_daemon(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2"), mode="mesh")
    with tree.daemon():
        instruction.reaches("t2", ANN)

        tree.ok("depend", "t2", "--on", "t1")

        instruction.reaches("t2", WAITING)
        instruction.finish("t1")
        instruction.reaches("t2", ANN)
        assert not [path for path in (instruction.path / "requests").glob("[!.]*") if path.is_file()]


def test_a_waiting_task_gets_one_more_to_wait_for(tree: Tree) -> None:
    instruction = mesh(tree, a_task("t1"), a_task("t2"), a_task("t3", "t1"))

    tree.ok("depend", "t3", "--on", "t2")
    done(instruction, "t1")

    instruction.reaches("t3", WAITING)
    done(instruction, "t2")
    instruction.reaches("t3", ANN)


def test_an_edge_to_what_is_verified_already_keeps_nobody_waiting(tree: Tree) -> None:
    instruction = mesh(tree, a_task("t1"), a_task("t2"))
    done(instruction, "t1")

    tree.ok("depend", "t2", "--on", "t1")
    tree.once()

    instruction.reaches("t2", ANN)


def test_an_edge_to_what_has_failed_blocks(tree: Tree) -> None:
    instruction = mesh(tree, a_task("t1"), a_task("t2"))
    tree.ok("cancel", "t1")

    tree.ok("depend", "t2", "--on", "t1")
    tree.once()

    instruction.reaches("t2", BLOCKED)
    assert "t1" in str(instruction.file("t2")["blocked_by"])


def test_an_edge_that_closes_a_cycle_is_refused_and_the_path_is_named(tree: Tree) -> None:
    instruction = mesh(tree, a_task("t1"), a_task("t2", "t1"), a_task("t3", "t2"))

    answer = tree.call("depend", "t1", "--on", "t3")

    assert answer.code == 1, answer
    assert all(task in answer.err for task in ("t1", "t2", "t3"))
    tree.once()
    assert instruction.places("t1") == [ANN]
    assert instruction.events("dependency_added") == []


def test_a_cycle_is_refused_beside_a_daemon_too(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2", "t1"), mode="mesh")
    with tree.daemon():
        instruction.reaches("t1", ANN)

        answer = tree.call("depend", "t1", "--on", "t2")

        assert answer.code == 1, answer
        assert "t2" in answer.err
        instruction.finish("t1")


def test_no_task_waits_for_itself(tree: Tree) -> None:
    instruction = mesh(tree, a_task("t1"))

    assert tree.call("depend", "t1", "--on", "t1").code == 1
    assert instruction.places("t1") == [ANN]


def test_an_edge_to_nobody_is_refused_and_he_is_named(tree: Tree) -> None:
    instruction = mesh(tree, a_task("t1"))

    answer = tree.call("depend", "t1", "--on", "ghost")

    assert answer.code in (1, 3), answer
    assert "ghost" in answer.err
    tree.once()
    assert instruction.places("t1") == [ANN]


def test_what_has_started_gets_no_more_edges(tree: Tree) -> None:
    instruction = mesh(tree, a_task("t1"), a_task("t2"))
    instruction.claim("t2")
    tree.once()

    answer = tree.call("depend", "t2", "--on", "t1")

    assert answer.code == 1, answer
    assert instruction.places("t2") == ["tasks/in_progress"]
    assert instruction.events("dependency_added") == []


@pytest.mark.parametrize("mode", ["sequential", "pipeline", "swarm"])
def test_in_other_modes_no_edge_is_added(tree: Tree, mode: str) -> None:
    instruction = mesh(tree, a_task("t1"), a_task("t2", "t1"), a_task("t3"), mode=mode)

    answer = tree.call("depend", "t2", "--on", "t3")

    assert answer.code in (1, 2), answer
    assert "mesh" in answer.err
    tree.once()
    assert instruction.events("dependency_added") == []


def test_a_cycle_that_is_dropped_in_blocks_just_those_concerned_and_the_planner_is_told_the_path(tree: Tree) -> None:
    instruction = mesh(tree, a_task("t1"))
    instruction.drop("hen", "egg")
    instruction.drop("egg", "nest")
    instruction.drop("nest", "hen")
    instruction.drop("free", "t1")
    tree.once()

    for task in ("hen", "egg", "nest"):
        instruction.reaches(task, BLOCKED)
    instruction.reaches("free", WAITING)
    asked = [one["issue_description"] for one in asked_of_the_planner(instruction)]
    assert any(all(task in text for task in ("hen", "egg", "nest")) for text in asked)
    letters = eventually(lambda: [note for note in tree.inbox("planner") if note["type"] == "escalation"])
    assert "hen" in json.dumps(letters, default=str)
    done(instruction, "t1")
    instruction.reaches("free", ANN)
    instruction.check("t1", "hen", "egg", "nest", "free")


def test_who_waits_for_one_of_a_cycle_is_blocked_with_it(tree: Tree) -> None:
    instruction = mesh(tree, a_task("t1"))
    instruction.drop("hen", "egg")
    instruction.drop("egg", "hen")
    instruction.drop("cook", "egg")
    tree.once()

    instruction.reaches("cook", BLOCKED)
    assert instruction.places("t1") == [ANN]


def test_a_missing_dependency_that_is_dropped_in_blocks_its_task_until_it_appears(tree: Tree) -> None:
    instruction = mesh(tree, a_task("t1"))
    instruction.drop("early", "ghost")
    tree.once()
    instruction.reaches("early", BLOCKED)
    assert instruction.places("t1") == [ANN]
    assert any("ghost" in one["issue_description"] for one in asked_of_the_planner(instruction))

    instruction.drop("ghost")
    tree.once()

    instruction.reaches("early", WAITING)
    done(instruction, "ghost")
    instruction.reaches("early", ANN)
    instruction.check("early", "ghost")


def test_what_was_added_survives_a_daemon_that_is_killed(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2"), mode="mesh")
    with tree.daemon() as daemon:
        instruction.reaches("t2", ANN)
        tree.ok("depend", "t2", "--on", "t1")
        instruction.drop("t3", "t2")
        instruction.drop("hen", "egg")
        instruction.drop("egg", "hen")
        instruction.reaches("t3", WAITING)
        instruction.reaches("hen", BLOCKED)
        instruction.reaches("egg", BLOCKED)
        daemon.kill()
    tree.once()
    before = len(asked_of_the_planner(instruction))

    with tree.daemon():
        instruction.reaches("t2", WAITING)
        for task in ("t1", "t2", "t3"):
            instruction.finish(task)
        assert instruction.places("hen") == [BLOCKED]
        assert instruction.places("egg") == [BLOCKED]
    assert before > 0
    assert len(asked_of_the_planner(instruction)) == before
    assert len(instruction.events("dependency_added")) == 1
    instruction.check("t1", "t2", "t3", "hen", "egg")
