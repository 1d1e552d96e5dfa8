"""What a call can meet, and what may follow from it."""

import errno
import signal
from dataclasses import dataclass

# As in shim.c.
KILL_BEFORE, KILL_AFTER, FAIL_ONCE, FAIL_FROM, TEAR, SHORTEN, STOP, FAIL_AFTER, RAISE = range(1, 10)


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of misfortune. `looks`: it meets the calls that only look, not those that change something."""

    name: str
    fate: int
    argument: int = 0
    looks: bool = False

    @property
    def kills(self) -> bool:
        """Whether the process dies of it at once."""
        return self.fate in (KILL_BEFORE, KILL_AFTER, TEAR)


ERRORS = ("ENOSPC", "EDQUOT", "EIO", "EROFS", "EACCES", "EMFILE", "ESTALE")
LOOK_ERRORS = ("EIO", "EACCES", "EMFILE", "ESTALE", "EINTR")
SIGNALS = ("SIGTERM", "SIGINT", "SIGHUP")

KILLS = (Fault("kill-before", KILL_BEFORE), Fault("kill-after", KILL_AFTER), Fault("torn-write", TEAR))
SHORT = (Fault("short-write", SHORTEN),)
ONCE = tuple(Fault(f"{name}-once", FAIL_ONCE, getattr(errno, name)) for name in ERRORS)
FOR_EVER = tuple(Fault(f"{name}-for-ever", FAIL_FROM, getattr(errno, name)) for name in ERRORS)
DONE_YET_FAILED = tuple(Fault(f"{name}-after-doing", FAIL_AFTER, getattr(errno, name)) for name in ("EIO", "ENOSPC"))
SIGNALLED = tuple(Fault(name, RAISE, getattr(signal, name)) for name in SIGNALS)
PAUSES = (Fault("second-daemon", STOP), Fault("agent", STOP))
LOOKS = tuple(Fault(f"look-{name}", FAIL_ONCE, getattr(errno, name), looks=True) for name in LOOK_ERRORS)

ALL = (*KILLS, *SHORT, *ONCE, *FOR_EVER, *DONE_YET_FAILED, *SIGNALLED, *PAUSES, *LOOKS)
BY_NAME = {fault.name: fault for fault in ALL}
