"""`escalate` and `answer`: what they write, what they say, and how they end."""

from tests.support.tree import Answer, Tree, a_task, load

WORK = "tasks/in_progress"
BLOCKED = "tasks/blocked"


def escalates(tree: Tree, task: str, *more: str) -> Answer:
    line = ["escalate", task, "--severity", "blocker", "--to", "lead", "--issue", "There is no schema", *more]
    return tree.call(*line, env={"CAGENTS_AGENT": "ann"})


def test_escalate_writes_the_file_and_says_which(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.claim("t1")
        data = escalates(tree, "t1", "--sla", "30 minutes", "--json").data
        instruction.reaches("t1", BLOCKED)

    written = load(instruction.path / "escalations" / f"{data['escalation_id']}.yaml")
    assert data["path"].endswith(f"escalations/{data['escalation_id']}.yaml")
    assert data["instruction_id"] == "inst_1"
    assert (written["from_agent"], written["to_agent"], written["task_id"]) == ("ann", "lead", "t1")
    assert (written["severity"], written["issue_description"]) == ("blocker", "There is no schema")


def test_escalate_and_answer_tell_by_their_exit_codes_what_is_wrong(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.claim("t1")
        said = escalates(tree, "t1").out
        instruction.reaches("t1", BLOCKED)
        (escalation,) = [path.stem for path in (instruction.path / "escalations").glob("[!.]*.yaml")]
        assert escalation in said
        assert escalates(tree, "nobody-knows-this").code == 3
        assert escalates(tree, "t1", "--severity", "unbearable").code == 2
        assert tree.call("answer", "nobody-knows-this", "--action", "resume").code == 3
        assert tree.call("answer", escalation, "--action", "applaud").code == 2

        tree.ok("answer", escalation, "--action", "resume")
        instruction.tells("escalation_answered", escalation)
        again = tree.call("answer", escalation, "--action", "cancel")
        assert again.code == 1, again
        assert escalation in again.said
        instruction.reaches("t1", WORK)
