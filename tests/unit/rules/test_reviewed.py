"""What a reviewer showed to be wrong, once: each stays as it was shown, with the outcome that is right."""

from cagents_fs.core.index import add_edge
from cagents_fs.model.actions import Escalate
from cagents_fs.model.files import Heartbeat
from cagents_fs.model.states import State
from cagents_fs.rules import admission, completion, over_limit, parents, retries
from cagents_fs.rules.limits import admitted
from tests.support import builders as b


def test_an_edge_that_is_added_counts_each_edge_once() -> None:
    made = b.work(b.task("a"), b.task("d"), b.task("b", "a"), b.task("c", "a"), mode="mesh")
    made.records["b"].ledger.added_edges = ("d",)
    add_edge(made, "b")
    b.lies(made, "b", b.WAITING)

    b.done(made, "a")

    assert (made.unmet["b"], list(made.ready)) == (1, [])
    b.check(made)


def test_a_loss_goes_through_any_number_of_instructions_at_one_look() -> None:
    last = b.work(b.task("t"), name="c40")
    works = [b.work(b.task("t", f"c{n + 1:02}:t"), name=f"c{n:02}") for n in range(1, 40)]
    found = b.index(*works, last)
    b.lies(last, "t", b.CANCELLED)

    found.look_across()

    assert all(work.causes() for work in works)


def test_who_only_waits_takes_nobodys_place_among_the_instructions() -> None:
    waiting, other = b.work(b.task("x", "inst_2:y"), name="inst_1"), b.work(b.task("y"), name="inst_2")
    b.lies(waiting, "x", b.WAITING)
    b.lies(other, "y", b.GLOBAL)

    assert admitted(b.index(waiting, other), b.policy(max_concurrent_instructions=1)) == {"inst_2"}


def test_late_work_of_a_parent_waits_for_its_children() -> None:
    made = b.work(b.task("p"), b.task("k", parent_task_id="p"))
    b.lies(made, "k", b.queue())
    b.hands_in(b.lies(made, "p", b.RETRY))

    assert b.decided(completion.decide, b.index(made)) == []


def test_a_parent_that_gets_a_child_while_it_is_judged_goes_back() -> None:
    made = b.work(b.task("p"), b.task("k", parent_task_id="p"))
    b.lies(made, "k", b.queue())
    b.hands_in(b.lies(made, "p", b.UNDER_REVIEW, came_from=b.IN_PROGRESS))

    assert ("p", b.UNDER_REVIEW, b.IN_PROGRESS) in b.moves(b.decided(completion.decide, b.index(made)))


def test_a_stage_is_done_when_others_go_on_without_its_lost_task() -> None:
    tasks = (b.task("a", stage=1), b.task("c", "a", stage=2), b.task("d", stage=2))
    made = b.work(*tasks, mode="pipeline")
    b.lies(made, "a", b.FAILED)
    b.lies(made, "c", b.GLOBAL)
    b.lies(made, "d", b.GLOBAL)
    made.records["c"].ledger.waived = frozenset({"a"})
    made.recount("c")

    released = {move[0] for move in b.moves(b.decided(admission.decide, b.index(made)))}

    assert (made.causes(), released) == ({}, {"c", "d"})


def test_who_waits_at_a_checkpoint_is_none_of_the_agents_at_work() -> None:
    point = {"coordination": [{"checkpoint": "m", "with": ["d"]}]}
    made = b.work(b.task("a", dependencies=point), b.task("d", assigned_agent="bob"))
    b.lies(made, "a", b.IN_PROGRESS)
    made.meetings["m"].arrived["a"] = 1
    claim = b.lies(made, "d", b.IN_PROGRESS)
    claim.ledger.holder, claim.claim_seen = "bob", True

    assert b.decided(over_limit.decide, b.index(made), b.policy(max_agents_per_instruction=1)) == []


def test_tasks_of_one_name_in_two_instructions_are_two() -> None:
    data = [{"task_id": "t1", "artifact_path": "x"}, {"task_id": "inst_2:t1", "artifact_path": "y"}]
    made = b.work(b.task("t1"), b.task("t2", dependencies={"data_dependencies": data}))
    b.lies(made, "t2", b.WAITING)
    first = b.lies(made, "t1", b.COMPLETED, accepted="m", artifacts=({"path": "x"},))
    made.refresh(first)

    assert (made.lacking, made.unmet["t2"]) == (set(), 1)


def test_a_parent_that_says_blocked_and_loses_a_child_is_asked_for() -> None:
    made = b.work(b.task("p"), b.task("k", parent_task_id="p"))
    b.lies(made, "k", b.CANCELLED)
    record = b.lies(made, "p", b.IN_PROGRESS)
    record.heartbeat = Heartbeat.model_validate({"agent_name": "ann", "task_id": "p", "status": "blocked"})

    assert [type(action) for action in b.decided(parents.decide, b.index(made))] == [Escalate]


def test_who_failed_after_it_had_come_is_missing_at_the_checkpoint() -> None:
    made = b.work(b.task("a", dependencies={"coordination": [{"checkpoint": "m"}]}))
    record = b.lies(made, "a", b.FAILED)
    made.meetings["m"].arrived["a"] = 1

    assert made.meetings["m"].expects(record)


def test_a_claim_that_is_put_back_keeps_its_turn() -> None:
    made = b.work(b.task("a"), b.task("c"))
    record = b.lies(made, "a", b.queue())
    b.lies(made, "c", b.queue())
    before = record.queued

    b.lies(made, "a", b.IN_PROGRESS)
    b.lies(made, "a", b.queue())

    assert (record.queued, record.state) == (before, State.AGENTS)


def test_late_work_of_a_parent_that_waits_in_vain_does_not_stop_the_backoff_for_ever() -> None:
    made = b.work(b.task("p"), b.task("k", parent_task_id="p"))
    b.lies(made, "k", b.CANCELLED)
    b.hands_in(b.lies(made, "p", b.RETRY, due_wall_s=b.NOW.wall_s))

    assert b.moves(b.decided(retries.decide, b.index(made))) == [("p", b.RETRY, b.GLOBAL)]
