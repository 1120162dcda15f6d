"""Writes docs/mission.1, the manual page, from the commands that click knows.

`python -m tests.tools.generate_man` writes it; `tests/docs/test_generated.py` tells when it is
stale.
Format: man(7) macros.
"""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import click

from tui.cli.commands_table import root
from tui.cli.exit_code import EXIT_CODES

PAGE = Path(__file__).parents[2] / "docs" / "mission.1"


def main() -> None:
    """Write the manual page."""
    PAGE.write_text(man_page(), encoding="utf-8")


def man_page() -> str:
    """Return docs/mission.1."""
    return "\n".join(_page()) + "\n"


def _page() -> Iterator[str]:
    context = click.Context(root, info_name="mission")
    yield '.\\" Generated from the program by `make docs`.'
    yield '.TH MISSION 1 "" "Mission Deck" "User Commands"'
    yield ".SH NAME"
    yield "mission \\- run, watch and prove multi\\-step missions from a terminal"
    yield ".SH SYNOPSIS"
    yield ".B mission"
    yield "[\\fICOMMAND\\fR [\\fIOPTION\\fR...] [\\fIARGUMENT\\fR...]]"
    yield ".SH DESCRIPTION"
    yield from _paragraphs(root.help or "")
    yield ".PP"
    yield _escaped(str(root.epilog))
    for heading, names in root.sections.items():
        yield f'.SH "{_escaped(heading).upper()}"'
        for name in names:
            found = root.get_command(context, name)
            if found is not None:
                yield from _command(found, click.Context(found, info_name=name, parent=context))
    yield '.SH "EXIT STATUS"'
    for code, (_, sentence) in EXIT_CODES.items():
        yield ".TP"
        yield str(code)
        yield _escaped(sentence)
    yield ".SH ENVIRONMENT"
    yield "MISSION_HOME, MISSION_DB, MISSION_ACTOR, MISSION_COLOR, MISSION_ASCII, NO_COLOR and the"
    yield "others that docs/settings.md lists."


def _command(found: click.Command, context: click.Context) -> Iterator[str]:
    if isinstance(found, click.Group):
        for name in found.list_commands(context):
            child = found.get_command(context, name)
            if child is not None:
                yield from _command(child, click.Context(child, info_name=name, parent=context))
        return
    usage = " ".join(piece for piece in found.collect_usage_pieces(context) if piece != "[OPTIONS]")
    yield ".TP"
    yield f"\\fB{_escaped(context.command_path)}\\fR {_escaped(usage)}".rstrip()
    yield from _paragraphs(found.help or "", indented=True)
    options = [option for option in found.params if isinstance(option, click.Option)]
    if options:
        yield ".RS"
        for option in options:
            yield ".TP"
            yield "\\fB" + _escaped(", ".join((*option.opts, *option.secondary_opts))) + "\\fR"
            yield _escaped(option.help or "")
        yield ".RE"


def _paragraphs(text: str, *, indented: bool = False) -> Iterator[str]:
    for number, paragraph in enumerate(re.split(r"\n\s*\n", inspect.cleandoc(text))):
        if number:
            yield ".IP" if indented else ".PP"
        yield _escaped(" ".join(paragraph.split()))


def _escaped(text: str) -> str:
    """Return text as troff takes it: backslashes, hyphens, and what looks like a macro."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{text}" if text.startswith((".", "'")) else text


if __name__ == "__main__":
    main()
