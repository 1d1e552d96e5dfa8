"""What no event tells of is found all the same, and found before anything is concluded from what was seen earlier."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from cagents_fs.core.record import Record
from cagents_fs.daemon.service import Service
from cagents_fs.daemon.watch import Hint
from cagents_fs.model.layout import TREE_FOLDERS
from cagents_fs.model.observations import Now
from cagents_fs.store.disk import make_folders
from tests.support.tree import Document, Instruction, Tree, a_task, entry, publish

LEASE_S, GRACE_S = 600.0, 300.0
MEETS = {"coordination": [{"checkpoint": "api", "with": ["b"]}]}


class Deaf:
    """A daemon that hears nothing and looks through the tree once an hour, at a clock that is set by hand."""

    def __init__(self, tree: Tree, instruction: Instruction) -> None:
        self.instruction, self.root, self.s = instruction, str(tree.root), 0.0
        self.begin()
        self.look()

    def begin(self) -> None:
        self.service = Service(self.root)
        self.service.__enter__()
        self.service.clock.now = self.now  # type: ignore[method-assign]
        self.service.begin()

    def hears(self, path: Path) -> None:
        """Of this one file it hears, and comes to rest."""
        self.service.loop.turn([Hint(str(path), renamed=True)])
        self.rest()

    def now(self) -> Now:
        self.s += 1e-6
        return Now(s=self.s, wall_s=2_000_000_000.0 + self.s)

    def look(self) -> None:
        """Full looks, until everything that there is has settled and been decided."""
        for _ in range(4):
            self.s += 1.0
            self.service.loop.turn(everything=True)

    def turn(self, seconds: float = 0.0) -> None:
        """A turn so much later. The regular looks at what grows are not due yet."""
        self.s += seconds
        self.service.loop.signs.due_s = self.service.loop.look_s = self.s + 3600.0
        self.service.loop.turn()

    def rest(self) -> None:
        """Turns, for as long as one is due soon."""
        for _ in range(20):
            self.turn()
            due_in_s = self.service.loop.next_s() - self.s
            if due_in_s > 10.0:
                return
            self.s += max(0.0, due_in_s)
        raise AssertionError("it does not come to rest")

    def record(self, task: str = "a") -> Record:
        return self.service.index.works["inst_1"].records[task]

    def said(self, event: str) -> list[Document]:
        self.service.committer.flush()
        return self.instruction.events(event)


@pytest.fixture
def deaf(tmp_path: Path) -> Iterator[Callable[..., Deaf]]:
    tree, alive = Tree(tmp_path.resolve()), list[Deaf]()
    tree.root.mkdir()
    make_folders(str(tree.root), TREE_FOLDERS)
    daemon = {"settle_seconds": 0.1, "scan_interval": 3600, "watch": "poll", "durability": "process"}
    tree.configure("daemon.yaml", daemon | {"reassign_grace": GRACE_S})

    def live(*tasks: Document, claimed: Sequence[str] | None = None) -> Deaf:
        one = Deaf(tree, tree.plan(*tasks))
        alive.append(one)
        for task in [str(task["task_id"]) for task in tasks] if claimed is None else claimed:
            one.instruction.claim(task)
        one.look()
        return one

    yield live
    for one in alive:
        one.service.__exit__()


def beats(instruction: Instruction) -> None:
    instruction.beat("a")


def writes(instruction: Instruction) -> None:
    (instruction.output("a") / "notes.md").write_text("So far so good")


def arrives(instruction: Instruction) -> None:
    publish(instruction.path / "checkpoints" / "api" / "a.yaml", "task_id: a\n...\n")


SIGNS = [beats, writes, arrives]


@pytest.mark.parametrize("sign", SIGNS)
def test_nobody_is_called_stalled_whose_files_were_not_looked_at_just_then(
    deaf: Callable[..., Deaf], sign: Any
) -> None:
    daemon = deaf(a_task("a", dependencies=MEETS), a_task("b"))
    daemon.turn(LEASE_S / 2)
    sign(daemon.instruction)

    daemon.turn(LEASE_S / 2)

    assert [line["task_id"] for line in daemon.said("stalled")] == ["b"]
    assert daemon.record().sign_s == pytest.approx(daemon.s)


@pytest.mark.parametrize("sign", SIGNS)
def test_no_task_is_taken_back_from_one_who_is_back(deaf: Callable[..., Deaf], sign: Any) -> None:
    daemon = deaf(a_task("a", dependencies=MEETS), a_task("b"))
    daemon.turn(LEASE_S)
    assert len(daemon.said("stalled")) == 2
    sign(daemon.instruction)

    daemon.turn(GRACE_S)

    assert [line["task_id"] for line in daemon.said("revived")] == ["a"]
    assert (daemon.instruction.places("a"), daemon.instruction.places("b")) == (["tasks/in_progress"], ["queues/retry"])


def test_who_is_silent_is_looked_at_when_a_lease_is_over_and_not_in_every_turn(
    deaf: Callable[..., Deaf], monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon, looks = deaf(a_task("a")), list[float]()
    eyes = daemon.service.eyes.work_eyes
    real = eyes.output

    def output(*arguments: Any, **options: Any) -> None:
        looks.append(daemon.s)
        real(*arguments, **options)

    monkeypatch.setattr(eyes, "output", output)

    for _ in range(int((LEASE_S + GRACE_S) // 10)):
        daemon.turn(10.0)

    assert len(looks) == 2
    assert daemon.instruction.places("a") == ["queues/retry"]


def test_a_parent_is_judged_by_what_lies_there_when_its_children_are_done(deaf: Callable[..., Deaf]) -> None:
    daemon = deaf(a_task("whole"), a_task("part", parent_task_id="whole"))
    shared = daemon.instruction.tree.workspace / "main.py"
    shared.write_bytes(b"print('a')\n")
    daemon.instruction.hand_in("whole", artifacts=[entry("main.py", b"print('a')\n")])
    daemon.look()
    assert daemon.record("whole").manifest is not None

    shared.write_bytes(b"print('b')\n")  # the part is done, and what the whole was measured by is another file now
    daemon.hears(daemon.instruction.hand_in("part"))

    assert daemon.instruction.places("part") == ["tasks/completed"]
    (rejected,) = daemon.said("rejected")
    assert rejected["faults"][0]["code"] == "checksum_mismatch"
    assert daemon.instruction.places("whole") == ["tasks/in_progress"]


def test_what_was_handed_in_for_a_task_before_its_time_is_answered_when_the_task_is_blocked(
    deaf: Callable[..., Deaf],
) -> None:
    daemon = deaf(a_task("a"), a_task("b", "a"), claimed=["a"])
    daemon.instruction.hand_in("b")
    daemon.look()
    assert daemon.said("answered") == []

    daemon.hears(publish(daemon.instruction.path / "requests" / "1.yaml", "action: cancel\ntask_id: a\n...\n"))

    assert daemon.instruction.places("b") == ["tasks/blocked"]
    assert [(line["task_id"], line["faults"][0]["code"]) for line in daemon.said("answered")] == [("b", "blocked")]


def test_an_edit_that_no_daemon_saw_is_told_when_the_task_is_released_and_not_by_the_next_restart(
    deaf: Callable[..., Deaf],
) -> None:
    daemon = deaf(a_task("a"), a_task("b", "a"), claimed=["a"])
    daemon.service.__exit__()
    with (daemon.instruction.path / "queues" / "waiting_on_dependencies" / "b.yaml").open("a") as file:
        file.write("max_retries: 0\n")
    daemon.begin()

    daemon.hears(daemon.instruction.hand_in("a"))

    assert daemon.instruction.places("b") == ["queues/agents/ann"]
    (found,) = daemon.said("finding")
    assert found["task_id"] == "b" and "edited after it was taken in" in found["reason"]
    daemon.service.__exit__()
    daemon.begin()
    daemon.look()
    assert len(daemon.said("finding")) == 1


def test_output_of_an_earlier_attempt_that_was_put_aside_is_no_sign_of_work_of_a_claim(
    deaf: Callable[..., Deaf],
) -> None:
    daemon = deaf(a_task("a", max_retries=1))
    writes(daemon.instruction)
    daemon.hears(daemon.instruction.hand_in("a", status="failed", artifacts=[]))
    assert daemon.instruction.places("a") == ["queues/retry"]
    while daemon.instruction.places("a") == ["queues/retry"]:
        daemon.turn(60.0)
    daemon.rest()

    daemon.instruction.claim("a")
    daemon.service.loop._reopen.add("inst_1")  # as after trouble with the disk: it is read again from the tree
    daemon.rest()

    assert daemon.instruction.places("a") == ["tasks/in_progress"]
    assert (daemon.record().claim_seen, daemon.record().signs) == (True, 0)
