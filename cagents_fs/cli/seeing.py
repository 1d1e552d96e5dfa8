"""`status`, `ready`, `tasks`, `show`, `events`."""

import difflib
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from cagents_fs.cli.output import emit, find, in_json, json_option, say, table

if TYPE_CHECKING:
    from cagents_fs.core.index import Index, Work

MOST_AT_WORK = 12
instruction_argument = click.argument("instruction", required=False)


@click.command("status")
@instruction_argument
@json_option
@click.pass_obj
def status_command(root: str | None, instruction: str | None, as_json: bool) -> int:
    """How far everything is, and who works on what. Ends with 1 when something waits for a person.

    \b
    Example:
      cagents-fs status --json
    """
    from cagents_fs.client.looking import look_around
    from cagents_fs.client.machine import read_watching
    from cagents_fs.report.status import at_work, instruction_status, watching_lines
    from cagents_fs.store.locks import holder, is_held

    tree = find(root)
    index, works = _chosen(tree, instruction)
    signs = look_around(tree, index)
    rows = [{**instruction_status(work), "at_work": at_work(work, signs)} for work in works]
    daemon = holder(tree) if is_held(tree) else None
    watching = read_watching(tree) if daemon else None
    if as_json:
        emit({"root": tree, "daemon": daemon, "watching": watching, "instructions": rows})
    else:
        _show_status(tree, rows, daemon)
        for line in watching_lines(watching):
            say(line)
    stuck = watching is not None and (watching.get("held") or watching.get("storage"))
    needy = any(row["quarantined"] or row["tasks"]["failed"] or row["tasks"]["blocked"] for row in rows)
    return 1 if stuck or needy else 0


def _chosen(tree: str, instruction: str | None) -> "tuple[Index, list[Work]]":
    """The picture of the tree, and of it the instruction that is meant: without the others its waits cannot be told."""
    from cagents_fs.client.naming import resolve_instruction
    from cagents_fs.picture import load_index

    only = resolve_instruction(tree, instruction) if instruction else None
    index = load_index(tree)
    return index, [work for work in index.works.values() if only in (None, work.id)]


def _show_status(tree: str, rows: list[dict[str, Any]], daemon: str | None) -> None:
    from cagents_fs.cli.output import shortened

    lines = []
    for row in rows:
        counts = [
            f"{count} {name.replace('_', ' ')}" for name, count in row["tasks"].items() if count and name != "total"
        ]
        agents = [f"{count} {name}" for name, count in row["agents"].items() if count]
        verified = f"{row['tasks']['completed']}/{row['tasks']['total']}, {row['progress_percentage']:g} %"
        phase = f"{row['phase']}, paused" if row["paused"] else row["phase"]
        lines.append((row["instruction_id"], row["mode"], phase, verified, ", ".join(counts), ", ".join(agents)))
    columns = ("instruction", "mode", "phase", "verified", "tasks", "agents")
    table(tree, columns, lines, fold=("phase", "tasks", "agents"))
    busy = [one for row in rows for one in row["at_work"]]
    if busy:
        say("")
        said = [
            (one["agent"] or "", f"{one['instruction_id']}/{one['task_id']}", one["attempt"], _activity(one, shortened))
            for one in busy[:MOST_AT_WORK]
        ]
        table("", ("agent", "works on", "attempt", "and says"), said, fold=("and says",))
        if len(busy) > MOST_AT_WORK:
            say(f"and {len(busy) - MOST_AT_WORK} more; `cagents-fs tasks --state in_progress` shows all")
    _show_needs(rows)
    say(f"daemon: {daemon}" if daemon else "no daemon holds this tree; start one with `cagents-fs watch`")


def _activity(one: dict[str, Any], shortened: Callable[[str], str]) -> str:
    progress = f"{one['progress_percentage']:g} %" if one["progress_percentage"] is not None else ""
    quiet = "STALLED: no sign of life" if one["stalled"] else ""
    waits = f"waits {one['waits']}" if one["waits"] else ""
    return shortened(", ".join(part for part in (quiet, waits, progress, one["activity"] or "") if part))


def _show_needs(rows: list[dict[str, Any]]) -> None:
    """What waits for a person."""
    for row in rows:
        name, count = row["instruction_id"], len(row["open_escalations"])
        if count:
            named = ", ".join(row["open_escalations"][:5]) + (" …" if count > 5 else "")
            waits = "1 escalation waits" if count == 1 else f"{count} escalations wait"
            say(f"{name}: {waits} for an answer ({named}); `cagents-fs answer ID --action …`")
        for found in row["quarantined"]:
            say(f"{name}: {found['path']} cannot be used: {found['reason']}")


@click.command("ready")
@json_option
@click.pass_obj
def ready_command(root: str | None, as_json: bool) -> None:
    """The tasks that could be taken up now, best first, and why in this order.

    \b
    Example:
      cagents-fs ready
    """
    from cagents_fs.client.looking import look_around
    from cagents_fs.config import load
    from cagents_fs.picture import load_index
    from cagents_fs.report.status import ready_rows

    tree = find(root)
    index = load_index(tree)
    look_around(tree, index)
    rows = ready_rows(index, load(tree).policy, time.time())
    if as_json:
        emit({"tasks": rows})
        return
    only = _the_only(rows)
    shown = [
        (
            row["task_id"] if only else f"{row['instruction_id']}/{row['task_id']}",
            row["agent"],
            row["why"],
            f"no: {row['held_up_by']}" if row["held_up_by"] else "yes",
        )
        for row in rows
    ]
    columns = ("task", "agent", "priority", "can be claimed")
    table(f"Ready{f' in {only}' if only else ''}, best first", columns, shown, fold=("priority", "can be claimed"))


def _the_only(rows: list[dict[str, Any]]) -> str | None:
    """The one instruction that all rows are of: it stands over the table, and not in every line."""
    names = {row["instruction_id"] for row in rows}
    return names.pop() if len(names) == 1 else None


@click.command("tasks")
@instruction_argument
@click.option("--state", "state", metavar="S", help="Only those in this state, such as blocked or in_progress.")
@json_option
@click.pass_obj
def tasks_command(root: str | None, instruction: str | None, state: str | None, as_json: bool) -> None:
    """All tasks, with where they are and whom they wait for.

    \b
    Example:
      cagents-fs tasks --state blocked
    """
    from cagents_fs.report.status import is_in, task_row

    if state is not None:
        _is_known(state)
    tree = find(root)
    _, works = _chosen(tree, instruction)
    rows = [task_row(work, record) for work in works for record in work.records.values()]
    rows = [row for row in rows if state is None or is_in(row, state)]
    if as_json:
        emit({"tasks": rows})
        return
    _show_tasks(rows, _the_only(rows))


def _is_known(state: str) -> None:
    """Raises UsageError for a state that there is not: an empty list would say that nothing is in it."""
    from cagents_fs.errors import UsageError
    from cagents_fs.report.status import STATES

    if state.rpartition("/")[0] not in ("queues/agents", "queues/domains") and state not in STATES:
        near = difflib.get_close_matches(state, STATES, n=1, cutoff=0.6)
        guess = f"did you mean {near[0]}? " if near else ""
        raise UsageError(f"there is no state {state}; {guess}the states are {', '.join(STATES)}")


def _show_tasks(rows: list[dict[str, Any]], only: str | None) -> None:
    from cagents_fs.cli.output import shortened

    shown = [
        (
            row["task_id"] if only else f"{row['instruction_id']}/{row['task_id']}",
            row["status"] + (", paused" if row["paused"] else ""),
            f"{row['agent'] or ''}" + (f" #{row['attempt']}" if row["attempt"] > 1 else ""),
            ", ".join(dict.fromkeys([*row["waits_for"], *row["blocked_by"]][:5])),
            shortened(row["description"]),
        )
        for row in rows
    ]
    columns = ("task", "state", "agent", "waits for", "what")
    table(f"Tasks of {only}" if only else "Tasks", columns, shown, fold=("state", "waits for", "what"), cut="what")


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
        click.echo(in_json(line))
        return
    if line["event"] == "intend":
        return
    moved = f" {line.get('from') or '(plan)'} -> {line.get('to')}" if line["event"] == "moved" else ""
    say(f"{line['time']} {line['event']} {line.get('task_id') or ''}{moved}: {line.get('reason') or ''}")
