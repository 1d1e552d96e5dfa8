"""Taking in what planners write: a whole plan, or one more task. Cut short anywhere, it is taken up where it stood.

The order (PROTOCOL section 5, Intake): definitions, the task files, then `taken_in` and `moved`, then `intake_done`.
Nothing is released before the last; a task that has a `taken_in` line is never made again.
"""

import os
from typing import Any

from cagents_fs.core.graph import choose_mode
from cagents_fs.core.index import Work, add_tasks
from cagents_fs.model.files import Task
from cagents_fs.model.layout import INSTRUCTION_FOLDERS, PLAN
from cagents_fs.model.lines import iso
from cagents_fs.model.observations import Now
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import State, place_of
from cagents_fs.plans import Judged
from cagents_fs.rules.limits import instances
from cagents_fs.store import definitions
from cagents_fs.store.changes import task_text
from cagents_fs.store.commit import Committer
from cagents_fs.store.disk import create, make_folders, put
from cagents_fs.store.dump import dump
from cagents_fs.store.reading import NotRegular, TooLarge, read_bounded
from cagents_fs.store.tree import locate
from cagents_fs.store.yaml import Unreadable, parse_mapping

MOST_BYTES = 1 << 20


def take_in_plan(work: Work, judged: Judged, committer: Committer, policy: Policy, now: Now) -> None:
    """Make a plan's tasks. Raises OSError, after which it can be called again."""
    assert judged.plan is not None
    plan, folder = judged.plan, os.path.join(committer.root, work.id)
    make_folders(folder, (*INSTRUCTION_FOLDERS, *_queues(judged, policy)), durable=True)
    written = judged.written.get("tasks", [])
    whole = {key: value for key, value in judged.written.items() if key != "tasks"}
    definitions.write(folder, whole, judged.sha256, written)
    work.instruction, work.mode = plan, judged.mode
    work.clear()  # an intake that was cut short may have left definitions of an older version of the plan
    add_tasks(work, plan.tasks)
    lines: list[dict[str, Any]] = []
    for task, definition in zip(plan.tasks, written, strict=True):
        lines.extend(_task_lines(work, task, definition, folder, committer, now))
    lines.append(
        {
            "time": iso(now.wall_s),
            "event": "intake_done",
            "reason": f"{len(plan.tasks)} tasks taken in, {judged.mode} mode",
            "mode": judged.mode,
            "tasks": len(plan.tasks),
            "plan_sha256": judged.sha256,
        }
    )
    committer.note(work.id, lines)
    for line in lines:
        work.history.apply(line)
    _appear(work, [task.task_id for task in plan.tasks], now)


def _queues(judged: Judged, policy: Policy) -> tuple[str, ...]:
    assert judged.plan is not None
    agents = {task.assigned_agent or policy.default_agent for task in judged.plan.tasks}
    domains = {task.domain or judged.plan.domain for task in judged.plan.tasks}
    return (
        *(place_of(State.AGENTS, name) for agent in sorted(agents) for name in instances(agent, policy)),
        *(place_of(State.DOMAINS, domain) for domain in sorted(domains)),
    )


def _task_lines(
    work: Work, task: Task, definition: dict[str, Any], folder: str, committer: Committer, now: Now
) -> list[dict[str, Any]]:
    """Make one task's file, unless it is there, and say so, unless that was said."""
    ledger = work.history.ledger(task.task_id)
    lines = []
    at = {"time": iso(now.wall_s), "task_id": task.task_id, "attempt": task.attempt}
    if ledger.digest is None:
        found = locate(folder, task.task_id)
        state = State.WAITING if task.blocking() else State.GLOBAL
        if not found:
            path = os.path.join(folder, state.value, f"{task.task_id}.yaml")
            create(path, task_text(definition, work.id), durable=committer.power_loss)
            committer.renamed_in(os.path.dirname(path))
        place = found[0] if found else state.value
        if found:  # made before a crash, or the journal is lost: what it says of its attempt is all that is left
            at["attempt"] = _attempt_of(os.path.join(folder, place, f"{task.task_id}.yaml"))
        lines.append({**at, "event": "taken_in", "digest": definitions.digest(definition), "source": "plan"})
        waits = f"waits for {', '.join(task.blocking()[:5])}" if task.blocking() else "nothing blocks it"
        lines.append({**at, "event": "moved", "from": None, "to": place, "reason": f"taken in; {waits}"})
    return lines


def _attempt_of(path: str) -> int:
    try:
        attempt = parse_mapping(read_bounded(path, MOST_BYTES).data).value.get("attempt", 1)
    except (OSError, NotRegular, TooLarge, Unreadable):
        return 1
    return attempt if isinstance(attempt, int) and attempt >= 1 else 1


def _appear(work: Work, tasks: list[str], now: Now) -> None:
    for task_id in tasks:
        work.put(work.records[task_id], work.history.ledger(task_id).place, now.s)


def take_in_task(
    work: Work, task: Task, definition: dict[str, Any], source: str, committer: Committer, policy: Policy, now: Now
) -> None:
    """Take in one task that lies in `tasks/pending`. Its definition is kept; the rules move it on. Raises OSError."""
    folder = os.path.join(committer.root, work.id)
    agent = task.assigned_agent or policy.default_agent
    queues = tuple(place_of(State.AGENTS, name) for name in instances(agent, policy))
    make_folders(folder, (*INSTRUCTION_FOLDERS, *queues), durable=True)
    kept = {key: value for key, value in definition.items() if key not in definitions.NOT_PART}
    put(definitions.added_path(folder, task.task_id), dump(kept).encode(), durable=True)
    at = {"time": iso(now.wall_s), "task_id": task.task_id, "attempt": task.attempt}
    lines: list[dict[str, Any]] = []
    if work.history.intake is None and not os.path.lexists(os.path.join(folder, PLAN)):
        mode = work.mode = work.instruction.mode or choose_mode(work.instruction.tier, {})
        definitions.write(folder, work.instruction.model_dump(mode="json", by_alias=True, exclude_unset=True), "", [])
        lines.append(_opened(mode, now))
    found = {"source": "pending", "at": source, "reason": f"found in {source}"}
    lines.append({**at, "event": "taken_in", "digest": definitions.digest(definition), **found})
    committer.note(work.id, lines)
    for line in lines:
        work.history.apply(line)
    add_tasks(work, [task])
    _appear(work, [task.task_id], now)


def _opened(mode: str, now: Now) -> dict[str, Any]:
    """An instruction without a plan begins with its first task."""
    text = f"no plan; tasks come one by one, {mode} mode"
    return {"time": iso(now.wall_s), "event": "intake_done", "reason": text, "mode": mode, "tasks": 0}
