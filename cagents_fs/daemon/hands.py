"""The runner's part of a turn: start what was claimed, hand in for those that wrote nothing, end what has no task."""

import logging
import os
import shutil
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from cagents_fs.core.index import Index, Record, Work
from cagents_fs.core.inputs import inputs
from cagents_fs.daemon.beats import Beats
from cagents_fs.daemon.on_behalf import OnBehalf
from cagents_fs.daemon.our_faults import only_told
from cagents_fs.daemon.work_eyes import WorkEyes
from cagents_fs.errors import CagentsError
from cagents_fs.jobs import list_inputs
from cagents_fs.model.actions import Start, Stop
from cagents_fs.model.faults import Fault
from cagents_fs.model.layout import MANIFEST, VERIFICATION
from cagents_fs.model.lines import iso
from cagents_fs.model.observations import Now
from cagents_fs.model.policy import AgentType, Policy
from cagents_fs.model.states import State
from cagents_fs.rules.limits import type_of
from cagents_fs.rules.pleas import asks_for_help, decisions
from cagents_fs.runner.processes import Ended, Launch, Processes, end_orphan, is_alive
from cagents_fs.runner.prompts import Surroundings, command_line, environment, mark, prompt_text, variables
from cagents_fs.store.commit import Committer
from cagents_fs.store.disk import put, put_link_aside
from cagents_fs.store.reading import NotRegular, TooLarge, read_bounded
from cagents_fs.store.yaml import Unreadable, parse_mapping

log = logging.getLogger("cagents_fs")


class Hands:
    """Starts and ends the processes of agents, and beats for them."""

    def __init__(
        self, index: Index, committer: Committer, processes: Processes, eyes: WorkEyes, policy: Callable[[], Policy]
    ) -> None:
        """Nothing is started yet."""
        self.index, self.committer, self.processes, self.eyes, self.policy = index, committer, processes, eyes, policy
        self.beats = Beats(index, committer.root, policy)
        self.on_behalf = OnBehalf(index, committer.root, eyes, policy)
        self._gone: deque[Ended] = deque()

    # -- starting --------------------------------------------------------------------------------------------------

    def start(self, actions: Sequence[Start], now: Now) -> None:
        """Start processes; their records are durable before any of them does anything. Raises OSError."""
        opened: dict[str, list[dict[str, Any]]] = {}
        try:
            for action in actions:
                self.index.about = action.instruction
                line = self._start(action, now)
                if line is not None:
                    opened.setdefault(action.instruction, []).append(line)
        finally:  # whatever befalls one of them, no other stands behind its gate for ever
            self._let_begin(opened)

    def _let_begin(self, opened: dict[str, list[dict[str, Any]]]) -> None:
        for instruction, lines in opened.items():
            self.committer.note(instruction, lines)
            for line in lines:
                self.index.works[instruction].history.apply(line)
        for instruction, lines in opened.items():
            for line in lines:
                self.processes.open_gate((instruction, line["task_id"]))

    def _start(self, action: Start, now: Now) -> dict[str, Any] | None:
        work = self.index.works[action.instruction]
        record = work.records[action.task_id]
        kind = self.policy().agent_type(type_of(action.agent, self.policy()))
        assert kind is not None
        around = self._around(work, record, action.agent, action.attempt)
        try:
            process = self.processes.start(self._launch(work, record, kind, around))
        except OSError as error:
            record.running = False
            self.index.running -= 1
            missing = isinstance(error, FileNotFoundError)
            text = f"cannot start {kind.name}: {error.strerror or error}: {error.filename}"
            self.on_behalf.hand_in_failure(work, record, text, "agent_not_found" if missing else "cannot_start", now)
            return None
        self.eyes.entered(work, record, now)
        self.beats.write(work, record, action.agent, now)
        return {
            "time": iso(now.wall_s),
            "event": "process_started",
            "task_id": action.task_id,
            "attempt": action.attempt,
            "agent": action.agent,
            "reason": action.reason,
            **process.to_json(),
        }

    def _launch(self, work: Work, record: Record, kind: AgentType, around: Surroundings) -> Launch:
        """Everything about the process to be. Raises OSError where it cannot be started."""
        task_id = record.task.task_id
        marked = mark(self.committer.root, work.id, task_id)
        if record.ledger.process is not None:  # left behind by a killed runner; never two agents on one task
            end_orphan(record.ledger.process, marked)
        put_link_aside(around.output)
        list_inputs(around)
        prompt = prompt_text(record.task, around, self._faults(around.output), decisions(work, task_id))
        put(around.prompt_file, prompt.encode(), durable=False)
        given = variables(task_id, around)
        return Launch(
            key=(work.id, task_id),
            attempt=around.attempt,
            command=self._runnable(command_line(kind, record.task, prompt, given), kind),
            env=environment(os.environ, {**given, "CAGENTS_MARK": marked}),
            workspace=around.workspace,
            log_path=around.log,
        )

    @staticmethod
    def _runnable(command: list[str], kind: AgentType) -> list[str]:
        if shutil.which(command[0]) is None:
            raise FileNotFoundError(2, f"the command of agent type {kind.name} is not installed", command[0])
        return command

    def _around(self, work: Work, record: Record, agent: str, attempt: int) -> Surroundings:
        root, roots = self.committer.root, self.eyes.roots(work, record)
        return Surroundings(
            root=root,
            instruction=work.id,
            task_file=os.path.join(root, work.id, State.IN_PROGRESS.value, f"{record.task.task_id}.yaml"),
            agent=agent,
            attempt=attempt,
            output=roots.output_dir,
            workspace=roots.workspace,
            inputs=inputs(self.index.works, work, record),
        )

    @staticmethod
    def _faults(output: str) -> list[Fault]:
        """What was wrong with the last manifest, if one was rejected."""
        try:
            verdict = parse_mapping(read_bounded(os.path.join(output, VERIFICATION), 1 << 20).data).value
        except (OSError, NotRegular, TooLarge, Unreadable):
            return []
        listed = verdict.get("faults") if isinstance(verdict, dict) else None
        return [
            Fault(str(fault.get("code")), str(fault.get("message")), str(fault["path"]) if fault.get("path") else None)
            for fault in (listed if isinstance(listed, list) else [])
            if isinstance(fault, dict)
        ]

    # -- ending ----------------------------------------------------------------------------------------------------

    def recount(self) -> None:
        """What was decided and not done is forgotten: those run that run."""
        self.index.running = 0
        for work in self.index.works.values():
            for task_id, record in work.records.items():
                key = (work.id, task_id)
                attempt = self.processes.attempt(key)
                record.running = attempt is not None or self.on_behalf.is_composing(key)
                record.running_attempt = attempt or record.running_attempt
                self.index.running += record.running

    def stop(self, action: Stop) -> None:
        """End the process of a task that is elsewhere now."""
        self.processes.stop((action.instruction, action.task_id))
        self.on_behalf.stop((action.instruction, action.task_id))

    def reap(self, now: Now) -> None:
        """Take note of what has ended, and hand in for those that did not. Raises OSError."""
        self._gone.extend(self.processes.reap())
        while self._gone:  # a fault of ours in one of them loses none of the others
            self._ended(self._gone.popleft(), now)

    def _ended(self, ended: Ended, now: Now) -> None:
        instruction, task_id = ended.key
        work = self.index.turn_to(instruction)
        record = work.records.get(task_id) if work else None
        if work is None or record is None:
            return
        if not ended.stopped:
            self.on_behalf.is_free(record)
        how = f"ended with {ended.exit_code}" if ended.exit_code >= 0 else f"was ended by signal {-ended.exit_code}"
        line = {
            "time": iso(now.wall_s),
            "event": "process_ended",
            "task_id": task_id,
            "attempt": ended.attempt,
            "agent": record.ledger.holder,
            "reason": how + (", as its task had left" if ended.stopped else ""),
            "exit_code": ended.exit_code,
            "stopped": ended.stopped,
            "pid": ended.process.pid,
        }
        self.committer.note(instruction, [line], durable=False)
        work.history.apply(line)
        work.touched[task_id] = None
        held = record.settled and record.state is State.IN_PROGRESS and record.ledger.attempt == ended.attempt
        if held and not ended.stopped and not asks_for_help(work, record):
            self.on_behalf.hand_in(work, record, ended, now)

    def end_orphans(self, work: Work, now: Now) -> None:
        """End what a killed runner left behind, unless it has handed in. Raises OSError."""
        for task_id, record in work.records.items():
            process = record.ledger.process
            if process is None or record.running:
                continue
            handed_in = os.path.lexists(os.path.join(self.eyes.roots(work, record).output_dir, MANIFEST))
            if handed_in and is_alive(process):
                continue  # it ends by itself; its manifest is judged
            was_there = end_orphan(process, mark(self.committer.root, work.id, task_id))
            line = {
                "time": iso(now.wall_s),
                "event": "process_ended",
                "task_id": task_id,
                "attempt": record.ledger.attempt,
                "agent": record.ledger.holder,
                "reason": "left behind by a runner that was killed" + ("; ended" if was_there else "; gone already"),
                "exit_code": None,
                "pid": process.pid,
            }
            self.committer.note(work.id, [line], durable=False)
            work.history.apply(line)

    def close(self, now: Now) -> None:
        """End everything. The tasks stay in progress, to be started again by the next runner. Raises OSError."""
        for ended in self.processes.end_all():
            with only_told(f"the end of {ended.key[1]}", but=(OSError, CagentsError)):
                self._ended(Ended(ended.key, ended.attempt, ended.process, ended.exit_code, stopped=True), now)
