"""What there is to do in a storm: a graph of tasks of many kinds, and who is there to do them. All from one seed."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

from tests.support.order import edges_of

Document = dict[str, Any]
INSTRUCTION = "storm"
RESULT = "result.txt"  # the artifact that data dependencies name
DOOMED, FAILS_FIRST, WRONG_FIRST = "doomed", "fails-first", "wrong-first"
LAYERS = 12
WANTS = "The result can be read"
CHECKED = {"criterion": "Something was handed in", "check": 'test -s "$CAGENTS_OUTPUT/manifest.yaml"'}
MANY = 1_000  # more retries than any storm costs


@dataclass(frozen=True, slots=True)
class Kind:
    """One type of agent: how it works, how many of all agents are of it, and how many of all tasks it gets."""

    recipe: str  # rename: Python that does renames; shell: pure sh; client: the verbs, imported once; command: the CLI
    agents: float
    tasks: float
    sharing: int  # so many processes bear the same name and fight for the same queue


KINDS: Mapping[str, Kind] = {
    "builder": Kind("rename", 0.44, 0.42, 2),
    "mason": Kind("rename", 0.24, 0.28, 4),
    "tinker": Kind("shell", 0.20, 0.20, 2),
    "clerk": Kind("client", 0.08, 0.08, 2),
    "teller": Kind("command", 0.04, 0.02, 2),
}


@dataclass(frozen=True, slots=True)
class Place:
    """The work place of one agent process, taken by another process after each kill."""

    number: int
    recipe: str
    name: str  # the agent's; it may be shared


def places(agents: int) -> list[Place]:
    """Work places for so many processes, at least one of each kind."""
    found: list[Place] = []
    for kind, how in KINDS.items():
        for at in range(max(1, round(agents * how.agents))):
            instance = 1 + at // how.sharing
            found.append(Place(len(found), how.recipe, kind if instance == 1 else f"{kind}-{instance}"))
    return found


def instances(agents: int) -> dict[str, int]:
    """For each kind how many names there are."""
    found = dict.fromkeys(KINDS, 0)
    for name in {place.name for place in places(agents)}:
        found[name.partition("-")[0]] += 1
    return found


def configuration(agents: int) -> Iterator[tuple[str, Document]]:
    """Short leases and pauses, so that what a killed agent held comes back while one watches. Durability as shipped."""
    kinds = {kind: {"command": ["true"], "slots": 8, "instances": number} for kind, number in instances(agents).items()}
    yield "agents.yaml", {"default": "builder", "agents": kinds}
    yield "daemon.yaml", {"settle_seconds": 0.3, "scan_interval": 2, "reassign_grace": 1}
    stale = {"communication_channels": {"status_updates": {"stale_threshold": "3 seconds"}}}
    calm = {"resilience": {"cascading_failure_prevention": {"circuit_breaker": {"enabled": False}}}}
    yield "parallel_execution_framework.yaml", stale | calm
    soon = {"base_delay": "0.5 seconds", "multiplier": 1.5, "max_delay": "2 seconds"}
    yield "task_queue_manager.yaml", {"retry_logic": {"backoff_strategy": soon}}


def plan(tasks: int, agents: int, shape: str, seed: int) -> Document:
    """So many tasks, each with up to three dependencies: `layered`, `wide` (three layers) or `random`."""
    chance = random.Random(seed)
    layers = [list[str]() for _ in range({"layered": min(LAYERS, tasks), "wide": 3, "random": tasks}[shape])]
    for at in range(tasks):
        layers[at * len(layers) // tasks].append(f"t{at:04}")
    before: list[str] = []
    made: list[Document] = []
    last_but_one = len(layers[-1]) if shape != "random" else min(30, tasks // 4)
    doomed = {f"t{at:04}" for at in range(tasks - last_but_one - max(1, tasks // 200), tasks - last_but_one)}
    for layer in layers:
        made += [_task(task_id, before, chance, doomed=task_id in doomed) for task_id in layer]
        before = layer if shape != "random" else [*before, *layer][-200:]
    _waits_for(made[-1], max(doomed))
    fields: Document = {"description": "A storm", "mode": "swarm", "max_concurrent": max(4, agents)}
    return fields | {"tasks": made}


def _waits_for(task: Document, lost: str) -> None:
    """Whatever chance says, one task at least waits for one that cannot be done."""
    hard = task.setdefault("dependencies", {}).setdefault("hard_dependencies", [])
    if all(one["task_id"] != lost for one in hard):
        hard.append({"task_id": lost, "reason": "it will never come"})


def _task(task_id: str, before: Sequence[str], chance: random.Random, *, doomed: bool) -> Document:
    (kind,) = chance.choices(list(KINDS), [how.tasks for how in KINDS.values()])
    made: Document = {"task_id": task_id, "description": f"Do {task_id}, „gründlich“", "assigned_agent": kind}
    made |= {"detailed_prompt": f"First {task_id}.\nThen the rest: no # comment, but 'text'.\n"}
    made |= {"domain": chance.choice(["backend", "frontend", "docs"]), "max_retries": 1 if doomed else MANY}
    made |= {"priority": chance.choice(["high", "normal", "normal", "low"])}
    (tag,) = [DOOMED] if doomed else chance.choices(["plain", FAILS_FIRST, WRONG_FIRST], [0.84, 0.08, 0.08])
    made["tags"] = [tag]
    wanted: list[str | Document] = [WANTS] if chance.random() < 0.3 else []
    made["acceptance_criteria"] = wanted + ([CHECKED] if chance.random() < 0.15 else [])
    needs = chance.sample(list(before), min(3, len(before)))
    if needs:
        made["dependencies"] = _dependencies(needs, chance)
    return made


def _dependencies(needs: Sequence[str], chance: random.Random) -> Document:
    """The first is always hard; each further one is now and then soft, or hands over its artifact."""
    found: dict[str, list[Document]] = {"hard_dependencies": [{"task_id": needs[0]}]}
    for need in needs[1:]:
        (kind,) = chance.choices(["hard_dependencies", "soft_dependencies", "data_dependencies"], [0.6, 0.2, 0.2])
        artifact = {"artifact_path": RESULT} if kind == "data_dependencies" else {}
        found.setdefault(kind, []).append({"task_id": need, **artifact})
    return dict(found)


def expected(whole: Document) -> dict[str, str]:
    """Where each task has to lie in the end: what is doomed has failed, what waits for it is blocked, the rest is done.

    A doomed task hands in `status: failed` whenever it is tried.
    """
    edges = edges_of(whole)
    doomed = {task["task_id"] for task in whole["tasks"] if DOOMED in task["tags"]}
    found: dict[str, str] = {}
    for task_id in TopologicalSorter(edges).static_order():
        lost = any(found[need] != "tasks/completed" for need in edges[task_id])
        found[task_id] = "tasks/blocked" if lost else "tasks/failed" if task_id in doomed else "tasks/completed"
    return found
