"""Which trees are tried after a cut: every bounded choice of what is kept of the unsynced, each tree once."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from tests.power.model import Atom, Disk, History

MOST = 5  # so many unsynced atoms: every choice of them
BLOCK = 512


@dataclass(frozen=True, slots=True)
class State:
    """A cut after so many operations, and what is kept. Written `CUT:ATOMS` or `CUT:ATOMS:TORN:HOW`, ATOMS in hex."""

    cut: int
    kept: int  # atoms, as bits
    torn: int = -1  # one of them, of which only a part is there
    how: str = ""  # half: of its bytes; block: whole sectors; zeros: its room and no bytes

    def __str__(self) -> str:
        return f"{self.cut}:{self.kept:x}" + (f":{self.torn}:{self.how}" if self.how else "")

    @classmethod
    def parse(cls, text: str) -> "State":
        """From what `str` gives. Raises ValueError."""
        cut, kept, *torn = text.split(":")
        return cls(int(cut), int(kept, 16), *((int(torn[0]), torn[1]) if torn else ()))


def disk_of(history: History, state: State) -> Disk:
    """What lies there after this cut."""
    if state.torn < 0:
        return history.after(state.kept)
    disk = history.after(0)
    for number, atom in enumerate(history.atoms):
        if state.kept >> number & 1:
            length = _part(atom, state.how) if number == state.torn else None
            disk.apply(atom, length, zeros=number == state.torn and state.how == "zeros")
    return disk


def _part(atom: Atom, how: str) -> int | None:
    assert atom.data is not None
    size = len(atom.data)
    return {"half": size // 2, "block": (size - 1) // BLOCK * BLOCK, "zeros": size}[how]


def states(history: History) -> list[State]:
    """Each distinct tree once, with the latest cut at which it may come: then most is acknowledged."""
    found: dict[int, State] = {}
    tried: set[tuple[int, int, str]] = set()
    for cut in range(len(history.made) - 1, -1, -1):
        for state in _at(history, cut):
            key = (state.kept, state.torn, state.how)
            if key not in tried:
                tried.add(key)
                tree = disk_of(history, state).tree()
                found.setdefault(hash(frozenset(tree.items())), state)
    return list(found.values())


def _at(history: History, cut: int) -> Iterator[State]:
    durable = history.synced[cut]
    unsynced = [number for number in range(history.made[cut]) if not durable >> number & 1]
    for choice in dict.fromkeys(_choices(history, unsynced)):
        kept = history.whole(durable | choice)
        yield State(cut, kept)
        if len(unsynced) > MOST and choice.bit_count() not in (1, len(unsynced)) and not _is_prefix(choice, unsynced):
            continue
        for number in unsynced:
            atom = history.atoms[number]
            if kept >> number & 1 and atom.data:
                yield State(cut, kept, number, "half")
                yield State(cut, kept, number, "zeros")
                if len(atom.data) > BLOCK:
                    yield State(cut, kept, number, "block")


def _is_prefix(choice: int, unsynced: list[int]) -> bool:
    count = choice.bit_count()
    return bits(unsynced[:count]) == choice


def _choices(history: History, unsynced: list[int]) -> Iterator[int]:
    """Sets of the unsynced atoms that are kept, as bits."""
    every = bits(unsynced)
    if len(unsynced) <= MOST:
        for size in range(len(unsynced) + 1):
            yield from map(bits, combinations(unsynced, size))
        return
    yield from (0, every)
    yield from (every & ~(1 << number) for number in unsynced)
    yield from (1 << number for number in unsynced)
    yield from (bits(unsynced[:count]) for count in range(len(unsynced)))
    yield bits(number for number in unsynced if history.atoms[number].names)
    yield bits(number for number in unsynced if not history.atoms[number].names)
    # What the run syncs later is what it takes care of: of that every choice, with and without the rest.
    cared = [number for number in unsynced if history.synced[-1] >> number & 1][-MOST:]
    rest = every & ~bits(cared)
    for size in range(len(cared) + 1):
        for chosen in map(bits, combinations(cared, size)):
            yield from (chosen, chosen | rest)


def bits(numbers: "Iterator[int] | list[int] | tuple[int, ...]") -> int:
    """A set of numbers as one."""
    found = 0
    for number in numbers:
        found |= 1 << number
    return found
