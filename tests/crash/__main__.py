"""`scripts/crash`: everything that can go wrong at every call that changes the tree, one case after another.

Without arguments the long run: every scene, every call, every fault, with both kinds of durability; all pairs of two
crashes for completion and promotion, and a sample of the others. Every case that breaks a promise is printed with the
line that plays it again; ends with 1 if there was any.
"""

import argparse
import functools
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial

from tests.crash import preload
from tests.crash.company import NAMED, Case, Company, Part, folder, play_all, warm_up
from tests.crash.faults import ALL, BY_NAME
from tests.crash.scenes import DEEP, SCENES
from tests.crash.table import Table

PAIRS_OF_OTHERS = 30_000
TOLD_EVERY_S = 300.0
DURABILITIES = ("power_loss", "process")


def main() -> int:
    """As the arguments say."""
    parser = argparse.ArgumentParser(prog="scripts/crash", description=__doc__)
    parser.add_argument("--scene", action="append", choices=NAMED, metavar="NAME", help="only this one (repeatable)")
    parser.add_argument("--fault", action="append", choices=BY_NAME, metavar="NAME", help="only this one (repeatable)")
    parser.add_argument("--point", type=int, metavar="N", help="play one case: the fault at call N of the scene")
    parser.add_argument("--then", type=int, default=0, metavar="M", help="and a second crash, at call M of the restart")
    parser.add_argument("--actor", type=int, default=0, metavar="K", help="which of those who meddle with this scene")
    parser.add_argument("--durability", choices=DURABILITIES, default=None)
    parser.add_argument("--list", action="store_true", help="the scenes and the faults")
    parser.add_argument("--seconds", type=float, help="a seeded sample of all cases, for so long")
    parser.add_argument("--least", type=int, default=0, metavar="N", help="with --seconds: at least so many cases")
    parser.add_argument("--seed", type=int, default=1, help="of samples (default: 1)")
    parser.add_argument("--pairs", type=int, default=PAIRS_OF_OTHERS, metavar="N", help="how many of the other scenes")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    try:
        preload.ensure("tests.crash")
    except preload.NoCompiler as missing:
        print(f"skipped: {missing}")
        return 0
    warm_up()
    if given.list:
        return _list()
    if given.point is not None:
        return _one(given)
    return _many(given)


def _list() -> int:
    with folder() as base:
        company = Company(base / "one")
        for scene in SCENES:
            one = company.set_of(scene.name)
            print(f"{scene.name:28} {one.calls:5} changing calls, {one.looks:5} looking calls")
    print("faults:", ", ".join(fault.name for fault in ALL))
    return 0


def _one(given: argparse.Namespace) -> int:
    case = Case(given.scene[0], given.fault[0], given.point, given.then, given.actor, given.durability or "power_loss")
    with folder() as base:
        wrong = Company(base / "one").play(case)
    for line in wrong or ["every promise holds"]:
        print(line)
    return 1 if wrong else 0


def _many(given: argparse.Namespace) -> int:
    """Plays them. Ctrl-C, or SIGTERM, ends it with the table of what was played."""
    table, begun_s, told_s = Table(), time.monotonic(), 0.0
    asked: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda got, _: asked.append(got))
    playing = play_all(_parts(given))
    outcome = next(playing)
    while True:
        table.take(outcome)
        spent_s = time.monotonic() - begun_s
        if spent_s > told_s + TOLD_EVERY_S:
            told_s = spent_s
            print(f"{spent_s / 60:4.0f} min {table.cases:8} cases, {table.broken} broken", file=sys.stderr, flush=True)
        is_over = given.seconds is not None and spent_s > given.seconds and table.cases >= given.least
        try:
            outcome = playing.send(is_over or bool(asked))
        except StopIteration:
            break
    table.show(time.monotonic() - begun_s)
    if asked:
        print("ended before all was played")
    return 1 if table.broken or asked else 0


def _parts(given: argparse.Namespace) -> list[Part]:
    """Who plays what: the scenes are dealt out like cards."""
    durabilities = (given.durability,) if given.durability else DURABILITIES
    names = given.scene or list(NAMED)
    makers: list[Callable[[Company], Iterator[Case]]] = []
    for name in names:
        if given.seconds is not None and not given.durability:  # a scene costs as much to set up as a dozen cases
            durabilities = (random.Random(f"{given.seed}/{name}").choice(DURABILITIES),)
        makers += [partial(_singles, name, durability, given) for durability in durabilities]
        if given.fault is None and given.seconds is None and given.pairs:
            share = given.pairs * (name not in DEEP) // max(1, len(set(names) - set(DEEP)))
            makers.append(partial(_pairs, name, share, given.seed))
    random.Random(given.seed).shuffle(makers)
    hands = [tuple(makers[number :: given.processes]) for number in range(given.processes)]
    return [Part(hand, 12 if given.seconds is not None else 100) for hand in hands if hand]


def _singles(name: str, durability: str, given: argparse.Namespace, company: Company) -> Iterator[Case]:
    """Every fault at every call of a scene; for a sample, in the order of chance."""
    one = company.set_of(name, durability)
    cases = [
        Case(name, fault.name, point, actor=actor, durability=durability)
        for fault in ALL
        if not given.fault or fault.name in given.fault
        for actor in range(len(one.scene.meddle) if fault.name == "agent" else 1)
        for point in company.theatre.points(one, fault)
    ]
    if given.seconds is not None:
        random.Random(f"{given.seed}/{name}/{durability}").shuffle(cases)
    yield from cases


def _pairs(name: str, share: int, seed: int, company: Company) -> Iterator[Case]:
    """A crash, and another in the restart: all of them for completion and promotion, so many of the other scenes."""
    one, chance = company.set_of(name), random.Random(f"{seed}/{name}")
    kill = BY_NAME["kill-before"]
    calls = functools.cache(lambda point: company.theatre.pairs(one, kill, point))
    if name in DEEP:
        for point in range(1, one.calls + 1):
            yield from (Case(name, kill.name, point, then) for then in range(1, calls(point) + 1))
        return
    for _ in range(share):
        point = chance.randint(1, one.calls)
        if calls(point):  # nothing is to be made again of a tree that had yet to be made
            yield Case(name, kill.name, point, chance.randint(1, calls(point)))


if __name__ == "__main__":
    sys.exit(main())
