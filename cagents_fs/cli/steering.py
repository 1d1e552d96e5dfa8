"""`cancel`, `retry`, `rescue`, `pause`, `resume`, `reassign`, `depend`: asked of the daemon, or done in its stead."""

from typing import Any

import click

from cagents_fs.cli.output import emit, find, json_option, say

reason_option = click.option("--reason", metavar="TEXT", help="Why; it goes into the journal.")


def act(root: str) -> None:
    """Do a daemon's turns, where none holds the tree."""
    from cagents_fs.daemon.logs import set_up
    from cagents_fs.daemon.service import Service

    set_up("text", verbose=False, quiet=True)  # what comes of the request is said by the command itself
    with Service(root) as service:
        service.once()


def _ask(
    tree: str, action: str, instruction: str, task_id: str | None, as_json: bool, said: str = "", **fields: Any
) -> int:
    from cagents_fs.client.steering import request

    done = request(tree, action, instruction, task_id, act, **fields)
    if as_json:
        emit(done)
    else:
        say(said or f"{task_id or instruction}: {done.get('state') or 'done'}")
    return 0


@click.command("cancel")
@click.argument("task")
@click.option("--skip", is_flag=True, help="Those who wait for it go on without it.")
@reason_option
@json_option
@click.pass_obj
def cancel_command(root: str | None, task: str, skip: bool, reason: str | None, as_json: bool) -> int:
    """Cancel TASK; those who wait for it become blocked.

    \b
    Example:
      cagents-fs cancel task_042 --skip --reason "no longer wanted"
    """
    from cagents_fs.client.naming import resolve

    tree = find(root)
    return _ask(tree, "cancel", *resolve(tree, task), as_json, reason=reason, skip=skip)


@click.command("retry")
@click.argument("task")
@reason_option
@json_option
@click.pass_obj
def retry_command(root: str | None, task: str, reason: str | None, as_json: bool) -> int:
    """Give a failed or cancelled TASK a fresh budget, under the same id.

    \b
    Example:
      cagents-fs retry task_042
    """
    from cagents_fs.client.naming import resolve

    tree = find(root)
    return _ask(tree, "retry", *resolve(tree, task), as_json, reason=reason)


@click.command("rescue")
@click.argument("instruction")
@reason_option
@json_option
@click.pass_obj
def rescue_command(root: str | None, instruction: str, reason: str | None, as_json: bool) -> int:
    """Take up everything of INSTRUCTION that failed, was cancelled or lost its file.

    \b
    Example:
      cagents-fs rescue inst_20261122_001
    """
    from cagents_fs.client.naming import resolve_instruction

    tree = find(root)
    return _ask(tree, "rescue", resolve_instruction(tree, instruction), None, as_json, reason=reason)


@click.command("pause")
@click.argument("name", required=False)
@reason_option
@json_option
@click.pass_obj
def pause_command(root: str | None, name: str | None, reason: str | None, as_json: bool) -> int:
    """Begin nothing new of NAME, an instruction or a task; what is in progress goes on.

    NAME is an instruction if there is one of that name, else a task. Without NAME: the only instruction.

    \b
    Examples:
      cagents-fs pause inst_20261122_001 --reason "the quota is used up"
      cagents-fs pause task_042
    """
    return _stop_or_go("pause", root, name, reason, as_json, "is paused; `cagents-fs resume {0}` lets it go on")


@click.command("resume")
@click.argument("name", required=False)
@reason_option
@json_option
@click.pass_obj
def resume_command(root: str | None, name: str | None, reason: str | None, as_json: bool) -> int:
    """Let NAME go on, an instruction or a task that was paused.

    NAME is an instruction if there is one of that name, else a task. Without NAME: the only instruction.

    \b
    Example:
      cagents-fs resume inst_20261122_001
    """
    return _stop_or_go("resume", root, name, reason, as_json, "goes on")


def _stop_or_go(action: str, root: str | None, name: str | None, reason: str | None, as_json: bool, said: str) -> int:
    """Ask it of an instruction or a task. `said`: what has become of it; {0} stands for its name."""
    from cagents_fs.client.steering import meant

    tree = find(root)
    instruction, task_id = meant(tree, name)
    whole = f"{instruction}/{task_id}" if task_id else instruction
    return _ask(tree, action, instruction, task_id, as_json, f"{whole} {said.format(whole)}", reason=reason)


@click.command("reassign")
@click.argument("task")
@click.option("--to", "agent", required=True, metavar="AGENT", help="Who is to do it.")
@reason_option
@json_option
@click.pass_obj
def reassign_command(root: str | None, task: str, agent: str, reason: str | None, as_json: bool) -> int:
    """Give TASK to another agent. One in progress begins anew there, and that costs no retry.

    \b
    Example:
      cagents-fs reassign task_042 --to backend-developer-2
    """
    from cagents_fs.client.naming import resolve
    from cagents_fs.errors import UsageError
    from cagents_fs.model.ids import id_fault

    if fault := id_fault(agent):
        raise UsageError(f"{agent!r} is no agent: {fault}")
    tree = find(root)
    instruction, task_id = resolve(tree, task)
    said = f"{task_id} goes to {agent}; `cagents-fs explain {instruction}/{task_id}` says where it is"
    return _ask(tree, "reassign", instruction, task_id, as_json, said, reason=reason, agent=agent)


@click.command("depend")
@click.argument("task")
@click.option("--on", "awaited", required=True, metavar="OTHER", help="The task that has to be completed first.")
@reason_option
@json_option
@click.pass_obj
def depend_command(root: str | None, task: str, awaited: str, reason: str | None, as_json: bool) -> int:
    """Let TASK wait for OTHER as well. In a mesh, and for a task that has not started.

    \b
    Examples:
      cagents-fs depend task_042 --on task_017
      cagents-fs depend task_042 --on inst_20261122_001:task_003
    """
    from cagents_fs.client.naming import resolve
    from cagents_fs.client.steering import awaited_as

    tree = find(root)
    instruction, task_id = resolve(tree, task)
    on = awaited_as(instruction, awaited)
    said = f"{task_id} waits for {on} as well"
    return _ask(tree, "add_dependency", instruction, task_id, as_json, said, reason=reason, on=on)
