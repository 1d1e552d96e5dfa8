"""Manifests for agents that wrote none: over what they left, or over how they ended.

Hashing what was left may take long. It is done off the turn then, and the task keeps its slot as if it still ran.
"""

import hashlib
import os
from collections.abc import Callable
from typing import Any

from cagents_fs import handing_in
from cagents_fs.core.index import Index, Record, Work
from cagents_fs.daemon.work_eyes import WorkEyes
from cagents_fs.handing_in import CannotHandIn
from cagents_fs.model.actions import KeepCopy
from cagents_fs.model.faults import Fault
from cagents_fs.model.layout import AGENT_LOG, MANIFEST
from cagents_fs.model.lines import iso
from cagents_fs.model.observations import Now
from cagents_fs.model.policy import Policy
from cagents_fs.model.states import State
from cagents_fs.runner.processes import Ended, log_tail
from cagents_fs.store import informing
from cagents_fs.store.disk import put_link_aside
from cagents_fs.store.evidence import Budget, Roots, Steps
from cagents_fs.store.reading import NotRegular, TooLarge, read_bounded

BY_RUNNER = b"written_by: runner"


class OnBehalf:
    """Hands in for processes that have ended."""

    def __init__(self, index: Index, root: str, eyes: WorkEyes, policy: Callable[[], Policy]) -> None:
        """Nothing is under way."""
        self.index, self.root, self.eyes, self.policy = index, root, eyes, policy
        self._composing: set[tuple[str, str]] = set()

    def is_composing(self, key: tuple[str, str]) -> bool:
        """Whether the manifest of this task is being made."""
        return key in self._composing

    def stop(self, key: tuple[str, str]) -> None:
        """The task is elsewhere now: no manifest is wanted any more."""
        self._composing.discard(key)

    def is_free(self, record: Record) -> None:
        """Nothing of the task runs any more."""
        if record.running:
            record.running = False
            self.index.running -= 1

    def hand_in(self, work: Work, record: Record, ended: Ended, now: Now) -> None:
        """A manifest of this attempt wins; else one is written over what there is, or over the failure."""
        roots = self.eyes.roots(work, record)
        if self._has_own(work, record, roots.output_dir):
            self.eyes.output(work, record.task.task_id, now)
        elif ended.exit_code == 0:
            self._compose(work, record, roots, now)
        else:
            tail = log_tail(os.path.join(roots.output_dir, AGENT_LOG)) or "(nothing)"
            how = f"exit code {ended.exit_code}" if ended.exit_code >= 0 else f"signal {-ended.exit_code}"
            self.hand_in_failure(
                work, record, f"the process ended with {how}; its log ends:\n{tail}", "exit_status", now
            )

    def _compose(self, work: Work, record: Record, roots: Roots, now: Now) -> None:
        """A manifest over what is there. Hashing it may take long; the task waits for it as if it still ran."""
        key, attempt, policy = (work.id, record.task.task_id), record.ledger.attempt, self.policy()
        budget = Budget.of(policy.max_artifact_bytes, policy.hash_timeout_s)
        steps = handing_in.composing(self._head(record, now), roots, record.task.files, budget, policy.max_file_bytes)

        def done(text: bytes | CannotHandIn, later: Now) -> None:
            current = self.index.turn_to(work.id)
            now_record = current.records.get(record.task.task_id) if current else None
            wanted = key in self._composing
            self._composing.discard(key)
            if not wanted or current is None or now_record is None:
                return
            self.is_free(now_record)
            if not (now_record.state is State.IN_PROGRESS and now_record.ledger.attempt == attempt):
                return
            if isinstance(text, bytes):
                self._write(current, now_record, text, later)
            else:
                self.hand_in_failure(current, now_record, str(text), text.error_type, later)

        self._composing.add(key)
        record.running = True
        self.index.running += 1
        self.eyes.here_or_off_turn(
            ("hand in", *key), _or_refusal(steps), done, lambda error, _: self._forget(key, error), now
        )

    def _forget(self, key: tuple[str, str], error: Exception) -> None:
        """No manifest: the task is free, and is begun once more."""
        self._composing.discard(key)
        work = self.index.turn_to(key[0])
        if work is not None and key[1] in work.records:
            self.is_free(work.records[key[1]])
        raise error

    def _has_own(self, work: Work, record: Record, output: str) -> bool:
        """Whether the agent itself has handed in; our own claim that was rejected is replaced by the next one."""
        try:
            data = read_bounded(os.path.join(output, MANIFEST), self.policy().max_file_bytes).data
        except FileNotFoundError:
            return False
        except (OSError, NotRegular, TooLarge):
            return True  # it is answered
        judged = record.ledger.judged
        if judged is not None and judged[0] == hashlib.sha256(data).hexdigest() and BY_RUNNER in data:
            return False
        self.eyes.manifest(work, record, now=Now(s=record.sign_s, wall_s=0.0))
        seen = record.manifest  # None: it is there and has to settle; it is judged then
        return not (seen is not None and seen.manifest is not None and seen.manifest.status == "partial")

    def _keep(self, work: Work, record: Record, now: Now) -> None:
        """What the agent itself wrote is not lost where our manifest takes its place."""
        seen = record.manifest
        if seen is not None and BY_RUNNER.decode() not in seen.text:
            text = "the process ended without handing in anew; the runner's manifest took the place of this one"
            copy = KeepCopy(instruction=work.id, path=seen.path, faults=(Fault("replaced", text, seen.path),))
            informing.write(self.root, copy, now)

    def hand_in_failure(self, work: Work, record: Record, text: str, error_type: str, now: Now) -> None:
        """Say in its name that it has failed, and why. Raises OSError."""
        fields = {"status": "failed", "artifacts": [], "error_type": error_type, "subagent_notes": text}
        self._write(work, record, handing_in.text_of({**self._head(record, now), **fields}), now)

    @staticmethod
    def _head(record: Record, now: Now) -> dict[str, Any]:
        return {
            "task_id": record.task.task_id,
            "subagent": record.ledger.holder,
            "attempt": record.ledger.attempt,
            "completion_timestamp": iso(now.wall_s),
            "written_by": "runner",
        }

    def _write(self, work: Work, record: Record, text: bytes, now: Now) -> None:
        self._keep(work, record, now)
        put_link_aside(self.eyes.roots(work, record).output_dir)
        path = handing_in.write(self.eyes.roots(work, record).output_dir, text)
        self.eyes.settling.was_renamed(path)
        self.eyes.output(work, record.task.task_id, now)


def _or_refusal(steps: Steps[bytes]) -> Steps[bytes | CannotHandIn]:
    try:
        return (yield from steps)
    except CannotHandIn as refusal:
        return refusal
