"""`scripts/powerloss`: the power goes at any moment, and what was not synced is lost, torn or out of order.

Every scene of `scripts/crash` is played once, and written down call by call. The model rebuilds what a disk may hold
after a cut; a daemon starts on it twice, and every promise is held against what is there. Then real cuts: ext4 and xfs
in loop devices are shut down under a daemon. Every cut that breaks a promise is printed with the line that plays it
again; ends with 1 if there was any.
"""

import argparse
import os
import random
import sys
import time

from tests.crash import preload
from tests.crash.company import NAMED, folder, warm_up
from tests.power import real
from tests.power.jobs import MODELS, REALS, Crew, Job, do_all
from tests.power.table import Table
from tests.power.toys import controls

STATES, CUTS = 66_000, 5_000  # some scenes have fewer states than their share
FEW = 60  # a scene costs about a second before its first cut: short runs take fewer scenes, and more of each


def main() -> int:
    """As the arguments say."""
    parser = argparse.ArgumentParser(prog="scripts/powerloss", description=__doc__)
    parser.add_argument("--states", type=int, metavar="N", help=f"of the model (default: {STATES}; 0: all there are)")
    parser.add_argument("--real", type=int, metavar="N", help=f"real cuts (default: {CUTS}; 0: none)")
    parser.add_argument("--scene", action="append", choices=NAMED, metavar="NAME", help="only this one (repeatable)")
    parser.add_argument("--strict", action="store_true", help="of the model only where halves of renames are lost")
    parser.add_argument("--mode", action="append", choices=(*MODELS, *REALS), help="only this one (repeatable)")
    parser.add_argument("--seed", type=int, default=1, help="of samples (default: 1)")
    parser.add_argument("--replay", metavar="CASE", help="one case, as a broken one was printed")
    parser.add_argument("--controls", action="store_true", help="what must fail: careless toys, the product unsynced")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    try:
        preload.ensure("tests.power")
    except preload.NoCompiler as missing:
        print(f"skipped: {missing}")
        return 0
    warm_up()
    if given.controls:
        with folder() as base:
            return 1 if controls(base, given.seed) else 0
    return _again(given.replay) if given.replay else _many(given)


def _again(line: str) -> int:
    with folder() as base:
        crew = Crew(base / "one")
        try:
            wrong = crew.again(line)
        except real.NotHere as why:
            print(f"skipped: {why}")
            return 0
        finally:
            crew.close()
    for text in wrong or ["every promise holds"]:
        print(text)
    return 1 if wrong else 0


def _many(given: argparse.Namespace) -> int:
    modes = given.mode or (("strict",) if given.strict else (*MODELS, *REALS))
    scenes = given.scene or list(NAMED)
    states = STATES if given.states is None else given.states
    cuts = CUTS if given.real is None else given.real
    jobs = _jobs(scenes, [mode for mode in modes if mode in MODELS], states, given.seed)
    if cuts:
        # Agents of the runner would keep the file system in use after its end.
        quiet = [name for name in scenes if NAMED[name].agents is None]
        jobs += _jobs(quiet, [mode for mode in modes if mode in REALS], cuts, given.seed, few=5)
    table, begun_s = Table(), time.monotonic()
    for outcome in do_all(jobs, given.processes):
        table.take(outcome)
    table.show(time.monotonic() - begun_s)
    return 1 if table.broken else 0


def _jobs(scenes: list[str], modes: list[str], cuts: int, seed: int, few: int = FEW) -> list[Job]:
    """So many cuts, spread: each mode its share, each scene its share of that."""
    pairs = [(scene, mode) for mode in modes for scene in scenes]
    if cuts == 0 or not pairs:
        return [Job(scene, mode, 0, seed) for scene, mode in pairs]
    chance, chosen = random.Random(seed), list[tuple[str, str]]()
    each = max(1, min(len(scenes), cuts // few // len(modes)))
    for mode in modes:
        chosen += [(scene, mode) for scene in chance.sample(scenes, each)]
    return [Job(scene, mode, -(-cuts // len(chosen)), seed) for scene, mode in chosen]


if __name__ == "__main__":
    sys.exit(main())
