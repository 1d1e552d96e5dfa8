"""What did a crash cut short? Each intent of the journal is completed from the tree: it happened, or it did not."""

from collections.abc import Iterator

from cagents_fs.core.history import Line
from cagents_fs.core.index import Index, Record, Work
from cagents_fs.model.actions import Action, Note, Recognise
from cagents_fs.model.observations import Now
from cagents_fs.model.policy import Policy

NO_FACTS = frozenset({"seq", "time", "event", "task_id", "from", "to", "attempt", "agent", "reason", "edit"})


def decide(index: Index, policy: Policy, now: Now) -> Iterator[Action]:  # noqa: ARG001 - all rules have one form
    """Which intents have no outcome yet?"""
    for work in index.each():
        chains: dict[str, list[tuple[int, Line]]] = {}
        for seq, line in sorted(work.history.intents.items()):
            chains.setdefault(line["task_id"], []).append((seq, line))
        for task_id, chain in chains.items():
            record = work.records.get(task_id)
            for meant, place in _lives(chain, record.place if record else None):
                done = _how_many_happened(place, [line for _, line in meant])
                for number, (seq, line) in enumerate(meant):
                    happened = record is not None and number < done
                    yield _moved(work, record, seq, line) if happened else _void(work, record, seq, line)


def _lives(chain: list[tuple[int, Line]], place: str | None) -> Iterator[tuple[list[tuple[int, Line]], str | None]]:
    """What several daemons meant that died one after another, and where the file lay when each of them was gone.

    Each knew where it lay, and decided anew from there: where an intent does not go on from the one before it, it is
    another daemon's, and says where the one before it had left the file.
    """
    meant: list[tuple[int, Line]] = []
    for seq, line in chain:
        if meant and meant[-1][1]["to"] != line["from"]:
            yield meant, line["from"]
            meant = []
        meant.append((seq, line))
    yield meant, place


def _how_many_happened(place: str | None, chain: list[Line]) -> int:
    """A turn may intend several moves of one task: those up to where its file lies now have happened, in this order.

    Where it lies at none of them, somebody has moved it on since; then all have happened.
    """
    if place is None or place == chain[0]["from"]:
        return 0
    reached = [number for number, line in enumerate(chain, start=1) if line["to"] == place]
    return reached[-1] if reached else len(chain)


def _void(work: Work, record: Record | None, seq: int, line: Line) -> Note:
    return Note(
        instruction=work.id,
        event="void",
        task_id=line["task_id"],
        attempt=record.ledger.attempt if record else None,
        reason=f"a crash came before the move to {line['to']}",
        facts={"intent": seq},
    )


def _moved(work: Work, record: Record | None, seq: int, line: Line) -> Recognise:
    assert record is not None
    return Recognise(
        instruction=work.id,
        task_id=line["task_id"],
        source=line["from"],
        target=line["to"],
        reason=line["reason"],
        attempt=line["attempt"],
        agent=line.get("agent"),
        facts={**{key: value for key, value in line.items() if key not in NO_FACTS}, "intent": seq},
        edit_after=line.get("edit", {}) if record.place == line["to"] else {},
    )
