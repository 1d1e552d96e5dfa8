"""The picture in memory: after any sequence of moves every lookup says what one would find by walking everything."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cagents_fs.core.graph import circular
from cagents_fs.core.index import Index, Work, add_tasks
from cagents_fs.core.ordering import RANK
from cagents_fs.model.files import Heartbeat, Task
from cagents_fs.model.states import FOLDERED, State, place_of
from tests.support import builders as b

NAMES = "abcdef"
PLACES = [None, *(place_of(s, f) for s in State for f in (("ann", "bob") if s in FOLDERED else (None,)))]
Step = tuple[str, str, str | None]  # what happens, to which task, where


@st.composite
def definitions(draw: st.DrawFn) -> list[Task]:
    """A few tasks that wait for each other, for tasks that are not there, now and then in a circle."""
    names = NAMES[: draw(st.integers(1, len(NAMES)))]
    return [
        b.task(
            name,
            *draw(st.lists(st.sampled_from([*names, "nobody"]), unique=True, max_size=2)),
            priority=draw(st.sampled_from(tuple(RANK))),
            assigned_agent=draw(st.sampled_from(["ann", "bob", None])),
        )
        for name in names
    ]


STEPS = st.lists(
    st.tuples(st.sampled_from(["put", "accept", "skip"]), st.sampled_from(NAMES), st.sampled_from(PLACES)), max_size=25
)


def step(made: Work, what: str, name: str, place: str | None) -> None:
    record = made.records.get(name)
    if record is None or record.satisfied:
        return  # who is done stays done: `test_what_is_no_longer_done…` is about the other case
    if what == "put":
        made.put(record, place, 0.0)
    elif what == "accept":
        record.ledger.accepted = "m1"
        made.refresh(record)
    elif record.state is not State.CANCELLED:
        record.ledger.skipped = True
        made.put(record, b.CANCELLED, 0.0)


def downstream(made: Work, lost: set[str]) -> dict[str, tuple[str, ...]]:
    """Who waits for something lost, through any number of levels, by walking everything. What is done stops nobody."""
    found = {}
    for name, record in made.records.items():
        reached, border = set[str](), set() if record.satisfied else set(made.unmet_of(name))
        while border:
            reached |= border
            border = {t for one in border if one in made.records for t in made.unmet_of(one)} - reached
        if reached & lost:
            found[name] = tuple(sorted(reached & lost))
    return found


def by_walking(made: Work, agent: str) -> list[str]:
    """Priority first, then first in, first out."""
    queues = (State.GLOBAL, State.DOMAINS)
    there = [r for r in made.records.values() if r.state in queues and (r.task.assigned_agent or "") == agent]
    return [r.task.task_id for r in sorted(there, key=lambda r: (r.urgency, r.queued))]


@settings(max_examples=250, deadline=None)
@given(definitions(), STEPS)
def test_after_any_moves_the_lookups_are_what_walking_everything_gives(
    tasks: list[Task], steps: Sequence[Step]
) -> None:
    made = b.work(*tasks)
    for what, name, place in steps:
        step(made, what, name, place)
        b.check(made)

        lost = {t for t, r in made.records.items() if r.state in (State.FAILED, State.CANCELLED) and not r.satisfied}
        missing = {t for edges in made.edges.values() for t in edges if t not in made.records}
        circles = circular({t: made.unmet_of(t) for t in made.circular})
        assert made.causes() == downstream(made, lost | missing | circles)
        for agent in ("ann", "bob", ""):
            made.urgencies(b.PLAIN)
            assert [r.task.task_id for r in made.lanes.best(agent, b.PLAIN, b.NOW.wall_s)] == by_walking(made, agent)


@settings(max_examples=100, deadline=None)
@given(definitions(), STEPS, st.data())
def test_tasks_that_are_added_one_by_one_give_the_same_lookups_as_all_at_once(
    tasks: list[Task], steps: Sequence[Step], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(tasks)))
    made = b.work(*tasks[:cut])
    for what, name, place in steps:
        step(made, what, name, place)

    for one in tasks[cut:]:
        add_tasks(made, [one])
        made.put(made.records[one.task_id], "queues/waiting_on_dependencies", 0.0)
        b.check(made)


def test_what_is_no_longer_done_makes_those_wait_again_who_were_ready() -> None:
    made = b.work(b.task("a"), b.task("z", "a"))
    done = b.done(made, "a")
    b.lies(made, "z", b.WAITING)
    assert list(made.ready) == ["z"]

    made.put(done, b.IN_PROGRESS, 0.0)

    assert list(made.ready) == []
    b.check(made)


# -- one by one -------------------------------------------------------------------------------------------------------


def test_only_verified_completion_stops_the_waiting() -> None:
    made = b.work(b.task("a"), b.task("z", "a"))
    b.lies(made, "z", b.WAITING)
    record = b.lies(made, "a", b.COMPLETED)
    assert (made.unmet["z"], list(made.ready)) == (1, [])

    record.ledger.accepted = "m1"
    made.refresh(record)

    assert (made.unmet["z"], list(made.ready)) == (0, ["z"])


def test_a_task_that_was_cancelled_without_a_skip_stops_nobodys_waiting() -> None:
    made = b.work(b.task("a"), b.task("z", "a"))
    b.lies(made, "z", b.WAITING)
    record = b.lies(made, "a", b.CANCELLED)
    assert made.unmet["z"] == 1

    record.ledger.skipped = True
    made.refresh(record)

    assert made.unmet["z"] == 0


def test_who_waits_is_touched_when_what_it_waits_for_is_done() -> None:
    made = b.work(b.task("a"), b.task("z", "a"))
    made.touched.clear()

    b.done(made, "a")

    assert set(made.touched) == {"a", "z"}


def test_a_task_that_vanishes_for_a_moment_is_in_no_state_and_keeps_its_lookups_right() -> None:
    made = b.work(b.task("a"))
    record = b.lies(made, "a", b.queue())

    made.put(record, None, 0.0)

    assert record.state is None
    assert made.at_agent["ann"] == {}
    b.check(made)


def test_entering_a_place_begins_everything_anew_and_staying_there_nothing() -> None:
    made = b.work(b.task("a"))
    record = b.lies(made, "a", b.IN_PROGRESS)
    record.signs, record.stalled_s, record.promised_s, arrived = 3, 5.0, 7.0, record.arrived

    made.put(record, b.IN_PROGRESS, 99.0)
    assert (record.signs, record.stalled_s, record.promised_s, record.arrived) == (3, 5.0, 7.0, arrived)

    made.put(record, b.queue(), 99.0)
    assert (record.signs, record.promised_s) == (0, 0.0)
    assert record.stalled_s is None
    assert (record.entered_s, record.sign_s) == (99.0, 99.0)


def test_the_best_is_the_most_urgent_then_who_came_first_and_who_left_is_not_there() -> None:
    made = b.work(b.task("a"), b.task("c", priority="critical"), b.task("e"), b.task("l", priority="low"), b.task("x"))
    for name in ("l", "x", "e", "a", "c"):
        b.lies(made, name, b.GLOBAL)
    b.lies(made, "x", b.queue())

    assert [record.task.task_id for record in made.lanes.best("ann", b.PLAIN, b.NOW.wall_s)] == ["c", "e", "a", "l"]


@pytest.mark.parametrize(
    ("way", "order"),
    [
        ([b.queue(), b.GLOBAL], ["a", "c"]),
        (["queues/domains/software", b.queue(), "queues/domains/software"], ["a", "c"]),
        ([b.WAITING, b.GLOBAL], ["c", "a"]),
        ([b.queue(), b.IN_PROGRESS, b.RETRY, b.GLOBAL], ["c", "a"]),
    ],
    ids=["its agent's queue", "its domain", "waiting again", "another attempt"],
)
def test_who_stays_in_the_queues_keeps_its_turn_and_who_leaves_them_loses_it(way: list[str], order: list[str]) -> None:
    made = b.work(b.task("a"), b.task("c"))
    for name, place in (("a", b.GLOBAL), ("c", b.GLOBAL), *(("a", place) for place in way)):
        b.lies(made, name, place)

    assert [record.task.task_id for record in made.lanes.best("ann", b.PLAIN, b.NOW.wall_s)] == order


def test_the_holder_is_whom_the_journal_names_else_who_gives_signs_of_life_else_whom_the_plan_names() -> None:
    made = b.work(b.task("a"))
    record = b.lies(made, "a", b.IN_PROGRESS, holder=None)
    assert record.holder == "ann"

    record.heartbeat = Heartbeat.model_validate({"agent_name": "bob", "task_id": "a"})
    assert record.holder == "bob"

    record.ledger.holder = "zoe"
    assert record.holder == "zoe"


def test_the_open_wave_is_the_first_in_which_something_is_left() -> None:
    made = b.work(b.task("a"), b.task("m", "a"), b.task("z", "m"))
    assert made.open_level() == 0

    b.done(made, "a")
    assert made.open_level() == 1

    b.done(made, "m")
    assert made.open_level() == 2


def test_before_the_plan_is_taken_in_nothing_counts_as_missing() -> None:
    made = b.work(b.task("a", "nobody"))
    made.history.intake, intake = None, made.history.intake
    assert made.causes() == {}

    made.history.intake, made.doom_stale = intake, True
    assert made.causes() == {"a": ("nobody",)}


def test_tasks_of_a_circle_are_lost_to_each_other_and_to_those_behind_them() -> None:
    made = b.work(b.task("a", "c"), b.task("c", "a"), b.task("z", "c"), b.task("free"))

    assert made.causes() == {"a": ("a", "c"), "c": ("a", "c"), "z": ("a", "c")}


def test_a_circle_that_is_cut_by_a_skip_is_none_any_more() -> None:
    made = b.work(b.task("a", "c"), b.task("c", "a"), b.task("z", "c"))
    assert set(made.causes()) == {"a", "c", "z"}

    b.lies(made, "c", b.CANCELLED, skipped=True)

    assert made.causes() == {}
    assert (made.unmet["a"], made.unmet["z"]) == (0, 0)


def test_who_waits_for_what_was_skipped_goes_on_whatever_that_had_waited_for() -> None:
    made = b.work(b.task("a"), b.task("c", "a"), b.task("z", "c"))
    b.lies(made, "a", b.FAILED)
    assert set(made.causes()) == {"c", "z"}

    b.lies(made, "c", b.CANCELLED, skipped=True)

    assert made.causes() == {}


def test_a_dependency_that_was_given_up_cuts_a_circle_as_well() -> None:
    made = b.work(b.task("a", "c"), b.task("c", "a"))
    record = b.lies(made, "a", b.BLOCKED, waived=frozenset({"c"}))
    made.recount("a")
    assert made.causes() == {}

    b.lies(made, record.task.task_id, b.COMPLETED, accepted="m1")
    assert made.unmet["c"] == 0


def test_in_a_pipeline_a_stage_that_has_lost_a_task_closes_the_stages_after_it_and_no_other() -> None:
    tasks = [b.task("a"), b.task("c"), b.task("m", "c"), b.task("z", "m")]
    made = b.work(*tasks, mode="pipeline")
    b.done(made, "c")
    b.lies(made, "m", b.FAILED)
    assert made.causes() == {"z": ("m",)}

    made = b.work(*tasks, mode="pipeline")
    b.lies(made, "a", b.FAILED)
    b.done(made, "c")
    b.lies(made, "m", b.COMPLETED, accepted="m1")
    assert made.causes() == {"z": ("a",)}


def test_the_limit_of_the_plan_replaces_that_of_the_mode_upward_too() -> None:
    assert b.work(b.task("a"), mode="sequential").limit(b.PLAIN.mode_limit) == 1
    assert b.work(b.task("a"), mode="sequential", max_concurrent=7).limit(b.PLAIN.mode_limit) == 7


def test_an_instruction_is_open_from_intake_to_its_end() -> None:
    made = b.work(b.task("a"))
    assert made.open

    made.history.phase = "failed"
    assert not made.open

    made.history.phase, made.history.intake = "executing", None
    assert not made.open


def test_agents_at_work_are_counted_by_name_in_the_whole_tree() -> None:
    one, other = b.work(b.task("a"), b.task("c"), name="inst_1"), b.work(b.task("a"), name="inst_2")
    b.lies(one, "a", b.IN_PROGRESS)
    b.lies(one, "c", b.UNDER_REVIEW, holder="bob")
    b.lies(other, "a", b.IN_PROGRESS)
    found = b.index(one, other)

    assert (found.at_work("ann"), found.at_work("bob")) == (2, 0)
    assert (found.agents_at_work(), found.agents_at_work(other)) == ({"ann"}, {"ann"})


@pytest.mark.parametrize(
    "spoil",
    [
        lambda made: made.ready.clear(),
        lambda made: made.unmet.update(z=1),
        lambda made: made.in_state[State.WAITING].clear(),
        lambda made: made.at_agent["ann"].update(z=None),
        lambda made: setattr(made.records["z"], "state", State.GLOBAL),
    ],
    ids=["ready", "unmet", "in_state", "at_agent", "state"],
)
def test_the_programs_own_check_sees_a_lookup_that_is_wrong(spoil: Callable[[Work], None]) -> None:
    made = b.work(b.task("a"), b.task("z"))
    b.lies(made, "a", b.queue())
    b.lies(made, "z", b.WAITING)
    made.check()

    spoil(made)

    with pytest.raises(AssertionError):
        made.check()


# -- with which instruction we are busy --------------------------------------------------------------------------------


def three(*aside: str) -> Index:
    return b.index(*(b.work(b.task("a"), name=f"inst_{number}") for number in (1, 2, 3)), aside=set(aside))


def test_whoever_goes_through_all_says_with_which_he_is_busy_and_leaves_out_what_is_set_aside() -> None:
    found = three("inst_2")
    found.turn_to("inst_3")

    about = [(work.id, found.about, [inner.id for inner in found.each()], found.about) for work in found.each()]

    both = ["inst_1", "inst_3"]
    assert about == [(name, name, both, name) for name in both]
    assert found.about == "inst_3", "as it was before"


def test_after_an_exception_it_says_with_which_we_were_busy() -> None:
    found = three()

    with pytest.raises(ZeroDivisionError):
        [1 // (work.id != "inst_2") for work in found.each()]

    assert found.about == "inst_2"


def test_who_is_set_aside_is_turned_to_by_nobody_and_it_is_known_to_be_there() -> None:
    found = three("inst_2", "inst_4")

    assert (found.turn_to("inst_2"), found.about) == (None, "inst_2")
    assert found.turn_to("inst_1") is found.works["inst_1"]
    assert found.turn_to("inst_5") is None
    assert [found._state_of(f"{name}:a")[0] for name in ("inst_4", "inst_5")] == ["waits", "lost"]


def test_what_of_another_cannot_be_worked_out_concerns_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    waits, broken = b.work(b.task("z", "inst_2:a")), b.work(b.task("a"), name="inst_2")
    b.lies(broken, "a", b.WAITING)
    broken.history.intake = {"mode": "swarm"}
    found = b.index(waits, broken)

    def fails(_: Work) -> None:
        raise RecursionError

    monkeypatch.setattr(Work, "causes", fails)
    with pytest.raises(RecursionError):
        found.look_across()
    assert found.about == "inst_2"

    found.aside.add("inst_2")
    found.about = None
    assert not found._is_doomed(broken, "a")
