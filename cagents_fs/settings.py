"""Which key of which file changes which number of the Policy, and what may stand there: data, one line each.

Where two keys speak of one field, the first of them that is in its file counts: ours over upstream's, and of upstream's
those of task_queue_manager.yaml (PROTOCOL section 10). What a key does not say keeps its default in `model/policy.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from cagents_fs.model.policy import BALANCES
from cagents_fs.setting_kinds import (
    DAY_S,
    Read,
    above,
    ageing,
    command,
    duration,
    flag,
    name,
    number,
    one_of,
    span,
    whole,
    words,
)

PARALLEL = "parallel_execution_framework.yaml"
COORDINATION = "subagent_coordination_protocol.yaml"
QUEUES = "task_queue_manager.yaml"
PERFORMANCE = "performance_tracking_system.yaml"
AGENTS = "agents.yaml"
DAEMON = "daemon.yaml"
FILES = (PARALLEL, COORDINATION, QUEUES, PERFORMANCE, AGENTS, DAEMON)


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of one file. A `*` in it stands for any name."""

    file: str
    key: str  # dotted
    field: str  # of the Policy; of the AgentType for the keys of one agent
    read: Read  # to the value of the field; raises ValueError with what was expected
    expected: str
    form: str = "{}"  # in which a person writes the value

    @property
    def effect(self) -> str:
        """What the key does, in one sentence."""
        return EFFECTS[self.field]

    def written(self, value: object) -> object:
        """A value of the field as a person would write it under the key, and as JSON can say it."""
        if isinstance(value, tuple):
            return list(value)
        if not isinstance(value, float):
            return value if self.form == "{}" else self.form.format(value)
        if self.field.endswith("_s") and not self.key.endswith("_seconds"):
            return self.form.format(span(value))
        return int(value) if value.is_integer() else value


EFFECTS: Mapping[str, str] = {
    "sequential_max": "So many tasks of a sequential instruction are released or in progress at once.",
    "pipeline_max_per_stage": "So many tasks of a pipeline may be in progress at once.",
    "swarm_max": "So many tasks of a swarm may be in progress at once.",
    "mesh_max": "So many tasks of a mesh may be in progress at once.",
    "max_global_agents": "So many distinct agents may have work in progress in the whole tree.",
    "max_agents_per_instruction": "So many distinct agents may have work in progress in one instruction.",
    "max_concurrent_instructions": "Of so many open instructions tasks are released; the others wait for their turn.",
    "max_queue_depth": "So many tasks lie in the queue of one agent; the rest waits in that of its domain.",
    "alert_queue_depth": "More tasks than this in an agent's queue and its share of its domain's raise an alert.",
    "balance": "Which of several agents of one type gets a task.",
    "ageing": "Whether waiting in the queues makes a task more urgent, up to high.",
    "ageing_every_s": "How long a task waits in the queues for one level of priority up.",
    "urgency": "Whether a task is as urgent as the most urgent one that waits for it.",
    "breaker": "Whether an agent that fails again and again gets nothing for a while.",
    "breaker_failures": "After so many failed attempts in a row an agent gets nothing for a while.",
    "breaker_open_s": "How long such an agent gets nothing, from its last failure on.",
    "breaker_trials": "So many tasks at a time it may then have, until one of them is verified.",
    "response_s": "How long an escalation that says nothing of it may go unanswered before it is raised.",
    "escalate_blocked_s": "How long an agent may say that it is blocked before the daemon escalates it.",
    "max_depth": "How many levels of parents above each other a plan may have.",
    "claim_timeout_s": "How long a task may lie in the queue of a silent agent before an alert says so.",
    "heartbeat_interval_s": "How often an agent is told to write a heartbeat.",
    "lease_s": "How long an agent may show no sign of life before it counts as stalled.",
    "max_task_duration_s": "The longest silence that an agent can announce.",
    "minimum_test_coverage": "Less coverage than this, for implementation and testing, is a rejected manifest.",
    "security_scan_required": "Whether a security audit has to report a scan that passed.",
    "performance_validation": "Whether a performance optimization has to report that it was validated.",
    "enforce_code_review": "Whether a code review has to report its score.",
    "max_rework": "So many rejected manifests of one attempt may be mended before the attempt has failed.",
    "max_retries": "So many further attempts a task has that says nothing of it.",
    "backoff_base_s": "How long a task waits before its second attempt.",
    "backoff_multiplier": "How much longer it waits before each further attempt.",
    "backoff_max_s": "The longest it waits before an attempt.",
    "backoff_jitter": "Whether up to a tenth is added, so that what failed together does not come back together.",
    "never_retry": "A failure of one of these kinds is not tried again, and says nothing of its agent.",
    "settle_s": "How long a file must have stayed the same before it is read, unless it was renamed into place.",
    "scan_interval_s": "How often the whole tree is looked at, for what events missed.",
    "reassign_grace_s": "How long a stalled agent may still come back before its task is taken from it.",
    "checks": "Whose checks are run: those of the plan, also those of tasks added later, or none.",
    "check_timeout_s": "How long a check may run that says nothing of it.",
    "durability": "What a finished step survives: the loss of power, or the end of the daemon.",
    "max_file_bytes": "The longest file of an agent that is read, and the most of one that quarantine keeps.",
    "max_artifact_bytes": "So many bytes of artifacts are read for one manifest; more is a rejected manifest.",
    "hash_timeout_s": "How long reading the artifacts of one manifest may take, before it is rejected.",
    "watch": "How changes are noticed: by events of the kernel, by looking, or whichever works.",
    "dashboard_interval_s": "How often dashboards are written anew.",
    "notify": "Whether an agent gets a message for each task it gets, beside the file in its queue.",
    "minimum_code_review_score": "A code review that reports less is a rejected manifest.",
    "default_agent": "Who gets the tasks that name no agent.",
    "agent_slots": "So many tasks an agent of this name may have in progress; an entry in agents.yaml goes before.",
    "command": "What the runner starts for a task: one program and its arguments.",
    "slots": "So many tasks one agent of this type may have in progress.",
    "instances": "So many agents of this type there are.",
    "silence_s": "How long a process of this type may show no sign of life before it counts as stalled.",
    "skills": "What agents of this type can do, for the balance `skill_match`.",
}

_AT_ONCE = whole(1, 10_000)  # agents, tasks, slots
_TIMES = whole(0, 1000)  # retries, rework: as in the task file
_SOON = duration(0.05, 30 * DAY_S)  # how long somebody may be silent, or work
_OFTEN = duration(0.05, DAY_S)
_LATER = duration(0.0, 30 * DAY_S)  # how long we wait before we act; at once is a choice

DEFAULT_AGENT = Setting(AGENTS, "default", "default_agent", *name())
SLOTS = Setting(PARALLEL, "capacity_model.agent_slots.*.*", "agent_slots", *_AT_ONCE)

_BOOST = "priority_scheduling.priority_boost"
_RULES = "alerting.alert_rules"
_BREAKER = "resilience.cascading_failure_prevention.circuit_breaker"
_DELEGATION = "spawning_protocol.spawning_patterns.recursive_delegation"

SETTINGS: tuple[Setting, ...] = (
    Setting(PARALLEL, "execution_modes.sequential.max_concurrent", "sequential_max", *_AT_ONCE),
    Setting(PARALLEL, "execution_modes.pipeline.max_concurrent_per_stage", "pipeline_max_per_stage", *_AT_ONCE),
    Setting(PARALLEL, "execution_modes.swarm.max_concurrent", "swarm_max", *_AT_ONCE),
    Setting(PARALLEL, "execution_modes.mesh.max_concurrent", "mesh_max", *_AT_ONCE),
    Setting(PARALLEL, "configuration.max_global_agents", "max_global_agents", *_AT_ONCE),
    Setting(PARALLEL, "configuration.max_agents_per_instruction", "max_agents_per_instruction", *_AT_ONCE),
    Setting(PARALLEL, "configuration.max_concurrent_instructions", "max_concurrent_instructions", *_AT_ONCE),
    Setting(PARALLEL, "task_queues.agent_queues.max_queue_depth", "max_queue_depth", *_AT_ONCE),
    Setting(PERFORMANCE, f"{_RULES}.queue_depth_warning.condition", "alert_queue_depth", *above(), "queue_depth > {}"),
    Setting(PARALLEL, "capacity_model.scaling_strategy.load_balancing.algorithm", "balance", *one_of(*BALANCES)),
    Setting(QUEUES, f"{_BOOST}.age_based_boost.enabled", "ageing", *flag()),
    Setting(QUEUES, f"{_BOOST}.age_based_boost.boost_rate", "ageing_every_s", *ageing(), "+1 priority level per {}"),
    Setting(QUEUES, f"{_BOOST}.dependency_boost.enabled", "urgency", *flag()),
    Setting(PARALLEL, f"{_BREAKER}.enabled", "breaker", *flag()),
    Setting(PARALLEL, f"{_BREAKER}.failure_threshold", "breaker_failures", *whole(1, 100)),
    Setting(PARALLEL, f"{_BREAKER}.timeout", "breaker_open_s", *_SOON),
    Setting(PARALLEL, f"{_BREAKER}.half_open_requests", "breaker_trials", *_AT_ONCE),
    Setting(PARALLEL, "communication_channels.escalations.sla.response_time", "response_s", *_SOON),
    Setting(DAEMON, "escalate_blocked_after", "escalate_blocked_s", *_SOON),
    Setting(PARALLEL, "coordination_patterns.hierarchical_delegation.depth_limit", "max_depth", *whole(1, 100)),
    Setting(COORDINATION, f"{_DELEGATION}.max_depth", "max_depth", *whole(1, 100)),
    Setting(PARALLEL, "communication_channels.task_assignment.timeout", "claim_timeout_s", *_SOON),
    Setting(PARALLEL, "communication_channels.status_updates.frequency", "heartbeat_interval_s", *_SOON),
    Setting(PARALLEL, "communication_channels.status_updates.stale_threshold", "lease_s", *_SOON),
    Setting(PARALLEL, "configuration.resource_limits.max_task_duration", "max_task_duration_s", *_SOON),
    Setting(PARALLEL, "configuration.quality_gates.minimum_test_coverage", "minimum_test_coverage", *number(0, 1)),
    Setting(PARALLEL, "configuration.quality_gates.security_scan_required", "security_scan_required", *flag()),
    Setting(PARALLEL, "configuration.quality_gates.performance_validation", "performance_validation", *flag()),
    Setting(PARALLEL, "configuration.quality_gates.enforce_code_review", "enforce_code_review", *flag()),
    Setting(COORDINATION, "quality_gates.rework_protocol.max_iterations", "max_rework", *_TIMES),
    Setting(QUEUES, "retry_logic.retry_schedule.max_attempts", "max_retries", *_TIMES),
    Setting(QUEUES, "task_schema.max_retries.default", "max_retries", *_TIMES),
    Setting(PARALLEL, "resilience.task_retry_policy.max_retries", "max_retries", *_TIMES),
    Setting(QUEUES, "retry_logic.backoff_strategy.base_delay", "backoff_base_s", *_LATER),
    Setting(QUEUES, "retry_logic.backoff_strategy.multiplier", "backoff_multiplier", *number(1, 100)),
    Setting(QUEUES, "retry_logic.backoff_strategy.max_delay", "backoff_max_s", *_LATER),
    Setting(QUEUES, "retry_logic.backoff_strategy.jitter", "backoff_jitter", *flag()),
    Setting(QUEUES, "retry_logic.retry_conditions.never_retry", "never_retry", *words()),
    Setting(DAEMON, "settle_seconds", "settle_s", *duration(0.0, 60.0)),
    Setting(DAEMON, "scan_interval", "scan_interval_s", *duration(0.05, 3600.0)),
    Setting(DAEMON, "reassign_grace", "reassign_grace_s", *_LATER),
    Setting(DAEMON, "checks", "checks", *one_of("submitted", "all", "never")),
    Setting(DAEMON, "check_timeout", "check_timeout_s", *duration(0.05, 7 * DAY_S)),
    Setting(DAEMON, "durability", "durability", *one_of("power_loss", "process")),
    Setting(DAEMON, "max_file_bytes", "max_file_bytes", *whole(1 << 10, 256 << 20)),
    Setting(DAEMON, "max_artifact_bytes", "max_artifact_bytes", *whole(1 << 10, 1 << 50)),
    Setting(DAEMON, "hash_timeout", "hash_timeout_s", *duration(0.05, DAY_S)),
    Setting(DAEMON, "watch", "watch", *one_of("auto", "events", "poll")),
    Setting(DAEMON, "dashboard_interval", "dashboard_interval_s", *_OFTEN),
    Setting(PERFORMANCE, "dashboards.execution_dashboard.update_frequency", "dashboard_interval_s", *_OFTEN),
    Setting(DAEMON, "notify", "notify", *flag()),
    Setting(DAEMON, "minimum_code_review_score", "minimum_code_review_score", *number(0, 100)),
    DEFAULT_AGENT,
    SLOTS,
)

AGENT_SETTINGS: tuple[Setting, ...] = (
    Setting(AGENTS, "agents.*.command", "command", *command()),
    Setting(AGENTS, "agents.*.slots", "slots", *_AT_ONCE),
    Setting(AGENTS, "agents.*.instances", "instances", *_AT_ONCE),
    Setting(AGENTS, "agents.*.silence", "silence_s", *_SOON),
    Setting(AGENTS, "agents.*.skills", "skills", *words()),
)
