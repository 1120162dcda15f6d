"""The graph of a mission as text, DOT, Mermaid and JSON; labels are escaped for each."""

import json
import re
from collections.abc import Callable
from typing import Any

from core.domain.mission import Mission, MissionStep
from core.graph.dag import Graph

_MERMAID_PLAIN = re.compile(r"[\w \-.,:/()+=]", re.ASCII)


def export(mission: Mission, fmt: str) -> str:
    """Return the graph in one of `FORMATS`, ending in a line break; `KeyError` for another."""
    return FORMATS[fmt](mission)


def graph_json(mission: Mission) -> dict[str, Any]:
    """Return nodes in file order with their layer (from 0), edges, and the execution order."""
    graph = Graph.of(mission)
    nodes = [
        {"id": step.id, "name": step.name, "step_type": step.step_type, "layer": layer}
        for step, layer in zip(mission.steps, graph.rank, strict=True)
    ]
    edges = [{"from": need, "to": step.id} for step in mission.steps for need in step.depends_on]
    return {"mission": mission.name, "nodes": nodes, "edges": edges, "order": [*graph.order_ids]}


def _json(mission: Mission) -> str:
    return json.dumps(graph_json(mission), ensure_ascii=False, indent=2) + "\n"


def _text(mission: Mission) -> str:
    """Return a line for each step, by layers: steps of one layer can run together."""
    graph = Graph.of(mission)
    lines = []
    for number, layer in enumerate(graph.generations(), start=1):
        for index, step_number in enumerate(layer):
            step = mission.steps[step_number]
            margin = f"{number:>4}" if index == 0 else "    "
            needs = f"  ← {', '.join(step.depends_on)}" if step.depends_on else ""
            lines.append(f"{margin}  {step.id}{needs}")
    return "\n".join(lines) + "\n"


def _dot(mission: Mission) -> str:
    """Return a digraph (graphviz.org, "DOT Language"): text in quotes, quotes within escaped."""
    lines = [f"digraph {_quoted(mission.name)} {{", "  rankdir=LR;", "  node [shape=box];"]
    for step in mission.steps:
        label = _label(step, lambda text: text.replace("\\", "\\\\").replace('"', '\\"'), "\\n")
        lines.append(f'  {_quoted(step.id)} [label="{label}"];')
    lines += [
        f"  {_quoted(need)} -> {_quoted(step.id)};"
        for step in mission.steps
        for need in step.depends_on
    ]
    return "\n".join([*lines, "}"]) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _mermaid(mission: Mission) -> str:
    """Return a flowchart (mermaid.js.org): nodes are numbered, as ids may be reserved words."""
    index = {step.id: number for number, step in enumerate(mission.steps)}
    lines = ["flowchart LR"]
    for number, step in enumerate(mission.steps):
        lines.append(f'  s{number}["{_label(step, _entities, "<br/>")}"]')
    lines += [
        f"  s{index[need]} --> s{index[step.id]}"
        for step in mission.steps
        for need in step.depends_on
    ]
    return "\n".join(lines) + "\n"


def _entities(text: str) -> str:
    """Return text with everything that could be markup as an entity code, as Mermaid writes it."""
    return "".join(
        [one if _MERMAID_PLAIN.match(one) or ord(one) > 127 else f"#{ord(one)};" for one in text]
    )


def _label(step: MissionStep, escape: Callable[[str], str], line_break: str) -> str:
    label = escape(step.id)
    return label if step.name == step.id else f"{label}{line_break}{escape(step.name)}"


FORMATS: dict[str, Callable[[Mission], str]] = {
    "text": _text,
    "dot": _dot,
    "mermaid": _mermaid,
    "json": _json,
}
