"""Whole plays by chance: 100 seeds of 200 steps on the real loop and store. `scripts/simulate --seed N` tells one.

They are played in a process of their own, in which hashes are not random: so a seed is the same play everywhere.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.simulation.planted import PLANTS

Ask = Callable[..., dict[str, Any]]
SEEDS = range(100)
MET = (
    *("accepted", "rejected", "stalled", "revived", "failed_attempt", "void", "put back", "checked_before", "alert"),
    *("moved to retry", "moved to failed", "moved to blocked", "moved to cancelled", "moved to under_review"),
    *("die", "die after", "tear", "refuse", "race", "second starts", "moved by hand", "doubled", "dropped"),
    *("asked to cancel", "asked to retry", "asked to rescue", "claimed by greedy", "claimed by silent"),
)


@pytest.fixture(scope="module")
def player() -> Iterator[Ask]:
    """Somebody who plays what one asks for."""
    line = [sys.executable, "-m", "tests.simulation", "--serve"]
    env = {**os.environ, "PYTHONHASHSEED": "0"}
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env) as process:
        assert process.stdin is not None and process.stdout is not None

        def ask(**what: Any) -> dict[str, Any]:
            assert process.stdin is not None and process.stdout is not None
            print(json.dumps(what), file=process.stdin, flush=True)
            answer: dict[str, Any] = json.loads(process.stdout.readline())
            return answer

        yield ask
        process.stdin.close()


@pytest.mark.parametrize("seed", SEEDS)
def test_all_promises_hold_in_play(player: Ask, seed: int) -> None:
    played = player(seed=seed)

    told = "\n".join(played["transcript"][-25:])
    assert played["wrong"] is None, f"{played['wrong']}\n{told}\nthe whole of it: scripts/simulate --seed {seed}"


def test_everything_that_the_plays_are_for_happens_in_them(player: Ask) -> None:
    met = {what for seed in range(8) for what in player(seed=seed)["counts"]}

    assert sorted(set(MET) - met) == []


@pytest.mark.parametrize("plant", PLANTS)
def test_a_planted_fault_is_found(player: Ask, plant: str) -> None:
    named = tuple(PLANTS[plant][1].split("|"))
    outcomes = (player(seed=seed, plant=plant)["wrong"] or "" for seed in range(40))

    assert any(wrong.startswith(named) for wrong in outcomes), f"none of 40 plays breaks one of {named}"


def test_a_seed_is_the_same_play_each_time(player: Ask) -> None:
    assert player(seed=7) == player(seed=7)
