"""Where each number comes from, and that the files of cAgents 6.2.1 work as they are."""

import re
import shutil
from pathlib import Path

import pytest

from tests.support.tree import Document, Tree, a_task

UPSTREAM = Path(__file__).parents[2].parent / "shared" / "data" / "cagents-6.2.1-config"
needs_upstream = pytest.mark.skipif(not UPSTREAM.is_dir(), reason=f"the files of cAgents are not in {UPSTREAM}")


def key(tree: Tree, name: str) -> Document:
    (found,) = [one for one in tree.data("config")["keys"] if one["key"] == name]
    return dict(found)


def test_config_tells_file_and_line_of_each_value(plain: Tree) -> None:
    path = plain.root / "_system" / "config" / "daemon.yaml"
    path.write_text("# mine\nsettle_seconds: 0.625\n")

    found = key(plain, "settle_seconds")

    assert found["file"].endswith("daemon.yaml")
    assert found["value"] == 0.625
    assert found["origin"].endswith("daemon.yaml:2")


def test_what_no_file_says_is_a_default(plain: Tree) -> None:
    (plain.root / "_system" / "config" / "daemon.yaml").unlink()

    found = key(plain, "settle_seconds")

    assert found["value"] == 1
    assert found["origin"] == "default"


def test_the_keys_of_upstream_are_in_force_by_their_own_names(plain: Tree) -> None:
    path = plain.root / "_system" / "config" / "parallel_execution_framework.yaml"
    path.write_text("execution_modes:\n  swarm:\n    max_concurrent: 7\n")

    found = key(plain, "execution_modes.swarm.max_concurrent")

    assert found["value"] == 7
    assert found["origin"].endswith("parallel_execution_framework.yaml:3")


def test_a_limit_from_the_configuration_holds(tree: Tree) -> None:
    path = tree.root / "_system" / "config" / "parallel_execution_framework.yaml"
    path.write_text("execution_modes:\n  swarm:\n    max_concurrent: 1\n")
    tree.plan(a_task("t1"), a_task("t2"))
    tree.once()
    tree.ok("claim", "ann")

    assert tree.call("claim", "ann", "--json").error["code"] == "limit_reached"


def test_a_key_that_nothing_reads_is_named(plain: Tree) -> None:
    path = plain.root / "_system" / "config" / "daemon.yaml"
    path.write_text("settle_seconds: 1\ncolour_of_the_sky: blue\n")

    assert "colour_of_the_sky" in str(plain.data("config")["unread"])


def test_a_wrong_value_is_named_with_its_file_and_line(plain: Tree) -> None:
    path = plain.root / "_system" / "config" / "daemon.yaml"
    path.write_text("# mine\nsettle_seconds: soon\n")

    said = plain.call("config").said.replace(str(plain.workspace), "")

    assert "settle_seconds" in said
    assert re.search(r"daemon\.yaml\D{1,12}2\b", said), said


@needs_upstream
def test_the_four_files_of_upstream_load_and_their_values_are_in_force(tree: Tree) -> None:
    shutil.copytree(UPSTREAM, tree.root / "_system" / "config", dirs_exist_ok=True)

    keys = {one["key"]: one for one in tree.data("config")["keys"]}

    swarm = keys["execution_modes.swarm.max_concurrent"]
    assert swarm["value"] == 50
    assert "parallel_execution_framework.yaml:" in swarm["origin"]
    assert "task_queue_manager.yaml:" in keys["retry_logic.backoff_strategy.base_delay"]["origin"]


@needs_upstream
def test_work_gets_done_under_the_four_files_of_upstream(tree: Tree) -> None:
    shutil.copytree(UPSTREAM, tree.root / "_system" / "config", dirs_exist_ok=True)
    instruction = tree.plan(a_task("t1"), a_task("t2", "t1"))
    with tree.daemon():
        instruction.finish("t1")

        instruction.reaches("t2", "queues/agents/ann")
        assert instruction.events("finding") == []
