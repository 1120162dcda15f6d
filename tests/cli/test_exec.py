"""`mission exec`: one command as an audited step, without a mission file."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.mission import Mission
from core.expression.evaluate import render
from core.mission_file.load import load_mission
from tests.support.cli import mission
from tui.cli.single_step import single_step_mission


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def the_mission(*words: str, env: dict[str, str] | None = None) -> Mission:
    loaded = load_mission(
        single_step_mission(words, name=None, env=env or {}, timeout=None), fmt="json"
    )
    assert loaded.mission is not None, loaded.diagnostics
    return loaded.mission


def test_a_command_runs_in_the_current_folder_and_is_kept(home: Path, tmp_path: Path) -> None:
    ran = mission(home, "exec", "sh", "-c", "pwd; echo $COLOUR", cwd=tmp_path)
    assert ran.code == 0, ran.err
    assert str(tmp_path) in ran.out
    assert mission(home, "audit", "verify").code == 0
    assert mission(home, "show", "sh#1", "--json").json["state"] == "SUCCESS"


def test_variables_and_words_reach_the_program_as_they_are(home: Path) -> None:
    words = ("exec", "-e", "X={{ 1 }}", "--name", "checks", "--", "sh", "-c", 'echo "$X $0"')
    ran = mission(home, *words, "{% raw %} ${Y}")
    assert ran.code == 0, ran.err
    assert "{{ 1 }} {% raw %} ${Y}" in ran.out
    assert mission(home, "show", "checks#1", "--json").json["mission_name"] == "checks"


def test_a_failure_is_a_failed_mission(home: Path) -> None:
    ran = mission(home, "exec", "--", "sh", "-c", "echo why >&2; exit 3")
    assert ran.code == 1
    assert "exit 3: why" in ran.err
    missing = mission(home, "exec", "no-such-program")
    assert missing.code == 1
    assert "command not found: `no-such-program`" in missing.err
    assert "correct the command, then run it again" in missing.err


def test_the_deadline_ends_it(home: Path) -> None:
    ran = mission(home, "exec", "--timeout", "200ms", "sleep", "60")
    assert ran.code == 1
    assert "TIMEOUT" in ran.out


def test_an_argument_that_is_no_text_is_refused_in_words(home: Path) -> None:
    ran = mission(home, "exec", "echo", "a\udcffb")
    assert ran.code == 2
    assert "is not UTF-8 text" in ran.err


def test_json_is_the_result_alone(home: Path) -> None:
    ran = mission(home, "exec", "--json", "echo", "said")
    (result,) = ran.json["step_results"].values()
    assert result["status"] == "Completed"


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ((), 2, "CMD"),
        (("",), 2, "CMD is empty"),
        (("-e", "no-value", "true"), 2, "-e 'no-value' is not NAME=VALUE"),
        (("-e", "A=1", "-e", "A=2", "true"), 2, "variable `A` is given twice"),
        (("-e", "1A=1", "true"), 3, "`1A` is not a name for an environment variable"),
        (("--unknown", "true"), 2, "--unknown"),
    ],
)
def test_a_wrong_call_is_refused(home: Path, words: tuple[str, ...], code: int, told: str) -> None:
    ran = mission(home, "exec", *words)
    assert ran.code == code
    assert told in ran.err
    assert "Traceback" not in ran.err


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)))
def test_no_word_is_taken_for_a_template(arguments: list[str]) -> None:
    made = the_mission("echo", *arguments)
    given_back = [
        render(word, {"vars": made.variables}) for word in made.steps[0].parameters["args"]
    ]
    assert given_back == arguments
