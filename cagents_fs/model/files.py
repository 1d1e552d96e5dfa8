"""The kinds of files that agents, planners and people write: validation, JSON Schema and type in one.

Unknown keys are kept (`model_extra`) and named in a warning by the reader; missing required keys are faults.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BeforeValidator, Discriminator, Field, Tag, model_validator

from cagents_fs.model.durations import Duration
from cagents_fs.model.fields import Digest, Flag, Mode, Moment, Number, Priority, Said, Text, Texts, Whole, listed
from cagents_fs.model.ids import Id
from cagents_fs.model.parts import Criteria, Dependencies, Record, long_form
from cagents_fs.model.text import found

MOST_DIGITS_OF_A_STAGE = 10


def _kind_of_stage(value: object) -> str:
    """What is written as a number is meant as one, also where it cannot be one: it is no name then."""
    return "name" if isinstance(value, str) and not (value.isascii() and value.isdigit()) else "number"


def _number_of_stage(value: object) -> object:
    if isinstance(value, str) and len(value) < MOST_DIGITS_OF_A_STAGE:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"expected a whole number or a name, found {found(value)}")
    return value


StageNumber = Annotated[Whole, Field(ge=0, le=100_000), BeforeValidator(_number_of_stage)]
Stage = Annotated[Annotated[StageNumber, Tag("number")] | Annotated[Id, Tag("name")], Discriminator(_kind_of_stage)]


class Task(Record):
    """The definition of one task."""

    task_id: Id
    description: Said
    instruction_id: Id | None = None
    parent_task_id: Id | None = None
    task_type: Text | None = None
    domain: Id | None = None
    assigned_agent: Id | None = None
    priority: Priority = "normal"
    status: object = None  # while a task moves its directory says it; what stands here is ignored
    detailed_prompt: Text | None = None
    acceptance_criteria: Criteria = ()
    command: Said | None = None
    dependencies: Annotated[Dependencies, BeforeValidator(long_form)] = Dependencies()
    files: Texts = ()
    skills: Texts = ()
    complexity: Literal["trivial", "simple", "moderate", "complex"] | None = None
    estimated_duration: Duration | None = None
    max_retries: Annotated[Whole, Field(ge=0, le=1000)] | None = None
    attempt: Annotated[Whole, Field(ge=1, le=1_000_000)] = 1
    output_path: Text | None = None
    tags: Texts = ()
    stage: Stage | None = None  # of a pipeline, where its waves are not meant

    def blocking(self) -> tuple[str, ...]:
        """The tasks that have to be completed before this one may start: hard and data, each once, in order."""
        wanted = (*self.dependencies.hard_dependencies, *self.dependencies.data_dependencies)
        return tuple(dict.fromkeys(dependency.task_id for dependency in wanted))


class Instruction(Record):
    """What was asked, as a whole."""

    description: Said
    domain: Id = "software"
    tier: Annotated[Whole, Field(ge=0, le=4)] | None = None
    mode: Mode | None = None
    max_concurrent: Annotated[Whole, Field(ge=1, le=10_000)] | None = None
    workspace: Said | None = None
    acceptance_criteria: Criteria = ()
    owner: Text | None = None
    tags: Texts = ()
    stages: Annotated[tuple[Id, ...], BeforeValidator(listed)] = ()  # the names of a pipeline's stages, in order


class Plan(Instruction):
    """An instruction with its tasks."""

    tasks: Annotated[tuple[Task, ...], Field(min_length=1)]


class Heartbeat(Record):
    """A sign of life of an agent that works on a task."""

    agent_name: Id = Field(validation_alias=AliasChoices("agent_name", "subagent_name"))
    task_id: Id = Field(validation_alias=AliasChoices("task_id", "current_task_id"))
    timestamp: Moment | None = None
    status: Literal["starting", "in_progress", "blocked", "completed", "failed"] = "in_progress"
    progress_percentage: Annotated[Number, Field(ge=0, le=100)] | None = None
    current_activity: Text | None = None
    estimated_completion: Moment | None = None
    blockers: Texts = ()
    questions: Texts = ()
    context_usage: Annotated[Number, Field(ge=0, le=1)] | None = None
    next_heartbeat_by: Moment | None = None
    attempt: Annotated[Whole, Field(ge=1)] | None = None
    resource_utilization: object = None
    written_by: Text | None = None  # `runner` where the runner beats on behalf of a process

    def promised_silence_s(self) -> float | None:
        """Seconds of silence that the agent announced, measured on its own clock; None where it announced nothing."""
        if self.next_heartbeat_by is None or self.timestamp is None:
            return None
        return max(0.0, (self.next_heartbeat_by - self.timestamp).total_seconds())


class Artifact(Record):
    """A file that an agent hands in."""

    path: Said
    size_bytes: Annotated[Whole, Field(ge=0, lt=1 << 63)]
    checksum: Digest
    name: Text | None = None
    type: Text | None = None
    description: Text | None = None


class CriterionMet(Record):
    """What an agent says of one criterion."""

    criterion: Said
    met: Flag
    evidence: Text | None = None


class QualityMetrics(Record):
    """Measured quality. Thresholds are configuration; ranges are part of the format."""

    test_coverage: Annotated[Number, Field(ge=0, le=1)] | None = None
    security_scan: Literal["pass", "fail", "warning"] | None = None
    code_review_score: Annotated[Number, Field(ge=0, le=100)] | None = None
    performance_validation: Literal["pass", "fail"] | None = None


class Manifest(Record):
    """What an agent claims to have done."""

    task_id: Id
    subagent: Id
    status: Literal["completed", "partial", "failed"]
    completion_timestamp: Moment | None = None
    artifacts: tuple[Artifact, ...] = ()
    acceptance_criteria_met: tuple[CriterionMet, ...] = ()
    quality_metrics: QualityMetrics = QualityMetrics()
    attempt: Annotated[Whole, Field(ge=1)] | None = None
    error_type: Text | None = None
    issues_found: object = None
    follow_up_tasks: object = None
    subagent_notes: Text | None = None

    @model_validator(mode="before")
    @classmethod
    def _completed_work_lists_its_artifacts(cls, data: Any) -> Any:
        """Without this, a misspelt `artefacts` would read as: no artifacts, so all of them verified."""
        if isinstance(data, Mapping) and data.get("status") == "completed" and "artifacts" not in data:
            raise ValueError("artifacts: missing; a completed manifest lists its artifacts, be it `artifacts: []`")
        return data


class Escalation(Record):
    """An agent needs help."""

    escalation_id: Id
    from_agent: Id
    to_agent: Id | None = None
    task_id: Id | None = None
    attempt: Annotated[Whole, Field(ge=1)] | None = None  # absent: the one that is running when it is seen
    timestamp: Moment | None = None
    severity: Literal["blocker", "high", "medium", "low"]
    issue_description: Said
    impact: object = None
    options_considered: object = None
    requested_decision: Text | None = None
    sla: Text | None = None


class Response(Record):
    """The answer to an escalation."""

    escalation_id: Id
    action: Literal["resume", "retry", "reassign", "cancel", "skip_dependency"]
    from_: Text | None = Field(default=None, alias="from")
    timestamp: Moment | None = None
    decision: Text | None = None
    note: Text | None = None
    agent: Id | None = None  # who gets it, where the action is `reassign`


class Request(Record):
    """What a person asks of the daemon. Without a task, `rescue`, `pause` and `resume` are about the instruction."""

    action: Literal["cancel", "retry", "rescue", "pause", "resume", "reassign", "add_dependency"]
    task_id: Id | None = None
    from_: Text | None = Field(default=None, alias="from")
    timestamp: Moment | None = None
    reason: Text | None = None
    skip: Flag = False
    agent: Id | None = None  # who gets it, where the action is `reassign`
    on: Said | None = None  # whom it is to wait for, where the action is `add_dependency`

    @model_validator(mode="after")
    def _is_whole(self) -> "Request":
        if self.task_id is None and self.action in ("cancel", "retry", "reassign", "add_dependency"):
            raise ValueError(f"task_id: missing; `{self.action}` is about one task")
        if self.agent is None and self.action == "reassign":
            raise ValueError("agent: missing; `reassign` says who gets the task")
        if self.on is None and self.action == "add_dependency":
            raise ValueError("on: missing; `add_dependency` says which task is to be waited for")
        return self


class Arrival(Record):
    """A task has come to a checkpoint. The file may as well be empty: its name says who, its folder says where."""

    task_id: Id | None = None
    attempt: Annotated[Whole, Field(ge=1)] = 1
    agent_name: Text | None = None
    timestamp: Moment | None = None


class Message(Record):
    """A message in an agent's inbox."""

    message_id: Id
    type: Literal[
        "task_ready",
        "dependency_satisfied",
        "rework",
        "error",
        "decision",
        "escalation",
        "steal",
        "handoff",
        "checkpoint",
        "alert",
        "peer",
    ]
    to: Id
    from_: Text | None = Field(default=None, alias="from")
    timestamp: Moment | None = None
    instruction_id: Id | None = None
    task_id: Id | None = None
    text: Text = ""
    path: Text | None = None


KINDS: Mapping[str, type[Record]] = {
    "plan": Plan,
    "instruction": Instruction,
    "task": Task,
    "heartbeat": Heartbeat,
    "manifest": Manifest,
    "escalation": Escalation,
    "response": Response,
    "request": Request,
    "arrival": Arrival,
    "message": Message,
}
