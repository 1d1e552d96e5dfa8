"""What we know of one task: its definition, the journal's word, and what we have seen in this life."""

from dataclasses import dataclass

from cagents_fs.core.ledger import Ledger
from cagents_fs.core.ordering import RANK
from cagents_fs.model.files import Heartbeat, Task
from cagents_fs.model.observations import ChecksDone, ManifestSeen
from cagents_fs.model.states import QUEUED, State, state_of


@dataclass(slots=True)
class Record:
    """One task."""

    task: Task
    ledger: Ledger
    place: str | None = None  # where the file lies; None: nowhere at the last look
    state: State | None = None
    entered_s: float = 0.0
    arrived: int = 0
    absent: int = 0  # full looks in a row that did not find it
    queued: int = 0  # its turn in the queues: who came first has the smaller number
    urgency: int = -1  # its rank, or that of the most urgent task that waits for it
    lane: int = 0  # which of its entries in the lanes counts; 0: none
    manifest: ManifestSeen | None = None
    looked_s: float = 0.0  # when the manifest and what it names were last seen to be as we know them
    manifest_gone: bool = False  # a full look found none
    manifest_coming: bool = False  # there is one that has to settle, or to be measured
    checking: str | None = None  # the manifest (or `before`) whose checks run now
    checks: ChecksDone | None = None
    sign_s: float = 0.0  # the last sign of life, observed
    signs: int = 0  # signs since the task was entered
    promised_s: float = 0.0  # silence that the agent announced
    heartbeat: Heartbeat | None = None
    blocked_s: float | None = None  # since when, observed, its agent says that it is blocked
    stalled_s: float | None = None
    claim_seen: bool = False  # the claim happened in this daemon's life
    running: bool = False  # the runner's process is there
    running_attempt: int = 0
    satisfied: bool = False

    def __post_init__(self) -> None:
        """Nobody waits for it yet."""
        if self.urgency < 0:
            self.urgency = RANK[self.task.priority]

    @property
    def assigned(self) -> str | None:
        """The agent type that is to do it: the one it was reassigned to, else that of its definition."""
        return self.ledger.assigned or self.task.assigned_agent

    @property
    def holder(self) -> str | None:
        """Who holds it: as the journal tells; without a journal the newest heartbeat, else the one it was meant for."""
        return self.ledger.holder or (self.heartbeat.agent_name if self.heartbeat else self.assigned)

    @property
    def settled(self) -> bool:
        """Whether journal and tree agree where it is; while they do not, only the rule of foreign moves looks at it."""
        return self.place is not None and self.place == self.ledger.place

    def keeps_its_turn(self, before: State | None) -> bool:
        """Whether it has been in the queues ever since it has its turn. A look that missed it changes nothing."""
        known = before or (state_of(self.ledger.place) if self.ledger.place else None)
        return self.queued > 0 and (known in QUEUED or known is State.IN_PROGRESS)  # a claim that was put back

    @property
    def waits_for_children(self) -> bool:
        """Its own part is handed in, or its agent says that it is blocked: what is left is the children's."""
        seen, judged = self.manifest, self.ledger.judged
        if seen is None or seen.manifest is None:
            return self.heartbeat is not None and self.heartbeat.status == "blocked"
        rejected = seen.sha256 == self.ledger.refused or (judged is not None and judged[0] == seen.sha256)
        return seen.manifest.status == "completed" and not rejected
