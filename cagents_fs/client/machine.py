"""What `doctor` says of the machine: the file system under the tree, its limits, its clock, and who watches."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cagents_fs.config import load
from cagents_fs.errors import InvalidTree
from cagents_fs.model.layout import WATCHED
from cagents_fs.store import holders, locks, mounts, probe, tree
from cagents_fs.store.reading import NotRegular, TooLarge, read_bounded
from cagents_fs.store.yaml import Unreadable, parse_mapping

LITTLE_BYTES, FEW_INODES = 100 << 20, 10_000
SKEW_S = 2.0  # more, and how long a file has been unchanged is no longer known


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: what was found, what it means, and what to do where it is not well."""

    name: str
    ok: bool
    found: str
    means: str = ""
    advice: str = ""
    note: bool = False  # well enough, and to be known
    mended: bool = False

    @property
    def text(self) -> str:
        """All of it in one line."""
        return "; ".join(part for part in (self.found, self.means, self.advice) if part)

    def to_json(self) -> dict[str, Any]:
        """As `doctor --json` shows it."""
        facts = {"name": self.name, "ok": self.ok, "text": self.text, "found": self.found, "means": self.means}
        return {**facts, "advice": self.advice, "note": self.note, "mended": self.mended}


def read_watching(root: str) -> dict[str, Any] | None:
    """How the daemon that holds the tree says that it sees; None where it says nothing, or one before it did."""
    try:
        said = parse_mapping(read_bounded(os.path.join(root, WATCHED), 1 << 20).data).value
    except (OSError, NotRegular, TooLarge, Unreadable):
        return None
    pids = holders.holding(os.path.join(root, locks.LOCK))
    if not isinstance(said, dict) or (pids and str(said.get("pid")) not in pids):
        return None
    return said


def file_system(root: str) -> Iterator[Finding]:
    """What kind is it, and what is mounted inside?"""
    mount = mounts.mount_of(root)
    watch = load(root).policy.watch
    if "ro" in mount.options:
        yield Finding("file system", False, f"{mount.kind}, read-only", "nothing can be written", "mount it writable")
    elif mount.is_remote:
        means = "events of other machines do not arrive, and locks may not reach them: the tree is looked through"
        advice = "let one machine only run the daemon and claim" + (
            "; set `watch: auto` or `poll`" if watch == "events" else ""
        )
        yield Finding("file system", watch != "events", f"{mount.kind} on {mount.point}", means, advice, note=True)
    elif not mount.is_local:
        means = "what is changed beneath it makes no event: the tree is also looked through at every interval"
        yield Finding("file system", True, f"{mount.kind} on {mount.point}", means, note=True)
    else:
        yield Finding("file system", True, f"{mount.kind} on {mount.point}", "local: every change makes an event")
    inside = mounts.below(os.path.realpath(root))
    for point in inside:
        if not tree.divides(point):
            means = "no rename leads out of it"
            yield Finding("mounts", True, f"another file system is mounted over {point}", means, note=True)
    try:
        probe.divided(root)
    except InvalidTree as error:
        yield Finding("mounts", False, error.message)
    else:
        if not inside:
            yield Finding("mounts", True, "nothing is mounted inside the tree")


def abilities(root: str) -> Iterator[Finding]:
    """Renames, links, locks, events, times: all tried in the tree itself."""
    tried: tuple[tuple[str, Callable[[str], Finding]], ...] = (
        ("renames", lambda folder: Finding("renames", True, probe.renames(folder), "no task is ever replaced")),
        ("links", _links),
        ("locks", lambda folder: Finding("locks", True, probe.exclusion(folder), "one daemon a tree")),
        ("events", _events),
        ("times", _granularity),
        ("clock", _clock),
    )
    with probe.scratch(root) as folder:
        for name, one in tried:
            try:
                yield one(folder)
            except InvalidTree as error:
                yield Finding(name, False, error.message)
            except OSError as error:
                yield Finding(name, False, f"could not be tried: {error.strerror}", "", "see the other findings")


def _links(folder: str) -> Finding:
    if probe.links(folder):
        return Finding("links", True, "hard links are made and counted", "a file with two names is noticed")
    return Finding("links", True, "no hard links", "a task that is copied by link is not noticed", note=True)


def _events(folder: str) -> Finding:
    took_ms = probe.event_in_ms(folder)
    if took_ms is None:
        means = "the tree is looked through instead, every scan_interval"
        return Finding("events", False, "no event within a second", means, "set `watch: poll` in daemon.yaml")
    return Finding("events", True, f"an event arrives within {max(1.0, took_ms):.0f} ms", "changes are seen at once")


def _granularity(folder: str) -> Finding:
    step_s = probe.granularity_ns(folder) / 1e9
    if step_s > 0.5:
        means = "a file that is changed twice within that time looks unchanged"
        return Finding("times", False, f"times of files are {step_s:g} s apart", means, "set settle_seconds above that")
    return Finding("times", True, f"times of files are {step_s * 1e9:g} ns apart", "a change is told from none")


def _clock(folder: str) -> Finding:
    ahead_s = probe.skew_s(folder)
    if abs(ahead_s) > SKEW_S:
        which = "ahead of" if ahead_s > 0 else "behind"
        found = f"new files are {abs(ahead_s):.1f} s {which} this machine's clock"
        return Finding("clock", False, found, "ages of files are wrong at start", "set both clocks by NTP")
    return Finding("clock", True, "the clock and the times of new files agree")


def space(root: str) -> Iterator[Finding]:
    """Is there room for more?"""
    facts = os.statvfs(root)
    free = facts.f_bavail * facts.f_frsize
    little = free < LITTLE_BYTES
    yield Finding("space", not little, f"{free >> 20} MiB free", advice="free some space" if little else "")
    if facts.f_files:
        few = facts.f_favail < FEW_INODES
        advice = "remove old instructions" if few else ""
        yield Finding("inodes", not few, f"{facts.f_favail} inodes free", advice=advice)
    else:
        yield Finding("inodes", True, "this file system has no fixed number of inodes")


def limits(root: str) -> Iterator[Finding]:
    """Does the kernel let us watch so many folders?"""
    needed = sum(1 for name in tree.instructions(root) for _ in tree.state_folders(os.path.join(root, name)))
    needed += 12 * len(tree.instructions(root)) + 60
    for name, least in (("max_user_watches", needed), ("max_user_instances", 2), ("max_queued_events", 1024)):
        values = _limit(name)
        if not values:
            yield Finding("watches", False, "this kernel has no inotify", "the tree is looked through instead")
            return
        path, value = min(values.items(), key=lambda pair: pair[1])
        advice = "" if value >= least else f"raise it: echo {max(least, 2 * value)} > {path}"
        means = "" if value >= least else "what is not heard is found by looking through, later"
        yield Finding(name, value >= least, f"{value}, about {least} needed", means, advice)


def _limit(name: str) -> dict[str, int]:
    """A limit of the machine, and the one of this user namespace, where there is one."""
    names = {"max_user_watches": "max_inotify_watches", "max_user_instances": "max_inotify_instances"}
    paths = [f"/proc/sys/fs/inotify/{name}", *(f"/proc/sys/user/{names[name]}" for _ in range(name in names))]
    values = {}
    for path in paths:
        try:
            with open(path, encoding="ascii") as file:
                values[path] = int(file.read())
        except (OSError, ValueError):
            continue
    return values


def daemon(root: str) -> Iterator[Finding]:
    """Who holds the tree, and how does it see?"""
    if not locks.is_held(root):
        path = os.path.join(root, locks.LOCK)
        left = "its lock file is left over, which is as it should be" if os.path.lexists(path) else ""
        yield Finding("daemon", True, "none holds the tree", left, "`cagents-fs watch` starts one")
        return
    said = read_watching(root)
    yield Finding("daemon", True, locks.holder(root))
    if said is None:
        means = "who holds the lock is no daemon, or has just begun"
        yield Finding("watcher", True, "says nothing of how it sees", means, note=True)
        return
    yield from _watcher(said)


def _watcher(said: Mapping[str, Any]) -> Iterator[Finding]:
    counts = f"{said.get('folders')} folders, {said.get('overflows')} overflows, {said.get('restarts')} restarts"
    found = f"{said.get('mode')} ({said.get('because')}): {counts}"
    trouble = said.get("trouble")
    yield Finding("watcher", not trouble, found, str(trouble or ""), "see the limits above" if trouble else "")
    held = said.get("held")
    for name, why in sorted(held.items()) if isinstance(held, dict) else ():
        yield Finding("held", False, f"{name}: nothing is decided about it", str(why))
    if said.get("storage"):
        yield Finding("storage", False, "the daemon waits for the file system", str(said["storage"]))
