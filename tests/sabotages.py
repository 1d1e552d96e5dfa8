"""What a sabotage is: one line that is replaced by a wrong one."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sabotage:
    """`suites`: the tests that have to notice it."""

    name: str
    file: str
    right: str
    wrong: str
    suites: tuple[str, ...] = ("tests/unit", "tests/scenarios", "tests/disk", "tests/simulation")
