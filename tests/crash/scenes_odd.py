"""Scenes of what goes wrong by itself: foreign moves, wrong files, damage, loss; and of groups, checkpoints, alerts."""

import json
import os

from tests.crash.scene import lives
from tests.crash.scenes_work import MEDDLING, claimed, handed_in, planned
from tests.crash.stage import I1, Stage, task

JOURNAL = f"{I1}/journal.jsonl"


def over_the_limit(stage: Stage) -> None:
    """Two claims where one slot is."""
    stage.set_up()
    stage.submit(task("t1"), task("t2"))
    stage.lives()
    stage.claim("t1", "t2")


def out_of_turn(stage: Stage) -> None:
    stage.set_up()
    stage.submit(task("t1"), task("t2"), mode="sequential")
    stage.lives()
    stage.claim("t1")
    stage.lives()
    stage.move("t2", "tasks/in_progress")


def illegal_moves(stage: Stage) -> None:
    planned(stage)
    stage.lives()
    stage.move("t1", "tasks/failed")
    stage.move("t2", "queues/agents/bob")


def completed_by_hand(stage: Stage) -> None:
    claimed(stage)
    stage.move("t1", "tasks/completed")


def cancelled_by_hand(stage: Stage) -> None:
    claimed(stage)
    stage.lives()
    stage.move("t1", "tasks/cancelled")


def wrong_files(stage: Stage) -> None:
    claimed(stage)
    stage.write(f"{I1}/outputs/partial/t1/manifest.yaml", b"task_id: [t1\n")
    stage.write(f"{I1}/heartbeats/ann_t1.yaml", b"\tno\n")
    stage.write(f"{I1}/escalations/e1.yaml", b"- a list\n")
    stage.write(f"{I1}/requests/1.yaml", b"action: fly\n")
    stage.write(f"{I1}/tasks/pending/t8.yaml", b"task_id: t9\n")


def mended_files(stage: Stage) -> None:
    wrong_files(stage)
    stage.lives()
    stage.beat("t1")
    stage.escalate("t1", severity="low")
    stage.write(f"{I1}/tasks/pending/t8.yaml", task("t8"))


def wrong_plan(stage: Stage) -> None:
    stage.set_up()
    stage.submit(task("t1", "t2"), task("t2", "t1"))


def lost_file(stage: Stage) -> None:
    claimed(stage)
    os.unlink(stage.root / I1 / "queues/waiting_on_dependencies/t2.yaml")


def made_again(stage: Stage) -> None:
    lost_file(stage)
    stage.lives()
    stage.lives()
    stage.ask("rescue")


def doubled_file(stage: Stage) -> None:
    claimed(stage)
    data = (stage.root / I1 / "tasks/in_progress/t1.yaml").read_bytes()
    stage.write(f"{I1}/queues/agents/ann/t1.yaml", data)


def hard_linked(stage: Stage) -> None:
    claimed(stage)
    os.link(stage.root / I1 / "tasks/in_progress/t1.yaml", stage.root / I1 / "queues/agents/ann/t1.yaml")


def torn_journal(stage: Stage) -> None:
    handed_in(stage)
    with open(stage.root / JOURNAL, "ab") as file:
        file.write(b'{"seq": 99, "time"')


def no_journal(stage: Stage) -> None:
    handed_in(stage)
    os.unlink(stage.root / JOURNAL)


def parent(stage: Stage) -> None:
    stage.set_up()
    stage.submit(task("p"), task("c1", parent_task_id="p"), task("c2", parent_task_id="p"), mode="swarm")
    stage.lives()
    stage.claim("p")
    stage.lives()
    stage.claim("c1")
    stage.hand_in("c1")
    stage.hand_in("p")


def parent_at_last(stage: Stage) -> None:
    parent(stage)
    stage.lives()
    if stage.find("c2").startswith("queues/agents"):
        stage.claim("c2")
    stage.hand_in("c2")


def lost_child(stage: Stage) -> None:
    parent(stage)
    stage.lives()
    stage.ask("cancel", "c2")


def checkpoint(stage: Stage) -> None:
    meets = [{"checkpoint": "c1", "with": ["t1", "t2"]}]
    stage.set_up()
    stage.submit(
        task("t1", dependencies={"coordination": meets}), task("t2", agent="bob", dependencies={"coordination": meets})
    )
    stage.lives()
    stage.claim("t1", "t2")
    stage.lives()
    for name in ("t1", "t2"):
        stage.write(f"{I1}/checkpoints/c1/{name}.yaml", b"task_id: " + name.encode() + b"\n")


def breaker(stage: Stage) -> None:
    stage.set_up()
    names = [f"t{number}" for number in range(1, 9)]
    stage.submit(*(task(name, max_retries=0) for name in names))
    for _ in range(8):
        stage.lives(1.0)
        for name in names:
            if stage.find(name) == "queues/agents/ann":
                stage.claim(name)
                stage.fail(name)
                break


def two_instructions(stage: Stage) -> None:
    handed_in(stage)
    stage.submit(task("u1", "inst_1:t1"), task("u2", agent="bob"), instruction="inst_2")


def soft_and_data(stage: Stage) -> None:
    stage.set_up()
    kinds = {"soft_dependencies": [{"task_id": "t1"}], "hard_dependencies": []}
    data = {"data_dependencies": [{"task_id": "t1", "artifact_path": "made.txt"}]}
    stage.submit(task("t1"), task("t2", dependencies=kinds), task("t3", agent="bob", dependencies=data))
    stage.lives()
    stage.claim("t1")
    stage.lives()
    stage.hand_in("t1")


def configured_anew(stage: Stage) -> None:
    handed_in(stage)
    stage.write("_system/config/daemon.yaml", b"settle_seconds: [no\n")


def starved(stage: Stage) -> None:
    claimed(stage)
    stage.write("_system/capacity/agents/ann.yaml", {"agent": "ann", "max_parallel_tasks": 1})


def cut_short(stage: Stage) -> None:
    """A crash came after an intent and before its rename."""
    planned(stage)
    stage.lives()
    path = stage.root / JOURNAL
    seq = 1 + len(path.read_bytes().splitlines())
    meant = {"seq": seq, "time": "2096-10-02T07:06:50.000000Z", "event": "intend", "task_id": "t1", "reason": "a test"}
    meant |= {"from": "queues/agents/ann", "to": "queues/domains/software", "attempt": 1, "agent": None}
    with open(path, "a", encoding="ascii") as file:
        file.write(json.dumps(meant) + "\n")


def fails_before(stage: Stage) -> None:
    proof = {"criterion": "It is proven", "check": "true", "must_fail_before": True}
    stage.set_up()
    stage.submit(task("t1", acceptance_criteria=[proof]), task("t2"), remark="an unknown key")


def deep_queue(stage: Stage) -> None:
    stage.set_up()
    stage.submit(*(task(f"t{number}", agent="ann" if number < 4 else "bob") for number in range(1, 6)))
    rule = {"alerting": {"alert_rules": {"queue_depth_warning": {"condition": "queue_depth > 2"}}}}
    stage.write("_system/config/performance_tracking_system.yaml", rule)


def shallow_again(stage: Stage) -> None:
    deep_queue(stage)
    stage.lives()
    stage.claim("t1")
    stage.lives()


SCENES = (
    lives("cut-short", cut_short),
    lives("fails-before", fails_before),
    lives("deep-queue", deep_queue),
    lives("shallow-again", shallow_again),
    lives("over-the-limit", over_the_limit, same_end=False),
    lives("out-of-turn", out_of_turn),
    lives("illegal-moves", illegal_moves),
    lives("completed-by-hand", completed_by_hand, meddle=MEDDLING),
    lives("cancelled-by-hand", cancelled_by_hand, meddle=MEDDLING),
    lives("wrong-files", wrong_files, meddle=MEDDLING),
    lives("mended-files", mended_files),
    lives("wrong-plan", wrong_plan),
    lives("lost-file", lost_file),
    lives("made-again", made_again),
    lives("doubled-file", doubled_file, doubled=True),
    lives("hard-linked", hard_linked, doubled=True),
    lives("torn-journal", torn_journal),
    lives("no-journal", no_journal),
    lives("parent-waits", parent, meddle=MEDDLING),
    lives("parent-at-last", parent_at_last),
    lives("lost-child", lost_child),
    lives("checkpoint", checkpoint),
    lives("breaker", breaker),
    lives("two-instructions", two_instructions),
    lives("soft-and-data", soft_and_data),
    lives("configured-anew", configured_anew),
    lives("capacity-file", starved),
)
