"""Everybody who is no agent: people with `mv` and `cp`, planners, those who steer, and litter."""

from collections.abc import Callable

from cagents_fs.model.states import FOLDERED, State
from tests.simulation.planning import AGENTS, a_task
from tests.simulation.pleading import answer_any
from tests.simulation.told import Told
from tests.simulation.world import END, Document, Key, World, encoded

ASKED = ("cancel", "retry", "retry", "rescue", "pause", "resume", "resume", "reassign", "add_dependency")
PLACES = (
    *(state.value for state in State if state not in FOLDERED),
    *(f"queues/agents/{agent}" for agent in AGENTS),
    "queues/domains/software",
)


class People:
    """They do one thing at a time."""

    def __init__(self, world: World, told: dict[str, Told]) -> None:
        self.world, self.told = world, told
        self.number = 0

    def act(self) -> None:
        chance = self.world.chance
        what = chance.choices([deed for deed, _ in DEEDS], [weight for _, weight in DEEDS])[0]
        if (found := self._some_task()) is not None:
            what(self, *found)

    def _some_task(self) -> tuple[Key, str] | None:
        """Any task file that lies anywhere."""
        chance = self.world.chance
        instruction = chance.choice(list(self.world.plans))
        for place in chance.sample(PLACES, len(PLACES)):
            names = self.world.names(f"{instruction}/{place}")
            if names:
                return (instruction, chance.choice(names)), place
        return None

    def move(self, key: Key, place: str) -> None:
        """`mv` to anywhere."""
        target = self.world.chance.choice(PLACES)
        if target != place and self.world.move(key, place, target):
            self.world.say(f"a person moves {'/'.join(key)} from {place} to {target}")
            self.world.count("moved by hand")

    def copy(self, key: Key, place: str) -> None:
        """A task has two files."""
        target = self.world.chance.choice(PLACES)
        if target != place and self.world.copy(key, place, target):
            self.world.say(f"a person copies {'/'.join(key)} from {place} to {target}")
            self.world.count("doubled")

    def remove(self, key: Key, place: str) -> None:
        """A task file is gone."""
        self.world.gone.add(key)
        self.world.touch(key)
        self.world.remove(f"{key[0]}/{place}/{key[1]}.yaml")
        self.world.say(f"a person removes {'/'.join(key)} from {place}")

    def edit(self, key: Key, place: str) -> None:
        """Somebody writes into a task file: it changes nothing."""
        path = f"{key[0]}/{place}/{key[1]}.yaml"
        chance = self.world.chance
        more = chance.choice((b"max_retries: 99\n", b"tags: [edited]\n", b"attempt: 9\n", b"}{\n"))
        self.world.scribble(path, self.world.read(path) + more)
        self.world.touch(key)
        self.world.say(f"a person writes {more!r} into {'/'.join(key)} in {place}")

    def ask(self, key: Key, _: str) -> None:
        """A request, as the command line writes it, or as a person with an editor does."""
        chance, (instruction, task) = self.world.chance, key
        action = chance.choice(ASKED)
        request: Document = {"action": action, "from": "eve", "timestamp": f"2026-01-10T12:00:{self.number % 60:02}Z"}
        if action not in ("rescue", "pause", "resume") or chance.random() < 0.4:
            request["task_id"] = task
        if action == "reassign":
            request["agent"] = chance.choice(AGENTS)
        if action == "add_dependency":
            request["on"] = f"t{chance.randint(1, 20)}"
        if action == "cancel" and chance.random() < 0.5:
            request["skip"] = True
        if chance.random() < 0.1:
            request = chance.choice(({"action": "dance"}, {"action": "cancel"}, {"action": "retry", "task_id": "none"}))
        self.number += 1
        path = f"{instruction}/requests/{self.number}.yaml"
        self.world.say(f"eve asks {request}")
        self.world.count(f"asked to {action}")
        (self.world.publish if chance.random() < 0.7 else self.world.scribble)(path, encoded(request) + END)

    def plan(self, key: Key, _: str) -> None:
        """A further task is dropped, at times a wrong one."""
        chance, instruction = self.world.chance, key[0]
        name = f"t{chance.randint(12, 25)}"
        known = [task for i, task in self.world.tasks if i == instruction]
        if name in known or len(known) > 25:
            return
        self.world.touch((instruction, name))
        task = a_task(chance, name, chance.sample(known, min(len(known), chance.randint(0, 2))))
        path, data = f"{instruction}/tasks/pending/{name}.yaml", encoded(task)
        match chance.random():
            case luck if luck < 0.15:
                data = chance.choice((data[: len(data) // 2], b"", b"[]", encoded({**task, "task_id": "other"})))
            case luck if luck < 0.3:
                task["dependencies"] = [chance.choice((name, "nobody"))]
                self.world.tasks[instruction, name] = task
                data = encoded(task)
            case _:
                self.world.tasks[instruction, name] = task
        self.world.say(f"a planner drops {instruction}/{name}")
        self.world.count("dropped")
        (self.world.publish if chance.random() < 0.7 else self.world.scribble)(path, data)

    def answer(self, key: Key, _: str) -> None:
        """One of the escalations gets an answer."""
        answer_any(self.world, key[0])

    def litter(self, key: Key, place: str) -> None:
        """Files that are nobody's: half, wrong, or with names that are none."""
        chance, (instruction, task) = self.world.chance, key
        name = chance.choice((f".{task}.yaml.swp", f"{task}.yaml~", f"{task} (copy).yaml", f"{task}.yml", "x y.yaml"))
        path = chance.choice(
            (
                f"{instruction}/{place}/{name}",
                f"{instruction}/heartbeats/{chance.choice(AGENTS)}_{task}.yaml",
                f"{instruction}/requests/{name}",
                f"{instruction}/queues/global/stranger.yaml",
                f"{instruction}/outputs/{task}/manifest.yaml",
            )
        )
        data = chance.choice((b"", b"agent_name: x\n", b"{", encoded({"task_id": task}), b"\x00"))
        self.world.say(f"litter: {path} {data!r}")
        self.world.scribble(path, data)


Deed = Callable[[People, Key, str], None]
DEEDS: tuple[tuple[Deed, int], ...] = (
    (People.move, 30),
    (People.copy, 6),
    (People.remove, 2),
    (People.edit, 8),
    (People.ask, 30),
    (People.plan, 12),
    (People.answer, 20),
    (People.litter, 12),
)
