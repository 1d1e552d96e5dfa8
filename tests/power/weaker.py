"""The two weaker promises, each with all that it says.

`durability: process`, after the loss of power. The newest changes may be lost, together or one without the other. Then:
the daemon starts; two starts later nothing changes any more; a task that was taken in lies in one place, or is reported
missing, or its `taken_in` line was lost with it; a task file that was cut short or emptied stays one task, and its
definition counts; what agents and people have published is there; the numbers of the journal rise.

`durability: power_loss` where half a rename may be lost (no file system with a journal does that): besides all of the
strong promises, a task's file may be in neither of the two folders. Then it is reported missing, and
`cagents-fs rescue` makes it again, as a new attempt, also where a result had been accepted: nothing is lost but work.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.crash import fsck
from tests.crash.case import LONG_S, Set
from tests.crash.stage import Stage

if TYPE_CHECKING:
    from tests.power.outage import Outage


def process(outage: "Outage", one: Set, before: fsck.Tree) -> list[str]:
    """What is wrong under `durability: process`."""
    stage, wrong = _lived_twice(outage, one)
    for instruction in fsck.instructions(stage.root):
        wrong += _in_one_place(instruction, one.tasks.get(instruction.name, []))
        wrong += _rising(instruction)
    wrong += fsck._nothing_lost(before, fsck.listing(stage.root))
    return wrong + _changing(stage, one)


def strict(outage: "Outage", one: Set, before: fsck.Tree) -> list[str]:
    """What is wrong where half a rename may be lost."""
    stage, wrong = _lived_twice(outage, one)
    rescued = set[str]()
    for instruction in fsck.instructions(stage.root):
        found, missing = fsck.places(instruction), _missing(instruction)
        if lost := {name for name in one.tasks.get(instruction.name, []) if name not in found and name in missing}:
            stage.write(f"{instruction.name}/requests/99.yaml", {"action": "rescue", "from": "somebody"})
            rescued |= lost
    if rescued:
        wrong += [*_lives(stage, one, LONG_S), *_lives(stage, one, LONG_S)]
    broken = fsck.broken(stage.root, before, fsck.listing(stage.root), {} if one.scene.doubled else one.tasks)
    again = tuple(f"I3 accepted: {task_id} was accepted" for task_id in rescued)
    wrong += [text for text in broken if not again or not text.startswith(again)]
    return wrong + _changing(stage, one)


def _lived_twice(outage: "Outage", one: Set) -> tuple[Stage, list[str]]:
    outage.shim.off()
    stage = outage._stage(one.scene, 2)
    return stage, [*_lives(stage, one, max(one.scene.seconds, LONG_S)), *_lives(stage, one, 5.0)]


def _lives(stage: Stage, one: Set, seconds: float) -> list[str]:
    code, said = stage.daemon(seconds, agents=one.scene.agents)
    return [f"I5 a restart ended with {code}: {said}"] if code else []


def _changing(stage: Stage, one: Set) -> list[str]:
    before = fsck.listing(stage.root)
    wrong, after = _lives(stage, one, 1.0), fsck.listing(stage.root)
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name, 0) != after.get(name, 0))
    return [*wrong, f"I5 the third restart changed {changed[:5]}"] if changed else wrong


def lines(instruction: Path) -> list[dict[str, Any]]:
    """The lines of a journal that can be read."""
    path, found = instruction / "journal.jsonl", []
    for text in path.read_bytes().splitlines() if path.exists() else []:
        try:
            found.append(json.loads(text))
        except ValueError:
            continue
    return found


def _missing(instruction: Path) -> set[str]:
    return {line["task_id"] for line in lines(instruction) if line.get("alert") == "task_missing"}


def _in_one_place(instruction: Path, tasks: list[str]) -> Iterator[str]:
    found, missing = fsck.places(instruction), _missing(instruction)
    taken_in = {line["task_id"] for line in lines(instruction) if line["event"] == "taken_in"}
    for task_id in tasks:
        there = found.get(task_id, [])
        if len(there) > 1:
            yield f"I1 doubled: {task_id} is in {' and '.join(there)}"
        elif not there and task_id in taken_in and task_id not in missing:
            yield f"I1 lost: {task_id} is nowhere, and nobody is told"


def _rising(instruction: Path) -> Iterator[str]:
    numbers = [line["seq"] for line in lines(instruction)]
    if numbers != sorted(set(numbers)):
        yield f"I4 journal: the numbers are {numbers}"
