"""`validate`: read a file as the daemon would, without a tree if need be."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cagents_fs.client.submitting import missing_elsewhere
from cagents_fs.config import load
from cagents_fs.errors import CagentsError, UsageError
from cagents_fs.model.faults import Fault
from cagents_fs.model.files import KINDS
from cagents_fs.model.policy import Policy
from cagents_fs.picture import find_root
from cagents_fs.plans import judge
from cagents_fs.store.check import check
from cagents_fs.store.reading import NotRegular, TooLarge, read_bounded
from cagents_fs.store.yaml import AGENT_FILE, PLAN, Unreadable, parse_mapping


@dataclass(frozen=True, slots=True)
class Validated:
    """What a file was read as, and what is wrong with it."""

    path: str
    kind: str
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...] = ()

    @property
    def valid(self) -> bool:
        """Whether the daemon would take it."""
        return not self.faults

    def to_json(self) -> dict[str, Any]:
        """As `--json` shows it."""
        return {
            "path": self.path,
            "kind": self.kind,
            "valid": self.valid,
            "faults": [fault.to_json() for fault in self.faults],
            "warnings": [fault.to_json() for fault in self.warnings],
        }


def validate(path: str, kind: str | None, root: str | None) -> Validated:
    """Every fault of a file. `kind` is one of the kinds of the protocol; else it is told from name and keys.

    A path that leads nowhere from here is looked up in the tree: so they are named in the journal. Raises UsageError
    for an unknown kind.
    """
    if kind is not None and kind not in KINDS:
        raise UsageError(f"there is no kind {kind}; it is one of {', '.join(KINDS)}")
    path = _found(path, root)
    try:
        data = read_bounded(path, PLAN.max_bytes).data
    except FileNotFoundError:
        return Validated(path, kind or "unknown", (Fault("not_found", "there is no such file", path),))
    except (NotRegular, TooLarge) as error:
        return Validated(path, kind or "unknown", (Fault("unreadable", str(error), path),))
    except OSError as error:
        return Validated(path, kind or "unknown", (Fault("unreadable", error.strerror or str(error), path),))
    kind = kind or _by_name(path)
    try:
        document = parse_mapping(data, PLAN if kind in (None, "plan") else AGENT_FILE)
    except Unreadable as error:
        faults = tuple(Fault(f.code, f.message, path, f.line, f.column) for f in error.faults)
        return Validated(path, kind or "unknown", faults)
    kind = kind or _by_keys(document.value)
    if kind == "plan":
        tree, policy = _surroundings(root)
        judged = judge(data, path, policy)
        elsewhere = missing_elsewhere(tree, judged) if tree is not None else ()
        return Validated(path, kind, (*judged.faults, *elsewhere), judged.warnings)
    checked = check(document, KINDS[kind], path)
    return Validated(path, kind, checked.faults, checked.warnings)


def _found(path: str, root: str | None) -> str:
    """Where a file is: as it was named, else below the tree."""
    if os.path.lexists(path) or os.path.isabs(path):
        return path
    tree, _ = _surroundings(root)
    below = os.path.join(tree, path) if tree else path
    return below if os.path.lexists(below) else path


def _surroundings(root: str | None) -> tuple[str | None, Policy]:
    """The tree for which a plan is meant, and its configuration; without a tree the defaults."""
    try:
        tree = find_root(root)
        return tree, load(tree).policy
    except CagentsError:
        return None, Policy()


def _by_name(path: str) -> str | None:
    name, folder = os.path.basename(path), os.path.basename(os.path.dirname(os.path.abspath(path)))
    if name.endswith(".response.yaml"):
        return "response"
    by_name = {"plan.yaml": "plan", "manifest.yaml": "manifest", "instruction.yaml": "instruction"}
    by_folder = {"heartbeats": "heartbeat", "escalations": "escalation", "requests": "request", "pending": "task"}
    return by_name.get(name) or by_folder.get(folder)


def _by_keys(value: Mapping[str, Any]) -> str:
    """The kind whose own keys are there. A file that says nothing of itself is taken for a task."""
    marks = (
        ("plan", ("tasks",)),
        ("manifest", ("subagent",)),
        ("heartbeat", ("agent_name",)),
        ("heartbeat", ("subagent_name",)),
        ("response", ("escalation_id", "action")),
        ("escalation", ("escalation_id",)),
        ("message", ("message_id",)),
        ("task", ("task_id", "description")),
        ("request", ("action",)),
        ("instruction", ("mode",)),
    )
    return next((kind for kind, keys in marks if all(key in value for key in keys)), "task")
