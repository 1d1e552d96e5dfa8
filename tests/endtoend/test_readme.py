"""What the README shows is run from the README, verbatim."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.tree import Tree, a_task

README = Path(__file__).resolve().parents[2] / "README.md"
TOOLS = ("sh", "mv", "cat", "mkdir", "sha256sum")


def blocks(language: str) -> list[str]:
    return re.findall(
        rf"^```{language}\n(.*?)^```$", README.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    )


def only_the_tools(folder: Path) -> str:
    """A PATH on which nothing is but what the README says the script needs."""
    folder.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found is not None, tool
        (folder / tool).symlink_to(found)
    return str(folder)


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
    commands = tmp_path / "bin"
    commands.mkdir()
    command = commands / "cagents-fs"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m cagents_fs "$@"\n', encoding="ascii")
    command.chmod(0o755)
    place = tmp_path / "elsewhere"
    place.mkdir()
    env = {name: value for name, value in os.environ.items() if not name.startswith("CAGENTS_")}
    env |= {"PATH": f"{commands}:{env['PATH']}", "PYTHONPATH": str(README.parent)}

    done = subprocess.run(
        ["sh", "-e", "-c", lines], cwd=place, env=env, capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 0, done.stderr
    assert (place / "Agent_Memory" / "hello" / "tasks" / "completed" / "check.yaml").is_file()
    assert "2 completed tasks verified once more, 0 no longer hold" in done.stdout
