"""`scripts/simulate`: plays one seed and tells its story, or many and says which went wrong."""

import argparse
import json
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from functools import partial

from tests.simulation.planted import PLANTS
from tests.simulation.play import Played, play


def main() -> int:
    """As the arguments say. Ends with 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="scripts/simulate", description=__doc__)
    parser.add_argument("--seed", type=int, metavar="N", help="play this one, and print its transcript")
    parser.add_argument("--seeds", default="0-1999", metavar="A-B", help="play all of these (default: 0-1999)")
    parser.add_argument("--steps", type=int, default=200, help="of each play, before all become good (default: 200)")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="default: one for each processor")
    parser.add_argument("--plant", choices=PLANTS, help="with this fault in the daemon")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        return serve()
    if given.seed is not None:
        return tell(played(given.seed, steps=given.steps, plant=given.plant))
    first, _, last = given.seeds.partition("-")
    return many(range(int(first), int(last or first) + 1), given.steps, given.plant, given.processes)


def played(seed: int, *, steps: int = 200, plant: str | None = None) -> Played:
    """One play, with a fault planted or none."""
    with PLANTS[plant][0]() if plant else nullcontext():
        return play(seed, steps)


def tell(one: Played) -> int:
    """The story of a play."""
    print("\n".join(one.transcript))
    print(f"seed {one.seed}: {one.wrong or 'all promises held'}")
    return 1 if one.wrong else 0


def many(seeds: range, steps: int, plant: str | None, processes: int) -> int:
    """Many plays, beside each other."""
    begun_s, counts, wrong = time.monotonic(), Counter[str](), 0
    with ProcessPoolExecutor(processes) as pool:
        for one in pool.map(partial(played, steps=steps, plant=plant), seeds, chunksize=4):
            counts += one.counts
            if one.wrong:
                wrong += 1
                print(f"seed {one.seed}: {one.wrong.strip()[-600:]}", flush=True)
    spent_s = time.monotonic() - begun_s
    print("; ".join(f"{what} {count}" for what, count in sorted(counts.items())))
    print(
        f"{len(seeds)} plays of {steps} steps in {spent_s:.0f} s ({len(seeds) / spent_s:.1f} a second); {wrong} wrong"
    )
    return 1 if wrong else 0


def serve() -> int:
    """For the tests: a play for each line of standard input, its outcome on a line of standard output."""
    for line in sys.stdin:
        one = played(**json.loads(line))
        answer = {"seed": one.seed, "wrong": one.wrong, "counts": one.counts, "transcript": one.transcript}
        print(json.dumps(answer), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
