"""A real folder with one or two instructions in it, and the committer that changes them."""

from pathlib import Path
from typing import Any

from cagents_fs.model.actions import Action, Move, Note
from cagents_fs.model.layout import INSTRUCTION_FOLDERS, TREE_FOLDERS
from cagents_fs.model.observations import Now
from cagents_fs.store.commit import Committer, Done
from cagents_fs.store.disk import make_folders
from cagents_fs.store.journal import read

NOW = Now(s=0.0, wall_s=1_768_046_400.0)  # 2026-01-10T12:00:00Z
INST = "inst_1"


class Desk:
    """The tree, and who is told what could not be written."""

    def __init__(self, folder: Path, *, power_loss: bool = True) -> None:
        self.root = folder.resolve() / "Agent_Memory"
        self.root.mkdir()
        make_folders(str(self.root), TREE_FOLDERS)
        self.skips: list[tuple[Action, OSError]] = []
        self.committer = Committer(str(self.root), self, power_loss=power_loss)
        self.begin(INST)

    def skipped(self, action: Action, error: OSError) -> None:
        self.skips.append((action, error))

    def begin(self, name: str) -> None:
        """A further instruction, with nothing in it."""
        (self.root / name).mkdir()
        make_folders(str(self.root / name), INSTRUCTION_FOLDERS)
        self.committer.open(name, read(str(self.root / name / "journal.jsonl")))

    def commit(self, *actions: Action) -> Done:
        return self.committer.commit(actions, NOW)

    def path(self, *parts: str, name: str = INST) -> Path:
        return self.root.joinpath(name, *parts)

    def put(self, place: str, task: str = "a", text: str | None = None, name: str = INST) -> Path:
        """A task file, as somebody wrote it."""
        path = self.path(place, f"{task}.yaml", name=name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# by hand\ntask_id: {task}\ndescription: Do it\n" if text is None else text)
        return path

    def places(self, task: str = "a", name: str = INST) -> list[str]:
        found = [
            *self.path("tasks", name=name).rglob(f"{task}.yaml"),
            *self.path("queues", name=name).rglob(f"{task}.yaml"),
        ]
        return sorted(str(path.parent.relative_to(self.root / name)) for path in found)

    def lines(self, name: str = INST) -> list[dict[str, Any]]:
        return read(str(self.path("journal.jsonl", name=name))).records

    def told(self, name: str = INST) -> list[tuple[str, str | None]]:
        """What the journal says of whom, in order."""
        return [(line["event"], line["task_id"]) for line in self.lines(name)]

    def output(self, task: str = "a", folder: str = "outputs/partial") -> Path:
        path = self.path(folder, task)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def snapshot(self) -> dict[str, bytes]:
        """Every file of the first instruction but its journal, with its bytes."""
        found = {str(p.relative_to(self.path())): p for p in self.path().rglob("*") if p.is_file()}
        return {name: path.read_bytes() for name, path in found.items() if name != "journal.jsonl"}


def move(source: str, target: str, task: str = "a", name: str = INST, **more: Any) -> Move:
    whole: dict[str, Any] = {"instruction": name, "task_id": task, "source": source, "target": target, "attempt": 1}
    return Move(**(whole | {"reason": f"{task} goes on", "agent": "ann"} | more))


def note(event: str, task: str = "a", *, first: bool = False, name: str = INST, **facts: Any) -> Note:
    return Note(instruction=name, event=event, reason=f"{event} {task}", task_id=task, first=first, facts=facts)
