"""What people and agents do to a tree, in few words: the language in which scenes are written."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cagents_fs.model.layout import TREE_FOLDERS
from cagents_fs.store.disk import make_folders
from tests.crash.life import live
from tests.simulation.sim_clock import SimClock

Document = dict[str, Any]
I1 = "inst_1"
CONFIG: dict[str, Document] = {
    "daemon.yaml": {
        "settle_seconds": 0.1,
        "scan_interval": "1 hour",
        "reassign_grace": "10 seconds",
        "watch": "poll",
    },
    "parallel_execution_framework.yaml": {
        "task_queues": {"agent_queues": {"max_queue_depth": 2}},
        "communication_channels": {
            "status_updates": {"stale_threshold": "2 hours"},
            "task_assignment": {"timeout": "2 hours"},
        },
    },
    "agents.yaml": {
        "agents": {
            "ann": {"command": ["true"]},
            "bob": {"command": ["true"]},
            "good": {"command": ["sh", "-c", "echo made > $CAGENTS_OUTPUT/made.txt"]},
            "bad": {"command": ["false"]},
        }
    },
    "task_queue_manager.yaml": {
        "retry_logic": {"backoff_strategy": {"base_delay": "20 seconds", "max_delay": "20 seconds"}},
        "task_schema": {"max_retries": {"default": 1}},
    },
    "subagent_coordination_protocol.yaml": {"quality_gates": {"rework_protocol": {"max_iterations": 1}}},
}


def task(task_id: str, *needs: str, agent: str = "ann", **fields: Any) -> Document:
    """A task of a plan."""
    made: Document = {"task_id": task_id, "description": f"Do {task_id}, as told", "assigned_agent": agent}
    if needs:
        made["dependencies"] = list(needs)
    return made | fields


CHECKED = {"acceptance_criteria": [{"criterion": "It is proven", "check": "true"}]}
DOOMED = {"acceptance_criteria": [{"criterion": "It is proven", "check": "false"}]}


class Stage:
    """A tree in a folder, the clock that its daemons go by, and what the agents have written."""

    def __init__(self, root: Path, clock: SimClock) -> None:
        self.root, self.clock = root, clock

    def set_up(self, changes: dict[str, Document] | None = None) -> None:
        """An empty tree with a configuration in which everything runs out soon."""
        self.root.mkdir(parents=True)
        make_folders(str(self.root), TREE_FOLDERS)
        for name, document in {**CONFIG, **(changes or {})}.items():
            self.write(f"_system/config/{name}", document)

    def write(self, relative: str, document: Document | bytes) -> Path:
        """As section 2 of PROTOCOL asks of every writer: beside it, then renamed."""
        path = self.root / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.tmp")
        beside.write_bytes(document if isinstance(document, bytes) else json.dumps(document).encode())
        return beside.rename(path)

    def submit(self, *tasks: Document, instruction: str = I1, **plan: Any) -> None:
        """A plan is put where planners put it."""
        self.write(f"{instruction}/workflow/plan.yaml", {"description": "A scene", "tasks": list(tasks), **plan})

    def daemon(self, seconds: float = 5.0, *, agents: int | None = None, endless: bool = False) -> tuple[int, str]:
        """A daemon lives for so long, at most. `endless`: checks do not end while it does."""
        self.clock.sleep(10.0)
        return live(str(self.root), self.clock, seconds, agents=agents, endless=endless)

    def lives(self, seconds: float = 5.0, *, endless: bool = False) -> None:
        """As `daemon`, and nothing goes wrong."""
        outcome = self.daemon(seconds, endless=endless)
        assert outcome == (0, ""), outcome

    def find(self, task_id: str, instruction: str = I1) -> str:
        """Where a task lies."""
        found = sorted(self.root.glob(f"{instruction}/*/**/{task_id}.yaml"))
        places = [str(path.parent.relative_to(self.root / instruction)) for path in found]
        places = [place for place in places if place.startswith(("tasks/", "queues/"))]
        assert len(places) == 1, (task_id, places)
        return places[0]

    def move(self, task_id: str, target: str, instruction: str = I1) -> None:
        """Somebody's `mv`."""
        (self.root / instruction / target).mkdir(parents=True, exist_ok=True)
        source = self.root / instruction / self.find(task_id, instruction) / f"{task_id}.yaml"
        os.rename(source, self.root / instruction / target / f"{task_id}.yaml")

    def claim(self, *tasks: str, instruction: str = I1) -> None:
        """Agents claim these, as the recipe says."""
        for task_id in tasks:
            assert self.find(task_id, instruction).startswith("queues/agents/"), (task_id, self.find(task_id))
            self.move(task_id, "tasks/in_progress", instruction)

    def beat(self, task_id: str, agent: str = "ann", **fields: Any) -> None:
        """A heartbeat."""
        said = {"agent_name": agent, "task_id": task_id, "status": "in_progress", "progress_percentage": 10}
        self.write(f"{I1}/heartbeats/{agent}_{task_id}.yaml", said | fields)

    def hand_in(self, task_id: str, agent: str = "ann", *, good: bool = True, **said: Any) -> None:
        """A manifest with one artifact; where it is not `good`, its checksum is wrong."""
        output = f"{I1}/outputs/partial/{task_id}"
        text = f"What {agent} made of {task_id}, {json.dumps(said)}\n".encode()
        self.write(f"{output}/made.txt", text)
        digest = hashlib.sha256(text if good else b"").hexdigest()
        artifact = {"path": "made.txt", "size_bytes": len(text), "checksum": f"sha256:{digest}"}
        met = [{"criterion": "It is proven", "met": True, "evidence": "made.txt"}]
        manifest = {"task_id": task_id, "subagent": agent, "status": "completed", "artifacts": [artifact]}
        self.write(f"{output}/manifest.yaml", manifest | {"acceptance_criteria_met": met} | said)

    def fail(self, task_id: str, agent: str = "ann", **said: Any) -> None:
        """A manifest that says that it failed."""
        manifest = {"task_id": task_id, "subagent": agent, "status": "failed", "artifacts": [], "error_type": "broken"}
        self.write(f"{I1}/outputs/partial/{task_id}/manifest.yaml", manifest | said)

    def ask(self, action: str, task_id: str | None = None, **fields: Any) -> None:
        """A request, as `cagents-fs cancel` and its like write it."""
        number = len(list(self.root.glob(f"{I1}/requests/*.yaml"))) + 1
        document = {"action": action, "task_id": task_id, "from": "somebody", **fields}
        self.write(f"{I1}/requests/{number}.yaml", {key: value for key, value in document.items() if value})

    def escalate(self, task_id: str, agent: str = "ann", name: str = "e1", **fields: Any) -> None:
        """An agent asks for help."""
        said = {"escalation_id": name, "from_agent": agent, "to_agent": "planner", "task_id": task_id}
        more = {"severity": "blocker", "issue_description": "What now?", "requested_decision": "Tell me"}
        self.write(f"{I1}/escalations/{name}.yaml", said | more | fields)

    def answer(self, action: str, name: str = "e1", **fields: Any) -> None:
        """Somebody answers."""
        said = {"escalation_id": name, "from": "planner", "decision": "So be it", "action": action}
        self.write(f"{I1}/escalations/{name}.response.yaml", said | fields)


Doing = Callable[[Stage], object]
