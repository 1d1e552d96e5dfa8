"""`init`, `doctor`, `config`."""

import click

from cagents_fs.cli.output import emit, find, json_option, say, table


@click.command("init")
@click.argument("folder", default=".", type=click.Path(file_okay=False))
@json_option
def init_command(folder: str, as_json: bool) -> None:
    """Make FOLDER/Agent_Memory (default: here).

    Never overwrites anything; a second call changes nothing.

    \b
    Example:
      cagents-fs init .
    """
    from cagents_fs.client.submitting import init

    root, made = init(folder)
    if as_json:
        emit({"root": root, "made": made})
    elif made:
        say(f"made {root} ({len(made)} files); next: cagents-fs submit PLAN, or cagents-fs run PLAN")
    else:
        say(f"{root} is there already; nothing was changed")


@click.command("config")
@json_option
@click.pass_obj
def config_command(root: str | None, as_json: bool) -> int:
    """Show every key in force, where it comes from, and which keys nothing reads.

    \b
    Example:
      cagents-fs config --json
    """
    from cagents_fs.config import load

    configuration = load(find(root))
    keys = [{"file": k.file, "key": k.key, "value": k.value, "origin": k.origin} for k in configuration.keys]
    unread = [{"file": k.file, "key": k.key, "line": k.line} for k in configuration.unread]
    faults = [fault.to_json() for fault in configuration.faults]
    if as_json:
        emit({"keys": keys, "unread": unread, "faults": faults})
    else:
        table(
            "In force", ("key", "value", "from"), [(f"{k['file']}: {k['key']}", k["value"], k["origin"]) for k in keys]
        )
        say(f"{len(unread)} keys of the files are read by nothing here; --json lists them")
        for fault in configuration.faults:
            say(f"wrong: {fault}")
    return 4 if faults else 0


@click.command("doctor")
@click.option("--fix", is_flag=True, help="Mend what can be mended, and say what was.")
@json_option
@click.pass_obj
def doctor_command(root: str | None, fix: bool, as_json: bool) -> int:
    """Look at the tree and the machine, and say what is wrong and what to do.

    What the file system can do is tried out in the tree. Ends with 1 when something is wrong.

    \b
    Example:
      cagents-fs doctor --fix
    """
    from cagents_fs.client.doctor import examine

    found = examine(find(root), fix=fix)
    bad = [finding for finding in found if not finding.ok]
    if as_json:
        emit({"checks": [finding.to_json() for finding in found]})
        return 1 if bad else 0
    rows = []
    for one in found:
        mark = "BAD" if not one.ok else "mended" if one.mended else "note" if one.note else "ok"
        rows.append((mark, one.name, one.found, "; ".join(part for part in (one.means, one.advice) if part)))
    table("", ("", "what", "found", "what it means, what to do"), rows, fold=("found", "what it means, what to do"))
    say(f"{len(bad)} of {len(found)} are not well" if bad else f"all {len(found)} are well")
    return 1 if bad else 0
