"""What people and agents are told: status, ready, explain, show, tasks, events, prime, inbox."""

from tests.support.tree import Answer, Document, Tree, a_task, eventually, met

COUNTS = {"pending", "waiting", "queued", "in_progress", "under_review", "blocked", "retry", "completed"}
COUNTS |= {"failed", "cancelled", "total"}


def the_one(tree: Tree) -> Document:
    (only,) = tree.data("status")["instructions"]
    return dict(only)


def test_status_counts_every_task_where_it_lies(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2", "t1"), a_task("t3"), a_task("t4"))
    with tree.daemon():
        instruction.finish("t3")
        instruction.claim("t4")
        instruction.tells("moved", '"tasks/in_progress"')
        one = the_one(tree)

    assert (one["instruction_id"], one["mode"], one["phase"]) == ("inst_1", "swarm", "executing")
    assert set(one["tasks"]) >= COUNTS
    nonzero = {name: count for name, count in one["tasks"].items() if count}
    assert nonzero == {"waiting": 1, "queued": 1, "in_progress": 1, "completed": 1, "total": 4}
    assert set(one["agents"]) >= {"active", "stalled", "idle"}
    assert 0 < one["progress_percentage"] < 100


def test_status_of_a_finished_instruction_is_complete(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.finish("t1")
        eventually(lambda: the_one(tree)["phase"] == "complete")
        assert the_one(tree)["progress_percentage"] == 100


def test_status_works_where_no_daemon_does(tree: Tree) -> None:
    tree.plan(a_task("t1"), name="inst_one")
    tree.plan(a_task("t1"), name="inst_two")
    tree.once()

    names = [one["instruction_id"] for one in tree.data("status")["instructions"]]
    assert sorted(names) == ["inst_one", "inst_two"]


def test_status_in_words_names_the_instruction(tree: Tree) -> None:
    tree.plan(a_task("t1"))
    tree.once()

    assert "inst_1" in tree.ok("status").out


def test_ready_lists_what_can_be_claimed_best_first(tree: Tree) -> None:
    tree.plan(a_task("t1", priority="low"), a_task("t2", priority="critical"), a_task("t3"), a_task("t4", "t2"))
    tree.once()

    assert [task["task_id"] for task in tree.data("ready")["tasks"]] == ["t2", "t3", "t1"]


def test_explain_names_what_a_task_waits_for(tree: Tree) -> None:
    tree.plan(a_task("foundation"), a_task("walls"), a_task("roof", "foundation", "walls"))
    tree.once()

    data = tree.data("explain", "roof")

    assert data["state"] == "queues/waiting_on_dependencies"
    assert all(isinstance(reason, str) for reason in data["reasons"])
    assert "foundation" in " ".join(data["reasons"])
    assert "walls" in " ".join(data["reasons"])


def test_explain_names_what_is_still_missing_and_not_what_is_done(tree: Tree) -> None:
    instruction = tree.plan(a_task("foundation"), a_task("walls"), a_task("roof", "foundation", "walls"))
    with tree.daemon():
        instruction.finish("foundation")

    assert "walls" in " ".join(tree.data("explain", "roof")["reasons"])


def test_explain_names_who_has_a_task(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    tree.once()
    assert tree.data("explain", "t1")["state"] == "queues/agents/ann"
    assert "ann" in " ".join(tree.data("explain", "t1")["reasons"])
    instruction.claim("t1")
    tree.once()

    data = tree.data("explain", "t1")
    assert data["state"] == "tasks/in_progress"
    assert "ann" in " ".join(data["reasons"])


def test_explain_names_whose_failure_blocks_a_task(tree: Tree) -> None:
    instruction = tree.plan(a_task("base", max_retries=0), a_task("middle", "base"), a_task("end", "middle"))
    with tree.daemon():
        instruction.reaches("base", "queues/agents/ann")
        tree.ok("cancel", "base")
        instruction.reaches("end", "tasks/blocked")

    data = tree.data("explain", "end")
    assert data["state"] == "tasks/blocked"
    assert "base" in " ".join(data["reasons"])


def test_explain_tells_why_work_was_rejected(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1", acceptance_criteria=["It works"]))
    with tree.daemon():
        instruction.claim("t1")
        instruction.hand_in("t1")
        instruction.tells("rejected", "t1")

    assert "It works" in tree.ok("explain", "t1").out


def test_show_and_tasks_show_a_task(tree: Tree) -> None:
    tree.plan(a_task("t1", description="Paint the fence"), a_task("t2", "t1"))
    tree.once()

    assert "Paint the fence" in tree.ok("show", "t1").out
    assert "Paint the fence" in tree.ok("show", "t1", "--json").out
    listed = tree.ok("tasks").out
    assert "t1" in listed
    assert "t2" in listed


def test_events_tell_what_happened(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.finish("t1")

    said = tree.ok("events").out
    assert "accepted" in said
    assert "t1" in said


def test_prime_says_what_an_agent_must_know_in_little_room(tree: Tree) -> None:
    long = "All work and no play makes a dull prompt. " * 400
    tasks = [a_task(f"task_with_number_{number}", detailed_prompt=long, description=long) for number in range(9)]
    tree.plan(*tasks)
    tree.once()

    said = tree.ok("prime", "ann").out

    assert "ann" in said
    assert "complete" in said
    assert "task_with_number_0" in said
    assert len(said) <= 8_000


def test_the_inbox_command_shows_what_is_in_the_inbox(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1", acceptance_criteria=["It works"]))
    with tree.daemon():
        instruction.claim("t1")
        instruction.hand_in("t1")
        eventually(lambda: [note for note in tree.inbox("ann") if note["type"] == "rework"])

    for answer in (tree.ok("inbox", "ann"), tree.ok("inbox", "ann", "--json")):
        assert "rework" in answer.out
        assert "It works" in answer.out
    assert "rework" not in tree.ok("inbox", "bob").out


def test_no_byte_of_an_agent_reaches_the_screen_unescaped(tree: Tree) -> None:
    nasty = "red \x1b[31m, a bell \x07, and \u202e backwards"
    instruction = tree.plan(a_task("t1", description=nasty, acceptance_criteria=["It works"]), a_task("t2", "t1"))
    with tree.daemon():
        instruction.claim("t1")
        instruction.beat("t1", current_activity=nasty)
        instruction.hand_in("t1", acceptance_criteria_met=met("It works", evidence=nasty), subagent_notes=nasty)
        eventually(lambda: instruction.events("accepted", "t1") or instruction.events("rejected", "t1"))

    commands = [
        ["show", "t1"],
        ["tasks"],
        ["status"],
        ["explain", "t1"],
        ["events"],
        ["prime", "ann"],
        ["verify", "t1"],
    ]
    answers: list[Answer] = [tree.call(*command) for command in commands]
    for command, answer in zip(commands, answers, strict=True):
        assert not set("\x1b\x07\u202e") & set(answer.said), command


def test_nothing_that_reports_changes_the_tree(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2", "t1"))
    tree.once()
    before = instruction.places("t1"), instruction.places("t2"), instruction.journal()

    for command in (["status"], ["ready"], ["tasks"], ["show", "t1"], ["explain", "t2"], ["events"], ["prime", "ann"]):
        tree.ok(*command)

    assert (instruction.places("t1"), instruction.places("t2"), instruction.journal()) == before
