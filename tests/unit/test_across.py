"""What instructions know of each other's tasks: met, lost, urgent, tangled."""

from typing import Any

import pytest

from cagents_fs.core.index import Index, Work, add_tasks
from cagents_fs.core.ordering import RANK
from tests.support import builders as b


def two(*, data: str | None = None, **first: Any) -> Index:
    """`z` of inst_2 waits for `a` of inst_1, be it for an artifact of it."""
    needs: dict[str, Any] = {"hard_dependencies": ["inst_1:a"]}
    if data:
        needs = {"data_dependencies": [{"task_id": "inst_1:a", "artifact_path": data}]}
    one, other = b.work(b.task("a", **first)), b.work(b.task("z", dependencies=needs), name="inst_2")
    b.lies(one, "a", b.GLOBAL)
    b.lies(other, "z", b.WAITING)
    return b.index(one, other)


def looked(found: Index) -> tuple[str, int, dict[str, tuple[str, ...]]]:
    """What inst_2 has of `inst_1:a`, for how many `z` waits, and what it can no longer start for."""
    found.look_across()
    for made in found.works.values():
        b.check(made)
    other = found.works["inst_2"]
    return other.outside["inst_1:a"], other.unmet["z"], dict(other.causes())


def test_one_that_is_under_way_is_waited_for_and_one_that_is_verified_no_more() -> None:
    found = two()
    assert looked(found) == ("waits", 1, {})

    b.lies(found.works["inst_1"], "a", b.COMPLETED)
    assert looked(found) == ("waits", 1, {})

    record = found.works["inst_1"].records["a"]
    record.ledger.accepted = "m1"
    found.works["inst_1"].refresh(record)
    assert looked(found) == ("met", 0, {})
    assert list(found.works["inst_2"].ready) == ["z"]


@pytest.mark.parametrize("place", [b.FAILED, b.CANCELLED])
def test_one_that_is_lost_blocks_and_when_it_is_taken_up_again_it_is_waited_for_again(place: str) -> None:
    found = two()
    b.lies(found.works["inst_1"], "a", place)
    assert looked(found) == ("lost", 1, {"z": ("inst_1:a",)})

    b.lies(found.works["inst_1"], "a", b.GLOBAL)
    assert looked(found) == ("waits", 1, {})


def test_one_that_was_skipped_is_no_longer_waited_for() -> None:
    found = two()
    b.lies(found.works["inst_1"], "a", b.CANCELLED, skipped=True)

    assert looked(found) == ("met", 0, {})


def test_what_is_lost_two_instructions_away_is_lost_here() -> None:
    found = two()
    far = b.work(b.task("f"), name="inst_0")
    b.lies(far, "f", b.FAILED)
    one = b.work(b.task("a", "inst_0:f"))
    b.lies(one, "a", b.BLOCKED)
    found.works = {"inst_0": far, "inst_1": one, "inst_2": found.works["inst_2"]}

    assert looked(found)[0] == "lost"


def test_one_that_is_nowhere_is_lost_once_its_instruction_was_taken_in_and_waited_for_until_then() -> None:
    found = two()
    gone = b.work(b.task("other"))
    gone.history.intake, intake = None, gone.history.intake
    found.replace(gone)
    assert looked(found) == ("waits", 1, {})

    gone.history.intake = intake
    assert looked(found) == ("lost", 1, {"z": ("inst_1:a",)})
    assert not found.knows("inst_1:a")

    add_tasks(gone, [b.task("a")])
    assert looked(found) == ("waits", 1, {})
    assert found.knows("inst_1:a")


def test_an_instruction_that_is_nowhere_is_lost() -> None:
    found = two()
    del found.works["inst_1"]

    assert looked(found)[0] == "lost"


@pytest.mark.parametrize(
    ("artifacts", "expected"),
    [
        (({"path": "db/schema.sql"},), ("met", 0, {})),
        (({"path": "schema.sql"},), ("met", 0, {})),
        (({"path": "other-schema.sql"},), ("met", 1, {"z": ("inst_1:a",)})),
        ((), ("met", 1, {"z": ("inst_1:a",)})),
    ],
)
def test_an_artifact_of_another_instruction_has_to_be_there(
    artifacts: tuple[dict[str, str], ...], expected: tuple[str, int, dict[str, tuple[str, ...]]]
) -> None:
    found = two(data="schema.sql")
    b.lies(found.works["inst_1"], "a", b.COMPLETED, accepted="m1", artifacts=artifacts)

    assert looked(found) == expected


def test_which_artifacts_others_wait_for_is_known_where_they_are_made() -> None:
    found = two(data="schema.sql")
    found.look_across()

    assert found.works["inst_1"].wanted == {"a": {"schema.sql": "inst_2:z"}}


def test_a_further_task_that_waits_for_the_same_one_is_counted_right() -> None:
    found = two()
    b.done(found.works["inst_1"], "a")
    looked(found)
    other = found.works["inst_2"]

    add_tasks(other, [b.task("late", "inst_1:a")])
    b.lies(other, "late", b.WAITING)

    assert looked(found) == ("met", 0, {})
    assert other.unmet["late"] == 0


# -- urgency ----------------------------------------------------------------------------------------------------------


def test_a_task_is_as_urgent_as_one_of_another_instruction_that_waits_for_it() -> None:
    one = b.work(b.task("first", priority="low"), b.task("a", "first", priority="low"))
    other = b.work(b.task("m", "inst_1:a", priority="low"), b.task("z", "m", priority="critical"), name="inst_2")
    found = b.index(one, other)

    found.urgencies(b.PLAIN)

    assert [record.urgency for record in one.records.values()] == [RANK["critical"]] * 2


# -- circles ----------------------------------------------------------------------------------------------------------


def tangled() -> tuple[Index, Work, Work]:
    """a of inst_1 -> m of inst_2 -> a; `beside` waits for one of them, `free` for nobody."""
    one = b.work(b.task("a", "inst_2:m"), b.task("beside", "a"), b.task("free"))
    other = b.work(b.task("m", "inst_1:a"), name="inst_2")
    for made in (one, other):
        for name in made.records:
            b.lies(made, name, b.WAITING)
    return b.index(one, other), one, other


def test_a_circle_through_another_instruction_is_seen_from_both_sides() -> None:
    found, one, other = tangled()
    found.look_across()

    assert (one.tangled, other.tangled) == ({"a"}, {"m"})
    assert set(one.causes()) == {"a", "beside"}
    assert set(other.causes()) == {"m"}


def test_when_it_is_cut_anywhere_everybody_on_it_goes_on() -> None:
    found, one, other = tangled()
    found.look_across()
    b.lies(other, "m", b.CANCELLED, skipped=True)
    found.look_across()

    assert (one.tangled, other.tangled) == (frozenset(), frozenset())
    assert one.causes() == {}
    assert one.unmet["a"] == 0


def test_a_dependency_that_was_given_up_cuts_it_too() -> None:
    found, one, other = tangled()
    found.look_across()
    one.records["a"].ledger.waived = frozenset({"inst_2:m"})
    one.recount("a")
    found.look_across()

    assert (one.causes(), other.causes()) == ({}, {})
    assert found.works["inst_2"].unmet["m"] == 1
