"""What somebody wants to happen when an execution ends: a notification, a command of their own."""

import os
import sys

import click
from msgspec import Struct

from core.domain.records import Execution
from core.domain.state_word import WORDS
from tui.cli.following.outcome import is_over
from tui.cli.invocation import Invocation
from tui.cli.shared_options import F
from tui.look.terminal_notice import notification
from tui.words.run_label import run_name


class AtEnd(Struct, frozen=True):
    """What to do when an execution has ended or lost its runner."""

    on_end: str | None = None
    """A command for the user's shell."""
    notify: bool = False
    """Whether the terminal rings and shows a notification (OSC 9)."""

    def tell(self, invocation: Invocation, found: Execution, code: int) -> None:
        """Do it; nothing while the execution goes on. Changes no exit code."""
        if not is_over(found):
            return
        if self.notify:
            _notify(found)
        if self.on_end is not None:
            from tui.cli.following.end_command import run_end_command

            run_end_command(invocation, self.on_end, found, code)


NOTHING = AtEnd()


def end_options(function: F) -> F:
    """Add `--on-end COMMAND` and `--notify`, passed as `on_end` and `notify`."""
    function = click.option(
        "--notify",
        is_flag=True,
        help="Ring the terminal's bell and show a notification (OSC 9) at the end.",
    )(function)
    return click.option(
        "--on-end",
        metavar="COMMAND",
        help="Run COMMAND in a shell at the end, such as a notification.",
    )(function)


def _notify(found: Execution) -> None:
    """Write to the terminal, if stderr or stdout is one: the output of a pipe stays as it is."""
    text = f"{run_name(found)} {WORDS[found.state.value]}"
    if found.message:
        text += f": {found.message}"
    for stream in (sys.__stderr__, sys.__stdout__):
        if stream is not None and stream.isatty():
            try:
                os.write(stream.fileno(), notification(text).encode())
            except OSError:
                continue  # the terminal is gone
            return
