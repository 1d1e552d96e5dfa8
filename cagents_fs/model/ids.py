"""What may be an id or an agent's name, and which file names are ever read (protocol, section 2)."""

import re
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from cagents_fs.model.fields import as_text
from cagents_fs.model.text import safe_text

MAX_ID_LENGTH = 100
# Always with fullmatch: `$` would let a newline at the end pass. Plain ranges, as `\w` takes Cyrillic letters.
ID_PATTERN = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{MAX_ID_LENGTH - 1}}}", re.ASCII)
RESERVED_IDS = frozenset({"queue", "manifest"})
# `.response` marks an answer beside its escalation; the others are what editors and our own writers leave unfinished.
_UNFINISHED = ("~", ".tmp", ".swp", ".part", ".lock")
RESERVED_SUFFIXES = (".response", *_UNFINISHED)

# What is ever looked at. A file name may be longer than an id: `heartbeats/{agent}_{task}.yaml` holds two.
_READ = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\.yaml", re.ASCII)
_YAML_ENDING = re.compile(r"(?P<stem>.+)\.(?:yml|yaml)", re.IGNORECASE | re.DOTALL)
_COPY = re.compile(r"(?P<stem>.+?)(?: \(\d+\)| ?- ?copy| copy| \(copy(?: \d+)?\)|\.copy)", re.IGNORECASE | re.DOTALL)


def id_fault(text: object) -> str | None:
    """None when `text` may be an id or an agent's name; otherwise what is wrong and what to do."""
    if not isinstance(text, str):
        how = "write one id" if isinstance(text, list | tuple | dict) else "put it in quotes if it is meant as an id"
        return f"an id is text, found {_kind(text)}; {how}"
    if not text:
        return "an id must not be empty; use 1 to 100 of A-Z a-z 0-9 . _ -"
    shown = safe_text(text, 60)
    if len(text) > MAX_ID_LENGTH:
        return f"the id '{shown}' has {len(text)} characters; shorten it to at most {MAX_ID_LENGTH}"
    if not ID_PATTERN.fullmatch(text):
        return _pattern_fault(text, shown)
    if text in RESERVED_IDS:
        return f"'{shown}' is a reserved word; choose another id"
    ending = next((suffix for suffix in RESERVED_SUFFIXES if text.endswith(suffix)), None)
    if ending is not None:
        return f"the id '{shown}' ends in '{ending}', which marks files of another kind; choose another ending"
    return None


def _pattern_fault(text: str, shown: str) -> str:
    wrong = next((letter for letter in text if not ID_PATTERN.fullmatch("a" + letter)), None)
    if wrong is None:
        return f"the id '{shown}' begins with '{text[0]}'; begin it with a letter or a digit"
    name = f"'{safe_text(wrong)}' (U+{ord(wrong):04X})"
    return f"the id '{shown}' contains {name}; use only A-Z a-z 0-9 . _ -, beginning with a letter or a digit"


def _kind(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"the number {safe_text(str(as_text(value)), 40)}"
    return "a list" if isinstance(value, list | tuple) else "a mapping" if isinstance(value, dict) else "no text"


def is_candidate(name: str) -> bool:
    """Is this the name of a YAML file that somebody meant to be read? What is not is litter, and never reported.

    Litter is what begins with `.`, `~` or `#`, what editors and writers leave unfinished (`T1.yaml~`, `T1.tmp.yaml`),
    and whatever is no YAML file. A near miss (`T1.yml`) is a candidate: ask `near_miss` what to say about it.
    `E1.response.yaml` is read (it answers an escalation) although `E1.response` is no id.
    """
    match = None if name.startswith((".", "~", "#")) else _YAML_ENDING.fullmatch(name)
    return match is not None and not match["stem"].endswith(_UNFINISHED)


def stem_of(name: str) -> str | None:
    """`T1` of `T1.yaml`; None for any other ending, and where nothing stands before it."""
    stem = name.removesuffix(".yaml")
    return stem if stem and stem != name else None


def fold(name: str) -> str:
    """Equal for two ids that one file system may take for the same name."""
    return name.casefold()


def near_miss(name: str) -> str | None:
    """What to tell whoever wrote a file that is not read although it looks as if it should be; None for all others."""
    if not is_candidate(name) or _READ.fullmatch(name):
        return None
    shown, stem = safe_text(name, 120), name[: name.rindex(".")]
    if _READ.fullmatch(f"{stem}.yaml"):
        return f"'{shown}' is not read: rename it to '{safe_text(stem, 120)}.yaml'"
    copy = _COPY.fullmatch(stem)
    if copy is not None and _READ.fullmatch(f"{copy['stem']}.yaml"):
        original = safe_text(copy["stem"], 120)
        return f"'{shown}' is not read: it looks like a copy of '{original}.yaml'; remove or rename it"
    return f"'{shown}' is not read: name it ID.yaml, with an id of A-Z a-z 0-9 . _ - that begins with a letter or digit"


def misnamed(name: str, meant: str) -> str | None:
    """What to tell whoever may have written `meant` (`plan.yaml`) under a name under which nobody reads it.

    None for `meant` itself and for all names that are not meant so. A near miss may also be right as it is: a result
    may well be called `manifest.yml`.
    """
    if name == meant or not is_candidate(name):
        return None
    shown, stem = safe_text(name, 120), name[: name.rindex(".")]
    if fold(f"{stem}.yaml") == meant:
        return f"'{shown}' is not read: rename it to '{meant}' if that is what it is"
    copy = _COPY.fullmatch(stem)
    if copy is not None and fold(f"{copy['stem']}.yaml") == meant:
        return f"'{shown}' is not read: it looks like a copy of '{meant}'; remove or rename it"
    return None


def _checked(value: object) -> str:
    text = as_text(value)
    fault = id_fault(text)
    if fault is not None:
        raise ValueError(fault)
    assert isinstance(text, str)
    return text


Id = Annotated[
    str,
    BeforeValidator(_checked),
    WithJsonSchema({"type": "string", "pattern": f"^{ID_PATTERN.pattern}$"}),
]
"""An id or an agent's name in a model. A number is taken as it was written: `007` is the id `007`."""
