"""Warns of a whole command line where `command` wants one program."""

import shlex

from core.mission_file.finding.code import Code
from core.mission_file.finding.problem import Path, Problems

_SHELL_CHARACTERS = frozenset("|&;<>$`*?")


def check_command_words(command: str, path: Path, problems: Problems) -> None:
    """Warn if a program's name without a folder has spaces: most likely it has arguments.

    `path` is that of the step's parameters. A template is left alone: it may stand for anything.
    """
    if "{{" in command or "{%" in command or "/" in command:
        return
    try:
        words = shlex.split(command)
    except ValueError:  # an unclosed quotation mark
        words = command.split()
    if len(words) < 2:
        return
    if _SHELL_CHARACTERS.isdisjoint(command):
        written = ", ".join(words[1:])
        hint = f"write `command: {words[0]}` and `args: [{written}]`, or `run:` for a shell"
    else:
        hint = "`run:` with this text lets a shell read it"
    problems.warn(
        Code.COMMAND_WORDS,
        f"`{command}` is taken as the name of one program, spaces and all",
        (*path, "command"),
        hint=hint,
    )
