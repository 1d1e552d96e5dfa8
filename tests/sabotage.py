"""Sabotage: one line of rules or store made wrong, the suite run on the copy, and it has to turn red.

This tests the tests. What survives here could survive in a change that somebody makes in good faith.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.sabotage_rules import RULES
from tests.sabotage_store import STORE
from tests.sabotages import Sabotage

HOUSE = Path(__file__).resolve().parent.parent
LONGEST_S = 900.0

ALL = (*RULES, *STORE)


def main() -> int:
    """Do the sabotages that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="which; all where none is named")
    parser.add_argument("--list", action="store_true", help="name them and do nothing")
    asked = parser.parse_args()
    chosen = [one for one in ALL if not asked.names or one.name in asked.names]
    if asked.list:
        print("\n".join(f"{one.name:<34}{one.file}" for one in chosen))
        return 0
    missed = [one.name for one in chosen if not _noticed(one)]
    print(
        f"{len(chosen) - len(missed)} of {len(chosen)} sabotages were noticed" + "".join(f"; not {m}" for m in missed)
    )
    return 1 if missed else 0


def _noticed(sabotage: Sabotage) -> bool:
    begun_s = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "house"
        _copy(copy)
        path = copy / sabotage.file
        text = path.read_text(encoding="utf-8")
        if text.count(sabotage.right) < 1:
            print(f"{sabotage.name}: {sabotage.file} has no {sabotage.right!r} any more; mend tests/sabotage.py")
            return False
        path.write_text(text.replace(sabotage.right, sabotage.wrong, 1), encoding="utf-8")
        code, said = _suite(copy, sabotage.suites)
    # 2: pytest stopped its workers at the first failure. An error is one of a fixture, which looks after its test.
    by = next((line for line in said.splitlines() if line.startswith(("FAILED", "ERROR")) and "::" in line), "")
    red = code in (1, 2) and bool(by)
    colour, spent_s = "red  " if red else "GREEN", time.monotonic() - begun_s
    print(f"{colour} {sabotage.name:<34}{spent_s:5.0f} s  {(by or said[-300:])[:120]}", flush=True)
    return red


def _copy(target: Path) -> None:
    shutil.copytree(
        HOUSE,
        target,
        ignore=shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", ".hypothesis"),
        symlinks=True,
    )


def _suite(house: Path, suites: tuple[str, ...]) -> tuple[int, str]:
    """The suite as it is in this copy: its exit code (1: a test failed) and what it said."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "2", "-p", "no:cacheprovider", *suites]
    command.append("--ignore=tests/unit/test_sabotage.py")  # it only looks whether the right line is there
    short = {"CRASH_SECONDS": "60", "CRASH_LEAST": "400"}  # of the crash points a smaller sample
    env = {**os.environ, **short, "PYTHONPATH": str(house), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=house, env=env, capture_output=True, text=True, timeout=LONGEST_S, check=False)
    return done.returncode, done.stdout + done.stderr


if __name__ == "__main__":
    sys.exit(main())
