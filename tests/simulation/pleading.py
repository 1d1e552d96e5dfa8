"""Cries for help and their answers, pauses, and tasks that are given to others."""

from cagents_fs.rules.pleas import DAEMON, helpful
from tests.simulation.told import Told
from tests.simulation.world import END, Document, Key, World, encoded

ACTIONS = ("resume", "resume", "retry", "reassign", "cancel", "skip_dependency")


def cry(world: World, agent: str, key: Key, attempt: int) -> None:
    """An agent needs help with a task that it holds."""
    chance, (instruction, task) = world.chance, key
    name = f"e{chance.randrange(10_000)}"
    severity = chance.choice(("blocker", "blocker", "high", "low"))
    document: Document = {"escalation_id": name, "from_agent": agent, "task_id": task, "severity": severity}
    document |= {"issue_description": "I cannot go on", "sla": chance.choice(("within 2 minutes", "soon"))}
    if chance.random() < 0.5:
        document |= {"to_agent": chance.choice(("ann", "lead")), "attempt": attempt}
    world.say(f"{agent} cries for help: {name} about {instruction}/{task}, {severity}")
    world.count("cried")
    world.publish(f"{instruction}/escalations/{name}.yaml", encoded(document))


def answer(world: World, instruction: str, name: str, action: str) -> None:
    """Somebody answers, at times not for the first time, at times to what nobody asked."""
    response = {"escalation_id": name, "from": "eve", "action": action, "decision": "Go on"}
    world.say(f"eve answers {instruction}/{name}: {action}")
    world.count(f"answered with {action}")
    world.publish(f"{instruction}/escalations/{name}.response.yaml", encoded(response) + END)


def answer_any(world: World, instruction: str) -> None:
    """One of the escalations that lie there."""
    names = [name for name in world.names(f"{instruction}/escalations") if not name.endswith(".response")]
    if names:
        answer(world, instruction, world.chance.choice([*names, "nothing"]), world.chance.choice(ACTIONS))


def see_to_all(world: World, told: dict[str, Told], number: int) -> None:
    """The end: everything that is paused goes on, everybody gets an answer."""
    for instruction, journal in told.items():
        for task in sorted(journal.paused):
            request = {"action": "resume", "task_id": task} if task else {"action": "resume"}
            world.publish(f"{instruction}/requests/end-{number}-{task or 'all'}.yaml", encoded(request) + END)
        for name in sorted(journal.pleas):
            if not world.there(f"{instruction}/escalations/{name}.response.yaml"):
                answer(world, instruction, name, world.chance.choice(("resume", "resume", "cancel")))
            else:  # it has changed nothing, as eve was told
                ends_it = [action for action in helpful(name, DAEMON) if action in ("cancel", "skip_dependency")]
                answer(world, instruction, name, world.chance.choice(ends_it))
