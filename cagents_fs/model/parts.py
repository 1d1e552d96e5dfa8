"""The parts of which tasks and plans are made: criteria and dependencies, in their short and long forms."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from cagents_fs.model.durations import Duration
from cagents_fs.model.fields import Flag, Said, Text, Texts, as_list, as_text
from cagents_fs.model.ids import Id
from cagents_fs.model.text import found


class Record(BaseModel):
    """What all files have in common: unknown keys are kept, a value once read does not change."""

    model_config = ConfigDict(extra="allow", frozen=True, str_strip_whitespace=False)


class Criterion(Record):
    """One acceptance criterion. With a `check` the daemon proves it; without, the agent claims it with evidence."""

    criterion: Said
    check: Said | None = None
    timeout: Duration | None = None
    must_fail_before: Flag = False


class Dependency(Record):
    """A task that has to be completed first."""

    task_id: Said
    reason: Text | None = None


class DataDependency(Dependency):
    """A task of which one artifact is needed."""

    artifact_path: Said


class Coordination(Record):
    """A point at which several tasks wait for each other."""

    checkpoint: Id
    with_: Texts = Field(default=(), alias="with")


class Dependencies(Record):
    """The long form."""

    hard_dependencies: tuple[Dependency, ...] = ()
    soft_dependencies: tuple[Dependency, ...] = ()
    data_dependencies: tuple[DataDependency, ...] = ()
    coordination: tuple[Coordination, ...] = ()


def long_form(value: object) -> object:
    """The short form `[a, b]` means hard dependencies; so do bare names within the long form."""
    if value is None:
        return {}
    if isinstance(value, list | tuple):
        return {"hard_dependencies": [_named(item) for item in value]}
    if isinstance(value, str):
        raise ValueError(f"expected a list, found {found(value)}; {as_list(value)}")
    if isinstance(value, Mapping):
        return {
            key: [_named(item) for item in items]
            if isinstance(items, list) and key in ("hard_dependencies", "soft_dependencies")
            else ([] if items is None else items)
            for key, items in value.items()
        }
    raise ValueError(f"expected a list of task ids, found {found(value)}")


def _named(item: object) -> object:
    text = as_text(item)
    return {"task_id": text} if isinstance(text, str) else item


def _criteria(value: object) -> object:
    if isinstance(value, str):
        raise ValueError(f"expected a list, found {found(value)}; write each criterion as an item: - {value[:60]}")
    if not isinstance(value, list | tuple):
        return () if value is None else value
    return tuple({"criterion": as_text(item)} if isinstance(as_text(item), str) else item for item in value)


Criteria = Annotated[tuple[Criterion, ...], BeforeValidator(_criteria)]
