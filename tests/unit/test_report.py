"""What people are shown: numbers, rows, and why a task is where it is."""

from typing import Any

import pytest

from cagents_fs.core.index import Work
from cagents_fs.report.status import instruction_status, ready_rows, task_row
from cagents_fs.report.story import reasons, story
from tests.support import builders as b

Line = dict[str, Any]


def line(event: str, task: str = "a", **more: Any) -> Line:
    return {"time": "2026-01-10T12:00:00Z", "event": event, "task_id": task, "reason": f"{event} {task}"} | more


# -- status -----------------------------------------------------------------------------------------------------------


def everywhere() -> Work:
    """One task in every state there is."""
    places = [b.PENDING, b.WAITING, b.GLOBAL, "queues/domains/software", b.queue("ann"), b.IN_PROGRESS, b.UNDER_REVIEW]
    places += [b.RETRY, b.BLOCKED, b.COMPLETED, b.FAILED, b.CANCELLED]
    made = b.work(*(b.task(f"t{n}") for n in range(len(places))))
    for number, place in enumerate(places):
        b.lies(made, f"t{number}", place, accepted="m0" if place == b.COMPLETED else None)
    return made


def test_status_counts_every_task_once() -> None:
    counts = instruction_status(everywhere())["tasks"]

    once = ("pending", "waiting", "in_progress", "under_review", "blocked", "retry", "completed", "failed", "cancelled")
    assert counts == dict.fromkeys(once, 1) | {"queued": 3, "total": 12}


def test_a_task_that_is_nowhere_is_part_of_the_total() -> None:
    made = b.work(b.task("a"), b.task("c"))
    b.lies(made, "a", b.GLOBAL)

    counts = instruction_status(made)["tasks"]

    assert (counts["queued"], counts["total"]) == (1, 2)


def test_progress_is_what_is_verified_and_not_what_lies_in_completed() -> None:
    made = b.work(b.task("a"), b.task("c"), b.task("e"))
    b.done(made, "a")
    b.lies(made, "c", b.COMPLETED, journal=b.IN_PROGRESS)

    assert instruction_status(made)["progress_percentage"] == 33.3
    assert instruction_status(b.work())["progress_percentage"] == 0.0


def test_agents_are_active_stalled_or_idle_and_never_two_of_these() -> None:
    made = b.work(*(b.task(name) for name in "acegi"))
    b.lies(made, "a", b.IN_PROGRESS, holder="ann")
    b.lies(made, "c", b.IN_PROGRESS, holder="ann")
    b.lies(made, "e", b.IN_PROGRESS, holder="bob", stalled=True)
    b.lies(made, "g", b.queue("ann"))
    b.lies(made, "i", b.queue("zoe"))

    assert instruction_status(made)["agents"] == {"active": 1, "stalled": 1, "idle": 1}


def test_status_names_the_instruction_its_mode_and_phase_and_what_lies_in_quarantine() -> None:
    made = b.work(mode="pipeline")
    made.history.quarantined = {"tasks/pending/x.yaml": "no YAML"}

    shown = instruction_status(made)

    assert (shown["instruction_id"], shown["mode"], shown["phase"]) == ("inst_1", "pipeline", "executing")
    assert shown["quarantined"] == [{"path": "tasks/pending/x.yaml", "reason": "no YAML"}]


def test_a_row_says_where_a_task_is_what_it_waits_for_and_what_blocks_it() -> None:
    made = b.work(b.task("a"), b.task("c"), b.task("z", "a", "c", "ghost"))
    b.done(made, "a")
    b.lies(made, "c", b.FAILED)
    row = task_row(made, b.lies(made, "z", b.BLOCKED, attempt=2, retries=1))

    assert (row["state"], row["status"], row["attempt"], row["retries"]) == (b.BLOCKED, "blocked", 2, 1)
    assert (row["waits_for"], row["blocked_by"]) == (["c", "ghost"], ["c", "ghost"])
    assert (row["agent"], row["verified"]) == ("ann", False)


def test_a_row_of_a_task_that_is_nowhere_says_so() -> None:
    made = b.work(b.task("a"))

    row = task_row(made, made.records["a"])

    assert (row["state"], row["status"]) == (None, "missing")


def test_verified_is_what_was_accepted_and_lies_in_completed() -> None:
    made = b.work(b.task("a"), b.task("c"), b.task("e"))

    assert task_row(made, b.done(made, "a"))["verified"]
    assert not task_row(made, b.lies(made, "c", b.COMPLETED))["verified"]
    assert not task_row(made, b.lies(made, "e", b.CANCELLED, skipped=True))["verified"]


def test_ready_is_what_waits_for_nobody_best_first_in_all_instructions() -> None:
    one = b.work(b.task("late"), b.task("soon"), b.task("z", "late"), b.task("busy"))
    other = b.work(b.task("first", priority="critical"), name="inst_2")
    b.lies(one, "late", b.GLOBAL, moved_seq=9)
    b.lies(one, "soon", b.queue("ann-2"), moved_seq=5)
    b.lies(one, "z", b.GLOBAL)
    b.lies(one, "busy", b.IN_PROGRESS)
    b.lies(other, "first", "queues/domains/software", moved_seq=12)
    policy = b.policy(agents={"ann": b.kind("ann", instances=2)})

    rows = ready_rows(b.index(one, other), policy)

    assert [(row["task_id"], row["agent"], row["agent_type"]) for row in rows] == [
        ("first", "ann", "ann"),
        ("soon", "ann-2", "ann"),
        ("late", "ann", "ann"),
    ]


def test_ready_says_what_holds_a_task_up() -> None:
    made = b.work(b.task("a"), b.task("c"), max_concurrent=1)
    b.lies(made, "a", b.queue())
    assert [row["held_up_by"] for row in ready_rows(b.index(made), b.PLAIN)] == [None]

    b.lies(made, "c", b.IN_PROGRESS)
    (row,) = ready_rows(b.index(made), b.PLAIN)
    assert "1 of 1 tasks are in progress" in row["held_up_by"]


# -- why? -------------------------------------------------------------------------------------------------------------


def why(made: Work, *lines: Line, task: str = "a") -> list[str]:
    return reasons(b.index(made), made, made.records[task], b.policy(max_queue_depth=1), lines)


def placed(place: str, **known: Any) -> Work:
    made = b.work(b.task("first"), b.task("a", "first"), b.task("other"))
    b.lies(made, "first", b.IN_PROGRESS, holder="bob")
    b.lies(made, "a", place, **known)
    return made


@pytest.mark.parametrize(
    ("place", "known", "words"),
    [
        (b.PENDING, {}, ["not been taken in yet"]),
        (b.WAITING, {}, ["waits for first", "tasks/in_progress", "held by bob"]),
        (b.queue("ann"), {}, ["queue of ann"]),
        (b.IN_PROGRESS, {"attempt": 2}, ["ann works on it, attempt 2"]),
        (b.UNDER_REVIEW, {}, ["manifest of ann", "checks run"]),
        (b.RETRY, {"attempt": 3}, ["attempt 3 of ann failed"]),
        (b.COMPLETED, {"accepted": "m1", "attempt": 2}, ["completed by ann in attempt 2 and verified"]),
        (b.COMPLETED, {}, ["somebody put it here", "releases nobody"]),
        (b.FAILED, {}, ["failed", "cagents-fs retry inst_1/a"]),
        (b.CANCELLED, {}, ["cancelled", "cagents-fs retry inst_1/a"]),
    ],
)
def test_the_first_reason_names_the_state_and_who_is_concerned(
    place: str, known: dict[str, Any], words: list[str]
) -> None:
    first = why(placed(place, **known))[0]

    assert [word for word in words if word not in first] == []


def test_whoever_has_gone_quiet_is_named() -> None:
    assert why(placed(b.IN_PROGRESS, stalled=True))[1].startswith("ann has gone quiet")


def test_a_claim_that_would_be_refused_says_why() -> None:
    made = placed(b.queue("ann"))
    made.mode = "sequential"

    assert "1 of 1 tasks are in progress" in why(made)[1]


def test_a_task_that_is_nowhere_can_be_made_again() -> None:
    assert "cagents-fs rescue inst_1" in why(b.work(b.task("a")))[0]


@pytest.mark.parametrize(
    ("mode", "others", "words"),
    [
        ("swarm", {}, "nothing blocks it; it is released to ann"),
        ("swarm", {"c": b.queue("ann")}, "the queue of ann is full (1 of 1"),
        ("sequential", {"c": b.IN_PROGRESS}, "now it is the turn of c"),
        ("pipeline", {"c": b.IN_PROGRESS}, "it is of stage 2, and stage 1 is not done"),
    ],
)
def test_a_task_that_is_not_released_says_what_it_waits_for(mode: str, others: dict[str, str], words: str) -> None:
    made = b.work(b.task("c"), b.task("first"), b.task("a", "first"), mode=mode)
    b.done(made, "first")
    b.lies(made, "a", b.GLOBAL)
    for name, place in others.items():
        b.lies(made, name, place)

    assert words in why(made)[0]


def test_a_blocked_task_names_its_cause_and_how_to_free_it() -> None:
    made = placed(b.BLOCKED)
    b.lies(made, "first", b.FAILED)

    (first,) = why(made)

    assert first == "it is blocked by first, which is in tasks/failed; `cagents-fs retry inst_1/first` frees it"


@pytest.mark.parametrize("needs", [{"a": ["ghost"]}, {"a": ["c"], "c": ["a"]}], ids=["missing", "a circle"])
def test_nobody_is_advised_to_retry_what_cannot_be_retried(needs: dict[str, list[str]]) -> None:
    made = b.work(*(b.task(name, *awaited) for name, awaited in needs.items()))
    b.lies(made, "a", b.BLOCKED)

    assert not [reason for reason in why(made) if "cagents-fs retry" in reason]


def test_the_last_move_and_the_last_verdict_of_this_task_are_told_with_their_time() -> None:
    lines = [
        line("moved", reason="claimed by ann"),
        line("rejected", reason="no evidence"),
        line("moved", reason="rework 1 of 3", time="2026-01-10T12:30:00Z"),
        line("moved", task="other", reason="not this one"),
    ]

    assert why(placed(b.IN_PROGRESS), *lines)[1:] == [
        "2026-01-10T12:30:00Z: rework 1 of 3",
        "2026-01-10T12:00:00Z: last verdict: rejected: no evidence",
    ]


def test_a_story_tells_what_happened_to_one_task_in_order_and_leaves_the_bookkeeping_out() -> None:
    lines = [
        line("taken_in"),
        line("intend"),
        line("moved") | {"from": None, "to": b.GLOBAL, "attempt": 1, "agent": "ann", "seq": 4, "intent": 2},
        line("moved", task="other"),
        line("void"),
        {"event": "phase", "phase": "executing"},
        line("accepted", manifest="the whole text"),
    ]

    told = story("a", lines)

    assert [one["event"] for one in told] == ["taken_in", "moved", "accepted"]
    moved = {"time": "2026-01-10T12:00:00Z", "event": "moved", "from": None, "to": b.GLOBAL}
    assert told[1] == moved | {"attempt": 1, "agent": "ann", "reason": "moved a"}
