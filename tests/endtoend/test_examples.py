"""The three examples, run as their README says, and read as a person would read what came of them."""

import ast
import dataclasses
import itertools
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.journal import Journal, state_files
from tests.support.shared import made_once
from tests.support.tree import Answer, Document, Tree, cagents, load, snapshot, surroundings

pytestmark = pytest.mark.timeout(200)

EXAMPLES = ("novel", "oauth2", "refactoring")
CHAPTERS = [f"chapter_{number:02d}" for number in range(1, 11)]
REVIEWS = ["review_continuity", "review_language"]
DEVELOPERS = ["backend", "frontend", "database"]


def run_example(folder: Path, name: str) -> Answer:
    """To its end. It may take longer than any other command."""
    assert cagents("init", str(folder), cwd=folder).code == 0
    line = [sys.executable, "-m", "cagents_fs", "run", f"Agent_Memory/_examples/{name}.yaml", "--id", name]
    line += ["--timeout", "120 seconds", "--json"]
    done = subprocess.run(line, cwd=folder, env=surroundings(None), capture_output=True, text=True, timeout=150)
    return Answer(done.returncode, done.stdout, done.stderr)


@dataclasses.dataclass(frozen=True, slots=True)
class Ran:
    """An example that has ended. Shared: nobody changes it."""

    name: str
    folder: Path
    answer: Answer

    @property
    def tree(self) -> Tree:
        return Tree(self.folder)

    @property
    def instruction(self) -> Path:
        return self.tree.root / self.name

    @property
    def journal(self) -> Journal:
        return Journal.of(self.instruction)

    @property
    def plan(self) -> Document:
        return load(self.tree.root / "_examples" / f"{self.name}.yaml")

    @property
    def tasks(self) -> dict[str, Document]:
        return {task["task_id"]: task for task in self.plan["tasks"]}

    def output(self, task: str, name: str) -> Path:
        return self.instruction / "outputs" / "partial" / task / name

    def seq(self, event: str, **fields: object) -> int:
        """The number of the one such line."""
        found = [line["seq"] for line in self.journal.events(event) if fields.items() <= line.items()]
        assert len(found) == 1, (event, fields, found)
        return int(found[0])


def the_run(factory: pytest.TempPathFactory, name: str) -> Ran:
    def make(folder: Path) -> Document:
        return {"folder": str(folder), "answer": dataclasses.asdict(run_example(folder, name))}

    made = made_once(factory, f"example-{name}", make)
    return Ran(name, Path(made["folder"]), Answer(**made["answer"]))


@pytest.fixture(scope="module", params=EXAMPLES)
def ran(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return the_run(tmp_path_factory, str(request.param))


@pytest.fixture(scope="module")
def novel(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return the_run(tmp_path_factory, "novel")


@pytest.fixture(scope="module")
def oauth2(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return the_run(tmp_path_factory, "oauth2")


@pytest.fixture(scope="module")
def refactoring(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return the_run(tmp_path_factory, "refactoring")


# -- all three ---------------------------------------------------------------------------------------------------------


def test_it_ends_with_0_and_every_task_is_completed(ran: Ran) -> None:
    assert ran.answer.code == 0, ran.answer
    assert ran.answer.err == ""
    assert ran.answer.data["phase"] == "complete"
    assert ran.answer.data["unfinished"] == []
    assert ran.answer.data["mode"] == ran.plan["mode"]
    assert state_files(ran.instruction) == sorted(("tasks/completed", task) for task in ran.tasks)


def test_each_task_needs_one_attempt_and_is_accepted_once(ran: Ran) -> None:
    ran.journal.check()
    ran.journal.check_processes()

    assert ran.journal.accepted() == dict.fromkeys(ran.tasks, 1)
    assert {line["attempt"] for line in ran.journal.events("accepted")} == {1}


def test_only_the_chapter_that_is_too_short_is_ever_rejected(ran: Ran) -> None:
    assert set(ran.journal.by_task("rejected")) == ({"chapter_05"} if ran.name == "novel" else set())
    assert ran.journal.by_task("failed_attempt", "stalled") == {}


def test_every_check_that_has_to_fail_before_the_work_does(ran: Ran) -> None:
    asked = {
        task_id
        for task_id, task in ran.tasks.items()
        if any(isinstance(one, dict) and one.get("must_fail_before") for one in task["acceptance_criteria"])
    }

    assert len(asked) > len(ran.tasks) / 2
    checked = {line["task_id"]: line.get("vacuous") for line in ran.journal.events("checked_before")}
    assert checked == dict.fromkeys(asked)


def test_no_task_is_claimed_before_all_that_it_needs_is_verified(ran: Ran) -> None:
    def needs(task: Document) -> set[str]:
        wanted: Any = task.get("dependencies", [])
        if isinstance(wanted, list):
            return set(wanted)
        return {one["task_id"] for kind in ("hard", "data") for one in wanted.get(f"{kind}_dependencies", [])}

    ran.journal.check_order({task_id: needs(task) for task_id, task in ran.tasks.items()})


def test_every_promised_file_is_there_and_audit_finds_all_of_it_as_it_was(ran: Ran) -> None:
    promised = [path for task in ran.tasks.values() for path in task.get("files", [])]

    assert [path for path in promised if not (ran.folder / path).is_file()] == []
    assert ran.tree.data("audit") == {"verified": len(ran.tasks), "drifted": []}


def test_the_examples_are_no_instruction_for_anything(ran: Ran) -> None:
    listed = [one["instruction_id"] for one in ran.tree.data("status")["instructions"]]

    assert listed == [ran.name]
    assert ran.tree.call("status", "_examples", "--json").code != 0


def test_nothing_in_the_folder_of_the_examples_is_touched_or_taken_in(tree: Tree) -> None:
    examples = tree.root / "_examples"
    (examples / "workflow").mkdir()
    shutil.copy(examples / "novel.yaml", examples / "workflow" / "plan.yaml")
    before = snapshot(examples)
    assert {f"{name}.yaml" for name in EXAMPLES} | {"README.md"} <= set(before)

    tree.once()

    assert snapshot(examples) == before
    assert tree.data("status")["instructions"] == []
    assert tree.call("submit", str(examples / "novel.yaml"), "--id", "_examples", "--json").code != 0
    assert snapshot(examples) == before


def test_each_example_is_a_plan_without_fault_or_warning(plain: Tree) -> None:
    for name in EXAMPLES:
        said = plain.ok("validate", "--kind", "plan", str(plain.root / "_examples" / f"{name}.yaml"))
        assert "warning" not in said.said, said


# -- the novel ---------------------------------------------------------------------------------------------------------


def test_no_stage_of_the_novel_begins_before_the_one_before_is_done(novel: Ran) -> None:
    journal = novel.journal
    stages = [["plan"], CHAPTERS, REVIEWS, ["polish"]]

    for earlier, later in itertools.pairwise(stages):
        done = max(journal.completed_seq(task) for task in earlier)
        assert done < min(journal.claimed_seq(task) for task in later), (earlier, later)
    assert novel.plan["stages"] == [novel.tasks[tasks[0]]["stage"] for tasks in stages]


def test_ten_chapters_stand_under_their_titles_with_their_people_in_them(novel: Ran) -> None:
    bible = json.loads(novel.output("plan", "bible.json").read_text())
    for number, (task, told) in enumerate(zip(CHAPTERS, bible["chapters"], strict=True), start=1):
        title, _, text = novel.output(task, f"{task}.md").read_text().partition("\n")
        assert title == f"# Chapter {number}: {told['title']}"
        assert len(text.split()) >= bible["minimum_words"] == 120
        assert [role for role in told["cast"] if bible["cast"][role]["name"] not in text] == []
        assert "@" not in text


def test_the_short_chapter_is_sent_back_and_written_again_in_the_same_attempt(novel: Ran) -> None:
    first = novel.journal.by_task("rejected")["chapter_05"][0]

    assert first["attempt"] == 1
    assert [fault["code"] for fault in first["faults"]] == ["check_failed"]
    assert "too short" in first["reason"]
    assert len(novel.journal.by_task("process_started")["chapter_05"]) > 1


def test_the_reviews_find_what_is_wrong_and_the_book_has_none_of_it(novel: Ran) -> None:
    book = (novel.folder / "novel" / "the_borrowed_minute.md").read_text()
    changes = novel.output("polish", "changes.md").read_text()
    found = [json.loads(novel.output(task, f"{task[7:]}.json").read_text())["findings"] for task in REVIEWS]

    assert [sorted(one["chapter"] for one in findings) for findings in found] == [[6], [2, 8]]
    for one in itertools.chain(*found):
        assert one["was"] in novel.output(CHAPTERS[one["chapter"] - 1], f"chapter_{one['chapter']:02d}.md").read_text()
        assert one["was"] not in book
        assert one["was"] in changes
    headings = [line for line in book.splitlines() if line.startswith("#")]
    assert headings[0] == "# The Borrowed Minute"
    assert [heading.split(":")[0] for heading in headings[1:]] == [f"## Chapter {n}" for n in range(1, 11)]


# -- OAuth2 ------------------------------------------------------------------------------------------------------------


def test_the_checkpoint_opens_once_when_all_three_have_proposed_and_long_before_the_integration(oauth2: Ran) -> None:
    opened = oauth2.seq("checkpoint_opened", checkpoint="api_contract")
    journal = oauth2.journal
    place = oauth2.instruction / "checkpoints" / "api_contract"

    assert max(journal.claimed_seq(task) for task in DEVELOPERS) < opened
    assert opened < min(journal.completed_seq(task) for task in DEVELOPERS)
    assert opened < journal.claimed_seq("integration")
    assert {one["task_id"] for one in load(place / "open.yaml")["participants"]} == set(DEVELOPERS)
    assert sorted(path.stem for path in place.glob("*.yaml")) == sorted([*DEVELOPERS, "open"])


def test_all_three_went_home_with_one_contract_in_which_every_need_is_met(oauth2: Ran) -> None:
    proposals = [load(oauth2.instruction / "checkpoints" / "api_contract" / f"{task}.yaml") for task in DEVELOPERS]
    contracts = {oauth2.output(task, "contract.json").read_text() for task in DEVELOPERS}

    assert len(contracts) == 1
    contract = json.loads(contracts.pop())
    assert contract["life_of_a_code_s"] == min(one["life_of_a_code_s"] for one in proposals) == 60
    for proposal in proposals:
        for need in proposal.get("needs", []):
            assert proposal["task_id"] in contract["offers"][need]["for"]


def test_what_was_built_holds_its_own_tests(oauth2: Ran) -> None:
    line = [sys.executable, "-B", "-m", "unittest", "test_sign_in"]

    done = subprocess.run(line, cwd=oauth2.folder / "oauth2", capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stderr
    assert "Ran 13 tests" in done.stderr


def test_the_quality_gates_are_met_with_numbers_that_were_measured(oauth2: Ran) -> None:
    tests, review = (load(oauth2.output(task, "manifest.yaml"))["quality_metrics"] for task in ("tests", "review"))

    assert json.loads(oauth2.output("tests", "coverage.json").read_text()) == tests
    assert 0.8 <= tests["test_coverage"] < 1
    assert f"Score: {review['code_review_score']:.0f} of 100." in (oauth2.folder / "oauth2" / "review.md").read_text()


# -- the refactoring ---------------------------------------------------------------------------------------------------


def test_twelve_modules_have_nothing_of_the_old_form_and_print_what_they_printed(refactoring: Ran) -> None:
    home = refactoring.folder / "refactoring"
    modules = sorted((home / "shop").glob("*.py"))

    assert len(modules) == 12
    for module in modules:
        old = home / "before" / module.name
        assert [ast.unparse(node) for node in ast.walk(ast.parse(module.read_text())) if is_old_form(node)] == []
        assert any(is_old_form(node) for node in ast.walk(ast.parse(old.read_text())))
        now, before = (subprocess.run([sys.executable, "-B", path], capture_output=True) for path in (module, old))
        assert now.stdout == before.stdout != b""
        assert f"| {module.name} |" in (home / "report.md").read_text()


def is_old_form(node: ast.AST) -> bool:
    left = node.left if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) else None
    return isinstance(left, ast.Constant) and isinstance(left.value, str)


def test_the_twelve_work_side_by_side(refactoring: Ran) -> None:
    assert refactoring.journal.most_at_once() > 1
