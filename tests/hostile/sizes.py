"""Large files, keys, texts and lists: C66 of the fault catalogue."""

from tests.hostile.case import BEAT, MANIFEST, PLEA, TASK, taken, wrong

# --- C66: size
CASES = [
    wrong(
        "task",
        "one byte above the limit",
        TASK.ljust((1 << 20) + 1, "#"),
        "unreadable /Agent_Memory/inst_1/tasks/pending/new.yaml: 1048577 bytes; at most 1048576 are read",
    ),
    taken("task", "exactly at the limit", TASK.ljust(1 << 20, "#")),
    wrong(
        "heartbeat",
        "two mebibytes of spaces",
        BEAT + " " * (2 << 20),
        "unparsable /Agent_Memory/inst_1/heartbeats/ann_t1.yaml: 2097180 bytes; at most 1048576 are read",
    ),
    wrong(
        "config",
        "two mebibytes",
        "# " + "x" * (2 << 20),
        "unparsable 2097154 bytes; at most 1048576 are read; what was in force stays",
    ),
    taken("task", "a text of 900,000 letters", TASK + "detailed_prompt: " + "x" * 900_000 + "\n"),
    wrong(
        "task",
        "a key of 900,000 letters",
        "k" * 900_000 + ": 1\n" + TASK,
        "unparsable 1:900001 a colon that ends no key; quote this text, or check the indentation",
    ),
    wrong(
        "task",
        "60,000 keys",
        "".join(f"k{n}: 1\n" for n in range(60_000)),
        "unparsable 25000:9 more than 50000 keys and values; split the file",
    ),
    wrong(
        "plan",
        "20,000 empty items",
        "description: x\ntasks: [" + "[]," * 20_000 + "]\n",
        "schema 2:9 tasks.0: expected a mapping, found a list",
        "schema 2:12 tasks.1: expected a mapping, found a list",
        "schema 2:15 tasks.2: expected a mapping, found a list",
        "and 98 more",
    ),
    wrong(
        "task",
        "an id of 900,000 letters",
        "task_id: " + "x" * 900_000 + "\ndescription: Do it\n",
        (
            "schema 1:10 task_id: the id 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…' has "
            "900000 characters; shorten it to at most 100"
        ),
    ),
    wrong(
        "task",
        "10,000 wrong items",
        TASK + "acceptance_criteria: [" + "[]," * 10_000 + "]\n",
        "schema 3:23 acceptance_criteria.0: expected a mapping, found a list",
        "schema 3:26 acceptance_criteria.1: expected a mapping, found a list",
        "schema 3:29 acceptance_criteria.2: expected a mapping, found a list",
        "and 98 more",
    ),
    wrong(
        "task",
        "10,000 keys that are there twice",
        TASK + "a: 1\n" * 10_000,
        "unparsable 4:1 the key 'a' stands twice in this mapping, in line 3 and in line 4; remove one",
        "unparsable 5:1 the key 'a' stands twice in this mapping, in line 3 and in line 5; remove one",
        "unparsable 6:1 the key 'a' stands twice in this mapping, in line 3 and in line 6; remove one",
        "and 98 more",
    ),
    taken(
        "escalation",
        "a thousand keys that nobody knows",
        PLEA + "".join(f"k{n}: 1\n" for n in range(1000)),
        "5:1: k0: unknown key, kept but not read",
        "6:1: k1: unknown key, kept but not read",
        "7:1: k2: unknown key, kept but not read",
        "and 17 more",
    ),
    wrong(
        "manifest",
        "400,000 line breaks and a quote",
        MANIFEST + "\n" * 400_000 + '"',
        "unparsable 400004:1 the quote that opens here is never closed",
    ),
    wrong(
        "task",
        "100,000 colons",
        ":" * 100_000,
        "unparsable 1:100000 a colon that ends no key; quote this text, or check the indentation",
    ),
    wrong(
        "task",
        "300,000 backslashes in quotes",
        TASK + 'detailed_prompt: "' + "\\\\" * 150_000 + "\n",
        "unparsable 3:18 the quote that opens here is never closed",
    ),
]
