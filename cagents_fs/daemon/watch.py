"""Events, as hints where to look. A lost, doubled or late one costs delay and nothing else.

Single folders are watched, not the tree: watchdog's recursive observer stalls its queue for half a second at a rename
out of the watched part, and loses what happens in a new folder before it is watched. Its low-level descriptor has
neither trouble; new folders are looked at when they are added, and an overflow asks for a full look.
"""

import contextlib
import logging
import os
import threading
import warnings
from dataclasses import dataclass

from watchdog.observers.inotify_c import CallbackId, InotifyConstants, InotifyEvent, InotifyFD, Mask, WatchDescriptor

log = logging.getLogger("cagents_fs")
MOST_HINTS = 50_000  # between two turns; more are an overflow, as they are in the kernel
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
        if event.is_move_self:  # what lies at this path from now on is another folder
            self.watcher.remove_below(self.path)

    def on_watch_deleted(self, wd: WatchDescriptor) -> None:  # noqa: ARG002 - watchdog's signature
        self.watcher.dropped(self.path)

    def on_queue_overflow(self) -> None:
        self.watcher.overflowed()


class _Reader(InotifyFD):
    """The thread that reads events. When it dies, somebody is told."""

    def __init__(self, watcher: "Watcher") -> None:
        for descriptor in (*os.pipe(), os.eventfd(0)):  # as many as it needs: it loses its first if it gets no more
            os.close(descriptor)
        super().__init__()
        self._watcher = watcher

    def run(self) -> None:
        try:
            super().run()
        except Exception as error:
            log.warning("the reader of events has died (%r); it is started again", error, extra={"event": "watching"})
        finally:
            if self.should_keep_running():
                self._watcher.deaf()

    def discard(self) -> None:
        """Close what a reader without a thread has left open."""
        with contextlib.suppress(OSError):
            self._close_resources()


class Watcher:
    """The folders that are watched, and what was heard. With `events=False`, or where events fail, it hears nothing."""

    def __init__(self, *, events: bool, why: str = "watch: poll", trusted: bool = True) -> None:
        """Begin. A machine without free inotify instances or threads gives a watcher that hears nothing and says so.

        `why` says why not, without events. Not `trusted`: some changes make no event, so we look as often as without.
        """
        warnings.filterwarnings("ignore", module=r"watchdog\.observers\.inotify.*")
        self.wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.wanted, self.trusted = events, trusted
        self.overflows = self.restarts = 0
        self._dead: str | None = None if events else why
        self._refused: dict[str, OSError] = {}  # folders that the kernel does not watch for us
        self._heard: dict[Hint, None] = {}
        self._watched: dict[str, tuple[WatchDescriptor, CallbackId]] = {}
        self._overflow = False
        self._events = 0
        self._lock = threading.Lock()
        self._inotify: _Reader | None = None
        if events:
            self._begin()

    def _begin(self) -> None:
        reader = None
        try:
            reader = _Reader(self)
            reader.start()
        except (OSError, RuntimeError) as error:  # RuntimeError: no more threads
            if reader is not None:
                reader.discard()
            self._dead = f"no events ({error})"
        else:
            self._inotify, self._dead = reader, None

    @property
    def alive(self) -> bool:
        """Whether events can arrive at all."""
        return self._inotify is not None and self._inotify.is_alive()

    @property
    def hears(self) -> bool:
        """Whether events have been seen to arrive, from everything that is to be watched."""
        return self.alive and self.trusted and self.trouble is None and self._events > 0

    @property
    def trouble(self) -> str | None:
        """What keeps events from arriving; None where nothing does. What they miss is found by looking through."""
        if self._dead is not None:
            return f"{self._dead}; the tree is looked through instead"
        if self._refused:
            error = next(iter(self._refused.values()))
            counts = f"{len(self._watched)} of {len(self._watched) + len(self._refused)} folders are watched"
            return f"{counts} ({error.strerror}; see fs.inotify in sysctl); the others are looked through"
        return None

    def supervise(self) -> bool:
        """Start again what has died or never began. Returns whether everything has to be added and looked at anew."""
        if not self.wanted or self.alive:
            return False
        if self._inotify is not None:
            self._inotify.discard()
            self._inotify, self.restarts = None, self.restarts + 1
        self._watched.clear()
        self._refused.clear()
        self._begin()
        return self.alive

    def add(self, path: str) -> bool:
        """Watch a folder. Returns whether it was not watched before: then it has to be looked at as well."""
        if self._inotify is None or path in self._watched:
            return False
        key = CallbackId(id(path))
        try:
            descriptor = self._inotify.add_callback(os.fsencode(path), _MASK, _Folder(self, path), key)
            if descriptor == -1:  # watchdog says nothing of a folder that may not be read
                self._inotify.remove_callbacks([(descriptor, key)])
                raise PermissionError(13, "Permission denied", path)
        except (FileNotFoundError, NotADirectoryError):
            self._refused.pop(path, None)
            return False
        except OSError as error:
            self._refused[path] = error
            return False
        self._refused.pop(path, None)
        self._watched[path] = (descriptor, key)
        return True

    def remove(self, path: str) -> None:
        """Stop watching a folder."""
        self._refused.pop(path, None)
        entry = self._watched.pop(path, None)
        if entry is not None and self._inotify is not None:
            self._inotify.remove_callbacks([entry])

    def remove_below(self, path: str) -> None:
        """Stop watching a folder and everything in it. Safe from watchdog's thread."""
        for known in [*self._watched, *self._refused]:
            if known == path or known.startswith(path + "/"):
                self.remove(known)

    def count(self) -> int:
        """How many folders are watched."""
        return len(self._watched)

    def not_watched(self) -> int:
        """How many folders the kernel does not watch for us, although they are there."""
        return len(self._refused)

    def hint(self, hint: Hint) -> None:
        """Called from watchdog's thread. The same hint twice between two turns is one."""
        with self._lock:
            self._heard[hint] = None
            too_many = len(self._heard) > MOST_HINTS
            if too_many:
                self._heard.clear()
        self._events += 1
        if too_many:
            self.overflowed()
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

    def deaf(self) -> None:
        """Called from watchdog's thread, as the last thing it does: from here on nothing is heard."""
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
            heard, self._heard = self._heard, {}
        return list(heard), overflow

    def close(self) -> None:
        """Stop hearing."""
        if self._inotify is not None and self._inotify.is_alive():
            self._inotify.stop()
            self._inotify.join(timeout=2)
        elif self._inotify is not None:
            self._inotify.discard()
        os.close(self.wake_fd)
