"""Which tasks do the runner's own agents take up, and whose process has to go? (PROTOCOL section 9)"""

from collections.abc import Iterator

from cagents_fs.core.index import Index, Record, Work
from cagents_fs.core.lanes import standing
from cagents_fs.model.actions import Action, Move, Start, Stop
from cagents_fs.model.observations import ManifestSeen, Now
from cagents_fs.model.policy import AgentType, Policy
from cagents_fs.model.states import State, place_of
from cagents_fs.rules import breaker
from cagents_fs.rules.limits import slots, type_of
from cagents_fs.rules.retries import after_failure


def decide(index: Index, policy: Policy, now: Now) -> Iterator[Action]:
    """Who starts, and who stops?"""
    tally = Tally(index)
    index.urgencies(policy)
    for work in index.each():
        yield from _stop(work)
        if index.hands and index.staffed_only in (None, work.id) and work.history.intake is not None:
            yield from _start(work, policy, now)
            yield from _claims(work, policy, tally, now)


def _taken(index: Index) -> int:
    """How many processes there are that wait for nobody, and will be for what is claimed already."""
    coming = sum(
        work.records[task_id].ledger.by_runner and not work.records[task_id].running
        for work in index.works.values()
        for task_id in work.in_state[State.IN_PROGRESS]
    )
    waiting = sum(
        work.records[task_id].running and work.waits(work.records[task_id]) is not None
        for work in index.works.values()
        if work.meetings or work.offspring
        for task_id in work.in_state[State.IN_PROGRESS]
    )
    return index.running + coming - waiting


def _stop(work: Work) -> Iterator[Action]:
    for task_id in tuple(work.touched):
        record = work.records.get(task_id)
        if record is None or not record.running:
            continue
        held = record.settled and record.state in (State.IN_PROGRESS, State.UNDER_REVIEW)
        if not (held and record.ledger.by_runner and record.running_attempt == record.ledger.attempt):
            where = record.place or "nowhere"
            yield Stop(instruction=work.id, task_id=task_id, reason=f"its task is in {where} now")


def _start(work: Work, policy: Policy, now: Now) -> Iterator[Action]:
    for task_id in tuple(work.in_state[State.IN_PROGRESS]):
        record = work.records[task_id]
        if record.running or not record.settled or not record.ledger.by_runner or _waits_for_verdict(work, record):
            continue
        kind = policy.agent_type(type_of(record.ledger.holder or "", policy))
        if kind is None or _lacks_command(kind, record):
            reason = "there is no command to run: the task has none and its agent type needs one"
            yield after_failure(work, record, policy, now, reason, "invalid_task_definition")
            continue
        if record.ledger.runs > policy.max_rework:
            reason = f"rework exhausted: it ran {record.ledger.runs} times in this attempt, and no manifest held"
            yield after_failure(work, record, policy, now, reason)
            continue
        again = f", once more after {record.ledger.rejections} rejected manifests" if record.ledger.rejections else ""
        yield Start(
            instruction=work.id,
            task_id=task_id,
            agent=record.ledger.holder or kind.name,
            attempt=record.ledger.attempt,
            reason=f"{kind.name} starts attempt {record.ledger.attempt}{again}",
        )


def _waits_for_verdict(work: Work, record: Record) -> bool:
    seen = record.manifest
    if record.waits_for_children and work.open_children(record.task.task_id):
        return True
    if record.manifest_coming:
        return True
    if seen is not None and (seen.sha256 == record.ledger.refused or _is_partial(seen)):
        return False  # no verdict will come of it
    return seen is not None and (seen.sha256, seen.evidence_sha256) != record.ledger.judged


def _is_partial(seen: ManifestSeen) -> bool:
    return seen.manifest is not None and seen.manifest.status == "partial"


def _lacks_command(kind: AgentType, record: Record) -> bool:
    return record.task.command is None and any("{command}" in part for part in kind.command)


def _claims(work: Work, policy: Policy, tally: "Tally", now: Now) -> Iterator[Action]:
    if work.history.paused:
        return
    for agent, members in work.at_agent.items():
        state = breaker.state_for(tally.index, agent, policy, now.wall_s)
        if state == breaker.OPEN:
            continue
        most = min(slots(work, agent, policy), policy.breaker_trials if state == breaker.HALF_OPEN else 10_000)
        for task_id in sorted(members, key=lambda t: standing(work.records[t], policy, now.wall_s)):
            if not work.records[task_id].settled or work.unmet[task_id]:
                continue
            if tally.index.staffed_only is None and _comes_by_itself(agent, work.records[task_id], policy):
                continue
            if not tally.has_room(work, agent, most, policy):
                break
            tally.count(work, agent)
            yield Move(
                instruction=work.id,
                task_id=task_id,
                source=place_of(State.AGENTS, agent),
                target=State.IN_PROGRESS.value,
                reason=f"claimed by {agent}, started here",
                attempt=work.records[task_id].ledger.attempt,
                agent=agent,
                facts={"by": "runner"},
            )


def _comes_by_itself(agent: str, record: Record, policy: Policy) -> bool:
    """Whether, with `watch --agents`, its agent is one that no entry starts and that brings no command of its own."""
    kind = policy.agent_type(type_of(agent, policy))
    return type_of(agent, policy) not in policy.agents and (kind is None or _lacks_command(kind, record))


class Tally:
    """Who is at work, and who will be by the claims of this pass: limits hold for both together."""

    def __init__(self, index: Index) -> None:
        """As the index has it."""
        self.free = index.hands - _taken(index)
        self.index = index
        self._active: dict[str, int] = {}
        self._at_work: dict[str, int] = {}
        self._busy: dict[str, int] = {}
        self._claimed: dict[str, int] = {}
        self._here: dict[str, set[str]] = {}
        self._everywhere = index.agents_at_work()

    def has_room(self, work: Work, agent: str, most: int, policy: Policy) -> bool:
        """Whether this agent, which may have `most` at once, may take up one more task of this instruction."""
        if work.id not in self._here:
            self._here[work.id], self._active[work.id] = self.index.agents_at_work(work), work.active()
        if agent not in self._at_work:
            self._at_work[agent] = self.index.at_work(agent)
        running = self._active[work.id] + self._claimed.get(work.id, 0)
        busy = self._at_work[agent] + self._busy.get(agent, 0)
        here = self._here[work.id]
        return (
            self.free > 0
            and running < work.limit(policy.mode_limit)
            and busy < most
            and (agent in here or len(here) < policy.max_agents_per_instruction)
            and (agent in self._everywhere or len(self._everywhere) < policy.max_global_agents)
        )

    def count(self, work: Work, agent: str) -> None:
        """It does."""
        self.free -= 1
        self._claimed[work.id] = self._claimed.get(work.id, 0) + 1
        self._busy[agent] = self._busy.get(agent, 0) + 1
        self._here[work.id].add(agent)
        self._everywhere.add(agent)
