"""`submit`, `watch`, `run`."""

import click

from cagents_fs.cli.output import emit, find, json_option, say

log_option = click.option(
    "--log-format", type=click.Choice(["text", "json"]), default="text", help="How the log on standard error looks."
)


root_option = click.option(
    "--allow-root", is_flag=True, help="As root: work in a tree that belongs to another user, and run what it says."
)


@click.command("submit")
@click.argument("plan", type=click.Path(dir_okay=False))
@click.option("--id", "instruction", metavar="ID", help="The instruction's id; else inst_{date}_{number}.")
@json_option
@click.pass_obj
def submit_command(root: str | None, plan: str, instruction: str | None, as_json: bool) -> None:
    """Put a plan into the tree.

    A plan with any fault is refused whole, with all of them, and nothing is written.

    \b
    Example:
      cagents-fs submit plan.yaml --id release-7
    """
    from cagents_fs.client.submitting import submit
    from cagents_fs.model.text import safe_text

    done = submit(find(root), plan, instruction)
    if as_json:
        warnings = [fault.to_json() for fault in done.warnings]
        emit(
            {"instruction_id": done.instruction_id, "tasks": list(done.tasks), "mode": done.mode, "warnings": warnings}
        )
        return
    click.echo(done.instruction_id)
    for warning in done.warnings:
        click.echo(f"  warning: {safe_text(str(warning))}", err=True)


@click.command("watch")
@click.option("--once", is_flag=True, help="Act until nothing is left to do now, then end.")
@click.option("--agents", "agents", is_flag=True, help="Start agents as well, as agents.yaml says.")
@click.option("-v", "--verbose", is_flag=True, help="Log every move.")
@root_option
@log_option
@click.pass_obj
def watch_command(root: str | None, once: bool, agents: bool, verbose: bool, allow_root: bool, log_format: str) -> None:
    """Be the daemon of the tree: see, verify, release.

    Ends with 0 on SIGTERM or SIGINT, with 5 at once where another daemon holds the tree. SIGHUP reads the configuration
    again.

    \b
    Example:
      cagents-fs watch --agents --log-format json
    """
    from cagents_fs.daemon.logs import set_up
    from cagents_fs.daemon.service import Service, handle_signals

    set_up(log_format, verbose=verbose)
    tree = find(root)
    service = Service(tree, agents=10_000 if agents else None, allow_root=allow_root)
    handle_signals(service)  # before the tree is taken: whoever stops us then gets an orderly end as well
    with service:
        if once:
            service.once()
            return
        service.begin()
        say(f"watching {tree} ({len(service.index.works)} instructions, {service.watcher.count()} folders)")
        service.run()


@click.command("run")
@click.argument("plan", required=False, type=click.Path(dir_okay=False))
@click.option("--id", "instruction", metavar="ID", help="The instruction's id; else inst_{date}_{number}.")
@click.option("--resume", metavar="ID", help="Take up the work of an instruction that is there.")
@click.option("--agents", type=click.IntRange(1, 10_000), default=10_000, help="How many processes at once, at most.")
@click.option("--timeout", metavar="DURATION", help="Give up after this long.")
@click.option("--attach", is_flag=True, help="Where a daemon holds the tree: submit and wait for its work.")
@root_option
@json_option
@log_option
@click.pass_obj
def run_command(
    root: str | None,
    plan: str | None,
    instruction: str | None,
    resume: str | None,
    agents: int,
    timeout: str | None,
    attach: bool,
    allow_root: bool,
    as_json: bool,
    log_format: str,
) -> int:
    """Submit PLAN, be its daemon, start its agents, until it ends.

    Makes Agent_Memory here if there is none. Ends with 0 when every task is completed and verified, else with 1, after
    saying which are not and why. Ctrl-C ends all processes; `run --resume ID` takes the work up again.

    \b
    Example:
      cagents-fs run plan.yaml --agents 8 --timeout 2h
    """
    from cagents_fs.cli.run_to_end import Wish, run_to_end
    from cagents_fs.daemon.logs import set_up

    set_up(log_format, verbose=False)
    wish = Wish(plan, instruction, resume, agents, timeout, attach, allow_root)
    outcome = run_to_end(root, wish, quiet=as_json)
    if as_json:
        emit(outcome.to_json())
    else:
        for line in outcome.lines():
            say(line)
    return 0 if outcome.complete else 1
