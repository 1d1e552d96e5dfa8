"""`doctor`: is the tree in order, and can this machine do what we need?"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psutil

from cagents_fs.client.submitting import SCHEMAS, schema_of
from cagents_fs.config import load
from cagents_fs.model.files import KINDS
from cagents_fs.store import locks, tree
from cagents_fs.store.disk import Outcome, rename_noreplace

LITTLE_BYTES = 100 << 20
REMOTE = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "afs"})


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `text` says what it means, and what to do where it is not well."""

    name: str
    ok: bool
    text: str


def examine(root: str) -> list[Finding]:
    """Look at everything; a probe that itself fails is a finding, never an exception."""
    found: list[Finding] = []
    probes: tuple[tuple[str, Callable[[str], Iterator[Finding]]], ...] = (
        ("file system", _file_system),
        ("renames", _renames),
        ("space", _space),
        ("watches", _watches),
        ("daemon", _daemon),
        ("configuration", _configuration),
        ("schemas", _schemas),
        ("agents", _agents),
        ("instructions", _instructions),
    )
    for name, probe in probes:
        try:
            found.extend(probe(root))
        except OSError as error:
            found.append(Finding(name, ok=False, text=f"could not be looked at: {error.strerror}: {error.filename}"))
    return found


def _file_system(root: str) -> Iterator[Finding]:
    mounts = [m for m in psutil.disk_partitions(all=True) if (root + "/").startswith(m.mountpoint.rstrip("/") + "/")]
    kind = max(mounts, key=lambda m: len(m.mountpoint)).fstype if mounts else "unknown"
    if kind in REMOTE:
        text = (
            f"{kind}: events of other machines do not arrive; set `watch: poll`, and let one machine only write state"
        )
        yield Finding("file system", ok=False, text=text)
    else:
        yield Finding("file system", ok=True, text=kind)


def _renames(root: str) -> Iterator[Finding]:
    """A rename that must not replace, tried in the tree itself."""
    folder = tempfile.mkdtemp(prefix=".doctor-", dir=os.path.join(root, "_system"))
    try:
        one, two = os.path.join(folder, "one"), os.path.join(folder, "two")
        for path in (one, two):
            with open(path, "w", encoding="ascii"):
                pass
        if rename_noreplace(one, two) is Outcome.TAKEN and os.path.exists(one):
            yield Finding("renames", ok=True, text="never replace")
        else:
            text = "a rename replaced a file; this file system cannot hold a tree, use ext4, xfs, btrfs or tmpfs"
            yield Finding("renames", ok=False, text=text)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _space(root: str) -> Iterator[Finding]:
    facts = os.statvfs(root)
    free = facts.f_bavail * facts.f_frsize
    yield Finding(
        "space", free >= LITTLE_BYTES, f"{free >> 20} MiB free" + ("" if free >= LITTLE_BYTES else "; free some")
    )
    if facts.f_files:
        few = facts.f_favail < 10_000
        yield Finding("inodes", not few, f"{facts.f_favail} inodes free" + ("; remove old instructions" if few else ""))


def _watches(root: str) -> Iterator[Finding]:
    needed = sum(25 for _ in tree.instructions(root)) + 60
    for name, least in (("max_user_watches", needed), ("max_user_instances", 2), ("max_queued_events", 1024)):
        try:
            with open(f"/proc/sys/fs/inotify/{name}", encoding="ascii") as file:
                value = int(file.read())
        except FileNotFoundError:
            yield Finding("watches", ok=False, text="this kernel has no inotify; the tree is looked through instead")
            return
        advice = "" if value >= least else f"; raise it: sysctl fs.inotify.{name}={max(least, 2 * value)}"
        yield Finding(name, value >= least, f"{value}, about {least} needed{advice}")


def _daemon(root: str) -> Iterator[Finding]:
    text = locks.holder(root) if locks.is_held(root) else "none holds the tree; `cagents-fs watch` starts one"
    yield Finding("daemon", ok=True, text=text)


def _configuration(root: str) -> Iterator[Finding]:
    configuration = load(root)
    for fault in configuration.faults:
        yield Finding("configuration", ok=False, text=f"{fault}; the default is in force")
    if not configuration.faults:
        yield Finding("configuration", ok=True, text=f"{len(configuration.keys)} keys in force")


def _schemas(root: str) -> Iterator[Finding]:
    import json

    stale = []
    for kind in KINDS:
        try:
            with open(os.path.join(root, SCHEMAS, f"{kind}.schema.json"), "rb") as file:
                same = json.load(file) == schema_of(kind)
        except (FileNotFoundError, ValueError):
            same = False
        if not same:
            stale.append(kind)
    advice = f"{', '.join(stale)}: missing or of another version; remove them and call `cagents-fs init` again"
    yield Finding("schemas", not stale, advice if stale else f"{len(KINDS)}, as this version reads")


def _agents(root: str) -> Iterator[Finding]:
    policy = load(root).policy
    for name, kind in sorted(policy.agents.items()):
        there = shutil.which(kind.command[0]) is not None
        text = (
            f"{kind.command[0]} is there" if there else f"{kind.command[0]} is not installed; tasks for it would fail"
        )
        yield Finding(f"agent {name}", there or name != policy.default_agent, text)


def _instructions(root: str) -> Iterator[Finding]:
    for name in tree.instructions(root):
        folder = os.path.join(root, name)
        folders = [os.path.join(folder, relative) for _, relative in tree.state_folders(folder)]
        devices = {os.stat(path).st_dev for path in folders if os.path.isdir(path)}
        if len(devices) > 1:
            text = f"{name}: its state directories lie on different file systems; renames between them are not possible"
            yield Finding("instructions", ok=False, text=text)
