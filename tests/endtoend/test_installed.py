"""Installed by `pip` on a machine that has nothing of ours: no checkout, no home folder, an empty folder elsewhere."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pytest
import yaml

from tests.support.shared import made_once
from tests.support.tree import Answer, Document

pytestmark = pytest.mark.timeout(240)

REPOSITORY = Path(__file__).parents[2]
UPSTREAM = REPOSITORY.parent / "shared" / "data" / "cagents-6.2.1-config"
needs_upstream = pytest.mark.skipif(not UPSTREAM.is_dir(), reason=f"the files of cAgents are not in {UPSTREAM}")
NO_INDEX = "pip reaches no index here"


@dataclass(frozen=True, slots=True)
class Installed:
    """A virtual environment of its own with nothing but the package in it, and an empty home folder."""

    venv: Path
    home: Path
    offline: bool = False

    def around(self) -> dict[str, str]:
        """What pip was told by the environment, and nothing else: not our PYTHONPATH, not our PATH."""
        kept = {name: value for name, value in os.environ.items() if name.startswith("PIP_") or "proxy" in name.lower()}
        if self.offline:
            kept = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}
        where = os.pathsep.join([str(self.venv / "bin"), "/usr/bin", "/bin"])
        return kept | {"HOME": str(self.home), "PATH": where, "NO_COLOR": "1", "COLUMNS": "240", "LC_ALL": "C.UTF-8"}

    def call(self, program: str, *arguments: str, cwd: Path) -> Answer:
        line = [str(self.venv / "bin" / program), *arguments]
        done = subprocess.run(line, cwd=cwd, env=self.around(), input="", capture_output=True, text=True, timeout=180)
        return Answer(done.returncode, done.stdout, done.stderr)

    def cagents(self, *arguments: str, cwd: Path) -> Answer:
        answer = self.call("cagents-fs", *arguments, cwd=cwd)
        assert "Traceback" not in answer.err, answer.err
        return answer

    def pip(self, *arguments: str, cwd: Path) -> Answer:
        return self.call("python", "-m", "pip", "--disable-pip-version-check", *arguments, cwd=cwd)


def install(folder: Path) -> Document:
    """`pip install .` of the repository, as a person types it; what it says where pip reaches no index."""
    here = Installed(folder / "venv", folder / "home")
    here.home.mkdir()
    subprocess.run([sys.executable, "-m", "venv", str(here.venv)], check=True, timeout=120)
    probe = here.pip("download", "-q", "--no-deps", "-d", str(folder / "probe"), "hatchling", cwd=folder)
    if probe.code != 0:
        return {"code": -1, "said": probe.err[-500:]}
    done = here.pip("install", "-q", "-c", "constraints.txt", ".", cwd=REPOSITORY)
    return {"code": done.code, "said": done.said, "venv": str(here.venv), "home": str(here.home)}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    made = made_once(tmp_path_factory, "installed", install)
    if made["code"] == -1:
        print(f"{NO_INDEX}: {made['said']}")
        pytest.skip(f"{NO_INDEX}: {made['said']}")
    assert made["code"] == 0, made["said"]
    return Installed(Path(made["venv"]), Path(made["home"]))


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder


def files_below(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_the_package_alone_is_installed_and_nothing_of_the_checkout_is_used(
    installed: Installed, elsewhere: Path
) -> None:
    answer = installed.call("python", "-c", "import cagents_fs; print(cagents_fs.__file__)", cwd=elsewhere)

    assert answer.code == 0, answer
    assert Path(answer.out.strip()).is_relative_to(installed.venv)


def test_it_tells_its_version_under_both_names(installed: Installed, elsewhere: Path) -> None:
    version = metadata.version("cagents-fs")
    for answer in (
        installed.call("python", "-m", "cagents_fs", "--version", cwd=elsewhere),
        installed.cagents("--version", cwd=elsewhere),
    ):
        assert answer.code == 0, answer
        assert version in answer.out


def test_init_gives_the_whole_template(installed: Installed, elsewhere: Path) -> None:
    template = files_below(REPOSITORY / "Agent_Memory")
    assert "_system/template" in template
    del template["_system/template"]

    assert installed.cagents("init", cwd=elsewhere).code == 0

    made = files_below(elsewhere / "Agent_Memory")
    assert "_system/template" not in made
    assert {name: made.get(name) for name in template} == template
    others = {name for name in made if name not in template and not name.startswith("_system/schemas/")}
    assert others == set()


def test_the_template_has_the_format_in_its_readme_and_six_configuration_files(
    installed: Installed, elsewhere: Path
) -> None:
    installed.cagents("init", cwd=elsewhere)

    made = files_below(elsewhere / "Agent_Memory")
    assert len([name for name in made if name.startswith("_system/config/") and name.endswith(".yaml")]) == 6
    assert "README.md" in made


def test_the_configuration_of_the_template_is_in_force(installed: Installed, elsewhere: Path) -> None:
    installed.cagents("init", cwd=elsewhere)

    answer = installed.cagents("config", "--json", cwd=elsewhere)

    assert answer.code == 0, answer
    keys = {one["key"]: one for one in answer.data["keys"]}
    assert keys["settle_seconds"]["value"] == 1
    assert keys["settle_seconds"]["origin"].startswith("_system/config/daemon.yaml:")


def value_at(document: object, dotted: str) -> object:
    """What stands under a key; the names of agents have no dots in them."""
    for step in dotted.split("."):
        assert isinstance(document, dict), (dotted, step)
        document = document[step]
    return document


@needs_upstream
def test_the_files_of_upstream_load_without_an_error_and_each_value_names_its_line(
    installed: Installed, elsewhere: Path
) -> None:
    installed.cagents("init", cwd=elsewhere)
    shutil.copytree(UPSTREAM, elsewhere / "Agent_Memory" / "_system" / "config", dirs_exist_ok=True)

    answer = installed.cagents("config", "--json", cwd=elsewhere)

    assert answer.code == 0, answer
    assert answer.err == ""
    assert answer.data["faults"] == []
    named = {path.name: path.read_text() for path in UPSTREAM.iterdir()}
    shown = [one for one in answer.data["keys"] if one["file"] in named]
    assert len(shown) >= 20
    for one in shown:
        assert one["value"] == value_at(yaml.safe_load(named[one["file"]]), one["key"]), one
        file, _, line = one["origin"].rpartition(":")
        assert file == f"_system/config/{one['file']}", one
        text = named[one["file"]].splitlines()[int(line) - 1]
        assert re.match(rf"\s*{re.escape(one['key'].rpartition('.')[2])}\s*:", text), (one, text)
    for key in (
        "execution_modes.swarm.max_concurrent",
        "communication_channels.status_updates.stale_threshold",
        "retry_logic.backoff_strategy.base_delay",
    ):
        assert key in {one["key"] for one in shown}


def test_the_demo_runs_to_its_end_after_a_plain_pip_install(installed: Installed, elsewhere: Path) -> None:
    """`pip install . && cagents-fs demo` in an empty folder elsewhere."""
    answer = installed.cagents("demo", "--think", "1", "--json", cwd=elsewhere)

    assert answer.code == 0, answer
    assert answer.data["verified"] == answer.data["tasks"] == 51
    assert Path(answer.data["root"]) == elsewhere / "cagents-demo" / "Agent_Memory"
    assert list(installed.home.iterdir()) == []


@pytest.fixture
def without_ruff(installed: Installed, tmp_path: Path) -> Installed:
    """The same without the formatter, on a machine where pip can fetch nothing."""
    return Installed(linked_without(installed.venv, tmp_path / "venv", "ruff"), installed.home, offline=True)


def linked_without(venv: Path, place: Path, program: str) -> Path:
    """An environment with all programs but this one; the libraries are links."""
    shutil.copytree(venv, place, symlinks=True, ignore=shutil.ignore_patterns("lib", "lib64", program))
    for name in ("lib", "lib64"):
        if (venv / name).exists():
            (place / name).symlink_to(venv / name)
    return place


def test_where_no_formatter_can_be_had_the_demo_says_what_to_install(without_ruff: Installed, elsewhere: Path) -> None:
    answer = without_ruff.call("python", "-m", "cagents_fs", "demo", "--think", "1", cwd=elsewhere)

    assert answer.code != 0, answer
    assert "Traceback" not in answer.err
    assert answer.err.count("\n") == 1, "one line that says what to do"
    assert "ruff" in answer.err
    assert "pip install" in answer.err
