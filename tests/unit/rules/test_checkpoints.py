"""Who has met?"""

from typing import Any

import pytest

from cagents_fs.core.index import Index, Record, Work
from cagents_fs.model.actions import Action, Escalate, Note, Publish
from cagents_fs.model.files import Response
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import State
from cagents_fs.rules import checkpoints, escalations, liveness
from tests.support import builders as b

NAME = "api"


def meeting(*places: str) -> tuple[Index, Work]:
    """`t0` names the checkpoint and those it is to meet there: `t1`, `t2` …"""
    others = [f"t{number}" for number in range(1, len(places))]
    coordination = {"coordination": [{"checkpoint": NAME, "with": others}]}
    made = b.work(b.task("t0", dependencies=coordination), *(b.task(other) for other in others))
    for number, place in enumerate(places):
        b.lies(made, f"t{number}", place, holder=f"agent-{number}", accepted="m0" if place == b.COMPLETED else None)
    return b.index(made), made


def come(made: Work, *tasks: str, attempt: int = 1) -> None:
    made.meetings[NAME].arrived.update(dict.fromkeys(tasks, attempt))


def settled(found: Index, seconds: float = 0.0) -> list[Action]:
    return b.settled(found, escalations.decide, checkpoints.decide, now=b.at(seconds))


def of(actions: list[Action], *events: str) -> list[str]:
    return [one.event for one in actions if isinstance(one, Note) and one.event in events]


def asked(actions: list[Action]) -> list[Escalate]:
    return [one for one in actions if isinstance(one, Escalate) and one.name.startswith("checkpoint-")]


def opens(actions: list[Action]) -> bool:
    return of(actions, "checkpoint_opened") == ["checkpoint_opened"]


def test_it_opens_once_when_all_have_come_and_tells_each_of_them() -> None:
    found, made = meeting(b.IN_PROGRESS, b.IN_PROGRESS)
    come(made, "t0")
    assert settled(found) == []

    come(made, "t1")
    actions = settled(found)

    note = b.only_note(actions, "checkpoint_opened")
    assert (note.first, note.facts) == (True, {"checkpoint": NAME, "participants": ["t0", "t1"]})
    (published,) = [one for one in actions if isinstance(one, Publish)]
    assert published.path == "checkpoints/api/open.yaml"
    assert published.fields["participants"] == [
        {"task_id": "t0", "agent": "agent-0", "path": "checkpoints/api/t0.yaml"},
        {"task_id": "t1", "agent": "agent-1", "path": "checkpoints/api/t1.yaml"},
    ]
    assert b.told(actions) == [("agent-0", "checkpoint"), ("agent-1", "checkpoint")]
    assert settled(found) == []


@pytest.mark.parametrize("place", [b.COMPLETED, b.CANCELLED])
def test_nobody_waits_for_who_is_done_or_was_cancelled_with_skip(place: str) -> None:
    found, made = meeting(b.IN_PROGRESS, b.IN_PROGRESS)
    come(made, "t0")
    b.lies(made, "t1", place, accepted="m0", skipped=True)

    actions = settled(found)

    assert opens(actions)
    assert b.told(actions) == [("agent-0", "checkpoint")]


def test_who_came_in_an_earlier_attempt_has_not_come() -> None:
    found, made = meeting(b.IN_PROGRESS, b.IN_PROGRESS)
    made.records["t1"].ledger.attempt = 2
    come(made, "t0", "t1")
    assert settled(found) == []

    come(made, "t1", attempt=2)
    assert opens(settled(found))


@pytest.mark.parametrize("place", [b.FAILED, b.CANCELLED, b.BLOCKED])
def test_a_lost_participant_raises_one_alert_and_the_planner_is_asked_once(place: str) -> None:
    found, made = meeting(b.IN_PROGRESS, b.IN_PROGRESS)
    come(made, "t0")
    b.lies(made, "t1", place)

    actions = settled(found)

    alert = b.only_note(actions, "alert")
    assert (alert.task_id, alert.facts) == (None, {"alert": "checkpoint_stuck", "about": NAME})
    (plea,) = asked(actions)
    assert (plea.fields["to_agent"], plea.fields["task_id"]) == ("planner", "t1")
    assert NAME in plea.fields["issue_description"]
    assert not opens(actions)
    assert settled(found) == []


def test_a_participant_that_has_a_question_is_not_lost() -> None:
    found, made = meeting(b.IN_PROGRESS, b.IN_PROGRESS)
    b.lies(made, "t1", b.BLOCKED, escalation="esc_1")

    assert settled(found) == []


def test_a_participant_that_does_not_exist_is_lost_until_it_is_added() -> None:
    found, made = meeting(b.IN_PROGRESS)
    made.meetings[NAME].participants = ("t0", "ghost")

    (plea,) = asked(settled(found))
    assert "task_id" not in plea.fields
    assert "ghost is not there" in plea.fields["issue_description"]


def test_who_is_back_ends_the_alert_and_the_question_and_is_asked_for_anew_when_lost_again() -> None:
    found, made = meeting(b.IN_PROGRESS, b.IN_PROGRESS)
    b.lies(made, "t1", b.CANCELLED)
    (first,) = asked(settled(found))

    b.lies(made, "t1", b.queue(), attempt=2)
    actions = settled(found)

    assert of(actions, "alert_over", "escalation_answered") == ["alert_over", "escalation_answered"]
    assert b.only_note(actions, "escalation_answered").facts["action"] == "healed"
    b.lies(made, "t1", b.CANCELLED)
    again = settled(found)
    assert of(again, "alert") == ["alert"]
    assert asked(again)[0].name != first.name


def test_the_others_go_on_without_who_is_lost_when_the_planner_says_so() -> None:
    found, made = meeting(b.IN_PROGRESS, b.IN_PROGRESS, b.IN_PROGRESS)
    come(made, "t0", "t2")
    b.lies(made, "t1", b.CANCELLED)
    (plea,) = asked(settled(found))
    whole = {"escalation_id": plea.name, "from": "planner", "action": "skip_dependency"}
    made.responses[plea.name] = Response.model_validate(whole)

    actions = settled(found)

    assert opens(actions)
    assert of(actions, "alert_over") == ["alert_over"]
    assert b.only_note(actions, "checkpoint_opened").facts["participants"] == ["t0", "t2"]


def test_two_checkpoints_have_nothing_to_do_with_each_other() -> None:
    def at(name: str, *others: str) -> dict[str, Any]:
        return {"coordination": [{"checkpoint": name, "with": list(others)}]}

    made = b.work(b.task("a", dependencies=at("one", "b")), b.task("b", dependencies=at("two", "c")), b.task("c"))
    for task_id in ("a", "b", "c"):
        b.lies(made, task_id, b.IN_PROGRESS)
    made.meetings["two"].arrived.update({"b": 1, "c": 1})

    assert b.only_note(settled(b.index(made)), "checkpoint_opened").facts["checkpoint"] == "two"


def waiting() -> tuple[Index, Record]:
    found, made = meeting(b.IN_PROGRESS, b.IN_PROGRESS)
    come(made, "t0")
    return found, made.records["t0"]


def test_who_waits_there_has_no_lease_and_a_new_one_when_it_opens() -> None:
    numbers: Policy = b.policy(lease_s=600.0)
    found, record = waiting()
    b.lies(found.works["inst_1"], "t1", b.UNDER_REVIEW)
    assert b.decided(liveness.decide, found, numbers, b.at(10_000.0)) == []

    come(found.works["inst_1"], "t1")
    settled(found, 10_000.0)
    assert b.wakes(b.decided(liveness.decide, found, numbers, b.at(10_001.0))) == [10_600.0]
    assert record.state is State.IN_PROGRESS


def test_who_waits_there_is_not_stalled_any_more() -> None:
    found, record = waiting()
    record.stalled_s = b.NOW.s

    assert ("revived", "t0") in b.notes(b.decided(liveness.decide, found))
