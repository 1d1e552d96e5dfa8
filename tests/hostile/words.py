"""What an unquoted word means, above all as an id: C62 of the fault catalogue. And spans of time."""

from tests.hostile.case import PLAN, PLEA, SPAN, TASK, Case, taken, wrong

# --- C62: words that YAML 1.1 takes for something else. As ids they stay what an editor shows.
WORDS = ["no", "on", "yes", "y", "007", "1_000", "0x10", "0o17", "1e3", "2026-01-10", "0b11", "1.50", "08"]


def as_id(word: str) -> Case:
    """An id that some reader of YAML would take for a number, a date or a truth value, unquoted."""
    whole = f"task_id: {word}\ndescription: Do it\n"
    return taken("task", f"the id {word}", whole, name=f"{word}.yaml")


IDS = [
    *(as_id(word) for word in WORDS),
    wrong(
        "task",
        "the id 1:30",
        "task_id: 1:30\ndescription: Do it\n",
        (
            "bad_name '1:30.yaml' is not read: name it ID.yaml, with an id of A-Z a-z 0-9 . _ - that begins "
            "with a letter or digit"
        ),
        name="1:30.yaml",
    ),
    wrong(
        "task",
        "the id true",
        "task_id: true\ndescription: Do it\n",
        "schema 1:10 task_id: an id is text, found true; put it in quotes if it is meant as an id",
        name="true.yaml",
    ),
    wrong(
        "task",
        "the id null",
        "task_id: null\ndescription: Do it\n",
        "schema 1:10 task_id: an id is text, found nothing; put it in quotes if it is meant as an id",
        name="null.yaml",
    ),
    wrong(
        "task",
        "the id is absent",
        "task_id:\ndescription: Do it\n",
        "schema 1:9 task_id: an id is text, found nothing; put it in quotes if it is meant as an id",
    ),
    wrong(
        "task",
        "the id is a list",
        "task_id: [new]\ndescription: Do it\n",
        "schema 1:10 task_id: an id is text, found a list; write one id",
    ),
    wrong(
        "task",
        "the id is a mapping",
        "task_id: {new: 1}\ndescription: Do it\n",
        "schema 1:10 task_id: an id is text, found a mapping; write one id",
    ),
    wrong(
        "task",
        "the id -0",
        "task_id: -0\ndescription: Do it\n",
        (
            "bad_name '-0.yaml' is not read: name it ID.yaml, with an id of A-Z a-z 0-9 . _ - that begins "
            "with a letter or digit"
        ),
        name="-0.yaml",
    ),
    wrong(
        "task",
        "the id +5",
        "task_id: +5\ndescription: Do it\n",
        (
            "bad_name '+5.yaml' is not read: name it ID.yaml, with an id of A-Z a-z 0-9 . _ - that begins "
            "with a letter or digit"
        ),
        name="+5.yaml",
    ),
    wrong(
        "task",
        "the id .5",
        "task_id: .5\ndescription: Do it\n",
        "schema 1:10 task_id: the id '.5' begins with '.'; begin it with a letter or a digit",
    ),
    wrong(
        "task",
        "another id, as octal",
        "task_id: 7\ndescription: Do it\n",
        "wrong_name the file is called 007.yaml, but the task in it 7; make both the same",
        name="007.yaml",
    ),
    wrong(
        "task",
        "an id of 5,000 digits",
        f"task_id: {'1' * 5000}\ndescription: Do it\n",
        (
            "schema 1:10 task_id: the id '11111111111111111111111111111111111111111111111111111111111…' has "
            "5000 characters; shorten it to at most 100"
        ),
    ),
    taken("plan", "ids that are numbers", "description: x\ntasks: [{task_id: 007, description: a}]\n"),
    wrong(
        "plan",
        "007 and 7 are two tasks",
        PLAN + "    dependencies: [007]\n  - {task_id: 7, description: b}\n",
        "missing_dependency 5:20 a waits for 007, which this plan does not have",
    ),
    taken("task", "a description that is a number", "task_id: new\ndescription: 42\n"),
    wrong(
        "task",
        "a description that is true",
        "task_id: new\ndescription: true\n",
        "schema 2:14 description: expected text, found true; put it in quotes if it is text",
    ),
    wrong(
        "task",
        "a description that is null",
        "task_id: new\ndescription: ~\n",
        "schema 2:14 description: expected text, found nothing; put it in quotes if it is text",
    ),
    wrong(
        "task", "a blank description", "task_id: new\ndescription: '  '\n", "schema 2:14 description: must not be blank"
    ),
    taken("task", "a date as text", TASK + "detailed_prompt: 2026-13-45\n"),
]

# --- durations
SPANS = [
    wrong(
        "task",
        "a duration of no unit that is known",
        TASK + "estimated_duration: 5 parsecs\n",
        "schema 3:21 estimated_duration: '5 parsecs' is no duration" + SPAN,
    ),
    wrong(
        "task",
        "two durations",
        TASK + "estimated_duration: 2 hours or 3 days\n",
        "schema 3:21 estimated_duration: '2 hours or 3 days' names more than one duration; write just one",
    ),
    wrong(
        "task",
        "a negative duration",
        TASK + "estimated_duration: -5 minutes\n",
        "schema 3:21 estimated_duration: '-5 minutes' is negative; a duration is 0 or more",
    ),
    wrong(
        "task",
        "a duration of 10**30 years",
        TASK + f"estimated_duration: 1{'0' * 30} years\n",
        "schema 3:21 estimated_duration: '1000000000000000000000000000000 years' is no duration" + SPAN,
    ),
    wrong(
        "task",
        "a duration that is NaN",
        TASK + "estimated_duration: .nan\n",
        "schema 3:21 estimated_duration: expected a duration, found nan" + SPAN,
    ),
    wrong(
        "task",
        "an ISO duration without a number",
        TASK + "estimated_duration: PT\n",
        "schema 3:21 estimated_duration: 'PT' is no duration" + SPAN,
    ),
    wrong(
        "task",
        "a duration that is true",
        TASK + "estimated_duration: true\n",
        "schema 3:21 estimated_duration: expected a duration, found true" + SPAN,
    ),
    wrong(
        "task",
        "a duration that is a list",
        TASK + "estimated_duration: [1h]\n",
        "schema 3:21 estimated_duration: expected a duration, found a list" + SPAN,
    ),
    wrong(
        "task",
        "a duration of 10,000 letters",
        TASK + f"estimated_duration: {'1h ' * 3333}\n",
        (
            "schema 3:21 estimated_duration: '1h 1h 1h 1h 1h 1h 1h 1h 1h 1h 1h 1h 1h 1h 1h 1h 1h 1h 1h 1h…' "
            "is no duration"
        )
        + SPAN,
    ),
    taken("task", "a duration in a sentence", TASK + "estimated_duration: about 2-4 hours\n"),
    taken(
        "escalation",
        "an sla that names no time",
        PLEA + "sla: as soon as you can\n",
        (" sla: 'as soon as you can' names no time, the configured one counts; write for instance 'within 30 minutes'"),
    ),
    taken(
        "escalation",
        "an sla of ten thousand years",
        PLEA + "sla: within 10000 years\n",
        (" sla: 'within 10000 years' names no time, the configured one counts; write for instance 'within 30 minutes'"),
    ),
    wrong(
        "config",
        "a duration of an unknown unit",
        "scan_interval: 5 moons\n",
        (
            "wrong_value 1:16 scan_interval: expected a duration from 0.05 seconds to 1 hour, such as `30 "
            'seconds`, `5 minutes`, `2h`, found "5 moons"; "5 seconds" stays in force'
        ),
    ),
]

CASES = [*IDS, *SPANS]
