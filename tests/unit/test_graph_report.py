"""Who waits for whom: the data of `graph`, and how they are drawn."""

import re
import shutil
import subprocess
from typing import Any

import pytest

from cagents_fs.core.index import Work
from cagents_fs.report import drawing
from cagents_fs.report.graph import graph, mode_reason
from tests.support import builders as b

NEEDS = {
    "hard_dependencies": [{"task_id": "base"}],
    "soft_dependencies": [{"task_id": "nice"}],
    "data_dependencies": [{"task_id": "maker", "artifact_path": 'a "b" <c>|d\x1b[31m.sql'}],
    "coordination": [{"checkpoint": "api", "with": ["nice"]}],
}


def every_kind() -> Work:
    tasks = [b.task(name) for name in ("base", "nice", "maker")]
    made = b.work(*tasks, b.task("end", dependencies=NEEDS), b.task("part", parent_task_id="nice"))
    b.done(made, "base")
    for name in ("nice", "maker", "part"):
        b.lies(made, name, b.queue())
    b.lies(made, "end", b.WAITING)
    return made


def of(made: Work) -> dict[str, Any]:
    return graph(b.index(made), made, b.PLAIN, b.NOW.wall_s)


def test_every_task_has_its_state_wave_agent_and_urgency() -> None:
    nodes = {node["task_id"]: node for node in of(every_kind())["nodes"]}

    assert (nodes["base"]["state"], nodes["base"]["status"], nodes["base"]["wave"]) == (b.COMPLETED, "completed", 0)
    assert (nodes["part"]["wave"], nodes["nice"]["wave"], nodes["part"]["parent_task_id"]) == (0, 1, "nice")
    assert (nodes["end"]["wave"], nodes["end"]["agent"], nodes["end"]["effective_priority"]) == (1, "ann", "normal")
    assert nodes["end"]["unmet"] == ["maker"]


def test_every_kind_of_edge_goes_from_the_awaited_to_the_one_that_waits() -> None:
    edges = of(every_kind())["edges"]

    assert [(edge["from"], edge["to"], edge["kind"]) for edge in edges] == [
        ("part", "nice", "parent"),
        ("base", "end", "hard"),
        ("maker", "end", "data"),
        ("nice", "end", "soft"),
        ("end", "nice", "coordination"),
    ]
    assert edges[2]["artifact_path"].endswith(".sql")
    assert (edges[1]["met"], edges[2]["met"], edges[4]["checkpoint"]) == (True, False, "api")


def test_an_edge_that_was_added_is_a_hard_one() -> None:
    made = b.work(b.task("a"), b.task("c"), mode="mesh")
    made.records["c"].ledger.added_edges = ("a",)

    assert [(edge["from"], edge["to"], edge["kind"]) for edge in of(made)["edges"]] == [("a", "c", "hard")]


@pytest.mark.parametrize(
    ("chain", "alone", "waves", "independence"), [(4, 0, 4, 0.0), (1, 3, 1, 1.0), (3, 2, 3, 0.5), (1, 0, 1, 1.0)]
)
def test_waves_and_independence(chain: int, alone: int, waves: int, independence: float) -> None:
    tasks = [b.task(f"c{n}", *([f"c{n - 1}"] if n else [])) for n in range(chain)]

    found = of(b.work(*tasks, *(b.task(f"x{n}") for n in range(alone))))

    assert (len(found["waves"]), found["independence"]) == (waves, independence)
    assert found["waves"][0] == ["c0", *(f"x{n}" for n in range(alone))]


def test_in_a_pipeline_the_waves_are_the_stages_with_their_names() -> None:
    tasks = [b.task("t2", stage="ship"), b.task("t1", stage="build")]

    found = of(b.work(*tasks, mode="pipeline", stages=["build", "ship"]))

    assert (found["waves"], found["stages"]) == ([["t1"], ["t2"]], ["build", "ship"])


def test_a_circle_does_not_hinder_it() -> None:
    found = of(b.work(b.task("a", "c"), b.task("c", "a"), b.task("e")))

    assert found["waves"] == [["a", "c", "e"]]
    assert found["independence"] == 1.0


@pytest.mark.parametrize(
    ("plan", "mode", "words"),
    [
        ({"mode": "swarm"}, "swarm", "the plan says `mode: swarm`"),
        ({"tier": 0}, "sequential", "tier 0, which runs in sequential mode"),
        ({"tier": 4}, "mesh", "tier 4, which runs in mesh mode"),
        ({"tier": 3}, "pipeline", "tier 3; independence was 0.00 when it was taken in, not above 0.7: pipeline mode"),
        ({}, "pipeline", "names no tier, so it is of tier 3"),
    ],
)
def test_the_reason_of_the_mode_is_what_the_plan_says_or_its_tier_and_the_figure(
    plan: dict[str, Any], mode: str, words: str
) -> None:
    made = b.work(b.task("a"), b.task("c", "a"))
    made.mode, made.instruction = mode, made.instruction.model_copy(update=plan)

    assert words in mode_reason(made)


def test_the_figure_is_that_of_the_plan_and_not_of_what_came_later() -> None:
    made = b.work(b.task("a"), b.task("c"), b.task("later", "a"))
    made.records["later"].ledger.added = True

    assert "1.00" in mode_reason(made)


# -- drawn ------------------------------------------------------------------------------------------------------------


def test_as_a_tree_it_says_wave_by_wave_who_waits_for_what() -> None:
    lines = list(drawing.tree(of(every_kind())))

    assert lines[0] == "inst_1: swarm mode, 5 tasks in 2 waves, independence 0.75"
    assert [line for line in lines if line.startswith("wave")] == ["wave 1", "wave 2"]
    text = "\n".join(lines)
    assert re.search(r"x base +completed +ann\n", text)
    assert "waits for part (child), end at api" in text
    assert "waits for a" in text
    assert "nice (rather), nice at api" in text
    assert lines[-1] == "[x completed] [o queued] [. waiting]"


@pytest.mark.parametrize("draw", [drawing.tree, drawing.dot, drawing.mermaid])
def test_no_byte_of_an_agent_gets_through(draw: Any) -> None:
    drawn = "\n".join(draw(of(every_kind())))

    assert not set("\x1b\x07\u202e") & set(drawn)
    assert ".sql" in drawn


def test_the_tree_breaks_no_word_and_keeps_to_the_width() -> None:
    made = b.work(*(b.task(f"task_{n}") for n in range(30)), b.task("last", *(f"task_{n}" for n in range(30))))

    lines = list(drawing.tree(of(made), 80))

    assert max(map(len, lines)) <= 80
    assert set(re.findall(r"task_\w+", " ".join(lines))) <= set(made.records)
    assert "and 10 more" in " ".join(lines)


def test_dot_quotes_what_means_something_to_it_and_draws_each_kind_its_own_way() -> None:
    drawn = list(drawing.dot(of(every_kind())))

    assert drawn[0] == 'digraph "inst_1" {'
    assert drawn[-1] == "}"
    assert '  "base" -> "end";' in drawn
    assert '  "maker" -> "end" [label="a \\"b\\" <c>|d\\\\x1b[31m.sql"];' in drawn
    assert '  "nice" -> "end" [style=dashed];' in drawn
    assert '  "end" -> "nice" [style=dotted, dir=none, label="api"];' in drawn
    assert any(line.startswith('  "part" -> "nice" [style=bold') for line in drawn)


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_graphviz_takes_it() -> None:
    text = "\n".join(drawing.dot(of(every_kind())))

    subprocess.run(["dot", "-Tsvg"], input=text.encode(), check=True, capture_output=True, timeout=30)


def test_mermaid_gives_numbers_to_tasks_whose_ids_are_words_of_its_own() -> None:
    drawn = list(drawing.mermaid(of(every_kind())))

    assert drawn[0] == "flowchart LR"
    assert '    n3["end<br/>waiting"]:::waiting' in drawn
    assert "  n0 --> n3" in drawn
    assert "  n1 -.-> n3" in drawn
    assert '  n3 -.-|"api"| n1' in drawn
    assert "  n4 ==> n1" in drawn
    (data,) = [line for line in drawn if line.startswith("  n2 -->")]
    assert not set('"<>|') & set(data.removeprefix('  n2 -->|"').removesuffix('"| n3'))


def test_what_is_of_another_instruction_or_missing_is_a_node_too() -> None:
    made = b.work(b.task("a", "inst_0:z", "ghost"))

    found = of(made)

    assert '  "inst_0:z" [style=dashed];' in list(drawing.dot(found))
    assert '  x0(["ghost"])' in list(drawing.mermaid(found))
