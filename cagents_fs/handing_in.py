"""Writing manifests: for the command line, and on behalf of agents that write none."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from typing import Any

from cagents_fs.errors import UsageError
from cagents_fs.model.layout import MANIFEST, is_agents_own
from cagents_fs.store.beneath import Located, Roots, find
from cagents_fs.store.disk import no_links, put
from cagents_fs.store.dump import END, dump

_KINDS = {
    "code": (".py", ".js", ".ts", ".go", ".rs", ".java", ".c", ".h", ".cpp", ".sh", ".sql", ".rb"),
    "documentation": (".md", ".rst", ".txt", ".html"),
    "config": (".yaml", ".yml", ".toml", ".ini", ".cfg"),
    "data": (".json", ".jsonl", ".csv", ".parquet", ".xml"),
}


def artifact(path: str, roots: Roots) -> dict[str, Any]:
    """The entry of a manifest for one file, hashed where it lies. Raises UsageError where no root holds it, OSError."""
    real = os.path.realpath(path)
    for root in (roots.output_dir, roots.outputs, roots.workspace):
        base = os.path.realpath(root)
        if real.startswith(base + os.sep):
            relative = os.path.relpath(real, base)
            located = find(relative, roots)
            if isinstance(located, Located) and located.real_path == real:
                return _entry(relative, real)
    if not os.path.lexists(path):
        raise UsageError(f"there is no file {path}")
    raise UsageError(
        f"{path} lies neither in the workspace {roots.workspace} nor in the output directory {roots.output_dir}; "
        "put it into one of them, then hand it in"
    )


def _entry(relative: str, real: str) -> dict[str, Any]:
    digest = hashlib.sha256()
    size = 0
    with open(real, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
            size += len(block)
    ending = os.path.splitext(relative)[1].lower()
    kind = next((name for name, endings in _KINDS.items() if ending in endings), "data")
    return {
        "name": os.path.basename(relative),
        "type": kind,
        "path": relative,
        "size_bytes": size,
        "checksum": f"sha256:{digest.hexdigest()}",
    }


def write(folder: str, fields: Mapping[str, Any]) -> str:
    """Write a manifest into an output directory, whole and ended by `...`. Returns its path. Raises OSError."""
    os.makedirs(folder, exist_ok=True)
    no_links(folder)
    path = os.path.join(folder, MANIFEST)
    put(path, (dump(fields) + END).encode(), durable=True)
    return path


def found_artifacts(roots: Roots, files: Sequence[str]) -> list[dict[str, Any]]:
    """What a task left in its output directory, and those of its `files` that exist. Vanished files are left out."""
    entries = {}
    for path in [*_below(roots.output_dir), *(os.path.join(roots.workspace, name) for name in files)]:
        if os.path.isfile(path):
            try:
                entry = artifact(path, roots)
            except (OSError, UsageError):
                continue
            entries[entry["path"]] = entry
    return list(entries.values())


def _below(folder: str) -> list[str]:
    found = []
    for above, folders, names in os.walk(folder):
        relative = os.path.relpath(above, folder)
        folders[:] = sorted(name for name in folders if relative != "." or is_agents_own(name))
        for name in sorted(names):
            shown = name if relative == "." else f"{relative}/{name}"
            if is_agents_own(shown) and shown != MANIFEST:
                found.append(os.path.join(above, name))
    return found
