"""Down from a root without links, in both ways: with `openat2`, and name by name where the kernel has it not."""

import errno
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cagents_fs.model.faults import Fault
from cagents_fs.store import beneath, descent
from cagents_fs.store.beneath import Located, Roots, find, open_beneath
from cagents_fs.store.evidence import Measured, measure

SECRET, MINE = b"the key", b"made by ann"
REFUSED = {"changed_while_read", "missing_artifact", "not_a_file", "outside_root"}


@pytest.fixture(autouse=True, params=["openat2", "by name"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "openat2" and not descent.has_openat2():
        pytest.skip("this kernel has no openat2, or this sandbox forbids it")
    monkeypatch.setattr(descent, "has_openat2", lambda: request.param == "openat2")
    return str(request.param)


@pytest.fixture
def roots(tmp_path: Path) -> Roots:
    made = Roots(str(tmp_path / "inst/outputs"), str(tmp_path / "inst/outputs/partial/T1"), str(tmp_path / "workspace"))
    for root in made:
        os.makedirs(f"{root}/src")
        Path(root, "src/a.py").write_bytes(MINE)
    (tmp_path / "away/src").mkdir(parents=True)
    for secret in ("away/a.py", "away/src/a.py"):
        (tmp_path / secret).write_bytes(SECRET)
    return made


def read(found: int | Fault) -> bytes | str:
    """What can be read by a descriptor, or the code of the fault."""
    if isinstance(found, Fault):
        return found.code
    with open(found, "rb") as file:
        return file.read()


def test_a_file_is_opened_beneath_its_root(roots: Roots) -> None:
    for root in roots:
        assert read(open_beneath(root, ["src", "a.py"])) == MINE
    assert read(open_beneath(roots.workspace, ["src", "none"])) == "missing_artifact"
    assert read(open_beneath(roots.workspace, ["none", "a.py"])) == "missing_artifact"
    assert read(open_beneath(roots.workspace, ["src", "a.py", "x"])) == "missing_artifact"
    assert read(open_beneath(roots.workspace, ["src"])) == "not_a_file"
    assert read(open_beneath(roots.workspace, [])) == "not_a_file"
    assert read(open_beneath(f"{roots.workspace}/src/a.py", [])) == MINE


@pytest.mark.parametrize("depth", ["root", "above the root", "parent", "file"])
@pytest.mark.parametrize("absolute", [False, True])
def test_no_link_is_followed_wherever_it_lies(roots: Roots, tmp_path: Path, depth: str, absolute: bool) -> None:
    place = {
        "root": tmp_path / "inst/outputs/partial/T1",
        "above the root": tmp_path / "inst/outputs/partial",
        "parent": Path(roots.output_dir, "src"),
        "file": Path(roots.output_dir, "src/a.py"),
    }[depth]
    moved = place.rename(place.with_name("moved"))
    place.symlink_to(moved if absolute else moved.name)

    assert read(open_beneath(roots.output_dir, ["src", "a.py"])) == "changed_while_read"


def test_a_link_in_proc_is_a_link_too(roots: Roots) -> None:
    descriptor = os.open(roots.workspace, os.O_PATH)
    try:
        assert read(open_beneath("/proc/self/fd", [str(descriptor), "src", "a.py"])) == "changed_while_read"
        assert read(open_beneath(f"/proc/self/fd/{descriptor}", ["src", "a.py"])) == "changed_while_read"
    finally:
        os.close(descriptor)


def test_what_lies_in_proc_is_read_as_the_empty_file_that_it_says_it_is() -> None:
    found = measure(Located("/proc/self", "/proc/self/environ"))

    assert isinstance(found, Fault)
    assert found.code == "changed_while_read", "it has more bytes than it says"


def test_no_descriptor_is_left_and_none_is_inherited(roots: Roots, tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")
    Path(roots.workspace, "link").symlink_to(tmp_path)
    for parts in (["src", "a.py"], ["src", "none"], ["none", "x"], ["link", "x"], ["src", "a.py", "x"], []):
        found = open_beneath(roots.workspace, parts)
        if isinstance(found, int):
            assert not os.get_inheritable(found)
            os.close(found)
    with pytest.raises(ValueError, match="null"):
        descent.open_folder(roots.workspace, ["a\0b"])

    assert os.listdir("/proc/self/fd") == before


# --- somebody swaps things while we look


Swap = Callable[[Path], None]


def _parent_for_link(tmp_path: Path) -> None:
    os.rename(tmp_path / "inst/outputs/src", tmp_path / "inst/outputs/old")
    os.symlink(tmp_path / "away/src", tmp_path / "inst/outputs/src")


def _root_for_link(tmp_path: Path) -> None:
    os.rename(tmp_path / "inst/outputs", tmp_path / "old")
    os.symlink(tmp_path / "away", tmp_path / "inst/outputs")


def _file_for_link(tmp_path: Path) -> None:
    os.unlink(tmp_path / "inst/outputs/src/a.py")
    os.symlink(tmp_path / "away/a.py", tmp_path / "inst/outputs/src/a.py")


def _file_for_fifo(tmp_path: Path) -> None:
    os.unlink(tmp_path / "inst/outputs/src/a.py")
    os.mkfifo(tmp_path / "inst/outputs/src/a.py")


class _Tripwire:
    """Swaps at the n-th call to the system that looking makes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int, swap: Callable[[], None]) -> None:
        self.calls = 0
        self._at, self._swap = at, swap
        for module, name in ((os, "open"), (os, "stat"), (os, "fstat"), (os, "readlink"), (descent, "_openat2")):
            monkeypatch.setattr(module, name, self._wrapped(getattr(module, name)))

    def _wrapped(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            self.calls += 1
            if self.calls == self._at:
                self._swap()
            return real(*arguments, **named)

        return call


@pytest.mark.parametrize(
    "swap", [_parent_for_link, _root_for_link, _file_for_link, _file_for_fifo], ids=lambda swap: swap.__name__[1:]
)
def test_a_swap_at_any_call_shows_nothing_from_outside_and_waits_for_nobody(
    swap: Swap, roots: Roots, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_outputs = Roots(roots.outputs, roots.output_dir + "x", roots.workspace + "x")
    came_out: set[bytes | str] = set()
    for at in range(1, 100):
        with monkeypatch.context() as patched:
            tripwire = _Tripwire(patched, at, lambda: swap(tmp_path))
            place = find("src/a.py", only_outputs)
            came_out.add(read(open_beneath(place.root, place.parts)) if isinstance(place, Located) else place.code)
        if tripwire.calls < at:
            break
        subprocess.run(["rm", "-rf", tmp_path / "inst", tmp_path / "old"], check=True)
        (tmp_path / "inst/outputs/src").mkdir(parents=True)
        (tmp_path / "inst/outputs/src/a.py").write_bytes(MINE)
    else:
        raise AssertionError("more than a hundred calls for one file")

    assert at > 5
    assert came_out <= {MINE, *REFUSED}
    assert MINE in came_out
    assert came_out & REFUSED


SWAPPER = """
import ctypes, os, sys
libc = ctypes.CDLL(None)
one, other = (os.fsencode(path) for path in sys.argv[1:3])
swaps = 0
os.write(1, b"begun\\n")
while os.getppid() == int(sys.argv[3]):
    libc.renameat2(-100, one, -100, other, 2)  # RENAME_EXCHANGE: there is always something at both names
    swaps += 1
    if swaps % 2000 == 0 and not os.path.exists(sys.argv[4]):
        break
print(swaps)
"""


@pytest.fixture
def swapping(tmp_path: Path) -> Iterator[Callable[[Path, Path], "subprocess.Popen[bytes]"]]:
    """Starts a process that exchanges two names as fast as it can, until `tmp_path/go` is gone."""
    (tmp_path / "go").touch()
    started: list[subprocess.Popen[bytes]] = []

    def start(one: Path, other: Path) -> "subprocess.Popen[bytes]":
        line = [sys.executable, "-c", SWAPPER, str(one), str(other), str(os.getpid()), str(tmp_path / "go")]
        started.append(subprocess.Popen(line, stdout=subprocess.PIPE))
        assert started[0].stdout is not None
        assert started[0].stdout.readline() == b"begun\n"
        return started[0]

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.mark.parametrize("what", ["folder", "file", "root"])
def test_a_process_that_swaps_thousands_of_times_shows_us_nothing(
    what: str, roots: Roots, tmp_path: Path, swapping: Callable[[Path, Path], "subprocess.Popen[bytes]"]
) -> None:
    place = {"folder": "workspace/src", "file": "workspace/src/a.py", "root": "inst/outputs"}[what]
    link, name = tmp_path / "swapped", "partial/T1/src/a.py" if what == "root" else "src/a.py"
    link.symlink_to(tmp_path / {"folder": "away/src", "file": "away/a.py", "root": "away"}[what])
    (tmp_path / "away/partial/T1/src").mkdir(parents=True)
    (tmp_path / "away/partial/T1/src/a.py").write_bytes(SECRET)
    swapper = swapping(tmp_path / place, link)
    none = str(tmp_path / "none/none/none")
    known = Roots(roots.outputs, roots.output_dir, none) if what == "root" else Roots(none, none, roots.workspace)
    sizes: dict[int | str, int] = {}
    deadline = time.monotonic() + 30
    while (sum(sizes.values()) < 2_000 or len(sizes) < 2) and time.monotonic() < deadline:
        located = find(name, known)
        found = measure(located) if isinstance(located, Located) else located
        seen = found.size if isinstance(found, Measured) else found.code
        sizes[seen] = sizes.get(seen, 0) + 1
    (tmp_path / "go").unlink()  # after some thousand more
    swaps = int(swapper.communicate(timeout=20)[0])

    assert set(sizes) <= {len(MINE), *REFUSED}, sizes
    assert sizes.get(len(MINE), 0) > 0, sizes
    assert sum(sizes.values()) - sizes.get(len(MINE), 0) > 0, sizes
    assert swaps > 1_000


# --- roots that were replaced


@pytest.mark.parametrize("name", ["outputs", ""])
def test_an_outputs_folder_or_an_instruction_that_became_a_link_is_no_root(
    roots: Roots, tmp_path: Path, name: str
) -> None:
    victim = tmp_path / "inst" / name
    victim.rename(tmp_path / "moved")
    (tmp_path / "away/outputs").symlink_to(".")
    victim.symlink_to(tmp_path / "away")
    found = find("src/a.py", Roots(roots.outputs, roots.output_dir, str(tmp_path / "none")))

    assert isinstance(found, Fault)
    assert found.code == "outside_root"


# --- what the kernel says


def test_a_kernel_that_refuses_openat2_is_asked_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    asked: list[str] = []

    def refuse(path: str, *_: object) -> int:
        asked.append(path)
        raise PermissionError(errno.EPERM, "Operation not permitted")

    descent.has_openat2.cache_clear()
    try:
        with monkeypatch.context() as patched:
            patched.setattr(descent, "_openat2", refuse)
            assert (descent.has_openat2(), descent.has_openat2()) == (False, False)
        assert asked == ["/"]
        descent.has_openat2.cache_clear()
        with monkeypatch.context() as patched:
            patched.setattr(descent, "_openat2", refuse)
            patched.setattr(descent.platform, "machine", lambda: "mips64")
            assert not descent.has_openat2()
        assert asked == ["/"], "on machines with other numbers it is not even tried"
    finally:
        descent.has_openat2.cache_clear()


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.EXDEV, "changed_while_read"), (errno.EAGAIN, "changed_while_read"), (errno.ENXIO, "not_a_file")],
)
def test_each_refusal_of_the_kernel_has_its_fault(
    roots: Roots, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(beneath, "open_folder", refuse)

    assert read(open_beneath(roots.workspace, ["src", "a.py"])) == code


def test_devices_and_sockets_are_never_opened(roots: Roots, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[object] = []
    real = os.open

    def remember(path: str, flags: int, *rest: Any, **named: Any) -> int:
        if not flags & os.O_PATH:
            opened.append(path)
        return real(path, flags, *rest, **named)

    monkeypatch.setattr(os, "open", remember)
    for name in ("null", "zero", "tty", "ptmx"):
        if os.path.exists(f"/dev/{name}") and stat.S_ISCHR(os.lstat(f"/dev/{name}").st_mode):
            assert read(open_beneath("/dev", [name])) == "not_a_file"
    os.mkfifo(f"{roots.workspace}/fifo")
    assert read(open_beneath(roots.workspace, ["fifo"])) == "not_a_file"

    assert opened == []


# --- folders to write into


def test_a_folder_is_made_but_not_behind_a_link_and_not_where_a_tree_was(roots: Roots, tmp_path: Path) -> None:
    made = f"{roots.outputs}/partial/T2/verification"
    descent.real_folder(made)
    descent.real_folder(made)
    assert os.path.isdir(made)
    Path(roots.output_dir, "link").symlink_to(tmp_path / "away")
    before = sorted((tmp_path / "away").rglob("*"))
    for behind in ("link", "link/new", "link/src", "link/new/newer"):
        with pytest.raises(NotADirectoryError, match="somebody put a link in the place of a folder"):
            descent.real_folder(f"{roots.output_dir}/{behind}")
    assert sorted((tmp_path / "away").rglob("*")) == before
    with pytest.raises(FileNotFoundError):
        descent.real_folder(f"{tmp_path}/gone/outputs/partial/T1", new=3)
    assert not (tmp_path / "gone").exists()
    with pytest.raises(NotADirectoryError):
        descent.real_folder(f"{roots.output_dir}/src/a.py/x")


def test_a_folder_that_becomes_a_link_while_it_is_made_is_refused(
    roots: Roots, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.mkdir

    def swapped(name: str, *rest: Any, **named: Any) -> None:
        real(name, *rest, **named)
        os.rename(f"{roots.output_dir}/new", f"{roots.output_dir}/old")
        os.symlink(tmp_path / "away", f"{roots.output_dir}/new")

    monkeypatch.setattr(os, "mkdir", swapped)
    with pytest.raises(NotADirectoryError, match="somebody put a link"):
        descent.real_folder(f"{roots.output_dir}/new")


def test_without_proc_links_are_resolved_name_by_name(roots: Roots, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_proc(*_: object, **__: object) -> str:
        raise FileNotFoundError(errno.ENOENT, "no /proc here")

    Path(roots.workspace, "current").symlink_to("src")
    none = str(Path(roots.workspace, "none/none/none"))
    only = Roots(none, none, roots.workspace)
    with monkeypatch.context() as patched:
        patched.setattr(beneath.os, "readlink", no_proc)
        patched.setattr(beneath.os.path, "realpath", _with_real_readlink(os.readlink))
        found = find("src/a.py", only)
        assert isinstance(found, Located)
        assert found.real_path == f"{roots.workspace}/src/a.py"
        patched.setattr(beneath.os.path, "realpath", no_proc)  # a link that is swapped under us
        still = find("src/a.py", only)
        assert isinstance(still, Located)
        assert read(open_beneath(still.root, still.parts)) == MINE


def _with_real_readlink(readlink: Callable[..., str]) -> Callable[[str], str]:
    real = os.path.realpath

    def resolved(path: str) -> str:
        faked, os.readlink = os.readlink, readlink
        try:
            return real(path)
        finally:
            os.readlink = faked

    return resolved
