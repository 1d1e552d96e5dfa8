"""The demo's workspace and plan: 50 modules of the standard library, one task each, and one that checks the whole."""

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cagents_fs.errors import CagentsError
from cagents_fs.store.dump import dump

FILES = 50
SMALLEST, LARGEST = 5_000, 60_000  # bytes
PACKAGES = ("", "asyncio", "email", "http", "json", "logging", "multiprocessing", "unittest", "xml/dom", "concurrent")
WRONG_CHECKSUM, NO_EVIDENCE, SILENT = 7, 19, 31  # which of the 50 misbehave at first

AGENT = """\
# What every agent of the demo does: think (simulated: it only waits, and says so), then run the formatter.
think() {
    left=$1
    while [ "$left" -gt 0 ]; do
        echo "thinking, $left s to go"
        sleep 1
        left=$((left - 1))
    done
}
first_time() { # once for each task, whatever the attempt
    [ ! -e ".seen/$CAGENTS_TASK" ] && touch ".seen/$CAGENTS_TASK"
}
manifest() { # FILE CHECKSUM CRITERION EVIDENCE: hand in by hand, as any shell script can
    cat >"$CAGENTS_OUTPUT/.manifest.yaml.tmp" <<END
task_id: $CAGENTS_TASK
subagent: $CAGENTS_AGENT
attempt: $CAGENTS_ATTEMPT
status: completed
artifacts:
  - path: $1
    size_bytes: $(wc -c <"$1" | tr -d ' ')
    checksum: "sha256:$2"
acceptance_criteria_met:
  - criterion: "$3"
    met: true
    evidence: "$4"
...
END
    mv "$CAGENTS_OUTPUT/.manifest.yaml.tmp" "$CAGENTS_OUTPUT/manifest.yaml"
}
sum_of() { sha256sum "$1" | cut -d' ' -f1; }
"""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A workspace with its plan."""

    workspace: str
    plan: str
    modules: tuple[str, ...]


def prepare(folder: str, name: str, think_s: int) -> Prepared:
    """Copy the modules into `folder/name` and write the plan there. Raises CagentsError, OSError."""
    formatter = find_formatter(folder)
    workspace = os.path.join(folder, name)
    for below in ("modules", "before", ".seen"):
        os.makedirs(os.path.join(workspace, below))
    with open(os.path.join(workspace, "agent.sh"), "w", encoding="ascii") as file:
        file.write(AGENT)
    with open(os.path.join(workspace, "ruff.toml"), "w", encoding="ascii") as file:
        file.write("line-length = 120\n")  # its own, so that no configuration above the workspace changes the outcome
    modules = tuple(_copied(workspace, formatter))
    plan = os.path.join(workspace, "plan.yaml")
    with open(plan, "w", encoding="utf-8") as file:
        file.write(dump(_plan(modules, name, formatter, think_s)))
    return Prepared(workspace, plan, modules)


def find_formatter(folder: str) -> str:
    """The `ruff` to run: beside this Python, on the PATH, or fetched into `folder` by pip, once.

    Raises CagentsError, with what to install, where none of that works.
    """
    fetched = os.path.join(folder, ".tools")
    for candidate in (os.path.join(os.path.dirname(sys.executable), "ruff"), os.path.join(fetched, "bin", "ruff")):
        if os.access(candidate, os.X_OK):
            return candidate
    if found := shutil.which("ruff"):
        return found
    command = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--target", fetched, "ruff"]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode != 0:
        text = (
            "the demo's agents run the formatter `ruff`, which is not here; install it: pip install 'cagents-fs[demo]'"
        )
        raise CagentsError(text, code="no_formatter")
    return os.path.join(fetched, "bin", "ruff")


def _candidates() -> Iterator[str]:
    """Modules of the running Python's own library, always in the same order."""
    library = sysconfig.get_path("stdlib")
    for package in PACKAGES:
        folder = os.path.join(library, package)
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
            path = os.path.join(folder, name)
            if name.endswith(".py") and os.path.isfile(path) and SMALLEST <= os.path.getsize(path) <= LARGEST:
                yield path


def _copied(workspace: str, formatter: str) -> Iterator[str]:
    """Copy the first 50 modules for which there is something to do."""
    count = 0
    for path in _candidates():
        name = os.path.relpath(path, sysconfig.get_path("stdlib")).replace("/", "_")
        copy = os.path.join(workspace, "modules", name)
        shutil.copyfile(path, copy)
        if not _has_work(copy, formatter):
            os.unlink(copy)
            continue
        shutil.copyfile(path, os.path.join(workspace, "before", name))
        yield name
        count += 1
        if count == FILES:
            return
    raise CagentsError(f"the library of this Python has only {count} modules to format, the demo needs {FILES}")


def _has_work(path: str, formatter: str) -> bool:
    """Whether it compiles and the formatter would change it."""
    try:
        with open(path, "rb") as file:
            compile(file.read(), path, "exec")
    except (SyntaxError, ValueError):
        return False
    done = subprocess.run([formatter, "format", "--check", "-q", path], capture_output=True, check=False)
    return done.returncode == 1


def _plan(modules: tuple[str, ...], name: str, formatter: str, think_s: int) -> dict[str, Any]:
    tasks = [_task(number, module, formatter, think_s) for number, module in enumerate(modules)]
    return {
        "description": f"Format {len(modules)} modules of the standard library without changing what they do",
        "mode": "swarm",
        "workspace": name,
        "tags": ["demo"],
        "tasks": [*tasks, _fan_in(modules, formatter, think_s)],
    }


def _task(number: int, module: str, formatter: str, think_s: int) -> dict[str, Any]:
    path, tool = f"modules/{module}", shlex.quote(formatter)
    criteria: list[Any] = [
        {
            "criterion": "The formatter has nothing left to do",
            "check": f"{tool} format --check -q {path}",
            "must_fail_before": True,
        },
        {"criterion": "The file compiles", "check": f"{_python()} -c {shlex.quote(_COMPILES)} {path}"},
        {"criterion": "It is still the same program", "check": f"{_same()} before/{module} {path}"},
    ]
    work = f". ./agent.sh; think {think_s}; {tool} format -q {path}"
    if number == WRONG_CHECKSUM:
        work += f"; sum=$(sum_of {path}); first_time && sum={'0' * 64}"
        work += f'; manifest {path} $sum "The formatter was run" "ruff format {module}"'
    elif number == NO_EVIDENCE:
        criteria.append("The diff was read by the agent")
        work += f'; said="read, {module} line by line"; first_time && said=""'
        work += f'; manifest {path} "$(sum_of {path})" "The diff was read by the agent" "$said"'
    elif number == SILENT:
        work = f". ./agent.sh; first_time && sleep 600; {work}"
    return {
        "task_id": f"format_{number + 1:02d}_{module.removesuffix('.py')}",
        "description": f"Format {module}",
        "assigned_agent": "shell",
        "acceptance_criteria": criteria,
        "command": work,
        "files": [path],
        "estimated_duration": f"{think_s + 1} seconds",
    }


_COMPILES = "import sys; [compile(open(p, 'rb').read(), p, 'exec') for p in sys.argv[1:]]"


def _python() -> str:
    return f"{shlex.quote(sys.executable)} -S -E"


def _same() -> str:
    return f"{_python()} {shlex.quote(os.path.join(os.path.dirname(__file__), 'same_program.py'))}"


def _fan_in(modules: tuple[str, ...], formatter: str, think_s: int) -> dict[str, Any]:
    tool = shlex.quote(formatter)
    return {
        "task_id": "check_the_whole",
        "description": "Look at all files together and write a report",
        "assigned_agent": "shell",
        "dependencies": [f"format_{n + 1:02d}_{module.removesuffix('.py')}" for n, module in enumerate(modules)],
        "acceptance_criteria": [
            {
                "criterion": "The formatter has nothing left to do anywhere",
                "check": f"{tool} format --check -q modules",
            },
            {"criterion": "All files compile", "check": f"{_python()} -c {shlex.quote(_COMPILES)} modules/*.py"},
            {
                "criterion": "All are still the same programs",
                "check": f'set --; for f in modules/*; do set -- "$@" "before/${{f#*/}}" "$f"; done; {_same()} "$@"',
            },
            {"criterion": "There is a report", "check": 'test "$(wc -l <"$CAGENTS_OUTPUT/report.txt")" -eq 50'},
        ],
        "command": f'. ./agent.sh; think {think_s}; sha256sum modules/*.py >"$CAGENTS_OUTPUT/report.txt"',
        "estimated_duration": f"{think_s + 1} seconds",
    }
