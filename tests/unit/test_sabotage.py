"""The sabotages of `scripts/sabotage` are about lines that are there: what is not there cannot be made wrong."""

import pytest

from tests.sabotage import ALL, HOUSE, Sabotage


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.name)
def test_the_line_that_is_made_wrong_is_there_once(one: Sabotage) -> None:
    assert (HOUSE / one.file).read_text(encoding="utf-8").count(one.right) == 1
    assert one.right != one.wrong
