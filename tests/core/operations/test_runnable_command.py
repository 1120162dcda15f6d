"""A recorded step as one text that runs by hand."""

import subprocess
from pathlib import Path
from typing import Any

from core.domain.mission import Mission
from core.domain.records import Attempt
from core.operations.history.runnable_command import RunnableCommand, runnable_command
from tests.core.explain.test_execution_changes import (
    an_attempt,
    an_ended_execution,
    an_ended_task,
)
from tests.support.missions import a_mission, a_step


def the_command(
    folder: Path,
    step: dict[str, Any],
    attempt: Attempt | None = None,
    *,
    task: dict[str, Any] | None = None,
    params: dict[str, Any] | None = None,
    **mission: Any,
) -> RunnableCommand | None:
    whole: Mission = a_mission(steps=(a_step(**step),), **mission)
    execution = an_ended_execution(working_dir=str(folder), params=params or {})
    return runnable_command(execution, an_ended_task(**(task or {})), whole, attempt)


def test_its_text_runs_as_the_step_did(tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    step = {"step_type": "command", "working_dir": "a b", "env": {"WHO": "it's {{ params.who }}"}}
    inputs = {"command": "sh", "args": ["-c", 'pwd; cat; echo "$WHO $1"', "sh", 7], "stdin": "in\n"}
    found = the_command(
        tmp_path, step, an_attempt(inputs=inputs), env={"A": "1"}, params={"who": "me"}
    )
    assert found is not None
    ran = subprocess.run(["sh", "-c", found.text], capture_output=True, text=True, check=True)
    assert ran.stdout == f"{tmp_path.resolve()}/a b\nin\nit's me 7\n"
    assert (found.env, found.left_out) == ({"A": "1", "WHO": "it's me"}, ())


def test_a_script_gets_its_values_as_variables(tmp_path: Path) -> None:
    script = {"step_type": "script", "parameters": {"script": 'echo "$MISSION_PARAM_WHO $0"'}}
    found = the_command(tmp_path, script, params={"who": "x y"})
    assert found is not None
    ran = subprocess.run(["sh", "-c", found.text], capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("x y ")
    assert found.words[:4] == ("bash", "-eo", "pipefail", "-c")


def test_what_a_record_does_not_hold_is_named(tmp_path: Path) -> None:
    step = {
        "step_type": "command",
        "parameters": {"command": "deploy", "args": ["{{ steps.a.output.x }}"]},
        "env": {"URL": "{{ steps.a.output.url }}"},
        "secrets": ("TOKEN",),
        "env_files": ("my.env",),
    }
    found = the_command(tmp_path, step)
    assert found is not None
    assert found.left_out == (
        "templates that only a run resolves",
        "the variable URL",
        "the secrets TOKEN",
        "the variables of my.env",
    )
    away = an_attempt(inputs={"command": "x", "args": ["***"]}, placement={"host": "far"})
    found = the_command(tmp_path, {"step_type": "command"}, away)
    assert found is not None
    assert found.left_out == ("secrets: *** stands for them", "its machine, far")


def test_items_sub_missions_and_steps_without_a_program(tmp_path: Path) -> None:
    item = {"task_id": "only[0]", "parent_task_id": "only", "item": {"os": "mac"}}
    step = {"step_type": "command", "parameters": {"command": "echo", "args": ["{{ item.os }}"]}}
    found = the_command(tmp_path, step, task=item)
    assert found is not None
    assert found.line == "echo mac"
    kid = {"step_type": "mission", "parameters": {"file": "k.yaml", "params": {"n": 1}}}
    found = the_command(tmp_path, kid, the_attempt(kid))
    assert found is not None
    assert found.line == "mission run k.yaml -p n=1"
    assert the_command(tmp_path, {"step_type": "noop"}) is None
    assert runnable_command(an_ended_execution(), an_ended_task(), None, None) is None
    hidden = {
        "step_type": "command",
        "parameters": {"command": "x"},
        "env": {"P": "{{ params.p }}"},
    }
    found = the_command(tmp_path, hidden, params={"p": "***"})
    assert found is not None
    assert (found.env, found.left_out) == ({}, ("the variable P",))


def the_attempt(step: dict[str, Any]) -> Attempt:
    return an_attempt(inputs=step["parameters"])
