"""Every command line that the documents show is one that the program takes."""

import re
import shlex
from collections.abc import Iterator
from copy import copy

import click
import pytest

from tests.support.shared import ROOT
from tui.cli.commands_table import root

PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]
_BLOCK = re.compile(r"^```(?:sh|crontab|ini|yaml)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"`(mission [^`]*)`")
_COMMAND = re.compile(r"(?:^|[\s/])mission (?P<rest>[a-z][^|#>;&\n]*)")


def command_lines() -> Iterator[tuple[str, str]]:
    """Yield (page, what follows `mission`) for every call in a block of shell or inline code."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        shown = [line for block in _BLOCK.findall(text) for line in block.splitlines()]
        for line in [*shown, *(found.replace("\n", " ") for found in _INLINE.findall(text))]:
            code = re.split(r"(?:^|\s)#", line)[0]
            if any(placeholder in code for placeholder in ("…", "[", "{bash")):
                continue
            for match in _COMMAND.finditer(code):
                yield page.name, re.sub(r"\$\{\{.*?\}\}", "x", match["rest"]).strip()


FOUND = sorted(set(command_lines()))


def test_the_documents_show_commands() -> None:
    assert len(FOUND) > 40


@pytest.mark.parametrize(("page", "line"), FOUND)
def test_a_command_line_of_the_documents_is_understood(page: str, line: str) -> None:
    parse(root, "mission", shlex.split(line))


def parse(command: click.Command, name: str, words: list[str]) -> None:
    """Parse words as the command would, down to the last subcommand, and call nothing."""
    if isinstance(command, click.Group):
        found = command.get_command(click.Context(command), words[0])
        assert found is not None, f"`{name}` has no command `{words[0]}`"
        parse(found, words[0], words[1:])
        return
    alone = copy(command)
    alone.params = [copy(parameter) for parameter in command.params]
    for parameter in alone.params:
        if isinstance(parameter, click.Argument):
            parameter.required = False  # a page may name a command alone
    with alone.make_context(name, list(words), obj=None):
        pass
