"""No byte of an agent reaches a terminal, a log or a file of ours as it is: every command, every field, all of it."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cagents_fs.cli import COMMANDS
from tests.support import warm
from tests.support.tree import MARK, Document, Instruction, Tree, a_task, cagents, eventually, publish, surroundings

CONTROLS = [chr(code) for code in (*range(0x01, 0x20), *range(0x7F, 0xA0))]
INVISIBLE = [
    chr(code) for code in (0xAD, *range(0x200B, 0x2010), *range(0x2028, 0x202F), *range(0x2060, 0x2070), 0xFEFF)
]
MARKUP = "[bold red]loud[/bold red] [link=https://example.com]here[/link]"
TITLE = "\x1b]0;owned\x07\x1b[5;47mblink\x1b[2J\r\x9b31m"
FORGED = "\n2026-11-22T00:00:00.000000Z error forged\n" + '{"seq": 1, "event": "accepted", "task_id": "t1"}'
NASTY = "".join([*CONTROLS, *INVISIBLE]) + "\U000e0041" + TITLE + MARKUP + FORGED
KEY = "key\x1b]0;k\x07\x9b\u202e\u200b[bold]"  # what YAML takes for a key is short
OURS = re.compile(r"\x1b\[[0-9;]*m")  # rich's colours, and nothing else, on a terminal
BLINK = "5;47"
FORBIDDEN = {*CONTROLS, *INVISIBLE, "\U000e0041"} - {"\n"}


def quoted(value: object) -> str:
    """YAML in which every letter is escaped that is not ASCII: JSON, but for DEL and for pairs of surrogates."""
    pairs = r"\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}"
    text = json.dumps(value).replace("\x7f", "\\x7f")
    return re.sub(pairs, _one_escape, text)


def _one_escape(pair: "re.Match[str]") -> str:
    return f"\\U{ord(json.loads(chr(34) + pair[0] + chr(34))):08x}"


def with_nasty(text: str) -> str:
    """Some words, all of it, and something so long that it is cut."""
    return f"{text} {NASTY} {'long' * 2000}"


def nasty_task(task_id: str, **more: object) -> Document:
    return {
        "task_id": task_id,
        "description": with_nasty(f"Do {task_id}"),
        "assigned_agent": "ann",
        "detailed_prompt": with_nasty("In detail"),
        "task_type": with_nasty("kind"),
        "files": [with_nasty("src/a.py")],
        "skills": [with_nasty("yaml")],
        "tags": [with_nasty("tag")],
        "output_path": with_nasty("out"),
        "acceptance_criteria": [with_nasty("It works"), {"criterion": with_nasty("It holds"), "check": "false"}],
        "estimated_duration": "1h",
        KEY: with_nasty("value"),
        **more,
    }


def beat(**more: object) -> Document:
    said = {"agent_name": "ann", "task_id": "t1", "status": "blocked", "current_activity": with_nasty("at it")}
    return said | {"blockers": [with_nasty("no disk")], "questions": [with_nasty("why?")]} | more


def asks(name: str, **more: object) -> Document:
    said: Document = {"escalation_id": name, "from_agent": "ann", "to_agent": "planner", "task_id": "t1"}
    said |= {"severity": "medium", "issue_description": with_nasty("Help"), "impact": with_nasty("much")}
    said |= {"options_considered": [with_nasty("none")], "requested_decision": with_nasty("Which?")}
    return said | {"sla": with_nasty("within 30 minutes")} | more


def manifest(**more: object) -> Document:
    artifact = {"name": with_nasty("a"), "type": with_nasty("code"), "path": with_nasty("a.py"), "size_bytes": 1}
    artifact |= {"checksum": "0" * 64, "description": with_nasty("what")}
    said: Document = {"task_id": "t1", "subagent": "ann", "status": "completed", "artifacts": [artifact]}
    met = [{"criterion": with_nasty("It works"), "met": True, "evidence": with_nasty("see")}]
    said |= {"acceptance_criteria_met": met, "subagent_notes": with_nasty("done"), "error_type": with_nasty("odd")}
    return said | {"issues_found": [with_nasty("bug")], "follow_up_tasks": [with_nasty("more")]} | more


BROKEN_NAMES = [b"bad\xff.yaml", b"\x1b[31mred.yaml", b"line\nbreak.yaml", "‮txt.yaml".encode(), b"[bold]b.yaml"]


def write_everything(tree: Tree, instruction: Instruction) -> None:
    """Whatever agents, planners and people may write, all of it nasty; some of it is right, some wrong."""
    path = instruction.path
    publish(path / "heartbeats/ann_t1.yaml", quoted(beat()))
    publish(path / "heartbeats/ann_t2.yaml", quoted(beat(task_id=with_nasty("t2"))))
    publish(path / "heartbeats/bob_t2.yaml", quoted(beat(agent_name="bob", task_id="t2", status=with_nasty("x"))))
    publish(path / "escalations/e1.yaml", quoted(asks("e1")))
    publish(path / "escalations/e2.yaml", quoted(asks("e2", severity=with_nasty("high"))))
    answer = {"escalation_id": "e1", "action": with_nasty("resume"), "decision": with_nasty("do"), "from": NASTY}
    publish(path / "escalations/e1.response.yaml", quoted(answer))
    publish(path / "requests/1.yaml", quoted({"action": with_nasty("cancel"), "task_id": "t3", "from": NASTY}))
    publish(path / "requests/2.yaml", quoted({"action": "pause", "task_id": "t3", "from": NASTY, "reason": NASTY}))
    publish(path / "tasks/pending/t9.yaml", quoted(nasty_task("t9", description=[NASTY])))
    publish(path / "tasks/pending/t8.yaml", NASTY.replace("\n", " ") + ": [")
    publish(path / "checkpoints/c1/t1.yaml", quoted({"task_id": NASTY}))
    publish(tree.root / "_communication/inbox/ann/m1.yaml", quoted({"message_id": "m1", "type": "peer", "text": NASTY}))
    message = {"message_id": "m2", "type": "peer", "to": "ann", "from": NASTY, "text": with_nasty("hi"), "path": NASTY}
    publish(tree.root / "_communication/inbox/ann/m2.yaml", quoted(message | {"timestamp": NASTY, "task_id": NASTY}))
    publish(
        tree.root / "_system/config/daemon.yaml", f"settle_seconds: 0.1\nscan_interval: 0.3\nchecks: {quoted(NASTY)}\n"
    )
    for folder in ("tasks/pending", "heartbeats", "escalations", "requests", "checkpoints/c1", "outputs/partial/t1"):
        for name in BROKEN_NAMES:
            (path / folder).mkdir(parents=True, exist_ok=True)
            Path(os.fsdecode(os.fsencode(path / folder) + b"/" + name)).write_text("task_id: [")
    for name in BROKEN_NAMES[1:]:
        os.makedirs(os.fsencode(tree.root / "_communication/inbox") + b"/" + name, exist_ok=True)


@pytest.fixture
def written(tree: Tree) -> Iterator[tuple[Tree, Instruction, Path]]:
    """A tree in which everything is nasty, after a daemon has seen it all. The last is what the daemon logged."""
    tasks = [nasty_task("t1"), nasty_task("t2", dependencies=["t1"]), nasty_task("t3", assigned_agent="bob")]
    tasks += [nasty_task("t4", assigned_agent="bob", max_retries=0), a_task("plain", assigned_agent="bob")]
    plan = {"description": with_nasty("A plan"), "mode": "swarm", "owner": "alice", "tags": [NASTY], "tasks": tasks}
    publish(tree.root / "inst_1/workflow/plan.yaml", quoted(plan | {KEY: NASTY}) + "\n" + MARK)
    instruction = Instruction(tree, "inst_1")
    with tree.daemon("-v") as daemon:
        instruction.claim("t1")
        instruction.claim("t4", "bob")
        write_everything(tree, instruction)
        publish(instruction.output("t1") / "manifest.yaml", quoted(manifest()))
        publish(
            instruction.output("t4") / "manifest.yaml", quoted(manifest(task_id="t4", subagent="bob", status="failed"))
        )
        instruction.tells("rejected", '"t1"')
        instruction.reaches("t4", "tasks/failed")
        eventually(
            lambda: len(instruction.events("answered")) > 20, saying=lambda: str(len(instruction.events("answered")))
        )
    yield tree, instruction, daemon.err


def every_command(tree: Tree) -> dict[str, list[list[str]]]:
    """How each command is called, so that it shows what it can. A new command has to be added here."""
    plan, wrong = tree.workspace / "plan.yaml", tree.root / "inst_1/tasks/pending/t8.yaml"
    plan.write_text(quoted({"description": NASTY, "tasks": [nasty_task("n1", agnet=NASTY)]}) + "\n")
    bad = tree.workspace / "bad.yaml"
    bad.write_text(quoted({"description": NASTY, "tasks": [nasty_task(NASTY, dependencies=[NASTY])]}))
    quick = tree.workspace / "quick.yaml"
    command = f"printf '%b' '{TITLE}' >&2; exit 3".encode("unicode_escape").decode()
    failing = nasty_task("q1", assigned_agent="shell", max_retries=0, command=command, acceptance_criteria=[])
    quick.write_text(quoted({"description": NASTY, "tasks": [failing]}))
    artifact = tree.workspace / "a.txt"
    artifact.write_text(NASTY)
    met = f"{with_nasty('It works')}={NASTY}"
    return {
        "init": [["init", str(tree.workspace)]],
        "doctor": [["doctor"]],
        "config": [["config"]],
        "status": [["status"], ["status", "inst_1"], ["status", NASTY]],
        "ready": [["ready"]],
        "tasks": [["tasks"], ["tasks", "--state", "failed"], ["tasks", "--state", NASTY]],
        "show": [["show", task] for task in ("t1", "t2", "t4", NASTY)],
        "events": [["events", "inst_1"]],
        "explain": [["explain", task] for task in ("t1", "t2", "t3", "t4", "plain", NASTY)],
        "graph": [["graph", "inst_1", "--format", name] for name in ("tree", "dot", "mermaid")],
        "verify": [["verify", "t1"], ["verify", "t4"]],
        "validate": [["validate", str(plan), str(wrong), str(bad)], ["validate", NASTY.replace("\x00", "")]],
        "audit": [["audit"]],
        "inbox": [["inbox", "ann"], ["inbox", "planner"], ["inbox", "bob"], ["inbox", NASTY]],
        "prime": [["prime", "ann"], ["prime", "bob"]],
        "submit": [["submit", str(bad)], ["submit", str(plan)], ["submit", NASTY]],
        "claim": [["claim", NASTY], ["claim", "bob"]],
        "heartbeat": [["heartbeat", "inst_1/t1", "--agent", "ann", "--activity", NASTY], ["heartbeat", NASTY]],
        "complete": [["complete", "inst_1/t1", str(artifact), "--agent", "ann", "--met", met], ["complete", NASTY]],
        "fail": [["fail", "inst_1/t1", "--agent", "ann", "--reason", NASTY, "--error-type", NASTY], ["fail", NASTY]],
        "escalate": [["escalate", "inst_1/t1", "--severity", "low", "--to", "planner", "--issue", NASTY]],
        "answer": [
            ["answer", "e1", "--action", "resume", "--decision", NASTY],
            ["answer", NASTY, "--action", "resume"],
        ],
        "send": [["send", "ann", NASTY], ["send", NASTY, "hi"]],
        "pause": [["pause", "inst_1/t3"]],
        "resume": [["resume", "inst_1/t3"]],
        "reassign": [["reassign", "inst_1/t3", "--to", "carol"], ["reassign", "inst_1/t3", "--to", NASTY]],
        "depend": [["depend", "inst_1/t3", "--on", NASTY], ["depend", "inst_1/t3", "--on", "t1"]],
        "cancel": [["cancel", "inst_1/t2"], ["cancel", NASTY]],
        "retry": [["retry", "inst_1/t4"]],
        "rescue": [["rescue", "inst_1"]],
        "watch": [["watch", "--once", "-v"], ["watch", "--once", "-v", "--log-format", "json"]],
        "run": [["run", str(quick)], ["run", str(bad)]],
        "completion": [["completion", "bash"]],
        "demo": [["demo", NASTY]],
    }


def leaks(said: str) -> set[str]:
    return {f"U+{ord(letter):04X}" for letter in FORBIDDEN if letter in said}


def test_every_command_shows_what_agents_wrote_and_none_of_it_acts(written: tuple[Tree, Instruction, Path]) -> None:
    """In text, on a pipe and on a terminal of 80 columns with colours, and as JSON."""
    tree, _, _ = written
    called = every_command(tree)
    assert set(called) == set(COMMANDS), "each command has its place here"
    shown: dict[str, str] = {}
    colours = {"NO_COLOR": "", "TERM": "xterm-256color", "COLUMNS": "", "FORCE_COLOR": ""}
    for name, calls in called.items():
        if name == "demo":
            continue  # its plan, its agents and its files are ours: nobody else writes there
        for arguments in calls:
            line = ["--root", str(tree.root), *arguments]
            piped = tree.call(*arguments)
            code, terminal = warm.run_on_terminal(line, tree.workspace, surroundings(colours))
            as_json = tree.call(*arguments, "--json")
            assert "Traceback" not in terminal, terminal
            assert code in (0, 1, 2, 3, 4), (arguments, terminal)
            for text in (piped.out, piped.err, OURS.sub("", terminal), as_json.out, as_json.err):
                assert leaks(text) == set(), (arguments, text[-2000:])
            assert BLINK not in "".join(OURS.findall(terminal)), "a colour that is none of ours"
            forged = [text for text in piped.said.splitlines() if text.startswith("2026-11-22T00:00:00.000000Z error")]
            assert forged == [], arguments
            shown[name] = shown.get(name, "") + piped.said + terminal

    for name in ("show", "tasks", "status", "prime", "inbox", "explain", "events", "submit", "verify"):
        assert "\\x1b" in shown[name] or "\\u202e" in shown[name], f"{name} shows it escaped"
    for name in ("show", "inbox", "events", "prime"):
        assert "[bold red]" in shown[name], f"{name} takes nothing for markup"


def test_log_journal_and_what_we_write_have_one_record_a_line(written: tuple[Tree, Instruction, Path]) -> None:
    tree, instruction, log = written
    stamp = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z (info|warning|error|critical) ")
    logged = log.read_text()
    assert leaks(logged) == set()
    assert all(stamp.match(line) for line in logged.splitlines())
    assert "\\x1b" in logged
    assert not any("00:00:00.000000Z" in line[:40] for line in logged.splitlines())

    for number, line in enumerate((instruction.path / "journal.jsonl").read_bytes().split(b"\n")[:-1], start=1):
        assert isinstance(json.loads(line), dict), number
        assert max(line) < 0x7F, "ASCII"
        assert min(line) >= 0x20, "no control character"
    assert len(instruction.events("accepted")) == 0, "nothing was forged"

    ours = ["status.yaml", "outputs/output_summary.yaml", "outputs/partial/t1/verification.yaml"]
    files = [instruction.path / name for name in ours] + list(instruction.path.rglob("queue.yaml"))
    files += list((tree.root / "_communication/inbox").rglob("msg-*.yaml"))
    files += list(instruction.path.rglob("quarantine/*.reason.yaml")) + list(
        (tree.root / "_system/capacity").rglob("*.yaml")
    )
    assert len(files) > 20
    for path in files:
        assert leaks(path.read_text()) == set(), path
        assert path.name.isprintable(), path


def test_the_log_as_json_is_one_object_a_line(tree: Tree) -> None:
    instruction = tree.plan(a_task("t1"))
    tree.once()
    write_everything(tree, instruction)
    answer = tree.call("watch", "--once", "-v", "--log-format", "json")

    assert len(answer.err.splitlines()) > 20
    for line in answer.err.splitlines():
        record = json.loads(line)
        assert set(record) <= {"time", "level", "message", "event", "instruction"}
        assert leaks(record["message"]) == set()
    assert leaks(answer.err) == set()


def test_a_demo_folder_with_a_nasty_name_is_shown_escaped(tmp_path: Path) -> None:
    answer = cagents("demo", f"{tmp_path}/\x1b]0;x\x07[bold]d", "--help", cwd=tmp_path)
    assert leaks(answer.said) == set()
