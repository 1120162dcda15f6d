"""Bad mission files: each with the code and the place it must be told."""

import json

import pytest
import yaml

from core.mission_file.finding.code import Code
from core.mission_file.finding.diagnostic import Severity
from core.mission_file.keys.not_yet import LANGUAGE_TYPES, NOT_YET
from core.mission_file.load import load_mission
from core.step_type.registry import step_type_names
from tests.support.missions import mission_data, mission_yaml

HEAD = 'version: "1.0"\nname: m\nsteps:\n'


def step(step_id: str, extra: str = "", kind: str = "noop") -> str:
    return f"  - {{id: {step_id}, name: x, step_type: {kind}{extra}}}\n"


def command(parameters: str) -> str:
    return HEAD + step("a", f", parameters: {parameters}", "command")


def message(text: str) -> str:
    return f", parameters: {{message: '{text}'}}"


BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 10)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)

BAD: dict[str, tuple[str | bytes, Code, int, int]] = {
    # the file
    "binary": (b"\x7fELF\x00\x01", Code.BINARY, 1, 5),
    "utf8": (b'version: "1.0"\nname: caf\xe9\n', Code.ENCODING, 2, 10),
    "utf16": ("version: 1".encode("utf-16"), Code.ENCODING, 1, 1),
    "empty": ("", Code.EMPTY_FILE, 1, 1),
    "only comments": ("# nothing\n", Code.EMPTY_FILE, 1, 1),
    "control character": ("name: a\x07b", Code.CONTROL_CHARACTER, 1, 8),
    "line separator": ("# a comment\u2028name: m\n", Code.CONTROL_CHARACTER, 1, 12),
    # the syntax
    "tab": (HEAD + "\t- id: a\n", Code.TAB, 4, 1),
    "tab within": (HEAD + "  -\tid: a\n", Code.TAB, 4, 4),
    "tab later": (HEAD + "  - id: a\n  \tname: x\n", Code.TAB, 5, 3),
    "at": (HEAD + step("@a"), Code.SYNTAX, 4, 10),
    "brackets": ("[" * 100_000, Code.TOO_DEEP, 1, 66),
    "braces": ("{a: " * 100_000, Code.TOO_DEEP, 1, 261),
    "dashes": ("- " * 100_000, Code.TOO_DEEP, 1, 131),
    "open list": ("a: [1, 2\nb: 3\n", Code.SYNTAX, 2, 2),
    "open quote": ("name: 'x\n", Code.SYNTAX, 1, 7),
    "colon": ("name: a: b\n", Code.SYNTAX, 1, 8),
    "bomb": (BOMB, Code.ALIAS_BOMB, 5, 29),
    "self alias": (HEAD + step("a") + "variables: {v: &a [*a]}\n", Code.UNKNOWN_ALIAS, 5, 20),
    "unknown alias": (HEAD + step("*b"), Code.UNKNOWN_ALIAS, 4, 10),
    "tag": (HEAD + step("a").replace("x", "!!str x"), Code.TAG, 4, 19),
    "python tag": (HEAD + "  - !!python/object:os.system x\n", Code.TAG, 4, 5),
    "duplicate key": (HEAD + step("a") + "name: n\n", Code.DUPLICATE_KEY, 5, 1),
    "duplicate key in a step": (HEAD + step("a", ", id: b"), Code.DUPLICATE_KEY, 4, 39),
    "documents": (HEAD + step("a") + "---\na: 1\n", Code.MULTIPLE_DOCUMENTS, 5, 1),
    "list as key": ("? [a]\n: b\n", Code.KEY_NOT_TEXT, 1, 3),
    "infinity": (HEAD + step("a") + "variables: {v: .inf}\n", Code.NUMBER_RANGE, 5, 16),
    "large": (HEAD + step("a") + f"variables: {{v: 1{'0' * 5000}}}\n", Code.NUMBER_RANGE, 5, 16),
    "long text": ("name: " + "x" * 1_100_000, Code.TOO_LARGE, 1, 7),
    # the structure
    "list": ("- id: a\n", Code.NOT_A_MAPPING, 1, 1),
    "text": ("hello\n", Code.NOT_A_MAPPING, 1, 1),
    "no version": ("name: m\nsteps:\n" + step("a"), Code.MISSING_KEY, 1, 1),
    "version": (HEAD.replace("1.0", "2.0") + step("a"), Code.UNSUPPORTED_VERSION, 1, 10),
    "no steps": ('version: "1.0"\nname: m\nsteps: []\n', Code.NO_STEPS, 3, 8),
    "steps mapping": ('version: "1.0"\nname: m\nsteps: {a: 1}\n', Code.WRONG_TYPE, 3, 8),
    "step text": (HEAD + "  - build\n", Code.WRONG_TYPE, 4, 5),
    "unknown key": (HEAD + step("a", ", dependson: [x]"), Code.UNKNOWN_KEY, 4, 39),
    "unknown top key": (HEAD + step("a") + "foo: 1\n", Code.UNKNOWN_KEY, 5, 1),
    "merge key": (
        HEAD + "  - <<: {id: a}\n    id: a\n    name: x\n    step_type: noop\n",
        Code.UNKNOWN_KEY,
        4,
        5,
    ),
    "unknown type": (HEAD + step("a", kind="comand"), Code.UNKNOWN_STEP_TYPE, 4, 33),
    "no type": (HEAD + "  - {id: a, name: x}\n", Code.MISSING_KEY, 4, 5),
    "id": (HEAD + step("1a"), Code.BAD_ID, 4, 10),
    "long id": (HEAD + step("a" * 101), Code.BAD_ID, 4, 10),
    "id newline": (HEAD + step('"a\\n"'), Code.BAD_ID, 4, 10),
    "duplicate id": (HEAD + step("a") + step("a"), Code.DUPLICATE_ID, 5, 10),
    "empty name": ('version: "1.0"\nname: " "\nsteps:\n' + step("a"), Code.BAD_NAME, 2, 7),
    "name control": (HEAD.replace("name: m", 'name: "a\\e[31m"') + step("a"), Code.BAD_NAME, 2, 7),
    "name number": (HEAD.replace("name: m", "name: 5") + step("a"), Code.WRONG_TYPE, 2, 7),
    "boolean": (HEAD + step("a", ", continue_on_error: yes"), Code.WRONG_TYPE, 4, 58),
    "negative timeout": (HEAD + step("a", ", timeout_seconds: -5"), Code.BAD_DURATION, 4, 56),
    "zero timeout": (HEAD + step("a", ", timeout_seconds: 0s"), Code.BAD_DURATION, 4, 56),
    "endless timeout": (HEAD + step("a", ", timeout_seconds: 4000d"), Code.BAD_DURATION, 4, 56),
    "odd timeout": (HEAD + step("a", ", timeout_seconds: soon"), Code.BAD_DURATION, 4, 56),
    "limit": (HEAD + step("a") + "config: {parallel_limit: 0}\n", Code.OUT_OF_RANGE, 5, 26),
    "retry": (HEAD + step("a", ", retry: 3"), Code.WRONG_TYPE, 4, 46),
    "retry key": (HEAD + step("a", ", retry: {max: 3}"), Code.UNKNOWN_KEY, 4, 47),
    "backoff": (HEAD + step("a", ", retry: {backoff_coefficient: 0.5}"), Code.OUT_OF_RANGE, 4, 68),
    "intervals": (
        HEAD + step("a", ", retry: {initial_interval: 5, max_interval: 2}"),
        Code.OUT_OF_RANGE,
        4,
        82,
    ),
    "reason": (
        HEAD + step("a", ", retry: {retry_on: {reason_codes: [TIMEOT]}}"),
        Code.BAD_VALUE,
        4,
        73,
    ),
    "trigger": (HEAD + step("a", ", trigger_rule: all_sucess"), Code.BAD_VALUE, 4, 53),
    "both limits": (
        HEAD + step("a") + "config: {max_parallel_steps: 3, parallel_limit: 4}\n",
        Code.DUPLICATE_KEY,
        5,
        10,
    ),
    "variable": (HEAD + step("a") + "variables: {a-b: 1}\n", Code.BAD_ID, 5, 13),
    "choice": (HEAD + step("a") + "params: {p: {type: choice}}\n", Code.MISSING_KEY, 5, 10),
    "default": (
        HEAD + step("a") + "params: {p: {type: integer, default: x}}\n",
        Code.BAD_VALUE,
        5,
        38,
    ),
    "pattern": (HEAD + step("a") + "params: {p: {pattern: 'a(?=b)'}}\n", Code.BAD_VALUE, 5, 25),
    # parameters
    "parameter": (command("{comand: x, command: y}"), Code.UNKNOWN_PARAMETER, 4, 55),
    "no parameter": (command("{args: [x]}"), Code.MISSING_PARAMETER, 4, 42),
    "no parameters": (HEAD + step("a", kind="command"), Code.MISSING_PARAMETER, 4, 5),
    "argument": (command("{command: x, args: [y, {}]}"), Code.BAD_PARAMETER, 4, 77),
    # the graph
    "dependency": (
        HEAD + step("build") + step("b", ", depends_on: [biuld]"),
        Code.UNKNOWN_DEPENDENCY,
        5,
        52,
    ),
    "self": (HEAD + step("a", ", depends_on: [a]"), Code.SELF_DEPENDENCY, 4, 52),
    "cycle": (
        HEAD
        + step("a", ", depends_on: [b]")
        + step("b", ", depends_on: [c]")
        + step("c", ", depends_on: [a]"),
        Code.CYCLE,
        4,
        52,
    ),
    "depends number": (HEAD + step("a", ", depends_on: 3"), Code.WRONG_TYPE, 4, 51),
    # templates
    "not upstream": (
        HEAD + step("a") + step("b", message("{{ steps.a.output.x }}"), "log"),
        Code.NOT_UPSTREAM,
        5,
        64,
    ),
    "own result": (
        HEAD + step("b", message("{{ steps.b.output.x }}"), "log"),
        Code.NOT_UPSTREAM,
        4,
        64,
    ),
    "no step": (
        HEAD + step("b", message("{{ steps.a.output.x }}"), "log"),
        Code.UNKNOWN_STEP,
        4,
        64,
    ),
    "no input": (HEAD + step("b", message("{{ params.q }}"), "log"), Code.UNKNOWN_NAME, 4, 64),
    "no name": (HEAD + step("b", message("{{ target }}"), "log"), Code.UNKNOWN_NAME, 4, 64),
    "item": (HEAD + step("b", message("{{ item }}"), "log"), Code.UNKNOWN_NAME, 4, 64),
    "start in the env of the mission": (
        HEAD + step("a") + "env: {D: '{{ execution.started_at }}'}\n",
        Code.UNKNOWN_NAME,
        5,
        14,
    ),
    "no variable": (HEAD + step("b", ", when: 'vars.x == 1'"), Code.UNKNOWN_NAME, 4, 46),
    "syntax": (HEAD + step("b", message("{{ 1 + }}"), "log"), Code.TEMPLATE_SYNTAX, 4, 60),
    "not closed": (HEAD + step("b", message("{{ vars"), "log"), Code.TEMPLATE_SYNTAX, 4, 60),
    "method": (
        HEAD + step("b", message("{{ params.pop(1) }}"), "log"),
        Code.TEMPLATE_SYNTAX,
        4,
        60,
    ),
    "include": (HEAD + step("b", message('{% include "x" %}'), "log"), Code.TEMPLATE_SYNTAX, 4, 60),
    "env before": (
        HEAD + step("a") + "env: {X: '{{ steps.a.state }}'}\n",
        Code.NOT_UPSTREAM,
        5,
        14,
    ),
    # safety
    "secrets": (HEAD + step("a") + "secrets: {TOKEN: abc}\n", Code.SECRET_IN_FILE, 5, 11),
    "password": (HEAD + step("a", ", env: {DB_PASSWORD: hunter2}"), Code.SECRET_IN_FILE, 4, 45),
    "key": (command("{command: x, args: [AKIAIOSFODNN7EXAMPLE]}"), Code.SECRET_IN_FILE, 4, 74),
    "script": (
        HEAD
        + step("b", ", parameters: {script: 'echo {{ vars.v }}'}", "script")
        + "variables: {v: 1}\n",
        Code.SCRIPT_TEMPLATE,
        4,
        62,
    ),
    "env name": (HEAD + step("a", ", env: {1a: x}"), Code.BAD_ID, 4, 45),
    "env number": (HEAD + step("a", ", env: {V: 1.10}"), Code.WRONG_TYPE, 4, 48),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_told_what_and_where(kind: str) -> None:
    content, code, line, column = BAD[kind]
    loaded = load_mission(content, name="m.yaml")
    assert not loaded.ok
    assert loaded.mission is None
    first = loaded.diagnostics[0]
    assert (first.code, first.line, first.column) == (code, line, column), loaded.diagnostics
    assert first.severity is Severity.ERROR
    assert first.file == "m.yaml"


@pytest.mark.parametrize("kind", BAD)
def test_a_yaml_library_without_libyaml_tells_the_same_code(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_libyaml = load_mission(BAD[kind][0]).diagnostics
    monkeypatch.setattr("core.mission_file.reading.yaml_event.EventParser", yaml.SafeLoader)
    without = load_mission(BAD[kind][0]).diagnostics
    assert [found.code for found in without] == [found.code for found in with_libyaml]


JSON_BAD: dict[str, tuple[str | bytes, Code, int, int]] = {
    "empty": (" \n", Code.EMPTY_FILE, 2, 1),
    "value": ('{"version": }', Code.SYNTAX, 1, 13),
    "comma": ('{"version": "1.0",\n}', Code.SYNTAX, 2, 1),
    "quote": ('{"version": "1.0\n}', Code.SYNTAX, 1, 17),
    "extra": ("{} {}", Code.SYNTAX, 1, 4),
    "brackets": ("[" * 100_000, Code.TOO_DEEP, 1, 66),
    "depth": ('{"variables": ' + "[" * 70 + "]" * 70 + "}", Code.TOO_DEEP, 1, 79),
    "NaN": ('{"a": NaN}', Code.NUMBER_RANGE, 1, 7),
    "1e999": ('{"a": [1, 1e999]}', Code.NUMBER_RANGE, 1, 11),
    "2^63": ('{"a": 9223372036854775808}', Code.NUMBER_RANGE, 1, 7),
    "digits": ('{"a": ' + "9" * 6000 + "}", Code.NUMBER_RANGE, 1, 7),
    "duplicate": ('{"a": {"b": 1,\n "b": 2}}', Code.DUPLICATE_KEY, 2, 2),
    "surrogate": ('{"a": "x\\ud800"}', Code.ENCODING, 1, 7),
    "list": ("[1]", Code.NOT_A_MAPPING, 1, 1),
}


@pytest.mark.parametrize("kind", JSON_BAD)
def test_a_bad_json_file_is_told_what_and_where(kind: str) -> None:
    content, code, line, column = JSON_BAD[kind]
    loaded = load_mission(content, name="m.json")
    found = [(one.code, one.line, one.column) for one in loaded.diagnostics]
    assert (code, line, column) in found
    assert not loaded.ok


def test_a_json_mission_is_told_the_place_of_a_wrong_value() -> None:
    text = json.dumps(mission_data({"id": "a", "timeout_seconds": -1}), indent=2)
    (found,) = load_mission(text).diagnostics
    assert found.code is Code.BAD_DURATION
    assert found.source_line == '      "timeout_seconds": -1'
    assert (found.caret, found.length) == (25, 2)


def test_all_errors_of_a_file_are_told_at_once_in_order() -> None:
    text = HEAD + step("a", ", timeout_seconds: -1, foo: 1") + step("a") + step("b", kind="zzz")
    loaded = load_mission(text + "bar: 1\n")
    assert [found.code for found in loaded.diagnostics] == [
        Code.BAD_DURATION,
        Code.UNKNOWN_KEY,
        Code.DUPLICATE_ID,
        Code.UNKNOWN_STEP_TYPE,
        Code.UNKNOWN_KEY,
    ]


def test_a_syntax_problem_that_can_be_passed_hides_no_later_error() -> None:
    text = HEAD + step("a", ", id: b, foo: 1")
    codes = [found.code for found in load_mission(text).diagnostics]
    assert codes == [Code.DUPLICATE_KEY, Code.UNKNOWN_KEY]


def test_a_cycle_is_printed_as_its_path() -> None:
    found = load_mission(BAD["cycle"][0]).diagnostics[0]
    assert found.message.endswith("a → b → c → a")


@pytest.mark.parametrize(
    ("kind", "hint"),
    [
        ("unknown key", "did you mean `depends_on`?"),
        ("unknown type", "did you mean `command`?"),
        ("dependency", "did you mean `build`?"),
        ("parameter", "did you mean `command`?"),
        ("reason", "did you mean `TIMEOUT`?"),
        ("trigger", "did you mean `all_success`?"),
        ("retry key", "did you mean `max_attempts`?"),
        ("not upstream", "add `a` to its `depends_on`"),
        ("version", 'this program reads versions 1.x: write version: "1.0"'),
    ],
)
def test_a_hint_says_what_to_write(kind: str, hint: str) -> None:
    assert load_mission(BAD[kind][0]).diagnostics[0].hint == hint


def test_a_template_where_none_is_resolved_is_told_as_that() -> None:
    found = load_mission(HEAD + step("a", ", continue_on_error: '{{ item }}'")).diagnostics[0]
    assert (found.hint or "").startswith("no template is resolved here")


def test_words_of_other_programs_are_recognised() -> None:
    text = HEAD + "  - {id: a, name: x, type: noop, needs: [b], timeout: 3}\n"
    hints = [found.hint for found in load_mission(text).diagnostics]
    assert hints == [
        "did you mean `step_type`?",
        "did you mean `depends_on`?",
        "did you mean `timeout_seconds`?",
    ]


def test_an_id_with_a_dash_gets_a_hint_about_brackets() -> None:
    text = (
        HEAD
        + step("build-x")
        + step("b", ", depends_on: [build-x], when: 'steps.build-x.output.k'")
    )
    found = load_mission(text).diagnostics[0]
    assert found.code is Code.UNKNOWN_STEP
    assert found.hint == "an id with `-` or `.` needs brackets: `steps['build-x'].output`"
    assert load_mission(
        text.replace("'steps.build-x.", "\"steps['build-x'].").replace("k'", 'k"')
    ).ok


def test_a_template_handed_to_a_shell_is_a_warning_that_names_the_injection() -> None:
    text = HEAD + step(
        "a", ", parameters: {command: /bin/bash, args: [-ec, 'echo {{ vars.v }}']}", "command"
    )
    loaded = load_mission(text + "variables: {v: 1}\n")
    assert loaded.ok
    (found,) = loaded.diagnostics
    assert (found.code, found.severity) == (Code.SHELL_TEMPLATE, Severity.WARNING)
    assert "injection" in found.message


def test_a_template_where_none_is_resolved_is_a_warning() -> None:
    loaded = load_mission(mission_yaml(description="for {{ params.x }}"))
    assert loaded.ok
    assert [found.code for found in loaded.diagnostics] == [Code.TEMPLATE_NOT_ALLOWED]


def test_variables_that_steps_set_are_known() -> None:
    if "set_variables" not in step_type_names():
        pytest.skip("the step type is not there yet")
    text = mission_yaml(
        {"id": "a", "step_type": "set_variables", "parameters": {"values": {"x": 1}}},
        {"id": "b", "depends_on": ["a"], "when": "vars.x == 1"},
    )
    assert load_mission(text).ok


@pytest.mark.parametrize("kind", LANGUAGE_TYPES)
def test_a_step_type_of_the_language_runs_or_is_not_supported_yet(kind: str) -> None:
    codes = {one.code for one in load_mission(HEAD + step("a", kind=kind)).diagnostics}
    assert (Code.NOT_SUPPORTED in codes) == (kind not in step_type_names())
    assert Code.UNKNOWN_STEP_TYPE not in codes


FEATURES = {
    "foreach": step("a", ", foreach: [1]"),
    "matrix": step("a", ", matrix: {os: [a, b]}"),
    "handlers": step("a") + "handlers: {always: [{id: z, name: z, step_type: noop}]}\n",
    "durability: relaxed": step("a") + "config: {durability: relaxed}\n",
}


@pytest.mark.parametrize("feature", FEATURES)
def test_a_feature_is_refused_as_not_supported_until_it_works(feature: str) -> None:
    loaded = load_mission(HEAD + FEATURES[feature])
    expected = [Code.NOT_SUPPORTED] if feature in NOT_YET else []
    assert [found.code for found in loaded.diagnostics] == expected


def test_the_features_that_are_refused_are_all_tested() -> None:
    assert set(FEATURES) >= NOT_YET


def test_a_flood_of_errors_is_cut_and_counted() -> None:
    steps = "".join(step(f"s{number}", ", foo: 1") for number in range(1000))
    loaded = load_mission(HEAD + steps)
    assert len(loaded.diagnostics) == 201
    assert loaded.diagnostics[-1].code is Code.MORE
    assert loaded.diagnostics[-1].message == "800 more errors are not shown"


def test_a_flood_of_warnings_hides_no_error() -> None:
    steps = "".join(f"  - {{id: s{number}, step_type: noop}}\n" for number in range(1000))
    loaded = load_mission(HEAD + steps + step("last", ", foo: 1"))
    assert Code.UNKNOWN_KEY in [found.code for found in loaded.diagnostics]


def test_every_code_says_what_it_means() -> None:
    assert all(code.meaning for code in Code)
