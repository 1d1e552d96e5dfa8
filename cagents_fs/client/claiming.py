"""An agent takes a task: the best of its queues, or the one that it names."""

import os
import time
from dataclasses import dataclass
from typing import Any

from cagents_fs.client.naming import resolve
from cagents_fs.config import load as load_configuration
from cagents_fs.core.index import Index, Record, Work
from cagents_fs.core.inputs import inputs
from cagents_fs.core.lanes import standing
from cagents_fs.errors import NothingThere, UsageError
from cagents_fs.model.ids import id_fault
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import State, place_of
from cagents_fs.picture import load, load_index
from cagents_fs.rules.limits import refusal
from cagents_fs.store.descent import real_folder
from cagents_fs.store.disk import Outcome, rename_noreplace
from cagents_fs.store.locks import QueueLock, is_held
from cagents_fs.store.yaml import Unreadable, parse_mapping
from cagents_fs.waiting import see_who_waits


@dataclass(frozen=True, slots=True)
class Claimed:
    """A task that is now the agent's."""

    instruction_id: str
    task: dict[str, Any]
    path: str
    output_path: str
    attempt: int
    inputs: list[dict[str, str | None]]  # the artifacts of others that it was to wait for


def claim(root: str, agent: str, wanted: str | None = None) -> Claimed:
    """Move the best task of an agent's queues, or the one wanted, to `tasks/in_progress`.

    Raises NothingThere with code `nothing_ready` or `limit_reached`, UsageError, StorageError.
    """
    if fault := id_fault(agent):
        raise UsageError(f"{agent!r} is no agent: {fault}")
    only = resolve(root, wanted) if wanted else None
    policy = load_configuration(root).policy
    index = load_index(root)
    queue = place_of(State.AGENTS, agent)
    limits = _Limits(root, index, agent, policy)
    for work, record in _best_first(index, agent, policy, limits.now_s):
        if only not in (None, (work.id, record.task.task_id)):
            continue
        # Asked before the queues are locked as well: many who are refused and ask again would else lock out the daemon,
        # and with it what they wait for.
        if work.id in limits.refused or limits.refuse(work.id):
            continue
        with QueueLock(root, work.id):
            # Now that nobody else claims here. What was not claimed at the first look is only listed: reading all of it
            # again takes long where there is much, and meanwhile the daemon waits.
            if not _see_claims(root, index.works[work.id]) or limits.refuse(work.id):
                index.works[work.id] = load(root, work.id).work
                if limits.refuse(work.id):
                    continue
            task_id = record.task.task_id
            source = os.path.join(root, work.id, queue, f"{task_id}.yaml")
            target = os.path.join(root, work.id, State.IN_PROGRESS.value, f"{task_id}.yaml")
            if rename_noreplace(source, target) is Outcome.MOVED:
                return _claimed(root, work, record, target, inputs(index.works, work, record))
    if limits.refused:
        raise NothingThere(f"{[*limits.refused.values()][-1]}; claim again when one has ended", code="limit_reached")
    what = f"{wanted} is not in the queue of {agent}" if wanted else f"there is nothing to claim for {agent}"
    raise NothingThere(f"{what}; `cagents-fs ready` shows what is ready", code="nothing_ready")


def _see_claims(root: str, work: Work) -> bool:
    """What has been claimed since this picture was made. False: more has happened, and it has to be made again."""
    for name in os.listdir(os.path.join(root, work.id, State.IN_PROGRESS.value)):
        record = work.records.get(name.removesuffix(".yaml"))
        if record is None or record.ledger.holder is None or record.state not in (State.AGENTS, State.IN_PROGRESS):
            return False
        if record.state is State.AGENTS:
            work.put(record, State.IN_PROGRESS.value, 0.0)
    return True


def _best_first(index: Index, agent: str, policy: Policy, now_s: float) -> list[tuple[Work, Record]]:
    """What lies in the queues of an agent, in the order in which it should be taken."""
    works = [work for work in index.works.values() if not work.history.paused]
    found = [(work, work.records[task_id]) for work in works for task_id in work.at_agent.get(agent, ())]
    index.urgencies(policy)
    found.sort(key=lambda pair: (standing(pair[1], policy, now_s)[0], pair[1].ledger.queued_wall_s, pair[1].queued))
    return found


class _Limits:
    """What keeps an agent from claiming. No limit asks which task it is: one answer for all of an instruction."""

    def __init__(self, root: str, index: Index, agent: str, policy: Policy) -> None:
        self.now_s = time.time()
        self.refused: dict[str, str] = {}  # instruction -> why
        self._root, self._index, self._agent, self._policy = root, index, agent, policy
        # What the daemon has not seen yet, it would not let pass.
        self._young_s = policy.settle_s + 0.3 if is_held(root) else 0.0

    def refuse(self, instruction: str) -> bool:
        """Whether it may claim nothing here now."""
        work = self._index.works[instruction]
        see_who_waits(self._root, work, self._young_s)
        self._index.look_across()
        reason = refusal(self._index, work, self._agent, self._policy, self.now_s)
        if reason is None:
            self.refused.pop(instruction, None)
        else:
            self.refused[instruction] = reason
        return reason is not None


def _claimed(root: str, work: Work, record: Record, path: str, given: list[dict[str, str | None]]) -> Claimed:
    output = os.path.join(root, work.id, "outputs/partial", record.task.task_id)
    real_folder(output)
    try:
        with open(path, "rb") as file:
            definition = parse_mapping(file.read()).value
    except (OSError, Unreadable):
        definition = record.task.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return Claimed(work.id, definition, path, output, record.ledger.attempt, given)
