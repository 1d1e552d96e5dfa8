"""Each check of a journal finds what is planted, and says nothing of a journal in which all is well."""

from typing import Any

import pytest

from tests.support import order

Line = dict[str, Any]
GLOBAL, WAITING, ANN = "queues/global", "queues/waiting_on_dependencies", "queues/agents/ann"
WORK, DONE = order.WORK, order.DONE


def plan(mode: str = "swarm", **awaited: str) -> order.Plan:
    """Tasks by name, each with the names that it waits for, separated by spaces."""
    return {
        "mode": mode,
        "tasks": [{"task_id": name, "dependencies": needs.split()} for name, needs in awaited.items()],
    }


def journal(*turns: str) -> list[Line]:
    """One text a turn: `a>PLACE` a rename by the daemon, `a~PLACE` by others, `a!` accepted, `a+` taken in."""
    lines: list[Line] = []
    place: dict[str, str] = {}
    for number, turn in enumerate(turns):
        first = len(lines)
        for word in turn.split():
            mark = next(letter for letter in word if letter in ">~!+")
            task, _, target = word.partition(mark)
            event = {">": "moved", "~": "moved", "!": "accepted", "+": "taken_in"}[mark]
            line = {"event": event, "task_id": task, "from": place.get(task), "to": target or None}
            if mark == ">" and task in place:
                lines.insert(first, {**line, "event": "intend", "time": number, "mark": word})
                line["intent"] = word
            if target:
                place[task] = target
            lines.append({**line, "time": number, **({"by": "runner"} if mark == ">" and target == WORK else {})})
    return numbered(lines)


def numbered(lines: list[Line]) -> list[Line]:
    """With numbers, by which the answers name their intents."""
    pending: dict[str, int] = {}
    for seq, line in enumerate(lines, start=1):
        line["seq"] = seq
        if line["event"] == "intend":
            pending[line.pop("mark")] = seq
        elif "intent" in line:
            line["intent"] = pending[line["intent"]]
    return lines


def done(task: str) -> str:
    """The last of its words."""
    return f"{task}! {task}>{DONE}"


CHAIN = plan(a="", b="a")
TAKEN = f"a+ a>{GLOBAL} b+ b>{WAITING}"
WELL = (TAKEN, f"a>{ANN}", f"a>{WORK}", f"{done('a')} b>{ANN}", f"b>{WORK}", done("b"))


def wide(count: int) -> order.Plan:
    return plan(**{f"t{number}": "" for number in range(count)})


def claimed(count: int, mark: str = "~") -> tuple[str, ...]:
    """So many tasks taken in and released, and then claimed, each in a turn of its own."""
    names = [f"t{number}" for number in range(count)]
    taken = " ".join(f"{name}+ {name}>{GLOBAL}" for name in names)
    return (taken, " ".join(f"{name}>{ANN}" for name in names), *(f"{name}{mark}{WORK}" for name in names))


@pytest.mark.parametrize("mode", ["swarm", "pipeline", "mesh", "sequential"])
def test_of_a_journal_in_which_all_is_well_nothing_is_said(mode: str) -> None:
    assert order.violations(journal(*WELL), CHAIN | {"mode": mode}) == []


# -- the plan ---------------------------------------------------------------------------------------------------------


def test_hard_and_data_dependencies_are_waited_for_and_soft_ones_are_not() -> None:
    whole = {
        "hard_dependencies": [{"task_id": "a"}, "b"],
        "data_dependencies": [{"task_id": "c", "artifact_path": "x"}, {"task_id": "a", "artifact_path": "y"}],
        "soft_dependencies": ["d"],
        "coordination": [{"checkpoint": "met", "with": ["e"]}],
    }

    found = order.edges_of({"tasks": [{"task_id": "t", "dependencies": whole}, {"task_id": "u"}]})

    assert found == {"t": ["a", "b", "c"], "u": []}


def test_waves_are_as_deep_as_the_longest_way() -> None:
    assert order.waves_of(plan(a="", b="a", c="a b", d="")) == {"a": 0, "b": 1, "c": 2, "d": 0}


def test_the_limit_is_that_of_the_mode_unless_the_plan_names_one() -> None:
    assert [order.limit_of({"mode": mode}) for mode in ("sequential", "pipeline", "swarm", "mesh")] == [1, 5, 50, 30]
    assert order.limit_of({"mode": "sequential", "max_concurrent": 7}) == 7


# -- order ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "turn",
    [
        f"b>{ANN} {done('a')}",
        f"a! b>{ANN} a>{DONE}",
        f"a>{DONE} b>{ANN} a!",
        f"b>{WORK} {done('a')}",
    ],
    ids=["released too soon", "before it is moved", "before it is accepted", "in work without a queue"],
)
def test_a_task_that_is_with_an_agent_too_soon_is_found(turn: str) -> None:
    found = order.order(journal(TAKEN, f"a>{ANN}", f"a>{WORK}", turn), CHAIN)

    assert len(found) == 1
    assert "b entered" in found[0]
    assert "before a was verified" in found[0]


# -- barriers ---------------------------------------------------------------------------------------------------------


def test_a_task_of_the_next_wave_that_does_not_wait_for_the_slowest_is_found() -> None:
    lines = journal(
        f"a+ a>{GLOBAL} s+ s>{GLOBAL} b+ b>{WAITING}", f"a>{ANN} s>{ANN}", f"a>{WORK}", f"{done('a')} b>{ANN}"
    )

    assert order.barriers(lines, plan("swarm", a="", s="", b="a")) == []
    (text,) = order.barriers(lines, plan("pipeline", a="", s="", b="a"))
    assert "b of wave 1 entered queues/agents/ann while 1 of wave 0 were unfinished" in text


# -- limits -----------------------------------------------------------------------------------------------------------


def test_as_many_as_may_be_is_no_violation() -> None:
    assert order.limits(journal(*claimed(5)), wide(5) | {"mode": "pipeline"}) == []


@pytest.mark.parametrize("mark", [">", "~"], ids=["by the runner", "by others"])
def test_one_more_than_may_be_is_found(mark: str) -> None:
    found = order.limits(journal(*claimed(6, mark)), wide(6) | {"mode": "pipeline"})

    assert any("the turn ends with 6 in progress, 5 may be" in text for text in found)


def test_a_claim_by_others_that_is_put_back_at_once_is_none() -> None:
    *before, last = claimed(3)

    assert order.limits(journal(*before, f"{last} t2>{ANN}"), wide(3) | {"max_concurrent": 2}) == []


def test_another_one_may_be_put_back_in_its_place() -> None:
    *before, last = claimed(3)

    assert order.limits(journal(*before, f"{last} t1>{ANN}"), wide(3) | {"max_concurrent": 2}) == []


def test_a_claim_that_is_put_back_a_turn_later_is_found() -> None:
    found = order.limits(journal(*claimed(3), f"t2>{ANN}"), wide(3) | {"max_concurrent": 2})

    assert ["the turn ends with 3 in progress" in text for text in found] == [True]


def test_a_claim_whose_putting_back_was_lost_to_somebody_has_one_more_turn() -> None:
    lines = journal(*claimed(3), f"t2>{ANN}")
    turn = lines[-3]["time"]
    void = {"event": "void", "task_id": "t2", "from": None, "to": None, "time": turn, "seq": 0}
    lines.insert(-2, void)

    assert order.limits(lines, wide(3) | {"max_concurrent": 2}) == []


def test_a_claim_for_which_a_place_becomes_free_in_the_same_turn_is_none() -> None:
    *before, last = claimed(3)

    assert order.limits(journal(*before, f"{last} {done('t0')}"), wide(3) | {"max_concurrent": 2}) == []


def test_what_was_handed_in_before_anybody_had_seen_its_claim_is_none() -> None:
    *before, last = claimed(3)

    assert order.limits(journal(*before, f"{last} {done('t2')}"), wide(3) | {"max_concurrent": 2}) == []


def test_work_that_goes_on_over_the_limit_is_found() -> None:
    found = order.limits(journal(*claimed(3), done("t2")), wide(3) | {"max_concurrent": 2})

    assert ["the turn ends with 3 in progress" in text for text in found] == [True]


def test_an_agent_of_the_daemon_that_starts_before_another_one_ends_is_found() -> None:
    *before, last = claimed(3, ">")

    (text,) = order.limits(journal(*before, f"{last} {done('t0')}"), wide(3) | {"max_concurrent": 2})

    assert "t2 was started as number 3, 2 may be in progress" in text


# -- renames ----------------------------------------------------------------------------------------------------------


def without(lines: list[Line], *events: str, task: str, to: str) -> list[Line]:
    return [
        line for line in lines if (line["event"], line["task_id"], line["to"]) not in {(e, task, to) for e in events}
    ]


def test_a_rename_that_is_not_told_is_found() -> None:
    lines = without(journal(*WELL), "intend", "moved", task="a", to=WORK)

    (text,) = order.renames(lines)
    assert f"a left {WORK}, but lay in {ANN}" in text


def test_a_rename_that_is_told_twice_is_found() -> None:
    lines = journal(*WELL)
    twice = [line for line in lines for _ in range(1 + (line["event"] == "moved" and line["to"] == WORK))]

    found = order.renames(twice)

    assert any("from" in text or "left" in text for text in found)
    assert any("has 2 answers" in text for text in found)
    assert any("follows" in text for text in found)


def test_an_intent_without_an_outcome_is_found() -> None:
    (text,) = order.renames(without(journal(*WELL), "moved", task="b", to=DONE))

    assert "the intent for b has 0 answers" in text


def test_an_outcome_without_an_intent_is_found() -> None:
    (text,) = order.renames(without(journal(*WELL), "intend", task="b", to=DONE))

    assert "which is no intent" in text


def test_something_else_than_was_intended_is_found() -> None:
    lines = journal(*WELL)
    intent = next(line for line in lines if line["event"] == "intend" and line["to"] == DONE)
    intent["to"] = "tasks/failed"

    (text,) = order.renames(lines)
    assert "is not what was intended" in text


def test_a_task_that_begins_in_the_middle_is_found() -> None:
    lines = without(journal(*WELL), "moved", task="a", to=GLOBAL)

    (text,) = order.renames(lines)
    assert f"a left {GLOBAL}, but lay in nowhere" in text


# -- completions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("turns", "words"),
    [
        (WELL[:-1], ["b was accepted 0 times", "b was completed 0 times", f"b ends in {WORK}"]),
        ((*WELL, "b!"), ["b was accepted 2 times"]),
        ((*WELL, f"b>{WORK} b>{DONE}"), ["b was completed 2 times"]),
        ((*WELL, f"b>{WORK}"), [f"b ends in {WORK}"]),
        ((*WELL, f"c>{GLOBAL}"), [f"c ends in {GLOBAL}"]),
        (
            (*WELL, f"c+ c>{GLOBAL} {done('c')}"),
            ["c was taken in 1 times", "c was accepted 1 times", "c was completed 1 times"],
        ),
    ],
    ids=["never", "accepted twice", "completed twice", "taken up again", "a stranger", "a stranger's work"],
)
def test_what_is_not_completed_exactly_once_is_found(turns: tuple[str, ...], words: list[str]) -> None:
    assert order.completions(journal(*turns), CHAIN) == words


# -- figures ----------------------------------------------------------------------------------------------------------


def test_the_most_at_once_counts_what_stood_at_the_end_of_a_turn() -> None:
    *before, last = claimed(3)
    lines = journal(*before, f"{last} t2>{ANN}")

    assert order.most_at_once(lines) == 2
    assert order.put_back(lines) == 1
