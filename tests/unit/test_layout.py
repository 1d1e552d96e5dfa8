"""What lies at a path, from its name alone."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cagents_fs.model.layout import INSTRUCTION_FOLDERS, Spot, identify, is_agents_own, is_instruction_name
from cagents_fs.model.states import State, place_of, state_of


def task_at(place: str, task: str = "T1", name: str = "T1.yaml") -> Spot:
    return Spot("task", "inst_1", place=place, task=task, name=name)


@pytest.mark.parametrize(
    ("path", "spot"),
    [
        ("inst_1/tasks/pending/T1.yaml", task_at("tasks/pending")),
        ("inst_1/tasks/in_progress/T1.yaml", task_at("tasks/in_progress")),
        ("inst_1/queues/global/T1.yaml", task_at("queues/global")),
        ("inst_1/queues/retry/T1.yaml", task_at("queues/retry")),
        ("inst_1/queues/agents/ann/T1.yaml", task_at("queues/agents/ann")),
        ("inst_1/queues/domains/software/T1.yaml", task_at("queues/domains/software")),
        ("inst_1/queues/waiting_on_dependencies/T1.yaml", task_at("queues/waiting_on_dependencies")),
        ("inst_1/queues/waiting_on/T1.yaml", task_at("queues/waiting_on_dependencies")),
        ("inst_1/tasks/pending/v1.2_x.yaml", task_at("tasks/pending", "v1.2_x", "v1.2_x.yaml")),
        ("inst_1/heartbeats/ann_T1.yaml", Spot("heartbeat", "inst_1", name="ann_T1.yaml")),
        ("inst_1/heartbeats/ann/T1.yaml", Spot("heartbeat", "inst_1", name="ann/T1.yaml")),
        ("inst_1/requests/1.yaml", Spot("request", "inst_1", name="1.yaml")),
        ("inst_1/workflow/plan.yaml", Spot("plan", "inst_1", name="plan.yaml")),
        ("inst_1/instruction.yaml", Spot("instruction", "inst_1", name="instruction.yaml")),
        ("inst_1/outputs/partial/T1/manifest.yaml", Spot("manifest", "inst_1", task="T1", name="manifest.yaml")),
        ("inst_1/outputs/T1/manifest.yaml", Spot("manifest", "inst_1", task="T1", name="manifest.yaml")),
        ("inst_1/outputs/partial/T1/src/a.py", Spot("output", "inst_1", task="T1", name="src/a.py")),
        ("inst_1/outputs/T1/a.py", Spot("output", "inst_1", task="T1", name="a.py")),
        ("inst_1/outputs/T1/sub/manifest.yaml", Spot("output", "inst_1", task="T1", name="sub/manifest.yaml")),
        ("_system/config/daemon.yaml", Spot("config", name="daemon.yaml")),
    ],
)
def test_a_path_says_what_lies_there_and_whose_it_is(path: str, spot: Spot) -> None:
    assert identify(path) == spot


@pytest.mark.parametrize(
    "path",
    [
        "inst_1",
        "inst_1/journal.jsonl",
        "inst_1/status.yaml",
        "inst_1/tasks/T1.yaml",
        "inst_1/tasks/pending/sub/T1.yaml",
        "inst_1/tasks/elsewhere/T1.yaml",
        "inst_1/queues/agents/T1.yaml",
        "inst_1/queues/agents/ann/queue.yaml",
        "inst_1/queues/agents/ann/sub/T1.yaml",
        "inst_1/tasks/pending/.T1.yaml.tmp",
        "inst_1/tasks/pending/T1.yaml~",
        "inst_1/tasks/pending/T1.txt",
        "inst_1/outputs/output_summary.yaml",
        "inst_1/outputs/partial/manifest.yaml",
        "inst_1/outputs/abandoned/T1.1/manifest.yaml",
        "inst_1/workflow/tasks/T1.yaml",
        "_system/daemon/lock",
        "_archive/inst_1/tasks/pending/T1.yaml",
        "_communication/inbox/ann/m.yaml",
    ],
)
def test_what_nothing_reads_is_other(path: str) -> None:
    assert identify(path).kind == "other"


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["inst_1", "_system", "tasks", "queues", "agents", "ann", "outputs", "partial", "", ".", "x" * 200]
        )
        | st.text(max_size=6),
        max_size=6,
    ).map("/".join)
)
def test_no_path_is_refused_and_every_task_lies_at_a_place(path: str) -> None:
    spot = identify(path)

    if spot.kind == "task":
        assert spot.place is not None and spot.task is not None
        assert spot.name == f"{spot.task}.yaml"
        state_of(spot.place)


@pytest.mark.parametrize("state", State)
def test_every_state_has_a_folder_that_exists_before_the_first_task_does(state: State) -> None:
    assert state.value in INSTRUCTION_FOLDERS
    folder = "ann" if state in (State.AGENTS, State.DOMAINS) else None
    assert identify(f"inst_1/{place_of(state, folder)}/T1.yaml").kind == "task"


@pytest.mark.parametrize(("name", "is_one"), [("inst_1", True), ("_system", False), (".git", False), ("a b", False)])
def test_folders_of_the_system_and_litter_are_no_instructions(name: str, is_one: bool) -> None:
    assert is_instruction_name(name) is is_one


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("result.txt", True),
        ("manifest.yaml", True),
        ("src/verification.py", True),
        ("verification.yaml", False),
        ("verification/check-1.log", False),
        ("agent.log", False),
        (".result.txt.tmp", False),
    ],
)
def test_the_verdict_and_the_runners_log_are_not_the_agents_work(name: str, own: bool) -> None:
    assert is_agents_own(name) is own
