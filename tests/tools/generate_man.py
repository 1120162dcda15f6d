"""Writes docs/man, the manual pages, from the commands that click knows.

`python -m tests.tools.generate_man` writes them; `tests/docs/test_generated.py` tells when
they are stale.
Format: man(7) macros.
"""

import inspect
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from tui.cli.commands_table import root
from tui.cli.exit_code import EXIT_CODES
from tui.cli.help_pages.command_examples import examples_of

MAN = Path(__file__).parents[2] / "docs" / "man"


def main() -> None:
    """Write the manual pages, and remove those of commands that are gone."""
    pages = man_pages()
    MAN.mkdir(exist_ok=True)
    for old in MAN.glob("*.1"):
        if old.name not in pages:
            old.unlink()
    for name, text in pages.items():
        (MAN / name).write_text(text, encoding="utf-8")


def man_pages() -> dict[str, str]:
    """Return the text of each page by the name of its file."""
    context = click.Context(root, info_name="mission")
    names = [name for section in root.sections.values() for name in section]
    pages = {"mission.1": _text(_main_page(context))}
    for found, inner in _leaves(context, root, names):
        pages[f"{_page_name(inner)}.1"] = _text(_command_page(found, inner))
    return pages


def _text(lines: Iterator[str]) -> str:
    return "\n".join(lines) + "\n"


def _leaves(
    context: click.Context, group: click.Group, names: Iterable[str]
) -> Iterator[tuple[click.Command, click.Context]]:
    """Yield the commands of a group that are no groups themselves, and their contexts."""
    for name in names:
        found = group.get_command(context, name)
        if found is None:
            continue
        inner = click.Context(found, info_name=name, parent=context)
        if isinstance(found, click.Group):
            yield from _leaves(inner, found, found.list_commands(inner))
        else:
            yield found, inner


def _page_name(context: click.Context) -> str:
    return context.command_path.replace(" ", "-")


def _head(name: str, told: str) -> Iterator[str]:
    yield '.\\" Generated from the program by `make docs`.'
    yield f'.TH {name.upper()} 1 "" "Mission Deck" "User Commands"'
    yield ".SH NAME"
    yield f"{_escaped(name)} \\- {_escaped(told)}"
    yield ".SH SYNOPSIS"


def _main_page(context: click.Context) -> Iterator[str]:
    yield from _head("mission", "run, watch and prove multi-step missions from a terminal")
    yield ".B mission"
    yield "[\\fICOMMAND\\fR [\\fIOPTION\\fR...] [\\fIARGUMENT\\fR...]]"
    yield ".SH DESCRIPTION"
    yield from _paragraphs(root.help or "")
    yield ".PP"
    yield _escaped(str(root.epilog))
    yield ".PP"
    yield "Each command has a page of its own, which"
    yield ".B mission help"
    yield "shows as well."
    for heading, section in root.sections.items():
        yield f'.SH "{_escaped(heading).upper()}"'
        for found, inner in _leaves(context, root, section):
            yield ".TP"
            yield f"\\fB{_escaped(_page_name(inner))}\\fR(1)"
            yield _escaped(_summary(found))
    yield '.SH "EXIT STATUS"'
    for code, (_, sentence) in EXIT_CODES.items():
        yield ".TP"
        yield str(code)
        yield _escaped(sentence)
    yield ".SH ENVIRONMENT"
    yield "MISSION_HOME, MISSION_DB, MISSION_ACTOR, MISSION_COLOR, MISSION_ASCII, NO_COLOR and the"
    yield "others that docs/settings.md lists."


def _command_page(found: click.Command, context: click.Context) -> Iterator[str]:
    summary = _summary(found)
    yield from _head(_page_name(context), summary[:1].lower() + summary[1:].rstrip("."))
    usage = " ".join(
        piece.replace("[OPTIONS]", "[OPTION...]") for piece in found.collect_usage_pieces(context)
    )
    yield f"\\fB{_escaped(context.command_path)}\\fR {_escaped(usage)}".rstrip()
    yield ".SH DESCRIPTION"
    yield from _paragraphs(found.help or "")
    yield ".SH OPTIONS"
    for option in found.params:
        if isinstance(option, click.Option):
            yield ".TP"
            yield _option(option)
            default = f" (default: {option.default})" if option.show_default else ""
            yield _escaped(f"{option.help or ''}{default}")
    yield ".TP"
    yield "\\fB\\-h\\fR, \\fB\\-\\-help\\fR"
    yield "Show the help."
    yield ".SH EXAMPLES"
    for line, told in examples_of(context.command_path):
        yield ".TP"
        yield f"\\fB{_escaped(line)}\\fR"
        yield _escaped(told)
    yield '.SH "EXIT STATUS"'
    yield "See"
    yield ".BR mission (1),"
    yield "or"
    yield "\\fBmission help exit\\-codes\\fR."
    yield '.SH "SEE ALSO"'
    yield ".BR mission (1)"


def _summary(found: click.Command) -> str:
    """Return the first sentence of a command's help."""
    text = " ".join(inspect.cleandoc(found.help or "").split("\n\n")[0].split())
    return re.split(r"(?<=[.:])\s", text)[0].rstrip(":.") + "."


def _option(option: click.Option) -> str:
    names = ", ".join(
        f"\\fB{_escaped(name)}\\fR" for name in (*option.opts, *option.secondary_opts)
    )
    if option.is_flag:
        return names
    choices = option.type.choices if isinstance(option.type, click.Choice) else None
    value = option.metavar or (choices and "|".join(choices)) or option.type.name.upper()
    return f"{names} \\fI{_escaped(value)}\\fR"


def _paragraphs(text: str) -> Iterator[str]:
    for number, paragraph in enumerate(re.split(r"\n\s*\n", inspect.cleandoc(text))):
        if number:
            yield ".PP"
        yield _escaped(" ".join(paragraph.split()))


def _escaped(text: str) -> str:
    """Return text as troff takes it: its signs, other alphabets, what looks like a macro."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    text = "".join(one if one.isascii() else f"\\[u{ord(one):04X}]" for one in text)
    return f"\\&{text}" if text.startswith((".", "'")) else text


if __name__ == "__main__":
    main()
