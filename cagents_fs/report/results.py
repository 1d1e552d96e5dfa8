"""What has come of it: verified work with its artifacts and its quality, what failed, what was left out.

Row by row, so that whoever writes it down may pause between two of them.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from cagents_fs.core.index import Record, Work
from cagents_fs.core.ledger import Line
from cagents_fs.model.lines import iso
from cagents_fs.model.states import State

Row = dict[str, Any]
SECTIONS = ("tasks", "failures", "skipped", "parents")
OVER = ("complete", "failed", "cancelled")
_AVERAGED = ("test_coverage", "code_review_score")
_COUNTED = {"security_scan": ("pass", "fail", "warning"), "performance_validation": ("pass", "fail")}


def rows(work: Work) -> Iterator[tuple[str, Row]]:
    """Each row with its section, tasks in the order of the plan. The work may go on while one takes them."""
    records = list(work.records.values())
    for record in records:
        if _is_verified(record):
            yield "tasks", _task(record)
    for record in records:
        if record.state is State.FAILED:
            ledger = record.ledger
            row = {"task_id": record.task.task_id, "agent": ledger.holder, "attempts": ledger.attempt}
            yield "failures", {**row, "reason": ledger.reason}
    yield from (("skipped", {"task_id": task_id, "reason": why}) for task_id, why in _skipped(work, records).items())
    for parent, children in list(work.offspring.items()):
        if parent in work.records:
            files = _distinct(_artifacts(work, parent))
            sizes = {"artifacts": len(files), "size_bytes": sum(files.values())}
            yield "parents", {"task_id": parent, "children": list(children), **sizes}


class Tally:
    """What all rows come to."""

    def __init__(self) -> None:
        """Nothing is counted yet."""
        self._rows: Counter[str] = Counter()
        self._artifacts: list[tuple[str, str, int]] = []
        self._quality: dict[str, list[Any]] = {metric: [] for metric in (*_AVERAGED, *_COUNTED)}

    def add(self, section: str, row: Row) -> None:
        """Count a row."""
        self._rows[section] += 1
        if section == "tasks":
            self._artifacts.extend(_marked(row["task_id"], row["completed_at"], row["artifacts"]))
            for metric, value in row["quality_metrics"].items():
                self._quality.setdefault(metric, []).append(value)

    def head(self, work: Work, wall_s: float) -> Row:
        """All but the rows. Averages are over what was reported."""
        files = _distinct(self._artifacts)
        quality: Row = {metric: _average(self._quality[metric]) for metric in _AVERAGED}
        quality |= {name: {word: self._quality[name].count(word) for word in words} for name, words in _COUNTED.items()}
        return {
            "instruction_id": work.id,
            "phase": work.history.phase,
            "final": work.history.phase in OVER,
            "updated_at": iso(wall_s),
            "totals": {
                "tasks": len(work.records),
                "completed": self._rows["tasks"],
                "failed": self._rows["failures"],
                "cancelled": len(work.in_state[State.CANCELLED]),
                "skipped": self._rows["skipped"],
                "artifacts": len(files),
                "size_bytes": sum(files.values()),
            },
            "quality": quality,
        }


def _is_verified(record: Record) -> bool:
    return record.satisfied and record.state is State.COMPLETED


def _task(record: Record) -> Row:
    ledger = record.ledger
    return {
        "task_id": record.task.task_id,
        "agent": ledger.holder,
        "attempt": ledger.attempt,
        "completed_at": ledger.completed_at,
        "parent_task_id": record.task.parent_task_id,
        "artifacts": [dict(artifact) for artifact in ledger.artifacts],
        "quality_metrics": dict(ledger.quality),
    }


def _skipped(work: Work, records: list[Record]) -> dict[str, str]:
    """What nobody waits for although it was not done: cancelled so, or given up by those who waited."""
    skipped = {record.task.task_id: record.ledger.reason for record in records if record.ledger.skipped}
    without: dict[str, list[str]] = {}
    for record in records:
        for awaited in record.ledger.waived:
            without.setdefault(awaited, []).append(record.task.task_id)
    for awaited, waiting in sorted(without.items()):
        known = work.records.get(awaited)
        if known is None or not known.satisfied:
            skipped.setdefault(awaited, f"{', '.join(waiting)} went on without it")
    return skipped


def _artifacts(work: Work, parent: str) -> Iterator[tuple[str, str, int]]:
    """The artifacts of a task and of everything below it, through all levels."""
    seen, pending = {parent}, [parent]
    while pending:
        task_id = pending.pop()
        record = work.records[task_id]
        if _is_verified(record):
            yield from _marked(task_id, record.ledger.completed_at, record.ledger.artifacts)
        below = [child for child in work.offspring.get(task_id, ()) if child not in seen and child in work.records]
        seen.update(below)
        pending.extend(below)


def _marked(task_id: str, at: str | None, artifacts: Iterable[Line]) -> Iterator[tuple[str, str, int]]:
    """Each artifact as the file that it is, when it was verified, and its size."""
    for artifact in artifacts:
        yield artifact.get("resolved") or f"{task_id}:{artifact.get('path')}", at or "", artifact.get("size_bytes") or 0


def _distinct(artifacts: Iterable[tuple[str, str, int]]) -> dict[str, int]:
    """Each file once, with the size that was verified last: two tasks may have handed in the same."""
    newest: dict[str, tuple[str, int]] = {}
    for name, at, size in artifacts:
        newest[name] = max(newest.get(name, ("", 0)), (at, size))
    return {name: size for name, (_, size) in newest.items()}


def _average(values: list[Any]) -> Row:
    return {"average": round(sum(values) / len(values), 6) if values else None, "count": len(values)}
