"""A scene: what was before, and the one thing that is done while every call counts."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.crash.stage import Doing, Stage


@dataclass(frozen=True, slots=True)
class Scene:
    """One change of state, or a few that belong together."""

    name: str
    given: Doing  # makes the tree; nothing goes wrong here
    counted: Callable[[Stage], tuple[int, str]]  # an exit code, and what was said
    again: Doing | None = None  # what a person does who saw it fail; a daemon follows in any case
    seconds: float = 5.0  # how long each daemon lives
    meddle: tuple[Doing, ...] = ()  # what somebody may do while the process stands still
    below: str = ""  # where in the folder that is watched over the tree lies
    doubled: bool = False  # whether a task has two files on purpose: then one place is too much to ask
    same_end: bool = True  # whether every task ends where it would have, whatever went wrong
    restart: Callable[[Stage], tuple[int, str]] | None = None  # in place of the daemon: a toy
    agents: int | None = None  # how many processes the runner may start


def lives(name: str, given: Doing, *, seconds: float = 5.0, agents: int | None = None, **more: object) -> Scene:
    """A scene in which the counted thing is a daemon's life."""

    def counted(stage: Stage) -> tuple[int, str]:
        return stage.daemon(seconds, agents=agents)

    return Scene(name, given, counted, seconds=seconds, agents=agents, **more)  # type: ignore[arg-type]


def after(*doings: Doing) -> Doing:
    """One after another."""

    def do(stage: Stage) -> None:
        for doing in doings:
            doing(stage)

    return do
