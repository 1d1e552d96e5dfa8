"""Who takes it? Of the agents of its type, with room in their queue, the one that the configured balance prefers."""

from collections.abc import Iterable

from cagents_fs.core.index import Index, Record, Work
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import State
from cagents_fs.rules import breaker
from cagents_fs.rules.limits import instances, slots


class Placement:
    """The queues of one instruction, with what is released into them in this pass."""

    def __init__(self, index: Index, work: Work, policy: Policy, wall_s: float) -> None:
        """As the index has it."""
        self.index, self.work, self.policy, self.wall_s = index, work, policy, wall_s
        self.placed: set[str] = set()
        self._active: int | None = None
        self._open_level: int | None = None
        self._depth: dict[str, int] = {}
        self._room: dict[str, int] = {}  # by the breaker: how many more this agent may get
        self._at_work: dict[str, int] = {}

    def candidates(self, record: Record) -> tuple[str, ...]:
        """The agents that may do a task: those of its type; where skills decide, of the types that have most."""
        policy, wanted = self.policy, set(record.task.skills)
        if policy.balance == "skill_match" and wanted and record.assigned is None:
            score = {name: len(wanted & set(kind.skills)) for name, kind in policy.agents.items()}
            best = max(score.values(), default=0)
            if best:
                chosen = [name for name, points in score.items() if points == best]
                return tuple(agent for name in chosen for agent in instances(name, policy))
        if record.ledger.assigned:
            return (record.ledger.assigned,)  # it was given to this one and to nobody else
        return instances(record.assigned or policy.default_agent, policy)

    def choose(self, record: Record) -> str | None:
        """The agent that gets it; None while none has room."""
        with_room = [agent for agent in self.candidates(record) if self._has_room(agent)]
        if not with_room:
            return None
        chosen = min(with_room, key=self._preference)
        self._depth[chosen] += 1
        self._room[chosen] -= 1
        self.placed.add(record.task.task_id)
        return chosen

    def has_room(self, record: Record) -> bool:
        """Whether any agent that may do it has room in its queue."""
        return any(self._has_room(agent) for agent in self.candidates(record))

    def are_full(self, lanes: Iterable[str]) -> bool:
        """Whether no agent that these lanes lead to has room in its queue."""
        agents = {agent for lane in lanes for agent in instances(lane or self.policy.default_agent, self.policy)}
        return not any(self._has_room(agent) for agent in agents)

    @property
    def open_level(self) -> int:
        """The first stage of a pipeline that is not done."""
        if self._open_level is None:
            self._open_level = self.work.open_level()
        return self._open_level

    def idle(self, record: Record) -> bool:
        """Whether a slot is idle that could take it at once."""
        work = self.work
        if self._active is None:
            self._active = work.active()
        out = self._active + len(work.in_state[State.AGENTS]) + len(self.placed)
        return out < work.limit(self.policy.mode_limit) and any(
            self._has_room(agent) and self._load(agent) < slots(work, agent, self.policy)
            for agent in self.candidates(record)
        )

    def _load(self, agent: str) -> int:
        return self._at_work.setdefault(agent, self.index.at_work(agent)) + self.depth(agent)

    def depth(self, agent: str) -> int:
        """How deep an agent's queue is, with what this pass puts into it."""
        return self._depth.setdefault(agent, self.index.queued_for(self.work, agent))

    def _has_room(self, agent: str) -> bool:
        if agent not in self._room:
            self._room[agent] = self._by_breaker(agent)
        return self._room[agent] > 0 and self.depth(agent) < self.policy.max_queue_depth

    def _by_breaker(self, agent: str) -> int:
        state = breaker.state_for(self.index, agent, self.policy, self.wall_s)
        if state == breaker.CLOSED:
            return self.policy.max_queue_depth
        queued = sum(self.index.queued_for(work, agent) for work in self.index.works.values())
        trials = self.policy.breaker_trials - self.index.at_work(agent) - queued
        return trials if state == breaker.HALF_OPEN else 0

    def _preference(self, agent: str) -> tuple[float, int]:
        """What the configured strategy compares; smaller is better, and the load decides where it is the same."""
        load = self._load(agent)
        match self.policy.balance:
            case "shortest_queue":
                return float(self.depth(agent)), load
            case "fastest_completion":
                return mean_duration_s(self.index, agent) or 0.0, load
        return float(load), 0


def mean_duration_s(index: Index, agent: str) -> float | None:
    """Seconds from claim to acceptance, on average over all that this agent completed; None before the first."""
    outcomes = [known for work in index.works.values() if (known := work.history.outcomes.get(agent))]
    count = sum(known.completed for known in outcomes)
    return sum(known.work_s for known in outcomes) / count if count else None
