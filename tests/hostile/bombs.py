"""Small files that ask for much: C63 to C65 of the fault catalogue."""

from tests.hostile.case import BEAT, MANIFEST, PLAN, PLEA, TASK, taken, wrong

_ALIASES = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
_ALIASES += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))

# --- C63: nesting
DEEP = [
    wrong("task", "25,000 brackets", "[" * 25_000, "unparsable 1:65 nested deeper than 64 levels; make it flatter"),
    wrong(
        "heartbeat",
        "a million brackets",
        "[" * 1_000_000,
        "unparsable 1:65 nested deeper than 64 levels; make it flatter",
    ),
    wrong(
        "manifest",
        "200,000 mappings in one line",
        "{a: " * 200_000,
        "unparsable 1:257 nested deeper than 64 levels; make it flatter",
    ),
    wrong("plan", "300,000 dashes", "- " * 300_000, "unparsable 1:129 nested deeper than 64 levels; make it flatter"),
    wrong(
        "request",
        "100,000 question marks",
        "? " * 100_000,
        "unparsable 1:3 a key must be text; found a list or a mapping",
        "unparsable 1:5 a key must be text; found a list or a mapping",
        "unparsable 1:7 a key must be text; found a list or a mapping",
        "and 61 more",
    ),
    wrong(
        "task",
        "a list in a list, 100 deep, after good keys",
        TASK + "tags: " + "[" * 100 + "]" * 100 + "\n",
        "unparsable 3:70 nested deeper than 64 levels; make it flatter",
    ),
    wrong(
        "task",
        "65 levels by indentation",
        TASK + "".join(f"{' ' * n}k:\n" for n in range(65)) + " " * 65 + "k: 1\n",
        "unparsable 67:65 nested deeper than 64 levels; make it flatter",
    ),
    taken(
        "task",
        "62 levels below the top",
        TASK + "x: " + "[" * 62 + "]" * 62 + "\n",
        "3:1: x: unknown key, kept but not read",
    ),
    wrong(
        "task",
        "64 levels below the top",
        TASK + "x: " + "[" * 64 + "]" * 64 + "\n",
        "unparsable 3:67 nested deeper than 64 levels; make it flatter",
    ),
    wrong(
        "config",
        "100,000 brackets",
        "settle_seconds: " + "[" * 100_000,
        "unparsable 1:80 nested deeper than 64 levels; make it flatter",
    ),
    wrong(
        "message",
        "100,000 brackets",
        "text: " + "[" * 100_000,
        "unparsable 1:70 nested deeper than 64 levels; make it flatter",
    ),
    wrong(
        "arrival", "100,000 brackets", "[" * 100_000, "unparsable 1:65 nested deeper than 64 levels; make it flatter"
    ),
]

# --- C64: anchors, aliases, merge keys
ALIASES = [
    wrong(
        "task",
        "an alias bomb",
        _ALIASES,
        "unparsable 1:5 anchors (&a0) are not read here; remove it, or quote the value",
        "unparsable 2:5 anchors (&a1) are not read here; remove it, or quote the value",
        "unparsable 2:10 aliases (*a0) are not read here; write the value out, or quote it",
        "and 98 more",
    ),
    wrong(
        "plan",
        "an alias bomb",
        PLAN + _ALIASES,
        "unparsable 5:5 anchors (&a0) are not read here; remove it, or quote the value",
        "unparsable 6:5 anchors (&a1) are not read here; remove it, or quote the value",
        "unparsable 6:10 aliases (*a0) are not read here; write the value out, or quote it",
        "and 98 more",
    ),
    wrong("config", "an alias bomb", _ALIASES, "unparsable 5:35 more than 50000 keys and values; split the file"),
    wrong(
        "task",
        "an anchor and its alias",
        "task_id: &name new\ndescription: *name\n",
        "unparsable 1:10 anchors (&name) are not read here; remove it, or quote the value",
        "unparsable 2:14 aliases (*name) are not read here; write the value out, or quote it",
    ),
    wrong(
        "task",
        "an alias in its own value",
        TASK + "tags: &a [*a]\n",
        "unparsable 3:7 anchors (&a) are not read here; remove it, or quote the value",
        "unparsable 3:11 aliases (*a) are not read here; write the value out, or quote it",
    ),
    wrong(
        "config",
        "an alias in its own value",
        "settle_seconds: &a [*a]\n",
        "unparsable 1:21 the alias *a names nothing that is complete before it",
    ),
    taken("config", "an anchor and its alias", "settle_seconds: &s 2\nscan_interval: *s\n"),
    wrong(
        "config",
        "an alias before its anchor",
        "scan_interval: *s\nsettle_seconds: &s 2\n",
        "unparsable 1:16 the alias *s names nothing that is complete before it",
    ),
    wrong(
        "config",
        "an alias as a key",
        "? &s x\n: 1\n? *s\n: 2\n",
        "unparsable 3:3 an alias cannot be a key; write the key out",
    ),
    wrong(
        "task",
        "a merge key",
        TASK + "<<: {priority: high}\n",
        "unparsable 3:1 merge keys (`<<`) are not read; write the keys out",
    ),
    wrong(
        "config",
        "a merge key",
        "x: &x {settle_seconds: 1}\n<<: *x\n",
        "unparsable 2:1 merge keys (`<<`) are not read; write the keys out",
    ),
    wrong(
        "manifest",
        "an anchor on the mapping",
        "--- &all\n" + MANIFEST,
        "unparsable 1:5 anchors (&all) are not read here; remove it, or quote the value",
    ),
    wrong(
        "escalation",
        "an alias with control characters",
        PLEA + 'impact: *a"\\e[2J"\n',
        "unparsable 5:9 '*' has a meaning of its own in YAML; quote this value: impact: '*a\"\\e[2J\"'",
    ),
]

# --- C65: tags
TAGS = [
    wrong(
        "task",
        "!!python/object/apply",
        TASK + "tags: !!python/object/apply:os.system [touch /tmp/x]\n",
        "unparsable 3:7 tags (!!python/object/apply:os.system) are not read; remove it, or quote the value",
    ),
    wrong(
        "task",
        "!!python/name",
        TASK + "detailed_prompt: !!python/name:os.system\n",
        "unparsable 3:18 tags (!!python/name:os.system) are not read; remove it, or quote the value",
    ),
    wrong(
        "task",
        "!!python/object/new",
        "!!python/object/new:os.system [ls]\n",
        "unparsable 1:1 tags (!!python/object/new:os.system) are not read; remove it, or quote the value",
    ),
    wrong(
        "task",
        "!!binary",
        TASK + "detailed_prompt: !!binary aGk=\n",
        "unparsable 3:18 tags (!!binary) are not read; remove it, or quote the value",
    ),
    wrong(
        "task",
        "!!set",
        TASK + "tags: !!set {a, b}\n",
        "unparsable 3:7 tags (!!set) are not read; remove it, or quote the value",
    ),
    wrong(
        "task",
        "!!omap",
        TASK + "tags: !!omap [a: 1]\n",
        "unparsable 3:7 tags (!!omap) are not read; remove it, or quote the value",
    ),
    wrong(
        "task",
        "!!timestamp",
        TASK + "detailed_prompt: !!timestamp 2026-01-10\n",
        "unparsable 3:18 tags (!!timestamp) are not read; remove it, or quote the value",
    ),
    wrong(
        "heartbeat",
        "!!str",
        BEAT + "current_activity: !!str 5\n",
        "unparsable 3:19 tags (!!str) are not read; remove it, or quote the value",
    ),
    wrong(
        "heartbeat",
        "!!float",
        BEAT + "progress_percentage: !!float 5\n",
        "unparsable 3:22 tags (!!float) are not read; remove it, or quote the value",
    ),
    wrong(
        "heartbeat",
        "!",
        BEAT + "current_activity: ! 5\n",
        "unparsable 3:19 tags (!) are not read; remove it, or quote the value",
    ),
    wrong(
        "heartbeat",
        "a tag of its own",
        BEAT + "current_activity: !env HOME\n",
        "unparsable 3:19 tags (!env) are not read; remove it, or quote the value",
    ),
    wrong(
        "config",
        "!!int",
        "settle_seconds: !!int '3'\n",
        "unparsable 1:17 tags (!!int) are not read; remove it, or quote the value",
    ),
    wrong(
        "task",
        "a tag directive",
        "%TAG ! tag:evil,2026:\n---\n" + TASK,
        "unparsable 1:1 directives (%TAG) are not read; remove this line",
    ),
    wrong(
        "task",
        "a tag directive behind a byte order mark",
        "\ufeff%TAG ! tag:evil,2026:\n---\n" + TASK,
        "unparsable 1:4 directives (%TAG) are not read; remove this line",
    ),
    wrong(
        "task",
        "60,000 tag directives",
        "%TAG !a! x\n" * 60_000 + "---\n" + TASK,
        "unparsable 1:1 directives (%TAG) are not read; remove this line",
    ),
    wrong(
        "task",
        "a version directive of the future",
        "%YAML 3.0\n---\n" + TASK,
        "unparsable 1:1 directives (lines that begin with %) are not read; remove this line",
    ),
    taken("task", "a version directive", "%YAML 1.2\n---\n" + TASK),
    wrong(
        "task",
        "an unknown directive",
        "%FOO bar\n---\n" + TASK,
        "unparsable 1:5 directives (lines that begin with %) are not read; remove this line",
    ),
]

CASES = [*DEEP, *ALIASES, *TAGS]
