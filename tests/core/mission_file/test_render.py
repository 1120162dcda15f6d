import json
from pathlib import Path
from typing import Any

import pytest

from core.mission_file.finding.code import Code
from core.mission_file.finding.diagnostic import Diagnostic, Severity
from core.mission_file.load import load_mission
from core.mission_file.render import render, validation_json
from tests.support.missions import mission_yaml

BAD = 'version: "1.0"\nname: m\nsteps:\n  - {id: a, name: x, step_type: comand}\n'


def told(text: str, name: str = "m.yaml") -> tuple[Diagnostic, ...]:
    return load_mission(text, name=name).diagnostics


def a_diagnostic(**fields: Any) -> Diagnostic:
    plain = {
        "severity": Severity.ERROR,
        "code": Code.SYNTAX,
        "message": "wrong",
        "file": "m.yaml",
        "line": 1,
        "column": 3,
        "source_line": "a b c",
        "caret": 2,
    }
    return Diagnostic(**{**plain, **fields})


def test_text_shows_place_line_caret_and_hint() -> None:
    assert render(told(BAD)) == (
        "m.yaml:4:33: error[UNKNOWN_STEP_TYPE]: unknown step type `comand`\n"
        "  4 |   - {id: a, name: x, step_type: comand}\n"
        "    |                                 ^^^^^^\n"
        "  hint: did you mean `command`?\n"
    )


def test_color_changes_nothing_but_color() -> None:
    import re

    colored = render(told(BAD), color=True)
    assert "\x1b[31m" in colored
    assert re.sub("\x1b\\[[0-9]+m", "", colored) == render(told(BAD))


def test_nothing_to_tell_is_empty_text() -> None:
    assert render(()) == ""
    assert json.loads(render((), "json")) == []


def test_the_caret_stands_under_wide_characters() -> None:
    text = "version: '1.0'\nname: m\nsteps: [{id: a, name: 日本, step_type: zzz}]\n"
    lines = render(told(text)).splitlines()
    shown = lines[1].replace("日本", "xxxx")
    assert shown[lines[2].index("^") :].startswith("zzz")


def test_what_a_stranger_wrote_cannot_steer_the_terminal() -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\u202e\u2066"
    found = a_diagnostic(message=evil, file=f"{evil}.yaml", source_line=evil, hint=evil)
    for fmt in ("text", "github"):
        shown = render((found,), fmt)
        assert not any(one in shown for one in "\x1b\x07\u202e\u2066")


def test_a_workflow_command_cannot_be_forged() -> None:
    found = a_diagnostic(message="50%\n::set-output name=x::y", file="a,b:c.yaml", hint="no")
    assert render((found,), "github") == (
        "::error file=a%2Cb%3Ac.yaml,line=1,col=3,title=SYNTAX::50%25 ::set-output name=x::y (no)\n"
    )


def test_json_has_the_documented_keys() -> None:
    (found,) = json.loads(render(told(BAD), "json"))
    assert found == {
        "severity": "error",
        "code": "UNKNOWN_STEP_TYPE",
        "message": "unknown step type `comand`",
        "file": "m.yaml",
        "line": 4,
        "column": 33,
        "hint": "did you mean `command`?",
    }


def test_sarif_has_one_result_for_each_diagnostic_and_one_rule_for_each_code() -> None:
    text = BAD + "  - {id: b, name: x, step_type: comand}\n"
    log = json.loads(render(told(text, "my mission.yaml"), "sarif"))
    (run,) = log["runs"]
    assert log["version"] == "2.1.0"
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["UNKNOWN_STEP_TYPE"]
    assert [result["ruleIndex"] for result in run["results"]] == [0, 0]
    place = run["results"][1]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "my%20mission.yaml"
    assert place["region"] == {"startLine": 5, "startColumn": 33, "endColumn": 39}


def test_a_file_without_place_is_told_without_line(tmp_path: Path) -> None:
    found = load_mission(tmp_path).diagnostics
    assert render(found) == (
        f"{tmp_path}: error[NOT_A_FILE]: {tmp_path} is a folder, not a mission file\n"
    )


def test_the_json_of_a_valid_mission_has_its_execution_order() -> None:
    text = mission_yaml({"id": "late", "depends_on": ["early"]}, {"id": "early"})
    shown = validation_json(load_mission(text))
    assert shown["valid"] is True
    assert shown["execution_order"] == ["early", "late"]
    assert shown["diagnostics"] == shown["warnings"] == []


def test_the_json_of_a_warned_mission_repeats_the_warnings() -> None:
    shown = validation_json(load_mission(mission_yaml(config={"max_parallel_steps": 2})))
    assert shown["valid"] is True
    assert shown["warnings"] == ["`max_parallel_steps` is read as `parallel_limit`"]
    assert [found["severity"] for found in shown["diagnostics"]] == ["warning"]


def test_the_json_of_an_invalid_mission_has_no_order() -> None:
    shown = validation_json(load_mission(BAD))
    assert (shown["valid"], shown["execution_order"]) == (False, [])
    assert shown["diagnostics"][0]["code"] == "UNKNOWN_STEP_TYPE"


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_lines_are_counted_as_editors_count_them(line_end: str) -> None:
    text = "# one\n" + BAD
    assert told(text.replace("\n", line_end))[0].line == 5
