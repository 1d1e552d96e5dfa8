"""`completion`: the script that completes commands in a shell."""

import os

import click

SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS), required=False)
def completion_command(shell: str | None) -> None:
    """Print the completion script of SHELL (default: the one you use).

    \b
    Example:
      eval "$(cagents-fs completion bash)"
    """
    from click.shell_completion import get_completion_class

    from cagents_fs.cli import cli

    used = os.path.basename(os.environ.get("SHELL", "bash"))
    name = shell or (used if used in SHELLS else "bash")
    found = get_completion_class(name)
    assert found is not None, name
    click.echo(found(cli, {}, "cagents-fs", "_CAGENTS_FS_COMPLETE").source())
