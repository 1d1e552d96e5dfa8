"""How soon does somebody need an answer? What an escalation says of its SLA, in the forms that people write."""

import re

from cagents_fs.model.durations import seconds_of

_HALF = re.compile(r"\bhalf an hour\b", re.IGNORECASE)
_ONE = re.compile(r"\b(?:an?|one)\s+(?=(?:second|minute|hour|day|week)\b)", re.IGNORECASE)
_WITHIN = re.compile(r"\b(?:with)?in\b(?P<rest>.*)", re.IGNORECASE | re.DOTALL)


def sla_s(text: str) -> float | None:
    """Seconds until the answer is due: `Response needed within 30 minutes`, `2h`, `PT2H`, `900`; None for no duration.

    Where the sentence has other numbers as well (`P1: within an hour`), what follows `within` counts.
    """
    said = _ONE.sub("1 ", _HALF.sub("30 minutes", text))
    within = _WITHIN.search(said)
    for candidate in (said, *([within["rest"]] if within else [])):
        try:
            return seconds_of(candidate)
        except ValueError:
            continue
    return None
