"""What the journal knows of an instruction. A restarted daemon replays it; a running one applies each line it writes.

So what is remembered is what the journal says, and nothing else: there is no second copy that a crash could part.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from cagents_fs.core.escalated import Escalated
from cagents_fs.core.ledger import Ledger, Line, wall_s_of
from cagents_fs.model.observations import Process

__all__ = ["Escalated", "History", "Ledger", "Line", "Outcomes"]


MOST_FAILURES = 100  # in a row: a breaker that waits for more would never open


@dataclass(slots=True)
class Outcomes:
    """How an agent fared in this instruction, attempt by attempt."""

    completed: int = 0
    failed: int = 0
    work_s: float = 0.0  # from claim to acceptance, of all completed tasks
    failures: deque[float] = field(default_factory=lambda: deque(maxlen=MOST_FAILURES))  # when, on the wall clock
    success_wall_s: float = 0.0  # the last one


@dataclass(slots=True)
class History:
    """What the journal knows of one instruction."""

    ledgers: dict[str, Ledger] = field(default_factory=dict)
    next_seq: int = 1
    damaged: list[int] = field(default_factory=list)  # numbers of lines that say nothing we understand
    intake: Line | None = None  # the `intake_done` line
    phase: str = "planning"
    phase_line: Line | None = None  # the one that said so
    closed: bool = True  # whether the task files say how it ended, where it has
    answered: set[str] = field(default_factory=set)
    intents: dict[int, Line] = field(default_factory=dict)  # intended and neither moved nor void
    quarantined: dict[str, str] = field(default_factory=dict)  # path -> why, as far as it was not mended
    answered_at: dict[str, str] = field(default_factory=dict)  # of these: when, as the journal says it
    vacuous: dict[str, Line] = field(default_factory=dict)  # task -> the line that tells which checks prove nothing
    paused: bool = False
    paused_at: str | None = None  # as the journal says it
    escalations: dict[str, Escalated] = field(default_factory=dict)
    open_checkpoints: set[str] = field(default_factory=set)
    breakers: dict[str, str] = field(default_factory=dict)  # agent -> closed, open, half_open, as it was told last
    outcomes: dict[str, Outcomes] = field(default_factory=dict)  # of agents
    alerts: dict[str, str] = field(default_factory=dict)  # what is the matter now: key -> why
    claimed: dict[tuple[str | None, str], str] = field(default_factory=dict)  # file and checksum -> first accepted with

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
                    self._move(self.ledger(task_id), line)
            case "void":
                self.intents.pop(line.get("intent", -1), None)
            case "intake_done":
                self.intake = line
            case "phase":
                self.phase, self.phase_line, self.closed = line["phase"], line, False
            case "closed":
                self.closed = True
            case "answered" | "finding" | "warning" if "key" in line:
                self._answer(line)
            case "mended":
                self.quarantined.pop(line["path"], None)
                self.answered_at.pop(line["path"], None)
            case "paused" | "resumed" if not task_id:
                self.paused, self.paused_at = line["event"] == "paused", line.get("time")
            case "checkpoint_opened":
                self.open_checkpoints.add(line["checkpoint"])
            case "escalated" | "raised" | "escalation_answered":
                self._escalation(line)
            case "breaker":
                self.breakers[line["agent"]] = line["state"]
            case "alert" | "alert_over" if not task_id:
                self._alert(line)
            case _ if task_id:
                self._of_task(self.ledger(task_id), line)
                if line["event"] == "accepted":
                    self._accepted(task_id, line)
                elif line["event"] == "checked_before" and line.get("vacuous"):
                    self.vacuous[task_id] = line

    def _move(self, ledger: Ledger, line: Line) -> None:
        ledger.move(line)
        if (name := line.get("escalation")) in self.escalations:
            self.escalations[name].blocked = True
        if line.get("failure") and line.get("agent"):
            outcomes = self.outcomes.setdefault(line["agent"], Outcomes())
            outcomes.failed += 1
            outcomes.failures.append(wall_s_of(line))

    def _accepted(self, task_id: str, line: Line) -> None:
        ledger = self.ledger(task_id)
        for artifact in ledger.artifacts:
            self.claimed.setdefault((artifact.get("resolved"), str(artifact.get("checksum")).lower()), task_id)
        if line.get("agent"):
            self._succeeded(ledger, line)

    def _succeeded(self, ledger: Ledger, line: Line) -> None:
        outcomes = self.outcomes.setdefault(line["agent"], Outcomes())
        at_s = wall_s_of(line)
        outcomes.completed += 1
        outcomes.work_s += max(0.0, at_s - (ledger.claimed_wall_s or at_s))
        outcomes.success_wall_s = max(outcomes.success_wall_s, at_s)
        outcomes.failures.clear()

    def _escalation(self, line: Line) -> None:
        name = line["escalation_id"]
        if line["event"] == "escalated":
            self.escalations[name] = Escalated.of(line)
        elif name in self.escalations:
            self.escalations[name].take(line)

    def _alert(self, line: Line) -> None:
        key = f"{line.get('alert')}/{line.get('about') or line.get('agent') or ''}"
        if line["event"] == "alert":
            self.alerts[key] = line.get("reason") or ""
        else:
            self.alerts.pop(key, None)

    def _answer(self, line: Line) -> None:
        self.answered.add(line["key"])
        if task_id := line.get("refused_task"):
            self.ledger(task_id).refused = line.get("manifest_sha256")
        if line.get("quarantined"):
            self.quarantined[line["path"]] = line["reason"]
            self.answered_at[line["path"]] = line.get("time") or ""

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
                ledger.artifacts, ledger.quality = tuple(line.get("artifacts", ())), line.get("quality") or {}
            case "rejected" | "failed_attempt":
                ledger.judged = (line["manifest_sha256"], line.get("evidence_sha256", ""))
                ledger.rejections = line.get("rejections", ledger.rejections)
                ledger.tell(line)
            case "paused" | "resumed":
                ledger.paused = line["event"] == "paused"
            case "reassigned":
                ledger.assigned = line["agent"]
            case "dependency_added":
                ledger.added_edges = tuple(dict.fromkeys((*ledger.added_edges, line["on"])))
            case "dependency_waived":
                ledger.waived |= frozenset(line["on"])
            case "alert":
                ledger.alerted, ledger.missing = True, line.get("alert") == "task_missing"
                ledger.flagged = line.get("time")
            case "stalled" | "revived":
                ledger.stalled = line["event"] == "stalled"
                ledger.flagged = line.get("time") if ledger.stalled else None
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
