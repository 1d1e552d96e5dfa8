"""The rules of the house: how long, what it is called, what stands where. STYLE and ARCHITECTURE, held by a test."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import cagents_fs
from cagents_fs.rules import reconcile

HOUSE = Path(cagents_fs.__file__).parent
FILES = sorted(path for path in HOUSE.rglob("*.py") if "_template" not in path.parts)
NAMES = [str(path.relative_to(HOUSE)) for path in FILES]
MOST_LINES, MOST_LINES_OF_A_FUNCTION = 300, 40
FORBIDDEN = {"util", "utils", "common", "helper", "helpers", "manager", "managers", "base", "misc", "handler", "engine"}
SHARED = {"verification", "verdicts", "limits", "placement", "steering", "answers", "own_pleas", "pleas", "oddities"}
NO_RULES = {"reconcile", *SHARED}  # the pass, and what several rules share
Function = ast.FunctionDef | ast.AsyncFunctionDef


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes(), str(path))


def functions(path: Path) -> Iterator[tuple[str, Function]]:
    for node in ast.walk(parsed(path)):
        if isinstance(node, Function):
            yield f"{path.relative_to(HOUSE)}:{node.lineno} {node.name}", node


def test_there_is_a_house() -> None:
    assert {"core/index.py", "rules/reconcile.py", "store/commit.py", "cli/__init__.py"} <= set(NAMES)


def test_no_file_is_longer_than_its_budget() -> None:
    lengths = {name: len(path.read_text().splitlines()) for name, path in zip(NAMES, FILES, strict=True)}

    assert {name: length for name, length in lengths.items() if length > MOST_LINES} == {}


def test_no_function_is_longer_than_its_budget() -> None:
    lengths = {where: (node.end_lineno or 0) - node.lineno + 1 for path in FILES for where, node in functions(path)}

    assert {where: length for where, length in lengths.items() if length > MOST_LINES_OF_A_FUNCTION} == {}


def test_a_helper_lives_with_its_caller_and_no_module_is_called_after_nothing() -> None:
    parts = {name: set(Path(name).with_suffix("").parts) for name in NAMES}

    assert {name for name, words in parts.items() if words & FORBIDDEN} == set()


def test_every_rule_is_in_the_pass_and_named_in_its_docstring_in_the_same_order() -> None:
    in_the_house = {path.stem for path in (HOUSE / "rules").glob("*.py")} - NO_RULES - {"__init__"}
    in_the_pass = [rule.__module__.rpartition(".")[2] for rule in reconcile.RULES]
    numbered = [line.split() for line in (reconcile.__doc__ or "").splitlines() if line[:1].isdigit()]

    assert set(in_the_pass) == in_the_house
    assert [(int(number.rstrip(".")), name) for number, name, *_ in numbered] == [*enumerate(in_the_pass, start=1)]


def test_every_rule_has_the_one_form_and_says_in_its_first_line_what_it_asks() -> None:
    for rule in reconcile.RULES:
        module = sys.modules[rule.__module__]
        assert [*rule.__annotations__] == ["index", "policy", "now", "return"], rule.__module__
        assert "?" in (module.__doc__ or "").splitlines()[0], rule.__module__
        assert (rule.__doc__ or "").rstrip().endswith("?"), rule.__module__


def in_the_map() -> dict[str, str]:
    """Path relative to the package -> what the map says of it. A folder's modules stand indented below its line."""
    found: dict[str, str] = {}
    folder = ""
    for line in (cagents_fs.__doc__ or "").splitlines():
        name, _, told = line.strip().partition(" ")
        if name.endswith("/"):
            folder = name
        elif name.endswith(".py"):
            inside = len(line) - len(line.lstrip()) > 4 and "/" not in name
            found[folder + name if inside else name] = told.strip()
    return found


def test_every_module_is_named_in_the_map_with_what_it_is_for_and_nothing_else_is() -> None:
    modules = {name for name in NAMES if not Path(name).name.startswith("__")}

    told = in_the_map()

    assert sorted(modules - told.keys()) == []
    assert sorted(told.keys() - modules) == []
    assert [name for name, words in told.items() if not words] == []


def test_every_public_class_and_function_has_a_docstring_and_so_has_every_module() -> None:
    silent = []
    for name, path in zip(NAMES, FILES, strict=True):
        module = parsed(path)
        told: list[ast.Module | Function | ast.ClassDef] = [module, *public(module.body)]
        silent += [f"{name} {getattr(node, 'name', '')}" for node in told if ast.get_docstring(node) is None]

    assert silent == []


def public(body: list[ast.stmt]) -> Iterator[Function | ast.ClassDef]:
    """What others may call: at the top, and in the classes that stand there."""
    for node in body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            yield from public(node.body) if isinstance(node, ast.ClassDef) else ()


def test_only_the_command_line_prints_and_whatever_is_a_program_of_its_own() -> None:
    printing = []
    for name, path in zip(NAMES, FILES, strict=True):
        module = parsed(path)
        program = any(isinstance(node, ast.If) and "__name__" in ast.unparse(node.test) for node in module.body)
        calls = [node for node in ast.walk(module) if isinstance(node, ast.Call)]
        if not name.startswith("cli/") and not program:
            printing += [f"{name}:{node.lineno}" for node in calls if ast.unparse(node.func) == "print"]

    assert printing == []


IMPORTED = """
import json, sys
sys.argv = ["cagents-fs", "--version"]
from cagents_fs.cli import main
try:
    main()
except SystemExit as left:
    assert not left.code, left.code
print(json.dumps(sorted(sys.modules)))
"""


@pytest.fixture(scope="module")
def imported() -> set[str]:
    """What the command line has imported when it has said its version."""
    done = subprocess.run([sys.executable, "-c", IMPORTED], capture_output=True, text=True, check=True)
    version, listed = done.stdout.strip().splitlines()
    assert cagents_fs.__version__ in version
    return set(json.loads(listed))


@pytest.mark.parametrize("heavy", ["pydantic", "rich", "yaml", "ruamel.yaml", "watchdog", "psutil", "networkx"])
def test_the_command_line_imports_nothing_heavy_before_it_is_needed(imported: set[str], heavy: str) -> None:
    assert "click" in imported
    assert [name for name in imported if name == heavy or name.startswith(f"{heavy}.")] == []
