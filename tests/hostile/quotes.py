"""What must be quoted, and is not: C72 of the fault catalogue."""

from tests.hostile.case import BEAT, MANIFEST, TASK, taken, wrong

# --- C72: what must be quoted, and is not
CASES = [
    wrong(
        "manifest",
        "evidence with a colon",
        MANIFEST + "subagent_notes: tests: 15/15\n",
        "unparsable 4:17 this value contains ': '; quote this value: subagent_notes: \"tests: 15/15\"",
    ),
    wrong(
        "manifest",
        "evidence with a colon in a list",
        MANIFEST + "issues_found:\n  - slow: on: Mondays\n",
        "unparsable 5:11 this value contains ': '; quote this value: - slow: \"on: Mondays\"",
    ),
    wrong(
        "heartbeat",
        "activity with a colon",
        BEAT + "current_activity: Fix: the parser\n",
        "unparsable 3:19 this value contains ': '; quote this value: current_activity: \"Fix: the parser\"",
    ),
    wrong(
        "task",
        "a description with a colon",
        "task_id: new\ndescription: Add users: GET and POST\n",
        "unparsable 2:14 this value contains ': '; quote this value: description: \"Add users: GET and POST\"",
    ),
    wrong(
        "task",
        "a value that begins with @",
        TASK + "detailed_prompt: @architect knows\n",
        "unparsable 3:18 no value can begin with '@'; quote this value: detailed_prompt: \"@architect knows\"",
    ),
    wrong(
        "task",
        "a value that begins with a backquote",
        TASK + "command: `make`\n",
        "unparsable 3:10 no value can begin with '`'; quote this value: command: \"`make`\"",
    ),
    wrong(
        "task",
        "a value that begins with %",
        TASK + "detailed_prompt: %d tests\n",
        "unparsable 3:18 no value can begin with '%'; quote this value: detailed_prompt: \"%d tests\"",
    ),
    wrong(
        "task",
        "a template",
        TASK + "detailed_prompt: {{ prompt }}\n",
        "unparsable 3:19 '{{' begins a mapping in YAML; quote this value: detailed_prompt: \"{{ prompt }}\"",
    ),
    wrong(
        "task",
        "a template in a list",
        TASK + "tags:\n  - {{ tag }}\n",
        "unparsable 4:6 '{{' begins a mapping in YAML; quote this value: - \"{{ tag }}\"",
    ),
    wrong(
        "task",
        "a shell variable in braces",
        TASK + "command: ${HOME}/run: now\n",
        "unparsable 3:10 this value contains ': '; quote this value: command: \"${HOME}/run: now\"",
    ),
    taken("task", "a shell variable", TASK + "command: $HOME/run ${X}\n"),
    wrong(
        "task",
        "a value that begins with *",
        TASK + "files: [*.py]\n",
        "unparsable 3:9 '*' has a meaning of its own in YAML; quote this value: files: [\"*.py\"]",
    ),
    wrong(
        "task",
        "a value that begins with &",
        TASK + "detailed_prompt: &c is a pointer\n",
        "unparsable 3:18 anchors (&c) are not read here; remove it, or quote the value",
    ),
    wrong(
        "task",
        "a value that begins with !",
        TASK + "detailed_prompt: !important\n",
        "unparsable 3:18 tags (!important) are not read; remove it, or quote the value",
    ),
    wrong(
        "task",
        "a value that begins with |",
        TASK + "detailed_prompt: | grep x\n",
        (
            "unparsable 3:20 the text of a block begins on the line after `|` or `>`, indented by spaces; "
            "or quote this value"
        ),
    ),
    wrong(
        "task",
        "a value that begins with >",
        TASK + "detailed_prompt: > out.txt 2>&1\n",
        (
            "unparsable 3:20 the text of a block begins on the line after `|` or `>`, indented by spaces; "
            "or quote this value"
        ),
    ),
    taken("task", "a value that begins with ?", TASK + "? detailed_prompt\n"),
    wrong(
        "task",
        "a value that begins with a comma",
        TASK + "detailed_prompt: , and so on\n",
        "unparsable 3:18 no value can begin with ','; quote this value: detailed_prompt: \", and so on\"",
    ),
    wrong(
        "task",
        "brackets with text behind",
        TASK + "detailed_prompt: [WIP] endpoint\n",
        (
            "unparsable 3:24 text follows the closing bracket; quote this value as a whole: "
            'detailed_prompt: "[WIP] endpoint"'
        ),
    ),
    wrong(
        "task",
        "a checkbox",
        TASK + "acceptance_criteria:\n  - [ ] It builds\n",
        'unparsable 4:9 text follows the closing bracket; quote this value as a whole: - "[ ] It builds"',
    ),
    wrong(
        "task",
        "a quote with text behind",
        TASK + 'detailed_prompt: "GET" and "POST"\n',
        (
            "unparsable 3:24 text follows the closing quote; quote this value as a whole: detailed_prompt: "
            '\'"GET" and "POST"\''
        ),
    ),
    wrong(
        "task",
        "an apostrophe inside single quotes",
        TASK + "detailed_prompt: 'don't'\n",
        ('unparsable 3:23 text follows the closing quote; quote this value as a whole: detailed_prompt: "don\'t"'),
    ),
    wrong(
        "task",
        "a quote that is never closed",
        TASK + 'detailed_prompt: "open\npriority: low\n',
        "unparsable 3:18 the quote that opens here is never closed",
    ),
    wrong(
        "task",
        "a Windows path in double quotes",
        TASK + 'detailed_prompt: "C:\\users\\x"\n',
        "unparsable 3:23 no such escape in double quotes; double the backslash (\\\\), or use single quotes",
    ),
    wrong(
        "task",
        "a regular expression in double quotes",
        TASK + 'command: "grep \\d+ x"\n',
        "unparsable 3:16 no such escape in double quotes; double the backslash (\\\\), or use single quotes",
    ),
    taken("task", "a hash that becomes a comment", TASK + "detailed_prompt: fix issue #7\n"),
    wrong(
        "task",
        "a bracket that is never closed",
        TASK + "tags: [a, b\nfiles: [c]\n",
        (
            "unparsable 3:7 the bracket that opens here is not closed, or a comma is missing inside; if "
            'this is text, quote this value: tags: "[a, b"'
        ),
    ),
    wrong(
        "task",
        "a bracket that nothing opens",
        TASK + "tags: a]\nfiles: ]\n",
        "unparsable 4:8 no value can begin with ']'; quote this value: files: \"]\"",
    ),
]
