"""The kinds of values that the files have in common, each with the mistake it catches."""

import math
import re
from datetime import datetime, timedelta, timezone
from string import hexdigits
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema

from cagents_fs.model.text import found, safe_text

MOST_LETTERS_OF_A_MOMENT = 40
DIGEST_LETTERS = 64  # of a SHA-256, in hexadecimal
ASSUMED = timezone(timedelta(0), "UTC")  # equal to UTC; `is` tells what nobody wrote from what somebody did
# No digit after the date, which would be an epoch, and no sign: Python reads `2026-11-22+0200` as two in the morning.
_BEGINS_WITH_A_DATE = re.compile(r"(?:\d{4}-\d\d-\d\d|\d{8}|\d{4}-?W\d\d(?:-?\d)?)(?![\d+-])", re.ASCII)


def as_text(value: object) -> object:
    """A number where text belongs is taken as it was written: `007` stays `007`."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return getattr(value, "text", str(value))
    return value


def _whole(value: object) -> object:
    """`true`, `"3"` and `1.0` are no whole numbers, whatever Python thinks of them."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"expected a whole number without quotes, found {found(value)}")
    return int(value)


def _number(value: object) -> object:
    """A number that is one: not beyond all numbers, and not none at all, which no threshold would catch."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"expected a number without quotes, found {found(value)}")
    try:
        finite = math.isfinite(value)
    except OverflowError:
        finite = False
    if not finite:
        raise ValueError(f"expected a finite number, found {found(value)}")
    return value


def _moment(value: object) -> object:
    """ISO 8601 text to a moment; one without an offset is UTC, and its time zone is `ASSUMED`."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=ASSUMED)
    try:
        if not isinstance(value, str) or len(value) > MOST_LETTERS_OF_A_MOMENT or not _BEGINS_WITH_A_DATE.match(value):
            raise ValueError
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError(f"expected a time such as 2026-11-22T09:31:02Z, found {found(value)}") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=ASSUMED)


_HOW = "write sha256: and the 64 digits that `sha256sum FILE` prints"


def _digest(value: object) -> object:
    """`sha256:` and 64 hexadecimal digits, or only these."""
    text = as_text(value)
    if not isinstance(text, str):
        raise ValueError(f"expected a checksum, found {found(value)}; {_HOW}")
    algorithm, colon, digits = text.rpartition(":")
    if colon and algorithm != "sha256":
        raise ValueError(f"expected a SHA-256, found '{safe_text(algorithm, 20)}'; {_HOW}")
    if not digits:
        raise ValueError(f"expected a checksum, found an empty one; {_HOW}")
    wrong = next((letter for letter in digits if letter not in hexdigits), None)
    if wrong is not None:
        raise ValueError(f"'{safe_text(wrong)}' is no hexadecimal digit; {_HOW}")
    if len(digits) != DIGEST_LETTERS:
        raise ValueError(f"expected {DIGEST_LETTERS} hexadecimal digits, found {len(digits)}; {_HOW}")
    return text


def as_list(text: str) -> str:
    """How to write a text that stands where a list belongs."""
    if text.startswith("-"):
        return "put a space after each dash"
    return f"write it as a list: [{text[:60]}]"


def listed(value: object) -> object:
    """A lone text where a list belongs is a mistake that would be read letter by letter."""
    if isinstance(value, str):
        raise ValueError(f"expected a list, found {found(value)}; {as_list(value)}")
    return value


Text = Annotated[str, BeforeValidator(as_text, json_schema_input_type=str | float)]
Said = Annotated[str, BeforeValidator(as_text), StringConstraints(min_length=1, pattern=r"\S")]
Whole = Annotated[int, BeforeValidator(_whole, json_schema_input_type=int)]
Number = Annotated[float, BeforeValidator(_number, json_schema_input_type=float), AfterValidator(float)]
Moment = Annotated[datetime, BeforeValidator(_moment, json_schema_input_type=str)]
Texts = Annotated[tuple[Text, ...], BeforeValidator(listed)]
Flag = Annotated[bool, Field(strict=True)]  # `yes` is a word, and 1 a number
Digest = Annotated[
    str, BeforeValidator(_digest), WithJsonSchema({"type": "string", "pattern": "^(sha256:)?[0-9a-fA-F]{64}$"})
]
Priority = Literal["critical", "high", "normal", "low"]
Mode = Literal["sequential", "pipeline", "swarm", "mesh"]
