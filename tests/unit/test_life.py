"""The picture of the life of a task in the documentation is drawn from the table, and says what the table says."""

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

from cagents_fs.model.states import LEGAL, NOT_STARTED, TABLE, UNFINISHED, State

HOUSE = Path(__file__).resolve().parents[2]
README = (HOUSE / "Agent_Memory" / "README.md").read_text(encoding="utf-8")


def test_the_documentation_shows_the_table_as_it_is() -> None:
    done = subprocess.run(
        [sys.executable, HOUSE / "scripts" / "life", "--check"], capture_output=True, text=True, timeout=60
    )

    assert (done.returncode, done.stdout) == (0, "")


def test_every_legal_move_is_an_arrow_of_the_diagram_and_there_is_no_other() -> None:
    arrows = {tuple(line.split(" : ")[0].split(" --> ")) for line in README.splitlines() if " --> " in line}
    named = {state.name.lower(): [state] for state in State}
    named |= {"  not_started": [*NOT_STARTED], "  unfinished": [*UNFINISHED]}
    drawn = {
        (one, State[other.upper()])
        for source, other in arrows
        if "[*]" not in (source.strip(), other)
        for one in named.get(source) or named[source.strip()]
    }

    assert drawn == LEGAL


def test_every_row_is_in_the_table_and_in_the_picture() -> None:
    picture = "".join(ET.parse(HOUSE / "Agent_Memory" / "life.svg").getroot().itertext())

    assert [row.when for row in TABLE if f"| {row.when} |" not in README] == []
    assert [row.when for row in TABLE if row.when not in picture] == []
