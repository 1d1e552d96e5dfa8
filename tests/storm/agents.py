"""Agents of the storm that are written in Python: by renames, by the verbs of the client, by the command line.

Each is a process of its own, forked by the nursery. It works by the documented recipe, writes down outside the tree
what it did (notes.py), gives every artifact a name that nobody else uses, and never removes anything.
"""

import contextlib
import itertools
import json
import os
import random
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from tests.storm.notes import Line, Notes, read, sha256, unfinished
from tests.storm.planning import DOOMED, FAILS_FIRST, INSTRUCTION, RESULT, WANTS, WRONG_FIRST, Document, Place

SHELL = Path(__file__).with_name("agent.sh")
BEAT_S, PATIENCE_S = 0.5, 6.0
LONGEST_S = 60.0  # of one command
RESUMES = 0.4  # of those that were killed so many go on with what they find in their notes
IN_PLACE = 0.15  # so many manifests are written where they are to lie, in two pieces, without an end marker


class Lost(Exception):
    """The task is no longer ours, or its folder is not where it was."""


@dataclass(slots=True)
class Agent:
    """One process at its work."""

    root: Path
    place: Place
    notes: Notes
    chance: random.Random
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    @property
    def home(self) -> Path:
        return self.root / INSTRUCTION

    # -- finding work ----------------------------------------------------------------------------------------------

    def live(self, end: Path, before: Line | None) -> None:
        """Claim and work until somebody puts the file `end` there. `before`: what a killed one had in its hands."""
        if before is not None and self.chance.random() < RESUMES:
            self._pause(self.chance.uniform(0.0, 5.0))
            self._carry(before["task"], before["attempt"], {"tags": before["tags"], "asked": before["asked"]})
        parent = os.getppid()
        while not end.exists() and os.getppid() == parent:
            queue = self.home / "queues/agents" / self.place.name
            waiting = sorted(name for name in os.listdir(queue) if name[0] == "t") if queue.is_dir() else []
            claimed = self._claim(waiting) if waiting else None
            if claimed is None:
                self._pause(0.25)
            else:
                self._carry(*claimed)

    def _claim(self, waiting: list[str]) -> tuple[str, int, Document] | None:
        how = {"rename": self._claim_by_rename, "client": self._claim_by_verb, "command": self._claim_by_command}
        claimed = how[self.place.recipe](waiting)
        if claimed is not None:
            task, attempt, facts = claimed
            self.notes.say("claimed", agent=self.place.name, task=task, attempt=attempt, **facts)
        return claimed

    def _claim_by_rename(self, waiting: list[str]) -> tuple[str, int, Document] | None:
        name = self.chance.choice(waiting[:3])
        there = self.home / "tasks/in_progress" / name
        try:
            os.rename(self.home / "queues/agents" / self.place.name / name, there)
            document = yaml.load(there.read_bytes(), yaml.CSafeLoader)
        except FileNotFoundError:
            return None
        return document["task_id"], document.get("attempt", 1), _asked(document)

    def _claim_by_verb(self, waiting: list[str]) -> tuple[str, int, Document] | None:  # noqa: ARG002 - one form
        from cagents_fs.client.claiming import claim
        from cagents_fs.errors import NothingThere, StorageError

        try:
            claimed = claim(str(self.root), self.place.name)
        except (NothingThere, StorageError):  # nothing to claim; or somebody was frozen while he held the queues' lock
            return None
        return claimed.task["task_id"], claimed.attempt, _asked(claimed.task)

    def _claim_by_command(self, waiting: list[str]) -> tuple[str, int, Document] | None:  # noqa: ARG002 - one form
        done = self._command("claim", self.place.name, "--json")
        if done.returncode:
            return None
        data = json.loads(done.stdout)["data"]
        return data["task"]["task_id"], data["attempt"], _asked(data["task"])

    # -- working ---------------------------------------------------------------------------------------------------

    def _carry(self, task: str, attempt: int, facts: Document) -> None:
        try:
            self._work(task, attempt, facts)
        except (Lost, FileNotFoundError):
            self.notes.say("lost", agent=self.place.name, task=task, attempt=attempt)
        else:
            self.notes.say("done", agent=self.place.name, task=task, attempt=attempt)

    def _work(self, task: str, attempt: int, facts: Document) -> None:
        self._beat(task, attempt)
        left_s = self.chance.choice([0.0, 0.1, 0.3, 0.5, 1.5])
        while left_s > 0:
            self._pause(min(left_s, BEAT_S))
            left_s -= BEAT_S
            self._beat(task, attempt)
        entry = self._artifact(task, attempt)
        tag = facts["tags"][0]
        if tag == DOOMED or (tag == FAILS_FIRST and attempt == 1):
            self._hand_in(task, attempt, "failed", [entry], facts)
            return
        if tag == WRONG_FIRST:
            wrong = entry | {"checksum": "sha256:" + "0" * 64}
            self._until_rejected(task, attempt, self._hand_in(task, attempt, "completed", [wrong], facts))
        self._hand_in(task, attempt, "completed", [entry], facts)

    def _artifact(self, task: str, attempt: int) -> Document:
        """A file with a name of its own: in the output directory, or now and then in the workspace."""
        mine = f"{self.notes.writer}-{next(self.numbers)}"
        shared = self.chance.random() < 0.15
        folder = self.root.parent / "src" if shared else self.home / "outputs/partial" / task
        path = folder / mine / RESULT
        path.parent.mkdir(parents=True, exist_ok=True)
        data = f"{task} by {mine}, attempt {attempt}\n".encode() * self.chance.choice([1, 1, 1, 50, 4000])
        path.write_bytes(data)
        relative = f"src/{mine}/{RESULT}" if shared else f"{mine}/{RESULT}"
        self.notes.say("wrote", kind="artifact", task=task, attempt=attempt, path=relative, sha256=sha256(data))
        entry = {"name": RESULT, "type": "data", "path": relative, "size_bytes": len(data)}
        return entry | {"checksum": f"sha256:{sha256(data)}"}

    def _until_rejected(self, task: str, attempt: int, manifest: str) -> None:
        verdict = self.home / "outputs/partial" / task / "verification.yaml"
        deadline_s = time.monotonic() + PATIENCE_S
        while not (verdict.exists() and manifest in verdict.read_text()):
            if time.monotonic() > deadline_s:
                return  # nobody judges: hand in the right one all the same
            self._pause(0.3)
            if not any((self.home / place / f"{task}.yaml").exists() for place in _HELD):
                raise Lost
            self._beat(task, attempt)

    # -- saying it -------------------------------------------------------------------------------------------------

    def _beat(self, task: str, attempt: int) -> None:
        if self.place.recipe == "command":
            self._command("heartbeat", task, "--agent", self.place.name, "--attempt", str(attempt))
            return
        activity = f"{self.notes.writer} at {next(self.numbers)}"
        if self.place.recipe == "client":
            from cagents_fs.client.working import Speaker, heartbeat

            heartbeat(str(self.root), Speaker(INSTRUCTION, task, self.place.name, attempt), activity=activity)
            return
        said = {"agent_name": self.place.name, "task_id": task, "attempt": attempt, "current_activity": activity}
        path = self.home / "heartbeats" / f"{self.place.name}_{task}.yaml"
        self._publish(path, json.dumps(said).encode() + b"\n...\n")

    def _publish(self, path: Path, data: bytes) -> None:
        beside = path.with_name(f".{path.name}.{self.notes.writer}.tmp")
        beside.write_bytes(data)
        beside.rename(path)

    def _hand_in(self, task: str, attempt: int, status: str, entries: list[Document], facts: Document) -> str:
        """Returns the SHA-256 of the manifest."""
        told = {"kind": "manifest", "task": task, "attempt": attempt, "status": status, "path": "manifest.yaml"}
        told["agent"] = self.place.name
        wrong = any(entry["checksum"].endswith("0" * 64) for entry in entries)
        if self.place.recipe == "rename" or wrong:
            return self._hand_in_by_rename(told, entries, facts)
        self.notes.say("will", **told)
        if self.place.recipe == "client":
            digest = self._hand_in_by_verb(told, entries, facts)
        else:
            digest = self._hand_in_by_command(told, entries, facts)
        self.notes.say("wrote", **told, sha256=digest)
        return digest

    def _hand_in_by_rename(self, told: Document, entries: list[Document], facts: Document) -> str:
        met = [{"criterion": f"{text} ", "met": True, "evidence": entries[0]["path"]} for text in facts["asked"]]
        fields = {"task_id": told["task"], "subagent": told["agent"], "attempt": told["attempt"]}
        fields |= {"status": told["status"], "artifacts": entries, "acceptance_criteria_met": met}
        data = yaml.dump(fields, Dumper=yaml.CSafeDumper, sort_keys=False).encode()
        path = self.home / "outputs/partial" / told["task"] / "manifest.yaml"
        path.parent.mkdir(exist_ok=True)  # where the artifact lies in the workspace
        self.notes.say("will", **told, sha256=sha256(data))
        if self.chance.random() < IN_PLACE:
            with path.open("wb", buffering=0) as file:
                file.write(data[: len(data) // 2])
                self._pause(self.chance.uniform(0.0, 0.6))
                file.write(data[len(data) // 2 :])
        else:
            self._publish(path, data)
        self.notes.say("wrote", **told, sha256=sha256(data))
        return sha256(data)

    def _lies(self, task: str, entry: Document) -> str:
        base = self.root.parent if entry["path"].startswith("src/") else self.home / "outputs/partial" / task
        return str(base / entry["path"])

    def _hand_in_by_verb(self, told: Document, entries: list[Document], facts: Document) -> str:
        from cagents_fs.client.working import Speaker, complete, fail
        from cagents_fs.errors import CagentsError

        who = Speaker(INSTRUCTION, told["task"], told["agent"], told["attempt"])
        files = [self._lies(told["task"], entry) for entry in entries]
        try:
            if told["status"] == "failed":
                return fail(str(self.root), who, "it could not be done", None)[1]
            return complete(str(self.root), who, files, [f"{text}=I have read it" for text in facts["asked"]], [])[1]
        except CagentsError as refused:
            raise Lost from refused

    def _hand_in_by_command(self, told: Document, entries: list[Document], facts: Document) -> str:
        who = ["--agent", told["agent"], "--attempt", str(told["attempt"]), "--json"]
        if told["status"] == "failed":
            done = self._command("fail", told["task"], *who)
        else:
            files = [self._lies(told["task"], entry) for entry in entries]
            met = [word for text in facts["asked"] for word in ("--met", f"{text}=I have read it")]
            done = self._command("complete", told["task"], *files, *who, *met)
        if done.returncode:
            raise Lost(done.stderr)
        return str(json.loads(done.stdout)["data"]["manifest_sha256"])

    def _command(self, *words: str) -> "subprocess.CompletedProcess[str]":
        line = [sys.executable, "-m", "cagents_fs", "--root", str(self.root), *words]
        done = subprocess.run(line, capture_output=True, text=True, timeout=LONGEST_S)
        if "Traceback" in done.stderr or done.returncode not in (0, 1, 2, 3):
            self.notes.say("trouble", task=None, text=f"{' '.join(words)}: exit {done.returncode}: {done.stderr}")
        return done

    def _pause(self, seconds: float) -> None:
        time.sleep(seconds)


_HELD = ("tasks/in_progress", "tasks/under_review", "tasks/retry")


def _asked(document: Document) -> Document:
    """What an agent has to know of a task: its tags, and the criteria that it has to claim itself."""
    asked = [WANTS] if WANTS in document.get("acceptance_criteria", []) else []
    return {"tags": document["tags"], "asked": asked}


def be(root: Path, place: Place, folder: Path, writer: str, seed: str, end: Path) -> None:
    """Be this agent until the end. Raises nothing that is not told in the notes as trouble."""
    path = folder / f"{place.number:02}.jsonl"
    before = unfinished(read(path)) if path.exists() else None
    own = Notes(path, writer)
    if place.recipe == "shell":
        words = [str(root / INSTRUCTION), place.name, str(path), writer, str(end)]
        os.execv("/bin/sh", ["sh", str(SHELL), *words])
    try:
        Agent(root, place, own, random.Random(seed)).live(end, before)
    except BaseException as trouble:
        own.say("trouble", task=None, text=f"{type(trouble).__name__}: {trouble}")
        with contextlib.suppress(Exception):
            raise
