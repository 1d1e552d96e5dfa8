"""What the journal knows of an instruction. A restarted daemon replays it; a running one applies each line it writes.

So what is remembered is what the journal says, and nothing else: there is no second copy that a crash could part.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cagents_fs.model.observations import Process
from cagents_fs.model.states import State, folder_of, state_of

Line = Mapping[str, Any]


@dataclass(slots=True)
class Ledger:
    """What the journal knows of one task."""

    digest: str | None = None  # of the definition taken in
    moved_seq: int = 0  # of the line that brought it where it is
    added: bool = False  # came after the plan, by a file in tasks/pending
    place: str | None = None
    came_from: str | None = None
    attempt: int = 1
    holder: str | None = None
    retries: int = 0  # attempts that count against the budget
    rejections: int = 0  # manifests rejected in this attempt
    due_wall_s: float | None = None  # when the backoff is over, on the wall clock: it has to outlive us
    accepted: str | None = None  # SHA-256 of the manifest
    judged: tuple[str, str] | None = None  # manifest and evidence of the last verdict
    refused: str | None = None  # the manifest that was answered without a verdict: stale, foreign, too late
    checked_before: bool = False
    by_runner: bool = False
    process: Process | None = None
    starts: int = 0
    runs: int = 0  # processes of this attempt that came to their end by themselves
    blocked_by: tuple[str, ...] = ()
    skipped: bool = False
    stalled: bool = False
    alerted: bool = False  # that nobody claims it
    reason: str = ""  # of the last move

    def move(self, line: Line) -> None:
        """Take over a `moved` line."""
        target, attempt = line["to"], line.get("attempt") or self.attempt
        if attempt != self.attempt:
            self.rejections, self.judged, self.refused, self.starts, self.runs = 0, None, None, 0, 0
            self.accepted = None
        self.came_from, self.place, self.attempt = line.get("from"), target, attempt
        self.reason = line.get("reason") or ""
        self.moved_seq = line.get("seq", self.moved_seq)
        self.retries = line.get("retries", self.retries)
        self.skipped, self.stalled, self.alerted = bool(line.get("skip", False)), False, False
        self.blocked_by = tuple(line.get("blocked_by", ()))
        state = state_of(target)
        if state is State.AGENTS:
            self.holder, self.by_runner = folder_of(target), False
        elif state is State.IN_PROGRESS:
            self.holder = line.get("agent") or self.holder
            self.by_runner = line.get("by") == "runner" or (self.by_runner and state_of(line["from"]) != State.AGENTS)
        elif state is State.RETRY and line.get("due"):
            self.due_wall_s = datetime.fromisoformat(line["due"]).timestamp()


@dataclass(slots=True)
class History:
    """What the journal knows of one instruction."""

    ledgers: dict[str, Ledger] = field(default_factory=dict)
    next_seq: int = 1
    damaged: list[int] = field(default_factory=list)  # numbers of lines that say nothing we understand
    intake: Line | None = None  # the `intake_done` line
    phase: str = "planning"
    closed: bool = True  # whether the task files say how it ended, where it has
    answered: set[str] = field(default_factory=set)
    intents: dict[int, Line] = field(default_factory=dict)  # intended and neither moved nor void
    quarantined: dict[str, str] = field(default_factory=dict)  # path -> why, as far as it was not mended

    def ledger(self, task_id: str) -> Ledger:
        """The ledger of a task; a new one for a task that the journal does not know."""
        return self.ledgers.setdefault(task_id, Ledger())

    def replay(self, lines: Iterable[Line]) -> "History":
        """Take over what is there. Lines of unknown events are skipped: a newer version may have written them.

        So is a line that is JSON and no record of ours: `damaged` has its number.
        """
        for line in lines:
            try:
                self.apply(line)
            except (KeyError, TypeError, ValueError, AttributeError):
                self.damaged.append(line.get("seq", 0))
        return self

    def apply(self, line: Line) -> None:
        """Take over one line."""
        self.next_seq = max(self.next_seq, line.get("seq", 0) + 1)
        task_id = line.get("task_id")
        match line["event"]:
            case "intend":
                self.intents[line["seq"]] = line
            case "moved":
                self.intents.pop(line.get("intent", -1), None)
                if task_id:
                    self.ledger(task_id).move(line)
            case "void":
                self.intents.pop(line.get("intent", -1), None)
            case "intake_done":
                self.intake = line
            case "phase":
                self.phase, self.closed = line["phase"], False
            case "closed":
                self.closed = True
            case "answered" | "finding" if "key" in line:
                self._answer(line)
            case "mended":
                self.quarantined.pop(line["path"], None)
            case _ if task_id:
                self._of_task(self.ledger(task_id), line)

    def _answer(self, line: Line) -> None:
        self.answered.add(line["key"])
        if task_id := line.get("refused_task"):
            self.ledger(task_id).refused = line.get("manifest_sha256")
        if line.get("quarantined"):
            self.quarantined[line["path"]] = line["reason"]

    @staticmethod
    def _of_task(ledger: Ledger, line: Line) -> None:
        match line["event"]:
            case "taken_in":
                ledger.digest, ledger.added = line.get("digest"), line.get("source") == "pending"
                ledger.place = ledger.place or line.get("at")  # it lies where it was found, without a rename of ours
                ledger.attempt = line.get("attempt") or ledger.attempt
            case "accepted":
                ledger.accepted = line["manifest_sha256"]
                ledger.judged = (line["manifest_sha256"], line.get("evidence_sha256", ""))
            case "rejected" | "failed_attempt":
                ledger.judged = (line["manifest_sha256"], line.get("evidence_sha256", ""))
                ledger.rejections = line.get("rejections", ledger.rejections)
            case "alert":
                ledger.alerted = True
            case "stalled" | "revived":
                ledger.stalled = line["event"] == "stalled"
            case "checked_before":
                ledger.checked_before = True
            case "process_started":
                ledger.process = Process(pid=line["pid"], started=line["start_time"], boot_id=line["boot_id"])
                ledger.starts += 1
            case "process_ended":
                if ledger.process is not None and line.get("pid") in (None, ledger.process.pid):
                    ledger.process = None
                if line.get("exit_code") is not None and not line.get("stopped"):
                    ledger.runs += line.get("attempt") in (None, ledger.attempt)
