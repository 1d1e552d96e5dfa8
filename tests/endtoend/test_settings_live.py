"""The numbers can be changed while the daemon runs; what makes no sense is answered and changes nothing."""

import signal

import pytest

from tests.support.tree import Document, Instruction, Running, Tree, a_task, as_yaml, eventually, publish

FRAMEWORK, QUEUES = "parallel_execution_framework.yaml", "task_queue_manager.yaml"
ANN = "queues/agents/ann"
WORK = "tasks/in_progress"
LIMITS = {
    "swarm": "execution_modes.swarm.max_concurrent",
    "mesh": "execution_modes.mesh.max_concurrent",
    "pipeline": "execution_modes.pipeline.max_concurrent_per_stage",
}
KEYS = {
    "execution_modes.sequential.max_concurrent": FRAMEWORK,
    **dict.fromkeys(LIMITS.values(), FRAMEWORK),
    "capacity_model.agent_slots.specialists.ann": FRAMEWORK,
    "task_queues.agent_queues.max_queue_depth": FRAMEWORK,
    "communication_channels.escalations.sla.response_time": FRAMEWORK,
    "resilience.cascading_failure_prevention.circuit_breaker.failure_threshold": FRAMEWORK,
    "resilience.cascading_failure_prevention.circuit_breaker.timeout": FRAMEWORK,
    "resilience.cascading_failure_prevention.circuit_breaker.half_open_requests": FRAMEWORK,
    "capacity_model.scaling_strategy.load_balancing.algorithm": FRAMEWORK,
    "configuration.max_agents_per_instruction": FRAMEWORK,
    "configuration.max_global_agents": FRAMEWORK,
    "configuration.max_concurrent_instructions": FRAMEWORK,
    "priority_scheduling.priority_boost.age_based_boost.enabled": QUEUES,
    "priority_scheduling.priority_boost.age_based_boost.boost_rate": QUEUES,
    "escalate_blocked_after": "daemon.yaml",
}
WRONG = [
    ("execution_modes.swarm.max_concurrent", -3),
    ("execution_modes.mesh.max_concurrent", "many"),
    ("execution_modes.pipeline.max_concurrent_per_stage", 0),
    ("capacity_model.agent_slots.specialists.ann", -1),
    ("task_queues.agent_queues.max_queue_depth", -10),
    ("communication_channels.escalations.sla.response_time", "-5 minutes"),
    ("communication_channels.escalations.sla.response_time", "one day perhaps"),
    ("resilience.cascading_failure_prevention.circuit_breaker.failure_threshold", 0),
    ("resilience.cascading_failure_prevention.circuit_breaker.timeout", -1),
    ("priority_scheduling.priority_boost.age_based_boost.boost_rate", "+1 level now and then"),
    ("capacity_model.scaling_strategy.load_balancing.algorithm", "whoever_is_nearest"),
    ("escalate_blocked_after", "-15 minutes"),
]


def nested(key: str, value: object) -> Document:
    """The key with its value as the file has it."""
    first, _, rest = key.partition(".")
    return {first: nested(rest, value) if rest else value}


def merged(one: Document, other: Document) -> Document:
    """Both documents in one, all the way down."""
    both = {key: merged(one[key], other[key]) for key in one.keys() & other.keys() if isinstance(one[key], dict)}
    return one | other | both


def change(tree: Tree, values: Document, running: Running | None = None) -> None:
    """Writes the files anew with these keys and no others, and tells the daemon."""
    by_file: dict[str, Document] = {}
    for key, value in values.items():
        by_file[KEYS[key]] = merged(by_file.get(KEYS[key], {}), nested(key, value))
    for file, document in by_file.items():
        tree.configure(file, document)
    if running is not None:
        running.popen.send_signal(signal.SIGHUP)


def answered(tree: Tree, running: Running, word: str) -> bool:
    """The word is in what the daemon says, in somebody's inbox or in a journal."""
    files = [*(tree.root / "_communication" / "inbox").glob("*/[!.]*"), *tree.root.glob("*/journal.jsonl")]
    return word in running.said() or any(word in path.read_text() for path in files)


def is_put_back(instruction: Instruction, task: str) -> None:
    """A claim of it by `mv` does not last."""
    before = len(instruction.moves(task))
    instruction.claim(task)
    eventually(lambda: (WORK, ANN) in instruction.moves(task)[before:], saying=instruction.tail)
    instruction.reaches(task, ANN)


def is_kept(instruction: Instruction, task: str) -> None:
    """Sooner or later a claim of it by `mv` lasts."""

    def claimed() -> bool:
        if instruction.places(task) == [ANN]:
            instruction.claim(task)
        return instruction.moves(task)[-1][1] == WORK

    eventually(claimed, saying=instruction.tail)


def fails(instruction: Instruction, task: str) -> None:
    instruction.claim(task)
    instruction.hand_in(task, status="failed", artifacts=[])
    instruction.reaches(task, "tasks/failed")


def cries(instruction: Instruction, task: str, escalation: str) -> None:
    said: Document = {"escalation_id": escalation, "from_agent": "ann", "to_agent": "lead", "task_id": task}
    said |= {"timestamp": "2026-01-10T12:00:00Z", "severity": "low", "issue_description": "There is no schema"}
    publish(instruction.path / "escalations" / f"{escalation}.yaml", as_yaml(said))


def priority_of(tree: Tree, task: str) -> Document:
    return next(one for one in tree.data("ready")["tasks"] if one["task_id"] == task)


@pytest.mark.parametrize("mode", LIMITS)
def test_the_limit_of_a_mode_can_be_raised(tree: Tree, mode: str) -> None:
    change(tree, {LIMITS[mode]: 1})
    instruction = tree.plan(a_task("t1"), a_task("t2"), a_task("t3", assigned_agent="eve"), mode=mode)
    with tree.daemon() as running:
        instruction.claim("t1")
        instruction.tells("moved", WORK)
        is_put_back(instruction, "t2")

        change(tree, {LIMITS[mode]: 5}, running)
        is_kept(instruction, "t2")
        instruction.finish("t3", "eve")
        assert instruction.places("t1") == instruction.places("t2") == [WORK]
        instruction.check("t1", "t2", "t3")


def test_the_limit_of_a_mode_can_be_lowered_and_takes_nothing_away(tree: Tree) -> None:
    instruction = tree.plan(*map(a_task, ("t1", "t2", "t3")))
    with tree.daemon() as running:
        for task in ("t1", "t2"):
            is_kept(instruction, task)
            instruction.beat(task)
        change(tree, {LIMITS["swarm"]: 1, LIMITS["mesh"]: "many"}, running)
        eventually(lambda: answered(tree, running, LIMITS["mesh"]), saying=running.said)  # so it has been read
        is_put_back(instruction, "t3")
        assert instruction.places("t1") == instruction.places("t2") == [WORK]


def test_the_slots_of_an_agent_can_be_raised(tree: Tree) -> None:
    key = "capacity_model.agent_slots.specialists.ann"
    change(tree, {key: 1})
    instruction = tree.plan(a_task("t1"), a_task("t2"))
    with tree.daemon() as running:
        instruction.reaches("t2", ANN)
        tree.ok("claim", "ann")
        assert tree.call("claim", "ann").code == 3

        change(tree, {key: 2}, running)
        eventually(lambda: tree.call("claim", "ann").code == 0)
        for task in ("t1", "t2"):
            instruction.hand_in(task)
            instruction.reaches(task, "tasks/completed")


def test_the_depth_of_a_queue_can_be_raised(tree: Tree) -> None:
    key = "task_queues.agent_queues.max_queue_depth"
    change(tree, {key: 2})
    instruction = tree.plan(*map(a_task, ("t1", "t2", "t3", "t4")))
    with tree.daemon() as running:
        for task, place in (("t1", ANN), ("t2", ANN), ("t3", "queues/domains/software")):
            instruction.reaches(task, place)
        instruction.reaches("t4", "queues/domains/software")

        change(tree, {key: 4}, running)
        for task in ("t3", "t4"):
            instruction.reaches(task, ANN)
        instruction.check("t1", "t2", "t3", "t4")


def test_the_breaker_can_be_made_stricter_without_a_signal(tree: Tree) -> None:
    circuit = "resilience.cascading_failure_prevention.circuit_breaker"
    change(tree, {f"{circuit}.failure_threshold": 100})
    instruction = tree.plan(*(a_task(name, max_retries=0) for name in ("f1", "f2", "f3")))
    with tree.daemon() as running:
        fails(instruction, "f1")
        fails(instruction, "f2")
        change(tree, {f"{circuit}.failure_threshold": 3, f"{circuit}.half_open_requests": "many"})
        eventually(lambda: answered(tree, running, "half_open_requests"), saying=running.said)  # so it has been read
        assert instruction.events("breaker") == []
        fails(instruction, "f3")
        assert instruction.tells("breaker", "open")[0]["agent"] == "ann"


def test_how_fast_tasks_age_can_be_changed_and_never_makes_them_critical(tree: Tree) -> None:
    boost = "priority_scheduling.priority_boost.age_based_boost"
    tree.plan(a_task("old", priority="low"))
    with tree.daemon() as running:
        eventually(lambda: tree.data("ready")["tasks"])
        assert priority_of(tree, "old")["effective_priority"] == "low"
        change(tree, {f"{boost}.enabled": True, f"{boost}.boost_rate": "+1 level per 1 second"}, running)
        eventually(lambda: priority_of(tree, "old")["effective_priority"] == "high")
        assert "low" in priority_of(tree, "old")["why"]

        change(tree, {f"{boost}.enabled": False, f"{boost}.boost_rate": "+1 level per 1 second"}, running)
        eventually(lambda: priority_of(tree, "old")["effective_priority"] == "low")


def test_the_time_for_an_answer_can_be_changed(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    with tree.daemon() as running:
        instruction.claim("t1")
        cries(instruction, "t1", "esc_1")
        instruction.tells("escalated", "esc_1")
        change(tree, {"communication_channels.escalations.sla.response_time": "1 second"}, running)
        cries(instruction, "t1", "esc_2")
        instruction.tells("raised", "esc_2")


@pytest.mark.parametrize(("key", "value"), WRONG, ids=lambda one: str(one).rpartition(".")[2])
def test_a_wrong_value_is_answered_and_the_work_goes_on(tree: Tree, key: str, value: object) -> None:
    instruction = tree.plan(a_task("t1"))
    name = key.rpartition(".")[2]
    with tree.daemon() as running:
        instruction.reaches("t1", ANN)
        change(tree, {key: value}, running)
        eventually(lambda: answered(tree, running, name), saying=running.said)
        instruction.finish("t1")

    said = tree.call("config", "--json")
    assert name in tree.call("config").said.replace(str(tree.workspace), "")
    assert value not in [one["value"] for one in said.data["keys"] if one["key"] == key]


@pytest.mark.parametrize("wrong", [-3, 0, "many", 10**12], ids=str)
def test_after_a_wrong_value_the_old_one_stays_in_force(tree: Tree, wrong: object) -> None:
    change(tree, {LIMITS["swarm"]: 1})
    instruction = tree.plan(a_task("t1"), a_task("t2"))
    with tree.daemon() as running:
        instruction.claim("t1")
        instruction.tells("moved", WORK)
        change(tree, {LIMITS["swarm"]: wrong}, running)
        eventually(lambda: answered(tree, running, "max_concurrent"), saying=running.said)
        is_put_back(instruction, "t2")


def test_config_lists_every_one_of_them(plain: Tree) -> None:
    change(plain, {"capacity_model.agent_slots.specialists.ann": 3})

    listed = {one["key"]: one for one in plain.data("config")["keys"]}

    assert sorted(KEYS.keys() - listed.keys()) == []
    assert {key: listed[key]["file"].rpartition("/")[2] for key in KEYS} == KEYS
    assert listed["capacity_model.agent_slots.specialists.ann"]["value"] == 3


def test_config_names_what_nothing_reads(plain: Tree) -> None:
    plain.configure(FRAMEWORK, {"execution_modes": {"swarm": {"max_concurent": 7}}, "colour_of_the_sky": "blue"})

    unread = str(plain.data("config")["unread"])

    assert "execution_modes.swarm.max_concurent" in unread
    assert "colour_of_the_sky" in unread
