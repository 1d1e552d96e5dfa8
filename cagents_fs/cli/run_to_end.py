"""`run` from beginning to end: the tree, the plan, the daemon, the agents, the outcome."""

import os
import sys
import time
from dataclasses import dataclass
from typing import Any

from cagents_fs.cli.output import find, say
from cagents_fs.cli.progress import teller
from cagents_fs.client.submitting import init, submit
from cagents_fs.core.index import Work
from cagents_fs.errors import HeldByAnother, NothingThere, UsageError
from cagents_fs.model.durations import seconds_of
from cagents_fs.model.states import State
from cagents_fs.model.text import safe_text
from cagents_fs.picture import load
from cagents_fs.report.status import instruction_status
from cagents_fs.store import locks, tree

OVER = ("complete", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class Wish:
    """What `run` was asked for."""

    plan: str | None
    instruction: str | None
    resume: str | None
    agents: int
    timeout: str | None
    attach: bool
    allow_root: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended."""

    instruction_id: str
    status: dict[str, Any]
    unfinished: tuple[tuple[str, str, str], ...]  # task, where it is, why
    seconds: float
    interrupted: bool = False
    timed_out: bool = False

    @property
    def complete(self) -> bool:
        """Whether every task is completed and verified, and the whole holds."""
        return bool(self.status["phase"] == "complete") and not self.unfinished

    def to_json(self) -> dict[str, Any]:
        """As `--json` shows it."""
        rows = [{"task_id": task, "state": place, "reason": why} for task, place, why in self.unfinished]
        return {**self.status, "unfinished": rows, "seconds": round(self.seconds, 3), "interrupted": self.interrupted}

    def lines(self) -> list[str]:
        """As a person reads it."""
        tasks = self.status["tasks"]
        head = f"{self.instruction_id}: {tasks['completed']} of {tasks['total']} tasks completed and verified"
        lines = [f"{head} in {self.seconds:.1f} s, phase {self.status['phase']}"]
        lines += [f"  {task} is in {place}: {why}" for task, place, why in self.unfinished[:50]]
        if self.interrupted or self.timed_out:
            lines.append(f"take it up again with: cagents-fs run --resume {self.instruction_id}")
        return lines


def run_to_end(root: str | None, wish: Wish, *, quiet: bool) -> Outcome:
    """Carry out `run`. Raises CagentsError."""
    if (wish.plan is None) == (wish.resume is None):
        raise UsageError("name a plan, or an instruction with --resume")
    patience_s = _patience(wish.timeout)
    if wish.plan is not None and not os.path.isfile(wish.plan):
        raise NothingThere(f"there is no plan {wish.plan}")
    where = _tree(root)
    if wish.resume is not None and wish.resume not in tree.instructions(where):
        raise NothingThere(f"there is no instruction {wish.resume}; `cagents-fs status` lists them")
    if locks.is_held(where):
        if not wish.attach:
            raise HeldByAnother(
                f"another daemon holds {where}: {locks.holder(where)}; use --attach to wait for its work"
            )
        return _attached(where, wish, patience_s)
    return _own(where, wish, patience_s, quiet=quiet)


def _patience(timeout: str | None) -> float:
    try:
        return seconds_of(timeout) if timeout is not None else float("inf")
    except ValueError as error:
        raise UsageError(f"--timeout: {error}") from None


def _tree(root: str | None) -> str:
    try:
        return find(root)
    except NothingThere:
        if root is not None and os.path.basename(os.path.normpath(root)) != "Agent_Memory":
            raise
        return init(os.path.dirname(os.path.abspath(root)) if root else ".")[0]


def _submitted(where: str, wish: Wish) -> str:
    if wish.resume is not None:
        return wish.resume
    assert wish.plan is not None
    done = submit(where, wish.plan, wish.instruction)
    for warning in done.warnings:
        print(f"warning: {safe_text(str(warning))}", file=sys.stderr)
    return done.instruction_id


def _own(where: str, wish: Wish, patience_s: float, *, quiet: bool) -> Outcome:
    from cagents_fs.daemon.service import Service, handle_signals

    begun_s = time.monotonic()
    service = Service(where, agents=wish.agents, allow_root=wish.allow_root)
    handle_signals(service)
    with service:
        instruction = _submitted(where, wish)
        service.only = service.index.staffed_only = instruction
        service.begin()
        if not quiet:
            say(f"{instruction}: running in {where}; agents work in {_workspace(where, instruction)}")
            service.loop.listeners.append(teller(service.index, instruction))

        def over() -> bool:
            work = service.index.works.get(instruction)
            ended = work is not None and work.history.phase in OVER and not service.loop.derived.busy
            return (ended and not len(service.processes)) or time.monotonic() - begun_s > patience_s

        service.run(until=over)
        timed_out = time.monotonic() - begun_s > patience_s
        interrupted = service.stopping
    return _outcome(where, instruction, begun_s, interrupted=interrupted, timed_out=timed_out)


def _attached(where: str, wish: Wish, patience_s: float) -> Outcome:
    begun_s = time.monotonic()
    instruction = _submitted(where, wish)
    while time.monotonic() - begun_s < patience_s:
        if load(where, instruction).work.history.phase in OVER:
            return _outcome(where, instruction, begun_s)
        time.sleep(0.2)
    return _outcome(where, instruction, begun_s, timed_out=True)


def _workspace(where: str, instruction: str) -> str:
    from cagents_fs.plans import workspace_of

    return workspace_of(where, load(where, instruction).work.instruction.workspace)


def _outcome(
    where: str, instruction: str, begun_s: float, *, interrupted: bool = False, timed_out: bool = False
) -> Outcome:
    work = load(where, instruction).work
    rows = tuple(_unfinished(work))
    seconds = time.monotonic() - begun_s
    return Outcome(instruction, instruction_status(work), rows, seconds, interrupted, timed_out)


def _unfinished(work: Work) -> list[tuple[str, str, str]]:
    rows = []
    for task_id, record in work.records.items():
        if record.state is State.COMPLETED and record.satisfied:
            continue
        lost = work.causes().get(task_id)
        why = f"blocked by {', '.join(lost)}" if lost else _last_reason(work, task_id)
        rows.append((task_id, record.place or "no place", why))
    return rows


def _last_reason(work: Work, task_id: str) -> str:
    ledger = work.history.ledger(task_id)
    return ledger.reason or f"`cagents-fs explain {work.id}/{task_id}` tells"
