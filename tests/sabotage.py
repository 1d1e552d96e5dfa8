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
from dataclasses import dataclass
from pathlib import Path

HOUSE = Path(__file__).resolve().parent.parent
SUITES = ("tests/unit", "tests/scenarios", "tests/disk", "tests/simulation")
LONGEST_S = 900.0


@dataclass(frozen=True, slots=True)
class Sabotage:
    """One line that is replaced by a wrong one."""

    name: str
    file: str
    right: str
    wrong: str


def _rule(name: str, file: str, right: str, wrong: str) -> Sabotage:
    return Sabotage(name, f"cagents_fs/{file}", right, wrong)


ALL = (
    _rule("renames_replace", "store/disk.py", "_RENAME_NOREPLACE = 1\n", "_RENAME_NOREPLACE = 0\n"),
    _rule(
        "intents_are_not_synced",
        "store/commit.py",
        "if self.power_loss and any(not isinstance(action, Recognise)",
        "if False and any(not isinstance(action, Recognise)",
    ),
    _rule(
        "done_without_a_verdict",
        "core/work.py",
        "record.state is State.COMPLETED and record.ledger.accepted is not None",
        "record.state is State.COMPLETED",
    ),
    _rule(
        "anybody_hands_in",
        "rules/verification.py",
        "if record.holder is not None and manifest.subagent != record.holder:",
        "if False:",
    ),
    _rule("the_fence_stands_still", "rules/retries.py", "attempt=ledger.attempt + 1,", "attempt=ledger.attempt,"),
    _rule("backoff_does_not_grow", "rules/retries.py", " * policy.backoff_multiplier ** min(used, 64)", ""),
    _rule("one_more_than_the_limit", "rules/limits.py", "if running >= limit:", "if running > limit:"),
    _rule("a_barrier_opens_early", "rules/admission.py", "> desk.open_level:", "> desk.open_level + 1:"),
    _rule("ageing_to_critical", "core/ordering.py", "return max(HIGHEST_BY_AGE, ", "return max(0, "),
    _rule("first_in_last_out", "core/lanes.py", ", policy), record.queued", ", policy), -record.queued"),
    _rule("no_grace", "rules/liveness.py", "now.s < record.stalled_s + policy.reassign_grace_s", "False"),
    _rule("a_breaker_that_never_opens", "rules/breaker.py", "if not policy.breaker or ", "if True or "),
    _rule(
        "the_first_opens_the_checkpoint", "core/meetings.py", "return not (record.satisfied or", "return not (True or"
    ),
    _rule("parents_do_not_wait", "rules/completion.py", "and work.open_children(task_id):", "and False:"),
    _rule(
        "only_the_next_is_blocked",
        "core/graph.py",
        "pending.extend((child, task) for",
        "(()) and list((child, task) for",
    ),
    _rule("any_artifact_will_do", "core/work.py", "not hands_over(record, self.records[child], awaited)", "False"),
    _rule("checksums_are_believed", "store/evidence.py", "if found_checksum == checksum.lower():", "if True:"),
    _rule("rework_without_end", "rules/verdicts.py", "elif rejections > policy.max_rework:", "elif False:"),
    _rule("half_written_is_whole", "daemon/settling.py", "if now.s - seen.since_s >= self.settle_s and", "if True and"),
)


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
        code, said = _suite(copy)
    red = code in (1, 2) and "FAILED" in said  # 2: pytest stopped its workers at the first failure
    by = next((line for line in said.splitlines() if line.startswith("FAILED")), said[-300:])
    print(
        f"{'red  ' if red else 'GREEN'} {sabotage.name:<34}{time.monotonic() - begun_s:5.0f} s  {by[:120]}", flush=True
    )
    return red


def _copy(target: Path) -> None:
    shutil.copytree(
        HOUSE,
        target,
        ignore=shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", ".hypothesis"),
        symlinks=True,
    )


def _suite(house: Path) -> tuple[int, str]:
    """The suite as it is in this copy: its exit code (1: a test failed) and what it said."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "2", "-p", "no:cacheprovider", *_there(house)]
    command.append("--ignore=tests/unit/test_sabotage.py")  # it only looks whether the right line is there
    env = {**os.environ, "PYTHONPATH": str(house), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=house, env=env, capture_output=True, text=True, timeout=LONGEST_S, check=False)
    return done.returncode, done.stdout + done.stderr


def _there(house: Path) -> list[str]:
    return [suite for suite in SUITES if (house / suite).is_dir()]


if __name__ == "__main__":
    sys.exit(main())
