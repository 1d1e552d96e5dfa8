"""Writing manifests: for the command line, and on behalf of agents that write none."""

import os
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from cagents_fs.errors import StorageError, UsageError
from cagents_fs.model.faults import Fault
from cagents_fs.model.layout import MANIFEST, is_agents_own
from cagents_fs.store.beneath import Located, Roots, find
from cagents_fs.store.descent import real_folder
from cagents_fs.store.disk import put
from cagents_fs.store.dump import END, dump
from cagents_fs.store.evidence import LOOKING_COSTS, Budget, Measured, Steps, measure, measuring
from cagents_fs.store.yaml import AGENT_FILE

# Each artifact of a manifest is a mapping of five keys to five values: what the reader takes, less some for the rest.
MOST_FILES = (AGENT_FILE.max_nodes - 200) // 11
MOST_ENTRIES = 100_000  # files and folders that are looked at
_FEWER = "pack them into one file, keep what is no result elsewhere, or let the agent write a manifest of what counts"

_KINDS = {
    "code": (".py", ".js", ".ts", ".go", ".rs", ".java", ".c", ".h", ".cpp", ".sh", ".sql", ".rb"),
    "documentation": (".md", ".rst", ".txt", ".html"),
    "config": (".yaml", ".yml", ".toml", ".ini", ".cfg"),
    "data": (".json", ".jsonl", ".csv", ".parquet", ".xml"),
}


def artifact(path: str, roots: Roots) -> dict[str, Any]:
    """The entry of a manifest for one file, hashed where it lies. Raises UsageError where no root holds it, OSError."""
    if (place := _place(path, roots)) is not None:
        found = measure(place[1])
        if isinstance(found, Fault):
            raise UsageError(found.message)
        return _entry(place[0], found)
    if not os.path.lexists(path):
        raise UsageError(f"there is no file {path}")
    raise UsageError(
        f"{path} lies neither in the workspace {roots.workspace} nor in the output directory {roots.output_dir}; "
        "put it into one of them, then hand it in"
    )


def _place(path: str, roots: Roots) -> tuple[str, Located] | None:
    """How a manifest names a file, and where that leads; None where no root holds it. Raises StorageError."""
    real = os.path.realpath(path)
    for root in (roots.output_dir, roots.outputs, roots.workspace):
        base = os.path.realpath(root)
        if real.startswith(base + os.sep):
            relative = os.path.relpath(real, base)
            located = find(relative, roots)
            if isinstance(located, Located) and located.real_path == real:
                return relative, located
    return None


def _entry(relative: str, found: Measured) -> dict[str, Any]:
    ending = os.path.splitext(relative)[1].lower()
    kind = next((name for name, endings in _KINDS.items() if ending in endings), "data")
    return {
        "name": os.path.basename(relative),
        "type": kind,
        "path": relative,
        "size_bytes": found.size,
        "checksum": f"sha256:{found.sha256}",
    }


def text_of(fields: Mapping[str, Any]) -> bytes:
    """A manifest as it is written: whole, and ended by `...`."""
    return (dump(fields) + END).encode(errors="backslashreplace")


def write(folder: str, text: bytes) -> str:
    """Put a manifest into an output directory. Returns its path. Raises OSError."""
    real_folder(folder)
    path = os.path.join(folder, MANIFEST)
    put(path, text, durable=True)
    return path


class CannotHandIn(Exception):
    """What a task left cannot be handed in for it. The message says why, and what to do."""

    def __init__(self, message: str, error_type: str = "too_much_output") -> None:
        super().__init__(message)
        self.error_type = error_type


def composing(
    head: Mapping[str, Any], roots: Roots, files: Sequence[str], budget: Budget, max_file_bytes: int
) -> Steps[bytes]:
    """In steps, the manifest over what a task left in its output directory and those of its `files` that exist.

    Vanished files, and those that change meanwhile, are left out. Raises CannotHandIn where no manifest that could be
    read again would name all of them, where reading them is over the budget, and where the disk refuses.
    """
    entries: dict[str, dict[str, Any]] = {}
    left = yield from _walk(roots.output_dir)
    for path in [*left, *(os.path.join(roots.workspace, name) for name in files)]:
        place = _place(path, roots)
        if place is None or not os.path.isfile(path):
            continue
        yield LOOKING_COSTS + os.path.getsize(path)
        try:
            found = yield from measuring(place[1], None, budget)
        except StorageError as error:
            raise CannotHandIn(error.message, "storage") from error
        if isinstance(found, Measured):
            entries[place[0]] = _entry(place[0], found)
        elif found.code == "over_budget":
            raise CannotHandIn(found.message)
    yield len(entries) * LOOKING_COSTS
    text = text_of({**head, "status": "completed", "artifacts": list(entries.values())})
    if len(text) > max_file_bytes:
        text_says = f"a manifest over {len(entries)} files has {len(text)} bytes, and {max_file_bytes} are read"
        raise CannotHandIn(f"{text_says} (max_file_bytes in daemon.yaml); {_FEWER}")
    return text


def _walk(folder: str) -> Steps[list[str]]:
    """What the agent left below its output directory, as absolute paths, in the order of names."""
    found, waiting, seen = list[str](), [""], 0
    while waiting:
        above = waiting.pop()
        yield LOOKING_COSTS
        try:
            with os.scandir(os.path.join(folder, above)) as listing:
                entries = sorted(islice(listing, MOST_ENTRIES + 1), key=lambda entry: entry.name)
        except OSError:
            continue
        below = []
        for entry in entries:
            relative = f"{above}/{entry.name}" if above else entry.name
            if relative == MANIFEST or not is_agents_own(relative):
                continue
            if entry.is_dir(follow_symlinks=False):
                below.append(relative)
            else:
                found.append(os.path.join(folder, relative))
        waiting.extend(reversed(below))
        seen += len(entries)
        if len(found) > MOST_FILES or seen > MOST_ENTRIES:
            raise CannotHandIn(f"the task left more than {MOST_FILES} files in {folder}; {_FEWER}")
    return found
