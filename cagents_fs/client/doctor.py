"""`doctor`: is the tree in order, and can this machine do what we need?"""

import json
import os
import shutil
import stat
from collections.abc import Callable, Iterator

from cagents_fs.client import machine
from cagents_fs.client.machine import Finding
from cagents_fs.client.mending import MENDS, Wrong
from cagents_fs.client.submitting import SCHEMAS, schema_file, schema_of
from cagents_fs.config import load
from cagents_fs.errors import CagentsError
from cagents_fs.model.files import KINDS

Probe = Callable[[str], Iterator[Finding]]


def examine(root: str, *, fix: bool = False) -> list[Finding]:
    """Look at everything, and mend what can be; a probe that itself fails is a finding, never an exception."""
    found: list[Finding] = []
    for name, probe in PROBES:
        found.extend(_safely(name, probe, root))
    for name, look, mend in MENDS:
        found.extend(_safely(name, lambda at, n=name, w=look, m=mend: _mend(n, w, m if fix else None, at), root))  # type: ignore[misc]
    return found


def _safely(name: str, probe: Probe, root: str) -> list[Finding]:
    found: list[Finding] = []
    try:
        found.extend(probe(root))
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        found.append(Finding(name, False, f"could not be looked at: {error.strerror}{where}"))
    except CagentsError as error:
        found.append(Finding(name, False, error.message))
    return found


def _mend(
    name: str, look: Callable[[str], Iterator[Wrong]], mend: Callable[[Wrong], None] | None, root: str
) -> Iterator[Finding]:
    """What is wrong and can be mended; with `mend`, it is."""
    wrong = list(look(root))
    if not wrong:
        yield Finding(name, True, "in order")
        return
    listed = ", ".join(one.what for one in wrong[:5]) + (f" and {len(wrong) - 5} more" if len(wrong) > 5 else "")
    if mend is None:
        yield Finding(name, wrong[0].harmless, listed, wrong[0].means, "`cagents-fs doctor --fix` mends it", note=True)
        return
    for one in wrong:
        mend(one)
    left = list(look(root))
    if left:
        yield Finding(name, False, listed, wrong[0].means, "this could not be mended")
    else:
        yield Finding(name, True, f"mended: {listed}", mended=True)


def _configuration(root: str) -> Iterator[Finding]:
    configuration = load(root)
    for fault in configuration.faults:
        yield Finding("configuration", False, str(fault), "the default is in force", "mend the file")
    if not configuration.faults:
        yield Finding("configuration", True, f"{len(configuration.keys)} keys in force")


def _agents(root: str) -> Iterator[Finding]:
    policy = load(root).policy
    for name, kind in sorted(policy.agents.items()):
        if shutil.which(kind.command[0]) is not None:
            yield Finding(f"agent {name}", True, f"{kind.command[0]} is there")
        else:
            found = f"{kind.command[0]} is not installed"
            yield Finding(f"agent {name}", name != policy.default_agent, found, "tasks for it would fail", note=True)


def _rights(root: str) -> Iterator[Finding]:
    facts = os.stat(root)
    if facts.st_mode & stat.S_IWOTH:
        found, means = f"{root} may be written by everybody", "any user can move tasks and hand in for others"
        yield Finding("rights", False, found, means, f"chmod o-w {root}")
    elif facts.st_uid != os.geteuid():
        found, means = "the tree belongs to another user", "what the daemon makes belongs to this one"
        yield Finding("rights", True, found, means, "run the daemon and the agents as one user", note=True)
    else:
        yield Finding("rights", True, "the tree belongs to this user, and not everybody may write")


def _schemas(root: str) -> Iterator[Wrong]:
    for kind in KINDS:
        path = os.path.join(root, SCHEMAS, f"{kind}.schema.json")
        try:
            with open(path, "rb") as file:
                same = json.load(file) == schema_of(kind)
        except (FileNotFoundError, ValueError):
            same = False
        if not same:
            yield Wrong(f"the schema of {kind}", path, "missing or of another version: editors and `validate` differ")


def _write_schema(wrong: Wrong) -> None:
    from cagents_fs.store.disk import put

    kind = os.path.basename(wrong.path).removesuffix(".schema.json")
    os.makedirs(os.path.dirname(wrong.path), exist_ok=True)
    put(wrong.path, schema_file(kind), durable=False)


MENDS = (*MENDS, ("schemas", _schemas, _write_schema))
PROBES: tuple[tuple[str, Probe], ...] = (
    ("file system", machine.file_system),
    ("abilities", machine.abilities),
    ("space", machine.space),
    ("watches", machine.limits),
    ("daemon", machine.daemon),
    ("configuration", _configuration),
    ("agents", _agents),
    ("rights", _rights),
)
