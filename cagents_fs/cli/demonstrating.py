"""`demo`."""

import click

from cagents_fs.cli.output import emit, json_option


@click.command("demo")
@click.argument("folder", default="cagents-demo", type=click.Path(file_okay=False))
@click.option(
    "--think", default=3, type=click.IntRange(1, 600), help="Seconds that each agent waits, as if it thought."
)
@json_option
def demo_command(folder: str, think: int, as_json: bool) -> int:
    """50 agents at once format 50 real files; three misbehave; every result is verified.

    Works in FOLDER (default: ./cagents-demo). A second run there is a second instruction in the same tree.

    \b
    Example:
      cagents-fs demo --think 10
    """
    import os

    from cagents_fs.daemon.logs import set_up
    from cagents_fs.demo.running import demonstrate, print_table

    set_up("text", verbose=False, quiet=True)
    shown = demonstrate(os.path.abspath(folder), think, quiet=as_json)
    if as_json:
        emit(shown.to_json())
    else:
        print_table(shown)
    return 0 if shown.complete else 1
