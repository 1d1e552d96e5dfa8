"""The command line. Click is imported at start; everything else inside the command that needs it."""

import difflib
import sys
from importlib import import_module
from typing import Any

import click

from cagents_fs import __version__
from cagents_fs.cli.output import complain, wants_json
from cagents_fs.errors import EXIT_USAGE, CagentsError

# Command -> (module of this package, heading in the help). A module is imported when one of its commands is called.
COMMANDS: dict[str, tuple[str, str]] = {
    **dict.fromkeys(("init", "doctor", "config"), ("setting_up", "Start")),
    **dict.fromkeys(("submit", "watch", "run"), ("running", "Start")),
    "demo": ("demonstrating", "Start"),
    **dict.fromkeys(("claim", "heartbeat", "complete", "fail"), ("working", "Agents")),
    **dict.fromkeys(("escalate", "answer", "send"), ("pleading", "Agents")),
    **dict.fromkeys(("inbox", "prime"), ("reading", "Agents")),
    **dict.fromkeys(("status", "ready", "tasks", "show", "events"), ("seeing", "See")),
    "explain": ("explaining", "See"),
    "graph": ("graphing", "See"),
    **dict.fromkeys(("verify", "validate", "audit"), ("judging", "Judge")),
    **dict.fromkeys(("pause", "resume", "cancel", "retry", "rescue"), ("steering", "Steer")),
    **dict.fromkeys(("reassign", "depend"), ("steering", "Steer")),
    "completion": ("completing", "Start"),
}

EXAMPLES = """
Examples:

\b
  cagents-fs demo                          50 agents, 50 files, every result verified
  cagents-fs init                          make Agent_Memory here
  cagents-fs run plan.yaml                 init, submit, daemon and agents until it ends
  cagents-fs watch                         only the daemon: agents come by themselves
  cagents-fs claim backend-developer       take the best task of that agent's queue
  cagents-fs complete TASK out.txt --wait  hand it in and wait for the verdict
  cagents-fs explain TASK                  why it is where it is, and what would free it
  cagents-fs graph                         who waits for whom, wave by wave
  cagents-fs pause                         begin nothing new until `resume`

Exit codes: 0 done, 1 failed or rejected, 2 wrong usage, 3 nothing there, 4 invalid tree or file, 5 another daemon.
"""


class Commands(click.Group):
    """Loads commands when they are called, groups them in the help, and guesses what was meant."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The commands, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the module of a command."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"cagents_fs.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does; an unknown command names the nearest one."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            near = difflib.get_close_matches(args[0], COMMANDS, n=1, cutoff=0.5)
            guess = f" Did you mean `{near[0]}`?" if near else " `cagents-fs -h` lists the commands."
            ctx.fail(f"there is no command `{args[0]}`.{guess}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands under their headings."""
        for heading in dict.fromkeys(heading for _, heading in COMMANDS.values()):
            rows = [
                (name, command.get_short_help_str(80))
                for name, (_, under) in COMMANDS.items()
                if under == heading and (command := self.get_command(ctx, name))
            ]
            with formatter.section(heading):
                formatter.write_dl(rows)


@click.command(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EXAMPLES,
)
@click.version_option(__version__, "--version", prog_name="cagents-fs")
@click.option("--root", metavar="DIR", help="The tree; else $CAGENTS_ROOT, else the nearest Agent_Memory upward.")
@click.pass_context
def cli(ctx: click.Context, root: str | None) -> None:
    """Coordination for fleets of AI coding agents through nothing but files."""
    ctx.obj = root


def main(args: list[str] | None = None) -> None:
    """Run a command; every refusal is one line that says what to do, and its exit code."""
    words = sys.argv[1:] if args is None else args
    try:
        result: Any = cli.main(args=words, prog_name="cagents-fs", standalone_mode=False)
    except CagentsError as error:
        sys.exit(complain(error, as_json=wants_json(words)))
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(EXIT_USAGE)
    except click.ClickException as error:
        sys.exit(complain(_usage(error), as_json=wants_json(words)))
    except click.exceptions.Abort:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()  # whoever read has left; so do we, without a traceback
        sys.exit(0)
    except OSError as error:
        text = f"{error.filename or 'the file system'}: {error.strerror or error}; mend that, then try again"
        sys.exit(complain(CagentsError(text, code="storage"), as_json=wants_json(words)))
    sys.exit(result if isinstance(result, int) else 0)


def _usage(error: click.ClickException) -> CagentsError:
    from cagents_fs.errors import UsageError

    where = getattr(error, "ctx", None)
    hint = (
        f" Try `{where.command_path} -h`." if where is not None and "Did you mean" not in error.format_message() else ""
    )
    return UsageError(error.format_message() + hint)
