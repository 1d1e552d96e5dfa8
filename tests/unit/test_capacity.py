"""What each agent can take on: the view over the whole tree, and when it is written down."""

import time
from pathlib import Path
from typing import Any

import yaml

from cagents_fs.core.history import Outcomes
from cagents_fs.core.index import Index
from cagents_fs.daemon.capacity_files import EVERY_S, CapacityFiles
from cagents_fs.model.policy import Policy
from cagents_fs.report.capacity import capacities
from tests.support import builders as b

KEYS = {
    "agent_name",
    "agent_type",
    "slots",
    "load",
    "utilization_percentage",
    "queue_depth",
    "mean_duration_seconds",
    "skills",
    "completed",
    "failed",
    "breaker",
    "max_concurrent_tasks",
    "current_task_count",
    "average_task_duration",
}
KINDS = b.policy(agents={"ann": b.kind("ann", slots=4, skills=("python",)), "eve": b.kind("eve", slots=2, instances=2)})


def told(found: Index, in_force: Policy = KINDS) -> dict[str, dict[str, Any]]:
    return capacities(found, in_force, b.NOW.wall_s)


def test_slots_load_and_queue_are_those_of_the_whole_tree() -> None:
    one, two = b.work(b.task("a"), b.task("b")), b.work(b.task("c"), name="inst_2")
    b.lies(one, "a", b.queue())
    b.lies(one, "b", b.IN_PROGRESS)
    b.lies(two, "c", b.queue())

    row = told(b.index(one, two))["ann"]

    assert row.keys() == KEYS
    assert (row["slots"], row["load"], row["utilization_percentage"], row["queue_depth"]) == (4, 1, 25.0, 2)
    assert (row["max_concurrent_tasks"], row["current_task_count"]) == (4, 1)
    assert (row["agent_name"], row["agent_type"], row["skills"], row["breaker"]) == ("ann", "ann", ["python"], "closed")


def test_who_was_never_heard_of_is_not_told_and_a_type_is_told_with_all_its_instances() -> None:
    made = b.work(b.task("a", assigned_agent="eve"))
    b.lies(made, "a", b.GLOBAL)

    found = told(b.index(made))

    assert list(found) == ["eve", "eve-2"]
    assert found["eve-2"]["agent_type"] == "eve"


def test_who_waits_for_others_carries_no_load() -> None:
    made = b.work(b.task("top"), b.task("a", parent_task_id="top", assigned_agent="bob"))
    b.hands_in(b.lies(made, "top", b.IN_PROGRESS))
    b.lies(made, "a", b.queue("bob"))

    assert told(b.index(made))["ann"]["load"] == 0


def test_how_it_fared_is_added_up_over_all_instructions() -> None:
    one, two = b.work(b.task("a")), b.work(b.task("b"), name="inst_2")
    one.history.outcomes["ann"] = Outcomes(completed=1, failed=2, work_s=10.0)
    two.history.outcomes["ann"] = Outcomes(completed=3, work_s=50.0)

    row = told(b.index(one, two))["ann"]

    assert (row["completed"], row["failed"]) == (4, 2)
    assert row["mean_duration_seconds"] == row["average_task_duration"] == 15.0


def test_before_the_first_completion_there_is_no_mean() -> None:
    made = b.work(b.task("a"))
    b.lies(made, "a", b.queue())

    assert told(b.index(made))["ann"]["mean_duration_seconds"] is None


def test_a_breaker_that_opened_is_told() -> None:
    made = b.work(b.task("a"))
    fared = made.history.outcomes["ann"] = Outcomes(failed=5)
    fared.failures.extend([b.NOW.wall_s - 1] * 5)

    assert told(b.index(made))["ann"]["breaker"] == "open"


def test_the_limit_of_a_plan_replaces_the_slots_and_who_is_not_described_has_those_of_the_mode() -> None:
    described, free = b.work(b.task("a"), max_concurrent=9), b.work(b.task("b"), name="inst_2", mode="mesh")
    b.lies(described, "a", b.queue())
    b.lies(free, "b", b.queue("bob"))

    found = told(b.index(described, free))

    assert (found["ann"]["slots"], found["bob"]["slots"]) == (9, 30)


# -- when it is written ------------------------------------------------------------------------------------------------


class Desk:
    """A tree, and what writes its capacity files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "_system" / "capacity" / "agents"
        self.folder.mkdir(parents=True)
        self.work = b.work(b.task("a"), b.task("b", assigned_agent="bob"))
        self.files = CapacityFiles(str(folder))

    def step(self, seconds: float = 0.0, in_force: Policy = KINDS) -> None:
        self.files.step(b.index(self.work), in_force, b.at(seconds), time.monotonic() + 5.0)

    def said(self, agent: str) -> dict[str, Any]:
        found: dict[str, Any] = yaml.safe_load((self.folder / f"{agent}.yaml").read_text())
        return found


def test_each_agent_has_a_file_and_only_what_changed_is_written_again(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    b.lies(desk.work, "a", b.queue())
    b.lies(desk.work, "b", b.queue("bob"))
    desk.step()
    assert desk.said("ann") == told(b.index(desk.work))["ann"]
    before = (desk.folder / "bob.yaml").stat().st_ino

    b.lies(desk.work, "a", b.IN_PROGRESS)
    desk.files.changed()
    desk.step(2.0)

    assert (desk.said("ann")["load"], desk.said("ann")["queue_depth"]) == (1, 0)
    assert (desk.folder / "bob.yaml").stat().st_ino == before


def test_it_is_written_at_most_once_a_second_and_at_once_by_who_leaves(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    b.lies(desk.work, "a", b.queue())
    desk.step()
    assert desk.files.next_s() is None

    b.lies(desk.work, "a", b.IN_PROGRESS)
    desk.files.changed()
    desk.step(0.5)
    assert desk.said("ann")["load"] == 0
    assert (desk.files.next_s() or 0.0) >= b.NOW.s + EVERY_S

    desk.files.hasten()
    desk.step(0.6)
    assert desk.said("ann")["load"] == 1


def test_another_configuration_is_a_change(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    b.lies(desk.work, "a", b.queue())
    desk.step()

    desk.step(2.0, b.policy(agents={"ann": b.kind("ann", slots=7)}))

    assert desk.said("ann")["slots"] == 7


def test_an_agent_whose_instruction_is_gone_has_nothing_left_to_do(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    b.lies(desk.work, "a", b.queue())
    desk.step()

    desk.files.changed()
    desk.files.step(b.index(), KINDS, b.at(2.0), time.monotonic() + 5.0)

    assert desk.said("ann")["queue_depth"] == 0
