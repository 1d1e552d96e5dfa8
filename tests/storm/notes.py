"""What an agent of the storm writes down outside the tree: each line is one `write`, which no kill -9 can take back.

A line is written when what it tells has happened; `will` is written before it.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Line = dict[str, Any]


class Notes:
    """The notes of one work place; whoever takes it over goes on in the same file."""

    def __init__(self, path: Path, writer: str) -> None:
        self.path, self.writer = path, writer
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def say(self, what: str, **facts: object) -> None:
        line = {"ns": time.monotonic_ns(), "writer": self.writer, "what": what, **facts}
        os.write(self._descriptor, json.dumps(line).encode() + b"\n")


def read(path: Path) -> list[Line]:
    """The whole lines of one work place; what a kill cut short is none."""
    return [json.loads(line) for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]


def everybody(folder: Path) -> Iterator[Line]:
    """The lines of all work places, in the order in which they were written."""
    yield from sorted((line for path in folder.glob("*.jsonl") for line in read(path)), key=lambda line: line["ns"])


def unfinished(lines: list[Line]) -> Line | None:
    """The last claim of a work place of which no hand-in is told: what was in the hands of the one that was killed."""
    last = None
    for line in lines:
        if line["what"] == "claimed":
            last = line
        elif last is not None and line["what"] in ("done", "lost") and line["task"] == last["task"]:
            last = None
    return last


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
