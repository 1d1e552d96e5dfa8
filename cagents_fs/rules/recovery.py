"""What did a crash cut short? Each intent of the journal is completed from the tree: it happened, or it did not."""

from collections.abc import Iterator

from cagents_fs.core.index import Index, Work
from cagents_fs.model.actions import Action, Note, Recognise
from cagents_fs.model.observations import Now
from cagents_fs.model.policy import Policy


def decide(index: Index, policy: Policy, now: Now) -> Iterator[Action]:  # noqa: ARG001 - all rules have one form
    """Which intents have no outcome yet?"""
    for work in index.works.values():
        for seq, line in tuple(work.history.intents.items()):
            yield _complete(work, seq, dict(line))


def _complete(work: Work, seq: int, line: dict[str, object]) -> Action:
    task_id = str(line["task_id"])
    record = work.records.get(task_id)
    source, target = str(line["from"]), str(line["to"])
    if record is None or record.place in (None, source):
        return Note(
            instruction=work.id,
            event="void",
            task_id=task_id,
            attempt=record.ledger.attempt if record else None,
            reason=f"a crash came before the move to {target}",
            facts={"intent": seq},
        )
    keys = ("seq", "time", "event", "task_id", "from", "to", "attempt", "agent", "reason", "edit")
    edit = line.get("edit")
    return Recognise(
        instruction=work.id,
        task_id=task_id,
        source=source,
        target=target,
        reason=f"{line['reason']}",
        attempt=int(str(line["attempt"])),
        agent=str(line["agent"]) if line.get("agent") else None,
        facts={**{k: v for k, v in line.items() if k not in keys}, "intent": seq},
        edit_after=edit if isinstance(edit, dict) and record.place == target else {},
    )
