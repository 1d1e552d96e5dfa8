"""Steering beyond cancelling: hold it, let it go on, give it to somebody else, take it up again, and say something."""

import pytest

from tests.support.tree import Document, Instruction, Tree, a_task, eventually, load

AGAIN_SOON = {"retry_logic": {"backoff_strategy": {"base_delay": "1 second", "jitter": False}}}
ANN, BOB = "queues/agents/ann", "queues/agents/bob"
GLOBAL, DOMAIN, WAITING = "queues/global", "queues/domains/software", "queues/waiting_on_dependencies"
WORK = "tasks/in_progress"


def status_of(tree: Tree, name: str = "inst_1") -> Document:
    (found,) = [one for one in tree.data("status")["instructions"] if one["instruction_id"] == name]
    return dict(found)


def is_put_back(instruction: Instruction, task: str, agent: str = "ann") -> None:
    back = (WORK, f"queues/agents/{agent}")
    eventually(lambda: back in instruction.moves(task), saying=instruction.tail)
    instruction.reaches(task, back[1])


def fails(instruction: Instruction, task: str, attempt: int = 1) -> None:
    """Claimed and given up, once and for all."""
    instruction.claim(task)
    instruction.hand_in(task, status="failed", artifacts=[], attempt=attempt)
    instruction.reaches(task, "tasks/failed")


def test_a_paused_instruction_releases_nothing_and_what_is_in_progress_goes_on(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2", "t1"))
    with tree.daemon():
        instruction.claim("t1")
        tree.ok("pause", "inst_1")
        instruction.hand_in("t1")
        instruction.reaches("t1", "tasks/completed")
        instruction.reaches("t2", GLOBAL)
        assert status_of(tree)["paused"] is True

        tree.ok("resume", "inst_1")
        assert status_of(tree)["paused"] is False
        instruction.finish("t2")
        instruction.check("t1", "t2")

    assert len(instruction.events("paused")) == 1
    assert len(instruction.events("resumed")) == 1


def test_pausing_one_instruction_does_not_touch_another(tree: Tree) -> None:
    held = tree.plan(a_task("t1"), a_task("t2", "t1"), name="inst_held")
    free = tree.plan(a_task("t1"), a_task("t2", "t1"), name="inst_free")
    with tree.daemon():
        held.claim("t1")
        tree.ok("pause", "inst_held")
        held.hand_in("t1")
        held.reaches("t2", GLOBAL)
        free.finish("t1")
        free.finish("t2")
        assert held.places("t2") == [GLOBAL]
        assert (status_of(tree, "inst_held")["paused"], status_of(tree, "inst_free")["paused"]) == (True, False)


def test_a_claim_in_a_paused_instruction_is_put_back_and_answered(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2"))
    with tree.daemon():
        instruction.reaches("t1", ANN)
        tree.ok("pause", "inst_1")
        instruction.claim("t1")
        is_put_back(instruction, "t1")
        eventually(lambda: [note for note in tree.inbox("ann") if note["task_id"] == "t1"], saying=instruction.tail)
        assert tree.call("claim", "ann").code == 3

        tree.ok("resume", "inst_1")
        instruction.finish("t1")
        assert instruction.events("accepted", "t1")[0]["attempt"] == 1
        instruction.check("t1", "t2")


def test_what_is_dropped_into_a_paused_instruction_waits_as_well(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.reaches("t1", ANN)
        tree.ok("pause", "inst_1")
        instruction.drop("t2")
        instruction.reaches("t2", GLOBAL)
        tree.ok("resume", "inst_1")
        instruction.reaches("t2", ANN)


def test_a_pause_without_a_daemon_holds_and_survives_a_restart(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2", "t1"), a_task("other"))
    tree.once()
    instruction.claim("t1")
    tree.once()
    tree.ok("pause", "inst_1")
    assert status_of(tree)["paused"] is True

    for _ in range(2):
        with tree.daemon():
            if instruction.places("t1") == [WORK]:
                instruction.hand_in("t1")
            instruction.reaches("t1", "tasks/completed")
            instruction.reaches("t2", GLOBAL)
            instruction.claim("other")
            instruction.reaches("other", ANN)
            assert status_of(tree)["paused"] is True
    tree.ok("resume", "inst_1")
    assert status_of(tree)["paused"] is False
    with tree.daemon():
        instruction.reaches("t2", ANN)
        instruction.check("t1", "t2", "other")


def test_a_paused_task_is_not_released_and_the_others_are(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("held", "t1"), a_task("free", "t1"))
    with tree.daemon():
        instruction.reaches("t1", ANN)
        tree.ok("pause", "held")
        instruction.finish("t1")
        instruction.finish("free")
        instruction.reaches("held", GLOBAL)
        assert status_of(tree)["paused"] is False

        tree.ok("resume", "held")
        instruction.finish("held")
        instruction.check("t1", "held", "free")

    assert [line["task_id"] for line in instruction.events("paused")] == ["held"]
    assert [line["task_id"] for line in instruction.events("resumed")] == ["held"]


@pytest.mark.parametrize("watched", [True, False], ids=["daemon", "no daemon"])
def test_a_paused_task_leaves_the_queue_of_its_agent(tree: Tree, watched: bool) -> None:
    instruction = tree.plan(a_task("held"), a_task("free"))
    if watched:
        with tree.daemon():
            instruction.reaches("held", ANN)
            tree.ok("pause", "held")
            assert instruction.places("held") == [DOMAIN]
    else:
        tree.once()
        tree.ok("pause", "held")
    with tree.daemon():
        instruction.finish("free")
        assert instruction.places("held") == [DOMAIN]
        tree.ok("resume", "held")
        instruction.reaches("held", ANN)
        instruction.check("held", "free")


def test_a_paused_task_that_is_in_progress_goes_on(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.claim("t1")
        instruction.tells("moved", WORK)
        tree.ok("pause", "t1")
        instruction.hand_in("t1")
        instruction.reaches("t1", "tasks/completed")


@pytest.mark.parametrize("watched", [True, False], ids=["daemon", "no daemon"])
def test_a_queued_task_goes_to_the_other_agent_through_its_domain(tree: Tree, watched: bool) -> None:
    instruction = tree.plan(a_task("t1"))
    tree.once()
    if not watched:
        tree.ok("reassign", "t1", "--to", "bob")
    with tree.daemon():
        if watched:
            tree.ok("reassign", "t1", "--to", "bob")
        instruction.reaches("t1", BOB)
        (line,) = instruction.tells("reassigned", "t1")
        assert line["agent"] == "bob"
        instruction.finish("t1", "bob")
        instruction.check("t1")

    assert (ANN, DOMAIN) in instruction.moves("t1")
    assert [one["attempt"] for one in instruction.events("accepted")] == [1]


def test_a_waiting_task_goes_to_the_other_agent_when_its_time_comes(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2", "t1"))
    with tree.daemon():
        instruction.reaches("t2", WAITING)
        tree.ok("reassign", "t2", "--to", "bob")
        instruction.finish("t1")
        instruction.finish("t2", "bob")

    assert not any(ANN in move for move in instruction.moves("t2"))


def test_a_task_in_progress_is_taken_away_and_costs_no_retry(tree: Tree) -> None:
    tree.configure("task_queue_manager.yaml", AGAIN_SOON)
    instruction = tree.plan(a_task("t1", max_retries=0), a_task("t2", "t1"))
    with tree.daemon():
        instruction.claim("t1")
        instruction.tells("moved", WORK)
        tree.ok("reassign", "t1", "--to", "bob")
        instruction.reaches("t1", BOB)
        assert instruction.file("t1")["attempt"] == 2
        assert (WORK, "queues/retry") in instruction.moves("t1")

        instruction.claim("t1", "bob")
        old = instruction.hand_in("t1", "ann").read_bytes()
        eventually(lambda: old in instruction.quarantined(), saying=instruction.tail)
        assert instruction.places("t2") == [WAITING]
        instruction.hand_in("t1", "bob", attempt=2)
        instruction.reaches("t2", ANN)
        instruction.check("t1", "t2")


def test_what_has_ended_is_not_reassigned(tree: Tree) -> None:
    instruction = tree.plan(a_task("done"), a_task("off"), a_task("lost", max_retries=0))
    with tree.daemon():
        instruction.finish("done")
        tree.ok("cancel", "off")
        fails(instruction, "lost")
        for task in ("done", "off", "lost"):
            assert tree.call("reassign", task, "--to", "bob").code == 1, task
    for task, place in (("done", "completed"), ("off", "cancelled"), ("lost", "failed")):
        assert tree.call("reassign", task, "--to", "bob").code == 1, task
        assert instruction.places(task) == [f"tasks/{place}"]


def test_a_request_for_nobody_exits_3_and_a_wrong_one_2(tree: Tree) -> None:
    tree.plan(a_task("t1"))
    tree.once()

    for line in (["pause"], ["resume"], ["reassign", "--to", "bob"]):
        assert tree.call(line[0], "nobody-knows-this", *line[1:]).code == 3, line
    assert tree.call("reassign", "t1").code == 2
    assert tree.call("reassign", "t1", "--to", "../bob").code in (2, 4)


@pytest.mark.parametrize("watched", [True, False], ids=["daemon", "no daemon"])
def test_cancel_with_skip_of_work_in_progress_lets_the_dependents_go_on(tree: Tree, watched: bool) -> None:
    instruction = tree.plan(a_task("base"), a_task("next", "base"))
    tree.once()
    instruction.claim("base")
    if not watched:
        tree.once()
        tree.ok("cancel", "base", "--skip", "--reason", "no longer wanted")
    with tree.daemon():
        if watched:
            instruction.tells("moved", WORK)
            tree.ok("cancel", "base", "--skip", "--reason", "no longer wanted")
        assert instruction.places("base") == ["tasks/cancelled"]
        instruction.finish("next")
        instruction.check("base", "next")

    assert "no longer wanted" in str(instruction.events("moved", "tasks/cancelled"))


def test_a_cancelled_task_is_taken_up_again(tree: Tree) -> None:
    instruction = tree.plan(a_task("base"), a_task("next", "base"))
    with tree.daemon():
        instruction.reaches("base", ANN)
        tree.ok("cancel", "base")
        instruction.reaches("next", "tasks/blocked")
        tree.ok("retry", "base")
        instruction.finish("base", attempt=2)
        instruction.finish("next")
        assert tree.call("retry", "base").code == 1


def test_rescue_without_a_daemon_takes_up_all_that_is_lost(tree: Tree) -> None:
    instruction = tree.plan(a_task("base", max_retries=0), a_task("next", "base"), a_task("off"))
    with tree.daemon():
        fails(instruction, "base")
        tree.ok("cancel", "off")
        instruction.reaches("next", "tasks/blocked")

    tree.ok("rescue", "inst_1")
    tree.once()

    assert instruction.places("base") == [ANN]
    assert instruction.places("off") == [ANN]
    assert instruction.places("next") == [WAITING]
    with tree.daemon():  # one attempt at least, and not a whole budget
        fails(instruction, "base", attempt=2)


def test_send_puts_a_message_into_the_inbox(tree: Tree) -> None:
    tree.plan(a_task("t1"))
    tree.once()

    data = tree.ok("send", "bob", "Mind the schema", "--json", env={"CAGENTS_AGENT": "ann"}).data

    (letter,) = tree.inbox("bob")
    assert load(tree.root / "_communication" / "inbox" / "bob" / data["path"].rpartition("/")[2]) == letter
    assert (letter["type"], letter["to"], letter["from"]) == ("peer", "bob", "ann")
    assert letter["message_id"] == data["message_id"]
    assert "Mind the schema" in letter["text"]
    assert "Mind the schema" in tree.ok("inbox", "bob").out
