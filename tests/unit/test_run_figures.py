"""Every figure against a run that was worked out by hand: the arithmetic stands beside each number."""

from typing import Any

import pytest

from cagents_fs.report.chronicle import Chronicle
from cagents_fs.report.figures import FIGURES
from cagents_fs.report.state import instruction_state
from tests.support import builders as b
from tests.support.run_by_hand import BEGIN_S, iso, until, work_of


def state(seconds: float, **numbers: Any) -> dict[str, Any]:
    """What is shown of the run so many seconds after its beginning."""
    lines = until(seconds)
    work = work_of(lines)
    chronicle = Chronicle().take_all(lines)
    assert chronicle.damaged == 0
    return instruction_state(b.index(work), work, chronicle, b.policy(**numbers), BEGIN_S + seconds)


def figure(name: str, seconds: float = 200.0) -> Any:
    return state(seconds)["figures"][name]["value"]


WORK = 70 + 40 + 80 + 40 + 40  # a with its checks, b, c, d in vain, d
ELAPSED = 200 - 20  # from the first claim to the last end
PATH = 70 + 80  # a, then c
BUSY = 60 + 40 + 80 + 80  # without the checks of a

BY_HAND = {
    "speedup": WORK / ELAPSED,  # 270 / 180 = 1.5
    "theoretical_speedup": WORK / PATH,  # 1.8, as 2 agents allow 2
    "parallelism_efficiency": 1.5 / 1.8,
    "utilisation": BUSY / (2 * ELAPSED),  # of two agents who do one thing at a time
    "queue_depth": 0,
    "average_queue_depth": (20 + 30 + 5 + 100 + 10) / 200,  # what a, b, c, d and d again waited, over the whole time
    "success_rate": 4 / 5,  # four accepted, one stalled
    "critical_path_share": PATH / ELAPSED,
    "throughput": 4 / ELAPSED * 3600,  # 80 an hour
    "waiting_time": (20 + 30 + 5 + 100 + 10) / 5,  # five claims
    "coordination_overhead": (95 - 80) / (95 - 0),  # a's manifest came at 80, c was released at 95; a was queued at 0
    "handing_on_time": 95 - 80,
    "rework_rate": 1 / 5,  # of five manifests
    "integration_success": 3 / 4,  # all but b
    "actual_against_estimated": (70 + 40 + 40) / (60 + 20 + 40),  # a, b, d in its second attempt; c has no estimate
    "average_task_duration": (70 + 40 + 80 + 40) / 4,
    "agent_ranking": ["ann", "bob"],  # (2 + 1) / (2 + 2) against (2 + 1) / (3 + 2)
    "most_at_once": 2,
    "average_at_once": BUSY / ELAPSED,
    "agent_hours": BUSY / 3600,
}


@pytest.mark.parametrize("name", BY_HAND)
def test_a_figure_is_what_was_worked_out_by_hand(name: str) -> None:
    assert figure(name) == pytest.approx(BY_HAND[name], abs=0.0001)


def test_every_figure_was_worked_out_by_hand_and_says_formula_and_unit() -> None:
    assert FIGURES.keys() == BY_HAND.keys()
    for name, (made, unit) in FIGURES.items():
        told = (made.__doc__ or "").strip()
        assert unit, name
        assert len(told.splitlines()) > 1 or name == "most_at_once", name


def test_before_anybody_has_begun_nothing_is_known_and_nothing_is_zero_that_is_not() -> None:
    values = {name: one["value"] for name, one in state(5)["figures"].items()}

    assert values.pop("average_queue_depth") == 3.0
    assert {name: value for name, value in values.items() if value is not None} == {
        "queue_depth": 3,
        "agent_ranking": [],
        "most_at_once": 0,
        "agent_hours": 0.0,
    }


def test_while_it_runs_the_figures_are_about_what_has_been_done() -> None:
    # At 120: a took 70, b 40, c and d 20 each; 100 s since the first claim. The path is a and what c has done: 90.
    values = {name: one["value"] for name, one in state(120)["figures"].items()}

    assert values["speedup"] == pytest.approx(150 / 100)
    assert values["critical_path_share"] == pytest.approx(90 / 100)
    assert values["theoretical_speedup"] == pytest.approx(150 / 90, abs=0.0001)
    assert values["utilisation"] == pytest.approx((60 + 40 + 20 + 20) / (2 * 100))
    assert values["success_rate"] == 1.0
    assert values["throughput"] == pytest.approx(2 / 100 * 3600)


def test_slots_that_are_described_are_the_places_that_there_were() -> None:
    # ann has 3 slots, bob 1: 4 places. 270 s of work in 150 s of path allow 1.8, whatever the places.
    values = state(200, agents={"ann": b.kind("ann", slots=3), "bob": b.kind("bob")})["figures"]

    assert values["utilisation"]["value"] == pytest.approx(BUSY / (4 * ELAPSED), abs=0.0001)
    assert values["theoretical_speedup"]["value"] == pytest.approx(1.8)


def test_the_mode_allows_no_more_places_than_its_limit() -> None:
    values = state(200, swarm_max=1)["figures"]

    assert values["theoretical_speedup"]["value"] == 1.0
    assert values["utilisation"]["value"] == 1.0  # 260 s of work in 180 s: more than one place could hold
    assert values["parallelism_efficiency"]["value"] == 1.0


def test_the_timeline_has_each_piece_of_work_with_what_became_of_it() -> None:
    told = [tuple(row.values()) for row in state(200)["timeline"]]

    assert told == [
        ("a", "ann", 1, iso(20), iso(90), "accepted"),
        ("b", "bob", 1, iso(30), iso(50), "rejected"),
        ("b", "bob", 1, iso(50), iso(70), "accepted"),
        ("c", "ann", 1, iso(100), iso(180), "accepted"),
        ("d", "bob", 1, iso(100), iso(140), "stalled"),
        ("d", "bob", 2, iso(160), iso(200), "accepted"),
    ]


def test_what_goes_on_has_no_end_and_who_is_quiet_is_shown_as_stalled() -> None:
    told = {row["task_id"]: (row["end"], row["outcome"]) for row in state(135)["timeline"]}

    assert told["c"] == (None, "working")
    assert told["d"] == (None, "stalled")


def test_queues_and_states_are_told_over_time() -> None:
    history = state(200)["queue_history"]

    at = history["times"].index
    series = history["series"]
    assert [series["queued"][at(iso(s))] for s in (0, 10, 20, 30, 95, 100, 150)] == [3, 3, 2, 1, 2, 0, 1]
    assert [series["waiting"][at(iso(s))] for s in (0, 90, 95)] == [1, 1, 0]
    assert [series["in_progress"][at(iso(s))] for s in (20, 30, 70, 100, 140)] == [1, 2, 1, 2, 1]
    assert series["completed"][-1] == 4


def test_the_heatmap_has_the_share_of_the_time_of_each_slot_that_belongs_to_the_run() -> None:
    # One slot, 12:00 to 12:05; of it the run has 20 to 200: 180 s. ann was busy for 60 + 80, bob for 40 + 80.
    heat = state(200)["heatmap"]

    assert heat["time_slots"] == [iso(0)]
    assert dict(zip(heat["agents"], heat["utilization_matrix"], strict=True)) == {
        "ann": [round(100 * 140 / 180)],
        "bob": [round(100 * 120 / 180)],
    }


def test_each_agent_is_told_with_its_share_of_the_time() -> None:
    rows = {row["agent"]: row for row in state(200)["agents"]}

    assert rows["ann"]["utilization"] == pytest.approx(100 * 140 / 180, abs=0.05)
    assert rows["bob"]["utilization"] == pytest.approx(100 * 120 / 180, abs=0.05)
    assert (rows["bob"]["completed"], rows["bob"]["failed"], rows["bob"]["success_rate"]) == (
        2,
        1,
        pytest.approx(2 / 3, abs=0.0001),
    )
    assert rows["ann"]["average_task_seconds"] == (70 + 80) / 2
    assert [rows[agent]["rank"] for agent in ("ann", "bob")] == [1, 2]
    assert {rows[agent]["status"] for agent in rows} == {"idle"}


def test_who_works_and_who_has_gone_quiet_is_told_apart() -> None:
    rows = {row["agent"]: row for row in state(135)["agents"]}

    assert (rows["ann"]["status"], rows["ann"]["task_ids"]) == ("working", ["c"])
    assert (rows["bob"]["status"], rows["bob"]["task_ids"]) == ("stalled", ["d"])
    assert state(135)["agent_status"]["stalled_agents"] == ["bob"]
    assert state(135)["agent_status"]["active_agents"] == 1


def test_the_end_is_foreseen_from_what_is_left() -> None:
    # At 120 c has 70 - 20 left (ann takes 70 on average), d 40 - 20: 70 s, the longest chain 50, two at once.
    overview = state(120)["overview"]

    assert overview["estimated_completion"] == iso(120 + 50 + (70 - 50) / 2)
    assert "70 s of work left, 2 at once, the longest chain 50 s" in overview["estimated_completion_basis"]
    assert (overview["progress_percentage"], overview["elapsed_seconds"]) == (50.0, 120.0)


def test_when_it_is_over_the_end_is_the_one_that_there_was() -> None:
    overview = state(200)["overview"]

    assert (overview["status"], overview["estimated_completion"]) == ("complete", iso(200))
    assert (overview["elapsed_seconds"], overview["elapsed_time"]) == (200.0, "3 min")


def test_the_sections_count_what_is_where() -> None:
    shown = state(145)  # c in work, d waits out its pause

    assert (
        shown["task_status"] | {"in_progress_tasks": 1, "retry_tasks": 1, "completed_tasks": 2} == shown["task_status"]
    )
    assert shown["task_status"]["total_tasks"] == 4
    assert shown["issues"]["retries_in_progress"] == 1
    assert state(165)["issues"]["retries_in_progress"] == 1  # in its second attempt
    assert state(40)["queue_status"] == {
        "global_queue_depth": 0,
        "domain_queue_depths": {},
        "agent_queue_depths": {"bob": 1},
        "longest_wait_time": "40 s",
        "longest_wait_seconds": 40.0,
        "tasks_waiting_on_dependencies": 1,
    }


def test_the_performance_section_has_percent_where_other_tools_have_percent() -> None:
    assert state(200)["performance"] == {
        "tasks_per_hour": 80.0,
        "average_task_duration": "58 s",
        "average_task_seconds": 57.5,
        "parallelism_efficiency": 83.3,
        "bottleneck_agents": ["bob"],
    }
