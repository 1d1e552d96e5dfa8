"""Time that passes only when it is told to: it stands in for the module `time` wherever the daemon asks for it."""

import contextlib
import sys
import time
from collections.abc import Iterator
from unittest.mock import patch

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
def ticking(clock: SimClock) -> Iterator[None]:
    """Let this clock be the time of the daemon's modules."""
    with contextlib.ExitStack() as stack:
        for name, module in list(sys.modules.items()):
            ours = name.startswith("cagents_fs.") and not name.startswith(NOT_OURS)
            if ours and getattr(module, "time", None) is time:
                stand_in = NoFolderIsOld() if name == "cagents_fs.store.tree" else clock
                stack.enter_context(patch.object(module, "time", stand_in))
        yield
