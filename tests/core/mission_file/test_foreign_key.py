"""Keys of other tools are answered with what says the same here."""

import pytest

from core.mission_file.finding.code import Code
from core.mission_file.finding.foreign_key import (
    FOREIGN_MISSION_KEYS,
    FOREIGN_STEP_KEYS,
    in_snake_case,
)
from core.mission_file.keys.step.step_keys import STEP_KEYS
from core.mission_file.keys.top_level import MISSION_KEYS
from core.mission_file.load import load_mission

HEAD = 'version: "1.0"\nname: m\n'


def hint_of(text: str, code: Code = Code.UNKNOWN_KEY) -> str:
    loaded = load_mission(HEAD + text)
    (found,) = [one for one in loaded.diagnostics if one.code is code]
    return found.hint or ""


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("needs: [b]", "`depends_on`"),
        ("deps: [b]", "`depends_on`"),
        ("runs-on: x", "steps run on this machine"),
        ("if: x", "`when`"),
        ("environment: {}", "`env`"),
        ("bash_command: x", "`run`"),
        ("script: x", "`run`"),
        ("cmds: [x]", "`run: |`"),
        ("command: a b", "write `run:"),
        ("precondition: x", "did you mean `preconditions`?"),
        ("continueOnError: true", "`continue_on_error`"),
        ("working-directory: x", "`working_dir`"),
        ("timeout-minutes: 5", "`timeout_seconds: 5m`"),
        ("sla: 5m", "`timeout_seconds: 5m`"),
        ("poke_interval: 5", "`step_type: wait_for`"),
        ("expand: {}", "`foreach:"),
        ("pool_slots: 2", "`mutex: NAME`"),
        ("params: {}", "`step_type: mission`"),
        ("signalOnStop: SIGINT", "`stop: {signal: INT}`"),
        ("retries: 3", "max_attempts"),
        ("strategy: {}", "`matrix: {NAME: [VALUES]}`"),
        ("repeatPolicy: {}", "`repeat: {every"),
        ("uses: x", "no actions"),
        ("concurrency: x", "`mutex: NAME`"),
        ("dir: x", "`working_dir`"),
        ("retryStrategy: {}", "`retry`"),
        ("cache: x", "`inputs` and `outputs`"),
        ("only: x", "`when`"),
        ("services: x", "`service: true`"),
        ("nonsense: x", "`mission explain steps` lists the keys"),
    ],
)
def test_a_key_of_another_tool_in_a_step(key: str, told: str) -> None:
    assert told in hint_of(f"steps: [{{id: a, run: x, {key}}}]\n")


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("schedule: x", "`mission schedule add FILE`"),
        ("on: push", "`mission schedule add FILE`"),
        ("maxActiveRuns: 1", "`concurrency: {group: NAME}`"),
        ("jobs: []", "`steps`"),
        ("services: {}", "`service: true`"),
        ("default_args: {}", "`defaults`"),
        ("dagrun_timeout: 2h", "`config: {timeout_seconds"),
        ("timeoutSec: 60", "`config: {timeout_seconds"),
    ],
)
def test_a_key_of_another_tool_at_the_top(key: str, told: str) -> None:
    assert told in hint_of(f"steps: [{{id: a, run: x}}]\n{key}\n")


def test_a_repeat_that_asks_for_its_own_step_is_told_how_its_output_is_called() -> None:
    until = '{every: 1s, until: "steps.a.output.stdout == 1"}'
    told = hint_of(f"steps: [{{id: a, run: x, repeat: {until}}}]\n", Code.NOT_UPSTREAM)
    assert "`output` alone" in told


def test_no_hint_is_for_a_key_that_exists() -> None:
    assert not set(FOREIGN_STEP_KEYS) & set(STEP_KEYS)
    assert not set(FOREIGN_MISSION_KEYS) & set(MISSION_KEYS)
    for key in (*FOREIGN_STEP_KEYS, *FOREIGN_MISSION_KEYS):
        assert in_snake_case(key) == key


@pytest.mark.parametrize(
    ("rest", "told"),
    [
        ("depends_on: {b: {condition: service_healthy}}", "[b]"),
        ("artifacts: {paths: [dist]}", "such as [dist"),
        ("outputs: {v: x}", "`$MISSION_OUTPUT`"),
        ("env: [A=1]", "`NAME: VALUE`"),
        ("retry: 2", "the first attempt counts"),
        ("preconditions: [{sh: x}]", "`run`"),
        ("preconditions: [{condition: x}]", "`- run: test -f FILE`"),
        ("trigger_rule: none_failed_or_skipped", "`none_failed_min_one_success`"),
        ("when: '${{ 1 < 2 }}'", "without a `$`"),
        ("env: {A: '${{ 1 < 2 }}'}", "one that is meant is written {{ '$' }}"),
        ("when: failure()", "`trigger_rule: one_failed`"),
        ("when: github.ref == 'x'", "`params`"),
        ("when: manual", "`approval`"),
        ("when: env.A.startswith('v')", "is startingwith"),
        ("when: \"contains(env.A, 'v')\"", "'text' in X"),
        ("when: steps.b.outputs.v == '1'", "`steps.b.output.values.v`"),
        ("when: steps.b.outcome == 'success'", "`steps.b.state`"),
    ],
)
def test_a_value_of_another_tool(rest: str, told: str) -> None:
    steps = f"steps: [{{id: b, run: x}}, {{id: a, run: x, {rest}}}]\n"
    loaded = load_mission(HEAD + steps)
    assert any(told in (one.hint or "") for one in loaded.diagnostics), loaded.diagnostics
    assert all(one.line == 3 and one.column > 20 for one in loaded.diagnostics)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("on: push\njobs: {build: {}}\n", "a workflow of GitHub Actions"),
        ("dag_id: x\ntasks: []\n", "a DAG of Airflow"),
        ("services: {db: {}}\n", "a Compose file"),
        ("name: x\nschedule: x\nsteps: [{id: a, run: x}]\n", "a DAG of Dagu"),
        ("version: '3'\ntasks: {}\n", "a Taskfile"),
        ("stages: [build]\n", "a pipeline of GitLab CI"),
        ("apiVersion: v1\nkind: Workflow\n", "a workflow of Argo"),
    ],
)
def test_a_file_of_another_tool_is_named(text: str, told: str) -> None:
    found = load_mission(text).diagnostics
    assert told in found[0].message
    assert Code.MISSING_KEY not in [one.code for one in found]


def test_a_file_that_is_not_even_yaml_is_named_by_its_name() -> None:
    found = load_mission("all:\n\tcc -o app main.c\n", name="src/Makefile").diagnostics
    assert found[0].message == "this is a file of make, not a mission"


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("PythonOperator", "`run: python3 FILE`"),
        ("BranchPythonOperator", "`when`"),
        ("file_sensor", "`step_type: wait_for`"),
        ("TriggerDagRunOperator", "`step_type: mission`"),
        ("comand", "did you mean `command`?"),
    ],
)
def test_a_step_type_of_another_tool(kind: str, told: str) -> None:
    steps = f"steps: [{{id: a, step_type: {kind}}}]\n"
    assert told in hint_of(steps, Code.UNKNOWN_STEP_TYPE)


def test_a_step_with_a_name_alone_is_told_to_make_it_its_id() -> None:
    assert "write `id: prepare`" in hint_of("steps: [{name: prepare, run: x}]\n", Code.MISSING_KEY)
    assert "add `id: build`" in hint_of("steps: [{name: Two words, run: x}]\n", Code.MISSING_KEY)


def test_a_step_that_does_nothing_is_told_both_ways() -> None:
    (found,) = load_mission(HEAD + "steps: [{id: a}]\n").diagnostics
    assert found.message == "step `a` has neither `run` nor `step_type`"
    (found,) = load_mission(HEAD + "steps: [{id: a, cmds: [x]}]\n").diagnostics
    assert found.code is Code.UNKNOWN_KEY, "that says enough"


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("ls -l", "`args: [-l]`"),
        ("make all | tee log", "`run:`"),
        ("it's", None),
        ("/opt/my tools/run", None),
        ("{{ vars.x }}", None),
        ("make", None),
    ],
)
def test_a_command_line_where_a_program_is_wanted(command: str, told: str | None) -> None:
    step = f'{{id: a, step_type: command, parameters: {{command: "{command}"}}}}'
    text = f"variables: {{x: 1}}\nsteps: [{step}]\n"
    if told is None:
        assert Code.COMMAND_WORDS not in [one.code for one in load_mission(HEAD + text).diagnostics]
    else:
        assert told in hint_of(text, Code.COMMAND_WORDS)
