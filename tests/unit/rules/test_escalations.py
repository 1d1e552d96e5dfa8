"""Who needs help, and who gives it?"""

import itertools
from typing import Any

import pytest

from cagents_fs.core.index import Index, Record, Work
from cagents_fs.model.actions import Action, Escalate, KeepCopy, Note, StopChecks, Tell
from cagents_fs.model.files import Escalation, Heartbeat, Request, Response
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import State, place_of
from cagents_fs.rules import completion, dependencies, escalations, requests, retries
from cagents_fs.rules.pleas import DAEMON, HELPFUL
from tests.support import builders as b

NUMBERS = b.policy(response_s=900.0, escalate_blocked_s=600.0)
ACTIONS = ("resume", "retry", "reassign", "cancel", "skip_dependency")
STATES = [place_of(state, "ann" if state in (State.AGENTS, State.DOMAINS) else None) for state in State]


def one(place: str = b.IN_PROGRESS, **fields: Any) -> tuple[Index, Record]:
    """A task `a`, which `z` waits for; others get out of its way."""
    made = b.work(b.task("a", **fields), b.task("z", "a"))
    b.lies(made, "z", b.WAITING)
    return b.index(made), b.lies(made, "a", place)


def cries(found: Index, name: str = "esc_1", **fields: Any) -> None:
    """Ann's escalation lies there, settled."""
    whole = {"escalation_id": name, "from_agent": "ann", "to_agent": "lead", "task_id": "a", "severity": "blocker"}
    said = Escalation.model_validate(whole | {"issue_description": "There is no schema"} | fields)
    work_of(found).escalations[name] = said


def answers(found: Index, action: str, name: str = "esc_1", **fields: Any) -> Response:
    whole = {"escalation_id": name, "from": "lead", "action": action} | fields
    said = work_of(found).responses[name] = Response.model_validate(whole)
    return said


def work_of(found: Index) -> Work:
    return found.works["inst_1"]


def decided(found: Index, seconds: float = 0.0, policy: Policy = NUMBERS) -> list[Action]:
    return b.decided(escalations.decide, found, policy, b.at(seconds))


def settled(found: Index, seconds: float = 0.0, policy: Policy = NUMBERS) -> list[Action]:
    return b.settled(found, escalations.decide, in_force=policy, now=b.at(seconds))


def stuck(place: str = b.IN_PROGRESS, **fields: Any) -> tuple[Index, Record]:
    """Ann's blocker has been seen, and has blocked her task."""
    found, record = one(place, **fields)
    cries(found)
    settled(found)
    assert record.state is State.BLOCKED
    return found, record


def answered(actions: list[Action]) -> list[tuple[str, str]]:
    lines = [one for one in actions if isinstance(one, Note) and one.event == "escalation_answered"]
    return [(one.facts["escalation_id"], one.facts["action"]) for one in lines]


def asked(actions: list[Action]) -> dict[str, dict[str, Any]]:
    return {one.name: dict(one.fields) for one in actions if isinstance(one, Escalate)}


# -- seen --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [b.IN_PROGRESS, b.UNDER_REVIEW])
def test_a_blocker_is_told_and_blocks_its_task_until_somebody_answers(place: str) -> None:
    found, record = one(place)
    cries(found, sla="2 hours")

    actions = settled(found)

    note, move = b.only_note(actions, "escalated"), b.only_move(actions)
    assert note.first
    assert (note.facts["escalation_id"], note.facts["severity"], note.facts["to"]) == ("esc_1", "blocker", "lead")
    assert (move.source, move.target, move.facts["escalation"]) == (place, b.BLOCKED, "esc_1")
    assert move.edit_after == {"blocked_by": ["esc_1"]}
    assert b.told(actions) == [("lead", "escalation")]
    assert (StopChecks(instruction="inst_1", task_id="a") in actions) == (place == b.UNDER_REVIEW)
    assert record.ledger.escalation == "esc_1"


@pytest.mark.parametrize("severity", ["high", "medium", "low"])
def test_any_other_severity_is_told_and_moves_nothing(severity: str) -> None:
    found, _ = one()
    cries(found, severity=severity)

    actions = settled(found)

    assert b.notes(actions) == [("escalated", "a")]
    assert b.moves(actions) == []


@pytest.mark.parametrize("place", [place for place in STATES if place not in (b.IN_PROGRESS, b.UNDER_REVIEW)])
def test_a_blocker_moves_nothing_of_a_task_that_nobody_works_on(place: str) -> None:
    found, _ = one(place)
    cries(found)

    assert b.moves(settled(found)) == []


@pytest.mark.parametrize("kind", list(HELPFUL))
@pytest.mark.parametrize("action", ACTIONS)
def test_an_answer_that_changes_nothing_about_an_escalation_of_ours_leaves_it_open(kind: str, action: str) -> None:
    found, _ = one(b.FAILED if kind == "failed" else b.BLOCKED)
    cries(found, f"{kind}-a-1", from_agent=DAEMON, to_agent="planner", severity="high")
    settled(found)
    answers(found, action, f"{kind}-a-1")

    actions = settled(found)

    closed, turned_away = answered(actions), [one for one in actions if isinstance(one, KeepCopy)]
    assert (len(closed), len(turned_away)) == ((1, 0) if action in HELPFUL[kind] else (0, 1))
    assert settled(found) == []


def test_late_work_is_judged_although_a_blocker_of_the_attempt_that_ended_is_open() -> None:
    found, record = one(b.RETRY)
    b.hands_in(record)
    cries(found)
    b.taken(found, b.decided(completion.decide, found))
    assert record.state is State.UNDER_REVIEW

    actions = settled(found)

    assert b.moves(actions) == []
    assert b.told(actions) == [("lead", "escalation")]
    assert b.moves(b.decided(completion.decide, found)) == [("a", b.UNDER_REVIEW, b.COMPLETED)]


def test_a_blocker_of_an_earlier_attempt_does_not_block_this_one() -> None:
    found, record = one()
    record.ledger.attempt = 2
    cries(found, attempt=1)

    assert b.moves(settled(found)) == []


def test_who_is_asked_by_nobody_in_particular_is_the_holder_of_the_parent_else_the_planner() -> None:
    made = b.work(b.task("top"), b.task("a", parent_task_id="top"), b.task("b"))
    b.lies(made, "top", b.IN_PROGRESS, holder="boss")
    for task_id in ("a", "b"):
        b.lies(made, task_id, b.IN_PROGRESS)
        cries(b.index(made), f"esc_{task_id}", to_agent=None, task_id=task_id)

    assert b.told(settled(b.index(made))) == [("boss", "escalation"), ("planner", "escalation")]


def test_a_task_that_somebody_is_moving_is_left_alone_until_that_is_over() -> None:
    made = b.work(b.task("a"))
    b.lies(made, "a", b.IN_PROGRESS, journal=b.queue())
    cries(b.index(made))

    assert b.moves(settled(b.index(made))) == []


# -- answered ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "target"),
    [
        ("resume", b.IN_PROGRESS),
        ("retry", b.RETRY),
        ("reassign", b.RETRY),
        ("cancel", b.CANCELLED),
        ("skip_dependency", b.IN_PROGRESS),
    ],
)
def test_each_answer_sets_a_blocked_task_free_in_its_own_way(action: str, target: str) -> None:
    found, record = stuck()
    answers(found, action, decision="Take the one of last year")

    actions = settled(found)

    assert b.moves(actions) == [("a", b.BLOCKED, target)]
    assert answered(actions) == [("esc_1", action)]
    assert (record.ledger.attempt, record.ledger.retries) == (1, 0)
    (letter,) = [one for one in actions if isinstance(one, Tell)]
    assert (letter.to, letter.type) == ("ann", "decision")
    assert "Take the one of last year" in letter.text


@pytest.mark.parametrize(("place", "action"), [*itertools.product(STATES, ACTIONS)])
def test_every_answer_in_every_state_closes_it_once_and_does_what_can_be_done(place: str, action: str) -> None:
    found, _ = one(place)
    cries(found, severity="high")
    settled(found)
    answers(found, action, agent="bob")

    actions = settled(found)

    held, ended = place in (b.IN_PROGRESS, b.UNDER_REVIEW), place in (b.FAILED, b.CANCELLED)
    final = ended or place == b.COMPLETED
    expected = {
        "retry": {b.RETRY} if held else {b.GLOBAL} if ended else set(),
        "reassign": {b.RETRY} if held else {b.GLOBAL} if ended else set(),
        "cancel": set() if final else {b.CANCELLED},
    }.get(action, set())
    assert {target for _, _, target in b.moves(actions)} == expected
    healed = [("failed-a-1", "healed")] if place == b.FAILED and expected else []
    assert answered(actions) == [("esc_1", action), *healed]
    reassigned = action == "reassign" and place != b.COMPLETED
    assert (("reassigned", "a") in b.notes(actions)) == reassigned


def test_the_line_of_an_answer_follows_its_moves_so_that_a_crash_between_them_loses_neither() -> None:
    found, record = stuck()
    answers(found, "retry")
    actions = decided(found)
    assert [type(one).__name__ for one in actions][-3:] == ["Move", "Note", "Tell"]

    b.taken(found, [one for one in actions if not isinstance(one, Note)])  # the crash
    b.taken(found, b.decided(retries.decide, found))
    assert (record.place, record.ledger.attempt) == (b.GLOBAL, 2)

    again = settled(found)
    assert b.moves(again) == []
    assert answered(again) == [("esc_1", "retry")]


def test_reassign_without_a_name_is_for_another_instance_of_the_type_else_for_the_same_agent() -> None:
    two = b.policy(agents={"ann": b.kind("ann", instances=2)})
    for in_force, to in ((two, "ann-2"), (NUMBERS, "ann")):
        found, _ = stuck()
        answers(found, "reassign")

        assert b.only_note(settled(found, policy=in_force), "reassigned").agent == to


@pytest.mark.parametrize("how", ["answer", "request"])
def test_what_has_no_file_any_more_is_not_moved_whatever_is_decided_about_it(how: str) -> None:
    found, record = stuck()
    work_of(found).put(record, None, 0.0)
    if how == "answer":
        answers(found, "reassign")
    else:
        asked = {"action": "reassign", "task_id": "a", "agent": "bob", "from": "lead"}
        work_of(found).requests["1"] = Request.model_validate(asked)

    assert b.moves([*settled(found), *b.decided(requests.decide, found)]) == []


def test_what_begins_anew_is_not_judged_by_the_manifest_that_lay_there() -> None:
    found, record = one(b.UNDER_REVIEW)
    b.hands_in(record)
    cries(found)
    settled(found)
    answers(found, "retry")
    settled(found)

    assert record.state is State.RETRY
    assert b.decided(completion.decide, found) == []
    assert b.only_move(b.decided(retries.decide, found)).attempt == 2


def test_skip_dependency_waives_what_is_lost_and_nothing_else() -> None:
    made = b.work(b.task("gone"), b.task("there"), b.task("a", "gone", "there"))
    b.lies(made, "gone", b.FAILED)
    b.lies(made, "there", b.GLOBAL)
    record = b.lies(made, "a", b.BLOCKED, blocked_by=("gone",))
    found = b.index(made)
    cries(found, severity="high")
    answers(found, "skip_dependency")
    settled(found)

    assert record.ledger.waived == {"gone"}
    assert b.moves(b.decided(dependencies.decide, found)) == [("a", b.BLOCKED, b.WAITING)]


def test_skip_dependency_of_a_failed_task_is_for_those_who_wait_for_it() -> None:
    found, _ = one(b.FAILED)
    cries(found, severity="high")
    answers(found, "skip_dependency")

    settled(found)

    assert work_of(found).records["z"].ledger.waived == {"a"}
    assert work_of(found).unmet["z"] == 0


def test_a_second_answer_and_one_to_an_unknown_escalation_are_answered_once_and_never_acted_on() -> None:
    found, record = stuck()
    answers(found, "resume")
    settled(found)
    answers(found, "cancel", note="I have changed my mind")
    answers(found, "cancel", "esc_9")

    actions = settled(found)

    assert [one.facts["escalation_id"] for one in actions if isinstance(one, Note)] == ["esc_1", "esc_9"]
    assert {one.event for one in actions if isinstance(one, Note)} == {"answered"}
    assert b.told(actions) == [("lead", "error")] * 2
    assert len([one for one in actions if isinstance(one, KeepCopy)]) == 2
    assert record.state is State.IN_PROGRESS
    assert settled(found) == []

    cries(found, "esc_9", severity="high")  # the answer came before the question, and was turned away
    assert answered(settled(found)) == []


def test_a_manifest_that_came_since_settles_it_and_one_that_lay_there_does_not() -> None:
    found, record = one(b.UNDER_REVIEW)
    b.hands_in(record)
    cries(found)
    settled(found)
    assert b.decided(completion.decide, found) == []

    b.hands_in(record, sha="m2")
    actions = b.taken(found, b.decided(completion.decide, found))

    assert b.moves(actions) == [("a", b.BLOCKED, b.IN_PROGRESS)]
    assert answered(actions) == [("esc_1", "manifest")]
    assert b.moves(settled(found)) == []
    assert ("accepted", "a") in b.notes(b.decided(completion.decide, found))


def test_who_is_moved_on_by_somebody_else_is_not_blocked_again() -> None:
    found, record = stuck()
    record.ledger.place = None  # as it is recognised
    b.lies(work_of(found), "a", b.IN_PROGRESS, escalation=None)

    actions = settled(found)

    assert answered(actions) == [("esc_1", "healed")]
    assert record.state is State.IN_PROGRESS


# -- raised ------------------------------------------------------------------------------------------------------------


def test_it_rises_to_the_parent_the_orchestrator_and_a_person_and_each_time_takes_twice_as_long() -> None:
    made = b.work(b.task("top"), b.task("a", parent_task_id="top"), owner="olivia")
    b.lies(made, "top", b.IN_PROGRESS, holder="boss")
    b.lies(made, "a", b.IN_PROGRESS)
    found = b.index(made)
    cries(found, severity="high", sla="within 10 minutes")
    settled(found)

    raised, seconds = [], 0.0
    for minutes in (10, 20, 40, 80):
        assert b.wakes(decided(found, seconds + minutes * 60 - 1)) == [seconds + minutes * 60]
        seconds += minutes * 60
        actions = b.taken(found, decided(found, seconds), b.at(seconds))
        note = b.only_note(actions, "raised")
        assert b.told(actions) == [(note.facts["to"], "escalation")]
        raised.append((note.facts["level"], note.facts["to"]))

    assert raised == [(1, "boss"), (2, "orchestrator"), (3, "olivia"), (4, "olivia")]


@pytest.mark.parametrize("sla", [None, "as soon as possible"])
def test_without_a_time_of_its_own_the_configured_one_counts(sla: str | None) -> None:
    found, _ = one()
    cries(found, severity="high", sla=sla)
    settled(found)

    assert b.wakes(decided(found, 899.0)) == [900.0]


def test_an_answer_that_is_due_at_once_does_not_stop_the_turn() -> None:
    found, _ = one()
    cries(found, severity="high", sla="0 seconds")

    assert b.notes(settled(found)) == [("escalated", "a")]


@pytest.mark.parametrize("place", [b.COMPLETED, b.CANCELLED])
def test_where_nobody_waits_for_the_answer_nobody_is_asked_again(place: str) -> None:
    found, _ = one(place)
    cries(found, severity="high")
    settled(found)

    assert decided(found, 100_000.0) == []


# -- the daemon's own --------------------------------------------------------------------------------------------------


def test_exhausted_retries_are_escalated_once_with_the_whole_story() -> None:
    story = (
        {"event": "rejected", "attempt": 1, "agent": "ann", "reason": "result.txt is missing"},
        {"event": "failed_attempt", "attempt": 2, "agent": "bob", "reason": "bob reports failure"},
        {"event": "moved", "attempt": 2, "agent": "bob", "reason": "bob reports failure; 1 of 1 retries used"},
    )
    found, record = one()
    b.lies(work_of(found), "a", b.FAILED, story=story, attempt=2)

    (name, fields), *rest = asked(settled(found)).items()

    assert (name, rest) == ("failed-a-2", [])
    assert (fields["to_agent"], fields["severity"], fields["from_agent"]) == ("planner", "high", "daemon")
    for said in ("attempt 1, ann", "result.txt is missing", "attempt 2, bob", "1 of 1 retries used"):
        assert said in fields["issue_description"]
    answers(found, "retry", name)
    settled(found)
    assert (record.place, record.ledger.attempt, record.ledger.retries) == (b.GLOBAL, 3, 0)


def test_a_failure_that_somebody_takes_up_needs_no_answer_any_more() -> None:
    found, _ = one(b.FAILED)
    settled(found)
    b.lies(work_of(found), "a", b.GLOBAL, attempt=2)

    assert answered(settled(found)) == [("failed-a-1", "healed")]


def test_what_ended_long_ago_is_not_escalated_by_a_new_daemon() -> None:
    found, _ = one(b.FAILED)
    work_of(found).history.phase = "failed"

    assert asked(settled(found)) == {}


def beats(record: Record, status: str, since: float | None = 0.0) -> None:
    whole = {"agent_name": "ann", "task_id": record.task.task_id, "status": status, "blockers": ["There is no schema"]}
    record.heartbeat = Heartbeat.model_validate(whole)
    record.blocked_s = None if since is None else b.at(since).s


def test_who_says_blocked_for_long_has_it_escalated_by_the_daemon_once_each_time() -> None:
    found, record = one()
    beats(record, "blocked")
    assert b.wakes(decided(found, 599.0)) == [600.0]

    actions = settled(found, 600.0)

    (fields,) = asked(actions).values()
    assert (fields["escalation_id"], fields["severity"], fields["from_agent"]) == ("blocked-a-1", "blocker", "ann")
    assert "There is no schema" in fields["issue_description"]
    assert record.state is State.BLOCKED
    answers(found, "resume", "blocked-a-1")
    settled(found, 601.0)
    beats(record, "blocked", 601.0)
    (again,) = asked(settled(found, 2000.0)).values()
    assert again["escalation_id"] == "blocked-a-1-2"  # blocked once more is asked once more


def test_who_has_asked_already_or_works_is_left_alone() -> None:
    found, record = one()
    beats(record, "in_progress", None)
    assert asked(settled(found, 5000.0)) == {}

    beats(record, "blocked")
    cries(found, severity="low")
    assert asked(settled(found, 5000.0)) == {}


def test_a_parent_that_says_blocked_is_asked_for_only_when_its_children_are_done() -> None:
    made = b.work(b.task("top"), b.task("a", parent_task_id="top"))
    record = b.lies(made, "top", b.IN_PROGRESS)
    b.lies(made, "a", b.IN_PROGRESS)
    beats(record, "blocked")
    found = b.index(made)
    assert asked(settled(found, 5000.0)) == {}

    b.done(made, "a").entered_s = b.at(5000.0).s
    assert asked(settled(found, 5599.0)) == {}
    assert list(asked(settled(found, 5600.0))) == ["blocked-top-1"]
