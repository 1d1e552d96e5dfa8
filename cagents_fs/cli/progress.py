"""What `run` tells while it runs: one line for each task that is done, goes wrong, or waits for a person."""

from collections.abc import Callable

import click

from cagents_fs.core.index import Index
from cagents_fs.model.actions import Action, Move, Note
from cagents_fs.model.observations import Now
from cagents_fs.model.states import State, state_of
from cagents_fs.model.text import safe_text

ENDS = {State.COMPLETED: "done", State.FAILED: "failed", State.BLOCKED: "blocked", State.RETRY: "again"}
TOLD = {"rejected": "rejected", "stalled": "stalled", "escalated": "question", "alert": "alert", "breaker": "breaker"}
LONGEST = 200


def teller(index: Index, instruction: str) -> Callable[[Action, Now], None]:
    """A listener of the loop that writes to standard error what becomes of one instruction."""

    def tell(action: Action, now: Now) -> None:  # noqa: ARG001 - listeners have one form
        if getattr(action, "instruction", None) == instruction and (line := _line(index, action)):
            click.echo(line, err=True)

    return tell


def _line(index: Index, action: Action) -> str | None:
    if isinstance(action, Move) and (word := ENDS.get(state_of(action.target))):
        counted = f" {_count(index, action.instruction)}" if word == "done" else ""
        return _shown(word, action.task_id, action.reason, counted)
    if isinstance(action, Note) and (word := TOLD.get(action.event)):
        return _shown(word, action.task_id or action.agent or action.instruction, action.reason, "")
    return None


def _count(index: Index, instruction: str) -> str:
    work = index.works[instruction]
    return f"{len(work.in_state[State.COMPLETED])}/{len(work.records)}"


def _shown(word: str, about: str, reason: str, counted: str) -> str:
    said = " ".join(reason.split())
    said = said if len(said) <= LONGEST else said[: LONGEST - 1] + "…"
    return safe_text(f"  {word:<9}{counted}  {about}: {said}", 400)
