"""`graph`: who waits for whom."""

import shutil
import time

import click

from cagents_fs.cli.output import emit, find, json_option

FORMATS = ("tree", "dot", "mermaid", "json")


@click.command("graph")
@click.argument("instruction", required=False)
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="tree", show_default=True, help="How it is drawn."
)
@json_option
@click.pass_obj
def graph_command(root: str | None, instruction: str | None, form: str, as_json: bool) -> None:
    """Who waits for whom in INSTRUCTION, wave by wave, and why it runs in its mode.

    \b
    Examples:
      cagents-fs graph
      cagents-fs graph --format dot | dot -Tsvg > graph.svg
      cagents-fs graph inst_20261122_001 --format mermaid
    """
    from cagents_fs.client.looking import look_around
    from cagents_fs.client.naming import resolve_instruction
    from cagents_fs.config import load as load_configuration
    from cagents_fs.model.text import safe_text
    from cagents_fs.picture import load_index
    from cagents_fs.report import drawing
    from cagents_fs.report.graph import graph

    tree = find(root)
    name = resolve_instruction(tree, instruction)
    index = load_index(tree)
    look_around(tree, index)
    found = graph(index, index.works[name], load_configuration(tree).policy, time.time())
    if as_json or form == "json":
        emit(found)
        return
    if form == "tree":
        lines = drawing.tree(found, shutil.get_terminal_size().columns)
    else:
        lines = (drawing.dot if form == "dot" else drawing.mermaid)(found)
    for line in lines:
        click.echo(safe_text(line, limit=20_000))
