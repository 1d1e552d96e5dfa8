"""Which tasks do the runner's own agents take up, and whose process has to go?"""

from typing import Any

import pytest

from cagents_fs.core.index import Index, Record, Work
from cagents_fs.model.actions import Action, Start, Stop
from cagents_fs.model.policy import Policy
from cagents_fs.rules import completion, staffing
from tests.support import builders as b

ANN = b.policy(agents={"ann": b.kind("ann", slots=50), "bob": b.kind("bob", slots=50)})


ENDED = {"event": "process_ended", "task_id": "a", "attempt": 2, "exit_code": 0}


def queued(*names: str, name: str = "inst_1", **fields: Any) -> Work:
    made = b.work(*(b.task(one) for one in names), name=name, **fields)
    for one in names:
        b.lies(made, one, b.queue())
    return made


def held(running: bool = False, **known: Any) -> tuple[Index, Record]:
    """Claimed by the runner."""
    made = b.work(b.task("a"))
    record = b.lies(made, "a", b.IN_PROGRESS, by_runner=True, **known)
    record.running, record.running_attempt = running, 1
    return b.index(made, hands=5, running=int(running)), record


def decided(found: Index, policy: Policy = ANN) -> list[Action]:
    return b.decided(staffing.decide, found, policy)


def claims(found: Index, policy: Policy = ANN) -> list[str]:
    moves = b.moves(decided(found, policy))
    assert all(target == b.IN_PROGRESS for _, _, target in moves)
    return [task_id for task_id, _, _ in moves]


# -- claiming ---------------------------------------------------------------------------------------------------------


def test_without_a_runner_nobody_is_claimed_for_or_started() -> None:
    assert decided(b.index(queued("a"), hands=0)) == []
    made = b.work(b.task("a"))
    b.lies(made, "a", b.IN_PROGRESS, by_runner=True)
    assert decided(b.index(made, hands=0)) == []


@pytest.mark.parametrize(("only", "taken"), [(None, ["with"]), ("inst_1", ["with", "without"])])
def test_beside_agents_that_come_by_themselves_what_only_they_can_do_is_left_to_them(
    only: str | None, taken: list[str]
) -> None:
    made = b.work(b.task("with", command="true"), b.task("without"))
    for name in ("with", "without"):
        b.lies(made, name, b.queue())

    assert claims(b.index(made, hands=5, staffed_only=only), b.PLAIN) == taken


def test_what_lies_in_an_agents_queue_is_claimed_best_first_as_the_runners() -> None:
    made = b.work(b.task("a"), b.task("u", priority="critical"))
    b.lies(made, "a", b.queue())
    b.lies(made, "u", b.queue())
    found = b.index(made, hands=5)

    assert claims(found) == ["u", "a"]
    move = next(action for action in decided(found) if getattr(action, "task_id", "") == "a")
    assert (getattr(move, "facts", None), getattr(move, "agent", None)) == ({"by": "runner"}, "ann")


@pytest.mark.parametrize(
    ("hands", "running", "fields", "policy", "expected"),
    [
        (2, 0, {}, ANN, 2),
        (5, 4, {}, ANN, 1),
        (2, 2, {}, ANN, 0),
        (9, 0, {"max_concurrent": 3}, ANN, 3),
        (9, 0, {"mode": "sequential"}, ANN, 1),
        (9, 0, {}, b.policy(agents={"ann": b.kind("ann", slots=2)}), 2),
    ],
    ids=["hands", "hands in use", "no hand free", "max_concurrent", "mode", "slots"],
)
def test_no_more_are_claimed_than_hands_modes_and_slots_allow(
    hands: int, running: int, fields: dict[str, Any], policy: Policy, expected: int
) -> None:
    assert len(claims(b.index(queued(*"acegi", **fields), hands=hands, running=running), policy)) == expected


def test_a_claim_that_has_not_been_started_yet_needs_its_hand() -> None:
    made = queued("a", "c")
    b.lies(made, "a", b.IN_PROGRESS, by_runner=True)

    assert claims(b.index(made, hands=2)) == ["c"]
    assert claims(b.index(made, hands=1)) == []


def test_hands_are_shared_by_all_instructions_and_may_be_kept_for_one() -> None:
    one, other = queued("a", "c"), queued("e", "g", name="inst_2")

    assert len(claims(b.index(one, other, hands=3))) == 3
    assert claims(b.index(one, other, hands=3, staffed_only="inst_2")) == ["e", "g"]


def test_the_slots_of_an_agent_hold_for_the_whole_tree() -> None:
    found = b.index(queued("a", "c"), queued("e", "g", name="inst_2"), hands=9)

    assert len(claims(found, b.policy(agents={"ann": b.kind("ann", slots=2)}))) == 2


@pytest.mark.parametrize("limit", ["max_agents_per_instruction", "max_global_agents"])
def test_no_more_agents_come_to_work_in_one_turn_than_may_be(limit: str) -> None:
    made = b.work(b.task("a"), b.task("c", assigned_agent="bob"))
    b.lies(made, "a", b.queue())
    b.lies(made, "c", b.queue("bob"))
    policy = b.policy(agents=ANN.agents, **{limit: 1})

    assert len(claims(b.index(made, hands=9), policy)) == 1


def test_what_still_waits_or_is_being_moved_by_somebody_is_not_claimed() -> None:
    made = b.work(b.task("first"), b.task("a", "first"), b.task("c"))
    b.lies(made, "a", b.queue())
    b.lies(made, "c", b.queue(), journal=b.GLOBAL)

    assert claims(b.index(made, hands=5)) == []


# -- starting ---------------------------------------------------------------------------------------------------------


def test_what_the_runner_holds_is_started_once() -> None:
    found, _ = held()

    (start,) = decided(found)
    assert start == Start(instruction="inst_1", task_id="a", agent="ann", attempt=1, reason="ann starts attempt 1")
    b.taken(found, [start])
    assert decided(found) == []


def test_what_somebody_else_claimed_is_not_started() -> None:
    found, record = held()
    record.ledger.by_runner = False

    assert decided(found) == []


def test_after_a_rejected_manifest_its_process_is_started_again_in_the_same_attempt() -> None:
    found, record = held(rejections=2, judged=("m1", "e1"))
    b.hands_in(record)

    (start,) = decided(found)

    assert isinstance(start, Start)
    assert (start.attempt, start.reason) == (1, "ann starts attempt 1, once more after 2 rejected manifests")


def test_while_a_manifest_waits_for_its_verdict_nothing_is_started() -> None:
    found, record = held()
    b.hands_in(record)

    assert decided(found) == []


def test_a_command_that_never_hands_in_rightly_is_started_again_max_iterations_times_at_most() -> None:
    found, record = held(attempt=2)
    starts = 0
    while starts < 9:
        actions = b.taken(found, decided(found))
        if not any(isinstance(action, Start) for action in actions):
            break
        starts += 1
        record.running = False
        found.works["inst_1"].history.apply(ENDED)
        b.hands_in(record, sha=f"m{starts}", attempt=1)
        b.taken(found, b.decided(completion.decide, found))

    assert starts == 1 + b.PLAIN.max_rework
    assert b.only_move(actions).reason.startswith("rework exhausted: it ran 4 times in this attempt")


def test_a_task_without_a_command_for_an_agent_that_runs_one_has_failed_for_good() -> None:
    found, _ = held()
    shell = b.policy(agents={"ann": b.kind("ann", "sh", "-c", "{command}")})

    move = b.only_move(decided(found, shell))

    assert (move.target, move.facts["error_type"]) == (b.FAILED, "invalid_task_definition")
    assert isinstance(decided(found)[0], Start)


# -- stopping ---------------------------------------------------------------------------------------------------------


def test_a_process_whose_task_is_where_it_should_be_goes_on() -> None:
    found, record = held(running=True)
    assert decided(found) == []

    b.lies(found.works["inst_1"], "a", b.UNDER_REVIEW)
    assert record.running
    assert decided(found) == []


@pytest.mark.parametrize("place", [b.RETRY, b.CANCELLED, b.COMPLETED, b.BLOCKED, b.GLOBAL])
def test_a_task_that_leaves_takes_its_process_with_it(place: str) -> None:
    found, _ = held(running=True)
    b.lies(found.works["inst_1"], "a", place)

    assert decided(found) == [Stop(instruction="inst_1", task_id="a", reason=f"its task is in {place} now")]


@pytest.mark.parametrize("why", ["another attempt", "another holder", "nowhere", "a foreign move"])
def test_a_process_of_another_attempt_or_of_a_task_that_is_no_longer_the_runners_goes(why: str) -> None:
    found, record = held(running=True)
    match why:
        case "another attempt":
            record.ledger.attempt = 2
        case "another holder":
            record.ledger.by_runner = False
        case "a foreign move":
            record.ledger.place = b.queue()
        case _:
            found.works["inst_1"].put(record, None, 0.0)

    assert [type(action) for action in decided(found)] == [Stop]
