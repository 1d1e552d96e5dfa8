"""The calls that change the tree. Renames pass the same suite with the kernel's help and without it."""

import contextlib
import ctypes
import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cagents_fs.store import disk
from cagents_fs.store.disk import (
    Outcome,
    create,
    exchange,
    make_folders,
    no_links,
    put,
    rename_noreplace,
    swap_in,
    sync_folder,
    write_all,
)


class NoRenameat2:
    """A file system that knows no flags, as NFS does."""

    @staticmethod
    def renameat2(*_: object) -> int:
        ctypes.set_errno(errno.EINVAL)
        return -1


@pytest.fixture(params=["kernel", "fallback"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "fallback":
        monkeypatch.setattr(disk, "_libc", NoRenameat2)
    return str(request.param)


def files(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}


# -- renames that never replace ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("way")
def test_a_file_goes_where_nothing_lies(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one")

    assert rename_noreplace(str(tmp_path / "a"), str(tmp_path / "b")) is Outcome.MOVED
    assert files(tmp_path) == {"b": "one"}


@pytest.mark.usefixtures("way")
def test_a_file_that_lies_at_the_target_stays_and_so_does_the_source(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one")
    (tmp_path / "b").write_text("other")

    assert rename_noreplace(str(tmp_path / "a"), str(tmp_path / "b")) is Outcome.TAKEN
    assert files(tmp_path) == {"a": "one", "b": "other"}


@pytest.mark.usefixtures("way")
def test_between_two_hard_links_of_one_file_the_target_is_taken_and_both_names_stay(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one")
    os.link(tmp_path / "a", tmp_path / "b")

    assert rename_noreplace(str(tmp_path / "a"), str(tmp_path / "b")) is Outcome.TAKEN
    assert files(tmp_path) == {"a": "one", "b": "one"}


@pytest.mark.usefixtures("way")
def test_a_dangling_link_at_the_target_takes_the_name_too(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one")
    (tmp_path / "b").symlink_to("nowhere")

    assert rename_noreplace(str(tmp_path / "a"), str(tmp_path / "b")) is Outcome.TAKEN


@pytest.mark.usefixtures("way")
def test_a_source_that_is_not_there_is_gone(tmp_path: Path) -> None:
    assert rename_noreplace(str(tmp_path / "a"), str(tmp_path / "b")) is Outcome.GONE


@pytest.mark.usefixtures("way")
def test_where_the_targets_folder_is_missing_that_is_said_and_the_source_is_not_lost(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one")

    with pytest.raises(FileNotFoundError, match="queue"):
        rename_noreplace(str(tmp_path / "a"), str(tmp_path / "queue" / "a"))

    assert files(tmp_path) == {"a": "one"}


@pytest.mark.usefixtures("way")
def test_a_folder_is_moved_as_a_file_is(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "x").write_text("one")

    assert rename_noreplace(str(tmp_path / "out"), str(tmp_path / "aside")) is Outcome.MOVED
    assert files(tmp_path / "aside") == {"x": "one"}

    (tmp_path / "out").mkdir()
    assert rename_noreplace(str(tmp_path / "out"), str(tmp_path / "aside")) is Outcome.TAKEN
    assert rename_noreplace(str(tmp_path / "gone"), str(tmp_path / "aside")) is Outcome.GONE


def test_what_is_no_lost_race_is_an_error_that_names_both(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one")

    with pytest.raises(OSError, match="Not a directory") as caught:
        rename_noreplace(str(tmp_path / "a"), str(tmp_path / "a" / "b"))
    assert (caught.value.filename, caught.value.filename2) == (str(tmp_path / "a"), str(tmp_path / "a" / "b"))


# -- swapping ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("way")
def test_new_content_comes_under_a_name_that_is_still_there(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")

    assert swap_in(str(tmp_path / "a"), b"new", durable=True) is Outcome.MOVED
    assert files(tmp_path) == {"a": "new"}


@pytest.mark.usefixtures("way")
def test_a_file_that_was_moved_away_does_not_come_back(tmp_path: Path) -> None:
    assert swap_in(str(tmp_path / "a"), b"new", durable=False) is Outcome.GONE
    assert files(tmp_path) == {}


def test_two_files_change_places(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one")
    (tmp_path / "b").write_text("other")

    assert exchange(str(tmp_path / "a"), str(tmp_path / "b")) is Outcome.MOVED
    assert files(tmp_path) == {"a": "other", "b": "one"}


def test_whoever_reads_while_content_is_swapped_sees_the_old_or_the_new_and_never_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("0" * 100)
    seen = set()
    for number in range(1, 10):
        descriptor = os.open(path, os.O_RDONLY)
        swap_in(str(path), str(number).encode() * 100, durable=False)
        seen.add(os.read(descriptor, 200))
        os.close(descriptor)

    assert seen == {str(number).encode() * 100 for number in range(9)}


# -- writing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("durable", [True, False])
def test_put_replaces_and_leaves_nothing_else(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "a.yaml"
    put(str(path), b"one", durable=durable)
    put(str(path), b"two", durable=durable, mode=0o600)

    assert files(tmp_path) == {"a.yaml": "two"}
    assert path.stat().st_mode & 0o777 == 0o600


def test_put_makes_the_bytes_durable_before_the_name_and_the_name_before_it_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []

    def spy(name: str, real: Callable[..., object]) -> None:
        def call(*args: object) -> object:
            order.append(name)
            return real(*args)

        monkeypatch.setattr(os, name, call)

    spy("fsync", os.fsync)
    spy("rename", os.rename)

    put(str(tmp_path / "a"), b"one", durable=True)
    assert order == ["fsync", "rename", "fsync"]

    order.clear()
    put(str(tmp_path / "a"), b"two", durable=False)
    assert order == ["rename"]


def test_nothing_is_written_through_a_link_that_somebody_put_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("mine")
    for name in (".a.tmp", f".a.{os.getpid()}.tmp"):
        (tmp_path / name).symlink_to("victim")

    put(str(tmp_path / "a"), b"theirs", durable=False)

    assert (tmp_path / "victim").read_text() == "mine"
    assert (tmp_path / "a").read_text() == "theirs"
    assert not (tmp_path / "a").is_symlink()


@pytest.mark.usefixtures("way")
def test_create_never_replaces_and_cleans_up(tmp_path: Path) -> None:
    path = str(tmp_path / "a")

    assert create(path, b"one", durable=True) is Outcome.MOVED
    assert create(path, b"two", durable=True) is Outcome.TAKEN
    assert files(tmp_path) == {"a": "one"}


FULL = """
import resource, sys
from cagents_fs.store.disk import put
put(sys.argv[1], b"old", durable=False)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
try:
    put(sys.argv[1], b"new" * 100, durable=False)
except OSError as error:
    print(error.errno, error.filename)
"""


def test_where_there_is_no_room_the_old_content_stays_and_the_error_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a"

    done = subprocess.run([sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=True)

    code, name = done.stdout.split()
    assert (code, name.startswith(f"{tmp_path}/.a.")) == (str(errno.EFBIG), True)
    assert files(tmp_path) == {"a": "old"}


def test_all_of_it_is_written_where_a_call_takes_only_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = bytearray()

    def sips(_: int, data: memoryview) -> int:
        taken.extend(data[:3])
        return len(data[:3])

    monkeypatch.setattr(os, "write", sips)
    write_all(0, b"0123456789")

    assert bytes(taken) == b"0123456789"


# -- folders ----------------------------------------------------------------------------------------------------------


def test_folders_are_made_below_a_root_that_is_there_and_never_the_root(tmp_path: Path) -> None:
    grown = make_folders(str(tmp_path), ("tasks/pending", "queues"))
    assert grown == [str(tmp_path), str(tmp_path / "tasks")]  # where a name is new: to be synced
    assert make_folders(str(tmp_path), ("tasks/pending",)) == []
    assert (tmp_path / "tasks" / "pending").is_dir()

    with pytest.raises(FileNotFoundError, match="the tree is gone"):
        make_folders(str(tmp_path / "gone"), ("tasks",))
    assert not (tmp_path / "gone").exists()


def test_a_folder_behind_a_link_is_refused_and_a_plain_one_is_not(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("there")
    no_links(str(tmp_path / "there"))

    with pytest.raises(NotADirectoryError):
        no_links(str(tmp_path / "link"))


def test_only_folders_are_synced_and_no_descriptor_is_left(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one")
    before = len(os.listdir("/proc/self/fd"))

    sync_folder(str(tmp_path))
    for wrong in ("a", "gone"):
        with contextlib.suppress(OSError):
            sync_folder(str(tmp_path / wrong))
            pytest.fail(f"synced {wrong}")

    assert len(os.listdir("/proc/self/fd")) == before
