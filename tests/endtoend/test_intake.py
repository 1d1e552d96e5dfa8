"""How plans and tasks that appear in the tree are taken in, once each."""

import time

from tests.support.tree import MARK, Tree, a_task, as_yaml, eventually, load, publish

STATES = ("pending", "in_progress", "under_review", "blocked", "completed", "failed", "cancelled")


def test_a_plan_written_by_hand_is_taken_in(tree: Tree) -> None:
    with tree.daemon():
        instruction = tree.plan(a_task("first"), a_task("second", "first"), a_task("third", assigned_agent="bob"))

        instruction.reaches("first", "queues/agents/ann")
        instruction.reaches("second", "queues/waiting_on_dependencies")
        instruction.reaches("third", "queues/agents/bob")
        instruction.check("first", "second", "third")


def test_a_plan_written_in_place_without_an_end_mark_is_taken_in(tree: Tree) -> None:
    with tree.daemon():
        plan = tree.root / "inst_1" / "workflow" / "plan.yaml"
        plan.parent.mkdir(parents=True)
        plan.write_text(as_yaml({"description": "By hand", "mode": "swarm", "tasks": [a_task("t1")]}))

        queue = tree.root / "inst_1" / "queues" / "agents" / "ann"
        eventually((queue / "t1.yaml").is_file)


def test_every_state_directory_exists_before_the_first_task_does(tree: Tree) -> None:
    instruction = tree.plan(a_task("first"), a_task("later", "first", assigned_agent="bob", domain="legal"))
    queues = ("global", "domains/software", "domains/legal", "agents/ann", "agents/bob")
    wanted = [*(f"tasks/{state}" for state in STATES), *(f"queues/{queue}" for queue in queues)]
    wanted += ["queues/waiting_on_dependencies", "queues/retry"]
    with tree.daemon():
        eventually(lambda: instruction.places("first"))
        missing = [name for name in wanted if not (instruction.path / name).is_dir()]

    assert missing == []


def test_the_journal_tells_the_intake(tree: Tree) -> None:
    instruction = tree.plan(a_task("first"), a_task("second", "first"))
    tree.once()

    taken = [line["task_id"] for line in instruction.events("taken_in") if line["task_id"]]
    assert sorted(taken) == ["first", "second"]
    assert len(instruction.events("intake_done")) == 1
    assert instruction.moves("second") == [(None, "queues/waiting_on_dependencies")]
    instruction.check("first", "second")


def test_the_long_form_of_dependencies_waits_as_well(tree: Tree) -> None:
    needs = {"hard_dependencies": [{"task_id": "first", "reason": "schema"}]}
    instruction = tree.plan(a_task("first"), a_task("second", dependencies=needs))
    with tree.daemon():
        instruction.reaches("second", "queues/waiting_on_dependencies")
        instruction.finish("first")

        instruction.reaches("second", "queues/agents/ann")


def test_a_task_dropped_into_pending_joins_the_others(tree: Tree) -> None:
    instruction = tree.plan(a_task("first"))
    with tree.daemon():
        instruction.reaches("first", "queues/agents/ann")
        instruction.drop("second", "first")
        instruction.drop("third")

        instruction.reaches("third", "queues/agents/ann")
        instruction.reaches("second", "queues/waiting_on_dependencies")
        instruction.finish("first")
        instruction.reaches("second", "queues/agents/ann")
        instruction.check("first", "second", "third")


def test_the_definition_of_a_dropped_task_is_kept_in_workflow(tree: Tree) -> None:
    instruction = tree.plan(a_task("first"))
    with tree.daemon():
        instruction.reaches("first", "queues/agents/ann")
        instruction.drop("second", description="Came later")
        instruction.reaches("second", "queues/agents/ann")

    assert load(instruction.path / "workflow" / "tasks" / "second.yaml")["description"] == "Came later"


def test_a_dropped_task_that_depends_on_finished_work_starts_at_once(tree: Tree) -> None:
    instruction = tree.plan(a_task("first"), a_task("other"))
    with tree.daemon():
        instruction.finish("first")
        instruction.drop("second", "first")

        instruction.reaches("second", "queues/agents/ann")


def test_a_dropped_task_with_a_missing_dependency_is_blocked_until_it_appears(tree: Tree) -> None:
    instruction = tree.plan(a_task("first"))
    with tree.daemon():
        instruction.reaches("first", "queues/agents/ann")
        instruction.drop("early", "late")
        instruction.reaches("early", "tasks/blocked")
        assert instruction.places("first") == ["queues/agents/ann"]

        instruction.drop("late")
        instruction.reaches("early", "queues/waiting_on_dependencies")
        instruction.finish("late")
        instruction.reaches("early", "queues/agents/ann")
        instruction.check("early", "late", "first")


def test_dropped_tasks_that_wait_for_each_other_are_blocked_and_nobody_else(tree: Tree) -> None:
    instruction = tree.plan(a_task("first"))
    with tree.daemon():
        instruction.reaches("first", "queues/agents/ann")
        instruction.drop("hen", "egg")
        instruction.drop("egg", "hen")

        instruction.reaches("hen", "tasks/blocked")
        instruction.reaches("egg", "tasks/blocked")
        instruction.finish("first")


def test_a_second_file_of_a_known_task_is_quarantined_with_its_bytes(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.reaches("t1", "queues/agents/ann")
        instruction.drop("t1", description="An impostor")
        impostor = as_yaml(a_task("t1", description="An impostor")).encode()

        eventually(lambda: impostor in instruction.quarantined(), saying=instruction.tail)
        instruction.reaches("t1", "queues/agents/ann")
        assert instruction.file("t1")["description"] == "Do t1"
        assert len(instruction.events("taken_in", "t1")) == 1


def test_a_change_of_the_plan_afterwards_is_a_finding_and_changes_nothing(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.reaches("t1", "queues/agents/ann")
        tree.plan(a_task("t1"), a_task("t2"))

        instruction.tells("finding", "plan")
        instruction.finish("t1")
        assert instruction.places("t2") == []


def test_a_wrong_plan_is_answered_and_taken_in_once_it_is_repaired(tree: Tree) -> None:
    plan = tree.root / "inst_bad" / "workflow" / "plan.yaml"
    with tree.daemon():
        publish(plan, "description: twice\ndescription: twice\ntasks: []\n" + MARK)
        eventually(lambda: tree.inbox("planner"), saying=lambda: "nothing in the inbox of planner")
        instruction = tree.plan(a_task("t1"), name="inst_bad")

        instruction.finish("t1")


def test_a_plan_with_a_cycle_written_by_hand_starts_nobody_in_the_cycle(tree: Tree) -> None:
    bad = tree.plan(a_task("hen", "egg"), a_task("egg", "hen"), name="inst_bad")
    with tree.daemon():
        eventually(lambda: tree.inbox("planner"), saying=lambda: "nothing in the inbox of planner")
        good = tree.plan(a_task("t1"), name="inst_good")
        good.finish("t1")

        for task in ("hen", "egg"):
            assert not any(place.startswith(("queues/agents", "tasks/in_progress")) for place in bad.places(task))


def test_two_instructions_may_use_the_same_task_ids(tree: Tree) -> None:
    one, two = (tree.plan(a_task("t1"), a_task("t2", "t1"), name=name) for name in ("inst_one", "inst_two"))
    with tree.daemon():
        one.finish("t1")

        one.reaches("t2", "queues/agents/ann")
        two.reaches("t1", "queues/agents/ann")
        two.reaches("t2", "queues/waiting_on_dependencies")


def test_a_daemon_killed_during_intake_takes_each_task_in_once(tree: Tree) -> None:
    names = [f"t{number:02}" for number in range(40)]
    instruction = tree.plan(*(a_task(name, assigned_agent=f"agent-{name}") for name in names))
    running = tree.start("watch")
    deadline = time.monotonic() + 20
    while not instruction.journal() and time.monotonic() < deadline:
        pass  # a pause here would let the daemon finish before it is killed
    running.kill()

    with tree.daemon():
        for name in names:
            instruction.reaches(name, f"queues/agents/agent-{name}")

    taken = [line["task_id"] for line in instruction.events("taken_in") if line["task_id"]]
    assert sorted(taken) == names
    instruction.check(*names)
