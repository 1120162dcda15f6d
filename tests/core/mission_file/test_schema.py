import json
from typing import Any

import jsonschema
import pytest
import yaml

from core.domain.reasons import Reason
from core.errors import NotFoundError
from core.explain.reason_text import REASON_TEXTS
from core.mission_file.explain import SECTIONS, explain, topics
from core.mission_file.finding.code import Code
from core.mission_file.keys.step.step_keys import STEP_KEYS
from core.mission_file.keys.top_level import MISSION_KEYS
from core.mission_file.load import load_mission
from core.mission_file.schema import mission_schema
from core.step_type.registry import step_type_names
from tests.core.mission_file.test_load import FULL, SEED
from tests.support.missions import mission_data
from tests.support.shared import ROOT


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft7Validator:
    schema = mission_schema()
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


def command(**parameters: Any) -> dict[str, Any]:
    return mission_data({"id": "a", "step_type": "command", "parameters": parameters})


VALID = [
    yaml.safe_load(SEED),
    yaml.safe_load(FULL),
    mission_data(),
    mission_data(config={"max_parallel_steps": 3}),
    mission_data(config=None),
    {**mission_data(), "version": 1.0},
    {**mission_data(), "steps": [{"id": "a", "step_type": "Noop"}]},
    command(command="x", args=["{{ params.y }}", "z"]),
    command(command="x", args="{{ params.y }}"),
    mission_data({"id": "a", "timeout_seconds": "1h30m", "retry": {"max_attempts": 2}}),
]


@pytest.mark.parametrize("data", VALID, ids=range(len(VALID)))
def test_a_valid_mission_fits_the_schema(
    validator: jsonschema.Draft7Validator, data: dict[str, Any]
) -> None:
    assert [error.message for error in validator.iter_errors(data)] == []


INVALID = [
    [],
    {},
    {**mission_data(), "version": "2.0"},
    {**mission_data(), "version": 2},
    {**mission_data(), "steps": []},
    {**mission_data(), "steps": {}},
    mission_data(foo=1),
    mission_data(name=""),
    mission_data({"id": "a b"}),
    mission_data({"id": "a", "step_type": "comand"}),
    mission_data({"id": "a", "needs": ["b"]}),
    mission_data({"id": "a", "depends_on": 3}),
    mission_data({"id": "a", "timeout_seconds": 0}),
    mission_data({"id": "a", "timeout_seconds": "soon"}),
    mission_data({"id": "a", "retry": 3}),
    mission_data({"id": "a", "retry": {"max_attempts": 0}}),
    mission_data({"id": "a", "trigger_rule": "never"}),
    mission_data({"id": "a", "continue_on_error": "yes"}),
    mission_data({"id": "a", "env": {"1a": "x"}}),
    mission_data({"id": "a", "parameters": {"foo": 1}}),
    command(comand="x"),
    command(command="x", args=[{}]),
    mission_data({"id": "a", "step_type": "command"}),
    mission_data(config={"parallel_limit": 0}),
    mission_data(secrets={"TOKEN": "x"}),
    mission_data(params={"p": {"type": "text"}}),
    mission_data(variables={"a-b": 1}),
]


@pytest.mark.parametrize("data", INVALID, ids=range(len(INVALID)))
def test_an_invalid_mission_fits_neither_the_schema_nor_validation(
    validator: jsonschema.Draft7Validator, data: dict[str, Any]
) -> None:
    assert not validator.is_valid(data)
    assert not load_mission(json.dumps(data), fmt="json").ok


def test_every_step_type_has_its_parameters_in_the_schema() -> None:
    schema = mission_schema()
    for name in step_type_names():
        assert f"parameters.{name}" in schema["definitions"]
    written = json.dumps(schema)
    assert "$defs" not in written
    assert "prefixItems" not in written


def test_every_key_of_the_schema_is_described() -> None:
    schema = mission_schema()
    assert set(schema["properties"]) == set(MISSION_KEYS)
    assert set(schema["definitions"]["step"]["properties"]) == set(STEP_KEYS)
    assert all("description" in field for field in schema["properties"].values())


def test_every_sample_mission_fits_the_schema(validator: jsonschema.Draft7Validator) -> None:
    for path in sorted((ROOT / "sample_missions").glob("*.y*ml")):
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert [error.message for error in validator.iter_errors(data)] == [], path.name


def test_every_topic_is_explained() -> None:
    for topic in topics():
        assert len(explain(topic)) > 20


def test_a_step_type_is_explained_with_parameters_and_output() -> None:
    text = explain("step.command")
    assert "* command" in text
    assert "exit_code" in text
    assert explain("step.Command") == text
    assert "parsed`: text, json, lines" in " ".join(text.split())


@pytest.mark.parametrize(
    ("topic", "line"),
    [
        ("config.fail_fast", "Default: true"),
        ("fail_fast", "Default: true"),
        ("config.retry.max_attempts", "Default: 1"),
        ("steps.retry.retry_on.exit_codes", "Example: exit_codes: [75]"),
        ("step.when", "Default: true"),
    ],
)
def test_a_key_is_explained_with_default_or_example(topic: str, line: str) -> None:
    assert line in explain(topic).splitlines()


@pytest.mark.parametrize("reason", list(Reason))
def test_a_reason_code_is_explained_with_when_it_occurs_and_what_to_do(reason: Reason) -> None:
    text = " ".join(explain(reason.value).split())
    known = REASON_TEXTS[reason]
    assert text.startswith(f"{reason.value}: {known.phrase} When: ")
    for sentences in (known.occurs, known.action):
        assert sentences.endswith(".")
        assert sentences in text
    assert reason.value in explain("reasons")
    assert reason.value in topics()


def test_a_code_is_found_in_lower_case_unless_a_key_has_that_name() -> None:
    assert explain("exit_nonzero") == explain("EXIT_NONZERO")
    assert explain("fail_fast") != explain("FAIL_FAST")


def test_no_reason_code_hides_behind_another_topic() -> None:
    named = {code.value for code in Code} | set(SECTIONS)
    assert not named & {reason.value for reason in Reason}


def test_a_diagnostic_code_is_explained() -> None:
    assert Code.CYCLE.meaning in explain("cycle")


@pytest.mark.parametrize(
    ("topic", "hint"), [("confg", "did you mean `config`?"), ("step.comand", "`step.command`")]
)
def test_an_unknown_topic_gets_the_nearest_one_as_hint(topic: str, hint: str) -> None:
    with pytest.raises(NotFoundError) as raised:
        explain(topic)
    assert hint in (raised.value.hint or "")
