"""Plans and configurations, as chance has them."""

import random
from typing import Any

from tests.simulation.world import END, Document, Numbers, World, encoded

AGENTS = ("ann", "bob", "bob-2", "cid")  # bob has two instances
TYPES = ("ann", "bob", "cid")
MODES = ("swarm", "swarm", "mesh", "pipeline", "sequential")


def settle_in(world: World) -> None:
    """The configuration, then one or two plans."""
    chance = world.chance
    numbers = world.numbers = Numbers(
        scan_s=chance.choice((5.0, 30.0, 60.0)),
        depth=chance.choice((2, 10)),
        max_retries=chance.choice((0, 1, 3)),
        max_rework=chance.choice((0, 1, 3)),
    )
    numbers.limits = {"sequential": 1, "pipeline": chance.choice((2, 5)), "swarm": chance.choice((2, 4, 50)), "mesh": 3}
    world.deaf = chance.choice((0.0, 0.1, 0.1, 1.0))
    for name, document in _configuration(numbers, chance).items():
        world.publish(f"_system/config/{name}", encoded(document))
    for number in range(1 + (chance.random() < 0.25)):
        submit(world, f"inst_{number + 1}")


def _configuration(numbers: Numbers, chance: random.Random) -> dict[str, Document]:
    limits = numbers.limits
    modes = {mode: {"max_concurrent": limits[mode]} for mode in ("sequential", "swarm", "mesh")}
    modes["pipeline"] = {"max_concurrent_per_stage": limits["pipeline"]}
    return {
        "daemon.yaml": {
            "settle_seconds": numbers.settle_s,
            "scan_interval": f"{numbers.scan_s:g} seconds",
            "reassign_grace": f"{numbers.grace_s:g} seconds",
            "durability": chance.choice(("process", "process", "power_loss")),
            "checks": chance.choice(("submitted", "all", "never")),
            "watch": "poll",  # no events but those that we make
        },
        "agents.yaml": {"agents": {"bob": {"command": ["true"], "slots": 3, "instances": 2}}},
        "parallel_execution_framework.yaml": {
            "execution_modes": modes,
            "task_queues": {"agent_queues": {"max_queue_depth": numbers.depth}},
            "communication_channels": {
                "status_updates": {"stale_threshold": f"{numbers.lease_s:g} seconds"},
                "task_assignment": {"timeout": "60 seconds"},
            },
        },
        "subagent_coordination_protocol.yaml": {
            "quality_gates": {"rework_protocol": {"max_iterations": numbers.max_rework}}
        },
        "task_queue_manager.yaml": {
            "retry_logic": {"backoff_strategy": {"base_delay": "20 seconds", "max_delay": "60 seconds"}},
            "task_schema": {"max_retries": {"default": numbers.max_retries}},
        },
    }


def submit(world: World, instruction: str) -> None:
    """A plan is written where a planner writes it, in one of the ways in which planners write."""
    chance = world.chance
    names = [f"t{number}" for number in range(1, chance.randint(3, 15) + 1)]
    density = chance.choice((0.0, 0.1, 0.25, 0.5))
    tasks: list[Document] = []
    for number, name in enumerate(names):
        tasks.append(a_task(chance, name, [other for other in names[:number] if chance.random() < density]))
    _need_artifacts(chance, tasks)
    plan: Document = {"description": "A play", "mode": chance.choice(MODES), "tasks": tasks}
    _have_parents(chance, tasks)
    if plan["mode"] == "pipeline" and chance.random() < 0.3:
        _have_stages(tasks)
    if chance.random() < 0.2:
        plan["max_concurrent"] = chance.randint(1, 4)
    chance.shuffle(tasks)
    world.plans[instruction] = plan
    world.tasks.update({(instruction, task["task_id"]): task for task in tasks})
    world.say(f"{instruction} is submitted: {len(tasks)} tasks, {plan['mode']}")
    path, data = f"{instruction}/workflow/plan.yaml", encoded(plan)
    match chance.choice(("publish", "marked", "plain")):
        case "publish":
            world.publish(path, data)
        case "marked":
            world.scribble(path, data + END)
        case _:
            world.scribble(path, data)


def a_task(chance: random.Random, name: str, awaited: list[str]) -> Document:
    """One task with chance's choice of everything that a task can have."""
    task: dict[str, Any] = {"task_id": name, "description": f"Do {name}", "assigned_agent": chance.choice(TYPES)}
    task["priority"] = chance.choice(("critical", "high", "normal", "normal", "low"))
    if awaited:
        task["dependencies"] = awaited
    if chance.random() < 0.3:
        task["acceptance_criteria"] = [chance.choice(("It works", {"criterion": "It is proven", "check": "true"}))]
    if chance.random() < 0.1:
        checked = {"criterion": "It fails before", "check": "true", "must_fail_before": True}
        task["acceptance_criteria"] = [*task.get("acceptance_criteria", ()), checked]
    if chance.random() < 0.2:
        task["task_type"] = "testing"
    if chance.random() < 0.3:
        task["max_retries"] = chance.choice((0, 1, 2))
    return task


def _need_artifacts(chance: random.Random, tasks: list[Document]) -> None:
    """Some dependencies become ones on data, or soft ones, in the long form."""
    for task in tasks:
        awaited = task.get("dependencies", [])
        if awaited and chance.random() < 0.4:
            kinds = {name: chance.choice(("hard", "hard", "data", "soft")) for name in awaited}
            points = [{"checkpoint": "c1", "with": [awaited[0]]}] if chance.random() < 0.2 else []
            task["dependencies"] = {
                "coordination": points,
                "hard_dependencies": [{"task_id": name} for name, kind in kinds.items() if kind == "hard"],
                "soft_dependencies": [{"task_id": name} for name, kind in kinds.items() if kind == "soft"],
                "data_dependencies": [
                    {"task_id": name, "artifact_path": f"{name}.sql"} for name, kind in kinds.items() if kind == "data"
                ],
            }


def _have_parents(chance: random.Random, tasks: list[Document]) -> None:
    """Some tasks are parts of later ones, which wait for them; at most four levels."""
    level = dict.fromkeys(range(len(tasks)), 1)
    for number in reversed(range(len(tasks) - 1)):
        parent = chance.randrange(number + 1, len(tasks))
        if chance.random() < 0.15 and level[parent] < 4:
            tasks[number]["parent_task_id"] = tasks[parent]["task_id"]
            level[number] = level[parent] + 1


def _have_stages(tasks: list[Document]) -> None:
    """As in the waves of the graph, with those between that nobody names."""
    stage: dict[str, int] = {}
    for task in tasks:
        children = [other["task_id"] for other in tasks if other.get("parent_task_id") == task["task_id"]]
        task["stage"] = stage[task["task_id"]] = 1 + max((stage[n] for n in [*blocking(task), *children]), default=-1)


def blocking(task: Document) -> list[str]:
    """The tasks that have to be completed before this one may start."""
    awaited = task.get("dependencies", [])
    if isinstance(awaited, list):
        return list(awaited)
    kinds = ("hard_dependencies", "data_dependencies")
    return [str(dependency["task_id"]) for kind in kinds for dependency in awaited.get(kind, ())]
