"""From what somebody wrote to a record, or to every reason why not."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from cagents_fs.model.durations import Duration
from cagents_fs.model.fields import Moment
from cagents_fs.model.files import KINDS, Request
from cagents_fs.model.ids import Id, id_fault
from cagents_fs.model.text import safe_text
from cagents_fs.store.check import NO_OFFSET, SCHEMA, UNKNOWN_KEY, Checked, check
from cagents_fs.store.dump import dump
from cagents_fs.store.yaml import parse_mapping


class Record(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)


class Artifact(Record):
    path: Annotated[str, Field(min_length=1, max_length=8)]
    size_bytes: Annotated[int, Field(ge=0)] = 0
    kind: Literal["source", "test"] = "source"


class Needs(Record):
    hard: list[Artifact] = []


def _long(value: Any) -> Any:
    return {"hard": value} if isinstance(value, list) else value


class Manifest(Record):
    task_id: Id
    agent: str = Field(default="x", validation_alias=AliasChoices("agent", "subagent_name"))
    from_: str | None = Field(default=None, alias="from")
    artifacts: Annotated[list[Artifact], Field(min_length=1)]
    coverage: Annotated[float, Field(le=1, allow_inf_nan=False)] | None = None
    wait: Duration = 0.0
    met: bool = False
    needs: Annotated[Needs, BeforeValidator(_long)] = Needs()
    choice: Artifact | list[int] | None = None
    by_name: dict[str, Artifact] = {}
    note: Annotated[str, Field(pattern=r"\S")] = "-"
    fives: Annotated[int, Field(multiple_of=5)] = 0
    anything: object = None

    @model_validator(mode="after")
    def _no_wait(self) -> "Manifest":
        if self.wait > 3600:
            raise ValueError("wait: an hour is the most")
        return self


def checked(text: str) -> Checked[Manifest]:
    return check(parse_mapping(text.encode()), Manifest, "m.yaml")


def faults(text: str) -> list[str]:
    found = checked(text)
    assert found.value is None
    assert {fault.code for fault in found.faults} == {SCHEMA}
    return [str(fault) for fault in found.faults]


HINT = "write for instance '30 seconds', '5 minutes', '2h', 'PT2H30M', '2-4 hours' or a number of seconds"
GOOD = "task_id: 007\nartifacts:\n  - path: a.py\n    size_bytes: 10\n"


def test_what_fits_becomes_a_record_without_a_word() -> None:
    found = checked(GOOD + "coverage: 1\nwait: 2 minutes\nsubagent_name: ann\nfrom: bob\n")
    assert (found.faults, found.warnings) == ((), ())
    assert found.value is not None
    assert (found.value.task_id, found.value.agent, found.value.from_, found.value.wait) == ("007", "ann", "bob", 120.0)


def test_every_fault_is_said_at_once_with_its_place_in_the_order_of_the_file() -> None:
    assert faults(
        "task_id: a/b\n"
        "artifacts:\n"
        "  - path: ''\n"
        "    size_bytes: true\n"
        "  - size_bytes: -1\n"
        "    kind: tests\n"
        "  - just text\n"
        "coverage: .nan\n"
        "wait: soon\n"
        "met: yes\n"
    ) == [
        f"m.yaml:1:10: task_id: {id_fault('a/b')}",
        "m.yaml:3:11: artifacts.0.path: must not be empty",
        "m.yaml:4:17: artifacts.0.size_bytes: expected a whole number, found true",
        "m.yaml:5:5: artifacts.1.path: missing; add it",
        "m.yaml:5:17: artifacts.1.size_bytes: must be at least 0, found -1",
        "m.yaml:6:11: artifacts.1.kind: expected source, test; found 'tests'; did you mean 'test'?",
        "m.yaml:7:5: artifacts.2: expected a mapping, found 'just text'",
        "m.yaml:8:11: coverage: expected a finite number, found .nan",
        "m.yaml:9:7: wait: 'soon' is no duration; " + HINT,
        "m.yaml:10:6: met: expected true or false, found 'yes'",
    ]


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("agent: true", "5:8: agent: expected text, found true; put it in quotes if it is text"),
        ("agent:", "5:7: agent: expected text, found nothing; put it in quotes if it is text"),
        ("agent: [x]", "5:8: agent: expected text, found a list"),
        ("from: {a: b}", "5:7: from: expected text, found a mapping"),
        ("coverage: '0.9'", "5:11: coverage: expected a number, found '0.9'"),
        ("coverage: 1.5", "5:11: coverage: must be at most 1, found 1.5"),
        ("coverage: 1e999", "5:11: coverage: expected a finite number, found 1e999"),
        ("met: 1", "5:6: met: expected true or false, found 1"),
        ("needs: []\nartifact: x", "artifact: unknown key"),
        ("by_name: {a: {path: 123456789}}", "5:21: by_name.a.path: expected text, found 123456789"),
        ("by_name: {a: {path: '123456789'}}", "5:21: by_name.a.path: must have at most 8 characters"),
        ("note: '  '", "5:7: note: must not be blank"),
        ("fives: 3", "5:8: fives: Input should be a multiple of 5, found 3"),
        ("wait: 2 hours", "m.yaml:1:1: wait: an hour is the most"),
        ("needs: [{size_bytes: 1.5, path: a}]", "5:22: needs.0.size_bytes: expected a whole number, found 1.5"),
        ("choice: {path: ''}", "5:16: choice.path: must not be empty"),
        ("choice: [x]", "5:10: choice.0: expected a whole number, found 'x'"),
    ],
)
def test_each_fault_is_said_in_words_that_need_no_python(line: str, part: str) -> None:
    found = checked(GOOD + line + "\n")
    assert any(part in str(fault) for fault in (*found.faults, *found.warnings)), found


def test_a_lone_text_for_a_list_is_shown_as_a_list() -> None:
    assert faults("task_id: T1\nartifacts: a.py\n") == [
        "m.yaml:2:12: artifacts: expected a list, found 'a.py'; write it as a list: [a.py]"
    ]


def test_an_empty_list_and_an_absent_key_are_different_faults() -> None:
    assert faults("task_id: T1\nartifacts: []\n") == ["m.yaml:2:12: artifacts: needs at least 1 of them, found 0"]
    assert faults("task_id: T1\n") == ["m.yaml:1:1: artifacts: missing; add it"]


def test_items_that_are_wrong_do_not_make_their_list_too_short() -> None:
    assert faults("task_id: T1\nartifacts: [x]\n") == ["m.yaml:2:13: artifacts.0: expected a mapping, found 'x'"]


def test_unknown_keys_are_kept_and_named_with_the_nearest_known_one() -> None:
    nested = "    sise_bytes: 1\nneeds:\n  hard: [{path: a, who: b}]\n  soft: []\nby_name:\n  k: {path: a, knd: x}\n"
    found = checked(GOOD + nested + "wiat: 1\n")
    assert found.value is not None
    assert found.value.model_extra == {"wiat": 1}
    assert {warning.code for warning in found.warnings} == {UNKNOWN_KEY}
    assert [str(warning) for warning in found.warnings] == [
        "m.yaml:5:5: artifacts.0.sise_bytes: unknown key, kept but not read; did you mean 'size_bytes'?",
        "m.yaml:7:20: needs.hard.0.who: unknown key, kept but not read",
        "m.yaml:8:3: needs.soft: unknown key, kept but not read",
        "m.yaml:10:16: by_name.k.knd: unknown key, kept but not read; did you mean 'kind'?",
        "m.yaml:11:1: wiat: unknown key, kept but not read; did you mean 'wait'?",
    ]


def test_a_misspelt_key_is_named_also_where_it_makes_the_file_wrong() -> None:
    found = checked("task_id: T1\nartefacts: []\nsubagent_name: x\nfrom: y\nchoice: {pth: a}\n")
    assert found.value is None
    assert str(found.faults[0]) == "m.yaml:1:1: artifacts: missing; is 'artefacts' in line 2 meant?"
    assert [str(warning) for warning in found.warnings] == [
        "m.yaml:2:1: artefacts: unknown key, kept but not read; did you mean 'artifacts'?",
        "m.yaml:5:10: choice.pth: unknown key, kept but not read; did you mean 'path'?",
    ]


def test_the_warnings_of_reading_come_with_those_of_checking() -> None:
    found = checked(GOOD + "note: a\u2028b\nx: y\n")
    assert [(warning.code, warning.line) for warning in found.warnings] == [("ambiguous", 5), (UNKNOWN_KEY, 6)]


def asked_at(timestamp: str) -> Checked[Request]:
    return check(parse_mapping(f"action: pause\ntimestamp: {timestamp}\n".encode()), Request, "r.yaml")


@pytest.fixture(params=["America/New_York", "Asia/Kolkata", "UTC"])
def somewhere(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("somewhere")
@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-01 01:30", datetime(2026, 11, 1, 1, 30, tzinfo=UTC)),  # comes twice in New York
        ("2026-03-08T02:30:00", datetime(2026, 3, 8, 2, 30, tzinfo=UTC)),  # never comes there
        ("2026-11-22", datetime(2026, 11, 22, tzinfo=UTC)),
        ("20261122T093102", datetime(2026, 11, 22, 9, 31, 2, tzinfo=UTC)),
    ],
)
def test_a_time_without_an_offset_is_utc_wherever_we_are_and_that_is_said(text: str, moment: datetime) -> None:
    found = asked_at(text)

    assert found.value is not None
    assert found.value.timestamp is not None
    assert found.value.timestamp == moment
    assert found.value.timestamp.timestamp() == moment.timestamp()
    assert [(warning.code, warning.line, warning.column) for warning in found.warnings] == [(NO_OFFSET, 2, 12)]
    assert str(found.warnings[0]).startswith("r.yaml:2:12: timestamp: no offset, taken for UTC; write ")


@pytest.mark.parametrize(
    "text", ["2026-11-22T09:31:02Z", "2026-11-22T09:31+00:00", "2026-11-01 01:30-04:00", "2026-W47-7T09:31:02.5Z"]
)
def test_nothing_is_said_of_a_time_with_an_offset(text: str) -> None:
    found = asked_at(text)
    assert found.value is not None
    assert (found.faults, found.warnings) == ((), ())


@pytest.mark.parametrize(
    "text",
    [
        *("now", "''", "-1", "1.7e12", "1712010100000", "'1712010100000'", "'1712010100'", "'20261122093102'"),
        *("2026-11-22T09:31:02+99:99", "2026-11-22T09:31:02+24:00", "2026-11-22 9:31"),
        *("2026-11-22+02:00", "20261122-0500", "2026-W47-7+0200"),
    ],
)
def test_what_is_no_time_is_a_fault_and_no_guess(text: str) -> None:
    found = asked_at(text)
    assert found.value is None
    assert [str(fault).partition(", found")[0] for fault in found.faults] == [
        "r.yaml:2:12: timestamp: expected a time such as 2026-11-22T09:31:02Z"
    ]


class _Journey(Record):
    begun: Moment | None = Field(default=None, alias="from")
    ended: Annotated[Moment, Field(alias="to")]


def test_a_time_is_found_under_the_name_that_its_file_gives_it() -> None:
    found = check(parse_mapping(b"from: 2026-11-22\nto: 2026-11-23\n"), _Journey, "j.yaml")
    assert [warning.message.partition(":")[0] for warning in found.warnings] == ["from", "to"]
    assert [(warning.line, warning.column) for warning in found.warnings] == [(1, 7), (2, 5)]


def test_no_kind_of_file_has_a_time_where_none_is_looked_for() -> None:
    def inside(kind: Any, depth: int) -> Iterator[tuple[Any, int]]:
        for part in getattr(kind, "__args__", ()):
            yield from inside(part, depth)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            for field in kind.model_fields.values():
                yield from inside(field.annotation, depth + 1)
        yield kind, depth

    depths = [depth for model in KINDS.values() for kind, depth in inside(model, 0) if kind is datetime]
    assert set(depths) == {1}


def test_no_byte_of_the_writer_reaches_a_message_unescaped() -> None:
    text = GOOD + 'agent: ["x"]\n"\\e[2Jkey\\n": 1\nmet: "\\e]0;t\\a\\n\\u202e"\n'
    found = checked(text)
    for fault in (*found.faults, *found.warnings):
        assert fault.message == safe_text(fault.message)


class _Broken(Record):
    @model_validator(mode="before")
    @classmethod
    def _crash(cls, data: Any) -> Any:
        return data["nothing"]["like"]["that"]


def test_a_validator_that_crashes_is_a_fault_and_not_the_end() -> None:
    found = check(parse_mapping(b"a: 1\n"), _Broken, "b.yaml")
    assert [str(fault) for fault in found.faults] == ["b.yaml:1:1: cannot be judged (KeyError: 'nothing')"]


_KEYS = st.sampled_from(
    ["task_id", "artifacts", "path", "needs", "hard", "choice", "by_name", "wait", "coverage", "x", "from"]
)
_ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(_KEYS, _ANY, max_size=6))
@settings(max_examples=300, deadline=None)
def test_whatever_stands_in_a_file_it_is_a_record_or_has_faults_with_lines(value: dict[str, Any]) -> None:
    found = check(parse_mapping(dump(value).encode()), Manifest, "m.yaml")
    assert (found.value is None) == bool(found.faults)
    for fault in (*found.faults, *found.warnings):
        assert fault.line is not None
        assert fault.message == safe_text(fault.message)


def test_a_key_that_takes_anything_is_not_looked_into() -> None:
    for text in ("anything: 5", "anything: [1, {a: b}]", "anything: {a: {b: c}}", "anything: 007"):
        found = checked(GOOD + text + "\n")
        assert (found.faults, found.warnings) == ((), ())


def test_a_hundred_faults_are_said_and_how_many_more_there_are() -> None:
    found = checked("task_id: T1\nartifacts: [" + "x, " * 150 + "]\n")
    assert len(found.faults) == 101
    assert str(found.faults[-1]) == "m.yaml: and 50 more"


def test_of_thousands_of_unknown_keys_a_hundred_are_named() -> None:
    assert len(checked(GOOD + "".join(f"k{n}: 1\n" for n in range(5000))).warnings) == 100


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("TASK_ID", "'TASK_ID' in line 1"),
        ("taskid", "'taskid' in line 1"),
        ("t\u0430sk_id", "'t\u0430sk_id' (it has U+0430) in line 1"),
        ("task_id\u00a0", "'task_id\u00a0' (it has U+00A0) in line 1"),
    ],
)
def test_a_key_that_is_missing_and_there_in_another_form_is_named(key: str, words: str) -> None:
    found = checked(f"{key}: T1\nartifacts: [{{path: a}}]\n")
    assert [fault.message for fault in found.faults] == [f"task_id: missing; is {words} meant?"]
