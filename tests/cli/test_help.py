"""The help: examples of each command, pages of commands and topics, and what errors suggest."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from core.domain.states import ExecutionState
from tests.docs.test_commands import parse
from tests.support.cli import Inside
from tui.cli.commands_table import root
from tui.cli.help_pages.command_examples import EXAMPLES
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


def test_a_wrong_command_option_or_value_is_answered_with_near_ones(inside: Inside) -> None:
    assert "Did you mean `show`" in inside("sow").err
    assert "'--since'" in inside("ls", "--sinc", "1h").err
    assert ExecutionState.FAILED.value.lower() in inside("ls", "--state", "faild").err
    assert inside("audit", "verfy").code == inside("ls", "--sinc", "1h").code == 2
