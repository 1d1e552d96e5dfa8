"""Checks: run by the daemon, in the workspace, within their time, and never on an agent's word."""

from tests.support.tree import Document, Instruction, Tree, a_task, eventually, load, met


def checked(check: str, **fields: object) -> list[Document]:
    return [{"criterion": "It holds", "check": check} | fields]


def hand_in_until(instruction: Instruction, verdict: str) -> None:
    """`t1` is claimed and handed in, and the verdict stands in the journal."""
    instruction.claim("t1")
    instruction.hand_in("t1")
    instruction.tells(verdict, "t1")


def test_a_check_runs_in_the_workspace_with_the_environment_of_an_agent_and_no_more(tree: Tree) -> None:
    check = 'test "$(pwd)" = "$CAGENTS_WORKSPACE" && env > seen.txt'
    instruction = tree.plan(a_task("t1", acceptance_criteria=checked(check)))
    with tree.daemon(env={"SECRET_TOKEN": "hunter2"}):
        hand_in_until(instruction, "accepted")

    seen = (tree.workspace / "seen.txt").read_text()
    assert f"CAGENTS_ROOT={tree.root}\n" in seen
    assert "CAGENTS_TASK=t1\n" in seen
    assert f"CAGENTS_WORKSPACE={tree.workspace}\n" in seen
    assert "hunter2" not in seen


def test_the_workspace_of_a_plan_is_where_its_checks_run(tree: Tree) -> None:
    elsewhere = tree.workspace / "elsewhere"
    elsewhere.mkdir()
    check = checked(f'test "$(pwd)" = "{elsewhere}"')
    instruction = tree.plan(a_task("t1", acceptance_criteria=check), workspace=str(elsewhere))
    with tree.daemon():
        hand_in_until(instruction, "accepted")


def test_a_check_gets_nothing_on_its_standard_input(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1", acceptance_criteria=checked('test -z "$(cat)"')))
    with tree.daemon():
        hand_in_until(instruction, "accepted")


def test_a_check_that_takes_too_long_is_killed_with_all_its_children(tree: Tree) -> None:
    check = checked("sleep 1000 & sleep 1000 & wait", timeout="1 second")
    instruction = tree.plan(a_task("t1", acceptance_criteria=check))
    with tree.daemon():
        instruction.claim("t1")
        instruction.hand_in("t1")
        eventually(lambda: len(tree.agents_at_work()) >= 3)

        instruction.tells("rejected", "check_timeout")
        eventually(lambda: tree.agents_at_work() == [], saying=lambda: str(tree.agents_at_work()))
        instruction.reaches("t1", "tasks/in_progress")


def test_a_child_left_in_the_background_does_not_hold_up_the_verdict(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1", acceptance_criteria=checked("sleep 1000 & exit 0", timeout="5 minutes")))
    with tree.daemon():
        hand_in_until(instruction, "accepted")

        instruction.reaches("t1", "tasks/completed")


def test_the_output_of_a_check_is_kept(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1", acceptance_criteria=checked("echo a needle; echo a thread >&2; exit 3")))
    with tree.daemon():
        hand_in_until(instruction, "rejected")

        folder = instruction.output("t1") / "verification"
        kept = "".join(path.read_text() for path in folder.rglob("*") if path.is_file())
    assert "a needle" in kept
    assert "a thread" in kept


def test_of_a_flood_of_output_only_a_part_is_kept(tree: Tree) -> None:
    flood = checked("yes flood | head -c 20000000; exit 3")
    instruction = tree.plan(a_task("t1", acceptance_criteria=flood))
    with tree.daemon():
        hand_in_until(instruction, "rejected")

        sizes = [path.stat().st_size for path in (instruction.output("t1") / "verification").rglob("*")]
    assert 0 < max(sizes) <= (1 << 20) + 4096


def test_a_slow_check_holds_nobody_up(tree: Tree) -> None:
    slow = checked("until test -e go; do sleep 0.1; done")
    instruction = tree.plan(a_task("t1", acceptance_criteria=slow), a_task("t2"), a_task("t3", "t2"))
    with tree.daemon():
        instruction.claim("t1")
        instruction.hand_in("t1")
        instruction.reaches("t1", "tasks/under_review")

        instruction.finish("t2")
        instruction.reaches("t3", "queues/agents/ann")
        assert instruction.places("t1") == ["tasks/under_review"]
        (tree.workspace / "go").touch()
        instruction.reaches("t1", "tasks/completed")


def test_a_new_manifest_voids_the_verdict_that_is_under_way(tree: Tree) -> None:
    slow = checked("touch begun; until test -e go; do sleep 0.1; done")
    instruction = tree.plan(a_task("t1", acceptance_criteria=slow), a_task("t2"))
    with tree.daemon():
        instruction.claim("t1")
        instruction.hand_in("t1", subagent_notes="first version")
        eventually((tree.workspace / "begun").exists, saying=instruction.tail)
        instruction.hand_in("t1", subagent_notes="second version")
        instruction.finish("t2")
        (tree.workspace / "go").touch()
        instruction.reaches("t1", "tasks/completed")

    (accepted,) = instruction.events("accepted", "t1")
    assert "second version" in str(accepted)


def test_cancel_ends_a_running_check(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1", acceptance_criteria=checked("touch begun; sleep 1000")))
    with tree.daemon():
        instruction.claim("t1")
        instruction.hand_in("t1")
        eventually((tree.workspace / "begun").exists, saying=instruction.tail)

        tree.ok("cancel", "t1")
        eventually(lambda: tree.agents_at_work() == [], saying=lambda: str(tree.agents_at_work()))
        assert instruction.places("t1") == ["tasks/cancelled"]


def test_a_check_left_over_by_a_killed_daemon_is_ended_and_the_work_judged_again(tree: Tree) -> None:
    check = checked("test -e go && exit 0; touch begun; sleep 1000")
    instruction = tree.plan(a_task("t1", acceptance_criteria=check))
    with tree.daemon() as first:
        instruction.claim("t1")
        instruction.hand_in("t1")
        eventually((tree.workspace / "begun").exists, saying=instruction.tail)
        first.kill()
    left = set(tree.agents_at_work())
    (tree.workspace / "go").touch()

    with tree.daemon():
        instruction.reaches("t1", "tasks/completed")
        eventually(lambda: not left & set(tree.agents_at_work()))
        instruction.check("t1")


def test_a_check_that_must_fail_before_is_run_once_before_the_first_release(tree: Tree) -> None:
    check = checked("echo run >> runs.txt; test -e made.txt", must_fail_before=True)
    instruction = tree.plan(a_task("t1", acceptance_criteria=check))
    runs = tree.workspace / "runs.txt"
    with tree.daemon():
        instruction.reaches("t1", "queues/agents/ann")
        assert runs.read_text() == "run\n"
        assert "queues/global" in [to for _from, to in instruction.moves("t1")]

        (tree.workspace / "made.txt").write_text("made\n")
        instruction.finish("t1")
        assert runs.read_text() == "run\n" * 2
        assert "vacuous" not in str(instruction.journal())


def test_a_check_that_passes_before_the_work_is_reported_as_vacuous_and_the_task_goes_on(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1", acceptance_criteria=checked("true", must_fail_before=True)))
    with tree.daemon():
        instruction.reaches("t1", "queues/agents/ann")
        eventually(lambda: "vacuous" in str(instruction.journal()), saying=instruction.tail)

        instruction.finish("t1")


def test_a_manifest_can_never_bring_a_check_of_its_own(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1", acceptance_criteria=["It works"]), a_task("t2"))
    claims = [met("It works")[0] | {"check": "touch hacked"}, met("Another")[0] | {"check": "touch hacked"}]
    with tree.daemon():
        instruction.claim("t1")
        instruction.hand_in("t1", acceptance_criteria_met=claims)
        eventually(lambda: instruction.events("accepted", "t1") or instruction.events("rejected", "t1"))
        instruction.finish("t2")

    assert not (tree.workspace / "hacked").exists()


def test_checks_of_a_task_that_was_added_later_are_not_run_unless_configured(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2"))
    with tree.daemon():
        instruction.reaches("t1", "queues/agents/ann")
        instruction.drop("late", acceptance_criteria=checked("touch hacked"))
        instruction.claim("late")
        instruction.hand_in("late", acceptance_criteria_met=met("It holds"))
        eventually(lambda: instruction.events("accepted", "late") or instruction.events("rejected", "late"))
        instruction.finish("t2")

    assert not (tree.workspace / "hacked").exists()


def test_checks_of_a_task_that_was_added_later_are_run_when_configured(tree: Tree) -> None:
    daemon = tree.root / "_system" / "config" / "daemon.yaml"
    tree.configure("daemon.yaml", load(daemon) | {"checks": "all"})
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.reaches("t1", "queues/agents/ann")
        instruction.drop("late", acceptance_criteria=checked("touch ran"))
        instruction.finish("late")

    assert (tree.workspace / "ran").exists()
