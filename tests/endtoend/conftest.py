"""One `init` a session; a copy of what it made for each test; and nothing left running after it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.tree import Tree, cagents

FAST = {"settle_seconds": 0.2, "scan_interval": 0.5, "reassign_grace": 1}


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("template")
    answer = cagents("init", str(place), cwd=place)
    assert answer.code == 0, answer
    return place / "Agent_Memory"


@pytest.fixture
def plain(tmp_path: Path, template: Path) -> Iterator[Tree]:
    """A fresh tree with the numbers as they are shipped."""
    tree = Tree(tmp_path / "work")
    shutil.copytree(template, tree.root)
    yield tree
    tree.end_everything()


@pytest.fixture
def tree(plain: Tree) -> Tree:
    """A fresh tree in which files settle and looks come sooner."""
    plain.configure("daemon.yaml", FAST)
    return plain
