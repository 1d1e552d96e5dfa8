"""Why a task is where it is, what it waits for and what would free it: an answer for every state."""

from typing import Any

import pytest

from cagents_fs.core.index import Index, Work
from cagents_fs.core.meetings import Meeting
from cagents_fs.model.files import Heartbeat
from cagents_fs.report.story import reasons, story
from cagents_fs.report.why import Asked, causes, untaken
from tests.support import builders as b

Line = dict[str, Any]
DOMAIN = "queues/domains/software"


def line(event: str, task: str = "a", **more: Any) -> Line:
    return {"time": "2026-01-10T12:00:00Z", "event": event, "task_id": task, "reason": f"{event} {task}"} | more


def asked(
    made: Work, *lines: Line, task: str = "a", found: Index | None = None, daemon: bool | None = None, **policy: Any
) -> Asked:
    index, in_force = found or b.index(made), b.policy(**policy)
    index.look_across()
    index.urgencies(in_force)
    return Asked(index, made, made.records[task], in_force, b.NOW.wall_s, lines, daemon)


def why(made: Work, *lines: Line, **more: Any) -> list[str]:
    return reasons(asked(made, *lines, **more))


def has(said: list[str] | str, *words: str) -> None:
    text = said if isinstance(said, str) else " | ".join(said)
    assert [word for word in words if word not in text] == [], text


def placed(place: str, **known: Any) -> Work:
    made = b.work(b.task("first"), b.task("a", "first"), b.task("other"))
    b.lies(made, "first", b.IN_PROGRESS, holder="bob")
    b.lies(made, "a", place, **known)
    return made


@pytest.mark.parametrize(
    ("place", "known", "words"),
    [
        (b.PENDING, {}, ["not been taken in yet", "cagents-fs watch"]),
        (b.WAITING, {}, ["waits for first", "tasks/in_progress", "held by bob"]),
        (b.queue("ann"), {}, ["queue of ann", "number 1 of 1", "cagents-fs claim ann --task inst_1/a"]),
        (b.IN_PROGRESS, {"attempt": 2}, ["ann works on it, attempt 2"]),
        (b.IN_PROGRESS, {"claimed_wall_s": b.NOW.wall_s - 720}, ["since 2027-01-15T07:48:00Z (12 min)"]),
        (b.UNDER_REVIEW, {}, ["manifest of ann", "checks run"]),
        (b.RETRY, {"attempt": 3, "due_wall_s": b.NOW.wall_s + 60}, ["attempt 3 of ann failed", "attempt 4", "in 60 s"]),
        (b.COMPLETED, {"accepted": "m1", "attempt": 2}, ["completed by ann in attempt 2 and verified"]),
        (b.COMPLETED, {"accepted": "m1", "artifacts": ({"path": "x.sql"},)}, ["verified: x.sql"]),
        (b.COMPLETED, {}, ["somebody put it here", "releases nobody"]),
        (b.FAILED, {"reason": "the disk sang"}, ["failed: the disk sang", "cagents-fs retry inst_1/a"]),
        (b.CANCELLED, {"reason": "not wanted"}, ["cancelled: not wanted", "cagents-fs retry inst_1/a"]),
    ],
)
def test_the_first_reason_names_the_state_and_who_is_concerned(
    place: str, known: dict[str, Any], words: list[str]
) -> None:
    has(why(placed(place, **known))[0], *words)


@pytest.mark.parametrize("place", [b.WAITING, b.GLOBAL, b.queue(), b.IN_PROGRESS, b.UNDER_REVIEW, b.RETRY])
def test_where_no_daemon_is_one_is_told_that_nothing_moves(place: str) -> None:
    has(why(placed(place), daemon=False), "no daemon holds this tree", "cagents-fs watch")
    assert "no daemon" not in str(why(placed(place), daemon=True))


@pytest.mark.parametrize("place", [b.COMPLETED, b.FAILED, b.CANCELLED])
def test_what_has_ended_needs_no_daemon(place: str) -> None:
    assert "no daemon" not in str(why(placed(place), daemon=False))


def test_a_task_that_is_nowhere_can_be_made_again() -> None:
    has(why(b.work(b.task("a")))[0], "cagents-fs rescue inst_1")


@pytest.mark.parametrize(
    ("place", "faults", "daemon", "words"),
    [
        ("tasks/pending", None, False, "cagents-fs watch"),
        ("tasks/pending", None, True, "in its next turn"),
        ("tasks/pending", "no YAML", True, "cannot be used: no YAML"),
        ("queues/global", None, True, "belongs into inst_1/tasks/pending/"),
    ],
)
def test_what_nobody_has_taken_in_is_explained_as_well(place: str, faults: str, daemon: bool, words: str) -> None:
    has(untaken(place, "inst_1", "a", faults, daemon=daemon), words)


# -- waiting ----------------------------------------------------------------------------------------------------------


def test_of_data_the_artifact_is_named() -> None:
    needs = {"data_dependencies": [{"task_id": "first", "artifact_path": "schema.sql"}]}
    made = b.work(b.task("first"), b.task("a", dependencies=needs))
    b.lies(made, "first", b.queue("bob"))
    b.lies(made, "a", b.WAITING)

    has(why(made)[0], "schema.sql of first", "queues/agents/bob", "for bob to claim")


def test_through_a_chain_one_learns_on_what_it_hangs() -> None:
    made = b.work(b.task("base"), b.task("mid", "base"), b.task("a", "mid"))
    b.lies(made, "base", b.IN_PROGRESS, holder="bob")
    b.lies(made, "mid", b.WAITING)
    b.lies(made, "a", b.WAITING)

    has(why(made), "waits for mid", "hangs on base", "held by bob", "a <- mid <- base")


def test_a_wait_for_another_instruction_is_followed_there() -> None:
    one, other = b.work(b.task("base"), b.task("mid", "base")), b.work(b.task("a", "inst_1:mid"), name="inst_2")
    b.lies(one, "base", b.BLOCKED, escalation="esc_1")
    b.lies(one, "mid", b.WAITING)
    b.lies(other, "a", b.WAITING)

    has(why(other, found=b.index(one, other)), "inst_1:mid", "inst_1:base", "cagents-fs answer inst_1/esc_1")


def test_when_nothing_is_left_to_wait_for_it_goes_on_next_turn() -> None:
    made = b.work(b.task("a"))
    b.lies(made, "a", b.WAITING)

    has(why(made)[0], "next turn")


# -- in the queues ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "others", "place", "words"),
    [
        ("swarm", {}, b.GLOBAL, "nothing blocks it; it is released to ann"),
        ("swarm", {"c": b.queue("ann")}, DOMAIN, "the queue of ann is full (1 of 1"),
        ("sequential", {"c": b.IN_PROGRESS}, b.GLOBAL, "now it is the turn of c"),
        ("pipeline", {"c": b.IN_PROGRESS}, b.GLOBAL, "it is of stage 2, and stage 1 is not done"),
    ],
)
def test_a_task_that_is_not_released_says_what_it_waits_for(
    mode: str, others: dict[str, str], place: str, words: str
) -> None:
    made = b.work(b.task("c"), b.task("first"), b.task("a", "first"), mode=mode)
    b.done(made, "first")
    b.lies(made, "a", place)
    for name, where in others.items():
        b.lies(made, name, where)

    has(why(made, max_queue_depth=1)[0], words)


def test_of_a_stage_one_learns_its_name_and_what_is_left_of_the_one_before() -> None:
    made = b.work(b.task("draw", stage="drawing"), b.task("a", stage="building"), mode="pipeline")
    b.lies(made, "draw", b.FAILED)
    b.lies(made, "a", b.GLOBAL)

    has(why(made), "stage 2 (building)", "stage 1 (drawing)", "draw", "tasks/failed", "cagents-fs retry inst_1/draw")


def test_paused_says_what_lets_it_go_on() -> None:
    made = b.work(b.task("a"))
    b.lies(made, "a", b.GLOBAL, paused=True)
    has(why(made), "it is paused", "cagents-fs resume inst_1/a")

    made.history.paused = True
    has(why(made)[0], "inst_1 is paused", "cagents-fs resume inst_1")


def test_beyond_the_instructions_that_may_be_at_work_those_before_it_are_named() -> None:
    first, second = b.work(b.task("z"), name="inst_0"), b.work(b.task("a"))
    b.lies(first, "z", b.IN_PROGRESS)
    b.lies(second, "a", b.GLOBAL)

    said = why(second, found=b.index(first, second), max_concurrent_instructions=1)

    has(said[0], "max_concurrent_instructions", "inst_0 come before inst_1")


def test_checks_that_have_to_fail_first_are_told() -> None:
    made = b.work(b.task("a", acceptance_criteria=[{"criterion": "x", "check": "false", "must_fail_before": True}]))
    b.lies(made, "a", b.GLOBAL)

    has(why(made)[0], "its checks are run once")


def test_a_soft_predecessor_at_work_is_named_while_no_slot_is_idle() -> None:
    soft = {"soft_dependencies": [{"task_id": "first"}]}
    made = b.work(b.task("first"), b.task("a", dependencies=soft), max_concurrent=1)
    b.lies(made, "first", b.IN_PROGRESS)
    b.lies(made, "a", b.GLOBAL)

    has(why(made)[0], "rather wait for first")


def test_an_open_breaker_says_until_when() -> None:
    made = b.work(b.task("a"))
    b.lies(made, "a", DOMAIN)
    for _ in range(5):
        moved = {"event": "moved", "task_id": "x", "from": b.IN_PROGRESS, "to": b.RETRY, "failure": True}
        made.history.apply({**moved, "agent": "ann", "time": "2027-01-15T07:59:00Z"})

    has(why(made), "ann failed 5 times in a row", "breaker is open", "at 2027-01-15T08:04:00Z, in 4 min")


def test_those_who_come_before_it_are_named() -> None:
    made = b.work(b.task("c"), b.task("e"), b.task("a"))
    b.lies(made, "c", b.queue())
    b.lies(made, "e", DOMAIN)
    b.lies(made, "a", DOMAIN)

    has(why(made, max_queue_depth=1), "1 of the same kind come before it: e", "cagents-fs claim ann")


def test_a_claim_that_would_be_refused_says_why_and_who_has_to_end() -> None:
    made = placed(b.queue("ann"))
    made.mode = "sequential"

    has(why(made), "1 of 1 tasks are in progress", "in progress now: first (bob)")


def test_the_place_in_a_queue_goes_by_urgency() -> None:
    made = b.work(b.task("a"), b.task("c", priority="critical"))
    b.lies(made, "a", b.queue())
    b.lies(made, "c", b.queue())

    has(why(made)[0], "number 2 of 2")


# -- at work ----------------------------------------------------------------------------------------------------------


def test_what_its_agent_says_and_that_it_has_gone_quiet() -> None:
    made = placed(b.IN_PROGRESS, stalled=True)
    made.records["a"].heartbeat = Heartbeat(
        agent_name="ann", task_id="a", current_activity="drawing", progress_percentage=40
    )

    said = why(made, line("stalled"))

    has(said, "ann says in progress, 40 %: drawing", "ann has gone quiet since 2026-01-10T12:00:00Z", "5 min after")
    has(said, "cagents-fs heartbeat inst_1/a")


def meeting(arrived: str) -> Work:
    point = {"coordination": [{"checkpoint": "api", "with": ["other"]}]}
    made = b.work(b.task("a", dependencies=point), b.task("other", assigned_agent="bob"))
    b.lies(made, "a", b.IN_PROGRESS)
    b.lies(made, "other", b.IN_PROGRESS, holder="bob")
    made.meetings["api"] = Meeting(("a", "other"), {arrived: 1})
    return made


def test_at_a_checkpoint_it_says_for_whom_it_waits_and_how_one_comes() -> None:
    has(why(meeting("a")), "waits at the checkpoint api for other", "held by bob", "inst_1/checkpoints/api/TASK.yaml")
    has(why(meeting("other")), "others wait for it at the checkpoint api", "inst_1/checkpoints/api/a.yaml")


def test_a_parent_names_its_children_and_what_they_hang_on() -> None:
    made = b.work(b.task("a"), b.task("base"), b.task("part", "base", parent_task_id="a"))
    b.hands_in(b.lies(made, "a", b.IN_PROGRESS))
    b.lies(made, "base", b.BLOCKED, escalation="esc_1")
    b.lies(made, "part", b.WAITING)

    has(why(made), "waits for its children: part", "hangs on base", "cagents-fs answer inst_1/esc_1")


# -- retry, failed ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [b.RETRY, b.FAILED])
def test_the_story_of_the_attempts_is_told_the_last_first(place: str) -> None:
    attempts = tuple({"attempt": n, "agent": "ann", "reason": f"bang {n}", "time": "then"} for n in range(1, 8))
    said = why(placed(place, story=attempts, attempt=7, retries=2, due_wall_s=b.NOW.wall_s + 600))

    told = [one for one in said if "bang" in one]
    assert told[0] == "attempt 7 by ann, then: bang 7"
    has(said, "and 2 earlier ones")


def test_of_a_failure_one_learns_whom_it_blocks_and_which_escalation_asks_about_it() -> None:
    made = placed(b.BLOCKED)
    b.lies(made, "first", b.FAILED, reason="the disk sang")
    made.history.apply(
        {
            "event": "escalated",
            "escalation_id": "failed-first-1",
            "severity": "high",
            "to": "planner",
            "task_id": "first",
        }
    )

    has(why(made, task="first"), "1 that wait for it are blocked: a", "cagents-fs answer inst_1/failed-first-1")


# -- blocked ----------------------------------------------------------------------------------------------------------


def test_a_blocked_task_names_its_cause_and_how_to_free_it() -> None:
    made = placed(b.BLOCKED)
    b.lies(made, "first", b.FAILED, reason="the disk sang")

    (first,) = why(made)

    has(
        first, "blocked by first", "has failed and is in tasks/failed: the disk sang", "`cagents-fs retry inst_1/first`"
    )


def test_the_root_is_found_through_any_number_of_levels_with_the_way_there() -> None:
    names = ["root", *(f"l{n}" for n in range(60)), "a"]
    made = b.work(*(b.task(name, *names[max(0, n - 1) : n]) for n, name in enumerate(names)))
    for name in names[1:]:
        b.lies(made, name, b.BLOCKED)
    b.lies(made, "root", b.FAILED, reason="the disk sang")

    (cause,) = causes(asked(made))

    assert (cause["task_id"], cause["state"], cause["kind"]) == ("root", b.FAILED, "failed")
    assert cause["path"] == names[::-1]
    has(why(made)[0], "the disk sang", "cagents-fs retry inst_1/root")


def test_every_root_is_named_once_however_many_ways_lead_there() -> None:
    made = b.work(b.task("x"), b.task("y"), b.task("l", "x"), b.task("r", "x", "y"), b.task("a", "l", "r"))
    for name in ("l", "r", "a"):
        b.lies(made, name, b.BLOCKED)
    b.lies(made, "x", b.FAILED)
    b.lies(made, "y", b.CANCELLED)

    assert [(cause["task_id"], cause["kind"]) for cause in causes(asked(made))] == [("x", "failed"), ("y", "cancelled")]


def test_only_a_blocked_task_has_causes() -> None:
    assert causes(asked(placed(b.WAITING))) == []


@pytest.mark.parametrize(("needs", "kind"), [({"a": ["ghost"]}, "missing"), ({"a": ["c"], "c": ["a"]}, "circle")])
def test_nobody_is_advised_to_retry_what_cannot_be_retried(needs: dict[str, list[str]], kind: str) -> None:
    made = b.work(*(b.task(name, *awaited) for name, awaited in needs.items()))
    b.lies(made, "a", b.BLOCKED)

    said = why(made)

    assert [cause["kind"] for cause in causes(asked(made))] == [kind]
    assert not [reason for reason in said if "cagents-fs retry" in reason]
    has(said, "cagents-fs cancel inst_1/a")


def test_a_circle_is_told_as_the_path_that_one_walks() -> None:
    made = b.work(b.task("a", "c"), b.task("c", "e"), b.task("e", "a"))
    for name in "ace":
        b.lies(made, name, b.BLOCKED)

    (cause,) = causes(asked(made))

    has(why(made)[0], "it is part of a circle", " -> ")
    assert set(cause["path"]) == {"a", "c", "e"}


def test_who_waits_for_a_circle_is_told_of_it() -> None:
    made = b.work(b.task("x", "y"), b.task("y", "x"), b.task("a", "x"))
    b.lies(made, "a", b.BLOCKED)

    has(why(made)[0], "blocked by x", "circle", "x -> y -> x")


def test_a_circle_that_was_cut_is_none_any_more() -> None:
    made = b.work(b.task("a", "c"), b.task("c", "a"))
    b.lies(made, "a", b.BLOCKED)
    b.lies(made, "c", b.CANCELLED, skipped=True)

    has(why(made)[0], "is gone", "next turn")


def test_an_artifact_that_is_lacking_is_named() -> None:
    needs = {"data_dependencies": [{"task_id": "first", "artifact_path": "schema.sql"}]}
    made = b.work(b.task("first"), b.task("a", dependencies=needs))
    b.done(made, "first")
    b.lies(made, "a", b.BLOCKED)

    has(why(made)[0], "first", "completed without schema.sql")


def test_its_own_escalation_says_the_issue_who_has_to_answer_and_with_what() -> None:
    made = b.work(b.task("a"))
    b.lies(made, "a", b.BLOCKED, escalation="esc_1", blocked_by=("esc_1",))
    raised = {"event": "raised", "escalation_id": "esc_1", "level": 1, "to": "lead"}
    escalated = {"event": "escalated", "escalation_id": "esc_1", "severity": "blocker", "to": "tech", "agent": "ann"}
    escalated["issue"] = "There is no schema"
    for one in (escalated, raised):
        made.history.apply(one | {"task_id": "a"})

    first = why(made)[0]

    has(first, "it is blocked by the escalation esc_1 (blocker) of ann to lead, raised once: There is no schema")
    has(first, "lead answers with `cagents-fs answer inst_1/esc_1 --action resume`")
    assert [cause["kind"] for cause in causes(asked(made))] == ["escalation"]


def test_a_parent_that_is_blocked_by_a_child_is_traced_to_the_root() -> None:
    made = b.work(b.task("base"), b.task("a"), b.task("part", "base", parent_task_id="a"))
    b.lies(made, "base", b.FAILED, reason="the disk sang")
    b.lies(made, "part", b.BLOCKED)
    b.lies(made, "a", b.BLOCKED, escalation="child-a-1", blocked_by=("child-a-1", "part"))

    said = why(made)

    has(said, "blocked by base", "a <- part <- base", "the disk sang", "cagents-fs answer inst_1/child-a-1")


def test_when_the_cause_is_gone_it_says_so() -> None:
    made = b.work(b.task("a"))
    b.lies(made, "a", b.BLOCKED)

    has(why(made)[0], "is gone", "next turn")


# -- the story --------------------------------------------------------------------------------------------------------


def test_the_last_move_and_the_last_verdict_of_this_task_are_told_with_their_time() -> None:
    lines = [
        line("moved", reason="claimed by ann"),
        line("rejected", reason="no evidence"),
        line("moved", reason="rework 1 of 3", time="2026-01-10T12:30:00Z"),
    ]

    assert why(placed(b.IN_PROGRESS), *lines)[1:] == [
        "2026-01-10T12:30:00Z: rework 1 of 3",
        "2026-01-10T12:00:00Z: last verdict: rejected: no evidence",
    ]


def test_a_story_tells_what_happened_in_order_and_leaves_the_bookkeeping_out() -> None:
    lines = [
        line("taken_in"),
        line("intend"),
        line("moved") | {"from": None, "to": b.GLOBAL, "attempt": 1, "agent": "ann", "seq": 4, "intent": 2},
        line("void"),
        line("accepted", manifest="the whole text"),
    ]

    told = story(lines)

    assert [one["event"] for one in told] == ["taken_in", "moved", "accepted"]
    moved = {"time": "2026-01-10T12:00:00Z", "event": "moved", "from": None, "to": b.GLOBAL}
    assert told[1] == moved | {"attempt": 1, "agent": "ann", "reason": "moved a"}
