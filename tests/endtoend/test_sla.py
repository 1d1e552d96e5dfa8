"""Nobody's cry goes unheard: what is not answered in time is told to ever more people."""

import itertools

import pytest

from tests.support.journal import at
from tests.support.tree import Document, Instruction, Tree, a_task, as_yaml, eventually, load, publish

QUICK = {"settle_seconds": 0.2, "scan_interval": "200 milliseconds", "escalate_blocked_after": "1 second"}
WORK = "tasks/in_progress"
BLOCKED = "tasks/blocked"


def response_time(within: object) -> Document:
    return {"communication_channels": {"escalations": {"sla": {"response_time": within}}}}


def cries(instruction: Instruction, task: str, escalation: str = "esc_1", **changed: object) -> None:
    """Ann asks lead, and does not say how soon she needs the answer."""
    said: Document = {"escalation_id": escalation, "from_agent": "ann", "to_agent": "lead", "task_id": task}
    said |= {"timestamp": "2026-01-10T12:00:00Z", "severity": "high", "issue_description": "There is no schema"}
    publish(instruction.path / "escalations" / f"{escalation}.yaml", as_yaml(said | changed))


def raised(instruction: Instruction, escalation: str = "esc_1") -> list[Document]:
    return [line for line in instruction.events("raised") if line["escalation_id"] == escalation]


def is_raised(instruction: Instruction, times: int, escalation: str = "esc_1") -> list[Document]:
    """It comes to have been raised so often."""
    found = eventually(
        lambda: lines if len(lines := raised(instruction, escalation)) >= times else [], 60.0, instruction.tail
    )
    return found[:times]


def escalation_of(agent: str, task: str, tree: Tree) -> list[Document]:
    return [one for one in tree.inbox(agent) if one["type"] == "escalation" and one["task_id"] == task]


@pytest.mark.parametrize("sla", ["Response needed within 2 seconds", "2 seconds", "2s", "PT2S", 2, "2"], ids=str)
def test_the_time_for_an_answer_is_read_in_every_form(tree: Tree, sla: object) -> None:
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.claim("t1")
        cries(instruction, "t1", sla=sla)

        (line,) = is_raised(instruction, 1)
        eventually(lambda: escalation_of("orchestrator", "t1", tree))
        assert line["to"] == "orchestrator"
        assert instruction.events("answered") == []


def test_without_a_time_of_its_own_the_configured_one_counts(tree: Tree) -> None:
    tree.configure("parallel_execution_framework.yaml", response_time("1 second"))
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.claim("t1")
        cries(instruction, "t1")

        is_raised(instruction, 1)


def test_a_time_of_its_own_counts_more_than_the_configured_one(tree: Tree) -> None:
    tree.configure("parallel_execution_framework.yaml", response_time("1 second"))
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.claim("t1")
        cries(instruction, "t1", "patient", sla="Response needed within 4 hours")
        instruction.tells("escalated", "patient")
        cries(instruction, "t1", "urgent")

        is_raised(instruction, 2, "urgent")
        assert raised(instruction, "patient") == []


@pytest.mark.parametrize(("owner", "person"), [("olivia", "olivia"), ("Olivia & Sons", "person"), (None, "person")])
def test_it_rises_from_the_addressee_to_a_person_one_line_each(tree: Tree, owner: str | None, person: str) -> None:
    parent = a_task("parent", assigned_agent="boss")
    named = {"owner": owner} if owner else {}
    instruction = tree.plan(parent, a_task("t1", parent_task_id="parent"), **named)
    with tree.daemon():
        instruction.claim("parent", "boss")
        instruction.claim("t1")
        instruction.tells("moved", WORK)
        cries(instruction, "t1", sla=0.4)

        lines = is_raised(instruction, 4)
        for agent in ("lead", "boss", "orchestrator", person):
            eventually(lambda a=agent: escalation_of(a, "t1", tree), saying=instruction.tail)  # type: ignore[misc]

    assert [line["to"] for line in lines] == ["boss", "orchestrator", person, person]
    assert all(one["level"] <= other["level"] for one, other in itertools.pairwise(lines))
    assert len(instruction.events("escalated", "esc_1")) == 1


def test_who_was_asked_first_is_not_asked_again_as_the_holder_of_the_parent(tree: Tree) -> None:
    parent = a_task("parent", assigned_agent="boss")
    instruction = tree.plan(parent, a_task("t1", parent_task_id="parent"))
    with tree.daemon():
        instruction.claim("parent", "boss")
        instruction.claim("t1")
        instruction.tells("moved", WORK)
        cries(instruction, "t1", to_agent=None, sla=1)

        assert instruction.tells("escalated", "esc_1")[0]["to"] == "boss"
        assert [line["to"] for line in is_raised(instruction, 2)] == ["orchestrator", "person"]


def test_each_time_takes_longer_than_the_one_before(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.claim("t1")
        cries(instruction, "t1", sla="500 milliseconds")

        times = [at(line) for line in is_raised(instruction, 4)]

    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert gaps[-1] > gaps[0], gaps


def test_what_is_answered_is_not_raised_any_more(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2"))
    with tree.daemon():
        instruction.claim("t1")
        instruction.claim("t2")
        cries(instruction, "t1", "heard", sla="1 second")
        is_raised(instruction, 1, "heard")
        tree.ok("answer", "inst_1/heard", "--action", "resume")
        instruction.tells("escalation_answered", "heard")
        before = len(raised(instruction, "heard"))

        cries(instruction, "t2", "unheard", sla="1 second")
        is_raised(instruction, 3, "unheard")
        assert len(raised(instruction, "heard")) == before


def test_after_a_restart_the_clock_runs_again(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.claim("t1")
        cries(instruction, "t1")
        instruction.tells("escalated", "esc_1")
    assert raised(instruction) == []

    tree.configure("parallel_execution_framework.yaml", response_time("1 second"))
    with tree.daemon():
        is_raised(instruction, 1)

    assert len(instruction.events("escalated", "esc_1")) == 1


def test_who_says_blocked_for_long_has_it_escalated_once(tree: Tree) -> None:
    tree.configure("daemon.yaml", QUICK)
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.claim("t1")
        instruction.beat("t1", status="blocked", blockers=["There is no schema"])
        instruction.reaches("t1", BLOCKED)
        written = load(instruction.path / "escalations" / "blocked-t1-1.yaml")
        tree.ok("answer", "inst_1/blocked-t1-1", "--action", "resume")
        instruction.reaches("t1", WORK)
        instruction.beat("t1", status="in_progress", current_activity="There it is")
        instruction.hand_in("t1")
        instruction.reaches("t1", "tasks/completed")

    assert (written["severity"], written["from_agent"], written["task_id"]) == ("blocker", "ann", "t1")
    assert "There is no schema" in str(written)
    assert len(instruction.events("escalated", "blocked-t1-1")) == 1


def test_further_beats_that_say_blocked_do_not_begin_the_time_anew(tree: Tree) -> None:
    tree.configure("daemon.yaml", QUICK)
    instruction = tree.plan(a_task("t1"))
    beats = iter(range(100_000))
    with tree.daemon():
        instruction.claim("t1")

        def complain_until_somebody_listens() -> bool:
            instruction.beat("t1", status="blocked", current_activity=f"still waiting, {next(beats)}")
            return instruction.places("t1") == [BLOCKED]

        eventually(complain_until_somebody_listens, saying=instruction.tail)


def test_who_is_at_work_or_has_asked_already_is_left_alone(tree: Tree) -> None:
    tree.configure("daemon.yaml", QUICK)
    names = {"t1": "ann", "t2": "bob", "t3": "eve"}
    instruction = tree.plan(*(a_task(task, assigned_agent=agent) for task, agent in names.items()))
    with tree.daemon():
        for task, agent in names.items():
            instruction.claim(task, agent)
        cries(instruction, "t1", severity="low", sla="4 hours")
        instruction.tells("escalated", "esc_1")
        instruction.beat("t1", "ann", status="blocked")
        instruction.beat("t2", "bob", status="in_progress")
        instruction.beat("t3", "eve", status="blocked")
        instruction.reaches("t3", BLOCKED)

    assert [line["escalation_id"] for line in instruction.events("escalated")] == ["esc_1", "blocked-t3-1"]
