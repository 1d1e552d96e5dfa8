"""What the journal of an instruction tells, line by line: the observer's own bookkeeping, apart from the program's."""

from dataclasses import dataclass, field
from typing import Any

from cagents_fs.core.history import History
from cagents_fs.model.states import State
from cagents_fs.store.journal import follow

Line = dict[str, Any]
LEAVING_RAISES = (State.RETRY.value, State.FAILED.value, State.CANCELLED.value)
AS_FROM_PENDING = (State.WAITING.value, State.GLOBAL.value)


@dataclass(slots=True)
class Fate:
    """What became of one task so far."""

    place: str | None = None
    attempt: int = 1
    holder: str | None = None
    accepted: int | None = None  # the attempt whose manifest was accepted
    ended: int = 0  # the last attempt that came to an end without being completed
    skipped: bool = False
    waived: bool = False  # it goes on without some of those that it waited for
    given: str | None = None  # to whom it was reassigned and not yet released
    entered_s: float = 0.0
    spared: int = 0  # moves out of this attempt that came to nothing, as somebody else had moved it meanwhile
    late: bool = False  # under review as late work, from `retry`
    claimed: bool = False  # it is in work because an agent claimed it, as the journal has it

    @property
    def satisfied(self) -> bool:
        """Whether those who wait for it may begin."""
        done = self.place == State.COMPLETED.value and self.accepted is not None
        return done or (self.place == State.CANCELLED.value and self.skipped)


@dataclass(slots=True)
class Told:
    """The journal of one instruction as far as it was read."""

    path: str
    seq: int = 0
    offset: int = 0
    intake: bool = False
    phase: str = "planning"
    fates: dict[str, Fate] = field(default_factory=dict)
    paused: dict[str, float] = field(default_factory=dict)  # since when; tasks, and "" for the instruction
    pleas: set[str] = field(default_factory=set)  # escalations that are open
    resumed: set[str] = field(default_factory=set)  # tasks that go on because somebody said so
    closed: set[str] = field(default_factory=set)  # and those that are answered
    history: History = field(default_factory=History)  # the program's own replay, of the same lines

    def fresh(self) -> list[Line]:
        """The whole lines that were appended since."""
        lines, self.offset = follow(self.path, self.offset)
        return lines

    def fate(self, task: str) -> Fate:
        return self.fates.setdefault(task, Fate())

    def apply(self, line: Line, now_s: float) -> None:
        """Take a line over."""
        self.seq = line["seq"]
        self.history.apply(line)
        match line["event"]:
            case "intake_done":
                self.intake = True
            case "phase":
                self.phase = line["phase"]
            case "paused":
                self.paused[line.get("task_id") or ""] = now_s
            case "resumed":
                self.paused.pop(line.get("task_id") or "", None)
            case "escalated":
                self.pleas.add(line["escalation_id"])
            case "escalation_answered":
                self.pleas.discard(line["escalation_id"])
                self.closed.add(line["escalation_id"])
                if line.get("action") == "resume":
                    self.resumed.add(line.get("task_id") or "")
        if not line.get("task_id"):
            return
        fate = self.fate(line["task_id"])
        match line["event"]:
            case "taken_in":
                fate.place = fate.place or line.get("at")
                fate.attempt = line.get("attempt") or fate.attempt
            case "accepted":
                fate.accepted = line["attempt"]
            case "void" if line.get("reason") == "somebody else was first":
                fate.spared += 1
            case "dependency_waived":
                fate.waived = True
            case "reassigned":
                fate.given = line["agent"]
            case "moved":
                _move(fate, line, now_s)


def _move(fate: Fate, line: Line, now_s: float) -> None:
    if line["to"] in LEAVING_RAISES:
        fate.ended = fate.attempt
    if line.get("attempt") and line["attempt"] != fate.attempt:
        fate.attempt, fate.accepted, fate.spared = line["attempt"], None, 0
    fate.place, fate.skipped, fate.entered_s = line["to"], bool(line.get("skip")), now_s
    fate.late = line["from"] == State.RETRY.value and line["to"] == State.UNDER_REVIEW.value
    fate.claimed = line["to"] == State.IN_PROGRESS.value and (line["from"] or "").startswith(f"{State.AGENTS.value}/")
    if line["to"].startswith(f"{State.AGENTS.value}/"):
        fate.holder, fate.given = line["to"].rpartition("/")[2], None
    elif line["to"] == State.IN_PROGRESS.value:
        fate.holder = line.get("agent") or fate.holder
