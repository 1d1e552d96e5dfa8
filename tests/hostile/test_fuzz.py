"""The reduced run of `scripts/fuzz`, and that it would find what it is there to find."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from random import Random

import pytest

from tests.hostile.fuzz import mutate, workers
from tests.hostile.fuzz.__main__ import main
from tests.hostile.fuzz.targets import DOCUMENTS, NAMES, TEXTS, WHEEL, execute, made

EXECUTIONS, SEED = 50_000, 20261122
FORTY_KB = b"[" * 40_000


@pytest.mark.timeout(300)
def test_a_reduced_run_finds_nothing(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    line = ["fuzz", "--executions", str(EXECUTIONS), "--seed", str(SEED), "--processes", "1"]
    monkeypatch.setattr(sys, "argv", line)

    code = main()

    told = capfd.readouterr().out
    assert code == 0, told
    counts = {row[:16].strip(): row[16:].replace(",", "").split() for row in told.splitlines() if row[:1].isalpha()}
    assert counts["all"][0] == str(EXECUTIONS), told
    never_taken_in = {name for name in NAMES if counts[name][1] == "0"}
    never_refused = {name for name in NAMES if counts[name][2] == "0"}
    assert (never_taken_in, never_refused) == (set(), {"shown text"}), "a target of which only one side is tried"


def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def hang() -> None:
    while True:
        sum(range(1000))


def bloat() -> None:
    raise AssertionError(len(bytearray(600 << 20)))


def slip() -> None:
    raise KeyError("nobody thought of that\n\x1b[2J")


PLANTED: dict[Callable[[], None], str] = {
    crash: "the process ended by signal 11",
    hang: "Hang: more than 1 s of processor time",
    bloat: "MemoryError",
    slip: r"KeyError: 'nobody thought of that\n\x1b[2J'",
}


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.__name__)
def test_what_is_planted_is_found_and_told_in_one_line_that_replays_it(
    planted: Callable[[], None], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    wanted = made(7, 13)

    def broken(name: str, data: bytes) -> str:
        if (name, data) == wanted:
            planted()
        return execute(name, data)

    monkeypatch.setattr(workers, "execute", broken)
    *_, tallies = workers.run(seed=7, executions=40, processes=2)

    (line,) = [row for row in capfd.readouterr().out.splitlines() if "FAILED" in row]
    assert line.startswith(f"FAILED {wanted[0]}: ")
    assert PLANTED[planted] in line
    assert line.endswith("again: scripts/fuzz --replay 7:13")
    assert (tallies[wanted[0]].failed, sum(tally.all for tally in tallies.values())) == (1, 40)


def test_an_execution_is_replayed_from_its_numbers_and_from_its_bytes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: os.PathLike[str]
) -> None:
    monkeypatch.setenv("FUZZ_FOLDER", str(tmp_path))
    name, data = made(7, 13)
    monkeypatch.setattr(sys, "argv", ["fuzz", "--replay", "7:13"])
    assert main() == 0
    told = capsys.readouterr().out
    (hexed,) = re.findall(r"--replay '(.*)'", told)
    assert hexed == f"{name}:{data.hex()}"
    monkeypatch.setattr(sys, "argv", ["fuzz", "--replay", hexed])
    assert main() == 0
    assert capsys.readouterr().out.splitlines()[:2] == told.splitlines()[:2]


def test_every_target_gets_its_share_and_every_mistake_makes_something_else() -> None:
    assert set(WHEEL) == set(NAMES) == {*DOCUMENTS, *TEXTS}
    assert set(mutate.GOOD) == set(DOCUMENTS) - {"written again"}
    data = mutate.GOOD["manifest"][0].encode()
    for mistake in set(mutate.MISTAKES):
        assert any(mistake(data, Random(n)) != data for n in range(20)), mistake


_RECURSIVE = "import sys, yaml; yaml.load(sys.stdin.buffer.read(), Loader=yaml.CSafeLoader)"
_OURS = """
import sys
from cagents_fs.store.yaml import Unreadable, parse_mapping
try:
    parse_mapping(sys.stdin.buffer.read())
except Unreadable as error:
    print(error.faults[0])
"""


def fed(program: str, data: bytes) -> tuple[int, str]:
    """A program of its own, that may die of what it is given."""
    line = [
        sys.executable,
        "-c",
        f"import resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); {program.strip()}",
    ]
    if program is _OURS:
        line[-1] = program
    done = subprocess.run(line, input=data, capture_output=True, timeout=60, check=False)
    return done.returncode, done.stdout.decode()


@pytest.mark.parametrize(
    "data",
    [FORTY_KB, b"{a: " * 30_000, b"- " * 200_000, b"? " * 100_000],
    ids=["brackets", "mappings", "dashes", "keys"],
)
def test_brackets_that_kill_the_loader_of_libyaml_are_refused_by_ours(data: bytes) -> None:
    begun_s = time.monotonic()
    code, told = fed(_OURS, data)
    assert (code, time.monotonic() - begun_s < 20) == (0, True)
    assert "nested deeper than 64 levels" in told or "a key must be text" in told


def test_the_loader_of_libyaml_does_die_of_them() -> None:
    """Or else we guard against something that is no more."""
    code, _ = fed(_RECURSIVE, FORTY_KB)
    assert code == -signal.SIGSEGV
