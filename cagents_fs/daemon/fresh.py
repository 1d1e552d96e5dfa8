"""Files that are judged once: when they have settled, and again only when they have changed."""

import os
from collections.abc import Callable, Iterator

from cagents_fs.core.index import Work
from cagents_fs.daemon.answering import answer
from cagents_fs.daemon.settling import Settling
from cagents_fs.model.actions import Action
from cagents_fs.model.faults import Fault
from cagents_fs.model.observations import Now
from cagents_fs.model.policy import Policy
from cagents_fs.store.reading import NotRegular, Signature, Snapshot, TooLarge, read_bounded


class FreshFiles:
    """Remembers which files were judged as they are."""

    def __init__(self, root: str, settling: Settling, policy: Callable[[], Policy]) -> None:
        """Nothing is read yet."""
        self.root, self.settling, self.policy = root, settling, policy
        self.wake_s: float | None = None  # when something that has to settle should be looked at again
        self._judged: dict[str, Signature] = {}

    def settled(self, work: Work, relative: str, limit: int, now: Now) -> Iterator[Action | Snapshot]:
        """The file once it is settled and not yet judged as it is; answers in its place where it is no file."""
        path = os.path.join(self.root, work.id, relative)
        try:
            signature = Signature.of(os.lstat(path))
            if self._judged.get(path) == signature:
                return
            snapshot = read_bounded(path, limit)
        except (FileNotFoundError, NotADirectoryError):
            self._judged.pop(path, None)
            return
        except (NotRegular, TooLarge) as error:
            self._judged[path] = signature
            version = f"{signature.ino}.{signature.size}"
            yield from answer(work, relative, [Fault("unreadable", str(error), relative)], version)
            return
        wake_s = self.settling.wait_s(path, snapshot, now)
        if wake_s is not None:
            self.wake_s = wake_s if self.wake_s is None else min(self.wake_s, wake_s)
            return
        self._judged[path] = snapshot.signature
        yield snapshot

    def is_judged(self, work: Work, relative: str) -> bool:
        """Whether the file lies there and was judged as it is."""
        path = os.path.join(self.root, work.id, relative)
        try:
            return self._judged.get(path) == Signature.of(os.lstat(path))
        except (FileNotFoundError, NotADirectoryError):
            return False

    def reconsider(self, work: Work, relative: str) -> None:
        """Judge a file again, although it has not changed: what it is held against has."""
        self._judged.pop(os.path.join(self.root, work.id, relative), None)

    def forget(self, instruction: str) -> None:
        """Judge everything of an instruction again."""
        folder = os.path.join(self.root, instruction) + os.sep
        for path in [path for path in self._judged if path.startswith(folder)]:
            del self._judged[path]
