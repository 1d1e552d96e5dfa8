"""What is rejected can be mended, in the same attempt, and not for ever."""

from tests.support.tree import Tree, a_task, entry, eventually, load, met

ONE_CHANCE = {"quality_gates": {"rework_protocol": {"max_iterations": 1}}}
NEVER = {"retry_logic": {"backoff_strategy": {"base_delay": "30 minutes", "jitter": False}}}


def test_rejected_work_is_mended_in_the_same_attempt_and_accepted(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1", acceptance_criteria=["It works"]), a_task("t2", "t1"))
    with tree.daemon():
        instruction.claim("t1")
        instruction.hand_in("t1")
        instruction.tells("rejected", "t1")
        instruction.reaches("t1", "tasks/in_progress")
        assert instruction.places("t2") == ["queues/waiting_on_dependencies"]

        instruction.hand_in("t1", acceptance_criteria_met=met("It works"))
        instruction.reaches("t1", "tasks/completed")
        instruction.reaches("t2", "queues/agents/ann")
        instruction.check("t1", "t2")

    assert [line["attempt"] for line in instruction.events("accepted", "t1")] == [1]
    assert instruction.file("t1").get("attempt", 1) == 1


def test_an_artifact_that_is_put_right_is_judged_again_under_the_same_manifest(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.claim("t1")
        instruction.hand_in("t1", artifacts=[entry("late.txt", b"late\n")])
        instruction.tells("rejected", "late.txt")

        instruction.artifact("t1", "late.txt", b"late\n")
        instruction.reaches("t1", "tasks/completed")


def test_the_same_manifest_is_rejected_once(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1", acceptance_criteria=["It works"]), a_task("t2"), a_task("t3"))
    with tree.daemon():
        instruction.claim("t1")
        instruction.hand_in("t1")
        instruction.tells("rejected", "t1")
        instruction.finish("t2")
        instruction.finish("t3")

        assert len(instruction.events("rejected", "t1")) == 1
        assert len([note for note in tree.inbox("ann") if note["type"] == "rework"]) == 1


def test_rework_is_not_for_ever(tree: Tree) -> None:
    tree.configure("subagent_coordination_protocol.yaml", ONE_CHANCE)
    tree.configure("task_queue_manager.yaml", NEVER)
    instruction = tree.plan(a_task("t1", acceptance_criteria=["It works"]))
    with tree.daemon():
        instruction.claim("t1")
        instruction.hand_in("t1", subagent_notes="first")
        instruction.tells("rejected", "t1")
        instruction.reaches("t1", "tasks/in_progress")

        instruction.hand_in("t1", subagent_notes="second")
        instruction.reaches("t1", "queues/retry")
        instruction.check("t1")


def test_work_with_a_check_is_reviewed_on_its_way(tree: Tree) -> None:
    check = {"criterion": "It is there", "check": "test -e it.txt"}
    instruction = tree.plan(a_task("t1", acceptance_criteria=[check]))
    with tree.daemon():
        instruction.claim("t1")
        instruction.hand_in("t1")
        instruction.tells("rejected", "check_failed")
        instruction.reaches("t1", "tasks/in_progress")
        (tree.workspace / "it.txt").write_text("it\n")
        instruction.hand_in("t1", subagent_notes="now it is there")
        instruction.reaches("t1", "tasks/completed")

    places = [to for _from, to in instruction.moves("t1")]
    there_and_back = ["tasks/in_progress", "tasks/under_review", "tasks/in_progress"]
    assert places[-5:] == [*there_and_back, "tasks/under_review", "tasks/completed"]


def test_an_acceptance_in_the_journal_carries_the_manifest(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.claim("t1")
        instruction.hand_in("t1", subagent_notes="remember the milk")
        instruction.reaches("t1", "tasks/completed")

    assert instruction.events("accepted", str(entry("result.txt", b"done\n")["checksum"]))
    assert instruction.events("accepted", "remember the milk")


def test_a_verdict_stands_beside_the_manifest_after_acceptance_too(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.finish("t1")

        eventually((instruction.output("t1") / "verification.yaml").exists, saying=instruction.tail)
        assert load(instruction.output("t1") / "verification.yaml")


def test_nobody_hands_in_for_another(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2", "t1"), a_task("t3"))
    with tree.daemon():
        instruction.claim("t1")
        instruction.hand_in("t1", "mallory")
        instruction.finish("t3")
        assert instruction.places("t1") == ["tasks/in_progress"]
        assert instruction.places("t2") == ["queues/waiting_on_dependencies"]

        instruction.hand_in("t1")
        instruction.reaches("t2", "queues/agents/ann")
