"""What a task gets from those for whose artifacts it waited: named, listed, and in its surroundings."""

import dataclasses
import json
from pathlib import Path

import pytest

from cagents_fs.core.inputs import inputs
from cagents_fs.handing_in import composing
from cagents_fs.jobs import check_job, list_inputs
from cagents_fs.model.layout import is_agents_own
from cagents_fs.runner.prompts import INPUTS, Surroundings, environment, input_lines, prompt_text, variables
from cagents_fs.store.beneath import Roots
from cagents_fs.store.evidence import Budget, at_once
from cagents_fs.store.yaml import parse_mapping
from tests.support import builders as b

SQL = {"task_id": "t1", "artifact_path": "schema.sql", "path": "/out/t1/schema.sql", "checksum": "sha256:00"}
CSV = {"task_id": "inst_9:t7", "artifact_path": "rows.csv", "path": "/out/t7/rows.csv", "checksum": "sha256:11"}
NONE = {"task_id": "t3", "artifact_path": "extra.md", "path": None, "checksum": None}


def around(*given: dict[str, str | None], output: str = "/tree/inst_1/outputs/partial/t2") -> Surroundings:
    return Surroundings(
        root="/tree",
        instruction="inst_1",
        task_file="/tree/inst_1/tasks/in_progress/t2.yaml",
        agent="ann",
        attempt=1,
        output=output,
        workspace="/w",
        inputs=given,
    )


def test_the_only_input_is_given_by_its_path() -> None:
    given = variables("t2", around(SQL))

    assert given["CAGENTS_INPUTS"] == f"/tree/inst_1/outputs/partial/t2/{INPUTS}"
    assert given["CAGENTS_INPUT"] == "/out/t1/schema.sql"


@pytest.mark.parametrize("given", [(), (SQL, CSV), (NONE,)])
def test_of_none_or_several_none_is_the_input(given: tuple[dict[str, str | None], ...]) -> None:
    found = variables("t2", around(*given))

    assert "CAGENTS_INPUT" not in found
    assert "CAGENTS_INPUTS" in found


def test_the_input_of_a_task_in_which_we_run_ourselves_is_not_passed_on() -> None:
    ours = {"PATH": "/bin", "CAGENTS_INPUT": "/theirs", "CAGENTS_INPUTS": "/theirs.json"}

    assert environment(ours, variables("t2", around())).get("CAGENTS_INPUT") is None
    assert environment(ours, variables("t2", around(SQL)))["CAGENTS_INPUT"] == "/out/t1/schema.sql"
    assert environment(ours, variables("t2", around()))["CAGENTS_INPUTS"].startswith("/tree/")


def test_the_prompt_names_each_input_and_what_is_not_there() -> None:
    text = prompt_text(b.task("t2"), around(SQL, CSV, NONE), [])

    assert "- schema.sql of t1: /out/t1/schema.sql (sha256:00)" in text
    assert "- rows.csv of inst_9:t7: /out/t7/rows.csv" in text
    assert "- extra.md of t3: not there" in text
    assert "Inputs" not in prompt_text(b.task("t2"), around(), [])
    assert len(input_lines([SQL, NONE])) == 2


def test_the_list_is_written_into_the_output_directory_and_is_never_the_agents_own(tmp_path: Path) -> None:
    output = tmp_path.resolve() / "outputs" / "partial" / "t2"
    list_inputs(around(SQL, NONE, output=str(output)))
    (output / "result.txt").write_text("done")

    assert json.loads((output / INPUTS).read_text()) == [SQL, NONE]
    assert not is_agents_own(INPUTS)
    roots = Roots(str(tmp_path / "outputs"), str(output), str(tmp_path))
    handed_in = parse_mapping(at_once(composing({}, roots, [], Budget.of(1 << 20, 60), 1 << 20))).value
    assert [entry["name"] for entry in handed_in["artifacts"]] == ["result.txt"]


def test_checks_of_the_daemon_have_the_list_too_and_judging_afresh_writes_nothing(tmp_path: Path) -> None:
    root = tmp_path.resolve()
    output = root / "inst_1" / "outputs" / "partial" / "t2"
    (root / "inst_1").mkdir()
    made = b.work(b.task("t2", acceptance_criteria=[{"criterion": "C", "check": "true"}]))
    record = b.lies(made, "t2", b.UNDER_REVIEW)
    roots = Roots(str(root / "inst_1" / "outputs"), str(output), str(root))

    afresh = check_job(str(root), made, record, roots, b.PLAIN, key="k", attempt=1, given=[SQL], log=False)
    assert afresh.env["CAGENTS_INPUT"] == SQL["path"]
    assert not output.exists()

    ours = check_job(str(root), made, record, roots, b.PLAIN, key="k", attempt=1, given=[SQL])
    assert json.loads(Path(ours.env["CAGENTS_INPUTS"]).read_text()) == [SQL]


def test_an_input_is_the_verified_artifact_of_the_one_that_was_waited_for() -> None:
    needs = {"data_dependencies": [{"task_id": "t1", "artifact_path": "schema.sql"}]}
    made = b.work(b.task("t1"), b.task("t2", dependencies=needs))
    line = {"path": "db/schema.sql", "resolved": "/out/db/schema.sql", "checksum": "sha256:00", "size_bytes": 1}
    b.lies(made, "t2", b.WAITING)
    expected = {"task_id": "t1", "artifact_path": "schema.sql", "path": None, "checksum": None}
    assert inputs({}, made, made.records["t2"]) == [expected]

    b.lies(made, "t1", b.COMPLETED, accepted="m", artifacts=(line,))

    expected |= {"path": "/out/db/schema.sql", "checksum": "sha256:00"}
    assert inputs({}, made, made.records["t2"]) == [expected]
    assert dataclasses.replace(around(), inputs=inputs({}, made, made.records["t2"])).inputs == [expected]
