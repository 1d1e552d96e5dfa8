"""What a journal tells: lines in, ledgers out. Whatever it does not know is skipped."""

from typing import Any

import pytest

from cagents_fs.core.history import History, Ledger
from cagents_fs.model.observations import Process

Line = dict[str, Any]


def moved(source: str | None, target: str, seq: int = 1, task: str = "a", **more: Any) -> Line:
    return {"seq": seq, "event": "moved", "task_id": task, "from": source, "to": target, "attempt": 1} | more


def said(event: str, seq: int = 1, task: str = "a", **more: Any) -> Line:
    return {"seq": seq, "event": event, "task_id": task} | more


def ledger(*lines: Line, task: str = "a") -> Ledger:
    return History().replay(lines).ledger(task)


TAKEN_IN = said("taken_in", digest="d1", source="plan")
RELEASED = moved("queues/global", "queues/agents/ann", 3, agent="ann", reason="released to ann")
CLAIMED = moved("queues/agents/ann", "tasks/in_progress", 4, agent="ann", reason="claimed by ann")


def test_a_life_replayed_ends_where_the_last_line_says_with_its_holder_and_reason() -> None:
    known = ledger(TAKEN_IN, moved(None, "queues/global", 2), RELEASED, CLAIMED)

    assert (known.digest, known.added) == ("d1", False)
    assert (known.place, known.came_from) == ("tasks/in_progress", "queues/agents/ann")
    assert (known.holder, known.reason, known.moved_seq) == ("ann", "claimed by ann", 4)


def test_the_holder_is_whose_queue_it_entered_last_even_before_the_claim() -> None:
    assert ledger(RELEASED).holder == "ann"
    assert (
        ledger(RELEASED, moved("queues/agents/ann", "queues/domains/d"), moved("", "queues/agents/bob")).holder == "bob"
    )


def test_a_claim_by_hand_names_nobody_and_the_holder_stays() -> None:
    assert ledger(RELEASED, moved("queues/agents/ann", "tasks/in_progress", agent=None)).holder == "ann"


def test_where_the_lines_before_are_lost_a_claim_names_the_holder() -> None:
    assert ledger(moved("queues/agents/bob", "tasks/in_progress", agent="bob")).holder == "bob"


def test_a_task_that_lay_where_it_was_found_is_there_without_a_move() -> None:
    known = ledger(said("taken_in", source="pending", digest="d", at="tasks/pending"))

    assert (known.place, known.added) == ("tasks/pending", True)


def test_a_task_that_is_taken_in_once_more_lies_where_it_was_moved_since() -> None:
    found = said("taken_in", source="pending", digest="d", at="tasks/pending")

    assert ledger(found, moved("tasks/pending", "queues/global"), found).place == "queues/global"


def test_retries_and_the_due_time_come_from_the_line_that_says_them() -> None:
    line = moved("tasks/in_progress", "queues/retry", retries=2, due="2026-01-10T12:00:00+00:00")
    known = ledger(RELEASED, CLAIMED, line)

    assert known.retries == 2
    assert known.due_wall_s == 1768046400.0
    assert ledger(RELEASED, CLAIMED, line, moved("queues/retry", "queues/global", attempt=2)).retries == 2


def test_a_new_attempt_forgets_what_was_said_of_the_manifests_of_the_last() -> None:
    rejected = said("rejected", manifest_sha256="m1", evidence_sha256="e1", rejections=2)
    before = ledger(RELEASED, CLAIMED, rejected)
    after = ledger(RELEASED, CLAIMED, rejected, moved("queues/retry", "queues/global", attempt=2))

    assert (before.judged, before.rejections, before.attempt) == (("m1", "e1"), 2, 1)
    assert (after.judged, after.rejections, after.attempt) == (None, 0, 2)


def test_a_move_within_an_attempt_keeps_what_was_said_of_its_manifests() -> None:
    rejected = said("rejected", manifest_sha256="m1", evidence_sha256="e1", rejections=2)
    known = ledger(RELEASED, CLAIMED, rejected, moved("tasks/under_review", "tasks/in_progress"))

    assert (known.judged, known.rejections) == (("m1", "e1"), 2)


def test_an_acceptance_names_the_manifest_that_held() -> None:
    known = ledger(said("accepted", manifest_sha256="m1", evidence_sha256="e1"))

    assert (known.accepted, known.judged) == ("m1", ("m1", "e1"))


def test_an_acceptance_counts_for_its_attempt_only() -> None:
    lost_race = [said("accepted", manifest_sha256="m1"), moved("tasks/in_progress", "tasks/cancelled")]

    assert ledger(*lost_race, moved("tasks/cancelled", "queues/global", attempt=2)).accepted is None


def test_a_failed_attempt_is_a_verdict_on_its_manifest_and_no_rejection() -> None:
    known = ledger(said("failed_attempt", manifest_sha256="m1", evidence_sha256="e1"))

    assert (known.judged, known.rejections) == (("m1", "e1"), 0)


def test_silence_is_remembered_until_a_sign_of_life_or_a_move() -> None:
    assert ledger(said("stalled")).stalled
    assert not ledger(said("stalled"), said("revived")).stalled
    assert not ledger(said("stalled"), moved("tasks/in_progress", "queues/retry")).stalled


def test_who_blocks_it_is_forgotten_with_the_next_move() -> None:
    blocked = moved("queues/waiting_on_dependencies", "tasks/blocked", blocked_by=["x", "y"])

    assert ledger(blocked).blocked_by == ("x", "y")
    assert ledger(blocked, moved("tasks/blocked", "queues/waiting_on_dependencies")).blocked_by == ()


def test_a_skip_holds_while_the_task_stays_cancelled() -> None:
    cancelled = moved("queues/global", "tasks/cancelled", skip=True)

    assert ledger(cancelled).skipped
    assert not ledger(cancelled, moved("tasks/cancelled", "queues/global", attempt=2)).skipped


def test_a_claim_of_the_runner_stays_the_runners_through_review_and_ends_with_the_next_queue() -> None:
    claim = moved("queues/agents/ann", "tasks/in_progress", agent="ann", by="runner")
    back = moved("tasks/under_review", "tasks/in_progress")

    assert ledger(claim).by_runner
    assert ledger(claim, moved("tasks/in_progress", "tasks/under_review"), back).by_runner
    assert not ledger(claim, RELEASED, CLAIMED).by_runner


def test_a_file_that_is_made_again_where_the_runner_had_it_comes_from_nowhere() -> None:
    claim = moved("queues/agents/ann", "tasks/in_progress", agent="ann", by="runner")

    assert ledger(claim, moved(None, "tasks/in_progress", reason="made again")).by_runner


def test_a_process_is_known_from_its_start_until_its_end() -> None:
    start = said("process_started", pid=42, start_time=1.5, boot_id="b")
    running, over = ledger(start), ledger(start, said("process_ended", attempt=1, pid=42, exit_code=3))

    assert (running.process, running.starts) == (Process(pid=42, started=1.5, boot_id="b"), 1)
    assert over.process is None


@pytest.mark.parametrize(
    ("end", "runs"),
    [
        ({"attempt": 2, "exit_code": 0}, 1),
        ({"attempt": 1, "exit_code": 0}, 0),
        ({"attempt": 2, "exit_code": -15, "stopped": True}, 0),
        ({"attempt": 2, "exit_code": None}, 0),
    ],
    ids=["by itself", "of an older attempt", "stopped by us", "left behind by a killed runner"],
)
def test_a_run_counts_when_its_process_came_to_its_end_in_this_attempt(end: dict[str, Any], runs: int) -> None:
    second = moved("queues/retry", "queues/global", attempt=2)

    assert ledger(second, said("process_ended", **end)).runs == runs
    assert ledger(second, said("process_ended", **end), moved("", "queues/global", attempt=3)).runs == 0


def test_the_end_of_an_older_process_says_nothing_of_the_one_that_runs_now() -> None:
    starts = [said("process_started", pid=pid, start_time=1.5, boot_id="b") for pid in (42, 43)]

    known = ledger(*starts, said("process_ended", attempt=1, pid=42, exit_code=-15))

    assert known.process == Process(pid=43, started=1.5, boot_id="b")


def test_what_had_to_fail_before_has_been_seen_once_and_for_all() -> None:
    assert ledger(said("checked_before"), moved("queues/global", "queues/agents/ann")).checked_before


def test_an_intent_is_open_until_it_was_moved_or_is_void() -> None:
    intents = [said("intend", 7), said("intend", 8), said("intend", 9)]
    history = History().replay([*intents, moved("", "queues/global", 10, intent=7), said("void", 11, intent=9)])

    assert list(history.intents) == [8]


def test_the_next_number_is_above_every_number_there_is() -> None:
    assert History().next_seq == 1
    assert History().replay([moved(None, "queues/global", 9), moved(None, "queues/global", 4)]).next_seq == 10


def test_the_instruction_is_taken_in_with_its_line_and_goes_from_phase_to_phase() -> None:
    begun = {"seq": 1, "event": "intake_done", "mode": "swarm"}
    history = History().replay([begun, {"seq": 2, "event": "phase", "phase": "executing"}])

    assert (history.intake, history.phase) == (begun, "executing")
    assert (History().intake, History().phase) == (None, "planning")


def test_an_answer_is_remembered_by_its_key_and_a_wrong_file_until_it_is_mended() -> None:
    line = {"seq": 1, "event": "answered", "key": "p|1", "path": "p", "reason": "no", "quarantined": True}
    history = History().replay([line])

    assert (history.answered, history.quarantined) == ({"p|1"}, {"p": "no"})
    assert History().replay([line, {"seq": 2, "event": "mended", "path": "p"}]).quarantined == {}


def test_a_manifest_that_was_refused_is_known_by_its_bytes() -> None:
    line = {"seq": 1, "event": "answered", "key": "k", "path": "p", "refused_task": "a", "manifest_sha256": "m1"}

    assert ledger(line).refused == "m1"


def test_lines_of_a_newer_version_change_nothing_but_the_next_number() -> None:
    history = History().replay([said("teleported", 5), {"seq": 6, "event": "rebalanced"}])

    assert history.ledgers in ({}, {"a": Ledger()})
    assert history.next_seq == 7


@pytest.mark.parametrize(
    "line",
    [
        {"seq": 2, "event": "moved", "task_id": "a"},
        moved(None, "tasks/nowhere", 2),
        {"seq": 2, "event": "moved", "task_id": ["a"], "from": None, "to": "queues/global"},
        moved(None, "queues/retry", 2, due="soon"),
        said("accepted", 2),
        said("process_started", 2),
        {"seq": 2, "event": "phase"},
    ],
    ids=["no target", "no such state", "an id that is a list", "no time", "no manifest", "no pid", "no phase"],
)
def test_a_damaged_line_is_skipped_and_the_lines_around_it_count(line: Line) -> None:
    assert ledger(TAKEN_IN, line, RELEASED).place == "queues/agents/ann"


def test_the_numbers_of_damaged_lines_are_known_so_that_they_can_be_reported() -> None:
    assert History().replay([TAKEN_IN, {"seq": 2, "event": "moved", "task_id": "a"}, RELEASED]).damaged == [2]


# -- agents, escalations, alerts --------------------------------------------------------------------------------------


def known(*lines: Line) -> History:
    return History().replay(lines)


AT = {"time": "2026-01-10T12:00:00Z"}
LATER = {"time": "2026-01-10T12:01:30Z"}


def test_failures_of_an_agent_are_remembered_until_its_work_is_verified_again() -> None:
    failed = moved("tasks/in_progress", "queues/retry", agent="ann", failure=True, **AT)
    assert (known(failed, failed).outcomes["ann"].failed, len(known(failed, failed).outcomes["ann"].failures)) == (2, 2)
    assert known(moved("tasks/in_progress", "queues/retry", failure=True, **AT)).outcomes == {}

    after = known(failed, said("accepted", agent="ann", manifest_sha256="m", **LATER)).outcomes["ann"]
    assert (after.completed, after.failed, list(after.failures)) == (1, 1, [])


def test_the_time_of_verified_work_is_from_the_claim_to_the_acceptance() -> None:
    claimed = {**CLAIMED, **AT}
    accepted = said("accepted", agent="ann", manifest_sha256="m", **LATER)

    assert known(RELEASED, claimed, accepted).outcomes["ann"].work_s == 90.0


def test_what_was_paused_is_paused_until_it_is_resumed_a_task_or_the_whole() -> None:
    whole, resumed = {"event": "paused", "task_id": None}, {"event": "resumed", "task_id": None}
    assert known(whole).paused
    assert not known(whole, resumed).paused
    assert not known(said("paused")).paused
    assert ledger(said("paused")).paused
    assert not ledger(said("paused"), said("resumed")).paused


def test_an_alert_lasts_until_it_is_over_each_about_its_own() -> None:
    deep = {"event": "alert", "alert": "queue_depth", "agent": "ann", "reason": "12 tasks wait"}
    other = deep | {"agent": "bob"}
    over = deep | {"event": "alert_over"}

    assert known(deep, other, over).alerts == {"queue_depth/bob": "12 tasks wait"}


def test_a_breaker_stands_as_it_was_told_last() -> None:
    lines = [{"event": "breaker", "agent": "ann", "state": state} for state in ("open", "half_open")]

    assert known(*lines).breakers == {"ann": "half_open"}


def test_who_waits_for_more_or_for_less_than_the_plan_says_is_in_its_ledger() -> None:
    found = ledger(
        said("dependency_added", on="m"), said("dependency_added", on="m"), said("dependency_waived", on=["z"])
    )

    assert (found.added_edges, found.waived) == (("m",), frozenset({"z"}))


def test_the_turn_in_the_queues_is_that_of_entering_them() -> None:
    entered = moved("queues/retry", "queues/global", 7, **AT)
    within = moved("queues/global", "queues/agents/ann", 9, **LATER)
    found = ledger(entered, within, moved("queues/agents/ann", "queues/domains/d", 11, **LATER))

    assert (found.queued_seq, found.queued_wall_s) == (7, 1768046400.0)


def test_the_story_tells_what_became_of_each_attempt() -> None:
    failed = moved("tasks/in_progress", "queues/retry", reason="it broke", **AT)
    found = ledger(RELEASED, CLAIMED, failed).story

    assert [(line["attempt"], line["agent"], line["reason"]) for line in found] == [(1, "ann", "it broke")]
