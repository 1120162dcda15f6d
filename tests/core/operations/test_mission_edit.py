"""Keys of steps are set in the text of a mission, which stays as it is otherwise."""

import json

import pytest

from core.errors import UsageError
from core.mission_file.load import load_mission
from core.operations.amending.mission_edit import Setting, edited, parse_settings

TEXT = """\
version: "1.0"
name: m
steps:
  - id: a.b   # the first
    name: A
    step_type: command
    timeout_seconds: 30
    parameters:
      command: sh
      args: [-c, "echo $1", sh, one]
  - {id: a, name: B, step_type: noop, depends_on: [a.b], when: "{{ 1 < 2 }}"}
handlers:
  always:
    - {id: bye, name: Bye, step_type: log, parameters: {message: bye}}
"""


def after(*settings: str) -> str:
    content, fmt = edited(TEXT.encode(), "yaml", parse_settings(settings, ("a.b", "a", "bye")))
    assert load_mission(content, fmt=fmt).ok
    return content.decode()


def test_a_value_is_replaced_in_its_place() -> None:
    assert after("a.b.timeout_seconds=1m") == TEXT.replace("seconds: 30", 'seconds: "1m"')
    assert after("a.b.parameters.args.3=two") == TEXT.replace("sh, one", 'sh, "two"')
    assert after("bye.parameters.message=see you") == TEXT.replace(
        "message: bye", 'message: "see you"'
    )
    assert after("a.when=false") == TEXT.replace('"{{ 1 < 2 }}"', "false")


def test_a_new_key_keeps_everything_else() -> None:
    data = json.loads(after("a.b.env.MODE=slow", "a.b.timeout_seconds=5"))
    step = data["steps"][0]
    assert (step["env"], step["timeout_seconds"]) == ({"MODE": "slow"}, 5)
    assert step["parameters"]["args"] == ["-c", "echo $1", "sh", "one"]
    assert data["steps"][1]["when"] == "{{ 1 < 2 }}"


def test_the_longest_id_that_fits_is_meant_and_values_are_read_as_in_a_file() -> None:
    ids = ("a", "a.b")
    assert parse_settings(["a.b.c=1"], ids) == [Setting("a.b", ("c",), 1)]
    assert parse_settings(["a.c=no"], ids) == [Setting("a", ("c",), "no")]
    assert parse_settings(["a.c={x: [1, null]}"], ids)[0].value == {"x": [1, None]}
    assert parse_settings(["a.c="], ids)[0].value == ""


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("a.b", "is not STEP.KEY=VALUE"),
        ("x.y=1", "has no step `x`"),
        ("a.=1", "names no key"),
        ("a.id=z", "the id of a step cannot be amended"),
        ("a.x={", "is not YAML"),
        ("a.b.parameters.args.9=x", "no place in a list of 4 values"),
        ("a.b.parameters.command.x=1", "is a single value and has no keys"),
    ],
)
def test_what_cannot_be_set_is_named(setting: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        after(setting)


def test_a_mission_in_json_stays_one() -> None:
    text = json.dumps({"name": "m", "steps": [{"id": "a", "step_type": "noop"}]})
    settings = parse_settings(["a.timeout_seconds=5"], ("a",))
    content, fmt = edited(text.encode(), "json", settings)
    assert (fmt, json.loads(content)["steps"][0]["timeout_seconds"]) == ("json", 5)
