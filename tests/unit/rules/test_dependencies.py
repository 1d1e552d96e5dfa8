"""What may start now, and what can start no more?"""

import pytest

from cagents_fs.core.index import Index, Work
from cagents_fs.model.actions import Action, Escalate, Move
from cagents_fs.model.files import Task
from cagents_fs.model.states import NOT_STARTED, State, place_of
from cagents_fs.rules import dependencies
from tests.support import builders as b

QUEUES = [b.GLOBAL, b.queue(), "queues/domains/software"]


def decided(made: Work) -> list[Action]:
    return b.decided(dependencies.decide, b.index(made))


def chain() -> Work:
    """m waits for a, z for m."""
    return b.work(b.task("a"), b.task("m", "a"), b.task("z", "m"))


def test_a_task_is_freed_when_the_last_of_those_it_waits_for_is_verified() -> None:
    made = b.work(b.task("a"), b.task("c"), b.task("z", "a", "c"))
    b.done(made, "a")
    b.lies(made, "c", b.IN_PROGRESS)
    b.lies(made, "z", b.WAITING)
    assert decided(made) == []

    b.done(made, "c")
    move = b.only_move(decided(made))
    assert (move.task_id, move.target, move.reason) == ("z", b.GLOBAL, "dependencies met")


def test_completed_by_somebody_else_and_not_yet_judged_frees_nobody() -> None:
    made = chain()
    b.lies(made, "a", b.COMPLETED, journal=b.IN_PROGRESS)
    b.lies(made, "m", b.WAITING)

    assert decided(made) == []


def test_a_task_that_was_skipped_frees_those_who_wait_for_it() -> None:
    made = chain()
    b.lies(made, "a", b.CANCELLED, skipped=True)
    b.lies(made, "m", b.WAITING)

    assert b.moves(decided(made)) == [("m", b.WAITING, b.GLOBAL)]


@pytest.mark.parametrize("place", QUEUES)
def test_a_queued_task_that_has_to_wait_after_all_goes_back_to_the_waiting(place: str) -> None:
    made = chain()
    b.lies(made, "a", b.IN_PROGRESS)
    b.lies(made, "m", place)

    move = b.only_move(decided(made))

    assert (move.source, move.target, move.reason) == (place, b.WAITING, "waits for a")


@pytest.mark.parametrize("place", [b.IN_PROGRESS, b.UNDER_REVIEW, b.COMPLETED])
def test_what_has_started_is_left_alone(place: str) -> None:
    made = chain()
    b.lies(made, "a", b.IN_PROGRESS)
    b.lies(made, "m", place)

    assert decided(made) == []


def test_a_task_from_tasks_pending_is_sorted_in_and_told_what_it_waits_for() -> None:
    made = b.work(b.task("a"), b.task("z", *(f"t{n}" for n in range(7))), *(b.task(f"t{n}") for n in range(7)))
    for name in made.records:
        b.lies(made, name, b.PENDING)

    found = {m.task_id: m for m in decided(made) if isinstance(m, Move)}

    assert (found["a"].target, found["a"].reason) == (b.GLOBAL, "nothing blocks it")
    assert (found["z"].target, found["z"].reason) == (b.WAITING, "waits for t0, t1, t2, t3, t4 and 2 more")


def test_a_failure_blocks_everything_downstream_at_once_and_names_the_cause() -> None:
    made = chain()
    b.lies(made, "a", b.FAILED)
    b.lies(made, "m", b.WAITING)
    b.lies(made, "z", b.WAITING)

    found = {m.task_id: m for m in decided(made) if isinstance(m, Move)}

    assert {name: move.target for name, move in found.items()} == {"m": b.BLOCKED, "z": b.BLOCKED}
    assert found["z"].reason == "blocked by a"
    assert found["z"].facts == {"blocked_by": ["a"]}
    assert found["z"].edit_after == {"blocked_by": ["a"]}


@pytest.mark.parametrize("state", sorted(NOT_STARTED | {State.RETRY}))
def test_whatever_has_not_started_is_blocked_when_its_cause_is_lost(state: State) -> None:
    made = chain()
    b.lies(made, "a", b.CANCELLED)
    place = place_of(state, "ann" if state in (State.AGENTS, State.DOMAINS) else None)
    b.lies(made, "m", place)

    assert b.moves(decided(made)) == [("m", place, b.BLOCKED)]


@pytest.mark.parametrize("place", [b.IN_PROGRESS, b.UNDER_REVIEW, b.COMPLETED, b.FAILED])
def test_what_has_started_is_not_blocked_by_a_late_failure(place: str) -> None:
    made = chain()
    b.lies(made, "a", b.FAILED)
    b.lies(made, "m", place)

    assert decided(made) == []


def test_a_missing_task_blocks_those_who_wait_for_it_once_the_plan_is_taken_in() -> None:
    made = b.work(b.task("a", "nobody"))
    b.lies(made, "a", b.WAITING)
    made.history.intake, intake = None, made.history.intake
    assert decided(made) == []

    made.history.intake, made.doom_stale = intake, True
    assert b.only_move(decided(made)).reason == "blocked by nobody"


def test_the_tasks_of_a_circle_are_blocked_and_the_others_go_on() -> None:
    made = b.work(b.task("a", "c"), b.task("c", "a"), b.task("free"))
    for name in ("a", "c"):
        b.lies(made, name, b.WAITING)
    b.lies(made, "free", b.PENDING)

    assert sorted(b.moves(decided(made))) == [
        ("a", b.WAITING, b.BLOCKED),
        ("c", b.WAITING, b.BLOCKED),
        ("free", b.PENDING, b.GLOBAL),
    ]


def test_when_the_cause_goes_away_the_blocked_are_freed_to_wait_or_to_start() -> None:
    made = chain()
    record = b.lies(made, "a", b.FAILED)
    b.lies(made, "m", b.BLOCKED, blocked_by=("a",))
    b.lies(made, "z", b.BLOCKED, blocked_by=("a",))
    assert decided(made) == []

    record.ledger.accepted = "m1"
    b.lies(made, "a", b.COMPLETED)
    found = {m.task_id: m for m in decided(made) if isinstance(m, Move)}

    assert {name: move.target for name, move in found.items()} == {"m": b.GLOBAL, "z": b.WAITING}
    assert found["m"].reason == "no longer blocked by a"
    assert found["m"].edit_before == {"blocked_by": None}


def test_a_task_stays_blocked_while_one_of_two_causes_is_left() -> None:
    made = b.work(b.task("a"), b.task("c"), b.task("z", "a", "c"))
    b.lies(made, "a", b.FAILED)
    b.lies(made, "c", b.FAILED)
    b.lies(made, "z", b.BLOCKED, blocked_by=("a", "c"))

    b.done(made, "a")

    assert decided(made) == []


def test_what_somebody_else_is_moving_is_left_to_the_rule_of_foreign_moves() -> None:
    made = chain()
    b.lies(made, "a", b.FAILED)
    b.lies(made, "m", b.WAITING, journal=b.GLOBAL)

    assert decided(made) == []


def test_what_is_ready_or_blocked_and_being_moved_by_somebody_is_neither_started_nor_freed() -> None:
    made = b.work(b.task("a"), b.task("c"))
    b.lies(made, "a", b.WAITING, journal=b.GLOBAL)
    b.lies(made, "c", b.BLOCKED, journal=b.GLOBAL)

    assert decided(made) == []


def test_up_to_five_of_those_it_waits_for_are_named_and_no_more_is_said() -> None:
    made = b.work(b.task("z", *(f"t{n}" for n in range(5))), *(b.task(f"t{n}") for n in range(5)))
    b.lies(made, "z", b.PENDING)

    assert b.only_move(decided(made)).reason == "waits for t0, t1, t2, t3, t4"


def test_only_what_was_touched_is_looked_at() -> None:
    made = chain()
    b.lies(made, "a", b.IN_PROGRESS)
    b.lies(made, "m", b.GLOBAL)
    made.causes()
    made.touched.clear()

    assert decided(made) == []


# -- artifacts --------------------------------------------------------------------------------------------------------


def wants(path: str, of: str = "a", **fields: object) -> Task:
    return b.task("z", dependencies={"data_dependencies": [{"task_id": of, "artifact_path": path}]}, **fields)


@pytest.mark.parametrize(
    ("artifacts", "target"),
    [(({"path": "db/it.sql"},), b.GLOBAL), (({"path": "it.sql"},), b.GLOBAL), (({"path": "split.sql"},), b.BLOCKED)],
)
def test_one_that_is_completed_frees_who_needs_an_artifact_of_it_only_if_it_has_that(
    artifacts: tuple[dict[str, str], ...], target: str
) -> None:
    made = b.work(b.task("a"), wants("it.sql"))
    b.lies(made, "a", b.COMPLETED, accepted="m1", artifacts=artifacts)
    b.lies(made, "z", b.WAITING)

    assert b.moves(decided(made)) == [("z", b.WAITING, target)]


def test_who_is_blocked_for_want_of_an_artifact_is_told_which_task_lacks_it_and_waits_when_that_begins_anew() -> None:
    made = b.work(b.task("a"), wants("it.sql"))
    giver = b.lies(made, "a", b.COMPLETED, accepted="m1", artifacts=({"path": "other.sql"},))
    b.lies(made, "z", b.WAITING)

    move = b.only_move(decided(made))
    assert move.reason == "blocked by a, which was completed without the artifact that it needs"
    assert move.edit_after == {"blocked_by": ["a"]}

    b.lies(made, "z", b.BLOCKED, blocked_by=("a",))
    giver.ledger.accepted = None
    b.lies(made, "a", b.IN_PROGRESS)
    assert b.moves(decided(made)) == [("z", b.BLOCKED, b.WAITING)]


def test_one_that_was_skipped_hands_over_nothing_and_frees_all() -> None:
    made = b.work(b.task("a"), wants("it.sql"))
    b.lies(made, "a", b.CANCELLED, skipped=True)
    b.lies(made, "z", b.WAITING)

    assert b.moves(decided(made)) == [("z", b.WAITING, b.GLOBAL)]


# -- other instructions -----------------------------------------------------------------------------------------------


def two(place: str, **known: object) -> tuple[Index, Work]:
    """`z` of inst_2 waits for `a` of inst_1, which lies there."""
    one, other = b.work(b.task("a")), b.work(b.task("z", "inst_1:a"), b.task("y", "z"), name="inst_2")
    b.lies(one, "a", place, **known)
    for name in "zy":
        b.lies(other, name, b.WAITING)
    return b.index(one, other), other


def test_a_task_of_another_instruction_is_waited_for_until_it_is_verified() -> None:
    found, other = two(b.IN_PROGRESS)
    assert b.decided(dependencies.decide, found) == []

    b.done(found.works["inst_1"], "a")
    assert b.moves(b.decided(dependencies.decide, found)) == [("z", b.WAITING, b.GLOBAL)]
    assert other.unmet == {"z": 0, "y": 1}


def test_when_it_is_lost_everything_behind_it_is_blocked_and_freed_when_it_is_taken_up_again() -> None:
    found, _ = two(b.FAILED)

    lost = b.decided(dependencies.decide, found)
    assert sorted(b.moves(lost)) == [("y", b.WAITING, b.BLOCKED), ("z", b.WAITING, b.BLOCKED)]
    assert all(move.facts == {"blocked_by": ["inst_1:a"]} for move in lost if isinstance(move, Move))
    assert not [action for action in lost if isinstance(action, Escalate)]  # it is there; it has only failed
    b.taken(found, lost)

    b.lies(found.works["inst_1"], "a", b.GLOBAL)
    assert sorted(b.moves(b.decided(dependencies.decide, found))) == [
        ("y", b.BLOCKED, b.WAITING),
        ("z", b.BLOCKED, b.WAITING),
    ]


# -- what only a planner can mend -------------------------------------------------------------------------------------


def asked(made: Work) -> list[tuple[str, str]]:
    """Of which task the planner is asked, and what is said."""
    found = [action for action in decided(made) if isinstance(action, Escalate)]
    assert all(action.fields["to_agent"] == "planner" and action.fields["severity"] == "high" for action in found)
    return sorted((str(action.fields["task_id"]), str(action.fields["issue_description"])) for action in found)


def test_a_task_that_waits_for_one_that_is_nowhere_is_blocked_and_the_planner_asked_once() -> None:
    made = b.work(b.task("a", "ghost"), b.task("z", "a"))
    for name in "az":
        b.lies(made, name, b.PENDING)

    assert asked(made) == [("a", "a waits for ghost, which is not there; add it, or cancel a")]

    b.taken(b.index(made), [action for action in decided(made) if isinstance(action, Escalate)])
    assert asked(made) == []


def test_a_circle_is_named_as_the_path_one_walks() -> None:
    made = b.work(b.task("a", "c"), b.task("c", "a"))
    for name in "ac":
        b.lies(made, name, b.PENDING)

    assert [task_id for task_id, _ in asked(made)] == ["a", "c"]
    assert all("wait for each other: a -> c -> a" in text or "c -> a -> c" in text for _, text in asked(made))


def test_a_circle_through_another_instruction_blocks_its_tasks_and_asks() -> None:
    one, other = b.work(b.task("a", "inst_2:m")), b.work(b.task("m", "inst_1:a"), name="inst_2")
    b.lies(one, "a", b.WAITING)
    b.lies(other, "m", b.WAITING)

    found = b.decided(dependencies.decide, b.index(one, other))

    assert sorted(b.moves(found)) == [("a", b.WAITING, b.BLOCKED), ("m", b.WAITING, b.BLOCKED)]
    pleas = [action for action in found if isinstance(action, Escalate)]
    assert [action.instruction for action in pleas] == ["inst_1", "inst_2"]
    for plea in pleas:
        path = plea.fields["issue_description"].split(": ")[1].split(";")[0].split(" -> ")
        assert path in (["inst_1:a", "inst_2:m", "inst_1:a"], ["inst_2:m", "inst_1:a", "inst_2:m"])


def test_who_goes_on_without_what_it_waited_for_is_freed() -> None:
    made = b.work(b.task("a", "ghost"))
    b.lies(made, "a", b.BLOCKED, waived=frozenset({"ghost"}))
    made.recount("a")

    assert b.moves(decided(made)) == [("a", b.BLOCKED, b.GLOBAL)]


def test_who_is_blocked_by_its_own_escalation_is_not_freed_by_its_dependencies() -> None:
    made = b.work(b.task("a"))
    b.lies(made, "a", b.BLOCKED, escalation="e1", blocked_by=("e1",))

    assert decided(made) == []
