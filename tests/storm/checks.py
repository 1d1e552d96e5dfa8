"""What must be so after a storm, read from the tree by means of its own. Every breach is a text; none is an empty list.

Nothing of the product is used: journals are JSON lines, states are directories, agents wrote down what they did.
"""

import hashlib
import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from tests.support import order

Line = dict[str, Any]
WORK, DONE, RETRY, AGENTS = "tasks/in_progress", "tasks/completed", "queues/retry", "queues/agents/"
BY_THE_DAEMON = {"attempt", "status", "blocked_by", "instruction_id"}  # the keys of a task file that it writes
NOT_OURS = ("_system/daemon/",)  # who holds the tree: each start writes it anew


def sha256(path: Path) -> str | None:
    """Of a regular file; None where there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


@dataclass(frozen=True)
class Evidence:
    """One instruction after the storm: its folder, what was asked, where each task has to lie, what agents noted."""

    home: Path
    plan: Line
    expected: Mapping[str, str]
    notes: list[Line]

    @cached_property
    def read(self) -> tuple[list[Line], list[str]]:
        """The lines of the journal, and what is wrong with its bytes."""
        lines, wrong = list[Line](), list[str]()
        journal = self.home / "journal.jsonl"
        data = journal.read_bytes() if journal.exists() else b""
        for number, text in enumerate(data.splitlines(keepends=True), start=1):
            try:
                line = json.loads(text)
            except ValueError:
                line = None
            if isinstance(line, dict) and {"seq", "event", "time"} <= line.keys() and text.endswith(b"\n"):
                lines.append(line)
            else:
                wrong.append(f"line {number} of the journal is no record: {text[:80]!r}")
        return lines, wrong

    @property
    def lines(self) -> list[Line]:
        return self.read[0]

    def events(self, *names: str) -> list[Line]:
        return [line for line in self.lines if line["event"] in names]

    @cached_property
    def moved(self) -> dict[str, list[Line]]:
        """The moves of each task."""
        found: dict[str, list[Line]] = defaultdict(list)
        for line in self.events("moved"):
            found[line["task_id"]].append(line)
        return found

    @cached_property
    def lies(self) -> dict[str, list[str]]:
        """Each name in the state directories, and where it is found."""
        found: dict[str, list[str]] = defaultdict(list)
        for path in itertools.chain(self.home.glob("tasks/*/*.yaml"), self.home.glob("queues/**/*.yaml")):
            place = str(path.parent.relative_to(self.home))
            if not path.name.startswith(".") and not (path.name == "queue.yaml" and place.startswith(AGENTS)):
                found[path.stem].append(place)
        return found

    @cached_property
    def by_task(self) -> dict[str, list[Line]]:
        """The notes about each task."""
        found: dict[str, list[Line]] = defaultdict(list)
        for line in self.notes:
            found[line.get("task") or ""].append(line)
        return found

    def told(self, what: str, kind: str) -> list[Line]:
        return [line for line in self.notes if line["what"] == what and line.get("kind") == kind]


def violations(seen: Evidence) -> list[str]:
    """Everything at once."""
    return [text for check in CHECKS for text in check(seen)]


# -- nothing lost ------------------------------------------------------------------------------------------------------


def one_place(seen: Evidence) -> Iterator[str]:
    """Each task of the plan, and nothing else, is one file, where the journal has it, and where it has to be."""
    for task in sorted(set(seen.lies) - set(seen.expected)):
        yield f"{task} lies in {seen.lies[task]} and is no task of the plan"
    for task, wanted in seen.expected.items():
        places = seen.lies.get(task, [])
        if len(places) != 1:
            yield f"{task} lies in {len(places)} state directories: {places}"
            continue
        if places != [wanted]:
            yield f"{task} ends in {places[0]} and not in {wanted}"
        last = seen.moved[task][-1]["to"] if seen.moved.get(task) else None
        if last != places[0]:
            yield f"{task} lies in {places[0]}, the journal has it in {last}"


def texts(seen: Evidence) -> Iterator[str]:
    """Each task file says what the plan says, but for the keys that the daemon writes."""
    for task in seen.plan["tasks"]:
        for place in seen.lies.get(task["task_id"], []):
            now = yaml.safe_load((seen.home / place / f"{task['task_id']}.yaml").read_text())
            keys = (set(now) | set(task)) - BY_THE_DAEMON
            changed = sorted(key for key in keys if now.get(key) != task.get(key))
            if changed:
                yield f"{task['task_id']}: its file says something else than the plan of {', '.join(changed)}"


def bytes_kept(seen: Evidence) -> Iterator[str]:
    """What an agent wrote is in the output, put aside or in quarantine, but for manifests that an agent replaced."""
    kept = set(kept_hashes(seen.home))
    handed_in: dict[str, list[Line]] = defaultdict(list)
    for line in seen.notes:
        if line.get("kind") == "manifest":
            handed_in[line["task"]].append(line)
    for line in seen.told("wrote", "artifact"):
        if line["sha256"] not in kept and not _shared(seen, line):
            yield f"{line['writer']} wrote {line['path']} for {line['task']}, and its bytes are nowhere"
    for task, lines in handed_in.items():
        begun = {(line["writer"], line.get("sha256")): line["ns"] for line in lines if line["what"] == "will"}
        for line in (line for line in lines if line["what"] == "wrote" and line["sha256"] not in kept):
            since = min(line["ns"], begun.get((line["writer"], line["sha256"]), line["ns"])) - SLACK_NS
            others = (other for other in lines if other.get("sha256") != line["sha256"])
            if not any(other["ns"] >= since for other in others):
                yield f"{line['writer']} handed {task} in, nobody replaced the manifest, and its bytes are nowhere"


SLACK_NS = 20_000_000  # the clock of the shell is told in hundredths of a second


def kept_hashes(home: Path) -> Iterator[str]:
    """Of everything that lies in the output directories, was put aside, or was copied."""
    for folder in ("outputs", "quarantine"):
        for path in (home / folder).rglob("*"):
            if path.is_file():
                yield hashlib.sha256(path.read_bytes()).hexdigest()


def _shared(seen: Evidence, line: Line) -> bool:
    """Whether it lies in the workspace as it was written."""
    path = str(line["path"])
    return path.startswith("src/") and sha256(seen.home.parents[1] / path) == line["sha256"]


# -- nothing doubled ---------------------------------------------------------------------------------------------------


def journal(seen: Evidence) -> Iterator[str]:
    """Every line is whole, and their numbers are 1, 2, 3 and so on."""
    yield from seen.read[1]
    for wanted, line in enumerate(seen.lines, start=1):
        if line["seq"] != wanted:
            yield f"line {wanted} of the journal has the number {line['seq']}"
            return


def chains(seen: Evidence) -> Iterator[str]:
    """One line for each rename: each leaves the place that the one before went to; one outcome for each intent."""
    yield from order.renames(seen.lines)


def taken_in(seen: Evidence) -> Iterator[str]:
    """Each task was taken in once, and the plan as a whole once."""
    times = Counter(line["task_id"] for line in seen.events("taken_in"))
    yield from (f"{task} was taken in {times[task]} times" for task in seen.expected if times[task] != 1)
    whole = len(seen.events("intake_done"))
    if whole != 1:
        yield f"the plan was taken in {whole} times"


def attempts(seen: Evidence) -> Iterator[str]:
    """The attempt begins with 1 and goes up by one whenever the task leaves `retry` for a queue, and never else."""
    for task, lines in seen.moved.items():
        attempt = 1
        for line in lines:
            again = line["from"] == RETRY and line["to"] in ("queues/global", "queues/waiting_on_dependencies")
            attempt += again
            if line["attempt"] != attempt:
                yield f"line {line['seq']}: {task} is in attempt {line['attempt']}, and it should be {attempt}"
                break


def claims(seen: Evidence) -> Iterator[str]:
    """No task was won more often than it left a queue. (A claim may have no note: killed in between.)

    A claim that was put back, and won again while the killed daemon had yet to write that down, is one in the journal:
    the file lies where it lay before, and the intent is told to be void.
    """
    won = Counter(line["task"] for line in seen.notes if line["what"] == "claimed")
    void = {line["intent"] for line in seen.events("void")}
    back = [line for line in seen.events("intend") if line["from"] == WORK and line["to"].startswith(AGENTS)]
    won.subtract(line["task_id"] for line in back if line["seq"] in void)
    for task, times in won.items():
        left = sum(line["to"] == WORK and line["from"].startswith(AGENTS) for line in seen.moved.get(task, []))
        if times > left:
            yield f"{task} was claimed {times} times, and the journal has {left} claims"


# -- nothing wrongly counted -------------------------------------------------------------------------------------------


def acceptances(seen: Evidence) -> Iterator[str]:
    """Each completed task was accepted once, for its last attempt, from its holder; nothing else was accepted."""
    accepted: dict[str, list[Line]] = defaultdict(list)
    for line in seen.events("accepted"):
        accepted[line["task_id"]].append(line)
    for task in sorted(set(seen.expected) | set(accepted)):
        lines, wanted = accepted[task], int(seen.lies.get(task) == [DONE])
        if len(lines) != wanted:
            yield f"{task} was accepted {len(lines)} times, and it should be {wanted}"
        for line in lines:
            yield from (f"line {line['seq']}: {task}: {text}" for text in _acceptance(seen, line))


def _acceptance(seen: Evidence, line: Line) -> Iterator[str]:
    task, moved = line["task_id"], seen.moved.get(line["task_id"], [])
    if hashlib.sha256(line["manifest"].encode()).hexdigest() != line["manifest_sha256"]:
        yield "the manifest in the journal is not the one whose checksum stands beside it"
    manifest = yaml.safe_load(line["manifest"])
    last = [move for move in moved if move["to"] == WORK and move["from"].startswith(AGENTS)]
    if not moved or line["attempt"] != moved[-1]["attempt"]:
        yield f"accepted was attempt {line['attempt']}, which is not the last"
    if manifest.get("attempt", 1) != line["attempt"] or manifest["task_id"] != task:
        yield f"accepted was what says that it is attempt {manifest.get('attempt', 1)} of {manifest['task_id']}"
    if not last or last[-1]["from"] != AGENTS + manifest["subagent"]:
        yield f"accepted was the work of {manifest['subagent']}, who does not hold it"
    for entry in manifest["artifacts"]:
        found = _artifact(seen.home, task, entry["path"])
        there = None if found is None else (f"sha256:{sha256(found)}", found.stat().st_size)
        if there != (entry["checksum"], entry["size_bytes"]):
            yield f"the artifact {entry['path']} is not what its manifest says"
    if not _written_by_somebody(seen, line, manifest):
        yield "no agent has written this manifest"


def _artifact(home: Path, task: str, path: str) -> Path | None:
    roots = (home / "outputs", home / "outputs/partial" / task, home.parents[1])
    return next((root / path for root in roots if (root / path).is_file()), None)


def _written_by_somebody(seen: Evidence, line: Line, manifest: Line) -> bool:
    """With this checksum; or by a verb that was killed before it could tell the checksum."""
    for note in seen.by_task.get(line["task_id"], ()):
        if note.get("sha256") == line["manifest_sha256"]:
            return True
        unknown = note["what"] == "will" and "sha256" not in note
        if unknown and (note["attempt"], note["agent"]) == (manifest.get("attempt", 1), manifest["subagent"]):
            return True
    return False


def dependencies(seen: Evidence) -> Iterator[str]:
    """Nobody had a task in his queue or in work before all that it waits for were accepted and completed."""
    yield from order.order(seen.lines, seen.plan)


def stale(seen: Evidence) -> Iterator[str]:
    """No result of an earlier attempt was counted."""
    accepted = {line["manifest_sha256"]: line for line in seen.events("accepted")}
    for note in stale_results(seen):
        if note["sha256"] in accepted:
            yield f"{note['task']}: accepted was a result of attempt {note['attempt']}, which had ended"


def stale_results(seen: Evidence) -> list[Line]:
    """The manifests that were handed in for another attempt than the one that was completed."""
    final = {line["task_id"]: line["attempt"] for line in seen.events("accepted")}
    handed_in = [note for note in seen.told("wrote", "manifest") if note["status"] == "completed"]
    return [note for note in handed_in if final.get(note["task"], note["attempt"]) != note["attempt"]]


def trouble(seen: Evidence) -> Iterator[str]:
    """No agent met with anything but what the documentation tells him to expect."""
    yield from (f"{line['writer']}: {line['text']}" for line in seen.notes if line["what"] == "trouble")


CHECKS = (
    one_place,
    texts,
    bytes_kept,
    journal,
    chains,
    taken_in,
    attempts,
    claims,
    acceptances,
    dependencies,
    stale,
    trouble,
)


# -- the whole tree ----------------------------------------------------------------------------------------------------


def listing(root: Path) -> dict[str, str]:
    """Every name in the tree with a checksum; folders and links as what they are. Without what tells who holds it."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if not name.startswith(NOT_OURS):
            found[name] = "link" if path.is_symlink() else "folder" if path.is_dir() else str(sha256(path))
    return found


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """What came, went and changed."""
    came = [f"{name} came" for name in after.keys() - before.keys()]
    went = [f"{name} went" for name in before.keys() - after.keys()]
    changed = [f"{name} changed" for name in before.keys() & after.keys() if before[name] != after[name]]
    return sorted(came + went + changed)


def waits(seen: Evidence, tasks: Iterable[str]) -> Iterator[str]:
    """For each of these tasks where it is, and for whom it waits: for people who want to know why it did not finish."""
    edges = order.edges_of(seen.plan)
    for task in tasks:
        last = seen.moved[task][-1] if seen.moved.get(task) else {}
        open_needs = [need for need in edges[task] if seen.lies.get(need) != [DONE]]
        told = f"{task} lies in {seen.lies.get(task, [])}, attempt {last.get('attempt')}, last by {last.get('agent')}"
        yield f"{told}, waits for {open_needs or 'no task'}; the journal last said: {last.get('reason')}"
