"""Spans of time, in every form in which people, agents and the upstream configuration write them."""

import math
import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, TypeAdapter, ValidationError, WithJsonSchema

from cagents_fs.model.text import safe_text

MAX_DURATION_S = 3653 * 86_400.0  # ten years; more is a mistake, and overflows the clocks of some systems

_HINT = "write for instance '30 seconds', '5 minutes', '2h', 'PT2H30M', '2-4 hours' or a number of seconds"
_MAX_LETTERS = 200

_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_UNIT = (
    r"(?:milliseconds?|millis|msecs?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d"
    r"|weeks?|wks?|w|months?|mths?|mos?|years?|yrs?|y)"
)
_PART = rf"{_NUMBER}\s*{_UNIT}(?![a-z])"
_SPAN = rf"{_PART}(?:\s*(?:,|\band\b)?\s*{_PART})*"
_TO = r"\s*(?:-|–|—|\bto\b)\s*"
# `1h30m`: a unit may be followed by the next number at once, but never by another letter (`5 parsecs`).
_SPANS = re.compile(
    rf"(?<![0-9.,:])(?:(?P<low>{_NUMBER}){_TO}(?P<high>{_NUMBER}\s*{_UNIT}(?![a-z]))"
    rf"|(?P<first>{_SPAN}){_TO}(?P<last>{_SPAN})|(?P<one>{_SPAN}))"
)
_BARE = re.compile(rf"\+?(?:{_NUMBER}|\.[0-9]+)(?:e[-+]?[0-9]+)?")
_CLOCK = re.compile(r"[0-9]+:[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?")
# Numbers that a sentence of the upstream configuration holds beside its duration: `+1 priority level per 4 hours`,
# `utilization < 20% for > 10 minutes`. Any other number left over means that we did not understand.
_BESIDE = re.compile(r"[0-9]+\s*(?:%|priority levels?\b)")
_AND = re.compile(r"\band\b")
_ISO = TypeAdapter(timedelta)


def seconds_of(value: object) -> float:
    """Any form of a duration, in seconds: finite, not negative, at most ten years.

    Reads numbers (seconds), `500ms`, `1h 30m`, `2:30:00`, ISO 8601 (`PT2H30M`), ranges (`2-4 hours`: the mean), and a
    sentence around exactly one of these (`every 2 minutes while working`). Raises ValueError saying what to write.
    """
    if isinstance(value, timedelta):
        return _bounded(value.total_seconds(), value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _bounded(_as_float(value), value)
    if not isinstance(value, str):
        raise ValueError(f"expected a duration, found {_shown(value)}; {_HINT}")
    return _bounded(_read(value), value)


def _as_float(number: int | float) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf


def _read(text: str) -> float:
    folded = text.strip().lower()
    if not folded or len(folded) > _MAX_LETTERS:
        raise ValueError(f"{'an empty text' if not folded else _shown(text)} is no duration; {_HINT}")
    if _BARE.fullmatch(folded):
        return float(folded)
    if folded.lstrip("+-").startswith("p") and any(letter.isdigit() for letter in folded[:4]):
        return _iso(folded.upper(), text)
    if _CLOCK.fullmatch(folded):
        return _spoken_form(folded, text)
    return _sentence(folded, text)


def _iso(folded: str, text: str) -> float:
    try:
        return _ISO.validate_python(folded).total_seconds()
    except ValidationError:
        raise ValueError(f"{_shown(text)} is no ISO 8601 duration; write for instance 'PT2H30M' or 'P1D'") from None


def _sentence(folded: str, text: str) -> float:
    found = list(_SPANS.finditer(folded))
    if len(found) > 1:
        raise ValueError(f"{_shown(text)} names more than one duration; write just one")
    rest = _BESIDE.sub("", folded[: found[0].start()] + " " + folded[found[0].end() :]) if found else folded
    if not found or any(letter.isdigit() for letter in rest):
        raise ValueError(f"{_shown(text)} is no duration; {_HINT}")
    match = found[0]
    if re.search(r"[-−]\s*$", folded[: match.start()]):
        raise ValueError(f"{_shown(text)} is negative; a duration is 0 or more")
    if match["one"] is not None:
        return _spoken_form(match["one"], text)
    high = match["high"] or match["last"]
    # `2-4 hours`: the unit of the second number is that of the first as well.
    low = match["first"] or match["low"] + high.lstrip("0123456789.")
    return (_spoken_form(low, text) + _spoken_form(high, text)) / 2


def _spoken_form(phrase: str, text: str) -> float:
    # Not at the top: the file readers of an agent's hook must start in milliseconds and rarely meet a duration.
    import pytimeparse2  # type: ignore[import-untyped]

    seconds = pytimeparse2.parse(_AND.sub(",", phrase))
    if not isinstance(seconds, int | float):
        raise ValueError(f"{_shown(text)} is no duration; {_HINT}")
    return float(seconds)


def _bounded(seconds: float, value: object) -> float:
    if math.isnan(seconds):
        raise ValueError(f"expected a duration, found nan; {_HINT}")
    if seconds < 0:
        raise ValueError(f"{_shown(value)} is negative; a duration is 0 or more")
    if seconds > MAX_DURATION_S:
        raise ValueError(f"{_shown(value)} is longer than ten years; {_HINT}")
    return seconds + 0.0  # -0.0 is 0


def _shown(value: object) -> str:
    if isinstance(value, str):
        return f"'{safe_text(value, 60)}'"
    if value is None or isinstance(value, bool):
        return {None: "nothing", True: "true", False: "false"}[value]
    if isinstance(value, list | tuple | dict):
        return "a mapping" if isinstance(value, dict) else "a list"
    if isinstance(value, int) and value.bit_length() > 200:
        return "a very long number"
    return safe_text(str(value), 60)


def spoken(seconds: float) -> str:
    """A duration for a message: `500 ms`, `1.5 s`, `3 minutes`, `2 h 30 min`; its two largest units, rounded."""
    if not math.isfinite(seconds):
        return "for ever" if seconds > 0 else "unknown"
    if seconds < 0:
        return f"-{spoken(-seconds)}"
    if seconds < 0.9995:
        milliseconds = round(seconds * 1000, 2)
        return f"{milliseconds:.3g} ms" if milliseconds else "0 s"
    if seconds < 59.95:
        return f"{round(seconds, 1):g} s"
    whole = round(seconds)
    for size, unit, smaller, part in ((86_400, "day", 3600, "h"), (3600, "hour", 60, "min"), (60, "minute", 1, "s")):
        if whole >= size:
            rounded = round(whole / smaller) * smaller
            count, left = divmod(rounded, size)
            if not left:
                return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
            return f"{count} {_SHORT_UNIT[unit]} {left // smaller} {part}"
    return f"{whole} s"


_SHORT_UNIT = {"day": "d", "hour": "h", "minute": "min"}

Duration = Annotated[
    float,
    BeforeValidator(seconds_of),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "number", "minimum": 0}]}),
]
"""A duration in a model, in seconds."""
