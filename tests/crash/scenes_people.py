"""Scenes of people and agents who ask: requests, escalations, answers, what blocks and what frees."""

from tests.crash.scene import after, lives
from tests.crash.scenes_work import MEDDLING, claimed, in_retry, it_failed_for_good, planned, to_be_checked
from tests.crash.stage import CHECKED, Doing, Stage, task


def asked(action: str, task_id: str | None = None, **fields: object) -> Doing:
    return lambda stage: stage.ask(action, task_id, **fields)


def once(stage: Stage) -> None:
    stage.lives()


def under_review(stage: Stage) -> None:
    to_be_checked(stage)
    stage.lives(endless=True)
    assert stage.find("t1") == "tasks/under_review"


def everywhere(stage: Stage) -> None:
    """A task in each state in which it can still be cancelled."""
    stage.set_up()
    first = [task("work"), task("tried", agent="bob"), task("asks", agent="cid"), task("look", agent="dan", **CHECKED)]
    queued = [task(f"q{number}", domain="deep") for number in range(1, 5)]
    stage.submit(*first, *queued, task("waits", "work"), mode="mesh")
    stage.lives()
    stage.claim("work", "tried", "asks", "look")
    stage.fail("tried", "bob")
    stage.escalate("asks", "cid")
    stage.hand_in("look", "dan")
    stage.lives(1.0, endless=True)
    expected = {"work": "tasks/in_progress", "tried": "queues/retry", "asks": "tasks/blocked"}
    expected |= {"look": "tasks/under_review", "waits": "queues/waiting_on_dependencies"}
    expected |= {"q1": "queues/agents/ann", "q4": "queues/domains/deep"}
    found = {name: stage.find(name) for name in expected}
    assert found == expected, found


def cancel_everywhere(stage: Stage) -> None:
    everywhere(stage)
    for name in ("work", "tried", "asks", "look", "waits", "q1", "q4"):
        stage.ask("cancel", name)


def reassign_everywhere(stage: Stage) -> None:
    everywhere(stage)
    for name in ("work", "tried", "asks", "look", "waits", "q1", "q4"):
        stage.ask("reassign", name, agent="cid")


def paused(stage: Stage) -> None:
    """Everything that has not begun lies in queues/global."""
    stage.set_up()
    stage.submit(task("t1"), mode="mesh")
    stage.lives()
    stage.ask("pause")
    stage.lives()
    names = ("t2", "t3", "t4", "t5", "t6", "t7")
    for name in names:
        stage.write(f"inst_1/tasks/pending/{name}.yaml", task(name, agent="bob"))
    stage.write("inst_1/tasks/pending/lost.yaml", task("lost"))
    stage.lives()
    stage.ask("cancel", "lost")
    stage.lives()
    assert all(stage.find(name) == "queues/global" for name in names)


def depend_in_global(stage: Stage) -> None:
    paused(stage)
    stage.ask("add_dependency", "t2", on="t1")
    stage.ask("add_dependency", "t3", on="lost")
    stage.ask("cancel", "t4")


def depend_in_queues(stage: Stage) -> None:
    """In an agent's queue and in a domain's: one waits from now on, one waits in vain."""
    stage.set_up()
    stage.submit(task("t1", agent="bob"), task("lost", agent="cid"), *(task(f"q{n}") for n in range(1, 5)), mode="mesh")
    stage.lives()
    stage.ask("cancel", "lost")
    stage.lives()
    found = {name: stage.find(name) for name in ("q1", "q2", "q3", "q4")}
    assert sorted(found.values()) == ["queues/agents/ann"] * 2 + ["queues/domains/software"] * 2, found
    agents = [name for name, place in found.items() if "agents" in place]
    domains = [name for name, place in found.items() if "domains" in place]
    for one, other in (agents, domains):
        stage.ask("add_dependency", one, on="t1")
        stage.ask("add_dependency", other, on="lost")


def depend_in_retry(stage: Stage) -> None:
    stage.set_up()
    stage.submit(task("t1"), task("t2", agent="bob"), task("t3", agent="cid"), task("lost", agent="dan"), mode="mesh")
    stage.lives()
    stage.ask("cancel", "lost")
    stage.lives()
    for name, agent in (("t2", "bob"), ("t3", "cid")):
        stage.claim(name)
        stage.fail(name, agent)
    stage.lives(1.0)
    stage.ask("add_dependency", "t2", on="t1")
    stage.ask("add_dependency", "t3", on="lost")


def cancelled_waiting(stage: Stage) -> None:
    planned(stage)
    stage.lives()
    stage.ask("cancel", "t2")
    stage.ask("cancel", "t1")
    stage.lives()
    assert stage.find("t2") == "tasks/cancelled"


def skipped_while_blocked(stage: Stage) -> None:
    it_failed_for_good(stage)
    stage.lives()
    stage.answer("skip_dependency", "failed-t1-1")


def asks_for_help(stage: Stage) -> None:
    claimed(stage)
    stage.escalate("t1")


def blocked_by_it(stage: Stage) -> None:
    asks_for_help(stage)
    stage.lives()
    assert stage.find("t1") == "tasks/blocked"


def review_blocked(stage: Stage) -> None:
    under_review(stage)
    stage.escalate("t1")


def answered(action: str, **fields: object) -> Doing:
    return after(blocked_by_it, lambda stage: stage.answer(action, **fields))


def settled_by_a_manifest(stage: Stage) -> None:
    blocked_by_it(stage)
    stage.hand_in("t1")


def nobody_answers(stage: Stage) -> None:
    claimed(stage)
    stage.escalate("t1", sla="Response needed within 1 minutes")


def dropped_and_cancelled(stage: Stage) -> None:
    claimed(stage)
    stage.write("inst_1/tasks/pending/t3.yaml", task("t3"))
    stage.ask("cancel", "t3")


def cancel_meanwhile(stage: Stage) -> None:
    stage.ask("cancel", "t1")


def answer_meanwhile(stage: Stage) -> None:
    stage.answer("retry")


ASKING = (cancel_meanwhile, answer_meanwhile)

# `same_end=False`: five tasks for an agent that has room for two, and who is first depends on the turn in which each is
# moved; and where a turn failed, the verdict may come before the escalation has settled.
SCENES = (
    lives("cancel-everywhere", cancel_everywhere),
    lives("reassign-everywhere", reassign_everywhere, same_end=False),
    lives("depend-in-global", depend_in_global),
    lives("resumed", after(depend_in_global, asked("resume"))),
    lives("depend-in-queues", depend_in_queues),
    lives("depend-in-retry", depend_in_retry),
    lives("paused-task", after(planned, once, asked("pause", "t1")), meddle=MEDDLING),
    lives("paused", after(planned, once, asked("pause")), meddle=MEDDLING),
    lives("cancel-and-skip", after(claimed, asked("cancel", "t1", skip=True)), meddle=MEDDLING),
    lives("dropped-and-cancelled", dropped_and_cancelled),
    lives("retry-asked", after(it_failed_for_good, once, asked("retry", "t1")), meddle=ASKING),
    lives("rescue", after(cancelled_waiting, asked("rescue")), meddle=ASKING),
    lives("skip-frees", skipped_while_blocked, meddle=ASKING),
    lives("escalated", asks_for_help, meddle=(*MEDDLING, *ASKING)),
    lives("escalated-under-review", review_blocked, meddle=ASKING, same_end=False),
    lives("answer-resume", answered("resume"), meddle=ASKING),
    lives("answer-retry", answered("retry"), meddle=ASKING),
    lives("answer-cancel", answered("cancel"), meddle=ASKING),
    lives("answer-reassign", answered("reassign", agent="bob"), meddle=ASKING),
    lives("answer-to-nobody", after(claimed, lambda stage: stage.answer("resume", "e9"))),
    lives("escalation-settled", settled_by_a_manifest, meddle=ASKING),
    lives("escalation-goes-up", nobody_answers, seconds=50.0),
    lives("cancel-in-retry", after(in_retry, asked("cancel", "t1"))),
    lives("cancel-under-review", after(under_review, asked("cancel", "t1"))),
)
