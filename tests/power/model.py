"""What a disk may hold after a power cut: the changes of a run as atoms, and what of them was synced when.

An atom is what a file system keeps or loses as one: bytes of one write, a new length, one change of names. What counts
as durable is less than ext4 and xfs give, so that nothing rests on their kindness: syncing a file keeps its bytes and
not its name; syncing a folder keeps its names and not the folder's own; a rename between folders is durable when both
are synced. Weak: a rename happens as a whole or not at all. Strict: of one between folders each half by itself, but of
a folder's, whose half ends in lost+found, where no program looks. Changes of one name are never out of order.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.crash.oplog import Operation

ROOT = 0
TICK_NS = 1_000_000  # between two changes
IGNORED = frozenset({"flock", "chmod", "utime"})  # they change neither names nor bytes
Entry = tuple[int, str]  # a folder and a name in it
Trees = dict[str, bytes | None]  # path relative to the root -> content; None for a folder


@dataclass(frozen=True, slots=True)
class Atom:
    """One change that is kept or lost."""

    names: tuple[tuple[Entry, int | None], ...] = ()  # what each name leads to from then on
    inode: int = -1  # of bytes or a new length
    offset: int = 0
    data: bytes | None = None  # None: the length becomes `offset`


@dataclass(slots=True)
class Disk:
    """Files and folders by number, and the names that lead to them."""

    contents: dict[int, bytes | None] = field(default_factory=lambda: {ROOT: None})  # None: a folder
    names: dict[Entry, int] = field(default_factory=dict)
    times_ns: dict[int, int] = field(default_factory=dict)  # when the bytes of a file changed last

    @classmethod
    def of(cls, root: Path) -> "Disk":
        """What lies in a folder; all of it is durable. Raises ValueError for what is neither file nor folder."""
        disk = cls()
        numbers: dict[tuple[int, int], int] = {}
        waiting = [(root, ROOT)]
        while waiting:
            folder, above = waiting.pop()
            for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
                facts = entry.stat(follow_symlinks=False)
                number = numbers.setdefault((facts.st_dev, facts.st_ino), len(disk.contents))
                disk.names[above, entry.name] = number
                if entry.is_dir(follow_symlinks=False):
                    disk.contents[number] = None
                    waiting.append((Path(entry.path), number))
                elif entry.is_file(follow_symlinks=False):
                    disk.contents[number] = Path(entry.path).read_bytes()
                    disk.times_ns[number] = facts.st_mtime_ns
                else:
                    raise ValueError(f"{entry.path} is neither a file nor a folder")
        return disk

    def entry(self, path: str) -> Entry:
        """The folder of a path, and its name there. Raises KeyError where the folder is not there."""
        *above, name = path.split("/")
        at = ROOT
        for part in above:
            at = self.names[at, part]
        return at, name

    def at(self, path: str) -> int:
        """What a path leads to. Raises KeyError."""
        return self.names[self.entry(path)] if path else ROOT

    def apply(self, atom: Atom, length: int | None = None, *, zeros: bool = False) -> None:
        """Let an atom happen; of its bytes only the first `length`, or nothing but their room."""
        for entry, inode in atom.names:
            if inode is None:
                self.names.pop(entry, None)
            else:
                self.names[entry] = inode
        if atom.inode >= 0:
            self.contents[atom.inode] = _written(self.contents.get(atom.inode) or b"", atom, length, zeros=zeros)
            self.times_ns[atom.inode] = max(self.times_ns.values(), default=0) + TICK_NS

    def paths(self) -> Iterator[tuple[str, int]]:
        """Every path that leads somewhere, folders before what is in them. Of a folder with two names the first."""
        below: dict[int, list[tuple[str, int]]] = {}
        for (folder, name), inode in self.names.items():
            below.setdefault(folder, []).append((name, inode))
        waiting, seen = [("", ROOT)], {ROOT}
        while waiting:
            above, folder = waiting.pop()
            for name, inode in below.get(folder, ()):
                path = f"{above}{name}"
                if self.contents[inode] is None:
                    if inode in seen:
                        continue
                    seen.add(inode)
                    waiting.append((f"{path}/", inode))
                yield path, inode

    def tree(self) -> Trees:
        """Every path with its content."""
        return {path: self.contents[inode] for path, inode in self.paths()}

    def copy(self) -> "Disk":
        """Another one with the same content."""
        return Disk(dict(self.contents), dict(self.names), dict(self.times_ns))


def _written(old: bytes, atom: Atom, length: int | None, *, zeros: bool) -> bytes:
    if atom.data is None:
        return old[: atom.offset].ljust(atom.offset, b"\0")
    data = atom.data if length is None else atom.data[:length]
    data = bytes(len(data)) if zeros else data
    return old[: atom.offset].ljust(atom.offset, b"\0") + data + old[atom.offset + len(data) :]


@dataclass(slots=True)
class History:
    """What a run has changed. After its first k operations the first `made[k]` atoms are there, `synced[k]` durable."""

    base: Disk
    atoms: list[Atom] = field(default_factory=list)
    made: list[int] = field(default_factory=lambda: [0])
    synced: list[int] = field(default_factory=lambda: [0])  # sets of atoms, as bits
    told: list[dict[str, bytes]] = field(default_factory=list)  # journals as far as they were synced, by path
    end: Disk = field(default_factory=Disk)  # when nothing is lost
    needs: list[int] = field(default_factory=list)  # of each atom: those without which it cannot be there, as bits

    def whole(self, atoms: int) -> int:
        """These atoms and those that they cannot be without."""
        for number in range(atoms.bit_length()):
            if atoms >> number & 1:
                atoms |= self.needs[number]
        return atoms

    def in_order(self, atoms: int) -> bool:
        """Whether no bytes are there without the names that were changed before: so it is with a journal on disk."""
        written = max((n for n, atom in enumerate(self.atoms) if not atom.names and atoms >> n & 1), default=0)
        return all(atoms >> n & 1 for n, atom in enumerate(self.atoms[:written]) if atom.names)

    def after(self, atoms: int) -> Disk:
        """The disk with these atoms and no others (bits)."""
        disk = self.base.copy()
        disk.contents |= {number: self._kind(number) for number in self.end.contents if number not in disk.contents}
        for number, atom in enumerate(self.atoms):
            if atoms >> number & 1:
                disk.apply(atom)
        return disk

    def _kind(self, inode: int) -> bytes | None:
        return None if self.end.contents[inode] is None else b""


class Recorder:
    """Turns the operations of a run into its history. Raises ValueError for a call that it does not know."""

    def __init__(self, base: Disk, root: str, *, strict: bool) -> None:
        self.history = History(base)
        self._root, self._strict = root.rstrip("/") + "/", strict
        self._now = self.history.end = base.copy()
        self._unsynced: list[set[int]] = []  # of each atom: the inodes that have to be synced for it
        self._synced = 0
        self._of_name: dict[Entry, list[int]] = {}
        self._told = {path: _whole(data) for path, data in base.tree().items() if data and _is_journal(path)}
        self.history.told.append(self._told)

    def take(self, operations: Iterable[Operation]) -> History:
        """All operations of a run, in order."""
        for operation in operations:
            if operation.call not in IGNORED:
                self._one(operation)
            self.history.made.append(len(self.history.atoms))
            self.history.synced.append(self._synced)
            self.history.told.append(self._told)
        return self.history

    def _one(self, operation: Operation) -> None:
        now, path = self._now, self._relative(operation.path)
        match operation.call:
            case "create" | "mkdir":
                inode = len(now.contents)
                now.contents[inode] = None if operation.call == "mkdir" else b""
                self._name((now.entry(path), inode))
            case "write":
                inode = now.at(path)
                self._add(Atom(inode=inode, offset=int(operation.other), data=operation.data), {inode})
            case "truncate" | "cut":
                inode = now.at(path)
                self._add(Atom(inode=inode, offset=int(operation.other or 0)), {inode})
            case "unlink" | "rmdir":
                self._name((now.entry(path), None))
            case "link":
                self._name((now.entry(self._relative(operation.other)), now.at(path)))
            case "rename" | "move" | "exchange":
                self._rename(operation.call, path, self._relative(operation.other))
            case "sync" | "sync folder":
                self._sync(path, now.at(path))
            case _:
                raise ValueError(f"the model does not know {operation.call} ({operation.path})")

    def _relative(self, path: str) -> str:
        whole = os.path.normpath(path)  # a folder that was opened as `.` below another
        return whole.removeprefix(self._root) if whole != self._root[:-1] else ""

    def _rename(self, call: str, old: str, new: str) -> None:
        source, target, inode = self._now.entry(old), self._now.entry(new), self._now.at(old)
        if call == "exchange":
            self._name((source, self._now.at(new)), (target, inode))
        elif self._strict and source[0] != target[0] and self._now.contents[inode] is not None:
            self._name((target, inode))
            self._name((source, None))
        else:
            self._name((source, None), (target, inode))

    def _name(self, *names: tuple[Entry, int | None]) -> None:
        self._add(Atom(names=names), {folder for (folder, _), _ in names})

    def _add(self, atom: Atom, waits_for: set[int]) -> None:
        self.history.needs.append(0)
        for entry, _ in atom.names:  # a name stands in one block: what was there before is there, too
            for earlier in self._of_name.get(entry, ()):
                self.history.needs[-1] |= 1 << earlier | self.history.needs[earlier]
            self._of_name.setdefault(entry, []).append(len(self.history.atoms))
        self.history.atoms.append(atom)
        self._unsynced.append(waits_for)
        self._now.apply(atom)

    def _sync(self, path: str, inode: int) -> None:
        for number, waits_for in enumerate(self._unsynced):
            if inode in waits_for:
                waits_for.discard(inode)
                if not waits_for:
                    self._synced |= 1 << number
        if _is_journal(path):
            self._told = {**self._told, path: _whole(self._now.contents[inode] or b"")}


def _is_journal(path: str) -> bool:
    return path.endswith("/journal.jsonl")


def _whole(data: bytes) -> bytes:
    return data[: data.rfind(b"\n") + 1]
