"""What was taken in counts, as it was then: written once, read again after every restart, and damage is said."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cagents_fs.store import definitions
from cagents_fs.store.definitions import TakenIn, digest, raw, read, write

WHOLE = {"description": "Build it", "tier": 3}
TASKS: list[dict[str, Any]] = [
    {"task_id": "a", "description": "First"},
    {"task_id": "z", "description": "Last\u2028\n", "dependencies": ["a"], "note": 1},
]


@pytest.fixture
def folder(tmp_path: Path) -> str:
    (tmp_path / "workflow").mkdir()
    return str(tmp_path)


def taken(folder: str) -> TakenIn:
    found = read(folder)
    assert found is not None
    return found


def test_what_was_written_is_read_again(folder: str) -> None:
    write(folder, WHOLE, "sha", TASKS)

    found = taken(folder)

    assert (found.instruction.description, found.instruction.tier, found.plan_sha256) == ("Build it", 3, "sha")
    assert [(task.task_id, task.description, task.blocking()) for task in found.tasks] == [
        ("a", "First", ()),
        ("z", "Last\u2028\n", ("a",)),
    ]
    assert list(raw(folder)) == TASKS


def test_where_nothing_was_taken_in_there_is_nothing(folder: str) -> None:
    assert read(folder) is None
    assert list(raw(folder)) == []


HEAD = json.dumps({"plan_sha256": "x", "instruction": WHOLE})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{broken\n",
        "[]\n",
        "{}\n",
        '{"instruction": {"description": "x"}}\n',
        '{"plan_sha256": "x", "instruction": []}\n',
        HEAD + "\n{broken\n",
        HEAD + '\n{"task_id": "a"}\n',
        HEAD + "\n[]\n",
    ],
    ids=["empty", "broken", "list", "no keys", "no digest", "no instruction", "broken task", "half a task", "a list"],
)
def test_whatever_damages_it_is_said_in_one_way(folder: str, text: str) -> None:
    Path(folder, "workflow", "taken_in.jsonl").write_text(text)

    with pytest.raises(ValueError):
        read(folder)


def test_the_digest_is_that_of_the_definition_and_not_of_what_the_daemon_writes_into_the_file() -> None:
    plain = {"task_id": "a", "description": "First"}
    ours = {"status": "completed", "attempt": 4, "blocked_by": ["x"], "instruction_id": "inst_1"}

    assert digest(plain | ours) == digest(plain)
    assert digest(dict(reversed(plain.items()))) == digest(plain)
    assert digest(plain | {"command": "true"}) != digest(plain)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(VALUES)
def test_plain_data_stays_as_it_was_written(value: Any) -> None:
    assert definitions.as_written(value) == value
