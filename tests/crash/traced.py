"""Does the shim see what the kernel sees? One scene is played under strace, and both counts are compared."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.crash import preload
from tests.crash.oplog import operations
from tests.simulation.sim_clock import SimClock

BEGIN, END = "/cagents-begin", "/cagents-end"
# What a call of the kernel is called in the log of the shim. Whatever else names the tree must be a look.
NAMES = {
    "write": "write",
    "pwrite64": "pwrite",
    "writev": "writev",
    "rename": "rename",
    "renameat": "rename",
    "renameat2": "rename",
    "unlink": "unlink",
    "unlinkat": "unlink",
    "rmdir": "rmdir",
    "mkdir": "mkdir",
    "mkdirat": "mkdir",
    "link": "link",
    "linkat": "link",
    "symlink": "symlink",
    "symlinkat": "symlink",
    "fsync": "sync",
    "fdatasync": "sync",
    "ftruncate": "cut",
    "truncate": "cut",
    "flock": "flock",
    "chmod": "chmod",
    "fchmod": "chmod",
    "fchmodat": "chmod",
    "utimensat": "utime",
    "mknod": "mknod",
    "mknodat": "mknod",
}
LOOKS = frozenset(
    {
        *("openat", "open", "openat2", "close", "read", "pread64", "readv", "lseek", "fcntl", "dup", "dup2", "dup3"),
        *("fstat", "newfstatat", "stat", "lstat", "statx", "statfs", "fstatfs", "getdents64", "access", "faccessat"),
        *("faccessat2", "readlink", "readlinkat", "mmap", "ioctl", "getxattr", "lgetxattr", "fadvise64", "chdir"),
        *("getcwd", "execve", "inotify_add_watch"),
    }
)
LIKE = {"move": "rename", "exchange": "rename", "sync folder": "sync", "truncate": "create"}
LINE = re.compile(r"^(\w+)\((.*)\) += (-?\d+)")


def compare(name: str) -> list[str]:
    """Every difference between what the shim has counted in this scene and what strace has seen."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**preload.environment(), "PYTHONPATH": os.getcwd()}
        trace = os.path.join(folder, "trace")
        command = ["strace", "-ff", "-y", "-s", "200", "-o", trace, "-e", "trace=!futex,brk,munmap,rt_sigaction"]
        call = [*command, sys.executable, "-m", "tests.crash.traced", name, folder]
        subprocess.run(call, check=True, env=environment, stdin=subprocess.DEVNULL)
        counted = Counter(LIKE.get(op.call, op.call) for op in operations(Path(folder) / "log"))
        made = set(Path(folder, "before").read_text().splitlines())
        texts = [path.read_text(errors="replace") for path in Path(folder).glob("trace.*")]  # one a process
        seen, strange = _seen(next(text for text in texts if BEGIN in text), f"{folder}/tree", made)
    wrong = [f"strace sees {call} in the tree, and the shim does not count it" for call in strange]
    differ = [call for call in sorted(counted.keys() | seen.keys()) if counted[call] != seen[call]]
    return [*wrong, *(f"{call}: strace sees {seen[call]}, the shim {counted[call]}" for call in differ)]


def _seen(trace: str, root: str, made: set[str]) -> tuple[Counter[str], set[str]]:
    """The changing calls below the root, by their name in the shim's log; and those that nobody knows.

    `made`: the files that were there before.
    """
    seen, strange = Counter[str](), set[str]()
    for text in trace.partition(BEGIN)[2].partition(END)[0].splitlines():
        match = LINE.match(text)
        if match is None or not _names(match[2], root):
            continue
        call, arguments, result = match[1], match[2], int(match[3])
        if call in NAMES:
            seen[NAMES[call]] += result >= 0
        elif call not in LOOKS:
            strange.add(call)
        elif "O_CREAT" in arguments and result >= 0:
            path = arguments.split('"')[1]
            seen["create"] += "O_EXCL" in arguments or "O_TRUNC" in arguments or path not in made
            made.add(path)
    return seen, strange


def _names(arguments: str, root: str) -> bool:
    """Whether a descriptor or a path among the arguments lies below the root. Data that is written may speak of it."""
    first = re.match(r"\d+<([^>]*)>", arguments)
    if first is not None:
        return first[1].startswith(root)
    return any(path.startswith(root) for path in re.findall(r'"([^"]*)"', arguments)[:2])


def _play(name: str, folder: str) -> None:
    """In the traced process: the scene, with a mark before what is counted and one after."""
    from tests.crash.company import NAMED
    from tests.crash.stage import Stage

    shim, scene = preload.Shim(), NAMED[name]
    clock = SimClock()
    shim.off()
    stage = Stage(Path(folder) / "tree", clock)
    scene.given(stage)
    before = [str(path) for path in stage.root.rglob("*")]
    Path(folder, "before").write_text("\n".join(before))
    shim.log_to(os.open(os.path.join(folder, "log"), os.O_CREAT | os.O_WRONLY))
    shim.arm(str(stage.root))
    os.path.exists(BEGIN)
    scene.counted(stage)
    os.path.exists(END)
    shim.off()


def is_there() -> bool:
    """Whether strace is installed, and may trace here."""
    strace = shutil.which("strace")
    return strace is not None and subprocess.run([strace, "-o", "/dev/null", "true"], check=False).returncode == 0


if __name__ == "__main__":
    _play(*sys.argv[1:3])
