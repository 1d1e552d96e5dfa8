"""Documents by chance, each from one number: a sample with a few mistakes in it, or keys of its kind with odd values.

The mistakes are those that agents, editors and crashes make, and those that a YAML parser is known to dislike. Blind
changes of bytes are among them, but few: nearly all of those end at the same three complaints.
"""

from collections.abc import Callable, Sequence
from random import Random

from cagents_fs.model.files import KINDS
from cagents_fs.store.check import _keys
from tests.hostile import case
from tests.hostile.table import TABLE

MOST_BYTES = 1200  # of a sample: the mistakes are the same in small files, and ten times as many a second
RARELY = 0.004  # how often something is repeated thousands of times

TOKENS: Sequence[bytes] = tuple(
    token.encode("utf-8", "surrogatepass")
    for token in (
        *"[]{}:,-?#&*!|>'\"%@`~=<\\/.+0aZ \n\r\t\0\x07\x1b\x7f\x80\x85",
        *(": ", "- ", "? ", " #", "\r\n", "\n\n", "  ", "\n  ", "\n- ", "\n\t", "---\n", "...\n", "\n---\n", "\n...\n"),
        *(
            "&a ",
            "*a",
            "*a\n",
            "!x ",
            "!!str ",
            "!!python/name:os.system ",
            "<<: *a\n",
            "<<: ",
            "%TAG ! x\n",
            "%YAML 1.2\n",
        ),
        *("```yaml\n", "\n```\n", "~~~\n", "Here you are:\n\n", "{{ x }}", "${X}", "|\n", ">-\n", "|2\n", "'''", '"""'),
        *(
            "\\0",
            "\\ud800",
            "\\e[2J",
            "\\x1b",
            "\\u202e",
            "\\N",
            '"\\',
            "\ufeff",
            "\u2028",
            "\u2029",
            "\ufdd0",
            "\uffff",
        ),
        *("\ud800", "\u202e", "\u200b", "\u0430", "\u212a", "e\u0301", "\u3000", "\xa0", "😀", "\U000e0041", "“", "”"),
        *("../", "/etc/passwd", "inst_1:t1", "x" * 101, "queue", ".tmp", "sha256:", "0" * 64, "10**9", "t1", "T1"),
    )
)
VALUES: Sequence[str] = (
    *("", "~", "null", "true", "False", "yes", "no", "on", "0", "1", "-0", "-1", "1.0", "1e3", "1e999", "-1e-999"),
    *(".nan", ".inf", "-.INF", "0x10", "0o17", "007", "1_000", "9" * 30, "9" * 401, "1:30", "2026-01-10", "2026-13-45"),
    *(
        "2026-11-22T09:31:02Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "now",
        "5 minutes",
        "2-4 hours",
    ),
    *(
        "PT2H30M",
        "P1Y2M",
        "-PT5M",
        "10000 years",
        "1h 1h 1h",
        "a",
        "t1",
        "ann",
        "a b",
        "'it''s'",
        '"x\\ty"',
        "x: y",
        "@x",
    ),
    *(
        "[]",
        "{}",
        "[a]",
        "[[a]]",
        "[~]",
        "{a: b}",
        "[{task_id: t1}]",
        "[{criterion: x, met: true}]",
        "[{path: a}]",
        "[1, a]",
    ),
    *(
        "completed",
        "failed",
        "partial",
        "high",
        "swarm",
        "pipeline",
        "resume",
        "retry",
        "cancel",
        "blocker",
        "peer",
        "*.py",
    ),
    *(
        "src/a.py:12",
        "src/a.py:line 3",
        "../../etc/passwd",
        "\\e[2J",
        "\u202e",
        "|\n    text\n    more",
        ">\n    folded",
    ),
    *("sha256:" + "0" * 64, "sha256:" + "g" * 64, "md5:1", "0" * 64, "x" * 300),
)
KEYS = {kind: tuple(_keys(model)) for kind, model in KINDS.items()}
NESTED = ("path", "size_bytes", "checksum", "criterion", "met", "evidence", "check", "task_id", "hard_dependencies")
NESTED += ("data_dependencies", "artifact_path", "checkpoint", "with", "test_coverage", "timeout", "command", "slots")
SAMPLES = {
    kind: tuple(sorted({row.data for row in TABLE if row.kind == kind and len(row.data) <= MOST_BYTES}))
    for kind in ("plan", "task", "heartbeat", "manifest", "escalation", "response", "request", "arrival", "config")
}
GOOD = {
    "plan": (
        case.PLAN,
        case.PLAN + "    dependencies: [b]\n  - {task_id: b, description: c, priority: high}\nmode: swarm\n",
    ),
    "instruction": ("description: All of it\nmode: pipeline\nstages: [a, b]\ntier: 2\n",),
    "task": (
        case.TASK + "assigned_agent: ann\nmax_retries: 2\nestimated_duration: PT1H\nfiles: [a.py]\n",
        case.TASK + "acceptance_criteria:\n  - It works\n  - {criterion: b, check: make, timeout: 5 minutes}\n",
        case.TASK
        + "dependencies:\n  hard_dependencies: [{task_id: t1}]\n  coordination: [{checkpoint: c, with: [t2]}]\n",
    ),
    "heartbeat": (
        case.BEAT + "timestamp: 2026-11-22T09:31:02Z\nprogress_percentage: 40\nblockers: []\nattempt: 1\n...\n",
    ),
    "manifest": (
        case.MANIFEST
        + "artifacts:\n  - path: a.py\n    size_bytes: 3\n    checksum: sha256:"
        + "0" * 64
        + "\n"
        + case.MET,
        case.MANIFEST + "artifacts: []\nquality_metrics: {test_coverage: 0.9, security_scan: pass}\nattempt: 2\n...\n",
    ),
    "escalation": (case.PLEA + "to_agent: lead\ntask_id: t1\nsla: within 30 minutes\nimpact: [a]\n",),
    "response": (case.REPLY + "from: lead\ndecision: The first\n",),
    "request": ("action: cancel\ntask_id: t1\nskip: true\n", "action: pause\nreason: |\n  one\n  two\n"),
    "arrival": ("task_id: t2\nattempt: 1\n", ""),
    "message": (case.LETTER + "text: Hello\nfrom: bob\n",),
    "config": (
        "settle_seconds: 2\nscan_interval: 5 seconds\nchecks: all\n",
        "default: shell\nagents:\n  ann: {command: [run, '{prompt}'], slots: 2, silence: 10 minutes}\n",
    ),
}
SAMPLES |= {"instruction": SAMPLES["plan"], "message": SAMPLES["response"]}


def document(kind: str, chance: Random) -> bytes:
    """A file of this kind, more or less."""
    how = chance.random()
    if how < 0.3:
        data = _written(kind, chance)
    elif how < 0.65:
        data = chance.choice(GOOD[kind]).encode()
    else:
        data = chance.choice(SAMPLES[kind])
    for _ in range(int(chance.random() * chance.random() * 6)):
        data = chance.choice(MISTAKES)(data, chance)
    return data


def text(chance: Random) -> str:
    """A word, a path, a duration, a name: something between a letter and a line."""
    parts = [
        chance.choice(VALUES) if chance.random() < 0.5 else _token(chance) for _ in range(1 + int(chance.random() * 4))
    ]
    if chance.random() < RARELY:
        parts = [chance.choice(parts) * int(chance.random() * 3000)]
    joined = chance.choice(("", "", " ", "/", "-", "_", ":")).join(parts)
    return joined + chance.choice(("", "", "", ".yaml", ".yml", ".YAML", " (1).yaml", ".tmp"))


def _token(chance: Random) -> str:
    return chance.choice(TOKENS).decode("utf-8", "surrogatepass")


def _written(kind: str, chance: Random) -> bytes:
    """Keys of a kind, each with some value, in one of three layouts."""
    keys = KEYS.get(kind, NESTED)
    chosen = [chance.choice(keys if chance.random() < 0.9 else NESTED) for _ in range(1 + int(chance.random() * 7))]
    pairs = [(key, chance.choice(VALUES)) for key in chosen]
    layout = chance.random()
    if layout < 0.7:
        lines = "".join(f"{key}: {value}\n" for key, value in pairs)
    elif layout < 0.85:
        lines = "{" + ", ".join(f"{key}: {value}" for key, value in pairs) + "}\n"
    else:
        lines = f"{chance.choice(keys)}:\n" + "".join(
            f"  {'- ' * (n == 0)}{k}: {v}\n" for n, (k, v) in enumerate(pairs)
        )
    return lines.encode()


def _somewhere(data: bytes, chance: Random) -> int:
    """An offset, one in two at the beginning of a line or right after a colon."""
    at = int(chance.random() * (len(data) + 1))
    if chance.random() < 0.5:
        found = data.find(b"\n" if chance.random() < 0.5 else b": ", at)
        at = found + 1 + (data[found : found + 1] == b":") if found >= 0 else at
    return at


def _insert(data: bytes, chance: Random) -> bytes:
    at, token = _somewhere(data, chance), chance.choice(TOKENS)
    if chance.random() < RARELY:
        token *= int(chance.random() * 4000)
    return data[:at] + token + data[at:]


def _overwrite(data: bytes, chance: Random) -> bytes:
    at = _somewhere(data, chance)
    return data[:at] + chance.choice(TOKENS) + data[at + int(chance.random() * 4) :]


def _remove(data: bytes, chance: Random) -> bytes:
    at = _somewhere(data, chance)
    return data[:at] + data[at + 1 + int(chance.random() * chance.random() * 40) :]


def _cut(data: bytes, chance: Random) -> bytes:
    return data[: int(chance.random() * len(data))]


def _flip(data: bytes, chance: Random) -> bytes:
    if not data:
        return bytes([int(chance.random() * 256)])
    at = int(chance.random() * len(data))
    return data[:at] + bytes([int(chance.random() * 256)]) + data[at + 1 :]


def _other_value(data: bytes, chance: Random) -> bytes:
    """What stands behind some colon is something else."""
    at = data.find(b": ", int(chance.random() * len(data)))
    end = data.find(b"\n", at)
    return data if at < 0 else data[: at + 2] + chance.choice(VALUES).encode() + data[end if end > 0 else len(data) :]


def _lines(data: bytes, chance: Random) -> bytes:
    """Lines doubled, swapped, indented, or brought together from two files."""
    lines = data.split(b"\n")
    first, second = int(chance.random() * len(lines)), int(chance.random() * len(lines))
    how = chance.random()
    if how < 0.3:
        lines.insert(second, lines[first])
    elif how < 0.5:
        lines[first], lines[second] = lines[second], lines[first]
    elif how < 0.8:
        lines[first] = (b" " * int(chance.random() * 6) or b"\t") + lines[first].lstrip()
    else:
        lines[first:first] = chance.choice(SAMPLES[chance.choice(("task", "manifest", "plan"))]).split(b"\n")[:4]
    return b"\n".join(lines)


def _encoded(data: bytes, chance: Random) -> bytes:
    how = chance.random()
    if how < 0.4:
        return data.replace(b"\n", chance.choice((b"\r\n", b"\r", "\u2028".encode(), b"\x0c")))
    if how < 0.6:
        return b"\xef\xbb\xbf" + data
    if how < 0.8:
        return data + bytes(int(chance.random() * 30))
    return data.decode("utf-8", "replace").encode(chance.choice(("utf-16", "utf-16-le", "utf-32", "utf-8")))


MISTAKES: Sequence[Callable[[bytes, Random], bytes]] = (
    *(_insert, _insert, _insert, _overwrite, _overwrite, _remove, _cut, _flip),
    *(_other_value, _other_value, _other_value, _lines, _lines, _encoded),
)
