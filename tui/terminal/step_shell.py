"""Opens the user's shell where a step ran, in the terminal, while the screen is suspended."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import SuspendNotSupported

from tui.live.deck import Deck
from tui.words.safe_text import clean_line, safe

if TYPE_CHECKING:
    from core.operations.history.runnable_command import RunnableCommand

DEFAULT_SHELL = "/bin/sh"


def open_shell(
    deck: Deck,
    command: "RunnableCommand",
    name: str,
    suspend: Callable[[], AbstractContextManager[None]],
) -> None:
    """Start $SHELL in the folder and with the environment of a step, and wait for its end.

    The variables that mark the processes of an execution are not set: whoever ends what an
    execution has left would end the shell as well.
    """
    if not Path(command.folder).is_dir():
        deck.show_problem(clean_line(f"the folder {command.folder} is not there any more"))
        return
    shell = os.environ.get("SHELL") or DEFAULT_SHELL
    try:
        with suspend():
            sys.stdout.write(introduction(command, name))
            sys.stdout.flush()
            subprocess.run(
                [shell], cwd=command.folder, env={**os.environ, **command.env}, check=False
            )
    except SuspendNotSupported:
        deck.show_problem("a shell cannot be opened from this terminal")
    except (OSError, ValueError) as error:
        deck.show_problem(clean_line(f"the shell {shell} did not start: {error}"))


def introduction(command: "RunnableCommand", name: str) -> str:
    """Return what is told before the shell's first prompt."""
    lines = [f"Shell of step {name}, in {command.folder}; `exit` returns to Mission Deck."]
    if command.env:
        lines.append(f"Set as for the step: {', '.join(command.env)}.")
    if command.left_out:
        lines.append(f"Left out: {', '.join(command.left_out)}.")
    lines.append("The other variables are this terminal's, not the runner's.")
    lines.append(f"The step's command: {command.line}")
    return "".join(f"{safe(line)}\n" for line in lines)
