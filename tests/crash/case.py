"""One case: a fresh tree, one misfortune at one call, two restarts, and whether the promises hold."""

import errno
import gc
import json
import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

from tests.crash import fsck, same
from tests.crash.faults import FAIL_ONCE, RAISE, SHORTEN, STOP, TEAR, Fault
from tests.crash.life import FAULT_OF_OURS, GAVE_UP
from tests.crash.oplog import operations
from tests.crash.preload import Shim
from tests.crash.process import HUNG_S, Came, apart, here, within
from tests.crash.scene import Scene
from tests.crash.stage import Stage
from tests.simulation.sim_clock import SimClock

SHORT_S = 1.0
LONG_S = 200.0  # of the daemon's time: every backoff is over, no lease is
TIDY_EVERY = 50  # restarts
OF_THE_DEAD = 2**22 - 2  # the number by which a struck process goes: those after it see that it is gone


@dataclass(slots=True)
class Set:
    """A scene, set up: its tree, and what comes of it when nothing goes wrong."""

    scene: Scene
    template: Path
    before: fsck.Tree
    calls: int
    looks: int
    kinds: dict[int, str] = field(default_factory=dict)  # of the changing calls that succeeded, by number
    tasks: dict[str, list[str]] = field(default_factory=dict)
    ends: dict[str, dict[str, list[str]]] = field(default_factory=dict)  # instruction -> task -> places
    restarted: dict[tuple[bytes, bytes, bool], list[str]] = field(default_factory=dict)  # what came of trees like this


class Theatre:
    """Plays cases in a folder. The process that uses it is warm: everything is imported, and nothing has run yet."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.shim = folder, Shim()
        self.root, self.log = folder / "tree", folder / "log"
        self.trees = 0  # how many different ones were restarted
        gc.disable()  # forked children share the pages that no collector touches

    def set_up(self, scene: Scene, name: str) -> Set:
        """Make the tree of a scene, and play it once undisturbed. Raises AssertionError where that goes wrong."""
        template = self.folder / name
        shutil.rmtree(template, ignore_errors=True)
        made = apart(lambda: self._give(scene))
        assert made.code == 0, f"{scene.name} cannot be set up: {made.said}"
        self.root.rename(template)
        looks = self._counted(scene, template, looks=True)
        calls = self._counted(scene, template, looks=False)
        tree = self._tree(scene)
        one = Set(scene, template, fsck.listing(template / scene.below), calls, looks, kinds=self._kinds())
        self._restart(scene, 1, long=True)
        for instruction in fsck.instructions(tree):
            found = fsck.places(instruction)
            one.ends[instruction.name] = found
            one.tasks[instruction.name] = sorted(name for name in found if fsck.is_whole(instruction, name))
        wrong = list(fsck.broken(tree, one.before, fsck.listing(tree), one.tasks))
        assert not wrong, f"{scene.name} breaks promises by itself: {wrong}"
        return one

    def _give(self, scene: Scene) -> Came:
        shutil.rmtree(self.root, ignore_errors=True)
        scene.given(Stage(self._tree(scene), SimClock()))
        return Came(0)

    def _counted(self, scene: Scene, template: Path, *, looks: bool) -> int:
        """How many calls the scene makes. Those that change something are written down."""

        def count() -> Came:
            self.shim.log_to(os.open(self.log, os.O_CREAT | os.O_TRUNC | os.O_WRONLY))
            self.shim.arm(str(self.root), looks=looks)
            code, said = scene.counted(self._stage(scene, 0))
            return Came(code, said, self.shim.count)

        self._fresh(template)
        came = apart(count)
        assert came.code == 0, f"{scene.name} goes wrong by itself: {came.code}: {came.said}"
        return came.calls

    def _kinds(self) -> dict[int, str]:
        return {operation.number: operation.call for operation in operations(self.log)}

    def _stage(self, scene: Scene, life: int) -> Stage:
        clock = SimClock()
        clock.sleep(10_000.0 + 1_000.0 * life)
        return Stage(self._tree(scene), clock)

    def _tree(self, scene: Scene) -> Path:
        return self.root / scene.below if scene.below else self.root

    def _fresh(self, template: Path) -> None:
        shutil.rmtree(self.root, ignore_errors=True)
        shutil.copytree(template, self.root, symlinks=True)

    # -- processes -------------------------------------------------------------------------------------------------

    def _restart(self, scene: Scene, life: int, *, long: bool) -> Came:
        def play() -> Came:
            self.shim.off()
            return Came(*self._lives_again(scene, self._stage(scene, life), long=long))

        return apart(play)

    # -- a case ----------------------------------------------------------------------------------------------------

    def points(self, one: Set, fault: Fault) -> list[int]:
        """The calls that can meet this fault: only a write is torn or short, only what opens a file lacks a number."""
        if fault.looks:
            return list(range(1, one.looks + 1))
        if fault.fate in (TEAR, SHORTEN):
            return [number for number, call in one.kinds.items() if call == "write"]
        if fault.argument == errno.EMFILE and fault.fate == FAIL_ONCE:
            return [number for number, call in one.kinds.items() if call in ("create", "truncate")]
        return list(range(1, one.calls + 1))

    def play(self, one: Set, fault: Fault, at: int, then: int = 0, actor: int = 0) -> list[str]:
        """What is wrong after this misfortune. `then`: the first restart is killed before its call of this number."""
        scene, before, wrong = one.scene, dict(one.before), list[str]()
        came = self._struck(one, fault, at, lambda pid: wrong.extend(self._meanwhile(one, fault, actor, pid, before)))
        wrong += _how_it_ended(fault, came, is_command=scene.again is not None)
        tree = self._tree(scene)
        accepted = _accepted(tree)
        if then:
            apart(lambda: self._killed(scene, then))
        if scene.again is not None and came.code != 0:
            apart(lambda: self._again(scene))
        wrong += self._recovered_as_before(one, before, strict=scene.same_end and fault.name != "agent")
        wrong += [f"I3 accepted: {lost} is gone" for lost in accepted - _accepted(tree)]
        return wrong

    def _struck(self, one: Set, fault: Fault, at: int, during: Callable[[int], None] | None = None) -> Came:
        """What becomes of the counted thing that meets its misfortune, in a tree as it was before."""
        self._fresh(one.template)

        def counted() -> Came:
            self.shim.arm(str(self.root), at, fault.fate, fault.argument, looks=fault.looks)
            try:
                with patch("os.getpid", lambda: OF_THE_DEAD):
                    return Came(*one.scene.counted(self._stage(one.scene, 0)))
            finally:
                self.shim.off()

        return apart(counted, during) if fault.kills or fault.fate in (STOP, RAISE) else here(counted)

    def _killed(self, scene: Scene, at: int) -> Came:
        self.shim.arm(str(self.root), at, 1)
        with patch("os.getpid", lambda: OF_THE_DEAD - 1):
            code, said = self._lives_again(scene, self._stage(scene, 1), long=True)
        return Came(code, said, self.shim.count)

    def pairs(self, one: Set, fault: Fault, at: int) -> int:
        """How many calls the restart after this misfortune makes: so many pairs begin with it."""
        self._struck(one, fault, at)
        return apart(lambda: self._killed(one.scene, 0)).calls

    @staticmethod
    def _lives_again(scene: Scene, stage: Stage, *, long: bool) -> tuple[int, str]:
        """A restart, long enough for everything to come to an end, or just to see whether there is anything to do."""
        if scene.restart is not None:
            return scene.restart(stage)
        return stage.daemon(max(scene.seconds, LONG_S) if long else SHORT_S, agents=scene.agents)

    def _again(self, scene: Scene) -> Came:
        self.shim.off()
        assert scene.again is not None
        scene.again(self._stage(scene, 1))
        return Came(0)

    def _meanwhile(self, one: Set, fault: Fault, actor: int, pid: int, before: fsck.Tree) -> list[str]:
        """What others do while the process stands still. What an agent writes over its own files counts from then."""
        try:
            if fault.name == "second-daemon":
                came = self._restart(one.scene, 0, long=False)
                return [f"the second daemon: {came.said}"] if came.code == FAULT_OF_OURS else []
            self.shim.off()
            doing = one.scene.meddle[actor % len(one.scene.meddle)]
            tree = self._tree(one.scene)
            found = fsck.listing(tree)
            apart(lambda: (doing(self._stage(one.scene, 0)), Came(0))[1])  # it may find nothing to do any more
            left = fsck.listing(tree)
            before.update({name: data for name, data in left.items() if found.get(name) != data})
            for name in found.keys() - left.keys():
                before.pop(name, None)
            return []
        finally:
            os.kill(pid, signal.SIGCONT)

    def _recovered_as_before(self, one: Set, before: fsck.Tree, *, strict: bool) -> list[str]:
        """As `_recovered`. A tree that is the same as one before comes to the same: the daemon's clocks are ours."""
        tree = (same.print_of(self.root), same.print_of_files(before), strict)
        if tree not in one.restarted:
            one.restarted[tree] = self._recovered(one, before, strict=strict)
        return list(one.restarted[tree])

    def _recovered(self, one: Set, before: fsck.Tree, *, strict: bool) -> list[str]:
        """What is wrong after a restart, and after another. In this process: nothing goes wrong on purpose any more."""
        self.shim.off()
        self.trees += 1
        if self.trees % TIDY_EVERY == 0:
            gc.collect()
        with within(HUNG_S):
            return self._restarted(one, before, strict=strict)

    def _restarted(self, one: Set, before: fsck.Tree, *, strict: bool) -> list[str]:
        wrong: list[str] = []
        stage = self._stage(one.scene, 2)
        code, said = self._lives_again(one.scene, stage, long=True)
        if code != 0:
            wrong.append(f"I5 the restart ended with {code}: {said}")
        tree = self._tree(one.scene)
        once = fsck.listing(tree)
        wrong += fsck.broken(tree, before, once, {} if one.scene.doubled else one.tasks)
        if strict:
            wrong += _other_ends(tree, one.ends)
        code, said = self._lives_again(one.scene, stage, long=False)
        if code != 0:
            wrong.append(f"I5 the second restart ended with {code}: {said}")
        twice = fsck.listing(tree)
        changed = sorted(name for name in once.keys() | twice.keys() if once.get(name, 0) != twice.get(name, 0))
        if changed:
            wrong.append(f"I5 the second restart changed {changed[:5]}")
        return wrong


def _how_it_ended(fault: Fault, came: Came, *, is_command: bool) -> list[str]:
    """What a process may come to under this fault. A daemon ends in order; a command may end by the signal itself."""
    if came.code == FAULT_OF_OURS:
        return [f"I13 a fault of ours: {came.said}"]
    if came.code < 0 and not (fault.kills or fault.fate in (STOP, RAISE)):
        hung = f"; it hung for {HUNG_S:.0f} s" if came.code == -signal.SIGALRM else ""
        return [f"I9 it was ended by signal {-came.code}{hung}"]
    if fault.fate == RAISE and came.code not in (0, GAVE_UP) and not is_command:
        return [f"after {fault.name} it ended with {came.code}: {came.said}"]
    return []


def _accepted(root: Path) -> set[str]:
    """What was said to be accepted, as far as whole lines tell."""
    found: set[str] = set()
    for path in root.glob("*/journal.jsonl"):
        for text in path.read_bytes().split(b"\n")[:-1]:
            line = json.loads(text)
            if line["event"] == "accepted":
                found.add(f"{path.parent.name}/{line['task_id']}#{line['attempt']}")
    return found


def _other_ends(root: Path, ends: dict[str, dict[str, list[str]]]) -> list[str]:
    wrong = []
    for name, tasks in ends.items():
        found = fsck.places(root / name)
        elsewhere = [task_id for task_id, there in tasks.items() if found.get(task_id) != there]
        wrong += [f"{task_id} is in {found.get(task_id)}, not in {tasks[task_id]}" for task_id in elsewhere]
    return wrong
