"""The long run in pieces: a scene in a mode each, on all processors, each worker with folders and mounts of its own."""

import contextlib
import multiprocessing
import os
import random
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

from tests.crash import stage as stages
from tests.crash.company import NAMED, folder
from tests.power import real
from tests.power.outage import Outage, Recorded
from tests.power.states import State, states

MODELS = ("weak", "strict", "process")
REALS = tuple(f"{kind}, {how}" for kind in real.KINDS for how in real.HOW)


@dataclass(frozen=True, slots=True)
class Job:
    """So many cuts of one scene in one mode, by chance; 0: all states that there are."""

    scene: str
    mode: str
    most: int
    seed: int


@dataclass(slots=True)
class Outcome:
    """What came of a job. `wrong`: by the line that plays it again."""

    job: Job
    played: int = 0
    wrong: dict[str, list[str]] = field(default_factory=dict)
    spent_s: float = 0.0
    skipped: str = ""


class Crew:
    """Who does jobs in one process."""

    def __init__(self, base: Path) -> None:
        self._base = base
        base.mkdir()
        self._open = contextlib.ExitStack()
        self._reals: dict[str, real.RealOutage] = {}
        self._is_alone = False

    def close(self) -> None:
        """Unmount."""
        self._open.close()
        self._reals.clear()

    def do(self, job: Job) -> Outcome:
        """Do a job."""
        begun_s = time.monotonic()
        outcome = Outcome(job)
        try:
            (self._cut if job.mode in REALS else self._rebuild)(job, outcome)
        except real.NotHere as why:
            outcome.skipped = str(why)
        except Exception as error:  # a scene that cannot be played or explained is a failure, and not of the others
            outcome.wrong[f"{job.scene}/{job.mode}/0:0"] = [f"cannot be played: {error!r}"]
        outcome.spent_s = time.monotonic() - begun_s
        return outcome

    def _rebuild(self, job: Job, outcome: Outcome) -> None:
        outage, recorded = self.modelled(job)
        found = states(recorded.history)
        chance = random.Random(f"{job.seed} {job.scene} {job.mode}")
        chosen = chance.sample(found, min(job.most or len(found), len(found)))
        outcome.played = len(chosen)
        for state in chosen:
            if wrong := outage.cut(recorded, state):
                outcome.wrong[f"{job.scene}/{job.mode}/{state}"] = wrong

    def _cut(self, job: Job, outcome: Outcome) -> None:
        outage, recorded, how = self.mounted(job)
        points = range(1, recorded.one.calls + 2)
        chance = random.Random(f"{job.seed} {job.scene} {job.mode}")
        chosen = chance.sample(points, min(job.most or len(points), len(points)))
        outcome.played = len(chosen)
        for at in chosen:
            if wrong := outage.strike(recorded, at, how):
                outcome.wrong[f"{job.scene}/{job.mode}/{at}"] = wrong

    def modelled(self, job: Job) -> tuple[Outage, Recorded]:
        """The stage of the model, with a scene."""
        durability = "process" if job.mode == "process" else "power_loss"
        outage = Outage(self._base)
        return outage, _recorded(outage, job.scene, durability, strict=job.mode == "strict")

    def mounted(self, job: Job) -> tuple[real.RealOutage, Recorded, str]:
        """The stage on a real file system, with a scene; and how it is shut down. Raises NotHere."""
        kind, how = job.mode.split(", ")
        if kind not in self._reals:
            if not self._is_alone:
                real.alone()
                self._is_alone = True
            one = self._open.enter_context(real.mounted(kind))
            self._reals[kind] = real.RealOutage(one, self._base)
        outage = self._reals[kind]
        return outage, _recorded(outage, job.scene, "power_loss", strict=False), how

    def again(self, line: str) -> list[str]:
        """One case, from the line that names it. Raises ValueError, NotHere."""
        scene, mode, what = line.split("/", 2)
        job = Job(scene, mode, 0, 0)
        if mode in REALS:
            real_outage, recorded, how = self.mounted(job)
            return real_outage.strike(recorded, int(what), how)
        outage, recorded = self.modelled(job)
        return outage.cut(recorded, State.parse(what))


def _recorded(outage: Outage, scene: str, durability: str, *, strict: bool) -> Recorded:
    stages.CONFIG["daemon.yaml"]["durability"] = durability
    return outage.record(NAMED[scene], durability, strict=strict)


_crew: Crew | None = None


def _begin(base: Path) -> None:
    global _crew
    _crew = Crew(base / str(os.getpid()))


def _do(job: Job) -> Outcome:
    assert _crew is not None
    return _crew.do(job)


def do_all(jobs: list[Job], processes: int) -> Iterator[Outcome]:
    """All of them, as they end."""
    real.sweep()
    fork = multiprocessing.get_context("fork")
    with folder() as base, ProcessPoolExecutor(processes, fork, initializer=_begin, initargs=(base,)) as pool:
        try:
            for done in as_completed([pool.submit(_do, job) for job in jobs]):
                yield done.result()
        finally:
            pool.shutdown(cancel_futures=True)
            real.sweep()
