"""Reading files that anybody may be writing: real ones, and things that are no files."""

import errno
import fcntl
import mmap
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from cagents_fs.store.reading import NotRegular, Signature, TooLarge, has_end_marker, is_being_written, read_bounded


def test_a_file_is_read_whole_with_its_signature(tmp_path: Path) -> None:
    path = tmp_path / "T1.yaml"
    path.write_bytes(b"a: 1\n")
    seen = read_bounded(str(path), 100)
    assert seen.data == b"a: 1\n"
    assert seen.stable
    assert not seen.being_written
    assert seen.signature == Signature.of(os.stat(path))
    assert seen.signature.size == 5


def test_an_empty_file_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert read_bounded(str(tmp_path / "empty"), 0).data == b""


def test_names_are_looked_up_in_the_folder_given(tmp_path: Path) -> None:
    (tmp_path / "T1.yaml").write_bytes(b"x")
    (tmp_path / "link").symlink_to("T1.yaml")
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        assert read_bounded("T1.yaml", 10, dir_fd=folder).data == b"x"
        with pytest.raises(NotRegular, match="symlink"):
            read_bounded("link", 10, dir_fd=folder)
    finally:
        os.close(folder)


def test_the_limit_is_exact(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x" * 100)
    assert len(read_bounded(str(path), 100).data) == 100
    with pytest.raises(TooLarge) as caught:
        read_bounded(str(path), 99)
    assert caught.value.size == 100
    assert str(caught.value).endswith("f: 100 bytes; at most 99 are read")


def test_a_sparse_file_of_terabytes_is_refused_without_reading_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    monkeypatch.setattr(os, "read", lambda *_: pytest.fail("read"))
    with pytest.raises(TooLarge):
        read_bounded(str(path), 1 << 20)


@pytest.mark.timeout(10)
def test_what_is_no_regular_file_is_named_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    (tmp_path / "target").write_bytes(b"x")
    (tmp_path / "symlink").symlink_to("target")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        found = {}
        for name in ("fifo", "folder", "symlink", "dangling", "loop", "socket"):
            with pytest.raises(NotRegular) as caught:
                read_bounded(str(tmp_path / name), 100)
            found[name] = caught.value.kind
        with pytest.raises(NotRegular, match="/dev/zero: expected a regular file, found a device"):
            read_bounded("/dev/zero", 100)
    assert found == {
        "fifo": "FIFO",
        "folder": "directory",
        "symlink": "symlink",
        "dangling": "symlink",
        "loop": "symlink",
        "socket": "socket",
    }


def test_a_fifo_with_a_writer_is_still_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    writer = os.open(tmp_path / "fifo", os.O_RDWR)
    try:
        with pytest.raises(NotRegular, match="FIFO"):
            read_bounded(str(tmp_path / "fifo"), 100)
    finally:
        os.close(writer)


def test_what_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    for name in ("none", "none/T1.yaml"):
        with pytest.raises(FileNotFoundError):
            read_bounded(str(tmp_path / name), 100)


def test_what_lies_behind_a_link_is_not_read_wherever_the_link_is(tmp_path: Path) -> None:
    (tmp_path / "away/tasks").mkdir(parents=True)
    (tmp_path / "away/tasks/T1.yaml").write_text("task_id: T1\n")
    (tmp_path / "inst").symlink_to("away")
    (tmp_path / "loop").symlink_to("loop")
    for name in ("inst/tasks/T1.yaml", "loop/T1.yaml"):
        with pytest.raises(NotRegular, match="found a file behind a link"):
            read_bounded(str(tmp_path / name), 100)


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"xx")
    before = len(os.listdir("/proc/self/fd"))
    for name, limit in (("f", 10), ("f", 1), (".", 1), ("none", 1)):
        try:
            read_bounded(str(tmp_path / name), limit)
        except (NotRegular, TooLarge, OSError):
            continue
    assert len(os.listdir("/proc/self/fd")) == before


def test_short_reads_are_put_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "f"
    path.write_bytes(bytes(range(256)) * 10)
    real = os.read
    monkeypatch.setattr(os, "read", lambda fd, size: real(fd, min(size, 7)))
    assert read_bounded(str(path), 5000).data == bytes(range(256)) * 10
    assert read_bounded(str(path), 2560).data == bytes(range(256)) * 10


def test_a_file_that_changes_while_it_is_read_is_not_stable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"old")
    real = os.read

    def slow(fd: int, size: int) -> bytes:
        data = real(fd, size)
        if os.stat(path).st_size == 3:
            with path.open("ab") as file:
                file.write(b"!")
        return data

    monkeypatch.setattr(os, "read", slow)
    seen = read_bounded(str(path), 4)
    assert (seen.data, seen.signature.size, seen.stable) == (b"old!", 3, False)
    path.write_bytes(b"old")
    with pytest.raises(TooLarge, match="4 bytes; at most 3 are read"):
        read_bounded(str(path), 3)


def test_the_ctime_gives_away_a_change_whose_mtime_was_set_back(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"one")
    before = os.stat(path)
    while os.stat(path).st_ctime_ns == before.st_ctime_ns:  # until the clock of the file system has moved on
        path.write_bytes(b"two")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert os.stat(path).st_mtime_ns == before.st_mtime_ns
    assert Signature.of(os.stat(path)) != Signature.of(before)


def _kernel_tells(folder: Path) -> bool:
    path = folder / "probe"
    path.touch()
    fd = os.open(path, os.O_RDONLY)
    try:
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError:
        return False
    finally:
        os.close(fd)
    return True


def test_a_writer_that_holds_the_file_open_is_seen(tmp_path: Path) -> None:
    if not _kernel_tells(tmp_path):
        pytest.skip("no leases on this file system")
    path = tmp_path / "T1.yaml"
    with path.open("wb") as file:
        file.write(b"a: 1\n")
        file.flush()
        assert read_bounded(str(path), 100).being_written
    with path.open("r+b") as file:
        mapped = mmap.mmap(file.fileno(), 5)
    assert read_bounded(str(path), 100).being_written  # closed, but still mapped
    mapped.close()
    with path.open("rb"):
        assert not read_bounded(str(path), 100).being_written  # somebody reads it, too


def test_where_the_kernel_cannot_tell_nobody_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "f").write_bytes(b"x")
    monkeypatch.setattr(fcntl, "fcntl", refuse)
    assert not read_bounded(str(tmp_path / "f"), 10).being_written


def test_asking_leaves_signals_alone_and_works_in_any_thread(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x")
    before = signal.getsignal(signal.SIGIO), signal.getsignal(signal.SIGURG)
    answers: list[bool] = []
    with path.open("ab"):
        thread = threading.Thread(target=lambda: answers.append(read_bounded(str(path), 10).being_written))
        thread.start()
        thread.join()
    assert answers == [_kernel_tells(tmp_path)]
    assert before == (signal.getsignal(signal.SIGIO), signal.getsignal(signal.SIGURG))


_HOLDER = """
import fcntl, os, subprocess, sys
from cagents_fs.store import reading
path, real = sys.argv[1], fcntl.fcntl

def held(fd, command, argument=0):
    if command == fcntl.F_SETLEASE and argument == fcntl.F_UNLCK:
        # The worst moment: somebody opens the file for writing while we hold the lease.
        writer = subprocess.Popen([sys.executable, "-c", "import sys; open(sys.argv[1], 'ab')", path])
        try:
            writer.wait(timeout=1)
        except subprocess.TimeoutExpired:
            print("waits", end=" ")
        real(fd, command, argument)
        print("went on", writer.wait())
        return 0
    return real(fd, command, argument)

fcntl.fcntl = held
reading.read_bounded(path, 10)
"""


def test_a_writer_that_comes_while_we_ask_neither_fails_nor_kills_us(tmp_path: Path) -> None:
    if not _kernel_tells(tmp_path):
        pytest.skip("no leases on this file system")
    (tmp_path / "f").write_bytes(b"x")
    command = [sys.executable, "-c", _HOLDER, str(tmp_path / "f")]
    holder = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (holder.returncode, holder.stdout, holder.stderr) == (0, "waits went on 0\n", "")


def test_the_descriptor_passed_in_stays_open(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x")
    fd = os.open(tmp_path / "f", os.O_RDONLY)
    try:
        assert not is_being_written(fd)
        assert stat.S_ISREG(os.fstat(fd).st_mode)
    finally:
        os.close(fd)


@pytest.mark.parametrize(
    ("data", "whole"),
    [
        (b"a: 1\n...\n", True),
        (b"a: 1\n...", True),
        (b"a: 1\r\n...\r\n", True),
        (b"a: 1\n...\n\n  \n\r\n", True),
        (b"...\n", True),
        (b"a: 1\n...\n...\n", True),
        (b"", False),
        (b"\n", False),
        (b"a: 1\n", False),
        (b"a: 1\n..", False),
        (b"a: 1\n....\n", False),
        (b"a: 1\n ...\n", False),
        (b"a: and so on ...\n", False),
        (b"a: 1\n... # done\n", False),
        (b"a: 1\n... \n", False),
        (b"a: 1\n...\nb: 2\n", False),
        (b"a: x...\n", False),
    ],
)
def test_the_end_marker_is_three_dots_alone_on_the_last_line(data: bytes, whole: bool) -> None:
    assert has_end_marker(data) is whole


def test_a_refusal_for_which_there_is_no_reason_any_more_is_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody replaced a link by a file between our two calls."""

    def refuse(*_: object, **__: object) -> int:
        raise OSError(errno.ELOOP, "a link, a moment ago")

    (tmp_path / "f").write_bytes(b"x")
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(OSError, match="a moment ago"):
        read_bounded(str(tmp_path / "f"), 10)
