"""`audit` verifies everything completed once more, at any later time, and moves nothing."""

import pytest

from tests.support.tree import Instruction, Tree, a_task


def finished(tree: Tree) -> Instruction:
    instruction = tree.plan(a_task("t1"), a_task("t2"))
    with tree.daemon():
        instruction.finish("t1")
        instruction.finish("t2")
    return instruction


def test_audit_of_sound_work_exits_0(tree: Tree) -> None:
    finished(tree)

    assert tree.call("audit").code == 0


@pytest.mark.parametrize("harm", ["a flipped byte", "a byte more", "deleted"])
def test_audit_finds_harm_done_after_acceptance_and_exits_1(tree: Tree, harm: str) -> None:
    instruction = finished(tree)
    result = instruction.output("t1") / "result.txt"
    content = {"a flipped byte": b"dome\n", "a byte more": b"done\n\n"}.get(harm)
    result.unlink() if content is None else result.write_bytes(content)

    answer = tree.call("audit")

    assert answer.code == 1, answer
    assert "t1" in answer.said
    assert "result.txt" in answer.said
    assert instruction.places("t1") == instruction.places("t2") == ["tasks/completed"]


def test_audit_is_not_deceived_by_a_manifest_that_was_changed_along(tree: Tree) -> None:
    instruction = finished(tree)
    changed = instruction.artifact("t1", "result.txt", b"dome\n")
    instruction.hand_in("t1", artifacts=[changed])
    (instruction.output("t1") / "result.txt").write_bytes(b"dome\n")

    assert tree.call("audit").code == 1


def test_audit_in_json_says_what_it_found(tree: Tree) -> None:
    instruction = finished(tree)
    (instruction.output("t1") / "result.txt").write_bytes(b"dome\n")

    answer = tree.call("audit", "--json")

    assert answer.code == 1
    assert "checksum_mismatch" in str(answer.data)
