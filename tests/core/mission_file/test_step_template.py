"""Templates of steps: what a step that uses one is, and where what is wrong is reported."""

import pytest

from core.domain.mission import MissionStep
from core.mission_file.finding.code import Code
from core.mission_file.load import Loaded, load_mission

HEAD = """version: "1.0"
name: m
templates:
  t:
    params: {host: {required: true}, port: {type: integer, default: 22}, on: {type: boolean}}
    step:
      env: {HOST: "{{ with.host }}:{{ with.port }}", PORT: "{{ with.port }}", S: t}
      limits: {nice: 1}
      run: echo "$HOST"
      timeout_seconds: 5
params: {p: {default: x}}
"""


def load(steps: str, head: str = HEAD) -> Loaded:
    return load_mission(f"{head}steps:\n{steps}")


def step_of(text: str) -> MissionStep:
    loaded = load(text)
    assert loaded.mission is not None, loaded.diagnostics
    assert loaded.diagnostics == ()
    return loaded.mission.steps[0]


def test_a_step_has_the_keys_of_its_template_under_its_own() -> None:
    used = "{id: a, use: t, with: {host: h, port: '80'}, env: {S: own}, timeout_seconds: 9,"
    step = step_of(f"  - {used} limits: {{open_files: 64}}}}\n")
    assert (step.step_type, step.parameters) == ("script", {"script": 'echo "$HOST"'})
    assert step.env == {"HOST": "h:80", "PORT": "80", "S": "own"}
    assert (step.timeout_seconds, step.limits.nice, step.limits.open_files) == (9.0, 1, 64)


def test_a_value_may_be_a_template_of_its_own() -> None:
    step = step_of("  - {id: a, use: t, with: {host: '{{ item }}'}, foreach: [x, y]}\n")
    assert step.env["HOST"] == "{{ item }}:22"


def test_a_text_that_is_one_value_keeps_its_type_in_handlers_too() -> None:
    head = (
        'version: "1.0"\nname: m\ntemplates:\n  w: {params: {s: {type: number}},'
        ' step: {step_type: wait, parameters: {seconds: "{{ with.s }}"}}}\n'
        "handlers: {always: [{id: z, use: w, with: {s: 0.5}}]}\n"
    )
    loaded = load("  - {id: a, use: w, with: {s: 2}}\n", head)
    assert loaded.mission is not None, loaded.diagnostics
    assert [one.parameters for one in loaded.mission.all_steps] == [
        {"seconds": 2},
        {"seconds": 0.5},
    ]


@pytest.mark.parametrize(
    ("step", "code", "column", "said"),
    [
        ("use: tt", Code.BAD_VALUE, 18, "there is no template `tt`"),
        ("use: t", Code.MISSING_PARAMETER, 13, "needs a value for `host`"),
        ("use: t, with: {host: h, no: 1}", Code.UNKNOWN_PARAMETER, 37, "no parameter `no`"),
        ("use: t, with: {host: h, port: x}", Code.BAD_PARAMETER, 43, "'x' is not an integer"),
        ("use: t, with: [h]", Code.WRONG_TYPE, 27, "must be a mapping"),
        ("use: 3", Code.WRONG_TYPE, 18, "must be text"),
        ("run: x, with: {a: b}", Code.BAD_VALUE, 21, "for a step that uses a template"),
    ],
)
def test_a_wrong_use_is_reported_in_the_step(step: str, code: Code, column: int, said: str) -> None:
    found = load(f"  - {{id: a, {step}}}\n").diagnostics[0]
    assert (found.code, found.line, found.column) == (code, 13, column)
    assert said in found.message


@pytest.mark.parametrize(
    ("template", "code", "said"),
    [
        ("{step: {run: x, timeout_seconds: -1}}", Code.BAD_DURATION, "in step `a`, which uses"),
        ("{step: {run: x, env: {A: '{{ with.q }}'}}}", Code.UNKNOWN_NAME, "with.q"),
        ("{step: {run: x, when: '{{ with.q|bool }}'}}", Code.UNKNOWN_NAME, "with"),
        ("{params: {q: {}}, step: {run: 'echo {{ with.q }}'}}", Code.SCRIPT_TEMPLATE, "step `a`"),
        ("{step: {id: x, run: x}}", Code.BAD_VALUE, "`id` belongs to the step"),
        ("{step: {runs: x}}", Code.UNKNOWN_KEY, "unknown key `runs` in a template"),
        ("{params: {q: {type: no}}, step: {run: x}}", Code.BAD_VALUE, "`type` must be one of"),
        ("{params: {}}", Code.MISSING_KEY, "template `b` has no `step`"),
    ],
)
def test_a_wrong_template_is_reported_where_it_is(template: str, code: Code, said: str) -> None:
    head = f'version: "1.0"\nname: m\ntemplates:\n  b: {template}\n'
    found = load("  - {id: a, use: b}\n", head).diagnostics
    assert any(one.code is code and one.line == 4 and said in one.message for one in found), found
