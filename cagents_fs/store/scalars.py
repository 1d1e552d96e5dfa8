"""What an unquoted word means: the core schema of YAML 1.2, and what other readers would take for something else."""

import re


class YamlInt(int):
    """A whole number, with the text it was read from: in a text field `007` stays `007`."""

    text: str


class YamlFloat(float):
    """A number with a fraction, an exponent or neither limit nor value, with the text it was read from."""

    text: str


# `no`, `on`, `yes`, `12:30` and dates are text in YAML 1.2, as every editor shows them.
CONSTANTS: dict[str, object] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
NUMBER_STARTS = frozenset("0123456789+-.")
# Python refuses to read longer ones (a guard against quadratic conversion), and no field holds them.
MAX_DIGITS = 4000

_NUMBER = re.compile(
    r"([-+]?[0-9]+)"
    r"|([-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))"
    r"|(0o[0-7]+|0x[0-9a-fA-F]+)"
)
_DECIMAL, _FLOAT = 1, 2


def number(text: str) -> object:
    """The number that an unquoted word of NUMBER_STARTS is, or the word itself. Never raises."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return text
    if match.lastindex == _FLOAT:
        real = YamlFloat(text.replace(".", "", 1) if text[-1] in "fFnN" else text)
        real.text = text
        return real
    decimal = match.lastindex == _DECIMAL
    if len(text) > (MAX_DIGITS if decimal else MAX_DIGITS // 2):  # in decimal a hexadecimal number is a fifth longer
        return text
    whole = YamlInt(text) if decimal else YamlInt(text, 0)
    whole.text = text
    return whole


# Words that must be quoted, as a reader of YAML 1.1 or of 1.2 takes them for no text: numbers of either (`1e3`, `0o7`,
# `08`, `1_000`, a digest of digits with one `e`), clock times, dates, truth values, `=` and `<<`.
_MISREAD = re.compile(
    r"[-+]?(?:0[xob][0-9a-f_]+|(?:[0-9][0-9_,]*(?:\.[0-9_]*)?|\.[0-9_]+)(?:e[-+]?[0-9]+)?|\.inf)|\.nan"
    r"|[-+]?[0-9][0-9_]*(?::[0-9]+)+(?:\.[0-9_]*)?|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[t ].*)?"
    r"|~?|null|true|false|yes|no|on|off|y|n|=|<<",
    re.IGNORECASE | re.DOTALL,
)


def is_misread(text: str) -> bool:
    """Would some reader, of YAML 1.1 or 1.2, take this unquoted word for something other than text?"""
    return _MISREAD.fullmatch(text) is not None
