"""Which parents wait in vain?"""

from typing import Any

import pytest

from cagents_fs.core.index import Index, Record, Work
from cagents_fs.model.actions import Action, Escalate, Note, Phase
from cagents_fs.model.files import Response
from cagents_fs.model.states import State
from cagents_fs.rules import completion, escalations, liveness, parents, phases
from tests.support import builders as b


def family(handed_in: bool = True, **fields: Any) -> tuple[Index, Record]:
    """`top` has the parts `a` and `b`; `next` waits for `top`."""
    parts = [b.task(name, parent_task_id="top") for name in ("a", "b")]
    made = b.work(b.task("top"), *parts, b.task("next", "top"), **fields)
    for name, place in (("a", b.queue()), ("b", b.queue()), ("next", b.WAITING)):
        b.lies(made, name, place)
    record = b.lies(made, "top", b.IN_PROGRESS)
    if handed_in:
        b.hands_in(record)
    return b.index(made), record


def settled(found: Index, seconds: float = 0.0) -> list[Action]:
    return b.settled(found, escalations.decide, parents.decide, now=b.at(seconds))


def work_of(found: Index) -> Work:
    return found.works["inst_1"]


def lose(found: Index, task_id: str, place: str = b.CANCELLED, **known: Any) -> list[Action]:
    b.lies(work_of(found), task_id, place, **known)
    return settled(found)


def asked_for_children(actions: list[Action]) -> list[str]:
    return [one.name for one in actions if isinstance(one, Escalate) and one.name.startswith("child-top-")]


def phase(found: Index) -> str | None:
    said = [one for one in b.decided(phases.decide, found) if isinstance(one, Phase)]
    return said[-1].phase if said else None


def test_a_parent_that_has_handed_in_and_has_all_its_children_only_waits() -> None:
    found, record = family()

    assert settled(found) == []
    assert b.decided(completion.decide, found) == []
    assert work_of(found).waits(record) == "for its children"


@pytest.mark.parametrize("place", [b.FAILED, b.CANCELLED, b.BLOCKED])
def test_a_lost_child_blocks_the_parent_that_waits(place: str) -> None:
    found, record = family()

    actions = lose(found, "a", place)

    (name,) = asked_for_children(actions)
    move = b.only_move(actions)
    assert (move.source, move.target, move.facts["escalation"]) == (b.IN_PROGRESS, b.BLOCKED, name)
    assert move.edit_after == {"blocked_by": [name, "a"]}
    assert record.manifest is not None
    assert b.decided(completion.decide, found) == []  # what it has handed in is no answer


def test_a_child_that_has_a_question_of_its_own_is_not_lost() -> None:
    found, _ = family()

    assert asked_for_children(lose(found, "a", b.BLOCKED, escalation="esc_1")) == []


def test_a_child_that_is_cancelled_with_skip_is_not_lost() -> None:
    found, record = family()

    assert lose(found, "a", skipped=True) == []
    b.done(work_of(found), "b")
    assert work_of(found).waits(record) is None


def test_a_lost_child_lets_a_parent_work_on_that_has_not_handed_in() -> None:
    found, _ = family(handed_in=False)

    assert asked_for_children(lose(found, "a")) == []


def test_the_parent_goes_on_when_the_child_is_back_and_is_asked_for_anew_when_it_is_lost_again() -> None:
    found, record = family()
    (first,) = asked_for_children(lose(found, "a"))

    actions = lose(found, "a", b.queue(), attempt=2)

    assert b.moves(actions) == [("top", b.BLOCKED, b.IN_PROGRESS)]
    note = b.only_note(actions, "escalation_answered")
    assert (note.facts["escalation_id"], note.facts["action"], note.facts["from"]) == (first, "healed", "daemon")
    assert record.ledger.attempt == 1
    (second,) = asked_for_children(lose(found, "a"))
    assert second != first


def test_a_second_loss_changes_nothing_and_both_have_to_heal() -> None:
    found, record = family()
    lose(found, "a")
    assert asked_for_children(lose(found, "b")) == []

    lose(found, "a", b.queue())
    assert record.state is State.BLOCKED
    lose(found, "b", b.queue())
    assert record.state is State.IN_PROGRESS


def test_skip_dependency_lets_the_parent_do_without_the_child() -> None:
    found, record = family()
    (name,) = asked_for_children(lose(found, "a"))
    b.done(work_of(found), "b")
    whole = {"escalation_id": name, "from": "lead", "action": "skip_dependency"}
    work_of(found).responses[name] = Response.model_validate(whole)

    settled(found)

    assert record.state is State.IN_PROGRESS
    assert ("accepted", "top") in b.notes(b.decided(completion.decide, found))


def test_an_answer_that_does_not_help_leaves_the_parent_blocked_and_asks_for_nothing_anew() -> None:
    found, record = family()
    (name,) = asked_for_children(lose(found, "a"))
    work_of(found).responses[name] = Response.model_validate({"escalation_id": name, "action": "resume"})

    actions = settled(found)

    assert "resume changes nothing here" in b.only_note(actions, "answered").reason
    assert asked_for_children(actions) == []
    assert record.state is State.BLOCKED


def test_answered_and_still_without_its_child_it_is_not_asked_for_again() -> None:
    found, record = family()
    (name,) = asked_for_children(lose(found, "a"))
    work_of(found).responses[name] = Response.model_validate({"escalation_id": name, "action": "retry"})
    settled(found)
    assert record.state is State.RETRY
    b.lies(work_of(found), "top", b.IN_PROGRESS)

    assert asked_for_children(settled(found)) == []
    assert record.state is State.IN_PROGRESS


def test_a_parent_of_a_blocked_parent_is_blocked_as_well_and_heals_with_it() -> None:
    tasks = [b.task("top"), b.task("mid", parent_task_id="top"), b.task("leaf", parent_task_id="mid")]
    made = b.work(*tasks)
    found = b.index(made)
    b.hands_in(b.lies(made, "top", b.IN_PROGRESS))
    b.hands_in(b.lies(made, "mid", b.IN_PROGRESS))

    lose(found, "leaf")
    assert [made.records[name].state for name in ("top", "mid")] == [State.BLOCKED] * 2
    assert phase(found) == "cancelled"

    lose(found, "leaf", b.queue())
    assert [made.records[name].state for name in ("top", "mid")] == [State.IN_PROGRESS] * 2


def test_the_whole_has_failed_when_nothing_can_go_on_without_the_child() -> None:
    found, _ = family()
    lose(found, "a", b.FAILED)
    assert phase(found) is None  # the other child is still at work

    b.done(work_of(found), "b")
    assert phase(found) == "failed"


def test_a_question_does_not_end_the_whole() -> None:
    made = b.work(b.task("a"), b.task("z", "a"))
    b.lies(made, "a", b.BLOCKED, escalation="esc_1")
    b.lies(made, "z", b.WAITING)

    assert phase(b.index(made)) is None


def test_who_waits_for_children_has_no_lease_and_a_new_one_when_they_are_done() -> None:
    found, record = family()
    numbers = b.policy(lease_s=600.0)
    assert b.decided(liveness.decide, found, numbers, b.at(10_000.0)) == []

    for child in ("a", "b"):
        b.done(work_of(found), child).entered_s = b.at(10_000.0).s
    record.ledger.judged = ("m1", "e1")
    assert b.wakes(b.decided(liveness.decide, found, numbers, b.at(10_001.0))) == [10_600.0]


def test_a_stalled_parent_that_hands_in_is_stalled_no_more() -> None:
    found, record = family()
    record.stalled_s = b.NOW.s

    (note,) = b.decided(liveness.decide, found)
    assert isinstance(note, Note)
    assert (note.event, note.reason) == ("revived", "ann waits for its children")
