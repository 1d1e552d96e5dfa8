"""Nothing, several documents, equal keys, indentation: C59 to C61 of the fault catalogue."""

from tests.hostile.case import BEAT, DOCUMENT, LETTER, MANIFEST, MET, NEITHER, PLAN, PLEA, TASK, taken, wrong

# --- C59: nothing, or something else than a mapping
NOTHING = [
    wrong("task", "empty", "", "unparsable 1:1 expected a mapping, found an empty file, line 1"),
    wrong("plan", "empty", "", "unparsable 1:1 expected a mapping, found an empty file, line 1"),
    wrong("heartbeat", "empty", "", "unparsable 1:1 expected a mapping, found an empty file, line 1"),
    wrong("manifest", "empty", "", "unparsable 1:1 expected a mapping, found an empty file, line 1"),
    wrong("escalation", "empty", "", "unparsable 1:1 expected a mapping, found an empty file, line 1"),
    wrong("response", "empty", "", "unparsable 1:1 expected a mapping, found an empty file, line 1"),
    wrong("request", "empty", "", "unparsable 1:1 expected a mapping, found an empty file, line 1"),
    wrong("message", "empty", "", "unparsable 1:1 expected a mapping, found an empty file, line 1"),
    wrong("config", "empty", "", "unparsable 1:1 expected a mapping, found an empty file, line 1"),
    taken("arrival", "empty", ""),
    wrong("instruction", "empty", "", "unparsable 1:1 expected a mapping, found an empty file, line 1"),
    wrong("task", "blank lines", "\n \n\n", "unparsable 1:1 expected a mapping, found an empty file, line 1"),
    wrong(
        "task",
        "comments only",
        "# task_id: new\n# description: Do it\n",
        "unparsable 1:1 expected a mapping, found only comments, line 1",
    ),
    taken("config", "comments only", "# settle_seconds: 3\n"),
    taken("arrival", "comments only", "# here I am\n---\n...\n"),
    wrong("manifest", "the end marker only", "...\n", "unparsable 1:1 expected a mapping, found an empty file, line 1"),
    wrong("heartbeat", "null", "null\n", "unparsable 1:1 expected a mapping, found nothing (null), line 1"),
    wrong("heartbeat", "a tilde", "~\n", "unparsable 1:1 expected a mapping, found nothing (null), line 1"),
    wrong("task", "a document start only", "---\n", "unparsable 2:1 expected a mapping, found nothing (null), line 2"),
    wrong("manifest", "a number", "42\n", "unparsable 1:1 expected a mapping, found 42, line 1"),
    wrong("request", "a word", "cancel\n", "unparsable 1:1 expected a mapping, found text ('cancel'), line 1"),
    wrong("request", "true", "true\n", "unparsable 1:1 expected a mapping, found true, line 1"),
    wrong(
        "plan",
        "a list of tasks",
        "- task_id: a\n  description: Do it\n",
        "unparsable 1:1 expected a mapping, found a list, line 1",
    ),
    wrong("escalation", "an empty list", "[]\n", "unparsable 1:1 expected a mapping, found a list, line 1"),
    wrong("config", "a list", "- settle_seconds: 3\n", "unparsable 1:1 expected a mapping, found a list, line 1"),
    wrong(
        "response",
        "a sentence",
        "Please resume it.\n",
        "unparsable 1:1 expected a mapping, found text ('Please resume it.'), line 1",
    ),
    wrong(
        "task",
        "JSON in quotes",
        '"{\\"task_id\\": \\"new\\"}"\n',
        'unparsable 1:1 expected a mapping, found text (\'{"task_id": "new"}\'), line 1',
    ),
    wrong(
        "manifest",
        "an empty mapping",
        "{}\n",
        "schema 1:1 task_id: missing; add it",
        "schema 1:1 subagent: missing; add it",
        "schema 1:1 status: missing; add it",
    ),
    wrong(
        "plan",
        "an empty mapping",
        "{}\n",
        "schema 1:1 description: missing; add it",
        "schema 1:1 tasks: missing; add it",
    ),
    taken("arrival", "an empty mapping", "{}\n"),
]

# --- C60: several documents
DOCUMENTS = [
    wrong("task", "two documents", TASK + "---\n" + TASK, "unparsable 3:1 " + DOCUMENT),
    wrong(
        "plan",
        "one document a task",
        "description: All\n---\ntask_id: a\n---\ntask_id: b\n",
        "unparsable 2:1 " + DOCUMENT,
    ),
    wrong("heartbeat", "a new document at each beat", "---\n" + BEAT + "---\n" + BEAT, "unparsable 4:1 " + DOCUMENT),
    wrong("manifest", "--- at the end", MANIFEST + "---\n", "unparsable 4:1 " + DOCUMENT),
    wrong(
        "manifest",
        "text after the end marker",
        MANIFEST + "...\nI hope this helps!\n",
        "unparsable 5:1 what follows the end of the document (`...`) is not read; remove it",
    ),
    wrong(
        "escalation",
        "front matter",
        "---\n" + PLEA + "---\n# Which port?\n\nThe plan says nothing.\n",
        "unparsable 6:1 " + DOCUMENT,
    ),
    wrong(
        "request",
        "two JSON objects",
        '{"action": "pause"}\n{"action": "resume"}\n',
        "unparsable 2:1 a second value follows the first; a file holds one mapping",
    ),
    wrong(
        "task",
        "JSON lines",
        '{"task_id": "new",\n"description": "Do it"} {"task_id": "newer"}\n',
        "unparsable 2:25 a second value follows the first; a file holds one mapping",
    ),
    taken("task", "one document between its marks", "---\n" + TASK + "...\n"),
    taken("task", "two end markers", TASK + "...\n...\n"),
    wrong(
        "task",
        "--- with text behind it",
        "--- " + TASK,
        "unparsable 1:12 what follows `---` begins on a line of its own",
    ),
]

# --- C61: equal keys
TWICE = [
    wrong(
        "manifest",
        "status twice",
        MANIFEST + "artifacts: []\nstatus: failed\n",
        "unparsable 5:1 the key 'status' stands twice in this mapping, in line 3 and in line 5; remove one",
    ),
    wrong(
        "task",
        "a key thrice",
        TASK + "priority: low\npriority: high\npriority: normal\n",
        "unparsable 4:1 the key 'priority' stands twice in this mapping, in line 3 and in line 4; remove one",
        "unparsable 5:1 the key 'priority' stands twice in this mapping, in line 3 and in line 5; remove one",
    ),
    wrong(
        "task",
        "once in quotes",
        TASK + '"description": Do it twice\n',
        ("unparsable 3:1 the key 'description' stands twice in this mapping, in line 2 and in line 3; remove one"),
    ),
    wrong(
        "plan",
        "in an item of a list",
        PLAN + "    task_id: b\n",
        "unparsable 5:5 the key 'task_id' stands twice in this mapping, in line 3 and in line 5; remove one",
    ),
    wrong(
        "heartbeat",
        "in a flow mapping",
        "{agent_name: ann, task_id: t1, task_id: t2}\n",
        "unparsable 1:32 the key 'task_id' stands twice in this mapping, in line 1; remove one",
    ),
    wrong(
        "config",
        "in a section",
        "settle_seconds: 1\nsettle_seconds: 2\n",
        ("unparsable 2:1 the key 'settle_seconds' stands twice in this mapping, in line 1 and in line 2; remove one"),
    ),
    wrong(
        "task",
        "a key of 200 letters",
        TASK + ("k" * 200 + ": 1\n") * 2,
        (
            "unparsable 4:1 the key 'kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk…' stands "
            "twice in this mapping, in line 3 and in line 4; remove one"
        ),
    ),
    taken("task", "in two mappings", TASK + "detailed_prompt: a\ncommand: b\n"),
    wrong(
        "message",
        "text twice",
        LETTER + "text: a\ntext: b\n",
        "unparsable 5:1 the key 'text' stands twice in this mapping, in line 4 and in line 5; remove one",
    ),
]

# --- indentation
INDENT = [
    wrong(
        "task",
        "a tab before a key",
        "task_id: new\n\tdescription: Do it\n",
        "unparsable 2:1 this line is indented with a tab; use spaces",
    ),
    wrong(
        "manifest",
        "a tab in a list",
        MANIFEST + "artifacts:\n\t- path: a\n",
        "unparsable 5:1 this line is indented with a tab; use spaces",
    ),
    wrong(
        "plan",
        "tabs throughout",
        "description: x\ntasks:\n\t- task_id: a\n\t  description: b\n",
        "unparsable 3:1 this line is indented with a tab; use spaces",
    ),
    taken("task", "a tab after the colon", "task_id:\tnew\ndescription:\tDo it\n"),
    wrong(
        "task",
        "a no-break space before a key",
        "task_id: new\n\u00a0description: Do it\n",
        "schema 1:1 description: missing; is '\xa0description' (it has U+00A0) in line 2 meant?",
    ),
    wrong(
        "task",
        "an ideographic space before a key",
        "task_id: new\n\u3000description: Do it\n",
        "schema 1:1 description: missing; is '\u3000description' (it has U+3000) in line 2 meant?",
    ),
    wrong(
        "task",
        "one space too many",
        "task_id: new\n description: Do it\n",
        (
            "unparsable 2:2 a key cannot begin here: the line above ('task_id: new') already has a value; "
            "give both lines the same indentation"
        ),
    ),
    wrong(
        "plan",
        "the second key of an item too far left",
        "description: x\ntasks:\n  - task_id: a\n   description: b\n",
        (
            "unparsable 4:4 this line is indented by 3, which fits no line above it; the list that it may "
            "belong to (line 3) is indented by 2"
        ),
    ),
    wrong(
        "task",
        "a list item among keys",
        TASK + "- tags\n",
        "unparsable 3:1 a list item stands where the next key of the mapping from line 1 belongs",
    ),
    wrong(
        "task",
        "a list on the line of its key",
        TASK + "tags: - a\n",
        "unparsable 3:7 a list begins on a line of its own, below its key; or quote this value",
    ),
    wrong(
        "task",
        "text without indentation below a bar",
        TASK + "detailed_prompt: |\nDo this.\nAnd that.\n",
        "unparsable 4:1 'Do this.'" + NEITHER,
    ),
    taken("plan", "a list as far left as its key", "description: x\ntasks:\n- task_id: a\n  description: b\n"),
    taken("task", "everything indented", "  task_id: new\n  description: Do it\n"),
    wrong(
        "task",
        "the first key indented",
        "  task_id: new\ndescription: Do it\n",
        (
            "unparsable 2:1 this line begins further left than the first key; give all keys of a mapping "
            "the same indentation"
        ),
    ),
    taken("manifest", "a blank line with spaces", MANIFEST + "   \nartifacts: []\n" + MET),
]

CASES = [*NOTHING, *DOCUMENTS, *TWICE, *INDENT]
