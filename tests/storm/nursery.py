"""The parent of the storm's agents: forks one for each work place, kills them when told, and fills their places again.

Everything that agents need is imported once, here. Commands come on standard input, one a line: `kill N`, `freeze N`,
`thaw N`, N being a work place. An agent runs in a process group of its own, so that what it started dies with it. When
the input ends, so do all of them.

    python -m tests.storm.nursery ROOT AGENTS NOTES END SEED
"""

import contextlib
import gc
import os
import select
import signal
import sys
import traceback
from pathlib import Path
from typing import NoReturn

import cagents_fs.client.claiming
import cagents_fs.client.working
import cagents_fs.store.dump  # noqa: F401 - so that no agent has to import anything
from tests.storm.agents import be
from tests.storm.planning import Place, places


class Nursery:
    """Who is at which work place, by process id."""

    def __init__(self, root: Path, agents: int, folder: Path, end: Path, seed: int) -> None:
        self.root, self.folder, self.end, self.seed = root, folder, end, seed
        self.places = places(agents)
        self.living: dict[int, int] = {}
        self.lives = [0] * len(self.places)

    def fill(self, place: Place) -> None:
        self.lives[place.number] += 1
        writer = f"w{place.number:02}x{self.lives[place.number]}"
        pid = os.fork()
        if pid == 0:
            self._become(place, writer)
        with contextlib.suppress(PermissionError):  # the child has done so already, and is another program by now
            os.setpgid(pid, pid)
        self.living[place.number] = pid

    def _become(self, place: Place, writer: str) -> NoReturn:
        code = 1
        try:
            os.setpgid(0, 0)
            nothing = os.open(os.devnull, os.O_RDWR)
            os.dup2(nothing, 0)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            be(self.root, place, self.folder, writer, f"{self.seed}/{writer}", self.end)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)

    def send(self, number: int, what: signal.Signals) -> None:
        """To the whole process group of whoever is there; nobody else can have its number while we have not waited."""
        if number in self.living:
            os.killpg(self.living[number], what)

    def kill(self, number: int) -> None:
        """With -9; somebody else takes the place at once."""
        if number not in self.living:
            return
        self.send(number, signal.SIGKILL)
        os.waitpid(self.living.pop(number), 0)
        if not self.end.exists():
            self.fill(self.places[number])

    def look(self) -> None:
        """Who has left by himself? At the end everybody does; before that it is told, and somebody takes the place."""
        for number, pid in list(self.living.items()):
            if os.waitpid(pid, os.WNOHANG)[0]:
                del self.living[number]
                if not self.end.exists():
                    print(f"agent at place {number} left by himself", flush=True)
                    self.fill(self.places[number])

    def obey(self, line: str) -> None:
        what, number = line.split()
        if what == "kill":
            self.kill(int(number))
        else:
            self.send(int(number), {"freeze": signal.SIGSTOP, "thaw": signal.SIGCONT}[what])

    def live(self) -> None:
        """Until the input ends, or the end has come and all have gone. Whatever happens, nobody is left behind."""
        try:
            for place in self.places:
                self.fill(place)
            self._listen()
        finally:
            for number in list(self.living):
                self.send(number, signal.SIGKILL)
                os.waitpid(self.living.pop(number), 0)

    def _listen(self) -> None:
        rest = b""
        while True:
            self.look()
            if self.end.exists() and not self.living:
                return
            if not select.select([0], [], [], 0.1)[0]:
                continue
            data = os.read(0, 65536)
            if not data:
                return
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self.obey(line.decode())


if __name__ == "__main__":
    gc.collect()
    gc.freeze()
    root, agents, folder, end, seed = sys.argv[1:]
    Nursery(Path(root), int(agents), Path(folder), Path(end), int(seed)).live()
