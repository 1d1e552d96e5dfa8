"""Who comes first: urgency, raised by waiting and by those who wait, then first in, first out. At any time."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cagents_fs.core.index import Work, add_edge, add_tasks
from cagents_fs.core.lanes import IN_LANES, standing
from cagents_fs.core.ordering import RANK, aged
from cagents_fs.model.lines import iso
from cagents_fs.model.states import State, place_of
from tests.support import builders as b

HOUR = 3600.0
NAMES = "abcdefgh"
PLACES = [
    b.WAITING,
    b.GLOBAL,
    b.GLOBAL,
    place_of(State.DOMAINS, "software"),
    place_of(State.DOMAINS, "finance"),
    b.queue(),
    b.IN_PROGRESS,
    b.COMPLETED,
    b.FAILED,
    None,
]
Step = tuple[float, str, str, Any]  # seconds later, what, to whom, how


@st.composite
def steps(draw: st.DrawFn) -> Step:
    what = draw(st.sampled_from(["move", "move", "move", "reassign"]))
    how = draw(st.sampled_from(PLACES if what == "move" else ["ann", "bob"]))
    return draw(st.sampled_from([0.0, 60.0, HOUR, 4 * HOUR, 9 * HOUR])), what, draw(st.sampled_from(NAMES)), how


@st.composite
def works(draw: st.DrawFn) -> Work:
    """Tasks of each priority that wait for earlier ones, or for nobody."""
    names = NAMES[: draw(st.integers(2, len(NAMES)))]
    return b.work(
        *(
            b.task(
                name,
                *draw(
                    st.lists(st.sampled_from(names[:position]), unique=True, max_size=2) if position else st.just([])
                ),
                priority=draw(st.sampled_from(tuple(RANK))),
                assigned_agent=draw(st.sampled_from(["ann", "bob", None])),
            )
            for position, name in enumerate(names)
        )
    )


def moved(made: Work, name: str, place: str | None, at_s: float) -> None:
    """As the loop does it: the journal's word first, with its time, then the lookups."""
    record = made.records[name]
    known = record.ledger.place
    if place not in (None, known):  # nowhere: a look that missed it, of which the journal says nothing
        line = {"event": "moved", "task_id": name, "from": known, "to": place, "time": iso(b.at(at_s).wall_s)}
        made.history.apply(line)
    made.put(record, place, at_s)


def in_order(made: Work, agent: str | None, wall_s: float) -> list[str]:
    """All that are there, sorted by where each one stands."""
    there = [r for r in made.records.values() if r.state in IN_LANES and (agent is None or (r.assigned or "") == agent)]
    return [r.task.task_id for r in sorted(there, key=lambda r: standing(r, b.PLAIN, wall_s))]


@settings(max_examples=250, deadline=None)
@given(works(), st.lists(steps(), max_size=25), st.sampled_from([0.0, 60.0, 3 * HOUR, 5 * HOUR, 30 * HOUR]))
def test_the_best_are_what_sorting_everything_gives_whatever_happened_and_whenever_one_looks(
    made: Work, life: Sequence[Step], later_s: float
) -> None:
    at_s = 0.0
    for seconds, what, name, how in life:
        at_s += seconds
        record = made.records.get(name)
        if record is None:
            continue
        if what == "move":
            moved(made, name, how, at_s)
        else:
            record.ledger.assigned = how
            if record.state in IN_LANES:
                made.lanes.enter(record)
        b.check(made)
        for look_s in (at_s, at_s + later_s):
            now = b.at(look_s)
            made.urgencies(b.PLAIN)
            for agent in ("ann", "bob", ""):
                best = [r.task.task_id for r in made.lanes.best(agent, b.PLAIN, now.wall_s)]
                assert best == in_order(made, agent, now.wall_s)
            whole = [r.task.task_id for r in made.lanes.best_of_all(b.PLAIN, now.wall_s)]
            assert whole == in_order(made, None, now.wall_s)


@settings(max_examples=200, deadline=None)
@given(works(), st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(PLACES)), max_size=20))
def test_a_task_is_as_urgent_as_the_most_urgent_one_that_waits_for_it(
    made: Work, life: Sequence[tuple[str, str | None]]
) -> None:
    for name, place in life:
        if name in made.records:
            moved(made, name, place, 0.0)
        made.urgencies(b.PLAIN)

        def by_hand(name: str) -> int:
            waiting = [
                c for c in made.children.get(name, ()) if made.records[c].state not in (State.FAILED, State.CANCELLED)
            ]
            return min([RANK[made.records[name].task.priority], *map(by_hand, waiting)])

        assert {name: record.urgency for name, record in made.records.items()} == {n: by_hand(n) for n in made.records}


# -- ageing -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("priority", "hours", "expected"),
    [
        ("normal", 3.999, "normal"),
        ("normal", 4, "high"),
        ("normal", 400, "high"),
        ("low", 4, "normal"),
        ("low", 8, "high"),
        ("low", 400, "high"),
        ("high", 400, "high"),
        ("critical", 400, "critical"),
    ],
)
def test_four_hours_raise_a_task_by_one_level_and_never_to_critical(priority: str, hours: float, expected: str) -> None:
    assert aged(RANK[priority], hours * HOUR, b.PLAIN) == RANK[expected]


def test_how_fast_and_whether_at_all_is_configuration() -> None:
    assert aged(RANK["low"], 60.0, b.policy(ageing_every_s=30.0)) == RANK["high"]
    assert aged(RANK["low"], 400 * HOUR, b.policy(ageing=False)) == RANK["low"]


def queued(*tasks: tuple[str, str, float]) -> Work:
    """Each of a name and a priority, and when it came into the queues."""
    made = b.work(*(b.task(name, priority=priority) for name, priority, _ in tasks))
    for name, _, at_s in tasks:
        moved(made, name, b.GLOBAL, at_s)
    return made


def best(made: Work, at_s: float, **numbers: Any) -> list[str]:
    return [record.task.task_id for record in made.lanes.best("ann", b.policy(**numbers), b.at(at_s).wall_s)]


def test_who_has_aged_into_a_level_stands_there_by_when_it_came() -> None:
    made = queued(
        ("old", "normal", 0.0), ("high", "high", HOUR), ("new", "normal", 2 * HOUR), ("c", "critical", 3 * HOUR)
    )

    assert best(made, 3 * HOUR) == ["c", "high", "old", "new"]
    assert best(made, 4 * HOUR) == ["c", "old", "high", "new"]
    assert best(made, 6 * HOUR) == ["c", "old", "high", "new"]
    assert best(made, 400 * HOUR, ageing=False) == ["c", "high", "old", "new"]


def test_waiting_in_the_queues_counts_from_entering_them_and_not_from_the_last_move_within() -> None:
    made = queued(("a", "normal", 0.0), ("c", "high", 60.0))
    moved(made, "a", place_of(State.DOMAINS, "software"), 3 * HOUR)
    moved(made, "a", b.queue(), 3.5 * HOUR)
    moved(made, "a", place_of(State.DOMAINS, "software"), 3.9 * HOUR)

    assert best(made, 4 * HOUR) == ["a", "c"]


def test_who_left_the_queues_waits_anew() -> None:
    made = queued(("a", "normal", 0.0), ("c", "high", 60.0))
    moved(made, "a", b.WAITING, 3 * HOUR)
    moved(made, "a", b.GLOBAL, 3.5 * HOUR)

    assert best(made, 4 * HOUR) == ["c", "a"]
    assert best(made, 7.5 * HOUR) == ["c", "a"]


def test_who_was_not_seen_for_a_moment_keeps_its_turn() -> None:
    made = queued(("a", "normal", 0.0), ("c", "normal", 60.0))
    moved(made, "a", None, 90.0)
    moved(made, "a", b.GLOBAL, 120.0)

    assert best(made, 130.0) == ["a", "c"]


def test_the_time_in_the_queues_outlives_the_daemon() -> None:
    made = queued(("a", "normal", 0.0), ("c", "high", 60.0))
    again = b.work(*(record.task for record in made.records.values()))
    for name in ("a", "c"):
        again.records[name].ledger.queued_wall_s = made.records[name].ledger.queued_wall_s
        again.put(again.records[name], b.GLOBAL, 0.0)

    assert best(again, 4 * HOUR) == ["a", "c"]


# -- urgency that comes from those who wait ---------------------------------------------------------------------------


def test_who_holds_up_something_critical_is_critical_through_any_number_of_tasks() -> None:
    made = b.work(b.task("a", priority="low"), b.task("m", "a", priority="low"), b.task("z", "m", priority="critical"))

    made.urgencies(b.PLAIN)

    assert [record.urgency for record in made.records.values()] == [RANK["critical"]] * 3


def test_who_lies_in_the_queues_already_moves_up_when_something_urgent_comes_to_wait_for_it() -> None:
    made = queued(("high", "high", 0.0), ("a", "low", 1.0))
    made.urgencies(b.PLAIN)
    assert best(made, 2.0) == ["high", "a"]

    add_tasks(made, [b.task("z", "a", priority="critical")])
    made.urgencies(b.PLAIN)

    assert best(made, 2.0) == ["a", "high"]


@pytest.mark.parametrize("end", [b.CANCELLED, b.FAILED])
def test_who_has_ended_makes_nobody_urgent_any_more(end: str) -> None:
    made = queued(("high", "high", 0.0), ("a", "low", 1.0), ("z", "critical", 2.0))
    made.history.apply({"event": "dependency_added", "task_id": "z", "on": "a"})

    add_edge(made, "z")
    moved(made, "z", b.WAITING, 3.0)
    made.urgencies(b.PLAIN)
    assert best(made, 4.0) == ["a", "high"]

    moved(made, "z", end, 5.0)
    made.urgencies(b.PLAIN)
    assert best(made, 6.0) == ["high", "a"]


def test_whether_urgency_is_passed_on_is_configuration() -> None:
    made = b.work(b.task("a", priority="low"), b.task("z", "a", priority="critical"))

    made.urgencies(b.policy(urgency=False))

    assert made.records["a"].urgency == RANK["low"]


def test_soft_dependencies_pass_nothing_on() -> None:
    made = b.work(
        b.task("a", priority="low"), b.task("z", dependencies={"soft_dependencies": ["a"]}, priority="critical")
    )

    made.urgencies(b.PLAIN)

    assert made.records["a"].urgency == RANK["low"]
