"""`scripts/storm`: one storm, and a table of what came of it."""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from tests.storm.weather import Storm, Wish

HELP = """Agents and daemon are killed with -9 at random while they work: nothing may be lost, nothing doubled.

50 processes that work by the documented recipes (renames, shell, the client's verbs, the command line) carry out a
graph of 1,000 tasks. For two minutes agents are killed, replaced and frozen, the daemon is killed every few seconds,
and further daemons are started beside it. Then everything may finish in peace, and the tree, the journal, and what the
agents wrote down elsewhere are compared. Ends with 1 when anything is wrong; then the tree is kept.
"""


def main() -> int:
    """One storm, as asked for."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="scripts/storm", description=HELP, formatter_class=form)
    wish = Wish()
    parser.add_argument("--seconds", type=float, default=wish.seconds, help="of killing (default %(default)g)")
    parser.add_argument("--agents", type=int, default=wish.agents, help="processes (default %(default)s)")
    parser.add_argument("--tasks", type=int, default=wish.tasks, help="of the plan (default %(default)s)")
    parser.add_argument("--seed", type=int, default=wish.seed, help="of plan and weather (default %(default)s)")
    parser.add_argument("--shape", choices=["layered", "wide", "random"], default=wish.shape)
    parser.add_argument("--root", type=Path, default=Path("/var/tmp"), help="where it is (default %(default)s)")
    parser.add_argument("--keep", action="store_true", help="leave the tree there")
    asked = vars(parser.parse_args())
    root, keep = asked.pop("root"), asked.pop("keep")
    wish = Wish(**asked)
    folder = Path(tempfile.mkdtemp(prefix="storm-", dir=root))
    print(f"{wish.command()}  in {folder}", flush=True)
    outcome = Storm(folder / "storm", wish, lambda text: print(text, flush=True)).run()
    print("\n".join(outcome.table()), flush=True)
    if outcome.violations:
        print("\n".join(f"VIOLATION {text}" for text in outcome.violations[:100]))
        print(f"the tree, the notes and the logs are in {folder}")
        print(f"again: {wish.command()}  (the same plan and the same weather; who runs when is not repeated)")
    elif keep:
        print(f"the tree is in {folder}")
    else:
        shutil.rmtree(folder)
    return 1 if outcome.violations else 0


if __name__ == "__main__":
    sys.exit(main())
