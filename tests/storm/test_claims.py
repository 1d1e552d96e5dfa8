"""One rename has one winner; and a recipe that has not is seen by the same measurement."""

from pathlib import Path

import pytest

from tests.storm.claims import by_rename, by_writing, count

pytestmark = pytest.mark.timeout(300)


def test_of_all_who_rename_a_task_one_wins(tmp_path: Path) -> None:
    found = count(tmp_path, 2_000, by_rename)

    assert (found.claims, found.doubled, found.never) == (2_000, 0, 0)
    assert found.processes > 1, "they have to meet"


def test_who_reads_changes_and_writes_claims_what_others_have_claimed(tmp_path: Path) -> None:
    found = (count(tmp_path / str(time), 2_000, by_writing) for time in range(10))

    assert any(one.doubled for one in found)
