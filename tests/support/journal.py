"""What a journal proves, worked out from its lines and nothing else."""

import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tests.support.tree import Document

WORK = "tasks/in_progress"
ENDS_AN_ATTEMPT = ("tasks/completed", "queues/retry", "tasks/failed", "tasks/cancelled", "tasks/blocked")
Place = str | None


def at(line: Document) -> float:
    """When it was written, in seconds."""
    return datetime.fromisoformat(line["time"]).timestamp()


def state_files(instruction: Path) -> list[tuple[str, str]]:
    """Every task file in a state directory: where, and which. The lists of the queues are none."""
    found = [*instruction.glob("tasks/*/*.yaml"), *instruction.glob("queues/**/*.yaml")]
    return sorted((str(path.parent.relative_to(instruction)), path.stem) for path in found if path.stem != "queue")


@dataclass(frozen=True, slots=True)
class Journal:
    """The lines of one instruction, in the order in which they were written."""

    lines: list[Document]

    @classmethod
    def of(cls, instruction: Path) -> "Journal":
        return cls([json.loads(line) for line in (instruction / "journal.jsonl").read_text().splitlines()])

    def events(self, *names: str) -> list[Document]:
        return [line for line in self.lines if line["event"] in names]

    def by_task(self, *names: str) -> dict[str, list[Document]]:
        found: dict[str, list[Document]] = defaultdict(list)
        for line in self.events(*names):
            found[line["task_id"]].append(line)
        return dict(found)

    def moves(self) -> dict[str, list[tuple[Place, str]]]:
        """For each task, where from and where to, one after another."""
        return {task: [(line["from"], line["to"]) for line in lines] for task, lines in self.by_task("moved").items()}

    def check(self) -> None:
        """Each change of state is there once: numbers that only grow, unbroken chains, one answer to each intent."""
        numbers = [line["seq"] for line in self.lines]
        assert all(a < b for a, b in itertools.pairwise(numbers)), "numbers are used twice, or not in order"
        for task, moves in self.moves().items():
            assert moves[0][0] is None, (task, moves)
            assert all(a[1] == b[0] for a, b in itertools.pairwise(moves)), (task, moves)
            assert all(source != target for source, target in moves), (task, moves)
        intents = {line["seq"] for line in self.events("intend")}
        answered = [line["intent"] for line in self.events("moved", "void") if "intent" in line]
        assert sorted(answered) == sorted(intents), f"not answered once: {Counter(answered) - Counter(intents)}"
        assert len(self.events("taken_in")) == len(self.moves()), "a task was taken in twice, or never moved"

    def accepted(self) -> dict[str, int]:
        """How often the work of each task was accepted."""
        return {task: len(lines) for task, lines in self.by_task("accepted").items()}

    def claimed_seq(self, task: str) -> int:
        """The number of the line that says that it was claimed, for the first time."""
        return min(int(line["seq"]) for line in self.by_task("moved")[task] if line["to"] == WORK)

    def completed_seq(self, task: str) -> int:
        """The number of the line that says that it was completed, for the last time."""
        return max(int(line["seq"]) for line in self.by_task("moved")[task] if line["to"] == "tasks/completed")

    def check_order(self, edges: Mapping[str, Iterable[str]]) -> None:
        """Every task was claimed after all that it waits for were completed."""
        moved = self.by_task("moved")
        claimed = {task: [line["seq"] for line in lines if line["to"] == WORK] for task, lines in moved.items()}
        done = {
            task: [line["seq"] for line in lines if line["to"] == "tasks/completed"] for task, lines in moved.items()
        }
        for task, awaited in edges.items():
            for one in awaited:
                assert max(done[one]) < min(claimed[task]), f"{task} was claimed before {one} was completed"

    def most_at_once(self) -> int:
        """How many processes of agents ran at the same moment."""
        steps = (
            1 if line["event"] == "process_started" else -1 for line in self.events("process_started", "process_ended")
        )
        return max(itertools.accumulate(steps), default=0)

    def check_processes(self) -> None:
        """Never two processes for one task at once, and none without an end."""
        for task, lines in self.by_task("process_started", "process_ended").items():
            wanted = itertools.cycle(["process_started", "process_ended"])
            assert all(line["event"] == event for line, event in zip(lines, wanted, strict=False)), (task, lines)
            pids = [line["pid"] for line in lines]
            assert pids[::2] == pids[1::2], (task, lines)

    def worked_s(self) -> dict[str, float]:
        """For each task, the seconds of all its attempts, each from its claim to its end."""
        seconds: dict[str, float] = defaultdict(float)
        for task, lines in self.by_task("moved").items():
            begun_s: float | None = None
            for line in lines:
                if line["to"] == WORK and begun_s is None:
                    begun_s = at(line)
                elif line["to"] in ENDS_AN_ATTEMPT and begun_s is not None:
                    seconds[task] += at(line) - begun_s
                    begun_s = None
        return dict(seconds)

    def makespan_s(self) -> float:
        """From the first claim to the last end."""
        moved = self.events("moved")
        begun = [at(line) for line in moved if line["to"] == WORK]
        return max(at(line) for line in moved if line["to"] in ENDS_AN_ATTEMPT) - min(begun)
