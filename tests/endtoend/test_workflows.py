"""Eight real scientific workflows, carried out to the end in an order that respects every dependency."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.journal import Journal, state_files
from tests.support.tree import Tree

SHARED = Path(__file__).parents[2].parent / "shared"
RECORDS = SHARED / "data" / "wfcommons"
CONVERTER = SHARED / "tools" / "wf2plan.py"
NAMES = (
    "1000genome-chameleon-2ch-100k-001",
    "blast-chameleon-small-001",
    "cycles-chameleon-1l-1c-9p-001",
    "epigenomics-chameleon-hep-1seq-100k-001",
    "montage-chameleon-2mass-01d-001",
    "rnaseq-dirt02-001",
    "seismology-chameleon-300p-001",
    "srasearch-chameleon-10a-003",
)
SCALE = "0.001"  # a second of the original is a millisecond here
LONGEST_S = 60.0

pytestmark = [
    pytest.mark.skipif(not (RECORDS.is_dir() and CONVERTER.is_file()), reason=f"no workflows in {SHARED}"),
    pytest.mark.timeout(120),
]


def converted(record: Path, place: Path) -> Path:
    line = [sys.executable, str(CONVERTER), str(record), "--run", "--scale", SCALE]
    with place.open("wb") as file:
        subprocess.run(line, stdout=file, check=True, timeout=60)
    return place


def predecessors(record: Path, taken_in: list[str]) -> dict[str, list[str]]:
    """From the record itself, not from the plan: the converter keeps the order of the tasks and changes their names."""
    tasks = json.loads(record.read_text())["workflow"]["specification"]["tasks"]
    named = {task["id"]: name for task, name in zip(tasks, taken_in, strict=True)}
    return {named[task["id"]]: [named[parent] for parent in task.get("parents", [])] for task in tasks}


@pytest.mark.parametrize("name", NAMES)
def test_a_workflow_runs_to_its_end_in_an_order_that_respects_every_dependency(tmp_path: Path, name: str) -> None:
    record = RECORDS / f"{name}.json"
    tree = Tree(tmp_path / "work")
    tree.workspace.mkdir()
    file = converted(record, tree.workspace / "plan.yaml")

    begun_s = time.monotonic()
    running = tree.start("run", str(file), "--json", "--id", "inst_1")
    try:
        code = running.popen.wait(timeout=LONGEST_S)
    finally:
        tree.end_everything()
    took_s = time.monotonic() - begun_s

    assert code == 0, running.said()
    said = json.loads(running.out.read_text())["data"]
    journal = Journal.of(tree.root / "inst_1")
    edges = predecessors(record, list(journal.by_task("taken_in")))
    print(f"{name}: {len(edges)} tasks in {took_s:.1f} s, at most {journal.most_at_once()} at once")
    assert said["phase"] == "complete"
    assert said["tasks"]["completed"] == said["tasks"]["total"] == len(edges)
    assert sum(map(len, edges.values())) > 0
    assert state_files(tree.root / "inst_1") == [("tasks/completed", task) for task in sorted(edges)]
    journal.check()
    journal.check_processes()
    journal.check_order(edges)
    assert journal.accepted() == dict.fromkeys(edges, 1)
    assert {line["attempt"] for line in journal.events("accepted")} == {1}


def test_no_workflow_is_left_out() -> None:
    assert sorted(path.stem for path in RECORDS.glob("*.json")) == sorted(NAMES)
