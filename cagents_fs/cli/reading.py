"""`inbox`, `prime`: what an agent has to know."""

import click

from cagents_fs.cli.output import emit, find, json_option, say


@click.command("inbox")
@click.argument("agent")
@click.option("--take", is_flag=True, help="Remove what is shown: it is read.")
@json_option
@click.pass_obj
def inbox_command(root: str | None, agent: str, take: bool, as_json: bool) -> None:
    """The messages for AGENT, oldest first.

    \b
    Example:
      cagents-fs inbox backend-developer --take
    """
    from cagents_fs.client.reading import inbox

    messages = inbox(find(root), agent, take=take)
    if as_json:
        emit({"messages": messages})
        return
    for message in messages:
        about = message.get("task_id") or message.get("instruction_id") or ""
        say(f"{message.get('timestamp')} {message.get('type')} {about} from {message.get('from')}")
        for line in str(message.get("text", "")).splitlines():
            say(f"  {line}")
    if not messages:
        say(f"nothing for {agent}")


@click.command("prime")
@click.argument("agent")
@json_option
@click.pass_obj
def prime_command(root: str | None, agent: str, as_json: bool) -> None:
    """What AGENT must know, in at most 2,000 tokens: its work, its messages, its queue, the verbs.

    \b
    Example:
      cagents-fs prime backend-developer
    """
    from cagents_fs.client.reading import prime

    text = prime(find(root), agent)
    if as_json:
        emit({"agent": agent, "text": text})
        return
    for line in text.splitlines():
        say(line)
