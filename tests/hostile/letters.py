"""Line breaks that are none, control characters, letters that are not what they seem: C70 and C114."""

from tests.hostile.case import BEAT, ESCAPE, LETTER, ONLY, PLEA, TASK, taken, wrong

BREAKS = [
    taken("task", "CRLF", TASK.replace("\n", "\r\n")),
    taken("task", "lone carriage returns", TASK.replace("\n", "\r")),
    taken("task", "mixed line breaks", "task_id: new\r\ndescription: Do it\npriority: low\r"),
    taken(
        "task",
        "U+2028 in a text",
        TASK + "detailed_prompt: one\u2028two\n",
        (
            "3:21: U+2028 is read as a letter; some programs break the line there: write it as an escape in "
            "double quotes"
        ),
    ),
    taken(
        "task",
        "U+0085 in a text",
        TASK + "detailed_prompt: one\x85two\n",
        (
            "3:21: U+0085 is read as a letter; some programs break the line there: write it as an escape in "
            "double quotes"
        ),
    ),
    wrong(
        "task",
        "U+2028 that smuggles in a key",
        TASK + "detailed_prompt: x\u2028command: rm\n",
        "unparsable 3:18 this value contains ': '; quote this value: detailed_prompt: \"x\\u2028command: rm\"",
    ),
    wrong(
        "task",
        "U+2029 in an id",
        "task_id: new\u2029\ndescription: Do it\n",
        "schema 1:10 task_id: the id 'new\\u2029' contains '\\u2029' (U+2029)" + ONLY,
    ),
    taken(
        "task",
        "U+2028 and an unknown key",
        TASK + "m\u2028d: x\n",
        "3:1: m\\u2028d: unknown key, kept but not read",
        ("3:2: U+2028 is read as a letter; some programs break the line there: write it as an escape in double quotes"),
    ),
    wrong(
        "task",
        "U+2028 beside all of its stand-ins",
        TASK + "tags: ['\u2028" + "".join(map(chr, range(0xFDD0, 0xFDF0))) + "']\n",
        "unparsable 3:9 U+2028 beside all of U+FDD0 to U+FDEF; remove these, no text needs them",
    ),
    wrong(
        "task",
        "a vertical tab",
        TASK + "detailed_prompt: a\x0bb\n",
        "unparsable 3:19 a control character (U+000B)" + ESCAPE,
    ),
    wrong(
        "task",
        "a form feed between sections",
        TASK + "\x0cpriority: low\n",
        "unparsable 3:1 a control character (U+000C)" + ESCAPE,
    ),
]

CONTROLS = [
    wrong(
        "task",
        "a terminal command",
        TASK + "detailed_prompt: \x1b[2J\n",
        "unparsable 3:18 a control character (U+001B)" + ESCAPE,
    ),
    wrong(
        "task",
        "a title for the terminal",
        TASK + "detailed_prompt: \x1b]0;owned\x07\n",
        "unparsable 3:18 a control character (U+001B), and 1 more like it" + ESCAPE,
    ),
    wrong(
        "heartbeat",
        "a bell",
        BEAT + "current_activity: \x07\n",
        "unparsable 3:19 a control character (U+0007)" + ESCAPE,
    ),
    wrong(
        "task",
        "every control character",
        TASK + "detailed_prompt: " + "".join(map(chr, range(1, 9))) + "\n",
        "unparsable 3:18 a control character (U+0001), and 7 more like it" + ESCAPE,
    ),
    wrong("task", "DEL", TASK + "detailed_prompt: \x7f\n", "unparsable 3:18 a control character (U+007F)" + ESCAPE),
    wrong(
        "task",
        "C1, as one byte on old terminals",
        TASK + "detailed_prompt: \x9b31m\n",
        "unparsable 3:18 a control character (U+009B)" + ESCAPE,
    ),
    wrong(
        "task",
        "an escaped NUL",
        TASK + 'detailed_prompt: "a\\0b"\n',
        "unparsable 3:18 text with an escaped NUL or half a surrogate pair (\\0, \\ud800); remove it",
    ),
    wrong(
        "task",
        "an escaped half of a surrogate pair",
        TASK + 'detailed_prompt: "\\ud800"\n',
        "unparsable 3:21 no such escape in double quotes; double the backslash (\\\\), or use single quotes",
    ),
    taken("task", "an escaped terminal command", TASK + 'detailed_prompt: "\\e[2J"\n'),
    wrong(
        "task",
        "an escaped terminal command in an id",
        'task_id: "\\e[2Jnew"\ndescription: Do it\n',
        "schema 1:10 task_id: the id '\\x1b[2Jnew' contains '\\x1b' (U+001B)" + ONLY,
    ),
    taken(
        "task",
        "an escaped terminal command in a key",
        TASK + '"\\e[2Jmood": good\n',
        "3:1: \\x1b[2Jmood: unknown key, kept but not read",
    ),
    wrong(
        "task",
        "an escaped terminal command where a choice belongs",
        TASK + 'priority: "\\e[31mhigh"\n',
        ("schema 3:11 priority: expected critical, high, normal, low; found '\\x1b[31mhigh'; did you mean 'high'?"),
    ),
    wrong(
        "request",
        "a forged line",
        'action: "pause\\n2026-01-10 daemon: all is well"\n',
        (
            "schema 1:9 action: expected cancel, retry, rescue, pause, resume, reassign, add_dependency; "
            "found 'pause\\n2026-01-10 daemon: all is well'"
        ),
    ),
    wrong(
        "escalation",
        "a forged line in an id",
        PLEA.replace("E1", '"E1\\nE2"'),
        "schema 1:16 escalation_id: the id 'E1\\nE2' contains '\\n' (U+000A)" + ONLY,
    ),
    taken("message", "an escaped terminal command", LETTER + 'text: "\\e]0;owned\\a"\n'),
]

LETTERS = [
    taken("task", "a right-to-left override", TASK + "detailed_prompt: \u202etxt.exe\n"),
    wrong(
        "task",
        "a right-to-left override in an id",
        "task_id: ne\u202ew\ndescription: Do it\n",
        "schema 1:10 task_id: the id 'ne\\u202ew' contains '\\u202e' (U+202E)" + ONLY,
    ),
    wrong(
        "task",
        "a zero-width space in an id",
        "task_id: ne\u200bw\ndescription: Do it\n",
        "schema 1:10 task_id: the id 'ne\\u200bw' contains '\\u200b' (U+200B)" + ONLY,
    ),
    wrong(
        "task",
        "a zero-width space after a key",
        "task_id\u200b: new\ndescription: Do it\n",
        "schema 1:1 task_id: missing; is 'task_id\\u200b' (it has U+200B) in line 1 meant?",
    ),
    wrong(
        "task",
        "a Cyrillic letter in a key",
        "t\u0430sk_id: new\ndescription: Do it\n",
        "schema 1:1 task_id: missing; is 'tаsk_id' (it has U+0430) in line 1 meant?",
    ),
    wrong(
        "task",
        "a full-width colon",
        "task_id\uff1a new\ndescription: Do it\n",
        "unparsable 1:1 text before the YAML ('task_id： new'); remove it, or begin its lines with #",
    ),
    wrong(
        "heartbeat",
        "full-width digits",
        BEAT + "progress_percentage: \uff14\uff10\n",
        "schema 3:22 progress_percentage: expected a number without quotes, found '４０'",
    ),
    taken("task", "emoji, Chinese, Arabic", TASK + "detailed_prompt: 😀 漢字 \u0645\u0631\u062d\u0628\u0627\n"),
    taken("task", "letters of the private area", TASK + "detailed_prompt: \ue000\U00100000\n"),
    wrong(
        "task",
        "U+FFFF, which YAML does not allow",
        TASK + "detailed_prompt: \uffff\n",
        "unparsable 3:18 a control character (U+FFFF)" + ESCAPE,
    ),
]

CASES = [*BREAKS, *CONTROLS, *LETTERS]
