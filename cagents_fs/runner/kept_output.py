"""What is kept of the output of a check: a log of at most 1 MiB, and its last words.

The first half of the log is on disk as soon as it is said, so that one can follow it; the last half is written at the
end. The folder of the log lies among what agents write, so nothing on the way there may be a link, and the file is
always a new one: an old name, which may lead anywhere, is removed and never written through.
"""

import os
from contextlib import suppress

LOG_BYTES = 1024 * 1024
FIRST_BYTES = LOG_BYTES // 2
LAST_BYTES = LOG_BYTES - FIRST_BYTES - 1024  # what is said about what was left out must fit too
TAIL_CHARACTERS = 2000

_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class KeptOutput:
    """Takes any amount of output and keeps a bounded part. A log that cannot be written costs the log, no more."""

    def __init__(self, log_path: str | None) -> None:
        self._log: int | None = None
        self._trouble = ""
        self._taken = 0  # bytes
        self._recent = bytearray()  # at least the last LAST_BYTES of all that was taken
        if log_path is not None:
            try:
                self._log = _new_file(log_path)
            except (OSError, ValueError) as error:
                self._complain(error)

    @property
    def is_flooded(self) -> bool:
        """More was said than is kept."""
        return self._taken > LOG_BYTES

    def take(self, data: bytes) -> None:
        """Keep what belongs to the first half; remember the rest as long as it may be the last."""
        self._write(data[: max(0, FIRST_BYTES - self._taken)])
        self._taken += len(data)
        self._recent += data
        if len(self._recent) > 2 * LAST_BYTES:
            del self._recent[:-LAST_BYTES]

    def close(self, note: str = "") -> str:
        """Write what is left, with a note of ours at the end, and give back the last 2,000 characters."""
        unwritten = max(0, self._taken - FIRST_BYTES)
        last = bytes(self._recent[-unwritten:])[-LAST_BYTES:] if unwritten else b""
        if unwritten > len(last):
            self._write(f"\n[cagents-fs: {unwritten - len(last)} bytes are left out here]\n".encode())
        self._write(last)
        if note:
            self._write(f"\n[{note}]\n".encode("utf-8", "backslashreplace")[:512])
        self._close()
        # Four bytes a character at most. What the cut leaves of a first character lies before the last 2,000.
        said = bytes(self._recent[-4 * TAIL_CHARACTERS - 3 :]).decode("utf-8", "backslashreplace")[-TAIL_CHARACTERS:]
        return "\n".join(part for part in (said, note, self._trouble) if part)[-TAIL_CHARACTERS:]

    def _write(self, data: bytes) -> None:
        try:
            while data and self._log is not None:
                data = data[os.write(self._log, data) :]
        except OSError as error:
            self._complain(error)

    def _complain(self, error: OSError | ValueError) -> None:
        reason = getattr(error, "strerror", None) or str(error)
        self._trouble = f"cagents-fs: the log of the check could not be kept: {reason}"
        self._close()

    def _close(self) -> None:
        if self._log is not None:
            with suppress(OSError):
                os.close(self._log)
            self._log = None


def _new_file(path: str) -> int:
    folder, name = os.path.split(os.path.abspath(path))
    above = os.open("/", _FOLDER)
    try:
        parts = [part for part in folder.split("/") if part]
        for depth, part in enumerate(parts, start=1):
            if depth == len(parts):  # only the last: a tree that was removed must not come into being again
                with suppress(FileExistsError):
                    os.mkdir(part, dir_fd=above)
            below = os.open(part, _FOLDER, dir_fd=above)
            os.close(above)
            above = below
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=above)
        return os.open(name, _NEW_FILE, 0o644, dir_fd=above)
    finally:
        os.close(above)
