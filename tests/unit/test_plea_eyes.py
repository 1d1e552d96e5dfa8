"""Escalations, responses and arrivals as files: what is taken in, what is answered, what changes nothing."""

import json
from pathlib import Path
from typing import Any

import pytest

from cagents_fs.core.index import Index
from cagents_fs.daemon.plea_eyes import PleaEyes
from cagents_fs.daemon.settling import Settling
from cagents_fs.model.actions import Action, KeepCopy, Note
from cagents_fs.rules import escalations
from tests.support import builders as b

MEETS = {"coordination": [{"checkpoint": "api", "with": ["t2"]}]}
CRY: dict[str, Any] = {"escalation_id": "e1", "from_agent": "ann", "task_id": "t1", "severity": "high"}
CRY |= {"issue_description": "There is no schema"}
ANSWER: dict[str, Any] = {"escalation_id": "e1", "from": "lead", "action": "resume"}


class World:
    """One instruction on the disk, with `t1` and `t2` in progress; `t3` has nothing to do with their checkpoint."""

    def __init__(self, root: Path, settle_s: float = 0.0) -> None:
        self.folder = root / "inst_1"
        self.settling = Settling(settle_s)
        self.eyes = PleaEyes(str(root), self.settling, lambda: b.PLAIN)
        self.work = b.work(b.task("t1", dependencies=MEETS), b.task("t2"), b.task("t3"))
        for task_id in ("t1", "t2", "t3"):
            b.lies(self.work, task_id, b.IN_PROGRESS)
        self.index = Index(works={"inst_1": self.work})

    def write(self, name: str, content: dict[str, Any] | str) -> None:
        """Unlike a rename it keeps the inode, as an editor's save."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))

    def look(self, seconds: float = 0.0) -> list[Action]:
        return b.taken(self.index, self.eyes.look(self.work, b.at(seconds)), b.at(seconds))

    def act(self) -> list[Action]:
        return b.taken(self.index, [*escalations.decide(self.index, b.PLAIN, b.NOW)])

    def forget(self) -> None:
        """As when an instruction is read again."""
        self.eyes.forget("inst_1")
        self.work.escalations.clear()
        self.work.responses.clear()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def events(actions: list[Action]) -> list[str]:
    return [one.event for one in actions if isinstance(one, Note)]


def said(actions: list[Action]) -> str:
    (note,) = [one for one in actions if isinstance(one, Note)]
    return note.reason


def test_an_escalation_and_its_response_are_taken_in_whatever_comes_first(world: World) -> None:
    world.write("escalations/e1.response.yaml", ANSWER)
    world.write("escalations/e1.yaml", CRY)

    assert world.look() == []
    assert list(world.work.escalations) == list(world.work.responses) == ["e1"]
    assert world.look() == []


def test_a_response_waits_for_what_it_answers_to_settle(tmp_path: Path) -> None:
    world = World(tmp_path, settle_s=5.0)
    world.settling.starting = False
    world.write("escalations/e1.yaml", CRY)
    world.write("escalations/e1.response.yaml", json.dumps(ANSWER) + "\n...\n")

    assert world.look() == []
    assert (world.work.escalations, world.work.responses) == ({}, {})
    assert world.eyes.wake_s == b.at(5.0).s
    world.look(5.0)
    assert list(world.work.responses) == ["e1"]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("e1.yaml", "severity: [", "escalations/e1.yaml"),
        ("e1.yaml", CRY | {"severity": "unbearable"}, "severity: expected blocker, high, medium, low"),
        ("e1.yaml", CRY | {"escalation_id": "e2"}, "make both the same"),
        ("e1.yaml", CRY | {"task_id": "ghost"}, "inst_1 has no task ghost"),
        ("e1.yml", CRY, "rename it to 'e1.yaml'"),
        ("e1.response.yaml", ANSWER | {"action": "applaud"}, "action: expected resume"),
        ("e1.response.yaml", ANSWER | {"escalation_id": "e2"}, "make both the same"),
    ],
)
def test_what_is_wrong_is_answered_once_and_kept(world: World, name: str, content: Any, reason: str) -> None:
    world.write(f"escalations/{name}", content)

    actions = world.look()

    assert events(actions) == ["answered"]
    assert reason in said(actions)
    assert [one.path for one in actions if isinstance(one, KeepCopy)] == [f"escalations/{name}"]
    world.forget()
    assert world.look() == []
    assert (world.work.escalations, world.work.responses) == ({}, {})


def test_what_was_wrong_and_is_mended_is_taken_in(world: World) -> None:
    world.write("escalations/e1.yaml", CRY | {"severity": "unbearable"})
    world.look()
    world.write("escalations/e1.yaml", CRY)

    assert events(world.look()) == ["mended"]
    assert list(world.work.escalations) == ["e1"]


def test_unknown_keys_and_a_time_that_is_none_are_warned_of_once(world: World) -> None:
    world.write("escalations/e1.yaml", CRY | {"to_agnt": "lead", "sla": "soon"})

    assert events(world.look()) == ["warning", "warning"]
    world.act()
    world.forget()
    assert world.look() == []


def test_an_escalation_that_changes_after_it_was_seen_changes_nothing(world: World) -> None:
    world.write("escalations/e1.yaml", CRY)
    world.look()
    world.act()
    world.write("escalations/e1.yaml", CRY | {"severity": "blocker", "sla": "1 second"})

    assert events(world.look()) == ["finding"]
    assert world.work.escalations["e1"].severity == "high"
    world.forget()
    assert world.look() == []
    assert world.work.escalations == {}
    assert world.work.history.escalations["e1"].severity == "high"


def test_written_once_more_as_it_was_is_no_change(world: World) -> None:
    world.write("escalations/e1.yaml", CRY)
    world.look()
    world.act()
    world.write("escalations/e1.yaml", "# the same in another form\n" + json.dumps(CRY, indent=2))

    assert world.look() == []


def test_after_a_restart_the_time_for_an_answer_begins_anew(world: World) -> None:
    world.write("escalations/e1.yaml", CRY)
    world.look()
    world.act()
    world.work.seen_s.clear()

    world.look(500.0)
    assert world.work.seen_s == {"e1": b.at(500.0).s}


@pytest.mark.parametrize("content", ["", "\n# here\n...\n", "---\n", "{}", "note: here", "attempt: 1", "task_id: t2"])
def test_an_arrival_says_as_much_as_it_likes(world: World, content: str) -> None:
    world.write("checkpoints/api/t2.yaml", content)

    assert world.look() == []
    assert world.work.meetings["api"].arrived == {"t2": 1}
    assert world.work.meetings["api"].has_come(world.work.records["t2"])


def test_an_arrival_of_another_attempt_is_known_and_does_not_count(world: World) -> None:
    world.write("checkpoints/api/t2.yaml", "attempt: 2")

    (told,) = [action for action in world.look() if isinstance(action, Note)]
    assert "attempt 1 runs" in told.reason
    assert not world.work.meetings["api"].has_come(world.work.records["t2"])


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("api/t3.yaml", "", "t3 does not take part in api; those who do are t1, t2"),
        ("api/ghost.yaml", "", "ghost does not take part"),
        ("nobodys/t1.yaml", "", "no task of inst_1 names a checkpoint nobodys"),
        ("api/t2.yaml", "task_id: t1", "says that t1 has come"),
        ("api/t2.yaml", "[t2]", "expected a mapping"),
        ("api/t2.yml", "", "rename it to 't2.yaml'"),
    ],
)
def test_a_file_that_does_not_belong_to_a_checkpoint_is_answered_once(
    world: World, name: str, content: str, reason: str
) -> None:
    world.write(f"checkpoints/{name}", content)

    actions = world.look()

    assert events(actions) == ["answered"]
    assert reason in said(actions)
    world.forget()
    assert world.look() == []
    assert world.work.meetings["api"].arrived == {}


def test_what_others_write_into_the_open_file_is_nobodys_business(world: World) -> None:
    world.write("checkpoints/api/open.yaml", "participants: nonsense")

    assert world.look() == []


def test_who_takes_the_file_back_or_spoils_it_has_not_come(world: World) -> None:
    for spoil in (Path.unlink, lambda path: path.write_text("[")):
        world.write("checkpoints/api/t2.yaml", "")
        world.look()
        assert world.work.meetings["api"].arrived == {"t2": 1}
        spoil(world.folder / "checkpoints/api/t2.yaml")
        world.look()
        assert world.work.meetings["api"].arrived == {}


def test_a_stranger_at_a_checkpoint_is_one_no_more_when_a_task_names_it(world: World) -> None:
    world.write("checkpoints/api/t3.yaml", "")
    assert events(world.look()) == ["answered"]

    world.work.meetings["api"].participants += ("t3",)
    assert events(world.look()) == ["mended"]
    assert world.work.meetings["api"].arrived == {"t3": 1}


def test_before_the_tasks_are_taken_in_nothing_is_judged(world: World) -> None:
    intake, world.work.history.intake = world.work.history.intake, None
    world.write("escalations/e1.yaml", CRY | {"task_id": "later"})
    world.write("checkpoints/api/later.yaml", "")
    assert world.look() == []

    world.work.history.intake = intake
    assert events(world.look()) == ["answered", "answered"]


def test_an_arrival_is_a_sign_of_life(world: World) -> None:
    world.settling.starting = False
    world.write("checkpoints/api/t2.yaml", "{}\n...\n")

    world.look(50.0)
    assert world.work.records["t2"].sign_s == b.at(50.0).s


def test_the_folders_that_are_watched_follow_what_there_is(world: World) -> None:
    assert world.eyes.folders(world.work) == ["escalations", "checkpoints"]
    world.write("checkpoints/api/t2.yaml", "")
    assert world.eyes.folders(world.work) == ["escalations", "checkpoints", "checkpoints/api"]


def test_looking_again_gives_the_same_picture(world: World) -> None:
    world.write("escalations/e1.yaml", CRY)
    world.write("checkpoints/api/t1.yaml", "")
    world.look()
    before = (dict(world.work.escalations), dict(world.work.meetings["api"].arrived))
    for _ in range(3):
        world.forget()
        world.look()
        assert (world.work.escalations, world.work.meetings["api"].arrived) == before
