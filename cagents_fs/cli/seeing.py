"""`status`, `ready`, `tasks`, `show`, `explain`, `events`."""

import json
import os
import time
from typing import Any

import click

from cagents_fs.cli.output import emit, find, json_option, say, table

instruction_argument = click.argument("instruction", required=False)


@click.command("status")
@instruction_argument
@json_option
@click.pass_obj
def status_command(root: str | None, instruction: str | None, as_json: bool) -> int:
    """Who does what, in one table. Ends with 1 when something waits for a person.

    \b
    Example:
      cagents-fs status --json
    """
    from cagents_fs.client.naming import resolve_instruction
    from cagents_fs.picture import load_index
    from cagents_fs.report.status import instruction_status
    from cagents_fs.store.locks import holder, is_held

    tree = find(root)
    only = [resolve_instruction(tree, instruction)] if instruction else None
    rows = [instruction_status(work) for work in load_index(tree, only).works.values()]
    held = is_held(tree)
    if as_json:
        emit({"root": tree, "daemon": holder(tree) if held else None, "instructions": rows})
    else:
        _show_status(tree, rows, holder(tree) if held else None)
    return 1 if any(row["quarantined"] or row["tasks"]["failed"] or row["tasks"]["blocked"] for row in rows) else 0


def _show_status(tree: str, rows: list[dict[str, Any]], daemon: str | None) -> None:
    lines = []
    for row in rows:
        counts = [
            f"{count} {name.replace('_', ' ')}" for name, count in row["tasks"].items() if count and name != "total"
        ]
        agents = [f"{count} {name}" for name, count in row["agents"].items() if count]
        verified = f"{row['tasks']['completed']}/{row['tasks']['total']}, {row['progress_percentage']:g} %"
        lines.append((row["instruction_id"], row["mode"], row["phase"], verified, ", ".join(counts), ", ".join(agents)))
    table(tree, ("instruction", "mode", "phase", "verified", "tasks", "agents"), lines)
    for row in rows:
        for found in row["quarantined"]:
            say(f"{row['instruction_id']}: {found['path']} cannot be used: {found['reason']}")
    say(f"daemon: {daemon}" if daemon else "no daemon holds this tree; start one with `cagents-fs watch`")


@click.command("ready")
@json_option
@click.pass_obj
def ready_command(root: str | None, as_json: bool) -> None:
    """The tasks that could be taken up now, best first.

    \b
    Example:
      cagents-fs ready
    """
    from cagents_fs.config import load
    from cagents_fs.picture import load_index
    from cagents_fs.report.status import ready_rows

    tree = find(root)
    rows = ready_rows(load_index(tree), load(tree).policy, time.time())
    if as_json:
        emit({"tasks": rows})
        return
    shown = [
        (r["instruction_id"], r["task_id"], r["priority"], r["agent"], r["state"], r["held_up_by"] or "") for r in rows
    ]
    table("Ready", ("instruction", "task", "priority", "agent", "where", "held up by"), shown)


@click.command("tasks")
@instruction_argument
@click.option("--state", "status", metavar="S", help="Only those in this state, such as blocked or in_progress.")
@json_option
@click.pass_obj
def tasks_command(root: str | None, instruction: str | None, status: str | None, as_json: bool) -> None:
    """All tasks, with where they are and whom they wait for.

    \b
    Example:
      cagents-fs tasks --state blocked
    """
    from cagents_fs.client.naming import resolve_instruction
    from cagents_fs.picture import load_index
    from cagents_fs.report.status import task_row

    tree = find(root)
    only = [resolve_instruction(tree, instruction)] if instruction else None
    works = load_index(tree, only).works.values()
    rows = [task_row(work, record) for work in works for record in work.records.values()]
    rows = [row for row in rows if status in (None, row["status"], row["state"])]
    if as_json:
        emit({"tasks": rows})
        return
    columns = ("instruction", "task", "where", "attempt", "agent", "waits for or is blocked by", "what")
    shown = [
        (
            row["instruction_id"],
            row["task_id"],
            row["state"] or "nowhere",
            row["attempt"],
            row["agent"] or "",
            ", ".join([*row["waits_for"], *row["blocked_by"]][:5]),
            row["description"],
        )
        for row in rows
    ]
    table("Tasks", columns, shown)


@click.command("show")
@click.argument("task")
@json_option
@click.pass_obj
def show_command(root: str | None, task: str, as_json: bool) -> None:
    """One task: its definition as taken in, where it is, its manifest and its last verdict.

    \b
    Example:
      cagents-fs show task_042
    """
    from cagents_fs.client.naming import resolve
    from cagents_fs.client.reading import read_output
    from cagents_fs.picture import load, record_named
    from cagents_fs.report.status import task_row

    tree = find(root)
    instruction, task_id = resolve(tree, task)
    work = load(tree, instruction).work
    record = record_named(work, task_id)
    row = task_row(work, record)
    row["definition"] = record.task.model_dump(mode="json", by_alias=True, exclude_unset=True)
    row |= read_output(tree, work, task_id)
    if as_json:
        emit(row)
        return
    from cagents_fs.store.dump import dump

    for line in dump(row).splitlines():
        say(line)


@click.command("explain")
@click.argument("task")
@json_option
@click.pass_obj
def explain_command(root: str | None, task: str, as_json: bool) -> None:
    """Why TASK is where it is, and how it came there.

    \b
    Example:
      cagents-fs explain task_042
    """
    from cagents_fs.client.naming import resolve
    from cagents_fs.config import load as load_configuration
    from cagents_fs.model.layout import JOURNAL
    from cagents_fs.picture import load_index, record_named
    from cagents_fs.report.story import reasons, story
    from cagents_fs.store import journal

    tree = find(root)
    instruction, task_id = resolve(tree, task)
    index = load_index(tree)
    work = index.works[instruction]
    record = record_named(work, task_id)
    lines = journal.read(os.path.join(tree, instruction, JOURNAL)).records
    why = reasons(index, work, record, load_configuration(tree).policy, lines, time.time())
    told = story(task_id, lines)
    if as_json:
        data = {"instruction_id": instruction, "task_id": task_id, "state": record.place, "reasons": why, "story": told}
        emit(data)
        return
    say(f"{instruction}/{task_id} is in {record.place or 'no place at the moment'}")
    for reason in why:
        say(f"  {reason}")
    say("")
    for line in told:
        moved = f" {line['from'] or '(plan)'} -> {line['to']}" if line["event"] == "moved" else ""
        say(f"{line['time']} {line['event']}{moved}: {line['reason']}")


@click.command("events")
@instruction_argument
@click.option("--follow", "-f", is_flag=True, help="Go on as more happens.")
@click.option("--last", type=click.IntRange(1), help="Only the last N.")
@json_option
@click.pass_obj
def events_command(root: str | None, instruction: str | None, follow: bool, last: int | None, as_json: bool) -> None:
    """The journal: what happened, and why. With --follow and --json, one JSON object a line.

    \b
    Example:
      cagents-fs events --follow
    """
    from cagents_fs.client.naming import resolve_instruction
    from cagents_fs.model.layout import JOURNAL
    from cagents_fs.store import journal

    tree = find(root)
    name = resolve_instruction(tree, instruction)
    path = os.path.join(tree, name, JOURNAL)
    lines, offset = journal.follow(path, 0)
    lines = lines[-last:] if last else lines
    if as_json and not follow:
        emit({"instruction_id": name, "events": lines})
        return
    while True:
        for line in lines:
            _show_event(line, as_json=as_json)
        if not follow:
            return
        time.sleep(0.2)
        lines, offset = journal.follow(path, offset)


def _show_event(line: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(line))
        return
    if line["event"] == "intend":
        return
    moved = f" {line.get('from') or '(plan)'} -> {line.get('to')}" if line["event"] == "moved" else ""
    say(f"{line['time']} {line['event']} {line.get('task_id') or ''}{moved}: {line.get('reason') or ''}")
