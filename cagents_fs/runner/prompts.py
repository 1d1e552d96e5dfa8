"""What an agent is told, and in which surroundings: the prompt, the variables, the command (PROTOCOL section 9)."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cagents_fs.model.faults import Fault
from cagents_fs.model.files import Task
from cagents_fs.model.layout import AGENT_LOG
from cagents_fs.model.policy import AgentType

PROMPT = ".prompt.md"
INPUTS = ".inputs.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where a task is worked on. All paths are absolute."""

    root: str
    instruction: str
    task_file: str
    agent: str
    attempt: int
    output: str
    workspace: str
    inputs: Sequence[Mapping[str, str | None]] = ()  # what others made for it: task_id, artifact_path, path, checksum

    @property
    def inputs_file(self) -> str:
        """The file that lists its inputs."""
        return os.path.join(self.output, INPUTS)

    @property
    def prompt_file(self) -> str:
        """The file with the whole prompt."""
        return os.path.join(self.output, PROMPT)

    @property
    def log(self) -> str:
        """Where what the agent prints goes."""
        return os.path.join(self.output, AGENT_LOG)


def mark(root: str, instruction: str, task_id: str) -> str:
    """What everything started for a task carries in its environment, so that it can be found again."""
    return f"{root}|{instruction}|{task_id}"


def variables(task_id: str, around: Surroundings) -> dict[str, str]:
    """The variables that agents and checks of a task get. Of several inputs none is *the* input."""
    only = around.inputs[0]["path"] if len(around.inputs) == 1 else None
    return {
        "CAGENTS_ROOT": around.root,
        "CAGENTS_INSTRUCTION": around.instruction,
        "CAGENTS_TASK": task_id,
        "CAGENTS_TASK_FILE": around.task_file,
        "CAGENTS_AGENT": around.agent,
        "CAGENTS_ATTEMPT": str(around.attempt),
        "CAGENTS_OUTPUT": around.output,
        "CAGENTS_WORKSPACE": around.workspace,
        "CAGENTS_PROMPT_FILE": around.prompt_file,
        "CAGENTS_INPUTS": around.inputs_file,
        **({"CAGENTS_INPUT": only} if only is not None else {}),
    }


def environment(base: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process: our own, without the input of a task in which we may run ourselves, and `given`."""
    return {name: value for name, value in base.items() if name != "CAGENTS_INPUT"} | dict(given)


def input_lines(inputs: Sequence[Mapping[str, str | None]]) -> list[str]:
    """Each input in a line: what it is, of whom, and where it lies."""
    return [
        f"{given['artifact_path']} of {given['task_id']}: "
        + (f"{given['path']} ({given['checksum']})" if given["path"] else "not there, its task was skipped; do without")
        for given in inputs
    ]


def command_line(kind: AgentType, task: Task, prompt: str, env: Mapping[str, str]) -> list[str]:
    """The command of an agent type with `{prompt}`, `{command}` and the variables filled in, in each argument."""
    values = {"prompt": prompt, "command": task.command or "", **env}
    return [_filled(part, values) for part in kind.command]


def _filled(text: str, values: Mapping[str, str]) -> str:
    """Each `{name}` once, from left to right: what is filled in is not looked at again."""
    result, rest = [], text
    while True:
        before, brace, after = rest.partition("{")
        result.append(before)
        if not brace:
            return "".join(result)
        name, closing, tail = after.partition("}")
        if closing and name in values:
            result.append(values[name])
            rest = tail
        else:
            result.append("{")
            rest = after


def prompt_text(task: Task, around: Surroundings, faults: Sequence[Fault], decisions: Sequence[str] = ()) -> str:
    """What the agent is asked to do, how to hand it in, what was decided, and what was wrong with the last manifest."""
    lines = [f"# Task {task.task_id}", "", task.description]
    if task.detailed_prompt:
        lines += ["", task.detailed_prompt.rstrip()]
    if task.acceptance_criteria:
        lines += ["", "## Acceptance criteria", ""]
        for criterion in task.acceptance_criteria:
            proven = f" (proven by running: `{criterion.check}`)" if criterion.check else " (say how you met it)"
            lines.append(f"- {criterion.criterion}{proven}")
    if around.inputs:
        lines += ["", "## Inputs, made by other tasks and verified", ""]
        lines += [f"- {line}" for line in input_lines(around.inputs)]
    if task.files:
        lines += ["", "Files to write: " + ", ".join(task.files)]
    lines += [
        "",
        "## How to hand it in",
        "",
        f"You are {around.agent}, attempt {around.attempt}. Work in {around.workspace}; put further output into",
        f"{around.output}. When all of it is done:",
        "",
        f'    cagents-fs complete {task.task_id} FILE… --met "criterion=evidence"',
    ]
    if decisions:
        lines += ["", "## Decided since, in answer to what was asked about this task", ""]
        lines += [f"- {decision}" for decision in decisions]
    if faults:
        lines += ["", "## Your last manifest did not hold; mend all of this", ""]
        lines += [f"- {fault.code}: {fault}" for fault in faults]
    return "\n".join(lines) + "\n"
