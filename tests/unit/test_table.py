"""Rows that are written fast say what the emitter would have said, letter by letter, or leave it to him."""

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cagents_fs.store import table
from cagents_fs.store.dump import dump
from cagents_fs.store.table import item

TRICKY = ["12:30", "no", "null", "~", "0x1f", "1e5", "2026-01-10T12:00:00Z", "a:", "-", "#", "=", "<<", "'", ".5"]
TRICKY += ["1_000", "t1", "src/app.py", "sha256:00ff", "é"]
WORDS = st.sampled_from([*TRICKY, "a: b", "- a", "", " x", "two\nlines", "a #b", '"', "a\x7f", "\U0001f600"])
SCALARS = WORDS | st.text(max_size=6) | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3))


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(WORDS, VALUES, min_size=1, max_size=4))
def test_a_row_is_written_as_the_emitter_writes_it(row: dict[str, Any]) -> None:
    assert f"rows:\n{item(row)}" == dump({"rows": [row]})


def test_a_row_of_plain_words_needs_no_emitter(monkeypatch: pytest.MonkeyPatch) -> None:
    artifact = {"path": "out/a.py", "resolved": None, "size_bytes": 3, "checksum": "sha256:00ff", "type": "code"}
    row = {"task_id": "t1", "completed_at": "2026-01-10T12:00:00.000000Z", "artifacts": [artifact, artifact]}
    row |= {
        "parent_task_id": None,
        "quality_metrics": {"test_coverage": 0.9},
        "none": [],
        "empty": {},
        "children": ["a"],
    }
    monkeypatch.setattr(table, "dump", lambda _: pytest.fail("it was asked"))

    assert yaml.safe_load(item(row)) == [row]
