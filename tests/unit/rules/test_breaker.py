"""Who fails too often? Closed, open for a while, half open with a few on trial."""

import dataclasses
from collections.abc import Iterable

import pytest

from cagents_fs.core.index import Index, Work
from cagents_fs.model.actions import Move
from cagents_fs.model.lines import iso
from cagents_fs.model.observations import Now
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import State, place_of
from cagents_fs.rules import admission, breaker, over_limit, staffing
from cagents_fs.rules.breaker import CLOSED, HALF_OPEN, OPEN, failures, state_for
from cagents_fs.rules.limits import refusal
from cagents_fs.rules.retries import after_failure
from tests.support import builders as b

THREE = b.policy(breaker_failures=3, breaker_open_s=300.0, breaker_trials=2)
DOMAIN = place_of(State.DOMAINS, "software")


def fails(made: Work, *seconds: float, agent: str = "ann") -> None:
    """Attempts of this agent that failed, so many seconds after `NOW`."""
    for at_s in seconds:
        made.history.apply(
            {
                "event": "moved",
                "task_id": "spent",
                "from": b.IN_PROGRESS,
                "to": b.RETRY,
                "agent": agent,
                "failure": True,
                "time": iso(b.at(at_s).wall_s),
            }
        )


def succeeds(made: Work, at_s: float, agent: str = "ann") -> None:
    said = {"event": "accepted", "task_id": "spent", "agent": agent, "manifest_sha256": "m"}
    made.history.apply(said | {"time": iso(b.at(at_s).wall_s)})


def states(found: Index, seconds: Iterable[float], policy: Policy = THREE) -> list[str]:
    return [state_for(found, "ann", policy, b.at(at_s).wall_s) for at_s in seconds]


def test_it_opens_with_the_last_of_so_many_failures_in_a_row_and_no_sooner() -> None:
    made = b.work(b.task("a"))
    fails(made, 0, 10)
    assert states(b.index(made), [10]) == [CLOSED]

    fails(made, 20)
    assert states(b.index(made), [20, 319.9, 320, 9999]) == [OPEN, OPEN, HALF_OPEN, HALF_OPEN]


def test_verified_work_between_two_failures_breaks_the_row() -> None:
    made = b.work(b.task("a"))
    fails(made, 0, 10)
    succeeds(made, 15)
    fails(made, 20, 30)

    assert states(b.index(made), [30]) == [CLOSED]
    assert len(failures(b.index(made), "ann")) == 2


def test_half_open_verified_work_closes_it_and_a_failure_opens_it_anew_for_the_whole_time() -> None:
    made = b.work(b.task("a"))
    fails(made, 0, 10, 20)
    assert states(b.index(made), [400]) == [HALF_OPEN]

    fails(made, 400)
    assert states(b.index(made), [400, 699, 700]) == [OPEN, OPEN, HALF_OPEN]

    succeeds(made, 750)
    assert states(b.index(made), [750]) == [CLOSED]


def test_it_is_one_over_the_whole_tree() -> None:
    one, other = b.work(b.task("a"), name="inst_1"), b.work(b.task("a"), name="inst_2")
    fails(one, 0, 20)
    fails(other, 10)
    assert states(b.index(one, other), [20]) == [OPEN]

    succeeds(other, 30)
    assert states(b.index(one, other), [30]) == [CLOSED]


def test_each_agent_has_its_own() -> None:
    made = b.work(b.task("a"))
    fails(made, 0, 10, agent="ann-2")
    fails(made, 20)

    assert states(b.index(made), [20]) == [CLOSED]


def test_it_can_be_turned_off() -> None:
    made = b.work(b.task("a"))
    fails(made, 0, 10, 20)

    assert states(b.index(made), [20], dataclasses.replace(THREE, breaker=False)) == [CLOSED]


# -- what counts as a failure of an agent -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error_type", "known", "agent", "counts"),
    [
        (None, {}, "ann", True),
        ("timeout", {}, "ann", True),
        ("invalid_task_definition", {}, "ann", False),
        (None, {"by_runner": True}, "shell", False),
        (None, {}, "shell", True),
        (None, {"by_runner": True}, "claude", True),
    ],
    ids=["plain", "of a kind", "never retried", "a command of the task's own", "claimed by hand", "an agent"],
)
def test_what_says_nothing_of_the_agent_is_no_failure_of_it(
    error_type: str | None, known: dict[str, object], agent: str, counts: bool
) -> None:
    made = b.work(b.task("a", assigned_agent=agent))
    record = b.lies(made, "a", b.IN_PROGRESS, **known)

    move = after_failure(made, record, b.PLAIN, b.NOW, "it broke", error_type)

    assert move.facts.get("failure", False) is counts


def test_a_failure_is_counted_for_the_one_who_held_it() -> None:
    made = b.work(b.task("a"))
    record = b.lies(made, "a", b.IN_PROGRESS, holder="ann-2")
    found = b.index(made)

    b.taken(found, [after_failure(made, record, b.PLAIN, b.NOW, "it broke")])

    assert (failures(found, "ann-2"), failures(found, "ann")) == ([b.NOW.wall_s], [])


# -- what it comes to -------------------------------------------------------------------------------------------------


def opened(*names: str, place: str = b.GLOBAL) -> Work:
    made = b.work(*(b.task(name) for name in names))
    for name in names:
        b.lies(made, name, place)
    fails(made, 0, 0, 0)
    return made


def test_who_has_an_open_one_gets_nothing_and_it_waits_in_its_domain_for_the_time_to_pass() -> None:
    made = opened("a", "c", "e")
    found = b.index(made)

    shut = b.decided(admission.decide, found, THREE, b.at(10))

    assert {move[1:] for move in b.moves(shut)} == {(b.GLOBAL, DOMAIN)}
    b.taken(found, shut)

    trial = b.decided(admission.decide, found, THREE, b.at(301))
    assert b.moves(trial) == [("a", DOMAIN, b.queue()), ("c", DOMAIN, b.queue())]


def test_half_open_what_it_has_already_counts_as_on_trial() -> None:
    made = opened("a", "c", "e")
    b.lies(made, "a", b.IN_PROGRESS)

    found = b.decided(admission.decide, b.index(made), THREE, b.at(301))

    assert b.moves(found) == [("c", b.GLOBAL, b.queue()), ("e", b.GLOBAL, DOMAIN)]


def test_another_instance_of_the_type_takes_its_work() -> None:
    pair = dataclasses.replace(THREE, agents={"ann": b.kind("ann", instances=2)})

    assert b.moves(b.decided(admission.decide, b.index(opened("a")), pair, b.at(1))) == [
        ("a", b.GLOBAL, b.queue("ann-2"))
    ]


def test_whoever_asks_for_more_is_told_why_not() -> None:
    made = opened("a", "c", "e", place=b.queue())
    found = b.index(made)

    assert refusal(found, made, "ann", THREE, b.at(1).wall_s) == "ann failed 3 times in a row; its breaker is open"
    assert refusal(found, made, "ann", THREE, b.at(301).wall_s) is None

    b.lies(made, "a", b.IN_PROGRESS)
    b.lies(made, "c", b.IN_PROGRESS)
    assert "its breaker is half_open" in str(refusal(found, made, "ann", THREE, b.at(301).wall_s))


def claimed_at(made: Work, task_id: str, at_s: float) -> None:
    b.lies(made, task_id, b.IN_PROGRESS, claimed_wall_s=b.at(at_s).wall_s).claim_seen = True


def test_a_claim_by_hand_after_it_opened_goes_back_and_one_from_before_stays() -> None:
    made = opened("a", "c")
    claimed_at(made, "a", -5)
    claimed_at(made, "c", 5)

    found = b.decided(over_limit.decide, b.index(made), THREE, b.at(6))

    assert b.moves(found) == [("c", b.IN_PROGRESS, b.queue())]
    assert b.only_move(found).reason == "claimed although the breaker of ann is open; put back"


def test_half_open_a_claim_by_hand_beyond_those_on_trial_goes_back() -> None:
    made = opened("a", "c", "e")
    for name in "ace":
        claimed_at(made, name, 310)

    found = b.decided(over_limit.decide, b.index(made), THREE, b.at(311))

    assert b.moves(found) == [("e", b.IN_PROGRESS, b.queue())]
    assert "may only try 2 at a time" in b.only_move(found).reason


def started(made: Work, now: Now) -> list[str]:
    crew = dataclasses.replace(THREE, agents={"ann": b.kind("ann", slots=10)})
    found = b.index(made, hands=10)
    return [move.task_id for move in b.decided(staffing.decide, found, crew, now) if isinstance(move, Move)]


def test_the_runner_claims_nothing_for_an_open_one_and_half_open_only_what_is_on_trial() -> None:
    made = opened("a", "c", "e", place=b.queue())

    assert started(made, b.at(10)) == []
    assert started(made, b.at(301)) == ["a", "c"]
    succeeds(made, 302)
    assert started(made, b.at(303)) == ["a", "c", "e"]


# -- what is said of it -----------------------------------------------------------------------------------------------


def told(found: Index, at_s: float) -> list[tuple[str | None, object]]:
    actions = b.decided(breaker.decide, found, THREE, b.at(at_s))
    b.taken(found, actions, b.at(at_s))
    return [(note.agent, note.facts["state"]) for note in actions if getattr(note, "event", "") == "breaker"]


def test_each_change_is_written_down_once() -> None:
    made = opened("a")
    found = b.index(made)

    assert told(found, 0) == [("ann", OPEN)]
    assert told(found, 10) == []
    assert told(found, 300) == [("ann", HALF_OPEN)]
    assert told(found, 310) == []
    succeeds(made, 320)
    assert told(found, 320) == [("ann", CLOSED)]
    assert told(found, 330) == []


def test_an_open_one_is_looked_at_again_when_its_time_is_over() -> None:
    found = b.index(opened("a"))

    assert b.wakes(b.decided(breaker.decide, found, THREE, b.at(10))) == [300.0]
    note = b.only_note(b.decided(breaker.decide, found, THREE, b.at(10)), "breaker")
    assert note.reason.startswith("ann failed 3 times in a row; it gets nothing until 2027-01-15T08:05:00")


def test_a_daemon_that_starts_anew_knows_it_from_the_journal() -> None:
    made = opened("a")
    told(b.index(made), 0)
    again = b.work(b.task("a"))
    fails(again, 0, 0, 0)
    again.history.apply({"event": "breaker", "agent": "ann", "state": OPEN})

    assert told(b.index(again), 10) == []
    assert states(b.index(again), [10]) == [OPEN]
