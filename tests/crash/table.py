"""What came of many cases, as a table that a stranger can read."""

from collections import Counter

from tests.crash.company import Case, Outcome
from tests.crash.faults import ALL

EXPLAINED = {
    "kill": "killed (-9) before, after, or in the middle of a call",
    "error": "a call fails: once, from there on, or although it was done",
    "signal": "SIGTERM, SIGINT or SIGHUP arrives at a call",
    "others": "a second daemon, or an agent, acts while the first stands still at a call",
    "look": "a call that only reads fails",
    "pair": "killed, and killed again while recovering",
}


def family(case: Case) -> str:
    """Under which head a case is counted."""
    if case.then:
        return "pair"
    name = case.fault
    if name in ("kill-before", "kill-after", "torn-write"):
        return "kill"
    if name.startswith("SIG"):
        return "signal"
    if name in ("second-daemon", "agent"):
        return "others"
    return "look" if name.startswith("look") else "error"


class Table:
    """Counts, and prints what broke as soon as it is known."""

    def __init__(self) -> None:
        self.cases = 0
        self.broken = 0
        self.trees = 0
        self._played: Counter[str] = Counter()
        self._broken: Counter[str] = Counter()
        self._scenes: set[str] = set()
        self._faults: set[str] = set()

    def take(self, outcome: Outcome) -> None:
        """A batch has been played."""
        self.cases += len(outcome.played)
        self.broken += len(outcome.wrong)
        self.trees += outcome.trees
        for case in outcome.played:
            self._played[family(case)] += 1
            self._scenes.add(case.scene)
            self._faults.add(case.fault)
        for case, said in outcome.wrong:
            self._broken[family(case)] += 1
            print(f"BROKEN  {case.again()}")
            for line in said[:4]:
                print(f"        {line[:300]}", flush=True)

    def show(self, spent_s: float) -> None:
        """The table."""
        print(f"{'what went wrong on purpose':76} {'cases':>8} {'broken':>7}")
        for name, text in EXPLAINED.items():
            if self._played[name]:
                print(f"{text:76} {self._played[name]:8} {self._broken[name]:7}")
        print(f"{'all':76} {self.cases:8} {self.broken:7}")
        rate = self.cases / spent_s if spent_s else 0.0
        kinds = f"{len(self._scenes)} scenes, {len(self._faults)} of {len(ALL)} faults"
        print(f"{kinds}, {self.trees} different trees restarted twice, {spent_s:.0f} s, {rate:.0f} cases a second")
