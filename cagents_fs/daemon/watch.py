"""Events, as hints where to look. A lost, doubled or late one costs delay and nothing else.

Single folders are watched, not the tree: watchdog's recursive observer stalls its queue for half a second at a rename
out of the watched part, and loses what happens in a new folder before it is watched. Its low-level descriptor has
neither trouble; new folders are looked at when they are added, and an overflow asks for a full look.
"""

import contextlib
import os
import threading
import warnings
from collections import deque
from dataclasses import dataclass

from watchdog.observers.inotify_c import CallbackId, InotifyConstants, InotifyEvent, InotifyFD, Mask, WatchDescriptor

_MASK = Mask(
    InotifyConstants.IN_MOVED_TO
    | InotifyConstants.IN_MOVED_FROM
    | InotifyConstants.IN_CLOSE_WRITE
    | InotifyConstants.IN_CREATE
    | InotifyConstants.IN_DELETE
    | InotifyConstants.IN_DELETE_SELF
    | InotifyConstants.IN_MOVE_SELF
    | InotifyConstants.IN_ONLYDIR
)


@dataclass(frozen=True, slots=True)
class Hint:
    """Something may have changed at this path. `renamed`: it was renamed into place, as far as we saw."""

    path: str
    renamed: bool = False
    folder: bool = False


class _Folder:
    """What watchdog calls back for one watched folder."""

    def __init__(self, watcher: "Watcher", path: str) -> None:
        self.watcher, self.path = watcher, path

    def on_event(self, event: InotifyEvent) -> None:
        path = os.path.join(self.path, os.fsdecode(event.name)) if event.name else self.path
        self.watcher.hint(Hint(path, renamed=event.is_moved_to, folder=bool(event.mask & InotifyConstants.IN_ISDIR)))

    def on_watch_deleted(self, wd: WatchDescriptor) -> None:  # noqa: ARG002 - watchdog's signature
        self.watcher.dropped(self.path)

    def on_queue_overflow(self) -> None:
        self.watcher.overflowed()


class Watcher:
    """The folders that are watched, and what was heard. With `events=False`, or where events fail, it hears nothing."""

    def __init__(self, *, events: bool) -> None:
        """Begin. A machine without free inotify instances gives a watcher that hears nothing and says so."""
        warnings.filterwarnings("ignore", module=r"watchdog\.observers\.inotify.*")
        self.wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.trouble: str | None = None if events else "events are switched off; the tree is looked through instead"
        self.overflows = 0
        self._heard: deque[Hint] = deque()
        self._watched: dict[str, tuple[WatchDescriptor, CallbackId]] = {}
        self._overflow = False
        self._events = 0
        self._lock = threading.Lock()
        self._inotify: InotifyFD | None = None
        if events:
            self._begin()

    def _begin(self) -> None:
        try:
            self._inotify = InotifyFD()
            self._inotify.start()
        except (OSError, RuntimeError) as error:
            self._inotify = None
            self.trouble = f"no events ({error}); the tree is looked through instead"

    @property
    def alive(self) -> bool:
        """Whether events can arrive at all."""
        return self._inotify is not None and self._inotify.is_alive()

    @property
    def hears(self) -> bool:
        """Whether events have been seen to arrive, from everything that is to be watched."""
        return self.alive and self.trouble is None and self._events > 0

    def supervise(self) -> bool:
        """Start again what has died. Returns whether everything has to be added and looked at once more."""
        if self._inotify is None or self._inotify.is_alive():
            return False
        self._watched.clear()
        self._begin()
        return True

    def add(self, path: str) -> bool:
        """Watch a folder. Returns whether it was not watched before: then it has to be looked at as well."""
        if self._inotify is None or path in self._watched:
            return False
        key = CallbackId(id(path))
        try:
            descriptor = self._inotify.add_callback(os.fsencode(path), _MASK, _Folder(self, path), key)
        except FileNotFoundError:
            return False
        except OSError as error:
            self.trouble = f"{len(self._watched)} folders are watched and no more ({error}); see fs.inotify in sysctl"
            return False
        self._watched[path] = (descriptor, key)
        return True

    def remove(self, path: str) -> None:
        """Stop watching a folder."""
        entry = self._watched.pop(path, None)
        if entry is not None and self._inotify is not None:
            self._inotify.remove_callbacks([entry])

    def remove_below(self, path: str) -> None:
        """Stop watching a folder and everything in it."""
        for watched in [known for known in self._watched if known == path or known.startswith(path + "/")]:
            self.remove(watched)

    def count(self) -> int:
        """How many folders are watched."""
        return len(self._watched)

    def hint(self, hint: Hint) -> None:
        """Called from watchdog's thread."""
        self._heard.append(hint)
        self._events += 1
        self.wake()

    def dropped(self, path: str) -> None:
        """Called from watchdog's thread: a watched folder is gone."""
        self._watched.pop(path, None)
        self.hint(Hint(path, folder=True))

    def overflowed(self) -> None:
        """Called from watchdog's thread, once for each folder."""
        with self._lock:
            if not self._overflow:
                self.overflows += 1
            self._overflow = True
        self.wake()

    def wake(self) -> None:
        """Wake whoever waits. Safe from any thread."""
        with contextlib.suppress(BlockingIOError, OSError):
            os.eventfd_write(self.wake_fd, 1)

    def take(self) -> tuple[list[Hint], bool]:
        """What was heard since the last call, and whether something was lost."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self.wake_fd)
        with self._lock:
            overflow, self._overflow = self._overflow, False
        hints: list[Hint] = []
        while self._heard:
            hints.append(self._heard.popleft())
        return hints, overflow

    def close(self) -> None:
        """Stop hearing."""
        if self._inotify is not None and self._inotify.is_alive():
            self._inotify.stop()
            self._inotify.join(timeout=2)
        os.close(self.wake_fd)
