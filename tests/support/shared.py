"""What is slow to make is made once, whichever of pytest-xdist's workers needs it first."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from tests.support.tree import Document


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Document]) -> Document:
    """What `make` gave back, from the one call in this session. It gets an empty folder, to be left as it is after."""
    own = factory.getbasetemp()
    folder = (own.parent if os.environ.get("PYTEST_XDIST_WORKER") else own) / name
    told = folder.with_suffix(".json")
    with FileLock(folder.with_suffix(".lock")):
        if not told.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of a worker whose `make` failed
            folder.mkdir()
            told.write_text(json.dumps(make(folder)))
    return dict(json.loads(told.read_text()))
