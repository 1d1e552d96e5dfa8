"""The storm itself: daemons and agents are killed with -9, frozen and replaced, until the time is over; then calm.

Killing is for the time that was asked for. After it everything may finish in peace, for at most `PATIENCE_S` in which
nothing new stands in the journal. Then the agents leave, and a restart has to change nothing.
"""

import contextlib
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.storm import notes
from tests.storm.checks import Evidence, differences, listing, violations, waits
from tests.storm.outcome import Outcome, figures
from tests.storm.planning import INSTRUCTION, configuration, expected, places, plan
from tests.support.tree import Running, Tree, as_yaml

HOUSE = Path(__file__).absolute().parents[2]
MOST_WRONG = 5  # then it is over: a daemon that cannot even begin is no weather
HELD = 5  # the exit code of a daemon that finds another one
TELL = {"PYTHONFAULTHANDLER": "1"}  # a daemon that hangs is asked by SIGABRT where
START_S, LEAVE_S = 60.0, 60.0  # the longest that a daemon may take to begin, and everybody to go
PATIENCE_S, LONGEST_CALM_S = 60.0, 600.0
LIFE_S, AWAKE_S, SECOND_S = 17.0, 250.0, 14.0  # the mean times until an agent is killed, or frozen; between daemons


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What was asked for."""

    seconds: float = 120.0
    agents: int = 50
    tasks: int = 1000
    seed: int = 1
    shape: str = "layered"

    def command(self) -> str:
        """The line that lets the same weather come again."""
        options = [f"--{name} {getattr(self, name):g}" for name in ("seconds", "agents", "tasks", "seed")]
        return " ".join(["scripts/storm", *options, f"--shape {self.shape}"])


class Storm:
    """One storm over one tree."""

    def __init__(self, folder: Path, wish: Wish, say: Callable[[str], None] = lambda _: None) -> None:
        """`folder`: where all of it lies; it is made."""
        self.folder, self.wish, self.say = folder, wish, say
        self.chance = random.Random(wish.seed)
        self.tree = Tree(folder / "work")
        self.notes, self.end = folder / "notes", folder / "end"
        self.plan = plan(wish.tasks, wish.agents, wish.shape, wish.seed)
        self.expected = expected(self.plan)
        self.wrong: list[str] = []
        self.count: Counter[str] = Counter()
        self.daemon: Running | None = None
        self.nobody_until_s = 0.0  # no daemon is started before
        self.life_s: float | None = 2.0  # of the one that begins, from when it is ready, however long that takes
        self.others: list[Running] = []  # daemons that came beside another one
        self.nursery: subprocess.Popen[bytes] | None = None

    @property
    def home(self) -> Path:
        return self.tree.root / INSTRUCTION

    # -- from beginning to end -------------------------------------------------------------------------------------

    def run(self) -> Outcome:
        """All of it. Leaves no process behind."""
        begun_s = time.monotonic()
        try:
            self._prepare()
            self._rage(time.monotonic() + self.wish.seconds)
            killed_s = time.monotonic()
            self._calm_down()
            calm_s = time.monotonic()
            self._leave()
            self._restart()
        finally:
            self._end_everything()
        outcome = self._judge()
        outcome.figures["seconds of storm, until all was done, in all"] = ", ".join(
            f"{end_s - begun_s:.0f}" for end_s in (killed_s, calm_s, time.monotonic())
        )
        return outcome

    def _prepare(self) -> None:
        self.notes.mkdir(parents=True)
        self.tree.workspace.mkdir()
        line = [sys.executable, "-m", "cagents_fs", "init", str(self.tree.workspace)]
        subprocess.run(line, check=True, capture_output=True, timeout=START_S)
        for name, document in configuration(self.wish.agents):
            self.tree.configure(name, document)
        self._start()
        (self.folder / "plan.yaml").write_text(as_yaml(self.plan))
        self.tree.plan(*self.plan["tasks"], **{k: v for k, v in self.plan.items() if k != "tasks"}, name=INSTRUCTION)
        words = [self.tree.root, self.wish.agents, self.notes, self.end, self.wish.seed]
        line = [sys.executable, "-m", "tests.storm.nursery", *map(str, words)]
        with (self.folder / "nursery.log").open("wb") as log:
            self.nursery = subprocess.Popen(line, cwd=HOUSE, stdin=subprocess.PIPE, stdout=log, stderr=log)

    # -- the storm -------------------------------------------------------------------------------------------------

    def _rage(self, until_s: float) -> None:
        """Kill, freeze and start, each at moments of its own."""
        due: list[tuple[float, Callable[[], float]]] = [
            (time.monotonic() + 1.0, self._kill_an_agent),
            (time.monotonic() + 1.0, self._freeze_an_agent),
            (time.monotonic() + 3.0, self._second_daemon),
            (time.monotonic() + 2.0, self._kill_the_daemon),
        ]
        self.thaws: list[tuple[float, int]] = []
        while (now_s := time.monotonic()) < until_s and len(self.wrong) < MOST_WRONG:
            self._thaw(now_s)
            self._look_at_daemons()
            due = [(now_s + act() if at_s <= now_s else at_s, act) for at_s, act in due]
            time.sleep(0.02)
        self._thaw(float("inf"))

    def _tell(self, what: str, number: int) -> None:
        assert self.nursery is not None and self.nursery.stdin is not None
        self.nursery.stdin.write(f"{what} {number}\n".encode())
        self.nursery.stdin.flush()

    def _somebody(self) -> int:
        return self.chance.choice(places(self.wish.agents)).number

    def _kill_an_agent(self) -> float:
        self._tell("kill", self._somebody())
        self.count["agents killed"] += 1
        return self.chance.expovariate(self.wish.agents / LIFE_S)

    def _freeze_an_agent(self) -> float:
        """Longer than its lease: it comes back, and goes on with what is no longer its own."""
        number = self._somebody()
        self._tell("freeze", number)
        self.thaws.append((time.monotonic() + self.chance.uniform(2.0, 9.0), number))
        self.count["agents frozen"] += 1
        return self.chance.expovariate(self.wish.agents / AWAKE_S)

    def _thaw(self, now_s: float) -> None:
        for at_s, number in [one for one in self.thaws if one[0] <= now_s]:
            self._tell("thaw", number)
            self.thaws.remove((at_s, number))

    def _start(self) -> Running:
        self.daemon = self.tree.start("watch", env=TELL)
        self.count["daemons started"] += 1
        return self.daemon

    def _kill_the_daemon(self) -> float:
        """And start the next one at once; or after a while; or two, of which one has to leave."""
        if self.others or self.daemon is None:
            return 0.2  # it is being tried who holds the tree
        if self.life_s is not None:
            if "\n" not in self.daemon.out.read_text():
                return 0.1
            life_s, self.life_s = self.life_s, None
            return life_s
        self.daemon.kill()
        self._expect(self.daemon, -signal.SIGKILL)
        self.count["daemons killed"] += 1
        self.daemon = None
        after = self.chance.random()
        self.nobody_until_s = time.monotonic() + (self.chance.uniform(1.0, 4.0) if after < 0.15 else 0.0)
        if after > 0.85:
            self._start()
            self.others.append(self.tree.start("watch", env=TELL))
            self.count["second daemons"] += 1
        if self.chance.random() < 0.3:
            return self.chance.uniform(0.1, 1.5)  # while it begins
        self.life_s = self.chance.uniform(*self.chance.choice([(0.2, 4.0), (3.0, 8.0)]))
        return 0.0

    def _expect(self, daemon: Running, code: int) -> None:
        if daemon.popen.returncode != code:
            self.wrong.append(f"a daemon ended with {daemon.popen.returncode}: {daemon.said()[-600:]}")

    def _second_daemon(self) -> float:
        if self.others or self.daemon is None:
            return 0.5
        self.others.append(self.tree.start("watch", env=TELL))
        self.count["second daemons"] += 1
        return self.chance.expovariate(1 / SECOND_S)

    def _look_at_daemons(self) -> None:
        """One of several has to stay, whichever came first, and the others to leave with 5. Else it is told."""
        running = [one for one in (self.daemon, *self.others) if one is not None]
        if not running and time.monotonic() < self.nobody_until_s:
            return
        gone = [one for one in running if one.popen.poll() is not None]
        for one in gone:
            self._expect(one, HELD if len(running) > 1 else -signal.SIGKILL)
            running.remove(one)
        self.daemon = running[0] if running else self._start()
        self.others = running[1:]
        first_s = min((one.out.stat().st_ctime for one in self.others), default=time.time())
        if time.time() - first_s > START_S:
            self.wrong.append(f"{len(running)} daemons run at once, for {START_S:.0f} s")
            while self.others:
                self.others.pop().kill()

    # -- the calm --------------------------------------------------------------------------------------------------

    def _seen(self) -> Evidence:
        return Evidence(self.home, self.plan, self.expected, [])

    def _size(self) -> int:
        journal = self.home / "journal.jsonl"
        return journal.stat().st_size if journal.exists() else 0

    def _missing(self) -> list[str]:
        """The tasks that do not lie where they have to in the end."""
        lies = self._seen().lies
        return [task for task, place in self.expected.items() if lies.get(task) != [place]]

    def _calm_down(self) -> None:
        """Until everything is done, or nothing has happened for long."""
        self.say(f"the storm is over; {len(self._missing())} of {self.wish.tasks} tasks are left")
        begun_s = changed_s = time.monotonic()
        size = 0
        while (missing := self._missing()) and len(self.wrong) < MOST_WRONG:
            self._look_at_daemons()
            now_s, grown = time.monotonic(), self._size()
            changed_s, size = (now_s, grown) if grown != size else (changed_s, size)
            if now_s - changed_s > PATIENCE_S or now_s - begun_s > LONGEST_CALM_S:
                self.wrong.append(f"{len(missing)} tasks were not finished in {now_s - begun_s:.0f} s of calm")
                self.wrong += waits(self._seen(), missing[:20])
                if self.daemon is not None:
                    self.wrong.append(self._where(self.daemon))
                    self._start()
                return
            time.sleep(0.25)

    def _leave(self) -> None:
        """The agents end; the daemon writes down what it has left, sends away one more, and ends."""
        assert self.nursery is not None and self.nursery.stdin is not None and self.daemon is not None
        self.end.touch()
        try:
            self.nursery.wait(LEAVE_S)
        except subprocess.TimeoutExpired:
            self.wrong.append(f"the agents did not leave within {LEAVE_S:.0f} s")
            self.nursery.stdin.close()
            self.nursery.wait(LEAVE_S)
        while self.others:
            self._look_at_daemons()
            time.sleep(0.05)
        before = self._at_rest()
        second = self.tree.start("watch", env=TELL)
        self.count["second daemons"] += 1
        if (code := second.popen.wait(START_S)) != HELD:
            self.wrong.append(f"a second daemon beside one at rest ended with {code}: {second.said()[-600:]}")
        after = listing(self.tree.root)
        self.wrong += [f"a second daemon beside one at rest: {text}" for text in differences(before, after)[:20]]
        self._stop(self.daemon)

    def _stop(self, daemon: Running) -> None:
        try:
            if (code := daemon.stop(within=LEAVE_S)) != 0:
                self.wrong.append(f"the last daemon ended with {code}: {daemon.said()[-600:]}")
        except subprocess.TimeoutExpired:
            self.wrong.append(f"SIGTERM did not end the daemon within {LEAVE_S:.0f} s; {self._where(daemon)}")

    def _where(self, daemon: Running) -> str:
        """Ends a daemon by asking where it is: the stacks of its threads."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            daemon.stop(signal.SIGABRT)
        return f"it was here: {daemon.said()}"

    def _at_rest(self) -> dict[str, str]:
        """The tree when it has been the same for a while."""
        deadline_s, before = time.monotonic() + LEAVE_S, listing(self.tree.root)
        while time.monotonic() < deadline_s:
            time.sleep(3.0)
            after = listing(self.tree.root)
            if before == after:
                return after
            changed, before = differences(before, after), after
        self.wrong.append(f"the tree does not come to rest; in the last 3 s: {changed[:10]}")
        return before

    def _restart(self) -> None:
        """Twice, and each time nothing may change, nor by that last stop."""
        before = listing(self.tree.root)
        for number in (1, 2):
            once = self.tree.start("watch", "--once")
            if (code := once.popen.wait(START_S)) != 0:
                self.wrong.append(f"restart {number} ended with {code}: {once.said()[-600:]}")
            after = listing(self.tree.root)
            self.wrong += [f"restart {number} changed something: {text}" for text in differences(before, after)[:20]]
            before = after

    def _end_everything(self) -> None:
        if self.nursery is not None and self.nursery.stdin is not None:
            with contextlib.suppress(OSError):
                self.nursery.stdin.close()
            try:
                self.nursery.wait(10.0)
            except subprocess.TimeoutExpired:
                self.nursery.send_signal(signal.SIGKILL)
                self.nursery.wait()
        for running in self.tree.started:
            running.kill()

    # -- the judgement ---------------------------------------------------------------------------------------------

    def _judge(self) -> Outcome:
        seen = Evidence(self.home, self.plan, self.expected, list(notes.everybody(self.notes)))
        outcome = Outcome(figures(seen, self.count), self.wrong + violations(seen))
        said = (self.folder / "nursery.log").read_text()
        outcome.violations += [f"agents: {line}" for line in said.splitlines()[:20]]
        for number, running in enumerate(self.tree.started):
            if "Traceback" in (wrong := running.err.read_text()):
                outcome.violations.append(f"daemon {number} met with a fault of its own: {wrong[-1500:]}")
        return outcome
