"""`claim`, `heartbeat`, `complete`, `fail`: what an agent says."""

from typing import TYPE_CHECKING

import click

from cagents_fs.cli.output import emit, find, json_option, say

if TYPE_CHECKING:
    from cagents_fs.client.working import Speaker

agent_option = click.option(
    "--agent", metavar="A", help="On whose behalf; else $CAGENTS_AGENT, else the task's holder."
)
attempt_option = click.option(
    "--attempt",
    type=click.IntRange(1),
    help="Which attempt this is of; else $CAGENTS_ATTEMPT. It is the fencing token.",
)
wait_option = click.option(
    "--wait", is_flag=False, flag_value="10 minutes", default=None, metavar="[DURATION]", help="Wait for the verdict."
)


@click.command("claim")
@click.argument("agent")
@click.option("--task", "task", metavar="T", help="This task, not the best one.")
@json_option
@click.pass_obj
def claim_command(root: str | None, agent: str, task: str | None, as_json: bool) -> None:
    """Take the best task of AGENT's queues.

    Ends with 3 when there is none (`nothing_ready`) or the limit is reached (`limit_reached`).

    \b
    Example:
      cagents-fs claim backend-developer --json
    """
    from cagents_fs.client.claiming import claim
    from cagents_fs.runner.prompts import input_lines

    done = claim(find(root), agent, task)
    if as_json:
        emit(
            {
                "instruction_id": done.instruction_id,
                "task": done.task,
                "path": done.path,
                "output_path": done.output_path,
                "attempt": done.attempt,
                "inputs": done.inputs,
            }
        )
        return
    say(f"{done.instruction_id}/{done.task.get('task_id')} is yours, attempt {done.attempt}: {done.path}")
    say(f"put your output into {done.output_path}")
    for line in input_lines(done.inputs):
        say(f"input {line}")
    if done.attempt > 1:
        say(f"say --attempt {done.attempt} (or set CAGENTS_ATTEMPT={done.attempt}) when you beat and hand in")


@click.command("heartbeat")
@click.argument("task")
@agent_option
@attempt_option
@click.option("--progress", type=click.FloatRange(0, 100), help="Percent.")
@click.option("--activity", metavar="TEXT", help="What you are doing.")
@click.option(
    "--status", type=click.Choice(["starting", "in_progress", "blocked", "completed", "failed"]), default="in_progress"
)
@click.option("--silent-for", metavar="DURATION", help="You will be heard of again within this time, not before.")
@json_option
@click.pass_obj
def heartbeat_command(
    root: str | None,
    task: str,
    agent: str | None,
    attempt: int | None,
    progress: float | None,
    activity: str | None,
    status: str,
    silent_for: str | None,
    as_json: bool,
) -> None:
    """Give a sign of life for TASK.

    \b
    Example:
      cagents-fs heartbeat task_042 --progress 40 --activity "writing the tests"
    """
    from cagents_fs.client.working import heartbeat, speaker

    tree = find(root)
    who = speaker(tree, task, agent, attempt)
    path = heartbeat(tree, who, status=status, progress=progress, activity=activity, silent_for=silent_for)
    if as_json:
        emit({"path": path, "task_id": who.task_id, "agent_name": who.agent})


@click.command("complete")
@click.argument("task")
@click.argument("files", nargs=-1, type=click.Path())
@agent_option
@attempt_option
@click.option("--met", multiple=True, metavar='"criterion=evidence"', help="A criterion you met, and where it is seen.")
@click.option("--metric", multiple=True, metavar="name=value", help="A quality metric, such as test_coverage=0.93.")
@wait_option
@json_option
@click.pass_obj
def complete_command(
    root: str | None,
    task: str,
    files: tuple[str, ...],
    agent: str | None,
    attempt: int | None,
    met: tuple[str, ...],
    metric: tuple[str, ...],
    wait: str | None,
    as_json: bool,
) -> int:
    """Hand TASK in with its FILES, each hashed where it lies.

    With --wait it ends with 0 when the manifest was accepted and with 1 when it was rejected, naming every fault.

    \b
    Example:
      cagents-fs complete task_042 src/users.py --met "Endpoints return proper codes=tests/test_users.py" --wait
    """
    from cagents_fs.client.working import complete, speaker

    tree = find(root)
    who = speaker(tree, task, agent, attempt)
    path, sha256 = complete(tree, who, files, met, metric)
    return _handed_in(tree, who, path, sha256, wait, as_json=as_json)


@click.command("fail")
@click.argument("task")
@agent_option
@attempt_option
@click.option("--reason", metavar="TEXT", default="no reason given", help="What went wrong.")
@click.option("--error-type", metavar="KIND", help="Kinds configured as `never_retry` are not tried again.")
@json_option
@click.pass_obj
def fail_command(
    root: str | None,
    task: str,
    agent: str | None,
    attempt: int | None,
    reason: str,
    error_type: str | None,
    as_json: bool,
) -> int:
    """Say that TASK could not be done.

    \b
    Example:
      cagents-fs fail task_042 --reason "the API is down" --error-type transient_network_error
    """
    from cagents_fs.client.working import fail, speaker

    tree = find(root)
    who = speaker(tree, task, agent, attempt)
    path, sha256 = fail(tree, who, reason, error_type)
    return _handed_in(tree, who, path, sha256, None, as_json=as_json)


def _handed_in(tree: str, who: "Speaker", path: str, sha256: str, wait: str | None, *, as_json: bool) -> int:
    from cagents_fs.client.working import wait_for_verdict
    from cagents_fs.errors import UsageError
    from cagents_fs.model.durations import seconds_of

    data: dict[str, object] = {"task_id": who.task_id, "path": path, "manifest_sha256": sha256}
    if wait is None:
        emit(data) if as_json else say(f"handed in: {path}")
        return 0
    try:
        patience_s = seconds_of(wait)
    except ValueError as error:
        raise UsageError(f"--wait: {error}; put the files before it") from None
    verdict = wait_for_verdict(tree, who, sha256, patience_s)
    if as_json:
        faults = [fault.to_json() for fault in verdict.faults]
        emit({**data, "accepted": verdict.accepted, "reason": verdict.reason, "faults": faults})
    else:
        say({True: "accepted", False: "rejected", None: "no verdict"}[verdict.accepted] + f": {verdict.reason}")
        for fault in verdict.faults:
            say(f"  {fault.code}: {fault}")
    return 0 if verdict.accepted else 1
