"""A number that is used as text and would look different is warned of, with the form to write."""

import pytest

from core.mission_file.finding.code import Code
from core.mission_file.finding.diagnostic import Severity
from core.mission_file.load import load_mission

HEAD = 'version: "1.0"\nname: m\n'
STEP = "steps:\n- {id: a, name: a, step_type: %s}\n"


def warned(rest: str, step: str = "noop") -> list[str]:
    loaded = load_mission(HEAD + rest + STEP % step)
    assert loaded.ok, loaded.diagnostics
    found = [one for one in loaded.diagnostics if one.code is Code.NUMBER_TEXT]
    assert all(one.severity is Severity.WARNING for one in found)
    return [one.hint.removeprefix("quote it: ") for one in found if one.hint]


@pytest.mark.parametrize("text", ["3.10", "0123", "1e3", "0x10", "0o17", "+5", ".5", "1.", "-0"])
def test_a_number_that_would_change_is_warned_of_wherever_it_lands_in_text(text: str) -> None:
    quoted = [f'"{text}"']
    assert warned(f"variables: {{v: {text}}}\n") == quoted
    assert warned(f"variables: {{v: [{{w: {text}}}]}}\n") == quoted
    assert warned(f"params: {{v: {{type: choice, choices: [{text}]}}}}\n") == quoted
    assert warned("", f"noop, matrix: {{v: [1, {text}]}}") == quoted
    assert warned("", f"noop, foreach: [{text}]") == quoted
    assert warned("", f"command, parameters: {{command: x, args: [{text}]}}") == quoted
    assert warned("", f"log, parameters: {{message: {text}}}") == quoted
    assert warned("", f"create_file, parameters: {{path: x, content: {text}}}") == quoted
    assert warned("", f"set_variables, parameters: {{values: {{v: {text}}}}}") == quoted
    assert warned("", f"command, parameters: {{command: x, args: [{text}, '{{{{ timestamp }}}}']}}") == quoted  # fmt: skip  # noqa: E501 - one line a case
    handler = f"{{id: h, name: h, step_type: log, parameters: {{message: {text}}}}}"
    assert warned(f"handlers: {{always: [{handler}]}}\n") == quoted


@pytest.mark.parametrize("text", ["0123", "0x10", "+5"])
def test_whole_numbers_in_an_environment_are_warned_of(text: str) -> None:
    assert warned(f"env: {{V: {text}}}\n") == [f'"{text}"']
    assert warned("", f"noop, env: {{V: {text}}}") == [f'"{text}"']


def test_the_values_of_templates_and_of_the_steps_of_a_group_are_looked_at() -> None:
    typed = "templates: {t: {params: {v: {default: x}, n: {type: number, default: 1e3}}, step: {run: x, env: {V: %s}}}}\n"  # noqa: E501 - one line a case
    assert warned(typed % "0x10") == ['"0x10"']
    use = typed % "x" + "steps:\n- {id: a, use: t, with: {v: 3.10, n: 1e2}}\n"
    loaded = load_mission(HEAD + use)
    assert 'quote it: "3.10"' in [one.hint for one in loaded.diagnostics], "it is an error, too"
    group = "steps:\n- {id: g, with: {x: 1.10}, steps: [{id: a, run: x, env: {V: 0123}}]}\n"
    loaded = load_mission(HEAD + group)
    assert [one.hint for one in loaded.diagnostics] == ['quote it: "1.10"', 'quote it: "0123"']


@pytest.mark.parametrize(
    "text", ["3", "3.5", "-1", "0", "10.25", "3.0", "1_000", "'3.10'", "12:30"]
)
def test_what_looks_the_same_is_not_warned_of(text: str) -> None:
    assert warned(f"variables: {{v: {text}}}\n") == []
    assert warned("", f"noop, matrix: {{v: [{text}]}}") == []
    assert warned("", f"command, parameters: {{command: x, args: [{text}]}}") == []


def test_a_number_that_stays_a_number_is_not_warned_of() -> None:
    assert warned("config: {timeout_seconds: 1e3}\n") == []
    assert warned("params: {n: {type: integer, default: 010}, f: {type: number, default: 1e3}}\n") == []  # fmt: skip  # noqa: E501 - one line a case
    assert warned("", "wait, timeout_seconds: 1e1, parameters: {seconds: .5}") == []
    assert warned("", "create_file, parameters: {path: x, mode: 0644}") == []
    assert warned("", "command, parameters: {command: x, expect_exit: [010]}") == []


def test_the_warning_stands_at_the_number_and_once() -> None:
    loaded = load_mission(HEAD + "variables:\n  a: &x [3.9, 3.10]\n  b: *x\n" + STEP % "noop")
    (found,) = [one for one in loaded.diagnostics if one.code is Code.NUMBER_TEXT]
    assert (found.line, found.column) == (4, 15)
    assert found.message == "`3.10` is the number 3.1 here, not the text as written"
