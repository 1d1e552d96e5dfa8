"""`escalate`, `answer`, `send`: who cannot go on asks, who can decide answers, and anybody writes to anybody."""

import click

from cagents_fs.cli.output import emit, find, json_option, say
from cagents_fs.cli.working import agent_option, attempt_option

ACTIONS = ("resume", "retry", "reassign", "cancel", "skip_dependency")


@click.command("escalate")
@click.argument("task")
@click.option("--severity", type=click.Choice(["blocker", "high", "medium", "low"]), required=True)
@click.option("--to", metavar="AGENT", help="Whom you ask; else the parent task's holder, else the planner.")
@click.option("--issue", required=True, metavar="TEXT", help="What the matter is, and what you need to know.")
@click.option("--sla", metavar="DURATION", help="How soon you need the answer, such as '30 minutes'.")
@agent_option
@attempt_option
@json_option
@click.pass_obj
def escalate_command(
    root: str | None,
    task: str,
    severity: str,
    to: str | None,
    issue: str,
    sla: str | None,
    agent: str | None,
    attempt: int | None,
    as_json: bool,
) -> None:
    """Ask for help with TASK. A blocker moves it to `blocked` until it is answered.

    \b
    Example:
      cagents-fs escalate task_042 --severity blocker --to tech-lead --issue "there is no schema" --sla "30 minutes"
    """
    from cagents_fs.client.pleading import escalate
    from cagents_fs.client.working import speaker

    tree = find(root)
    done = escalate(tree, speaker(tree, task, agent, attempt), severity=severity, to=to, issue=issue, sla=sla)
    emit(done) if as_json else say(f"{done['escalation_id']}: {done['path']}")


@click.command("answer")
@click.argument("escalation")
@click.option("--action", type=click.Choice(ACTIONS), required=True, help="What becomes of the task.")
@click.option("--decision", metavar="TEXT", help="What you decided; the agent is told.")
@click.option("--agent", metavar="AGENT", help="Who gets the task, where the action is reassign.")
@json_option
@click.pass_obj
def answer_command(
    root: str | None, escalation: str, action: str, decision: str | None, agent: str | None, as_json: bool
) -> None:
    """Answer ESCALATION, once. Ends with 3 where there is none and with 1 where it is closed already.

    resume: the task goes on in the same attempt. retry: it begins anew, at no cost. reassign: another agent begins it
    anew. cancel: it ends. skip_dependency: it goes on without what it waits for in vain; where it has failed itself,
    those who wait for it go on without it.

    \b
    Examples:
      cagents-fs answer esc-task_042-1 --action resume --decision "take the schema of last year"
      cagents-fs answer inst_20261122_001/failed-task_042-4 --action reassign --agent senior-developer
    """
    from cagents_fs.cli.steering import act
    from cagents_fs.client.pleading import answer

    done = answer(find(root), escalation, action, act, decision=decision, agent=agent)
    if as_json:
        emit(done)
    else:
        what = f"; {done['task_id']}: {done['state'] or 'nowhere'}" if "task_id" in done else ""
        say(f"{done['escalation_id']}: {action}{what}")


@click.command("send")
@click.argument("agent")
@click.argument("text")
@click.option("--task", metavar="TASK", help="The task it is about.")
@json_option
@click.pass_obj
def send_command(root: str | None, agent: str, text: str, task: str | None, as_json: bool) -> None:
    """Put TEXT into the inbox of AGENT.

    \b
    Example:
      cagents-fs send backend-developer "the contract of /users has changed, see docs/api.md" --task task_042
    """
    from cagents_fs.client.pleading import send

    done = send(find(root), agent, text, task)
    emit(done) if as_json else say(f"sent: {done['path']}")
