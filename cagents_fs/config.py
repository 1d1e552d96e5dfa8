"""The six configuration files -> the Policy in force, with the place of every key, and answers for what is wrong.

A missing file or key means the default. A wrong one is answered with its place, and what was in force before stays.
Which keys there are, and what may stand there, is data: `settings.py`.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from cagents_fs.config_file import ConfigFile, Nothing, Steps, Unread, dotted
from cagents_fs.errors import InvalidTree, StorageError
from cagents_fs.model.faults import Fault
from cagents_fs.model.ids import fold, id_fault
from cagents_fs.model.layout import CONFIG
from cagents_fs.model.policy import SHELL, AgentType, Policy
from cagents_fs.model.text import safe_text
from cagents_fs.setting_kinds import one_of, plain, shown
from cagents_fs.settings import (
    AGENT_SETTINGS,
    AGENTS,
    DEFAULT_AGENT,
    FILES,
    SETTINGS,
    SLOTS,
    Setting,
)
from cagents_fs.store import reading
from cagents_fs.store.reading import Signature

_DEFAULT = Policy()
_PLAIN = AgentType(name="plain", command=())  # what an agent is that its entry says nothing of
_AGENTS_AT = ("agents",)
_SLOTS_AT = ("capacity_model", "agent_slots")
_NO_AGENT = "description"  # upstream has one beside its groups of agents


@dataclass(frozen=True, slots=True)
class KeyInForce:
    """A key, the value that counts, and where that comes from."""

    file: str
    key: str  # dotted
    value: Any  # as a person would write it
    origin: str  # `default`; FILE:LINE, relative to the tree; `previous` where a wrong value left the one before


@dataclass(frozen=True, slots=True)
class Configuration:
    """What is in force, and why."""

    policy: Policy
    keys: tuple[KeyInForce, ...]
    unread: tuple[Unread, ...]
    faults: tuple[Fault, ...]


def load(root: str, previous: Policy | None = None) -> Configuration:
    """Read the files of a tree. Raises only for a root that is none (InvalidTree) or cannot be read (StorageError)."""
    _require_folder(root)
    files = {name: ConfigFile.read(root, name) for name in FILES}
    reader = _Reader(files, previous or _DEFAULT)
    policy = reader.policy()
    unread = (key for file in files.values() for key in file.unread())
    faults = (fault for file in files.values() for fault in sorted(file.faults, key=_place_of))
    return Configuration(policy, tuple(reader.keys), tuple(unread), tuple(faults))


def watched_files(root: str) -> list[str]:
    """The files that `load` reads, whether they are there or not."""
    return [os.path.join(root, CONFIG, name) for name in FILES]


def stamp(root: str) -> tuple[Signature | None, ...]:
    """Differs once any of the files has changed. Costs a stat each; nothing is read."""
    return tuple(_signature(path) for path in watched_files(root))


def is_being_written(root: str) -> bool:
    """Whether anybody has one of the files open for writing, as far as the kernel tells us."""
    return any(map(_is_being_written, watched_files(root)))


def _is_being_written(path: str) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return reading.is_being_written(descriptor)
    finally:
        os.close(descriptor)


def _signature(path: str) -> Signature | None:
    try:
        return Signature.of(os.stat(path))
    except (OSError, ValueError):
        return None


def _require_folder(root: str) -> None:
    try:
        os.scandir(root).close()
    except (FileNotFoundError, NotADirectoryError):
        raise InvalidTree(f"there is no tree at {safe_text(root)}; `cagents-fs init` makes one") from None
    except OSError as error:
        raise StorageError(f"{safe_text(root)} cannot be read: {error.strerror}; see to it and try again") from error


@dataclass(slots=True)
class _Reader:
    """Puts the Policy together, field by field, and notes where each comes from."""

    files: dict[str, ConfigFile]
    before: Policy
    keys: list[KeyInForce] = field(default_factory=list)

    def policy(self) -> Policy:
        chosen: dict[str, Any] = {}
        for setting in SETTINGS:
            if setting not in (SLOTS, DEFAULT_AGENT) and setting.field not in chosen:
                chosen[setting.field] = self._field(setting.field)
        chosen["agent_slots"] = self._slots()
        chosen["agents"] = agents = self._agents()
        read, expected = one_of(*agents)
        known = replace(DEFAULT_AGENT, read=read, expected=expected)
        before = self.before.default_agent if self.before.default_agent in agents else SHELL.name
        chosen["default_agent"] = self._choose(known, ("default",), SHELL.name, before)
        return replace(_DEFAULT, **chosen)

    def _field(self, name: str) -> Any:
        settings = [setting for setting in SETTINGS if setting.field == name]
        steps = {setting: tuple(setting.key.split(".")) for setting in settings}
        there = (s for s in settings if self.files[s.file].find(steps[s]) is not Nothing.ABSENT)
        first = next(there, settings[0])
        return self._choose(first, steps[first], getattr(_DEFAULT, name), getattr(self.before, name))

    def _choose(self, setting: Setting, steps: Steps, default: Any, before: Any) -> Any:
        """What the file says, else the default; the value before where the file is wrong. None where there is none."""
        file = self.files[setting.file]
        value = file.find(steps)
        if value is Nothing.ABSENT and default is not None:
            return self._note(setting, steps, default, "default")
        if value is not Nothing.WRONG:
            found = None if value is Nothing.ABSENT else value
            try:
                read = setting.read(found)
            except ValueError as error:
                stays = f"{shown(setting.written(before))} stays in force" if before is not None else "it is left out"
                file.complain(steps, f"expected {error}, found {shown(found)}; {stays}")
            else:
                origin = f"{CONFIG}/{file.name}:{file.line(steps)}"
                self.keys.append(KeyInForce(file.name, dotted(steps), plain(found), origin))
                return read
        return self._note(setting, steps, before, "default" if before == default else "previous")

    def _note(self, setting: Setting, steps: Steps, value: Any, origin: str) -> Any:
        if value is not None:
            self.keys.append(KeyInForce(setting.file, dotted(steps), setting.written(value), origin))
        return value

    def _slots(self) -> dict[str, int]:
        file = self.files[SLOTS.file]
        groups = file.section(_SLOTS_AT)
        if isinstance(groups, Nothing):
            slots = dict((_DEFAULT if groups is Nothing.ABSENT else self.before).agent_slots)
            origin = "default" if slots == _DEFAULT.agent_slots else "previous"
            self.keys.append(KeyInForce(file.name, dotted(_SLOTS_AT), slots, origin))
            return slots
        inside = {group: file.section((*_SLOTS_AT, group)) for group in groups if group != _NO_AGENT}
        slots = dict(self.before.agent_slots) if Nothing.WRONG in inside.values() else {}
        at = [(*_SLOTS_AT, group, name) for group, names in inside.items() if isinstance(names, dict) for name in names]
        at = [steps for steps in at if steps[-1] != _NO_AGENT]
        for steps in _usable(file, at):
            name = steps[-1]
            count = self._choose(SLOTS, steps, _DEFAULT.agent_slots.get(name), self.before.agent_slots.get(name))
            if count is not None:
                slots[name] = count
        return slots

    def _agents(self) -> dict[str, AgentType]:
        file = self.files[AGENTS]
        entries = file.section(_AGENTS_AT)
        if isinstance(entries, Nothing):
            entries = dict.fromkeys((_DEFAULT if entries is Nothing.ABSENT else self.before).agents)
        # The embedded agent is always there, so that there is always one to fall back on.
        at = _usable(file, [(*_AGENTS_AT, name) for name in (SHELL.name, *entries)])
        return {steps[-1]: kind for steps in at if (kind := self._agent(steps[-1])) is not None}

    def _agent(self, name: str) -> AgentType | None:
        default = _DEFAULT.agents.get(name, _PLAIN)
        before = self.before.agents.get(name, default)
        noted, chosen = len(self.keys), {}
        for setting in AGENT_SETTINGS:
            steps = (*_AGENTS_AT, name, setting.key.rpartition(".")[2])
            # A command has no default unless the agent has one: an empty one is none.
            usual, last = _given(default, setting.field), _given(before, setting.field)
            chosen[setting.field] = self._choose(setting, steps, usual, last)
        if chosen["command"] is None:
            del self.keys[noted:]
            return None
        return AgentType(name=name, **chosen)


def _given(kind: AgentType, field: str) -> Any:
    value = getattr(kind, field)
    return None if field == "command" and not value else value


def _usable(file: ConfigFile, keys: Iterable[Steps]) -> Iterator[Steps]:
    """The keys whose last step may be the name of an agent. What may not, or stands there twice, is a fault."""
    seen: dict[str, Steps] = {}
    for steps in keys:
        first = seen.setdefault(fold(steps[-1]), steps)
        if wrong := id_fault(steps[-1]):
            file.complain(steps, f"{wrong}; it is left out")
        elif first is steps:
            yield steps
        elif first != steps:
            same = "stands in two places" if first[-1] == steps[-1] else "differs from another name only in case"
            file.complain(steps, f"{same}; {dotted(first)} counts, remove this one")


def _place_of(fault: Fault) -> tuple[int, int]:
    return fault.line or 0, fault.column or 0
