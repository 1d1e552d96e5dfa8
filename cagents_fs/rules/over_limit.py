"""Which claims go too far? Seen in this life, above a limit, without any sign of work: put back, and answered."""

from collections import Counter
from collections.abc import Iterator

from cagents_fs.core.index import Index, Record, Work
from cagents_fs.model.actions import Action, Move, Tell
from cagents_fs.model.observations import Now
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import State, place_of
from cagents_fs.rules import breaker
from cagents_fs.rules.limits import slots


def decide(index: Index, policy: Policy, now: Now) -> Iterator[Action]:
    """Which claims are put back, the latest first?"""
    claims = [
        (work, record)
        for work in index.each()
        for record in map(work.records.__getitem__, work.in_state[State.IN_PROGRESS])
        if work.history.intake and record.settled and _untouched_claim(record)
    ]
    if not claims:
        return
    # An agent's slots are one over all instructions: what it works on, and what is put back in one, counts for all.
    at_work, fewer = dict[str, int](), dict[str, int]()
    too_many = _too_many(_everywhere(index), claims, policy.max_global_agents)
    excess = dict[str, Excess]()
    for work in index.each():
        if here := [claim for claim in claims if claim[0] is work]:
            one = excess[work.id] = Excess(index, work, policy, now, at_work, fewer)
            one.too_many_here = _too_many(_held(work), here, policy.max_agents_per_instruction)
            one.too_many = too_many
    claims.sort(key=lambda claim: (claim[1].entered_s, claim[1].arrived), reverse=True)
    for work, record in claims:
        index.about, holder = work.id, record.ledger.holder
        if holder and (why := excess[work.id].over(record, holder)):
            excess[work.id].put_back(holder)
            yield from _put_back(work, record, holder, f"claimed {why}; put back")
    index.about = None


def _untouched_claim(record: Record) -> bool:
    handed_in = record.manifest is not None or record.manifest_coming
    return record.claim_seen and not record.ledger.by_runner and record.signs == 0 and not handed_in


class Excess:
    """How far each limit is exceeded, less what is put back in this pass."""

    def __init__(
        self, index: Index, work: Work, policy: Policy, now: Now, at_work: dict[str, int], fewer: dict[str, int]
    ) -> None:
        """As the index has it, `fewer` claims in the whole tree. `at_work`: what was counted, kept for all of them."""
        self.index, self.work, self.policy, self.now = index, work, policy, now
        self.limit = work.limit(policy.mode_limit)
        self._mode = work.active() - self.limit
        self._at_work, self._fewer = at_work, fewer
        self.too_many_here = self.too_many = frozenset[str]()

    def over(self, record: Record, holder: str) -> str | None:
        """Which limit this claim is above."""
        work, policy = self.work, self.policy
        if work.history.paused and record.arrived > work.paused_at:
            return f"although {work.id} is paused"
        if self._mode > 0:
            return f"over the limit of {work.mode} mode ({self.limit} at once)"
        allowed = slots(work, holder, policy)
        if self._busy(holder) > allowed:
            return f"over the slots of {holder} ({allowed})"
        if holder in self.too_many_here:
            return f"over the number of agents in {work.id} ({policy.max_agents_per_instruction})"
        if holder in self.too_many:
            return f"over the number of agents in the tree ({policy.max_global_agents})"
        return self._against_breaker(record, holder)

    def put_back(self, holder: str) -> None:
        """One of this agent's claims goes."""
        self._mode -= 1
        self._fewer[holder] = self._fewer.get(holder, 0) + 1

    def _busy(self, holder: str) -> int:
        if holder not in self._at_work:
            self._at_work[holder] = self.index.at_work(holder)
        return self._at_work[holder] - self._fewer.get(holder, 0)

    def _against_breaker(self, record: Record, holder: str) -> str | None:
        state = breaker.state_for(self.index, holder, self.policy, self.now.wall_s)
        if state == breaker.CLOSED or (record.ledger.claimed_wall_s or 0.0) <= max(
            breaker.failures(self.index, holder)
        ):
            return None
        if state == breaker.OPEN:
            return f"although the breaker of {holder} is open"
        trials = self.policy.breaker_trials
        return f"although {holder} may only try {trials} at a time" if self._busy(holder) > trials else None


def _too_many(held: dict[str, int], claims: list[tuple[Work, Record]], limit: int) -> frozenset[str]:
    """The agents that are too many: of those that hold nothing but untouched claims, whoever came last."""
    first: dict[str, tuple[float, int]] = {}
    count = Counter[str]()
    for _, record in claims:
        holder, at = record.ledger.holder or "", (record.entered_s, record.arrived)
        first[holder], count[holder] = min(at, first.get(holder, at)), count[holder] + 1
    newcomers = sorted((agent for agent in first if count[agent] >= held.get(agent, 0)), key=first.__getitem__)
    return frozenset(newcomers[max(0, len(newcomers) - (len(held) - limit)) :] if len(held) > limit else ())


def _everywhere(index: Index) -> dict[str, int]:
    held = Counter[str]()
    for work in index.works.values():
        held.update(_held(work))
    return held


def _held(work: Work) -> dict[str, int]:
    held: dict[str, int] = {}
    for record in work.working():
        agent = record.ledger.holder or ""
        held[agent] = held.get(agent, 0) + 1
    return held


def _put_back(work: Work, record: Record, holder: str, reason: str) -> Iterator[Action]:
    task_id = record.task.task_id
    yield Move(
        instruction=work.id,
        task_id=task_id,
        source=State.IN_PROGRESS.value,
        target=place_of(State.AGENTS, holder),
        reason=reason,
        attempt=record.ledger.attempt,
        agent=holder,
    )
    key = f"put_back/{work.id}/{task_id}/{record.ledger.attempt}/{reason}"  # equal answers are one message
    text = f"{task_id} is back in your queue: {reason}. `cagents-fs claim {holder}` says when there is room again."
    yield Tell(to=holder, type="error", text=text, key=key, instruction=work.id, task_id=task_id)
