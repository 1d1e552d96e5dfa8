"""`init` makes a tree and never harms one; how a command finds the tree it is about."""

import json
from pathlib import Path

import pytest
import yaml

from tests.support.tree import Tree, cagents, snapshot

CONFIGURATION = (
    "parallel_execution_framework.yaml",
    "subagent_coordination_protocol.yaml",
    "task_queue_manager.yaml",
    "performance_tracking_system.yaml",
    "agents.yaml",
    "daemon.yaml",
)


def test_init_makes_a_tree_with_all_six_configuration_files(tmp_path: Path) -> None:
    assert cagents("init", str(tmp_path), cwd=tmp_path).code == 0

    folder = tmp_path / "Agent_Memory" / "_system" / "config"
    for name in CONFIGURATION:
        assert isinstance(yaml.safe_load((folder / name).read_text()), dict), name


def test_init_writes_one_json_schema_for_each_kind_of_file(plain: Tree) -> None:
    paths = [path for path in (plain.root / "_system" / "schemas").rglob("*") if path.is_file()]
    schemas = {path.name: json.loads(path.read_text()) for path in paths}

    assert all(isinstance(schema, dict) for schema in schemas.values())
    for kind in ("plan", "task", "manifest", "heartbeat"):
        assert any(kind in name for name in schemas), (kind, sorted(schemas))


def test_init_without_a_folder_works_where_one_stands(tmp_path: Path) -> None:
    assert cagents("init", cwd=tmp_path).code == 0

    assert (tmp_path / "Agent_Memory" / "_system" / "config").is_dir()


def test_a_second_init_changes_nothing(tmp_path: Path) -> None:
    cagents("init", str(tmp_path), cwd=tmp_path)
    before = snapshot(tmp_path)

    assert cagents("init", str(tmp_path), cwd=tmp_path).code == 0

    assert snapshot(tmp_path) == before


def test_init_never_overwrites_what_a_person_has_edited(tmp_path: Path) -> None:
    cagents("init", str(tmp_path), cwd=tmp_path)
    edited = tmp_path / "Agent_Memory" / "_system" / "config" / "daemon.yaml"
    edited.write_text("settle_seconds: 7  # mine\n")

    assert cagents("init", str(tmp_path), cwd=tmp_path).code == 0

    assert edited.read_text() == "settle_seconds: 7  # mine\n"


def test_the_nearest_tree_upward_is_the_root(plain: Tree) -> None:
    plain.configure("daemon.yaml", {"settle_seconds": 0.625})
    deep = plain.workspace / "src" / "deep"
    deep.mkdir(parents=True)

    answer = cagents("config", "--json", cwd=deep)

    assert answer.code == 0, answer
    assert [key["value"] for key in answer.data["keys"] if key["key"] == "settle_seconds"] == [0.625]


def test_the_environment_can_name_the_root(plain: Tree, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    assert cagents("status", "--json", cwd=elsewhere).code != 0
    assert cagents("status", "--json", cwd=elsewhere, env={"CAGENTS_ROOT": str(plain.root)}).code == 0


def test_the_template_of_the_project_is_never_a_default_root(plain: Tree) -> None:
    assert cagents("status", "--json", cwd=plain.workspace).code == 0
    (plain.root / "_system" / "template").write_text("")

    assert cagents("status", "--json", cwd=plain.workspace).code != 0


@pytest.mark.parametrize("command", [["watch", "--once"], ["status"], ["claim", "ann"]], ids=" ".join)
def test_a_root_that_is_not_there_is_refused_and_not_made(tmp_path: Path, command: list[str]) -> None:
    answer = cagents("--root", str(tmp_path / "nowhere"), *command, cwd=tmp_path)

    assert answer.code != 0
    assert "nowhere" in answer.err
    assert not (tmp_path / "nowhere").exists()
