"""A file that is still being written is neither taken in nor answered, wherever its writer has come to.

Three of four beginnings of a manifest are valid YAML, and say something else than the whole. So each beginning of each
sample is shown to the daemon's eyes while the writer holds the file open: at once, and again long after nothing has
changed any more. Only when it is closed is it judged, once.
"""

import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cagents_fs.client.reading import inbox
from cagents_fs.core.index import Work
from cagents_fs.daemon.eyes import Eyes
from cagents_fs.daemon.settling import Settling
from cagents_fs.model.actions import Action
from cagents_fs.model.observations import Now
from cagents_fs.store import reading
from cagents_fs.store.disk import make_folders
from cagents_fs.store.journal import Lines
from tests.hostile.case import BEAT, FOLDERS, LETTER, MANIFEST, MET, PLAN, PLEA, REPLY, TASK
from tests.hostile.world import World
from tests.support import builders as b
from tests.support.tree import Tree, a_task, as_yaml, eventually

HOME = Path(__file__).parents[2] / "Agent_Memory"
LONG = 10_000  # bytes: of such a file there are so many beginnings that each is looked at once
LONG_S = 100.0
READ_AGAIN = "the configuration was read again"
SETTLE_S = 1.0


@dataclass(frozen=True)
class Sample:
    """A file that is right, or at least whole."""

    name: str
    kind: str
    text: str


def samples() -> Iterator[Sample]:
    for path in sorted((HOME / "_examples").glob("*.yaml")):
        yield Sample(path.stem, "plan", path.read_text())
    blocks = re.findall(r"```yaml\n((?:.*\n)*?)```", (HOME / "README.md").read_text())
    for number, text in enumerate(blocks):
        told = re.match(r"# (\w+): ", text)
        if told and told[1] in LOOKS:
            yield Sample(f"README {number}", told[1], text)
    yield Sample("a task", "task", TASK + "assigned_agent: ann\npriority: high\nfiles:\n  - src/a.py\n  - src/ab.py\n")
    yield Sample("a plan", "plan", PLAN + "  - {task_id: b, description: c}\n  - {task_id: bb, description: d}\n")
    yield Sample("a heartbeat", "heartbeat", BEAT + "progress_percentage: 100\nattempt: 1\n...\n")
    yield Sample("a manifest", "manifest", MANIFEST + "artifacts: []\n" + MET + "attempt: 1\n...\n")
    yield Sample("a manifest with dots", "manifest", "...\n" + MANIFEST)
    yield Sample("an escalation", "escalation", PLEA + "to_agent: lead\ntask_id: t1\nsla: within 30 minutes\n")
    yield Sample("a response", "response", REPLY + "from: lead\nnote: |\n  one\n  two\n...\n")
    yield Sample("a request", "request", "action: cancel\ntask_id: t1\nskip: true\nreason: no longer wanted\n")
    yield Sample("an arrival", "arrival", "task_id: t2\nattempt: 1\n")


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    made = World()
    yield made
    made.remove()


class Onlooker:
    """The eye that looks at one file of a kind, again and again."""

    def __init__(self, world: World, kind: str, settling: Settling) -> None:
        settling.starting = False
        self.kind, self.settling, self.now = kind, settling, b.NOW
        self.work, self.index, self.eyes = world.begin(settling)
        folder = world.desk.root / ("inst_2" if kind == "plan" else "inst_1")
        if kind == "plan":
            folder.mkdir()
            make_folders(str(folder), ("workflow", "tasks/pending"))
            world.desk.committer.open("inst_2", Lines())
            list(self.eyes.open("inst_2", b.NOW))
            self.work = self.index.works["inst_2"]
        self.path = folder / FOLDERS[kind]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.record = self.work.records.get("t1")

    def look(self, after_s: float) -> list[Action]:
        """What is seen so much later."""
        self.now = Now(s=self.now.s + after_s, wall_s=self.now.wall_s + after_s)
        return list(LOOKS[self.kind](self.eyes, self.work, self.now))

    def counts(self) -> bool:
        """Whether the file has had any effect."""
        found = self.index.works["inst_1"]
        if self.kind == "plan":
            return self.work.history.intake is not None
        if self.kind == "task":
            return "new" in found.records
        if self.kind == "heartbeat":
            return found.records["t1"].heartbeat is not None
        if self.kind == "manifest":
            return found.records["t1"].manifest is not None
        arrived = found.meetings["api"].arrived
        return bool({"E1"} & found.escalations.keys() or found.responses or found.requests or arrived)


def _manifest(eyes: Eyes, work: Work, now: Now) -> Iterator[Action]:
    eyes.work_eyes.manifest(work, work.records["t1"], now)
    return iter(())


LOOKS: dict[str, Callable[[Eyes, Work, Now], Iterator[Action]]] = {
    "plan": lambda eyes, work, now: eyes.plan_eyes.plan(work, now),
    "task": lambda eyes, work, now: eyes.plan_eyes.pending(work, "tasks/pending", "new", now),
    "heartbeat": lambda eyes, work, now: eyes.beat_eyes.heartbeat(work, "ann_t1.yaml", now),
    "manifest": _manifest,
    "escalation": lambda eyes, work, now: eyes.plea_eyes.plea(work, "E1.yaml", now),
    "response": lambda eyes, work, now: eyes.plea_eyes.plea(work, "e0.response.yaml", now),
    "request": lambda eyes, work, now: eyes.plan_eyes.request(work, "1.yaml", now),
    "arrival": lambda eyes, work, now: eyes.plea_eyes.arrival(work, "api/t2.yaml", now),
}


SAMPLES = list(samples())


def kernel_tells(folder: Path) -> bool:
    path = folder / "probe"
    with path.open("wb"):
        snapshot = reading.read_bounded(str(path), 1)
    path.unlink()
    return snapshot.being_written


WAYS = [(sample, renamed) for sample in SAMPLES for renamed in (False, True) if not renamed or len(sample.text) < LONG]


@pytest.mark.parametrize(
    ("sample", "renamed"), WAYS, ids=lambda one: f"{one.kind}: {one.name}" if isinstance(one, Sample) else str(one)
)
def test_no_beginning_of_a_file_is_taken_for_the_file(world: World, sample: Sample, renamed: bool) -> None:
    if not kernel_tells(world.folder):
        pytest.skip("no leases on this file system")
    onlooker = Onlooker(world, sample.kind, Settling(SETTLE_S))
    settled = onlooker.counts()
    try:
        with onlooker.path.open("wb", buffering=0) as writer:
            if renamed:
                onlooker.settling.was_renamed(str(onlooker.path))
            for number, letter in enumerate(sample.text.encode()):
                writer.write(bytes([letter]))
                seen = [*(onlooker.look(0.01) if len(sample.text) < LONG else []), *onlooker.look(LONG_S)]
                assert (seen, onlooker.counts()) == ([], settled), sample.text.encode()[: number + 1]
        first = [*onlooker.look(0.01), *onlooker.look(SETTLE_S), *onlooker.look(SETTLE_S)]
        assert first or onlooker.counts(), "closed, and still not judged"
        assert [*onlooker.look(SETTLE_S), *onlooker.look(LONG_S)] == [], "judged twice"
    finally:
        onlooker.path.unlink()
        shutil.rmtree(world.desk.root / "inst_2", ignore_errors=True)
        world.desk.committer.forget("inst_2")


@pytest.mark.parametrize(
    "sample", [one for one in SAMPLES if len(one.text) < 300], ids=lambda one: f"{one.kind}: {one.name}"
)
def test_where_the_kernel_cannot_tell_a_file_that_grows_is_waited_for(
    world: World, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a network: then a writer has to come on within the time in which files settle. Or end it with `...`."""
    monkeypatch.setattr(reading, "is_being_written", lambda _: False)
    onlooker = Onlooker(world, sample.kind, Settling(SETTLE_S))
    text = sample.text.encode().removesuffix(b"...\n")
    try:
        with onlooker.path.open("wb", buffering=0) as writer:
            for number, letter in enumerate(text):
                writer.write(bytes([letter]))
                seen = [*onlooker.look(SETTLE_S * 0.1), *onlooker.look(SETTLE_S * 0.6)]
                if not reading.has_end_marker(text[: number + 1]):
                    assert (seen, onlooker.counts()) == ([], False), text[: number + 1]
        assert [*onlooker.look(SETTLE_S), *onlooker.look(SETTLE_S)] or onlooker.counts()
    finally:
        onlooker.path.unlink()
        shutil.rmtree(world.desk.root / "inst_2", ignore_errors=True)
        world.desk.committer.forget("inst_2")


def test_a_message_that_is_being_written_is_neither_shown_nor_taken_away(world: World) -> None:
    path = world.desk.root / FOLDERS["message"]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb", buffering=0) as writer:
        for letter in (LETTER + "text: Hello, Ann\n").encode():
            writer.write(bytes([letter]))
            assert inbox(str(world.desk.root), "ann", take=True) == []
            assert path.exists()
    (message,) = inbox(str(world.desk.root), "ann", take=True)
    assert (message["text"], path.exists()) == ("Hello, Ann", False)


def test_a_daemon_waits_for_a_slow_writer(tree: Tree) -> None:
    """One byte in three milliseconds, through a real daemon with real events."""
    instruction = tree.plan(a_task("good"), a_task("slow"))
    with tree.daemon():
        instruction.claim("slow")
        text = as_yaml(instruction.manifest("slow")).encode()
        pending = as_yaml(a_task("late", description="Do it, but not before the last of these words")).encode()
        manifest = instruction.output("slow") / "manifest.yaml"
        added = instruction.path / "tasks/pending/late.yaml"
        with manifest.open("wb", buffering=0) as one, added.open("wb", buffering=0) as other:
            for first, second in zip(text, pending.ljust(len(text), b"\n"), strict=False):
                one.write(bytes([first]))
                other.write(bytes([second]))
                time.sleep(0.003)
                assert os.path.getsize(manifest) <= len(text)
            instruction.finish("good")
            time.sleep(1.0)  # five times the time in which files settle there
            before = instruction.events("rejected"), instruction.events("answered"), instruction.places("late")
            assert before == ([], [], ["tasks/pending"])
            assert instruction.places("slow") == ["tasks/in_progress"]
        instruction.reaches("slow", "tasks/completed")
        eventually(lambda: instruction.places("late") == ["queues/agents/ann"], saying=instruction.tail)
        assert (instruction.events("rejected"), instruction.events("answered")) == ([], [])


def test_a_daemon_waits_for_a_configuration_to_be_written(tree: Tree) -> None:
    """Half of `settle_seconds: 0.25` is `settle_seconds: 0`, and half of `max_file_bytes: 1048576` one kilobyte."""
    instruction = tree.plan(a_task("good"))
    path = tree.root / "_system/config/daemon.yaml"
    with tree.daemon("--verbose") as daemon:
        instruction.reaches("good", "queues/agents/ann")
        with path.open("wb", buffering=0) as writer:
            for letter in b"scan_interval: 0.5\nmax_file_bytes: 1048576\nsettle_seconds: 0.25\n":
                writer.write(bytes([letter]))
                time.sleep(0.02)
            time.sleep(1.0)
            assert READ_AGAIN not in daemon.err.read_text()
        eventually(lambda: READ_AGAIN in daemon.err.read_text(), saying=daemon.said)
        time.sleep(1.0)
        assert daemon.err.read_text().count(READ_AGAIN) == 1, daemon.said()
