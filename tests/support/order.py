"""What a journal must show of any run: order, limits, barriers. Every breach is a text; no breach is an empty list.

Pure: the lines of `journal.jsonl` and the plan as written, nothing of the product. A turn of the daemon is a run of
lines that bear the same time.
"""

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from graphlib import TopologicalSorter
from typing import Any

Line = dict[str, Any]
Lines = Sequence[Line]
Plan = dict[str, Any]
Edges = dict[str, list[str]]  # task -> the tasks it waits for

WORK, DONE, AGENTS = "tasks/in_progress", "tasks/completed", "queues/agents/"
LIMITS = {"sequential": 1, "pipeline": 5, "swarm": 50, "mesh": 30}


def violations(lines: Lines, plan: Plan) -> list[str]:
    """Everything at once."""
    checks = (order(lines, plan), limits(lines, plan), barriers(lines, plan), renames(lines), completions(lines, plan))
    return [text for found in checks for text in found]


# -- the plan ---------------------------------------------------------------------------------------------------------


def edges_of(plan: Plan) -> Edges:
    """For each task the tasks whose completion it waits for: its hard and its data dependencies."""
    return {task["task_id"]: _awaited(task.get("dependencies") or []) for task in plan["tasks"]}


def _awaited(dependencies: Any) -> list[str]:
    if isinstance(dependencies, dict):
        entries = [*dependencies.get("hard_dependencies", []), *dependencies.get("data_dependencies", [])]
    else:
        entries = list(dependencies)
    named = [entry["task_id"] if isinstance(entry, dict) else entry for entry in entries]
    return list(dict.fromkeys(named))


def waves_of(plan: Plan) -> dict[str, int]:
    """The wave of each task: 0 if it waits for nothing, else one more than the latest that it waits for."""
    edges, wave = edges_of(plan), dict[str, int]()
    for task in TopologicalSorter(edges).static_order():
        wave[task] = 1 + max((wave[one] for one in edges[task]), default=-1)
    return wave


def limit_of(plan: Plan) -> int:
    """How many tasks may be in progress at once."""
    return int(plan.get("max_concurrent") or LIMITS[plan["mode"]])


# -- the checks -------------------------------------------------------------------------------------------------------


def order(lines: Lines, plan: Plan) -> list[str]:
    """No task is with an agent before all that it waits for are accepted and completed."""
    edges, accepted, completed = edges_of(plan), set[str](), set[str]()
    found = []
    for line in lines:
        if line["event"] == "accepted":
            accepted.add(line["task_id"])
        if line["event"] != "moved":
            continue
        task, place = line["task_id"], line["to"]
        if place == DONE:
            completed.add(task)
        if place == WORK or place.startswith(AGENTS):
            early = [one for one in edges.get(task, []) if one not in accepted or one not in completed]
            found += [f"line {line['seq']}: {task} entered {place} before {one} was verified" for one in early]
    return found


def barriers(lines: Lines, plan: Plan) -> list[str]:
    """In a pipeline no task of a wave is with an agent before all of the waves before it are completed."""
    if plan["mode"] != "pipeline":
        return []
    wave, found = waves_of(plan), list[str]()
    unfinished = Counter(wave.values())
    for line in _moved(lines):
        task, place = line["task_id"], line["to"]
        if place == DONE:
            unfinished[wave[task]] -= 1
        if place == WORK or place.startswith(AGENTS):
            early = [number for number, tasks in unfinished.items() if tasks > 0 and number < wave[task]]
            where = f"line {line['seq']}: {task} of wave {wave[task]} entered {place}"
            found += [
                f"{where} while {unfinished[number]} of wave {number} were unfinished" for number in sorted(early)
            ]
    return found


def limits(lines: Lines, plan: Plan) -> list[str]:
    """No turn ends with more in progress than may be, and the daemon's own agents never take one too many.

    Within the turn that sees them there may be more claims by others. The excess is put back, or ends in that turn: a
    place became free, or it was handed in before anybody had seen the claim, and then it is judged.
    """
    limit, running, found = limit_of(plan), list[str](), list[str]()
    for turn in _turns(lines):
        for line in _moved(turn):
            if line["to"] == WORK:
                running.append(line["task_id"])
            elif line["from"] == WORK and line["task_id"] in running:
                running.remove(line["task_id"])
            if line["to"] == WORK and "by" in line and len(running) > limit:
                about = f"{line['task_id']} was started as number {len(running)}"
                found.append(f"line {line['seq']}: {about}, {limit} may be in progress")
        lost = {line["task_id"] for line in turn if line["event"] == "void"}  # it tries again in the next turn
        if set(running[limit:]) - lost:
            found.append(f"line {turn[-1]['seq']}: the turn ends with {len(running)} in progress, {limit} may be")
            del running[limit:]  # said once
    return found


def renames(lines: Lines) -> list[str]:
    """One line for each rename: numbers grow, chains have no gap, each intent has one answer, which does as it says."""
    found = [f"line {b['seq']} follows {a['seq']}" for a, b in itertools.pairwise(lines) if a["seq"] >= b["seq"]]
    place: dict[str, str | None] = {}
    for line in _moved(lines):
        task, source, target = line["task_id"], line["from"], line["to"]
        begins = task not in place and source in (None, "tasks/pending")
        if not begins and place.get(task, "nowhere") != source:
            found.append(f"line {line['seq']}: {task} left {source}, but lay in {place.get(task, 'nowhere')}")
        if source == target:
            found.append(f"line {line['seq']}: {task} went from {source} to itself")
        place[task] = target
    return found + _unanswered(lines)


def _unanswered(lines: Lines) -> list[str]:
    answers: dict[int, list[Line]] = defaultdict(list)
    for line in lines:
        if line["event"] in ("moved", "void") and "intent" in line:
            answers[line["intent"]].append(line)
    found = []
    for line in lines:
        if line["event"] != "intend":
            continue
        given = answers.pop(line["seq"], [])
        if len(given) != 1:
            found.append(f"line {line['seq']}: the intent for {line['task_id']} has {len(given)} answers")
        told = ("task_id", "from", "to")
        if any(answer["event"] == "moved" and any(answer[key] != line[key] for key in told) for answer in given):
            found.append(f"line {line['seq']}: what was done for {line['task_id']} is not what was intended")
    return found + [f"an answer to {number}, which is no intent" for number in answers]


def completions(lines: Lines, plan: Plan) -> list[str]:
    """Every task of the plan, and no other, is taken in, accepted and completed once, and stays so."""
    tasks = {task["task_id"] for task in plan["tasks"]}
    counted = {
        "taken in": Counter(line["task_id"] for line in lines if line["event"] == "taken_in"),
        "accepted": Counter(line["task_id"] for line in lines if line["event"] == "accepted"),
        "completed": Counter(line["task_id"] for line in _moved(lines) if line["to"] == DONE),
    }
    last = {line["task_id"]: line["to"] for line in _moved(lines)}
    found = []
    for what, times in counted.items():
        wrong = sorted(task for task in tasks | set(times) if times[task] != (1 if task in tasks else 0))
        found += [f"{task} was {what} {times[task]} times" for task in wrong]
    return found + [f"{task} ends in {place}" for task, place in sorted(last.items()) if place != DONE]


# -- figures ----------------------------------------------------------------------------------------------------------


def most_at_once(lines: Lines) -> int:
    """How many tasks were in progress at the end of a turn, at most."""
    running, most = set[str](), 0
    for turn in _turns(lines):
        for line in _moved(turn):
            if line["to"] == WORK:
                running.add(line["task_id"])
            elif line["from"] == WORK:
                running.discard(line["task_id"])
        most = max(most, len(running))
    return most


def put_back(lines: Lines) -> int:
    """How many claims went back into the queue from which they were made."""
    return sum(line["from"] == WORK and line["to"].startswith(AGENTS) for line in _moved(lines))


def _moved(lines: Lines) -> list[Line]:
    return [line for line in lines if line["event"] == "moved"]


def _turns(lines: Lines) -> Iterator[list[Line]]:
    for _, turn in itertools.groupby(lines, key=lambda line: line["time"]):
        yield list(turn)
