"""From a parsed document to a checked record: every fault and every unknown key at once, each with its line."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from types import UnionType
from typing import Annotated, Any, Generic, TypeVar, Union, get_args, get_origin

from pydantic import AliasChoices, BaseModel, ValidationError
from pydantic.fields import FieldInfo

from cagents_fs.model.faults import MOST_FAULTS, Fault, and_more
from cagents_fs.model.fields import ASSUMED, as_list
from cagents_fs.model.text import found as found_there
from cagents_fs.model.text import safe_text
from cagents_fs.store.yaml import Document

T = TypeVar("T", bound=BaseModel)
Loc = tuple[str | int, ...]

SCHEMA = "schema"
UNKNOWN_KEY = "unknown_key"
NO_OFFSET = "no_offset"
MOST_UNKNOWN = 100  # keys that are named; a file may hold tens of thousands


@dataclass(frozen=True)
class Checked(Generic[T]):
    """A record, or the reasons why there is none. Warnings come with either."""

    value: T | None
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]


def check(document: Document, model: type[T], path: str) -> Checked[T]:
    """Does this document fit the model? Never raises for what a document may hold. `path` is only named in the faults.

    Unknown keys are kept, and named in a warning with the nearest key that is known and absent. So is a time whose
    offset had to be assumed.
    """
    value: T | None = None
    problems: list[Any] = []
    faults: list[Fault] = []
    try:
        value = model.model_validate(document.value)
    except ValidationError as error:
        problems = [found for found in error.errors(include_url=False) if not _echo(found)]
    except Exception as error:  # a validator that met what its author did not think of must not end the daemon
        faults = [Fault(SCHEMA, f"cannot be judged ({type(error).__name__}: {safe_text(str(error), 200)})", path, 1, 1)]
    unknown = list(_strangers(document.value, model, ()) if value is None else _extras(value, ()))
    warnings = [_unknown(document, loc, known, path) for loc, known in unknown[:MOST_UNKNOWN]]
    meant = {(*loc[:-1], near): loc for loc, known in unknown[:MOST_UNKNOWN] if (near := _nearest(loc, known))}
    faults += [_fault(document, found, meant, path) for found in problems[:MOST_FAULTS]]
    ordered = (*_ordered(faults), *and_more(len(problems) - MOST_FAULTS, SCHEMA, path))
    return Checked(value, ordered, _ordered([*document.warnings, *warnings, *_without_offset(document, value, path)]))


def _ordered(faults: list[Fault]) -> tuple[Fault, ...]:
    return tuple(sorted(dict.fromkeys(faults), key=lambda fault: (fault.line or 0, fault.column or 0)))


def _fault(document: Document, problem: Any, meant: Mapping[Loc, Loc], path: str) -> Fault:
    loc = _located(document.value, problem["loc"], keep_last=problem["type"] == "missing")
    words = safe_text(_words(problem), 500)
    missing = loc if problem["type"] == "missing" else (words.partition(": missing; ")[0],)
    if instead := meant.get(missing):
        words = words.removesuffix("; add it") + _instead(document, instead)
    return Fault(SCHEMA, f"{_dotted(loc)}: {words}" if loc else words, path, *(document.place(loc) or (None, None)))


def _instead(document: Document, loc: Loc) -> str:
    """The unknown key that may be the one that is missing."""
    key, line = str(loc[-1]), (document.key_place(loc) or (None,))[0]
    odd = "" if key.isascii() else f" (it has U+{next(ord(letter) for letter in key if not letter.isascii()):04X})"
    return f"; is '{safe_text(key, 60)}'{odd} in line {line} meant?"


def _unknown(document: Document, loc: Loc, known: Sequence[str], path: str) -> Fault:
    loc = _located(document.value, loc, keep_last=True)
    near = _nearest(loc, known)
    hint = f"; did you mean '{near}'?" if near else ""
    place = document.key_place(loc) or (None, None)
    return Fault(UNKNOWN_KEY, f"{_dotted(loc)}: unknown key, kept but not read{hint}", path, *place)


def _without_offset(document: Document, value: BaseModel | None, path: str) -> Iterator[Fault]:
    """The times of a record that were taken for UTC. The value is not named: it is another one in each heartbeat."""
    for key, name in () if value is None else _moments(type(value)):
        moment = getattr(value, name)
        if moment is not None and moment.tzinfo is ASSUMED:
            words = "no offset, taken for UTC; write for instance 2026-11-22T09:31:02Z or 2026-11-22T09:31:02+02:00"
            yield Fault(NO_OFFSET, f"{key}: {words}", path, *(document.place((key,)) or (None, None)))


def _nearest(loc: Loc, known: Sequence[str]) -> str | None:
    """The known key that an unknown one was probably meant to be."""
    return _near(str(loc[-1]), known)


def _near(text: str, words: Sequence[str]) -> str | None:
    folded = {word.casefold(): word for word in reversed(words)}
    return next((folded[near] for near in difflib.get_close_matches(text[:100].casefold(), folded, n=1)), None)


def _echo(problem: Any) -> bool:
    """A list that is long enough counts as too short for pydantic when its items are wrong, which is said already."""
    given = problem["input"]
    return problem["type"] == "too_short" and isinstance(given, list) and len(given) >= problem["ctx"]["min_length"]


def _dotted(loc: Loc) -> str:
    return ".".join(safe_text(str(step), 80) for step in loc)


def _located(value: Any, loc: Loc, *, keep_last: bool) -> Loc:
    """A place within a model as a place in the document: without the alternatives that pydantic tried on its way."""
    kept: list[str | int] = []
    for n, step in enumerate(loc):
        if isinstance(value, dict) and str(step) in value:
            kept.append(str(step))
            value = value[str(step)]
        elif isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value):
            kept.append(step)
            value = value[step]
        elif keep_last and n == len(loc) - 1:
            kept.append(step)
    return tuple(kept)


# What pydantic finds, in words that need no Python. `{found}` is what stands there, the others are pydantic's.
_WORDS: Mapping[str, str] = {
    "missing": "missing; add it",
    "string_type": "expected text, found {found}",
    "bool_type": "expected true or false, found {found}",
    "bool_parsing": "expected true or false, found {found}",
    **dict.fromkeys(
        ("int_type", "int_parsing", "int_parsing_size", "int_from_float"), "expected a whole number, found {found}"
    ),
    **dict.fromkeys(("float_type", "float_parsing"), "expected a number, found {found}"),
    "finite_number": "expected a finite number, found {found}",
    **dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type"), "expected a list, found {found}"),
    **dict.fromkeys(
        ("dict_type", "mapping_type", "model_type", "model_attributes_type"), "expected a mapping, found {found}"
    ),
    "greater_than": "must be more than {gt}, found {found}",
    "greater_than_equal": "must be at least {ge}, found {found}",
    "less_than": "must be less than {lt}, found {found}",
    "less_than_equal": "must be at most {le}, found {found}",
    "string_too_short": "must have at least {min_length} characters, found {found}",
    "string_too_long": "must have at most {max_length} characters, found {found}",
    "too_short": "needs at least {min_length} of them, found {actual_length}",
    "too_long": "takes at most {max_length} of them, found {actual_length}",
    "string_pattern_mismatch": "must have the form {pattern}, found {found}",
    "extra_forbidden": "unknown key; remove it",
}


def _words(problem: Any) -> str:
    kind, context, given = problem["type"], problem.get("ctx", {}), problem["input"]
    found = found_there(given)
    if kind in ("value_error", "assertion_error"):
        return str(context["error"])
    if kind in ("literal_error", "enum"):
        options = [option.strip("'") for option in re.split(r", | or ", context["expected"])]
        near = _near(str(given), options)
        return f"expected {', '.join(options)}; found {found}" + (f"; did you mean '{near}'?" if near else "")
    if kind == "string_pattern_mismatch" and context["pattern"] == r"\S":
        return "must not be blank"
    if kind in ("too_short", "too_long") and isinstance(given, str):
        kind = f"string_{kind}"
    if kind == "string_too_short" and context["min_length"] == 1:
        return "must not be empty"
    if kind not in _WORDS:
        return f"{problem['msg']}, found {found}"
    limits = {name: f"{limit:g}" if isinstance(limit, float) else limit for name, limit in context.items()}
    words = _WORDS[kind].format(**limits, found=found)
    if kind == "string_type" and (given is None or isinstance(given, bool)):
        words += "; put it in quotes if it is text"
    if words.startswith("expected a list") and isinstance(given, str):
        words += f"; {as_list(given)}"
    return words


_PLAIN = frozenset({str, int, float, bool, type(None), datetime})  # most values, and no record among them


def _extras(value: object, loc: Loc) -> Iterator[tuple[Loc, list[str]]]:
    """The unknown keys that a record kept, each with the keys known there."""
    if isinstance(value, list | tuple):
        for n, item in enumerate(value):
            if type(item) not in _PLAIN:
                yield from _extras(item, (*loc, n))
    elif isinstance(value, BaseModel):
        for key in value.__pydantic_extra__ or ():
            yield (*loc, key), list(_keys(type(value)))
        for name, inner in value.__dict__.items():
            if inner and type(inner) not in _PLAIN:
                yield from _extras(inner, (*loc, _spelled(type(value), name)))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _extras(item, (*loc, str(key)))


def _strangers(value: object, kind: Any, loc: Loc) -> Iterator[tuple[Loc, list[str]]]:
    """The same for a document that does not fit: a misspelt key is often why. Goes by the annotations of the model."""
    kinds = list(_alternatives(kind))
    if isinstance(value, dict):
        models = [_keys(kind) for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        if models:
            fields = max(models, key=lambda keys: len(keys & value.keys()))
            for key, item in value.items():
                if key in fields:
                    yield from _strangers(item, fields[key].annotation, (*loc, key))
                else:
                    yield (*loc, key), list(fields)
    elif isinstance(value, list):
        inner = [arg for kind in kinds if get_origin(kind) in (list, tuple) for arg in get_args(kind)[:1]]
        for n, item in enumerate(value if inner else ()):
            yield from _strangers(item, inner[0], (*loc, n))


def _alternatives(kind: Any) -> Iterator[Any]:
    if get_origin(kind) is Annotated:
        yield from _alternatives(get_args(kind)[0])
    elif get_origin(kind) in (Union, UnionType):
        for arg in get_args(kind):
            yield from _alternatives(arg)
    else:
        yield kind


@cache
def _keys(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Every key under which a model reads a field."""
    return {key: field for name, field in model.model_fields.items() for key in _names(name, field)}


@cache
def _moments(model: type[BaseModel]) -> list[tuple[str, str]]:
    """The times of a model: key and field. They stand at the top of a file, never within a part of it."""
    return [(_spelled(model, name), name) for name, field in model.model_fields.items() if _is_moment(field.annotation)]


def _is_moment(kind: Any) -> bool:
    return datetime in _alternatives(kind)


def _names(name: str, field: FieldInfo) -> list[str]:
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        return [choice for choice in alias.choices if isinstance(choice, str)]
    return [alias if isinstance(alias, str) else name]


def _spelled(model: type[BaseModel], name: str) -> str:
    field = model.model_fields.get(name)
    return name if field is None else _names(name, field)[0]
