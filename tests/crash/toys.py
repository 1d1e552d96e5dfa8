"""Three daemons that everybody would write first. Each breaks promises at some call, or this suite proves nothing.

They do one thing: what is handed in is completed, and who waited for it is released.
"""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.crash.scene import Scene
from tests.crash.scenes_work import claimed
from tests.crash.stage import I1, Stage

Moved = Callable[["Toy", str, str, str], None]


class Toy:
    """A daemon without locks, without intents, without syncs."""

    def __init__(self, root: Path, move: Moved) -> None:
        self.folder, self._move = root / I1, move

    def run(self) -> None:
        """Until nothing is left to do."""
        for path in sorted(self.folder.glob("tasks/in_progress/*.yaml")):
            manifest = self.folder / f"outputs/partial/{path.stem}/manifest.yaml"
            if manifest.exists():
                self._move(self, path.stem, "tasks/in_progress", "tasks/completed")
        for path in sorted(self.folder.glob("queues/waiting_on_dependencies/*.yaml")):
            if (self.folder / "tasks/completed/t1.yaml").exists():
                self._move(self, path.stem, "queues/waiting_on_dependencies", "queues/agents/bob")

    def tell(self, task_id: str, source: str, target: str) -> None:
        """A line in the journal."""
        path = self.folder / "journal.jsonl"
        lines = path.read_text().splitlines()
        line = {"seq": len(lines) + 1, "event": "moved", "task_id": task_id, "from": source, "to": target}
        with open(path, "a", encoding="ascii") as file:
            file.write(json.dumps({**line, "attempt": 1, "reason": "a toy"}) + "\n")

    def path(self, place: str, task_id: str) -> Path:
        """Where a task's file lies, or will."""
        return self.folder / place / f"{task_id}.yaml"


def copies_and_deletes(toy: Toy, task_id: str, source: str, target: str) -> None:
    """The first thought: a task is in two places for a moment, or in half."""
    shutil.copyfile(toy.path(source, task_id), toy.path(target, task_id))
    os.unlink(toy.path(source, task_id))
    toy.tell(task_id, source, target)


def renames_and_tells(toy: Toy, task_id: str, source: str, target: str) -> None:
    """The second: a crash between the two, and the journal never hears of it."""
    os.rename(toy.path(source, task_id), toy.path(target, task_id))
    toy.tell(task_id, source, target)


def tells_and_renames(toy: Toy, task_id: str, source: str, target: str) -> None:
    """The third: a crash between the two, and it is told twice."""
    toy.tell(task_id, source, target)
    os.rename(toy.path(source, task_id), toy.path(target, task_id))


TOYS = {move.__name__.replace("_", "-"): move for move in (copies_and_deletes, renames_and_tells, tells_and_renames)}


def toy(name: str) -> Scene:
    """A scene in which the daemon is a toy, also when it is started again."""

    def given(stage: Stage) -> None:
        claimed(stage)
        stage.lives()  # a toy does not know that agents claim: that is told before it begins
        stage.hand_in("t1")

    return Scene(f"toy-{name}", given, lambda stage: _live(stage, name), restart=lambda stage: _live(stage, name))


def _live(stage: Stage, name: str) -> tuple[int, str]:
    try:
        Toy(stage.root, TOYS[name]).run()
    except OSError as error:
        return 1, str(error)
    return 0, ""
