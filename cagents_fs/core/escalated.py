"""What the journal knows of one escalation. What counts of it is what was taken in: its file may change or go."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Line = Mapping[str, Any]


@dataclass(slots=True)
class Escalated:
    """An escalation that was seen."""

    severity: str
    to: str  # whose turn it is to answer
    asked: str = ""  # who was asked first
    sender: str | None = None
    task_id: str | None = None
    attempt: int | None = None
    issue: str = ""
    since: str | None = None  # when it was taken in, as the journal says it
    sla: str | None = None
    content: str | None = None  # names what was taken in
    level: int = 0  # how often it was raised
    blocked: bool = False  # whether it has blocked its task
    closed: str | None = None  # the action that answered it
    decision: str | None = None
    response: str | None = None  # names the response that was carried out

    @classmethod
    def of(cls, line: Line) -> "Escalated":
        """From an `escalated` line."""
        return cls(
            severity=line["severity"],
            to=line["to"],
            asked=line["to"],
            sender=line.get("agent"),
            task_id=line.get("task_id"),
            attempt=line.get("attempt"),
            issue=line.get("issue") or "",
            since=line.get("time"),
            sla=line.get("sla"),
            content=line.get("content"),
        )

    def take(self, line: Line) -> None:
        """Take over a `raised` or an `escalation_answered` line."""
        if line["event"] == "raised":
            self.level, self.to = line["level"], line["to"]
        else:
            self.closed = line["action"]
            self.decision, self.response = line.get("decision"), line.get("response")
