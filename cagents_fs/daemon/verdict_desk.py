"""Where decisions to run checks go out, and where what came of them comes back into the index."""

from collections import deque
from collections.abc import Callable, Iterator

from cagents_fs.core.index import Index, Record, Work
from cagents_fs.core.inputs import inputs
from cagents_fs.daemon.checking import Checking
from cagents_fs.daemon.measuring import Answer
from cagents_fs.daemon.work_eyes import WorkEyes
from cagents_fs.jobs import check_job
from cagents_fs.model.actions import Action, Note, RunChecks
from cagents_fs.model.observations import ChecksDone, Now
from cagents_fs.model.policy import Policy


class VerdictDesk:
    """Sends checks to the threads, and takes the answers of these and of long measurements."""

    def __init__(
        self, root: str, index: Index, eyes: WorkEyes, checking: Checking, policy: Callable[[], Policy]
    ) -> None:
        """Nothing is under way."""
        self.root, self.index, self.eyes, self.checking, self.policy = root, index, eyes, checking, policy
        eyes.measuring = checking.measuring
        self._answers: deque[Answer] = deque()

    def send(self, action: RunChecks) -> None:
        """Run the checks of a task, or of the whole. Raises OSError where the tree is gone."""
        work = self.index.works[action.instruction]
        record = work.records.get(action.task_id)
        roots = self.eyes.roots(work, record) if record else None
        job = check_job(
            self.root,
            work,
            record,
            roots,
            self.policy(),
            key=action.key,
            attempt=action.attempt,
            given=inputs(self.index.works, work, record) if record else (),
            before=action.before,
        )
        self.checking.submit(job)

    def take(self, now: Now) -> Iterator[Action]:
        """What is done since the last turn."""
        self._answers.extend(self.checking.measuring.take())
        while self._answers:  # a fault of ours in one of them loses none of the others
            self._answers.popleft()(now)
        for job, result in self.checking.take():
            work = self.index.turn_to(job.instruction)
            if work is None or result.key == "cancelled":
                continue
            record = work.records.get(job.task_id)
            if not job.task_id:
                work.whole_checking, work.whole_checks = False, result
                work.touched[""] = None
            elif record is not None and record.checking == result.key:
                record.checking = None
                work.touched[job.task_id] = None
                if result.before:
                    yield _checked_before(work, record, result)
                else:
                    record.checks = result
                    self.eyes.again(work, record, now)


def _checked_before(work: Work, record: Record, result: ChecksDone) -> Note:
    """The checks that had to fail before the work have been seen, once and for all."""
    vacuous = list(result.vacuous)
    said = (
        f"vacuous, passes before any work: {'; '.join(vacuous)}" if vacuous else "fails before the work, as it should"
    )
    return Note(
        instruction=work.id,
        event="checked_before",
        task_id=record.task.task_id,
        attempt=record.ledger.attempt,
        reason=said,
        facts={"vacuous": vacuous} if vacuous else {},
    )
