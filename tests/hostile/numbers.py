"""Numbers that are none, or too large: C67 of the fault catalogue."""

from tests.hostile.case import BEAT, PLAN, TASK, taken, wrong

# --- C67: numbers that are none
CASES = [
    wrong(
        "heartbeat",
        "progress is NaN",
        BEAT + "progress_percentage: .nan\n",
        "schema 3:22 progress_percentage: expected a finite number, found .nan",
    ),
    wrong(
        "heartbeat",
        "progress without end",
        BEAT + "progress_percentage: .inf\n",
        "schema 3:22 progress_percentage: expected a finite number, found .inf",
    ),
    wrong(
        "heartbeat",
        "progress of 1e999",
        BEAT + "progress_percentage: 1e999\n",
        "schema 3:22 progress_percentage: expected a finite number, found 1e999",
    ),
    wrong(
        "heartbeat",
        "progress of 400 digits",
        BEAT + f"progress_percentage: {'9' * 400}\n",
        (
            "schema 3:22 progress_percentage: expected a finite number, found "
            "99999999999999999999999999999999999999999999999999999999999…"
        ),
    ),
    wrong(
        "heartbeat",
        "progress of 5,000 digits",
        BEAT + f"progress_percentage: {'9' * 5000}\n",
        (
            "schema 3:22 progress_percentage: expected a number without quotes, found "
            "'99999999999999999999999999999999999999999999999999999999999…'"
        ),
    ),
    wrong(
        "heartbeat",
        "progress of 150",
        BEAT + "progress_percentage: 150\n",
        "schema 3:22 progress_percentage: must be at most 100, found 150",
    ),
    wrong(
        "heartbeat",
        "progress of -1",
        BEAT + "progress_percentage: -1\n",
        "schema 3:22 progress_percentage: must be at least 0, found -1",
    ),
    taken("heartbeat", "progress of -0", BEAT + "progress_percentage: -0\n"),
    taken("heartbeat", "progress of 0x10", BEAT + "progress_percentage: 0x10\n"),
    wrong(
        "heartbeat",
        "progress with a sign of percent",
        BEAT + "progress_percentage: 40%\n",
        "schema 3:22 progress_percentage: expected a number without quotes, found '40%'",
    ),
    wrong(
        "heartbeat",
        "progress in quotes",
        BEAT + 'progress_percentage: "40"\n',
        "schema 3:22 progress_percentage: expected a number without quotes, found '40'",
    ),
    wrong(
        "heartbeat",
        "progress with an underscore",
        BEAT + "progress_percentage: 1_0\n",
        "schema 3:22 progress_percentage: expected a number without quotes, found '1_0'",
    ),
    wrong(
        "heartbeat",
        "progress in hours",
        BEAT + "progress_percentage: 1:30\n",
        "schema 3:22 progress_percentage: expected a number without quotes, found '1:30'",
    ),
    wrong(
        "heartbeat",
        "context usage above 1",
        BEAT + "context_usage: 40\n",
        "schema 3:16 context_usage: must be at most 1, found 40",
    ),
    wrong(
        "heartbeat",
        "context usage is true",
        BEAT + "context_usage: true\n",
        "schema 3:16 context_usage: expected a number without quotes, found true",
    ),
    wrong("heartbeat", "attempt 0", BEAT + "attempt: 0\n", "schema 3:10 attempt: must be at least 1, found 0"),
    wrong(
        "heartbeat",
        "attempt 1.0",
        BEAT + "attempt: 1.0\n",
        "schema 3:10 attempt: expected a whole number without quotes, found 1.0",
    ),
    wrong(
        "heartbeat",
        "attempt in quotes",
        BEAT + 'attempt: "1"\n',
        "schema 3:10 attempt: expected a whole number without quotes, found '1'",
    ),
    wrong(
        "task",
        "attempt of 4,000 digits",
        TASK + f"attempt: {'1' * 4000}\n",
        (
            "schema 3:10 attempt: must be at most 1000000, found "
            "11111111111111111111111111111111111111111111111111111111111…"
        ),
    ),
    wrong(
        "task",
        "attempt of 3,000 hexadecimal digits",
        TASK + f"attempt: 0x{'f' * 3000}\n",
        (
            "schema 3:10 attempt: expected a whole number without quotes, found "
            "'0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffff…'"
        ),
    ),
    wrong("task", "retries of -1", TASK + "max_retries: -1\n", "schema 3:14 max_retries: must be at least 0, found -1"),
    wrong(
        "task",
        "retries of 1e9",
        TASK + "max_retries: 1e9\n",
        "schema 3:14 max_retries: expected a whole number without quotes, found 1e9",
    ),
    wrong(
        "task",
        "retries without end",
        TASK + "max_retries: .inf\n",
        "schema 3:14 max_retries: expected a whole number without quotes, found .inf",
    ),
    wrong(
        "task",
        "retries of 10**20",
        TASK + f"max_retries: 1{'0' * 20}\n",
        "schema 3:14 max_retries: must be at most 1000, found 100000000000000000000",
    ),
    wrong(
        "task",
        "a stage of 5,000 digits",
        TASK + f'stage: "{"1" * 5000}"\n',
        (
            "schema 3:8 stage: expected a whole number or a name, found "
            "'11111111111111111111111111111111111111111111111111111111111…'"
        ),
    ),
    wrong("task", "a stage of -1", TASK + "stage: -1\n", "schema 3:8 stage: must be at least 0, found -1"),
    wrong(
        "task",
        "a stage that is NaN",
        TASK + "stage: .nan\n",
        "schema 3:8 stage: expected a whole number or a name, found .nan",
    ),
    wrong(
        "task",
        "a stage that is a list",
        TASK + "stage: [1]\n",
        "schema 3:8 stage: expected a whole number or a name, found a list",
    ),
    wrong("plan", "tier 5", "tier: 5\n" + PLAN, "schema 1:7 tier: must be at most 4, found 5"),
    wrong(
        "plan",
        "tier in words",
        "tier: three\n" + PLAN,
        "schema 1:7 tier: expected a whole number without quotes, found 'three'",
    ),
    wrong(
        "plan",
        "a concurrency of 0",
        "max_concurrent: 0\n" + PLAN,
        "schema 1:17 max_concurrent: must be at least 1, found 0",
    ),
    wrong(
        "plan",
        "a concurrency without end",
        "max_concurrent: .inf\n" + PLAN,
        "schema 1:17 max_concurrent: expected a whole number without quotes, found .inf",
    ),
    wrong(
        "config",
        "NaN seconds",
        "settle_seconds: .nan\n",
        (
            "wrong_value 1:17 settle_seconds: expected a duration from 0 seconds to 1 minute, such as `30 "
            "seconds`, `5 minutes`, `2h`, found .nan; 1 stays in force"
        ),
    ),
    wrong(
        "config",
        "endless seconds",
        "settle_seconds: .inf\n",
        (
            "wrong_value 1:17 settle_seconds: expected a duration from 0 seconds to 1 minute, such as `30 "
            "seconds`, `5 minutes`, `2h`, found .inf; 1 stays in force"
        ),
    ),
    wrong(
        "config",
        "seconds below 0",
        "settle_seconds: -1\n",
        (
            "wrong_value 1:17 settle_seconds: expected a duration from 0 seconds to 1 minute, such as `30 "
            "seconds`, `5 minutes`, `2h`, found -1; 1 stays in force"
        ),
    ),
    wrong(
        "config",
        "a size that is true",
        "max_file_bytes: true\n",
        (
            "wrong_value 1:17 max_file_bytes: expected a whole number from 1024 to 268435456, found true; "
            "1048576 stays in force"
        ),
    ),
    wrong(
        "config",
        "a size of 5,000 digits",
        f"max_file_bytes: {'9' * 5000}\n",
        (
            "wrong_value 1:17 max_file_bytes: expected a whole number from 1024 to 268435456, found "
            '"99999999999999999999999999999999999999999999999999999999999…"; 1048576 stays in force'
        ),
    ),
]
