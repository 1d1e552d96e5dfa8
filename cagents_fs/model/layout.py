"""The grammar of paths: what a file in the tree is, from where it lies (PROTOCOL section 2)."""

from dataclasses import dataclass

from cagents_fs.model.ids import id_fault, is_candidate, stem_of
from cagents_fs.model.states import FOLDERED, State, place_of

CONFIG = "_system/config"
INBOX = "_communication/inbox"
CAPACITY = "_system/capacity/agents"
TEMPLATE_MARK = "_system/template"
PLAN = "workflow/plan.yaml"
ADDED = "workflow/tasks"
TAKEN_IN = "workflow/taken_in.jsonl"
JOURNAL = "journal.jsonl"
MANIFEST = "manifest.yaml"
VERIFICATION = "verification.yaml"
AGENT_LOG = "agent.log"

# Read as if they were the other one; the first is what we write.
SYNONYMS = {"queues/waiting_on": State.WAITING.value}

OWN = "_system/daemon"  # what the daemon says of itself, and its locks
LOCKS = f"{OWN}/locks"
WATCHED = f"{OWN}/watch.yaml"  # how it sees

TREE_FOLDERS = (
    CONFIG,
    "_system/schemas",
    LOCKS,
    CAPACITY,
    "_system/alerts",
    "_system/analytics",
    "_system/cache",
    INBOX,
    "_communication/broadcast",
    "_communication/work_stealing",
    "_communication/handoffs",
    "_knowledge/calibration",
    "_archive",
)
PRIVATE_FOLDERS = (OWN, LOCKS)  # nobody but the daemon's user has to look in there

INSTRUCTION_FOLDERS = (
    *(state.value for state in State),
    "workflow/tasks",
    "heartbeats",
    "outputs/partial",
    "outputs/abandoned",
    "escalations",
    "requests",
    "reservations",
    "checkpoints",
    "peer_messages",
    "shared",
    "graphs",
    "dashboards",
    "metrics",
    "telemetry/tasks",
    "analytics",
    "alerts",
    "quarantine",
)


@dataclass(frozen=True, slots=True)
class Spot:
    """What lies at a path: its `kind`, and whose it is as far as the path says."""

    # task | heartbeat | manifest | output | plan | instruction | request | escalation | response | arrival | config |
    # other
    kind: str
    instruction: str | None = None
    place: str | None = None  # of a task file: its directory relative to the instruction
    task: str | None = None
    name: str = ""


def is_instruction_name(name: str) -> bool:
    """Whether a folder of the tree is one instruction's. System folders begin with an underscore."""
    return not name.startswith("_") and id_fault(name) is None


def identify(relative: str) -> Spot:
    """What a path relative to the tree is. Anything unknown is `other`; nothing is refused here."""
    parts = relative.split("/")
    if relative.startswith(CONFIG + "/"):
        return Spot("config", name=parts[-1])
    if len(parts) < 2 or not is_instruction_name(parts[0]):
        return Spot("other", name=parts[-1])
    return _within(parts[0], parts[1:])


def _within(instruction: str, parts: list[str]) -> Spot:
    name = parts[-1]
    if parts[0] in ("tasks", "queues"):
        return _task(instruction, parts)
    match parts:
        case ["outputs", "partial", task, *rest] if rest:
            return _output(instruction, task, rest)
        case ["outputs", task, *rest] if rest and task not in ("partial", "abandoned"):
            return _output(instruction, task, rest)
        case ["workflow", "plan.yaml"]:
            return Spot("plan", instruction, name=name)
        case ["instruction.yaml"]:
            return Spot("instruction", instruction, name=name)
        case [("heartbeats" | "requests") as folder, *rest] if rest:
            return Spot({"heartbeats": "heartbeat", "requests": "request"}[folder], instruction, name="/".join(rest))
        case ["escalations", _] if is_candidate(name):
            is_response = (stem_of(name) or "").endswith(".response")
            return Spot("response" if is_response else "escalation", instruction, name=name)
        case ["checkpoints", point, _] if is_candidate(name):
            return Spot("arrival", instruction, name=f"{point}/{name}")
    return Spot("other", instruction, name=name)


def _output(instruction: str, task: str, rest: list[str]) -> Spot:
    kind = "manifest" if rest == [MANIFEST] else "output"
    return Spot(kind, instruction, task=task, name="/".join(rest))


def _task(instruction: str, parts: list[str]) -> Spot:
    folder = SYNONYMS.get("/".join(parts[:2]), "/".join(parts[:2]))
    name = parts[-1]
    try:
        state = State(folder)
    except ValueError:
        return Spot("other", instruction, name=name)
    depth = 4 if state in FOLDERED else 3
    if len(parts) != depth or not is_candidate(name):
        return Spot("other", instruction, name=name)
    stem = stem_of(name)
    if stem is None or stem == "queue":
        return Spot("other", instruction, name=name)
    place = place_of(state, parts[2] if state in FOLDERED else None)
    return Spot("task", instruction, place=place, task=stem, name=name)


def is_agents_own(name: str) -> bool:
    """Whether a file in an output directory is the agent's work, and not the daemon's verdict or the runner's log.

    `name` is relative to the output directory; `agent.log` is the agent's voice but is counted separately.
    """
    head = name.split("/", 1)[0]
    return not head.startswith("verification") and head != AGENT_LOG and not head.startswith(".")
