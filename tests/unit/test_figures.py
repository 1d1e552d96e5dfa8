"""The demo's figures, worked out by hand from a journal that fits on a page."""

from typing import Any

import pytest

from cagents_fs.demo.figures import figures, longest_path

Line = dict[str, Any]
EDGES = {"a": [], "c": [], "z": ["a", "c"]}


def at(seconds: float, event: str, task: str | None = None, **more: Any) -> Line:
    time = f"2026-01-10T12:00:{seconds:09.6f}Z"
    return {"time": time, "event": event, "task_id": task, "reason": f"{event} of {task}"} | more


def moved(seconds: float, task: str, target: str) -> Line:
    return at(seconds, "moved", task, **{"from": "-", "to": target})


# a: claimed at 1, rejected and mended, completed at 5: 4 s. c: claimed at 2, taken back at 4 (2 s), again from 6 to 9
# (3 s): 5 s. z: from 10 to 12: 2 s. Alone 11 s; together from 1 to 12, 11 s; the longest path is c and z, 7 s.
RUN = [
    at(0, "intake_done"),
    moved(0, "a", "queues/agents/shell"),
    moved(1, "a", "tasks/in_progress"),
    at(1, "process_started", "a"),
    moved(2, "c", "tasks/in_progress"),
    at(2, "process_started", "c"),
    moved(3, "a", "tasks/under_review"),
    at(3, "rejected", "a"),
    moved(3, "a", "tasks/in_progress"),
    at(3, "process_ended", "a"),
    at(3, "process_started", "a"),
    at(4, "stalled", "c"),
    moved(4, "c", "queues/retry"),
    at(4, "process_ended", "c"),
    at(5, "accepted", "a"),
    moved(5, "a", "tasks/completed"),
    at(5, "process_ended", "a"),
    moved(6, "c", "tasks/in_progress"),
    at(9, "accepted", "c"),
    moved(9, "c", "tasks/completed"),
    moved(10, "z", "tasks/in_progress"),
    at(12, "accepted", "z"),
    moved(12, "z", "tasks/completed"),
]


def test_the_figures_of_a_run_are_those_worked_out_by_hand() -> None:
    found = figures(RUN, EDGES)

    assert (found.alone_s, found.together_s, found.path_s) == (11.0, 11.0, 7.0)
    assert found.speedup == 1.0
    assert found.efficiency == pytest.approx(7 / 11)


def test_what_went_wrong_and_what_was_accepted_is_counted() -> None:
    found = figures(RUN, EDGES)

    assert found.rejected == [("a", "rejected of a")]
    assert found.stalled == [("c", "stalled of c")]
    assert found.accepted == 3


def test_the_most_at_once_are_the_processes_between_their_start_and_their_end() -> None:
    assert figures(RUN, EDGES).most_at_once == 2
    one_after_another = [at(1, "process_started", "a"), at(2, "process_ended", "a"), at(3, "process_started", "c")]
    assert figures(one_after_another, EDGES).most_at_once == 1


def test_three_tasks_side_by_side_take_a_third_of_the_time() -> None:
    lines = [moved(0, name, "tasks/in_progress") for name in "ace"] + [moved(4, n, "tasks/completed") for n in "ace"]
    found = figures(lines, {name: [] for name in "ace"})

    assert (found.alone_s, found.together_s, found.path_s) == (12.0, 4.0, 4.0)
    assert (found.speedup, found.efficiency) == (3.0, 1.0)


def test_before_anybody_has_finished_there_is_nothing_to_divide_by() -> None:
    found = figures([at(0, "intake_done"), moved(1, "a", "tasks/in_progress")], EDGES)

    assert (found.alone_s, found.together_s, found.path_s, found.speedup, found.efficiency) == (0.0,) * 5


@pytest.mark.parametrize(
    ("seconds", "edges", "expected"),
    [
        ({}, {}, 0.0),
        ({"a": 2.0}, {"a": []}, 2.0),
        ({"a": 1.0, "c": 5.0, "z": 1.0}, EDGES, 6.0),
        ({"a": 9.0, "c": 5.0, "z": 1.0}, EDGES, 10.0),
        ({"a": 9.0, "z": 1.0}, {"z": ["m"], "m": ["a"], "a": []}, 10.0),
    ],
)
def test_the_longest_path_goes_through_those_who_wait_for_each_other(
    seconds: dict[str, float], edges: dict[str, list[str]], expected: float
) -> None:
    assert longest_path(seconds, edges) == expected
