"""Who cannot go on asks; whoever is asked decides; and the decision is carried out, once."""

import pytest

from tests.support.tree import Document, Instruction, Tree, a_task, as_yaml, entry, eventually, publish

AGAIN_SOON = {"retry_logic": {"backoff_strategy": {"base_delay": "1 second", "jitter": False}}}
TWO_ANNS = {"default": "shell", "agents": {"ann": {"command": ["true"], "slots": 5, "instances": 2}}}
WAITING = "queues/waiting_on_dependencies"
ANN = "queues/agents/ann"
WORK = "tasks/in_progress"
BLOCKED = "tasks/blocked"

by_command_and_by_file = pytest.mark.parametrize("how", ["command", "file"])


def cries(instruction: Instruction, task: str, escalation: str = "esc_1", **changed: object) -> None:
    """Ann writes that she cannot go on, and asks lead."""
    said: Document = {"escalation_id": escalation, "from_agent": "ann", "to_agent": "lead", "task_id": task}
    said |= {"timestamp": "2026-01-10T12:00:00Z", "severity": "blocker", "issue_description": "There is no schema"}
    said |= {"impact": ["I cannot go on"], "options_considered": [], "requested_decision": "Which schema?"}
    publish(instruction.path / "escalations" / f"{escalation}.yaml", as_yaml(said | changed))


def answer_as_editors_do(instruction: Instruction, action: str, escalation: str = "esc_1", **more: object) -> None:
    """In place, without an end mark, as an editor saves."""
    said: Document = {"escalation_id": escalation, "from": "lead", "timestamp": "2026-01-10T12:01:00Z"}
    said |= {"decision": "Take the one of last year", "action": action} | more
    (instruction.path / "escalations" / f"{escalation}.response.yaml").write_text(as_yaml(said))


def decide(how: str, instruction: Instruction, action: str, escalation: str = "esc_1", **more: str) -> None:
    if how == "file":
        answer_as_editors_do(instruction, action, escalation, **more)
    else:
        said = ["--decision", "Take the one of last year", *(f"--{name}={value}" for name, value in more.items())]
        instruction.tree.ok("answer", f"{instruction.name}/{escalation}", "--action", action, *said)


def is_stuck(instruction: Instruction, task: str = "t1") -> None:
    """Ann has claimed it, and her blocker has been seen."""
    instruction.claim(task)
    cries(instruction, task)
    instruction.reaches(task, BLOCKED)


def gives_up(instruction: Instruction, task: str, attempt: int = 1) -> None:
    instruction.claim(task)
    instruction.hand_in(task, status="failed", artifacts=[], attempt=attempt)


def letters(tree: Tree, agent: str, kind: str) -> list[Document]:
    """The messages of one kind come to be there."""
    return eventually(lambda: [one for one in tree.inbox(agent) if one["type"] == kind])


def test_a_blocker_blocks_its_task_and_is_told_to_its_addressee(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2", "t1"))
    with tree.daemon():
        is_stuck(instruction)
        eventually(lambda: "esc_1" in str(instruction.file("t1").get("blocked_by")), saying=instruction.tail)

        (line,) = instruction.tells("escalated", "esc_1")
        (letter,) = letters(tree, "lead", "escalation")
        assert instruction.places("t2") == [WAITING]
        instruction.check("t1", "t2")

    assert (line["escalation_id"], line["severity"], line["to"]) == ("esc_1", "blocker", "lead")
    assert line["task_id"] == "t1"
    assert (letter["task_id"], letter["instruction_id"]) == ("t1", "inst_1")
    (moved,) = [one for one in instruction.events("moved") if one["to"] == BLOCKED]
    assert (moved["from"], moved["escalation"]) == (WORK, "esc_1")


@pytest.mark.parametrize("severity", ["high", "medium", "low"])
def test_any_other_severity_is_told_and_the_work_goes_on(tree: Tree, severity: str) -> None:
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.claim("t1")
        instruction.tells("moved", WORK)
        cries(instruction, "t1", severity=severity)
        instruction.tells("escalated", "esc_1")
        letters(tree, "lead", "escalation")
        instruction.hand_in("t1")
        instruction.reaches("t1", "tasks/completed")

    assert BLOCKED not in [to for _from, to in instruction.moves("t1")]


def test_an_escalation_to_nobody_goes_to_the_planner(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.claim("t1")
        cries(instruction, "t1", to_agent=None)

        assert instruction.tells("escalated", "esc_1")[0]["to"] == "planner"
        letters(tree, "planner", "escalation")


def test_a_wrong_escalation_is_answered_and_blocks_nobody(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.claim("t1")
        cries(instruction, "t1", severity="unbearable")

        letters(tree, "ann", "error")
        assert instruction.places("t1") == [WORK]
        assert instruction.events("escalated") == []


@by_command_and_by_file
def test_resume_puts_it_back_to_work_in_the_same_attempt(tree: Tree, how: str) -> None:
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        is_stuck(instruction)
        decide(how, instruction, "resume")
        instruction.reaches("t1", WORK)

        (letter,) = letters(tree, "ann", "decision")
        assert "Take the one of last year" in letter["text"]
        (line,) = instruction.tells("escalation_answered", "esc_1")
        assert line["action"] == "resume"
        assert line["from"]
        assert instruction.file("t1").get("attempt", 1) == 1
        instruction.hand_in("t1")
        instruction.reaches("t1", "tasks/completed")
        instruction.check("t1")


@by_command_and_by_file
def test_retry_is_another_attempt_that_costs_nothing(tree: Tree, how: str) -> None:
    tree.configure("task_queue_manager.yaml", AGAIN_SOON)
    instruction = tree.plan(a_task("t1", max_retries=1))
    with tree.daemon():
        is_stuck(instruction)
        decide(how, instruction, "retry")
        instruction.reaches("t1", ANN)
        assert instruction.file("t1")["attempt"] == 2

        gives_up(instruction, "t1", attempt=2)
        instruction.reaches("t1", ANN)
        assert instruction.file("t1")["attempt"] == 3

    assert (BLOCKED, "queues/retry") in instruction.moves("t1")


@by_command_and_by_file
def test_reassign_gives_it_to_the_agent_that_is_named(tree: Tree, how: str) -> None:
    tree.configure("task_queue_manager.yaml", AGAIN_SOON)
    instruction = tree.plan(a_task("t1", max_retries=0))
    with tree.daemon():
        is_stuck(instruction)
        decide(how, instruction, "reassign", agent="bob")
        instruction.reaches("t1", "queues/agents/bob")

        assert instruction.file("t1")["attempt"] == 2
        instruction.finish("t1", "bob", attempt=2)
        instruction.check("t1")


@by_command_and_by_file
def test_reassign_without_a_name_goes_to_another_instance_of_the_type(tree: Tree, how: str) -> None:
    tree.configure("task_queue_manager.yaml", AGAIN_SOON)
    tree.configure("agents.yaml", TWO_ANNS)
    instruction = tree.plan(a_task("t1"))
    queues = {ANN, f"{ANN}-2"}
    with tree.daemon():
        (first,) = eventually(lambda: queues & set(instruction.places("t1")), saying=instruction.tail)
        holder = first.rpartition("/")[2]
        instruction.claim("t1", holder)
        cries(instruction, "t1", from_agent=holder)
        instruction.reaches("t1", BLOCKED)
        decide(how, instruction, "reassign")
        (other,) = queues - {first}
        instruction.reaches("t1", other)


@by_command_and_by_file
def test_cancel_ends_it_and_blocks_who_waits_for_it(tree: Tree, how: str) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2", "t1"))
    with tree.daemon():
        is_stuck(instruction)
        decide(how, instruction, "cancel")
        instruction.reaches("t1", "tasks/cancelled")
        instruction.reaches("t2", BLOCKED)
        instruction.check("t1", "t2")


@by_command_and_by_file
def test_skip_dependency_of_a_failed_task_lets_its_dependents_go_on_without_it(tree: Tree, how: str) -> None:
    instruction = tree.plan(a_task("base", max_retries=0), a_task("next", "base"))
    with tree.daemon():
        gives_up(instruction, "base")
        instruction.reaches("next", BLOCKED)
        instruction.tells("escalated", "failed-base-1")
        decide(how, instruction, "skip_dependency", "failed-base-1")
        instruction.finish("next")
        assert instruction.places("base") == ["tasks/failed"]


def test_skip_dependency_waives_what_the_task_has_lost(tree: Tree) -> None:
    tasks = [a_task("base", max_retries=0), a_task("next", "base"), a_task("also", "base")]
    instruction = tree.plan(*tasks)
    with tree.daemon():
        gives_up(instruction, "base")
        instruction.reaches("next", BLOCKED)
        cries(instruction, "next", severity="high")
        instruction.tells("escalated", "esc_1")
        decide("command", instruction, "skip_dependency")
        instruction.finish("next")
        assert instruction.places("also") == [BLOCKED]


@pytest.mark.parametrize(("action", "place"), [("skip_dependency", WORK), ("reassign", ANN)])
def test_where_there_is_nothing_to_skip_and_nobody_else_it_goes_on_as_it_was(
    tree: Tree, action: str, place: str
) -> None:
    tree.configure("task_queue_manager.yaml", AGAIN_SOON)
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        is_stuck(instruction)
        decide("file", instruction, action)
        instruction.reaches("t1", place)


def test_an_answer_to_an_unknown_escalation_is_answered_and_never_acted_on(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        is_stuck(instruction)
        answer_as_editors_do(instruction, "cancel", "esc_9")
        instruction.tells("answered", "esc_9")
        assert instruction.places("t1") == [BLOCKED]
        assert instruction.events("escalation_answered") == []


def test_a_second_answer_is_answered_and_never_acted_on(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        is_stuck(instruction)
        answer_as_editors_do(instruction, "resume")
        instruction.reaches("t1", WORK)
        instruction.tells("escalation_answered", "esc_1")
        answer_as_editors_do(instruction, "cancel", note="I have changed my mind")
        instruction.tells("answered", "esc_1")
        instruction.hand_in("t1")
        instruction.reaches("t1", "tasks/completed")

    assert len(instruction.events("escalation_answered", "esc_1")) == 1


def test_a_manifest_of_the_blocked_task_settles_it_and_is_judged(tree: Tree) -> None:
    instruction = tree.plan(a_task("good"), a_task("bad"))
    with tree.daemon():
        is_stuck(instruction, "good")
        instruction.hand_in("good")
        instruction.reaches("good", "tasks/completed")
        assert instruction.tells("escalation_answered", "esc_1")[0]["action"] == "manifest"
        answer_as_editors_do(instruction, "cancel")
        instruction.tells("answered", "esc_1")

        instruction.claim("bad")
        cries(instruction, "bad", "esc_2")
        instruction.reaches("bad", BLOCKED)
        instruction.hand_in("bad", artifacts=[entry("nowhere.txt", b"?")])
        instruction.tells("rejected", "bad")
        instruction.reaches("bad", WORK)
        assert instruction.places("good") == ["tasks/completed"]
        instruction.check("good", "bad")


@pytest.mark.parametrize("killed", [False, True], ids=["stopped", "killed"])
def test_an_open_escalation_survives_a_restart(tree: Tree, killed: bool) -> None:
    instruction = tree.plan(a_task("t1"), a_task("other"))
    with tree.daemon() as first:
        is_stuck(instruction)
        instruction.check("t1")
        if killed:
            first.kill()
    with tree.daemon():
        instruction.finish("other")
        assert instruction.places("t1") == [BLOCKED]
        decide("command", instruction, "resume")
        instruction.reaches("t1", WORK)

    assert len(instruction.events("escalated", "esc_1")) == 1
    assert len([one for one in tree.inbox("lead") if one["type"] == "escalation"]) == 1


def test_an_answer_that_comes_while_nobody_watches_is_carried_out_later(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        is_stuck(instruction)
        instruction.check("t1")
    answer_as_editors_do(instruction, "resume")
    with tree.daemon():
        instruction.reaches("t1", WORK)
