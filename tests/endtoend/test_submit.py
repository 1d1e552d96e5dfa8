"""`submit` takes a whole plan or refuses it whole, and says everything that is wrong with it."""

import re
from pathlib import Path

import pytest

from tests.support.tree import Answer, Document, Tree, a_task, as_yaml, snapshot

GOOD = "description: Two things\nmode: swarm\ntasks:\n"
GOOD += "  - {task_id: first, description: The first, assigned_agent: ann}\n"
GOOD += "  - {task_id: second, description: The second, assigned_agent: ann, dependencies: [first]}\n"

LOOKS_LATIN = "tаsk"  # its second letter is not
UNUSABLE = [
    "../up",
    "/etc/passwd",
    "two words",
    "line\\n",
    "-rf",
    ".hidden",
    "manifest",
    "queue",
    "t.response",
    "t.tmp",
]
UNUSABLE += [LOOKS_LATIN, "a" * 101, ""]


def submit(tree: Tree, plan: str, *more: str) -> Answer:
    path = tree.workspace / "my-plan.yaml"
    path.write_text(plan)
    return tree.call("submit", str(path), *more)


def refused(tree: Tree, plan: str, *more: str) -> Answer:
    """The plan is refused with 4, and the tree is as it was. The folder's own name, full of digits, is left out."""
    before = snapshot(tree.root)
    answer = submit(tree, plan, *more)
    assert answer.code == 4, answer
    assert snapshot(tree.root) == before
    return Answer(answer.code, answer.out, answer.err.replace(f"{tree.workspace}/", ""))


def plan_of(*tasks: Document) -> str:
    return as_yaml({"description": "A plan", "mode": "swarm", "tasks": list(tasks)})


def test_an_instruction_gets_the_next_free_number_of_the_day(plain: Tree) -> None:
    first, second = (submit(plain, GOOD).out for _ in range(2))

    numbers = [re.search(r"\binst_\d{8}_(\d{3})\b", said) for said in (first, second)]
    assert [found and found[1] for found in numbers] == ["001", "002"]


def test_submit_answers_in_json_with_the_id_and_the_tasks(plain: Tree) -> None:
    data = submit(plain, GOOD, "--json").data

    assert re.fullmatch(r"inst_\d{8}_\d{3}", data["instruction_id"])
    assert data["tasks"]
    assert (plain.root / data["instruction_id"] / "workflow" / "plan.yaml").is_file()


def test_submit_takes_the_id_that_it_is_given(plain: Tree) -> None:
    assert submit(plain, GOOD, "--id", "inst_mine", "--json").data["instruction_id"] == "inst_mine"
    assert (plain.root / "inst_mine" / "workflow" / "plan.yaml").is_file()


def test_an_id_that_exists_is_refused(plain: Tree) -> None:
    submit(plain, GOOD, "--id", "inst_mine")

    assert "inst_mine" in refused(plain, GOOD, "--id", "inst_mine").err


def test_a_submission_that_was_cut_short_is_taken_up_under_the_same_id(plain: Tree) -> None:
    (plain.root / "inst_mine" / "tasks" / "pending").mkdir(parents=True)  # what is left of it

    assert submit(plain, GOOD, "--id", "inst_mine", "--json").data["instruction_id"] == "inst_mine"


def test_an_id_under_which_tasks_lie_is_refused(plain: Tree) -> None:
    pending = plain.root / "inst_mine" / "tasks" / "pending"
    pending.mkdir(parents=True)
    (pending / "t1.yaml").write_text("task_id: t1\n")

    assert "inst_mine" in refused(plain, GOOD, "--id", "inst_mine").err


def test_an_id_that_leaves_the_tree_is_refused(plain: Tree, tmp_path: Path) -> None:
    before = snapshot(tmp_path / "work" / "Agent_Memory")

    assert submit(plain, GOOD, "--id", "../evil").code in (2, 4)

    assert snapshot(tmp_path / "work" / "Agent_Memory") == before
    assert not (plain.workspace / "evil").exists()


def test_a_cycle_is_refused_and_its_path_is_named(plain: Tree) -> None:
    tasks = [a_task("alpha", "gamma"), a_task("beta", "alpha"), a_task("gamma", "beta"), a_task("outside")]

    said = refused(plain, plan_of(*tasks)).err

    assert all(name in said for name in ("alpha", "beta", "gamma"))
    assert "outside" not in said


def test_a_task_that_waits_for_itself_is_refused(plain: Tree) -> None:
    assert "alpha" in refused(plain, plan_of(a_task("alpha", "alpha"))).err


def test_a_cycle_in_the_long_form_is_refused_too(plain: Tree) -> None:
    back = {"hard_dependencies": [{"task_id": "beta", "reason": "schema"}]}

    said = refused(plain, plan_of(a_task("alpha", dependencies=back), a_task("beta", "alpha"))).err

    assert "alpha" in said
    assert "beta" in said


def test_a_missing_dependency_is_refused_and_named(plain: Tree) -> None:
    assert "nowhere" in refused(plain, plan_of(a_task("alpha", "nowhere"))).err


def test_a_duplicate_id_is_refused_and_named(plain: Tree) -> None:
    assert "twin" in refused(plain, plan_of(a_task("twin"), a_task("twin"))).err


def test_two_ids_that_differ_only_in_case_are_refused(plain: Tree) -> None:
    said = refused(plain, plan_of(a_task("Build"), a_task("build"))).err

    assert "Build" in said
    assert "build" in said


def test_every_unusable_task_id_is_refused_at_its_line(plain: Tree) -> None:
    lines = [f'  - {{task_id: "{name}", description: d, assigned_agent: ann}}' for name in UNUSABLE]

    said = refused(plain, "\n".join(["description: a", "tasks:", *lines, ""])).err

    assert [name for line, name in enumerate(UNUSABLE, start=3) if not re.search(rf"\b{line}\b", said)] == []


@pytest.mark.parametrize("name", ["../up", "line\n", "t.tmp"])
def test_one_unusable_task_id_refuses_the_plan(plain: Tree, name: str) -> None:
    refused(plain, plan_of(a_task(name)))


def test_a_shell_task_without_a_command_is_refused(plain: Tree) -> None:
    assert "command" in refused(plain, plan_of(a_task("alpha", assigned_agent="shell"))).err


def test_every_fault_of_a_plan_is_named_with_its_line_at_once(plain: Tree) -> None:
    lines = ["description: Much is wrong", "tasks:"]
    lines += ["  - {task_id: fine, description: Fine, assigned_agent: ann}"]
    lines += ["  - {task_id: lost, description: Waits, assigned_agent: ann, dependencies: [nowhere]}"]
    lines += ["  - {task_id: ../up, description: Leaves, assigned_agent: ann}"]
    lines += ["  - {task_id: mute, assigned_agent: ann}"]
    lines += ["  - {task_id: fine, description: Again, assigned_agent: ann}"]

    said = refused(plain, "\n".join(lines) + "\n").err

    for line, word in ((4, "nowhere"), (5, "../up"), (6, "description"), (7, "fine")):
        assert re.search(rf"\b{line}\b", said), (line, said)
        assert word in said, (word, said)


@pytest.mark.parametrize(
    ("plan", "line"),
    [
        ("description: a\ntasks: [\n", None),
        ("description: a\ndescription: b\ntasks: []\n", 2),
        ("description: &a text\ntasks:\n  - {task_id: t, description: *a, assigned_agent: ann}\n", None),
        ("description: a\n\ttasks: []\n", 2),
        ("- description: a\n", None),
        ("", None),
        ("```yaml\n" + GOOD + "```\n", 1),
        ("description: a\ntasks: 7\n", 2),
        ("mode: swarm\ntasks:\n  - {task_id: t, description: d, assigned_agent: ann}\n", None),
        ("description: a\nmode: sideways\ntasks:\n  - {task_id: t, description: d, assigned_agent: ann}\n", 2),
    ],
    ids=["cut", "twice", "anchor", "tab", "list", "empty", "fence", "no list", "no description", "no such mode"],
)
def test_a_plan_that_is_no_plan_is_refused_with_its_place(plain: Tree, plan: str, line: int | None) -> None:
    said = refused(plain, plan).err

    assert "my-plan.yaml" in said
    assert line is None or re.search(rf"\b{line}\b", said), said


def test_a_refusal_in_json_says_where(plain: Tree) -> None:
    plan = GOOD + "  - {task_id: third, description: The third, assigned_agent: ann, dependencies: [nowhere]}\n"

    error = refused(plain, plan, "--json").error

    assert error["code"]
    assert "nowhere" in error["message"]
    assert error["path"].endswith("my-plan.yaml")
    assert error["line"] == 6
    assert error["column"] >= 1


def test_a_misspelt_key_is_kept_and_the_nearest_known_one_is_named(plain: Tree) -> None:
    task = a_task("alpha") | {"acceptance_critera": ["It works"]}

    answer = submit(plain, plan_of(task), "--id", "inst_mine")

    assert answer.code == 0
    assert "acceptance_criteria" in answer.said
    assert "acceptance_critera" in (plain.root / "inst_mine" / "workflow" / "plan.yaml").read_text()


def test_a_plan_that_is_not_there_is_refused_in_one_line(plain: Tree) -> None:
    answer = plain.call("submit", str(plain.workspace / "absent.yaml"))

    assert answer.code in (2, 3, 4)
    assert "absent.yaml" in answer.err
