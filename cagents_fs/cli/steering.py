"""`cancel`, `retry`, `rescue`: with a daemon they wait for it, without one they do its turn."""

from typing import Any

import click

from cagents_fs.cli.output import emit, find, json_option, say

reason_option = click.option("--reason", metavar="TEXT", help="Why; it goes into the journal.")


def _act(root: str) -> None:
    from cagents_fs.daemon.service import Service

    with Service(root) as service:
        service.once()


def _ask(root: str | None, action: str, reference: str, reason: str | None, *, skip: bool, as_json: bool) -> int:
    from cagents_fs.client.steering import request

    done: dict[str, Any] = request(find(root), action, reference, _act, reason=reason, skip=skip)
    if as_json:
        emit(done)
    else:
        say(f"{done.get('task_id', done['instruction_id'])}: {done.get('state', 'done')}")
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
    return _ask(root, "cancel", task, reason, skip=skip, as_json=as_json)


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
    return _ask(root, "retry", task, reason, skip=False, as_json=as_json)


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
    return _ask(root, "rescue", instruction, reason, skip=False, as_json=as_json)
