"""The model of a disk: what may be lost, what may not, and that an undisturbed run comes out byte by byte."""

from pathlib import Path

import pytest

from tests.crash.oplog import Operation
from tests.power.model import Disk, History, Recorder
from tests.power.states import State, disk_of, states

ROOT = "/tree"


def op(call: str, path: str, other: str = "", data: bytes = b"") -> Operation:
    rename = call in ("rename", "move", "exchange", "link")
    return Operation(0, call, f"{ROOT}/{path}", f"{ROOT}/{other}" if rename else other, data)


def put(name: str, data: bytes, *, synced: bool) -> list[Operation]:
    made = [op("create", f"a/.{name}"), op("write", f"a/.{name}", "0", data)]
    return [*made, *([op("sync", f"a/.{name}")] if synced else []), op("rename", f"a/.{name}", f"a/{name}")]


def history(tmp_path: Path, *operations: Operation, strict: bool = False) -> History:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    (tmp_path / "a" / "old").write_bytes(b"old")
    return Recorder(Disk.of(tmp_path), ROOT, strict=strict).take(operations)


def trees(found: History) -> list[dict[str, bytes | None]]:
    return [disk_of(found, state).tree() for state in states(found)]


def contents(found: History, path: str) -> set[bytes | None]:
    return {tree.get(path) for tree in trees(found)}


def test_what_was_synced_before_its_name_is_whole_or_absent(tmp_path: Path) -> None:
    assert contents(history(tmp_path, *put("new", b"x" * 600, synced=True)), "a/new") == {None, b"x" * 600}


def test_what_was_not_may_be_empty_torn_in_the_middle_or_at_a_sector_and_zeros(tmp_path: Path) -> None:
    found = contents(history(tmp_path, *put("new", b"x" * 600, synced=False)), "a/new")

    assert found == {None, b"", b"x" * 300, b"x" * 512, b"\0" * 600, b"x" * 600}


def test_a_synced_file_is_lost_without_its_folder_and_kept_with_it(tmp_path: Path) -> None:
    run = put("new", b"x", synced=True)
    before, after = history(tmp_path, *run), len(run) + 1
    assert State(len(run), 1 << 1) in states(before)  # its bytes, and no name

    kept = Recorder(before.base, ROOT, strict=False).take([*run, op("sync folder", "a")])

    assert kept.after(kept.synced[after]).tree()["a/new"] == b"x"
    assert kept.synced[after] == 0b111


@pytest.mark.parametrize(("strict", "places"), [(False, {("a",), ("b",)}), (True, {("a",), ("b",), ("a", "b"), ()})])
def test_a_rename_between_folders_is_whole_but_for_the_strict(
    tmp_path: Path, strict: bool, places: set[tuple[str, ...]]
) -> None:
    found = history(tmp_path, op("move", "a/old", "b/old"), strict=strict)

    assert {tuple(name for name in "ab" if f"{name}/old" in tree) for tree in trees(found)} == places


def test_a_rename_between_folders_is_durable_when_both_are_synced(tmp_path: Path) -> None:
    run = [op("move", "a/old", "b/old"), op("sync folder", "b"), op("sync folder", "a")]

    assert history(tmp_path, *run).synced == [0, 0, 0, 1]


def test_a_folder_that_moves_takes_along_what_is_in_it_also_for_the_strict(tmp_path: Path) -> None:
    found = trees(history(tmp_path, op("move", "a", "b/a"), strict=True))

    assert all(("a/old" in tree) != ("b/a/old" in tree) for tree in found)


def test_a_write_behind_one_that_is_lost_leaves_a_hole(tmp_path: Path) -> None:
    run = [op("write", "a/old", "3", b"one"), op("write", "a/old", "6", b"two")]
    found = contents(history(tmp_path, *run), "a/old")

    assert b"old\0\0\0two" in found
    assert {b"old", b"oldone", b"oldonetwo"} <= found


def test_a_cut_an_exchange_and_a_link_are_known_and_what_is_not_is_refused(tmp_path: Path) -> None:
    run = [*put("new", b"new", synced=True), op("exchange", "a/new", "a/old"), op("cut", "a/old", "2")]
    found = history(tmp_path, *run, op("link", "a/old", "b/same"), op("unlink", "a/new"))

    assert found.end.tree() == {"a": None, "b": None, "a/old": b"ne", "b/same": b"ne"}
    with pytest.raises(ValueError, match="does not know mknod"):
        Recorder(found.base, ROOT, strict=False).take([op("mknod", "a/device")])


def test_a_journal_is_told_as_far_as_it_was_synced_and_its_lines_are_whole(tmp_path: Path) -> None:
    first = [op("create", "a/journal.jsonl"), op("write", "a/journal.jsonl", "0", b"1\n2\n")]
    run = [
        *first,
        op("sync", "a/journal.jsonl"),
        op("write", "a/journal.jsonl", "4", b"3\n4"),
        *put("x", b"", synced=False),
    ]

    assert history(tmp_path, *run).told[-1] == {"a/journal.jsonl": b"1\n2\n"}


def test_five_unsynced_changes_are_tried_in_every_choice_and_no_tree_twice(tmp_path: Path) -> None:
    found = trees(history(tmp_path, *(op("create", f"a/{number}") for number in range(5))))

    assert len(found) == 2**5
    assert len({frozenset(tree.items()) for tree in found}) == 2**5


def test_a_state_is_read_as_it_is_written() -> None:
    for state in (State(3, 0x1F), State(7, 0, 2, "zeros")):
        assert State.parse(str(state)) == state
