"""`verify`, `validate`, `audit`."""

import click

from cagents_fs.cli.output import emit, find, json_option, say


@click.command("verify")
@click.argument("task")
@json_option
@click.pass_obj
def verify_command(root: str | None, task: str, as_json: bool) -> int:
    """Judge the manifest of TASK afresh, checks included. Changes nothing; ends with 0 or 1.

    \b
    Example:
      cagents-fs verify task_042
    """
    from cagents_fs.client.asking import verify

    judgement = verify(find(root), task)
    if as_json:
        emit(judgement.to_json())
    else:
        say(f"{judgement.task_id}: {'holds' if judgement.accepted else 'does not hold'}")
        for fault in judgement.faults:
            say(f"  {fault.code}: {fault}")
    return 0 if judgement.accepted else 1


@click.command("validate")
@click.argument("files", nargs=-1, required=True, type=click.Path())
@click.option("--kind", help="What the files are; else told from the name and the keys.")
@json_option
@click.pass_obj
def validate_command(root: str | None, files: tuple[str, ...], kind: str | None, as_json: bool) -> int:
    """Read FILES as the daemon would, and name every fault with its line. Ends with 0 or 4.

    \b
    Example:
      cagents-fs validate plan.yaml --kind plan
    """
    from cagents_fs.client.validating import validate

    found = [validate(path, kind, root) for path in files]
    if as_json:
        emit({"files": [result.to_json() for result in found]})
    else:
        for result in found:
            say(f"{result.path}: {'fine' if result.valid else 'wrong'}, read as {result.kind}")
            for fault in (*result.faults, *result.warnings):
                say(f"  {fault}")
    return 0 if all(result.valid for result in found) else 4


@click.command("audit")
@click.argument("instruction", required=False)
@click.option("--checks/--no-checks", default=True, help="Whether to run the checks again as well.")
@json_option
@click.pass_obj
def audit_command(root: str | None, instruction: str | None, checks: bool, as_json: bool) -> int:
    """Verify everything completed once more. Ends with 1 where something no longer holds.

    \b
    Example:
      cagents-fs audit --no-checks
    """
    from cagents_fs.client.asking import audit
    from cagents_fs.client.naming import resolve_instruction

    tree = find(root)
    judgements = audit(tree, resolve_instruction(tree, instruction) if instruction else None, checks=checks)
    bad = [judgement for judgement in judgements if not judgement.accepted]
    if as_json:
        emit({"verified": len(judgements) - len(bad), "drifted": [judgement.to_json() for judgement in bad]})
    else:
        say(f"{len(judgements)} completed tasks verified once more, {len(bad)} no longer hold")
        for judgement in bad:
            for fault in judgement.faults:
                say(f"  {judgement.instruction_id}/{judgement.task_id}: {fault.code}: {fault}")
    return 1 if bad else 0
