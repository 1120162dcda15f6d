import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import asdict
from pydantic import ValidationError

from core.domain.records import LogLevel
from core.mission_file.finding.code import Code
from core.mission_file.load import Loaded, load_mission
from core.mission_file.meaning.condition_type import boolean_parameters
from core.step_type.plain_parameters import PLAIN, plain_parameters
from core.step_type.registry import step_type
from tests.support.missions import mission_data

TEXTS = st.text(max_size=3)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.integers(),
    st.floats(),
    TEXTS,
    st.sampled_from(["", "\0", "x\0", "\ud800", *LogLevel, "info", "lines", "json", "sh", "1s"]),
    st.lists(st.one_of(TEXTS, st.integers(0, 1), st.just("\0")), max_size=3),
    st.dictionaries(st.text(max_size=1), st.integers(), max_size=1),
)
KEYS = sorted({*(key for form in PLAIN.values() for key in form.__struct_fields__), "foo"})


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(sorted(PLAIN)), st.dictionaries(st.sampled_from(KEYS), VALUES))
def test_plain_parameters_are_what_the_model_makes_of_them(
    name: str, parameters: dict[str, Any]
) -> None:
    plain = plain_parameters(name, parameters)
    if plain is None:
        return
    known = step_type(name)
    assert known is not None
    try:
        model = known.parameters.model_validate(parameters)
    except ValidationError as error:
        pytest.fail(f"{name} {parameters}: {error}")
    assert asdict(plain) == dict(model)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("noop", {}),
        ("noop", {"message": "x"}),
        ("log", {"message": "x"}),
        ("log", {"message": "{{ vars.x }}", "level": "WARN"}),
        ("fail", {}),
        ("wait", {"seconds": 1}),
        ("command", {"command": "true", "args": ["-x"]}),
        ("command", {"command": "ls", "working_dir": "a", "output": "lines"}),
        ("command", {"command": "ls", "expect_exit": [0, 1], "max_output_bytes": 0}),
        ("script", {"script": "true", "shell": "sh", "stdin": "a"}),
    ],
)
def test_plain_steps_need_no_model(name: str, parameters: dict[str, Any]) -> None:
    assert plain_parameters(name, parameters) is not None


@pytest.mark.parametrize("name", sorted(PLAIN))
def test_the_plain_form_has_the_keys_of_the_model(name: str) -> None:
    known = step_type(name)
    assert known is not None
    fields = known.parameters.model_fields
    assert set(PLAIN[name].__struct_fields__) == set(fields)
    booleans = {key for key, field in fields.items() if field.annotation is bool}
    assert boolean_parameters(name) == booleans


def told(kind: str, parameters: dict[str, Any], **step: Any) -> Loaded:
    data = mission_data({"id": "a", "step_type": kind, "parameters": parameters, **step})
    return load_mission(json.dumps(data), fmt="json")


def test_a_value_with_a_template_is_left_to_the_engine() -> None:
    loaded = told("wait", {"seconds": "{{ vars.x }}"})
    assert [found.code for found in loaded.diagnostics] == [Code.UNKNOWN_NAME]
    data = mission_data(
        {"id": "a", "step_type": "wait", "parameters": {"seconds": "{{ vars.x }}"}},
        variables={"x": 1},
    )
    assert load_mission(json.dumps(data), fmt="json").ok


def test_the_other_values_beside_a_template_are_checked() -> None:
    loaded = told("command", {"command": "{{ execution.id }}", "args": 5, "foo": 1})
    assert sorted(found.code for found in loaded.diagnostics) == [
        Code.BAD_PARAMETER,
        Code.UNKNOWN_PARAMETER,
    ]


def test_a_missing_parameter_tells_its_purpose() -> None:
    (found,) = told("command", {}).diagnostics
    assert found.code is Code.MISSING_PARAMETER
    assert (found.hint or "").startswith("`command`: ")


@pytest.mark.parametrize(
    ("key", "code", "told"),
    [
        ("secret", Code.BAD_PARAMETER, "asked for no secrets: `mission secrets set NAME`"),
        ("requierd", Code.UNKNOWN_PARAMETER, "unknown key `requierd` in `inputs.code`"),
    ],
)
def test_what_an_approval_cannot_ask_is_said_where_it_stands(
    key: str, code: Code, told: str
) -> None:
    asked = f"{{prompt: p, inputs: {{code: {{{key}: true}}}}}}"
    step = f"{{id: a, step_type: approval, parameters: {asked}}}"
    (found,) = load_mission(f'version: "1.0"\nname: m\nsteps:\n  - {step}\n').diagnostics
    assert (found.code, found.line) == (code, 4)
    assert told in found.message
