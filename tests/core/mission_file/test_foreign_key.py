"""Keys of other tools are answered with what says the same here."""

import pytest

from core.mission_file.finding.code import Code
from core.mission_file.finding.foreign_key import (
    FOREIGN_MISSION_KEYS,
    FOREIGN_STEP_KEYS,
    in_snake_case,
)
from core.mission_file.keys.step import STEP_KEYS
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
        ("runs-on: x", "`runs_on`"),
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
        ("retries: 3", "max_attempts"),
        ("strategy: {}", "`matrix: {NAME: [VALUES]}`"),
        ("repeatPolicy: {}", "`repeat: {every"),
        ("uses: x", "no actions"),
    ],
)
def test_a_key_of_another_tool_in_a_step(key: str, told: str) -> None:
    assert told in hint_of(f"steps: [{{id: a, run: x, {key}}}]\n")


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("schedule: x", "cron"),
        ("on: push", "cron"),
        ("jobs: []", "`steps`"),
        ("services: {}", "`service: true`"),
        ("default_args: {}", "`defaults`"),
    ],
)
def test_a_key_of_another_tool_at_the_top(key: str, told: str) -> None:
    assert told in hint_of(f"steps: [{{id: a, run: x}}]\n{key}\n")


def test_no_hint_is_for_a_key_that_exists() -> None:
    assert not set(FOREIGN_STEP_KEYS) & set(STEP_KEYS)
    assert not set(FOREIGN_MISSION_KEYS) & set(MISSION_KEYS)
    for key in (*FOREIGN_STEP_KEYS, *FOREIGN_MISSION_KEYS):
        assert in_snake_case(key) == key


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
