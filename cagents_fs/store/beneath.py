"""Inside the roots: where a path leads, and a descriptor for the file that lies there.

An agent writes paths, and nothing it writes may make us read outside the roots or wait at a FIFO (PROTOCOL.md, section
6). So a path is resolved first, by `find`, to one without links. Then `open_beneath` goes that way once more, from
descriptor to descriptor: a link that it meets can only have been swapped in since, and is never followed. It opens
nothing but a regular file, and what is read is read from that descriptor.
"""

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cagents_fs.errors import StorageError
from cagents_fs.model.faults import Fault
from cagents_fs.store.descent import open_folder

LONGEST_PATH_BYTES = 4096  # PATH_MAX: the kernel opens nothing by a longer name
SHOWN_CHARACTERS = 200  # of a path in a message

# What an agent can bring about by the choice of a name or by the modes of its folders. Whatever else the kernel refuses
# (EIO, EMFILE, ESTALE, ...) says nothing about the artifact and must never count as its absence.
_PLAINLY_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR})
_REFUSED = frozenset({errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ, errno.ELOOP})
_NO_BYTES = frozenset({errno.ENXIO, errno.ENODEV, errno.EISDIR})
_LINK_MET = frozenset({errno.ELOOP, errno.EXDEV})

_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Roots:
    """The folders in which artifacts may lie, as absolute paths, looked up in this order."""

    outputs: str
    output_dir: str
    workspace: str

    def __iter__(self) -> Iterator[str]:
        return iter((self.outputs, self.output_dir, self.workspace))


@dataclass(frozen=True, slots=True)
class Located:
    """Something that exists inside a root. Both paths were free of links when we looked."""

    root: str
    real_path: str

    @property
    def parts(self) -> tuple[str, ...]:
        """The way down from the root, one name each; empty for the root itself."""
        return tuple(part for part in self.real_path[len(self.root) :].split("/") if part)


def find(path: str, roots: Roots) -> Located | Fault:
    """Where an artifact lies: in the first root in which it is, once links are resolved.

    A fault is `outside_root` (in no root, and it leaves one in which it could lie) or `missing_artifact`. Never raises
    for any string; raises StorageError when the disk cannot be asked.
    """
    if unusable := _unusable(path):
        return missing(path, unusable)
    looked: list[tuple[_Root, _Look]] = []
    for root in _real_roots(roots):
        look = _follow(os.path.join(root.path, path))
        if look.leads_to is not None and root.trusted and _inside(look.leads_to, root.path):
            return Located(root.path, look.leads_to)
        looked.append((root, look))
    return _nowhere(path, looked)


def open_beneath(root: str, relative_parts: Sequence[str]) -> int | Fault:
    """A descriptor for reading the regular file at these names below `root`, without links. The caller closes it.

    Follows no link and waits for nobody. A fault is `changed_while_read` (a link was met where `find` saw none),
    `missing_artifact`, `not_a_file`, or `outside_root` (a part that is no single name). Raises StorageError when the
    disk cannot be asked.
    """
    path = "/".join(relative_parts) or root
    if any(part in ("", ".", "..") or "/" in part for part in relative_parts):
        return fault("outside_root", path, "is no plain way down from its root; correct its path")
    if unusable := _unusable(path):
        return missing(path, unusable)
    above: int | None = None
    name = root
    try:
        if relative_parts:
            *folders, name = relative_parts
            above = open_folder(root, folders)
        return _open_regular(path, name, above)
    except OSError as error:
        return _refusal(error, path)
    finally:
        if above is not None:
            os.close(above)


def _open_regular(path: str, name: str, above: int | None) -> int | Fault:
    # Looked at before it is opened: to open a FIFO wakes its writer, and to open a device may do anything.
    kind = os.stat(name, dir_fd=above, follow_symlinks=False).st_mode
    if stat.S_ISLNK(kind):
        return _swapped(path)
    if not stat.S_ISREG(kind):
        return _not_a_file(path, kind)
    descriptor = os.open(name, _READ, dir_fd=above)
    kind = os.fstat(descriptor).st_mode
    if stat.S_ISREG(kind):
        return descriptor
    os.close(descriptor)
    return _not_a_file(path, kind)


def _refusal(error: OSError, path: str) -> Fault:
    """The fault behind an error of `open`; raises StorageError when it is none of the artifact's."""
    if error.errno == errno.EAGAIN:  # somebody holds a lease for writing
        return fault("changed_while_read", path, "is being written; let its writer end")
    if error.errno in _LINK_MET:
        return _swapped(path)
    if error.errno in _NO_BYTES:
        return _not_a_file(path, 0)
    if error.errno not in _PLAINLY_ABSENT | _REFUSED:
        raise storage_error(error, path) from error
    if error.errno in _REFUSED:
        return missing(path, f"cannot be read ({error.strerror}); let the daemon's user read it")
    return missing(path, "was there and is gone")


@dataclass(frozen=True, slots=True)
class _Root:
    path: str  # without links
    trusted: bool = True


@dataclass(frozen=True, slots=True)
class _Look:
    """What the kernel says of a path: where it leads, links resolved, or why it cannot say."""

    path: str
    leads_to: str | None = None
    error: OSError | None = None


def _real_roots(roots: Roots) -> tuple[_Root, _Root, _Root]:
    outputs, output_dir, workspace = (_follow(root).leads_to or _resolved(root) for root in roots)
    # An agent owns its output directory, and may have made it a link. Out of outputs and workspace it is no root. Nor
    # is `outputs` one, nor what lies in it, when somebody made a link of it or of the instruction's folder.
    in_place = outputs == _unlinked(roots.outputs)
    homes = (outputs, workspace) if in_place else (workspace,)
    strays = _inside(roots.output_dir, roots.outputs) and not any(_inside(output_dir, home) for home in homes)
    return _Root(outputs, trusted=in_place), _Root(output_dir, trusted=not strays), _Root(workspace)


def _unlinked(outputs: str) -> str:
    """Where `{tree}/{instruction}/outputs` has to be: its last two names may be no links, the tree may lie anywhere."""
    folder, name = os.path.split(outputs)
    tree, instruction = os.path.split(folder)
    return os.path.join(_resolved(tree), instruction, name)


def _follow(path: str) -> _Look:
    # The kernel resolves 5 times as fast as `os.path.realpath`, and O_PATH opens nothing.
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError as error:
        if error.errno not in _PLAINLY_ABSENT | _REFUSED:
            raise storage_error(error, path) from error
        return _Look(path, error=error)
    try:
        return _Look(path, os.readlink(f"/proc/self/fd/{descriptor}"))
    except OSError:  # no /proc here
        return _Look(path, _resolved(path))
    finally:
        os.close(descriptor)


def _nowhere(path: str, looked: Sequence[tuple[_Root, _Look]]) -> Fault:
    """It is in no root: does it leave one, or is it just not there?"""
    strays: list[str] = []
    hindrance = ""
    for root, look in looked:
        leads_to = look.leads_to or _would_lead(look)
        if leads_to is None:
            hindrance = hindrance or "leads through links that go round in circles, or change; name the file itself"
        elif not (root.trusted and _inside(leads_to, root.path)):
            strays.append(leads_to)
        elif look.error is not None and look.error.errno in _REFUSED:
            hindrance = hindrance or f"cannot be looked at ({look.error.strerror}); let the daemon's user look"
    folders = ", ".join(_shown(root.path) for root, _ in looked)
    # A relative path could lie in every root, so leaving one is enough; an absolute one can lie in one only.
    if len(strays) == len(looked) or (strays and not path.startswith("/")):
        leads = f"leads to {_shown(strays[0])}, expected inside of one of {folders}"
        return fault("outside_root", path, f"{leads}; put the file there or correct its path")
    return missing(path, hindrance or f"is in none of {folders}")


def _would_lead(look: _Look) -> str | None:
    """Where a path that is not there would lie, name by name; None where its links cannot be followed to an end."""
    if look.error is not None and look.error.errno == errno.ELOOP:
        return None
    try:
        return os.path.realpath(look.path)
    except (RecursionError, OSError):  # one level of the interpreter's stack a link; a link that is swapped meanwhile
        return None


def _resolved(path: str) -> str:
    """Without links, whether it is there or not; as it is, where somebody swaps them while we look."""
    try:
        return os.path.realpath(path)
    except (RecursionError, OSError):
        return os.path.abspath(path)


def _inside(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/") + "/")


def _unusable(path: str) -> str:
    """Why no file can bear this name; empty when one can."""
    if not path:
        return "is empty; name the file"
    if "\0" in path:
        return "contains a NUL, which no file name can; correct its path"
    try:
        length = len(os.fsencode(path))
    except UnicodeEncodeError:
        return "contains half a surrogate pair, which no file name can; correct its path"
    return f"is {length} bytes long and the longest is {LONGEST_PATH_BYTES}" if length > LONGEST_PATH_BYTES else ""


def printable(path: str) -> str:
    """A path that can be printed and encoded: what no terminal should see is escaped."""
    if path.isprintable():
        return path
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in path)


def _shown(path: str) -> str:
    text = printable(path[: SHOWN_CHARACTERS + 1])
    return f"'{text}'" if len(path) <= SHOWN_CHARACTERS else f"'{text[:SHOWN_CHARACTERS]}…'"


def fault(code: str, path: str, what: str) -> Fault:
    """A fault about the artifact at this path. `what` goes on after its name, and ends with what to do first."""
    return Fault(code, f"artifact {_shown(path)} {what}, and hand in the manifest again", path=printable(path))


def missing(path: str, why: str) -> Fault:
    """A `missing_artifact`."""
    todo = "" if ";" in why else "; write the file or correct its path"
    return fault("missing_artifact", path, f"{why}{todo}")


def storage_error(error: OSError, path: str) -> StorageError:
    """The disk, not the artifact, is to blame."""
    reason = f"{error.strerror or error} ({errno.errorcode.get(error.errno or 0, error.errno)})"
    return StorageError(f"cannot look at {_shown(path)}: {reason}; nothing was judged, and we look again later")


def _swapped(path: str) -> Fault:
    return fault("changed_while_read", path, "became a link while it was looked at; leave it alone")


def _not_a_file(path: str, kind: int) -> Fault:
    kinds = {stat.S_IFDIR: "folder", stat.S_IFIFO: "FIFO", stat.S_IFSOCK: "socket"}
    found = kinds.get(stat.S_IFMT(kind), "device")
    return fault("not_a_file", path, f"is a {found}, expected a regular file; list each file by itself")
