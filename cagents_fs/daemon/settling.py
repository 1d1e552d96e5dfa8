"""Is a file finished? A file that is still being written is nearly always valid YAML, so this is asked of every one."""

from dataclasses import dataclass

from cagents_fs.model.observations import Now
from cagents_fs.store.reading import Signature, Snapshot, has_end_marker


@dataclass(slots=True)
class _Seen:
    signature: Signature
    since_s: float


class Settling:
    """Remembers since when each file has been as it is (PROTOCOL section 3, Settled files)."""

    def __init__(self, settle_s: float) -> None:
        """`settle_s`: how long nothing may change in a file that nobody renamed into place."""
        self.settle_s = settle_s
        self.starting = True  # at start, how old the last change is counts as well
        self._seen: dict[str, _Seen] = {}
        self._renamed: dict[str, Signature | None] = {}

    def was_renamed(self, path: str) -> None:
        """We saw this file come into place by a rename."""
        self._renamed[path] = None

    def unsettled(self) -> bool:
        """Whether anything is being waited for."""
        return bool(self._seen)

    def forget(self, path: str) -> None:
        """The file is gone, or has been judged as it is."""
        self._seen.pop(path, None)
        self._renamed.pop(path, None)

    def wait_s(self, path: str, snapshot: Snapshot, now: Now) -> float | None:
        """None when the file is settled; else the observed time at which to look again."""
        if snapshot.stable and not snapshot.being_written and self._is_whole(path, snapshot, now):
            self._seen.pop(path, None)
            return None
        seen = self._seen.get(path)
        if seen is None or seen.signature != snapshot.signature or not snapshot.stable:
            seen = self._seen[path] = _Seen(snapshot.signature, now.s)
        if now.s - seen.since_s >= self.settle_s and snapshot.stable and not snapshot.being_written:
            self._seen.pop(path, None)
            return None
        return max(seen.since_s + self.settle_s, now.s + min(0.05, self.settle_s / 4))

    def _is_whole(self, path: str, snapshot: Snapshot, now: Now) -> bool:
        if path in self._renamed:
            at = self._renamed[path]
            if at is None:
                self._renamed[path] = at = snapshot.signature
            if at.ino == snapshot.signature.ino and at.mtime_ns == snapshot.signature.mtime_ns:
                return True
        if has_end_marker(snapshot.data):
            return True
        changed_s = max(snapshot.signature.mtime_ns, snapshot.signature.ctime_ns) / 1e9
        return self.starting and now.wall_s - changed_s >= self.settle_s
