"""Failure and its second chances: retry, the fence, the end of the budget, and who is blocked by it."""

from tests.support.tree import Answer, Instruction, Tree, a_task, as_yaml, eventually, publish

AGAIN_SOON = {"retry_logic": {"backoff_strategy": {"base_delay": "1 second", "jitter": False}}}
AGAIN_LATE = {"retry_logic": {"backoff_strategy": {"base_delay": "30 minutes", "jitter": False}}}
WAITING = "queues/waiting_on_dependencies"
ANN = "queues/agents/ann"


def fails(instruction: Instruction, task: str, attempt: int = 1, reason: str = "it broke") -> Answer:
    """Ann takes the task and gives it up, as the command line has it."""
    instruction.claim(task)
    instruction.tells("moved", "tasks/in_progress")
    env = {"CAGENTS_AGENT": "ann", "CAGENTS_ATTEMPT": str(attempt)}
    return instruction.tree.ok("fail", f"{instruction.name}/{task}", "--reason", reason, env=env)


def has_been(instruction: Instruction, task: str, place: str) -> None:
    eventually(lambda: place in [to for _from, to in instruction.moves(task)], saying=instruction.tail)


def is_blocked(instruction: Instruction, task: str, culprit: str) -> None:
    instruction.reaches(task, "tasks/blocked")
    eventually(lambda: culprit in str(instruction.file(task).get("blocked_by")), saying=instruction.tail)


def test_a_failed_task_waits_in_retry_and_its_reason_is_kept(tree: Tree) -> None:
    tree.configure("task_queue_manager.yaml", AGAIN_LATE)
    instruction = tree.plan(a_task("t1"), a_task("t2", "t1"))
    with tree.daemon():
        fails(instruction, "t1", reason="the disk sang")

        instruction.reaches("t1", "queues/retry")
        assert instruction.places("t2") == [WAITING]
        instruction.check("t1", "t2")

    assert "the disk sang" in "".join(map(str, instruction.journal()))


def test_a_hand_written_manifest_of_failure_counts_as_one(tree: Tree) -> None:
    tree.configure("task_queue_manager.yaml", AGAIN_LATE)
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.claim("t1")
        instruction.hand_in("t1", status="failed", artifacts=[])

        instruction.reaches("t1", "queues/retry")


def test_what_the_first_attempt_left_is_put_aside_before_the_second_begins(tree: Tree) -> None:
    tree.configure("task_queue_manager.yaml", AGAIN_SOON)
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.reaches("t1", ANN)
        instruction.artifact("t1", "draft.txt", b"half a page\n")
        fails(instruction, "t1")
        has_been(instruction, "t1", "queues/retry")
        instruction.reaches("t1", ANN)

        assert instruction.file("t1")["attempt"] == 2
        kept = instruction.path / "outputs" / "abandoned" / "t1.1"
        assert [path.read_bytes() for path in kept.rglob("draft.txt")] == [b"half a page\n"]
        assert not (instruction.output("t1") / "draft.txt").exists()
        instruction.finish("t1", attempt=2)
        instruction.check("t1")


def test_a_manifest_of_the_first_attempt_is_kept_answered_and_not_counted(tree: Tree) -> None:
    tree.configure("task_queue_manager.yaml", AGAIN_SOON)
    instruction = tree.plan(a_task("t1"), a_task("t2", "t1"))
    with tree.daemon():
        fails(instruction, "t1")
        has_been(instruction, "t1", "queues/retry")
        instruction.claim("t1")
        letters = len(tree.inbox("ann"))
        old = instruction.hand_in("t1", subagent_notes="of the first attempt").read_bytes()

        eventually(lambda: old in instruction.quarantined(), saying=instruction.tail)
        eventually(lambda: len(tree.inbox("ann")) == letters + 1, saying=instruction.tail)
        assert instruction.places("t1") == ["tasks/in_progress"]
        assert instruction.places("t2") == [WAITING]

        instruction.hand_in("t1", attempt=2)
        instruction.reaches("t2", ANN)
    assert [line["attempt"] for line in instruction.events("accepted", "t1")] == [2]


def test_verify_names_an_old_attempt(tree: Tree) -> None:
    tree.configure("task_queue_manager.yaml", AGAIN_SOON)
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        fails(instruction, "t1")
        has_been(instruction, "t1", "queues/retry")
        instruction.reaches("t1", ANN)
    instruction.claim("t1")
    instruction.hand_in("t1", attempt=1)

    answer = tree.call("verify", "t1", "--json")

    assert answer.code == 1
    assert "old_attempt" in [fault["code"] for fault in answer.data["faults"]]


def test_when_the_budget_is_spent_the_task_fails_and_all_downstream_is_blocked(tree: Tree) -> None:
    tree.configure("task_queue_manager.yaml", AGAIN_SOON)
    tasks = [a_task("base", max_retries=1), a_task("middle", "base"), a_task("end", "middle"), a_task("aside")]
    instruction = tree.plan(*tasks)
    with tree.daemon():
        fails(instruction, "base")
        has_been(instruction, "base", "queues/retry")
        assert instruction.places("middle") == [WAITING]
        fails(instruction, "base", attempt=2)
        instruction.reaches("base", "tasks/failed")

        for task in ("middle", "end"):
            is_blocked(instruction, task, "base")
        assert instruction.places("aside") == [ANN]
        instruction.check("base", "middle", "end", "aside")


def test_a_task_without_retries_fails_at_once_and_blocks_at_once(tree: Tree) -> None:
    instruction = tree.plan(a_task("base", max_retries=0), a_task("middle", "base"))
    with tree.daemon():
        fails(instruction, "base")

        instruction.reaches("base", "tasks/failed")
        instruction.reaches("middle", "tasks/blocked")

    assert not any("queues/retry" in move for move in instruction.moves("base"))


def test_retry_gives_a_failed_task_a_fresh_budget_and_frees_who_was_blocked(tree: Tree) -> None:
    instruction = tree.plan(a_task("base", max_retries=0), a_task("middle", "base"), a_task("end", "middle"))
    with tree.daemon():
        fails(instruction, "base")
        instruction.reaches("end", "tasks/blocked")

        tree.ok("retry", "base")
        instruction.reaches("base", ANN)
        instruction.reaches("middle", WAITING)
        instruction.reaches("end", WAITING)
        assert instruction.file("base")["attempt"] == 2
        instruction.finish("base", attempt=2)
        instruction.finish("middle")
        instruction.finish("end")
        instruction.check("base", "middle", "end")


def test_retry_works_without_a_daemon(tree: Tree) -> None:
    instruction = tree.plan(a_task("base", max_retries=0), a_task("middle", "base"))
    with tree.daemon():
        fails(instruction, "base")
        instruction.reaches("middle", "tasks/blocked")

    tree.ok("retry", "base")

    assert instruction.places("base")[0] != "tasks/failed"
    tree.once()
    assert instruction.places("base") == [ANN]
    assert instruction.places("middle") == [WAITING]


def test_rescue_takes_up_all_that_failed_and_all_that_was_cancelled(tree: Tree) -> None:
    instruction = tree.plan(a_task("base", max_retries=0), a_task("middle", "base"), a_task("other"))
    with tree.daemon():
        fails(instruction, "base")
        instruction.reaches("middle", "tasks/blocked")
        tree.ok("cancel", "other")
        assert instruction.places("other") == ["tasks/cancelled"]

        tree.ok("rescue", "inst_1")
        instruction.reaches("base", ANN)
        instruction.reaches("other", ANN)
        instruction.reaches("middle", WAITING)
        instruction.finish("other", attempt=2)


def test_cancel_blocks_who_depends_on_it(tree: Tree) -> None:
    instruction = tree.plan(a_task("base"), a_task("middle", "base"), a_task("end", "middle"))
    with tree.daemon():
        instruction.reaches("base", ANN)

        tree.ok("cancel", "base")

        assert instruction.places("base") == ["tasks/cancelled"]
        is_blocked(instruction, "middle", "base")
        is_blocked(instruction, "end", "base")
        assert list((instruction.path / "requests").glob("[!.]*")) == []


def test_cancel_with_skip_lets_the_dependents_go_on(tree: Tree) -> None:
    instruction = tree.plan(a_task("base"), a_task("middle", "base"))
    with tree.daemon():
        instruction.reaches("base", ANN)

        tree.ok("cancel", "base", "--skip")

        assert instruction.places("base") == ["tasks/cancelled"]
        instruction.finish("middle")


def test_cancel_works_without_a_daemon(tree: Tree) -> None:
    instruction = tree.plan(a_task("base"), a_task("middle", "base"))
    tree.once()

    tree.ok("cancel", "base")

    assert instruction.places("base") == ["tasks/cancelled"]


def test_a_manifest_for_a_cancelled_task_releases_nobody(tree: Tree) -> None:
    instruction = tree.plan(a_task("base"), a_task("middle", "base"), a_task("other"))
    with tree.daemon():
        instruction.claim("base")
        instruction.tells("moved", "tasks/in_progress")
        tree.ok("cancel", "base")
        publish(instruction.output("base") / "manifest.yaml", as_yaml(instruction.manifest("base")))

        instruction.tells("finding", "base")
        instruction.finish("other")
        assert instruction.places("base") == ["tasks/cancelled"]
        assert instruction.places("middle") == ["tasks/blocked"]


def test_a_request_for_an_unknown_task_exits_3(tree: Tree) -> None:
    tree.plan(a_task("t1"))
    tree.once()

    for command in ("cancel", "retry", "rescue"):
        assert tree.call(command, "nobody-knows-this").code == 3, command
