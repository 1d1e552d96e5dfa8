"""What an agent reads: its inbox, and all it has to know in one short text."""

import os
from typing import Any

from cagents_fs.core.index import Index, Record, Work
from cagents_fs.core.inputs import inputs
from cagents_fs.errors import UsageError
from cagents_fs.model.files import Message
from cagents_fs.model.ids import id_fault, is_candidate
from cagents_fs.model.layout import INBOX, MANIFEST, VERIFICATION
from cagents_fs.model.states import State
from cagents_fs.picture import load_index
from cagents_fs.runner.prompts import input_lines
from cagents_fs.store.check import check
from cagents_fs.store.reading import NotRegular, TooLarge, read_bounded
from cagents_fs.store.yaml import Unreadable, parse_mapping

MOST_CHARACTERS = 7_000  # about 2,000 tokens of English and paths
MOST_BYTES = 1 << 20


def inbox(root: str, agent: str, *, take: bool = False) -> list[dict[str, Any]]:
    """The messages for an agent, oldest first; with `take` they are removed. What cannot be read is left out.

    Raises UsageError for a name that cannot be an agent's, OSError.
    """
    if fault := id_fault(agent):
        raise UsageError(f"{agent!r} is no agent: {fault}")
    folder = os.path.join(root, INBOX, agent)
    found = []
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        path = os.path.join(folder, name)
        if not is_candidate(name) or not name.endswith(".yaml"):
            continue
        try:
            snapshot = read_bounded(path, MOST_BYTES)
            document = parse_mapping(snapshot.data)
        except (Unreadable, NotRegular, TooLarge, FileNotFoundError):
            continue
        if snapshot.being_written:
            continue  # half a message may be a whole one, and taken away it would be lost
        message = check(document, Message, path).value
        if message is not None:
            found.append((path, message.model_dump(mode="json", by_alias=True)))
    found.sort(key=lambda pair: (str(pair[1].get("timestamp")), pair[0]))
    if take:
        for path, _ in found:
            os.unlink(path)
    return [message for _, message in found]


def read_output(root: str, work: Work, task_id: str) -> dict[str, Any]:
    """The manifest and the last verdict of a task, as they lie in its output directory."""
    found: dict[str, Any] = {}
    for key, name in (("manifest", MANIFEST), ("verification", VERIFICATION)):
        for folder in (f"outputs/partial/{task_id}", f"outputs/{task_id}"):
            path = os.path.join(root, work.id, folder, name)
            try:
                found[key] = parse_mapping(read_bounded(path, MOST_BYTES).data).value
            except (Unreadable, NotRegular, TooLarge, OSError):
                continue
            found[f"{key}_path"] = path
            break
    return found


def prime(root: str, agent: str) -> str:
    """What an agent must know to go on: its work, messages, queue, and the verbs. Raises UsageError, OSError."""
    if fault := id_fault(agent):
        raise UsageError(f"{agent!r} is no agent: {fault}")
    index = load_index(root)
    lines = [f"# You are {agent}", "", f"The tree is {root}. Everything is a file in it."]
    for work in index.works.values():
        for task_id in work.in_state[State.IN_PROGRESS]:
            if work.records[task_id].ledger.holder == agent:
                lines += _work(root, index, work, task_id)
    messages = inbox(root, agent)
    if messages:
        lines += ["", f"## {len(messages)} messages", ""]
        lines += [f"- {m['type']} {m.get('task_id') or ''}: {_short(str(m['text']), 400)}" for m in messages[-5:]]
    queue = [f"{w.id}/{t}" for w in index.works.values() for t in w.at_agent.get(agent, ())]
    lines += ["", f"## Your queue: {len(queue)}", ""]
    lines += [f"- {name}" for name in queue[:10]] or ["- nothing is ready for you"]
    text = "\n".join(" ".join(line.splitlines()) for line in lines)  # nobody's words begin a line of ours
    return _cut(text, MOST_CHARACTERS - len(_VERBS)) + _VERBS.replace("AGENT", agent)


_VERBS = """

## How

- take the next task: cagents-fs claim AGENT
- sign of life, every two minutes: cagents-fs heartbeat TASK --progress 40 --activity "…"
- hand in: cagents-fs complete TASK FILE… --met "criterion=evidence" --wait
- you cannot do it: cagents-fs fail TASK --reason "…"
- you are stuck: cagents-fs escalate TASK --severity blocker --to planner --issue "…"; the answer comes into your inbox
- read and clear your messages: cagents-fs inbox AGENT --take
"""


def _work(root: str, index: Index, work: Work, task_id: str) -> list[str]:
    record = work.records[task_id]
    task = record.task
    lines = [
        "",
        f"## Your task {work.id}/{task_id}, attempt {record.ledger.attempt}",
        "",
        _short(task.description, 600),
    ]
    if task.detailed_prompt:
        lines += ["", _short(task.detailed_prompt, 1500)]
    lines += [f"- criterion: {_short(c.criterion, 300)}" for c in task.acceptance_criteria[:12]]
    lines += [f"- input: {line}" for line in input_lines(inputs(index.works, work, record)[:20])]
    lines += [f"- files: {', '.join(task.files[:20])}"] if task.files else []
    if record.ledger.attempt > 1:
        lines.append(f"- say --attempt {record.ledger.attempt} when you beat and hand in")
    lines += _meetings(root, work, record)
    lines.append(f"- output: {os.path.join(root, work.id, 'outputs/partial', task_id)}")
    return lines


def _meetings(root: str, work: Work, record: Record) -> list[str]:
    """The checkpoints at which others wait for this task."""
    task_id, told = record.task.task_id, []
    for name, meeting in work.meetings.items():
        if task_id not in meeting.participants or name in work.history.open_checkpoints:
            continue
        path = os.path.join(root, work.id, "checkpoints", name)
        others = ", ".join(other for other in meeting.participants if other != task_id)
        said = f" (say attempt: {record.ledger.attempt} in it)" if record.ledger.attempt > 1 else ""
        told.append(
            f"- checkpoint {name} with {others}: write {path}/{task_id}.yaml{said}, then wait for {path}/open.yaml"
        )
    return told


def _short(text: str, limit: int) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 20].rstrip() + "\n… (cut)"
