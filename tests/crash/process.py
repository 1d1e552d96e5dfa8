"""Where a life is played: in a process of its own, or in this one, as if it were."""

import contextlib
import faulthandler
import gc
import json
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.crash.life import FAULT_OF_OURS

HUNG_S = 20.0  # of real time: no life of ours takes a tenth of it


@dataclass(slots=True)
class Came:
    """What became of a process."""

    code: int  # negative: the signal that ended it
    said: str = ""
    calls: int = 0


def apart(play: Callable[[], Came], during: Callable[[int], None] | None = None) -> Came:
    """Play in a forked process. `during` is called when it has stopped, with its pid, and has to let it go on."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _play(play, writing)
    os.close(writing)
    status = _wait(pid, during)
    with os.fdopen(reading, "rb") as pipe:
        text = pipe.read()
    if os.WIFSIGNALED(status):
        return Came(-os.WTERMSIG(status))
    code = os.WEXITSTATUS(status)
    said = json.loads(text) if text else {"said": "", "calls": 0}
    return Came(code, said["said"], said["calls"])


def here(play: Callable[[], Came]) -> Came:
    """Play in this process, which is a third of the price: for misfortunes that nobody dies of.

    What it leaves open is closed, as the end of its process would.
    """
    before = set(os.listdir("/proc/self/fd"))
    try:
        with within(HUNG_S):
            return play()
    except BaseException as error:
        return Came(FAULT_OF_OURS, repr(error))
    finally:
        if set(os.listdir("/proc/self/fd")) - before:
            gc.collect()  # what has an owner is closed by it: later it would close what bears the number then
            for left in set(os.listdir("/proc/self/fd")) - before:
                with contextlib.suppress(OSError):  # the listing's own
                    os.close(int(left))


class Hung(BaseException):
    """A daemon's life takes longer than any does."""


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raises Hung where what is done takes longer."""

    def ring(number: int, frame: object) -> None:  # noqa: ARG001 - a signal handler
        raise Hung(f"still busy after {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _play(play: Callable[[], Came], writing: int) -> None:
    code, said = FAULT_OF_OURS, ""
    faulthandler.dump_traceback_later(HUNG_S - 1.0)
    signal.setitimer(signal.ITIMER_REAL, HUNG_S)  # whoever hangs is ended by it
    try:
        came = play()
        code, said = came.code, json.dumps({"said": came.said, "calls": came.calls})
    except BaseException as error:
        said = json.dumps({"said": f"{error!r}", "calls": 0})
    finally:
        os.write(writing, said.encode())
        os._exit(code)


def _wait(pid: int, during: Callable[[int], None] | None) -> int:
    while True:
        _, status = os.waitpid(pid, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            return status
        if during is not None:
            during(pid)
        else:
            os.kill(pid, signal.SIGCONT)
