"""Turns on a real folder that do not go as planned: what was decided and not carried out is decided again."""

import errno
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from cagents_fs.daemon.service import Service
from cagents_fs.model.actions import Action, RunChecks, Stop
from cagents_fs.model.layout import TREE_FOLDERS
from cagents_fs.model.observations import Now
from cagents_fs.store.commit import Done
from cagents_fs.store.disk import make_folders
from tests.support.desk import INST, move
from tests.support.tree import Document, Instruction, Tree, a_task

CHECKED = a_task("a", acceptance_criteria=[{"criterion": "It works", "check": "true"}])
LOST = move("queues/retry", "queues/global", "b")  # b does not lie there: as if somebody had been first


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    tree = Tree(tmp_path.resolve())
    tree.root.mkdir()
    make_folders(str(tree.root), TREE_FOLDERS)
    tree.configure("daemon.yaml", {"settle_seconds": 0.05, "scan_interval": 0.3, "durability": "process"})
    return tree


class Living:
    """A daemon in this process, on one instruction."""

    def __init__(self, service: Service, instruction: Instruction) -> None:
        self.service, self.instruction = service, instruction
        self.turns = 0
        real = service.loop.turn

        def turn(*hints: Any, **options: Any) -> None:
            self.turns += 1
            real(*hints, **options)

        service.loop.turn = turn  # type: ignore[method-assign]

    def until(self, reached: Callable[[], bool], within_s: float = 3.0) -> bool:
        deadline_s = time.monotonic() + within_s
        self.service.run(until=lambda: reached() or time.monotonic() > deadline_s)
        return reached()

    def claim(self, task: str = "a") -> None:
        queue, work = (
            self.instruction.path / place / f"{task}.yaml" for place in ("queues/agents/ann", "tasks/in_progress")
        )
        assert self.until(queue.exists)
        queue.rename(work)
        assert self.until(lambda: bool(self.instruction.events("moved", "claimed by ann")))

    def interfere(self, kind: type[Action], how: Callable[[Sequence[Action]], list[Action]]) -> None:
        """Change what is committed in the first turn in which such an action is."""
        real, met = self.service.committer.commit, list[bool]()

        def commit(actions: Sequence[Action], now: Now) -> Done:
            if not met and any(isinstance(action, kind) for action in actions):
                met.append(True)
                actions = how(actions)
            return real(actions, now)

        self.service.committer.commit = commit  # type: ignore[method-assign]


@pytest.fixture
def living(tree: Tree) -> Iterator[Callable[..., Living]]:
    services: list[Service] = []

    def live(*tasks: Document, agents: int | None = None) -> Living:
        instruction = tree.plan(*tasks, a_task("b"))
        service = Service(str(tree.root), agents=agents)
        services.append(service.__enter__())
        service.begin()
        return Living(service, instruction)

    yield live
    for service in services:
        service.__exit__()
    tree.end_everything()


def refused(_: Sequence[Action]) -> list[Action]:
    raise OSError(errno.ENOSPC, "No space left on device", "somewhere")


def lost(actions: Sequence[Action]) -> list[Action]:
    return [LOST, *actions]


@pytest.mark.parametrize("trouble", [refused, lost], ids=["the disk is full", "somebody is first"])
def test_checks_that_were_decided_on_in_a_turn_that_failed_are_run_in_the_next(
    living: Callable[..., Living], trouble: Callable[[Sequence[Action]], list[Action]]
) -> None:
    daemon = living(CHECKED)
    daemon.claim()
    daemon.interfere(RunChecks, trouble)
    daemon.instruction.hand_in("a")

    assert daemon.until(lambda: daemon.instruction.places("a") == ["tasks/completed"])


def test_a_process_whose_task_leaves_in_a_turn_that_loses_a_race_is_ended_all_the_same(
    living: Callable[..., Living], tree: Tree
) -> None:
    work = {"task_id": "a", "description": "Wait", "assigned_agent": "shell", "command": "sleep 60"}
    daemon = living(work, agents=1)
    assert daemon.until(lambda: bool(tree.agents_at_work()))

    daemon.interfere(Stop, lambda actions: [LOST, *actions])
    (daemon.instruction.path / "requests" / "1.yaml").write_text("action: cancel\ntask_id: a\n...\n")

    assert daemon.until(lambda: daemon.instruction.places("a") == ["tasks/cancelled"])
    assert daemon.until(lambda: not len(daemon.service.processes))
    assert daemon.service.index.running == 0


def test_a_lost_race_renews_nobodys_lease(living: Callable[..., Living]) -> None:
    daemon = living(a_task("a"))
    daemon.claim()
    before_s = daemon.service.index.works[INST].records["a"].sign_s

    daemon.service.committer.commit([LOST], daemon.service.clock.now())
    daemon.service.loop._reopen.add(INST)
    daemon.service.loop.turn()

    assert daemon.service.index.works[INST].records["a"].sign_s == before_s


def test_a_manifest_that_is_too_large_to_be_read_does_not_keep_its_task_in_retry(living: Callable[..., Living]) -> None:
    daemon = living(a_task("a", max_retries=0))
    daemon.claim()
    (daemon.instruction.output("a") / "manifest.yaml").write_bytes(b"x" * (2 << 20))
    assert daemon.until(lambda: bool(daemon.instruction.events("rejected")))
    place = daemon.instruction.path / "tasks/in_progress/a.yaml"
    place.rename(daemon.instruction.path / "queues/retry/a.yaml")

    daemon.turns = 0
    assert daemon.until(lambda: daemon.instruction.places("a") == ["queues/agents/ann"], within_s=2.0)
    assert daemon.turns < 20


LIE = """\
cat >"$CAGENTS_OUTPUT/.manifest.yaml.tmp" <<END
task_id: $CAGENTS_TASK
subagent: $CAGENTS_AGENT
attempt: $CAGENTS_ATTEMPT
status: completed
artifacts: [{path: ghost.txt, size_bytes: 1, checksum: "%s"}]
...
END
mv "$CAGENTS_OUTPUT/.manifest.yaml.tmp" "$CAGENTS_OUTPUT/manifest.yaml"
while [ ! -e "$CAGENTS_OUTPUT/verification.yaml" ]; do sleep 0.05; done
""" % ("0" * 64)


def test_a_rejected_manifest_starts_the_command_again_and_is_not_replaced_by_one_that_claims_nothing(
    living: Callable[..., Living],
) -> None:
    work = {"task_id": "a", "description": "Claim it", "assigned_agent": "shell", "command": LIE}
    daemon = living(work, agents=1)

    events = daemon.instruction.events
    assert daemon.until(lambda: len(events("process_started")) > 1 or bool(events("accepted")))
    assert events("accepted") == []
