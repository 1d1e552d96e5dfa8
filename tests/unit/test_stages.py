"""The stages of a pipeline: named by its tasks, else the waves of the graph."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cagents_fs.core.graph import levels
from cagents_fs.core.stages import named, stage_faults, stages
from cagents_fs.model.files import Task
from tests.support import builders as b

Edges = dict[str, list[str]]


def edges_of(tasks: list[Task]) -> Edges:
    return {task.task_id: list(task.blocking()) for task in tasks}


def of(*tasks: Task, listed: tuple[str, ...] = ()) -> dict[str, int]:
    return stages({task.task_id: task for task in tasks}, edges_of([*tasks]), listed)


def codes(*tasks: Task, listed: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    return [(about, fault.code) for about, fault in stage_faults([*tasks], edges_of([*tasks]), listed)]


# -- which stage a task is of -----------------------------------------------------------------------------------------


def test_where_nobody_names_one_the_stages_are_the_waves() -> None:
    assert of(b.task("a"), b.task("m", "a"), b.task("c"), b.task("z", "m", "c")) == {"a": 0, "c": 0, "m": 1, "z": 2}


def test_numbers_count_by_their_size_wherever_they_begin() -> None:
    assert of(b.task("a", stage=3), b.task("c", stage=2), b.task("e", stage=2)) == {"a": 1, "c": 0, "e": 0}


def test_names_count_as_they_are_listed_else_as_they_first_appear() -> None:
    tasks = [b.task("a", stage="build"), b.task("c", stage="design"), b.task("e", stage="build")]

    assert of(*tasks) == {"a": 0, "c": 1, "e": 0}
    assert of(*tasks, listed=("design", "build")) == {"a": 1, "c": 0, "e": 1}


def test_who_names_none_is_of_the_latest_stage_of_those_it_waits_for_else_of_the_first() -> None:
    found = of(
        b.task("a", stage=1),
        b.task("c", stage=2),
        b.task("free"),
        b.task("z", "a", "c"),
        b.task("after", "z"),
    )

    assert found == {"a": 0, "c": 1, "free": 0, "z": 1, "after": 1}


def test_numbers_and_names_together_count_numbers_first() -> None:
    assert named([b.task("a", stage="end"), b.task("c", stage=1), b.task("e", stage=0)]) == [0, 1, "end"]


@st.composite
def staged(draw: st.DrawFn) -> list[Task]:
    """Tasks that wait for earlier ones; some name a stage, none an earlier one than those it waits for."""
    tasks: list[Task] = []
    for name in "abcdefg"[: draw(st.integers(1, 7))]:
        awaited = draw(st.lists(st.sampled_from([t.task_id for t in tasks]), unique=True, max_size=3)) if tasks else []
        least = max([of(*tasks)[t] for t in awaited], default=0)
        stage = draw(st.one_of(st.none(), st.integers(least, least + 2)))
        tasks.append(b.task(name, *awaited, stage=stage))
    return tasks


@settings(max_examples=200, deadline=None)
@given(staged())
def test_no_task_is_of_an_earlier_stage_than_one_it_waits_for_unless_that_is_refused(tasks: list[Task]) -> None:
    found, edges = of(*tasks), edges_of(tasks)
    out_of_order = {task for task, awaited in edges.items() if any(found[other] > found[task] for other in awaited)}

    assert {about for about, code in codes(*tasks) if code == "stage_order"} == out_of_order
    assert list(found) == list(levels(edges))  # in topological order: what urgency relies on


# -- what cannot be meant ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("numbers", "empty"),
    [((1, 2, 3), []), ((1, 3), ["2"]), ((0, 4), ["1"]), ((0, 3, 6), ["1", "4"]), ((7, 7), []), ((0, 99_999), ["1"])],
)
def test_a_gap_in_the_numbers_is_an_empty_stage_that_is_told_by_its_first_number(
    numbers: tuple[int, ...], empty: list[str]
) -> None:
    tasks = [b.task(f"t{n}", stage=stage) for n, stage in enumerate(numbers)]

    assert codes(*tasks) == [(stage, "empty_stage") for stage in empty]


def test_a_stage_that_is_listed_and_that_no_task_bears_is_empty() -> None:
    assert codes(b.task("a", stage="build"), listed=("design", "build", "ship")) == [
        ("design", "empty_stage"),
        ("ship", "empty_stage"),
    ]


def test_a_stage_that_is_not_listed_is_unknown() -> None:
    assert codes(b.task("a", stage="build"), b.task("c", stage="biuld"), listed=("build",)) == [("c", "unknown_stage")]


def test_who_waits_for_one_of_a_later_stage_would_never_be_done() -> None:
    first, later = b.task("a", "c", stage=1), b.task("c", stage=2)

    assert codes(first, later) == [("a", "stage_order")]
    (fault,) = [fault for _, fault in stage_faults([first, later], edges_of([first, later]), ())]
    assert fault.message == "a waits for c, which is of a later stage and would never be done"


# -- in a work --------------------------------------------------------------------------------------------------------


def test_the_open_stage_is_the_first_in_which_something_is_left_whatever_the_graph_says() -> None:
    made = b.work(b.task("a", stage="one"), b.task("c", stage="two"), b.task("e", stage="two"), mode="pipeline")
    assert (made.level, made.open_level()) == ({"a": 0, "c": 1, "e": 1}, 0)

    b.done(made, "a")
    assert made.open_level() == 1


def test_other_modes_know_nothing_of_stages() -> None:
    assert b.work(b.task("a", stage=2), b.task("c", stage=1)).level == {"a": 0, "c": 0}


def test_a_stage_that_lost_a_task_closes_those_after_it() -> None:
    made = b.work(
        b.task("a", stage=1), b.task("c", stage=1), b.task("e", stage=2), b.task("g", stage=3), mode="pipeline"
    )
    b.lies(made, "a", b.FAILED)

    assert made.causes() == {"e": ("a",), "g": ("a",)}

    b.lies(made, "a", b.CANCELLED, skipped=True)
    assert made.causes() == {}


def test_a_stage_is_done_without_what_cannot_come_because_of_what_was_given_up() -> None:
    made = b.work(b.task("a"), b.task("b"), b.task("c", "a"), b.task("d", "b"), b.task("e", "d"), mode="pipeline")
    b.done(made, "b")
    b.lies(made, "a", b.FAILED)
    b.lies(made, "c", b.BLOCKED)
    b.done(made, "d")
    assert (made.open_level(), made.causes()) == (0, {"c": ("a",), "e": ("a",)})

    b.lies(made, "e", b.GLOBAL, waived=frozenset({"a"}))  # somebody has said that it goes on without
    made.doom_stale = True

    assert (made.open_level(), made.causes()) == (2, {"c": ("a",)})


def test_a_stage_waits_for_who_can_still_come_although_what_it_waited_for_was_given_up() -> None:
    made = b.work(b.task("a"), b.task("c", "a"), b.task("e"), b.task("f", "e"), b.task("g", "f"), mode="pipeline")
    for name in ("e", "f"):
        b.done(made, name)
    b.lies(made, "a", b.FAILED)
    b.lies(made, "c", b.IN_PROGRESS)  # it had begun before
    b.lies(made, "g", b.GLOBAL, waived=frozenset({"a"}))

    assert made.open_level() == 1
