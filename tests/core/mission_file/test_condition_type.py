"""Conditions that are certainly not true or false are refused where they stand."""

import json
import time
from typing import Any

import pytest

from core.mission_file.finding.code import Code
from core.mission_file.load import load_mission
from tests.support.missions import mission_data

PARAMS = {
    "text": {"default": "false"},
    "path": {"type": "path", "default": "/"},
    "flag": {"type": "boolean", "default": True},
    "n": {"type": "integer", "default": 0},
    "level": {"type": "choice", "choices": ["a", "b"], "default": "a"},
    "mixed": {"type": "choice", "choices": ["a", True], "default": "a"},
}
VARIABLES: dict[str, Any] = {"list": [], "map": {"x": "0", "ok": True}, "set": "x", "none": None}
STEPS: list[dict[str, Any]] = [
    {"id": "s-1", "step_type": "script", "parameters": {"script": "echo false"}},
    {"id": "f", "step_type": "file_search", "parameters": {"path": ".", "pattern": "*"}},
    {"id": "v", "step_type": "set_variables", "parameters": {"values": {"set": True}}},
    {
        "id": "many",
        "step_type": "command",
        "foreach": [1],
        "parameters": {"command": "true"},
    },
]


def wrong(when: bool | str, **fields: Any) -> list[str]:
    """Return the parts of a condition that are refused."""
    step = {"id": "x", "depends_on": [step["id"] for step in STEPS], "when": when, **fields}
    data = mission_data(*STEPS, step, params=PARAMS, variables=VARIABLES)
    found = load_mission(json.dumps(data), fmt="json").diagnostics
    assert {one.code for one in found} <= {Code.NOT_BOOLEAN}, found
    assert all(one.hint for one in found)
    return [one.message.split("`")[1] for one in found]


@pytest.mark.parametrize(
    ("when", "parts"),
    [
        ("{{ params.text }}", ["params.text"]),
        ("params.path", ["params.path"]),
        ("params.n", ["params.n"]),
        ("params.level", ["params.level"]),
        ("{{ steps['s-1'].output.stdout }}", ["steps['s-1'].output.stdout"]),
        ("steps['s-1'].output.exit_code", ["steps['s-1'].output.exit_code"]),
        ("steps.f.output.matches", ["steps.f.output.matches"]),
        ("steps.f.state", ["steps.f.state"]),
        ("vars.list", ["vars.list"]),
        ("vars.map.x", ["vars.map.x"]),
        ("vars.none", ["vars.none"]),
        ("params", ["params"]),
        ("'no'", ["'no'"]),
        ("1", ["1"]),
        ("[]", ["[]"]),
        ("none", ["none"]),
        ("params.text|trim", ["params.text|trim"]),
        ("not params.text", ["params.text"]),
        ("not not (params.text)", ["params.text"]),
        ("params.flag and (params.n or params.text == 'x')", ["params.n"]),
        ("true if params.n else params.text", ["params.n", "params.text"]),
        ("params.text ~ 'x'", ["params.text~'x'"]),
    ],
)
def test_what_is_certainly_no_boolean_is_refused(when: str, parts: list[str]) -> None:
    assert sorted(wrong(when)) == sorted(parts)


@pytest.mark.parametrize(
    "when",
    [
        True,
        "true",
        "params.flag",
        "not params.flag",
        "params.mixed",
        "params.text == 'false'",
        "params.text|bool",
        "params.text|trim == 'x' and params.n > 0 or params.n + 1 == 2",
        "vars.map.ok",
        "vars.set",
        "'x' in vars.map and 'x' not in vars.list",
        "vars.list is defined and vars.list is not none",
        "steps['s-1'].output.stdout|trim == 'false'",
        "steps['s-1'].output.truncated",
        "steps['s-1'].output.parsed",
        "steps['s-1'].output.parsed.ok and steps['s-1'].output.parsed['ok']",
        "steps.many.output.failed == 0",
        "steps.f.output.matches|length > 0",
        "steps.f.output.matches[0] == 'x'",
        "vars.list|first",
        "(params.flag) and (params.n == 0)",
        "(params.n == 0)",
        "params.flag if params.n > 1 else false",
        "{{ params.flag -}}",
    ],
)
def test_what_is_or_may_be_a_boolean_is_let_pass(when: bool | str) -> None:
    assert wrong(when) == []


def test_assertions_and_handlers_are_conditions_too() -> None:
    checked = {"step_type": "assert", "parameters": {"that": ["params.n", "params.flag"]}}
    assert wrong("true", **checked) == ["params.n"]
    data = mission_data(
        params=PARAMS,
        handlers={
            "on_failure": [{"id": "h", "name": "h", "step_type": "noop", "when": "params.text"}]
        },
    )
    found = load_mission(json.dumps(data), fmt="json").diagnostics
    assert [one.code for one in found] == [Code.NOT_BOOLEAN]


def test_a_parameter_that_is_true_or_false_is_no_text_either() -> None:
    def refused(flag: str) -> list[str]:
        step = {"step_type": "create_file", "parameters": {"path": "x", "overwrite": flag}}
        return wrong("true", **step)

    assert refused("{{ params.text }}") == ["params.text"]
    assert refused("{{ params.flag and params.n }}") == ["params.n"]
    assert refused("{{ params.text == 'x' }}") == []
    assert refused("{{ params.flag }}") == []
    assert refused("{{ vars.set }}") == []


def test_the_place_is_that_of_the_part_and_the_hint_says_what_to_write() -> None:
    text = (
        'version: "1.0"\nname: m\nparams: {go: {default: "no"}}\nsteps:\n'
        "- {id: a, name: a, step_type: noop, when: '1 == 1 and params.go'}\n"
    )
    (found,) = load_mission(text).diagnostics
    assert (found.line, found.column) == (5, 55)
    assert found.hint == (
        "compare it: `params.go == 'true'`, or declare the input with `type: boolean`"
    )


def test_a_long_condition_is_read_quickly() -> None:
    began = time.monotonic()
    for when in ("true if true else " * 480 + "true", "not " * 1900 + "true"):
        wrong(when)
    assert time.monotonic() - began < 5
