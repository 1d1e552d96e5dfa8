"""How many at once, and who takes it?"""

from typing import Any

import pytest

from cagents_fs.core.index import Work
from cagents_fs.model.actions import RunChecks, Tell
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import State, place_of
from cagents_fs.rules import admission
from tests.support import builders as b

DOMAIN = place_of(State.DOMAINS, "software")
GATED = [{"criterion": "It works", "check": "pytest", "must_fail_before": True}]
TEAM = b.policy(agents={"ann": b.kind("ann", instances=3, slots=2)})


def ready(*names: str, mode: str = "swarm", **fields: Any) -> Work:
    """Tasks of ann's that lie in the global queue, in this order."""
    made = b.work(*(b.task(name) for name in names), mode=mode, **fields)
    for name in names:
        b.lies(made, name, b.GLOBAL)
    return made


def released(made: Work, policy: Policy = b.PLAIN) -> list[tuple[str, str]]:
    found = b.moves(b.decided(admission.decide, b.index(made), policy))
    assert all(source in (b.GLOBAL, DOMAIN) for _, source, _ in found)
    return [(task_id, target) for task_id, _, target in found if target != DOMAIN]


def set_aside(made: Work, policy: Policy = b.PLAIN) -> list[str]:
    """What goes from the global queue into that of its domain."""
    found = b.moves(b.decided(admission.decide, b.index(made), policy))
    return [task_id for task_id, source, target in found if (source, target) == (b.GLOBAL, DOMAIN)]


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


def test_a_queue_takes_at_most_its_depth_and_the_rest_waits_in_that_of_its_domain() -> None:
    made = ready("a", "c", "e", "g")
    b.lies(made, "a", b.queue())

    assert released(made, b.policy(max_queue_depth=3)) == [("c", b.queue()), ("e", b.queue())]
    assert set_aside(made, b.policy(max_queue_depth=3)) == ["g"]


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
        "released to ann, least_loaded of 3"
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


# -- who gets it ------------------------------------------------------------------------------------------------------


def test_those_who_name_no_agent_and_those_who_name_the_default_one_are_in_one_order() -> None:
    made = b.work(
        b.task("a", assigned_agent=None, priority="low"),
        b.task("c", assigned_agent="shell", priority="critical"),
        b.task("e", assigned_agent=None, priority="high"),
    )
    for name in "ace":
        b.lies(made, name, b.GLOBAL)

    one = b.policy(max_queue_depth=1)
    assert released(made, one) == [("c", b.queue("shell"))]
    assert set_aside(made, one) == ["a", "e"]


def test_one_instance_that_is_full_holds_up_those_that_were_given_to_it_and_nobody_else() -> None:
    made = ready("a", "c", "e")
    made.records["a"].ledger.assigned = "ann-2"
    made.lanes.enter(made.records["a"])
    b.lies(made, "e", b.queue("ann-2"))
    pair = b.policy(max_queue_depth=1, agents={"ann": b.kind("ann", instances=2)})

    assert released(made, pair) == [("c", b.queue("ann"))]
    assert set_aside(made, pair) == ["a"]


@pytest.mark.parametrize(
    ("assigned", "holder", "goes_back"),
    [
        ("bob", "ann", True),
        ("ann", "ann-2", True),
        ("ann-2", "ann-2", False),
        ("ann-2", "ann", True),
        ("ann", "ann-x", True),
    ],
)
def test_what_was_given_to_somebody_else_leaves_the_queue_of_who_had_it(
    assigned: str, holder: str, goes_back: bool
) -> None:
    made = b.work(b.task("a"))
    b.lies(made, "a", b.queue(holder), assigned=assigned)

    found = b.moves(b.decided(admission.decide, b.index(made), TEAM))

    assert found == ([("a", b.queue(holder), DOMAIN)] if goes_back else [])


def test_a_paused_task_leaves_its_agents_queue_and_is_not_released_until_it_is_resumed() -> None:
    made = b.work(b.task("a", domain="finance"))
    record = b.lies(made, "a", b.queue(), paused=True)

    assert b.moves(b.decided(admission.decide, b.index(made))) == [("a", b.queue(), "queues/domains/finance")]

    b.lies(made, "a", "queues/domains/finance")
    assert b.decided(admission.decide, b.index(made)) == []
    record.ledger.paused = False
    assert b.moves(b.decided(admission.decide, b.index(made))) == [("a", "queues/domains/finance", b.queue())]


def test_nothing_is_released_while_the_instruction_is_paused() -> None:
    made = ready("a")
    made.history.paused = True

    assert b.decided(admission.decide, b.index(made)) == []


# -- soft dependencies ------------------------------------------------------------------------------------------------


def soft(place: str, *, other: str = "bob") -> Work:
    """`z` would rather wait for `a`, of another agent, which lies there."""
    made = b.work(b.task("a", assigned_agent=other), b.task("z", dependencies={"soft_dependencies": ["a"]}))
    b.lies(made, "a", place, holder=other)
    b.lies(made, "z", b.GLOBAL)
    return made


@pytest.mark.parametrize("place", [b.WAITING, b.RETRY, b.BLOCKED, b.FAILED, b.CANCELLED, b.COMPLETED])
def test_a_soft_dependency_holds_nobody_up_unless_it_is_in_work(place: str) -> None:
    assert released(soft(place), b.policy(swarm_max=1)) == [("z", b.queue())]


@pytest.mark.parametrize("place", [b.IN_PROGRESS, b.UNDER_REVIEW])
def test_while_it_is_in_work_it_is_waited_for_unless_a_slot_would_stay_idle(place: str) -> None:
    one_slot = b.policy(agent_slots={"ann": 1})
    made = soft(place)
    assert released(made, one_slot) == [("z", b.queue())]

    made = b.work(
        b.task("a", assigned_agent="bob"), b.task("w"), b.task("z", dependencies={"soft_dependencies": ["a"]})
    )
    b.lies(made, "a", place, holder="bob")
    b.lies(made, "w", b.IN_PROGRESS)
    b.lies(made, "z", b.GLOBAL)
    assert released(made, one_slot) == []
    assert set_aside(made, one_slot) == []

    b.done(made, "w")
    assert released(made, one_slot) == [("z", b.queue())]


# -- what is handed over ----------------------------------------------------------------------------------------------


def test_who_waited_for_artifacts_is_told_where_they_are() -> None:
    wants = {"data_dependencies": [{"task_id": "a", "artifact_path": "schema.sql"}]}
    made = b.work(b.task("a"), b.task("z", dependencies=wants))
    artifact = {"path": "db/schema.sql", "resolved": "/w/db/schema.sql", "checksum": "sha256:00"}
    b.lies(made, "a", b.COMPLETED, accepted="m1", artifacts=(artifact,))
    b.lies(made, "z", b.GLOBAL)

    found = b.decided(admission.decide, b.index(made))

    assert b.told(found) == [("ann", "dependency_satisfied")]
    (text,) = [action.text for action in found if isinstance(action, Tell)]
    assert text.splitlines()[1] == "- schema.sql of a: /w/db/schema.sql (sha256:00)"


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
