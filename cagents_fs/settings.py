"""Which key of which file changes which number of the Policy, and what may stand there: data, one line each.

Where two keys speak of one field, the first of them that is in its file counts: ours over upstream's, and of upstream's
those of task_queue_manager.yaml (PROTOCOL section 10). What a key does not say keeps its default in `model/policy.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from cagents_fs.model.durations import seconds_of
from cagents_fs.model.fields import as_text
from cagents_fs.model.ids import id_fault
from cagents_fs.model.text import safe_text

PARALLEL = "parallel_execution_framework.yaml"
COORDINATION = "subagent_coordination_protocol.yaml"
QUEUES = "task_queue_manager.yaml"
PERFORMANCE = "performance_tracking_system.yaml"
AGENTS = "agents.yaml"
DAEMON = "daemon.yaml"
FILES = (PARALLEL, COORDINATION, QUEUES, PERFORMANCE, AGENTS, DAEMON)

Read = Callable[[object], object]
Kind = tuple[Read, str]  # how a value is read; what is expected of it, in the words of an answer


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of one file. A `*` in it stands for any name."""

    file: str
    key: str  # dotted
    field: str  # of the Policy; of the AgentType for the keys of one agent
    read: Read  # to the value of the field; raises ValueError with what was expected
    expected: str

    def written(self, value: object) -> object:
        """A value of the field as a person would write it under the key, and as JSON can say it."""
        if isinstance(value, tuple):
            return list(value)
        if not isinstance(value, float):
            return value
        if self.field.endswith("_s") and not self.key.endswith("_seconds"):
            return span(value)
        return int(value) if value.is_integer() else value


def plain(value: object) -> object:
    """A value as it stands in a file, as JSON can say it."""
    if isinstance(value, list):
        return [as_text(item) for item in value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return int(value) if isinstance(value, int) else float(value)


def shown(value: object) -> str:
    """What was found in place of what was expected, safe and short enough for an answer of one line."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a section of keys"
    if isinstance(value, list | tuple):
        return safe_text(f"[{', '.join(map(shown, value[:10]))}]", 80)
    return f'"{safe_text(value, 60)}"' if isinstance(value, str) else safe_text(str(as_text(value)), 60)


def span(seconds: float) -> str:
    """A duration in its largest whole unit: `90 seconds`, `4 hours`."""
    for size, unit in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        count, rest = divmod(seconds, size)
        if count and not rest:
            return f"{count:.0f} {unit}" if count == 1 else f"{count:.0f} {unit}s"
    return "1 second" if seconds == 1 else f"{seconds:.10g} seconds"


def _whole(low: int, high: int) -> Kind:
    expected = f"a whole number from {low} to {high}"

    def read(value: object) -> int:
        # `true`, `"3"` and `3.0` are no whole numbers, whatever Python thinks of them.
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(expected)
        return int(value)

    return read, expected


def _number(low: float, high: float) -> Kind:
    expected = f"a number from {low:g} to {high:g}"

    def read(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise ValueError(expected)
        return float(value)

    return read, expected


def _duration(low_s: float, high_s: float) -> Kind:
    expected = f"a duration from {span(low_s)} to {span(high_s)}, such as `30 seconds`, `5 minutes`, `2h`"

    def read(value: object) -> float:
        try:
            seconds = seconds_of(value)
        except ValueError:
            raise ValueError(expected) from None
        if not low_s <= seconds <= high_s:
            raise ValueError(expected)
        return seconds

    return read, expected


def one_of(*words: str) -> Kind:
    """One word out of a few."""
    some = ", ".join(f"`{word}`" for word in words[:12]) + ", …" * (len(words) > 12)
    expected = some if len(words) == 1 else f"one of {some}"

    def read(value: object) -> str:
        text = as_text(value)
        if not isinstance(text, str) or text not in words:
            raise ValueError(expected)
        return text

    return read, expected


def _flag() -> Kind:
    expected = "`true` or `false`"

    def read(value: object) -> bool:
        if not isinstance(value, bool):
            raise ValueError(expected)
        return value

    return read, expected


def _words() -> Kind:
    expected = "a list of words, such as [agent_not_found]"

    def read(value: object) -> tuple[str, ...]:
        texts = _texts(value)
        if texts is None or not all(text.strip() for text in texts):
            raise ValueError(expected)
        return tuple(dict.fromkeys(texts))

    return read, expected


def _command() -> Kind:
    expected = 'a program and its arguments as a list of texts, such as [sh, -c, "{command}"]'

    def read(value: object) -> tuple[str, ...]:
        texts = _texts(value)
        # A NUL would come to light only when the process is started.
        if not texts or not texts[0].strip() or any("\0" in text for text in texts):
            raise ValueError(expected)
        return tuple(texts)

    return read, expected


def _texts(value: object) -> list[str] | None:
    if not isinstance(value, list):
        return None
    # A number is an argument like any other, as it was written: [sleep, 007].
    texts = [item for item in map(as_text, value) if isinstance(item, str)]
    return texts if len(texts) == len(value) else None


def _name() -> Kind:
    expected = "the name of an agent type"

    def read(value: object) -> str:
        text = as_text(value)
        if not isinstance(text, str) or id_fault(text) is not None:
            raise ValueError(expected)
        return text

    return read, expected


_AT_ONCE = _whole(1, 10_000)  # agents, tasks, slots
_TIMES = _whole(0, 1000)  # retries, rework: as in the task file
_DAY_S = 86_400.0
_SOON = _duration(0.05, 30 * _DAY_S)  # how long somebody may be silent, or work
_OFTEN = _duration(0.05, _DAY_S)
_LATER = _duration(0.0, 30 * _DAY_S)  # how long we wait before we act; at once is a choice

DEFAULT_AGENT = Setting(AGENTS, "default", "default_agent", *_name())
SLOTS = Setting(PARALLEL, "capacity_model.agent_slots.*.*", "agent_slots", *_AT_ONCE)

SETTINGS: tuple[Setting, ...] = (
    Setting(PARALLEL, "execution_modes.sequential.max_concurrent", "sequential_max", *_AT_ONCE),
    Setting(PARALLEL, "execution_modes.pipeline.max_concurrent_per_stage", "pipeline_max_per_stage", *_AT_ONCE),
    Setting(PARALLEL, "execution_modes.swarm.max_concurrent", "swarm_max", *_AT_ONCE),
    Setting(PARALLEL, "execution_modes.mesh.max_concurrent", "mesh_max", *_AT_ONCE),
    Setting(PARALLEL, "configuration.max_global_agents", "max_global_agents", *_AT_ONCE),
    Setting(PARALLEL, "configuration.max_agents_per_instruction", "max_agents_per_instruction", *_AT_ONCE),
    Setting(PARALLEL, "task_queues.agent_queues.max_queue_depth", "max_queue_depth", *_AT_ONCE),
    Setting(PARALLEL, "communication_channels.task_assignment.timeout", "claim_timeout_s", *_SOON),
    Setting(PARALLEL, "communication_channels.status_updates.frequency", "heartbeat_interval_s", *_SOON),
    Setting(PARALLEL, "communication_channels.status_updates.stale_threshold", "lease_s", *_SOON),
    Setting(PARALLEL, "configuration.resource_limits.max_task_duration", "max_task_duration_s", *_SOON),
    Setting(PARALLEL, "configuration.quality_gates.minimum_test_coverage", "minimum_test_coverage", *_number(0, 1)),
    Setting(PARALLEL, "configuration.quality_gates.security_scan_required", "security_scan_required", *_flag()),
    Setting(PARALLEL, "configuration.quality_gates.performance_validation", "performance_validation", *_flag()),
    Setting(PARALLEL, "configuration.quality_gates.enforce_code_review", "enforce_code_review", *_flag()),
    Setting(COORDINATION, "quality_gates.rework_protocol.max_iterations", "max_rework", *_TIMES),
    Setting(QUEUES, "retry_logic.retry_schedule.max_attempts", "max_retries", *_TIMES),
    Setting(QUEUES, "task_schema.max_retries.default", "max_retries", *_TIMES),
    Setting(PARALLEL, "resilience.task_retry_policy.max_retries", "max_retries", *_TIMES),
    Setting(QUEUES, "retry_logic.backoff_strategy.base_delay", "backoff_base_s", *_LATER),
    Setting(QUEUES, "retry_logic.backoff_strategy.multiplier", "backoff_multiplier", *_number(1, 100)),
    Setting(QUEUES, "retry_logic.backoff_strategy.max_delay", "backoff_max_s", *_LATER),
    Setting(QUEUES, "retry_logic.backoff_strategy.jitter", "backoff_jitter", *_flag()),
    Setting(QUEUES, "retry_logic.retry_conditions.never_retry", "never_retry", *_words()),
    Setting(DAEMON, "settle_seconds", "settle_s", *_duration(0.0, 60.0)),
    Setting(DAEMON, "scan_interval", "scan_interval_s", *_duration(0.05, 3600.0)),
    Setting(DAEMON, "reassign_grace", "reassign_grace_s", *_LATER),
    Setting(DAEMON, "checks", "checks", *one_of("submitted", "all", "never")),
    Setting(DAEMON, "check_timeout", "check_timeout_s", *_duration(0.05, 7 * _DAY_S)),
    Setting(DAEMON, "durability", "durability", *one_of("power_loss", "process")),
    Setting(DAEMON, "max_file_bytes", "max_file_bytes", *_whole(1 << 10, 256 << 20)),
    Setting(DAEMON, "watch", "watch", *one_of("auto", "events", "poll")),
    Setting(DAEMON, "dashboard_interval", "dashboard_interval_s", *_OFTEN),
    Setting(PERFORMANCE, "dashboards.execution_dashboard.update_frequency", "dashboard_interval_s", *_OFTEN),
    Setting(DAEMON, "notify", "notify", *_flag()),
    Setting(DAEMON, "minimum_code_review_score", "minimum_code_review_score", *_number(0, 100)),
    DEFAULT_AGENT,
    SLOTS,
)

AGENT_SETTINGS: tuple[Setting, ...] = (
    Setting(AGENTS, "agents.*.command", "command", *_command()),
    Setting(AGENTS, "agents.*.slots", "slots", *_AT_ONCE),
    Setting(AGENTS, "agents.*.instances", "instances", *_AT_ONCE),
    Setting(AGENTS, "agents.*.silence", "silence_s", *_SOON),
)
