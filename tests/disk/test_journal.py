"""One line a change of state. A torn tail is cut, a damaged line is reported, a failure leaves it as it was."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cagents_fs.store import journal
from cagents_fs.store.journal import Journal, encode, follow, ordered, read

ONE = b'{"seq":1,"event":"one"}\n'
TWO = b'{"seq":2,"event":"two"}\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


def opened(path: Path) -> Journal:
    return Journal(str(path), read(str(path)))


def appended(path: Path, *records: dict[str, Any]) -> list[int]:
    """Open, append, close."""
    one = opened(path)
    numbers = one.append(records)
    one.close()
    return numbers


# -- reading ----------------------------------------------------------------------------------------------------------


def test_a_journal_that_is_not_there_is_empty(path: Path) -> None:
    lines = read(str(path))

    assert (lines.records, lines.damaged, lines.length, lines.torn) == ([], [], 0, 0)


@pytest.mark.parametrize(
    ("data", "events", "damaged", "length", "torn"),
    [
        (b"", [], [], 0, 0),
        (ONE + TWO, ["one", "two"], [], len(ONE + TWO), 0),
        (ONE + TWO[:-1], ["one"], [], len(ONE), len(TWO) - 1),
        (ONE + b'{"se', ["one"], [], len(ONE), 4),
        (b'{"se', [], [], 0, 4),
        (ONE + b"\0" * 50, ["one"], [], len(ONE), 50),
        (ONE + b"\0" * 50 + TWO, ["one"], [], len(ONE), 50 + len(TWO)),
        (ONE + b'{"se' + b"\0" * 50 + b"\n" + TWO, ["one"], [], len(ONE), 55 + len(TWO)),
        (ONE + b'{"seq\0":1}\n' + TWO, ["one", "two"], [2], len(ONE) + 11 + len(TWO), 0),
        (ONE + b"{broken}\n" + TWO, ["one", "two"], [2], len(ONE) + 9 + len(TWO), 0),
        (b"\n" + ONE, ["one"], [1], 1 + len(ONE), 0),
        (b"\xff\xfe\n" + ONE + b"[]\n", ["one"], [1, 3], 3 + len(ONE) + 3, 0),
        (b'{"seq":"1","event":"x"}\n{"seq":1}\n{"event":"x"}\n' + ONE, ["one"], [1, 2, 3], 48 + len(ONE), 0),
        (b"[" * 100_000 + b"\n" + ONE, ["one"], [1], 100_001 + len(ONE), 0),
    ],
    ids=[
        *("empty", "whole", "no end", "torn", "torn only", "zeros"),
        *("a hole", "torn and a hole", "one zero", "damaged inside", "blank", "bytes", "no records"),
        "too deep",
    ],
)
def test_whole_lines_are_read_damaged_ones_are_numbered_and_a_torn_tail_is_measured(
    path: Path, data: bytes, events: list[str], damaged: list[int], length: int, torn: int
) -> None:
    path.write_bytes(data)

    lines = read(str(path))

    assert [record["event"] for record in lines.records] == events
    assert (lines.damaged, lines.length, lines.torn) == (damaged, length, torn)


def test_a_reader_beside_the_daemon_follows_from_where_it_was_and_takes_no_half_lines(path: Path) -> None:
    assert follow(str(path), 0) == ([], 0)

    path.write_bytes(ONE + b"{damaged}\n" + TWO[:7])
    records, offset = follow(str(path), 0)
    assert ([record["event"] for record in records], offset) == (["one"], len(ONE) + 10)

    path.write_bytes(ONE + b"{damaged}\n" + TWO)
    records, offset = follow(str(path), offset)
    assert ([record["event"] for record in records], offset) == (["two"], len(ONE + TWO) + 10)


# -- appending --------------------------------------------------------------------------------------------------------


def test_lines_are_numbered_from_one_and_on_across_lives(path: Path) -> None:
    assert appended(path, {"event": "a"}, {"event": "b"}) == [1, 2]
    assert appended(path, {"event": "c"}) == [3]
    assert [record["seq"] for record in read(str(path)).records] == [1, 2, 3]


def test_the_next_number_is_above_the_highest_there_is(path: Path) -> None:
    path.write_bytes(b'{"seq":9,"event":"x"}\n' + TWO)

    assert appended(path, {"event": "y"}) == [10]


def test_a_torn_tail_is_cut_before_anything_is_appended(path: Path) -> None:
    path.write_bytes(ONE + TWO[:9])

    appended(path, {"event": "after"})

    assert path.read_bytes().startswith(ONE + b'{"seq":2,')
    assert [record["event"] for record in read(str(path)).records] == ["one", "after"]


def test_a_damaged_line_inside_stays_where_it_is(path: Path) -> None:
    path.write_bytes(ONE + b"{damaged}\n" + TWO)

    appended(path, {"event": "three"})

    assert path.read_bytes().startswith(ONE + b"{damaged}\n" + TWO)
    assert read(str(path)).damaged == [2]


def test_every_line_has_the_same_keys_in_front_and_is_ascii_on_one_line(path: Path) -> None:
    record = {"reason": "ü\n\u2028", "event": "moved", "extra": 1, "from": None, "to": "queues/global"}
    appended(path, record)

    (line,) = path.read_bytes().splitlines()
    assert line.isascii()
    assert [*json.loads(line)] == [*journal.FIRST_KEYS, "extra"]
    assert json.loads(line)["reason"] == "ü\n\u2028"


def test_a_number_in_the_record_does_not_replace_that_of_the_line() -> None:
    assert ordered(7, {"seq": 1, "event": "x"})["seq"] == 7


def test_what_no_reader_could_read_is_never_written() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode({"seconds": float("nan")})


def test_nobody_else_may_read_a_journal_and_no_link_is_followed(path: Path) -> None:
    appended(path, {"event": "a"})
    assert path.stat().st_mode & 0o777 == 0o600

    link = path.with_name("link")
    link.symlink_to(path)
    with pytest.raises(OSError, match="symbolic links"):
        Journal(str(link), read(str(link)))


def test_only_what_was_appended_is_synced_and_only_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", synced.append)
    one = opened(path)
    one.sync()
    assert synced == []

    one.append([{"event": "a"}])
    one.sync()
    one.sync()
    assert len(synced) == 1
    one.close()


# -- a file system that fills up --------------------------------------------------------------------------------------

FULL = """
import resource, sys
from cagents_fs.store.journal import Journal, read
path, room = sys.argv[1], int(sys.argv[2])
journal = Journal(path, read(path))
journal.append([{"event": "before"}])
with open(path, "rb") as file:
    whole = file.read()
resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + room, resource.RLIM_INFINITY))
try:
    journal.append([{"event": "one"}, {"event": "two", "reason": "x" * 900}, {"event": "three"}])
except OSError as error:
    print(error.errno)
with open(path, "rb") as file:
    assert file.read() == whole, "something was left"
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(*journal.append([{"event": "after"}]))
"""


@pytest.mark.parametrize("room", [0, 7, 400], ids=["no byte", "half a line", "one line and a half"])
def test_lines_for_which_there_is_no_room_leave_it_as_it_was_and_later_ones_follow(path: Path, room: int) -> None:
    path.write_bytes(ONE)

    script = [sys.executable, "-c", FULL, str(path), str(room)]
    done = subprocess.run(script, capture_output=True, text=True, check=False)

    assert (done.stdout.split(), done.stderr) == ([str(errno.EFBIG), "3"], "")
    lines = read(str(path))
    assert [record["event"] for record in lines.records] == ["one", "before", "after"]
    assert (lines.damaged, lines.torn) == ([], 0)


def test_whole_lines_behind_a_hole_are_cut_off_and_kept(path: Path) -> None:
    first, last = b'{"seq":1,"event":"one"}\n', b'{"seq":2,"event":"two"}\n'
    path.write_bytes(first + b"\0" * 20 + last)

    Journal(str(path), read(str(path))).close()

    assert path.read_bytes() == first
    assert path.with_name(f"{path.name}.cut-{len(first)}").read_bytes() == b"\0" * 20 + last


def test_an_unfinished_line_is_cut_off_and_kept_nowhere(path: Path) -> None:
    path.write_bytes(b'{"seq":1,"event":"one"}\n{"seq":2,')

    Journal(str(path), read(str(path))).close()

    assert [other.name for other in path.parent.iterdir()] == [path.name]
