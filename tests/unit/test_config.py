"""Files in, Policy out: what counts, where it comes from, and an answer with its place for everything that is wrong."""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path

import pytest

from cagents_fs.config import Configuration, KeyInForce, load, stamp, watched_files
from cagents_fs.config_file import Unread
from cagents_fs.errors import InvalidTree
from cagents_fs.model.policy import CLAUDE, SHELL, AgentType, Policy
from cagents_fs.settings import (
    AGENT_SETTINGS,
    AGENTS,
    COORDINATION,
    DAEMON,
    FILES,
    PARALLEL,
    PERFORMANCE,
    QUEUES,
    SETTINGS,
    Setting,
)

REPOSITORY = Path(__file__).parents[2]
OURS = REPOSITORY / "Agent_Memory"
UPSTREAM = REPOSITORY.parent / "shared" / "data" / "cagents-6.2.1-config"

# What was in force before, other than the default in every field that the wrong values below speak of.
BEFORE = Policy(
    swarm_max=7,
    lease_s=9.0,
    reassign_grace_s=4.0,
    max_retries=8,
    max_rework=6,
    backoff_multiplier=3.0,
    backoff_jitter=False,
    never_retry=("bad_luck",),
    minimum_test_coverage=0.5,
    minimum_code_review_score=10.0,
    settle_s=0.3,
    scan_interval_s=0.7,
    checks="all",
    durability="process",
    max_file_bytes=5000,
    watch="poll",
    notify=True,
    agent_slots={"cto": 2},
    agents={"shell": SHELL, "mine": AgentType(name="mine", command=("mine",), slots=4)},
    default_agent="mine",
    pipeline_max_per_stage=3,
    mesh_max=9,
    sequential_max=2,
    max_global_agents=11,
    max_agents_per_instruction=12,
    max_concurrent_instructions=13,
    max_queue_depth=14,
    alert_queue_depth=6,
    balance="shortest_queue",
    ageing=False,
    ageing_every_s=60.0,
    urgency=False,
    breaker=False,
    breaker_failures=8,
    breaker_open_s=30.0,
    breaker_trials=3,
    response_s=20.0,
    escalate_blocked_s=21.0,
    max_depth=7,
    dashboard_interval_s=3.0,
    backoff_base_s=2.0,
    backoff_max_s=5.0,
    claim_timeout_s=6.0,
)


def tree(folder: Path, files: Mapping[str, str]) -> str:
    place = folder / "_system" / "config"
    place.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (place / name).write_text(text)
    return str(folder)


def read(folder: Path, file: str, text: str, previous: Policy | None = None) -> Configuration:
    return load(tree(folder, {file: text}), previous)


def key_in_force(configuration: Configuration, key: str) -> KeyInForce:
    (found,) = [known for known in configuration.keys if known.key == key]
    return found


def nested(setting: Setting, value: str) -> str:
    """A file that holds nothing but this key, with a value as YAML spells it in one line."""
    steps = setting.key.replace("*.*", "leads.tech-lead").replace("*", "shell").split(".")
    return "".join(f"{'  ' * depth}{step}:\n" for depth, step in enumerate(steps))[:-1] + f" {value}\n"


# -- what counts ---------------------------------------------------------------------------------------------------


def test_our_own_files_say_what_is_the_default_anyway() -> None:
    ours = load(str(OURS))

    assert ours.faults == ()
    assert ours.policy == Policy()


def test_every_key_that_changes_something_stands_in_our_own_files(tmp_path: Path) -> None:
    for setting in SETTINGS:
        text = (OURS / "_system" / "config" / setting.file).read_text()
        alone = read(tmp_path / setting.key.replace("*", "x"), setting.file, text)
        spoken_for = {key.key for key in alone.keys if key.origin != "default"} | {key.key for key in alone.unread}
        assert setting.key in spoken_for or "*" in setting.key, setting.key


@pytest.mark.skipif(not UPSTREAM.is_dir(), reason="upstream's files are not beside this repository")
def test_the_files_of_upstream_load_without_a_fault_and_give_its_numbers(tmp_path: Path) -> None:
    shutil.copytree(UPSTREAM, tmp_path / "_system" / "config")

    upstream = load(str(tmp_path))

    assert upstream.faults == ()
    assert upstream.policy == Policy()
    assert key_in_force(upstream, "execution_modes.swarm.max_concurrent") == KeyInForce(
        PARALLEL, "execution_modes.swarm.max_concurrent", 50, f"_system/config/{PARALLEL}:34"
    )
    frequency = key_in_force(upstream, "communication_channels.status_updates.frequency")
    assert frequency.value == "every 2 minutes while working"
    assert {key.file for key in upstream.keys if key.origin == "default"} == {AGENTS, DAEMON}


def test_without_any_file_everything_is_the_default(tmp_path: Path) -> None:
    for nothing in (load(str(tmp_path)), load(str(tmp_path), previous=BEFORE)):
        assert nothing.policy == Policy()
        assert not nothing.faults
        assert not nothing.unread
        assert {key.origin for key in nothing.keys} == {"default"}


def test_a_file_in_which_everything_is_commented_out_is_as_good_as_none(tmp_path: Path) -> None:
    assert read(tmp_path, DAEMON, "# settle_seconds: 3\n\n  # checks: all\n").faults == ()
    assert read(tmp_path, PARALLEL, "execution_modes:\n  swarm:\n  # max_concurrent: 3\n").faults == ()


def test_every_field_of_the_policy_is_changed_by_some_key() -> None:
    derived = {"agents"}  # entry by entry, by AGENT_SETTINGS

    assert {setting.field for setting in SETTINGS} | derived == {field.name for field in fields(Policy)}
    assert {setting.field for setting in AGENT_SETTINGS} | {"name"} == {field.name for field in fields(AgentType)}


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.key)
def test_every_key_reads_what_is_shown_for_it(setting: Setting, tmp_path: Path) -> None:
    default = 10 if "*" in setting.key else getattr(Policy(), setting.field)
    text = json.dumps(setting.written(default))

    assert setting.read(json.loads(text)) == default
    told = read(tmp_path, setting.file, nested(setting, text))
    assert not told.faults
    assert not told.unread
    assert told.policy == (replace(Policy(), agent_slots={"tech-lead": 10}) if "*" in setting.key else Policy())


def test_every_key_changes_its_field(tmp_path: Path) -> None:
    others = {bool: "true", int: "2048", float: "1.5", tuple: "[bad_luck]"}
    words = {"checks": "all", "durability": "process", "watch": "poll", "default_agent": "claude"}
    words |= {
        "balance": "skill_match",
        "alert_queue_depth": "queue_depth > 7",
        "ageing_every_s": "+2 levels per 1 hour",
    }
    shares = {"minimum_test_coverage": "0.25", "backoff_jitter": "false", "notify": "true"}
    for number, setting in enumerate(SETTINGS):
        if "*" in setting.key:
            continue
        before = getattr(Policy(), setting.field)
        other = (words | shares).get(setting.field) or ("false" if before is True else others[type(before)])
        other = "7" if setting.field in ("max_retries", "max_rework", "max_depth", "breaker_failures") else other
        changed = read(tmp_path / str(number), setting.file, nested(setting, other))
        assert changed.faults == (), setting.key
        differing = {f.name for f in fields(Policy) if getattr(changed.policy, f.name) != getattr(Policy(), f.name)}
        assert differing == {setting.field}, setting.key
        assert (
            key_in_force(changed, setting.key).origin == f"_system/config/{setting.file}:{setting.key.count('.') + 1}"
        )


@pytest.mark.parametrize("text", ["every 2 minutes while working", "every 2 minutes", "2 minutes", "120", "PT2M", "2m"])
def test_durations_are_read_in_every_form(text: str, tmp_path: Path) -> None:
    for file, steps in (
        (PARALLEL, "communication_channels: {status_updates: {stale_threshold: %s}}"),
        (DAEMON, "reassign_grace: %s"),
    ):
        told = read(tmp_path, file, steps % text)
        assert told.faults == ()
    assert (told.policy.lease_s, told.policy.reassign_grace_s) == (120.0, 120.0)


# -- two keys, one field -------------------------------------------------------------------------------------------


def test_of_two_keys_for_one_number_the_first_counts_and_the_other_is_read_by_nothing(tmp_path: Path) -> None:
    slow = "dashboards: {execution_dashboard: {update_frequency: every 5 minutes}}"
    alone = read(tmp_path, PERFORMANCE, slow)
    both = read(tmp_path, DAEMON, "dashboard_interval: 7")

    assert alone.policy.dashboard_interval_s == 300.0
    assert both.policy.dashboard_interval_s == 7.0
    assert both.unread == (Unread(PERFORMANCE, "dashboards.execution_dashboard.update_frequency", 1),)


def test_on_retries_the_queue_manager_holds(tmp_path: Path) -> None:
    root = tree(tmp_path, {PARALLEL: "resilience: {task_retry_policy: {max_retries: 1, retry_delays: [9 minutes]}}"})
    assert load(root).policy == replace(Policy(), max_retries=1)

    tree(tmp_path, {QUEUES: "task_schema: {max_retries: {default: 2}}"})
    assert load(root).policy == replace(Policy(), max_retries=2)

    both = "task_schema: {max_retries: {default: 2}}\nretry_logic: {retry_schedule: {max_attempts: 4}}"
    tree(tmp_path, {QUEUES: both})
    assert load(root).policy == replace(Policy(), max_retries=4)


# -- keys that say a number in words -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "every_s"),
    [
        ("+1 level per 4 hours", 14400.0),
        ("+1 priority level per 4 hours in queue", 14400.0),
        ("+1 priority level per 4 hours in the queue", 14400.0),
        ("1 level per 30 seconds", 30.0),
        ("+2 priority levels per 1 hour", 1800.0),
        ("+1 level per PT2H", 7200.0),
    ],
)
def test_a_rate_of_ageing_is_read_as_the_time_for_one_level(said: str, every_s: float, tmp_path: Path) -> None:
    told = read(tmp_path, QUEUES, AGEING % f'boost_rate: "{said}"')

    assert told.faults == ()
    assert told.policy == replace(Policy(), ageing_every_s=every_s)


@pytest.mark.parametrize("said", ["queue_depth > 10", "queue_depth>25", " queue_depth  >  3 "])
def test_the_depth_that_raises_an_alert_is_read_from_its_condition(said: str, tmp_path: Path) -> None:
    told = read(tmp_path, PERFORMANCE, ALERT % f'"{said}"')

    assert told.faults == ()
    assert told.policy.alert_queue_depth == int(said.rpartition(">")[2])


def test_the_skills_of_an_agent_are_a_list_of_words_each_once(tmp_path: Path) -> None:
    told = read(tmp_path, AGENTS, "agents: {claude: {skills: [python, sql, python]}, codex: {skills: sql}}\n")

    assert told.policy.agents["claude"] == replace(CLAUDE, skills=("python", "sql"))
    (fault,) = told.faults
    assert fault.message.startswith("agents.codex.skills: expected a list of words")


# -- wrong values --------------------------------------------------------------------------------------------------

COVERAGE = "configuration:\n  quality_gates: {minimum_test_coverage: 80}\n"
BALANCE = "capacity_model:\n  scaling_strategy:\n    load_balancing:\n      algorithm: %s\n"
BREAKER = "resilience:\n  cascading_failure_prevention:\n    circuit_breaker:\n      %s\n"
SLA = "communication_channels:\n  escalations:\n    sla:\n      response_time: %s\n"
DEPTH = "coordination_patterns:\n  hierarchical_delegation: {depth_limit: %s}\n"
STAGE = "execution_modes: {pipeline: {max_concurrent_per_stage: %s}}"
RATE, OVER = "a rate such as", "a condition such as `queue_depth > 10`"
AGEING = "priority_scheduling:\n  priority_boost:\n    age_based_boost:\n      %s\n"
BOOST = AGEING % "boost_rate: %s"
ALERT = "alerting:\n  alert_rules:\n    queue_depth_warning:\n      condition: %s\n"
LEASE = "communication_channels:\n  status_updates:\n    stale_threshold: a while\n"
WRONG = (
    (DAEMON, "settle_seconds: -1\n", 1, 17, "settle_s", "a duration from 0 seconds to 1 minute", "-1"),
    (DAEMON, "\nsettle_seconds: 61\n", 2, 17, "settle_s", "a duration from 0 seconds to 1 minute", "61"),
    (DAEMON, "settle_seconds: soon\n", 1, 17, "settle_s", "a duration from", '"soon"'),
    (DAEMON, "settle_seconds:\n", 1, 16, "settle_s", "a duration from", "nothing"),
    (DAEMON, "settle_seconds: .nan\n", 1, 17, "settle_s", "a duration from", ".nan"),
    (DAEMON, "settle_seconds: true\n", 1, 17, "settle_s", "a duration from", "true"),
    (DAEMON, "scan_interval: 0\n", 1, 16, "scan_interval_s", "a duration from 0.05 seconds to 1 hour", "0"),
    (DAEMON, "scan_interval: 2 hours\n", 1, 16, "scan_interval_s", "to 1 hour", '"2 hours"'),
    (DAEMON, "scan_interval: [5]\n", 1, 16, "scan_interval_s", "a duration from", "[5]"),
    (DAEMON, "reassign_grace: .inf\n", 1, 17, "reassign_grace_s", "to 30 days", ".inf"),
    (DAEMON, "checks: sometimes\n", 1, 9, "checks", "one of `submitted`, `all`, `never`", '"sometimes"'),
    (DAEMON, "checks: no\n", 1, 9, "checks", "one of `submitted`, `all`, `never`", '"no"'),
    (DAEMON, "durability: 1\n", 1, 13, "durability", "one of `power_loss`, `process`", "1"),
    (DAEMON, "watch: {mode: poll}\n", 1, 8, "watch", "one of `auto`, `events`, `poll`", "a section of keys"),
    (DAEMON, 'notify: "true"\n', 1, 9, "notify", "`true` or `false`", '"true"'),
    (DAEMON, "notify: yes\n", 1, 9, "notify", "`true` or `false`", '"yes"'),
    (DAEMON, "max_file_bytes: 1023\n", 1, 17, "max_file_bytes", "a whole number from 1024 to 268435456", "1023"),
    (DAEMON, "max_file_bytes: 1 MiB\n", 1, 17, "max_file_bytes", "a whole number", '"1 MiB"'),
    (DAEMON, "max_file_bytes: 2048.0\n", 1, 17, "max_file_bytes", "a whole number", "2048.0"),
    (DAEMON, "minimum_code_review_score: 101\n", 1, 28, "minimum_code_review_score", "from 0 to 100", "101"),
    (PARALLEL, "execution_modes:\n  swarm:\n    max_concurrent: 0\n", 3, 21, "swarm_max", "from 1 to 10000", "0"),
    (PARALLEL, "execution_modes: {swarm: {max_concurrent: '50'}}\n", 1, 43, "swarm_max", "a whole number", '"50"'),
    (PARALLEL, "execution_modes: {swarm: {max_concurrent: 1e400}}\n", 1, 43, "swarm_max", "a whole number", "1e400"),
    (PARALLEL, COVERAGE, 2, 42, "minimum_test_coverage", "a number from 0 to 1", "80"),
    (PARALLEL, LEASE, 3, 22, "lease_s", "a duration from 0.05 seconds to 30 days", '"a while"'),
    (COORDINATION, "quality_gates: {rework_protocol: {max_iterations: -3}}\n", 1, 51, "max_rework", "from 0 to", "-3"),
    (QUEUES, "retry_logic: {retry_schedule: {max_attempts: many}}\n", 1, 46, "max_retries", "a whole", '"many"'),
    (QUEUES, "retry_logic: {backoff_strategy: {multiplier: 0.5}}\n", 1, 46, "backoff_multiplier", "from 1 to", "0.5"),
    (QUEUES, "retry_logic: {backoff_strategy: {jitter: 1}}\n", 1, 42, "backoff_jitter", "`true` or `false`", "1"),
    (QUEUES, "retry_logic: {retry_conditions: {never_retry: bad}}\n", 1, 47, "never_retry", "a list of words", '"bad"'),
    (QUEUES, "retry_logic: {retry_conditions: {never_retry: [a, ' ']}}\n", 1, 47, "never_retry", "words", '["a", " "]'),
    (PARALLEL, "configuration: {max_global_agents: -1}\n", 1, 36, "max_global_agents", "from 1 to 10000", "-1"),
    (PARALLEL, "configuration: {max_agents_per_instruction: 1e9}\n", 1, 45, "max_agents_per_instruction", "a", "1e9"),
    (PARALLEL, "configuration: {max_concurrent_instructions: 0}\n", 1, 46, "max_concurrent_instructions", "1", "0"),
    (PARALLEL, "task_queues: {agent_queues: {max_queue_depth: -10}}\n", 1, 47, "max_queue_depth", "from 1 to", "-10"),
    (PARALLEL, "execution_modes: {mesh: {max_concurrent: 10001}}\n", 1, 42, "mesh_max", "to 10000", "10001"),
    (PARALLEL, "execution_modes: {sequential: {max_concurrent: 0.5}}\n", 1, 48, "sequential_max", "a whole", "0.5"),
    (PARALLEL, STAGE % "-5", 1, 56, "pipeline_max_per_stage", "a whole number", "-5"),
    (PARALLEL, BALANCE % "whoever_is_near", 4, 18, "balance", "one of `least_loaded`", '"whoever_is_near"'),
    (PARALLEL, BREAKER % "failure_threshold: 0", 4, 26, "breaker_failures", "a whole number from 1", "0"),
    (PARALLEL, BREAKER % "timeout: -5 minutes", 4, 16, "breaker_open_s", "a duration from", '"-5 minutes"'),
    (PARALLEL, BREAKER % "timeout: 31 days", 4, 16, "breaker_open_s", "to 30 days", '"31 days"'),
    (PARALLEL, BREAKER % "half_open_requests: -2", 4, 27, "breaker_trials", "a whole number from 1", "-2"),
    (PARALLEL, BREAKER % "enabled: maybe", 4, 16, "breaker", "`true` or `false`", '"maybe"'),
    (PARALLEL, SLA % "0", 4, 22, "response_s", "a duration from 0.05 seconds", "0"),
    (PARALLEL, SLA % "one day perhaps", 4, 22, "response_s", "a duration from", '"one day perhaps"'),
    (PARALLEL, DEPTH % "-1", 2, 42, "max_depth", "a whole number from 1 to 100", "-1"),
    (PARALLEL, DEPTH % "101", 2, 42, "max_depth", "a whole number from 1 to 100", "101"),
    (DAEMON, "escalate_blocked_after: -15 minutes\n", 1, 25, "escalate_blocked_s", "a duration from", '"-15 minutes"'),
    (QUEUES, BOOST % "+1 level now and then", 4, 19, "ageing_every_s", RATE, '"+1 level now and then"'),
    (QUEUES, BOOST % "+0 levels per 4 hours", 4, 19, "ageing_every_s", RATE, '"+0 levels per 4 hours"'),
    (QUEUES, BOOST % "+1 level per 0 seconds", 4, 19, "ageing_every_s", RATE, '"+1 level per 0 seconds"'),
    (QUEUES, BOOST % "-1 level per 4 hours", 4, 19, "ageing_every_s", RATE, '"-1 level per 4 hours"'),
    (QUEUES, BOOST % "+1 level per 2 months", 4, 19, "ageing_every_s", RATE, '"+1 level per 2 months"'),
    (QUEUES, BOOST % "4 hours", 4, 19, "ageing_every_s", RATE, '"4 hours"'),
    (QUEUES, AGEING % "enabled: 1", 4, 16, "ageing", "`true` or `false`", "1"),
    (PERFORMANCE, ALERT % "queue_depth > 0", 4, 18, "alert_queue_depth", OVER, '"queue_depth > 0"'),
    (PERFORMANCE, ALERT % "queue_depth > -10", 4, 18, "alert_queue_depth", OVER, '"queue_depth > -10"'),
    (PERFORMANCE, ALERT % "queue_depth < 10", 4, 18, "alert_queue_depth", OVER, '"queue_depth < 10"'),
    (PERFORMANCE, ALERT % "queue_depth > many", 4, 18, "alert_queue_depth", OVER, '"queue_depth > many"'),
    (PERFORMANCE, ALERT % "10", 4, 18, "alert_queue_depth", OVER, "10"),
    (QUEUES, "retry_logic: {backoff_strategy: {base_delay: -1}}\n", 1, 46, "backoff_base_s", "a duration", "-1"),
    (QUEUES, "retry_logic: {backoff_strategy: {max_delay: 1 year}}\n", 1, 45, "backoff_max_s", "30 days", '"1 year"'),
    (AGENTS, "default: nobody\nagents: {mine: {command: [mine]}}\n", 1, 10, "default_agent", "`mine`", '"nobody"'),
)  # fmt: skip


@pytest.mark.parametrize(("file", "text", "line", "column", "field", "expected", "found"), WRONG)
def test_a_wrong_value_is_answered_with_its_place_and_the_old_one_stays(
    file: str, text: str, line: int, column: int, field: str, expected: str, found: str, tmp_path: Path
) -> None:
    first = read(tmp_path, file, text)
    (fault,) = first.faults
    assert (fault.code, fault.path) == ("wrong_value", f"_system/config/{file}")
    assert (fault.line, fault.column) == (line, column), fault
    assert expected in fault.message.partition(", found ")[0]
    assert fault.message.partition(", found ")[2].startswith(f"{found}; "), fault.message
    assert getattr(first.policy, field) == getattr(Policy(), field)
    assert first.unread == ()

    later = load(str(tmp_path), previous=BEFORE)
    assert getattr(later.policy, field) == getattr(BEFORE, field)
    assert [key.origin for key in later.keys if key.key in fault.message] == ["previous"]


def test_an_answer_says_what_was_expected_what_was_found_and_what_holds(tmp_path: Path) -> None:
    (fault,) = read(tmp_path, DAEMON, "notify: false\nreassign_grace: -5 minutes\n").faults

    assert str(fault) == (
        "_system/config/daemon.yaml:2:17: reassign_grace: expected a duration from 0 seconds to 30 days, "
        'such as `30 seconds`, `5 minutes`, `2h`, found "-5 minutes"; "5 minutes" stays in force'
    )


def test_all_that_is_wrong_is_answered_at_once_and_what_is_right_counts(tmp_path: Path) -> None:
    told = read(tmp_path, DAEMON, "watch: never\nnotify: true\nchecks: maybe\n", previous=BEFORE)

    assert [(fault.line, fault.message.partition(":")[0]) for fault in told.faults] == [(1, "watch"), (3, "checks")]
    assert (told.policy.watch, told.policy.notify, told.policy.checks) == ("poll", True, "all")


ODD = ("[]", "{}", "null", "~", ".nan", "-.inf", "-1", "1e999", "9" * 200, "0x" + "f" * 300, '"\\e[2J"', "true", "[[]]")


@pytest.mark.parametrize("odd", ODD)
def test_nothing_that_may_stand_at_a_key_stops_the_reading(odd: str, tmp_path: Path) -> None:
    for number, setting in enumerate((*SETTINGS, *AGENT_SETTINGS)):
        told = read(tmp_path / str(number), setting.file, nested(setting, odd))
        at = f"_system/config/{setting.file}:{setting.key.count('.') + 1}"
        assert told.faults or at in [key.origin for key in told.keys] or odd == "{}"
        assert all("\x1b" not in str(fault) and len(fault.message) < 300 for fault in told.faults)
        json.dumps([key.value for key in told.keys], allow_nan=False)


@pytest.mark.parametrize("section", ["[a, b]", "50", "swarm", "[max_concurrent: 50]"])
def test_something_else_where_a_section_belongs_is_one_fault(section: str, tmp_path: Path) -> None:
    told = read(tmp_path, PARALLEL, f"version: 1\nexecution_modes: {section}\n", previous=BEFORE)

    (fault,) = told.faults
    assert (fault.line, fault.column) == (2, 18)
    assert fault.message.startswith("execution_modes: expected a section of keys, found ")
    assert told.policy.swarm_max == 7
    assert told.policy.max_global_agents == 100
    assert told.unread == (Unread(PARALLEL, "version", 1),)


# -- files ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["settle_seconds: 1\n  checks: all\n", "- a\n", "", "a: 1\na: 2\n", "a: [", "\tb: 1\n"]
)
def test_a_file_that_does_not_parse_changes_nothing(text: str, tmp_path: Path) -> None:
    tree(tmp_path, {AGENTS: "default: claude\n"})

    told = read(tmp_path, DAEMON, text, previous=BEFORE)

    assert {(fault.code, fault.path) for fault in told.faults} == {("unparsable", "_system/config/daemon.yaml")}
    assert all(fault.line for fault in told.faults)
    assert (told.policy.settle_s, told.policy.checks, told.policy.notify) == (0.3, "all", True)
    assert told.policy.default_agent == "claude"
    assert told.policy.swarm_max == Policy().swarm_max


@pytest.mark.parametrize("file", FILES)
def test_whichever_file_is_broken_all_of_it_stays_as_it_was(file: str, tmp_path: Path) -> None:
    whole = read(tmp_path, file, "{", previous=BEFORE)

    speaks_of = {setting.field for setting in SETTINGS if setting.file == file} | ({"agents"} & {file.split(".")[0]})
    for field in speaks_of:
        assert getattr(whole.policy, field) == getattr(BEFORE, field)
    assert load(str(tmp_path)).policy == Policy()


def test_what_is_no_file_or_too_large_is_a_fault(tmp_path: Path) -> None:
    root = tree(tmp_path, {DAEMON: "notify: true\n#" + "x" * (1 << 20)})
    place = tmp_path / "_system" / "config"
    (place / AGENTS).mkdir()
    os.mkfifo(place / QUEUES)

    told = load(root, previous=BEFORE)

    assert [(fault.path, fault.line) for fault in told.faults] == [
        (f"_system/config/{file}", None) for file in (QUEUES, AGENTS, DAEMON)
    ]
    assert "found a FIFO" in told.faults[0].message
    assert "at most 1048576" in told.faults[2].message
    assert told.policy.agents == BEFORE.agents


def test_a_file_may_be_a_link_to_one_that_is_kept_elsewhere(tmp_path: Path) -> None:
    root = tree(tmp_path / "tree", {})
    (tmp_path / "mine.yaml").write_text("notify: true\n")
    (tmp_path / "tree" / "_system" / "config" / DAEMON).symlink_to(tmp_path / "mine.yaml")

    assert load(root).policy.notify
    assert load(root).faults == ()


def test_a_root_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for root in (tmp_path / "nowhere", tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InvalidTree, match="cagents-fs init"):
            load(str(root))


def test_the_stamp_changes_when_a_file_does_and_only_then(tmp_path: Path) -> None:
    root = tree(tmp_path, {DAEMON: "notify: true\n"})
    assert [os.path.relpath(path, root) for path in watched_files(root)] == [f"_system/config/{file}" for file in FILES]
    seen = [stamp(root)]
    assert stamp(root) == seen[0]

    for file, text in ((DAEMON, "notify: false\n"), (AGENTS, "default: shell\n"), (AGENTS, "default: codex\n")):
        beside = tmp_path / "beside"
        beside.write_text(text)
        beside.rename(tmp_path / "_system" / "config" / file)
        assert stamp(root) not in seen
        seen.append(stamp(root))
    (tmp_path / "_system" / "config" / AGENTS).unlink()
    assert stamp(root) == seen[1]


# -- slots and agents ----------------------------------------------------------------------------------------------


def test_an_agent_that_the_file_does_not_name_has_the_slots_of_the_mode(tmp_path: Path) -> None:
    few = (
        "capacity_model:\n  agent_slots:\n    description: how many tasks\n"
        "    leads:\n      description: who tell others\n      tech-lead: 3\n    others:\n"
    )

    told = read(tmp_path, PARALLEL, few)

    assert told.policy.agent_slots == {"tech-lead": 3}
    assert [(unread.key.rpartition("agent_slots.")[2], unread.line) for unread in told.unread] == [
        ("description", 3),
        ("leads.description", 5),
    ]
    assert key_in_force(told, "capacity_model.agent_slots.leads.tech-lead").origin.endswith(":6")


def test_a_wrong_count_of_slots_leaves_the_one_before(tmp_path: Path) -> None:
    wrong = "capacity_model: {agent_slots: {a: {cto: none, cfo: 0, x/y: 5, dba: 2}, b: {dba: 3, DBA: 4}}}"

    told = read(tmp_path, PARALLEL, wrong, previous=BEFORE)

    assert told.policy.agent_slots == {"cto": 2, "dba": 2}
    said = [fault.message.partition(": ") for fault in told.faults]
    assert [key.rpartition(".")[2] for key, _, _ in said] == ["cto", "cfo", "x/y", "dba", "DBA"]
    assert said[0][2].endswith("2 stays in force")
    assert said[1][2].endswith("it is left out")
    assert "stands in two places" in said[3][2]
    assert "only in case" in said[4][2]


@pytest.mark.parametrize("slots", ["[5]", "5", "{leads: 5}", "{leads: [tech-lead]}"])
def test_slots_of_the_wrong_shape_leave_those_before(slots: str, tmp_path: Path) -> None:
    told = read(tmp_path, PARALLEL, f"capacity_model: {{agent_slots: {slots}}}", previous=BEFORE)

    assert len(told.faults) == 1
    assert told.policy.agent_slots == BEFORE.agent_slots


def test_an_agent_of_its_own_needs_no_more_than_a_command(tmp_path: Path) -> None:
    told = read(tmp_path, AGENTS, "default: mine\nagents:\n  mine: {command: [sleep, 007]}\n  claude: {slots: 2}\n")

    assert not told.faults
    assert not told.unread
    assert told.policy.default_agent == "mine"
    assert told.policy.agents == {
        "shell": SHELL,  # embedded, whatever the file says
        "mine": AgentType(name="mine", command=("sleep", "007")),
        "claude": replace(CLAUDE, slots=2),
    }
    assert key_in_force(told, "agents.mine.command").value == ["sleep", "007"]
    assert key_in_force(told, "agents.claude.slots").origin == "_system/config/agents.yaml:4"
    assert key_in_force(told, "agents.claude.command").origin == "default"


AGENT_FAULTS = (
    ("mine: {command: []}", 17, "a program and its arguments"),
    ("mine: {command: [' ']}", 17, "a program and its arguments"),
    ("mine: {command: mine --now}", 17, "a program and its arguments"),
    ("mine: {command: [sh, true]}", 17, "a program and its arguments"),
    ('mine: {command: [sh, "a\\x01", []]}', 17, "a program and its arguments"),
    ("mine: {command: [mine], slots: 0}", 32, "a whole number from 1 to 10000"),
    ("mine: {command: [mine], instances: 1.5}", 36, "a whole number"),
    ("mine: {command: [mine], silence: never}", 34, "a duration from 0.05 seconds"),
    ("mine: [mine]", 7, "a section of keys"),
    ("mine: mine", 7, "a section of keys"),
)


@pytest.mark.parametrize(("entry", "column", "expected"), AGENT_FAULTS)
def test_a_wrong_entry_leaves_the_agent_as_it_was(entry: str, column: int, expected: str, tmp_path: Path) -> None:
    told = read(tmp_path, AGENTS, f"agents:\n  {entry}\n", previous=BEFORE)

    (fault,) = told.faults
    assert (fault.line, fault.column) == (2, column + 2), fault
    assert f"expected {expected}" in fault.message
    known = told.policy.agents["mine"]
    assert known.command == ("mine",)
    assert known.slots in (BEFORE.agents["mine"].slots, 1)


def test_an_agent_without_a_command_is_left_out_and_cannot_be_the_default(tmp_path: Path) -> None:
    told = read(tmp_path, AGENTS, "agents:\n  mine: {slots: 2}\ndefault: mine\n")

    assert [(fault.line, fault.column) for fault in told.faults] == [(2, 9), (3, 10)]
    assert told.faults[0].message.endswith("found nothing; it is left out")
    assert told.policy.agents == {"shell": SHELL}
    assert told.policy.default_agent == "shell"
    assert not any("mine" in key.key for key in told.keys)


def test_names_that_no_agent_may_have_are_left_out(tmp_path: Path) -> None:
    told = read(tmp_path, AGENTS, "agents:\n  ../x: {command: [x]}\n  Shell: {command: [x]}\n  queue: {command: [x]}\n")

    assert [fault.line for fault in told.faults] == [2, 3, 4]
    assert told.policy.agents == {"shell": SHELL}
    assert told.unread == ()


def test_a_default_that_has_lost_its_entry_gives_way_to_the_embedded_agent(tmp_path: Path) -> None:
    told = read(tmp_path, AGENTS, "default: mine\nagents: {claude: {}}\n", previous=BEFORE)

    (fault,) = told.faults
    assert fault.message == 'default: expected one of `shell`, `claude`, found "mine"; "shell" stays in force'
    assert told.policy.default_agent == "shell"


# -- keys that nothing reads ---------------------------------------------------------------------------------------


def test_a_misspelt_key_is_listed_as_one_that_nothing_reads(tmp_path: Path) -> None:
    tree(tmp_path, {AGENTS: "agents:\n  shell:\n    silense: 3 minutes\n    slots: 2\n"})

    told = read(tmp_path, DAEMON, "setle_seconds: 3\nnotify: true\nextra: {a: {b: 1, c: [{d: 1}]}, e: {}}\n")

    assert told.unread == (
        Unread(AGENTS, "agents.shell.silense", 3),
        Unread(DAEMON, "setle_seconds", 1),
        Unread(DAEMON, "extra.a.b", 3),
        Unread(DAEMON, "extra.a.c", 3),
        Unread(DAEMON, "extra.e", 3),
    )


def test_a_file_full_of_mistakes_is_answered_soon(tmp_path: Path) -> None:
    many = "agents: {" + ", ".join(f"a{n}: 0" for n in range(20_000)) + "}"

    told = read(tmp_path, AGENTS, many)

    assert len(told.faults) == 20_000
    assert told.policy.agents == {"shell": SHELL}
