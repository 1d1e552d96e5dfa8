"""How the command line speaks: exit codes, ids, errors, help, and `validate`."""

import re
from pathlib import Path

import pytest

from tests.support.tree import Tree, a_task, as_yaml, cagents

COMMANDS = "init submit watch run demo claim heartbeat complete fail inbox prime status ready tasks show explain events"
COMMANDS += " verify validate audit config doctor cancel retry rescue"


@pytest.fixture
def twins(tree: Tree) -> Tree:
    """Two living instructions with the same task in each."""
    for name in ("inst_one", "inst_two"):
        tree.plan(a_task("t1"), name=name)
    tree.once()
    return tree


def test_a_bare_id_that_means_two_tasks_exits_2_and_names_both(twins: Tree) -> None:
    answer = twins.call("explain", "t1")

    assert answer.code == 2, answer
    assert "inst_one/t1" in answer.err
    assert "inst_two/t1" in answer.err


def test_the_environment_says_which_instruction_is_meant(twins: Tree) -> None:
    answer = twins.ok("show", "t1", "--json", env={"CAGENTS_INSTRUCTION": "inst_two"})

    assert "inst_two" in answer.out
    assert "inst_one" not in answer.out


def test_an_id_with_its_instruction_is_never_ambiguous(twins: Tree) -> None:
    assert "inst_one" in twins.ok("show", "inst_one/t1", "--json").out


def test_a_bare_id_means_the_only_task_that_is_not_final(twins: Tree) -> None:
    twins.ok("cancel", "inst_one/t1")

    answer = twins.ok("show", "t1", "--json")

    assert "inst_two" in answer.out
    assert "inst_one" not in answer.out


@pytest.mark.parametrize("command", ["explain", "show", "verify", "heartbeat", "complete", "fail"])
def test_an_unknown_task_exits_3(twins: Tree, command: str) -> None:
    answer = twins.call(command, "nobody-knows-this", env={"CAGENTS_AGENT": "ann"})

    assert answer.code == 3, answer
    assert "nobody-knows-this" in answer.err


def test_an_error_in_json_goes_to_standard_error(twins: Tree) -> None:
    answer = twins.call("explain", "nobody-knows-this", "--json")

    assert answer.code == 3
    assert answer.out == ""
    assert answer.error["code"]
    assert "nobody-knows-this" in answer.error["message"]


def test_an_id_that_is_nearly_right_gets_a_hint(tree: Tree) -> None:
    tree.plan(a_task("paint-fence"))
    tree.once()

    answer = tree.call("explain", "paint-fense")

    assert answer.code == 3
    assert "paint-fence" in answer.err


def test_a_misspelt_command_exits_2_and_the_right_one_is_suggested(tree: Tree) -> None:
    answer = tree.call("statsu")

    assert answer.code == 2
    assert "status" in answer.err


@pytest.mark.parametrize(
    "arguments", [["submit"], ["claim"], ["status", "--no-such-option"], ["explain"]], ids=" ".join
)
def test_wrong_usage_exits_2(tree: Tree, arguments: list[str]) -> None:
    assert tree.call(*arguments).code == 2


def test_help_names_every_command(tmp_path: Path) -> None:
    answer = cagents("-h", cwd=tmp_path)

    assert answer.code == 0
    assert [command for command in COMMANDS.split() if command not in answer.out] == []


@pytest.mark.parametrize("command", ["submit", "run", "claim", "heartbeat", "complete", "verify"])
def test_help_of_a_command_has_an_example(tmp_path: Path, command: str) -> None:
    answer = cagents(command, "-h", cwd=tmp_path)

    assert answer.code == 0
    assert "example" in answer.out.lower()
    assert f"cagents-fs {command}" in answer.out


def test_validate_accepts_good_files(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    tree.once()
    instruction.claim("t1")
    instruction.beat("t1")
    manifest = instruction.hand_in("t1")

    files = [instruction.path / "workflow" / "plan.yaml", instruction.path / "tasks" / "in_progress" / "t1.yaml"]
    files += [manifest, instruction.path / "heartbeats" / "ann_t1.yaml"]
    tree.ok("validate", *map(str, files))


def test_validate_names_file_and_line_of_every_fault_and_exits_4(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    tree.once()
    path = instruction.path / "tasks" / "pending" / "t2.yaml"
    path.write_text("task_id: t2\nmax_retries: many\npriority: sometimes\n")

    answer = tree.call("validate", str(path))

    said = answer.said.replace(str(tree.workspace), "")
    assert answer.code == 4, answer
    for word in ("t2.yaml", "description", "max_retries", "priority", "2", "3"):
        assert re.search(rf"\b{re.escape(word)}\b", said), (word, said)


def test_validate_names_the_nearest_key_of_a_misspelt_one(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    tree.once()
    path = instruction.path / "tasks" / "pending" / "t2.yaml"
    path.write_text(as_yaml(a_task("t2") | {"acceptance_critera": ["It works"]}))

    assert "acceptance_criteria" in tree.ok("validate", str(path)).said


def test_doctor_finds_nothing_wrong_with_a_fresh_tree(plain: Tree) -> None:
    assert plain.call("doctor").code == 0
