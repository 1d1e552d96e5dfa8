"""One seed, played from its plan to its end."""

import contextlib
import logging
import os
import random
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.simulation.agents import KINDS, Agent
from tests.simulation.life import Life
from tests.simulation.observer import Observer, i2_no_byte_is_lost, snapshot
from tests.simulation.people import People
from tests.simulation.planning import AGENTS, settle_in
from tests.simulation.pleading import see_to_all
from tests.simulation.sim_clock import ticking
from tests.simulation.world import END, Violation, World, encoded

FATES = ("die", "die", "die after", "tear", "refuse", "race")
MOST_ROUNDS = 600  # of the end: more means that something never ends


@dataclass
class Played:
    """What came of a seed."""

    seed: int
    transcript: list[str]
    counts: Counter[str]
    wrong: str | None = None


class Play:
    """World, actors and daemon of one seed."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.world = World(seed, folder)
        self.chance = self.world.chance
        self.observer = Observer(self.world)
        self.agents = [Agent(name, self.chance.choice(KINDS), self.world) for name in AGENTS]
        self.people = People(self.world, self.observer.told)
        self.checks = random.Random(f"{seed}/checks")
        self.bother = self.chance.choice((0.0, 0.05, 0.15))  # how much people do
        self.death = self.chance.choice((0.0, 0.05, 0.15))
        self.life: Life | None = None

    def run(self, steps: int) -> None:
        """All of it. Raises Violation."""
        settle_in(self.world)
        for _ in range(steps):
            self.step()
        self.finish()

    # -- steps -----------------------------------------------------------------------------------------------------

    def step(self) -> None:
        """One or two actors act, then the daemon has a turn, if there is one."""
        chance = self.chance
        for _ in range(chance.choice((1, 1, 2))):
            self.somebody()
        if self.life is None:
            if chance.random() < 0.6:
                self.start()
            else:
                self.world.clock.sleep(chance.choice((1.0, 100.0)))
            return
        luck = chance.random()
        if luck < self.death:
            self._arm()
        elif luck < self.death + 0.02:
            self.stop()
            return
        elif luck < self.death + 0.04:
            self.life.waiting.asleep_s = chance.choice((30.0, 3600.0))
            self.world.say("the machine falls asleep")
        match chance.random():
            case luck if luck < 0.75:
                self.turn(chance.choice((0.0, 0.05, 0.3, 1.0, 3.0)))
            case luck if luck < 0.95:
                self.turn(3600.0)
            case _:
                self.jump(chance.choice((60.0, 150.0, 300.0)))

    def somebody(self) -> None:
        """Whose turn it is."""
        if self.chance.random() < self.bother:
            self.people.act()
        elif self.chance.random() < 0.02:
            agent = self.chance.choice(self.agents)
            agent.kind = self.chance.choice(KINDS)
            self.world.say(f"{agent.name} is {agent.kind} from now on")
        else:
            self.chance.choice(self.agents).act()

    def _arm(self) -> None:
        fate, at = self.chance.choice(FATES), int(self.chance.expovariate(1 / 8)) + 1
        self.world.wire.arm(at, fate, self.somebody)
        self.world.say(f"armed: {fate} at call {at}")

    def turn(self, within_s: float) -> None:
        """One turn; what it came to is looked at."""
        assert self.life is not None
        self.world.turn += 1
        overflow = self.chance.random() < 0.02
        before_s = self.world.clock.passed_s
        lives = self.life.turn(self.world.take_hints(), within_s, overflow=overflow)
        lost_s, self.life.waiting.lost_s = self.life.waiting.lost_s, 0.0
        self.world.alive_s += self.world.clock.passed_s - before_s - lost_s
        if lost_s:
            self.world.sleeps.append((self.world.clock.passed_s, lost_s))
        self._after(lives)

    def jump(self, seconds: float) -> None:
        """Time passes, and nobody does anything."""
        self.world.say(f"{seconds:g} s pass")
        until_s = self.world.clock.passed_s + seconds
        if self.chance.random() < 0.8:  # a file that somebody keeps open is looked at every 50 ms
            self.world.finish_all()
        for _ in range(25):
            if self.life is None or self.world.clock.passed_s > until_s - 1e-3:
                break
            self.turn(until_s - self.world.clock.passed_s)

    # -- lives -----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """A daemon starts; at times it dies of it, at times a second start right after it has nothing to do."""
        world = self.world
        world.turn += 1
        world.life_began_s = world.clock.passed_s
        world.take_hints()
        world.hints.clear()
        if self.chance.random() < self.death:
            self._arm()
        world.say("a daemon starts")
        world.count("started")
        life = Life(world.root, world.clock, world.wire, world.passes, self.checks)
        self.life = life
        self._after(life.begin())
        settled = (
            world.clock.passed_s - world.wrote_s > world.numbers.settle_s + 0.01
        )  # no file is just about to settle
        if self.life is not None and settled and self.chance.random() < 0.4:
            self._second_start()

    def _second_start(self) -> None:
        """I5: a second restart changes nothing."""
        for _ in range(5):
            self.turn(0.0)
            if self.life is None or self.life.service.loop.trouble.said:
                return
            if not self.life.service.loop.moved:
                break
        self.stop()
        before = snapshot(self.world)
        world = self.world
        self.life = Life(world.root, world.clock, world.wire, world.passes, self.checks)
        world.life_began_s = world.clock.passed_s
        self._after(self.life.begin())
        after = snapshot(world)
        changed = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
        if changed:
            raise Violation(f"i5_second_restart_changes_nothing: {[os.path.relpath(p, world.root) for p in changed]}")
        world.count("second starts")

    def stop(self) -> None:
        """A clean end."""
        assert self.life is not None
        self.world.turn += 1
        self.world.say("the daemon is stopped")
        lives = self.life.stop()
        self.observer.after(None)
        self.life = None
        self.world.count("stopped" if lives else "died in its end")

    def _after(self, lives: bool) -> None:
        met, self.world.wire.met = self.world.wire.met, self.world.wire.met
        if met:
            self.world.say(f"{met} came to pass")
            self.world.count(met)
        if not lives:
            self.world.say("the daemon is dead")
            self.life = None
        self.observer.after(self.life)

    # -- the end ---------------------------------------------------------------------------------------------------

    def finish(self) -> None:
        """All become good; then everything comes to an end."""
        world = self.world
        world.say("all are good from now on")
        self.death = self.bother = world.deaf = 0.0
        world.finish_all()
        for agent in self.agents:
            agent.kind = "good"
            for job in agent.jobs:
                job.slow = None
        for lost in self._lost():
            raise Violation(f"i2_no_byte_is_lost: {lost}")
        for number in range(MOST_ROUNDS):
            if number == 10:  # not before two looks have missed them
                for instruction in {instruction for instruction, _ in world.gone}:
                    world.publish(f"{instruction}/requests/last.yaml", encoded({"action": "rescue"}) + END)
            if number == 15:
                world.see_again()
            if number % 20 == 5:
                see_to_all(world, self.observer.told, number)
            if self.life is None:
                self.start()
                continue
            for agent in self.agents:
                agent.act_at_the_end(self.observer.told)
            self.turn(self.chance.choice((0.3, 2.0, 3600.0)))
            if self._is_over():
                break
        else:
            raise Violation(f"everything_ends: {self._open_tasks()}")
        self.turn(world.numbers.scan_s + 1.0)
        self.stop()
        for lost in self._lost():
            raise Violation(f"i2_no_byte_is_lost: {lost}")

    def _lost(self) -> Iterator[str]:
        return i2_no_byte_is_lost(self.world)

    def _is_over(self) -> bool:
        return not any(self._open_tasks())

    def _open_tasks(self) -> list[str]:
        """Tasks for which there is neither an end nor a reason."""
        found = []
        for instruction, told in self.observer.told.items():
            for task, fate in told.fates.items():
                ended = (fate.place or "").startswith(("tasks/completed", "tasks/failed", "tasks/cancelled"))
                if (
                    fate.place
                    and not ended
                    and not self._has_reason(instruction, task)
                    and (instruction, task) not in self.world.gone
                ):
                    found.append(f"{instruction}/{task} in {fate.place}")
            if not told.intake:
                found.append(f"{instruction} was not taken in")
        return found

    def _has_reason(self, instruction: str, task: str) -> bool:
        """Whether a task is blocked by one that is lost, or waits for one that is: then it waits for a person."""
        told, work = self.observer.told[instruction], self.observer.index.works.get(instruction)
        if task in told.resumed and task in self.world.may_wait(instruction):
            return True  # it waits for a child that is lost, and a person has said that it shall
        if work is None or task not in work.records:
            return False
        match told.fate(task).place:
            case "queues/waiting_on_dependencies":
                awaited = work.edges.get(task, ())
                return any(self._has_reason(instruction, other) for other in awaited if other != task)
            case "tasks/blocked":
                return any(self._is_lost(instruction, cause) for cause in work.causes().get(task, ()))
        return False

    def _is_lost(self, instruction: str, task: str) -> bool:
        fate = self.observer.told[instruction].fates.get(task)
        return fate is None or fate.place in (None, "tasks/failed", "tasks/cancelled", "tasks/blocked")


def play(seed: int, steps: int = 200) -> Played:
    """Play a seed. Whatever goes wrong is in the answer, with the story that led to it."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix=f"simulation-{seed}-", dir=memory) as folder, quiet():
        one = Play(seed, Path(folder))
        played = Played(seed, one.world.transcript, one.world.counts)
        with ticking(one.world.clock), one.world.wire.installed():
            try:
                one.run(steps)
            except Violation as wrong:
                played.wrong = one.world.masked(str(wrong))
            except Exception:
                played.wrong = one.world.masked(f"it broke: {traceback.format_exc()}")
            finally:
                one.world.finish_all()
                if one.life is not None:
                    with contextlib.suppress(Exception):
                        one.life._drop()
    return played


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """The daemon's log is not for us."""
    log = logging.getLogger("cagents_fs")
    before, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = before
