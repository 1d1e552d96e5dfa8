"""The kinds of values that the files have in common, each with the mistake it catches."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StringConstraints


def as_text(value: object) -> object:
    """A number where text belongs is taken as it was written: `007` stays `007`."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return getattr(value, "text", str(value))
    return value


def _whole(value: object) -> object:
    """`true`, `"3"` and `1.0` are no whole numbers, whatever Python thinks of them."""
    if isinstance(value, bool) or not isinstance(value, int):
        shown = {True: "true", False: "false"}.get(value) if isinstance(value, bool) else repr(value)
        raise ValueError(f"expected a whole number without quotes, found {shown}")
    return int(value)


def _number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"expected a number without quotes, found {value!r}")
    return float(value)


def _moment(value: object) -> object:
    """ISO 8601 text to a moment; one without an offset is UTC."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if not isinstance(value, str):
        raise ValueError(f"expected a time such as 2026-11-22T09:31:02Z, found {value!r}")
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError(f"expected a time such as 2026-11-22T09:31:02Z, found {value!r}") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def listed(value: object) -> object:
    """A lone text where a list belongs is a mistake that would be read letter by letter."""
    if isinstance(value, str):
        raise ValueError(f"expected a list, found a text; write it as a list: [{value}]")
    return value


Text = Annotated[str, BeforeValidator(as_text, json_schema_input_type=str | float)]
Said = Annotated[str, BeforeValidator(as_text), StringConstraints(min_length=1, pattern=r"\S")]
Whole = Annotated[int, BeforeValidator(_whole, json_schema_input_type=int)]
Number = Annotated[float, BeforeValidator(_number, json_schema_input_type=float), Field(allow_inf_nan=False)]
Moment = Annotated[datetime, BeforeValidator(_moment, json_schema_input_type=str)]
Texts = Annotated[tuple[Text, ...], BeforeValidator(listed)]
Digest = Annotated[str, BeforeValidator(as_text), StringConstraints(pattern=r"^(sha256:)?[0-9a-fA-F]{64}$")]
Priority = Literal["critical", "high", "normal", "low"]
Mode = Literal["sequential", "pipeline", "swarm", "mesh"]
