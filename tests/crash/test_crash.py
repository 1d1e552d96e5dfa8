"""A part of `scripts/crash` in every run of the tests: that the toys fail, that nothing is left out, and a sample."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.crash import preload

ROOT = Path(__file__).parents[2]
SECONDS, LEAST = float(os.environ.get("CRASH_SECONDS", "150")), int(os.environ.get("CRASH_LEAST", "2000"))

try:
    preload.built()
except preload.NoCompiler as missing:
    pytest.skip(str(missing), allow_module_level=True)


def alone(module: str, *arguments: str, seconds: float) -> subprocess.CompletedProcess[str]:
    """Run a module in a process that has the shim."""
    environment = {**preload.environment(), "PYTHONPATH": str(ROOT)}
    call = [sys.executable, "-m", module, *arguments]
    return subprocess.run(call, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False)


@pytest.mark.alone
@pytest.mark.timeout(SECONDS + 400)
def test_a_sample_of_all_cases_breaks_no_promise() -> None:
    arguments = ("--seconds", str(SECONDS), "--least", str(LEAST))
    ran = alone("tests.crash", *arguments, seconds=SECONDS + 380)
    print(ran.stdout[-4000:], ran.stderr[-4000:])
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]


@pytest.fixture(scope="module")
def census() -> dict[str, object]:
    """What all scenes do when nothing goes wrong, and what becomes of the toys."""
    ran = alone("tests.crash.census", seconds=120)
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-4000:]
    return dict(json.loads(ran.stdout.splitlines()[-1]))


def test_every_change_of_state_is_in_a_scene(census: dict[str, object]) -> None:
    assert census["moves_in_no_scene"] == []


def test_every_kind_of_line_is_in_a_scene(census: dict[str, object]) -> None:
    assert census["events_in_no_scene"] == []


def test_every_toy_breaks_promises(census: dict[str, object]) -> None:
    toys = census["toys"]
    assert isinstance(toys, dict) and len(toys) == 3
    for name, broken in toys.items():
        assert broken, f"{name} breaks nothing: what is this suite worth?"


@pytest.mark.parametrize("scene", ["accepted", "intake", "wrong-files", "answer-retry", "command-cancel", "runner"])
def test_the_shim_counts_what_strace_sees(scene: str) -> None:
    from tests.crash import traced

    if not traced.is_there():
        pytest.skip("strace is not installed, or may not trace here")
    assert traced.compare(scene) == []
