"""Every way in which a span of time is written."""

import math
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from cagents_fs.model.durations import MAX_DURATION_S, Duration, seconds_of, spoken
from cagents_fs.store.yaml import parse

READ = [
    ("30 seconds", 30),
    ("5 minutes", 300),
    ("10 min", 600),
    ("1 minute", 60),
    ("2h", 7200),
    ("24 hours", 86400),
    ("7 days", 604800),
    ("90 days", 7776000),
    ("1.5 hours", 5400),
    ("500ms", 0.5),
    ("1h 30m", 5400),
    ("1h30m", 5400),
    ("1 hour, 5 minutes", 3900),
    ("1 hour and 5 minutes", 3900),
    (" 5 Minutes ", 300),
    ("2:30:00", 9000),
    ("PT2H30M", 9000),
    ("P1D", 86400),
    ("PT0.5S", 0.5),
    ("p1dt2h", 93600),
    ("2-4 hours", 10800),
    ("2 - 4 hours", 10800),
    ("2 to 4 hours", 10800),
    ("2–4 hours", 10800),
    ("30 minutes - 1 hour", 2700),
    ("1-2 hours per endpoint", 5400),
    ("30 minutes per test suite", 1800),
    ("every 2 minutes while working", 120),
    ("every 2 minutes while in_progress", 120),
    ("every 30 seconds", 30),
    ("after 1 minute", 60),
    ("5 minute intervals", 300),
    ("Response needed within 30 minutes", 1800),
    ("Start within 24 hours", 86400),
    ("10 minutes without heartbeat = agent failure", 600),
    ("Agent idle >10 minutes while global queue non-empty", 600),
    ("agent.utilization < 20% for > 10 minutes", 600),
    ("+1 priority level per 4 hours in queue", 14400),
    (">1 hour average wait time", 3600),
    ("90", 90),
    ("0", 0),
    ("1e3", 1000),
    (0, 0),
    (-0.0, 0),
    (7, 7),
    (1.5, 1.5),
    (timedelta(hours=1), 3600),
]

REFUSED = [
    ("", "an empty text is no duration"),
    ("   ", "an empty text is no duration"),
    ("abc", "'abc' is no duration"),
    ("5 parsecs", "is no duration"),
    ("5 minutesfoo", "is no duration"),
    ("half an hour", "is no duration"),
    ("Response needed within X minutes/hours", "is no duration"),
    ("12:30", "is no duration"),  # minutes and seconds, or hours and minutes?
    ("1,000 seconds", "is no duration"),
    ("1_000", "is no duration"),
    ("2h30", "is no duration"),
    ("3 5 minutes", "is no duration"),
    ("1-2", "is no duration"),
    ("2024-01-01", "is no duration"),
    ("1..5 hours", "is no duration"),
    ("1.2.3 weeks", "is no duration"),
    ("\N{ARABIC-INDIC DIGIT THREE} minutes", "is no duration"),
    ("x" * 10_000, "is no duration"),
    ("nan", "is no duration"),
    ("10 minutes or 2 hours", "more than one duration"),
    ("P1H", "no ISO 8601 duration"),
    ("PT1", "no ISO 8601 duration"),
    ("-5 minutes", "is negative"),
    ("- 5 minutes", "is negative"),
    ("-PT1H", "is negative"),
    (-1, "-1 is negative"),
    (-0.001, "is negative"),
    (timedelta(days=-1), "is negative"),
    ("11 years", "longer than ten years"),
    ("9" * 190, "longer than ten years"),
    (10**400, "longer than ten years"),
    (math.inf, "longer than ten years"),
    (math.nan, "found nan"),
    (True, "found true"),
    (False, "found false"),
    (None, "found nothing"),
    ([], "found a list"),
    ({}, "found a mapping"),
]


@pytest.mark.parametrize(("value", "seconds"), READ)
def test_every_form_of_the_protocol_and_of_the_upstream_configuration_is_read(value: object, seconds: float) -> None:
    assert seconds_of(value) == pytest.approx(seconds)
    assert isinstance(seconds_of(value), float)


@pytest.mark.parametrize(("value", "part"), REFUSED)
def test_what_is_no_duration_is_refused_in_words_that_help(value: object, part: str) -> None:
    with pytest.raises(ValueError) as refused:
        seconds_of(value)
    assert part in str(refused.value)
    assert len(str(refused.value)) < 400


@given(st.text(max_size=40) | st.text("0123456789.,:-+ pPtThHmMsSdDwyearminutohcnd", max_size=24))
@settings(max_examples=300, deadline=None)
def test_no_text_gives_anything_but_a_bounded_number_or_a_refusal(text: str) -> None:
    try:
        seconds = seconds_of(text)
    except ValueError:
        return
    assert 0 <= seconds <= MAX_DURATION_S


class _Record(BaseModel, strict=True):
    wait: Duration


def test_a_duration_in_a_model_is_seconds_and_its_schema_takes_text_and_numbers() -> None:
    assert _Record.model_validate(parse(b"wait: 2h").value).wait == 7200.0
    assert _Record.model_validate(parse(b"wait: 90").value).wait == 90.0
    with pytest.raises(ValidationError, match="found true"):
        _Record.model_validate(parse(b"wait: true").value)
    kinds = [kind["type"] for kind in _Record.model_json_schema()["properties"]["wait"]["anyOf"]]
    assert kinds == ["string", "number"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.0004, "0.4 ms"),
        (0.25, "250 ms"),
        (1, "1 s"),
        (1.5, "1.5 s"),
        (59.94, "59.9 s"),
        (59.99, "1 minute"),
        (60, "1 minute"),
        (90, "1 min 30 s"),
        (180, "3 minutes"),
        (3599.9, "1 hour"),
        (9000, "2 h 30 min"),
        (86400, "1 day"),
        (90000, "1 d 1 h"),
        (3 * 86400, "3 days"),
        (-90, "-1 min 30 s"),
        (math.inf, "for ever"),
        (math.nan, "unknown"),
    ],
)
def test_a_duration_is_spoken_in_its_two_largest_units(seconds: float, text: str) -> None:
    assert spoken(seconds) == text


@given(st.floats(0, MAX_DURATION_S - 86400))
@settings(max_examples=200, deadline=None)
def test_what_is_spoken_can_be_read_again_to_a_few_percent(seconds: float) -> None:
    assert seconds_of(spoken(seconds)) == pytest.approx(seconds, rel=0.05, abs=1e-5)
