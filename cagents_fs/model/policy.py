"""Every number in force. The defaults are those of the protocol; `config.py` reads the files that change them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

BALANCES = ("least_loaded", "shortest_queue", "fastest_completion", "skill_match")


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentType:
    """How the runner starts one kind of agent (`agents.yaml`)."""

    name: str
    command: tuple[str, ...]
    slots: int = 1
    instances: int = 1
    silence_s: float = 600.0  # how long a process may say nothing before it counts as stalled
    skills: tuple[str, ...] = ()

    @property
    def runs_commands(self) -> bool:
        """Whether a task brings its own command: then a failure says nothing of the agent."""
        return any("{command}" in part for part in self.command)


SHELL = AgentType(name="shell", command=("sh", "-c", "{command}"), slots=50, silence_s=1800.0)
CLAUDE = AgentType(name="claude", command=("claude", "-p", "{prompt}", "--output-format", "json"), slots=5, instances=3)
CODEX = AgentType(name="codex", command=("codex", "exec", "{prompt}"), slots=5, instances=3)
GEMINI = AgentType(name="gemini", command=("gemini", "-p", "{prompt}"), slots=5, instances=3)

# The numbers of upstream, as in `parallel_execution_framework.yaml`.
_WITH_SLOTS = (
    (3, "ceo architect ux-designer"),
    (4, "dba security-specialist data-analyst"),
    (5, "cto cfo coo chro cro cmo senior-developer frontend-developer backend-developer devops qa-engineer"),
    (6, "devops-lead security-lead data-lead"),
    (8, "frontend-lead backend-lead qa-lead"),
    (10, "universal-self-correct tech-lead"),
    (15, "universal-router universal-planner"),
    (20, "orchestrator universal-validator"),
    (50, "universal-executor"),
)
AGENT_SLOTS: Mapping[str, int] = {name: slots for slots, names in _WITH_SLOTS for name in names.split()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The configuration in force. Units are in the names: `_s` seconds, `_bytes` bytes, shares 0..1."""

    # modes
    sequential_max: int = 1
    pipeline_max_per_stage: int = 5
    swarm_max: int = 50
    mesh_max: int = 30
    max_global_agents: int = 100
    max_agents_per_instruction: int = 50
    max_concurrent_instructions: int = 10
    # queues and leases
    max_queue_depth: int = 10
    alert_queue_depth: int = 10  # an agent's queue and its share of the domain's together; above it is an alert
    balance: str = "least_loaded"  # one of BALANCES
    ageing: bool = True
    ageing_every_s: float = 14400.0  # in the queues, for one level of priority up
    urgency: bool = True  # a task is as urgent as the most urgent one that waits for it
    agent_slots: Mapping[str, int] = field(default_factory=lambda: dict(AGENT_SLOTS))  # absent: as many as the mode
    claim_timeout_s: float = 300.0
    heartbeat_interval_s: float = 120.0
    lease_s: float = 600.0
    max_task_duration_s: float = 14400.0
    reassign_grace_s: float = 300.0
    # failure
    max_retries: int = 3
    backoff_base_s: float = 60.0
    backoff_multiplier: float = 2.0
    backoff_max_s: float = 1800.0
    backoff_jitter: bool = True
    never_retry: tuple[str, ...] = ("invalid_task_definition", "insufficient_permissions", "agent_not_found")
    max_rework: int = 3
    breaker: bool = True
    breaker_failures: int = 5  # in a row
    breaker_open_s: float = 300.0
    breaker_trials: int = 2  # tasks at a time while it is half open
    # escalations and delegation
    response_s: float = 900.0  # where an escalation says nothing of its SLA
    escalate_blocked_s: float = 900.0  # an agent that says `blocked` for so long is escalated
    max_depth: int = 4  # of parents
    # quality gates
    minimum_test_coverage: float = 0.8
    minimum_code_review_score: float = 70.0
    security_scan_required: bool = True
    performance_validation: bool = True
    enforce_code_review: bool = True
    # the daemon
    settle_s: float = 1.0
    scan_interval_s: float = 5.0
    checks: str = "submitted"  # submitted | all | never
    check_timeout_s: float = 600.0
    durability: str = "power_loss"  # power_loss | process
    max_file_bytes: int = 1048576
    max_artifact_bytes: int = 16 << 30  # of all artifacts of one manifest together
    hash_timeout_s: float = 300.0  # for reading them, once
    watch: str = "auto"  # auto | events | poll
    dashboard_interval_s: float = 30.0
    notify: bool = False
    # agents
    default_agent: str = "shell"
    agents: Mapping[str, AgentType] = field(
        default_factory=lambda: {kind.name: kind for kind in (SHELL, CLAUDE, CODEX, GEMINI)}
    )

    def agent_type(self, assigned: str | None) -> AgentType | None:
        """How the runner starts this agent: its own entry, else the default's; None if there is neither."""
        return self.agents.get(assigned or self.default_agent) or self.agents.get(self.default_agent)

    def mode_limit(self, mode: str) -> int:
        """How many tasks of one instruction may be in progress at once in this mode."""
        limits = {
            "sequential": self.sequential_max,
            "pipeline": self.pipeline_max_per_stage,
            "swarm": self.swarm_max,
            "mesh": self.mesh_max,
        }
        return limits[mode]
