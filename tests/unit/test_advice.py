"""Bottlenecks and recommendations: each with its evidence, and with a gain that was worked out by hand."""

from typing import Any

import pytest

from cagents_fs.core.index import Work
from cagents_fs.model.files import Task
from cagents_fs.model.policy import Policy
from cagents_fs.report.chronicle import Chronicle
from cagents_fs.report.state import instruction_state
from tests.support import builders as b
from tests.support.run_by_hand import BEGIN_S, Line, at, moved, until, work_of

Row = dict[str, Any]


def state(made: list[Task], lines: list[Line], seconds: float, policy: Policy = b.PLAIN, **instruction: Any) -> Row:
    """What is shown then. Tasks of which the journal tells nothing lie in the queues, or wait for others."""
    told = {line["task_id"] for line in lines}
    rest = {task.task_id: b.WAITING if task.blocking() else b.GLOBAL for task in made if task.task_id not in told}
    numbered = until(seconds, [*(moved(0, name, None, place) for name, place in rest.items()), *lines])
    return of(work_of(numbered, made, **instruction), numbered, seconds, policy)


def of(work: Work, lines: list[Line], seconds: float, policy: Policy = b.PLAIN) -> Row:
    return instruction_state(b.index(work), work, Chronicle().take_all(lines), policy, BEGIN_S + seconds)


def advice(shown: Row, kind: str) -> list[Row]:
    return [row for row in shown["bottlenecks"]["recommendations"] if row["kind"] == kind]


def estimated(task_id: str, seconds: float, *needs: str, **fields: Any) -> Task:
    return b.task(task_id, *needs, estimated_duration=seconds, **fields)


def claimed(seconds: float, task_id: str, agent: str = "ann") -> list[Line]:
    return [
        moved(0, task_id, None, b.queue(agent), agent),
        moved(seconds, task_id, b.queue(agent), b.IN_PROGRESS, agent),
    ]


def worked(begin: float, end: float, task_id: str, agent: str = "ann") -> list[Line]:
    done = [at(end, "accepted", task_id, agent=agent), moved(end, task_id, b.IN_PROGRESS, b.COMPLETED, agent)]
    return [*claimed(begin, task_id, agent), *done]


def failed(begin: float, end: float, task_id: str, agent: str = "ann") -> list[Line]:
    return [*claimed(begin, task_id, agent), moved(end, task_id, b.IN_PROGRESS, b.RETRY, agent, retries=1)]


# -- a task that has run for twice its estimate ------------------------------------------------------------------------

LATE = [estimated("slow", 30), estimated("next", 50, "slow"), estimated("other", 100)]


def test_a_task_that_has_run_for_twice_its_estimate_is_told_with_what_it_costs() -> None:
    # The path is slow and next: 70 + 50 = 120. With the 30 s that were estimated it would be other, 100: 20 less.
    [row] = advice(state(LATE, claimed(10, "slow"), 80), "late_task")

    assert (row["about"], row["expected_gain_seconds"]) == ("slow", 20.0)
    assert row["evidence"] == "it has run for 70 s, 2.3 times its estimate of 30 s"
    assert "cagents-fs explain inst_1/slow" in row["text"]


@pytest.mark.parametrize(("seconds", "late"), [(69.9, 0), (70.0, 1)])
def test_a_task_is_late_at_twice_its_estimate_and_not_a_moment_before(seconds: float, late: int) -> None:
    lines = claimed(10, "slow")
    work = work_of(lines, LATE)

    assert len(advice(of(work, lines, seconds), "late_task")) == late


def test_a_task_without_an_estimate_is_never_late() -> None:
    assert advice(state([b.task("slow")], claimed(10, "slow"), 100_000), "late_task") == []


def test_a_late_task_is_among_the_warnings() -> None:
    [warning] = state(LATE, claimed(10, "slow"), 80)["issues"]["warnings"]

    assert warning.startswith("slow: it has run for 70 s")


# -- a single task of more than 30 % of the critical path --------------------------------------------------------------


def test_a_task_that_is_more_than_30_percent_of_the_critical_path_is_to_be_split() -> None:
    # 40 + 20 + 20 + 20: the first is 40 %. In two halves side by side the path is 80 s, 20 less.
    chain = [estimated("a", 40), estimated("b", 20, "a"), estimated("c", 20, "b"), estimated("d", 20, "c")]

    [row] = advice(state(chain, [], 0), "heavy_task")

    assert (row["about"], row["expected_gain_seconds"]) == ("a", 20.0)
    assert row["evidence"].startswith("it is 40 % of the critical path (40 s of 2 min)")


def test_the_gain_of_a_split_is_no_more_than_what_the_next_longest_chain_leaves() -> None:
    # a and b: 100 s, x alone 90 s. With half of a it is x that is longest: 10 s are gained and not 40.
    both = [estimated("a", 80), estimated("b", 20, "a"), estimated("x", 90)]

    [row] = advice(state(both, [], 0), "heavy_task")

    assert (row["about"], row["expected_gain_seconds"]) == ("a", 10.0)


def test_a_task_of_just_30_percent_is_none_to_be_split() -> None:
    chain = [estimated("a", 30), *(estimated(f"b{n}", 10, f"b{n - 1}" if n else "a") for n in range(7))]

    assert advice(state(chain, [], 0), "heavy_task") == []


# -- a wave that could be wider ----------------------------------------------------------------------------------------


def test_a_wave_that_is_wider_than_the_limit_could_be_wider() -> None:
    # Six tasks of 60 s, two at once: 180 s. All at once: 60 s.
    six = [estimated(f"t{n}", 60) for n in range(6)]

    [row] = advice(state(six, [], 0, max_concurrent=2), "narrow_wave")

    assert (row["about"], row["expected_gain_seconds"]) == ("wave 1", 120.0)
    assert row["evidence"] == "6 tasks could be done side by side, 2 at once are (max_concurrent of the plan)"
    assert "a higher max_concurrent" in row["text"]


def test_a_wave_is_as_narrow_as_the_slots_of_its_agents_where_these_are_fewer_than_the_limit() -> None:
    # ann has two instances with one slot each; four tasks of 30 s: 60 s instead of 30.
    four = [estimated(f"t{n}", 30) for n in range(4)]

    [row] = advice(state(four, [], 0, b.policy(agents={"ann": b.kind("ann", slots=1, instances=2)})), "narrow_wave")

    assert row["expected_gain_seconds"] == 30.0
    assert "(as many as their agents have slots)" in row["evidence"]
    assert "more slots or instances" in row["text"]


def test_a_wave_that_fits_is_wide_enough_and_one_that_is_done_is_none_any_more() -> None:
    two = [estimated("a", 60), estimated("b", 60)]
    lines = [*worked(0, 60, "a"), *claimed(60, "b")]

    assert advice(state(two, [], 0, max_concurrent=2), "narrow_wave") == []
    assert advice(state(two, lines, 61, max_concurrent=1), "narrow_wave") == []


# -- an agent that fails often -----------------------------------------------------------------------------------------


def test_an_agent_of_whose_attempts_more_than_a_fifth_failed_is_told() -> None:
    made = [b.task(name) for name in "abc"]
    lines = [*worked(0, 10, "a"), *worked(10, 20, "b"), *failed(20, 50, "c")]

    shown = state(made, lines, 60)

    [row] = advice(shown, "failing_agent")
    assert (row["about"], row["expected_gain_seconds"]) == ("ann", None)
    assert row["evidence"] == "1 of its 3 attempts failed; 30 s of work were lost in them"
    [agent] = shown["bottlenecks"]["bottleneck_agents"]
    assert (agent["agent_name"], agent["reason"]) == ("ann", "high_failure_rate")
    assert shown["performance"]["bottleneck_agents"] == ["ann"]


@pytest.mark.parametrize(("good", "told"), [(1, 0), (2, 1), (4, 0)])
def test_of_two_attempts_nothing_follows_and_a_fifth_is_not_often(good: int, told: int) -> None:
    names = [f"t{n}" for n in range(good + 1)]
    lines = [line for n, name in enumerate(names[1:]) for line in worked(n, n + 1, name)] + failed(20, 50, "t0")

    assert len(advice(state([b.task(name) for name in names], lines, 60), "failing_agent")) == told


# -- queues ------------------------------------------------------------------------------------------------------------


def test_a_deep_queue_asks_for_another_agent() -> None:
    # Seven tasks of 60 s for one slot: 420 s; with a second one 210.
    made = [estimated(f"t{n}", 60) for n in range(8)]
    lines = [*claimed(0, "t0"), *(moved(0, f"t{n}", None, b.queue(), "ann") for n in range(1, 8))]

    [row] = advice(state(made, lines, 1, b.policy(agents={"ann": b.kind("ann", slots=1)})), "deep_queue")

    assert (row["about"], row["expected_gain_seconds"]) == ("ann", 210.0)
    assert row["evidence"] == "7 tasks lie in its queue, 7 min of work for 1 at once"


def test_who_has_all_slots_taken_and_a_full_queue_is_overloaded() -> None:
    made = [b.task(f"t{n}") for n in range(4)]
    lines = [*claimed(0, "t0"), *(moved(0, f"t{n}", None, b.queue(), "ann") for n in range(1, 4))]

    full = state(made, lines, 1, b.policy(agents={"ann": b.kind("ann", slots=1)}, max_queue_depth=3))
    deeper = state(made, lines, 1, b.policy(agents={"ann": b.kind("ann", slots=1)}, max_queue_depth=4))

    assert full["agent_status"]["overloaded_agents"] == ["ann"]
    assert full["bottlenecks"]["bottleneck_agents"][0]["reason"] == "overloaded"
    assert deeper["agent_status"]["overloaded_agents"] == []


# -- tasks and dependencies that hold up others ------------------------------------------------------------------------


def test_a_task_for_which_many_wait_is_told_with_how_many_directly_and_through_others() -> None:
    made = [estimated("root", 10), *(estimated(f"t{n}", 100, "root") for n in range(4)), estimated("end", 100, "t0")]

    [row, *_] = state(made, [], 0)["bottlenecks"]["bottleneck_tasks"]

    assert (row["task_id"], row["reason"], row["impact_tasks_blocked"]) == ("root", "blocking_many", 5)
    assert row["estimated_delay"] == 10.0  # it is on the critical path: the end comes so much later


def test_a_task_of_the_critical_path_that_waits_for_an_agent_delays_the_whole() -> None:
    made = [estimated("a", 10), estimated("b", 10, "a"), estimated("c", 10, "b"), estimated("d", 10, "c")]

    [row] = state(made, [moved(5, "a", None, b.queue(), "ann")], 65)["bottlenecks"]["bottleneck_tasks"][:1]

    assert (row["task_id"], row["reason"], row["estimated_delay"]) == ("a", "resource_contention", 60.0)
    assert row["impact_tasks_blocked"] == 3


def test_dependencies_of_the_critical_path_and_long_waits_are_told() -> None:
    made = [estimated("a", 60), estimated("b", 30, "a"), estimated("x", 1), estimated("y", 1, "x")]
    lines = [*claimed(0, "a"), *(moved(0, name, None, b.WAITING) for name in "by"), moved(0, "x", None, b.GLOBAL)]

    rows = {row["dependency"]: row for row in state(made, lines, 50)["bottlenecks"]["bottleneck_dependencies"]}

    assert rows["a -> b"]["reason"] == "critical_path"
    assert rows["a -> b"]["impact"] == "30 s of work on the critical path come after it"
    assert rows["x -> y"]["reason"] == "long_wait"
    assert rows["x -> y"]["impact"] == "y has waited 50 s for it alone"


def test_a_circle_is_a_bottleneck() -> None:
    made = [b.task("a", "b"), b.task("b", "a")]

    [row, *_] = state(made, [], 0)["bottlenecks"]["bottleneck_dependencies"]

    assert (row["reason"], row["impact"]) == ("circular", "a, b wait for each other")


def test_when_all_is_done_nothing_holds_it_up() -> None:
    lines = [*worked(0, 10, "a"), *worked(10, 20, "b"), at(20, "phase", phase="complete")]

    found = state([b.task("a"), b.task("b")], lines, 30)["bottlenecks"]

    assert {name: rows for name, rows in found.items() if rows} == {}
