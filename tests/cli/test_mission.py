"""Commands about mission files: what they print, and that bad files are refused with a place."""

import json
import os
from pathlib import Path

import jsonschema
import pytest

from tests.support.cli import Inside, mission

GOOD = """\
version: "1.0"
name: release
description: build and ship
params:
  target: {type: choice, choices: [staging, production], default: staging}
  token: {type: string, required: true}
config: {parallel_limit: 3}
steps:
  - {id: fetch, name: Fetch, step_type: noop}
  - id: build
    name: Build
    step_type: command
    depends_on: [fetch]
    timeout_seconds: 30
    continue_on_error: true
    retry: {max_attempts: 2}
    parameters: {command: make, args: [all]}
  - {id: lint, name: Lint, step_type: noop, depends_on: [fetch]}
  - {id: ship, name: Ship, step_type: noop, depends_on: [build, lint]}
"""
BAD = """\
version: "1.0"
name: release
steps:
  - {id: a, name: A, step_type: nop}
  - {id: b, name: B, step_type: noop, depends_on: [c]}
  - {id: c, name: C, step_type: noop, depends_on: [b]}
"""


@pytest.fixture
def inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Inside:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "bad.yaml").write_text(BAD)
    return Inside(tmp_path / "home", monkeypatch, capfd)


def test_a_valid_file_is_said_to_be_valid(inside: Inside) -> None:
    ran = inside("validate", "good.yaml")
    assert (ran.code, ran.out) == (0, "good.yaml: valid, 4 steps\n")
    assert inside("validate", "good.yaml", "--json").json == {
        "valid": True,
        "file": "good.yaml",
        "execution_order": ["fetch", "build", "lint", "ship"],
        "diagnostics": [],
        "findings": [],
        "warnings": [],
    }


def test_everything_wrong_is_told_at_once_with_its_place(inside: Inside) -> None:
    ran = inside("validate", "bad.yaml")
    assert ran.code == 3
    assert "bad.yaml:4:33: error[UNKNOWN_STEP_TYPE]" in ran.out
    assert "did you mean `noop`?" in ran.out
    assert "b → c → b" in ran.out
    found = inside("validate", "bad.yaml", "--format", "json").json
    assert not found["valid"]
    assert {one["code"] for one in found["diagnostics"]} == {"UNKNOWN_STEP_TYPE", "CYCLE"}
    assert all(one["line"] and one["column"] for one in found["diagnostics"])


def test_annotations_and_sarif_name_the_same_places(inside: Inside) -> None:
    lines = inside("validate", "bad.yaml", "--format", "github").out.splitlines()
    assert lines[0].startswith("::error file=bad.yaml,line=4,col=33,title=UNKNOWN_STEP_TYPE::")
    sarif = json.loads(inside("validate", "bad.yaml", "--format", "sarif").out)
    region = sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]
    assert (sarif["version"], region["startLine"]) == ("2.1.0", 4)


def test_several_files_are_all_looked_at(inside: Inside) -> None:
    ran = inside("validate", "good.yaml", "missing.yaml", "bad.yaml", "--json")
    assert ran.code == 3
    assert [one["valid"] for one in ran.json] == [True, False, False]
    assert ran.json[2]["error"]["code"] == "NOT_FOUND"
    assert inside("validate", "good.yaml", "missing.yaml").code == 4
    assert inside("validate", "missing.yaml").code == 4


def test_a_mission_may_come_from_standard_input(tmp_path: Path) -> None:
    ran = mission(tmp_path, "validate", "-", input=GOOD)
    assert (ran.code, ran.out) == (0, "<stdin>: valid, 4 steps\n")
    assert mission(tmp_path, "plan", "-", "--json", input=GOOD).json["mission_name"] == "release"


@pytest.mark.parametrize("command", ["run", "plan", "graph"])
def test_an_invalid_mission_is_refused_with_its_diagnostics(command: str, inside: Inside) -> None:
    ran = inside(command, "bad.yaml")
    assert (ran.code, ran.out) == (3, "")
    assert "bad.yaml:4:33: error[UNKNOWN_STEP_TYPE]" in ran.err
    ran = inside(command, "bad.yaml", "--json")
    assert ran.code == 3
    assert ran.json["error"]["code"] == "MISSION_INVALID"
    assert len(ran.json["error"]["diagnostics"]) == 2


def test_a_plan_shows_order_layers_and_what_each_step_would_do(inside: Inside) -> None:
    ran = inside("plan", "good.yaml")
    assert ran.code == 0
    assert "4 steps in 3 layers, at most 3 at once" in ran.out
    assert "token = (required)" in ran.out
    (build,) = [line for line in ran.out.splitlines() if " run make all " in line]
    assert "build  fetch" in build
    assert "timeout 30s, up to 2 attempts, may fail" in build


def test_a_plan_as_json_has_the_same(inside: Inside) -> None:
    found = inside("plan", "good.yaml", "-p", "token=t", "--json").json
    assert found["params"] == {"target": "staging", "token": "t"}
    assert found["layers"] == [["fetch"], ["build", "lint"], ["ship"]]
    assert [step["task_id"] for step in found["steps"]] == found["execution_order"]


@pytest.mark.parametrize("pairs", [["target=moon"], ["nope=1"], ["token"], ["=x"], ["token=1"] * 2])
def test_a_wrong_parameter_is_usage(pairs: list[str], inside: Inside) -> None:
    options = [part for pair in pairs for part in ("-p", pair)]
    assert inside("plan", "good.yaml", *options).code == 2


def test_a_graph_comes_in_four_formats(inside: Inside) -> None:
    assert "fetch" in inside("graph", "good.yaml").out
    assert inside("graph", "good.yaml", "-o", "dot").out.startswith('digraph "release" {')
    assert inside("graph", "good.yaml", "-o", "mermaid").out.startswith("flowchart LR")
    found = inside("graph", "good.yaml", "-o", "json").json
    assert found == inside("graph", "good.yaml", "--json").json
    assert {"from": "fetch", "to": "build"} in found["edges"]
    assert inside("graph", "missing.yaml").code == 4
    assert inside("graph", "no-such-execution").code == 4


def test_a_mission_from_init_is_valid_and_its_modeline_names_a_schema_it_follows(
    inside: Inside, tmp_path: Path
) -> None:
    ran = inside("init", "my mission.yaml")
    assert ran.code == 0
    text = (tmp_path / "my mission.yaml").read_text()
    first = text.splitlines()[0]
    assert first == "# yaml-language-server: $schema=./.mission-schema.json"
    schema = json.loads((tmp_path / ".mission-schema.json").read_text())
    assert inside("validate", "my mission.yaml").out == "my mission.yaml: valid, 3 steps\n"
    import yaml

    jsonschema.Draft7Validator(schema).validate(yaml.safe_load(text))


def test_init_writes_over_nothing_unless_it_is_told_to(inside: Inside, tmp_path: Path) -> None:
    ran = inside("init", "good.yaml")
    assert ran.code == 7
    assert (tmp_path / "good.yaml").read_text() == GOOD
    assert inside("init", "good.yaml", "--force", "--json").code == 0
    assert (tmp_path / "good.yaml").read_text() != GOOD
    assert inside("init", "no/such/folder.yaml").code == 4


def test_examples_are_listed_printed_and_copied(inside: Inside, tmp_path: Path) -> None:
    listed = inside("examples", "--json").json
    assert {"hello"} <= {one["name"] for one in listed}
    assert "hello" in inside("examples").out
    assert inside("examples", "hello").out.startswith('version: "1.0"')
    copied = inside("examples", "hello", "--copy", "mine").out.strip()
    assert inside("validate", copied).code == 0
    assert inside("examples", "hello", "--copy", "mine").code == 7
    ran = inside("examples", "helo")
    assert ran.code == 4
    assert "did you mean hello?" in ran.err


def test_the_schema_is_draft_07_and_takes_the_samples(inside: Inside) -> None:
    import yaml

    schema = inside("schema").json
    jsonschema.Draft7Validator.check_schema(schema)
    for sample in inside("examples", "--json").json:
        content = inside("examples", sample["name"], "--json").json["content"]
        jsonschema.Draft7Validator(schema).validate(yaml.safe_load(content))


def test_explain_tells_of_keys_step_types_and_codes(inside: Inside) -> None:
    assert "fail_fast" in inside("explain", "config").out
    assert inside("explain", "steps.when").code == 0
    assert "exit_code" in inside("explain", "step.command").out
    assert "CYCLE" in inside("explain", "CYCLE").out
    found = inside("explain", "--json").json
    assert "step.command" in found["topics"]
    assert inside("explain", "step.comand").code == 4


def test_doctor_finds_a_sound_machine_and_names_what_is_wrong(
    inside: Inside, tmp_path: Path
) -> None:
    ran = inside("doctor")
    assert ran.code == 0, ran.out
    assert inside("doctor", "--json").json["ok"]
    inside.home.mkdir()
    (inside.home / "missions.db").write_bytes(b"nonsense" * 100)
    ran = inside("doctor", "--json")
    assert ran.code == 9
    assert {one["name"] for one in ran.json["checks"] if one["status"] == "problem"} == {
        "records",
        "keys",
    }
    (inside.home / "config.toml").write_text("not toml")
    assert "problem" in {one["status"] for one in inside("doctor", "--json").json["checks"]}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_doctor_names_a_folder_that_cannot_be_written(inside: Inside) -> None:
    inside.home.mkdir(mode=0o500)
    assert inside("doctor").code == 9


@pytest.mark.parametrize(
    ("shell", "told"), [("bash", "complete -o"), ("zsh", "#compdef mission"), ("fish", "--command")]
)
def test_completion_scripts_ask_the_program(shell: str, told: str, inside: Inside) -> None:
    out = inside("completion", shell).out
    assert told in out
    assert "_MISSION_COMPLETE" in out
