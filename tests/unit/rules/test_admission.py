"""How many at once, and who takes it?"""

from typing import Any

import pytest

from cagents_fs.core.index import Work
from cagents_fs.model.actions import RunChecks
from cagents_fs.model.policy import Policy
from cagents_fs.rules import admission
from tests.support import builders as b

GATED = [{"criterion": "It works", "check": "pytest", "must_fail_before": True}]
TEAM = b.policy(agents={"ann": b.kind("ann", instances=3, slots=2)})


def ready(*names: str, mode: str = "swarm", **fields: Any) -> Work:
    """Tasks of ann's that lie in the global queue, in this order."""
    made = b.work(*(b.task(name) for name in names), mode=mode, **fields)
    for name in names:
        b.lies(made, name, b.GLOBAL)
    return made


def released(made: Work, policy: Policy = b.PLAIN) -> list[tuple[str, str]]:
    actions = b.decided(admission.decide, b.index(made), policy)
    assert all(source == b.GLOBAL for _, source, _ in b.moves(actions))
    return [(task_id, target) for task_id, _, target in b.moves(actions)]


# -- release ----------------------------------------------------------------------------------------------------------


def test_what_is_ready_is_released_into_the_queue_of_its_agent_best_first() -> None:
    made = b.work(b.task("a"), b.task("c", assigned_agent="bob"), b.task("u", priority="critical"))
    for name in "acu":
        b.lies(made, name, b.GLOBAL)

    assert released(made) == [("u", b.queue()), ("a", b.queue()), ("c", b.queue("bob"))]


def test_a_release_names_the_agent_and_says_so() -> None:
    found = b.index(ready("a"))

    move = b.only_move(b.decided(admission.decide, found))

    assert (move.agent, move.reason, move.edit_before, move.edit_after) == ("ann", "released to ann", {}, {})


def test_a_task_that_names_no_agent_goes_to_the_default_one() -> None:
    made = b.work(b.task("a", assigned_agent=None))
    b.lies(made, "a", b.GLOBAL)

    assert released(made) == [("a", b.queue("shell"))]


def test_a_queue_takes_at_most_its_depth_and_the_rest_waits() -> None:
    made = ready("a", "c", "e", "g")
    b.lies(made, "a", b.queue())

    assert released(made, b.policy(max_queue_depth=3)) == [("c", b.queue()), ("e", b.queue())]


def test_a_full_queue_of_one_agent_holds_up_nobody_else() -> None:
    made = b.work(b.task("a"), b.task("c"), b.task("e", assigned_agent="bob"))
    for name in "ace":
        b.lies(made, name, b.GLOBAL)

    assert released(made, b.policy(max_queue_depth=1)) == [("a", b.queue()), ("e", b.queue("bob"))]


def test_work_is_spread_over_the_instances_of_a_type_the_least_loaded_first() -> None:
    made = ready("a", "c", "e", "g", "i")
    b.lies(made, "a", b.IN_PROGRESS)

    assert released(made, TEAM) == [
        ("c", b.queue("ann-2")),
        ("e", b.queue("ann-3")),
        ("g", b.queue("ann")),
        ("i", b.queue("ann-2")),
    ]
    assert b.only_move(b.decided(admission.decide, b.index(ready("a")), TEAM)).reason == (
        "released to ann, least loaded of 3"
    )


def test_where_the_queue_of_the_least_loaded_is_full_another_instance_with_room_takes_it() -> None:
    made = ready("a", "c", "e", "g")
    b.lies(made, "a", b.queue("ann"))
    b.lies(made, "c", b.IN_PROGRESS, holder="ann-2")
    b.lies(made, "e", b.IN_PROGRESS, holder="ann-2")
    pair = b.policy(max_queue_depth=1, agents={"ann": b.kind("ann", instances=2)})

    assert released(made, pair) == [("g", b.queue("ann-2"))]


def test_what_somebody_else_is_moving_is_not_released() -> None:
    made = ready("a")
    b.lies(made, "a", b.GLOBAL, journal=b.WAITING)

    assert released(made) == []


def test_nothing_is_released_before_the_plan_is_taken_in() -> None:
    made = ready("a")
    made.history.intake = None

    assert released(made) == []


def test_a_pipeline_opens_the_next_wave_when_all_of_the_last_is_completed() -> None:
    made = b.work(b.task("a"), b.task("c"), b.task("z", "a"), mode="pipeline")
    b.done(made, "a")
    b.lies(made, "c", b.IN_PROGRESS)
    b.lies(made, "z", b.GLOBAL)
    assert released(made) == []

    b.done(made, "c")
    assert released(made) == [("z", b.queue())]


def test_in_sequential_mode_the_next_is_released_when_nobody_has_anything() -> None:
    made = ready("a", "c", "u", mode="sequential")
    assert released(made) == [("a", b.queue())]

    b.lies(made, "a", b.queue())
    assert released(made) == []
    b.lies(made, "a", b.IN_PROGRESS)
    assert released(made) == []

    b.done(made, "a")
    assert released(made) == [("c", b.queue())]


def test_sequential_mode_releases_as_many_as_the_plan_allows_at_once() -> None:
    assert len(released(ready("a", "c", "e", mode="sequential", max_concurrent=2))) == 2


def test_in_sequential_mode_the_most_urgent_goes_first_whoever_does_it() -> None:
    made = b.work(
        b.task("a", priority="low"), b.task("c", priority="critical", assigned_agent="bob"), mode="sequential"
    )
    b.lies(made, "a", b.GLOBAL)
    b.lies(made, "c", b.GLOBAL)

    assert released(made) == [("c", b.queue("bob"))]


# -- the gate: a check that has to fail before ------------------------------------------------------------------------


def gated(**known: Any) -> Work:
    made = b.work(b.task("a", acceptance_criteria=GATED), b.task("free"))
    b.lies(made, "a", b.GLOBAL, **known)
    b.lies(made, "free", b.GLOBAL)
    return made


def test_a_check_that_must_fail_before_is_run_first_and_holds_up_only_its_task() -> None:
    actions = b.decided(admission.decide, b.index(gated()))

    assert RunChecks(instruction="inst_1", task_id="a", attempt=1, key="before/1", before=True) in actions
    assert b.moves(actions) == [("free", b.GLOBAL, b.queue())]


def test_while_it_runs_nothing_is_asked_for_and_once_it_has_been_seen_the_task_is_released() -> None:
    made = gated()
    made.records["a"].checking = "before/1"
    assert [a for a in b.decided(admission.decide, b.index(made)) if isinstance(a, RunChecks)] == []
    assert released(made) == [("free", b.queue())]

    made.records["a"].checking, made.records["a"].ledger.checked_before = None, True
    assert ("a", b.queue()) in released(made)


@pytest.mark.parametrize(
    ("known", "policy", "open_at_once"),
    [
        ({}, b.policy(), False),
        ({"attempt": 2}, b.policy(), True),
        ({"added": True}, b.policy(), True),
        ({"added": True}, b.policy(checks="all"), False),
        ({}, b.policy(checks="never"), True),
    ],
    ids=["submitted", "second attempt", "added later", "added later, all checks", "checks off"],
)
def test_the_gate_is_for_the_first_release_of_tasks_whose_checks_are_run(
    known: dict[str, Any], policy: Policy, open_at_once: bool
) -> None:
    assert (("a", b.queue()) in released(gated(**known), policy)) is open_at_once


def test_a_check_that_may_pass_before_is_no_gate() -> None:
    made = b.work(b.task("a", acceptance_criteria=[{"criterion": "It works", "check": "pytest"}]))
    b.lies(made, "a", b.GLOBAL)

    assert released(made) == [("a", b.queue())]
