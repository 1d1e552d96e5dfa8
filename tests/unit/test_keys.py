"""The table of keys that a person reads is made from the table that the program reads."""

import re
from pathlib import Path

import pytest

from cagents_fs.settings import AGENT_SETTINGS, EFFECTS, SETTINGS, Setting
from scripts.keys_table import TABLE, TESTED, table, where

REPOSITORY = Path(__file__).parents[2]
ALL = (*SETTINGS, *AGENT_SETTINGS)


def test_the_table_beside_the_files_is_the_one_that_would_be_written_now() -> None:
    assert TABLE.read_text(encoding="utf-8") == table(), "run `scripts/keys --write`"


def test_every_key_has_a_line_with_its_effect_and_its_test() -> None:
    lines = [line.split(" | ") for line in table().splitlines() if line.startswith("| `")]

    assert sorted(line[0].strip("| `") for line in lines) == sorted(setting.key for setting in ALL)
    assert all(len(line) == 4 for line in lines)


def test_nothing_is_said_of_fields_that_no_key_changes() -> None:
    fields = {setting.field for setting in ALL}

    assert set(EFFECTS) == fields
    assert set(TESTED) == fields


@pytest.mark.parametrize("setting", ALL, ids=lambda setting: setting.key)
def test_an_effect_is_one_sentence(setting: Setting) -> None:
    assert re.fullmatch(r"[A-Z0-9][^|\n]{15,110}\.", setting.effect), setting.effect


@pytest.mark.parametrize("setting", ALL, ids=lambda setting: setting.key)
def test_the_test_that_is_named_speaks_of_the_key_or_of_its_field(setting: Setting) -> None:
    text = (REPOSITORY / where(setting)).read_text(encoding="utf-8")
    last = [step for step in setting.key.split(".") if step != "*"][-1]

    assert re.search(rf"\b({setting.field}|{last})\b", text), where(setting)
