"""Run the demo and show it: a bar, one line for each thing worth seeing, a table, and where to look."""

import os
import time
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from cagents_fs.client.submitting import init, submit
from cagents_fs.core.index import Work
from cagents_fs.daemon.service import Service, handle_signals
from cagents_fs.demo.figures import Figures, figures
from cagents_fs.demo.planning import prepare
from cagents_fs.model.actions import Action, Move, Note
from cagents_fs.model.layout import JOURNAL, MANIFEST
from cagents_fs.model.observations import Now
from cagents_fs.model.states import State
from cagents_fs.model.text import safe_text
from cagents_fs.picture import load
from cagents_fs.store import journal, tree
from cagents_fs.store.disk import put

MOST_TOLD = 8  # rows of a kind in the table
OVER = ("complete", "failed", "cancelled")

# In the demo's tree silence is short, so that one need not wait ten minutes to see an agent being taken for silent.
SETTINGS = {
    "agents.yaml": """\
# The demo's agents: shells that may be silent for 3 seconds.
default: shell
agents:
  shell: {command: [sh, -c, "{command}"], slots: 50, silence: 3 seconds}
""",
    "daemon.yaml": "# The demo: one second of grace, and of settling.\nreassign_grace: 1 second\nsettle_seconds: 1\n",
    "task_queue_manager.yaml": """\
# The demo: the next attempt after one second.
retry_logic:
  backoff_strategy: {base_delay: 1 second, multiplier: 2, max_delay: 30 minutes, jitter: false}
""",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """How the demo ended, and where to look."""

    instruction_id: str
    root: str
    workspace: str
    total: int
    verified: int
    figures: Figures
    manifest: str
    verdict: str
    journal: str
    interrupted: bool

    @property
    def complete(self) -> bool:
        """Whether all tasks are completed and verified."""
        return self.total > 0 and self.verified == self.total

    def to_json(self) -> dict[str, Any]:
        """As `--json` shows it."""
        return {
            "instruction_id": self.instruction_id,
            "root": self.root,
            "workspace": self.workspace,
            "tasks": self.total,
            "verified": self.verified,
            "rejected": [{"task_id": task, "reason": why} for task, why in self.figures.rejected],
            "stalled": [{"task_id": task, "reason": why} for task, why in self.figures.stalled],
            "most_agents_at_once": self.figures.most_at_once,
            "seconds_alone": round(self.figures.alone_s, 2),
            "seconds_together": round(self.figures.together_s, 2),
            "speedup": round(self.figures.speedup, 2),
            "parallelism_efficiency": round(self.figures.efficiency, 3),
            "journal": self.journal,
            "manifest": self.manifest,
            "verdict": self.verdict,
        }


def demonstrate(folder: str, think_s: int, *, quiet: bool) -> Shown:
    """Run the demo in a folder, which may hold an earlier one. Raises CagentsError, OSError."""
    console = Console(highlight=False, quiet=quiet, soft_wrap=True)
    os.makedirs(folder, exist_ok=True)
    root, _ = init(folder)
    for name, text in SETTINGS.items():
        put(os.path.join(root, "_system/config", name), text.encode(), durable=False)
    with Service(root, agents=10_000) as service:
        console.print("Copying 50 modules of the standard library that the formatter would change …")
        console.print("(the formatter is `ruff`; where it is not installed it is fetched into the demo's folder)")
        prepared = prepare(folder, _free_name(folder), think_s)
        instruction = submit(root, prepared.plan).instruction_id
        service.only = service.index.staffed_only = instruction
        handle_signals(service)
        console.print(f"{instruction}: 50 agents format 50 files in {prepared.workspace}, one more checks the whole.")
        console.print(f"Their thinking is simulated: each waits {think_s} s. Three of them will misbehave.")
        _watch(service, instruction, console)
        interrupted = service.stopping
    return _shown(root, instruction, prepared.workspace, interrupted=interrupted)


def _free_name(folder: str) -> str:
    number = 1
    while os.path.lexists(os.path.join(folder, f"work-{number}")):
        number += 1
    return f"work-{number}"


def _watch(service: Service, instruction: str, console: Console) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("verified", total=51)

        def listen(action: Action, now: Now) -> None:  # noqa: ARG001 - a listener of the loop
            if line := _worth_seeing(action):
                console.print(line)

        def over() -> bool:
            work = service.index.works.get(instruction)
            if work is None:
                return False
            progress.update(bar, completed=_verified(work), description=_description(work, service))
            return work.history.phase in OVER and not service.loop.derived.busy and not len(service.processes)

        service.loop.listeners.append(listen)
        service.begin()
        service.run(until=over)


def _description(work: Work, service: Service) -> str:
    return f"{len(service.processes)} agents, {len(work.in_state[State.UNDER_REVIEW])} under review, verified"


def _worth_seeing(action: Action) -> str | None:
    """One line, or nothing: most of what happens is as it should be."""
    stamp = time.strftime("%H:%M:%S")
    reason = escape(safe_text(getattr(action, "reason", "") or "", limit=130))
    task = escape(getattr(action, "task_id", None) or "")
    match action:
        case Note(event="rejected"):
            return f"{stamp} [red]rejected[/] {task}: {reason}"
        case Note(event="stalled"):
            return f"{stamp} [yellow]silent[/]   {task}: {reason}"
        case Note(event="checked_before") if "vacuous" in action.facts:
            return f"{stamp} [yellow]vacuous[/]  {task}: {reason}"
        case Move(target=State.RETRY):
            return f"{stamp} [yellow]back[/]     {task}: {reason}"
        case Move(target=State.FAILED):
            return f"{stamp} [red]failed[/]   {task}: {reason}"
        case Move(source=State.RETRY):
            return f"{stamp} [blue]again[/]    {task}: {reason}"
        case Move(target=State.COMPLETED) if action.attempt > 1 or action.task_id == "check_the_whole":
            return f"{stamp} [green]verified[/] {task}: {reason}"
        case Note(event="phase"):
            return f"{stamp} {reason}"
    return None


def _verified(work: Work) -> int:
    return sum(work.records[task_id].satisfied for task_id in work.in_state[State.COMPLETED])


def _shown(root: str, instruction: str, workspace: str, *, interrupted: bool) -> Shown:
    work = load(root, instruction).work
    folder = os.path.join(root, instruction)
    found = figures(journal.read(os.path.join(folder, JOURNAL)).records, work.edges)
    told = found.rejected[0][0] if found.rejected else "check_the_whole"
    output = os.path.join(folder, "outputs/partial", told)
    return Shown(
        instruction_id=instruction,
        root=root,
        workspace=workspace,
        total=len(work.records),
        verified=_verified(work),
        figures=found,
        manifest=os.path.join(output, MANIFEST),
        verdict=os.path.join(output, "verification.yaml"),
        journal=os.path.join(folder, JOURNAL),
        interrupted=interrupted,
    )


def _rows(table: Table, what: str, told: list[tuple[str, str]]) -> None:
    for task, why in told[:MOST_TOLD]:
        table.add_row(what, escape(safe_text(f"{task}: {why}", limit=160)))
    if len(told) > MOST_TOLD:
        table.add_row("", f"and {len(told) - MOST_TOLD} more; the journal has all of them")


def print_table(shown: Shown) -> None:
    """The summary, as a person reads it."""
    console = Console(highlight=False)
    ended = "" if shown.complete else ", interrupted" if shown.interrupted else ", not complete"
    table = Table(title=f"{shown.instruction_id}{ended}", title_justify="left", show_header=False)
    numbers = shown.figures
    table.add_row("tasks", str(shown.total))
    table.add_row("completed and verified", str(shown.verified))
    _rows(table, "rejected, and why", numbers.rejected)
    _rows(table, "fell silent, taken back", numbers.stalled)
    table.add_row("most agents at once", str(numbers.most_at_once))
    table.add_row("one after another", f"{numbers.alone_s:.1f} s")
    table.add_row("together", f"{numbers.together_s:.1f} s")
    table.add_row("speedup", f"{numbers.speedup:.1f}, with simulated thinking")
    longest = f"{numbers.efficiency:.2f} (longest path of attempts {numbers.path_s:.1f} s / together)"
    table.add_row("parallelism efficiency", longest)
    console.print(table)
    console = Console(highlight=False, soft_wrap=True)  # a path that is cut in two cannot be copied
    console.print("Where to look:")
    names = tree.instructions(shown.root)
    for what, path in (
        ("tree", os.path.join(shown.root, shown.instruction_id)),
        ("journal", shown.journal),
        ("a manifest", shown.manifest),
        ("its verdict", shown.verdict),
        ("the files", shown.workspace),
    ):
        console.print(f"  {what:12} {escape(path)}")
    program = os.environ.get("CAGENTS_PROGRAM", "cagents-fs")  # how the reader called us
    root = f"--root {escape(shown.root)} "
    console.print(
        f"Ask:  {program} {root}explain {shown.instruction_id}/{os.path.basename(os.path.dirname(shown.manifest))}"
    )
    if len(names) > 1:
        console.print(f"This tree has {len(names)} instructions with the same task ids: name them as instruction/task.")
    if shown.interrupted:
        console.print(f"Take it up again:  {program} {root}run --resume {shown.instruction_id}")
