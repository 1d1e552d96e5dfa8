"""What is executed, and what has to hold each time. A broken promise is an AssertionError; any other exception is one
that is not ours, and as bad."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from random import Random

from cagents_fs.config import load
from cagents_fs.model.durations import MAX_DURATION_S, seconds_of, spoken
from cagents_fs.model.faults import Fault
from cagents_fs.model.files import KINDS
from cagents_fs.model.ids import ID_PATTERN, fold, id_fault, is_candidate, near_miss, stem_of
from cagents_fs.model.policy import Policy
from cagents_fs.model.sla import sla_s
from cagents_fs.model.text import safe_text
from cagents_fs.plans import judge
from cagents_fs.store.check import check
from cagents_fs.store.definitions import as_written
from cagents_fs.store.dump import dump, edit
from cagents_fs.store.evidence import evidence_path
from cagents_fs.store.reading import has_end_marker
from cagents_fs.store.yaml import PLAN, Unreadable, parse, parse_mapping
from tests.hostile.fuzz import mutate

POLICY = Policy()
Outcome = str  # `accepted` or `refused`


def read(kind: str, data: bytes) -> Outcome:
    """A file of an agent, from its bytes to a record."""
    has_end_marker(data)
    try:
        document = parse_mapping(data)
    except Unreadable as error:
        return refused(error.faults, data)
    checked = check(document, KINDS[kind], "f.yaml")
    assert (checked.value is None) == bool(checked.faults), checked
    refused(checked.warnings, data)
    return refused(checked.faults, data) if checked.faults else "accepted"


def planned(_kind: str, data: bytes) -> Outcome:
    """A plan, judged as a whole."""
    judged = judge(data, "plan.yaml", POLICY, "inst_1")
    assert (judged.plan is None) == bool(judged.faults), judged
    refused(judged.warnings, data)
    if judged.faults:
        return refused(judged.faults, data)
    assert judged.mode
    json.dumps(judged.written, allow_nan=False)
    return "accepted"


def configured(_kind: str, data: bytes) -> Outcome:
    """A configuration file, of which nothing that is wrong may come into force."""
    root = os.environ["FUZZ_FOLDER"]
    for name in ("daemon.yaml", "agents.yaml"):
        with open(os.path.join(root, "_system/config", name), "wb") as file:
            file.write(data)
    configuration = load(root)
    assert configuration.policy.settle_s >= 0
    assert "shell" in configuration.policy.agents
    return refused(configuration.faults, data) if configuration.faults else "accepted"


def written_again(_kind: str, data: bytes) -> Outcome:
    """What is read can be written, and is read again as the same; a key that is set is set, and the rest stays."""
    try:
        document = parse(data, PLAN)
    except Unreadable:
        return "refused"
    value = as_written(document.value)
    assert as_written(parse(dump(value).encode(), PLAN).value) == value
    if isinstance(value, dict) and value:
        edited = parse(edit(data.decode(), {"attempt": 2}).encode(), PLAN)
        assert as_written(edited.value) == value | {"attempt": 2}, edited.value
    return "accepted"


def refused(faults: Sequence[Fault], data: bytes) -> Outcome:
    """Every fault is one safe line, and points into the file."""
    lines = data.count(b"\n") + data.count(b"\r") + 1
    for fault in faults:
        assert fault.message and fault.message == safe_text(fault.message, 5000), fault
        assert fault.line is None or 1 <= fault.line <= lines + 1, fault
        assert fault.column is None or 1 <= fault.column <= len(data) + 2, fault
        assert "cannot be read (" not in fault.message, fault
        assert "cannot be judged (" not in fault.message, fault
        json.dumps(fault.to_json())
    return "refused"


def named(text: str) -> Outcome:
    """As an id, and as the name of a file."""
    fault = id_fault(text)
    assert (fault is None) <= bool(ID_PATTERN.fullmatch(text))
    assert fault is None or fault == safe_text(fault)
    miss = near_miss(text)
    assert miss is None or (is_candidate(text) and miss == safe_text(miss))
    stem = stem_of(text)
    assert stem is None or f"{stem}.yaml" == text
    assert fold(fold(text)) == fold(text) or not text.isascii()
    return "accepted" if fault is None else "refused"


def lasting(text: str) -> Outcome:
    """As a span of time."""
    sla = sla_s(text)
    assert sla is None or 0 <= sla <= MAX_DURATION_S
    try:
        seconds = seconds_of(text)
    except ValueError as error:
        assert "\x1b" not in str(error)
        return "refused"
    assert 0 <= seconds <= MAX_DURATION_S, seconds
    assert spoken(seconds)
    return "accepted"


def proving(text: str) -> Outcome:
    """As evidence."""
    path = evidence_path(text)
    assert path is None or (path and path in text and not any(letter.isspace() for letter in path)), path
    return "refused" if path is None else "accepted"


def shown(text: str) -> Outcome:
    """On a terminal."""
    for limit in (0, 1, 60, 2000):
        one_line = safe_text(text, limit)
        assert len(one_line) <= max(limit, 1)
        one_line.encode()
        assert one_line.isprintable() or not any(letter < " " or "\x7f" <= letter < "\xa0" for letter in one_line)
        assert not any(letter in one_line for letter in "\n\r\t\x1b\u202e\u2028\u200b")
    return "accepted"


DOCUMENTS: Mapping[str, Callable[[str, bytes], Outcome]] = {
    **{kind: read for kind in KINDS if kind != "plan"},
    "plan": planned,
    "config": configured,
    "written again": written_again,
}
TEXTS: Mapping[str, Callable[[str], Outcome]] = {
    "id and file name": named,
    "duration": lasting,
    "evidence": proving,
    "shown text": shown,
}
NAMES: Sequence[str] = (*DOCUMENTS, *TEXTS)
# Of a hundred executions: the kinds that agents write most get most.
_SHARE = {"task": 9, "manifest": 9, "plan": 5, "heartbeat": 7, "config": 2, "written again": 3, "message": 2}
_TEXT_SHARE = {"id and file name": 14, "duration": 12, "evidence": 12, "shown text": 12}
WHEEL: Sequence[str] = tuple(
    name for name in NAMES for _ in range({**_SHARE, **_TEXT_SHARE}.get(name, 3 if name in DOCUMENTS else 0))
)


def made(seed: int, number: int) -> tuple[str, bytes]:
    """The target and the input of one execution: the same for the same two numbers, on every machine."""
    chance = Random(seed << 40 | number)
    name = WHEEL[int(chance.random() * len(WHEEL))]
    if name in TEXTS:
        return name, mutate.text(chance).encode("utf-8", "surrogatepass")
    kind = "task" if name == "written again" else name
    return name, mutate.document(kind, chance)


def execute(name: str, data: bytes) -> Outcome:
    """One execution. Raises whatever is wrong."""
    if name in TEXTS:
        return TEXTS[name](data.decode("utf-8", "surrogatepass"))
    return DOCUMENTS[name](name, data)
