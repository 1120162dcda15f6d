import json

import pytest

from core.graph.graph_export import FORMATS, export, graph_json
from tests.support.missions import a_mission, a_step, mission

DIAMOND = mission("fetch -> build test; build test -> ship")
EVIL = '"]; rm -rf / #quot; <script>\\ `x` %% 日本'


def test_text_shows_layers_and_needs() -> None:
    assert export(DIAMOND, "text") == (
        "   1  fetch\n   2  build  ← fetch\n      test  ← fetch\n   3  ship  ← build, test\n"
    )


def test_dot_has_every_node_and_edge() -> None:
    text = export(DIAMOND, "dot")
    assert text.startswith('digraph "a mission" {\n')
    assert text.count("[label=") == 4
    assert text.count(" -> ") == 4
    assert '"fetch" -> "build";' in text


def test_mermaid_has_every_node_and_edge() -> None:
    lines = export(DIAMOND, "mermaid").splitlines()
    assert lines[0] == "flowchart LR"
    assert '  s0["fetch"]' in lines
    assert "  s0 --> s1" in lines
    assert len(lines) == 9


def test_json_has_layers_edges_and_order() -> None:
    shown = json.loads(export(DIAMOND, "json"))
    assert shown == graph_json(DIAMOND)
    assert [node["layer"] for node in shown["nodes"]] == [0, 1, 1, 2]
    assert shown["edges"][0] == {"from": "fetch", "to": "build"}
    assert shown["order"] == ["fetch", "build", "test", "ship"]


def test_a_name_cannot_leave_its_label() -> None:
    steps = (a_step("end", name=EVIL), a_step("b", name=EVIL, depends_on=("end",)))
    evil = a_mission(name=EVIL, steps=steps)
    dot = export(evil, "dot").splitlines()
    assert dot[3] == ('  "end" [label="end\\n\\"]; rm -rf / #quot; <script>\\\\ `x` %% 日本"];')
    mermaid = export(evil, "mermaid").splitlines()
    assert mermaid[1] == (
        '  s0["end<br/>#34;#93;#59; rm -rf / #35;quot#59; #60;script#62;#92;'
        ' #96;x#96; #37;#37; 日本"]'
    )


@pytest.mark.parametrize("fmt", FORMATS)
def test_every_format_ends_its_last_line(fmt: str) -> None:
    assert export(a_mission(), fmt).endswith("\n")
