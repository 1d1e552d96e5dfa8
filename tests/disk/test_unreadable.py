"""A disk that does not give the bytes of one artifact holds up that task, and nobody else."""

import errno
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cagents_fs.daemon import work_eyes
from cagents_fs.daemon.service import Service
from cagents_fs.model.layout import TREE_FOLDERS
from cagents_fs.store.disk import make_folders
from tests.support.tree import Document, Instruction, Tree, a_task, entry

BIG = b"x" * (16 << 20)


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., tuple[Service, Instruction]]]:
    monkeypatch.setattr(work_eyes, "UNREADABLE_S", 0.2)
    tree = Tree(tmp_path.resolve())
    tree.root.mkdir()
    make_folders(str(tree.root), TREE_FOLDERS)
    tree.configure("daemon.yaml", {"settle_seconds": 0.05, "scan_interval": 0.3, "durability": "process"})
    started: list[Service] = []

    def start(*tasks: Document, agents: int | None = None) -> tuple[Service, Instruction]:
        instruction = tree.plan(*tasks)
        started.append(Service(str(tree.root), agents=agents).__enter__())
        started[0].begin()
        return started[0], instruction

    yield start
    started[0].__exit__()
    tree.end_everything()


def run(service: Service, until: Callable[[], Any]) -> None:
    """Turns, until something is so."""
    deadline_s = time.monotonic() + 20
    service.run(until=lambda: bool(until()) or time.monotonic() > deadline_s)
    assert until()


@pytest.mark.parametrize("content", [BIG, b"small"], ids=["off the turn", "in the turn"])
def test_one_unreadable_artifact_delays_its_own_task_only_until_it_can_be_read(
    service: Callable[..., tuple[Service, Instruction]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    content: bytes,
) -> None:
    daemon, instruction = service(a_task("bad"), a_task("good"), a_task("after", "good"))
    inodes: set[int] = set()
    for name in ("read", "readv"):
        monkeypatch.setattr(os, name, _refusing(getattr(os, name), inodes))
    for task in ("bad", "good"):
        run(daemon, (instruction.path / f"queues/agents/ann/{task}.yaml").exists)
        instruction.claim(task)
    (instruction.output("bad") / "a.bin").write_bytes(content)
    inodes.add((instruction.output("bad") / "a.bin").stat().st_ino)
    with caplog.at_level("ERROR", "cagents_fs"):
        instruction.hand_in("bad", artifacts=[entry("a.bin", content)])
        run(daemon, lambda: any("EIO" in record.getMessage() for record in caplog.records))
        instruction.hand_in("good")
        run(daemon, (instruction.path / "queues/agents/ann/after.yaml").exists)

    assert not daemon.loop.trouble.said, "the tree itself is in order"
    assert instruction.places("bad") == ["tasks/in_progress"]
    inodes.clear()
    run(daemon, lambda: instruction.places("bad") == ["tasks/completed"])
    assert instruction.events("rejected") == []


def test_what_the_disk_does_not_give_is_not_handed_in(
    service: Callable[..., tuple[Service, Instruction]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if shutil.which("ln") is None:
        pytest.skip("no ln here")
    kept = tmp_path / "kept.bin"
    kept.write_bytes(BIG)
    for name in ("read", "readv"):
        monkeypatch.setattr(os, name, _refusing(getattr(os, name), {kept.stat().st_ino}))
    linked = a_task("t1", assigned_agent="shell", command=f"ln {kept} $CAGENTS_OUTPUT/a.bin", max_retries=0)
    daemon, instruction = service(linked, agents=4)
    run(daemon, lambda: instruction.places("t1") == ["tasks/failed"])

    (line,) = instruction.events("failed_attempt")
    assert line["error_type"] == "storage"
    assert "EIO" in line["reason"]


def _refusing(real: Callable[..., Any], inodes: set[int]) -> Callable[..., Any]:
    def read(descriptor: int, *rest: Any) -> Any:
        if os.fstat(descriptor).st_ino in inodes:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(descriptor, *rest)

    return read
