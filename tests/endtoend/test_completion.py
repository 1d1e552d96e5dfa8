"""How work is handed in, and that nothing is released before it is verified."""

import subprocess

from tests.support.tree import MARK, Tree, a_task, as_yaml, eventually, load, met, publish, surroundings

AGENT = """
set -eu
I="$ROOT/inst_1"
mv "$I/queues/agents/ann/t1.yaml" "$I/tasks/in_progress/"
mkdir -p "$I/outputs/partial/t1"
cat > "$I/heartbeats/.ann_t1.yaml.tmp" <<END
{agent_name: ann, task_id: t1, timestamp: "2026-01-10T12:00:00Z", status: in_progress, progress_percentage: 50}
END
mv "$I/heartbeats/.ann_t1.yaml.tmp" "$I/heartbeats/ann_t1.yaml"
cat > "$I/outputs/partial/t1/result.txt" <<END
done
END
SUM=$(sha256sum "$I/outputs/partial/t1/result.txt")
cat > "$I/outputs/partial/t1/.manifest.yaml.tmp" <<END
task_id: t1
subagent: ann
status: completed
completion_timestamp: 2026-01-10T12:00:00Z
artifacts:
  - {name: result, type: data, path: result.txt, size_bytes: 5, checksum: "sha256:${SUM%% *}"}
acceptance_criteria_met:
  - {criterion: It works, met: true, evidence: result.txt}
quality_metrics: {}
END
mv "$I/outputs/partial/t1/.manifest.yaml.tmp" "$I/outputs/partial/t1/manifest.yaml"
"""


def test_an_agent_with_nothing_but_mv_and_cat_gets_its_task_done(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1", acceptance_criteria=["It works"]), a_task("t2", "t1"))
    with tree.daemon():
        instruction.reaches("t1", "queues/agents/ann")
        subprocess.run(["sh", "-c", AGENT], env=surroundings({"ROOT": str(tree.root)}), check=True, timeout=20)

        instruction.reaches("t1", "tasks/completed")
        instruction.reaches("t2", "queues/agents/ann")
        instruction.check("t1", "t2")


def test_the_commands_of_an_agent_get_a_task_done(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1", acceptance_criteria=["It works"]))
    (tree.workspace / "made.txt").write_text("made\n")
    with tree.daemon():
        instruction.reaches("t1", "queues/agents/ann")
        tree.ok("claim", "ann")
        tree.ok("heartbeat", "t1", "--agent", "ann", "--progress", "40", "--activity", "reading")
        answer = tree.call("complete", "t1", "made.txt", "--agent", "ann", "--met", "It works=made.txt", "--wait")

        assert answer.code == 0, answer
        assert instruction.places("t1") == ["tasks/completed"]


def test_complete_describes_the_files_truly_and_marks_the_end(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    (tree.workspace / "made.txt").write_text("made\n")
    tree.once()
    instruction.claim("t1")

    tree.ok("complete", "t1", "made.txt", "--agent", "ann", "--attempt", "1", "--metric", "test_coverage=0.9")

    path = instruction.output("t1") / "manifest.yaml"
    manifest = load(path)
    (artifact,) = manifest["artifacts"]
    assert (manifest["task_id"], manifest["subagent"], manifest["status"]) == ("t1", "ann", "completed")
    assert artifact["size_bytes"] == 5
    assert artifact["checksum"] == "sha256:9ccbd3f1b19a1cdfd8d7c6ae48e9e822e2345f5be1a6187b19e41486c6941004"
    assert manifest["quality_metrics"]["test_coverage"] == 0.9
    assert path.read_text().rstrip("\n").splitlines()[-1] == "..."


def test_complete_waits_and_tells_every_fault(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1", acceptance_criteria=["It works", "It is fast"]))
    (tree.workspace / "made.txt").write_text("made\n")
    with tree.daemon():
        instruction.claim("t1")
        instruction.tells("moved", "tasks/in_progress")
        answer = tree.call("complete", "t1", "made.txt", "--agent", "ann", "--wait", "30s")

        assert answer.code == 1, answer
        assert "It works" in answer.said
        assert "It is fast" in answer.said


def test_heartbeat_writes_what_it_is_told(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    tree.once()
    instruction.claim("t1")

    tree.ok("heartbeat", "t1", "--progress", "40", "--activity", "reading", env={"CAGENTS_AGENT": "ann"})

    beat = load(instruction.path / "heartbeats" / "ann_t1.yaml")
    assert (beat["agent_name"], beat["task_id"]) == ("ann", "t1")
    assert (beat["progress_percentage"], beat["current_activity"]) == (40, "reading")
    assert beat["timestamp"]


def test_a_manifest_written_in_place_with_its_end_mark_is_judged(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.claim("t1")
        text = as_yaml(instruction.manifest("t1")) + MARK
        (instruction.output("t1") / "manifest.yaml").write_text(text)

        instruction.reaches("t1", "tasks/completed")


def test_a_manifest_written_in_place_without_an_end_mark_is_judged_once_it_rests(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.claim("t1")
        text = as_yaml(instruction.manifest("t1"))
        (instruction.output("t1") / "manifest.yaml").write_text(text)

        instruction.reaches("t1", "tasks/completed")


def test_a_manifest_that_is_still_being_written_is_not_acted_on(tree: Tree) -> None:
    instruction = tree.plan(a_task("slow", acceptance_criteria=["It works"]), a_task("quick"), a_task("quicker"))
    with tree.daemon():
        instruction.claim("slow")
        text = as_yaml(instruction.manifest("slow", acceptance_criteria_met=met("It works")))
        half = text.index("acceptance_criteria_met")
        with (instruction.output("slow") / "manifest.yaml").open("w") as file:
            file.write(text[:half])
            file.flush()
            for task in ("quick", "quicker"):  # in both cases a file has to rest before it is read: time enough to err
                instruction.claim(task)
                (instruction.output(task) / "manifest.yaml").write_text(as_yaml(instruction.manifest(task)))
                instruction.reaches(task, "tasks/completed")
            assert instruction.places("slow") == ["tasks/in_progress"]
            assert instruction.quarantined() == []
            file.write(text[half:])

        instruction.reaches("slow", "tasks/completed")
        assert instruction.events("rejected") == []


def test_a_manifest_that_comes_before_the_claim_is_held_until_it(tree: Tree) -> None:
    instruction = tree.plan(a_task("early"), a_task("other"))
    with tree.daemon():
        instruction.reaches("early", "queues/agents/ann")
        instruction.hand_in("early")
        instruction.finish("other")
        assert instruction.places("early") == ["queues/agents/ann"]

        instruction.claim("early")
        instruction.reaches("early", "tasks/completed")


def test_a_partial_manifest_is_a_sign_of_life_and_nothing_else(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("other"))
    with tree.daemon():
        instruction.claim("t1")
        instruction.hand_in("t1", status="partial")
        instruction.finish("other")
        assert instruction.places("t1") == ["tasks/in_progress"]

        instruction.hand_in("t1")
        instruction.reaches("t1", "tasks/completed")
        assert instruction.events("rejected") == []


def test_a_manifest_in_the_upstream_folder_counts_as_well(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.claim("t1")
        folder = instruction.path / "outputs" / "t1"
        folder.mkdir(parents=True, exist_ok=True)
        manifest = instruction.manifest("t1")
        (instruction.output("t1") / "result.txt").rename(folder / "result.txt")
        instruction.output("t1").rmdir()
        publish(folder / "manifest.yaml", as_yaml(manifest))

        instruction.reaches("t1", "tasks/completed")


def test_a_diamond_opens_only_when_both_sides_are_verified(tree: Tree) -> None:
    tasks = [a_task("top"), a_task("left", "top"), a_task("right", "top"), a_task("end", "left", "right")]
    instruction = tree.plan(*tasks)
    with tree.daemon():
        instruction.finish("top")
        instruction.finish("left")
        instruction.reaches("right", "queues/agents/ann")
        assert instruction.places("end") == ["queues/waiting_on_dependencies"]

        instruction.finish("right")
        instruction.finish("end")
        instruction.check("top", "left", "right", "end")

    order = [line["task_id"] for line in instruction.events("accepted")]
    assert order == ["top", "left", "right", "end"]


def test_a_flipped_byte_keeps_every_dependent_waiting(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"), a_task("t2", "t1"), a_task("t3", "t1"))
    with tree.daemon():
        instruction.claim("t1")
        manifest = instruction.manifest("t1")
        (instruction.output("t1") / "result.txt").write_bytes(b"dome\n")
        publish(instruction.output("t1") / "manifest.yaml", as_yaml(manifest))

        instruction.tells("rejected", "t1")
        for task in ("t2", "t3"):
            assert instruction.places(task) == ["queues/waiting_on_dependencies"]


def test_when_all_is_done_the_instruction_is_complete_and_the_files_say_so(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.finish("t1")

        status = instruction.path / "status.yaml"
        eventually(lambda: status.exists() and load(status).get("phase") == "complete", saying=instruction.tail)
        eventually(lambda: instruction.file("t1").get("status") == "completed", saying=instruction.tail)


def test_a_new_manifest_after_acceptance_is_one_finding_and_no_second_acceptance(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    with tree.daemon():
        instruction.finish("t1")
        instruction.hand_in("t1", subagent_notes="once more")

        instruction.tells("finding", "t1")
        assert len(instruction.events("accepted", "t1")) == 1
        assert instruction.places("t1") == ["tasks/completed"]
