import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from core.mission_file.finding.code import Code
from core.mission_file.load import Loaded, load_mission
from core.mission_file.meaning.parameter_fast_path import _CERTAIN, is_certainly_valid
from core.step_type.registry import step_type
from tests.support.missions import mission_data

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=3)  # as the readers do
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    TEXTS,
    st.sampled_from(["", "\0", "x\0", "a", "INFO"]),
    st.lists(st.one_of(TEXTS, st.integers(0, 1), st.just("\0")), max_size=3),
    st.dictionaries(st.text(max_size=1), st.integers(), max_size=1),
)
KEYS = ["message", "level", "command", "args", "script", "shell", "stdin", "foo"]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(_CERTAIN)), st.dictionaries(st.sampled_from(KEYS), VALUES))
def test_what_is_certain_without_the_model_fits_the_model(
    name: str, parameters: dict[str, Any]
) -> None:
    if not is_certainly_valid(name, parameters):
        return
    known = step_type(name)
    assert known is not None
    try:
        known.parameters.model_validate(parameters)
    except ValidationError as error:
        pytest.fail(f"{name} {parameters}: {error}")


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("noop", {}),
        ("log", {"message": "x"}),
        ("fail", {}),
        ("command", {"command": "true", "args": ["-x"]}),
        ("script", {"script": "true"}),
    ],
)
def test_plain_steps_are_certain(name: str, parameters: dict[str, Any]) -> None:
    assert is_certainly_valid(name, parameters)


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
