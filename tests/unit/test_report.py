"""What people are shown: numbers, rows, and who works on what."""

import pytest

from cagents_fs.core.index import Work
from cagents_fs.model.files import Heartbeat
from cagents_fs.report.status import STATES, at_work, instruction_status, is_in, ready_rows, task_row
from tests.support import builders as b

HOUR = 3600.0


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
    b.lies(one, "late", b.GLOBAL, queued_wall_s=b.NOW.wall_s - 1)
    b.lies(one, "soon", b.queue("ann-2"), queued_wall_s=b.NOW.wall_s - 5)
    b.lies(one, "z", b.GLOBAL)
    b.lies(one, "busy", b.IN_PROGRESS)
    b.lies(other, "first", "queues/domains/software", queued_wall_s=b.NOW.wall_s)
    policy = b.policy(agents={"ann": b.kind("ann", instances=2)})

    rows = ready_rows(b.index(one, other), policy, b.NOW.wall_s)

    assert [(row["task_id"], row["agent"], row["agent_type"]) for row in rows] == [
        ("first", "ann", "ann"),
        ("soon", "ann-2", "ann"),
        ("late", "ann", "ann"),
    ]


def test_ready_says_what_holds_a_task_up() -> None:
    made = b.work(b.task("a"), b.task("c"), max_concurrent=1)
    b.lies(made, "a", b.queue())
    assert [row["held_up_by"] for row in ready_rows(b.index(made), b.PLAIN, b.NOW.wall_s)] == [None]

    b.lies(made, "c", b.IN_PROGRESS)
    (row,) = ready_rows(b.index(made), b.PLAIN, b.NOW.wall_s)
    assert "1 of 1 tasks are in progress" in row["held_up_by"]


def test_a_task_that_is_not_released_is_not_ready_to_be_claimed_and_the_row_says_why() -> None:
    made = b.work(b.task("a"), b.task("c"), mode="sequential")
    b.lies(made, "a", b.queue())
    b.lies(made, "c", b.GLOBAL)

    rows = {row["task_id"]: row["held_up_by"] for row in ready_rows(b.index(made), b.PLAIN, b.NOW.wall_s)}

    assert rows["a"] is None
    assert "turn of a" in rows["c"]


@pytest.mark.parametrize(
    ("priority", "waited_s", "others", "why"),
    [
        ("normal", 0.0, {}, "normal, first in, first out"),
        ("low", 4.5 * HOUR, {}, "normal, aged from low after 4 h 30 min in the queues"),
        ("high", 99 * HOUR, {}, "high, first in, first out"),
        ("low", 0.0, {"top": "critical"}, "critical, because top waits for it through middle"),
        ("low", 0.0, {"top": "low"}, "low, first in, first out"),
        (
            "low",
            5 * HOUR,
            {"top": "normal"},
            "high, because top waits for it through middle, and aged from normal after 5 h",
        ),
    ],
)
def test_ready_says_how_urgent_a_task_is_and_why(
    priority: str, waited_s: float, others: dict[str, str], why: str
) -> None:
    tasks = [b.task("middle", "a", priority="low"), *(b.task(t, "middle", priority=p) for t, p in others.items())]
    made = b.work(b.task("a", priority=priority), *tasks)
    b.lies(made, "a", b.queue(), queued_wall_s=b.NOW.wall_s - waited_s)

    (row,) = ready_rows(b.index(made), b.PLAIN, b.NOW.wall_s)

    assert row["why"].removesuffix(" in the queues") == why.removesuffix(" in the queues")
    assert row["effective_priority"] == why.split(",")[0]


def test_the_one_who_lends_its_urgency_may_be_of_another_instruction() -> None:
    one, other = (
        b.work(b.task("a", priority="low")),
        b.work(b.task("z", "inst_1:a", priority="critical"), name="inst_2"),
    )
    b.lies(one, "a", b.queue())
    b.lies(other, "z", b.WAITING)

    (row,) = ready_rows(b.index(one, other), b.PLAIN, b.NOW.wall_s)

    assert row["why"] == "critical, because inst_2:z waits for it"


def test_status_says_whether_it_is_paused_and_which_escalations_are_open() -> None:
    made = b.work(b.task("a"))
    assert instruction_status(made)["paused"] is False
    escalated = {"event": "escalated", "severity": "high", "to": "lead", "task_id": "a"}
    for name in ("e1", "e2"):
        made.history.apply({**escalated, "escalation_id": name})
    made.history.apply({"event": "escalation_answered", "escalation_id": "e1", "action": "resume"})
    made.history.apply({"event": "paused"})

    shown = instruction_status(made)

    assert (shown["paused"], shown["open_escalations"]) == (True, ["e2"])


def test_who_works_on_what_is_told_in_the_order_in_which_they_began() -> None:
    made = b.work(b.task("a"), b.task("c"), b.task("e"))
    record = b.lies(made, "a", b.IN_PROGRESS, holder="ann", claimed_wall_s=b.NOW.wall_s)
    record.heartbeat = Heartbeat(agent_name="ann", task_id="a", current_activity="drawing", progress_percentage=40)
    b.lies(made, "c", b.IN_PROGRESS, holder="bob", claimed_wall_s=b.NOW.wall_s - 60, stalled=True, attempt=2)
    b.lies(made, "e", b.queue())

    first, second = at_work(made, {"inst_1/a": b.NOW.wall_s})

    assert (first["task_id"], first["agent"], first["attempt"], first["stalled"]) == ("c", "bob", 2, True)
    assert (second["activity"], second["progress_percentage"]) == ("drawing", 40)
    assert (second["since"], second["last_sign"]) == ("2027-01-15T08:00:00Z", "2027-01-15T08:00:00Z")
    assert (first["activity"], first["last_sign"]) == (None, None)


def test_a_state_is_known_by_how_it_is_counted_and_by_its_directory() -> None:
    made = everywhere()
    rows = [task_row(made, record) for record in made.records.values()]

    found = {state: [row["task_id"] for row in rows if is_in(row, state)] for state in STATES}

    assert found["queued"] == ["t2", "t3", "t4"]
    assert found["domains"] == found["queues/domains"] == ["t3"]
    assert found["blocked"] == found["tasks/blocked"] == ["t8"]
    assert found["missing"] == []
    assert [row["task_id"] for row in rows if is_in(row, "queues/agents/ann")] == ["t4"]
    assert {task for tasks in found.values() for task in tasks} == set(made.records)
