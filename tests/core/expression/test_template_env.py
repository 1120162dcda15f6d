"""`env.NAME` in templates, and `$NAME` where nothing reads it."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from core.domain.reasons import Reason
from core.domain.states import ExecutionState
from core.expression.evaluate import ExpressionError, render
from core.machine.environment import ReadableEnvironment
from core.mission_file.finding.code import Code
from core.mission_file.finding.diagnostic import Diagnostic
from core.mission_file.load import load_mission
from tests.support.cli import mission
from tests.support.missions import a_mission, a_step, mission_data
from tests.support.rig import Rig

ENVIRON = {"PATH": "/bin", "EMPTY": "", "LD_PRELOAD": "evil.so", "API_TOKEN": "hunter22"}


def diagnostics(*steps: dict[str, Any], **fields: Any) -> tuple[Diagnostic, ...]:
    return load_mission(json.dumps(mission_data(*steps, **fields)), fmt="json").diagnostics


def a_command(**fields: Any) -> dict[str, Any]:
    return {"id": "a", "step_type": "command", "parameters": {"command": "x", **fields}}


def test_a_template_reads_the_environment_but_no_secret_and_nothing_that_is_denied() -> None:
    scope = {"env": ReadableEnvironment(ENVIRON)}
    assert render("/opt/bin:{{ env.PATH }}", scope) == "/opt/bin:/bin"
    assert render("{{ env.EMPTY }}", scope) == ""
    assert render("{{ env.NOWHERE|default('x') }}", scope) == "x"
    for name in ("LD_PRELOAD", "API_TOKEN"):
        with pytest.raises(ExpressionError, match="is not set"):
            render(f"{{{{ env.{name} }}}}", scope)
    assert sorted(ReadableEnvironment(ENVIRON)) == ["EMPTY", "PATH"]


@pytest.mark.parametrize("text", ["{{ env.GONE }}", "x{{ env.GONE != 'x' and env.PATH == '' }}"])
def test_a_variable_that_is_not_set_is_an_error_that_says_how_to_allow_it(text: str) -> None:
    with pytest.raises(ExpressionError) as failed:
        render(text, {"env": ReadableEnvironment(ENVIRON)})
    assert str(failed.value) == (
        "the environment variable GONE is not set; `env.GONE|default('')` allows that"
    )


def test_env_is_known_in_parameters_env_and_conditions() -> None:
    steps = (
        a_step(
            "say",
            step_type="command",
            parameters={"command": "x", "args": ["{{ env.PATH }}"]},
            env={"MY_PATH": "/opt:{{ env.PATH }}"},
            when="env.PATH != ''",
        ),
        a_step("gone", step_type="log", parameters={"message": "{{ env.GONE }}"}),
    )
    rig = Rig(a_mission(steps=steps, fail_fast=False))
    assert rig.run().state is ExecutionState.FAILED
    job = rig.executor.jobs[0]
    assert job.argv == ("x", "/usr/bin:/bin")
    assert job.env["MY_PATH"] == "/opt:/usr/bin:/bin"
    assert rig.reason("gone") is Reason.INVALID_PARAMETERS


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ("env.LD_PRELOAD", Code.FORBIDDEN_ENV),
        ("env['PYTHONPATH']", Code.FORBIDDEN_ENV),
        ("env.DEPLOY_TOKEN", Code.SECRET_ENV),
        ("env", Code.UNKNOWN_NAME),
        ("env[params.x]", Code.UNKNOWN_NAME),
    ],
)
def test_what_may_not_be_read_is_refused_before_the_run(expression: str, code: Code) -> None:
    step = a_command(args=[f"{{{{ {expression} }}}}"])
    found = diagnostics(step, params={"x": {}})
    assert [one.code for one in found] == [code]
    assert [one.code for one in diagnostics(env={"X": f"{{{{ {expression} }}}}"}, params={"x": {}})] == [code]  # fmt: skip  # noqa: E501 - one line a case


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("/opt/bin:$PATH", "write {{ env.PATH }}, or use a step of type `script`"),
        ("${HOME}/x", "write {{ env.HOME }}, or use a step of type `script`"),
        ("$MISSION_PARAM_TARGET", "write {{ params.target }}"),
        ("$(date)", "use `run`, whose shell runs it"),
        ("$API_TOKEN", "use a step of type `script`, whose shell expands it"),
    ],
)
def test_a_dollar_that_nothing_reads_is_warned_of_with_the_fix(text: str, hint: str) -> None:
    for found in (
        diagnostics(env={"X": text}),
        diagnostics({"id": "a", "env": {"X": text}}),
        diagnostics(a_command(args=["-x", text])),
        diagnostics(handlers={"always": [{"id": "h", "name": "h", **a_command(args=[text]), }]}),
    ):  # fmt: skip
        assert [(one.code, one.hint) for one in found] == [(Code.NOT_EXPANDED, hint)]


@pytest.mark.parametrize(
    "step",
    [
        {"id": "a", "step_type": "script", "parameters": {"script": "echo $HOME"}},
        a_command(command="sh", args=["-c", "echo $HOME"]),
        a_command(command="/usr/bin/awk", args=["{ print $NF }"]),
        a_command(command="env", args=["X=1", "printf", "$HOME"]),
        a_command(args=["costs $5", "a$", "$(1)", "^x$"]),
        {"id": "a", "step_type": "log", "parameters": {"message": "$HOME"}},
    ],
)
def test_a_dollar_that_is_meant_is_not_warned_of(step: dict[str, Any]) -> None:
    assert diagnostics(step) == ()


def test_an_environment_without_a_value_fails_the_steps_and_ends_the_run(tmp_path: Path) -> None:
    file = tmp_path / "m.json"
    code = [sys.executable, "-c", "import os; print(os.environ['PATH'][:9])"]
    step = {
        "id": "a",
        "step_type": "command",
        "parameters": {"command": code[0], "args": code[1:]},
        "when": "env.PATH != ''",
    }
    file.write_text(json.dumps(mission_data(step, env={"PATH": "/opt/bin:{{ env.PATH }}"})))
    good = mission(tmp_path / "home", "run", str(file), "--json").json
    assert good["step_results"]["a"]["output"]["stdout"] == "/opt/bin:\n"
    file.write_text(json.dumps(mission_data(step, env={"X": "{{ env.GONE_X }}"})))
    bad = mission(tmp_path / "home", "run", str(file), "--json")
    assert (bad.code, bad.json["state"]) == (1, "FAILED")
    result = bad.json["step_results"]["a"]
    assert (result["state"], result["reason_code"]) == ("FAILED", "INVALID_PARAMETERS")
    assert result["error"].startswith("env of the mission: the environment variable GONE_X is not")
