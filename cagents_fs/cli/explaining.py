"""`explain`: why a task is where it is, what it waits for, and what would free it."""

import os
import time
from typing import Any

import click

from cagents_fs.cli.output import emit, find, json_option, paragraph, say


@click.command("explain")
@click.argument("task")
@json_option
@click.pass_obj
def explain_command(root: str | None, task: str, as_json: bool) -> None:
    """Why TASK is where it is, what would free it, and how it came there.

    \b
    Examples:
      cagents-fs explain task_042
      cagents-fs explain inst_20261122_001/task_042 --json
    """
    from cagents_fs.client.naming import resolve

    tree = find(root)
    instruction, task_id = resolve(tree, task)
    data = _data(tree, instruction, task_id)
    if as_json:
        emit(data)
        return
    say(f"{instruction}/{task_id} is in {data['state'] or 'no place at the moment'}")
    for reason in data["reasons"]:
        paragraph(reason, indent="  ")
    say("")
    for line in data["story"]:
        moved = f" {line['from'] or '(plan)'} -> {line['to']}" if line["event"] == "moved" else ""
        paragraph(f"{line['time']} {line['event']}{moved}" + (f": {line['reason']}" if line["reason"] else ""))


def _data(tree: str, instruction: str, task_id: str) -> dict[str, Any]:
    from cagents_fs.client.looking import look_around
    from cagents_fs.config import load as load_configuration
    from cagents_fs.model.layout import JOURNAL
    from cagents_fs.picture import load_index
    from cagents_fs.report.story import about, reasons, story
    from cagents_fs.report.why import Asked, causes
    from cagents_fs.store import journal
    from cagents_fs.store.locks import is_held

    index = load_index(tree)
    work, policy = index.works[instruction], load_configuration(tree).policy
    told = about(task_id, journal.read(os.path.join(tree, instruction, JOURNAL)).records)
    named = {"instruction_id": instruction, "task_id": task_id}
    record = work.records.get(task_id)
    if record is None:
        return {**named, **_untaken(tree, work.history.quarantined, instruction, task_id), "story": story(told)}
    signs = look_around(tree, index)
    index.urgencies(policy)
    asked = Asked(index, work, record, policy, time.time(), told, is_held(tree), signs)
    why = {"state": record.place, "reasons": reasons(asked), "causes": causes(asked)}
    return {**named, **why, "story": story(told)}


def _untaken(tree: str, quarantined: dict[str, str], instruction: str, task_id: str) -> dict[str, Any]:
    """A file that lies in a state directory, and that nobody has taken in."""
    from cagents_fs.report.why import untaken
    from cagents_fs.store.locks import is_held
    from cagents_fs.store.tree import locate

    places = locate(os.path.join(tree, instruction), task_id)
    place = places[0] if places else "tasks/pending"
    faults = quarantined.get(f"{place}/{task_id}.yaml")
    return {
        "state": place if places else None,
        "reasons": untaken(place, instruction, task_id, faults, daemon=is_held(tree)),
        "causes": [],
    }
