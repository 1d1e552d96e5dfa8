"""Commands as processes of their own, without paying for Python's start each time.

A server has everything imported and forks itself for each command: the child gets its own working directory,
environment, input and output, runs the real `main`, and ends. What is left out is the start of the interpreter, which
daemons, `test_installed.py` and the shell agents go through anyway. `CAGENTS_COLD=1` starts each command as usual.
"""

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import pty
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

LONGEST_S = 60.0
_server: "tuple[int, subprocess.Popen[bytes], str] | None" = None  # of which process, the server, its address


def run_on_terminal(arguments: Sequence[str], cwd: Path, env: Mapping[str, str], columns: int = 80) -> tuple[int, str]:
    """Run a command with its output and errors on a terminal: its exit code, and all that came out of it."""
    ours, theirs = pty.openpty()
    try:
        termios.tcsetwinsize(theirs, (50, columns))
        settings = termios.tcgetattr(theirs)
        settings[1] &= ~termios.OPOST  # a line ends as the command ended it
        termios.tcsetattr(theirs, termios.TCSANOW, settings)
        said: list[bytes] = []
        reading = threading.Thread(target=_read_all, args=(ours, said))
        reading.start()
        code = _ask(arguments, cwd, env, theirs, theirs)
        os.close(theirs)  # the last of them: now its end is seen
        theirs = -1
        reading.join(LONGEST_S)
        return code, b"".join(said).decode()
    finally:
        os.close(ours)
        if theirs >= 0:
            os.close(theirs)


def _read_all(terminal: int, said: list[bytes]) -> None:
    with contextlib.suppress(OSError):  # EIO: everybody has left
        while data := os.read(terminal, 1 << 16):
            said.append(data)


def run(arguments: Sequence[str], cwd: Path, env: Mapping[str, str]) -> tuple[int, str, str]:
    """Run a command to its end: its exit code, output and errors. Raises TimeoutError."""
    if os.environ.get("CAGENTS_COLD"):
        line = [sys.executable, "-m", "cagents_fs", *arguments]
        done = subprocess.run(line, cwd=cwd, env=dict(env), input="", capture_output=True, text=True, timeout=LONGEST_S)
        return done.returncode, done.stdout, done.stderr
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        code = _ask(arguments, cwd, env, out.fileno(), err.fileno())
        out.seek(0)
        err.seek(0)
        return code, _text(out.read()), _text(err.read())


def _ask(arguments: Sequence[str], cwd: Path, env: Mapping[str, str], out: int, err: int) -> int:
    with socket.socket(socket.AF_UNIX) as line_to:
        line_to.settimeout(LONGEST_S)
        line_to.connect(_address())
        asked = json.dumps({"arguments": list(arguments), "cwd": str(cwd), "env": dict(env)}).encode()
        socket.send_fds(line_to, [len(asked).to_bytes(8, "big")], [out, err])
        line_to.sendall(asked)
        code = line_to.recv(8)
    assert code, "the command was killed"
    return int.from_bytes(code, "big", signed=True)


def _text(data: bytes) -> str:
    return data.decode().replace("\r\n", "\n")


def _address() -> str:
    """The server of this process; started with the first command."""
    global _server
    if _server is None or _server[0] != os.getpid():
        address = str(Path(tempfile.mkdtemp(prefix="warm-")) / "socket")
        house = Path(__file__).resolve().parent.parent.parent
        line = [sys.executable, "-m", "tests.support.warm", address]
        popen = subprocess.Popen(line, cwd=house, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert popen.stdout is not None
        assert popen.stdout.readline() == b"warm\n"
        popen.stdout.close()
        _server = (os.getpid(), popen, address)
    return _server[2]


def serve(address: str) -> None:
    """Fork for each command that is asked for, until whoever started us is gone."""
    _warm_up()
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(address)
    listening.listen(64)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the children that talk to our clients: nobody waits for them
    os.write(1, b"warm\n")
    if os.fork() == 0:  # standard input ends with the process that started us
        while os.read(0, 1):
            pass
        os.kill(os.getppid(), signal.SIGKILL)
        os._exit(0)
    while True:
        talking, _ = listening.accept()
        if os.fork() == 0:
            listening.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _answer(talking)
        talking.close()


def _warm_up() -> None:
    import cagents_fs

    for module in pkgutil.walk_packages(cagents_fs.__path__, "cagents_fs."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    gc.collect()
    gc.freeze()


def _answer(talking: socket.socket) -> None:
    """In a child of the server: run the command in a child of our own, and tell how it ended."""
    head, descriptors, _, _ = socket.recv_fds(talking, 8, 2)
    size, asked = int.from_bytes(head, "big"), b""
    while len(asked) < size:
        asked += talking.recv(size - len(asked))
    pid = os.fork()
    if pid == 0:
        talking.close()
        _become(json.loads(asked), descriptors)
    _, status = os.waitpid(pid, 0)
    talking.sendall(os.waitstatus_to_exitcode(status).to_bytes(8, "big", signed=True))
    os._exit(0)


def _become(asked: Mapping[str, Any], descriptors: Sequence[int]) -> None:
    """Be that command."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (descriptors[0], 1), (descriptors[1], 2)):
        os.dup2(source, target)
    os.closerange(3, 256)
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    sys.argv = ["cagents-fs", *asked["arguments"]]
    code = 1
    try:
        from cagents_fs.cli import main

        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:
        import traceback

        traceback.print_exc()
    for stream in (sys.stdout, sys.stderr):
        if not stream.closed:
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    serve(sys.argv[1])
