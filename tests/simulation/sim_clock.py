"""Time that passes only when it is told to: it stands in for the module `time` wherever the daemon asks for it."""

import contextlib
import functools
import sys
import time
from collections.abc import Iterator
from typing import Any

# In 2096: no file that is made today can look young, so what our actors set as mtime is what settling goes by.
EPOCH_S = 4_000_000_000.0
NOT_OURS = ("cagents_fs.runner", "cagents_fs.cli", "cagents_fs.client", "cagents_fs.demo")


class SimClock:
    """Both clocks of a machine. Asking for the time takes a microsecond, so that nobody can wait for ever."""

    def __init__(self) -> None:
        self.passed_s = 0.0

    def monotonic(self) -> float:
        self.passed_s += 1e-6
        return 1000.0 + self.passed_s

    def time(self) -> float:
        return EPOCH_S + self.passed_s

    def time_ns(self) -> int:
        return int(self.time() * 1e9)

    def sleep(self, seconds: float) -> None:
        self.passed_s += max(0.0, seconds)


class NoFolderIsOld:
    """For `store.tree`, which compares folders' real mtimes: every listing is too young to be remembered."""

    @staticmethod
    def time_ns() -> int:
        return 0


@contextlib.contextmanager
def ticking(clock: SimClock, real: tuple[str, ...] = NOT_OURS) -> Iterator[None]:
    """Let this clock be the time of the modules, but for those whose names begin so."""
    timed = _timed(len(sys.modules), real)
    for module in timed:
        module.time = NoFolderIsOld() if module.__name__ == "cagents_fs.store.tree" else clock
    try:
        yield
    finally:
        for module in timed:
            module.time = time


@functools.cache
def _timed(loaded: int, real: tuple[str, ...]) -> list[Any]:  # noqa: ARG001 - it holds until more are loaded
    """The modules of ours that ask for the time. There are a thousand modules: not looked through each time."""
    named = [module for name, module in sys.modules.items() if name.startswith("cagents_fs.")]
    return [m for m in named if getattr(m, "time", None) is time and not m.__name__.startswith(real)]
