"""A reduced run of `scripts/powerloss`, and what has to fail in it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.crash import preload
from tests.power import real

HOUSE = Path(__file__).parents[2]
LONGEST_S = 900  # where many others work on the same machine


def run(*arguments: str) -> str:
    command = [sys.executable, "-m", "tests.power", *arguments]
    done = subprocess.run(command, cwd=HOUSE, capture_output=True, text=True, timeout=LONGEST_S, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture(autouse=True)
def compiler() -> None:
    try:
        preload.built()
    except preload.NoCompiler as missing:
        pytest.skip(str(missing))


@pytest.mark.timeout(LONGEST_S)
def test_every_promise_holds_in_a_sample_of_what_a_cut_may_leave() -> None:
    said = run("--states", "600", "--real", "0", "--processes", "1", "--seed", "1")

    counted = re.search(r"(\d+) states of the model, 0 real cuts, 0 broken", said)
    assert counted is not None and int(counted[1]) >= 500, said


@pytest.mark.timeout(LONGEST_S)
@pytest.mark.parametrize("kind", real.KINDS)
def test_every_promise_holds_after_real_cuts(kind: str) -> None:
    if (why := real.missing(kind)) is not None:
        pytest.skip(why)
    said = run(*(f"--mode={kind}, {how}" for how in real.HOW), "--real", "10", "--processes", "1", "--seed", "1")
    if "skipped:" in said:
        pytest.skip(said)

    assert "10 real cuts, 0 broken" in said


@pytest.mark.timeout(LONGEST_S)
def test_careless_toys_and_the_product_without_a_sync_fail() -> None:
    assert run("--controls").endswith("\n0 of them not as they have to be\n")
