"""Twenty seconds of `scripts/storm`: whoever is killed, nothing is lost and nothing doubled."""

from pathlib import Path

import pytest

from tests.storm.weather import Storm, Wish


@pytest.mark.timeout(900)
def test_nothing_is_lost_and_nothing_doubled_whoever_is_killed(tmp_path: Path) -> None:
    storm = Storm(tmp_path / "storm", Wish(seconds=20, agents=12, tasks=120, seed=20260110))

    outcome = storm.run()

    told = "\n".join([*outcome.table(), *outcome.violations[:30], f"again: {storm.wish.command()}"])
    assert outcome.violations == [], told
    assert min(storm.count[what] for what in ("agents killed", "daemons killed", "second daemons")) > 0, told
