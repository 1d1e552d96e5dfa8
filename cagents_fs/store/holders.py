"""Who holds a lock: what the kernel knows, and what the holder says of itself."""

import os

from cagents_fs.store.reading import NotRegular, TooLarge, read_bounded

MOST_BYTES = 4000


def who_holds(path: str, facts: str | None = None) -> str:
    """Who holds the lock on a file, for a person. `facts` is the file in which a daemon says who it is."""
    said = _said(facts) if facts is not None else {}
    pids = holding(path)
    if not pids:
        return _line(said) if said else "a process that cannot be seen from here"
    if said.get("pid") in pids:
        return _line(said)
    return " and ".join(f"process {pid} ({_command(pid)})" for pid in pids)


def holding(path: str) -> list[str]:
    """The ids of the living processes that hold a `flock` on a file, as far as this machine can tell."""
    try:
        inode = os.stat(path, follow_symlinks=False).st_ino
        with open("/proc/locks", encoding="ascii") as file:
            lines = [line.split() for line in file]
    except (OSError, ValueError):
        return []
    # number: FLOCK ADVISORY WRITE pid major:minor:inode start end. The device of btrfs is not the one that stat tells.
    taken = {words[4] for words in lines if words[1] == "FLOCK" and words[5].rpartition(":")[2] == str(inode)}
    living = sorted((pid for pid in taken if os.path.exists(f"/proc/{pid}")), key=int)
    return living if living or not taken else _heirs(path)


def _heirs(path: str) -> list[str]:
    """Who took it is gone, and has left it to a child: those that have the file open."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            opened = [os.readlink(f"/proc/{pid}/fd/{number}") for number in os.listdir(f"/proc/{pid}/fd")]
        except OSError:
            continue
        if path in opened and int(pid) != os.getpid():
            found.append(pid)
    return sorted(found, key=int)


def _command(pid: str) -> str:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read(120).replace(b"\0", b" ").decode(errors="backslashreplace").strip() or "no command"
    except OSError:
        return "gone meanwhile"


def _said(path: str) -> dict[str, str]:
    """What stands in a daemon's file: a line a key, as we write it. Nothing of it is believed, it is only shown."""
    try:
        text = read_bounded(path, MOST_BYTES).data.decode(errors="backslashreplace")
    except (OSError, NotRegular, TooLarge):
        return {}
    pairs = (line.partition(":") for line in text.splitlines())
    return {key.strip(): value.strip().strip("'\"") for key, _, value in pairs if value.strip()}


def _line(said: dict[str, str]) -> str:
    facts = (("pid", "pid "), ("start_time", "since "), ("host", "on "), ("version", "version "), ("boot_id", "boot "))
    return ", ".join(f"{word}{said[key]}" for key, word in facts if key in said) or "a process that says nothing"
