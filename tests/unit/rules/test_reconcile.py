"""The pass: in whatever world it begins, every move is one of the table, and it comes to rest."""

import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cagents_fs.core.assume import assume
from cagents_fs.core.index import Index, Work
from cagents_fs.model.actions import Action, Move, Recognise, Undo, Wake
from cagents_fs.model.faults import Fault
from cagents_fs.model.files import Escalation, Response
from cagents_fs.model.observations import ChecksDone, Now
from cagents_fs.model.states import FOLDERED, State, is_legal, place_of
from cagents_fs.rules import reconcile
from tests.support import builders as b

NAMES = "abcde"
MODES = ("sequential", "pipeline", "swarm", "mesh")
ASKED = ("cancel", "retry", "rescue", "pause", "resume", "reassign", "add_dependency")
ANSWERS = (None, "resume", "retry", "reassign", "cancel", "skip_dependency")
MOST_PASSES = 20  # as the loop has it
PLACES = [place_of(state, folder) for state in State for folder in (("ann", "bob") if state in FOLDERED else (None,))]
CHECKED = [{"criterion": "It works", "check": "pytest"}]
POLICY = b.policy(max_queue_depth=2, agents={"ann": b.kind("ann", slots=2, instances=2), "bob": b.kind("bob")})
MANIFESTS: list[dict[str, Any]] = [
    {},
    {"artifact_faults": (Fault("missing_artifact", "gone", "p"),)},
    {"status": "partial"},
    {"status": "failed"},
    {"agent": "bob"},
    {"attempt": 2},
]


@st.composite
def worlds(draw: st.DrawFn) -> Index:
    """A few tasks anywhere, some of them moved by somebody, with manifests, verdicts, requests, crashes."""
    names = NAMES[: draw(st.integers(1, len(NAMES)))]
    tasks = [
        b.task(
            name,
            dependencies=draw(dependencies(names)),
            parent_task_id=draw(st.sampled_from([None, None, *names])),
            acceptance_criteria=draw(st.sampled_from([[], CHECKED])),
            assigned_agent=draw(st.sampled_from(["ann", "bob", None])),
            priority=draw(st.sampled_from(["critical", "normal"])),
        )
        for name in names
    ]
    made = b.work(*tasks, mode=draw(st.sampled_from(MODES)))
    made.history.paused = draw(st.sampled_from([False, False, True]))
    for name in names:
        place = draw(st.sampled_from(PLACES))
        journal = draw(st.sampled_from([place, place, *PLACES]))
        known: dict[str, Any] = {
            "attempt": draw(st.integers(1, 2)),
            "retries": draw(st.integers(0, 3)),
            "rejections": 3 * draw(st.booleans()),
            "paused": draw(st.sampled_from([False, False, True])),
            "assigned": draw(st.sampled_from([None, None, "bob", "zoe"])),
            "artifacts": draw(st.sampled_from([(), ({"path": "db/it.sql"},)])),
        }
        record = b.lies(made, name, place, journal=journal, by_runner=draw(st.booleans()), **known)
        if draw(st.booleans()):
            b.hands_in(record, **draw(st.sampled_from(MANIFESTS)))
        else:
            record.manifest_gone = draw(st.booleans())
        record.ledger.accepted = draw(st.sampled_from([None, None, "m1"]))
        record.claim_seen = draw(st.booleans())
        record.checks = draw(st.sampled_from([None, ChecksDone(task_id=name, attempt=1, key="m1/e1", faults=())]))
        made.refresh(record)
        made.recount(name)
        for meeting in made.meetings.values():
            meeting.arrived.update(draw(st.sampled_from([{}, {name: 1}])))
    for action in draw(st.lists(st.sampled_from(ASKED), max_size=2)):
        about = draw(st.sampled_from(names))
        whole = action in ("rescue", "pause", "resume") and draw(st.booleans())
        b.asks(
            made,
            action,
            None if whole else about,
            skip=draw(st.booleans()),
            agent="zoe",
            on=draw(st.sampled_from(names)),
        )
    for name in draw(st.lists(st.sampled_from(names), unique=True, max_size=2)):
        pleads(made, name, draw(st.sampled_from(["blocker", "high"])), draw(st.sampled_from(ANSWERS)))
    return b.index(made, *draw(elsewhere(names)), hands=draw(st.sampled_from([0, 3])))


@st.composite
def dependencies(draw: st.DrawFn, names: str) -> dict[str, Any]:
    """Of every kind, on tasks of this instruction, of another, and on some that are not there."""
    others = st.sampled_from([*names, "nobody", "inst_2:far", "inst_2:nobody"])
    return {
        "hard_dependencies": draw(st.lists(others, unique=True, max_size=2)),
        "soft_dependencies": draw(st.lists(st.sampled_from(names), unique=True, max_size=1)),
        "data_dependencies": [
            {"task_id": one, "artifact_path": "it.sql"} for one in draw(st.lists(others, unique=True, max_size=1))
        ],
        "coordination": [{"checkpoint": one} for one in draw(st.lists(st.just("api"), max_size=1))],
    }


@st.composite
def elsewhere(draw: st.DrawFn, names: str) -> list[Work]:
    """Another instruction, of which a task is waited for here, and that may wait for one of here."""
    if draw(st.booleans()):
        return []
    other = b.work(b.task("far", *draw(st.sampled_from([[], ["inst_1:a"], [f"inst_1:{names[-1]}"]]))), name="inst_2")
    b.lies(other, "far", draw(st.sampled_from([b.WAITING, b.IN_PROGRESS, b.COMPLETED, b.FAILED, b.BLOCKED])))
    return [other]


def pleads(made: Work, task_id: str, severity: str, action: str | None) -> None:
    """Its agent needs help, and may have got an answer."""
    name = f"help-{task_id}"
    fields = {"escalation_id": name, "from_agent": "ann", "task_id": task_id, "severity": severity}
    made.escalations[name] = Escalation.model_validate({**fields, "issue_description": "It is stuck"})
    if action:
        made.responses[name] = Response.model_validate({"escalation_id": name, "action": action, "from": "rita"})


def one_pass(found: Index, now: Now) -> list[Action]:
    """What all rules ask for in one pass and what leads on, each rule's decisions taken in before the next."""
    asked: list[Action] = []
    for rule in reconcile.RULES:
        if rule is reconcile.RULES[0]:
            found.look_across()
        for action in list(rule(found, POLICY, now)):
            if isinstance(action, Wake):
                assert action.at_s > now.s
                continue
            if isinstance(action, Move | Recognise | Undo):
                stands_to_reason(found, action)
            if assume(found, action, now):
                asked.append(action)
    return asked


def stands_to_reason(found: Index, action: Move | Recognise | Undo) -> None:
    record = found.works[action.instruction].records[action.task_id]
    assert action.reason.strip()
    if isinstance(action, Recognise):
        assert record.place == action.target
    else:
        assert record.place == action.source, action
    journal_lost = record.state is State.COMPLETED and record.ledger.accepted is None and record.settled
    if not isinstance(action, Undo) and not journal_lost:
        assert is_legal(action.source, action.target), action


@settings(max_examples=250, deadline=None)
@given(worlds())
def test_every_move_is_legal_from_where_its_task_lies_and_the_rules_come_to_rest(found: Index) -> None:
    passes = 0
    while one_pass(found, b.NOW):
        passes += 1
        assert passes < MOST_PASSES, "two rules undo each other"

    for made in found.works.values():
        made.check()
        for task_id, record in made.records.items():
            not_looked_at = record.manifest is None or record.manifest.sha256 == record.ledger.refused
            judged_where_it_lies = record.ledger.accepted is not None or record.checking is not None or not_looked_at
            assert record.settled or (record.state is State.COMPLETED and judged_where_it_lies), task_id


def test_the_docstring_names_the_rules_in_the_order_in_which_they_are_run() -> None:
    told = re.findall(r"^\d+\. (\w+)", reconcile.__doc__ or "", re.MULTILINE)

    assert told == [rule.__module__.rsplit(".", 1)[1] for rule in reconcile.RULES]
