"""Where a mission file may name secrets, and what is said where it may not."""

import pytest

from core.domain.mission import DeclaredSecret
from core.mission_file.finding.code import Code
from core.mission_file.load import Loaded, load_mission

HEAD = 'version: "1.0"\nname: m\n'
T = "{{ secrets.A }}"


def load(step: str, *, top: str = "secrets: [A, B]\n", more: str = "") -> Loaded:
    """Load a mission of one step, which reads the secret A."""
    return load_mission(f"{HEAD}{top}steps:\n  - {{id: s, name: s, {step}}}\n{more}")


def codes(loaded: Loaded) -> list[Code]:
    return [one.code for one in loaded.diagnostics if one.severity == "error"]


@pytest.mark.parametrize(
    "step",
    [
        f"step_type: command, secrets: [A], env: {{X: '{T}'}}, parameters: {{command: x}}",
        f"step_type: command, secrets: [A], parameters: {{command: x, stdin: '<{T}>'}}",
        f"step_type: script, secrets: [A], parameters: {{script: x, stdin: '{T}'}}",
        f"step_type: Http, secrets: [A], parameters: {{url: 'http://x', headers: {{a: '{T}'}}}}",
        f"step_type: http, secrets: [A], parameters: {{url: 'http://x', body: '{T}'}}",
        f"step_type: http, secrets: [A], parameters: {{url: 'http://x', json: {{a: ['{T}']}}}}",
        f"step_type: http, secrets: [A], parameters: {{url: 'http://x', auth: {{bearer: '{T}'}}}}",
        "step_type: command, secret_files: {KEY: A}, parameters: {command: x}",
    ],
)
def test_a_secret_may_be_where_only_the_step_sees_it(step: str) -> None:
    assert codes(load(step)) == []
    assert codes(load(step, top="secrets: []\n")) != []


@pytest.mark.parametrize(
    "step",
    [
        f"step_type: command, secrets: [A], parameters: {{command: '{T}'}}",
        f"step_type: command, secrets: [A], parameters: {{command: x, args: ['-p{T}']}}",
        f"step_type: command, secrets: [A], parameters: {{command: x, working_dir: '{T}'}}",
        f"step_type: command, secrets: [A], working_dir: '{T}', parameters: {{command: x}}",
        "step_type: command, secrets: [A], when: 'secrets.A == 1', parameters: {command: x}",
        "step_type: command, secrets: [A], foreach: '{{ [secrets.A] }}', parameters: {command: x}",
        f"step_type: http, secrets: [A], parameters: {{url: 'http://x/{T}'}}",
        f"step_type: http, secrets: [A], parameters: {{url: 'http://x', query: {{a: '{T}'}}}}",
        f"step_type: log, parameters: {{message: '{T}'}}",
        "step_type: assert, parameters: {that: 'secrets.A == 1'}",
        "step_type: transform, parameters: {expression: 'secrets.A'}",
        f"step_type: create_file, parameters: {{path: x, content: '{T}'}}",
        f"step_type: sql_query, parameters: {{query: '{T}'}}",
        f"step_type: mission, parameters: {{file: x, params: {{a: '{T}'}}}}",
    ],
)
def test_a_secret_is_refused_where_it_would_be_recorded_or_seen(step: str) -> None:
    loaded = load(step)
    assert Code.SECRET_PLACE in codes(loaded)
    (found,) = [one for one in loaded.diagnostics if one.code is Code.SECRET_PLACE]
    assert "secrets: [A]" in (found.hint or "")


def test_the_environment_of_the_whole_mission_holds_no_secret() -> None:
    loaded = load("step_type: noop", more=f"env: {{X: '{T}'}}\n")
    assert codes(loaded) == [Code.SECRET_PLACE]


def test_a_template_in_the_text_of_a_script_is_refused_with_a_secret_too() -> None:
    loaded = load(f"step_type: script, secrets: [A], parameters: {{script: 'echo {T}'}}")
    assert Code.SCRIPT_TEMPLATE in codes(loaded)
    assert Code.SECRET_PLACE in codes(loaded)


@pytest.mark.parametrize(
    "expression", ["secrets", "secrets['A' ~ 'B']", "secrets | items", "secrets[vars.x]"]
)
def test_a_secret_must_be_named_literally(expression: str) -> None:
    step = f'step_type: command, secrets: [A], env: {{X: "{{{{ {expression} }}}}"}}'
    loaded = load(f"{step}, parameters: {{command: x}}", more="variables: {x: A}\n")
    assert Code.UNKNOWN_NAME in codes(loaded)


def test_a_step_names_again_what_it_reads_and_a_mission_declares_it() -> None:
    step = "step_type: command, secrets: [B], env: {X: '{{ secrets.A }}'}, parameters: {command: x}"
    (found,) = load(step).diagnostics
    assert (found.code, found.hint) == (Code.UNKNOWN_NAME, "add `secrets: [A]` to the step")
    (found,) = load("step_type: command, secrets: [C], parameters: {command: x}").diagnostics
    assert found.code is Code.UNKNOWN_NAME
    handlers = (
        "handlers: {always: [{id: h, name: h, step_type: script, secrets: [C],"
        " parameters: {script: x}}]}\n"
    )
    assert codes(load("step_type: noop", more=handlers)) == [Code.UNKNOWN_NAME]


@pytest.mark.parametrize("name", ["LD_PRELOAD", "PYTHONPATH", "BASH_ENV", "MISSION_DB"])
def test_names_that_no_variable_may_have_are_refused(name: str) -> None:
    assert codes(load("step_type: noop", top=f"secrets: [{name}]\n")) == [Code.FORBIDDEN_ENV]
    step = f"step_type: command, secret_files: {{{name}: A}}, parameters: {{command: x}}"
    assert codes(load(step)) == [Code.FORBIDDEN_ENV]


@pytest.mark.parametrize("kind", ["noop", "log", "read_file", "mission", "sql_query"])
def test_steps_that_can_read_no_secret_are_not_given_one(kind: str) -> None:
    for key in ("secrets: [A]", "secret_files: {K: A}"):
        loaded = load(f"step_type: {kind}, {key}")
        assert any("reads no secrets" in one.message for one in loaded.diagnostics)


def test_sources_are_read() -> None:
    top = 'secrets: [A, B: "env:X", C: "file:~/c", D: "cmd:pass show d", E: "keyring:s/u"]\n'
    loaded = load("step_type: noop", top=top.replace(": env", ": env"))
    assert loaded.mission is not None
    assert loaded.mission.secrets == (
        DeclaredSecret("A"),
        DeclaredSecret("B", "env:X"),
        DeclaredSecret("C", "file:~/c"),
        DeclaredSecret("D", "cmd:pass show d"),
        DeclaredSecret("E", "keyring:s/u"),
    )


def test_an_empty_mapping_of_secrets_is_no_list() -> None:
    (found,) = load("run: x, secrets: {}").diagnostics
    assert found.code is Code.WRONG_TYPE


@pytest.mark.parametrize(
    "source", ["hunter22", "env:", "vault:x", "cmd:'open", "cmd:   ", "keyring:service", "7"]
)
def test_what_is_no_source_is_taken_for_a_value_and_not_shown(source: str) -> None:
    (found,) = load("step_type: noop", top=f'secrets: [{{A: "{source}"}}]\n').diagnostics
    assert found.code is Code.SECRET_IN_FILE
    if source == "hunter22":
        assert source not in found.message


def test_a_name_is_declared_once() -> None:
    assert codes(load("step_type: noop", top="secrets: [A, A: 'env:X']\n")) == [Code.DUPLICATE_ID]


def test_a_secret_input_is_a_secret_that_steps_may_name() -> None:
    top = "params: {token: {secret: true}}\n"
    loaded = load("step_type: script, secrets: [token], parameters: {script: x}", top=top)
    assert codes(loaded) == []
    assert loaded.mission is not None
    assert loaded.mission.secrets == (DeclaredSecret("token", "env:MISSION_SECRET_token"),)


@pytest.mark.parametrize(
    "template", ["{{ params.token }}", "{{ params['token'] }}", "{{ params.token | upper }}"]
)
def test_a_secret_input_is_no_parameter_in_a_template(template: str) -> None:
    top = "params: {token: {secret: true}}\n"
    step = f'step_type: log, parameters: {{message: "{template}"}}'
    (found,) = load(step, top=top).diagnostics
    assert found.code is Code.SECRET_PLACE
    assert "secrets: [token]" in (found.hint or "")


@pytest.mark.parametrize(
    ("param", "code"),
    [
        ("{secret: true, default: abcdefgh}", Code.SECRET_IN_FILE),
        ("{secret: true, choices: [abcdefgh]}", Code.SECRET_IN_FILE),
        ("{secret: true, type: integer}", Code.BAD_VALUE),
    ],
)
def test_a_secret_input_is_text_whose_value_is_not_in_the_file(param: str, code: Code) -> None:
    loaded = load("step_type: noop", top=f"params: {{token: {param}}}\n")
    assert codes(loaded) == [code]


def test_a_secret_input_has_a_name_that_a_variable_may_have_and_nothing_else_has() -> None:
    for name in ("LD_PRELOAD", "MISSION_DB"):
        loaded = load("step_type: noop", top=f"params: {{{name}: {{secret: true}}}}\n")
        assert codes(loaded) == [Code.FORBIDDEN_ENV]
    twice = "secrets: [A]\nparams: {A: {secret: true}}\n"
    assert codes(load("step_type: noop", top=twice)) == [Code.DUPLICATE_ID]
