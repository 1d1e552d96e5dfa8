"""What has come of it: one file that grows while the work goes on, and is final when it is over."""

from pathlib import Path

import pytest

from tests.support.tree import Document, Instruction, Tree, a_task, entry, eventually, load

TOTALS = {"tasks", "completed", "failed", "cancelled", "skipped", "artifacts", "size_bytes"}
KEYS = {
    "instruction_id",
    "phase",
    "final",
    "updated_at",
    "totals",
    "tasks",
    "quality",
    "failures",
    "skipped",
    "parents",
}


def summary(instruction: Instruction) -> Document:
    path = instruction.path / "outputs" / "output_summary.yaml"
    return load(path) if path.exists() else {}


def comes_to_be(instruction: Instruction, **wanted: object) -> Document:
    """The summary comes to have these totals, or `final`."""

    def told() -> Document:
        found = summary(instruction)
        values = {"final": found.get("final"), **found.get("totals", {})}
        return found if wanted.items() <= values.items() else {}

    return eventually(told, saying=lambda: f"{wanted}: {summary(instruction)}; {instruction.tail()}")


def by_task(rows: list[Document]) -> dict[str, Document]:
    return {row["task_id"]: row for row in rows}


def test_it_grows_while_tasks_complete_and_is_final_at_the_end(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2", "t1"))
    with tree.daemon():
        instruction.finish("t1")
        half = comes_to_be(instruction, completed=1)
        instruction.finish("t2")
        whole = comes_to_be(instruction, final=True)

    assert set(half) >= KEYS
    assert set(half["totals"]) >= TOTALS
    assert (half["instruction_id"], half["phase"], half["final"]) == ("inst_1", "executing", False)
    assert list(by_task(half["tasks"])) == ["t1"]
    assert (whole["phase"], whole["totals"]["tasks"], whole["totals"]["completed"]) == ("complete", 2, 2)
    assert list(by_task(whole["tasks"])) == ["t1", "t2"]
    assert (whole["failures"], whole["skipped"], whole["parents"]) == ([], [], [])


def test_nothing_counts_before_it_is_verified(tree: Tree) -> None:
    instruction = tree.plan(a_task("bad"), a_task("good"))
    with tree.daemon():
        instruction.claim("bad")
        instruction.hand_in("bad", artifacts=[entry("nowhere.txt", b"?")])
        instruction.tells("rejected", "bad")
        instruction.finish("good")

        assert list(by_task(comes_to_be(instruction, completed=1)["tasks"])) == ["good"]


def test_each_artifact_is_there_with_its_size_its_checksum_and_where_it_lies(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    (tree.workspace / "made.txt").write_bytes(b"made\n")
    with tree.daemon():
        instruction.claim("t1")
        here = instruction.artifact("t1", "notes.txt", b"one\ntwo\n") | {"type": "documentation"}
        instruction.hand_in("t1", artifacts=[here, entry("made.txt", b"made\n")])
        found = comes_to_be(instruction, final=True)

    (task,) = found["tasks"]
    assert (task["task_id"], task["agent"], task["attempt"], task["parent_task_id"]) == ("t1", "ann", 1, None)
    assert task["completed_at"]
    rows = {row["path"]: row for row in task["artifacts"]}
    assert {key: rows["notes.txt"][key] for key in ("size_bytes", "checksum", "type")} == {
        key: here[key] for key in ("size_bytes", "checksum", "type")
    }
    assert rows["made.txt"]["checksum"] == entry("made.txt", b"made\n")["checksum"]
    for name, content in (("notes.txt", b"one\ntwo\n"), ("made.txt", b"made\n")):
        resolved = [place / rows[name]["resolved"] for place in (tree.workspace, instruction.path, Path("/"))]
        assert content in [place.read_bytes() for place in resolved if place.is_file()]
    assert (found["totals"]["artifacts"], found["totals"]["size_bytes"]) == (2, 13)


def test_quality_is_told_in_averages_and_counts(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2"), a_task("t3"))
    metrics: dict[str, Document] = {
        "t1": {"test_coverage": 0.85, "code_review_score": 80, "security_scan": "pass"},
        "t2": {"test_coverage": 0.95, "code_review_score": 100, "security_scan": "pass"},
        "t3": {"performance_validation": "pass"},
    }
    with tree.daemon():
        for task, reported in metrics.items():
            instruction.finish(task, quality_metrics=reported)
        found = comes_to_be(instruction, final=True)

    quality = found["quality"]
    assert quality["test_coverage"] == {"average": pytest.approx(0.9), "count": 2}
    assert quality["code_review_score"] == {"average": pytest.approx(90), "count": 2}
    assert quality["security_scan"]["pass"] == 2
    assert quality["security_scan"].get("fail", 0) == 0
    assert quality["performance_validation"]["pass"] == 1
    assert by_task(found["tasks"])["t1"]["quality_metrics"] == metrics["t1"]


def test_what_failed_and_what_was_skipped_are_named_with_their_reasons(tree: Tree) -> None:
    instruction = tree.plan(a_task("lost", max_retries=0), a_task("off"), a_task("good"))
    with tree.daemon():
        instruction.claim("lost")
        tree.ok("fail", "inst_1/lost", "--agent", "ann", "--attempt", "1", "--reason", "the disk sang")
        instruction.reaches("lost", "tasks/failed")
        tree.ok("cancel", "off", "--skip", "--reason", "nobody wants it")
        instruction.finish("good")
        found = comes_to_be(instruction, completed=1, failed=1)

    failure = by_task(found["failures"])["lost"]
    assert "the disk sang" in failure["reason"]
    assert failure["attempts"]
    assert "nobody wants it" in by_task(found["skipped"])["off"]["reason"]
    assert list(by_task(found["failures"])) == ["lost"]
    assert list(by_task(found["tasks"])) == ["good"]


def test_a_task_that_is_taken_up_again_is_no_failure_any_more(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1", max_retries=0))
    with tree.daemon():
        instruction.claim("t1")
        instruction.hand_in("t1", status="failed", artifacts=[])
        instruction.reaches("t1", "tasks/failed")
        comes_to_be(instruction, failed=1)
        tree.ok("retry", "t1")
        instruction.finish("t1", attempt=2)
        found = comes_to_be(instruction, final=True, failed=0, completed=1)

    assert found["failures"] == []
    assert found["tasks"][0]["attempt"] == 2


def test_a_parent_has_the_results_of_all_its_children(tree: Tree) -> None:
    tasks = [a_task("top"), a_task("a", parent_task_id="top"), a_task("b", parent_task_id="a"), a_task("aside")]
    instruction = tree.plan(*tasks)
    with tree.daemon():
        for task in ("top", "a"):
            instruction.claim(task)
            instruction.hand_in(task)
        instruction.claim("b")
        instruction.hand_in("b", artifacts=[instruction.artifact("b", "big.bin", b"x" * 1000)])
        instruction.finish("aside")
        found = comes_to_be(instruction, final=True)

    parents = by_task(found["parents"])
    assert set(parents) == {"top", "a"}
    assert "a" in parents["top"]["children"]
    assert "b" in parents["a"]["children"]
    assert parents["top"]["size_bytes"] >= parents["a"]["size_bytes"] >= 1000
    assert by_task(found["tasks"])["b"]["parent_task_id"] == "a"


def test_it_is_made_again_when_it_is_lost(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2"))
    with tree.daemon():
        instruction.finish("t1")
        comes_to_be(instruction, completed=1)
    (instruction.path / "outputs" / "output_summary.yaml").unlink()
    with tree.daemon():
        instruction.finish("t2")
        found = comes_to_be(instruction, final=True)

    assert list(by_task(found["tasks"])) == ["t1", "t2"]


@pytest.mark.parametrize("left", ["", "instruction_id: inst"], ids=["no byte", "half a line"])
def test_one_that_a_power_cut_left_without_its_end_is_made_again_at_the_next_start(tree: Tree, left: str) -> None:
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.finish("t1")
        comes_to_be(instruction, final=True)
    (instruction.path / "outputs" / "output_summary.yaml").write_text(left)

    with tree.daemon():
        found = comes_to_be(instruction, final=True)

    assert list(by_task(found["tasks"])) == ["t1"]


def phase(instruction: Instruction) -> object:
    path = instruction.path / "status.yaml"
    return load(path).get("phase") if path.exists() else None


def is_in(instruction: Instruction, wanted: str) -> None:
    eventually(lambda: phase(instruction) == wanted, saying=lambda: f"{phase(instruction)}; {instruction.tail()}")


def test_the_status_file_follows_the_work_from_executing_to_complete(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.reaches("t1", "queues/agents/ann")
        is_in(instruction, "executing")
        instruction.finish("t1")
        is_in(instruction, "complete")


def test_the_whole_is_validated_before_it_is_complete(tree: Tree) -> None:
    check = {"criterion": "Somebody says go", "check": "until test -e go; do sleep 0.1; done"}
    instruction = tree.plan(a_task("t1"), acceptance_criteria=[check])
    with tree.daemon():
        instruction.finish("t1")
        is_in(instruction, "validating")
        assert summary(instruction).get("final") in (None, False)
        (tree.workspace / "go").touch()
        is_in(instruction, "complete")


def test_the_status_file_says_that_it_failed_and_that_it_goes_on(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1", max_retries=0))
    with tree.daemon():
        instruction.claim("t1")
        instruction.hand_in("t1", status="failed", artifacts=[])
        is_in(instruction, "failed")
        assert comes_to_be(instruction, failed=1)["phase"] in ("executing", "failed")
        tree.ok("retry", "t1")
        is_in(instruction, "executing")
        instruction.finish("t1", attempt=2)
        is_in(instruction, "complete")


def test_the_status_file_says_that_all_was_cancelled(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2"))
    with tree.daemon():
        instruction.reaches("t1", "queues/agents/ann")
        tree.ok("cancel", "t1")
        tree.ok("cancel", "t2")
        is_in(instruction, "cancelled")
