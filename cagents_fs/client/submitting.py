"""Making trees and submitting plans."""

import json
import os
import time
from collections.abc import Set
from dataclasses import dataclass
from importlib import resources

from cagents_fs import picture
from cagents_fs.config import load
from cagents_fs.errors import InvalidTree, NothingThere, StorageError
from cagents_fs.model.faults import Fault
from cagents_fs.model.files import KINDS
from cagents_fs.model.ids import fold, id_fault
from cagents_fs.model.layout import INSTRUCTION_FOLDERS, JOURNAL, PLAN, TAKEN_IN, TREE_FOLDERS
from cagents_fs.plans import Judged, judge, named
from cagents_fs.store import tree
from cagents_fs.store.disk import make_folders, put, sync_folder
from cagents_fs.store.dump import END, dump
from cagents_fs.store.locks import QueueLock
from cagents_fs.store.reading import has_end_marker
from cagents_fs.store.yaml import PLAN as PLAN_LIMITS
from cagents_fs.store.yaml import Unreadable, parse_mapping

SCHEMAS = "_system/schemas"


def init(folder: str) -> tuple[str, list[str]]:
    """Make `folder/Agent_Memory`. Returns its path and what was made; never overwrites.

    Raises StorageError, InvalidTree.
    """
    root = os.path.join(os.path.abspath(folder), "Agent_Memory")
    if os.path.lexists(os.path.join(root, "_system/template")):
        raise InvalidTree(f"{root} is the template of cagents-fs itself; make your tree somewhere else")
    made: list[str] = []
    try:
        os.makedirs(root, exist_ok=True)
        make_folders(root, TREE_FOLDERS)
        for relative, data in [*_template(), *_schemas()]:
            path = os.path.join(root, relative)
            if not os.path.lexists(path):
                os.makedirs(os.path.dirname(path), exist_ok=True)
                put(path, data, durable=False)
                made.append(relative)
    except OSError as error:
        raise StorageError(f"cannot make {error.filename or root}: {error.strerror}") from error
    return root, made


def _template() -> list[tuple[str, bytes]]:
    """The files of the template: in the wheel beside the code, in a checkout at the top of the repository."""
    packaged = str(resources.files("cagents_fs").joinpath("_template"))
    here = packaged if os.path.isdir(packaged) else os.path.join(os.path.dirname(__file__), "../../Agent_Memory")
    if not os.path.isdir(here):
        raise StorageError("the template is missing from this installation; install cagents-fs again")
    files = []
    for above, _, names in os.walk(here):
        for name in sorted(names):
            path = os.path.join(above, name)
            relative = os.path.relpath(path, here)
            if relative != "_system/template" and not name.startswith("."):
                with open(path, "rb") as file:
                    files.append((relative, file.read()))
    return sorted(files)


def _schemas() -> list[tuple[str, bytes]]:
    """One JSON Schema for each kind of file, from the same definitions that the daemon reads with."""
    return [(f"{SCHEMAS}/{kind}.schema.json", schema_file(kind)) for kind in sorted(KINDS)]


def schema_file(kind: str) -> bytes:
    """What the schema file of one kind holds."""
    return json.dumps(schema_of(kind), indent=2).encode() + b"\n"


def schema_of(kind: str) -> dict[str, object]:
    """The JSON Schema of one kind of file."""
    schema = KINDS[kind].model_json_schema(by_alias=True, mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


@dataclass(frozen=True, slots=True)
class Submitted:
    """A plan that waits to be taken in."""

    instruction_id: str
    tasks: tuple[str, ...]
    mode: str
    warnings: tuple[Fault, ...]


def submit(root: str, plan_path: str, wanted: str | None = None) -> Submitted:
    """Check a plan and put it into the tree. A wrong one is refused whole, with every fault, and nothing is written.

    Raises InvalidTree with the faults, NothingThere where there is no such file, StorageError.
    """
    data = _read(plan_path)
    judged = judge(data, plan_path, load(root).policy)
    faults = (*judged.faults, *missing_elsewhere(root, judged))
    if judged.plan is None or faults:
        count = len(faults)
        first = faults[0].message + (f" (and {count - 1} more faults)" if count > 1 else "")
        text = f"{plan_path} is refused, nothing was written: {first}"
        raise InvalidTree(text, faults=faults, code=faults[0].code)
    try:
        instruction = _take_id(root, wanted)
        with QueueLock(root, instruction):
            _put(root, instruction, judged, data)
    except OSError as error:
        raise StorageError(
            f"cannot write {error.filename or root}: {error.strerror}; free the way, submit again"
        ) from error
    return Submitted(instruction, tuple(task.task_id for task in judged.plan.tasks), judged.mode, judged.warnings)


def _put(root: str, instruction: str, judged: Judged, data: bytes) -> None:
    """Write a plan into the folder that was taken for it; the plan last: before it there is nothing to take in."""
    folder = os.path.join(root, instruction)
    if not _is_free(folder):  # somebody else has taken up a submission that was cut short, under the same id
        raise InvalidTree(f"there is an instruction {instruction} already; choose another id", code="exists")
    sync_folder(root)
    make_folders(folder, INSTRUCTION_FOLDERS, durable=True)
    whole = {key: value for key, value in judged.written.items() if key != "tasks"}
    head = dump({"instruction_id": instruction, **whole}).encode()
    put(os.path.join(folder, "instruction.yaml"), head, durable=True)
    put(os.path.join(folder, PLAN), _ended(data), durable=True)


def _is_free(folder: str) -> bool:
    """Whether no plan is there, nor anything that came of one: a submission that was cut short leaves that behind."""
    used = any(os.path.lexists(os.path.join(folder, name)) for name in (PLAN, TAKEN_IN, JOURNAL))
    return not used and not any(listing.tasks for listing in tree.Scanner().changed(folder))


def missing_elsewhere(root: str, judged: Judged) -> tuple[Fault, ...]:
    """The tasks of other instructions for which a plan waits and that are not in this tree. Raises OSError."""
    found: dict[str, Set[str]] = {}

    def knows(reference: str) -> bool:
        instruction, _, task_id = reference.partition(":")
        if instruction not in found:
            found[instruction] = _tasks_of(root, instruction)
        return task_id in found[instruction]

    return judged.missing(knows)


def _tasks_of(root: str, instruction: str) -> Set[str]:
    """The tasks of an instruction, also where its plan waits to be taken in."""
    if instruction not in tree.instructions(root):
        return set()
    work = picture.load(root, instruction).work
    if work.history.intake is not None:
        return work.records.keys()
    try:
        with open(os.path.join(root, instruction, PLAN), "rb") as file:
            return work.records.keys() | named(parse_mapping(file.read(), PLAN_LIMITS).value)
    except (FileNotFoundError, NotADirectoryError, Unreadable):
        return work.records.keys()


def _ended(data: bytes) -> bytes:
    """The plan with the mark that says it is whole: then no reader has to wait whether more of it comes."""
    return data if has_end_marker(data) else data + (b"" if data.endswith(b"\n") else b"\n") + END.encode()


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(PLAN_LIMITS.max_bytes + 1)
    except FileNotFoundError:
        raise NothingThere(f"there is no plan {path}") from None
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}") from error


def _take_id(root: str, wanted: str | None) -> str:
    """A free id, taken by `mkdir`. A wanted one may hold what is left of a submission that was cut short."""
    if wanted is not None:
        if fault := id_fault(wanted):
            raise InvalidTree(f"{wanted!r} cannot be an id: {fault}", code="bad_id")
        folder = os.path.join(root, wanted)
        alike = [name for name in os.listdir(root) if fold(name) == fold(wanted)]
        if alike and not (alike == [wanted] and os.path.isdir(folder) and _is_free(folder)):
            raise InvalidTree(f"there is an instruction {wanted} already; choose another id", code="exists")
        os.makedirs(folder, exist_ok=True)
        return wanted
    stem = f"inst_{time.strftime('%Y%m%d', time.gmtime())}_"
    taken = [name.removeprefix(stem) for name in tree.instructions(root) if name.startswith(stem)]
    number = 1 + max((int(rest) for rest in taken if rest.isdigit()), default=0)
    while True:
        try:
            os.mkdir(os.path.join(root, f"{stem}{number:03d}"))
        except FileExistsError:
            number += 1
        else:
            return f"{stem}{number:03d}"
