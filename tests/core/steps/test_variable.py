from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from core.domain.reasons import Reason
from core.mission_file.load import load_mission
from tests.support.step_run import StepRunner

SCOPE: dict[str, Any] = {
    "params": {"target": "staging", "port": 8080},
    "vars": {"names": ["a", "b"], "empty": ""},
    "steps": {"list": {"output": {"entries": [1, 2, 3], "text": "{{ vars.names }}"}}},
    "execution": {"id": "e"},
}


@pytest.fixture
def steps(tmp_path: Path) -> StepRunner:
    return StepRunner(tmp_path, scope=SCOPE)


def test_variables_are_handed_on_with_their_types(steps: StepRunner) -> None:
    values = {"count": 3, "names": ["a"], "none": None}
    outcome = steps.run("set_variables", values=values)
    assert outcome.variables == values
    assert outcome.output == {"variables": values}


@pytest.mark.parametrize("values", [{}, {"a-b": 1}, {"1a": 1}, {"ä": 1}, {"": 1}, {"a" * 101: 1}])
def test_a_variable_has_a_name_that_templates_can_use(
    steps: StepRunner, values: dict[str, int]
) -> None:
    with pytest.raises(ValidationError):
        steps.run("set_variables", values=values)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("steps.list.output.entries|length", 3),
        ("{{ steps.list.output.entries }}", [1, 2, 3]),
        ("params.port + 1", 8081),
        ("{'a': params.target}", {"a": "staging"}),
        ("vars.names|join('-')", "a-b"),
        (5, 5),
        ("none", None),
    ],
)
def test_a_transform_keeps_the_type_of_its_value(
    steps: StepRunner, expression: object, value: object
) -> None:
    assert steps.ok("transform", expression=expression) == {"value": value}


def test_text_that_looks_like_a_template_is_not_evaluated_again(steps: StepRunner) -> None:
    assert steps.ok("transform", expression="steps.list.output.text")["value"] == (
        "{{ vars.names }}"
    )


@pytest.mark.parametrize(
    "expression", ["vars.missing", "1 +", "a {{ b }}", "params.target.upper()", "", "1 / 0"]
)
def test_an_expression_that_has_no_value_is_a_failure(steps: StepRunner, expression: str) -> None:
    outcome = steps.run("transform", expression=expression)
    assert outcome.reason_code is Reason.STEP_ERROR
    assert outcome.message is not None
    assert outcome.message.startswith("expression: ")


def test_an_assertion_that_holds_counts_what_it_checked(steps: StepRunner) -> None:
    that = ["params.port == 8080", "{{ vars.names|length == 2 }}", "true"]
    assert steps.ok("assert", that=that) == {"checked": 3}
    assert steps.ok("assert", that=True) == {"checked": 1}


def test_an_assertion_that_fails_names_what_was_false_and_what_it_saw(steps: StepRunner) -> None:
    outcome = steps.run(
        "assert",
        that=[
            "params.port == 80",
            "params.target == 'staging'",
            "{{ vars.empty != '' }}",
            "vars.no",
        ],
        message="not ready",
    )
    assert outcome.reason_code is Reason.STEP_ERROR
    assert outcome.message == (
        "not ready (params.port == 80 is false (params.port = 8080); "
        "vars.empty != '' is false (vars.empty = \"\"); vars.no: `vars.no` is undefined)"
    )


def test_an_assertion_is_true_or_false_and_nothing_else(steps: StepRunner) -> None:
    outcome = steps.run("assert", that=["params.port == 8080", "vars.empty", "params.port"])
    assert outcome.reason_code is Reason.INVALID_PARAMETERS
    assert outcome.message == (
        '`vars.empty` is a text (vars.empty = ""), but a condition must be true or false;'
        " compare it: `vars.empty == 'true'`; `params.port` is a number (params.port = 8080),"
        " but a condition must be true or false; compare it: `params.port != 0`"
    )
    secret = StepRunner(Path(), scope={"secrets": {"T": "hunter22"}})
    assert "hunter22" not in (secret.run("assert", that="secrets.T").message or "")


def test_values_are_shown_short_and_secrets_never() -> None:
    steps = StepRunner(Path(), scope={"vars": {"long": "x" * 500}, "secrets": {"T": "hunter22"}})
    outcome = steps.run("assert", that=["vars.long == 1", "secrets.T == 'x'"])
    assert outcome.message is not None
    assert len(outcome.message) < 200
    assert "hunter22" not in outcome.message


def test_plans_show_names_and_expressions(steps: StepRunner) -> None:
    assert steps.describe("set_variables", values={"a": 1, "b": 2}) == "would set a, b"
    assert steps.describe("transform", expression="a + b") == "would compute a + b"
    assert steps.describe("assert", that=["a", "b"]) == "would check that a and b"


def test_bare_expressions_of_a_mission_are_checked_like_conditions() -> None:
    found = load_mission(
        """
version: "1.0"
name: checked
variables: {n: 3}
steps:
  - {id: a, name: A, step_type: transform, parameters: {expression: "1 +"}}
  - {id: b, name: B, step_type: assert, parameters: {that: [vars.n == 3, nope.x]}}
  - {id: c, name: C, step_type: Transform, parameters: {expression: steps.a.output.value}}
"""
    )
    assert [(error.line, str(error.code)) for error in found.diagnostics] == [
        (6, "TEMPLATE_SYNTAX"),
        (7, "UNKNOWN_NAME"),
        (8, "NOT_UPSTREAM"),
    ]
