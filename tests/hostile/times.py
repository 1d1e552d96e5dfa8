"""Times that are none: C100 to C102 of the fault catalogue."""

from tests.hostile.case import BEAT, LETTER, MANIFEST, MET, PLEA, REPLY, UTC, WHEN, Case, taken, wrong


def beats(title: str, timestamp: str, *answer: str) -> Case:
    """A heartbeat with a time that is none."""
    return wrong("heartbeat", title, BEAT + f"timestamp: {timestamp}\n", *answer)


# --- C100 to C102: times
CASES = [
    taken("heartbeat", "without an offset: UTC", BEAT + "timestamp: 2026-11-22T09:31:02\n", "3:12: timestamp: " + UTC),
    taken(
        "heartbeat",
        "two without an offset, and one with",
        BEAT + "timestamp: 2026-11-22 09:31\nnext_heartbeat_by: 20261122T0941\nestimated_completion: 20261122T10Z\n",
        "3:12: timestamp: " + UTC,
        "4:20: next_heartbeat_by: " + UTC,
    ),
    taken(
        "manifest",
        "without an offset",
        MANIFEST + "artifacts: []\n" + MET + "completion_timestamp: 2026-11-22T09:31:02\n",
        "6:23: completion_timestamp: " + UTC,
    ),
    taken("escalation", "without an offset", PLEA + "timestamp: 2026-11-22T09:31\n", "5:12: timestamp: " + UTC),
    taken("response", "without an offset", REPLY + "timestamp: 2026-11-22T09:31\n", "3:12: timestamp: " + UTC),
    taken("request", "without an offset", "action: pause\ntimestamp: 2026-11-22\n", "2:12: timestamp: " + UTC),
    taken("arrival", "without an offset", "answer: 42\ntimestamp: 2026-11-22T09:31\n", "2:12: timestamp: " + UTC),
    taken("message", "without an offset", LETTER + "timestamp: 2026-11-22T09\n", "no_offset 4:12 timestamp: " + UTC),
    taken("heartbeat", "in the year 9999", BEAT + "timestamp: 9999-12-31T23:59:59Z\n"),
    taken("heartbeat", "in the year 1", BEAT + "timestamp: 0001-01-01T00:00:00+23:59\n"),
    taken("heartbeat", "in an hour that comes twice", BEAT + "timestamp: 2026-11-01T01:30:00-04:00\n"),
    taken(
        "heartbeat",
        "in an hour that comes twice, and nobody says which",
        BEAT + "timestamp: 2026-11-01T01:30:00\n",
        "3:12: timestamp: " + UTC,
    ),
    taken("heartbeat", "a day", BEAT + "timestamp: 2026-11-22\n", "3:12: timestamp: " + UTC),
    taken(
        "heartbeat",
        "a promise from the year 1 to 9999",
        BEAT + "timestamp: 0001-01-01T00:00:00-23:59\nnext_heartbeat_by: 9999-12-31T23:59:59+23:59\n",
    ),
    beats(
        "an offset of 99:99",
        "2026-11-22T09:31:02+99:99",
        "schema 3:12 timestamp: " + WHEN + "'2026-11-22T09:31:02+99:99'",
    ),
    beats("seconds since 1970", "1768046400", "schema 3:12 timestamp: " + WHEN + "1768046400"),
    beats("milliseconds since 1970", "1768046400000.5", "schema 3:12 timestamp: " + WHEN + "1768046400000.5"),
    beats("as text", '"1712010100000"', "schema 3:12 timestamp: " + WHEN + "'1712010100000'"),
    beats("a day with an offset", "2026-11-22+0200", "schema 3:12 timestamp: " + WHEN + "'2026-11-22+0200'"),
    beats("now", "now", "schema 3:12 timestamp: " + WHEN + "'now'"),
    beats("yesterday", "yesterday 3pm", "schema 3:12 timestamp: " + WHEN + "'yesterday 3pm'"),
    beats("the 30th of February", "2026-02-30T00:00:00Z", "schema 3:12 timestamp: " + WHEN + "'2026-02-30T00:00:00Z'"),
    beats("hour 24", "2026-11-22T25:00:00Z", "schema 3:12 timestamp: " + WHEN + "'2026-11-22T25:00:00Z'"),
    beats("as Americans write it", "11/22/2026 9:31 AM", "schema 3:12 timestamp: " + WHEN + "'11/22/2026 9:31 AM'"),
    beats("as a list", "[2026, 11, 22]", "schema 3:12 timestamp: " + WHEN + "a list"),
    beats("true", "true", "schema 3:12 timestamp: " + WHEN + "true"),
    beats(
        "what a shell was to replace", '"$(date -u +%FT%TZ)"', "schema 3:12 timestamp: " + WHEN + "'$(date -u +%FT%TZ)'"
    ),
    beats(
        "of 10,000 letters",
        "2026-11-22T" + "0" * 10_000,
        "schema 3:12 timestamp: " + WHEN + "'2026-11-22T000000000000000000000000000000000000000000000000…'",
    ),
    beats("with a terminal command", '"2026\\e[2J"', "schema 3:12 timestamp: " + WHEN + "'2026\\x1b[2J'"),
]
