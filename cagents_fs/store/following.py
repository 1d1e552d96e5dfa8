"""Following a journal beside the daemon that writes it: only what is new is read, and no more than one asks for.

A journal is appended to and nothing else. One that shrank, was replaced, or no longer holds what was read last, is
another one: it is read again from its beginning, and `began_anew` says so.
"""

import errno
import os
import stat
from typing import Any

from cagents_fs.store.journal import record_of

MOST_LINE = 64 << 20  # a longer line is skipped: nobody wants it in memory
_KNOWN_BY = 256  # bytes before the place where we are, by which a journal is known again
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class Follower:
    """Reads one journal, on and on. It is opened anew each time: whoever follows thousands has no descriptors to spare.

    A last line that is torn is not read before it is whole: a daemon that starts cuts it off, and goes on there.
    """

    def __init__(self, path: str) -> None:
        """Nothing is read yet."""
        self.path = path
        self.began_anew = False  # whether the last call began with another journal than the one before
        self.damaged = 0  # whole lines that are no records
        self.behind = False  # whether there was more to read than was asked for
        self.offset = 0  # bytes up to the end of the last line that was read
        self._seen = 0  # bytes that the journal had then, torn end included
        self._tail = b""
        self._file: tuple[int, int] | None = None
        self._skipping = False

    def read(self, most_bytes: int) -> list[dict[str, Any]]:
        """The new whole lines, from about so many bytes; one line at least. A journal that is not there is empty.

        Raises OSError where it cannot be read.
        """
        self.began_anew = self.behind = False
        try:
            descriptor = os.open(self.path, _FLAGS)
        except FileNotFoundError:
            return []
        try:
            there = os.fstat(descriptor)
            if not stat.S_ISREG(there.st_mode):
                raise OSError(errno.EINVAL, "no regular file", self.path)
            self._look_whether_it_is_the_same(descriptor, there)
            data = self._new(descriptor, max(1, most_bytes))
        finally:
            os.close(descriptor)
        if data:
            self._tail = (self._tail + data)[-_KNOWN_BY:]
            self.offset += len(data)
        self._seen = there.st_size
        return self._records(data)

    def changed(self) -> bool:
        """Whether a call may find anything new; from a look at the file without opening it. Raises nothing."""
        try:
            there = os.stat(self.path, follow_symlinks=False)
        except OSError:
            return False
        return self.behind or there.st_size != self._seen or (there.st_dev, there.st_ino) != self._file

    def _look_whether_it_is_the_same(self, descriptor: int, there: os.stat_result) -> None:
        file = (there.st_dev, there.st_ino)
        same = file == self._file and there.st_size >= self.offset
        if same and os.pread(descriptor, len(self._tail), self.offset - len(self._tail)) == self._tail:
            return
        self.began_anew = self._file is not None
        self._file, self._tail, self._skipping = file, b"", False
        self.offset = self.damaged = 0

    def _new(self, descriptor: int, most_bytes: int) -> bytes:
        """What is new, up to the end of its last whole line. Of a line without end, what is to be passed over."""
        while True:
            data = os.pread(descriptor, most_bytes, self.offset)
            whole = data[: data.rfind(b"\n") + 1]
            self.behind = len(data) == most_bytes
            if whole or not self.behind:
                return whole
            if most_bytes >= MOST_LINE:
                self.damaged += not self._skipping
                self._skipping = True
                return data
            most_bytes = min(4 * most_bytes, MOST_LINE)

    def _records(self, data: bytes) -> list[dict[str, Any]]:
        if self._skipping:
            _, newline, data = data.partition(b"\n")
            self._skipping = not newline
        records = []
        for text in data.split(b"\n")[:-1]:
            if (record := record_of(text)) is not None:
                records.append(record)
            else:
                self.damaged += 1
        return records
