"""Claims that go too far, and why somebody may claim nothing more."""

from typing import Any

import pytest

from cagents_fs.core.index import Work, add_tasks
from cagents_fs.model.actions import Move, Tell
from cagents_fs.model.lines import iso
from cagents_fs.model.policy import Policy
from cagents_fs.rules import admission, over_limit, requests
from cagents_fs.rules.limits import admitted, instances, refusal, slots, type_of
from tests.support import builders as b

TEAM = b.policy(agents={"ann": b.kind("ann", instances=3, slots=2)})


# -- claims that go too far -------------------------------------------------------------------------------------------


def claimed(*names: str, **fields: Any) -> Work:
    """Tasks that were claimed in this life, in this order, and show no sign of work."""
    made = b.work(*(b.task(name) for name in names), **fields)
    for name in names:
        b.lies(made, name, b.IN_PROGRESS).claim_seen = True
    return made


def test_claims_over_the_limit_go_back_the_latest_first_with_the_same_attempt_and_are_answered() -> None:
    made = claimed("a", "c", "e", max_concurrent=1)

    actions = b.decided(over_limit.decide, b.index(made))

    assert b.moves(actions) == [("e", b.IN_PROGRESS, b.queue()), ("c", b.IN_PROGRESS, b.queue())]
    assert b.told(actions) == [("ann", "error"), ("ann", "error")]
    move = next(action for action in actions if getattr(action, "target", None) == b.queue())
    assert move.attempt == 1  # type: ignore[union-attr]
    text = next(action.text for action in actions if isinstance(action, Tell))
    assert "e is back in your queue" in text
    assert "(1 at once)" in text


def test_over_the_limit_of_the_mode_the_latest_goes_back_although_its_agent_has_slots() -> None:
    made = claimed("a", "c", mode="sequential")
    made.records["a"].ledger.holder = "bob"

    actions = b.decided(over_limit.decide, b.index(made))

    assert b.moves(actions) == [("c", b.IN_PROGRESS, b.queue())]
    assert "sequential mode (1 at once)" in b.only_move(actions).reason


def test_an_agent_gives_back_as_many_as_it_has_over_its_slots() -> None:
    made = claimed("a", "c", "e")

    found = b.decided(over_limit.decide, b.index(made), b.policy(agent_slots={"ann": 1}))

    assert [task_id for task_id, _, _ in b.moves(found)] == ["e", "c"]


def test_claims_up_to_the_limit_stay() -> None:
    assert b.decided(over_limit.decide, b.index(claimed("a", "c", max_concurrent=2))) == []


@pytest.mark.parametrize("sign", ["sign of life", "manifest", "runner", "life before", "foreign move"])
def test_a_claim_that_shows_work_or_was_not_seen_to_happen_stays(sign: str) -> None:
    made = claimed("a", "c", max_concurrent=1)
    record = made.records["c"]
    match sign:
        case "sign of life":
            record.signs = 1
        case "manifest":
            b.hands_in(record)
        case "runner":
            record.ledger.by_runner = True
        case "life before":
            record.claim_seen = False
        case _:
            record.ledger.place = b.queue()

    assert ("c", b.IN_PROGRESS, b.queue()) not in b.moves(b.decided(over_limit.decide, b.index(made)))


def test_an_agent_with_more_claims_than_slots_gives_the_last_back_although_the_mode_has_room() -> None:
    made = claimed("a", "c")

    found = b.decided(over_limit.decide, b.index(made), b.policy(agent_slots={"ann": 1}))

    assert b.moves(found) == [("c", b.IN_PROGRESS, b.queue())]


def test_who_is_put_back_for_want_of_slots_is_told_so() -> None:
    found = b.decided(over_limit.decide, b.index(claimed("a", "c")), b.policy(agent_slots={"ann": 1}))

    assert "50 at once" not in b.only_move(found).reason
    assert "slot" in b.only_move(found).reason


def held_by(*holders: str, name: str = "inst_1") -> Work:
    """Tasks that were claimed in this life, one by each of these agents."""
    made = claimed(*(f"t{n}" for n in range(len(holders))), name=name)
    for task_id, holder in zip(made.records, holders, strict=True):
        made.records[task_id].ledger.holder = holder
    return made


def test_an_agent_too_many_in_the_instruction_gives_all_back_and_who_was_there_before_nothing() -> None:
    made = held_by("ann", "bob", "ann", "zoe")

    found = b.decided(over_limit.decide, b.index(made), b.policy(max_agents_per_instruction=2))

    assert b.moves(found) == [("t3", b.IN_PROGRESS, b.queue("zoe"))]
    assert "over the number of agents in inst_1 (2)" in b.only_move(found).reason


def test_who_came_last_and_is_one_too_many_gives_all_its_claims_back() -> None:
    made = held_by("ann", "bob", "bob")

    found = b.decided(over_limit.decide, b.index(made), b.policy(max_agents_per_instruction=1))

    assert sorted(b.moves(found)) == [("t1", b.IN_PROGRESS, b.queue("bob")), ("t2", b.IN_PROGRESS, b.queue("bob"))]


def test_agents_of_other_instructions_count_for_the_tree() -> None:
    one, other = held_by("ann"), held_by("bob", "zoe", name="inst_2")

    found = b.decided(over_limit.decide, b.index(one, other), b.policy(max_global_agents=2))

    assert b.moves(found) == [("t1", b.IN_PROGRESS, b.queue("zoe"))]
    assert "agents in the tree (2)" in b.only_move(found).reason


def test_slots_are_those_of_the_agent_in_the_whole_tree() -> None:
    one, other = held_by("ann"), held_by("ann", name="inst_2")

    found = b.decided(over_limit.decide, b.index(one, other), b.policy(agent_slots={"ann": 1}))

    assert len(b.moves(found)) == 1


def test_what_is_claimed_while_the_instruction_is_paused_goes_back_and_what_was_before_goes_on() -> None:
    made = claimed("a")
    found = b.index(made)
    b.asks(made, "pause")
    b.taken(found, requests.decide(found, b.PLAIN, b.NOW))
    add_tasks(made, [b.task("c")])
    b.lies(made, "c", b.IN_PROGRESS).claim_seen = True

    back = b.decided(over_limit.decide, found)

    assert b.moves(back) == [("c", b.IN_PROGRESS, b.queue())]
    assert "although inst_1 is paused" in b.only_move(back).reason


# -- in which instructions something is released ----------------------------------------------------------------------


def several(*names: str) -> list[Work]:
    """Instructions, each with a task in its queue, taken in one after another."""
    found = []
    for second, name in enumerate(names):
        made = b.work(b.task("a"), name=name)
        made.history.intake = {"event": "intake_done", "time": iso(b.at(second).wall_s)}
        b.lies(made, "a", b.GLOBAL)
        found.append(made)
    return found


def test_so_many_instructions_at_once_release_tasks_the_first_that_were_taken_in() -> None:
    works = several("late", "early", "between")
    works[0].history.intake = {"event": "intake_done", "time": iso(b.at(99).wall_s)}

    assert admitted(b.index(*works), b.policy(max_concurrent_instructions=2)) == {"early", "between"}
    assert admitted(b.index(*works), b.PLAIN) == {"late", "early", "between"}


@pytest.mark.parametrize("place", [b.queue(), b.IN_PROGRESS, b.UNDER_REVIEW, b.RETRY])
def test_those_in_which_work_has_begun_go_first(place: str) -> None:
    works = several("one", "two", "three")
    b.lies(works[2], "a", place)

    assert admitted(b.index(*works), b.policy(max_concurrent_instructions=1)) == {"three"}


def test_what_has_ended_or_is_paused_takes_nobodys_place() -> None:
    works = several("one", "two", "three")
    works[0].history.phase = "complete"
    works[1].history.paused = True

    assert admitted(b.index(*works), b.policy(max_concurrent_instructions=1)) == {"three"}


def test_the_tasks_of_the_others_stay_in_the_global_queue() -> None:
    works = several("one", "two")

    found = b.decided(admission.decide, b.index(*works), b.policy(max_concurrent_instructions=1))

    assert [(move.instruction, move.task_id) for move in found if isinstance(move, Move)] == [("one", "a")]


# -- who counts against no limit --------------------------------------------------------------------------------------


def at_a_checkpoint() -> Work:
    meets = {"coordination": [{"checkpoint": "api", "with": ["c"]}]}
    made = b.work(b.task("a", dependencies=meets), b.task("c"), b.task("e"), mode="mesh")
    for name in "ac":
        b.lies(made, name, b.IN_PROGRESS)
    b.lies(made, "e", b.queue())
    return made


def test_who_waits_at_a_checkpoint_holds_neither_a_place_of_the_mode_nor_a_slot() -> None:
    made, tight = at_a_checkpoint(), b.policy(mesh_max=2, agent_slots={"ann": 2})
    assert refusal(b.index(made), made, "ann", tight, b.NOW.wall_s) is not None

    made.meetings["api"].arrived["a"] = 1

    assert made.waits(made.records["a"]) == "at the checkpoint api"
    assert refusal(b.index(made), made, "ann", tight, b.NOW.wall_s) is None
    assert b.index(made).at_work("ann") == 1

    made.history.open_checkpoints.add("api")
    assert made.waits(made.records["a"]) is None
    assert refusal(b.index(made), made, "ann", tight, b.NOW.wall_s) is not None


def test_who_arrived_in_an_earlier_attempt_is_not_there() -> None:
    made = at_a_checkpoint()
    made.meetings["api"].arrived["a"] = 1
    made.records["a"].ledger.attempt = 2

    assert made.waits(made.records["a"]) is None


def test_a_parent_that_has_handed_in_holds_no_slot_until_its_children_are_done() -> None:
    made = b.work(b.task("p"), b.task("k", parent_task_id="p"))
    parent = b.lies(made, "p", b.IN_PROGRESS)
    b.lies(made, "k", b.queue())
    assert made.waits(parent) is None

    b.hands_in(parent)
    assert made.waits(parent) == "for its children"
    assert (made.active(), b.index(made).at_work("ann")) == (0, 0)

    b.done(made, "k")
    assert made.waits(parent) is None


# -- why somebody may claim nothing more ------------------------------------------------------------------------------


def test_whoever_may_claim_is_refused_nothing() -> None:
    made = b.work(b.task("a"))

    assert refusal(b.index(made), made, "ann", b.PLAIN, b.NOW.wall_s) is None


@pytest.mark.parametrize(
    ("policy", "agent", "words"),
    [
        (b.policy(swarm_max=2), "zoe", "2 of 2 tasks are in progress, which is the limit of swarm mode in inst_1"),
        (b.policy(agent_slots={"ann": 2}), "ann", "ann has 2 tasks in progress, as many as it has slots"),
        (b.policy(max_agents_per_instruction=1), "zoe", "1 agents are at work in inst_1"),
        (b.policy(max_global_agents=1), "zoe", "1 agents are at work in the tree"),
    ],
)
def test_a_refusal_says_which_limit_is_reached(policy: Policy, agent: str, words: str) -> None:
    made = claimed("a", "c")

    assert words in str(refusal(b.index(made), made, agent, policy, b.NOW.wall_s))


@pytest.mark.parametrize("policy", [b.policy(max_agents_per_instruction=1), b.policy(max_global_agents=1)])
def test_who_is_at_work_already_is_no_further_agent(policy: Policy) -> None:
    made = claimed("a", "c")

    assert refusal(b.index(made), made, "ann", policy, b.NOW.wall_s) is None


def test_agents_in_another_instruction_count_for_the_tree_and_not_for_this_one() -> None:
    other, here = claimed("a", name="inst_2"), b.work(b.task("a"))
    found = b.index(here, other)

    assert refusal(found, here, "zoe", b.policy(max_agents_per_instruction=1), b.NOW.wall_s) is None
    assert "in the tree" in str(refusal(found, here, "zoe", b.policy(max_global_agents=1), b.NOW.wall_s))


@pytest.mark.parametrize(
    ("agent", "policy", "fields", "expected"),
    [
        ("nobody-knows", b.policy(), {}, 50),
        ("nobody-knows", b.policy(), {"mode": "pipeline"}, 5),
        ("nobody-knows", b.policy(pipeline_max_per_stage=8), {"mode": "pipeline"}, 8),
        ("nobody-knows", b.policy(mesh_max=9), {"mode": "mesh"}, 9),
        ("nobody-knows", b.policy(sequential_max=2), {"mode": "sequential"}, 2),
        ("ceo", b.policy(), {}, 3),
        ("ann", TEAM, {}, 2),
        ("ann-3", TEAM, {}, 2),
        ("ann-4", TEAM, {}, 50),
        ("ceo", b.policy(), {"max_concurrent": 80}, 80),
    ],
)
def test_an_agent_has_the_slots_that_are_described_else_as_many_as_the_mode_allows(
    agent: str, policy: Policy, fields: dict[str, Any], expected: int
) -> None:
    assert slots(b.work(b.task("a"), **fields), agent, policy) == expected


def test_the_first_instance_bears_the_name_of_the_type_and_further_ones_a_number() -> None:
    assert instances("ann", TEAM) == ("ann", "ann-2", "ann-3")
    assert instances("bob", TEAM) == ("bob",)
    assert [type_of(name, TEAM) for name in ("ann", "ann-2", "ann-3", "ann-4", "ann-1", "bob-2")] == [
        *("ann", "ann", "ann"),
        *("ann-4", "ann-1", "bob-2"),
    ]
