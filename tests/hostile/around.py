"""What language models put around and into YAML: C71 of the fault catalogue."""

from tests.hostile.case import BEAT, FENCE, MANIFEST, NEITHER, ONLY, PLAN, PLEA, REPLY, TASK, taken, wrong

# --- C71: what language models put around and into it
CASES = [
    wrong(
        "manifest",
        "a Markdown fence",
        f"```yaml\n{MANIFEST}artifacts: []\n```\n",
        "unparsable 1:1 a Markdown fence in line 1, 6" + FENCE,
    ),
    wrong("plan", "a Markdown fence", f"```yaml\n{PLAN}```\n", "unparsable 1:1 a Markdown fence in line 1, 6" + FENCE),
    wrong(
        "heartbeat",
        "a fence without a language",
        f"```\n{BEAT}```\n",
        "unparsable 1:1 a Markdown fence in line 1, 4" + FENCE,
    ),
    wrong("task", "a fence of tildes", f"~~~yaml\n{TASK}~~~\n", "unparsable 1:1 a Markdown fence in line 1, 4" + FENCE),
    wrong(
        "task", "a fence that is never closed", f"```yaml\n{TASK}", "unparsable 1:1 a Markdown fence in line 1" + FENCE
    ),
    wrong("task", "only the closing fence", f"{TASK}```\n", "unparsable 3:1 a Markdown fence in line 3" + FENCE),
    wrong(
        "escalation",
        "a sentence and a fence",
        f"Here is the escalation:\n\n```yaml\n{PLEA}```\n",
        "unparsable 3:1 a Markdown fence in line 3, 8" + FENCE,
    ),
    wrong(
        "task",
        "a fence inside a text block",
        TASK + "detailed_prompt: |\n  Run:\n```sh\nmake\n```\n",
        "unparsable 5:1 a Markdown fence in line 5, 7" + FENCE,
    ),
    taken("task", "a fence inside a text block, indented", TASK + "detailed_prompt: |\n  ```sh\n  make\n  ```\n"),
    wrong(
        "manifest",
        "a sentence before it",
        "Here is the manifest you asked for.\n\n" + MANIFEST,
        (
            "unparsable 1:1 text before the YAML ('Here is the manifest you asked for.'); remove it, or "
            "begin its lines with #"
        ),
    ),
    wrong(
        "response",
        "a polite end",
        REPLY + "\nLet me know if you need anything else!\n",
        "unparsable 4:1 'Let me know if you need anything else!'" + NEITHER,
    ),
    wrong(
        "heartbeat",
        "thinking before it",
        "<thinking>I should beat.</thinking>\n" + BEAT,
        (
            "unparsable 1:1 text before the YAML ('<thinking>I should beat.</thinking>'); remove it, or "
            "begin its lines with #"
        ),
    ),
    taken("request", "a heading before it", "## Request\naction: pause\n"),
    wrong(
        "request",
        "a bold heading before it",
        "**Request**\n\naction: pause\n",
        "unparsable 1:1 '**Request**'" + NEITHER,
    ),
    wrong(
        "manifest",
        "Markdown bullets",
        "* task_id: t1\n* subagent: ann\n",
        "unparsable 1:1 an item of a list begins with `- `, not with `* `",
    ),
    wrong(
        "heartbeat",
        "a Markdown table",
        "| agent_name | ann |\n| task_id | t1 |\n",
        "unparsable 1:1 '| agent_name | ann |'" + NEITHER,
    ),
    wrong(
        "task",
        "curly quotes around a value",
        "task_id: new\ndescription: “Do it: now”\n",
        (
            "unparsable 2:14 this value contains ': '; quote this value: description: \"Do it: now\"; curly "
            "quotes are ordinary letters to YAML"
        ),
    ),
    wrong(
        "task",
        "curly quotes around an id",
        "task_id: “new”\ndescription: Do it\n",
        "schema 1:10 task_id: the id '“new”' contains '“' (U+201C)" + ONLY,
    ),
    wrong(
        "manifest",
        "curly quotes around a path",
        MANIFEST + "artifacts: [{path: “a.py”, size_bytes: “3”}]\n",
        "schema 4:13 artifacts.0.checksum: missing; add it",
        "schema 4:40 artifacts.0.size_bytes: expected a whole number without quotes, found '“3”'",
    ),
    wrong(
        "task",
        "no space after the colon",
        "task_id:new\ndescription: Do it\n",
        "unparsable 1:8 a space is missing after the colon; write: task_id: new",
    ),
    wrong(
        "heartbeat",
        "no space after any colon",
        "agent_name:ann\ntask_id:t1\n",
        (
            "unparsable 1:1 expected a mapping, found text ('agent_name:ann task_id:t1'; put a space after "
            "the colon), line 1"
        ),
    ),
    wrong(
        "heartbeat",
        "no space after the one colon",
        "agent_name:ann\n",
        ("unparsable 1:1 expected a mapping, found text ('agent_name:ann'; put a space after the colon), line 1"),
    ),
    wrong(
        "task",
        "no space after the dash",
        TASK + "tags:\n  -a\n  - b\n",
        "schema 4:3 tags: expected a list, found '-a - b'; put a space after each dash",
    ),
    wrong(
        "task",
        "an equals sign for the colon",
        "task_id = new\ndescription = Do it\n",
        (
            "unparsable 1:1 expected a mapping, found text ('task_id = new description = Do it'; write "
            "`key: value`, with a colon), line 1"
        ),
    ),
    wrong(
        "request",
        "JSON with single quotes and a comment",
        "{'action': 'pause'} // now\n",
        "unparsable 1:21 a second value follows the first; a file holds one mapping",
    ),
    taken("request", "JSON with a trailing comma", '{"action": "pause",}\n'),
    wrong(
        "request",
        "JSON without its end",
        '{"action": "pause", "from": "rita"\n',
        (
            "unparsable 1:1 the bracket that opens here is not closed, or a comma is missing inside; if "
            'this is text, quote this value: \'{"action": "pause", "from": "rita"\''
        ),
    ),
    wrong(
        "request",
        "TOML",
        '[request]\naction = "pause"\n',
        "unparsable 2:1 a second value follows the first; a file holds one mapping",
    ),
    wrong(
        "request",
        "XML",
        "<action>pause</action>\n",
        "unparsable 1:1 expected a mapping, found text ('<action>pause</action>'), line 1",
    ),
    wrong("request", "a shell here-document's end", "action: pause\nEOF\n", "unparsable 2:1 'EOF'" + NEITHER),
    wrong(
        "request",
        "a patch",
        "+action: pause\n+from: rita\n",
        "schema 1:1 action: missing; is '+action' in line 1 meant?",
    ),
    wrong(
        "task",
        "conflict markers",
        "<<<<<<< HEAD\n" + TASK + "=======\n>>>>>>> main\n",
        "unparsable 1:1 text before the YAML ('<<<<<<< HEAD'); remove it, or begin its lines with #",
    ),
    wrong(
        "task",
        "numbered lines",
        "1\ttask_id: new\n2\tdescription: Do it\n",
        "schema 1:1 task_id: missing; is '1\\ttask_id' in line 1 meant?",
        "schema 1:1 description: missing; is '2\\tdescription' in line 2 meant?",
    ),
]
