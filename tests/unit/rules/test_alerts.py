"""Which queues are too deep? An agent's, and what waits in the domains for it; told once an episode."""

import pytest

from cagents_fs.core.assume import coalesce
from cagents_fs.core.index import Work
from cagents_fs.model.actions import Note
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import State
from cagents_fs.rules import alerts
from tests.support import builders as b

DOMAIN = f"{State.DOMAINS.value}/software"
SHALLOW = b.policy(alert_queue_depth=2)


def made(**places: str) -> Work:
    """Tasks of ann's, each where it lies."""
    one = b.work(*(b.task(name) for name in places))
    for name, place in places.items():
        b.lies(one, name, place)
    return one


def decided(one: Work, in_force: Policy = SHALLOW) -> list[Note]:
    actions = b.decided(alerts.decide, b.index(one), in_force)
    assert all(isinstance(action, Note) and action.task_id is None for action in actions)
    return [action for action in actions if isinstance(action, Note)]


def said(one: Work, in_force: Policy = SHALLOW) -> list[tuple[str, str | None, object]]:
    return [(note.event, note.agent, note.facts["depth"]) for note in decided(one, in_force)]


def test_a_queue_that_holds_as_many_as_it_may_raises_nothing() -> None:
    assert said(made(a=b.queue(), c=b.queue())) == []


def test_one_more_is_an_alert_that_names_the_agent_and_the_depth() -> None:
    (note,) = decided(made(a=b.queue(), c=b.queue(), d=b.queue()))

    assert (note.event, note.agent, dict(note.facts)) == ("alert", "ann", {"alert": "queue_depth", "depth": 3})
    assert "3 tasks wait for ann" in note.reason


def test_what_waits_in_its_domain_for_an_agent_counts_with_its_queue() -> None:
    assert said(made(a=b.queue(), c=DOMAIN, d=DOMAIN)) == [("alert", "ann", 3)]


def test_what_waits_there_for_somebody_else_or_elsewhere_for_anybody_does_not() -> None:
    one = b.work(*(b.task(name) for name in "acd"), b.task("e", assigned_agent="bob"))
    for name, place in {"a": b.queue(), "c": DOMAIN, "d": b.GLOBAL, "e": DOMAIN}.items():
        b.lies(one, name, place)

    assert said(one) == []


def test_it_is_told_once_and_its_end_as_well() -> None:
    one = made(a=b.queue(), c=b.queue(), d=DOMAIN)
    b.taken(b.index(one), decided(one))
    assert said(one) == []

    b.lies(one, "a", b.IN_PROGRESS)
    over = decided(one)
    assert [(note.event, note.agent) for note in over] == [("alert_over", "ann")]
    b.taken(b.index(one), over)
    assert said(one) == []

    b.lies(one, "a", DOMAIN)
    assert said(one) == [("alert", "ann", 3)]


def test_an_alert_of_a_life_before_ends_although_nothing_is_queued_any_more() -> None:
    one = made(a=b.IN_PROGRESS)
    one.history.alerts["queue_depth/ann"] = "3 tasks wait for ann"

    assert said(one) == [("alert_over", "ann", 0)]


def test_a_type_with_several_instances_is_told_once_by_the_deepest_of_their_queues() -> None:
    in_force = b.policy(alert_queue_depth=2, agents={"ann": b.kind("ann", instances=2)})
    one = made(a=b.queue(), c=b.queue("ann-2"), d=b.queue("ann-2"), e=DOMAIN)

    assert said(one, in_force) == [("alert", "ann", 3)]


def test_tasks_of_nobody_are_those_of_the_default_agent() -> None:
    one = b.work(*(b.task(name, assigned_agent=None) for name in "acd"))
    for name in "acd":
        b.lies(one, name, DOMAIN)

    assert said(one, b.policy(alert_queue_depth=2, default_agent="eve")) == [("alert", "eve", 3)]


def test_nothing_is_looked_at_where_nothing_has_changed() -> None:
    one = made(a=b.queue(), c=b.queue(), d=b.queue())
    one.touched.clear()

    assert said(one) == []


def test_who_gets_a_task_that_waits_in_a_domain_has_it_before_him_from_then_on() -> None:
    one = made(a=DOMAIN, c=DOMAIN, d=DOMAIN)
    note = Note(instruction="inst_1", event="reassigned", reason="eve does it", task_id="a", agent="eve")
    b.taken(b.index(one), [note])

    assert one.lanes.in_domains == {"ann": 2, "eve": 1}
    assert said(one) == []


@pytest.mark.parametrize("first", ["alert", "alert_over"])
def test_an_alert_that_begins_and_ends_in_one_turn_was_none(first: str) -> None:
    second = {"alert": "alert_over", "alert_over": "alert"}[first]
    facts = {"alert": "queue_depth", "depth": 3}
    notes = [Note(instruction="inst_1", event=name, reason="", agent="ann", facts=facts) for name in (first, second)]
    other = Note(instruction="inst_1", event=first, reason="", agent="bob", facts=facts)

    assert coalesce([notes[0], other, notes[1]]) == [other]
