"""Agents, good and bad. They know the tree as agents do: from the folders and files that concern them."""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from tests.simulation.pleading import cry
from tests.simulation.told import Told
from tests.simulation.world import END, Document, Key, World, encoded, sha256

WORK = "tasks/in_progress"
KINDS = ("good", "good", "sloppy", "silent", "dying", "greedy")
_ATTEMPT = re.compile(rb"\battempt\"?:\s*(\d+)")


@dataclass(slots=True)
class Job:
    """A task that an agent has claimed, as it remembers it."""

    instruction: str
    task: str
    attempt: int
    handed_s: float | None = None
    slow: tuple[str, bytes] | None = None  # the manifest that is half written, and its rest
    beats: int = 0

    @property
    def key(self) -> Key:
        return self.instruction, self.task

    def output(self, name: str) -> str:
        return f"{self.instruction}/outputs/partial/{self.task}/{name}"


class Agent:
    """One agent; its kind may change."""

    def __init__(self, name: str, kind: str, world: World) -> None:
        self.name, self.kind, self.world = name, kind, world
        self.jobs: list[Job] = []
        self.versions = 0

    def act(self) -> None:
        """One thing that such an agent does next."""
        world, chance = self.world, self.world.chance
        if self.kind != "sloppy":  # a sloppy one does not notice that a task was taken from it
            self.jobs = [job for job in self.jobs if self.holds(job)]
        queued = [(i, task) for i in world.plans for task in world.names(f"{i}/queues/agents/{self.name}")]
        if queued and (not self.jobs or chance.random() < (0.8 if self.kind == "greedy" else 0.25)):
            for key in queued if self.kind == "greedy" else [chance.choice(queued)]:
                self.claim(key)
            return
        if not self.jobs:
            return
        job = chance.choice(self.jobs)
        match self.kind:
            case "silent":
                return
            case "dying":
                self.hand_in(job, chance.choice((good, bad_checksum)), "half")
                self.jobs.clear()  # and it is never heard of again
            case "greedy" if chance.random() < 0.5:
                return
            case _ if job.slow is not None:
                self.finish(job)
            case _ if chance.random() < 0.04:
                cry(world, self.name, job.key, job.attempt)
            case _ if chance.random() < 0.3:
                self.beat(job)
            case "sloppy":
                self.hand_in(job, chance.choice(FLAWS), chance.choice(WAYS))
            case _ if job.handed_s is None and chance.random() < 0.3:
                self.arrive(job)
            case _ if job.handed_s is None or world.clock.passed_s > job.handed_s + 20.0:
                self.hand_in(job, good, chance.choice(WAYS))

    def act_at_the_end(self, told: dict[str, Told]) -> None:
        """All good: takes up what it holds, hands in again what was rejected, claims the rest."""
        world = self.world
        self.jobs = [job for job in self.jobs if world.there(f"{job.instruction}/{WORK}/{job.task}.yaml")]
        for instruction, journal in told.items():
            for task in world.names(f"{instruction}/{WORK}"):
                fate, key = journal.fate(task), (instruction, task)
                mine = [job for job in self.jobs if job.key == key]
                if fate.holder != self.name or fate.place != WORK:
                    self.jobs = [job for job in self.jobs if job.key != key]
                elif not mine or mine[0].attempt != fate.attempt:
                    self.jobs = [job for job in self.jobs if job.key != key]
                    self.jobs.append(Job(instruction, task, fate.attempt))
        for job in self.jobs:
            if job.handed_s is None or world.clock.passed_s > job.handed_s + 60.0:
                self.hand_in(job, good, "publish")
        for instruction in world.plans:
            for task in world.names(f"{instruction}/queues/agents/{self.name}"):
                tried_s = world.claimed_s.get((instruction, task), -60.0)  # what was put back is tried again later
                if self._has_time() and world.clock.passed_s > tried_s + 30.0:
                    self.claim((instruction, task))

    def _has_time(self) -> bool:
        """Whether it works on fewer than two. What may wait for others does not count: they may wait for its queue."""
        return sum(job.task not in self.world.may_wait(job.instruction) for job in self.jobs) < 2

    def claim(self, key: Key) -> bool:
        """`mv` out of its own queue, the return code checked."""
        world, (instruction, task) = self.world, key
        text = world.read(f"{instruction}/queues/agents/{self.name}/{task}.yaml")
        if not world.move(key, f"queues/agents/{self.name}", WORK):
            return False
        world.claimed_s[key] = world.clock.passed_s
        found = _ATTEMPT.search(text)
        self.jobs = [job for job in self.jobs if job.key != key]
        self.jobs.append(Job(instruction, task, int(found[1]) if found else 1))
        world.say(f"{self.name} ({self.kind}) claims {instruction}/{task}")
        world.count(f"claimed by {self.kind}")
        return True

    def holds(self, job: Job) -> bool:
        """Whether the task still lies where work is done; only its own holder knows that it is its."""
        return self.world.there(f"{job.instruction}/{WORK}/{job.task}.yaml") or self.world.there(
            f"{job.instruction}/tasks/under_review/{job.task}.yaml"
        )

    # -- work ------------------------------------------------------------------------------------------------------

    def arrive(self, job: Job) -> None:
        """At a checkpoint, if its task has one."""
        dependencies = self.world.tasks.get(job.key, {}).get("dependencies", [])
        for point in dependencies.get("coordination", ()) if isinstance(dependencies, dict) else ():
            path = f"{job.instruction}/checkpoints/{point['checkpoint']}/{job.task}.yaml"
            self.world.say(f"{self.name} arrives with {job.instruction}/{job.task} at {point['checkpoint']}")
            self.world.publish(path, encoded({"task_id": job.task, "attempt": job.attempt}))
            self._sign(job)

    def beat(self, job: Job) -> None:
        """A heartbeat whose content changes."""
        self.versions += 1
        document = {
            "agent_name": self.name,
            "task_id": job.task,
            "status": "in_progress",
            "attempt": job.attempt,
            "current_activity": f"at it, {self.versions}",
        }
        path = f"{job.instruction}/heartbeats/{self.name}_{job.task}.yaml"
        self.world.publish(path, encoded(document))
        self._sign(job)
        self.world.say(f"{self.name} beats for {job.instruction}/{job.task}")

    def hand_in(self, job: Job, flaw: "Flaw", way: str) -> None:
        """Artifacts, then a manifest over them, with this flaw, written in this way."""
        self.versions += 1
        world, artifacts = self.world, []
        for name in ("result.txt", f"{job.task}.sql"):
            data = f"{self.name} {job.task} {job.attempt} {self.versions}\n".encode()
            world.publish(job.output(name), data)
            artifacts.append({"path": name, "size_bytes": len(data), "checksum": f"sha256:{sha256(data)}"})
        task = world.tasks.get(job.key, {})
        manifest: Document = {"task_id": job.task, "subagent": self.name, "status": "completed"}
        manifest |= {"attempt": job.attempt, "artifacts": artifacts, "quality_metrics": {"test_coverage": 0.9}}
        criteria = [c for c in task.get("acceptance_criteria", ()) if isinstance(c, str)]
        criteria += [c["criterion"] for c in task.get("acceptance_criteria", ()) if not isinstance(c, str)]
        manifest["acceptance_criteria_met"] = [{"criterion": c, "met": True, "evidence": "seen"} for c in criteria]
        data = flaw(world.chance, manifest)
        world.passing.discard(job.key)
        if flaw is good or world.chance.random() < 0.3:
            world.passing.add(job.key)
        world.say(f"{self.name} hands in {job.instruction}/{job.task}: {flaw.__name__}, {way}")
        world.count(f"handed in {flaw.__name__}")
        self._write(job, data, way)
        self._sign(job)
        job.handed_s = world.clock.passed_s

    def _write(self, job: Job, data: bytes, way: str) -> None:
        world, path = self.world, job.output("manifest.yaml")
        self.finish(job)
        match way:
            case "publish":
                world.publish(path, data + world.chance.choice((b"", END)))
            case "marked":
                world.scribble(path, data + END)
            case "plain":
                world.scribble(path, data)
            case "slow" | "half":
                cut = world.chance.randint(0, len(data))
                world.begin(path, data[:cut])
                if way == "slow":
                    job.slow = (path, data[cut:])
                elif world.chance.random() < 0.5:
                    world.finish(path, b"")  # its writer is gone: half is all that there will ever be

    def finish(self, job: Job) -> None:
        """The rest of what is half written."""
        if job.slow is not None and self.world.finish(*job.slow):
            self._sign(job)
            self.world.say(f"{self.name} finishes what it was writing for {job.instruction}/{job.task}")
        job.slow = None

    def _sign(self, job: Job) -> None:
        self.world.signs_s.setdefault(job.key, []).append((self.world.clock.passed_s, self.name, job.attempt))


# -- flaws -------------------------------------------------------------------------------------------------------------

Flaw = Callable[[random.Random, Document], bytes]
WAYS = ("publish", "publish", "marked", "plain", "slow")


def good(_: random.Random, manifest: Document) -> bytes:
    """Nothing is wrong."""
    return encoded(manifest)


def bad_checksum(chance: random.Random, manifest: Document) -> bytes:
    manifest["artifacts"][0]["checksum"] = f"sha256:{chance.getrandbits(256):064x}"
    return encoded(manifest)


def missing_artifact(chance: random.Random, manifest: Document) -> bytes:
    manifest["artifacts"][0]["path"] = chance.choice(("nowhere.txt", "../../../../../etc/passwd"))
    return encoded(manifest)


def bad_evidence(chance: random.Random, manifest: Document) -> bytes:
    manifest["acceptance_criteria_met"] = [
        {**claim, **chance.choice(({"evidence": " "}, {"met": False}, {"evidence": "src/nowhere.py:12"}))}
        for claim in manifest["acceptance_criteria_met"]
    ]
    return encoded(manifest)


def too_little(chance: random.Random, manifest: Document) -> bytes:
    del manifest[chance.choice(("artifacts", "acceptance_criteria_met", "quality_metrics"))]
    return encoded(manifest)


def old_attempt(chance: random.Random, manifest: Document) -> bytes:
    manifest["attempt"] += chance.choice((-1, 1))
    return encoded(manifest)


def somebody_elses(chance: random.Random, manifest: Document) -> bytes:
    manifest[chance.choice(("subagent", "task_id"))] = "somebody"
    return encoded(manifest)


def failure(chance: random.Random, manifest: Document) -> bytes:
    manifest |= {"status": "failed", "error_type": chance.choice(("timeout", "timeout", "insufficient_permissions"))}
    return encoded(manifest)


def partial(_: random.Random, manifest: Document) -> bytes:
    manifest["status"] = "partial"
    return encoded(manifest)


def garbage(chance: random.Random, _: Document) -> bytes:
    return chance.choice((b"", b"{", b"- a\n- b\n", b"a: &x 1\nb: *x\n", b"\xff\xfe", b"task_id: x\ntask_id: y\n"))


FLAWS: tuple[Flaw, ...] = (
    good,
    good,
    good,
    bad_checksum,
    missing_artifact,
    bad_evidence,
    too_little,
    old_attempt,
    somebody_elses,
    failure,
    partial,
    garbage,
)
