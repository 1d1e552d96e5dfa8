"""Documents, names, durations and evidence by chance, through everything that reads what others wrote."""

import argparse
import os
import sys
import time
from collections.abc import Mapping

from tests.hostile.fuzz.targets import NAMES, execute, made
from tests.hostile.fuzz.workers import LONGEST_S, MOST_GROWTH, Tally, run

EXECUTIONS, SEED = 20_000_000, 1


def main() -> int:
    """As the arguments say. Ends with 1 when something failed."""
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description=__doc__)
    parser.add_argument("--executions", type=int, default=EXECUTIONS, metavar="N", help=f"default: {EXECUTIONS:,}")
    parser.add_argument("--seed", type=int, default=SEED, metavar="S", help=f"default: {SEED}")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="default: one for each processor")
    parser.add_argument("--replay", metavar="SEED:NUMBER|TARGET:HEX", help="execute this one again, and show it")
    given = parser.parse_args()
    if given.replay:
        return replay(given.replay)
    begun_s, told_s = time.monotonic(), time.monotonic()
    tallies: Mapping[str, Tally] = {}
    for tallies in run(given.seed, given.executions, given.processes):
        if time.monotonic() - told_s > 60:
            told_s = time.monotonic()
            done = sum(tally.all for tally in tallies.values())
            print(f"{done:,} of {given.executions:,}, {done / (told_s - begun_s):,.0f} a second", flush=True)
    return tell(tallies, given.seed, given.processes, time.monotonic() - begun_s)


def replay(what: str) -> int:
    """One execution, with what it is given. Whatever it raises ends us, so that a debugger can be put to it."""
    first, _, second = what.rpartition(":")
    name, data = (first, bytes.fromhex(second)) if first in NAMES else made(int(first), int(second))
    folder = os.environ.setdefault("FUZZ_FOLDER", "/tmp/cagents-fuzz")
    os.makedirs(os.path.join(folder, "_system/config"), exist_ok=True)
    print(f"{name}, {len(data)} bytes; again: scripts/fuzz --replay '{name}:{data.hex()}'\n{ascii(data)[2:-1]}")
    begun_s = time.process_time()
    print(f"{execute(name, data)} in {(time.process_time() - begun_s) * 1000:.1f} ms")
    return 0


def tell(tallies: Mapping[str, Tally], seed: int, processes: int, took_s: float) -> int:
    """The table, for somebody who has not read the code."""
    whole = Tally()
    print("\nread as            executions     taken in      refused  slowest  failed")
    for name, tally in (*sorted(tallies.items()), ("all", whole)):
        print(
            f"{name:<16} {tally.all:>12,} {tally.accepted:>12,} {tally.refused:>12,} "
            f"{tally.slowest_s * 1000:>5,.0f} ms {tally.failed:>7,}"
        )
        whole.accepted, whole.refused = whole.accepted + tally.accepted, whole.refused + tally.refused
        whole.failed, whole.slowest_s = whole.failed + tally.failed, max(whole.slowest_s, tally.slowest_s)
    done = whole.all // 2 if not tallies else sum(tally.all for tally in tallies.values())
    failed = sum(tally.failed for tally in tallies.values())
    print(
        f"\n{done:,} executions with seed {seed} in {took_s:,.0f} s ({done / max(took_s, 1e-9):,.0f} a second, "
        f"{processes} processes); {failed} failed.\n"
        f"Failed is: a crash, more than {LONGEST_S:.0f} s of processor time, more than {MOST_GROWTH >> 20} MiB, an "
        f"exception that is not ours, a fault that is no safe line or points outside of the file."
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
