"""The daemon's picture of the tree: who is where, who waits for whom. Never trusted over the tree; rebuilt from it.

A rule that wants more than the live tasks gets a lookup here and a line in `check`; no rule walks everything.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from cagents_fs.core.graph import doomed, levels
from cagents_fs.core.history import History, Ledger
from cagents_fs.core.ordering import sort_key
from cagents_fs.model.files import Heartbeat, Instruction, Request, Task
from cagents_fs.model.observations import ChecksDone, ManifestSeen, ProcessEnded
from cagents_fs.model.states import State, folder_of, state_of


@dataclass(slots=True)
class Record:
    """What we know of one task: its definition, the journal's word, and what we have seen in this life."""

    task: Task
    ledger: Ledger
    place: str | None = None  # where the file lies; None: nowhere at the last look
    state: State | None = None
    entered_s: float = 0.0
    arrived: int = 0
    absent: int = 0  # full looks in a row that did not find it
    manifest: ManifestSeen | None = None
    manifest_gone: bool = False  # a full look found none
    manifest_coming: bool = False  # there is one that has to settle, or to be measured
    checking: str | None = None  # the manifest (or `before`) whose checks run now
    checks: ChecksDone | None = None
    sign_s: float = 0.0  # the last sign of life, observed
    signs: int = 0  # signs since the task was entered
    promised_s: float = 0.0  # silence that the agent announced
    heartbeat: Heartbeat | None = None
    stalled_s: float | None = None
    claim_seen: bool = False  # the claim happened in this daemon's life
    running: bool = False  # the runner's process is there
    running_attempt: int = 0
    exited: ProcessEnded | None = None
    satisfied: bool = False

    @property
    def holder(self) -> str | None:
        """Who holds it: as the journal tells; without a journal the newest heartbeat, else the one it was meant for."""
        return self.ledger.holder or (self.heartbeat.agent_name if self.heartbeat else self.task.assigned_agent)

    @property
    def settled(self) -> bool:
        """Whether journal and tree agree where it is; while they do not, only the rule of foreign moves looks at it."""
        return self.place is not None and self.place == self.ledger.place


@dataclass(slots=True)
class Work:
    """One instruction."""

    id: str
    instruction: Instruction
    history: History
    mode: str = "swarm"
    records: dict[str, Record] = field(default_factory=dict)
    edges: dict[str, tuple[str, ...]] = field(default_factory=dict)
    children: dict[str, list[str]] = field(default_factory=dict)
    unmet: dict[str, int] = field(default_factory=dict)
    level: dict[str, int] = field(default_factory=dict)
    level_left: dict[int, int] = field(default_factory=dict)
    in_state: dict[State, dict[str, None]] = field(default_factory=lambda: {state: {} for state in State})
    at_agent: dict[str, dict[str, None]] = field(default_factory=dict)
    ready: dict[str, None] = field(default_factory=dict)
    heaps: dict[str, list[tuple[tuple[int, int], str]]] = field(default_factory=dict)
    touched: dict[str, None] = field(default_factory=dict)
    requests: dict[str, Request] = field(default_factory=dict)
    doom: dict[str, tuple[str, ...]] = field(default_factory=dict)
    doom_stale: bool = True
    circular: frozenset[str] = frozenset()
    whole_checking: bool = False  # the criteria of the whole are being checked
    whole_checks: ChecksDone | None = None
    arrivals: int = 0

    def clear(self) -> None:
        """Forget all tasks, to take them in anew."""
        self.records, self.edges, self.children, self.unmet = {}, {}, {}, {}
        self.level, self.level_left, self.at_agent, self.heaps = {}, {}, {}, {}
        self.in_state = {state: {} for state in State}
        self.ready, self.touched = {}, {}
        self.circular, self.doom_stale = frozenset(), True

    @property
    def open(self) -> bool:
        """Whether the plan has been taken in and the end not been reached."""
        return self.history.intake is not None and self.history.phase in ("planning", "executing", "validating")

    def put(self, record: Record, place: str | None, now_s: float) -> None:
        """The task's file lies here now."""
        task_id = record.task.task_id
        self.touched[task_id] = None
        if place == record.place:
            return
        if record.state is not None:
            self.in_state[record.state].pop(task_id, None)
            if record.state is State.AGENTS:
                self.at_agent[folder_of(record.place or "") or ""].pop(task_id, None)
        if record.state in (State.FAILED, State.CANCELLED, State.BLOCKED):
            self.doom_stale = True
        record.place, record.state, record.absent = place, (state_of(place) if place else None), 0
        self.ready.pop(task_id, None)
        if record.state is not None:
            self._enter(record, record.state, now_s)

    def _enter(self, record: Record, state: State, now_s: float) -> None:
        task_id = record.task.task_id
        self.arrivals += 1
        record.arrived, record.entered_s, record.sign_s = self.arrivals, now_s, now_s
        record.signs, record.promised_s, record.stalled_s = 0, 0.0, None
        self.in_state[state][task_id] = None
        if state is State.AGENTS:
            self.at_agent.setdefault(folder_of(record.place or "") or "", {})[task_id] = None
        elif state in (State.GLOBAL, State.DOMAINS):
            agent = record.task.assigned_agent or ""
            entry = (sort_key(record.task.priority, record.arrived), task_id)
            heapq.heappush(self.heaps.setdefault(agent, []), entry)
        elif state is State.WAITING and not self.unmet.get(task_id):
            self.ready[task_id] = None
        elif state in (State.FAILED, State.CANCELLED, State.BLOCKED):
            self.doom_stale = True
        self.refresh(record)

    def refresh(self, record: Record) -> None:
        """See whether those who wait for this task may stop waiting. Only verified completion counts."""
        done = (record.state is State.COMPLETED and record.ledger.accepted is not None) or (
            record.state is State.CANCELLED and record.ledger.skipped
        )
        if done == record.satisfied:
            return
        record.satisfied = done
        step = -1 if done else 1
        self.level_left[self.level.get(record.task.task_id, 0)] += step
        for child in self.children.get(record.task.task_id, ()):
            self.unmet[child] += step
            if child in self.records:
                self.touched[child] = None
                if self.unmet[child]:
                    self.ready.pop(child, None)
                elif self.records[child].state is State.WAITING:
                    self.ready[child] = None

    def best(self, agent: str) -> Iterator[Record]:
        """The tasks in `queues/global` and `domains/D` for this agent, best first, as long as none is moved."""
        heap = self.heaps.get(agent, [])
        while heap and not self._is_live(heap[0]):
            heapq.heappop(heap)
        rest = heap.copy()  # a copy of a heap is a heap: only as much is sorted as is asked for
        while rest:
            entry = heapq.heappop(rest)
            if self._is_live(entry):
                yield self.records[entry[1]]

    def _is_live(self, entry: tuple[tuple[int, int], str]) -> bool:
        record = self.records[entry[1]]
        return record.state in (State.GLOBAL, State.DOMAINS) and record.arrived == entry[0][1]

    def open_level(self) -> int:
        """The first wave that is not done: in a pipeline the later ones wait for it."""
        return min((level for level, left in self.level_left.items() if left), default=0)

    def causes(self) -> dict[str, tuple[str, ...]]:
        """The tasks that can no longer start, with what was lost. Worked out again only after something was lost."""
        if self.doom_stale:
            states = (State.FAILED, State.CANCELLED)
            lost = [t for s in states for t in self.in_state[s] if not self.records[t].satisfied]
            missing = [t for t in self.children if t not in self.records] if self.history.intake else []
            before, self.doom = self.doom, doomed(self.edges, self.children, [*lost, *missing, *sorted(self.circular)])
            if self.mode == "pipeline" and lost:
                self._close_stages(lost)
            self.touched.update(dict.fromkeys([*before, *self.doom]))
            self.doom_stale = False
        return self.doom

    def _close_stages(self, lost: list[str]) -> None:
        """In a pipeline a stage that has lost a task is never done: the stages after it can no longer begin."""
        for task_id, level in self.level.items():
            before = {other for other in lost if self.level[other] < level}
            if before and task_id in self.records and self.records[task_id].state is not State.COMPLETED:
                self.doom[task_id] = tuple(sorted({*self.doom.get(task_id, ()), *before}))

    def limit(self, mode_limit: Callable[[str], int]) -> int:
        """How many tasks may be in progress at once: `max_concurrent` of the plan, else that of the mode."""
        return self.instruction.max_concurrent or mode_limit(self.mode)

    def check(self) -> None:
        """Every lookup against what it is a lookup of; a test calls this after every turn."""
        for task_id, record in self.records.items():
            assert record.state == (state_of(record.place) if record.place else None), task_id
            for state, members in self.in_state.items():
                assert (task_id in members) == (record.state is state), (task_id, state)
            unmet = sum(1 for t in self.edges[task_id] if t not in self.records or not self.records[t].satisfied)
            assert self.unmet[task_id] == unmet, (task_id, self.unmet[task_id], unmet)
            waits = record.state is State.WAITING and not unmet
            assert (task_id in self.ready) == waits, (task_id, record.state, unmet)
        for agent, members in self.at_agent.items():
            assert all(self.records[t].place == f"{State.AGENTS.value}/{agent}" for t in members), agent


def add_tasks(work: Work, tasks: Iterable[Task], circular: Iterable[str] = ()) -> None:
    """Take definitions into the graph. `circular` are tasks of a cycle: their edges cannot be ordered in waves."""
    for task in tasks:
        work.records[task.task_id] = Record(task, work.history.ledger(task.task_id))
        work.edges[task.task_id] = task.blocking()
        for awaited in task.blocking():
            work.children.setdefault(awaited, []).append(task.task_id)
    work.circular |= frozenset(circular)
    work.doom_stale = True
    work.level = levels(
        {
            task_id: [] if task_id in work.circular else [t for t in awaited if t in work.records]
            for task_id, awaited in work.edges.items()
        }
    )
    work.level_left = {}
    for task_id, record in work.records.items():
        level = work.level.setdefault(task_id, 0)
        work.level_left[level] = work.level_left.get(level, 0) + (0 if record.satisfied else 1)
        work.unmet[task_id] = sum(
            1 for t in work.edges[task_id] if t not in work.records or not work.records[t].satisfied
        )
        if work.unmet[task_id]:
            work.ready.pop(task_id, None)


@dataclass(slots=True)
class Index:
    """All instructions of a tree."""

    works: dict[str, Work] = field(default_factory=dict)
    hands: int = 0  # how many processes the runner may have; 0: nobody is started here
    running: int = 0  # how many it has
    staffed_only: str | None = None  # the one instruction whose tasks the runner takes; None: all

    def open_works(self) -> Iterator[Work]:
        """The instructions in which something can still happen."""
        return (work for work in self.works.values() if work.open)

    def at_work(self, agent: str) -> int:
        """How many tasks this agent has in progress, in the whole tree."""
        return sum(
            1
            for work in self.works.values()
            for task_id in work.in_state[State.IN_PROGRESS]
            if work.records[task_id].ledger.holder == agent
        )

    def agents_at_work(self, work: Work | None = None) -> set[str]:
        """The distinct agents that have something in progress, in one instruction or in the tree."""
        works = [work] if work else self.works.values()
        return {w.records[t].ledger.holder or "" for w in works for t in w.in_state[State.IN_PROGRESS]}

    def queued_for(self, work: Work, agent: str) -> int:
        """How deep this agent's queue in this instruction is."""
        return len(work.at_agent.get(agent, ()))
