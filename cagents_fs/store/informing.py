"""Files that inform and decide nothing: messages in inboxes, verdicts beside manifests, copies in quarantine."""

import hashlib
import os
import stat
from collections.abc import Mapping
from typing import Any

from cagents_fs.model.actions import Escalate, KeepCopy, Publish, Tell, WriteVerdict
from cagents_fs.model.layout import INBOX, VERIFICATION
from cagents_fs.model.lines import iso
from cagents_fs.model.observations import Now
from cagents_fs.store.descent import open_folder, real_folder
from cagents_fs.store.disk import put, sync_folder
from cagents_fs.store.dump import END, dump

KEPT_BYTES = 1 << 20  # of one file
KEPT_IN_ALL = 64 << 20  # of an instruction


Informing = KeepCopy | Tell | WriteVerdict | Escalate | Publish


def write(root: str, action: Informing, now: Now, *, durable: bool = False) -> None:
    """Write one of them. The same action writes the same file, so that a repetition after a crash changes nothing.

    `root` is the tree's real path. Raises OSError, also where somebody put a link in the place of a folder.
    """
    match action:
        case Tell():
            _tell(root, action, now, durable=durable)
        case WriteVerdict():
            _verdict(root, action, now)
        case KeepCopy():
            _keep(root, action, now, durable=durable)
        case Escalate():
            _publish(root, action.instruction, f"escalations/{action.name}.yaml", action.fields, durable=durable)
        case Publish():
            _publish(root, action.instruction, action.path, action.fields, durable=durable)


def _publish(root: str, instruction: str, relative: str, fields: Mapping[str, Any], *, durable: bool) -> None:
    path = os.path.join(root, instruction, relative)
    real_folder(os.path.dirname(path), new=relative.count("/"))
    put(path, (dump(fields) + END).encode(), durable=durable)


def _tell(root: str, action: Tell, now: Now, *, durable: bool) -> None:
    folder = os.path.join(root, INBOX, action.to)
    real_folder(folder)
    message_id = "msg-" + hashlib.sha256(action.key.encode(errors="backslashreplace")).hexdigest()[:20]
    message = {
        "message_id": message_id,
        "type": action.type,
        "to": action.to,
        "from": "daemon",
        "timestamp": iso(now.wall_s),
        "instruction_id": action.instruction,
        "task_id": action.task_id,
        "text": action.text,
        "path": action.path,
    }
    put(os.path.join(folder, f"{message_id}.yaml"), (dump(message) + END).encode(), durable=durable)


def _verdict(root: str, action: WriteVerdict, now: Now) -> None:
    folder = os.path.join(root, action.instruction, "outputs/partial", action.task_id)
    if not os.path.isdir(folder):
        folder = os.path.join(root, action.instruction, "outputs", action.task_id)
    if not os.path.isdir(folder):
        return  # swept aside since; the journal has the verdict
    real_folder(folder, new=0)
    verdict = {
        "task_id": action.task_id,
        "attempt": action.attempt,
        "accepted": action.accepted,
        "verified_at": iso(now.wall_s),
        "manifest_sha256": action.manifest_sha256,
        "faults": [fault.to_json() for fault in action.faults],
    }
    put(os.path.join(folder, VERIFICATION), (dump(verdict) + END).encode(), durable=False)


def _keep(root: str, action: KeepCopy, now: Now, *, durable: bool) -> None:
    """The first and the last two versions of a path, at most a mebibyte each; of what is no regular file, a note."""
    folder = os.path.join(root, action.instruction)
    data, note = _bytes_of(*os.path.split(os.path.join(folder, action.path)))
    flat = _flat(action.path)
    version = hashlib.sha256(data if data is not None else note.encode()).hexdigest()[:12]
    quarantine = os.path.join(folder, "quarantine")
    real_folder(quarantine, new=1)  # an instruction that was removed does not come back
    if os.stat(quarantine).st_mode & 0o077:
        os.chmod(quarantine, 0o700)  # copies of whatever agents wrote by mistake, secrets among it
    kept = os.path.join(quarantine, f"{flat}.{version}")
    if os.path.lexists(f"{kept}.reason.yaml"):
        return  # this version is here, and keeps its place among the versions
    if data is not None and _room(quarantine) >= len(data):
        put(kept, data, durable=durable, mode=0o600)
    elif data is not None:
        note = f"no copy: the quarantine of this instruction is full ({KEPT_IN_ALL >> 20} MiB)"
    reason = {
        "path": action.path,
        "kept_at": iso(now.wall_s),
        "note": note,
        "faults": [fault.to_json() for fault in action.faults],
    }
    put(os.path.join(quarantine, f"{flat}.{version}.reason.yaml"), dump(reason).encode(), durable=False, mode=0o600)
    _thin_out(quarantine, flat)


def _bytes_of(folder: str, name: str) -> tuple[bytes | None, str]:
    try:
        above = open_folder(folder)
        try:
            descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=above)
        finally:
            os.close(above)
    except OSError as error:
        return None, f"no copy: {error.strerror}"
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            return None, "no copy: this is no regular file"
        data = os.pread(descriptor, KEPT_BYTES, 0)
        cut = facts.st_size > len(data)
        return data, f"the first {len(data)} of {facts.st_size} bytes" if cut else f"{len(data)} bytes"
    except OSError as error:
        return None, f"no copy: {error.strerror}"
    finally:
        os.close(descriptor)


def _flat(path: str) -> str:
    """A path as one file name that is safe to type: letters, digits, dot, dash, underscore."""
    text = "__".join(path.split("/"))
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else f"%{ord(c):02x}" for c in text)
    return safe if len(safe) <= 150 else f"{safe[:120]}-{hashlib.sha256(safe.encode()).hexdigest()[:12]}"


def _room(quarantine: str) -> int:
    with os.scandir(quarantine) as entries:
        return KEPT_IN_ALL - sum(entry.stat(follow_symlinks=False).st_size for entry in entries)


def _thin_out(quarantine: str, flat: str) -> None:
    with os.scandir(quarantine) as entries:
        versions = sorted(
            (entry.stat(follow_symlinks=False).st_mtime_ns, entry.name)
            for entry in entries
            if entry.name.startswith(flat + ".") and entry.name.endswith(".reason.yaml")
        )
    for _, name in versions[1:-2]:
        for victim in (name, name.removesuffix(".reason.yaml")):
            remove(os.path.join(quarantine, victim))


def remove(path: str) -> None:
    """Remove a file that may be gone already, durably."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    sync_folder(os.path.dirname(path))
