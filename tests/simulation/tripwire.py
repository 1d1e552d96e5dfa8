"""Every call with which the daemon changes the tree, counted: one of them can be its last, fail, or come second."""

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

from cagents_fs.store import disk

CHANGING = ("write", "rename", "replace", "unlink", "rmdir", "mkdir", "link", "ftruncate")
RENAMING = ("rename", "replace")


class Died(BaseException):
    """The daemon was killed here. No `except Exception` may catch it, as none would run."""


class Tripwire:
    """Armed with a number and a fate, the call of that number meets it. A dead process changes nothing any more."""

    def __init__(self) -> None:
        self.ours = False  # whether it is the daemon that calls, and not an actor
        self.dead = False
        self.pid = 1000  # of the daemon that lives now: each has another, and so leaves other litter
        self.calls = 0
        self.met: str | None = None  # the fate that came to pass
        self.refused = False  # whether a call was refused since the daemon last said that all is well
        self.renames: list[tuple[str, str]] = []  # what the daemon has renamed without replacing anything
        self._at: int | None = None
        self._fate = ""
        self._racer: Callable[[], None] = lambda: None

    def arm(self, at: int, fate: str, racer: Callable[[], None] = lambda: None) -> None:
        """`die`, `die after`, `tear` (half of a write), `refuse` (once: no space left) or `race` (an actor acts)."""
        self._at, self._fate, self._racer = at, fate, racer

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            for name in CHANGING:
                stack.enter_context(patch.object(os, name, self._wrapped(name, getattr(os, name))))
            stack.enter_context(patch.object(os, "open", self._opening(os.open)))
            stack.enter_context(patch.object(disk, "_temporary", self._temporary))
            stack.enter_context(patch.object(disk, "_libc", _Libc(self, disk._libc)))
            yield

    @contextlib.contextmanager
    def daemon(self) -> Iterator[None]:
        """What is called in here is called by the daemon."""
        self.ours, self.calls, self.met = True, 0, None
        try:
            yield
        finally:
            self.ours, self._at = False, None

    def call(self, real: Callable[..., Any], name: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """One changing call of the daemon."""
        if self.dead:
            raise Died
        self.calls += 1
        if self.calls != self._at:
            return real(*arguments, **options)
        self.met, self._at = self._fate, None
        match self._fate:
            case "race":
                self.ours = False
                self._racer()
                self.ours = True
                return real(*arguments, **options)
            case "refuse":
                self.refused = True
                raise OSError(errno.ENOSPC, "No space left on device", "refused by the simulation")
            case "tear" if name == "write":
                real(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
            case "die after":
                real(*arguments, **options)
        self.dead = True
        raise Died

    def _wrapped(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            if not self.ours:
                return real(*arguments, **options)
            return self.call(real, name, arguments, options)

        return call

    def _temporary(self, folder: str, name: str) -> str:
        return os.path.join(folder, f".{name}.{self.pid}.tmp")

    def _opening(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Any, flags: int, *arguments: Any, **options: Any) -> Any:
            if not self.ours or not flags & os.O_CREAT or str(path).endswith((".lock", "/lock")):
                return real(path, flags, *arguments, **options)
            return self.call(real, "open", (path, flags, *arguments), options)

        return call


class _Libc:
    """`renameat2`, counted as well."""

    def __init__(self, wire: Tripwire, real: Any) -> None:
        self._wire, self._real = wire, real

    def renameat2(self, *arguments: Any) -> int:
        if not self._wire.ours:
            return int(self._real.renameat2(*arguments))
        before = len(self._wire.renames)

        def rename(*given: Any) -> int:
            code = int(self._real.renameat2(*given))
            if code == 0 and given[4] == disk._RENAME_NOREPLACE:
                self._wire.renames.append((os.fsdecode(given[1]), os.fsdecode(given[3])))
            return code

        code: int = self._wire.call(rename, "renameat2", arguments, {})
        assert len(self._wire.renames) <= before + 1
        return code
