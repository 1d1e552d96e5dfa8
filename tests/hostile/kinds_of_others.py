"""One kind of value where another belongs, in plans and all files that are no tasks: C68 of the fault catalogue."""

from tests.hostile.case import MANIFEST, MET, PLAN, PLEA, SUM, wrong

CASES = [
    wrong(
        "plan",
        "tasks are a mapping",
        "description: x\ntasks: {a: {description: b}}\n",
        "schema 2:8 tasks: expected a list, found a mapping",
    ),
    wrong(
        "plan",
        "tasks are text",
        "description: x\ntasks: a\n",
        "schema 2:8 tasks: expected a list, found 'a'; write it as a list: [a]",
    ),
    wrong("plan", "no tasks", "description: x\ntasks: []\n", "schema 2:8 tasks: needs at least 1 of them, found 0"),
    wrong("plan", "tasks are null", "description: x\ntasks:\n", "schema 2:7 tasks: expected a list, found nothing"),
    wrong("plan", "a task that is text", PLAN + "  - b\n", "schema 5:5 tasks.1: expected a mapping, found 'b'"),
    wrong(
        "plan",
        "stages are text",
        "stages: build\n" + PLAN,
        "schema 1:9 stages: expected a list, found 'build'; write it as a list: [build]",
    ),
    wrong(
        "manifest",
        "a size that is true",
        MANIFEST + "artifacts: [{path: a, size_bytes: true, checksum: x}]\n",
        "schema 4:35 artifacts.0.size_bytes: expected a whole number without quotes, found true",
        "schema 4:51 artifacts.0.checksum: 'x' is no hexadecimal digit" + SUM,
    ),
    wrong(
        "manifest",
        "artifacts are text",
        MANIFEST + "artifacts: a.py\n",
        "schema 4:12 artifacts: expected a list, found 'a.py'; write it as a list: [a.py]",
    ),
    wrong(
        "manifest",
        "artifacts are null",
        MANIFEST + "artifacts:\n",
        "schema 4:11 artifacts: expected a list, found nothing",
    ),
    wrong(
        "manifest",
        "an artifact that is text",
        MANIFEST + "artifacts: [a.py]\n",
        "schema 4:13 artifacts.0: expected a mapping, found 'a.py'",
    ),
    wrong(
        "manifest",
        "criteria are a mapping",
        MANIFEST + "artifacts: []\nacceptance_criteria_met: {It works: true}\n",
        "schema 5:26 acceptance_criteria_met: expected a list, found a mapping",
    ),
    wrong(
        "manifest",
        "met is text",
        MANIFEST + "artifacts: []\n" + MET.replace("true", "'true'"),
        "schema 5:54 acceptance_criteria_met.0.met: expected true or false, found 'true'",
    ),
    wrong(
        "manifest",
        "met is yes",
        MANIFEST + "artifacts: []\n" + MET.replace("true", "yes"),
        "schema 5:54 acceptance_criteria_met.0.met: expected true or false, found 'yes'",
    ),
    wrong(
        "manifest",
        "met is 1",
        MANIFEST + "artifacts: []\n" + MET.replace("true", "1"),
        "schema 5:54 acceptance_criteria_met.0.met: expected true or false, found 1",
    ),
    wrong(
        "manifest",
        "metrics are a list",
        MANIFEST + "artifacts: []\nquality_metrics: [0.9]\n",
        "schema 5:18 quality_metrics: expected a mapping, found a list",
    ),
    wrong(
        "manifest",
        "an unknown status",
        MANIFEST.replace("completed", "done") + "artifacts: []\n",
        "schema 3:9 status: expected completed, partial, failed; found 'done'",
    ),
    wrong(
        "escalation",
        "an unknown severity",
        PLEA.replace("low", "unbearable"),
        "schema 3:11 severity: expected blocker, high, medium, low; found 'unbearable'",
    ),
    wrong(
        "escalation",
        "a blank issue",
        PLEA.replace("Which port?", "''"),
        "schema 4:20 issue_description: must not be empty",
    ),
    wrong(
        "request",
        "an unknown action",
        "action: restart\n",
        (
            "schema 1:9 action: expected cancel, retry, rescue, pause, resume, reassign, add_dependency; "
            "found 'restart'; did you mean 'retry'?"
        ),
    ),
    wrong(
        "request",
        "skip is text",
        "action: cancel\ntask_id: t1\nskip: yes\n",
        "schema 3:7 skip: expected true or false, found 'yes'",
    ),
    wrong(
        "request",
        "cancel without a task",
        "action: cancel\n",
        "schema 1:1 task_id: missing; `cancel` is about one task",
    ),
    wrong(
        "request",
        "reassign without an agent",
        "action: reassign\ntask_id: t1\n",
        "schema 1:1 agent: missing; `reassign` says who gets the task",
    ),
    wrong(
        "request",
        "add_dependency without whom",
        "action: add_dependency\ntask_id: t1\n",
        "schema 1:1 on: missing; `add_dependency` says which task is to be waited for",
    ),
    wrong(
        "response",
        "an unknown action",
        "escalation_id: e0\naction: carry on\n",
        "schema 2:9 action: expected resume, retry, reassign, cancel, skip_dependency; found 'carry on'",
    ),
    wrong(
        "arrival",
        "attempt is text",
        "attempt: first\n",
        "schema 1:10 attempt: expected a whole number without quotes, found 'first'",
    ),
    wrong(
        "message",
        "an unknown type",
        "message_id: m1\ntype: mail\nto: ann\n",
        (
            "schema 2:7 type: expected task_ready, dependency_satisfied, rework, error, decision, "
            "escalation, steal, handoff, checkpoint, alert, peer; found 'mail'"
        ),
    ),
    wrong(
        "config",
        "a list for a number of seconds",
        "settle_seconds: [1]\n",
        (
            "wrong_value 1:17 settle_seconds: expected a duration from 0 seconds to 1 minute, such as `30 "
            "seconds`, `5 minutes`, `2h`, found [1]; 1 stays in force"
        ),
    ),
    wrong(
        "queues",
        "a list for a section",
        "retry_logic: [3]\n",
        "wrong_value 1:14 retry_logic: expected a section of keys, found [3]; what was in force stays",
    ),
    wrong(
        "agents",
        "text for a command",
        "agents:\n  ann: {command: run me}\n",
        (
            "wrong_value 2:18 agents.ann.command: expected a program and its arguments as a list of texts, "
            'such as [sh, -c, "{command}"], found "run me"; it is left out'
        ),
    ),
    wrong(
        "agents",
        "an agent that is a list",
        "agents:\n  ann: [run, me]\n",
        'wrong_value 2:8 agents.ann: expected a section of keys, found ["run", "me"]; what was in force stays',
    ),
]
