"""What is odd and was taken all the same, and plans and manifests under other names: said once, and nothing else."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cagents_fs.core.history import History
from cagents_fs.core.index import Index, Work
from cagents_fs.daemon.eyes import Eyes
from cagents_fs.daemon.settling import Settling
from cagents_fs.daemon.watch import Watcher
from cagents_fs.model.actions import Action, Note, Tell
from cagents_fs.model.faults import Fault
from cagents_fs.rules import completion
from cagents_fs.rules.oddities import MOST_WARNINGS, warned
from cagents_fs.store.tree import Scanner
from tests.support import builders as b
from tests.support.desk import Desk

BEAT = "agent_name: ann\ntask_id: t1\n"
MANIFEST = "task_id: t1\nsubagent: ann\nstatus: completed\nartifacts: []\n"
FAILED = "task_id: t1\nsubagent: ann\nstatus: failed\n"
PLEA = "escalation_id: E1\nfrom_agent: ann\nseverity: low\nissue_description: Which port?\n"
OUTPUT, MANIFEST_AT = "outputs/partial/t1", "outputs/partial/t1/manifest.yaml"


class World:
    """One instruction on the disk, with `t1` in ann's hands; seen as a daemon sees it, and kept in a journal."""

    def __init__(self, folder: Path, *, intake: bool = True) -> None:
        self.desk = Desk(folder, power_loss=False)
        self.desk.put(b.IN_PROGRESS, "t1", "task_id: t1\ndescription: Do it\n")
        self.watcher = Watcher(events=False)
        self.intake = intake
        self.begin()

    def begin(self) -> None:
        """A daemon's life: what it knows is what the journal says."""
        self.work: Work = b.work(b.task("t1"))
        b.lies(self.work, "t1", b.IN_PROGRESS)
        self.work.history.replay(self.desk.lines())
        self.work.history.intake = self.work.history.intake if self.intake else None
        self.index = Index(works={"inst_1": self.work})
        self.eyes = Eyes(self.index, self.desk.committer, self.watcher, Settling(0.0), lambda: b.PLAIN)

    def write(self, name: str, text: str) -> Path:
        path = self.desk.path(*name.split("/"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def look(self) -> list[Action]:
        """A full look, what the rule says to it, and all of what is said to the journal."""
        actions = b.taken(self.index, self.eyes.look(self.work, b.NOW))
        actions += b.taken(self.index, completion.decide(self.index, b.PLAIN, b.NOW))
        self.desk.commit(*(one for one in actions if isinstance(one, Note) and one.event in ("warning", "answered")))
        return actions

    def warnings(self) -> list[str]:
        return [one.reason for one in self.look() if isinstance(one, Note) and one.event == "warning"]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.watcher.close()


# -- what is odd in a file -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("heartbeats/ann_t1.yaml", BEAT + "progress: 4\n", "3:1: progress: unknown key, kept but not read"),
        ("heartbeats/ann_t1.yaml", BEAT + "timestamp: 2026-11-22\n", "3:12: timestamp: no offset, taken for UTC"),
        (MANIFEST_AT, MANIFEST + "note: x\n", "5:1: note: unknown key, kept but not read"),
        (MANIFEST_AT, FAILED + "notes: x\n", "4:1: notes: unknown key, kept but not read"),
        ("requests/1.yaml", "action: pause\nwhy: x\n", "2:1: why: unknown key, kept but not read"),
        ("escalations/E1.yaml", PLEA + "to: lead\n", "5:1: to: unknown key, kept but not read"),
    ],
)
def test_an_oddity_is_told_once_whatever_else_is_written_and_whoever_reads_it_next(
    world: World, name: str, text: str, told: str
) -> None:
    world.write(name, text)

    (first,) = world.warnings()
    assert first.startswith(f"{name}:{told}")

    world.write(name, "# one line more\n" + text)
    assert world.warnings() == []
    world.begin()
    assert world.warnings() == []


def test_another_oddity_is_told_when_it_comes(world: World) -> None:
    world.write("heartbeats/ann_t1.yaml", BEAT + "mood: good\n")
    assert len(world.warnings()) == 1
    world.write("heartbeats/ann_t1.yaml", BEAT + "mood: bad\nweather: fair\n")

    (told,) = world.warnings()
    assert "weather: unknown key" in told


def test_a_manifest_with_an_oddity_is_accepted_as_without(world: World) -> None:
    world.write(MANIFEST_AT, MANIFEST + "completion_timestamp: 2026-11-22T09:31\n")

    assert b.notes(world.look()) == [("warning", "t1"), ("accepted", "t1")]


def test_a_manifest_that_is_rejected_is_told_what_is_odd_besides(world: World) -> None:
    world.write(
        MANIFEST_AT, MANIFEST.replace("[]", "[{path: gone, size_bytes: 1, checksum: %s, sise: 2}]" % ("0" * 64))
    )

    assert b.notes(world.look()) == [("warning", "t1"), ("rejected", "t1")]


def test_of_one_path_twenty_oddities_are_told_and_no_more(world: World) -> None:
    for beat in range(MOST_WARNINGS // 2 + 5):
        world.write("heartbeats/ann_t1.yaml", BEAT + f"step_{beat}: done\nmood_{beat}: good\n")
        world.look()

    assert len([line for line in world.desk.lines() if line["event"] == "warning"]) == MOST_WARNINGS
    world.write("requests/1.yaml", "action: pause\nwhy: x\n")
    assert len(world.warnings()) == 1


def test_what_is_told_keeps_the_order_of_the_file_and_names_a_task_only_if_it_is_there(world: World) -> None:
    odd = [Fault("unknown_key", f"{key}: unknown key", "f.yaml", line, 1) for line, key in enumerate("cab")]

    notes = list(warned(world.work, "f.yaml", [*odd, odd[0]], "ghost"))

    assert [note.reason for note in notes] == [str(fault) for fault in odd]
    assert {note.task_id for note in notes} == {None}
    assert [note.task_id for note in warned(world.work, "f.yaml", odd[:1], "t1")] == ["t1"]


def test_a_journal_in_which_warnings_have_no_key_is_read() -> None:
    lines = [{"event": "warning", "task_id": "t1", "path": "f.yaml"}, {"event": "warning", "task_id": None}]

    history = History().replay(lines)

    assert (history.damaged, history.answered) == ([], set())


# -- plans and manifests under other names -------------------------------------------------------------------------


@pytest.mark.parametrize("folder", [OUTPUT, "outputs/t1"])
def test_a_manifest_under_another_name_is_told_to_its_holder_once(world: World, folder: str) -> None:
    path = world.write(f"{folder}/manifest.yml", MANIFEST)

    actions = world.look()

    assert b.notes(actions) == [("answered", "t1")]
    (told,) = [one for one in actions if isinstance(one, Tell)]
    assert (told.to, told.path) == ("ann", f"{folder}/manifest.yml")
    assert "rename it to 'manifest.yaml'" in told.text
    assert path.read_text() == MANIFEST
    path.write_text(MANIFEST + "# again\n")
    assert world.look() == []
    world.begin()
    assert world.look() == []
    assert world.work.records["t1"].manifest is None


def test_a_manifest_that_gets_its_name_counts(world: World) -> None:
    path = world.write(f"{OUTPUT}/manifest.yml", MANIFEST)
    world.look()
    path.rename(path.with_suffix(".yaml"))

    assert b.notes(world.look()) == [("accepted", "t1")]


def test_a_plan_under_another_name_is_told_once_and_not_taken_in(tmp_path: Path) -> None:
    world = World(tmp_path, intake=False)
    path = world.write("workflow/plan.yml", "description: x\ntasks: [{task_id: t9, description: y}]\n")

    actions = world.look()

    assert b.notes(actions) == [("answered", None)]
    assert b.told(actions) == [("planner", "error")]
    assert world.look() == []
    world.begin()
    assert world.look() == []
    assert world.work.history.intake is None
    assert path.exists()
    world.watcher.close()


def test_a_copy_beside_the_plan_is_told_also_when_that_was_taken_in_long_ago(world: World) -> None:
    world.look()
    world.write("workflow/plan (copy).yaml", "description: x\n")

    (note,) = [one for one in world.look() if isinstance(one, Note)]
    assert "'plan (copy).yaml' is not read: it looks like a copy of 'plan.yaml'" in note.reason


@pytest.mark.parametrize("make", [os.symlink, os.link])
def test_a_second_name_of_what_is_read_is_no_near_miss(world: World, make: object) -> None:
    path = world.write(MANIFEST_AT, FAILED)
    make(path, path.with_suffix(".yml"))  # type: ignore[operator]

    assert "answered" not in [event for event, _ in b.notes(world.look())]


def test_behind_a_link_nobody_looks_for_a_plan(world: World, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "plan.yml").write_text("description: x\n")
    folder = world.desk.path("workflow")
    folder.rename(folder.with_name("before"))
    folder.symlink_to(elsewhere)

    assert "answered" not in [event for event, _ in b.notes(world.look())]


def test_a_folder_in_which_nothing_changed_is_not_listed_again(tmp_path: Path) -> None:
    scanner, folder = Scanner(), tmp_path / "inst_1" / "workflow"
    folder.mkdir(parents=True)
    (folder / "plan.yml").touch()
    os.utime(folder, (1_000_000, 1_000_000))

    assert scanner.names(str(folder)) == ["plan.yml"]
    assert scanner.names(str(folder)) == []
    (folder / "plan.YAML").touch()
    assert sorted(scanner.names(str(folder))) == ["plan.YAML", "plan.yml"]
    scanner.forget(str(tmp_path / "inst_1"))
    assert sorted(scanner.names(str(folder))) == ["plan.YAML", "plan.yml"]
