"""What all scenes do when nothing goes wrong; and what becomes of the toys. Prints one line of JSON."""

import json
import re
import sys
from pathlib import Path

import cagents_fs
from cagents_fs.model.states import LEGAL, State, state_of
from tests.crash import fsck
from tests.crash.company import Company, folder, warm_up
from tests.crash.faults import BY_NAME
from tests.crash.scenes import NEVER, SCENES
from tests.crash.toys import TOYS, toy

_EVENT = re.compile(r"""["']?event["']?[:=] *["']([a-z_]+)["']""")
_LOGGED = re.compile(r'extra={"event": "[a-z_]+"')  # a record on standard error, which is no part of the tree


def census() -> dict[str, object]:
    """The changes of state and the kinds of lines that no scene makes, and how often each toy breaks a promise."""
    moves: set[tuple[State, State]] = set()
    events: set[str] = set()
    with folder() as base:
        company = Company(base / "one")
        for scene in SCENES:
            company.set_of(scene.name)
            for instruction in fsck.instructions(company.theatre.root / scene.below):
                for line in fsck.journal(instruction):
                    events.add(line["event"])
                    if line["event"] == "moved" and line["from"]:
                        moves.add((state_of(line["from"]), state_of(line["to"])))
        toys = {name: _broken(company, name) for name in TOYS}
    left_out = sorted(f"{a.value} -> {b.value}" for a, b in LEGAL - moves if (a, b) not in NEVER)
    return {"moves_in_no_scene": left_out, "events_in_no_scene": sorted(_written() - events), "toys": toys}


def _broken(company: Company, name: str) -> int:
    """At how many points a toy breaks a promise when it is killed."""
    one = company.theatre.set_up(toy(name), f"toy-{name}")
    kill = BY_NAME["kill-before"]
    return sum(bool(company.theatre.play(one, kill, point)) for point in range(1, one.calls + 1))


def _written() -> set[str]:
    """Every kind of line that the source can write into a journal."""
    text = "\n".join(path.read_text() for path in Path(cagents_fs.__path__[0]).rglob("*.py"))
    return set(_EVENT.findall(_LOGGED.sub("", text)))


if __name__ == "__main__":
    warm_up()
    print(json.dumps(census()))
    sys.exit(0)
