"""Patterns that somebody else wrote can neither stop nor slow the runner."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from core.domain.mission import Param
from core.domain.reasons import Reason
from core.errors import UsageError
from core.mission_file.finding.code import Code
from core.mission_file.keys.param_values import resolve_params
from core.mission_file.load import load_mission
from core.value.regex import MAX_PATTERN_CHARACTERS, PatternError, compile_pattern
from tests.support.missions import a_mission
from tests.support.step_run import StepRunner

TEXT = "a" * 40 + "b"
EVIL = [r"^(a+)+$", r"^(a|a)*$", r"^(.*a){25}$", r"(x+x+)+y", r"^(([a-z])+.)+[A-Z]([a-z])+$"]


@pytest.fixture
def steps(tmp_path: Path) -> StepRunner:
    return StepRunner(tmp_path)


@pytest.mark.parametrize("pattern", EVIL)
def test_a_pattern_that_would_take_for_ever_is_matched_at_once(
    pattern: str, steps: StepRunner
) -> None:
    began = time.monotonic()
    assert not compile_pattern(pattern).is_found_in(TEXT)
    outcome = steps.run("validate_schema", data=TEXT, schema={"pattern": pattern})
    assert outcome.reason_code is Reason.STEP_ERROR
    for schema in (
        {"patternProperties": {pattern: False}},
        {"patternProperties": {pattern: True}, "additionalProperties": True},
        {"patternProperties": {pattern: True}, "unevaluatedProperties": True},
        {"propertyNames": {"not": {"pattern": pattern}}},
    ):
        assert steps.ok("validate_schema", data={TEXT: 1}, schema=schema)["valid"]
    assert time.monotonic() - began < 5


def test_the_interpreter_goes_on_while_a_pattern_is_matched() -> None:
    pattern = compile_pattern(r"[ab]*a[ab]{1000}x|b[ab]{999}y")
    text = "".join("ab"[(i * i * 7919 >> 3) & 1] for i in range(60_000))
    matched = threading.Thread(target=pattern.is_found_in, args=(text,))
    turns = 0
    matched.start()
    while matched.is_alive():
        turns += 1
        time.sleep(0.001)
    assert turns > 5


@pytest.mark.parametrize(
    ("pattern", "part"),
    [
        (r"a(?=b)", "(?="),
        (r"a(?!b)", "(?!"),
        (r"(?<!a)b", "(?<!"),
        (r"(a)\1", r"\1"),
        (r"a{1001}", "{1001}"),
        (r"a**", "**"),
        (r"[z-a]", "z-a"),
    ],
)
def test_what_takes_more_than_linear_time_is_refused_by_the_part_that_does(
    pattern: str, part: str
) -> None:
    with pytest.raises(PatternError) as refused:
        compile_pattern(pattern)
    assert refused.value.part == part
    assert refused.value.hint


@pytest.mark.parametrize("pattern", ["(", "\\", "a" * (MAX_PATTERN_CHARACTERS + 1), r"\pL{1,500}"])
def test_a_pattern_that_is_no_pattern_or_too_large_is_refused(
    pattern: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(PatternError):
        compile_pattern(pattern)
    assert capfd.readouterr() == ("", "")  # the library's own words would stand on the screen


def test_a_text_too_long_for_a_large_pattern_is_refused(steps: StepRunner) -> None:
    schema = {"pattern": ".{1000}" * 10}
    outcome = steps.run("validate_schema", data="x" * 100_000, schema=schema)
    assert outcome.reason_code is Reason.OUTPUT_LIMIT
    assert "too long for a pattern" in (outcome.message or "")


@pytest.mark.parametrize(
    ("pattern", "text"),
    [(r"^\u00e9$", "é"), (r"^\cA\Z", "\x01"), (r"\\u0041", r"\u0041"), ("é+", "café"), ("", "x")],
)
def test_the_escapes_of_json_schema_and_python_are_known(pattern: str, text: str) -> None:
    assert compile_pattern(pattern).is_found_in(text)


def test_a_text_that_is_no_unicode_is_matched_too() -> None:
    assert compile_pattern("^a.").is_found_in("a\udce9")


def test_a_parameter_is_held_against_its_pattern() -> None:
    mission = a_mission(params=(Param(name="p", pattern="^(a+)+$"),))
    assert resolve_params(mission, {"p": "aaa"}) == {"p": "aaa"}
    with pytest.raises(UsageError, match="does not match"):
        resolve_params(mission, {"p": TEXT})


def test_every_pattern_of_a_schema_is_refused_where_it_stands() -> None:
    text = (
        'version: "1.0"\nname: m\nsteps:\n- id: a\n  name: a\n  step_type: validate_schema\n'
        "  parameters:\n    data: x\n    schema:\n"
        "      properties:\n        pattern: {pattern: '(?=x)'}\n"
        "      enum: [{pattern: '('}]\n"
        "      patternProperties:\n        '(a)\\1': true\n"
    )
    found = load_mission(text).diagnostics
    assert [(one.code, one.line, one.column) for one in found] == [
        (Code.BAD_PARAMETER, 11, 28),
        (Code.BAD_PARAMETER, 14, 18),
    ]
    assert "look-around" in found[0].message
    assert "back-reference" in found[1].message


def test_a_pattern_that_comes_from_a_template_is_refused_when_it_is_known(
    steps: StepRunner,
) -> None:
    from pydantic import ValidationError

    with pytest.raises(ValidationError, match="look-around"):
        steps.run("validate_schema", data="x", schema={"allOf": [{"pattern": "(?!x)"}]})


DRAFTS = [
    "https://json-schema.org/draft/2020-12/schema",
    "https://json-schema.org/draft/2019-09/schema",
]


@pytest.mark.parametrize("draft", DRAFTS)
def test_names_that_a_schema_applied_elsewhere_speaks_of_are_evaluated(
    draft: str, steps: StepRunner
) -> None:
    schema = {
        "$schema": draft,
        "$defs": {"base": {"patternProperties": {"^x-": {"type": "integer"}}}},
        "$ref": "#/$defs/base",
        "properties": {"a": True},
        "anyOf": [{"properties": {"b": {"const": 1}}, "required": ["b"]}, {}],
        "if": {"required": ["b"]},
        "then": {"properties": {"t": True}},
        "else": {"properties": {"e": True}},
        "dependentSchemas": {"a": {"properties": {"d": True}}},
        "unevaluatedProperties": False,
    }

    def names(data: dict[str, Any]) -> list[str]:
        output = steps.ok("validate_schema", data=data, schema=schema, on_invalid="report")
        return [error["message"] for error in output["errors"]]

    assert names({"a": 1, "x-y": 2, "b": 1, "t": 1, "d": 1}) == []
    assert names({"x-y": 2, "e": 1}) == []
    assert names({"x-y": 2, "d": 1, "t": 1}) == [
        "Unevaluated properties are not allowed ('d', 't' were unexpected)"
    ]
    assert names({"x-y": "text"})[0] == "'text' is not of type 'integer'"


def test_additional_properties_are_what_no_name_and_no_pattern_covers(steps: StepRunner) -> None:
    schema = {
        "properties": {"a": True},
        "patternProperties": {"^x": True, "^y": True},
        "additionalProperties": {"type": "integer"},
    }
    output = steps.ok(
        "validate_schema", data={"a": "", "x": "", "y": "", "z": ""}, schema=schema,
        on_invalid="report",
    )  # fmt: skip
    assert [error["path"] for error in output["errors"]] == ["$.z"]
    schema["additionalProperties"] = False
    assert "'z' was unexpected" in (
        steps.run("validate_schema", data={"z": 1}, schema=schema).message or ""
    )


def test_a_schema_that_takes_exponential_time_ends_with_its_step(steps: StepRunner) -> None:
    levels = {
        f"l{n}": {"allOf": [{"$ref": f"#/$defs/l{n + 1}"}, {"$ref": f"#/$defs/l{n + 1}"}]}
        for n in range(40)
    }
    schema = {"$ref": "#/$defs/l0", "$defs": {**levels, "l40": True}}
    threading.Timer(0.2, steps.cancelled.set).start()
    began = time.monotonic()
    outcome = steps.run("validate_schema", data=1, schema=schema)
    assert outcome.message == "stopped: the attempt was cancelled"
    assert time.monotonic() - began < 5


def test_an_undefined_name_behind_a_long_text_is_told_at_once() -> None:
    from core.expression.evaluate import ExpressionError, render

    began = time.monotonic()
    with pytest.raises(ExpressionError, match=r"`vars\.missing` is undefined"):
        render("a" * 500_000 + "! {{ vars.missing }}" + "a" * 10, {"vars": {}})
    with pytest.raises(ExpressionError, match="undefined"):
        render("a" * 500_000 + "{{ vars.missing }}", {"vars": {}})
    assert time.monotonic() - began < 2
