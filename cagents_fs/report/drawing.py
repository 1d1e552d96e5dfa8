"""A graph drawn: as text for a terminal, for Graphviz, for Mermaid. What an agent or planner wrote is escaped."""

from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import Any

from cagents_fs.model.text import safe_text

Graph = Mapping[str, Any]
WHOLE_WORDS: Any = {"break_long_words": False, "break_on_hyphens": False}

# A mark and a colour for each state; the mark, because colour alone tells some people nothing.
MARKS: Mapping[str, tuple[str, str]] = {
    "completed": ("x", "#b7e1cd"),
    "in_progress": (">", "#c6dbf7"),
    "under_review": ("?", "#c6dbf7"),
    "queued": ("o", "#dccbf2"),
    "pending": (".", "#e6e6e6"),
    "waiting": (".", "#e6e6e6"),
    "retry": ("~", "#fbe0b8"),
    "blocked": ("!", "#fbd0a0"),
    "failed": ("#", "#f4b6b6"),
    "cancelled": ("-", "#d9d9d9"),
    "missing": ("0", "#f4b6b6"),
}


def tree(graph: Graph, width: int = 80) -> Iterator[str]:
    """Line by line: the waves, the tasks in each, and for whom they wait. No word is broken in two."""
    waves, nodes = graph["waves"], {node["task_id"]: node for node in graph["nodes"]}
    tasks = "1 task" if len(nodes) == 1 else f"{len(nodes)} tasks"
    called = "stage" if graph["mode"] == "pipeline" else "wave"
    count = f"1 {called}" if len(waves) == 1 else f"{len(waves)} {called}s"
    yield f"{graph['instruction_id']}: {graph['mode']} mode, {tasks} in {count}, independence {graph['independence']:g}"
    yield from wrap(
        f"because {graph['mode_reason']}", width, initial_indent="  ", subsequent_indent="    ", **WHOLE_WORDS
    )
    longest = min(width // 2, max((len(task_id) for task_id in nodes), default=0))
    waits = _waits(graph)
    for number, wave in enumerate(waves):
        name = f" ({graph['stages'][number]})" if number < len(graph["stages"]) else ""
        yield f"{called} {number + 1}{name}"
        for task_id in wave:
            yield from _row(nodes[task_id], waits.get(task_id, []), longest, width)
    met = [f"{MARKS[state][0]} {state.replace('_', ' ')}" for state in MARKS if _has(graph, state)]
    yield f"[{'] ['.join(met)}]" if met else "no tasks"


def _has(graph: Graph, state: str) -> bool:
    return any(node["status"] == state for node in graph["nodes"])


def _waits(graph: Graph) -> dict[str, list[str]]:
    """Task -> for whom it still waits, in words."""
    found: dict[str, list[str]] = {}
    for edge in graph["edges"]:
        if edge["kind"] == "coordination" and not edge["met"]:
            found.setdefault(edge["from"], []).append(f"{edge['to']} at {edge['checkpoint']}")
        if not edge.get("met"):
            found.setdefault(edge["to"], []).append(_awaited(edge))
    return found


def _row(node: Mapping[str, Any], waits: list[str], longest: int, width: int) -> Iterator[str]:
    status = node["status"]
    row = f"  {MARKS[status][0]} {node['task_id']:<{longest}}  {status.replace('_', ' '):<12}  {node['agent']}"
    yield safe_text(row)
    if waits:
        said = safe_text(f"waits for {', '.join(waits[:20])}" + (f" and {len(waits) - 20} more" if waits[20:] else ""))
        yield from wrap(said, width, initial_indent=" " * 6, subsequent_indent=" " * 8, **WHOLE_WORDS)


def _awaited(edge: Mapping[str, Any]) -> str:
    match edge["kind"]:
        case "data":
            return f"{edge['artifact_path']} of {edge['from']}"
        case "soft":
            return f"{edge['from']} (rather)"
        case "parent":
            return f"{edge['from']} (child)"
        case "coordination":
            return f"{edge['from']} at {edge['checkpoint']}"
    return str(edge["from"])


# -- Graphviz ------------------------------------------------------------------------------------------------------

DOT = {"soft": "style=dashed", "coordination": "style=dotted, dir=none", "parent": "style=bold, arrowhead=odiamond"}


def dot(graph: Graph) -> Iterator[str]:
    """For `dot -Tsvg`: the waves from left to right."""
    yield f"digraph {_dot(graph['instruction_id'])} {{"
    yield f"  graph [rankdir=LR, label={_dot(_title(graph))}];"
    yield '  node [shape=box, style="rounded,filled", fontname="sans-serif"];'
    for node in graph["nodes"]:
        label = _dot(f"{node['task_id']}\n{node['status'].replace('_', ' ')}, {node['agent']}")
        yield f'  {_dot(node["task_id"])} [label={label}, fillcolor="{MARKS[node["status"]][1]}"];'
    for name in _strangers(graph):
        yield f"  {_dot(name)} [style=dashed];"
    for wave in graph["waves"]:
        yield f"  {{ rank=same; {'; '.join(map(_dot, wave))} }}"
    for edge in graph["edges"]:
        facts = [DOT[edge["kind"]]] if edge["kind"] in DOT else []
        facts += [f"label={_dot(said)}"] if (said := _label(edge)) else []
        yield f"  {_dot(edge['from'])} -> {_dot(edge['to'])}" + (f" [{', '.join(facts)}]" if facts else "") + ";"
    yield "}"


def _dot(text: str) -> str:
    r"""A quoted string: in DOT only the quote and the backslash mean anything there; `\n` breaks the line."""
    safe = safe_text(text, limit=200, multiline=True).replace("\\", "\\\\").replace('"', '\\"')
    return '"' + safe.replace("\n", "\\n") + '"'


def _title(graph: Graph) -> str:
    return f"{graph['instruction_id']}: {graph['mode']} mode, because {graph['mode_reason']}"


def _label(edge: Mapping[str, Any]) -> str:
    return str(edge.get("artifact_path") or edge.get("checkpoint") or "")


def _strangers(graph: Graph) -> list[str]:
    """Ends of edges that are no tasks of this instruction: those of others, and missing ones."""
    known = {node["task_id"] for node in graph["nodes"]}
    return sorted({name for edge in graph["edges"] for name in (edge["from"], edge["to"])} - known)


# -- Mermaid -------------------------------------------------------------------------------------------------------

ARROWS = {"hard": "-->", "data": "-->", "soft": "-.->", "coordination": "-.-", "parent": "==>"}


def mermaid(graph: Graph) -> Iterator[str]:
    """For Markdown: nodes bear numbers, because ids such as `end` are words of Mermaid's own."""
    strangers = _strangers(graph)
    number = {node["task_id"]: f"n{n}" for n, node in enumerate(graph["nodes"])}
    number |= {name: f"x{n}" for n, name in enumerate(strangers)}
    nodes = {node["task_id"]: node for node in graph["nodes"]}
    yield "flowchart LR"
    for count, wave in enumerate(graph["waves"]):
        called = graph["stages"][count] if count < len(graph["stages"]) else f"wave {count + 1}"
        yield f'  subgraph w{count}["{_mermaid(called)}"]'
        for task_id in wave:
            status = nodes[task_id]["status"]
            yield f'    {number[task_id]}["{_mermaid(task_id)}<br/>{status.replace("_", " ")}"]:::{status}'
        yield "  end"
    yield from (f'  {number[name]}(["{_mermaid(name)}"])' for name in strangers)
    for edge in graph["edges"]:
        said = _label(edge)
        arrow = ARROWS[edge["kind"]] + (f'|"{_mermaid(said)}"|' if said else "")
        yield f"  {number[edge['from']]} {arrow} {number[edge['to']]}"
    yield from (f"  classDef {state} fill:{colour},stroke:#555" for state, (_, colour) in MARKS.items())


def _mermaid(text: str) -> str:
    """Within quotes: everything that is no plain letter as the number of its character, in Mermaid's own way."""
    safe = safe_text(text, limit=200)
    return "".join(char if char.isalnum() or char in " ._-/,:()" else f"#{ord(char)};" for char in safe)
