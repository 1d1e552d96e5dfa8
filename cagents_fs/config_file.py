"""One configuration file as it was found: what stands at a key, where, and which keys nobody has asked for."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import Enum

from cagents_fs.model.faults import Fault
from cagents_fs.model.layout import CONFIG
from cagents_fs.model.text import safe_text
from cagents_fs.setting_kinds import shown
from cagents_fs.store.reading import NotRegular, TooLarge, read_bounded
from cagents_fs.store.yaml import Document, Limits, Unreadable, parse_mapping

# Written by people, who may well use anchors.
LIMITS = Limits(max_bytes=1 << 20, max_depth=64, max_nodes=50_000, anchors=True)

Steps = tuple[str, ...]  # the keys from the top of the file to a value


class Nothing(Enum):
    """What is found where there is no value."""

    ABSENT = "absent"
    WRONG = "wrong"  # and the file has its fault already


@dataclass(frozen=True, slots=True)
class Unread:
    """A key that stands in a file and changes nothing."""

    file: str
    key: str  # dotted
    line: int


@dataclass(slots=True)
class ConfigFile:
    """A file in `_system/config`, whatever state it is in."""

    name: str
    document: Document | None = None  # None: there is no such file, or none that can be read
    faults: list[Fault] = field(default_factory=list)
    asked: set[Steps] = field(default_factory=set)
    answered: set[Steps] = field(default_factory=set)

    @classmethod
    def read(cls, root: str, name: str) -> "ConfigFile":
        """The file of this name. What keeps it from being read is a fault; that it is not there is none."""
        path = f"{CONFIG}/{name}"
        try:
            # People keep their settings elsewhere and put a link here.
            data = read_bounded(os.path.realpath(os.path.join(root, path)), LIMITS.max_bytes).data
            return cls(name, parse_mapping(b"{}" if _only_comments(data) else data, LIMITS, path))
        except FileNotFoundError:
            return cls(name)
        except Unreadable as error:
            return cls(name, faults=[replace(fault, path=path) for fault in error.faults])
        except NotRegular as error:
            text = f"expected a regular file, found a {error.kind}"
        except TooLarge as error:
            text = f"{error.size} bytes; at most {error.max_bytes} are read"
        except OSError as error:
            text = f"cannot be read: {error.strerror}"
        return cls(name, faults=[Fault("unparsable", f"{text}; what was in force stays", path)])

    def find(self, steps: Steps) -> object:
        """The value of a key, or Nothing. Something else where a section belongs is a fault."""
        if self.document is None:
            return Nothing.WRONG if self.faults else Nothing.ABSENT
        value = self.document.value
        for depth, step in enumerate(steps):
            if value is None:
                return Nothing.ABSENT  # a section in which everything is commented out
            if not isinstance(value, dict):
                return self._no_section(steps[:depth], value)
            if step not in value:
                return Nothing.ABSENT
            value = value[step]
        self.asked.add(steps)
        return value

    def section(self, steps: Steps) -> dict[str, object] | Nothing:
        """The keys below a key."""
        value = self.find(steps)
        if isinstance(value, dict):
            self.asked.discard(steps)  # its keys are asked for one by one
            return value
        if value is None:
            return Nothing.ABSENT
        return value if isinstance(value, Nothing) else self._no_section(steps, value)

    def _no_section(self, steps: Steps, value: object) -> Nothing:
        self.complain(steps, f"expected a section of keys, found {shown(value)}; what was in force stays")
        return Nothing.WRONG

    def complain(self, steps: Steps, text: str) -> None:
        """Answer for what stands at a key, once."""
        self.asked.add(steps)
        if steps not in self.answered:
            self.answered.add(steps)
            line, column = (self.document.place(steps) if self.document else None) or (None, None)
            self.faults.append(Fault("wrong_value", f"{dotted(steps)}: {text}", f"{CONFIG}/{self.name}", line, column))

    def line(self, steps: Steps) -> int:
        """Where a key stands."""
        return ((self.document.key_place(steps) if self.document else None) or (1, 1))[0]

    def unread(self) -> Iterator[Unread]:
        """Every key at the end of a branch that nobody has asked for, in the order of the file."""
        stack: list[tuple[Steps, object]] = [((), self.document.value)] if self.document else []
        while stack:
            steps, value = stack.pop()
            if steps in self.asked:
                continue
            if isinstance(value, dict) and value:
                stack.extend(((*steps, key), item) for key, item in reversed(value.items()))
            elif steps:
                yield Unread(self.name, dotted(steps), self.line(steps))


def dotted(steps: Steps) -> str:
    """A key as people name it, safe to show."""
    return safe_text(".".join(steps), 200)


def _only_comments(data: bytes) -> bool:
    """Whether everything is commented out. A file of no bytes is not that: its writer may have just begun."""
    return b"#" in data and all(not line or line.startswith(b"#") for line in map(bytes.strip, data.splitlines()))
