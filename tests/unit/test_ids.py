"""What may be an id, and which file names are read."""

import pytest
from pydantic import BaseModel, ValidationError

from cagents_fs.model.ids import Id, fold, id_fault, is_candidate, misnamed, near_miss, stem_of
from cagents_fs.store.yaml import parse

GOOD = ["T1", "t", "7", "007", "task_20260110_001_042", "backend-developer-3", "a.b", "a..b", "T1.yaml", "a" * 100]

BAD = [
    ("", "must not be empty"),
    ("../x", "contains '/' (U+002F)"),
    ("/etc/passwd", "contains '/' (U+002F)"),
    ("a/b", "contains '/' (U+002F)"),
    (".", "begins with '.'"),
    ("..", "begins with '.'"),
    ("-rf", "begins with '-'"),
    ("_system", "begins with '_'"),
    ("~", "contains '~' (U+007E)"),
    ("a b", "contains ' ' (U+0020)"),
    ("a\0b", "contains '\\x00' (U+0000)"),
    ("T1\n", "contains '\\n' (U+000A)"),
    ("T\N{CYRILLIC SMALL LETTER A}", "(U+0430)"),
    ("\N{KELVIN SIGN}", "(U+212A)"),
    ("e\N{COMBINING ACUTE ACCENT}", "(U+0301)"),
    ("T\u200b1", "contains '\\u200b' (U+200B)"),
    ("T\u202e1", "contains '\\u202e' (U+202E)"),
    ("bad\udcff", "contains '\\udcff' (U+DCFF)"),
    ("\N{GRINNING FACE}" * 64, "(U+1F600)"),
    ("\N{ARABIC-INDIC DIGIT ONE}", "(U+0661)"),
    ("a" * 101, "has 101 characters; shorten it to at most 100"),
    ("queue", "reserved word"),
    ("manifest", "reserved word"),
    ("E1.response", "ends in '.response'"),
    ("T1.tmp", "ends in '.tmp'"),
    ("T1.swp", "ends in '.swp'"),
    ("T1.part", "ends in '.part'"),
    ("T1.lock", "ends in '.lock'"),
    (7, "found the number 7"),
    (True, "found true"),
    (None, "found nothing"),
    (["T1"], "found a list"),
    ({"T1": 1}, "found a mapping"),
]


@pytest.mark.parametrize("text", GOOD)
def test_an_id_of_plain_letters_digits_and_three_signs_is_fine(text: str) -> None:
    assert id_fault(text) is None


@pytest.mark.parametrize(("text", "part"), BAD)
def test_anything_else_is_refused_in_words_that_name_what_is_wrong(text: object, part: str) -> None:
    message = id_fault(text)
    assert message is not None
    assert part in message
    assert "\n" not in message
    assert "\u202e" not in message


def test_ids_that_differ_only_in_case_fold_to_the_same() -> None:
    assert fold("Task_A") == fold("tASK_a")
    assert fold("T1") != fold("T2")


class _Record(BaseModel, strict=True):
    id: Id


@pytest.mark.parametrize("text", ["007", "1e3", "0x1F", "0o17", "1.50", "no", "2024-01-01", "1_000"])
def test_an_unquoted_id_is_taken_as_it_was_written(text: str) -> None:
    assert _Record.model_validate(parse(f"id: {text}".encode()).value).id == text


def test_a_model_says_what_is_wrong_with_an_id_and_its_schema_shows_the_pattern() -> None:
    with pytest.raises(ValidationError, match="contains '/'"):
        _Record.model_validate({"id": "../x"})
    assert _Record.model_json_schema()["properties"]["id"]["pattern"] == "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"


LITTER = [
    ".t1.yaml.swp",
    ".#t1.yaml",
    ".nfs000001",
    ".DS_Store",
    ".t1.yaml.tmp",
    "~t1.yaml",
    "#t1#",
    "#t1.yaml",
    "4913",
    "t1.yaml~",
    "t1~.yaml",
    "t1.yaml.bak",
    "t1.yaml.tmp",
    "t1.tmp.yaml",
    "t1.yaml.swp",
    "t1.part",
    "t1.yaml.lock",
    "notes.txt",
    "E1.response",
    "yaml",
    "",
]


@pytest.mark.parametrize("name", LITTER)
def test_litter_is_not_read_and_not_reported(name: str) -> None:
    assert not is_candidate(name)
    assert near_miss(name) is None


@pytest.mark.parametrize(
    "name", ["T1.yaml", "manifest.yaml", "E1.response.yaml", "agent_task.yaml", "a" * 201 + ".yaml"]
)
def test_yaml_files_are_read(name: str) -> None:
    assert is_candidate(name)
    assert near_miss(name) is None
    assert stem_of(name) == name[:-5]


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("t1.yml", "rename it to 't1.yaml'"),
        ("t1.YAML", "rename it to 't1.yaml'"),
        ("t1.Yml", "rename it to 't1.yaml'"),
        ("t1 (copy).yaml", "a copy of 't1.yaml'"),
        ("t1 copy.yaml", "a copy of 't1.yaml'"),
        ("t1 - Copy.yaml", "a copy of 't1.yaml'"),
        ("t1 (1).yaml", "a copy of 't1.yaml'"),
        ("-x.yaml", "name it ID.yaml"),
        ("t\N{CYRILLIC SMALL LETTER A}.yaml", "name it ID.yaml"),
        ("bad\udcff.yaml", "'bad\\udcff.yaml' is not read"),
        ("a\nb.yaml", "'a\\nb.yaml' is not read"),
    ],
)
def test_a_near_miss_is_a_candidate_and_gets_a_word(name: str, part: str) -> None:
    assert is_candidate(name)
    message = near_miss(name)
    assert message is not None
    assert part in message
    message.encode()


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("plan.yml", "rename it to 'plan.yaml'"),
        ("plan.YAML", "rename it to 'plan.yaml'"),
        ("Plan.yaml", "rename it to 'plan.yaml'"),
        ("PLAN.YML", "rename it to 'plan.yaml'"),
        ("plan (copy).yaml", "a copy of 'plan.yaml'"),
        ("plan (2).yml", "a copy of 'plan.yaml'"),
        ("Plan - Copy.yaml", "a copy of 'plan.yaml'"),
    ],
)
def test_a_name_that_was_meant_for_another_is_told_which(name: str, part: str) -> None:
    message = misnamed(name, "plan.yaml")
    assert message is not None
    assert part in message
    assert f"'{name}' is not read" in message


@pytest.mark.parametrize(
    "name",
    ["plan.yaml", "plans.yaml", "plan2.yml", "plan.json", "plan", ".plan.yml", "plan.yml~", "~plan.yml", "a.yml", ""],
)
def test_a_name_that_was_meant_for_itself_is_told_nothing(name: str) -> None:
    assert misnamed(name, "plan.yaml") is None


@pytest.mark.parametrize("name", ["T1", "T1.yml", "T1.YAML", ".yaml", "T1.yaml.tmp", ""])
def test_only_yaml_files_have_a_stem(name: str) -> None:
    assert stem_of(name) is None
