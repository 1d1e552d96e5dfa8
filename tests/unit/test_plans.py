"""Judging a plan as a whole: every fault at once, each with the line on which an editor finds it."""

import textwrap
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cagents_fs.core.coherence import added_faults
from cagents_fs.plans import Judged, judge, lacks_command, workspace_of
from cagents_fs.store.dump import dump
from tests.support import builders as b


def judged(text: str) -> Judged:
    return judge(textwrap.dedent(text).encode(), "plan.yaml", b.PLAIN, "inst_1")


def faults(text: str) -> list[tuple[str, int | None]]:
    found = judged(text)
    assert (found.plan is None) == bool(found.faults)
    assert all(fault.path == "plan.yaml" for fault in found.faults)
    return [(fault.code, fault.line) for fault in found.faults]


GOOD = """\
    description: Build it
    tasks:
      - task_id: a
        description: First
      - task_id: z
        description: Last
        dependencies: [a]
"""


def test_a_plan_without_faults_is_taken_as_it_was_written() -> None:
    found = judged(GOOD)

    assert found.plan is not None
    assert [task.task_id for task in found.plan.tasks] == ["a", "z"]
    assert found.written["tasks"][1] == {"task_id": "z", "description": "Last", "dependencies": ["a"]}
    assert len(found.sha256) == 64


@pytest.mark.parametrize(
    ("head", "mode"),
    [
        ("", "pipeline"),  # a chain of two: independence 0, and tier 3 where none is named
        ("tier: 1", "sequential"),
        ("tier: 4", "mesh"),
        ("tier: 1\nmode: swarm", "swarm"),
    ],
)
def test_the_mode_is_the_one_it_names_else_the_one_that_suits_it(head: str, mode: str) -> None:
    assert judge((textwrap.dedent(GOOD) + head).encode(), "plan.yaml", b.PLAIN).mode == mode


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            """\
            description: Twice
            tasks:
              - task_id: a
                description: One
              - task_id: a
                description: Other
            """,
            [("duplicate_id", 5)],
        ),
        (
            """\
            description: In case only
            tasks:
              - {task_id: Build, description: One}
              - {task_id: build, description: Other}
            """,
            [("duplicate_id", 4)],
        ),
        (
            """\
            description: Nobody there
            tasks:
              - task_id: a
                description: One
                dependencies:
                  - nobody
                  - nothing
            """,
            [("missing_dependency", 6), ("missing_dependency", 7)],
        ),
        (
            """\
            description: In the long form
            tasks:
              - task_id: a
                description: One
                dependencies:
                  soft_dependencies:
                    - task_id: soft
                  data_dependencies:
                    - {task_id: data, artifact_path: x.sql}
            """,
            [("missing_dependency", 7), ("missing_dependency", 9)],
        ),
        (
            """\
            description: In a circle
            tasks:
              - task_id: free
                description: None of it
              - task_id: a
                description: One
                dependencies: [a]
            """,
            [("cycle", 7)],
        ),
        (
            """\
            description: For a shell
            tasks:
              - task_id: a
                description: One
                assigned_agent: shell
            """,
            [("no_command", 3)],
        ),
        (
            """\
            description: Of another instruction
            tasks:
              - task_id: a
                description: One
                instruction_id: inst_9
            """,
            [("wrong_instruction", 5)],
        ),
        (
            """\
            description: Schema
            tier: 9
            tasks:
              - task_id: a b
                description: One
            """,
            [("schema", 2), ("schema", 4)],
        ),
        ("description: Alias\ntasks: *nowhere", [("unparsable", 2)]),
        ("- a list", [("unparsable", 1)]),
    ],
    ids=["twice", "case", "missing", "long form", "cycle", "command", "instruction", "schema", "YAML", "list"],
)
def test_a_fault_is_named_with_its_line(text: str, expected: list[tuple[str, int | None]]) -> None:
    assert faults(text) == expected


def test_a_missing_task_in_the_long_form_of_hard_dependencies_alone_has_its_own_line() -> None:
    text = """\
        description: Hard only
        tasks:
          - task_id: a
            description: One
            dependencies:
              hard_dependencies:
                - task_id: a0
                  reason: schema
        """

    assert faults(text) == [("missing_dependency", 7)]


def test_a_cycle_is_named_as_the_path_that_one_walks() -> None:
    (fault,) = judged(
        """\
        description: Round
        tasks:
          - {task_id: a, description: A, dependencies: [z]}
          - {task_id: m, description: M, dependencies: [a]}
          - {task_id: z, description: Z, dependencies: [m]}
        """
    ).faults

    assert any(path in fault.message for path in ("a -> z -> m -> a", "z -> m -> a -> z", "m -> a -> z -> m"))


def test_all_faults_of_all_kinds_are_said_at_once_in_the_order_of_the_file() -> None:
    assert faults(
        """\
        description: Many
        tasks:
          - task_id: a
            description: One
            priority: urgent
          - task_id: c
            description: Two
            dependencies: [ghost, a]
          - task_id: c
            description: Three
        mode: fast
        """
    ) == [("schema", 5), ("missing_dependency", 8), ("duplicate_id", 9), ("schema", 11)]


def test_a_task_that_is_wrong_otherwise_is_not_missing_too() -> None:
    assert [code for code, _ in faults(GOOD.replace("description: First", "description: First\n        tier: x"))] == []
    broken = GOOD.replace("description: First", "priority: urgent")
    assert {code for code, _ in faults(broken)} == {"schema"}


def test_a_plan_that_belongs_to_no_known_instruction_may_name_any() -> None:
    text = textwrap.dedent(GOOD).replace("description: First", "description: First\n    instruction_id: inst_9")

    assert judge(text.encode(), "plan.yaml", b.PLAIN).plan is not None


def test_unknown_keys_are_warnings_and_no_faults() -> None:
    found = judged(GOOD + "    taks: 3\n")

    assert found.plan is not None
    assert [(warning.code, warning.line) for warning in found.warnings] == [("unknown_key", 8)]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 9) | st.text("ab: [\n", max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["task_id", "tasks", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(
    st.fixed_dictionaries(
        {
            "tasks": st.lists(st.fixed_dictionaries({"task_id": VALUES, "dependencies": VALUES}) | VALUES, max_size=3)
            | VALUES
        }
    ),
    VALUES,
)
def test_nothing_that_a_plan_may_hold_is_too_much_for_the_judge(plan: dict[str, Any], more: object) -> None:
    found = judge(dump(plan | {"description": more}).encode(), "plan.yaml", b.PLAIN, "inst_1")

    assert (found.plan is None) == bool(found.faults)


def test_only_a_task_for_the_shell_needs_a_command() -> None:
    assert "has none" in str(lacks_command(b.task("a", assigned_agent="shell"), b.PLAIN))
    assert lacks_command(b.task("a", assigned_agent="shell", command="true"), b.PLAIN) is None
    assert lacks_command(b.task("a", assigned_agent="claude"), b.PLAIN) is None
    assert lacks_command(b.task("a", assigned_agent="shell"), b.policy(agents={})) is None


@pytest.mark.parametrize(
    ("given_workspace", "expected"), [(None, "/w"), (".", "/w"), ("src", "/w/src"), ("..", "/"), ("/abs/x/..", "/abs")]
)
def test_the_workspace_is_the_folder_that_holds_the_tree_or_lies_relative_to_it(
    given_workspace: str | None, expected: str
) -> None:
    assert workspace_of("/w/Agent_Memory", given_workspace) == expected


# -- what tasks are to each other --------------------------------------------------------------------------------------


def plan(*tasks: str, **fields: object) -> Judged:
    """Each task in a line of its own, the first in line 2; what is said of the whole comes after them."""
    whole = "".join(f"{key}: {value}\n" for key, value in fields.items())
    text = "tasks:\n" + "".join(f"  - {{description: D, {task}}}\n" for task in tasks) + f"description: P\n{whole}"
    return judge(text.encode(), "plan.yaml", b.PLAIN, "inst_1")


def said(found: Judged) -> list[tuple[str, int | None]]:
    return [(fault.code, fault.line) for fault in found.faults]


def test_a_parent_that_is_not_there_is_named_where_it_is_asked_for() -> None:
    found = plan("task_id: top", "task_id: a, parent_task_id: nowhere")

    assert said(found) == [("missing_parent", 3)]
    assert "nowhere" in found.faults[0].message


def test_a_parent_that_is_wrong_otherwise_is_not_missing_too() -> None:
    assert said(plan("task_id: top, priority: urgent", "task_id: a, parent_task_id: top")) == [("schema", 2)]


def levels(count: int, *more: str) -> Judged:
    return plan("task_id: l1", *(f"task_id: l{n}, parent_task_id: l{n - 1}" for n in range(2, count + 1)), *more)


def test_parents_may_be_four_levels_deep_and_no_more() -> None:
    assert said(levels(4)) == []

    found = levels(7, "task_id: beside, parent_task_id: l4")
    assert said(found) == [("too_deep", 6), ("too_deep", 9)]  # those below are too deep for the same reason
    assert "l1 -> l2 -> l3 -> l4 -> l5" in found.faults[0].message


@pytest.mark.parametrize(
    ("tasks", "path"),
    [
        (("task_id: hen, parent_task_id: egg", "task_id: egg, parent_task_id: hen"), ("hen -> egg", "egg -> hen")),
        (("task_id: hen, parent_task_id: hen",), ("hen -> hen",)),
        (
            ("task_id: hen", "task_id: egg, parent_task_id: hen, dependencies: [hen]"),
            ("hen -> egg -> hen", "egg -> hen -> egg"),
        ),
    ],
)
def test_a_parent_waits_for_its_children_as_if_it_depended_on_them(tasks: tuple[str, ...], path: tuple[str]) -> None:
    (fault,) = plan(*tasks).faults

    assert fault.code == "cycle"
    assert fault.line in (2, 3)
    assert any(one in fault.message for one in path)
    assert "a parent waits for its children" in fault.message


def test_soft_dependencies_and_checkpoints_close_no_circle() -> None:
    meets = "coordination: [{checkpoint: c, with: [%s]}]"
    tasks = (
        f"task_id: a, dependencies: {{soft_dependencies: [z], {meets % 'z'}}}",
        f"task_id: z, dependencies: {{soft_dependencies: [a], {meets % 'a'}}}",
    )

    assert said(plan(*tasks)) == []


def test_whom_a_task_meets_has_to_be_there() -> None:
    point = "dependencies: {coordination: [{checkpoint: c, with: [z, nobody]}]}"
    found = plan("task_id: z", f"task_id: a, {point}")

    assert said(found) == [("missing_dependency", 3)]
    assert found.faults[0].column == f"  - {{description: D, task_id: a, {point}}}".index("nobody") + 1


def test_a_task_of_another_instruction_is_not_missing_here_but_can_be_asked_for() -> None:
    found = plan("task_id: a", "task_id: z, dependencies: [a, 'inst_9:t1', 'inst_9:t2']")

    assert said(found) == []
    assert [reference for reference, _ in found.elsewhere] == ["inst_9:t1", "inst_9:t2"]
    assert found.missing(lambda _: True) == ()
    (fault,) = found.missing(lambda reference: reference == "inst_9:t1")
    assert (fault.code, fault.line, fault.path) == ("missing_dependency", 3, "plan.yaml")
    assert "inst_9:t2" in fault.message


@pytest.mark.parametrize("reference", ["inst_9:", ":t1", "a:b:c", "in st:t"])
def test_what_names_no_task_of_another_instruction_is_missing(reference: str) -> None:
    found = plan(f"task_id: a, dependencies: ['{reference}']")

    assert said(found) == [("missing_dependency", 2)]
    assert found.elsewhere == ()


def test_tasks_elsewhere_have_no_part_in_what_the_mode_follows_from() -> None:
    tasks = ["task_id: a, dependencies: ['inst_9:t1']", "task_id: c, dependencies: ['inst_9:t1']", "task_id: d"]

    assert plan(*tasks).mode == "swarm"


@pytest.mark.parametrize(
    ("tasks", "stages", "expected"),
    [
        (("task_id: a, stage: build",), "[build, ship]", [("empty_stage", 5)]),
        (("task_id: a, stage: 0", "task_id: z, stage: 2"), None, [("empty_stage", 3)]),
        (("task_id: a, stage: 0", "task_id: z, stage: 90000"), None, [("empty_stage", 3)]),
        (("task_id: a, stage: build", "task_id: z, stage: bild"), "[build]", [("unknown_stage", 3)]),
        (("task_id: a, stage: 0, dependencies: [z]", "task_id: z, stage: 1"), None, [("stage_order", 2)]),
        (("task_id: a, stage: 0", "task_id: z, stage: 1, parent_task_id: a"), None, [("stage_order", 2)]),
        (("task_id: a, stage: 3", "task_id: z, stage: 4"), None, []),
        (("task_id: a, stage: '0'", "task_id: z, stage: 1, dependencies: [a]"), None, []),
    ],
    ids=["empty name", "gap", "wide gap", "not listed", "backwards", "a child later", "from three", "quoted"],
)
def test_stages_are_judged_with_their_lines(
    tasks: tuple[str, ...], stages: str | None, expected: list[tuple[str, int]]
) -> None:
    assert said(plan(*tasks, mode="pipeline", **({"stages": stages} if stages else {}))) == expected


def test_where_there_are_no_stages_none_is_later() -> None:
    assert said(plan("task_id: a, stage: 0, dependencies: [z]", "task_id: z, stage: 1", mode="swarm")) == []


@pytest.mark.parametrize("number", ["-1", "100001", "1.5", "true", "[1]"])
def test_a_stage_that_is_no_stage_is_refused_once(number: str) -> None:
    assert said(plan("task_id: a", f"task_id: z, stage: {number}")) == [("schema", 3)]


@pytest.mark.parametrize("number", ["0", "-5", "10001", "'3'", "many"])
def test_an_absurd_number_of_tasks_at_once_is_refused(number: str) -> None:
    assert said(plan("task_id: a", max_concurrent=number)) == [("schema", 4)]


# -- tasks that are added ----------------------------------------------------------------------------------------------


def added(made: Any, *needs: str, **fields: object) -> list[str]:
    found = list(added_faults(made, b.task("new", *needs, **fields), max_depth=4))
    assert all(loc for loc, _ in found)
    return [fault.code for _, fault in found]


def test_an_added_task_needs_a_parent_that_is_there_and_not_too_deep() -> None:
    made = b.work(b.task("l1"), *(b.task(f"l{n}", parent_task_id=f"l{n - 1}") for n in (2, 3, 4)))

    assert added(made, parent_task_id="l3") == []
    assert added(made, parent_task_id="l4") == ["too_deep"]
    assert added(made, parent_task_id="nowhere") == ["missing_parent"]


def test_an_added_child_that_waits_for_its_parent_closes_a_circle() -> None:
    made = b.work(b.task("top"), b.task("after", "top"))

    assert added(made, "top", parent_task_id="top") == ["cycle"]
    assert added(made, "after", parent_task_id="top") == ["cycle"]
    assert added(made, parent_task_id="new") == ["cycle"]
    assert added(made, "after") == []


def test_an_added_task_is_of_a_stage_that_can_be() -> None:
    made = b.work(b.task("a", stage=0), b.task("z", stage=1), mode="pipeline")

    assert added(made, stage=1) == added(made, stage=2) == added(made) == []
    assert added(made, stage=5) == ["empty_stage"]
    assert added(made, "z", stage=0) == ["stage_order"]
    assert added(made, stage=1, parent_task_id="a") == ["stage_order"]
    assert added(b.work(b.task("a", stage=0)), stage=7) == []  # without stages nothing is later


def test_an_added_task_is_of_a_stage_that_the_plan_lists() -> None:
    made = b.work(b.task("a", stage="build"), b.task("z", stage="ship"), mode="pipeline", stages=["build", "ship"])

    assert added(made, "a", stage="ship") == []
    assert added(made, stage="shop") == ["unknown_stage"]
    assert added(made, "z", stage="build") == ["stage_order"]
