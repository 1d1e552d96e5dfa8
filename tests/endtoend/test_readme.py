"""What the two READMEs show is run from them, verbatim, and what they give as a sample is taken by the daemon."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cagents_fs.model.files import KINDS
from cagents_fs.rules.reconcile import RULES
from tests.support.tree import Document, Instruction, Tree, a_task, cagents, load, publish

HOUSE = Path(__file__).resolve().parents[2]
README = HOUSE / "README.md"
FORMAT = HOUSE / "Agent_Memory" / "README.md"
TOOLS = ("sh", "mv", "cat", "mkdir", "sha256sum")


def blocks(language: str, page: Path = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def samples() -> dict[str, tuple[str, str]]:
    """Kind -> place in the tree and content, of every sample of the format: its first line names both."""
    found = [(re.match(r"# (\w+): (\S+)\n", block), block) for block in blocks("yaml", FORMAT)]
    return {head[1]: (head[2], block) for head, block in found if head}


SAMPLES = samples()


def only_the_tools(folder: Path) -> str:
    """A PATH on which nothing is but what the README says the script needs."""
    folder.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found is not None, tool
        (folder / tool).symlink_to(found)
    return str(folder)


def in_a_shell(lines: str, folder: Path) -> tuple[Path, str]:
    """Run where `cagents-fs` is installed and nothing of another tree is known. Returns where, and what was said."""
    commands, place = folder / "bin", folder / "elsewhere"
    commands.mkdir()
    command = commands / "cagents-fs"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m cagents_fs "$@"\n', encoding="ascii")
    command.chmod(0o755)
    place.mkdir()
    env = {name: value for name, value in os.environ.items() if not name.startswith("CAGENTS_")}
    env |= {"PATH": f"{commands}:{env['PATH']}", "PYTHONPATH": str(HOUSE)}
    said = folder / "said"
    with said.open("w") as out:
        shell = subprocess.Popen(
            ["sh", "-e", "-c", lines], cwd=place, env=env, stdout=out, stderr=out, start_new_session=True
        )
        try:
            code = shell.wait(timeout=90)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
    assert code == 0, said.read_text()
    return place / "Agent_Memory", said.read_text()


def test_the_shell_agent_of_the_readme_does_a_task_with_four_tools(tree: Tree, tmp_path: Path) -> None:
    (script,) = [block for block in blocks("sh") if block.startswith("#!/bin/sh")]
    agent = tmp_path / "agent.sh"
    agent.write_text(script, encoding="utf-8")
    path = only_the_tools(tmp_path / "bin")
    instruction = tree.plan(a_task("t1"), a_task("t2", "t1"))

    def work() -> "subprocess.CompletedProcess[str]":
        arguments = ["sh", str(agent), str(tree.root), "inst_1", "ann"]
        return subprocess.run(arguments, env={"PATH": path}, capture_output=True, text=True, check=False, cwd=tmp_path)

    with tree.daemon():
        for task in ("t1", "t2"):
            instruction.reaches(task, "queues/agents/ann")
            done = work()
            assert (done.returncode, done.stderr) == (0, "")
            instruction.reaches(task, "tasks/completed")
            assert (instruction.output(task) / "answer.txt").read_text() == "42, says ann\n"
        idle = work()
        assert (idle.returncode, idle.stderr) == (3, "nothing to do for ann\n")


def test_the_ten_lines_of_the_readme_do_what_they_say(tmp_path: Path) -> None:
    (lines,) = [block for block in blocks("sh") if block.startswith("cagents-fs init")]

    root, said = in_a_shell(lines, tmp_path)

    assert (root / "hello" / "tasks" / "completed" / "check.yaml").is_file()
    assert "2 completed tasks verified once more, 0 no longer hold" in said


def test_the_question_of_the_readme_is_asked_and_answered(tmp_path: Path) -> None:
    (lines,) = [block for block in blocks("sh") if block.startswith("cat > ask.yaml")]

    root, said = in_a_shell(lines, tmp_path)

    instruction = Instruction(Tree(root.parent), "ask")
    assert [instruction.places(task) for task in ("schema", "client")] == [["tasks/completed"]] * 2
    assert ("tasks/in_progress", "tasks/blocked") in instruction.moves("client")
    assert ("tasks/blocked", "tasks/in_progress") in instruction.moves("client")
    (answered,) = instruction.events("escalation_answered")
    assert (answered["action"], answered["decision"]) == ("resume", "yes")
    summary = load(instruction.path / "outputs" / "output_summary.yaml")
    assert (summary["final"], summary["totals"]["completed"]) == (True, 2)
    assert "ask: mesh mode, 2 tasks in 2 waves" in said


def test_the_readme_knows_how_many_rules_there_are() -> None:
    assert f"2 decide   {len(RULES)} rules, each once" in README.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", [README, FORMAT], ids=["README", "format"])
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))

    assert links
    assert [link for link in links if not (page.parent / link).exists()] == []


# -- the samples of the format -----------------------------------------------------------------------------------------


def test_the_format_has_one_sample_of_each_kind() -> None:
    assert len(blocks("yaml", FORMAT)) == len(SAMPLES)
    assert sorted(SAMPLES) == sorted(set(KINDS) - {"instruction"})  # that is a plan without its tasks


@pytest.mark.parametrize("kind", SAMPLES)
def test_every_sample_of_the_format_is_accepted(kind: str, tmp_path: Path) -> None:
    place, content = SAMPLES[kind]
    file = publish(tmp_path / place, content)

    found = cagents("validate", "--kind", kind, "--json", str(file), cwd=tmp_path)

    assert found.code == 0, found


def test_the_samples_of_the_format_tell_one_story_and_the_daemon_takes_every_one_of_them(tree: Tree) -> None:
    """With the shell block of the format as the agent `dba`, and `mv` as all others."""
    (agent,) = [block for block in blocks("sh", FORMAT) if block.startswith("I=")]
    (tree.workspace.parent / "webshop").mkdir()  # the workspace that the plan names
    publish(tree.root / "_communication" / "inbox" / "dba" / "msg-df9ba104d621e90ca330.yaml", SAMPLES["message"][1])
    instruction = Instruction(tree, "inst_20261122_001")

    with tree.daemon():
        lay(tree, "plan")
        instruction.reaches("schema", "queues/agents/dba")
        done = subprocess.run(["sh", "-e", "-c", agent], cwd=tree.workspace, capture_output=True, text=True, timeout=30)
        assert (done.returncode, done.stderr) == (0, "")
        instruction.reaches("schema", "tasks/completed")
        assert artifacts_of(instruction.output("schema") / "manifest.yaml") == artifacts_of(sample_file(tree))

        instruction.claim("endpoint", "backend-developer")
        lay(tree, "escalation")
        instruction.reaches("endpoint", "tasks/blocked")
        lay(tree, "response")
        instruction.reaches("endpoint", "tasks/in_progress")

        lay(tree, "task")
        instruction.claim("docs", "tech-writer")
        instruction.tells("moved", "tasks/in_progress")
        lay(tree, "arrival")
        publish(instruction.path / "checkpoints" / "status_codes" / "endpoint.yaml", "")
        instruction.tells("checkpoint_opened", "status_codes")
        lay(tree, "heartbeat")
        lay(tree, "request")
        instruction.reaches("docs", "tasks/cancelled")

    assert instruction.events("answered") == []
    assert instruction.events("warning") == []
    assert [one["message_id"] for one in tree.data("inbox", "dba")["messages"]] == ["msg-df9ba104d621e90ca330"]


def lay(tree: Tree, kind: str) -> None:
    place, content = SAMPLES[kind]
    publish(tree.root / place, content)


def sample_file(tree: Tree) -> Path:
    return publish(tree.workspace / "manifest.yaml", SAMPLES["manifest"][1])


def artifacts_of(manifest: Path) -> list[Document]:
    """What a manifest says that its artifacts are."""
    said = ("path", "size_bytes", "checksum")
    return [{key: artifact[key] for key in said} for artifact in load(manifest)["artifacts"]]
