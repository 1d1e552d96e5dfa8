"""What cannot be read is answered, kept and shown, once; it never stops the daemon and never slows its neighbours."""

import json
import os
import re
from pathlib import Path

import pytest

from tests.support.tree import Document, Instruction, Tree, a_task, as_yaml, eventually, publish

WRONG: dict[str, bytes] = {
    "empty": b"",
    "a list at the top": b"- task_id: good\n- agent_name: bent\n",
    "a key twice": b"task_id: good\nagent_name: bent\ndescription: one\ndescription: two\n",
    "a tab": b"task_id: good\n\tdescription: text\n",
    "a Markdown fence": b"```yaml\ntask_id: good\nagent_name: bent\ndescription: text\n```\n",
    "half-written": b"task_id: good\ndescr",
    "100,000 brackets": b"task_id: good\ndescription: text\ntags: " + b"[" * 100_000,
    "anchors": b"task_id: &name good\nagent_name: bent\ndescription: *name\n",
    "not UTF-8": b"task_id: good\nagent_name: bent\ndescription: \xff\xfe\xfa\n",
    "an id that climbs": b"task_id: ../../good\nagent_name: bent\ndescription: text\nstatus: in_progress\n",
    "a tag": b"task_id: good\nagent_name: bent\ndescription: !!python/object/apply:os.getcwd []\n",
    "two documents": b"task_id: good\ndescription: text\n---\ntask_id: better\n",
    "prose": b"Here is the file that you asked for.\n",
}


TWO_GIGABYTES = 2 << 30


def letters(tree: Tree, word: str) -> list[Document]:
    """Everything in anybody's inbox that mentions the word."""
    boxes = (tree.root / "_communication" / "inbox").glob("*")
    notes = [note for box in boxes for note in tree.inbox(box.name)]
    return [note for note in notes if word in json.dumps(note, default=str)]


def is_answered_and_kept(instruction: Instruction, path: Path) -> None:
    """In the journal, in an inbox and in the quarantine; and the file is where it was."""
    content = path.read_bytes()
    instruction.tells("answered", path.stem)
    eventually(lambda: letters(instruction.tree, path.stem), saying=instruction.tail)
    eventually(lambda: content in instruction.quarantined(), saying=instruction.tail)
    assert path.exists()


@pytest.mark.parametrize("half", [slice(0, 7), slice(7, None)], ids=["one half", "other half"])
def test_wrong_files_are_answered_once_while_their_neighbours_get_done(tree: Tree, half: slice) -> None:
    instruction = tree.plan(a_task("good"), a_task("better"))
    with tree.daemon():
        instruction.reaches("good", "queues/agents/ann")
        paths = []
        for number, content in list(enumerate(WRONG.values()))[half]:
            paths += [publish(instruction.path / "tasks" / "pending" / f"crooked-{number:02}.yaml", content)]
            paths += [publish(instruction.path / "heartbeats" / f"bent-{number:02}_good.yaml", content)]

        instruction.finish("good")
        for path in paths:
            is_answered_and_kept(instruction, path)
        instruction.finish("better")
        shown = tree.call("status").out
        for path in paths:
            owner = "planner" if path.parent.name == "pending" else path.stem.partition("_")[0]
            assert [note["to"] for note in letters(tree, path.stem)] == [owner]
            assert len(instruction.events("answered", path.stem)) == 1, path
            assert path.stem in shown


@pytest.mark.parametrize("place", ["tasks/pending/crooked.yaml", "heartbeats/crooked_good.yaml"])
def test_two_gigabytes_are_answered_and_only_their_beginning_is_kept(tree: Tree, place: str) -> None:
    instruction = tree.plan(a_task("good"))
    with tree.daemon():
        instruction.reaches("good", "queues/agents/ann")
        with (instruction.path / place).open("wb") as file:
            file.truncate(TWO_GIGABYTES)

        instruction.finish("good")
        instruction.tells("answered", "crooked")
        eventually(lambda: letters(tree, "crooked"), saying=instruction.tail)
        assert (instruction.path / place).stat().st_size == TWO_GIGABYTES
        assert 0 < max(map(len, instruction.quarantined())) <= 1 << 20
        assert "crooked" in tree.call("status").out


def test_a_manifest_of_two_gigabytes_is_rejected_and_can_be_mended(tree: Tree) -> None:
    instruction = tree.plan(a_task("good"), a_task("held", assigned_agent="bob"))
    with tree.daemon():
        instruction.claim("held", "bob")
        with (instruction.output("held") / "manifest.yaml").open("wb") as file:
            file.truncate(TWO_GIGABYTES)

        instruction.tells("rejected", "held")
        instruction.finish("good")
        assert instruction.places("held") == ["tasks/in_progress"]
        instruction.hand_in("held", "bob")
        instruction.reaches("held", "tasks/completed")


def test_a_name_with_a_newline_is_answered_and_printed_in_one_line(tree: Tree) -> None:
    instruction = tree.plan(a_task("good"))
    with tree.daemon():
        instruction.reaches("good", "queues/agents/ann")
        content = as_yaml(a_task("crooked")).encode()
        path = publish(instruction.path / "tasks" / "pending" / "crooked\nname.yaml", content)

        instruction.finish("good")
        instruction.tells("answered", "crooked")
        eventually(lambda: content in instruction.quarantined(), saying=instruction.tail)
        assert path.exists()
        shown = tree.call("status").out
        assert "crooked" in shown
        assert "crooked\nname" not in shown


def test_a_name_that_is_no_text_is_answered(tree: Tree) -> None:
    instruction = tree.plan(a_task("good"))
    with tree.daemon():
        instruction.reaches("good", "queues/agents/ann")
        name = os.path.join(os.fsencode(instruction.path), b"tasks/pending/crooked\xff.yaml")
        with open(name, "wb") as file:
            file.write(as_yaml(a_task("crooked")).encode())

        instruction.finish("good")
        instruction.tells("answered", "crooked")
        assert tree.call("status").code in (0, 1)


@pytest.mark.parametrize("kind", ["pipe", "folder", "link to nowhere"])
def test_what_is_no_regular_file_is_answered_and_holds_nobody_up(tree: Tree, kind: str) -> None:
    instruction = tree.plan(a_task("good"))
    with tree.daemon():
        instruction.reaches("good", "queues/agents/ann")
        path = instruction.path / "tasks" / "pending" / "crooked.yaml"
        make = {"pipe": os.mkfifo, "folder": os.mkdir, "link to nowhere": lambda at: os.symlink("nowhere", at)}
        make[kind](path)

        instruction.finish("good")
        instruction.tells("answered", "crooked")


def test_a_name_that_disagrees_with_the_id_inside_is_a_fault(tree: Tree) -> None:
    instruction = tree.plan(a_task("good"))
    with tree.daemon():
        instruction.reaches("good", "queues/agents/ann")
        path = publish(instruction.path / "tasks" / "pending" / "crooked.yaml", as_yaml(a_task("straight")))

        is_answered_and_kept(instruction, path)
        instruction.finish("good")
        assert instruction.places("straight") == []
        assert instruction.places("crooked") == ["tasks/pending"]


def test_a_wrong_file_that_is_repaired_in_place_is_taken_in(tree: Tree) -> None:
    instruction = tree.plan(a_task("good"))
    with tree.daemon():
        instruction.reaches("good", "queues/agents/ann")
        path = publish(instruction.path / "tasks" / "pending" / "crooked.yaml", "task_id: crooked\n")
        instruction.tells("answered", "crooked")
        path.write_text(as_yaml(a_task("crooked")))

        instruction.finish("crooked")


def test_the_answer_names_the_file_the_line_and_every_fault(tree: Tree) -> None:
    instruction = tree.plan(a_task("good"))
    with tree.daemon():
        instruction.reaches("good", "queues/agents/ann")
        text = "task_id: crooked\nassigned_agent: ann\nmax_retries: many\npriority: sometimes\n"
        publish(instruction.path / "tasks" / "pending" / "crooked.yaml", text)
        (note,) = eventually(lambda: letters(tree, "crooked"), saying=instruction.tail)

    assert note["type"] == "error"
    text = note["text"].replace(str(tree.workspace), "")
    for word in ("crooked.yaml", "description", "max_retries", "priority", "3", "4"):
        assert re.search(rf"\b{re.escape(word)}\b", text), (word, text)


def test_names_that_are_never_read_are_left_alone(tree: Tree) -> None:
    instruction = tree.plan(a_task("good"), a_task("better"))
    with tree.daemon():
        instruction.reaches("good", "queues/agents/ann")
        for name in (".crooked.yaml", "~crooked.yaml", "crooked.yaml~", "crooked.yaml.tmp", "crooked.yaml.swp"):
            (instruction.path / "tasks" / "pending" / name).write_text("- wrong\n")
        instruction.finish("good")
        instruction.finish("better")

        assert instruction.events("answered") == []
        assert instruction.quarantined() == []


def test_every_kind_of_wrong_manifest_is_rejected_once_and_can_be_mended(tree: Tree) -> None:
    tasks = {kind: f"t{number:02}" for number, kind in enumerate(WRONG)}
    instruction = tree.plan(*(a_task(name, assigned_agent=f"agent-{name}") for name in tasks.values()), a_task("good"))
    with tree.daemon():
        for kind, name in tasks.items():
            instruction.claim(name, f"agent-{name}")
            publish(instruction.output(name) / "manifest.yaml", WRONG[kind])
        for name in tasks.values():
            instruction.tells("rejected", f'"{name}"')
        instruction.finish("good")
        counted = {kind: len(instruction.events("rejected", f'"{name}"')) for kind, name in tasks.items()}
        assert counted == dict.fromkeys(tasks, 1)
        kept = instruction.quarantined()
        assert [kind for kind in tasks if WRONG[kind] not in kept] == []

        for name in tasks.values():
            instruction.hand_in(name, f"agent-{name}")
        for name in tasks.values():
            instruction.reaches(name, "tasks/completed")


def test_a_plan_and_a_manifest_under_other_names_are_told_so_and_count_once_they_are_renamed(tree: Tree) -> None:
    instruction = Instruction(tree, "inst_1")
    plan = instruction.path / "workflow" / "plan.yml"
    plan.parent.mkdir(parents=True)
    plan.write_text(as_yaml({"description": "All of it", "tasks": [a_task("good")]}))
    with tree.daemon():
        instruction.tells("answered", "plan.yml")
        assert instruction.events("intake_done") == []
        plan.rename(plan.with_suffix(".yaml"))
        instruction.claim("good")
        manifest = instruction.output("good") / "manifest.YAML"
        publish(manifest, as_yaml(instruction.manifest("good")))
        instruction.tells("answered", "manifest.YAML")
        (letter,) = eventually(lambda: tree.inbox("ann"), saying=instruction.tail)
        assert "rename it to 'manifest.yaml'" in letter["text"]
        assert instruction.places("good") == ["tasks/in_progress"]

    with tree.daemon():
        manifest.rename(manifest.with_suffix(".yaml"))
        instruction.reaches("good", "tasks/completed")
    assert len(instruction.events("answered")) == 2


def test_what_is_odd_in_what_agents_and_people_write_is_warned_of_once_in_all_lives_of_the_daemon(tree: Tree) -> None:
    instruction = tree.plan(a_task("good"), a_task("late"))
    with tree.daemon():
        instruction.claim("good")
        instruction.beat("good", timestamp="2026-01-10T12:00:00", current_activty="typing")
        instruction.tells("warning", "current_activty")
    with tree.daemon():
        instruction.beat("good", timestamp="2026-01-10T12:00:01", current_activty="still typing")
        publish(instruction.path / "requests" / "1.yaml", "action: cancel\ntask_id: late\nreson: no time\n")
        instruction.reaches("late", "tasks/cancelled")
        instruction.hand_in("good", completion_timestamp="2026-01-10T12:01:00", subagent_note="done")
        instruction.reaches("good", "tasks/completed")
        instruction.tells("warning", "subagent_note")

    told = [
        (line["task_id"], line["reason"].partition(": ")[2].partition(":")[0]) for line in instruction.events("warning")
    ]
    assert sorted(told) == [
        ("good", "completion_timestamp"),
        ("good", "current_activty"),
        ("good", "subagent_note"),
        ("good", "timestamp"),
        ("late", "reson"),
    ]
    assert [line for line in instruction.journal() if "did you mean 'reason'?" in str(line.get("reason"))] != []
