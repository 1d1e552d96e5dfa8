"""How the value of a configuration key is read, and what is expected of it, in the words of an answer."""

import re
from collections.abc import Callable

from cagents_fs.model.durations import seconds_of
from cagents_fs.model.fields import as_text
from cagents_fs.model.ids import id_fault
from cagents_fs.model.text import safe_text

Read = Callable[[object], object]
Kind = tuple[Read, str]  # how a value is read; what is expected of it, in the words of an answer

DAY_S = 86_400.0
_AGEING = re.compile(r"\+?(?P<levels>[0-9]{1,3}) (?:priority )?levels? per (?P<span>.{1,40}?)(?: in (?:the )?queues?)?")
_ABOVE = re.compile(r"queue_depth\s*>\s*([0-9]{1,7})")


def plain(value: object) -> object:
    """A value as it stands in a file, as JSON can say it."""
    if isinstance(value, list):
        return [as_text(item) for item in value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return int(value) if isinstance(value, int) else float(value)


def shown(value: object) -> str:
    """What was found in place of what was expected, safe and short enough for an answer of one line."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a section of keys"
    if isinstance(value, list | tuple):
        return safe_text(f"[{', '.join(map(shown, value[:10]))}]", 80)
    return f'"{safe_text(value, 60)}"' if isinstance(value, str) else safe_text(str(as_text(value)), 60)


def span(seconds: float) -> str:
    """A duration in its largest whole unit: `90 seconds`, `4 hours`."""
    for size, unit in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        count, rest = divmod(seconds, size)
        if count and not rest:
            return f"{count:.0f} {unit}" if count == 1 else f"{count:.0f} {unit}s"
    return "1 second" if seconds == 1 else f"{seconds:.10g} seconds"


def whole(low: int, high: int) -> Kind:
    """A whole number within bounds."""
    expected = f"a whole number from {low} to {high}"

    def read(value: object) -> int:
        # `true`, `"3"` and `3.0` are no whole numbers, whatever Python thinks of them.
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(expected)
        return int(value)

    return read, expected


def number(low: float, high: float) -> Kind:
    """A number within bounds."""
    expected = f"a number from {low:g} to {high:g}"

    def read(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise ValueError(expected)
        return float(value)

    return read, expected


def duration(low_s: float, high_s: float) -> Kind:
    """A span of time within bounds, as seconds."""
    expected = f"a duration from {span(low_s)} to {span(high_s)}, such as `30 seconds`, `5 minutes`, `2h`"

    def read(value: object) -> float:
        try:
            seconds = seconds_of(value)
        except ValueError:
            raise ValueError(expected) from None
        if not low_s <= seconds <= high_s:
            raise ValueError(expected)
        return seconds

    return read, expected


def one_of(*words: str) -> Kind:
    """One word out of a few."""
    some = ", ".join(f"`{word}`" for word in words[:12]) + ", …" * (len(words) > 12)
    expected = some if len(words) == 1 else f"one of {some}"

    def read(value: object) -> str:
        text = as_text(value)
        if not isinstance(text, str) or text not in words:
            raise ValueError(expected)
        return text

    return read, expected


def ageing() -> Kind:
    """`+1 priority level per 4 hours in queue`, as the seconds for one level."""
    expected = "a rate such as `+1 priority level per 4 hours in queue`"

    def read(value: object) -> float:
        found = _AGEING.fullmatch(value.strip()) if isinstance(value, str) else None
        try:
            every_s = seconds_of(found["span"]) / int(found["levels"]) if found else 0.0
        except (ValueError, ZeroDivisionError):
            every_s = 0.0
        if not 0.05 <= every_s <= 30 * DAY_S:
            raise ValueError(expected)
        return every_s

    return read, expected


def above() -> Kind:
    """`queue_depth > 10`, as the number."""
    expected = "a condition such as `queue_depth > 10`"

    def read(value: object) -> int:
        found = _ABOVE.fullmatch(value.strip()) if isinstance(value, str) else None
        if not found or not 1 <= int(found[1]) <= 1_000_000:
            raise ValueError(expected)
        return int(found[1])

    return read, expected


def flag() -> Kind:
    """`true` or `false`."""
    expected = "`true` or `false`"

    def read(value: object) -> bool:
        if not isinstance(value, bool):
            raise ValueError(expected)
        return value

    return read, expected


def words() -> Kind:
    """A list of words."""
    expected = "a list of words, such as [agent_not_found]"

    def read(value: object) -> tuple[str, ...]:
        texts = _texts(value)
        if texts is None or not all(text.strip() for text in texts):
            raise ValueError(expected)
        return tuple(dict.fromkeys(texts))

    return read, expected


def command() -> Kind:
    """A program and its arguments."""
    expected = 'a program and its arguments as a list of texts, such as [sh, -c, "{command}"]'

    def read(value: object) -> tuple[str, ...]:
        texts = _texts(value)
        # A NUL would come to light only when the process is started.
        if not texts or not texts[0].strip() or any("\0" in text for text in texts):
            raise ValueError(expected)
        return tuple(texts)

    return read, expected


def _texts(value: object) -> list[str] | None:
    if not isinstance(value, list):
        return None
    # A number is an argument like any other, as it was written: [sleep, 007].
    texts = [item for item in map(as_text, value) if isinstance(item, str)]
    return texts if len(texts) == len(value) else None


def name() -> Kind:
    """The name of an agent type."""
    expected = "the name of an agent type"

    def read(value: object) -> str:
        text = as_text(value)
        if not isinstance(text, str) or id_fault(text) is not None:
            raise ValueError(expected)
        return text

    return read, expected
