"""One kind of value where another belongs, in tasks: C68 of the fault catalogue."""

from tests.hostile.case import ONLY, TASK, wrong

# --- C68: one kind where another belongs
CASES = [
    wrong(
        "task",
        "text for a list",
        TASK + "files: src/users.py\n",
        "schema 3:8 files: expected a list, found 'src/users.py'; write it as a list: [src/users.py]",
    ),
    wrong(
        "task",
        "text for a list of dependencies",
        TASK + "dependencies: t1\n",
        "schema 3:15 dependencies: expected a list, found 't1'; write it as a list: [t1]",
    ),
    wrong(
        "task",
        "text for hard dependencies",
        TASK + "dependencies: {hard_dependencies: t1}\n",
        "schema 3:35 dependencies.hard_dependencies: expected a list, found 't1'; write it as a list: [t1]",
    ),
    wrong(
        "task",
        "text for a data dependency",
        TASK + "dependencies: {data_dependencies: [t1]}\n",
        "schema 3:36 dependencies.data_dependencies.0: expected a mapping, found 't1'",
    ),
    wrong(
        "task",
        "a number for dependencies",
        TASK + "dependencies: 3\n",
        "schema 3:15 dependencies: expected a list of task ids, found 3",
    ),
    wrong(
        "task",
        "true for dependencies",
        TASK + "dependencies: true\n",
        "schema 3:15 dependencies: expected a list of task ids, found true",
    ),
    wrong(
        "task",
        "a list in a list of dependencies",
        TASK + "dependencies: [[t1]]\n",
        "schema 3:16 dependencies.0: expected a mapping, found a list",
    ),
    wrong(
        "task",
        "text for criteria",
        TASK + "acceptance_criteria: All tests pass\n",
        (
            "schema 3:22 acceptance_criteria: expected a list, found 'All tests pass'; write each criterion "
            "as an item: - All tests pass"
        ),
    ),
    wrong(
        "task",
        "a mapping for criteria",
        TASK + "acceptance_criteria: {criterion: All tests pass}\n",
        "schema 3:22 acceptance_criteria: expected a list, found a mapping",
    ),
    wrong(
        "task",
        "a blank criterion",
        TASK + "acceptance_criteria: ['']\n",
        "schema 3:23 acceptance_criteria.0: must not be empty",
    ),
    wrong(
        "task",
        "null among criteria",
        TASK + "acceptance_criteria: [~]\n",
        "schema 3:23 acceptance_criteria.0: expected a mapping, found nothing",
    ),
    wrong(
        "task",
        "a list of checks",
        TASK + "acceptance_criteria: [{criterion: x, check: [make, test]}]\n",
        "schema 3:45 acceptance_criteria.0.check: expected text, found a list",
    ),
    wrong(
        "task",
        "yes for true",
        TASK + "acceptance_criteria: [{criterion: x, check: y, must_fail_before: yes}]\n",
        "schema 3:66 acceptance_criteria.0.must_fail_before: expected true or false, found 'yes'",
    ),
    wrong(
        "task",
        "1 for true",
        TASK + "acceptance_criteria: [{criterion: x, check: y, must_fail_before: 1}]\n",
        "schema 3:66 acceptance_criteria.0.must_fail_before: expected true or false, found 1",
    ),
    wrong(
        "task",
        "a list for text",
        TASK + "detailed_prompt: [a, b]\n",
        "schema 3:18 detailed_prompt: expected text, found a list",
    ),
    wrong(
        "task",
        "a mapping for text",
        TASK + "command: {run: make}\n",
        "schema 3:10 command: expected text, found a mapping",
    ),
    wrong(
        "task",
        "true in a list of texts",
        TASK + "tags: [true, a]\n",
        "schema 3:8 tags.0: expected text, found true; put it in quotes if it is text",
    ),
    wrong(
        "task",
        "null in a list of texts",
        TASK + "files: [a, ~]\n",
        "schema 3:12 files.1: expected text, found nothing; put it in quotes if it is text",
    ),
    wrong(
        "task", "a list in a list of texts", TASK + "files: [[a]]\n", "schema 3:9 files.0: expected text, found a list"
    ),
    wrong(
        "task",
        "a mapping for a list of texts",
        TASK + "skills: {python: 3}\n",
        "schema 3:9 skills: expected a list, found a mapping",
    ),
    wrong(
        "task",
        "an unknown priority",
        TASK + "priority: urgent\n",
        "schema 3:11 priority: expected critical, high, normal, low; found 'urgent'",
    ),
    wrong(
        "task",
        "a priority in capitals",
        TASK + "priority: HIGH\n",
        "schema 3:11 priority: expected critical, high, normal, low; found 'HIGH'; did you mean 'high'?",
    ),
    wrong(
        "task",
        "a priority that is a number",
        TASK + "priority: 1\n",
        "schema 3:11 priority: expected critical, high, normal, low; found 1",
    ),
    wrong(
        "task",
        "an empty domain",
        TASK + "domain: ''\n",
        "schema 3:9 domain: an id must not be empty; use 1 to 100 of A-Z a-z 0-9 . _ -",
    ),
    wrong(
        "task",
        "ids of seven kinds",
        TASK + "assigned_agent: [x]\nparent_task_id: 1.5\ndomain: a b\n",
        "schema 3:17 assigned_agent: an id is text, found a list; write one id",
        "schema 5:9 domain: the id 'a b' contains ' ' (U+0020)" + ONLY,
    ),
]
