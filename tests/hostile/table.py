"""All hostile files, in the order in which a person may read them. Each module holds one chapter."""

from tests.hostile import (
    around,
    bombs,
    checksums,
    claims,
    encoding,
    ids,
    keys,
    kinds,
    kinds_of_others,
    letters,
    litter,
    names,
    numbers,
    quotes,
    sizes,
    structure,
    times,
    words,
)
from tests.hostile.case import Case

CHAPTERS = (
    structure,
    around,
    quotes,
    words,
    numbers,
    kinds,
    kinds_of_others,
    keys,
    bombs,
    sizes,
    encoding,
    letters,
    ids,
    names,
    litter,
    checksums,
    claims,
    times,
)
TABLE: tuple[Case, ...] = tuple(case for chapter in CHAPTERS for case in chapter.CASES)


def matches(expected: tuple[str, ...], found: tuple[str, ...]) -> bool:
    """Whether this is the answer of the table: `…` ends the beginning of a line, `and N more` stands for N lines."""
    shown, left_out = expected, 0
    if expected and expected[-1].startswith("and ") and expected[-1].endswith(" more"):
        shown, left_out = expected[:-1], int(expected[-1].split()[1])
    if len(found) != len(shown) + left_out:
        return False
    return all(
        line == words or (words.endswith("…") and line.startswith(words[:-1]))
        for line, words in zip(found, shown, strict=False)
    )
