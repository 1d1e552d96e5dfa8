"""What does nobody claim?"""

from typing import Any

from cagents_fs.core.index import Index
from cagents_fs.model.actions import Action, Move
from cagents_fs.rules import unclaimed
from tests.support import builders as b

NUMBERS = b.policy(claim_timeout_s=300.0)


def decided(found: Index, seconds: float) -> list[Action]:
    return b.decided(unclaimed.decide, found, NUMBERS, b.at(seconds))


def released(place: str = b.queue()) -> Index:
    made = b.work(b.task("a"), b.task("c"))
    b.lies(made, "a", place)
    return b.index(made)


def test_a_task_that_nobody_claims_raises_an_alert_at_its_time_and_not_before() -> None:
    found = released()

    assert b.wakes(decided(found, 299.9)) == [300.0]
    note = b.only_note(decided(found, 300.0), "alert")
    assert (note.task_id, note.agent, note.facts) == ("a", "ann", {"alert": "unclaimed"})
    assert "ann has not claimed it for 300 s" in note.reason


def test_the_alert_is_raised_once_and_again_only_after_another_release() -> None:
    found = released()
    b.taken(found, decided(found, 300.0), b.at(300.0))
    assert decided(found, 9_000.0) == []

    for source, target in ((b.queue(), b.WAITING), (b.WAITING, b.queue())):
        whole: dict[str, Any] = {"instruction": "inst_1", "task_id": "a", "reason": "-", "attempt": 1}
        b.taken(found, [Move(source=source, target=target, **whole)], b.at(9_000.0))
    assert b.notes(decided(found, 9_300.0)) == [("alert", "a")]


def test_while_its_agent_shows_signs_of_life_elsewhere_the_task_may_wait() -> None:
    found = released()
    other = b.work(b.task("x"), name="inst_2")
    b.lies(other, "x", b.IN_PROGRESS).sign_s = b.at(200.0).s
    found.works["inst_2"] = other

    assert b.notes(decided(found, 499.0)) == []
    assert b.wakes(decided(found, 499.0)) == [500.0]
    assert b.notes(decided(found, 500.0)) == [("alert", "a")]


def test_signs_of_life_of_another_agent_do_not_help() -> None:
    found = released()
    b.lies(found.works["inst_1"], "c", b.IN_PROGRESS, holder="bob").sign_s = b.at(299.0).s

    assert b.notes(decided(found, 300.0)) == [("alert", "a")]


def test_only_what_lies_in_an_agents_queue_is_unclaimed() -> None:
    assert decided(released(b.GLOBAL), 9_000.0) == []
    assert decided(released(b.IN_PROGRESS), 9_000.0) == []


def test_what_somebody_else_is_moving_is_not_alerted() -> None:
    made = b.work(b.task("a"))
    b.lies(made, "a", b.queue(), journal=b.GLOBAL)

    assert decided(b.index(made), 9_000.0) == []
