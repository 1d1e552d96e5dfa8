"""What would be no good as the name of a file: C74 and C77 of the fault catalogue."""

import unicodedata

from tests.hostile.case import LETTER, MANIFEST, ONLY, PLAN, PLEA, REPLY, TASK, Case, taken, wrong


def bad_id(title: str, text: str, *answer: str) -> Case:
    """A task with an id that is none."""
    return wrong("task", f"an id that {title}", f"task_id: {quoted(text)}\ndescription: Do it\n", *answer)


# --- C74: what would be no good as a name of a file


def quoted(text: str) -> str:
    """As a double-quoted text of YAML, with everything beyond ASCII as it is."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


CASES = [
    bad_id("climbs", "../x", "schema 1:10 task_id: the id '../x' contains '/' (U+002F)" + ONLY),
    bad_id("is absolute", "/etc/passwd", "schema 1:10 task_id: the id '/etc/passwd' contains '/' (U+002F)" + ONLY),
    bad_id("is a path", "a/b", "schema 1:10 task_id: the id 'a/b' contains '/' (U+002F)" + ONLY),
    bad_id("is two dots", "..", "schema 1:10 task_id: the id '..' begins with '.'; begin it with a letter or a digit"),
    bad_id("is a dot", ".", "schema 1:10 task_id: the id '.' begins with '.'; begin it with a letter or a digit"),
    bad_id("is empty", "", "schema 1:10 task_id: an id must not be empty; use 1 to 100 of A-Z a-z 0-9 . _ -"),
    bad_id(
        "is an option", "-rf", "schema 1:10 task_id: the id '-rf' begins with '-'; begin it with a letter or a digit"
    ),
    bad_id("is a home", "~", "schema 1:10 task_id: the id '~' contains '~' (U+007E)" + ONLY),
    bad_id(
        "begins with an underscore",
        "_system",
        "schema 1:10 task_id: the id '_system' begins with '_'; begin it with a letter or a digit",
    ),
    bad_id(
        "is hidden", ".git", "schema 1:10 task_id: the id '.git' begins with '.'; begin it with a letter or a digit"
    ),
    bad_id("has a space", "a b", "schema 1:10 task_id: the id 'a b' contains ' ' (U+0020)" + ONLY),
    bad_id("ends with a space", "new ", "schema 1:10 task_id: the id 'new ' contains ' ' (U+0020)" + ONLY),
    bad_id("ends with a newline", "new\n", "schema 1:10 task_id: the id 'new\\n' contains '\\n' (U+000A)" + ONLY),
    bad_id("has a backslash", "C:\\x", "schema 1:10 task_id: the id 'C:\\x' contains ':' (U+003A)" + ONLY),
    bad_id("has a colon", "inst_1:t1", "schema 1:10 task_id: the id 'inst_1:t1' contains ':' (U+003A)" + ONLY),
    bad_id("has a star", "t*", "schema 1:10 task_id: the id 't*' contains '*' (U+002A)" + ONLY),
    bad_id("has a dollar", "$HOME", "schema 1:10 task_id: the id '$HOME' contains '$' (U+0024)" + ONLY),
    bad_id("has a comma", "a,b", "schema 1:10 task_id: the id 'a,b' contains ',' (U+002C)" + ONLY),
    bad_id("has a quote", "it's", "schema 1:10 task_id: the id 'it's' contains ''' (U+0027)" + ONLY),
    bad_id("is a reserved word", "queue", "schema 1:10 task_id: 'queue' is a reserved word; choose another id"),
    bad_id(
        "is another reserved word", "manifest", "schema 1:10 task_id: 'manifest' is a reserved word; choose another id"
    ),
    bad_id(
        "ends like a response",
        "new.response",
        (
            "schema 1:10 task_id: the id 'new.response' ends in '.response', which marks files of another "
            "kind; choose another ending"
        ),
    ),
    bad_id(
        "ends like a temporary file",
        "new.tmp",
        (
            "schema 1:10 task_id: the id 'new.tmp' ends in '.tmp', which marks files of another kind; "
            "choose another ending"
        ),
    ),
    bad_id(
        "ends like a swap file",
        "new.swp",
        (
            "schema 1:10 task_id: the id 'new.swp' ends in '.swp', which marks files of another kind; "
            "choose another ending"
        ),
    ),
    bad_id(
        "ends like a lock",
        "new.lock",
        (
            "schema 1:10 task_id: the id 'new.lock' ends in '.lock', which marks files of another kind; "
            "choose another ending"
        ),
    ),
    bad_id(
        "ends like a part",
        "new.part",
        (
            "schema 1:10 task_id: the id 'new.part' ends in '.part', which marks files of another kind; "
            "choose another ending"
        ),
    ),
    bad_id(
        "has 101 letters",
        "x" * 101,
        (
            "schema 1:10 task_id: the id 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…' has "
            "101 characters; shorten it to at most 100"
        ),
    ),
    bad_id(
        "is 64 emoji",
        "😀" * 64,
        ("schema 1:10 task_id: the id '" + "😀" * 59 + "…' contains '😀' (U+1F600)") + ONLY,
    ),
    bad_id("is a Kelvin sign", "\u212a", "schema 1:10 task_id: the id 'K' contains 'K' (U+212A)" + ONLY),
    bad_id("has a Cyrillic a", "n\u0435w", "schema 1:10 task_id: the id 'nеw' contains 'е' (U+0435)" + ONLY),
    bad_id(
        "has a composed letter",
        unicodedata.normalize("NFC", "cafe\u0301"),
        "schema 1:10 task_id: the id 'café' contains 'é' (U+00E9)" + ONLY,
    ),
    bad_id(
        "has a letter and its accent",
        unicodedata.normalize("NFD", "caf\u00e9"),
        "schema 1:10 task_id: the id 'café' contains '́' (U+0301)" + ONLY,
    ),
    bad_id("is full-width", "\uff4e\uff45\uff57", "schema 1:10 task_id: the id 'ｎｅｗ' contains 'ｎ' (U+FF4E)" + ONLY),
    bad_id("has a ligature", "\ufb01x", "schema 1:10 task_id: the id 'ﬁx' contains 'ﬁ' (U+FB01)" + ONLY),
    bad_id("has a dotless i", "t\u0131me", "schema 1:10 task_id: the id 'tıme' contains 'ı' (U+0131)" + ONLY),
    bad_id("has a soft hyphen", "ne\u00adw", "schema 1:10 task_id: the id 'ne\\xadw' contains '\\xad' (U+00AD)" + ONLY),
    bad_id(
        "has a tag letter",
        "new\U000e0041",
        "schema 1:10 task_id: the id 'new\\U000e0041' contains '\\U000e0041' (U+E0041)" + ONLY,
    ),
    bad_id("has an Arabic digit", "t\u0661", "schema 1:10 task_id: the id 't١' contains '١' (U+0661)" + ONLY),
    wrong(
        "heartbeat",
        "an agent that climbs",
        "agent_name: ../ann\ntask_id: t1\n",
        "schema 1:13 agent_name: the id '../ann' contains '/' (U+002F)" + ONLY,
    ),
    wrong(
        "manifest",
        "an agent that climbs",
        MANIFEST.replace("ann", "../ann") + "artifacts: []\n",
        "schema 2:11 subagent: the id '../ann' contains '/' (U+002F)" + ONLY,
    ),
    wrong(
        "escalation",
        "an addressee that climbs",
        PLEA + "to_agent: ../../etc\n",
        "schema 5:11 to_agent: the id '../../etc' contains '/' (U+002F)" + ONLY,
    ),
    wrong(
        "response",
        "an agent that climbs",
        REPLY + "agent: ../ann\n",
        "schema 3:8 agent: the id '../ann' contains '/' (U+002F)" + ONLY,
    ),
    wrong(
        "request",
        "a task that climbs",
        "action: retry\ntask_id: ../t1\n",
        "schema 2:10 task_id: the id '../t1' contains '/' (U+002F)" + ONLY,
    ),
    wrong(
        "message",
        "an addressee that climbs",
        LETTER.replace("ann", "../ann"),
        "schema 3:5 to: the id '../ann' contains '/' (U+002F)" + ONLY,
    ),
    wrong(
        "task",
        "a domain that climbs",
        TASK + "domain: ../../x\n",
        "schema 3:9 domain: the id '../../x' contains '/' (U+002F)" + ONLY,
    ),
    wrong(
        "task",
        "a checkpoint that climbs",
        TASK + "dependencies: {coordination: [{checkpoint: ../x}]}\n",
        "schema 3:44 dependencies.coordination.0.checkpoint: the id '../x' contains '/' (U+002F)" + ONLY,
    ),
    wrong(
        "plan",
        "a stage that climbs",
        "mode: pipeline\nstages: [../x]\n" + PLAN,
        "schema 2:10 stages.0: the id '../x' contains '/' (U+002F)" + ONLY,
        "empty_stage 2:10 the stage ../x has no task: it would never be done; take it out, or give it one",
    ),
    wrong(
        "agents",
        "an agent type that climbs",
        "agents:\n  ../x: {command: [sh]}\n",
        (
            "wrong_value 2:9 agents.../x: the id '../x' contains '/' (U+002F); use only A-Z a-z 0-9 . _ -, "
            "beginning with a letter or a digit; it is left out"
        ),
    ),
    taken("task", "an id of 100 letters", f"task_id: {'x' * 100}\ndescription: Do it\n", name=f"{'x' * 100}.yaml"),
    taken("task", "an id with every letter that is allowed", "task_id: A.z-0_9\ndescription: x\n", name="A.z-0_9.yaml"),
]
