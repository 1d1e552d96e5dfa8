"""Do the promises hold in this tree? Reads it with its own eyes: nothing here comes from the product.

The numbers are those of the promises in Agent_Memory/README.md.
"""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

STATES = ("pending", "in_progress", "under_review", "blocked", "completed", "failed", "cancelled")
PLACES = tuple(f"tasks/{state}" for state in STATES)
QUEUES = ("queues/global", "queues/retry", "queues/waiting_on_dependencies")
FOLDERED = ("queues/agents", "queues/domains")
Line = dict[str, Any]
Tree = dict[str, bytes | None]  # path relative to the root -> content; None for a folder


def listing(root: Path) -> Tree:
    """Every name in the tree, with its bytes; what a daemon says of itself is left out."""
    found: Tree = {}
    above = len(str(root)) + 1
    for folder, _, names in os.walk(root):
        if folder[above:].startswith("_system/daemon"):
            continue
        found[folder[above:]] = None
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path) and not os.path.islink(path):
                with open(path, "rb") as file:
                    found[path[above:]] = file.read()
            else:
                found[path[above:]] = None
    return found


def instructions(root: Path) -> list[Path]:
    """The instructions of a tree."""
    return sorted(path for path in root.iterdir() if path.is_dir() and path.name[0] not in "_.")


def places(instruction: Path) -> dict[str, list[str]]:
    """Where the files of each task lie."""
    found: dict[str, list[str]] = {}
    folders = [*PLACES, *QUEUES]
    for above in FOLDERED:
        if (instruction / above).is_dir():
            folders += [f"{above}/{path.name}" for path in (instruction / above).iterdir() if path.is_dir()]
    for folder in folders:
        for path in (instruction / folder).glob("[!.]*.yaml"):
            if path.stem != "queue":
                found.setdefault(path.stem, []).append(folder)
    return found


def is_whole(instruction: Path, task_id: str) -> bool:
    """Whether the files of a task say what a task of a scene says."""
    said = f"Do {task_id}, as told".encode()
    return all(said in (instruction / place / f"{task_id}.yaml").read_bytes() for place in places(instruction)[task_id])


def journal(instruction: Path) -> list[Line]:
    """The lines of a journal. Raises ValueError where one is none."""
    path = instruction / "journal.jsonl"
    if not path.exists():
        return []
    data = path.read_bytes()
    if data and not data.endswith(b"\n"):
        raise ValueError("the last line has no end")
    return [json.loads(text) for text in data.splitlines()]


def broken(root: Path, before: Tree, after: Tree, known: Mapping[str, list[str]]) -> Iterator[str]:
    """Every promise that does not hold, after recovery.

    `before`: the tree as it was before anything went wrong; `after`: as it is now; `known`: the tasks of each
    instruction that have to be there.
    """
    for instruction in instructions(root):
        yield from _one_place(instruction, known.get(instruction.name, []))
        yield from _exactly_once(instruction)
    yield from _nothing_lost(before, after)
    yield from _litter(before, after)


def _one_place(instruction: Path, tasks: list[str]) -> Iterator[str]:
    found = places(instruction)
    for task_id in tasks:
        there = found.get(task_id, [])
        if not there:
            yield f"I1 lost: {task_id} is nowhere"
        elif len(there) > 1:
            yield f"I1 doubled: {task_id} is in {' and '.join(there)}"
        elif not is_whole(instruction, task_id):
            data = (instruction / there[0] / f"{task_id}.yaml").read_bytes()
            yield f"I1 damaged: {task_id} in {there[0]} holds {data[:60]!r}"


def _exactly_once(instruction: Path) -> Iterator[str]:
    try:
        lines = journal(instruction)
    except ValueError as error:
        yield f"I4 journal: {error}"
        return
    numbers = [line["seq"] for line in lines]
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"I4 journal: the numbers are {numbers}"
    yield from _chains(instruction, lines)
    yield from _intents(lines)
    yield from _acceptances(lines)


def _chains(instruction: Path, lines: list[Line]) -> Iterator[str]:
    """Each move begins where the one before has ended, and the last ends where the file lies."""
    at: dict[str, str | None] = {}
    for line in lines:
        task_id = line["task_id"]
        if line["event"] == "taken_in" and line["source"] == "pending":
            at[task_id] = "tasks/pending"
        if line["event"] == "moved":
            if line["from"] != at.get(task_id) and not _is_made_again(line):
                yield f"I4 moved: {task_id} from {line['from']} in line {line['seq']}, but it lay in {at.get(task_id)}"
            at[task_id] = line["to"]
    for task_id, found in places(instruction).items():
        if task_id in at and found != [at[task_id]]:
            yield f"I4 moved: {task_id} is in {found}, and the journal has it in {at[task_id]}"


def _is_made_again(line: Line) -> bool:
    """Somebody had removed the file, somebody else asked for it: it comes from nowhere a second time."""
    return line["from"] is None and str(line["reason"]).endswith("made again")


def _intents(lines: list[Line]) -> Iterator[str]:
    """Each intent has one outcome."""
    meant = {line["seq"] for line in lines if line["event"] == "intend"}
    outcomes = Counter(line["intent"] for line in lines if line["event"] in ("moved", "void") and line.get("intent"))
    for seq in sorted(meant):
        if outcomes[seq] != 1:
            yield f"I4 intent: {seq} has {outcomes[seq]} outcomes"
    for seq in sorted(outcomes.keys() - meant):
        yield f"I4 intent: there is an outcome of {seq}, which is none"


def _acceptances(lines: list[Line]) -> Iterator[str]:
    """A completion was accepted, once, before; what was accepted is completed, and its manifest is in the line."""
    accepted = Counter(
        (line["task_id"], line["attempt"])
        for line in lines
        if line["event"] == "accepted" and not _is_void(line, lines)
    )
    for line in lines:
        if line["event"] == "accepted" and line["task_id"]:
            text = str(line["manifest"]).encode()
            if hashlib.sha256(text).hexdigest() != line["manifest_sha256"]:
                yield f"I3 accepted: the manifest in line {line['seq']} has another digest"
            if not _came_about(line, lines):
                yield f"I3 accepted: {line['task_id']} was accepted in line {line['seq']} and is not completed"
    for (task_id, attempt), times in accepted.items():
        if times > 1 and task_id:
            yield f"I4 accepted: {task_id} was accepted {times} times in attempt {attempt}"


def _came_about(accepted: Line, lines: list[Line]) -> bool:
    rest = [line for line in lines[accepted["seq"] :] if line["task_id"] == accepted["task_id"]]
    return any(line["event"] == "moved" and line["to"] == "tasks/completed" for line in rest) or _is_void(
        accepted, lines
    )


def _is_void(accepted: Line, lines: list[Line]) -> bool:
    """Somebody took the task away before it could be completed, and the journal says so: then it is in work again."""
    rest = [line for line in lines[accepted["seq"] :] if line["task_id"] == accepted["task_id"]]
    meant = next((line for line in rest if line["event"] == "intend"), None)
    if meant is None or meant["to"] != "tasks/completed":
        return False
    void = any(line["event"] == "void" and line["intent"] == meant["seq"] for line in rest)
    return void and any(line["event"] == "moved" and not line.get("intent") for line in rest)


def _nothing_lost(before: Tree, after: Tree) -> Iterator[str]:
    """No byte that an agent wrote is gone: it lies where it lay, or was put aside, or is in the journal."""
    kept = {data for data in after.values() if data}
    told = b"\n".join(data for name, data in after.items() if data and name.endswith("journal.jsonl"))
    for name, data in before.items():
        if data and _is_an_agents(name) and after.get(name) != data and data not in kept and not _in(told, data):
            yield f"I2 lost: {name} ({data[:50]!r})"


def _is_an_agents(name: str) -> bool:
    """Requests are taken and removed; task files are compared by what they say; the rest here is the daemon's."""
    mine = ("outputs/partial/", "heartbeats/", "escalations/", "workflow/plan.yaml", "checkpoints/")
    derived = ("verification.yaml", "output_summary.yaml")
    inside = name.partition("/")[2]
    return inside.startswith(mine) and not inside.endswith(derived) and "/." not in name


def _in(told: bytes, data: bytes) -> bool:
    return json.dumps(data.decode(errors="replace")).encode()[1:-1] in told


def _litter(before: Tree, after: Tree) -> Iterator[str]:
    """A crash may leave one temporary file behind, never two: nothing is done twice half."""
    ours = [name for name in after if name.rpartition("/")[2].startswith(".") and name.endswith(".tmp")]
    left = [name for name in ours if name not in before]
    if len(left) > 2:
        yield f"litter: {left}"
