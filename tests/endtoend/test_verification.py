"""Nobody's word is taken: each fault of section 11 is found, named, and told to who made it."""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.tree import Document, Instruction, Tree, a_task, entry, eventually, met, publish, snapshot

Deed = Callable[[Instruction, str], object]
WRONG_SUM = {"checksum": "sha256:" + "0" * 64}
AWAY = "../../../../../../../../../../../../etc/passwd"


def hands_in(**changed: object) -> Deed:
    return lambda instruction, task: instruction.hand_in(task, f"agent-{task}", **changed)


def with_artifact(**changed: object) -> Deed:
    """Handed in with one artifact, of which the manifest says something untrue."""

    def deed(instruction: Instruction, task: str) -> None:
        instruction.hand_in(task, f"agent-{task}", artifacts=[instruction.artifact(task) | changed])

    return deed


def with_a_folder(instruction: Instruction, task: str) -> None:
    (instruction.output(task) / "folder").mkdir()
    instruction.hand_in(task, f"agent-{task}", artifacts=[entry("folder", b"")])


def with_broken_yaml(instruction: Instruction, task: str) -> None:
    publish(instruction.output(task) / "manifest.yaml", "task_id: [no end\n...\n")


IT_WORKS: Document = {"acceptance_criteria": ["It works"]}
FAULTS: dict[str, tuple[Document, Deed]] = {
    "no_manifest": ({}, lambda _instruction, _task: None),
    "unparsable": ({}, with_broken_yaml),
    "schema": ({}, hands_in(status=None)),
    "wrong_task": ({}, hands_in(task_id="another")),
    "wrong_agent": ({}, hands_in(subagent="mallory")),
    "missing_artifact": ({}, with_artifact(path="gone.txt")),
    "outside_root": ({}, with_artifact(path=AWAY)),
    "not_a_file": ({}, with_a_folder),
    "size_mismatch": ({}, with_artifact(size_bytes=999)),
    "checksum_mismatch": ({}, with_artifact(**WRONG_SUM)),
    "criterion_missing": (IT_WORKS, hands_in()),
    "criterion_not_met": (IT_WORKS, hands_in(acceptance_criteria_met=[met("It works")[0] | {"met": False}])),
    "no_evidence": (IT_WORKS, hands_in(acceptance_criteria_met=met("It works", evidence="  "))),
    "evidence_unresolved": (IT_WORKS, hands_in(acceptance_criteria_met=met("It works", evidence="src/nowhere.py"))),
    "metric_missing": ({"task_type": "implementation"}, hands_in()),
    "metric_below": ({"task_type": "testing"}, hands_in(quality_metrics={"test_coverage": 0.5})),
    "check_failed": ({"acceptance_criteria": [{"criterion": "Passes", "check": "exit 7"}]}, hands_in()),
    "check_timeout": (
        {"acceptance_criteria": [{"criterion": "Ends", "check": "sleep 1000", "timeout": "1 second"}]},
        hands_in(),
    ),
}


NAMED = {code: f"t{number:02}" for number, code in enumerate(FAULTS)}  # no task bears the name of its fault


def everything_wrong(tree: Tree) -> Instruction:
    """One task for each fault, claimed by an agent of its own and handed in with that fault; no daemon at work."""
    agents = {code: f"agent-{task}" for code, task in NAMED.items()}
    tasks = [a_task(NAMED[code], assigned_agent=agents[code], **fields) for code, (fields, _deed) in FAULTS.items()]
    instruction = tree.plan(*tasks)
    tree.once()
    for code, (_fields, deed) in FAULTS.items():
        instruction.claim(NAMED[code], agents[code])
        deed(instruction, NAMED[code])
    return instruction


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Iterator[Tree]:
    tree = Tree(tmp_path_factory.mktemp("judged") / "work")
    shutil.copytree(template, tree.root)
    tree.configure("daemon.yaml", {"settle_seconds": 0.2})
    everything_wrong(tree)
    yield tree
    tree.end_everything()


@pytest.mark.parametrize("code", FAULTS)
def test_verify_finds_each_fault_under_its_code(judged: Tree, code: str) -> None:
    answer = judged.call("verify", f"inst_1/{NAMED[code]}", "--json")

    assert answer.code == 1, answer
    assert answer.data["accepted"] is False
    assert [fault["code"] for fault in answer.data["faults"]] == [code]
    assert answer.data["faults"][0]["message"]
    assert "path" in answer.data["faults"][0]


def is_told(instruction: Instruction, task: str, code: str) -> None:
    """Journal, verdict and inbox all say so, and the task stays with its agent."""
    word = re.compile(rf"\b{code}\b")
    verdict = instruction.output(task) / "verification.yaml"

    def rejections() -> list[Document]:
        lines = instruction.events("rejected", code)
        return [line for line in lines if line["task_id"] == task and word.search(json.dumps(line))]

    eventually(rejections, saying=instruction.tail)
    eventually(lambda: verdict.exists() and word.search(verdict.read_text()), saying=instruction.tail)
    eventually(lambda: [note for note in instruction.tree.inbox(f"agent-{task}") if note["type"] == "rework"])
    instruction.reaches(task, "tasks/in_progress")


def test_the_daemon_rejects_every_one_and_tells_why(tree: Tree) -> None:
    instruction = everything_wrong(tree)
    asked = [code for code in FAULTS if code not in ("no_manifest", "wrong_agent")]
    with tree.daemon():
        for code in asked:
            is_told(instruction, NAMED[code], code)
        assert instruction.events("accepted") == []


def test_a_rework_message_names_its_task_and_the_fault(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.claim("t1")
        instruction.hand_in("t1", artifacts=[entry("gone.txt", b"never made")])
        (message,) = eventually(lambda: [note for note in tree.inbox("ann") if note["type"] == "rework"])

    assert (message["to"], message["task_id"]) == ("ann", "t1")
    assert message["instruction_id"] == "inst_1"
    assert "gone.txt" in message["text"]


def test_all_faults_of_a_manifest_are_named_at_once(tree: Tree) -> None:
    criteria = ["It works", "It is fast", "It is small"]
    instruction = tree.plan(a_task("t1", acceptance_criteria=criteria, task_type="implementation"))
    tree.once()
    instruction.claim("t1")
    claims = [*met("It works", evidence=""), met("It is fast")[0] | {"met": False}]
    artifacts = [entry("gone.txt", b"x"), instruction.artifact("t1") | WRONG_SUM]
    instruction.hand_in("t1", artifacts=artifacts, acceptance_criteria_met=claims)

    faults = tree.call("verify", "t1", "--json").data["faults"]

    wanted = ["missing_artifact", "checksum_mismatch", "no_evidence", "criterion_not_met", "criterion_missing"]
    assert sorted(fault["code"] for fault in faults) == sorted([*wanted, "metric_missing"])
    assert next(fault["path"] for fault in faults if fault["code"] == "missing_artifact").endswith("gone.txt")


def test_verify_accepts_good_work_and_changes_nothing(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1", acceptance_criteria=["It works"], task_type="implementation"))
    tree.once()
    instruction.claim("t1")
    claims = met("it   WORKS", evidence="result.txt")
    instruction.hand_in("t1", acceptance_criteria_met=claims, quality_metrics={"test_coverage": 0.8})
    before = snapshot(instruction.path)

    answer = tree.call("verify", "t1", "--json")

    assert answer.code == 0, answer
    assert answer.data["accepted"] is True
    assert answer.data["faults"] == []
    assert snapshot(instruction.path) == before


def test_evidence_that_looks_like_a_path_must_be_there(tree: Tree) -> None:
    resolves = {"All 15 tests pass, see above.": True, "result.txt": True, "result.txt:line 1": True}
    resolves |= {"src/made.py:main": True, "src/absent.py:main": False, "absent.txt": False}
    names = {f"t{number}": evidence for number, evidence in enumerate(resolves)}
    instruction = tree.plan(*(a_task(name, acceptance_criteria=["It works"]) for name in names))
    publish(tree.workspace / "src" / "made.py", "def main(): ...\n")
    tree.once()
    for name, evidence in names.items():
        instruction.claim(name)
        instruction.hand_in(name, acceptance_criteria_met=met("It works", evidence=evidence))

    found = {evidence: tree.call("verify", name, "--json").data["accepted"] for name, evidence in names.items()}

    assert found == resolves


def test_an_artifact_may_lie_in_any_of_the_three_roots(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    tree.once()
    instruction.claim("t1")
    folders = [instruction.path / "outputs", instruction.output("t1"), tree.workspace]
    for number, folder in enumerate(folders):
        (folder / f"in-root-{number}.txt").write_bytes(b"here\n")
    instruction.hand_in("t1", artifacts=[entry(f"in-root-{number}.txt", b"here\n") for number in range(3)])

    assert tree.call("verify", "t1", "--json").data["accepted"] is True


def test_a_link_inside_a_root_is_allowed(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.claim("t1")
        instruction.artifact("t1", "real.txt", b"real\n")
        (instruction.output("t1") / "alias.txt").symlink_to("real.txt")
        instruction.hand_in("t1", artifacts=[entry("alias.txt", b"real\n")])

        instruction.reaches("t1", "tasks/completed")


def test_a_path_out_of_every_root_is_refused_even_where_it_is_true(tree: Tree, tmp_path: Path) -> None:
    instruction = tree.plan(a_task("t1"))
    publish(tmp_path / "outside" / "secret.txt", "secret\n")
    tree.once()
    instruction.claim("t1")
    (instruction.output("t1") / "link.txt").symlink_to(tmp_path / "outside" / "secret.txt")
    (instruction.output("t1") / "folder").symlink_to(tmp_path / "outside")
    outside = [entry(path, b"secret\n") for path in ("link.txt", "folder/secret.txt")]
    outside += [entry(path, Path("/etc/passwd").read_bytes()) for path in ("/etc/passwd", AWAY)]
    instruction.hand_in("t1", artifacts=outside)

    faults = tree.call("verify", "t1", "--json").data["faults"]

    assert [fault["code"] for fault in faults] == ["outside_root"] * len(outside)


def test_a_pipe_is_refused_and_holds_nobody_up(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2"))
    with tree.daemon():
        instruction.claim("t1")
        os.mkfifo(instruction.output("t1") / "pipe")
        instruction.hand_in("t1", artifacts=[entry("pipe", b"")])

        instruction.tells("rejected", "not_a_file")
        instruction.finish("t2")
