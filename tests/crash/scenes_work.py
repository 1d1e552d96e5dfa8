"""Scenes of work: taken in, released, claimed, handed in, judged, tried again, given up."""

from tests.crash.scene import lives
from tests.crash.stage import CHECKED, DOOMED, Stage, task


def planned(stage: Stage) -> None:
    stage.set_up()
    stage.submit(task("t1"), task("t2", "t1", agent="bob"))


def claimed(stage: Stage) -> None:
    planned(stage)
    stage.lives()
    stage.claim("t1")
    stage.beat("t1")


def silent(stage: Stage) -> None:
    """Somebody claims, and is not heard of any more."""
    stage.set_up()
    lease = {"communication_channels": {"status_updates": {"stale_threshold": "60 seconds"}}}
    stage.write("_system/config/parallel_execution_framework.yaml", lease)
    stage.submit(task("t1"), task("t2", "t1", agent="bob"))
    stage.lives()
    stage.claim("t1")


def handed_in(stage: Stage) -> None:
    claimed(stage)
    stage.hand_in("t1")


def a_checked(stage: Stage, **criteria: object) -> None:
    stage.set_up()
    stage.submit(task("t1", **criteria), task("t2", "t1", agent="bob"))
    stage.lives()
    stage.claim("t1")


def to_be_checked(stage: Stage) -> None:
    a_checked(stage, **CHECKED)
    stage.hand_in("t1")


def check_fails(stage: Stage) -> None:
    a_checked(stage, **DOOMED)
    stage.hand_in("t1")


def check_fails_again(stage: Stage) -> None:
    check_fails(stage)
    stage.lives()
    assert stage.find("t1") == "tasks/in_progress"
    stage.hand_in("t1", again=True)


def check_fails_for_good(stage: Stage) -> None:
    a_checked(stage, **DOOMED, max_retries=0)
    stage.hand_in("t1")
    stage.lives()
    stage.hand_in("t1", again=True)


def wrong_manifest(stage: Stage) -> None:
    claimed(stage)
    stage.hand_in("t1", good=False)


def wrong_again(stage: Stage) -> None:
    wrong_manifest(stage)
    stage.lives()
    stage.hand_in("t1", good=False, again=True)


def it_failed(stage: Stage) -> None:
    claimed(stage)
    stage.fail("t1")


def it_failed_for_good(stage: Stage) -> None:
    stage.set_up()
    stage.submit(task("t1", max_retries=0), task("t2", "t1", agent="bob"), task("t3", "t2"))
    stage.lives()
    stage.claim("t1")
    stage.fail("t1")


def in_retry(stage: Stage) -> None:
    it_failed(stage)
    stage.lives()
    assert stage.find("t1") == "queues/retry"


def late_work(stage: Stage) -> None:
    in_retry(stage)
    stage.hand_in("t1", late=True)


def late_and_wrong(stage: Stage) -> None:
    in_retry(stage)
    stage.hand_in("t1", late=True, good=False)


def late_in_vain(stage: Stage) -> None:
    a_checked(stage, **DOOMED)
    stage.fail("t1")
    stage.lives()
    stage.hand_in("t1", late=True)


def second_attempt(stage: Stage) -> None:
    in_retry(stage)
    stage.lives(100.0)
    stage.claim("t1")
    stage.hand_in("t1", attempt=2)


def stale_attempt(stage: Stage) -> None:
    in_retry(stage)
    stage.lives(100.0)
    stage.claim("t1")
    stage.hand_in("t1", attempt=1)


def many(stage: Stage) -> None:
    """One end that releases as many as there is room for, one more, and somebody else's."""
    stage.set_up()
    rest = [task(f"t{number}", "t1") for number in range(2, 6)]
    stage.submit(task("t1", agent="bob"), *rest, task("t6", "t1", agent="bob"))
    stage.lives()
    stage.claim("t1")
    stage.hand_in("t1", "bob")


def room_again(stage: Stage) -> None:
    stage.set_up()
    stage.submit(*(task(f"t{number}", domain="deep") for number in range(1, 5)))
    stage.lives()
    stage.claim("t1", "t2")


def added(stage: Stage) -> None:
    stage.set_up()
    stage.submit(task("t1"), task("t2", "t1", agent="bob"), mode="swarm")
    stage.lives()
    stage.claim("t1")
    for made in (task("t3"), task("t4", "t1"), task("t5", "t9")):
        stage.write(f"inst_1/tasks/pending/{made['task_id']}.yaml", made)


def finished(stage: Stage) -> None:
    handed_in(stage)
    stage.lives()
    stage.claim("t2")
    stage.hand_in("t2", "bob")


def hand_in_meanwhile(stage: Stage) -> None:
    stage.hand_in("t1", meanwhile=True)


def claim_meanwhile(stage: Stage) -> None:
    stage.claim("t1")


def back_to_the_queue(stage: Stage) -> None:
    stage.move("t1", "queues/agents/ann")


def put_elsewhere(stage: Stage) -> None:
    stage.move("t1", "queues/global")


MEDDLING = (hand_in_meanwhile, claim_meanwhile, back_to_the_queue, put_elsewhere)

# A claim over the limit goes back where the daemon that saw it lives on (`same_end=False`): to the next it is work.
SCENES = (
    lives("intake", planned, meddle=MEDDLING),
    lives("intake-of-added-tasks", added, meddle=MEDDLING),
    lives("accepted", handed_in, meddle=MEDDLING),
    lives("accepted-many-wait", many, meddle=(back_to_the_queue, put_elsewhere)),
    lives("room-again", room_again, meddle=MEDDLING, same_end=False),
    lives("reviewed", to_be_checked, meddle=MEDDLING),
    lives("review-fails", check_fails, meddle=MEDDLING),
    lives("review-fails-again", check_fails_again, meddle=MEDDLING),
    lives("review-fails-for-good", check_fails_for_good, meddle=MEDDLING),
    lives("rejected", wrong_manifest, meddle=MEDDLING),
    lives("rejected-again", wrong_again, meddle=MEDDLING),
    lives("failed-attempt", it_failed, meddle=MEDDLING),
    lives("failed-attempt-and-again", it_failed, seconds=100.0, meddle=MEDDLING),
    lives("failed-for-good", it_failed_for_good, meddle=MEDDLING),
    lives("backoff-over", in_retry, seconds=100.0, meddle=MEDDLING),
    # Late work that may not be read at the moment it is looked at is none: the next attempt begins (`same_end=False`).
    lives("late-work", late_work, meddle=MEDDLING, same_end=False),
    lives("late-work-is-wrong", late_and_wrong, meddle=MEDDLING),
    lives("late-work-in-vain", late_in_vain, meddle=MEDDLING),
    lives("second-attempt", second_attempt, meddle=MEDDLING),
    lives("stale-attempt", stale_attempt, meddle=MEDDLING),
    lives("stalled", silent, seconds=200.0, meddle=MEDDLING),
    lives("finished", finished, meddle=MEDDLING),
)
