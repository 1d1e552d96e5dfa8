"""How soon does somebody need an answer?"""

import pytest

from cagents_fs.model.sla import sla_s


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Response needed within 30 minutes", 1800.0),
        ("Response needed within 2 hours", 7200.0),
        ("response within an hour", 3600.0),
        ("Within half an hour, please", 1800.0),
        ("within one day", 86_400.0),
        ("Level 2: answer within 15 minutes", 900.0),
        ("in 90 seconds", 90.0),
        ("PT2H30M", 9000.0),
        ("1h 30m", 5400.0),
        ("500 milliseconds", 0.5),
        ("900", 900.0),
        ("0.4", 0.4),
        ("0", 0.0),
    ],
)
def test_an_sla_is_read_in_every_form_in_which_people_write_one(text: str, seconds: float) -> None:
    assert sla_s(text) == seconds


@pytest.mark.parametrize("text", ["", "as soon as possible", "within reason", "tomorrow at 9", "-5 minutes", "24/7"])
def test_what_names_no_time_gives_none(text: str) -> None:
    assert sla_s(text) is None
