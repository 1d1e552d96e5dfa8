"""What came of many cuts, as a table that a stranger can read."""

import sys
from collections import Counter

from tests.power.jobs import MODELS, REALS, Outcome

EXPLAINED = {
    "weak": "model: unsynced writes lost, torn, reordered; a rename happens as a whole or not at all",
    "strict": "model: besides, each half of a rename between folders may be lost by itself",
    "process": "model: as the first, with `durability: process`, held to what that promises",
    **{mode: f"real cut of {mode.replace(', ', ', its ')}" for mode in REALS},
}


class Table:
    """Counts, and prints what broke as soon as it is known."""

    def __init__(self) -> None:
        self.broken = 0
        self.modelled = self.real = 0
        self._played: Counter[str] = Counter()
        self._broken: Counter[str] = Counter()
        self._spent_s: Counter[str] = Counter()
        self._scenes: set[str] = set()
        self._skipped: dict[str, str] = {}

    def take(self, outcome: Outcome) -> None:
        """A job is done."""
        mode = outcome.job.mode
        if outcome.skipped:
            self._skipped[mode] = outcome.skipped
            return
        self._played[mode] += outcome.played
        self._broken[mode] += len(outcome.wrong)
        self._spent_s[mode] += outcome.spent_s
        self._scenes.add(outcome.job.scene)
        self.broken += len(outcome.wrong)
        if mode in MODELS:
            self.modelled += outcome.played
        else:
            self.real += outcome.played
        for line, said in outcome.wrong.items():
            print(f"BROKEN  scripts/powerloss --replay '{line}'")
            for text in said[:4]:
                print(f"        {text[:300]}")
        sys.stdout.flush()

    def show(self, spent_s: float) -> None:
        """The table."""
        print(f"{'what a loss of power may leave':90} {'cuts':>7} {'broken':>7} {'a second':>9}")
        for mode in (*MODELS, *REALS):
            if mode in self._skipped:
                print(f"{EXPLAINED[mode]:90} skipped: {self._skipped[mode]}")
            elif self._played[mode]:
                rate = self._played[mode] / self._spent_s[mode] if self._spent_s[mode] else 0.0
                print(f"{EXPLAINED[mode]:90} {self._played[mode]:7} {self._broken[mode]:7} {rate:9.1f}")
        scenes = f"{len(self._scenes)} scenes, {self.modelled} states of the model, {self.real} real cuts"
        print(f"{scenes}, {self.broken} broken, {spent_s:.0f} s")
