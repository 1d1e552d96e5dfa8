"""Every key of the configuration, what it does and where that is tested, as Markdown from `cagents_fs/settings.py`."""

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from cagents_fs.model.policy import SHELL, Policy
from cagents_fs.settings import AGENT_SETTINGS, FILES, SETTINGS, SLOTS, Setting

TABLE = Path(__file__).resolve().parents[1] / "Agent_Memory" / "_system" / "config" / "README.md"
HEAD = """\
# The keys of these files

Every key that changes what the daemon does, what it does, and the test that holds it to that (in the repository of
`cagents-fs`). A missing file or key means the default. A wrong value is answered with its file and line, and the old
one stays in force. `cagents-fs config` shows what is in force here, where it comes from, and which keys nothing reads;
all other keys of the files are there for the tools that know them.

Where two keys say the same, the one that stands first below counts. `scripts/keys --write` makes this file.
"""

_LIMITS, _BREAKER = "unit/rules/test_limits.py", "unit/rules/test_breaker.py"
_GATES, _RETRIES = "unit/rules/test_verification.py", "unit/rules/test_retries.py"
_DAEMON, _CONFIG = "endtoend/test_daemon.py", "unit/test_config.py"
TESTED: Mapping[str, str] = {  # the field -> below tests/
    "sequential_max": _LIMITS,
    "pipeline_max_per_stage": _LIMITS,
    "swarm_max": _LIMITS,
    "mesh_max": _LIMITS,
    "max_global_agents": _LIMITS,
    "max_agents_per_instruction": _LIMITS,
    "max_concurrent_instructions": _LIMITS,
    "max_queue_depth": "unit/rules/test_admission.py",
    "alert_queue_depth": "unit/rules/test_alerts.py",
    "balance": "unit/rules/test_placement.py",
    "ageing": "unit/test_lanes.py",
    "ageing_every_s": "unit/test_lanes.py",
    "urgency": "unit/test_lanes.py",
    "breaker": _BREAKER,
    "breaker_failures": _BREAKER,
    "breaker_open_s": _BREAKER,
    "breaker_trials": _BREAKER,
    "response_s": "endtoend/test_sla.py",
    "escalate_blocked_s": "endtoend/test_sla.py",
    "max_depth": "unit/test_plans.py",
    "claim_timeout_s": "unit/rules/test_unclaimed.py",
    "heartbeat_interval_s": _CONFIG,
    "lease_s": "unit/rules/test_liveness.py",
    "max_task_duration_s": "unit/rules/test_liveness.py",
    "minimum_test_coverage": _GATES,
    "security_scan_required": _GATES,
    "performance_validation": _GATES,
    "enforce_code_review": _GATES,
    "max_rework": "unit/rules/test_staffing.py",
    "max_retries": _RETRIES,
    "backoff_base_s": _RETRIES,
    "backoff_multiplier": _RETRIES,
    "backoff_max_s": _RETRIES,
    "backoff_jitter": _RETRIES,
    "never_retry": _RETRIES,
    "settle_s": _DAEMON,
    "scan_interval_s": _DAEMON,
    "reassign_grace_s": "unit/rules/test_liveness.py",
    "checks": "unit/rules/test_admission.py",
    "check_timeout_s": "endtoend/test_checks.py",
    "durability": "disk/test_turn.py",
    "max_file_bytes": _CONFIG,
    "max_artifact_bytes": "endtoend/test_paths_budgets.py",
    "hash_timeout_s": "unit/test_budgets.py",
    "watch": _DAEMON,
    "dashboard_interval_s": _CONFIG,
    "notify": _CONFIG,
    "minimum_code_review_score": _CONFIG,
    "default_agent": "endtoend/test_claim.py",
    "agent_slots": _LIMITS,
    "command": "unit/rules/test_staffing.py",
    "slots": _LIMITS,
    "instances": _LIMITS,
    "silence_s": "unit/rules/test_liveness.py",
    "skills": "unit/rules/test_placement.py",
}


def where(setting: Setting) -> str:
    """The test file, relative to the repository."""
    return f"tests/{TESTED[setting.field]}"


def default(setting: Setting) -> str:
    """What holds without the key, as a person would write it; of the keys of one agent that of `shell`."""
    if setting is SLOTS:
        return "that of the mode"
    value = getattr(SHELL if setting in AGENT_SETTINGS else Policy(), setting.field)
    written = setting.written(value)
    if isinstance(written, list):
        return f"`[{', '.join(map(str, written))}]`"
    return f"`{str(written).lower() if isinstance(written, bool) else written}`"


def table() -> str:
    """The whole file."""
    return "\n".join([HEAD, *_sections()])


def _sections() -> Iterator[str]:
    for file in FILES:
        yield f"## {file}\n"
        yield "| key | default | effect | tested in |"
        yield "| --- | --- | --- | --- |"
        for setting in (*SETTINGS, *AGENT_SETTINGS):
            if setting.file == file:
                yield f"| `{setting.key}` | {default(setting)} | {setting.effect} | `{where(setting)}` |"
        yield ""


def main() -> int:
    """Print it, or write it where it belongs."""
    parser = argparse.ArgumentParser(prog="scripts/keys", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help=f"write {TABLE.name} beside the configuration files")
    if parser.parse_args().write:
        TABLE.write_text(table(), encoding="utf-8")
    else:
        sys.stdout.write(table())
    return 0


if __name__ == "__main__":
    sys.exit(main())
