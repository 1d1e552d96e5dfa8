"""The shim: built once, preloaded into this process, armed through exported functions."""

import ctypes
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).with_name("shim.c")


class NoCompiler(Exception):
    """There is no C compiler here."""


def built() -> Path:
    """The shared object, compiled where this version of it was not before. Raises NoCompiler."""
    digest = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]
    target = Path(tempfile.gettempdir()) / f"cagents-shim-{os.getuid()}-{digest}.so"
    if not target.exists():
        compiler = shutil.which("gcc") or shutil.which("cc")
        if compiler is None:
            raise NoCompiler("there is no C compiler; install gcc and libc6-dev")
        beside = target.with_suffix(f".{os.getpid()}")
        subprocess.run(
            [compiler, "-O2", "-shared", "-fPIC", "-o", str(beside), str(SOURCE), "-ldl"],
            check=True,
        )
        beside.rename(target)
    return target


def environment() -> dict[str, str]:
    """The surroundings of a Python that has the shim. Raises NoCompiler."""
    return {**os.environ, "LD_PRELOAD": str(built()), "PYTHONHASHSEED": "0"}


def ensure(module: str) -> None:
    """Replace this process, which runs a module, by one that has the shim, unless it has. Raises NoCompiler."""
    if not is_loaded():
        os.execve(sys.executable, [sys.executable, "-m", module, *sys.argv[1:]], environment())


def is_loaded() -> bool:
    """Whether the shim is in this process."""
    return hasattr(ctypes.CDLL(None), "cfs_arm")


class Shim:
    """What is armed. Counts only what this process does from now on."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None)
        self._library.cfs_root.argtypes = [ctypes.c_char_p]
        self._library.cfs_arm.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_int]
        self._library.cfs_count.restype = ctypes.c_long

    def arm(self, root: str, at: int = 0, fate: int = 0, argument: int = 0, *, looks: bool = False) -> None:
        """From here on calls below `root` are counted; number `at` meets its fate. `looks`: those that only read."""
        self._library.cfs_root(root.encode())
        self._library.cfs_looks(int(looks))
        self._library.cfs_arm(at, fate, argument)

    def log_to(self, descriptor: int) -> None:
        """Write what succeeds to this descriptor."""
        self._library.cfs_log(descriptor)

    def off(self) -> None:
        """Count nothing any more."""
        self._library.cfs_root(b"")

    @property
    def count(self) -> int:
        """How many calls were counted."""
        return int(self._library.cfs_count())
