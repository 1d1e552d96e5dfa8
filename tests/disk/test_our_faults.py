"""A fault of ours with one instruction is no reason to leave the others, nor to end: it is held, and tried again.

Such a fault cannot be had by anything that stands in a file: a part of the daemon is made to fail for `inst_2`.
"""

import itertools
import logging
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cagents_fs import config
from cagents_fs.core.index import Index
from cagents_fs.core.work import Work
from cagents_fs.daemon import eyes, loop, our_faults, result_files, work_eyes
from cagents_fs.daemon.beat_eyes import BeatEyes
from cagents_fs.daemon.derived import Derived
from cagents_fs.daemon.eyes import Eyes
from cagents_fs.daemon.hands import Hands
from cagents_fs.daemon.holding import Holding
from cagents_fs.daemon.loop import Loop
from cagents_fs.daemon.measuring import Measuring
from cagents_fs.daemon.on_behalf import OnBehalf
from cagents_fs.daemon.plan_eyes import PlanEyes
from cagents_fs.daemon.plea_eyes import PleaEyes
from cagents_fs.daemon.service import Service
from cagents_fs.daemon.verdict_desk import VerdictDesk
from cagents_fs.daemon.watch import Hint
from cagents_fs.daemon.work_eyes import WorkEyes
from cagents_fs.model.actions import Action, Note
from cagents_fs.model.layout import TREE_FOLDERS
from cagents_fs.model.observations import Now
from cagents_fs.rules import completion, liveness, phases, reconcile, requests
from cagents_fs.runner.processes import Ended
from cagents_fs.store.commit import Committer
from cagents_fs.store.disk import make_folders
from tests.support.tree import Document, Instruction, Tree, a_task, load, publish

BAD = "inst_2"
NAMES, OTHERS = ("inst_1", BAD, "inst_3"), ("inst_1", "inst_3")
WAITING, QUEUED, AT_WORK, DONE = (
    "queues/waiting_on_dependencies",
    "queues/agents/ann",
    "tasks/in_progress",
    "tasks/completed",
)
SCAN_S = 5.0


class Broken:
    """Parts that fail for some instructions, until they are mended."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch, self.about, self.met = monkeypatch, {BAD}, 0

    def at(self, owner: Any, name: str, error: Exception | None = None) -> None:
        real = getattr(owner, name)

        def part(*arguments: Any, **options: Any) -> Any:
            named = [(one, getattr(one, "id", None), getattr(one, "instruction", None)) for one in arguments]
            if any(name in about for about in named for name in self.about):
                self.met += 1
                raise error or KeyError("nobody has thought of that")
            return real(*arguments, **options)

        self.monkeypatch.setattr(owner, name, part)

    def mend(self) -> None:
        self.monkeypatch.undo()


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Broken:
    return Broken(monkeypatch)


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    tree = Tree(tmp_path.resolve())
    tree.root.mkdir()
    make_folders(str(tree.root), TREE_FOLDERS)
    daemon = {"settle_seconds": 0.05, "scan_interval": SCAN_S, "durability": "process", "watch": "poll"}
    tree.configure("daemon.yaml", daemon)
    yield tree
    tree.end_everything()


class Living:
    """A daemon in this process that looks at its tree whenever it is asked to, on a clock that is set by hand."""

    def __init__(self, tree: Tree, agents: int | None = None) -> None:
        self.tree, self.s, self.failed, self.ended = tree, 0.0, 0, False
        self.instructions = {path.name: Instruction(tree, path.name) for path in sorted(tree.root.glob("inst_*"))}
        self.service = Service(str(tree.root), agents=agents)
        self.service.__enter__()
        self.service.clock.now = self.now  # type: ignore[method-assign]
        self.service.begin()

    def now(self) -> Now:
        self.s += 1e-6
        return Now(s=self.s, wall_s=2_000_000_000.0 + self.s)

    def turn(self, seconds: float = 0.0, *hints: Hint, everything: bool = False) -> None:
        """So much later, a turn; where it fails, the next is due at once."""
        self.s += seconds
        self.service.loop.turn(hints, everything=everything)
        while self.service.loop.faults.failed:
            self.failed += 1
            self.service.loop.turn()
        for work in self.service.index.works.values():
            work.check()

    def until(self, reached: Callable[[], object]) -> None:
        """Turns that look at everything, half a second apart."""
        deadline_s = time.monotonic() + 30.0
        while not reached():
            assert time.monotonic() < deadline_s, "\n".join(one.tail() for one in self.instructions.values())
            if self.service.checking.pending or len(self.service.processes):
                time.sleep(0.01)  # threads and processes have a clock of their own
            self.turn(0.5, everything=True)

    def until_they_lie(self, place: str, task: str, *names: str) -> None:
        self.until(lambda: all(self.instructions[name].places(task) == [place] for name in names))

    def claim(self, task: str, *names: str) -> None:
        self.until_they_lie(QUEUED, task, *names)
        for name in names:
            self.instructions[name].claim(task)
        self.until(lambda: all(self.instructions[name].events("moved", "claimed by ann") for name in names))

    def end(self) -> None:
        self.ended = True
        self.service.__exit__()

    @property
    def held(self) -> dict[str, str]:
        return {name: one.reason for name, one in self.service.eyes.holding.held.items()}


@pytest.fixture
def living(tree: Tree) -> Iterator[Callable[..., Living]]:
    alive: list[Living] = []

    def live(*tasks: Document, agents: int | None = None) -> Living:
        for name in NAMES:
            across = a_task("z", "inst_1:a" if name == BAD else f"{BAD}:a")
            tree.plan(*(tasks or (a_task("a"), a_task("b", "a"), across)), name=name)
        alive.append(Living(tree, agents))
        return alive[-1]

    yield live
    for one in alive:
        if not one.ended:
            one.end()


PARTS = [
    (completion, "_look_at"),
    (liveness, "_look_at"),
    (phases, "_phase"),
    (Index, "_look_out_of"),
    (Work, "causes"),
    (Work, "urgencies"),
    (loop, "assume"),
    (Eyes, "look"),
    (PlanEyes, "plan"),
    (PleaEyes, "look"),
    (BeatEyes, "heartbeats"),
    (WorkEyes, "output"),
    (WorkEyes, "gathered"),
    (Committer, "_announce"),
    (Committer, "_perform"),
]
AFTERWARDS = [(Derived, "saw"), (Loop, "_act"), (Eyes, "after_move")]  # what was decided is done by then: met once


def named(one: object) -> str:
    return one if isinstance(one, str) else getattr(one, "__name__", "").rpartition(".")[2]


@pytest.mark.parametrize(("owner", "name"), PARTS + AFTERWARDS, ids=named)
def test_whatever_fails_with_one_instruction_the_others_go_on_and_so_does_it_when_that_is_mended(
    living: Callable[..., Living], broken: Broken, owner: Any, name: str
) -> None:
    daemon = living()
    daemon.claim("a", *NAMES)

    broken.at(owner, name)
    daemon.turn(0.5, everything=True)
    for one in daemon.instructions.values():
        one.hand_in("a")
    daemon.until_they_lie(QUEUED, "b", *OTHERS)
    daemon.until(lambda: broken.met if (owner, name) in AFTERWARDS else daemon.held)

    assert not set(daemon.held) - {BAD}
    assert not daemon.service.loop.trouble.said
    broken.mend()
    daemon.until_they_lie(QUEUED, "b", *NAMES)
    daemon.until_they_lie(QUEUED, "z", *NAMES)
    assert daemon.held == {}
    for one in daemon.instructions.values():
        one.check("a", "b", "z")
        assert len(one.events("accepted")) == 1


@pytest.mark.parametrize("error", [MemoryError(), RecursionError("maximum recursion depth exceeded"), AssertionError()])
def test_whatever_it_is_it_is_told_once_and_shown_with_what_to_do(
    living: Callable[..., Living], broken: Broken, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    daemon = living()
    daemon.claim("a", *NAMES)
    broken.at(completion, "_look_at", error)
    for one in daemon.instructions.values():
        one.hand_in("a")

    with caplog.at_level(logging.WARNING, "cagents_fs"):
        daemon.until_they_lie(QUEUED, "b", *OTHERS)
        for _ in range(200):
            daemon.turn(0.5, everything=True)
        while BAD not in daemon.held:
            daemon.turn(0.5, everything=True)

    said = [record.getMessage() for record in caplog.records if record.exc_info]
    assert said == ["inst_2: this should not happen, please report it; everything is read again"]
    assert len(caplog.records) < 20
    daemon.service.watch_file._at_s = 0.0
    daemon.service.watch_file.step()
    shown = daemon.tree.call("status", "--json")
    assert shown.code == 1
    reason = shown.data["watching"]["held"][BAD]
    assert reason == f"a fault in cagents-fs ({error!r}); {our_faults.ADVICE}"
    assert f"{BAD} is held, nothing is decided about it: {reason}" in daemon.tree.call("status").said
    assert "please report it" in daemon.tree.call("doctor").said


def test_a_fault_that_is_met_once_holds_nobody(living: Callable[..., Living], broken: Broken) -> None:
    daemon = living()
    daemon.claim("a", *NAMES)
    broken.at(completion, "_look_at")
    for one in daemon.instructions.values():
        one.hand_in("a")
    while not broken.met:
        daemon.s += 0.5
        daemon.service.loop.turn(everything=True)
    broken.mend()

    daemon.turn()

    assert (broken.met, daemon.held) == (1, {})
    daemon.until_they_lie(DONE, "a", *NAMES)


def test_an_attempt_costs_the_others_one_turn_and_attempts_become_rare(
    living: Callable[..., Living], broken: Broken
) -> None:
    daemon = living()
    daemon.claim("a", *NAMES)
    for one in daemon.instructions.values():
        one.hand_in("a")
    broken.at(completion, "_look_at")
    failed = [False]
    while daemon.s < 200.0:
        daemon.s += 0.0 if failed[-1] else 0.1
        daemon.service.loop.turn()
        failed.append(daemon.service.loop.faults.failed)

    twice = sum(one and after for one, after in itertools.pairwise(failed))
    assert twice == 1, "it is held at the second; from then on the turn after one that failed is one for the others"
    assert sum(failed) < 2 + 6 + 200.0 / SCAN_S + 1
    assert sum(failed[-600:]) >= 10, "it is tried at least every scan_interval"


def test_several_that_fail_are_tried_the_more_seldom(living: Callable[..., Living], broken: Broken) -> None:
    daemon = living()
    daemon.claim("a", *NAMES)
    for one in daemon.instructions.values():
        one.hand_in("a")
    broken.about = {BAD, "inst_3"}
    broken.at(completion, "_look_at")
    daemon.until_they_lie(QUEUED, "b", "inst_1")
    for _ in range(300):
        daemon.turn(0.1)
    before = daemon.failed
    for _ in range(1000):
        daemon.turn(0.1)

    assert daemon.failed - before <= 100.0 / SCAN_S + 2, "as many attempts in all as if it were one"
    broken.mend()
    daemon.until_they_lie(QUEUED, "b", *NAMES)


def test_a_fault_that_concerns_nobody_in_particular_ends_the_daemon_when_it_stays(
    living: Callable[..., Living], monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon, turns = living(), 0

    def fails(*_: object) -> None:
        raise KeyError("nobody's")

    def until_it_fails() -> None:
        nonlocal turns
        for _ in range(100):
            turns += 1
            daemon.turn(60.0)

    monkeypatch.setattr(loop, "coalesce", fails)
    for _ in range(our_faults.MOST_FAILURES - 1):
        daemon.turn(60.0)
    assert daemon.service.loop.trouble.said.startswith("a fault in cagents-fs: KeyError")
    monkeypatch.undo()
    daemon.turn(60.0)
    assert not daemon.service.loop.trouble.said
    monkeypatch.setattr(loop, "coalesce", fails)

    with pytest.raises(KeyError, match="nobody's"):
        until_it_fails()
    assert turns == our_faults.MOST_FAILURES


def test_rules_that_undo_each_other_in_one_instruction_hold_that_one(
    living: Callable[..., Living], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "MOST_RESTLESS", 3)
    daemon = living()
    daemon.claim("a", *NAMES)

    def restless(index: Index, policy: object, now: object) -> Iterator[Note]:  # noqa: ARG001 - the form of a rule
        for work in index.each():
            if work.id == BAD:
                yield Note(instruction=BAD, event="warning", reason="never content")

    monkeypatch.setattr(reconcile, "RULES", (restless, *reconcile.RULES))
    daemon.until(lambda: "did not come to rest" in daemon.held.get(BAD, ""))
    for name in OTHERS:
        daemon.instructions[name].hand_in("a")
    daemon.until_they_lie(QUEUED, "b", *OTHERS)


# -- at the start ------------------------------------------------------------------------------------------------------


def test_one_that_cannot_even_be_read_at_the_start_is_no_reason_not_to_begin(
    living: Callable[..., Living], broken: Broken, tree: Tree
) -> None:
    daemon = living()
    daemon.claim("a", *NAMES)
    daemon.instructions["inst_3"].hand_in("a")
    daemon.end()
    publish(tree.root / BAD / "requests" / "1.yaml", "action: cancel\ntask_id: b\n...\n")
    broken.at(eyes, "load")
    broken.at(our_faults, "load")

    again = Living(tree)
    try:
        assert list(again.held) == [BAD]
        assert BAD not in again.service.index.works
        again.turn(0.0, Hint(str(tree.root / BAD / "outputs" / "x"), folder=True))
        assert not again.service.loop.trouble.said
        again.until_they_lie(QUEUED, "b", "inst_3")
        again.turn(3 * SCAN_S, everything=True)
        assert again.instructions["inst_1"].places("z") == [WAITING], "nobody knows that what it waits for is lost"
        broken.mend()
        again.until_they_lie("tasks/cancelled", "b", BAD)
        again.instructions[BAD].hand_in("a")
        again.until_they_lie(QUEUED, "z", *OTHERS)
    finally:
        again.end()


def test_watch_once_ends_and_has_done_what_it_could(living: Callable[..., Living], broken: Broken, tree: Tree) -> None:
    daemon = living()
    daemon.claim("a", *NAMES)
    for one in daemon.instructions.values():
        one.hand_in("a")
    daemon.end()
    broken.at(completion, "_look_at")

    with Service(str(tree.root)) as service:
        service.once()

    assert [daemon.instructions[name].places("a") for name in NAMES] == [[DONE], [AT_WORK], [DONE]]
    assert broken.met >= 2


# -- what holds of it meanwhile ----------------------------------------------------------------------------------------


def test_what_was_decided_about_it_and_not_done_is_believed_by_nobody(
    living: Callable[..., Living], broken: Broken
) -> None:
    daemon = living()
    daemon.claim("a", *NAMES)
    broken.at(Committer, "_announce")  # that `a` is accepted does not even come into the journal

    daemon.instructions[BAD].hand_in("a")
    daemon.until(lambda: BAD in daemon.held)
    for _ in range(20):
        daemon.turn(SCAN_S, everything=True)

    assert [daemon.instructions[name].places("z") for name in OTHERS] == [[WAITING], [WAITING]]
    broken.mend()
    daemon.until_they_lie(QUEUED, "z", *OTHERS)


def test_nobody_is_stalled_for_the_time_in_which_nobody_looked(living: Callable[..., Living], broken: Broken) -> None:
    daemon = living()
    daemon.claim("a", *NAMES)
    broken.at(BeatEyes, "heartbeats")
    for _ in range(2000):
        daemon.turn(1.0)
    assert daemon.held and all(daemon.instructions[name].places("a") != [AT_WORK] for name in OTHERS)

    broken.mend()
    daemon.until(lambda: not daemon.held)
    daemon.turn()

    assert daemon.instructions[BAD].events("stalled") == []
    assert daemon.instructions[BAD].places("a") == [AT_WORK]


def test_one_whose_folder_is_removed_is_held_no_more(living: Callable[..., Living], broken: Broken) -> None:
    daemon = living()
    broken.at(Eyes, "look")
    daemon.until(lambda: daemon.held)

    shutil.rmtree(daemon.instructions[BAD].path)

    daemon.until(lambda: not daemon.held)
    assert [*daemon.service.index.works] == [*OTHERS]
    assert daemon.service.index.aside == set()


# -- what comes in many, and what comes off the turn -------------------------------------------------------------------


def test_answers_of_others_that_come_together_with_the_one_at_which_we_fail_are_not_lost(
    living: Callable[..., Living], broken: Broken, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon, taken = living(), Measuring.take
    daemon.claim("a", *NAMES)
    broken.at(WorkEyes, "gathered")
    with monkeypatch.context() as slow:
        slow.setattr(work_eyes, "INLINE_BYTES", -1)  # all of it is measured in threads, and answered together
        slow.setattr(Measuring, "take", lambda one: taken(one) if len(one._answers) == len(NAMES) else [])
        for name in (BAD, *OTHERS):
            measured = len(daemon.service.checking.measuring._answers)
            daemon.instructions[name].hand_in("a")
            daemon.until(lambda n=measured: broken.met or len(daemon.service.checking.measuring._answers) > n)  # type: ignore[misc]
        daemon.until(lambda: broken.met)

    daemon.until_they_lie(DONE, "a", *OTHERS)
    broken.mend()
    daemon.until_they_lie(DONE, "a", *NAMES)


@pytest.mark.parametrize(
    ("owner", "name"), [(Hands, "_launch"), (Hands, "_around"), (OnBehalf, "hand_in"), (VerdictDesk, "send")]
)
def test_processes_and_checks_of_the_others_run(
    living: Callable[..., Living], broken: Broken, owner: Any, name: str
) -> None:
    work = {"task_id": "a", "description": "Do", "assigned_agent": "shell", "command": "echo done > $CAGENTS_OUTPUT/a"}
    broken.at(owner, name)
    daemon = living(work | {"acceptance_criteria": [{"criterion": "It is", "check": "true"}]}, agents=9)

    daemon.until_they_lie(DONE, "a", *OTHERS)
    daemon.until(lambda: broken.met)
    broken.mend()

    daemon.until_they_lie(DONE, "a", *NAMES)
    daemon.until(lambda: not len(daemon.service.processes))
    assert daemon.service.index.running == 0


def test_what_is_derived_of_the_others_is_written_and_listeners_stop_nothing(
    living: Callable[..., Living], broken: Broken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(result_files, "REFUSED_S", 5.0)
    daemon = living(a_task("a"))
    broken.at(result_files, "rows")
    heard: list[str] = []

    def listener(action: Action, _: Now) -> None:
        heard.append(type(action).__name__)
        raise BrokenPipeError

    daemon.service.loop.listeners.append(listener)
    daemon.claim("a", *NAMES)
    for one in daemon.instructions.values():
        one.hand_in("a")
    daemon.until_they_lie(DONE, "a", *NAMES)

    def is_final(name: str) -> bool:
        path = daemon.instructions[name].path / "outputs" / "output_summary.yaml"
        return path.exists() and bool(load(path)["final"])

    daemon.until(lambda: all(map(is_final, OTHERS)))
    assert broken.met and not is_final(BAD)
    assert "Move" in heard
    assert (daemon.held, daemon.service.loop.faults.said) == ({}, "")
    broken.mend()
    daemon.until(lambda: is_final(BAD))


def test_a_configuration_at_which_we_fail_leaves_the_one_before_in_force(
    living: Callable[..., Living], monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon = living()
    before = daemon.service.policy()

    def fails(*_: object, **__: object) -> None:
        raise RecursionError

    monkeypatch.setattr(config, "load", fails)
    daemon.service.reload = True
    daemon.service._reconfigure()
    assert daemon.service.policy() is before
    monkeypatch.undo()

    daemon.service.reload = True
    daemon.service._reconfigure()

    assert daemon.service.policy() is not before


def test_a_request_at_which_we_failed_is_carried_out_when_that_is_mended(
    living: Callable[..., Living], broken: Broken
) -> None:
    daemon = living()
    daemon.claim("a", *NAMES)
    broken.at(requests, "_carry_out")
    broken.at(our_faults, "load")
    for one in daemon.instructions.values():
        publish(one.path / "requests" / "1.yaml", "action: cancel\ntask_id: b\n...\n")

    daemon.until_they_lie("tasks/cancelled", "b", *OTHERS)
    daemon.until(lambda: daemon.held)
    assert BAD not in daemon.service.index.works
    broken.mend()

    daemon.until_they_lie("tasks/cancelled", "b", BAD)


def test_a_fault_in_asking_whether_another_hold_is_over_takes_its_place(
    living: Callable[..., Living], broken: Broken
) -> None:
    daemon = living()
    daemon.claim("a", *NAMES)
    hidden = (daemon.instructions[BAD].path / "tasks").rename(daemon.tree.root / "hidden")
    daemon.until(lambda: "is gone" in daemon.held.get(BAD, ""))
    broken.at(Holding, "hidden")

    daemon.until(lambda: "a fault in cagents-fs" in daemon.held.get(BAD, ""))
    daemon.instructions["inst_1"].hand_in("a")
    daemon.until_they_lie(QUEUED, "b", "inst_1")
    broken.mend()
    daemon.until(lambda: "is gone" in daemon.held.get(BAD, ""))
    hidden.rename(daemon.instructions[BAD].path / "tasks")

    daemon.until(lambda: not daemon.held)
    assert daemon.instructions[BAD].places("a") == [AT_WORK]


# -- with processes ----------------------------------------------------------------------------------------------------

PATIENT = 'while [ ! -e "$CAGENTS_ROOT/go" ]; do sleep 0.02; done; echo done >"$CAGENTS_OUTPUT/a"'


def of_the_shell(command: str) -> Document:
    return {"task_id": "a", "description": "Do", "assigned_agent": "shell", "command": command}


def test_a_process_goes_on_while_its_instruction_is_held(living: Callable[..., Living], broken: Broken) -> None:
    daemon = living(of_the_shell(PATIENT), agents=9)
    daemon.until(lambda: len(daemon.service.processes) == len(NAMES))
    broken.at(BeatEyes, "heartbeats")
    daemon.until(lambda: daemon.held)
    broken.mend()
    daemon.until(lambda: not daemon.held)
    daemon.turn(1.0)
    assert daemon.service.index.running == len(NAMES)

    (daemon.tree.root / "go").touch()
    daemon.until_they_lie(DONE, "a", *NAMES)

    assert [len(one.events("process_started")) for one in daemon.instructions.values()] == [1, 1, 1]


def test_a_process_that_ends_while_its_instruction_is_held_is_told_of_and_its_task_done_all_the_same(
    living: Callable[..., Living], broken: Broken
) -> None:
    daemon = living(of_the_shell(PATIENT), agents=9)
    daemon.until(lambda: len(daemon.service.processes) == len(NAMES))
    broken.at(BeatEyes, "heartbeats")
    daemon.until(lambda: daemon.held)

    (daemon.tree.root / "go").touch()
    daemon.until_they_lie(DONE, "a", *OTHERS)
    daemon.until(lambda: not len(daemon.service.processes))
    broken.mend()
    daemon.until_they_lie(DONE, "a", BAD)

    bad = daemon.instructions[BAD]
    daemon.until(lambda: len(bad.events("process_ended")) == len(bad.events("process_started")) == 2)
    assert daemon.service.index.running == 0


def test_ends_of_others_that_come_together_with_the_one_at_which_we_fail_are_not_lost(
    living: Callable[..., Living], broken: Broken
) -> None:
    daemon = living(of_the_shell(PATIENT), agents=9)
    daemon.until(lambda: len(daemon.service.processes) == len(NAMES))
    broken.at(OnBehalf, "hand_in")
    gone, processes = list[Ended](), daemon.service.processes
    real = processes.reap

    def reap() -> list[Ended]:
        gone.extend(real())
        if len(gone) < len(NAMES):
            return []
        found = sorted(gone, key=lambda one: one.key[0] != BAD)
        gone.clear()
        return found

    processes.reap = reap  # type: ignore[method-assign]
    (daemon.tree.root / "go").touch()
    daemon.until(lambda: broken.met)
    processes.reap = real  # type: ignore[method-assign]

    daemon.until_they_lie(DONE, "a", *OTHERS)
    assert [len(daemon.instructions[name].events("process_started")) for name in OTHERS] == [1, 1]
    broken.mend()
    daemon.until_they_lie(DONE, "a", BAD)


def test_a_manifest_that_was_being_made_when_its_instruction_was_held_keeps_no_slot_for_ever(
    living: Callable[..., Living], broken: Broken, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon, taken = living(of_the_shell("echo done >$CAGENTS_OUTPUT/a"), agents=9), Measuring.take
    with monkeypatch.context() as slow:
        slow.setattr(work_eyes, "INLINE_BYTES", -1)
        slow.setattr(Measuring, "take", lambda _: [])
        daemon.until(lambda: len(daemon.service.checking.measuring._answers) == len(NAMES))
        broken.at(BeatEyes, "heartbeats")
        daemon.until(lambda: daemon.held)
        slow.setattr(Measuring, "take", taken)
        daemon.until_they_lie(DONE, "a", *OTHERS)
    assert daemon.held
    broken.mend()

    daemon.until_they_lie(DONE, "a", BAD)
    assert daemon.service.index.running == 0


def test_a_daemon_ends_all_processes_whatever_fails_with_one(living: Callable[..., Living]) -> None:
    daemon = living(of_the_shell(PATIENT), agents=9)
    daemon.until(lambda: len(daemon.service.processes) == len(NAMES))
    ended, real = list[str](), daemon.service.hands._ended

    def fails(one: Ended, now: Now) -> None:
        ended.append(one.key[0])
        if one.key[0] == BAD:
            raise KeyError(BAD)
        real(one, now)

    daemon.service.hands._ended = fails  # type: ignore[method-assign]
    daemon.end()

    assert sorted(ended) == [*NAMES]
    assert daemon.tree.agents_at_work() == []
    assert [len(daemon.instructions[name].events("process_ended")) for name in NAMES] == [1, 0, 1]
    with Service(str(daemon.tree.root)):
        pass
