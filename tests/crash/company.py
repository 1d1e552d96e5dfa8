"""Many cases on all processors: a warm process, forked workers, each with a folder of its own."""

import contextlib
import gc
import importlib
import itertools
import multiprocessing
import os
import pkgutil
import shutil
import signal
import tempfile
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from pathlib import Path

import cagents_fs
from tests.crash import stage as stages
from tests.crash.case import Set, Theatre
from tests.crash.faults import BY_NAME
from tests.crash.scenes import SCENES
from tests.crash.stage import Stage
from tests.simulation.sim_clock import SimClock

NAMED = {scene.name: scene for scene in SCENES}


@dataclass(frozen=True, slots=True)
class Case:
    """Which misfortune, where. `then`: a second crash, in the restart."""

    scene: str
    fault: str
    point: int
    then: int = 0
    actor: int = 0
    durability: str = "power_loss"

    def again(self) -> str:
        """The line that plays it again."""
        more = f" --then {self.then}" * bool(self.then) + f" --actor {self.actor}" * bool(self.actor)
        more += f" --durability {self.durability}" * (self.durability != "power_loss")
        return f"scripts/crash --scene {self.scene} --fault {self.fault} --point {self.point}{more}"


class Company:
    """A theatre and the scenes that are set up in it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.theatre = Theatre(folder)
        self._sets: dict[tuple[str, str], Set] = {}

    def set_of(self, scene: str, durability: str = "power_loss") -> Set:
        """A scene, set up at its first use."""
        if (scene, durability) not in self._sets:
            stages.CONFIG["daemon.yaml"]["durability"] = durability
            self._sets[scene, durability] = self.theatre.set_up(NAMED[scene], f"{scene}.{durability}")
        return self._sets[scene, durability]

    def play(self, case: Case) -> list[str]:
        """What is wrong after a case."""
        one = self.set_of(case.scene, case.durability)
        return self.theatre.play(one, BY_NAME[case.fault], case.point, case.then, case.actor)


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A folder for trees that are made many thousand times: in memory, where there is room."""
    base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    made = Path(tempfile.mkdtemp(prefix="cagents-crash-", dir=base))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def warm_up() -> None:
    """Import everything and live once, so that no child pays for it; then let no collector touch the shared pages."""
    for module in pkgutil.walk_packages(cagents_fs.__path__, "cagents_fs."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(Path(folder) / "tree", SimClock())
        SCENES[0].given(stage)
        stage.lives()
    gc.collect()
    gc.freeze()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was played, what went wrong, and how many different trees were restarted for it."""

    played: list[Case]
    wrong: list[tuple[Case, list[str]]]
    trees: int


@dataclass(frozen=True, slots=True)
class Part:
    """What a worker plays: some scenes, a few cases of each in turn, until there are none or it is told to stop."""

    cases: tuple[Callable[[Company], Iterator[Case]], ...]
    at_once: int


def _work(part: Part, folder: Path, outcomes: "multiprocessing.Queue[Outcome | str | None]", enough: Event) -> None:
    """In a worker. Signals mean what they mean to a new process; a Ctrl-C is for the one that counts."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        company = Company(folder)
        left = deque(make(company) for make in part.cases)
        while left and not enough.is_set():
            cases = list(itertools.islice(left[0], part.at_once))
            before = company.theatre.trees
            wrong = [(case, said) for case in cases if (said := company.play(case))]
            outcomes.put(Outcome(cases, wrong, company.theatre.trees - before))
            if len(cases) < part.at_once:
                left.popleft()
            left.rotate(-1)
    except BaseException:
        outcomes.put(traceback.format_exc())
    finally:
        outcomes.put(None)


def play_all(parts: list[Part]) -> Generator[Outcome, bool, None]:
    """What comes of all parts, each in a process of its own. Send True when it is enough. Raises RuntimeError."""
    context = multiprocessing.get_context("fork")
    outcomes, enough = context.Queue(), context.Event()
    with folder() as base:
        workers = [
            context.Process(target=_work, args=(part, base / f"w{number}", outcomes, enough))
            for number, part in enumerate(parts)
        ]
        for worker in workers:
            worker.start()
        try:
            for _ in parts:
                while (outcome := outcomes.get()) is not None:
                    if isinstance(outcome, str):
                        raise RuntimeError(outcome)
                    if (yield outcome):
                        enough.set()
        finally:
            for worker in workers:
                worker.terminate()
                worker.join()
