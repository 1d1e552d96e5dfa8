"""Cycles, waves, the mode that suits a graph, and what can no longer start."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cagents_fs.core.graph import choose_mode, circle_by, circular, cycle, doomed, independence, levels

Graph = dict[str, list[str]]
NAMES = "abcdefgh"


@st.composite
def graphs(draw: st.DrawFn, *, proper: bool) -> Graph:
    """Task -> what it waits for. Proper ones have no cycle; the others may, and may name tasks that are not there."""
    names = NAMES[: draw(st.integers(1, len(NAMES)))]
    found: Graph = {}
    for position, name in enumerate(names):
        among = names[:position] if proper else [*names, "nobody"]
        found[name] = draw(st.lists(st.sampled_from(among), unique=True, max_size=3)) if among else []
    return found


def children_of(edges: Graph) -> Graph:
    found: Graph = {}
    for task, awaited in edges.items():
        for one in awaited:
            found.setdefault(one, []).append(task)
    return found


def awaits(edges: Graph, task: str) -> set[str]:
    """Everything that a task waits for, through any number of levels, by the plainest of ways."""
    reached: set[str] = set()
    border = set(edges.get(task, ()))
    while border - reached:
        reached |= border
        border = {further for one in border for further in edges.get(one, ())}
    return reached


# -- cycles -----------------------------------------------------------------------------------------------------------


def test_a_cycle_is_the_path_that_one_walks_each_task_waiting_for_the_next() -> None:
    path = cycle({"a": ["b"], "b": ["c"], "c": ["a"]})

    assert path is not None
    assert path[0] == path[-1]
    assert "".join(path) in ("abca", "bcab", "cabc")


def test_a_task_that_waits_for_itself_is_a_cycle_of_one() -> None:
    assert cycle({"a": ["a"]}) == ["a", "a"]


def test_a_graph_without_cycles_has_none_whatever_it_names_besides() -> None:
    assert cycle({"a": [], "b": ["a"], "c": ["a", "b"], "d": ["nobody"]}) is None


@settings(max_examples=300, deadline=None)
@given(graphs(proper=False))
def test_a_cycle_is_found_exactly_where_a_task_waits_for_itself_and_every_step_of_it_is_an_edge(edges: Graph) -> None:
    path = cycle(edges)

    assert (path is not None) == any(task in awaits(edges, task) for task in edges)
    for one, following in itertools.pairwise(path or []):
        assert following in edges[one]


@settings(max_examples=300, deadline=None)
@given(graphs(proper=False))
def test_without_the_circular_tasks_the_rest_has_an_order_and_each_of_them_waits_for_itself(edges: Graph) -> None:
    found = circular(edges)

    assert cycle({t: [a for a in edges[t] if a not in found] for t in edges if t not in found}) is None
    assert all(task in awaits(edges, task) for task in found)


def test_two_separate_cycles_are_both_found() -> None:
    assert circular({"a": ["b"], "b": ["a"], "c": ["d"], "d": ["c"], "e": ["a"]}) == {"a", "b", "c", "d"}


# -- waves ------------------------------------------------------------------------------------------------------------


def test_a_task_is_in_the_wave_after_the_latest_of_those_it_waits_for() -> None:
    assert levels({"a": [], "b": ["a"], "c": ["a", "b"], "d": []}) == {"a": 0, "b": 1, "c": 2, "d": 0}


@settings(max_examples=200, deadline=None)
@given(graphs(proper=True))
def test_the_wave_of_a_task_is_the_length_of_the_longest_chain_before_it(edges: Graph) -> None:
    def longest(task: str) -> int:
        return max((1 + longest(awaited) for awaited in edges[task]), default=0)

    assert levels(edges) == {task: longest(task) for task in edges}


def test_a_chain_of_ten_thousand_tasks_is_no_deeper_than_a_loop() -> None:
    edges = {f"t{n}": [f"t{n - 1}"] if n else [] for n in range(10_000)}

    assert levels(edges)["t9999"] == 9_999
    assert cycle(edges) is None
    assert len(doomed(edges, children_of(edges), ["t0"])) == 9_999


# -- modes ------------------------------------------------------------------------------------------------------------


def chain(length: int, alone: int = 0) -> Graph:
    edges: Graph = {f"c{n}": [f"c{n - 1}"] if n else [] for n in range(length)}
    return edges | {f"x{n}": [] for n in range(alone)}


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        ({}, 1.0),
        (chain(1), 1.0),
        (chain(5), 0.0),
        (chain(0, 5), 1.0),
        (chain(3, 2), 0.5),  # 1 - (3 - 1) / (5 - 1)
        (chain(2, 9), 0.9),
    ],
)
def test_independence_is_one_less_the_share_of_the_longest_chain(edges: Graph, expected: float) -> None:
    assert independence(edges) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("tier", "edges", "mode"),
    [
        (0, chain(0, 5), "sequential"),
        (1, chain(0, 5), "sequential"),
        (2, chain(0, 5), "pipeline"),
        (3, chain(0, 5), "swarm"),
        (3, chain(5), "pipeline"),
        (3, chain(4, 7), "pipeline"),  # independence is 0.7 exactly, and has to be above
        (3, chain(4, 8), "swarm"),  # 1 - 3/11
        (4, chain(5), "mesh"),
        (None, chain(0, 5), "swarm"),
        (None, chain(5), "pipeline"),
    ],
)
def test_the_mode_follows_the_tier_and_for_tier_three_the_independence(
    tier: int | None, edges: Graph, mode: str
) -> None:
    assert choose_mode(tier, edges) == mode


# -- what can no longer start -----------------------------------------------------------------------------------------


def test_everything_downstream_is_doomed_with_the_root_of_it_and_nothing_beside() -> None:
    edges: Graph = {"a": [], "b": ["a"], "c": ["b"], "d": ["b", "x"], "x": [], "y": ["x"]}

    assert doomed(edges, children_of(edges), ["a"]) == {"b": ("a",), "c": ("a",), "d": ("a",)}
    assert doomed(edges, children_of(edges), ["x", "a"])["d"] == ("a", "x")


def test_a_missing_task_dooms_those_who_wait_for_it_and_is_not_in_the_answer() -> None:
    edges: Graph = {"a": ["nobody"], "b": ["a"]}

    assert doomed(edges, children_of(edges), ["nobody"]) == {"a": ("nobody",), "b": ("nobody",)}


def test_what_is_done_passes_nothing_on_and_an_edge_that_was_given_up_neither() -> None:
    edges: Graph = {"a": [], "b": ["a"], "c": ["b"]}

    assert doomed(edges, children_of(edges), ["a"], done=frozenset({"b"})) == {}
    assert doomed(edges, children_of(edges), ["a"], waived=frozenset({("c", "b")})) == {"b": ("a",)}


def test_one_that_is_done_without_what_is_needed_of_it_dooms_the_one_that_needs_it() -> None:
    edges: Graph = {"a": [], "b": ["a"], "c": ["a"], "d": ["b"]}

    found = doomed(edges, children_of(edges), [], lacking=[("b", "a")], done=frozenset({"a"}))

    assert found == {"b": ("a",), "d": ("a",)}


@settings(max_examples=400, deadline=None)
@given(graphs(proper=False), st.data())
def test_the_doomed_are_those_who_wait_for_something_lost_and_each_names_all_of_it(
    edges: Graph, data: st.DataObject
) -> None:
    lost = data.draw(st.lists(st.sampled_from([*edges, "nobody"]), unique=True))

    by_hand = {task: tuple(sorted(awaits(edges, task) & set(lost))) for task in edges}

    assert doomed(edges, children_of(edges), lost) == {task: causes for task, causes in by_hand.items() if causes}


# -- a circle that one more edge would close --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "awaited", "expected"),
    [
        ("a", "z", ["a", "z", "m", "a"]),
        ("a", "m", ["a", "m", "a"]),
        ("a", "a", ["a", "a"]),
        ("z", "a", None),
        ("z", "ghost", None),
    ],
)
def test_an_edge_that_would_close_a_circle_is_told_with_the_path(
    task: str, awaited: str, expected: list[str] | None
) -> None:
    assert circle_by({"a": [], "m": ["a"], "z": ["m"], "p": ["q"], "q": ["p"]}, task, awaited) == expected


def test_a_circle_that_is_there_already_is_no_reason_to_refuse_an_edge_elsewhere() -> None:
    assert circle_by({"p": ["q"], "q": ["p"], "a": [], "z": []}, "z", "a") is None
    assert circle_by({"p": ["q"], "q": ["p"], "z": []}, "z", "p") is None
