import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given

from core.domain.mission import Durability, Mission, MissionSource, ParamType, RetryOn, TriggerRule
from core.errors import NotFoundError
from core.graph.dag import Graph
from core.mission_file import load
from core.mission_file.finding.code import Code
from core.mission_file.keys import config
from core.mission_file.load import Loaded, load_mission
from tests.support.missions import mission_data, mission_yaml, missions
from tests.support.shared import ROOT, shared_path

SEED = """\
version: "1.0"
name: "string"
description: "string (optional)"
config:
  timeout_seconds: 10
  fail_fast: true
  parallel_limit: 3
steps:
  - id: "a"
    name: "string"
    step_type: "noop"
    depends_on: []
    timeout_seconds: 5
    continue_on_error: true
    parameters: {}
  - id: "b"
    name: "string"
    step_type: "CreateFile"
    depends_on: ["a"]
    parameters:
      path: out.txt
      content: hello
"""

FULL = """\
version: "1.0"
name: release
description: build, test and ship
params:
  target: {type: choice, choices: [staging, production], default: staging}
  count: {type: integer, default: 3, description: how many}
variables: {region: eu-1, sizes: [1, 2]}
env: {LANG: C.UTF-8, PORT: 8080, DEBUG: true}
config:
  timeout_seconds: 1h
  fail_fast: false
  parallel_limit: 8
  retry: {max_attempts: 2}
  working_dir: .
steps:
  - id: build
    name: Build the wheel
    step_type: command
    depends_on: []
    timeout_seconds: 300
    continue_on_error: false
    parameters: {command: python, args: [-m, build]}
    retry:
      max_attempts: 3
      initial_interval: 500ms
      backoff_coefficient: 1.5
      max_interval: 1m30s
      jitter: 0.1
      retry_on: {exit_codes: [75], reason_codes: [TIMEOUT], http_status: [503]}
    idempotent: false
  - id: ship
    name: Ship
    step_type: log
    depends_on: [build]
    parameters:
      message: "to {{ params.target }} in {{ vars.region }}: {{ steps.build.output.stdout }}"
    when: "{{ params.target == 'production' }}"
    trigger_rule: all_done
    env: {BUILD: "{{ steps.build.state }}"}
    working_dir: sub
"""


def valid(content: str | bytes, *, fmt: str | None = None) -> Mission:
    loaded = load_mission(content, fmt=fmt)
    assert loaded.ok, loaded.diagnostics
    assert loaded.mission is not None
    return loaded.mission


def source_of(content: Path | str | bytes, *, fmt: str | None = None) -> MissionSource:
    source = load_mission(content, fmt=fmt).source
    assert source is not None
    return source


def codes(loaded: Loaded) -> list[Code]:
    return [found.code for found in loaded.diagnostics]


def test_the_seeds_schema_is_valid_unchanged() -> None:
    loaded = load_mission(SEED)
    assert loaded.diagnostics == ()
    assert loaded.mission is not None
    assert [step.step_type for step in loaded.mission.steps] == ["noop", "create_file"]
    assert loaded.mission.config.timeout_seconds == 10.0
    assert loaded.mission.steps[0].continue_on_error


def test_every_key_arrives_in_the_mission() -> None:
    mission = valid(FULL)
    build, ship = mission.steps
    assert mission.description == "build, test and ship"
    assert [param.type for param in mission.params] == [ParamType.CHOICE, ParamType.INTEGER]
    assert mission.params[0].choices == ("staging", "production")
    assert mission.variables == {"region": "eu-1", "sizes": [1, 2]}
    assert mission.env == {"LANG": "C.UTF-8", "PORT": "8080", "DEBUG": "true"}
    assert (mission.config.timeout_seconds, mission.config.fail_fast) == (3600.0, False)
    assert mission.config.retry.max_attempts == 2
    assert mission.config.durability is Durability.STRICT
    assert build.retry is not None
    assert build.retry.initial_interval == 0.5
    assert build.retry.max_interval == 90.0
    assert build.retry.retry_on == RetryOn(
        exit_codes=(75,), reason_codes=("TIMEOUT",), http_status=(503,)
    )
    assert not build.idempotent
    assert ship.when == "{{ params.target == 'production' }}"
    assert ship.trigger_rule is TriggerRule.ALL_DONE
    assert (ship.env, ship.working_dir) == ({"BUILD": "{{ steps.build.state }}"}, "sub")


def test_what_is_left_out_has_its_default() -> None:
    mission = valid(mission_yaml())
    assert mission.config.parallel_limit == config.default_parallel_limit()
    assert (mission.config.fail_fast, mission.config.timeout_seconds) == (True, None)
    assert mission.steps[0].retry is None


def test_null_means_left_out() -> None:
    text = mission_yaml(
        {"id": "a", "depends_on": None, "parameters": None}, config=None, description=None
    )
    mission = valid(text)
    assert (mission.steps[0].depends_on, mission.description) == ((), None)


def test_the_longest_wait_follows_the_first() -> None:
    text = mission_yaml({"id": "a", "retry": {"max_attempts": 2, "initial_interval": "5m"}})
    retry = valid(text).steps[0].retry
    assert retry is not None
    assert retry.max_interval == 30_000.0


@pytest.mark.parametrize("old", ["max_parallel_steps", "max_concurrent_steps"])
def test_older_spellings_of_parallel_limit_load_with_a_warning(old: str) -> None:
    loaded = load_mission(mission_yaml(config={old: 3}))
    assert loaded.ok
    assert loaded.mission is not None
    assert loaded.mission.config.parallel_limit == 3
    assert codes(loaded) == [Code.RENAMED_KEY]


def test_a_step_without_name_is_named_by_its_id() -> None:
    steps = [{"id": "a", "step_type": "noop"}]
    loaded = load_mission(json.dumps({"version": "1.0", "name": "m", "steps": steps}))
    assert loaded.ok
    assert loaded.mission is not None
    assert loaded.mission.steps[0].name == "a"
    assert codes(loaded) == []


def test_a_dependency_listed_twice_counts_once_with_a_warning() -> None:
    loaded = load_mission(mission_yaml({"id": "a"}, {"id": "b", "depends_on": ["a", "a"]}))
    assert loaded.mission is not None
    assert loaded.mission.steps[1].depends_on == ("a",)
    assert codes(loaded) == [Code.DUPLICATE_DEPENDENCY]


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("no", "no"),
        ("on", "on"),
        ("yes", "yes"),
        ("Off", "Off"),
        ("12:30", "12:30"),
        ("010", 10),
        ("0o14", 12),
        ("0x1F", 31),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("+1", 1),
        ("1_000", "1_000"),
        ("2024-01-01", "2024-01-01"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("Null", None),
        ("", None),
        ("'1'", "1"),
        ("=", "="),
        ("0b11", "0b11"),
    ],
)
def test_yaml_scalars_are_those_of_the_core_schema(written: str, means: object) -> None:
    mission = valid(mission_yaml() + f"variables: {{v: {written}}}\n")
    assert mission.variables == {"v": means}
    assert type(mission.variables["v"]) is type(means)


def test_anchors_are_read_and_repeat_their_value() -> None:
    text = mission_yaml() + "variables: {a: &x [1, {b: 2}], c: *x}\n"
    assert valid(text).variables["c"] == [1, {"b": 2}]


@pytest.mark.parametrize("version", ['"1.0"', "1.0", "1", '"1.4"', "'1'"])
def test_every_version_of_the_supported_major_loads(version: str) -> None:
    valid(mission_yaml().replace("version: '1.0'", f"version: {version}"))


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm() -> None:
    text = "\ufeff" + SEED.replace("\n", "\r\n")
    assert valid(text.encode()).name == "string"


def test_names_hold_any_script_and_markup() -> None:
    for name in ("[red]bold[/]", "بناء", "🚀 launch 日本", "<b>&amp;", "e\u0301\u0301\u0301"):
        assert valid(mission_yaml({"id": "a", "name": name}, name=name)).name == name


def test_yaml_and_json_say_the_same(tmp_path: Path) -> None:
    data = yaml.safe_load(FULL)
    path = tmp_path / "m.json"
    path.write_text(json.dumps(data, indent=2))
    assert load_mission(path).mission == valid(FULL)
    assert source_of(path).format == "json"


@given(missions())
def test_a_drawn_mission_survives_its_file(drawn: Mission) -> None:
    steps = [{"id": step.id, "depends_on": list(step.depends_on)} for step in drawn.steps]
    loaded = valid(json.dumps(mission_data(*steps)), fmt="json")
    assert [step.depends_on for step in loaded.steps] == [s.depends_on for s in drawn.steps]
    assert loaded == valid(mission_yaml(*steps))


def test_the_kept_source_loads_to_the_same_mission(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_bytes(FULL.encode())
    first = load_mission(path)
    assert first.source is not None
    again = load_mission(first.source.content, name=first.source.name, fmt=first.source.format)
    assert again.mission == first.mission
    assert again.source == first.source
    assert first.source.content == FULL.encode()


def test_standard_input_is_taken_for_json_when_it_looks_like_it() -> None:
    assert source_of(json.dumps(mission_data()).encode()).format == "json"
    assert source_of(SEED).format == "yaml"
    assert source_of("{version: '1.0', name: m, steps: []}").format == "yaml"


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        load_mission(tmp_path / "none.yaml")
    with pytest.raises(NotFoundError):
        load_mission(tmp_path / "none" / "y.yaml")


def test_a_folder_is_a_diagnostic(tmp_path: Path) -> None:
    loaded = load_mission(tmp_path)
    assert codes(loaded) == [Code.NOT_A_FILE]
    assert not loaded.ok


def test_an_unreadable_path_is_a_diagnostic(tmp_path: Path) -> None:
    assert codes(load_mission(tmp_path / ("x" * 300))) == [Code.UNREADABLE]


def test_a_file_beyond_the_limit_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "MAX_BYTES", 100)
    path = tmp_path / "m.yaml"
    path.write_text(SEED)
    assert codes(load_mission(path)) == [Code.TOO_LARGE]


def test_a_plain_mission_loads_neither_models_nor_template_engine() -> None:
    parameters = {"command": "true", "args": ["-x"]}
    text = mission_yaml({"id": "a", "step_type": "command", "parameters": parameters})
    program = (
        "import sys; from core.mission_file.load import load_mission; "
        f"loaded = load_mission({text!r}); "
        "assert loaded.ok; "
        "print(sorted({'pydantic', 'minijinja', 'rustworkx', 'textual'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


WORKFLOWS = (
    "bacass-dirt02-001",
    "blast-chameleon-medium-001",
    "epigenomics-chameleon-hep-1seq-100k-001",
    "helloworld-forkjoin-10-chameleon",
    "montage-chameleon-2mass-01d-001",
    "montage-chameleon-2mass-05d-001",
    "rnaseq-dirt02-001",
    "seismology-chameleon-300p-001",
)


@pytest.mark.parametrize("name", WORKFLOWS)
def test_real_workflows_load_in_both_formats_and_their_order_respects_the_edges(
    name: str, tmp_path: Path
) -> None:
    tool = shared_path("tools/wf2mission.py")
    instance = shared_path(f"workflows/{name}.json")
    loaded = []
    for kind, suffix in (("noop", "json"), ("true", "yaml")):
        path = tmp_path / f"{kind}.{suffix}"
        command = [sys.executable, str(tool), str(instance), "--kind", kind, "-o", str(path)]
        subprocess.run(command, check=True)
        found = load_mission(path)
        assert found.ok, found.diagnostics[:3]
        assert found.diagnostics == ()
        assert found.mission is not None
        loaded.append(found.mission)
    noop, true = loaded
    assert [step.depends_on for step in noop.steps] == [step.depends_on for step in true.steps]
    graph = Graph.of(noop)
    position = {name: place for place, name in enumerate(graph.order_ids)}
    assert len(position) == len(noop.steps)
    for step in noop.steps:
        assert all(position[need] < position[step.id] for need in step.depends_on)


@pytest.mark.parametrize(
    ("step", "line"),
    [
        ("step_type: noop, working_dir: ..", 4),
        ("step_type: noop, working_dir: a/../../b", 4),
        ("step_type: command, parameters: {command: x, working_dir: ../..}", 4),
        ("step_type: script, working_dir: a, parameters: {script: x, working_dir: ../..}", 4),
    ],
)
def test_a_working_folder_that_goes_up_too_far_is_refused_before_the_run(
    step: str, line: int
) -> None:
    text = 'version: "1.0"\nname: m\nsteps:\n- {id: a, name: a, %s}\n'
    (found,) = load_mission(text % step).diagnostics
    assert (found.code, found.line) == (Code.BAD_VALUE, line)
    assert "leaves the mission's folder" in found.message


@pytest.mark.parametrize(
    "step",
    [
        "step_type: noop, working_dir: a/../b",
        "step_type: noop, working_dir: ..a",
        "step_type: noop, working_dir: /tmp/../x",
        "step_type: command, working_dir: a/b, parameters: {command: x, working_dir: ../..}",
        (
            "step_type: command, working_dir: '{{ timestamp }}',"
            " parameters: {command: x, working_dir: ..}"
        ),
    ],
)
def test_a_working_folder_that_may_stay_inside_is_let_pass(step: str) -> None:
    text = 'version: "1.0"\nname: m\nsteps:\n- {id: a, name: a, %s}\n'
    assert load_mission(text % step).ok


@pytest.mark.parametrize(
    ("line", "code", "place"),
    [
        ("concurrency: {group: 'g-{{ params.nope }}'}", "UNKNOWN_NAME", (3, 28)),
        ("concurrency: 'g-{{ vars.nope }}'", "UNKNOWN_NAME", (3, 1)),
        ("labels: {team: '{{ params.nope }}'}", "TEMPLATE_NOT_ALLOWED", (3, 16)),
        ("env_files: ['{{ params.nope }}.env']", "TEMPLATE_NOT_ALLOWED", (3, 13)),
        ("steps: [{id: a, run: x, mutex: '{{ item }}'}]", "TEMPLATE_NOT_ALLOWED", (3, 32)),
        ("steps: [{id: a, run: x, env_files: '{{ item }}'}]", "TEMPLATE_NOT_ALLOWED", (3, 36)),
    ],
)
def test_templates_of_names_are_checked_or_said_not_to_be_resolved(
    line: str, code: str, place: tuple[int, int]
) -> None:
    more = "" if line.startswith("steps") else "steps: [{id: a, run: x}]\n"
    (found,) = load_mission(f'version: "1.0"\nname: x\n{line}\n{more}').diagnostics
    assert (found.code, (found.line, found.column)) == (code, place)
