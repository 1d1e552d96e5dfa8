"""One instruction: where its tasks lie, and who waits for whom. Lookups are kept right by `put` and `refresh` alone."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from cagents_fs.core.artifacts import hands_over
from cagents_fs.core.doom import out_of_reach
from cagents_fs.core.history import History
from cagents_fs.core.lanes import IN_LANES, Lanes
from cagents_fs.core.meetings import Meeting
from cagents_fs.core.ordering import RANK
from cagents_fs.core.record import Record
from cagents_fs.model.files import Escalation, Instruction, Request, Response
from cagents_fs.model.observations import ChecksDone
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import QUEUED, State, folder_of, state_of

Edge = tuple[str, str]  # the one that waits, the awaited one


@dataclass(slots=True)
class Work:
    """One instruction."""

    id: str
    instruction: Instruction
    history: History
    mode: str = "swarm"
    records: dict[str, Record] = field(default_factory=dict)
    edges: dict[str, tuple[str, ...]] = field(default_factory=dict)  # what blocks: hard, data, added; also `inst:task`
    children: dict[str, list[str]] = field(default_factory=dict)  # who waits for a task
    unmet: dict[str, int] = field(default_factory=dict)
    lacking: set[Edge] = field(default_factory=set)  # completed, without the artifact that is awaited
    outside: dict[str, str] = field(default_factory=dict)  # `inst:task` -> waits, met or lost
    wanted: dict[str, dict[str, str]] = field(default_factory=dict)  # task -> artifact -> who elsewhere waits for it
    asked: dict[str, int] = field(default_factory=dict)  # how urgent those of other instructions are that wait for it
    level: dict[str, int] = field(default_factory=dict)  # the stage, counted from 0
    level_left: dict[int, int] = field(default_factory=dict)
    given_up: dict[int, int] = field(default_factory=dict)  # of each stage, the lost ones without which others go on
    in_state: dict[State, dict[str, None]] = field(default_factory=lambda: {state: {} for state in State})
    at_agent: dict[str, dict[str, None]] = field(default_factory=dict)
    ready: dict[str, None] = field(default_factory=dict)
    touched: dict[str, None] = field(default_factory=dict)
    requests: dict[str, Request] = field(default_factory=dict)
    escalations: dict[str, Escalation] = field(default_factory=dict)
    seen_s: dict[str, float] = field(default_factory=dict)  # since when, observed, an escalation waits as it does now
    responses: dict[str, Response] = field(default_factory=dict)
    meetings: dict[str, Meeting] = field(default_factory=dict)  # by the name of the checkpoint
    offspring: dict[str, list[str]] = field(default_factory=dict)  # parent -> its children
    doom: dict[str, tuple[str, ...]] = field(default_factory=dict)
    doom_stale: bool = True
    urgency_stale: bool = True
    lent: bool = True  # whether urgency was inherited when it was worked out last
    circular: frozenset[str] = frozenset()
    tangled: frozenset[str] = frozenset()  # circular through other instructions
    tangled_stale: bool = True
    whole_checking: bool = False  # the criteria of the whole are being checked
    whole_checks: ChecksDone | None = None
    arrivals: int = 0
    paused_at: int = 0  # how many arrivals there had been when it was paused
    lanes: Lanes = field(init=False)

    def __post_init__(self) -> None:
        """Nothing is in the queues yet."""
        self.lanes = Lanes(self.records)

    def clear(self) -> None:
        """Forget all tasks, to take them in anew."""
        self.records, self.edges, self.children, self.unmet = {}, {}, {}, {}
        self.level, self.level_left, self.at_agent, self.outside = {}, {}, {}, {}
        self.in_state = {state: {} for state in State}
        self.ready, self.touched, self.lacking = {}, {}, set()
        self.meetings, self.offspring = {}, {}
        self.circular, self.doom_stale, self.urgency_stale, self.tangled_stale = frozenset(), True, True, True
        self.lanes = Lanes(self.records)

    @property
    def open(self) -> bool:
        """Whether the plan has been taken in and the end not been reached."""
        return self.history.intake is not None and self.history.phase in ("planning", "executing", "validating")

    # -- where everything lies -------------------------------------------------------------------------------------

    def put(self, record: Record, place: str | None, now_s: float) -> None:
        """The task's file lies here now."""
        task_id = record.task.task_id
        self.touched[task_id] = None
        if place == record.place:
            return
        before = record.state
        if before is not None:
            self.in_state[before].pop(task_id, None)
            if before is State.AGENTS:
                self.at_agent[folder_of(record.place or "") or ""].pop(task_id, None)
        if before in (State.FAILED, State.CANCELLED, State.BLOCKED):
            self.doom_stale = self.urgency_stale = True
        record.place, record.state, record.absent = place, (state_of(place) if place else None), 0
        self.ready.pop(task_id, None)
        self.lanes.count(record)
        if record.state is not None:
            self._enter(record, record.state, before, now_s)

    def _enter(self, record: Record, state: State, before: State | None, now_s: float) -> None:
        task_id = record.task.task_id
        self.arrivals += 1
        record.arrived, record.entered_s, record.sign_s = self.arrivals, now_s, now_s
        record.signs, record.promised_s, record.stalled_s, record.blocked_s = 0, 0.0, None, None
        self.in_state[state][task_id] = None
        if state in QUEUED and not record.keeps_its_turn(before):
            record.queued = self.arrivals
        if state in IN_LANES and before not in IN_LANES:
            self.lanes.enter(record)
        if state is State.AGENTS:
            self.at_agent.setdefault(folder_of(record.place or "") or "", {})[task_id] = None
        elif state is State.WAITING and not self.unmet.get(task_id):
            self.ready[task_id] = None
        elif state in (State.FAILED, State.CANCELLED, State.BLOCKED):
            self.doom_stale = self.urgency_stale = True
        self.refresh(record)

    # -- who waits for whom ----------------------------------------------------------------------------------------

    def refresh(self, record: Record) -> None:
        """See whether those who wait for this task may stop waiting. Only verified completion counts."""
        done = (record.state is State.COMPLETED and record.ledger.accepted is not None) or (
            record.state is State.CANCELLED and record.ledger.skipped
        )
        if done == record.satisfied:
            return
        record.satisfied = done
        task_id, step = record.task.task_id, -1 if done else 1
        self.level_left[self.level.get(task_id, 0)] += step
        for child in self.children.get(task_id, ()):
            if child in self.records and task_id not in self.records[child].ledger.waived:
                self._step(child, task_id, step, record)
        if parent := record.task.parent_task_id:
            self.touched[parent] = None
        if task_id in self.circular or task_id in self.doom:
            self.doom_stale = True

    def _step(self, child: str, awaited: str, step: int, record: Record | None) -> None:
        """One of those for whom `child` waits has come, or is gone again. Without its artifact it has not come."""
        if step < 0 and record is not None and not hands_over(record, self.records[child], awaited):
            self.lacking.add((child, awaited))
            self.doom_stale = True
        elif step > 0 and (child, awaited) in self.lacking:
            self.lacking.discard((child, awaited))
            self.doom_stale = True
        else:
            self.unmet[child] += step
        self._sort_ready(child)

    def _sort_ready(self, task_id: str) -> None:
        self.touched[task_id] = None
        if self.unmet[task_id]:
            self.ready.pop(task_id, None)
        elif self.records[task_id].state is State.WAITING:
            self.ready[task_id] = None

    def is_met(self, task_id: str, awaited: str) -> bool:
        """Whether a task waits no longer for this one of those it waits for."""
        if awaited in self.records[task_id].ledger.waived:
            return True
        if awaited in self.outside:
            return self.outside[awaited] == "met" and (task_id, awaited) not in self.lacking
        record = self.records.get(awaited)
        return record is not None and record.satisfied and (task_id, awaited) not in self.lacking

    def unmet_of(self, task_id: str) -> list[str]:
        """Whom a task still waits for."""
        return [awaited for awaited in self.edges[task_id] if not self.is_met(task_id, awaited)]

    def recount(self, task_id: str) -> None:
        """Count anew for whom a task waits: an edge was added, or given up."""
        self.unmet[task_id] = len(self.unmet_of(task_id))
        self.doom_stale = self.urgency_stale = True
        self._sort_ready(task_id)

    def set_outside(self, reference: str, state: str, record: Record | None) -> None:
        """What became of a task of another instruction."""
        before, self.outside[reference] = self.outside[reference], state
        if before == state:
            return
        self.doom_stale = True
        if "met" in (before, state):
            for child in self.children.get(reference, ()):
                if child in self.records and reference not in self.records[child].ledger.waived:
                    self._step(child, reference, -1 if state == "met" else 1, record)

    def ask(self, task_id: str, rank: int) -> None:
        """Somebody of another instruction waits for this task, and is so urgent."""
        if self.asked.get(task_id) != rank:
            self.asked[task_id] = rank
            self.urgency_stale = True

    def urgencies(self, policy: Policy) -> None:
        """Let every task be as urgent as the most urgent one that waits for it, through the graph (section 7)."""
        if not self.urgency_stale and self.lent == policy.urgency:
            return
        self.urgency_stale, self.lent = False, policy.urgency
        for task_id in reversed(self.level):  # in topological order: those who wait come before those they wait for
            record = self.records[task_id]
            waiting = (self.records[child] for child in self.children.get(task_id, ()) if child in self.records)
            ranks = [child.urgency for child in waiting if child.state not in (State.FAILED, State.CANCELLED)]
            own, asked = RANK[record.task.priority], self.asked.get(task_id, RANK["low"])
            urgency = min([own, asked, *ranks]) if policy.urgency else own
            if urgency != record.urgency:
                record.urgency = urgency
                if record.state in IN_LANES:
                    self.lanes.enter(record)

    # -- what can no longer come -----------------------------------------------------------------------------------

    def open_level(self) -> int:
        """The first stage that is not done: in a pipeline the later ones wait for it."""
        self.causes()
        open_ones = (level for level, left in self.level_left.items() if left > self.given_up.get(level, 0))
        return min(open_ones, default=0)

    def causes(self) -> dict[str, tuple[str, ...]]:
        """The tasks that can no longer start, with what was lost. Worked out again only after something was lost."""
        if self.doom_stale:
            before, self.doom = self.doom, out_of_reach(self)
            self.touched.update(dict.fromkeys([*before, *self.doom]))
            self.doom_stale = False
        return self.doom

    def lost(self) -> list[str]:
        """The tasks that have ended and that nobody can be given."""
        return [t for s in (State.FAILED, State.CANCELLED) for t in self.in_state[s] if not self.records[t].satisfied]

    # -- how many at once ------------------------------------------------------------------------------------------

    def limit(self, mode_limit: Callable[[str], int]) -> int:
        """How many tasks may be in progress at once: `max_concurrent` of the plan, else that of the mode."""
        return self.instruction.max_concurrent or mode_limit(self.mode)

    def active(self) -> int:
        """How many tasks count against the limit: those in progress that wait for nobody."""
        return sum(1 for _ in self.working())

    def working(self) -> Iterator[Record]:
        """The tasks in progress that wait neither at a checkpoint nor for their children."""
        for task_id in self.in_state[State.IN_PROGRESS]:
            record = self.records[task_id]
            if not (self.meetings or self.offspring) or self.waits(record) is None:
                yield record

    def waits(self, record: Record) -> str | None:
        """What a task in progress waits for, and holds no slot meanwhile; None for one that works."""
        if record.state is not State.IN_PROGRESS or not record.settled:
            return None
        for name, meeting in self.meetings.items():
            if name not in self.history.open_checkpoints and meeting.has_come(record):
                return f"at the checkpoint {name}"
        if self.open_children(record.task.task_id) and record.waits_for_children:
            return "for its children"
        return None

    def open_children(self, parent: str) -> list[str]:
        """The children that are not done. A parent is completed after all of them."""
        return [t for t in self.offspring.get(parent, ()) if parent in self.records and not self.is_met(parent, t)]

    def check(self) -> None:
        """Every lookup against what it is a lookup of; a test calls this after every turn."""
        for task_id, record in self.records.items():
            assert record.state == (state_of(record.place) if record.place else None), task_id
            for state, members in self.in_state.items():
                assert (task_id in members) == (record.state is state), (task_id, state)
            unmet = len(self.unmet_of(task_id))
            assert self.unmet[task_id] == unmet, (task_id, self.unmet[task_id], unmet)
            waits = record.state is State.WAITING and not unmet
            assert (task_id in self.ready) == waits, (task_id, record.state, unmet)
        self.lanes.check()
        for agent, members in self.at_agent.items():
            assert all(self.records[t].place == f"{State.AGENTS.value}/{agent}" for t in members), agent
