"""What did a crash cut short? Each intent is completed from the tree: it happened, or it did not."""

from typing import Any

import pytest

from cagents_fs.core.index import Work
from cagents_fs.model.actions import Action
from cagents_fs.rules import recovery
from tests.support import builders as b

INTENT = {
    "seq": 7,
    "time": "2026-01-10T12:00:00Z",
    "event": "intend",
    "task_id": "a",
    "from": b.IN_PROGRESS,
    "to": b.RETRY,
    "attempt": 2,
    "agent": "ann",
    "reason": "taken back from ann",
    "due": "2026-01-10T12:05:00+00:00",
    "retries": 1,
}


def crashed(place: str | None, **changed: Any) -> Work:
    """A crash came after the intent and left the task's file there."""
    made = b.work(b.task("a"))
    record = b.lies(made, "a", b.IN_PROGRESS)
    made.history.intents[7] = INTENT | changed
    made.put(record, place, b.NOW.s)
    return made


def decided(made: Work) -> list[Action]:
    return b.decided(recovery.decide, b.index(made))


@pytest.mark.parametrize("place", [b.IN_PROGRESS, None], ids=["still there", "nowhere"])
def test_what_was_not_renamed_is_void(place: str | None) -> None:
    (note,) = decided(crashed(place))

    assert getattr(note, "event", None) == "void"
    assert getattr(note, "facts", None) == {"intent": 7}


def test_what_was_renamed_is_written_down_with_everything_the_intent_said() -> None:
    found = b.only_recognise(decided(crashed(b.RETRY)))

    assert (found.source, found.target, found.attempt, found.agent) == (b.IN_PROGRESS, b.RETRY, 2, "ann")
    assert found.reason == "taken back from ann"
    assert found.facts == {"due": INTENT["due"], "retries": 1, "intent": 7}
    assert found.edit_after == {}


def test_an_edit_that_was_to_follow_the_rename_is_made_up_for_where_the_file_lies_there() -> None:
    edit = {"blocked_by": ["x"]}

    assert b.only_recognise(decided(crashed(b.BLOCKED, to=b.BLOCKED, edit=edit))).edit_after == edit
    assert b.only_recognise(decided(crashed(b.CANCELLED, to=b.BLOCKED, edit=edit))).edit_after == {}


def test_an_intent_about_a_task_that_is_not_known_is_void() -> None:
    made = crashed(b.IN_PROGRESS, task_id="stranger")

    assert b.notes(decided(made)) == [("void", "stranger")]


@pytest.mark.parametrize("place", [b.IN_PROGRESS, b.RETRY, None])
def test_an_intent_is_completed_once(place: str | None) -> None:
    made = crashed(place)

    b.taken(b.index(made), decided(made))

    assert decided(made) == []
    assert made.history.intents == {}


def test_without_a_crash_there_is_nothing_to_make_up_for() -> None:
    made = b.work(b.task("a"))
    b.lies(made, "a", b.GLOBAL)

    assert decided(made) == []


@pytest.mark.parametrize(
    ("place", "outcomes"),
    [
        (b.RETRY, [(7, "void"), (9, "moved")]),
        (b.IN_PROGRESS, [(7, "void"), (9, "void")]),
    ],
)
def test_of_two_daemons_that_meant_the_same_and_died_one_has_done_it(
    place: str, outcomes: list[tuple[int, str]]
) -> None:
    made = crashed(place)
    made.history.intents[9] = INTENT | {"seq": 9}

    assert told(made) == outcomes


def test_what_the_first_of_two_daemons_had_done_the_second_began_from() -> None:
    made = crashed(b.BLOCKED)
    made.history.intents[8] = INTENT | {"seq": 8, "from": b.RETRY, "to": b.GLOBAL}
    made.history.intents[9] = INTENT | {"seq": 9, "from": b.RETRY, "to": b.BLOCKED}

    assert told(made) == [(7, "moved"), (8, "void"), (9, "moved")]


def told(made: Work) -> list[tuple[int, str]]:
    """Of each intent, what is said of it."""
    found: list[Any] = decided(made)
    return [(action.facts["intent"], getattr(action, "event", "moved")) for action in found]
