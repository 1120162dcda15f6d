"""What a mission file may abbreviate: `run`, a single dependency, and `defaults`."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.mission import Mission, RetryPolicy
from core.domain.process_policy import ProcessLimits
from core.mission_file.finding.code import Code
from core.mission_file.load import Loaded, load_mission

HEAD = 'version: "1.0"\nname: m\n'


def load(text: str) -> Loaded:
    return load_mission(HEAD + text)


def mission_of(loaded: Loaded) -> Mission:
    assert loaded.mission is not None, loaded.diagnostics
    return loaded.mission


def places(loaded: Loaded) -> list[tuple[Code, int, int]]:
    return [(found.code, found.line, found.column) for found in loaded.diagnostics]


def test_run_is_a_script_with_that_text() -> None:
    short = load("steps:\n  - {id: a, run: make}\n")
    long = load("steps:\n  - {id: a, name: a, step_type: script, parameters: {script: make}}\n")
    assert mission_of(short) == mission_of(long)
    assert short.diagnostics == ()


def test_every_other_key_goes_with_run() -> None:
    (step,) = mission_of(
        load(
            "steps:\n  - {id: a, name: A, run: make, timeout_seconds: 5, env: {A: b},"
            " parameters: {shell: sh, expect_exit: [0, 1]}, retry: {max_attempts: 2}}\n"
        )
    ).steps
    assert step.step_type == "script"
    assert step.parameters == {"script": "make", "shell": "sh", "expect_exit": [0, 1]}
    assert (step.name, step.timeout_seconds, step.env) == ("A", 5.0, {"A": "b"})


def test_one_dependency_needs_no_list() -> None:
    steps = mission_of(load("steps: [{id: a, run: x}, {id: b, run: x, depends_on: a}]\n")).steps
    assert steps[1].depends_on == ("a",)


def test_parameters_that_two_steps_share_stay_apart() -> None:
    steps = mission_of(
        load(
            "steps:\n  - {id: a, run: x, parameters: &p {shell: sh}}\n"
            "  - {id: b, run: y, parameters: *p}\n"
        )
    ).steps
    assert [step.parameters["script"] for step in steps] == ["x", "y"]


@pytest.mark.parametrize(
    ("step", "code", "column"),
    [
        ("run: 'echo {{ vars.x }}'", Code.SCRIPT_TEMPLATE, 18),
        ("run: 3", Code.WRONG_TYPE, 18),
        ("run: ''", Code.BAD_PARAMETER, 18),
        ("run: x, step_type: noop", Code.BAD_VALUE, 13),
        ("run: x, parameters: {script: y}", Code.DUPLICATE_KEY, 13),
        ("run: x, parameters: 3", Code.WRONG_TYPE, 33),
        ("run: x, depends_on: nobody", Code.UNKNOWN_DEPENDENCY, 33),
        ("run: x, depends_on: a", Code.SELF_DEPENDENCY, 33),
        ("run: x, depends_on: '!'", Code.BAD_ID, 33),
        ("name: x", Code.MISSING_KEY, 5),
    ],
)
def test_a_mistake_is_reported_where_it_was_written(step: str, code: Code, column: int) -> None:
    loaded = load(f"variables: {{x: 1}}\nsteps:\n  - {{id: a, {step}}}\n")
    assert not loaded.ok
    assert (code, 5, column) in places(loaded)


DEFAULTS = """
defaults:
  shell: sh
  env: {A: default, B: default}
  working_dir: sub
  timeout_seconds: 7
  retry: {max_attempts: 3}
  limits: {open_files: 64}
  idempotent: false
"""


def test_defaults_are_for_what_a_step_does_not_have() -> None:
    mission = mission_of(
        load(
            DEFAULTS + "steps:\n  - {id: a, run: x}\n"
            "  - {id: b, run: x, env: {A: own}, timeout_seconds: 1, idempotent: true,"
            " working_dir: other, retry: {max_attempts: 1}, limits: {nice: 2},"
            " parameters: {shell: bash}}\n"
            "  - {id: c, step_type: log, parameters: {message: hi}}\n"
            "handlers: {always: [{id: h, run: x}]}\n"
        )
    )
    a, b, c = mission.steps
    assert a.parameters == {"script": "x", "shell": "sh"}
    assert a.env == {"A": "default", "B": "default"}
    assert (a.working_dir, a.timeout_seconds, a.idempotent) == ("sub", 7.0, False)
    assert a.retry == RetryPolicy(max_attempts=3)
    assert a.limits == ProcessLimits(open_files=64)
    assert b.parameters["shell"] == "bash"
    assert b.env == {"A": "own", "B": "default"}
    assert (b.working_dir, b.timeout_seconds, b.idempotent) == ("other", 1.0, True)
    assert b.retry == RetryPolicy(max_attempts=1)
    assert b.limits == ProcessLimits(open_files=64, nice=2)
    assert (c.limits, c.timeout_seconds) == (ProcessLimits(), 7.0)
    assert mission.handlers.always[0].timeout_seconds == 7.0


def test_the_default_timeout_is_not_for_what_waits_or_serves() -> None:
    mission = load(
        "defaults: {timeout_seconds: 60}\n"
        "steps:\n"
        "  - {id: work, run: x, depends_on: db}\n"
        "  - {id: db, run: x, service: true}\n"
        "  - {id: ask, step_type: approval, parameters: {prompt: x}}\n"
        "  - {id: nap, step_type: Wait, parameters: {seconds: 90}}\n"
        "  - {id: file, step_type: wait_for, parameters: {file: x, timeout: 1h}}\n"
        "  - {id: own, step_type: wait_for, timeout_seconds: 5, parameters: {file: x}}\n"
    ).mission
    assert mission is not None
    timeouts = {step.id: step.timeout_seconds for step in mission.steps}
    assert timeouts == {"work": 60, "db": None, "ask": None, "nap": None, "file": None, "own": 5}


@pytest.mark.parametrize(
    ("defaults", "code"),
    [
        ("{shell: fishy}", Code.BAD_VALUE),
        ("{retry: {max_attempts: -1}}", Code.OUT_OF_RANGE),
        ("{timeout_seconds: never}", Code.BAD_DURATION),
        ("{working_dir: ../outside}", Code.BAD_PARAMETER),
        ("{env: {A: '{{ vars.none }}'}}", Code.UNKNOWN_NAME),
        ("{continue_on_error: true}", Code.UNKNOWN_KEY),
        ("[]", Code.WRONG_TYPE),
    ],
)
def test_a_wrong_default_is_reported_once_and_where_it_stands(defaults: str, code: Code) -> None:
    loaded = load(f"defaults: {defaults}\nsteps: [{{id: a, run: x}}, {{id: b, run: x}}]\n")
    assert not loaded.ok
    found = [one for one in loaded.diagnostics if one.severity == "error"]
    assert [one.line for one in found] == [3], found
    assert code is Code.BAD_PARAMETER or found[0].code is code


def test_a_number_that_would_lose_its_notation_is_told_in_defaults_too() -> None:
    loaded = load("defaults: {env: {A: 0123}}\nsteps: [{id: a, run: x}]\n")
    assert (Code.NUMBER_TEXT, 3, 21) in places(loaded)


VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)
KEYS = ("shell", "env", "working_dir", "timeout_seconds", "retry", "limits", "idempotent")


@given(
    st.dictionaries(st.sampled_from(KEYS), VALUES) | VALUES,
    st.dictionaries(
        st.sampled_from(("id", "run", "step_type", "parameters", "depends_on", *KEYS)), VALUES
    ),
)
def test_nothing_that_is_written_crashes_the_reader(defaults: Any, step: dict[str, Any]) -> None:
    content = {"version": "1.0", "name": "m", "defaults": defaults, "steps": [step]}
    loaded = load_mission(json.dumps(content))
    assert loaded.ok or loaded.diagnostics


def test_the_files_of_a_steps_output_are_parameters_of_its_process() -> None:
    (step,) = mission_of(
        load("steps:\n  - {id: a, run: make, stdout_to: build.log, stderr_to: build.log}\n")
    ).steps
    files = {"stdout_to": "build.log", "stderr_to": "build.log"}
    assert step.parameters == {"script": "make", **files}


@pytest.mark.parametrize(
    ("step", "code", "column"),
    [
        ("step_type: noop, stdout_to: x", Code.BAD_VALUE, 30),
        ("run: x, stdout_to: 3", Code.WRONG_TYPE, 32),
        ("run: x, stderr_to: ''", Code.BAD_VALUE, 32),
        ("run: x, stdout_to: y, parameters: {stdout_to: y}", Code.DUPLICATE_KEY, 21),
        ("run: x, stdout_to: '{{ params.no }}'", Code.UNKNOWN_NAME, 36),
    ],
)
def test_a_wrong_file_for_output_is_reported_where_it_was_written(
    step: str, code: Code, column: int
) -> None:
    (found, *_) = load(f"steps:\n  - {{id: a, {step}}}\n").diagnostics
    assert (found.code, found.line, found.column) == (code, 4, column)
