"""The help: examples of each command, pages of commands and topics, and what errors suggest."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from core.domain.states import ExecutionState
from core.mission_file.finding.value_check import suggest
from tests.docs.test_commands import parse
from tests.support.cli import Inside
from tests.support.shared import ROOT
from tui.cli.commands_table import root
from tui.cli.help_pages.command_examples import EXAMPLES
from tui.cli.help_pages.docs_pages import TOOLS, pages
from tui.cli.help_pages.help_topics import TOPICS


def leaves(group: click.Group, path: str = "") -> Iterator[str]:
    """Yield the paths of all commands that are no groups."""
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        if isinstance(found, click.Group):
            yield from leaves(found, f"{path}{name} ")
        else:
            yield f"{path}{name}"


COMMANDS = sorted(leaves(root))


def test_each_command_has_examples_and_there_are_none_of_others() -> None:
    assert sorted(EXAMPLES) == COMMANDS
    assert {path for path, found in EXAMPLES.items() if not 2 <= len(found) <= 4} == set()


@pytest.mark.parametrize("path", COMMANDS)
def test_an_example_is_a_command_line_that_the_command_takes(path: str) -> None:
    for line, told in EXAMPLES[path]:
        assert f"mission {path}" in line
        assert told
        (rest,) = re.findall(rf"mission ({path}\b[^|>)]*)", line)
        parse(root, "mission", shlex.split(rest))


@pytest.fixture
def inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Inside:
    monkeypatch.chdir(tmp_path)
    return Inside(tmp_path / "home", monkeypatch, capfd)


def test_help_shows_what_the_option_of_a_command_shows(inside: Inside) -> None:
    for path in ("ls", "audit verify", "audit"):
        words = path.split()
        shown = inside("help", *words)
        assert shown.code == 0
        assert shown.out.rstrip() == inside(*words, "--help").out.rstrip()
    assert EXAMPLES["ls"][0][0] in inside("ls", "--help").out
    everything = inside("help").out
    assert inside("--help").out.rstrip() in everything
    assert all(name in everything for name in TOPICS)


def test_help_has_pages_on_topics_and_suggests_what_was_meant(inside: Inside) -> None:
    assert "broken" not in inside("help", "executions").out
    assert "  141  stdout was closed" in inside("help", "exit-codes").out
    assert "label:team=data" in inside("help", "where").out
    assert inside("help", "where", "--json").json["topic"] == "where"
    for words, meant in ((("sow",), "show"), (("exit-code",), "exit-codes"), (("audit", "x"), "")):
        told = inside("help", *words)
        assert told.code == 4
        assert meant in told.err
    assert inside("help", "ls", "x").code == 4


def test_help_tells_what_is_called_how_here_and_prints_the_pages_of_the_documentation(
    inside: Inside,
) -> None:
    told = inside("help", "docker").out
    assert "`env_files`" in told  # of Compose
    assert "mission schedule add" in told  # of any of them
    assert "trigger_rule" not in told  # of Airflow
    assert "docs/coming-from.md" in told
    everything = inside("help", "coming-from").out
    for title in set(TOOLS.values()):
        assert f"  {title}: " in everything
    listed = inside("help", "docs").out
    assert all(name in listed for name in pages())
    assert inside("help", "docs/settings.md").out.startswith("# Settings\n")
    assert inside("help", "docs/nothing").code == 4
    installed = tomllib.loads((ROOT / "pyproject.toml").read_text())
    shared = installed["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]
    assert {name for name in shared if name.endswith(".md")} == set(pages())


def test_explain_takes_a_step_type_by_its_name_and_the_code_of_an_error(inside: Inside) -> None:
    assert inside("explain", "http").out == inside("explain", "step.http").out
    told = inside("explain", "NOT_FOUND")
    assert (told.code, "exit code 4" in told.out) == (0, True)
    assert inside("explain", "NOTHING").code == 4


def test_a_wrong_command_option_or_value_is_answered_with_near_ones(inside: Inside) -> None:
    assert "Did you mean `show`" in inside("sow").err
    assert "'--since'" in inside("ls", "--sinc", "1h").err
    assert ExecutionState.FAILED.value.lower() in inside("ls", "--state", "faild").err
    assert inside("audit", "verfy").code == inside("ls", "--sinc", "1h").code == 2


def test_a_word_of_several_suggests_the_name_it_holds() -> None:
    assert suggest("http_request", ["wait", "http"]) == "did you mean `http`?"
    assert suggest("nothing_like_it", ["wait", "http"]) is None
