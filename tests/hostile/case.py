"""One row of the table: a file that somebody may put there, and the exact answer it gets."""

from dataclasses import dataclass

# Where a file of each kind lies, relative to the instruction, where a case names no other name.
FOLDERS = {
    "plan": "workflow/plan.yaml",
    "instruction": "instruction.yaml",
    "task": "tasks/pending/new.yaml",
    "queued": "queues/agents/ann/new.yaml",
    "heartbeat": "heartbeats/ann_t1.yaml",
    "manifest": "outputs/partial/t1/manifest.yaml",
    "output": "outputs/partial/t1/notes.yaml",  # whatever else an agent writes there
    "escalation": "escalations/E1.yaml",
    "response": "escalations/e0.response.yaml",
    "request": "requests/1.yaml",
    "arrival": "checkpoints/api/t2.yaml",
    "config": "_system/config/daemon.yaml",  # relative to the tree
    "queues": "_system/config/task_queue_manager.yaml",  # relative to the tree
    "agents": "_system/config/agents.yaml",  # relative to the tree
    "message": "_communication/inbox/ann/m1.yaml",  # relative to the tree
}
CONFIGURATION = frozenset({"config", "queues", "agents"})
OF_THE_TREE = CONFIGURATION | {"message"}

# What becomes of a file. `answered`: once, in an inbox and the journal, with a copy in quarantine; it stays where it
# is. `rejected`: so is a manifest, with a verdict and a message of type rework. `taken in`: it counts, with a warning
# for each line of the answer. `ignored`: nobody looks at it, and nothing is said. `left out`: a message, which only its
# addressee reads; `inbox` leaves it where it is, and `validate` says why.
OUTCOMES = frozenset({"answered", "rejected", "taken in", "ignored", "left out"})

# How many an answer ends, and one begins.
ONLY = "; use only A-Z a-z 0-9 . _ -, beginning with a letter or a digit"
SUM = "; write sha256: and the 64 digits that `sha256sum FILE` prints"
SPAN = "; write for instance '30 seconds', '5 minutes', '2h', 'PT2H30M', '2-4 hours' or a number of seconds"
FENCE = "; remove it: the file holds nothing but YAML (in a text block, indent it)"
DOCUMENT = "a second document begins here (`---`); a file holds one: remove this line or what follows"
ESCAPE = "; remove it, or write it as an escape in double quotes"
NEITHER = " is no `key: value`, no list item and no comment; begin it with #, or indent it into the text above"
UTC = "no offset, taken for UTC; write for instance 2026-11-22T09:31:02Z or 2026-11-22T09:31:02+02:00"
WHEN = "expected a time such as 2026-11-22T09:31:02Z, found "


@dataclass(frozen=True, slots=True)
class Case:
    """A file and its answer: `CODE LINE:COLUMN MESSAGE`, one line a fault, in their order.

    A line that ends with `…` is the beginning of what is said, and `and N more` stands for so many lines.
    """

    kind: str
    title: str
    data: bytes
    answer: tuple[str, ...]
    outcome: str
    path: str

    @property
    def id(self) -> str:
        """Its name in the output of pytest."""
        return f"{self.kind}: {self.title}"


def _case(kind: str, title: str, data: str | bytes, answer: tuple[str, ...], outcome: str, name: str | None) -> Case:
    raw = data.encode() if isinstance(data, str) else data
    folder, _, usual = FOLDERS[kind].rpartition("/")
    return Case(kind, title, raw, answer, outcome, f"{folder}/{usual if name is None else name}".removeprefix("/"))


def wrong(kind: str, title: str, data: str | bytes, *answer: str, name: str | None = None) -> Case:
    """It gets this answer, and has no effect."""
    outcome = {"manifest": "rejected", "message": "left out"}.get(kind, "answered")
    return _case(kind, title, data, answer, outcome, name)


def taken(kind: str, title: str, data: str | bytes, *warnings: str, name: str | None = None) -> Case:
    """It is read, with these warnings."""
    return _case(kind, title, data, warnings, "taken in", name)


def ignored(kind: str, title: str, data: str | bytes = b"- wrong\n", *, name: str) -> Case:
    """It is not looked at, whatever it holds."""
    return _case(kind, title, data, (), "ignored", name)


# The beginnings of files that are right, for those of which one thing is wrong.
TASK = "task_id: new\ndescription: Do it\n"
PLAN = "description: All of it\ntasks:\n  - task_id: a\n    description: Do it\n"
BEAT = "agent_name: ann\ntask_id: t1\n"
MANIFEST = "task_id: t1\nsubagent: ann\nstatus: completed\n"
MET = "acceptance_criteria_met: [{criterion: It works, met: true, evidence: seen}]\n"
PLEA = "escalation_id: E1\nfrom_agent: ann\nseverity: low\nissue_description: Which port?\n"
REPLY = "escalation_id: e0\naction: resume\n"
LETTER = "message_id: m1\ntype: peer\nto: ann\n"
