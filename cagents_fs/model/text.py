"""Text that somebody else wrote, made safe to show."""

import re

# What moves the cursor, hides letters or turns their order round. C0, DEL and C1 are terminal commands; the others are
# invisible, so that two different texts look the same (soft hyphen, fillers, zero width, bidi, tags) or break a line
# where no line feed is (U+2028, U+2029). A lone surrogate cannot be encoded, and kills whoever prints it.
_HIDDEN = (
    "\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ud800-\udfff\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e007f"
)
HIDDEN = re.compile(f"(?!\t)[{_HIDDEN}]")  # what no line of text has to have, and hides something
_UNSAFE = re.compile(f"[\n{_HIDDEN}]")
_UNSAFE_LINES = re.compile(f"[{_HIDDEN}]")
_SHORT = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}


def _visible(match: re.Match[str]) -> str:
    letter = match[0]
    code = ord(letter)
    if letter in _SHORT:
        return _SHORT[letter]
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def safe_text(text: str, limit: int = 2000, *, multiline: bool = False) -> str:
    """What an agent wrote, safe for a terminal and for a log: one line, nothing hidden, at most `limit` letters.

    Control characters, bidi and zero-width ones and lone surrogates become visible escapes (`\\x1b`, `\\u202e`); so do
    newline and tab, except that `multiline` keeps newlines. What is too long is cut, and ends with `…`.
    """
    shown = (_UNSAFE_LINES if multiline else _UNSAFE).sub(_visible, text[: limit + 1])
    return shown if len(shown) <= limit else shown[: max(limit - 1, 0)] + "…"


def found(value: object) -> str:
    """What stands somewhere, as a message names it: text in quotes, numbers as they were written, else the kind."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case str():
            return f"'{safe_text(value, 60)}'"
        case int() | float():
            return safe_text(str(getattr(value, "text", value)), 60)
        case list() | tuple():
            return "a list"
        case dict():
            return "a mapping"
    return type(value).__name__
