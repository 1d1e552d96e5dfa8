"""A person with `mv` is a legitimate writer, and cannot break the table."""

from tests.support.tree import Instruction, Tree, a_task, as_yaml, eventually, met, publish

WAITING = "queues/waiting_on_dependencies"


def mv(instruction: Instruction, task: str, origin: str, target: str) -> None:
    (instruction.path / target).mkdir(parents=True, exist_ok=True)
    (instruction.path / origin / f"{task}.yaml").rename(instruction.path / target / f"{task}.yaml")


def undone(instruction: Instruction, task: str, origin: str, target: str) -> None:
    """The move is taken back: one finding, and no `moved` line that speaks of it."""
    instruction.tells("finding", task)
    instruction.reaches(task, origin)
    assert len(instruction.events("finding", task)) == 1
    assert target not in [to for _from, to in instruction.moves(task)]
    instruction.check(task)


def test_a_task_that_its_agent_calls_completed_goes_back_and_releases_nobody(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2", "t1"))
    with tree.daemon():
        instruction.claim("t1")
        instruction.tells("moved", "tasks/in_progress")
        mv(instruction, "t1", "tasks/in_progress", "tasks/completed")

        undone(instruction, "t1", "tasks/in_progress", "tasks/completed")
        assert instruction.places("t2") == [WAITING]
        instruction.hand_in("t1")
        instruction.reaches("t2", "queues/agents/ann")


def test_a_task_moved_to_completed_with_bad_work_goes_back(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1", acceptance_criteria=["It works"]), a_task("t2", "t1"))
    with tree.daemon() as first:
        instruction.claim("t1")
        instruction.tells("moved", "tasks/in_progress")
        first.kill()
    instruction.hand_in("t1")
    mv(instruction, "t1", "tasks/in_progress", "tasks/completed")

    with tree.daemon():
        instruction.reaches("t1", "tasks/in_progress")
        assert instruction.places("t2") == [WAITING]
        assert instruction.events("accepted") == []


def test_a_task_moved_to_completed_with_good_work_is_judged_there_and_stays(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2", "t1"))
    with tree.daemon() as first:
        instruction.claim("t1")
        instruction.tells("moved", "tasks/in_progress")
        first.kill()
    instruction.hand_in("t1")
    mv(instruction, "t1", "tasks/in_progress", "tasks/completed")

    with tree.daemon():
        instruction.reaches("t2", "queues/agents/ann")
        assert instruction.places("t1") == ["tasks/completed"]
        assert len(instruction.events("accepted", "t1")) == 1


def test_a_task_put_into_a_queue_before_its_time_goes_back_and_releases_nothing(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2", "t1"), a_task("t3", "t2"))
    with tree.daemon():
        instruction.reaches("t2", WAITING)
        mv(instruction, "t2", WAITING, "queues/agents/ann")

        undone(instruction, "t2", WAITING, "queues/agents/ann")
        assert instruction.places("t3") == [WAITING]


def test_a_task_claimed_before_its_time_goes_back(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2", "t1"))
    with tree.daemon():
        instruction.reaches("t2", WAITING)
        mv(instruction, "t2", WAITING, "tasks/in_progress")

        undone(instruction, "t2", WAITING, "tasks/in_progress")


def test_a_task_thrown_among_the_failed_goes_back_and_blocks_nobody(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2", "t1"))
    with tree.daemon():
        instruction.reaches("t1", "queues/agents/ann")
        mv(instruction, "t1", "queues/agents/ann", "tasks/failed")

        undone(instruction, "t1", "queues/agents/ann", "tasks/failed")
        assert instruction.places("t2") == [WAITING]


def test_a_task_put_straight_into_another_agents_queue_goes_back(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2", assigned_agent="bob"))
    with tree.daemon():
        instruction.reaches("t1", "queues/agents/ann")
        instruction.reaches("t2", "queues/agents/bob")
        mv(instruction, "t1", "queues/agents/ann", "queues/agents/bob")

        undone(instruction, "t1", "queues/agents/ann", "queues/agents/bob")


def test_a_completed_task_dragged_back_to_work_goes_back(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2", "t1"))
    with tree.daemon():
        instruction.finish("t1")
        instruction.reaches("t2", "queues/agents/ann")
        claims = instruction.moves("t1")
        mv(instruction, "t1", "tasks/completed", "queues/global")

        instruction.tells("finding", "t1")
        instruction.reaches("t1", "tasks/completed")
        assert instruction.moves("t1") == claims
        assert instruction.places("t2") == ["queues/agents/ann"]


def test_a_move_that_the_table_allows_is_journalled_without_an_agent(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.reaches("t1", "queues/agents/ann")
        mv(instruction, "t1", "queues/agents/ann", "queues/domains/software")

        wanted = ("queues/agents/ann", "queues/domains/software")
        eventually(lambda: wanted in instruction.moves("t1"), saying=instruction.tail)

    (line,) = [line for line in instruction.events("moved", "t1") if (line["from"], line["to"]) == wanted]
    assert line["agent"] is None


def test_a_copy_among_the_completed_releases_nobody_and_is_kept_in_quarantine(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2", "t1"))
    with tree.daemon():
        instruction.claim("t1")
        instruction.tells("moved", "tasks/in_progress")
        held = instruction.path / "tasks" / "in_progress" / "t1.yaml"
        publish(instruction.path / "tasks" / "completed" / "t1.yaml", held.read_bytes())

        instruction.reaches("t1", "tasks/in_progress")
        eventually(lambda: held.read_bytes() in instruction.quarantined(), saying=instruction.tail)
        assert instruction.places("t2") == [WAITING]


def test_criteria_struck_out_of_the_task_file_still_hold(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1", acceptance_criteria=["It works"]), a_task("t2", "t1"))
    with tree.daemon():
        instruction.claim("t1")
        publish(instruction.path / "tasks" / "in_progress" / "t1.yaml", as_yaml(a_task("t1")))
        instruction.tells("finding", "t1")
        instruction.hand_in("t1")

        instruction.tells("rejected", "criterion_missing")
        assert instruction.places("t2") == [WAITING]
        instruction.hand_in("t1", acceptance_criteria_met=met("It works"))
        instruction.reaches("t2", "queues/agents/ann")


def test_dependencies_struck_out_of_the_task_file_still_hold(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2", "t1"), a_task("t3"))
    with tree.daemon():
        instruction.reaches("t2", WAITING)
        publish(instruction.path / WAITING / "t2.yaml", as_yaml(a_task("t2")))

        instruction.tells("finding", "t2")
        instruction.finish("t3")
        assert instruction.places("t2") == [WAITING]


def test_a_deleted_task_is_missed_and_rescued(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2", "t1"))
    with tree.daemon():
        instruction.reaches("t1", "queues/agents/ann")
        (instruction.path / "queues" / "agents" / "ann" / "t1.yaml").unlink()
        instruction.tells("alert", "task_missing")
        assert instruction.places("t1") == []
        assert instruction.places("t2") == [WAITING]

        tree.ok("rescue", "inst_1")
        instruction.finish("t1")
        instruction.reaches("t2", "queues/agents/ann")
