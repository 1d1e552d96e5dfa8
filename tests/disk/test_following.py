"""Following a journal: what is new, whole lines only, each once; and a journal that is another one."""

import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cagents_fs.store import following
from cagents_fs.store.following import Follower
from cagents_fs.store.journal import Journal, encode, read

ALL = 1 << 20


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


def line(seq: int, **more: Any) -> bytes:
    return encode({"seq": seq, "event": "moved", **more})


def numbers(records: list[dict[str, Any]]) -> list[int]:
    return [record["seq"] for record in records]


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def test_each_line_is_read_once_and_what_comes_later_with_the_next_call(path: Path) -> None:
    path.write_bytes(line(1) + line(2))
    follower = Follower(str(path))

    assert numbers(follower.read(ALL)) == [1, 2]
    assert follower.read(ALL) == []
    append(path, line(3))
    assert numbers(follower.read(ALL)) == [3]
    assert (follower.damaged, follower.began_anew, follower.behind) == (0, False, False)


def test_a_line_is_read_when_its_end_is_there(path: Path) -> None:
    follower, whole = Follower(str(path)), line(1) + line(2)
    read_of_it = []

    for end in range(len(whole) + 1):
        path.write_bytes(whole[:end])
        read_of_it += numbers(follower.read(ALL))
        assert follower.began_anew is False, end

    assert read_of_it == [1, 2]
    assert follower.damaged == 0


@pytest.mark.parametrize("most_bytes", [1, 10, len(line(1)), len(line(1)) + 1, 100])
def test_no_more_is_read_than_was_asked_for_but_one_line_at_least(path: Path, most_bytes: int) -> None:
    path.write_bytes(b"".join(line(seq, reason="x" * seq) for seq in range(1, 40)))
    follower, calls, found = Follower(str(path)), 0, list[int]()

    while True:
        records = follower.read(most_bytes)
        assert records or not follower.behind
        found, calls = found + numbers(records), calls + 1
        if not follower.behind:
            break

    assert found == list(range(1, 40))
    assert calls >= path.stat().st_size / max(4 * most_bytes, 400)


def test_a_journal_that_is_not_there_is_empty_until_it_comes(path: Path) -> None:
    follower = Follower(str(path))

    assert (follower.read(ALL), follower.began_anew, follower.changed()) == ([], False, False)
    path.write_bytes(line(1))
    assert follower.changed()
    assert (numbers(follower.read(ALL)), follower.began_anew) == ([1], False)


@pytest.mark.parametrize("damage", [b"{broken}\n", b"[]\n", b"\xff\xfe\n", b"\n", b'{"event":"moved"}\n', b"\0\0\0\n"])
def test_a_damaged_line_is_counted_and_left_out(path: Path, damage: bytes) -> None:
    path.write_bytes(line(1) + damage + line(2))
    follower = Follower(str(path))

    assert numbers(follower.read(ALL)) == [1, 2]
    assert follower.damaged == 1


# -- another journal ---------------------------------------------------------------------------------------------------


def others() -> Iterator[tuple[str, bytes]]:
    """What may lie there after lines 1 to 3 were read: another journal, whatever its length."""
    yield "shorter", line(9)
    yield "empty", b""
    yield "as long", line(7) + line(8) + line(9)
    yield "longer", b"".join(line(seq) for seq in range(11, 30))


@pytest.mark.parametrize("data", [data for _, data in others()], ids=[name for name, _ in others()])
@pytest.mark.parametrize("replaced", [True, False], ids=["replaced", "written over"])
def test_another_journal_is_read_from_its_beginning(path: Path, data: bytes, replaced: bool) -> None:
    path.write_bytes(line(1) + line(2) + line(3))
    follower = Follower(str(path))
    follower.read(ALL)

    if replaced:
        (path.parent / "other").write_bytes(data)
        (path.parent / "other").rename(path)
    else:
        path.write_bytes(data)

    assert follower.changed() or len(data) == len(line(1) + line(2) + line(3))
    assert [json.loads(text) for text in data.splitlines()] == follower.read(ALL)
    assert follower.began_anew
    assert (follower.read(ALL), follower.began_anew) == ([], False)


def test_a_journal_that_was_taken_away_and_begun_anew_is_another_one(path: Path) -> None:
    path.write_bytes(line(1) + line(2))
    follower = Follower(str(path))
    follower.read(ALL)

    path.unlink()
    assert (follower.read(ALL), follower.began_anew) == ([], False)
    path.write_bytes(line(3) + line(4) + line(5))
    assert (numbers(follower.read(ALL)), follower.began_anew) == ([3, 4, 5], True)


@pytest.mark.parametrize("torn", [b'{"seq":3,"ev', b"\0" * 50, b'{"seq":3,"event":"moved","reason":"' + b"x" * 500])
def test_a_torn_end_that_a_daemon_cuts_off_is_never_taken_for_a_part_of_what_it_writes(path: Path, torn: bytes) -> None:
    path.write_bytes(line(1) + line(2) + torn)
    follower = Follower(str(path))
    assert numbers(follower.read(ALL)) == [1, 2]

    one = Journal(str(path), read(str(path)))
    one.append([{"event": "moved", "reason": "y" * 300}])
    one.close()

    [record] = follower.read(ALL)
    assert (record["seq"], record["reason"]) == (3, "y" * 300)
    assert (follower.began_anew, follower.damaged) == (False, 0)


def test_what_was_cut_off_behind_a_hole_although_it_was_read_makes_it_another_journal(path: Path) -> None:
    path.write_bytes(line(1) + b"\0" * 30 + b"\n" + line(2))
    follower = Follower(str(path))
    assert numbers(follower.read(ALL)) == [1, 2]

    one = Journal(str(path), read(str(path)))  # which cuts off what stands behind a hole
    one.append([{"event": "moved"}, {"event": "moved", "reason": "x" * 100}])
    one.close()

    assert (numbers(follower.read(ALL)), follower.began_anew) == ([1, 2, 3], True)


# -- odd things --------------------------------------------------------------------------------------------------------


def test_a_line_without_end_is_passed_over_and_what_follows_is_read(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "MOST_LINE", 1000)
    path.write_bytes(line(1) + b"x" * 5000 + b"\n" + line(2))
    follower, found = Follower(str(path)), list[int]()

    for _ in range(40):
        found += numbers(follower.read(100))
        if not follower.behind:
            break

    assert found == [1, 2]
    assert follower.damaged == 1


@pytest.mark.parametrize("kind", ["folder", "fifo", "link"])
def test_what_is_no_journal_is_refused_at_once(path: Path, kind: str) -> None:
    match kind:
        case "folder":
            path.mkdir()
        case "fifo":
            os.mkfifo(path)
        case "link":
            (path.parent / "other").write_bytes(line(1))
            path.symlink_to("other")

    with pytest.raises(OSError) as refused:
        Follower(str(path)).read(ALL)

    assert refused.value.errno in (errno.EINVAL, errno.ELOOP)


def test_nothing_stays_open(path: Path) -> None:
    path.write_bytes(line(1))
    before = sorted(os.listdir("/proc/self/fd"))

    for _ in range(5):
        Follower(str(path)).read(ALL)

    assert sorted(os.listdir("/proc/self/fd")) == before


def test_whether_anything_changed_is_seen_without_opening_it(path: Path) -> None:
    path.write_bytes(line(1) + b'{"torn')
    follower = Follower(str(path))
    assert follower.changed()

    follower.read(ALL)
    assert not follower.changed()  # the torn end is known
    append(path, b"x")
    assert follower.changed()
