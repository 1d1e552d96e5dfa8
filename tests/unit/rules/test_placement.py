"""Who takes it? The four balances, and who may do a task at all."""

import dataclasses

import pytest

from cagents_fs.core.history import Outcomes
from cagents_fs.core.index import Index, Work
from cagents_fs.model.policy import BALANCES, Policy
from cagents_fs.rules.placement import Placement, mean_duration_s
from tests.support import builders as b

KINDS = {
    "ann": b.kind("ann", instances=3, slots=2, skills=("python",)),
    "bob": b.kind("bob", skills=("python", "sql")),
    "cam": b.kind("cam", skills=("sql", "python", "css")),
}


def by(balance: str, **numbers: object) -> Policy:
    return dataclasses.replace(b.PLAIN, balance=balance, agents=KINDS, default_agent="ann", **numbers)  # type: ignore[arg-type]


def world(*, queued: dict[str, int], at_work: dict[str, int], **task: object) -> tuple[Index, Work]:
    """One task `new` to be placed, with so many in the queues and in the hands of others."""
    names = [f"q-{agent}-{n}" for agent, count in queued.items() for n in range(count)]
    works = [f"w-{agent}-{n}" for agent, count in at_work.items() for n in range(count)]
    made = b.work(b.task("new", **task), *(b.task(name) for name in [*names, *works]))
    for name in names:
        b.lies(made, name, b.queue(name[2:].rpartition("-")[0]))
    for name in works:
        b.lies(made, name, b.IN_PROGRESS, holder=name[2:].rpartition("-")[0])
    b.lies(made, "new", b.GLOBAL)
    return b.index(made), made


def chosen(found: tuple[Index, Work], policy: Policy) -> str | None:
    index, made = found
    return Placement(index, made, policy, b.NOW.wall_s).choose(made.records["new"])


def took(made: Work, agent: str, *seconds: float) -> None:
    made.history.outcomes[agent] = Outcomes(completed=len(seconds), work_s=sum(seconds))


def test_the_least_loaded_has_the_least_queued_and_in_progress_together() -> None:
    found = world(queued={"ann": 1, "ann-2": 0, "ann-3": 2}, at_work={"ann": 0, "ann-2": 2, "ann-3": 1})

    assert chosen(found, by("least_loaded")) == "ann"


def test_the_shortest_queue_counts_only_what_is_queued_and_the_load_decides_where_it_is_the_same() -> None:
    found = world(queued={"ann": 1, "ann-2": 0, "ann-3": 0}, at_work={"ann": 0, "ann-2": 2, "ann-3": 1})

    assert chosen(found, by("shortest_queue")) == "ann-3"
    assert chosen(found, by("least_loaded")) == "ann"


def test_the_fastest_is_who_took_least_on_average_until_now() -> None:
    index, made = world(queued={"ann": 3, "ann-2": 0}, at_work={})
    took(made, "ann", 10.0, 20.0)
    took(made, "ann-2", 16.0)
    took(made, "ann-3", 400.0)

    assert chosen((index, made), by("fastest_completion")) == "ann"


def test_among_the_fastest_who_has_completed_nothing_yet_is_tried() -> None:
    index, made = world(queued={}, at_work={"ann-2": 1})
    took(made, "ann", 10.0)

    assert chosen((index, made), by("fastest_completion")) == "ann-3"


def test_the_average_is_over_the_whole_tree() -> None:
    one, other = b.work(b.task("a"), name="inst_1"), b.work(b.task("a"), name="inst_2")
    took(one, "ann", 10.0)
    took(other, "ann", 20.0, 60.0)

    assert mean_duration_s(b.index(one, other), "ann") == 30.0
    assert mean_duration_s(b.index(one, other), "bob") is None


@pytest.mark.parametrize(
    ("skills", "assigned", "expected"),
    [
        (["python", "sql"], None, ("bob", "cam")),
        (["css"], None, ("cam",)),
        (["python"], None, ("ann", "ann-2", "ann-3", "bob", "cam")),
        (["cobol"], None, ("ann", "ann-2", "ann-3")),
        ([], None, ("ann", "ann-2", "ann-3")),
        (["css"], "ann", ("ann", "ann-2", "ann-3")),
    ],
    ids=["two", "one", "all have it", "nobody has it", "none wanted", "given to somebody"],
)
def test_where_skills_decide_those_types_may_do_it_that_have_most_of_what_is_wanted(
    skills: list[str], assigned: str | None, expected: tuple[str, ...]
) -> None:
    index, made = world(queued={}, at_work={}, skills=skills, assigned_agent=assigned)

    desk = Placement(index, made, by("skill_match"), b.NOW.wall_s)

    assert desk.candidates(made.records["new"]) == expected


def test_among_those_with_the_skills_the_least_loaded_gets_it() -> None:
    found = world(queued={"bob": 2, "cam": 1}, at_work={}, skills=["sql"], assigned_agent=None)

    assert chosen(found, by("skill_match")) == "cam"


def test_in_the_other_balances_skills_choose_nobody() -> None:
    found = world(queued={}, at_work={}, skills=["css"], assigned_agent=None)

    assert {chosen(found, by(balance)) for balance in set(BALANCES) - {"skill_match"}} == {"ann"}


@pytest.mark.parametrize("balance", BALANCES)
def test_whatever_the_balance_a_full_queue_takes_nothing_more(balance: str) -> None:
    found = world(queued={"ann": 1, "ann-2": 1}, at_work={"ann-3": 2})

    assert chosen(found, by(balance, max_queue_depth=1)) == "ann-3"

    full = world(queued={"ann": 1, "ann-2": 1, "ann-3": 1}, at_work={})
    assert chosen(full, by(balance, max_queue_depth=1)) is None


def test_what_this_pass_has_placed_counts_at_once() -> None:
    index, made = world(queued={}, at_work={})
    desk = Placement(index, made, by("least_loaded"), b.NOW.wall_s)

    assert [desk.choose(made.records["new"]) for _ in range(5)] == ["ann", "ann-2", "ann-3", "ann", "ann-2"]
    assert desk.placed == {"new"}


# -- is a slot idle? --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("queued", "at_work", "idle"),
    [
        ({}, {}, True),
        ({"ann": 2, "ann-2": 2, "ann-3": 1}, {}, True),
        ({"ann": 2, "ann-2": 2, "ann-3": 2}, {}, False),
        ({"ann": 2, "ann-2": 1}, {"ann-2": 1, "ann-3": 2}, False),
    ],
)
def test_a_slot_is_idle_where_neither_work_nor_queue_has_a_claim_to_it(
    queued: dict[str, int], at_work: dict[str, int], idle: bool
) -> None:
    index, made = world(queued=queued, at_work=at_work)

    assert Placement(index, made, by("least_loaded"), b.NOW.wall_s).idle(made.records["new"]) is idle


def test_no_slot_is_idle_where_the_mode_allows_no_more() -> None:
    index, made = world(queued={}, at_work={"ann": 1})

    assert not Placement(index, made, by("least_loaded", swarm_max=1), b.NOW.wall_s).idle(made.records["new"])
