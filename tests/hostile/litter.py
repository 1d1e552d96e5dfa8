"""Names of files that are read by nobody, and near misses: C55 and C78 of the fault catalogue."""

import os

from tests.hostile.case import TASK, Case, ignored, wrong

# --- C55, C78: names that are read by nobody, and near misses
LITTER = [
    *(
        ignored("task", f"litter: {name}", name=name)
        for name in (
            ".new.yaml.swp",
            "4913",
            "new.yaml~",
            "#new#",
            ".#new.yaml",
            ".nfs0001",
            ".DS_Store",
            "new.yaml.bak",
        )
    ),
    *(
        ignored("heartbeat", f"litter: {name}", name=name)
        for name in (".ann_t1.yaml", "~ann_t1.yaml", "ann_t1.yaml.tmp", "ann_t1.tmp.yaml", "ann/.t1.yaml", "#t1.yaml")
    ),
    *(ignored("escalation", f"litter: {name}", name=name) for name in (".E1.yaml.tmp", "E1~.yaml", "README.md")),
    *(ignored("request", f"litter: {name}", name=name) for name in (".1.yaml", "1.swp.yaml", "notes.txt")),
    ignored("message", "litter: .m1.yaml", name=".m1.yaml"),
    ignored("arrival", "litter: .t2.yaml.tmp", name=".t2.yaml.tmp"),
    ignored("manifest", "litter: .manifest.yaml.tmp", name=".manifest.yaml.tmp"),
    ignored("plan", "litter: .plan.yaml.tmp", name=".plan.yaml.tmp"),
    *(
        ignored("plan", f"no plan: {name}", name=name)
        for name in ("plans.yaml", "plan.json", "plan_b.yaml", "notes.md")
    ),
    *(
        ignored("output", f"the agent's own: {name}", name=name)
        for name in ("manifests.yml", "manifest.json", "manifest.yaml~", "k8s/manifest.yml", "plan.yml", "a.yaml")
    ),
]


def near(name: str, *answer: str, kind: str = "task") -> Case:
    """A name that looks as if it should be read."""
    return wrong(kind, f"near miss: {len(name)} letters, {name[:60]!a}", TASK, *answer, name=name)


IF = " if that is what it is"
NEAR = [
    near("new.yml", "bad_name 'new.yml' is not read: rename it to 'new.yaml'"),
    near("new.YAML", "bad_name 'new.YAML' is not read: rename it to 'new.yaml'"),
    near("new.Yaml", "bad_name 'new.Yaml' is not read: rename it to 'new.yaml'"),
    near(
        "new (copy).yaml",
        "bad_name 'new (copy).yaml' is not read: it looks like a copy of 'new.yaml'; remove or rename it",
    ),
    near(
        "new (1).yaml", "bad_name 'new (1).yaml' is not read: it looks like a copy of 'new.yaml'; remove or rename it"
    ),
    near(
        "new - Copy.yaml",
        "bad_name 'new - Copy.yaml' is not read: it looks like a copy of 'new.yaml'; remove or rename it",
    ),
    near(
        "new copy.yaml", "bad_name 'new copy.yaml' is not read: it looks like a copy of 'new.yaml'; remove or rename it"
    ),
    near(
        "new task.yaml",
        (
            "bad_name 'new task.yaml' is not read: name it ID.yaml, with an id of A-Z a-z 0-9 . _ - that "
            "begins with a letter or digit"
        ),
    ),
    near(
        "-new.yaml",
        (
            "bad_name '-new.yaml' is not read: name it ID.yaml, with an id of A-Z a-z 0-9 . _ - that begins "
            "with a letter or digit"
        ),
    ),
    near(
        "_new.yaml",
        (
            "bad_name '_new.yaml' is not read: name it ID.yaml, with an id of A-Z a-z 0-9 . _ - that begins "
            "with a letter or digit"
        ),
    ),
    near(
        "n\u0435w.yaml",
        (
            "bad_name 'nеw.yaml' is not read: name it ID.yaml, with an id of A-Z a-z 0-9 . _ - that begins "
            "with a letter or digit"
        ),
    ),
    near(
        "cafe\u0301.yaml",
        (
            "bad_name 'café.yaml' is not read: name it ID.yaml, with an id of A-Z a-z 0-9 . _ - that "
            "begins with a letter or digit"
        ),
    ),
    near(
        "ne\u200bw.yaml",
        (
            "bad_name 'ne\\u200bw.yaml' is not read: name it ID.yaml, with an id of A-Z a-z 0-9 . _ - that "
            "begins with a letter or digit"
        ),
    ),
    near(
        "ne\u202ew.yaml",
        (
            "bad_name 'ne\\u202ew.yaml' is not read: name it ID.yaml, with an id of A-Z a-z 0-9 . _ - that "
            "begins with a letter or digit"
        ),
    ),
    near(
        "new\n.yaml",
        (
            "bad_name 'new\\n.yaml' is not read: name it ID.yaml, with an id of A-Z a-z 0-9 . _ - that "
            "begins with a letter or digit"
        ),
    ),
    near(
        "\x1b[2Jnew.yaml",
        (
            "bad_name '\\x1b[2Jnew.yaml' is not read: name it ID.yaml, with an id of A-Z a-z 0-9 . _ - that "
            "begins with a letter or digit"
        ),
    ),
    near(
        os.fsdecode(b"new\xff.yaml"),
        (
            "bad_name 'new\\udcff.yaml' is not read: name it ID.yaml, with an id of A-Z a-z 0-9 . _ - that "
            "begins with a letter or digit"
        ),
    ),
    near(
        os.fsdecode(b"caf\xe9.yml"),
        (
            "bad_name 'caf\\udce9.yml' is not read: name it ID.yaml, with an id of A-Z a-z 0-9 . _ - that "
            "begins with a letter or digit"
        ),
    ),
    near(
        "new.response.yaml",
        (
            "bad_name the id 'new.response' ends in '.response', which marks files of another kind; choose "
            "another ending"
        ),
    ),
    near("manifest.yaml", "bad_name 'manifest' is a reserved word; choose another id"),
    near(
        "x" * 101 + ".yaml",
        (
            "bad_name the id 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…' has 101 "
            "characters; shorten it to at most 100"
        ),
    ),
    near(
        "x" * 250 + ".yaml",
        (
            "bad_name the id 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…' has 250 "
            "characters; shorten it to at most 100"
        ),
    ),
    near("ann_t1.yml", "bad_name 'ann_t1.yml' is not read: rename it to 'ann_t1.yaml'", kind="heartbeat"),
    near(
        "ann t1.yaml",
        (
            "bad_name 'ann t1.yaml' is not read: name it ID.yaml, with an id of A-Z a-z 0-9 . _ - that "
            "begins with a letter or digit"
        ),
        kind="heartbeat",
    ),
    near(
        "ann/t1 (1).yaml",
        "bad_name 't1 (1).yaml' is not read: it looks like a copy of 't1.yaml'; remove or rename it",
        kind="heartbeat",
    ),
    near("E1.yml", "bad_name 'E1.yml' is not read: rename it to 'E1.yaml'", kind="escalation"),
    near(
        "E 1.yaml",
        (
            "bad_name 'E 1.yaml' is not read: name it ID.yaml, with an id of A-Z a-z 0-9 . _ - that begins "
            "with a letter or digit"
        ),
        kind="escalation",
    ),
    near("1.YAML", "bad_name '1.YAML' is not read: rename it to '1.yaml'", kind="request"),
    near(
        "cancel t1.yaml",
        (
            "bad_name 'cancel t1.yaml' is not read: name it ID.yaml, with an id of A-Z a-z 0-9 . _ - that "
            "begins with a letter or digit"
        ),
        kind="request",
    ),
    near("t2.yml", "bad_name 't2.yml' is not read: rename it to 't2.yaml'", kind="arrival"),
    near("new.yml", "bad_name 'new.yml' is not read: rename it to 'new.yaml'", kind="queued"),
    *(
        near(f"{stem}{ending}", f"bad_name '{stem}{ending}' is not read: rename it to '{meant}'{IF}", kind=kind)
        for kind, meant, stem in (("output", "manifest.yaml", "manifest"), ("plan", "plan.yaml", "plan"))
        for ending in (".yml", ".YAML", ".Yml")
    ),
    near("Manifest.yaml", f"bad_name 'Manifest.yaml' is not read: rename it to 'manifest.yaml'{IF}", kind="output"),
    near("PLAN.yaml", f"bad_name 'PLAN.yaml' is not read: rename it to 'plan.yaml'{IF}", kind="plan"),
    *(
        near(name, f"bad_name '{name}' is not read: it looks like a copy of '{meant}'; remove or rename it", kind=kind)
        for kind, meant, name in (
            ("output", "manifest.yaml", "manifest (copy).yaml"),
            ("output", "manifest.yaml", "manifest (1).yml"),
            ("plan", "plan.yaml", "plan copy.yaml"),
            ("plan", "plan.yaml", "Plan - Copy.yaml"),
        )
    ),
]

CASES = [*LITTER, *NEAR]
