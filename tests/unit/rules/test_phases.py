"""How far is the whole?"""

from typing import Any

import pytest

from cagents_fs.core.index import Work
from cagents_fs.model.actions import Action, Note, Phase, RunChecks
from cagents_fs.model.faults import Fault
from cagents_fs.model.observations import ChecksDone
from cagents_fs.model.policy import Policy
from cagents_fs.rules import phases
from tests.support import builders as b

WHOLE = [{"criterion": "It hangs together", "check": "make test"}]


def decided(made: Work, policy: Policy = b.PLAIN) -> list[Action]:
    return b.decided(phases.decide, b.index(made), policy)


def phase(made: Work, policy: Policy = b.PLAIN) -> str | None:
    found = [action for action in decided(made, policy) if isinstance(action, Phase)]
    return found[-1].phase if found else None


def with_places(*places: str, begun: str = "planning", **fields: Any) -> Work:
    made = b.work(*(b.task(f"t{n}") for n in range(len(places))), **fields)
    made.history.phase = begun
    for number, place in enumerate(places):
        b.lies(made, f"t{number}", place, accepted="m0" if place == b.COMPLETED else None)
    return made


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ([b.GLOBAL], "executing"),
        ([b.COMPLETED, b.RETRY], "executing"),
        ([b.COMPLETED, b.UNDER_REVIEW], "executing"),
        ([b.COMPLETED, b.COMPLETED], "complete"),
        ([b.COMPLETED, b.FAILED], "failed"),
        ([b.COMPLETED, b.CANCELLED], "cancelled"),
        ([b.FAILED, b.CANCELLED], "failed"),
        ([b.FAILED, b.IN_PROGRESS], "executing"),
    ],
)
def test_the_phase_of_the_whole_follows_from_where_its_tasks_lie(places: list[str], expected: str) -> None:
    assert phase(with_places(*places)) == expected


def test_a_phase_that_is_reached_is_not_said_again() -> None:
    assert decided(with_places(b.GLOBAL, begun="executing")) == []
    assert decided(with_places(b.COMPLETED, begun="complete")) == []


def test_completed_by_somebody_else_and_not_yet_judged_is_not_complete() -> None:
    made = with_places(b.COMPLETED)
    made.records["t0"].ledger.accepted = None
    made.refresh(made.records["t0"])

    assert phase(made) == "executing"


def test_whoever_is_blocked_for_good_holds_up_the_end_of_nothing() -> None:
    made = b.work(b.task("a"), b.task("z", "a"))
    b.lies(made, "a", b.FAILED)
    b.lies(made, "z", b.BLOCKED)

    (found,) = decided(made)

    assert isinstance(found, Phase)
    assert (found.phase, found.reason) == ("failed", "0 completed, 1 failed, 0 cancelled, 1 blocked")
    assert found.facts == {"mode": "swarm", "tasks": 2}


def test_what_is_blocked_by_something_that_does_not_exist_has_failed_and_was_not_cancelled() -> None:
    made = b.work(b.task("a", "ghost"))
    b.lies(made, "a", b.BLOCKED)

    assert phase(made) == "failed"


def test_a_blocked_task_that_can_be_freed_keeps_the_whole_going() -> None:
    made = b.work(b.task("a"))
    made.history.phase = "planning"
    b.lies(made, "a", b.BLOCKED)

    assert phase(made) == "executing"


def test_nothing_is_looked_at_before_intake_or_where_nothing_happened() -> None:
    made = with_places(b.GLOBAL)
    made.touched.clear()
    assert decided(made) == []

    made.touched["t0"] = None
    made.history.intake = None
    assert decided(made) == []


def test_the_criteria_of_the_whole_are_checked_when_all_tasks_are_completed() -> None:
    made = with_places(b.COMPLETED, begun="executing", acceptance_criteria=WHOLE)

    found = decided(made)

    assert [action.phase for action in found if isinstance(action, Phase)] == ["validating"]
    assert RunChecks(instruction="inst_1", task_id="", attempt=1, key="whole") in found
    b.taken(b.index(made), found)
    assert decided(made) == []


@pytest.mark.parametrize(
    ("policy", "criteria"),
    [(b.policy(checks="never"), WHOLE), (b.policy(), ["It hangs together"])],
    ids=["checks off", "no check"],
)
def test_without_checks_of_the_whole_completed_is_complete(policy: Policy, criteria: list[object]) -> None:
    assert phase(with_places(b.COMPLETED, acceptance_criteria=criteria), policy) == "complete"


def checked(*faults: Fault, begun: str = "validating") -> Work:
    made = with_places(b.COMPLETED, begun=begun, acceptance_criteria=WHOLE)
    made.whole_checks = ChecksDone(task_id="", attempt=1, key="whole", faults=faults)
    made.touched.clear()
    return made


def test_the_whole_is_complete_when_its_criteria_hold() -> None:
    assert phase(checked()) == "complete"


def test_the_whole_has_failed_when_one_of_its_criteria_does_not_hold_and_that_is_said_once() -> None:
    made = checked(Fault("check_failed", "make test ended with 2"))

    found = decided(made)

    assert [type(action) for action in found] == [Note, Phase]
    assert b.only_note(found, "finding").reason == "make test ended with 2"
    assert phase(made) == "failed"
    b.taken(b.index(made), found)
    assert decided(made) == []


def test_work_taken_up_again_puts_the_whole_back_to_executing() -> None:
    made = with_places(b.COMPLETED, b.GLOBAL, begun="failed")

    assert phase(made) == "executing"
