"""Which key of which file changes which number of the Policy, and what may stand there: data, one line each.

Where two keys speak of one field, the first of them that is in its file counts: ours over upstream's, and of upstream's
those of task_queue_manager.yaml (PROTOCOL section 10). What a key does not say keeps its default in `model/policy.py`.
"""

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

    def written(self, value: object) -> object:
        """A value of the field as a person would write it under the key, and as JSON can say it."""
        if isinstance(value, tuple):
            return list(value)
        if not isinstance(value, float):
            return value if self.form == "{}" else self.form.format(value)
        if self.field.endswith("_s") and not self.key.endswith("_seconds"):
            return self.form.format(span(value))
        return int(value) if value.is_integer() else value


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
    Setting(PARALLEL, f"{_BREAKER}.failure_threshold", "breaker_failures", *_AT_ONCE),
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
