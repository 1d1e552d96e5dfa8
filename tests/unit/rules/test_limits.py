"""Claims that go too far, and why somebody may claim nothing more."""

from typing import Any

import pytest

from cagents_fs.core.index import Work
from cagents_fs.model.actions import Tell
from cagents_fs.model.policy import Policy
from cagents_fs.rules import admission
from cagents_fs.rules.limits import instances, refusal, slots, type_of
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

    actions = b.decided(admission.decide, b.index(made))

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

    actions = b.decided(admission.decide, b.index(made))

    assert b.moves(actions) == [("c", b.IN_PROGRESS, b.queue())]
    assert "sequential mode (1 at once)" in b.only_move(actions).reason


def test_an_agent_gives_back_as_many_as_it_has_over_its_slots() -> None:
    made = claimed("a", "c", "e")

    found = b.decided(admission.decide, b.index(made), b.policy(agent_slots={"ann": 1}))

    assert [task_id for task_id, _, _ in b.moves(found)] == ["e", "c"]


def test_claims_up_to_the_limit_stay() -> None:
    assert b.decided(admission.decide, b.index(claimed("a", "c", max_concurrent=2))) == []


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

    assert ("c", b.IN_PROGRESS, b.queue()) not in b.moves(b.decided(admission.decide, b.index(made)))


def test_an_agent_with_more_claims_than_slots_gives_the_last_back_although_the_mode_has_room() -> None:
    made = claimed("a", "c")

    found = b.decided(admission.decide, b.index(made), b.policy(agent_slots={"ann": 1}))

    assert b.moves(found) == [("c", b.IN_PROGRESS, b.queue())]


def test_who_is_put_back_for_want_of_slots_is_told_so() -> None:
    found = b.decided(admission.decide, b.index(claimed("a", "c")), b.policy(agent_slots={"ann": 1}))

    assert "50 at once" not in b.only_move(found).reason
    assert "slot" in b.only_move(found).reason


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

    assert words in str(refusal(b.index(made), made, agent, policy), b.NOW.wall_s)


@pytest.mark.parametrize("policy", [b.policy(max_agents_per_instruction=1), b.policy(max_global_agents=1)])
def test_who_is_at_work_already_is_no_further_agent(policy: Policy) -> None:
    made = claimed("a", "c")

    assert refusal(b.index(made), made, "ann", policy, b.NOW.wall_s) is None


def test_agents_in_another_instruction_count_for_the_tree_and_not_for_this_one() -> None:
    other, here = claimed("a", name="inst_2"), b.work(b.task("a"))
    found = b.index(here, other)

    assert refusal(found, here, "zoe", b.policy(max_agents_per_instruction=1)) is None
    assert "in the tree" in str(refusal(found, here, "zoe", b.policy(max_global_agents=1)))


@pytest.mark.parametrize(
    ("agent", "policy", "fields", "expected"),
    [
        ("nobody-knows", b.policy(), {}, 50),
        ("nobody-knows", b.policy(), {"mode": "pipeline"}, 5),
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
