"""One instruction on the disk, with tasks in all states that matter, seen through the daemon's own eyes."""

import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from cagents_fs.client.reading import inbox
from cagents_fs.client.validating import validate
from cagents_fs.config import load
from cagents_fs.core.index import Index, Work
from cagents_fs.daemon.eyes import Eyes
from cagents_fs.daemon.settling import Settling
from cagents_fs.daemon.watch import Watcher
from cagents_fs.model.actions import Action, KeepCopy, Note, Tell, WriteVerdict
from cagents_fs.model.ids import is_candidate
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import place_of, state_of
from cagents_fs.rules import completion
from cagents_fs.store.disk import make_folders
from cagents_fs.store.journal import Lines
from tests.hostile.case import CONFIGURATION, OF_THE_TREE, Case
from tests.support import builders as b
from tests.support.desk import Desk

MEETING = {"coordination": [{"checkpoint": "api", "with": ["t2"]}]}
WORKS = ["It works"]
RESULT = b"done\n"  # `result.txt`, which every task in work hands in
PLEA = '{"escalation_id": "e0", "from_agent": "bob", "severity": "low", "issue_description": "Which port?"}'
QUEUED = place_of(state_of("queues/agents"), "ann")


def plan() -> list[dict[str, object]]:
    """The tasks of the instruction; `t3` waits in ann's queue, the others are worked on."""
    ann = {"description": "Do it", "assigned_agent": "ann"}
    return [
        {"task_id": "t1", **ann, "acceptance_criteria": WORKS, "dependencies": MEETING},
        {"task_id": "t2", **ann, "assigned_agent": "bob"},
        {"task_id": "t3", **ann},
        {"task_id": "t4", **ann, "task_type": "implementation"},
    ]


class World:
    """Made once; every case leaves it as it found it."""

    def __init__(self) -> None:
        """Memory, where there is a file system in it: hundreds of files come and go."""
        fast = Path("/dev/shm")
        self.folder = Path(tempfile.mkdtemp(prefix="cagents-hostile-", dir=fast if os.access(fast, os.W_OK) else None))
        self.desk = Desk(self.folder, power_loss=False)
        self.desk.put(QUEUED, "t3", "task_id: t3\ndescription: Do it\n")
        for task_id in ("t1", "t2", "t4"):
            self.desk.put(b.IN_PROGRESS, task_id, f"task_id: {task_id}\ndescription: Do it\n")
            (self.desk.output(task_id) / "result.txt").write_bytes(RESULT)
        (self.desk.path("escalations") / "e0.yaml").write_text(PLEA)
        self.watcher = Watcher(events=False)

    def remove(self) -> None:
        """Leave nothing behind."""
        self.watcher.close()
        shutil.rmtree(self.folder)

    def answers(self, case: Case) -> tuple[str, tuple[str, ...]]:
        """What becomes of this file, and what is said about it."""
        path = os.path.join(os.fsencode(self._base(case)), os.fsencode(case.path))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(case.data)
        try:
            return self._of_the_tree(case) if case.kind in OF_THE_TREE else self._seen(case)
        finally:
            os.unlink(path)
            shutil.rmtree(self.desk.root / "inst_2", ignore_errors=True)

    def _base(self, case: Case) -> Path:
        if case.kind in OF_THE_TREE:
            return self.desk.root
        return self.desk.root / ("inst_2" if case.kind in ("plan", "instruction") else "inst_1")

    def _of_the_tree(self, case: Case) -> tuple[str, tuple[str, ...]]:
        path = str(self.desk.root / case.path)
        if case.kind in CONFIGURATION:
            configuration = load(str(self.desk.root))
            lines = said(fault.to_json() for fault in configuration.faults)
            return ("answered" if lines else "taken in"), lines
        told = validate(path, "message", None)
        there = [message["message_id"] for message in inbox(str(self.desk.root), "ann")]
        if not is_candidate(os.path.basename(path)):
            return "ignored", ()
        assert bool(there) == told.valid, (there, told)
        return ("taken in" if there else "left out"), said(f.to_json() for f in (*told.faults, *told.warnings))

    def _seen(self, case: Case) -> tuple[str, tuple[str, ...]]:
        work, index, eyes = self.begin(Settling(0.0))
        if case.kind in ("plan", "instruction"):
            actions = self._new(eyes, case)
            self.desk.committer.forget("inst_2")
        else:
            actions = b.taken(index, eyes.look(work, b.NOW))
            actions += b.taken(index, completion.decide(index, POLICY, b.NOW))
        notes = [one for one in actions if isinstance(one, Note)]
        for note in sorted(notes, key=lambda note: note.event, reverse=True):  # a verdict says more than an answer
            if note.event in ("answered", "rejected"):
                kept = [one for one in actions if isinstance(one, KeepCopy | WriteVerdict)]
                told = [one for one in actions if isinstance(one, Tell)]
                assert kept and told, actions
                outcome = (
                    "rejected" if case.kind == "manifest" else note.event
                )  # refused: a verdict on the holder's none
                return outcome, said(note.facts["faults"], str(self.folder))  # type: ignore[arg-type]
        if not self._counts(index, case, notes):
            return "ignored", ()
        prefix = f"{case.path}:"
        return "taken in", tuple(n.reason.removeprefix(prefix) for n in notes if n.event == "warning")

    def begin(self, settling: Settling) -> tuple[Work, Index, Eyes]:
        """A daemon's picture of the instruction, and eyes that have seen nothing yet."""
        work = self._work()
        index = Index(works={work.id: work})
        return work, index, Eyes(index, self.desk.committer, self.watcher, settling, lambda: POLICY)

    def _work(self) -> Work:
        tasks = [b.task(str(one["task_id"]), **{k: v for k, v in one.items() if k != "task_id"}) for one in plan()]
        work = b.work(*tasks)
        for task_id in ("t1", "t2", "t4"):
            b.lies(work, task_id, b.IN_PROGRESS, holder="bob" if task_id == "t2" else "ann")
        b.lies(work, "t3", QUEUED)
        return work

    def _new(self, eyes: Eyes, case: Case) -> list[Action]:
        """A plan, or an instruction without one, in whose `tasks/pending` a good task lies."""
        folder = self.desk.root / "inst_2"
        if case.kind == "instruction":
            make_folders(str(folder), ("tasks/pending",))
            (folder / "tasks/pending/T1.yaml").write_text("task_id: T1\ndescription: Do it\n")
        self.desk.committer.open("inst_2", Lines())
        return b.taken(eyes.index, eyes.open("inst_2", b.NOW))

    @staticmethod
    def _counts(index: Index, case: Case, notes: list[Note]) -> bool:
        """Whether the file has had an effect."""
        work, name = index.works["inst_1"], case.path.rpartition("/")[2]
        stem = name.removesuffix(".yaml")
        match case.kind:
            case "plan" | "instruction":
                return index.works["inst_2"].history.intake is not None
            case "heartbeat":
                return any(record.heartbeat for record in work.records.values())
            case "manifest":
                return any(note.event == "accepted" for note in notes)
            case "escalation":
                return stem in work.escalations
            case "response":
                return stem.removesuffix(".response") in work.responses
            case "request":
                return name in work.requests
            case "arrival":
                return stem in work.meetings["api"].arrived
        return stem in work.records


POLICY = Policy(backoff_jitter=False, max_file_bytes=1 << 20)


def said(faults: Iterable[dict[str, object]], folder: str = "") -> tuple[str, ...]:
    """Each fault in one line, as the table has it, with paths from `folder` on."""
    return tuple(
        " ".join(
            str(part)
            for part in (
                fault["code"],
                *([f"{fault['line']}:{fault['column']}"] if fault["line"] else []),
                str(fault["message"]).replace(folder or "\0", ""),
            )
        )
        for fault in faults
    )
