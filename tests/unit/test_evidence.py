"""Artifacts as sloppy and hostile agents leave them: real files, links, FIFOs, sockets."""

import errno
import hashlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cagents_fs.errors import StorageError
from cagents_fs.model.faults import Fault
from cagents_fs.store import beneath
from cagents_fs.store.evidence import (
    Examined,
    Located,
    Measured,
    Roots,
    evidence_path,
    examine,
    find,
    measure,
    open_beneath,
    resolves,
)
from cagents_fs.store.fingerprint import fingerprint


@pytest.fixture
def roots(tmp_path: Path) -> Roots:
    made = Roots(
        outputs=str(tmp_path / "inst/outputs"),
        output_dir=str(tmp_path / "inst/outputs/partial/T1"),
        workspace=str(tmp_path / "workspace"),
    )
    for root in made:
        os.makedirs(root, exist_ok=True)
    (tmp_path / "secret").write_text("key")
    return made


def put(root: str, name: str, content: bytes = b"made by ann\n") -> Path:
    path = Path(root, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def claim(content: bytes) -> tuple[int, str]:
    return len(content), f"sha256:{hashlib.sha256(content).hexdigest()}"


def code(found: object) -> str:
    assert isinstance(found, Fault), found
    assert str(found).encode("utf-8"), "a fault can always be printed"
    assert "hand in the manifest again" in found.message
    return found.code


def examined(path: str, content: bytes, roots: Roots, now: float | None = None) -> Examined:
    return examine(path, *claim(content), roots, now=time.time() if now is None else now, settle_seconds=1)


def located(path: str, roots: Roots) -> Located:
    found = find(path, roots)
    assert isinstance(found, Located), found
    return found


# --- find


def test_the_roots_are_looked_up_in_their_order(roots: Roots) -> None:
    for root in reversed(list(roots)):
        put(root, "report.md")
        assert located("report.md", roots) == Located(root, f"{root}/report.md")


def test_an_absolute_path_counts_inside_a_root_and_nowhere_else(roots: Roots, tmp_path: Path) -> None:
    inside = put(roots.workspace, "src/users.py")

    assert located(str(inside), roots).real_path == str(inside)
    assert code(find(str(tmp_path / "secret"), roots)) == "outside_root"
    assert code(find("/etc/passwd", roots)) == "outside_root"
    assert code(find(f"{roots.workspace}/none.py", roots)) == "missing_artifact"
    assert code(find(f"{roots.workspace}/../secret", roots)) == "outside_root"
    assert code(find(f"{roots.workspace}x/none.py", roots)) == "outside_root"


def test_a_root_behind_a_link_is_the_folder_the_link_leads_to(roots: Roots, tmp_path: Path) -> None:
    put(roots.workspace, "src/users.py")
    (tmp_path / "link").symlink_to(roots.workspace)
    through = Roots(roots.outputs, roots.output_dir, str(tmp_path / "link"))

    assert located("src/users.py", through) == located("src/users.py", roots)
    assert located(f"{tmp_path}/link/src/users.py", through) == located("src/users.py", roots)


@pytest.mark.parametrize(
    "path",
    ["../../../secret", "a/../../../../../secret", "../" * 40 + "etc/passwd", "..", "./..", "none/../../../../../x"],
)
def test_a_path_that_leaves_its_root_is_outside(roots: Roots, path: str) -> None:
    assert code(find(path, roots)) == "outside_root"


@pytest.mark.parametrize(
    "path",
    [
        *(
            "",
            " ",
            "~",
            "~/x",
            "$HOME/x",
            "https://example.com/x",
            "C:\\x",
            "*.py",
            "a\0b",
            "none",
            "none/",
            "none/none",
        ),
        *("a\nb", "\x1b[31mred", "\ud800", "\udcff", "x" * 10_000, "x/" * 5_000, "../" * 3_000, "x" * 300, "‮txt"),
    ],
)
def test_a_path_to_nowhere_is_missing_whatever_it_is_made_of(roots: Roots, path: str) -> None:
    assert code(find(path, roots)) == "missing_artifact"
    assert examined(path, b"", roots).faults[0].code == "missing_artifact"


def test_a_message_is_short_and_shows_no_control_character(roots: Roots) -> None:
    for path in ("\x1b[31mred\n", "x" * 10_000, "\udcff" * 2_000):
        found = find(path, roots)
        assert isinstance(found, Fault)
        assert found.message.isprintable()
        assert len(found.message) < 3_000


def test_a_name_that_is_no_utf8_is_a_name_like_any_other(roots: Roots) -> None:
    Path(roots.workspace, "bad\udcff").write_bytes(b"x")

    assert examined("bad\udcff", b"x", roots).faults == ()
    assert str(examined("bad\udcff", b"y", roots).faults[0]).encode()


def test_a_file_with_a_slash_behind_it_is_not_there(roots: Roots) -> None:
    put(roots.workspace, "a.py")

    assert code(find("a.py/", roots)) == "missing_artifact"
    assert code(find("a.py/b", roots)) == "missing_artifact"


def test_a_link_inside_a_root_is_followed_and_one_out_of_it_is_not(roots: Roots, tmp_path: Path) -> None:
    put(roots.workspace, "v2/a.py")
    Path(roots.workspace, "current").symlink_to("v2")
    Path(roots.workspace, "out").symlink_to(tmp_path)
    Path(roots.workspace, "secret").symlink_to(tmp_path / "secret")
    Path(roots.workspace, "dangling").symlink_to("none")
    Path(roots.workspace, "dangling-out").symlink_to("/none/none")

    assert located("current/a.py", roots).real_path == f"{roots.workspace}/v2/a.py"
    assert examined("current/a.py", b"made by ann\n", roots).faults == ()
    assert code(find("out/secret", roots)) == "outside_root"
    assert code(find("secret", roots)) == "outside_root"
    assert code(find("dangling", roots)) == "missing_artifact"
    assert code(find("dangling-out", roots)) == "outside_root"


def test_what_leaves_one_root_but_lies_in_another_is_found_there(roots: Roots, tmp_path: Path) -> None:
    Path(roots.outputs, "a.py").symlink_to(tmp_path / "secret")
    put(roots.workspace, "a.py")
    put(roots.outputs, "partial/shared.txt")

    assert located("a.py", roots).root == roots.workspace
    assert located("../partial/shared.txt", Roots(roots.output_dir, roots.outputs + "/partial", roots.workspace))
    assert code(find("../shared.txt", roots)) == "outside_root"


def test_links_that_go_round_in_circles_are_missing_and_say_so(roots: Roots) -> None:
    Path(roots.workspace, "loop").symlink_to("loop")
    Path(roots.workspace, "l0").symlink_to("none")
    for number in range(1, 1_500):
        Path(roots.workspace, f"l{number}").symlink_to(f"l{number - 1}")

    for path in ("loop", "loop/x", "l1499", "none/../l1499", f"{roots.workspace}/loop"):
        found = find(path, roots)
        assert code(found) == "missing_artifact"
        assert isinstance(found, Fault)
        assert "circles" in found.message or "none/.." in path


def test_an_output_directory_that_was_linked_elsewhere_is_no_root(roots: Roots, tmp_path: Path) -> None:
    os.rmdir(roots.output_dir)
    os.symlink(tmp_path, roots.output_dir)
    assert code(find("secret", roots)) == "outside_root"

    os.unlink(roots.output_dir)
    put(roots.workspace, "tree/b.py")
    os.symlink(f"{roots.workspace}/tree", roots.output_dir)
    assert located("b.py", roots).real_path == f"{roots.workspace}/tree/b.py"


def test_a_disk_that_cannot_be_asked_is_no_verdict(roots: Roots, monkeypatch: pytest.MonkeyPatch) -> None:
    put(roots.workspace, "a.py")
    place = located("a.py", roots)
    for number in (errno.EIO, errno.EMFILE, errno.ESTALE):

        def refuse(*_: object, number: int = number, **__: object) -> int:
            raise OSError(number, os.strerror(number))

        with monkeypatch.context() as patched:
            patched.setattr(beneath.os, "open", refuse)
            with pytest.raises(StorageError, match=errno.errorcode[number]):
                find("a.py", roots)
            with pytest.raises(StorageError, match=errno.errorcode[number]):
                measure(place)


def test_a_file_that_may_not_be_read_is_missing_and_says_why(roots: Roots, monkeypatch: pytest.MonkeyPatch) -> None:
    put(roots.workspace, "a.py")
    place = located("a.py", roots)

    def refuse(*_: object, **__: object) -> int:  # not by chmod: root may read everything
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    with monkeypatch.context() as patched:
        patched.setattr(beneath.os, "open", refuse)
        for found in (find("a.py", roots), measure(place)):
            assert code(found) == "missing_artifact"
            assert "Permission denied" in str(found)


# --- open_beneath


def test_a_link_swapped_in_after_the_look_is_not_followed(roots: Roots, tmp_path: Path) -> None:
    put(roots.workspace, "src/secret", b"key")
    place = located("src/secret", roots)

    os.rename(f"{roots.workspace}/src", f"{roots.workspace}/old")
    os.symlink(tmp_path, f"{roots.workspace}/src")
    assert code(measure(place)) == "changed_while_read"

    os.unlink(f"{roots.workspace}/src")
    os.mkdir(f"{roots.workspace}/src")
    os.symlink(tmp_path / "secret", f"{roots.workspace}/src/secret")
    assert code(measure(place)) == "changed_while_read"

    os.rename(roots.workspace, tmp_path / "moved")
    os.symlink(tmp_path, roots.workspace)
    assert code(measure(place)) == "changed_while_read"


def test_a_file_that_vanishes_after_the_look_is_missing(roots: Roots) -> None:
    gone = put(roots.workspace, "src/a.py")
    place = located("src/a.py", roots)
    gone.unlink()
    assert code(measure(place)) == "missing_artifact"
    gone.parent.rmdir()
    assert code(measure(place)) == "missing_artifact"
    gone.parent.write_text("a file now")
    assert code(measure(place)) == "missing_artifact"


@pytest.mark.parametrize("parts", [[".."], ["."], [""], ["a/b"], ["..", "secret"], ["src", "..", "a"]])
def test_only_single_names_lead_down(roots: Roots, parts: list[str]) -> None:
    assert code(open_beneath(roots.workspace, parts)) == "outside_root"


@pytest.mark.parametrize("parts", [["a\0b"], ["\ud800"], ["x" * 300], ["x" * 5_000], ["none"]])
def test_no_name_makes_it_raise(roots: Roots, parts: list[str]) -> None:
    assert code(open_beneath(roots.workspace, parts)) == "missing_artifact"


@contextmanager
def everything_but_a_file(folder: str) -> Iterator[list[str]]:
    os.mkdir(f"{folder}/folder")
    os.mkfifo(f"{folder}/fifo")
    short = os.open(folder, os.O_PATH)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"/proc/self/fd/{short}/socket")  # the path of a socket has at most 108 bytes
        os.close(short)
        yield ["folder", "fifo", "socket", "."]


def test_what_is_no_regular_file_is_refused_at_once(roots: Roots) -> None:
    begun = time.monotonic()
    with everything_but_a_file(roots.workspace) as names:
        for name in names:
            (found,) = examined(name, b"", roots).faults
            assert found.code == "not_a_file"
            assert found.path == name
            assert code(measure(located(name, roots))) == "not_a_file"
    assert code(measure(Located("/dev", "/dev/null"))) == "not_a_file"
    assert time.monotonic() - begun < 1


def test_a_fifo_swapped_in_at_the_last_moment_blocks_nobody(roots: Roots, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(f"{roots.workspace}/fifo")
    file = os.stat(put(roots.workspace, "file"))
    monkeypatch.setattr(beneath.os, "stat", lambda *_, **__: file)

    assert code(open_beneath(roots.workspace, ["fifo"])) == "not_a_file"


def test_no_descriptor_stays_open_whatever_is_found(roots: Roots, tmp_path: Path) -> None:
    put(roots.workspace, "src/a.py")
    Path(roots.workspace, "out").symlink_to(tmp_path)
    with everything_but_a_file(roots.workspace) as names:
        before = len(os.listdir("/proc/self/fd"))
        for path in (*names, "src/a.py", "src", "none", "src/none", "src/a.py/x", "out/secret", "../../.."):
            examined(path, b"made by ann\n", roots)
            opened = open_beneath(roots.workspace, path.split("/"))
            if isinstance(opened, int):
                assert not os.get_inheritable(opened)
                os.close(opened)
        assert len(os.listdir("/proc/self/fd")) == before


# --- measure


@pytest.mark.parametrize("size", [0, 1, 4096, 256 * 1024 - 1, 256 * 1024, 1024 * 1024, 3 * 1024 * 1024 + 1])
def test_a_file_of_any_size_is_measured_as_sha256sum_does(roots: Roots, size: int) -> None:
    content = os.urandom(size)
    path = put(roots.workspace, "a.bin", content)
    seen = path.stat()

    assert measure(located("a.bin", roots)) == Measured(
        size=size,
        sha256=hashlib.sha256(content).hexdigest(),
        signature=(seen.st_dev, seen.st_ino, size, seen.st_mtime_ns, seen.st_ctime_ns),
        links=1,
    )


def test_many_threads_measure_side_by_side_without_sharing_a_buffer(roots: Roots) -> None:
    contents = [bytes([number]) * (600_000 + number) for number in range(16)]
    for number, content in enumerate(contents):
        put(roots.workspace, f"{number}.bin", content)
    faults: list[Fault] = []

    def look(number: int) -> None:
        for _ in range(5):
            faults.extend(examined(f"{number}.bin", contents[number], roots).faults)

    threads = [threading.Thread(target=look, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


def test_a_hard_link_is_told(roots: Roots) -> None:
    path = put(roots.workspace, "a.py")
    os.link(path, f"{roots.workspace}/b.py")

    measured = measure(located("a.py", roots))
    assert isinstance(measured, Measured)
    assert measured.links == 2


def test_two_sparse_gigabytes_of_the_wrong_size_are_not_read(roots: Roots) -> None:
    with open(f"{roots.workspace}/huge", "wb") as file:
        file.truncate(2 << 30)
    begun = time.monotonic()

    measured = measure(located("huge", roots), expected_size=100)
    (found,) = examined("huge", b"x" * 100, roots).faults

    assert isinstance(measured, Measured)
    assert (measured.size, measured.sha256) == (2 << 30, None)
    assert found.code == "size_mismatch"
    assert time.monotonic() - begun < 0.5


@contextmanager
def busy_writer(path: Path, write_once: str) -> Iterator[None]:
    stop, begun = threading.Event(), threading.Event()

    def write() -> None:
        with open(path, "ab" if write_once == "append" else "r+b", buffering=0) as file:
            while not stop.is_set():
                file.write(b"y" * 4096)
                if write_once == "rewrite":
                    file.seek(0)
                    stamp = os.fstat(file.fileno()).st_atime_ns
                    os.utime(file.fileno(), ns=(stamp, 0))  # mtime can be put back, ctime cannot
                begun.set()

    writer = threading.Thread(target=write)
    writer.start()
    begun.wait()
    try:
        yield
    finally:
        stop.set()
        writer.join()


@pytest.mark.parametrize("manner", ["rewrite", "append"])
def test_a_file_that_is_written_while_it_is_hashed_has_no_checksum(roots: Roots, manner: str) -> None:
    path = put(roots.workspace, "growing.log", b"x" * (32 << 20))
    with busy_writer(path, manner):
        seen = examine("growing.log", path.stat().st_size, "sha256:0", roots, now=time.time(), settle_seconds=1)
        found = measure(located("growing.log", roots))

    assert code(found) == "changed_while_read"
    assert seen.young, "the caller waits"
    assert seen.faults[0].code in ("changed_while_read", "size_mismatch")


def test_a_small_file_that_shrinks_or_grows_under_the_read_has_no_checksum(
    roots: Roots, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(roots.workspace, "a.txt", b"x" * 100)
    read = os.read
    for size in (0, 99, 101, 100_000):
        path.write_bytes(b"x" * 100)

        def change_and_read(descriptor: int, count: int, size: int = size) -> bytes:
            os.truncate(path, size)
            return read(descriptor, count)

        with monkeypatch.context() as patched:
            patched.setattr(os, "read", change_and_read)
            assert code(measure(located("a.txt", roots))) == "changed_while_read"


# --- examine


def test_an_artifact_that_is_as_claimed_has_no_faults(roots: Roots) -> None:
    put(roots.output_dir, "report.md", b"fine")
    size, checksum = claim(b"fine")

    for said in (checksum, checksum.upper(), checksum.replace("a", "A")):
        seen = examine("report.md", size, said, roots, now=time.time(), settle_seconds=1)
        assert (seen.faults, seen.young) == ((), False)
        assert seen.real_path == f"{roots.output_dir}/report.md"
        assert seen.signature is not None
        assert seen.signature[2] == 4


def test_a_wrong_size_and_a_wrong_checksum_name_expected_and_found_and_what_to_do(roots: Roots) -> None:
    put(roots.output_dir, "report.md", b"fine")

    (size,) = examined("report.md", b"finer", roots).faults
    (checksum,) = examined("report.md", b"fake", roots).faults

    assert size.code == "size_mismatch"
    assert checksum.code == "checksum_mismatch"
    for said in ("report.md", "4 bytes", "expected 5", "sha256sum", "hand in the manifest again"):
        assert said in size.message
    for said in ("report.md", claim(b"fine")[1], claim(b"fake")[1], "sha256sum", "hand in the manifest again"):
        assert said in checksum.message


def test_only_an_artifact_that_does_not_match_and_was_just_changed_is_young(roots: Roots) -> None:
    path = put(roots.output_dir, "report.md", b"fine")
    changed = path.stat().st_ctime

    assert examined("report.md", b"fake", roots, now=changed + 0.9).young
    assert examined("report.md", b"finer", roots, now=changed + 0.9).young
    assert not examined("report.md", b"fake", roots, now=changed + 1.1).young
    assert not examined("report.md", b"fine", roots, now=changed).young
    assert not examined("none.md", b"fine", roots, now=changed).young


def test_an_old_mtime_does_not_hide_that_a_file_is_new_and_a_future_one_does_not_keep_it_so(roots: Roots) -> None:
    path = put(roots.output_dir, "report.md", b"fine")
    os.utime(path, (0, 0))
    assert examined("report.md", b"fake", roots, now=path.stat().st_ctime).young

    os.utime(path, (4e9, 4e9))
    assert not examined("report.md", b"fake", roots, now=path.stat().st_ctime + 5).young


# --- evidence


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("src/users.py", "src/users.py"),
        ("users.py", "users.py"),
        ("src/users.py:create_user", "src/users.py"),
        ("src/users.py:Users.create", "src/users.py"),
        ("src/users.py:line 42", "src/users.py"),
        ("src/users.py:42", "src/users.py"),
        ("tests/test_users.py::test_create", "tests/test_users.py"),
        ("  docs/api\n", "docs/api"),
        ("../secret", "../secret"),
        ("/etc/passwd", "/etc/passwd"),
        (".env", ".env"),
        ("15/15", "15/15"),
        ("Makefile", None),
        ("tests: 15/15", None),
        ("see src/users.py", None),
        ("src/users.py:", None),
        ("src/users.py:lines 1-9", None),
        ("src/users.py:line 42 and more", None),
        ("https://ci.example.com/run/5", None),
        ("12:30", None),
        ("3.14", None),
        ("v1.2.3", None),
        ("done.", None),
        ("All 15 tests pass.", None),
        ("", None),
        (":", None),
        ("a/b\nc/d", None),
    ],
)
def test_evidence_is_a_path_only_where_it_has_the_form_of_one(text: str, path: str | None) -> None:
    assert evidence_path(text) == path


@pytest.mark.parametrize("text", ["/" * 10**6 + " ", ".a" * 500_000 + " ", "a." * 500_000 + ": ", "a:" * 500_000 + " "])
def test_a_megabyte_of_evidence_is_judged_in_no_time(text: str) -> None:
    begun = time.monotonic()
    assert evidence_path(text + "x") is None
    assert time.monotonic() - begun < 0.5


def test_evidence_may_name_a_folder_and_must_stay_inside(roots: Roots) -> None:
    put(roots.workspace, "tests/unit/test_a.py")

    assert resolves("tests/unit", roots)
    assert resolves("tests/unit/test_a.py", roots)
    assert not resolves("tests/unit/test_b.py", roots)
    assert not resolves("../secret", roots)


# --- fingerprint


def nothing(_: str) -> bool:
    return False


def test_a_fingerprint_changes_with_every_trace_of_work_and_with_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "T1"
    assert fingerprint(str(folder), nothing) == ""
    folder.mkdir()
    prints = [fingerprint(str(folder), nothing)]
    assert prints[0] != ""

    file = put(str(folder), "a/b/c.txt", b"one")
    prints.append(fingerprint(str(folder), nothing))
    file.write_bytes(b"three")
    prints.append(fingerprint(str(folder), nothing))
    os.utime(file, ns=(1, 1))
    prints.append(fingerprint(str(folder), nothing))
    file.rename(file.with_name("d.txt"))
    prints.append(fingerprint(str(folder), nothing))
    (folder / "link").symlink_to(tmp_path)
    prints.append(fingerprint(str(folder), nothing))

    assert len(set(prints)) == len(prints)
    (tmp_path / "elsewhere").write_text("behind the link")
    assert fingerprint(str(folder), nothing) == prints[-1]


def test_what_is_ignored_is_no_sign_of_life_nor_is_the_folder_it_lies_in(tmp_path: Path) -> None:
    put(str(tmp_path), "sub/a.txt")

    def ignore(path: str) -> bool:
        return path in ("agent.log", "sub/verification")

    before = fingerprint(str(tmp_path), ignore)
    put(str(tmp_path), "agent.log")
    put(str(tmp_path), "sub/verification/check.log")
    for number in range(200):
        put(str(tmp_path), f"sub/verification/{'x' * 200}{number}")
    assert fingerprint(str(tmp_path), ignore) == before
    assert fingerprint(str(tmp_path), nothing) != before


def test_a_fingerprint_is_bounded_and_the_same_twice(tmp_path: Path) -> None:
    for number in range(300):
        (tmp_path / f"d{number}").mkdir()
        for file in range(80):
            os.mknod(f"{tmp_path}/d{number}/{file}")
    begun = time.monotonic()

    assert fingerprint(str(tmp_path), nothing) == fingerprint(str(tmp_path), nothing)
    assert time.monotonic() - begun < 3


def test_a_link_in_place_of_the_folder_and_a_vanishing_tree_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "T1").symlink_to("/")
    assert fingerprint(str(tmp_path / "T1"), nothing) == ""

    put(str(tmp_path), "T2/sub/a.txt")
    put(str(tmp_path), "T2/z.txt")

    def removing(path: str) -> bool:
        if path == "sub":
            os.unlink(tmp_path / "T2/sub/a.txt")
            os.rmdir(tmp_path / "T2/sub")
            os.unlink(tmp_path / "T2/z.txt")
        return False

    assert fingerprint(str(tmp_path / "T2"), removing) != ""
