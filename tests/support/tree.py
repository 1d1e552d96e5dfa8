"""A tree as a stranger sees it: the command line, the files, and real processes. Nothing here imports the package."""

import contextlib
import hashlib
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil
import yaml

from tests.support import warm

T = TypeVar("T")
Document = dict[str, Any]
Env = dict[str, str] | None

MARK = "...\n"  # the YAML end marker: whoever reads it knows that the file is whole


def eventually(predicate: Callable[[], T], within: float = 20.0, saying: Callable[[], str] = str) -> T:
    """Poll until the predicate holds, and give back what it said then."""
    deadline = time.monotonic() + within
    while not (found := predicate()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within:.0f} s: {saying()}")
        time.sleep(0.03)
    return found


def as_yaml(document: object) -> str:
    """Through JSON, so that nothing is shared: agents and planners may use no anchors."""
    return yaml.safe_dump(json.loads(json.dumps(document)), sort_keys=False, allow_unicode=True)


def load(path: Path) -> Document:
    return dict(yaml.safe_load(path.read_text()))


def publish(path: Path, content: str | bytes) -> Path:
    """As section 2 asks of every writer: a dot file beside it, then a rename."""
    beside = path.with_name(f".{path.name}.tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    beside.write_bytes(content.encode() if isinstance(content, str) else content)
    return beside.rename(path)


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every name below a folder with its bytes. Locks and caches are nobody's state."""
    named = {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*"))}
    kept = {name: path for name, path in named.items() if not name.startswith(("_system/daemon", "_system/cache"))}
    return {name: path.read_bytes() if path.is_file() else b"" for name, path in kept.items()}


def surroundings(env: Env) -> dict[str, str]:
    """Ours without anything that speaks of another tree, and wide enough that no name is wrapped in two."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CAGENTS_")}
    return kept | {"NO_COLOR": "1", "COLUMNS": "240", "TERM": "dumb"} | (env or {})


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        return self.out + self.err

    @property
    def data(self) -> Any:
        document = json.loads(self.out)
        assert document["schema_version"] == 1, document
        return document["data"]

    @property
    def error(self) -> Document:
        document: Document = json.loads(self.err)
        assert document["schema_version"] == 1, document
        assert {"code", "message", "path", "line", "column"} <= set(document["error"]), document
        return dict(document["error"])


def cagents(*arguments: str, cwd: Path, env: Env = None) -> Answer:
    code, out, err = warm.run(arguments, cwd, surroundings(env))
    assert "Traceback" not in err, err
    return Answer(code, out, err)


@dataclass(slots=True)
class Running:
    """A process of ours, with what it has written so far."""

    popen: "subprocess.Popen[bytes]"
    out: Path
    err: Path
    killed: bool = False

    def stop(self, number: signal.Signals = signal.SIGTERM, within: float = 20.0) -> int:
        self.popen.send_signal(number)
        return self.popen.wait(timeout=within)

    def kill(self) -> None:
        self.killed = True
        self.popen.kill()
        self.popen.wait()

    def said(self) -> str:
        return self.out.read_text() + self.err.read_text()[-3000:]


class Instruction:
    """One instruction's folder, and what agents with `mv` and `cat` do in it."""

    def __init__(self, tree: "Tree", name: str) -> None:
        self.tree = tree
        self.name = name
        self.path = tree.root / name

    def places(self, task: str) -> list[str]:
        """Every state directory in which the task lies. At rest it is exactly one."""
        found = [*self.path.glob(f"tasks/*/{task}.yaml"), *self.path.glob(f"queues/**/{task}.yaml")]
        return sorted(str(path.parent.relative_to(self.path)) for path in found)

    def reaches(self, task: str, place: str, within: float = 20.0) -> None:
        eventually(lambda: self.places(task) == [place], within, lambda: f"{task} -> {place}; {self.tail()}")

    def tail(self) -> str:
        return "\n".join(["the journal ends:", *map(json.dumps, self.journal()[-40:])])

    def file(self, task: str) -> Document:
        (place,) = self.places(task)
        return load(self.path / place / f"{task}.yaml")

    def journal(self) -> list[Document]:
        """Its whole lines; one that is being appended is not there yet."""
        path = self.path / "journal.jsonl"
        whole = path.read_bytes().rpartition(b"\n")[0] if path.exists() else b""
        return [json.loads(line) for line in whole.splitlines()]

    def events(self, event: str, mentioning: str = "") -> list[Document]:
        return [line for line in self.journal() if line["event"] == event and mentioning in json.dumps(line)]

    def tells(self, event: str, mentioning: str = "") -> list[Document]:
        """The journal comes to have such lines."""
        return eventually(lambda: self.events(event, mentioning), saying=lambda: f"{event} {mentioning}; {self.tail()}")

    def moves(self, task: str) -> list[tuple[str | None, str]]:
        return [(line["from"], line["to"]) for line in self.events("moved") if line["task_id"] == task]

    def check(self, *tasks: str) -> None:
        """Law 2 and the journal: one place each, an unbroken chain of moves that ends there, each number once."""
        for task in tasks:  # a file may lie at its new place for up to a turn before its line is there
            eventually(lambda t=task: self.places(t) == [self.moves(t)[-1][1]], saying=self.tail)  # type: ignore[misc]
        numbers = [line["seq"] for line in self.journal()]
        assert all(a < b for a, b in itertools.pairwise(numbers)), numbers
        for task in tasks:
            moves = self.moves(task)
            assert moves[0][0] in (None, "tasks/pending"), f"{task}: {moves}; {self.tail()}"
            assert all(a[1] == b[0] for a, b in itertools.pairwise(moves)), f"{task}: {moves}; {self.tail()}"
            assert self.places(task) == [moves[-1][1]], f"{task}: {moves}; {self.tail()}"

    def claim(self, task: str, agent: str = "ann") -> None:
        """As `mv` does it, once the task is in the agent's queue."""
        self.reaches(task, f"queues/agents/{agent}")
        (self.path / f"queues/agents/{agent}/{task}.yaml").rename(self.path / f"tasks/in_progress/{task}.yaml")

    def output(self, task: str) -> Path:
        folder = self.path / "outputs" / "partial" / task
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def artifact(self, task: str, name: str = "result.txt", content: bytes = b"done\n") -> Document:
        """Makes the file beside the manifest, and the entry that describes it truly."""
        (self.output(task) / name).write_bytes(content)
        return entry(name, content)

    def manifest(self, task: str, agent: str = "ann", **changed: object) -> Document:
        """A true one over `result.txt`, with some fields changed; None takes a field away."""
        whole: Document = {"task_id": task, "subagent": agent, "status": "completed"}
        whole |= {"completion_timestamp": "2026-01-10T12:00:00Z", "artifacts": [self.artifact(task)]}
        whole |= {"acceptance_criteria_met": [], "quality_metrics": {}} | changed
        return {key: value for key, value in whole.items() if value is not None}

    def hand_in(self, task: str, agent: str = "ann", **changed: object) -> Path:
        return publish(self.output(task) / "manifest.yaml", as_yaml(self.manifest(task, agent, **changed)))

    def finish(self, task: str, agent: str = "ann", **changed: object) -> None:
        """Claimed, worked on, handed in and verified."""
        self.claim(task, agent)
        self.hand_in(task, agent, **changed)
        self.reaches(task, "tasks/completed")

    def beat(self, task: str, agent: str = "ann", **changed: object) -> None:
        said: Document = {"agent_name": agent, "task_id": task, "status": "in_progress", "current_activity": "at it"}
        said |= {"timestamp": "2026-01-10T12:00:00Z", "progress_percentage": 10} | changed
        publish(self.path / "heartbeats" / f"{agent}_{task}.yaml", as_yaml(said))

    def drop(self, task: str, *needs: str, **fields: object) -> None:
        publish(self.path / "tasks" / "pending" / f"{task}.yaml", as_yaml(a_task(task, *needs, **fields)))

    def quarantined(self) -> list[bytes]:
        return [path.read_bytes() for path in (self.path / "quarantine").rglob("*") if path.is_file()]


@contextlib.contextmanager
def attended(running: Running) -> Iterator[Running]:
    """A daemon until it has ended well; where something goes wrong, what it said goes with it, and it is killed."""
    try:
        yield running
    except BaseException as trouble:
        trouble.add_note(f"the daemon said: {running.said()}")
        running.kill()
        raise
    if not running.killed:
        assert running.stop() == 0, running.said()


class Tree:
    """A folder in which agents work, with the `Agent_Memory` in it."""

    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace
        self.root = workspace / "Agent_Memory"
        self.started: list[Running] = []

    def call(self, *arguments: str, env: Env = None, cwd: Path | None = None) -> Answer:
        return cagents("--root", str(self.root), *arguments, cwd=cwd or self.workspace, env=env)

    def ok(self, *arguments: str, env: Env = None) -> Answer:
        answer = self.call(*arguments, env=env)
        assert answer.code == 0, (arguments, answer)
        return answer

    def data(self, *arguments: str) -> Any:
        return self.ok(*arguments, "--json").data

    def once(self) -> None:
        self.ok("watch", "--once")

    def start(self, *arguments: str, env: Env = None, root: Path | None = None) -> Running:
        log = self.workspace.parent / f"process-{len(self.started)}"
        line = [sys.executable, "-m", "cagents_fs", "--root", str(root or self.root), *arguments]
        said, wrong = log.with_suffix(".out"), log.with_suffix(".err")
        with said.open("wb") as out, wrong.open("wb") as err:
            around = surroundings(env)
            popen = subprocess.Popen(line, cwd=self.workspace, env=around, stdout=out, stderr=err)
        self.started.append(Running(popen, said, wrong))
        return self.started[-1]

    @contextlib.contextmanager
    def daemon(self, *options: str, env: Env = None) -> Iterator[Running]:
        """`watch`, from the moment it says that it is ready until it has ended well."""
        with attended(self.start("watch", *options, env=env)) as running:
            eventually(lambda: "\n" in running.out.read_text(), saying=lambda: "no line that says ready")
            yield running
            assert running.killed or running.popen.poll() is None, "the daemon has died"

    def configure(self, name: str, document: Document) -> None:
        publish(self.root / "_system" / "config" / name, as_yaml(document))

    def plan(self, *tasks: Document, name: str = "inst_1", **fields: object) -> Instruction:
        """Submits by writing the file, as section 4 allows; in swarm mode, whose rules are the simplest."""
        whole: Document = {"description": "A test", "mode": "swarm"} | fields | {"tasks": list(tasks)}
        publish(self.root / name / "workflow" / "plan.yaml", as_yaml(whole) + MARK)
        return Instruction(self, name)

    def inbox(self, agent: str) -> list[Document]:
        return [load(path) for path in sorted((self.root / "_communication" / "inbox" / agent).glob("[!.]*"))]

    def agents_at_work(self) -> list[int]:
        """Every process that the daemon or the runner of this tree started, and theirs."""
        everyone = psutil.process_iter(["pid", "environ"])
        return [one.pid for one in everyone if (one.info["environ"] or {}).get("CAGENTS_ROOT") == str(self.root)]

    def end_everything(self) -> None:
        for running in self.started:
            running.kill()
        for pid in self.agents_at_work():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def entry(path: str, content: bytes) -> Document:
    """How a manifest describes a file with this content."""
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    return {"name": path, "type": "data", "path": path, "size_bytes": len(content), "checksum": digest}


def met(*criteria: str, evidence: str = "I have looked at it") -> list[Document]:
    return [{"criterion": criterion, "met": True, "evidence": evidence} for criterion in criteria]


def a_task(task_id: str, *needs: str, **fields: object) -> Document:
    """A task of ann's that hard-depends on others."""
    whole: Document = {"task_id": task_id, "description": f"Do {task_id}", "assigned_agent": "ann"}
    return whole | ({"dependencies": list(needs)} if needs else {}) | fields
