"""A step with `steps` is checked like a mission within the mission, each problem in its place."""

import pytest

from core.mission_file.finding.code import Code
from core.mission_file.load import load_mission

HEAD = """version: "1.0"
name: m
env: {STAGE: test}
variables: {base: x}
templates:
  say: {params: {word: {required: true}}, step: {run: echo}}
steps:
"""


def step(body: str) -> str:
    return f"{HEAD}  - id: g\n    foreach: [1]\n    {body}\n"


def test_its_steps_become_a_mission_with_what_holds_for_all_steps() -> None:
    text = step('with: {n: "{{ item }}"}\n    steps: [{id: a, use: say, with: {word: hi}}]')
    mission = load_mission(text).mission
    assert mission is not None
    (group,) = mission.steps
    assert group.step_type == "group"
    assert group.parameters["values"] == {"n": "{{ item }}"}
    inner = group.parameters["mission"]
    assert inner["name"] == "m: g"
    assert set(inner) == {"version", "name", "variables", "env", "templates", "steps"}


def test_default_retries_and_timeouts_are_those_of_each_step_and_not_of_the_group_too() -> None:
    defaults = "defaults: {retry: {max_attempts: 3}, timeout_seconds: 60, env: {A: b}}\n"

    mission = load_mission(defaults + step("steps: [{id: a, run: x}]")).mission

    assert mission is not None
    (group,) = mission.steps
    assert (group.retry, group.timeout_seconds, group.env) == (None, None, {"A": "b"})
    assert group.parameters["mission"]["defaults"]["retry"] == {"max_attempts": 3}
    own = load_mission(
        defaults + step("retry: {max_attempts: 2}\n    steps: [{id: a, run: x}]")
    ).mission
    assert own is not None
    assert own.steps[0].retry is not None


@pytest.mark.parametrize(
    ("value", "codes"), [('"{{ item }}"', set()), ("some", {Code.NOT_BOOLEAN}), ("true", set())]
)
def test_a_condition_may_be_a_value_whose_type_is_known_when_the_group_starts(
    value: str, codes: set[Code]
) -> None:
    text = step(f"with: {{fast: {value}}}\n    steps: [{{id: a, when: vars.fast, run: x}}]")
    assert {one.code for one in load_mission(text).diagnostics} == codes


@pytest.mark.parametrize(
    ("body", "code", "line"),
    [
        ("steps: [{id: a, rum: x}]", Code.UNKNOWN_KEY, 10),
        ("steps:\n      - {id: a, run: x, depends_on: b}", Code.UNKNOWN_DEPENDENCY, 11),
        ("steps:\n      - {id: a, run: x}\n      - {id: a, run: x}", Code.DUPLICATE_ID, 12),
        ("steps:\n      - {id: a, use: say}", Code.MISSING_PARAMETER, 11),
        ('steps:\n      - {id: a, step_type: log, parameters: {message: "{{ vars.n }}"}}',
         Code.UNKNOWN_NAME, 11),
        ('steps:\n      - {id: a, step_type: log, parameters: {message: "{{ item }}"}}',
         Code.UNKNOWN_NAME, 11),
        ('with: {n: "{{ vars.no }}"}\n    steps: [{id: a, run: x}]', Code.UNKNOWN_NAME, 10),
        ("with: {n-1: x}\n    steps: [{id: a, run: x}]", Code.BAD_ID, 10),
        ("run: x\n    steps: [{id: a, run: x}]", Code.BAD_VALUE, 10),
        ("step_type: log\n    steps: [{id: a, run: x}]", Code.BAD_VALUE, 11),
        ("steps: []", Code.NO_STEPS, 10),
        ("step_type: group", Code.MISSING_PARAMETER, 8),
        ("steps:\n      - id: in\n        steps:\n          - {id: a, rum: x}",
         Code.UNKNOWN_KEY, 13),
    ],
)  # fmt: skip
def test_what_is_wrong_is_reported_where_it_stands(body: str, code: Code, line: int) -> None:
    loaded = load_mission(step(body))
    assert loaded.mission is None
    assert (code, line) in {(one.code, one.line) for one in loaded.diagnostics}, loaded.diagnostics


@pytest.mark.parametrize("name", ["params.x", "item"])
def test_what_only_the_outer_mission_knows_is_handed_over_by_with(name: str) -> None:
    inner = f'steps: [{{id: a, run: x, env: {{V: "{{{{ {name} }}}}"}}}}]'
    (found,) = load_mission(step(inner)).diagnostics
    assert (found.code, found.line) == (Code.UNKNOWN_NAME, 10)
    assert "`with` of the group" in (found.hint or "")


def test_a_handler_has_no_steps_of_its_own() -> None:
    handler = "handlers:\n  always:\n    - {id: h, steps: [{id: b, run: x}]}\n"
    loaded = load_mission(f"{HEAD}  - {{id: a, run: x}}\n{handler}")
    assert [(one.code, one.line) for one in loaded.diagnostics] == [(Code.BAD_VALUE, 11)]
