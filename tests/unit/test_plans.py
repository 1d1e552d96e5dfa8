"""Judging a plan as a whole: every fault at once, each with the line on which an editor finds it."""

import textwrap
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
