"""The critical path: by hand on a graph that fits in a line, and on eight real workflows as networkx finds it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import networkx
import pytest
import yaml

from cagents_fs.core.index import Work
from cagents_fs.model.files import Task
from cagents_fs.report.chronicle import Chronicle
from cagents_fs.report.critical import Net, critical
from cagents_fs.report.state import InstructionState, instruction_state
from tests.support import builders as b
from tests.support.run_by_hand import BEGIN_S, Line, at, moved, until, work_of

SHARED = Path(__file__).parents[2].parent / "shared"
RECORDS = SHARED / "data" / "wfcommons"
CONVERTER = SHARED / "tools" / "wf2plan.py"
WORKFLOWS = sorted(path.stem for path in RECORDS.glob("*.json"))
real = pytest.mark.skipif(not WORKFLOWS or not CONVERTER.is_file(), reason=f"no workflows in {SHARED}")
State = dict[str, Any]

# a and b first; c after both; d after b; e after c and d:   a 3   b 5   c 2   d 1   e 4
EDGES = {"a": [], "b": [], "c": ["a", "b"], "d": ["b"], "e": ["c", "d"]}
SECONDS = {"a": 3.0, "b": 5.0, "c": 2.0, "d": 1.0, "e": 4.0}


def test_path_length_and_slack_are_those_worked_out_by_hand() -> None:
    # Forward: a 3, b 5, c 7, d 6, e 11. Backward: e 11, c and d 7, b 5 (c begins at 5), a 5.
    found = critical(EDGES, SECONDS)

    assert (found.total_s, found.tasks) == (11.0, ["b", "c", "e"])
    assert found.slack_s == {"a": 2.0, "b": 0.0, "c": 0.0, "d": 1.0, "e": 0.0}


@pytest.mark.parametrize("task", SECONDS)
def test_slack_is_by_how_much_a_task_may_be_later_without_the_whole_being_later(task: str) -> None:
    slack = critical(EDGES, SECONDS).slack_s[task]

    assert critical(EDGES, SECONDS | {task: SECONDS[task] + slack}).total_s == 11.0
    assert critical(EDGES, SECONDS | {task: SECONDS[task] + slack + 0.5}).total_s == 11.5


def test_nothing_and_what_nobody_knows_break_nothing() -> None:
    assert (critical({}, {}).total_s, critical({}, {}).tasks) == (0.0, [])
    assert critical({"a": ["gone", "inst_2:x"]}, {"a": 3.0}).total_s == 3.0
    assert critical(EDGES, {}).total_s == 0.0


def test_a_circle_has_no_order_and_those_behind_it_are_still_counted() -> None:
    found = critical({"a": ["b"], "b": ["a"], "c": ["b"], "d": []}, dict.fromkeys("abcd", 1.0))

    assert set(found.slack_s) == set("abcd")
    assert 1.0 <= found.total_s <= 3.0


def test_a_net_is_laid_and_walked_in_pieces() -> None:
    edges = {f"t{n}": [f"t{n - 1}"] if n else [] for n in range(3000)}
    net, ends = Net(), list[float]()

    laid = sum(1 for _ in net.lay(edges))
    walked = sum(1 for _ in net.ends([1.0] * 3000, ends))

    assert laid >= 3 * 3000 / 500
    assert walked == 3000 / 500
    assert ends[-1] == 3000.0


# -- from the tasks of an instruction ----------------------------------------------------------------------------------


def shown(work: Work, lines: list[Line], seconds: float) -> State:
    chronicle = Chronicle().take_all(lines)
    return instruction_state(b.index(work), work, chronicle, b.PLAIN, BEGIN_S + seconds)


def slacks(state: State) -> dict[str, float | None]:
    return {node["task_id"]: node["slack_seconds"] for node in state["nodes"]}


def test_what_was_measured_counts_and_not_what_was_estimated() -> None:
    # a took 70 (60 estimated), b 20 + 20 (20 estimated), c 80, d 40 + 40 (40 estimated): a and c, 150.
    state = shown(work_of(until(200)), until(200), 200)

    assert state["critical_path"] == {"tasks": ["a", "c"], "total_duration_seconds": 150.0, "basis": "4 measured"}
    assert slacks(state) == {"a": 0.0, "b": 30.0, "c": 0.0, "d": 70.0}
    assert [node["task_id"] for node in state["nodes"] if node["on_critical_path"]] == ["a", "c"]


def test_what_runs_counts_as_long_as_it_is_estimated_and_longer_when_it_is_late() -> None:
    early, late = (shown(work_of(until(s)), until(s), s) for s in (60, 79.5))

    # At 60 a has run 40 of 60 s, b 30, and is taken to last as long as that (20 estimated). c and d have not begun:
    # d is estimated at 40, c, of which nobody has measured or estimated anything, at the mean of the estimates, 40.
    assert early["critical_path"]["total_duration_seconds"] == 60 + 40
    assert early["critical_path"]["basis"] == "2 running, 1 by their estimates, 1 taken to last as long as others did"
    # At 79.5 a has run 59.5 of 60; b was accepted after 40.
    assert late["critical_path"]["total_duration_seconds"] == 60 + 40


def test_where_no_time_is_known_the_longest_chain_is_the_one_of_most_tasks() -> None:
    work = b.work(b.task("a"), b.task("b"), b.task("c", "a"))

    state = shown(work, [], 0)

    assert state["critical_path"]["tasks"] == ["a", "c"]
    assert state["critical_path"]["total_duration_seconds"] is None
    assert state["critical_path"]["basis"] == "no times are known: by the number of tasks"
    assert slacks(state) == {"a": None, "b": None, "c": None}


def test_a_parent_counts_from_the_end_of_its_last_child() -> None:
    # whole is claimed at 0, its child works from 10 to 50, whole hands in at 30 and is accepted at 55: 5 s after it.
    made = [b.task("whole"), b.task("part", parent_task_id="whole", assigned_agent="bob")]
    lines = [
        moved(0, "whole", b.queue(), b.IN_PROGRESS, "ann"),
        moved(10, "part", b.queue("bob"), b.IN_PROGRESS, "bob"),
        at(50, "accepted", "part", agent="bob"),
        moved(50, "part", b.IN_PROGRESS, b.COMPLETED, "bob"),
        at(55, "accepted", "whole", agent="ann"),
        moved(55, "whole", b.IN_PROGRESS, b.COMPLETED, "ann"),
    ]
    numbered = until(60, lines)

    path = shown(work_of(numbered, made), numbered, 60)["critical_path"]

    assert (path["tasks"], path["total_duration_seconds"]) == (["part", "whole"], 45.0)


def test_the_order_is_made_anew_when_an_edge_comes_or_is_waived() -> None:
    lines = until(5)
    work, chronicle, state = work_of(lines), Chronicle().take_all(lines), InstructionState()

    def path() -> list[str]:
        for _ in state.build(work, chronicle, b.PLAIN, BEGIN_S + 5):
            pass
        return list(state.result["critical_path"]["tasks"])

    assert path() == ["a", "c"]  # 60 and 40
    waived = at(5, "dependency_waived", "c", on=["a"])
    chronicle.take(waived)
    work.history.apply({"seq": 1000, **waived})
    assert path() == ["a"]  # 60; b and c, 20 and 40, are as long, and a stands first


# -- eight real workflows ----------------------------------------------------------------------------------------------


@cache
def plan(name: str) -> list[Task]:
    line = [sys.executable, str(CONVERTER), str(RECORDS / f"{name}.json")]
    made = yaml.safe_load(subprocess.run(line, capture_output=True, check=True, timeout=60).stdout)
    return [Task.model_validate(task) for task in made["tasks"]]


@cache
def as_networkx_has_it(name: str) -> networkx.DiGraph:
    """From the record itself, not from the plan: the converter keeps the order of the tasks and changes their names."""
    workflow = json.loads((RECORDS / f"{name}.json").read_text())["workflow"]
    tasks = workflow["specification"]["tasks"]
    took = {task["id"]: round(float(task["runtimeInSeconds"]), 3) for task in workflow["execution"]["tasks"]}
    named = {task["id"]: made.task_id for task, made in zip(tasks, plan(name), strict=True)}
    graph = networkx.DiGraph()
    for task in tasks:
        graph.add_node(named[task["id"]], seconds=took[task["id"]])
        graph.add_edges_from((named[parent], named[task["id"]]) for parent in task.get("parents", []))
    return graph


BEFORE_ALL = ""


def longest(graph: networkx.DiGraph) -> float:
    """A weight at the edge into each task, and one task before all of them: so networkx has weights of tasks."""
    weighted = networkx.DiGraph()
    for task in graph:
        weighted.add_edge(BEFORE_ALL, task, weight=graph.nodes[task]["seconds"])
        weighted.add_edges_from((before, task, {"weight": graph.nodes[task]["seconds"]}) for before in graph.pred[task])
    return float(networkx.dag_longest_path_length(weighted))


def through(graph: networkx.DiGraph, task: str) -> float:
    """The longest chain that holds this task: all that comes before it, and all that comes after."""
    before = graph.subgraph({*networkx.ancestors(graph, task), task})
    after = graph.subgraph({*networkx.descendants(graph, task), task})
    return longest(before) + longest(after) - float(graph.nodes[task]["seconds"])


def is_a_chain(graph: networkx.DiGraph, tasks: list[str]) -> bool:
    return networkx.is_path(graph, tasks) and not graph.pred[tasks[0]]


@real
@pytest.mark.parametrize("name", WORKFLOWS)
def test_the_estimated_critical_path_of_a_workflow_is_the_one_that_networkx_finds(name: str) -> None:
    graph = as_networkx_has_it(name)

    state = shown(b.work(*plan(name)), [], 0)

    path = state["critical_path"]
    assert path["total_duration_seconds"] == pytest.approx(longest(graph), abs=0.001)
    assert is_a_chain(graph, path["tasks"])
    assert sum(graph.nodes[task]["seconds"] for task in path["tasks"]) == pytest.approx(longest(graph), abs=0.001)
    assert path["basis"] == f"{len(graph)} by their estimates"


@real
@pytest.mark.parametrize("name", WORKFLOWS)
def test_the_slack_of_a_task_is_what_its_longest_chain_lacks_of_the_critical_path(name: str) -> None:
    graph, total_s = as_networkx_has_it(name), longest(as_networkx_has_it(name))
    some = sorted(graph)[:: max(1, len(graph) // 40)]

    found = slacks(shown(b.work(*plan(name)), [], 0))

    assert len(some) > 5
    assert {task: found[task] for task in some} == {
        task: pytest.approx(total_s - through(graph, task), abs=0.002) for task in some
    }


def as_early_as_possible(graph: networkx.DiGraph) -> Iterator[Line]:
    """The journal of a run in which each task begins when the last that it waits for is done, and takes its time."""
    ends: dict[str, float] = {}
    moments: list[tuple[float, int, Line]] = []
    for turn, task in enumerate(networkx.topological_sort(graph)):
        begin = max((ends[before] for before in graph.pred[task]), default=0.0)
        ends[task] = end = begin + graph.nodes[task]["seconds"]
        moments.append((begin, turn, moved(begin, task, b.queue(task), b.IN_PROGRESS, task)))
        moments.append((end, turn, at(end, "accepted", task, agent=task)))
        moments.append((end, turn, moved(end, task, b.IN_PROGRESS, b.COMPLETED, task)))
    last = max(ends.values())
    yield from (line for _, _, line in sorted(moments, key=lambda moment: moment[:2]))
    yield at(last, "phase", phase="complete")


@real
@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_run_that_waits_for_nothing_but_its_dependencies_is_as_long_as_its_critical_path(name: str) -> None:
    graph = as_networkx_has_it(name)
    lines = [{"seq": n, **line} for n, line in enumerate(as_early_as_possible(graph), start=1)]
    bare = [task.model_copy(update={"estimated_duration": None}) for task in plan(name)]

    state = shown(work_of(lines, bare, max_concurrent=10_000), lines, longest(graph))

    path, figures = state["critical_path"], {key: one["value"] for key, one in state["figures"].items()}
    work_s = sum(seconds for _, seconds in graph.nodes(data="seconds"))
    assert path["total_duration_seconds"] == pytest.approx(
        longest(graph), rel=1e-4, abs=0.1
    )  # journals have milliseconds
    assert is_a_chain(graph, path["tasks"])
    assert path["basis"] == f"{len(graph)} measured"
    assert figures["critical_path_share"] == pytest.approx(1.0, abs=0.001)
    assert figures["speedup"] == pytest.approx(work_s / longest(graph), rel=0.001)
    assert figures["parallelism_efficiency"] == pytest.approx(1.0, abs=0.001)
