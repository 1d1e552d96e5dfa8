"""Who fails again and again gets no more work for a while; what failed comes back later each time, and not for ever."""

import pytest

from tests.support.journal import at
from tests.support.tree import Document, Instruction, Tree, a_task, eventually, load

BOB = "queues/agents/bob"
DOMAIN = "queues/domains/software"
WORK, BLOCKED, RETRY = "tasks/in_progress", "tasks/blocked", "queues/retry"


def breaker(**numbers: object) -> Document:
    return {"resilience": {"cascading_failure_prevention": {"circuit_breaker": numbers}}}


def backoff(**numbers: object) -> Document:
    return {"retry_logic": {"backoff_strategy": {"jitter": False} | numbers}}


def bobs(*names: str, **fields: object) -> list[Document]:
    """Tasks of bob's that get one chance each."""
    return [a_task(name, assigned_agent="bob", max_retries=0, **fields) for name in names]


def fails(instruction: Instruction, task: str, agent: str = "bob", **more: object) -> None:
    instruction.claim(task, agent)
    instruction.hand_in(task, agent, status="failed", artifacts=[], **more)
    instruction.reaches(task, "tasks/failed")


def is_in_state(instruction: Instruction, *states: str, agent: str = "bob") -> None:
    """The breaker comes to have gone through these states, one line each."""

    def seen() -> list[str]:
        return [line["state"] for line in instruction.events("breaker") if line["agent"] == agent]

    eventually(lambda: seen()[: len(states)] == list(states), saying=lambda: f"{seen()}; {instruction.tail()}")


def opened(tree: Tree, *more: Document, **numbers: object) -> Instruction:
    """Bob has failed twice, which is too often; call it in a daemon's time."""
    limits: Document = {"failure_threshold": 2, "timeout": "1 hour", "half_open_requests": 1}
    tree.configure("parallel_execution_framework.yaml", breaker(**(limits | numbers)))
    return tree.plan(*bobs("f1", "f2"), *more)


def test_five_failures_in_a_row_open_it_as_shipped(tree: Tree) -> None:
    names = [f"f{number}" for number in range(1, 6)]
    instruction = tree.plan(*bobs(*names))
    with tree.daemon():
        for name in names[:4]:
            fails(instruction, name)
        assert instruction.events("breaker") == []
        fails(instruction, names[4])
        is_in_state(instruction, "open")

    assert len(instruction.events("breaker")) == 1


def test_an_agent_with_an_open_breaker_gets_nothing_and_may_not_claim(tree: Tree) -> None:
    instruction = opened(tree, *bobs("queued"), a_task("anns"))
    with tree.daemon():
        instruction.reaches("queued", BOB)
        fails(instruction, "f1")
        fails(instruction, "f2")
        is_in_state(instruction, "open")
        instruction.drop("late", assigned_agent="bob")
        instruction.reaches("late", DOMAIN)
        assert tree.call("claim", "bob").code == 3
        instruction.finish("anns")
        assert WORK not in instruction.places("queued")
        instruction.check("queued", "late", "anns")


def test_the_claim_of_an_agent_with_an_open_breaker_is_put_back(tree: Tree) -> None:
    instruction = opened(tree, *bobs("queued"), a_task("anns"))
    with tree.daemon():
        fails(instruction, "f1")
        instruction.claim("f2", "bob")
        instruction.reaches("queued", BOB)
        instruction.hand_in("f2", "bob", status="failed", artifacts=[])
        is_in_state(instruction, "open")
        instruction.finish("anns")
        if instruction.places("queued") == [BOB]:  # else it has been taken away from him, which is as good
            instruction.claim("queued", "bob")
            back = (WORK, BOB)
            eventually(lambda: back in instruction.moves("queued"), saying=instruction.tail)
            eventually(lambda: [note for note in tree.inbox("bob") if note["task_id"] == "queued"])


def test_after_a_while_it_is_half_open_and_a_verified_task_closes_it(tree: Tree) -> None:
    instruction = opened(tree, timeout="1 second")
    with tree.daemon():
        fails(instruction, "f1")
        fails(instruction, "f2")
        is_in_state(instruction, "open", "half_open")
        instruction.drop("trial", assigned_agent="bob")
        instruction.finish("trial", "bob")
        is_in_state(instruction, "open", "half_open", "closed")

        for name in ("g1", "g2"):
            instruction.drop(name, assigned_agent="bob")
            instruction.finish(name, "bob")


def test_a_failure_on_trial_opens_it_again(tree: Tree) -> None:
    instruction = opened(tree, timeout="1 second")
    with tree.daemon():
        fails(instruction, "f1")
        fails(instruction, "f2")
        is_in_state(instruction, "open", "half_open")
        instruction.drop("trial", assigned_agent="bob", max_retries=0)
        fails(instruction, "trial")
        is_in_state(instruction, "open", "half_open", "open", "half_open")


def test_on_trial_an_agent_gets_so_many_at_a_time(tree: Tree) -> None:
    instruction = opened(tree, timeout="1 second", half_open_requests=1)
    with tree.daemon():
        fails(instruction, "f1")
        fails(instruction, "f2")
        is_in_state(instruction, "open", "half_open")
        instruction.drop("a", assigned_agent="bob")
        instruction.drop("b", assigned_agent="bob")
        eventually(lambda: tree.call("claim", "bob").code == 0, saying=instruction.tail)
        (taken,) = [name for name in ("a", "b") if instruction.places(name) == [WORK]]
        assert tree.call("claim", "bob").code == 3
        instruction.hand_in(taken, "bob")
        is_in_state(instruction, "open", "half_open", "closed")
        instruction.finish("b" if taken == "a" else "a", "bob")


def test_a_success_between_two_failures_begins_the_row_anew(tree: Tree) -> None:
    instruction = opened(tree, *bobs("good", "f3"))
    with tree.daemon():
        fails(instruction, "f1")
        instruction.finish("good", "bob")
        fails(instruction, "f2")
        assert instruction.events("breaker") == []
        fails(instruction, "f3")
        is_in_state(instruction, "open")


def test_failures_count_over_the_whole_tree_and_for_nobody_else(tree: Tree) -> None:
    first = opened(tree, a_task("anns"))
    second = tree.plan(*bobs("f1", "queued"), name="inst_2")
    with tree.daemon():
        fails(first, "f1")
        fails(second, "f1")
        eventually(lambda: first.events("breaker", "open") + second.events("breaker", "open"), saying=second.tail)
        assert tree.call("claim", "bob").code == 3
        first.finish("anns")
        assert {line["agent"] for one in (first, second) for line in one.events("breaker")} == {"bob"}


def test_an_open_breaker_survives_a_restart(tree: Tree) -> None:
    instruction = opened(tree, a_task("anns"))
    with tree.daemon():
        fails(instruction, "f1")
        fails(instruction, "f2")
        is_in_state(instruction, "open")
    with tree.daemon():
        instruction.drop("late", assigned_agent="bob")
        instruction.finish("anns")
        instruction.reaches("late", DOMAIN)


@pytest.mark.parametrize("kind", ["invalid_task_definition", "insufficient_permissions", "agent_not_found"])
def test_what_is_never_retried_fails_at_once_and_is_not_held_against_the_agent(tree: Tree, kind: str) -> None:
    names = ("n1", "n2", "n3")
    instruction = opened(tree, *(a_task(name, assigned_agent="bob", max_retries=3) for name in names))
    with tree.daemon():
        for name in names:
            fails(instruction, name, error_type=kind)
            assert not any(RETRY in move for move in instruction.moves(name))
        instruction.drop("next", assigned_agent="bob")
        instruction.finish("next", "bob")

    assert instruction.events("breaker") == []


def test_each_delay_is_twice_the_one_before(tree: Tree) -> None:
    tree.configure("task_queue_manager.yaml", backoff(base_delay="1 second", multiplier=2, max_delay="1 hour"))
    instruction = tree.plan(a_task("t1", assigned_agent="bob", max_retries=3))
    with tree.daemon():
        for attempt in (1, 2, 3):
            instruction.claim("t1", "bob")
            instruction.hand_in("t1", "bob", status="failed", artifacts=[], attempt=attempt)
            eventually(lambda n=attempt: [*delays(instruction, "t1")][n - 1 :], saying=instruction.tail)  # type: ignore[misc]

    first, second, third = delays(instruction, "t1")
    assert (first > 0.9, second > 1.9, third > 3.9) == (True, True, True), (first, second, third)


def test_no_delay_is_longer_than_the_longest(tree: Tree) -> None:
    tree.configure("task_queue_manager.yaml", backoff(base_delay="1 second", multiplier=1000, max_delay="2 seconds"))
    instruction = tree.plan(a_task("t1", assigned_agent="bob", max_retries=2))
    with tree.daemon():
        for attempt in (1, 2):
            instruction.claim("t1", "bob")
            instruction.hand_in("t1", "bob", status="failed", artifacts=[], attempt=attempt)
            eventually(lambda n=attempt: [*delays(instruction, "t1")][n - 1 :], saying=instruction.tail)  # type: ignore[misc]
        instruction.finish("t1", "bob", attempt=3)


def delays(instruction: Instruction, task: str) -> list[float]:
    """How long it lay in `retry`, each time that it has left it."""
    lines = [line for line in instruction.events("moved") if line["task_id"] == task]
    came = [at(line) for line in lines if line["to"] == RETRY]
    left = [at(line) for line in lines if line["from"] == RETRY]
    return [later - earlier for earlier, later in zip(came, left, strict=False)]


@pytest.mark.parametrize(("parent", "to"), [("boss", "boss"), (None, "planner")])
def test_exhausted_retries_are_escalated_with_the_whole_story(tree: Tree, parent: str | None, to: str) -> None:
    tree.configure("task_queue_manager.yaml", backoff(base_delay="1 second"))
    above = [a_task("above", assigned_agent=parent)] if parent else []
    named: Document = {"parent_task_id": "above"} if parent else {}
    instruction = tree.plan(*above, a_task("t1", assigned_agent="bob", max_retries=1, **named))
    with tree.daemon():
        if parent:
            instruction.claim("above", parent)
        for attempt, reason in ((1, "the disk sang"), (2, "the disk wept")):
            instruction.claim("t1", "bob")
            tree.ok("fail", "inst_1/t1", "--agent", "bob", "--attempt", str(attempt), "--reason", reason)
            eventually(lambda: instruction.places("t1") == [BOB] or instruction.places("t1") == ["tasks/failed"])
        instruction.reaches("t1", "tasks/failed")
        (line,) = instruction.tells("escalated", "failed-t1-2")
        eventually(lambda: [note for note in tree.inbox(to) if note["type"] == "escalation"])

    written = load(instruction.path / "escalations" / "failed-t1-2.yaml")
    assert (written["from_agent"], written["to_agent"], written["severity"]) == ("daemon", to, "high")
    assert line["to"] == to
    for word in ("the disk sang", "the disk wept", "bob"):
        assert word in written["issue_description"], word


def test_everything_downstream_is_blocked_by_the_culprit_and_healed_with_it(tree: Tree) -> None:
    chain = [a_task(f"t{level}", f"t{level - 1}" if level else "base") for level in range(12)]
    instruction = tree.plan(*bobs("base"), *chain, a_task("aside"))
    names = [task["task_id"] for task in chain]
    with tree.daemon():
        fails(instruction, "base")
        for name in names:
            instruction.reaches(name, BLOCKED)
            eventually(lambda n=name: "base" in str(instruction.file(n).get("blocked_by")))  # type: ignore[misc]
        tree.ok("retry", "base")
        for name in names:
            instruction.reaches(name, "queues/waiting_on_dependencies")
        instruction.finish("base", "bob", attempt=2)
        instruction.finish("t0")
        instruction.reaches("t1", "queues/agents/ann")
        instruction.check("base", *names, "aside")


def test_who_is_blocked_by_two_is_free_when_both_are_healed(tree: Tree) -> None:
    instruction = tree.plan(*bobs("left", "right"), a_task("end", "left", "right"), a_task("last", "end"))
    with tree.daemon():
        fails(instruction, "left")
        fails(instruction, "right")
        instruction.reaches("last", BLOCKED)
        tree.ok("retry", "left")
        instruction.finish("left", "bob", attempt=2)
        assert instruction.places("end") == [BLOCKED]
        tree.ok("retry", "right")
        instruction.finish("right", "bob", attempt=2)
        instruction.finish("end")
        instruction.finish("last")
        instruction.check("left", "right", "end", "last")
