"""Scenes of the command line: the client's claims and completions, requests without a daemon; and of the runner."""

import contextlib
import io
from collections.abc import Callable
from unittest.mock import patch

from cagents_fs.cli import main
from cagents_fs.daemon import service
from tests.crash.life import FAULT_OF_OURS, Jumping
from tests.crash.scene import Scene, after, lives
from tests.crash.scenes_work import (
    back_to_the_queue,
    claim_meanwhile,
    claimed,
    hand_in_meanwhile,
    it_failed_for_good,
    planned,
)
from tests.crash.stage import I1, Doing, Stage, task
from tests.simulation.sim_clock import ticking


def said(*arguments: str) -> Callable[[Stage], tuple[int, str]]:
    """A command is given. Its exit code and what it printed; an exception that gets out is a fault of ours.

    Where it waits, in the daemon that it is for a moment or for one, the time jumps.
    """

    def give(stage: Stage) -> tuple[int, str]:
        told = io.StringIO()
        jumping = patch.object(service.selectors, "DefaultSelector", lambda: Jumping(stage.clock))
        with jumping, ticking(stage.clock, real=()), contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
            try:
                main(["--root", str(stage.root), *(text.format(root=stage.root) for text in arguments)])
            except SystemExit as error:
                return int(error.code or 0), told.getvalue()[-400:]
            except BaseException as error:
                return FAULT_OF_OURS, f"{arguments[0]} died of {error!r}"
        return 0, told.getvalue()[-400:]

    return give


def commanded(name: str, given: Doing, *arguments: str, meddle: tuple[Doing, ...] = (), same_end: bool = True) -> Scene:
    """A scene in which the counted thing is a command. Who saw it fail gives it once more."""
    give = said(*arguments)
    return Scene(name, given, give, again=give, meddle=meddle, same_end=same_end)


def nothing_there(stage: Stage) -> None:
    stage.root.parent.mkdir()


def initialised(stage: Stage) -> tuple[int, str]:
    return said("init", str(stage.root.parent))(stage)


def released(stage: Stage) -> None:
    planned(stage)
    stage.lives()


def in_work(stage: Stage) -> None:
    released(stage)
    stage.claim("t1")


def with_a_plan(stage: Stage) -> None:
    stage.set_up()
    stage.write("plan.yaml", {"description": "A scene", "tasks": [task("t1"), task("t2", "t1")]})


def with_work(stage: Stage) -> None:
    claimed(stage)
    stage.write(f"{I1}/outputs/partial/t1/made.txt", b"what ann made\n")


def with_an_escalation(stage: Stage) -> None:
    claimed(stage)
    stage.escalate("t1")
    stage.lives()


def with_a_message(stage: Stage) -> None:
    claimed(stage)
    stage.hand_in("t1", good=False)
    stage.lives()


def for_the_runner(stage: Stage) -> None:
    stage.set_up()
    stage.submit(task("t1", agent="good"), task("t2", "t1", agent="good"))


def for_a_bad_runner(stage: Stage) -> None:
    stage.set_up()
    stage.submit(task("t1", agent="bad", max_retries=0), task("t2", "t1", agent="good"))


CLAIMING = (claim_meanwhile, back_to_the_queue, hand_in_meanwhile)
MADE = "{root}/inst_1/outputs/partial/t1/made.txt"
HELP = ("escalate", "t1", "--severity", "blocker", "--issue", "Nobody knows")

SCENES = (
    Scene("command-init", nothing_there, initialised, again=initialised, below="Agent_Memory"),
    commanded("command-submit", with_a_plan, "submit", "{root}/plan.yaml", "--id", "made", same_end=False),
    commanded("command-claim", released, "claim", "ann", meddle=CLAIMING, same_end=False),
    commanded("command-heartbeat", in_work, "heartbeat", "t1", "--progress", "50", meddle=CLAIMING),
    commanded("command-complete", with_work, "complete", "t1", MADE, meddle=CLAIMING[:2]),
    commanded("command-fail", with_work, "fail", "t1", "--reason", "It is too hard", meddle=CLAIMING[:2]),
    commanded("command-escalate", claimed, *HELP, same_end=False),
    commanded("command-answer", with_an_escalation, "answer", "e1", "--action", "resume"),
    commanded("command-send", claimed, "send", "ann", "Look here"),
    commanded("command-inbox", with_a_message, "inbox", "ann", "--take"),
    commanded("command-cancel", released, "cancel", "t1", meddle=CLAIMING),
    commanded("command-retry", after(it_failed_for_good, lambda stage: stage.lives()), "retry", "t1"),
    commanded("command-pause", released, "pause", I1),
    commanded("command-reassign", released, "reassign", "t1", "--to", "bob"),
    lives("runner", for_the_runner, agents=2),
    lives("runner-fails", for_a_bad_runner, agents=2),
)
