"""Runs the command that somebody wants run when an execution ends: a notification, a sound.

It is the user's own command, run by the user's shell after everything is recorded. It changes
neither the outcome nor the exit code.
"""

import os
import subprocess

from core.domain.records import Execution
from tui.cli.invocation import Invocation
from tui.words.run_label import run_name


def run_end_command(invocation: Invocation, text: str, found: Execution, code: int) -> None:
    """Run `text` in a shell with what ended in its environment; say when it fails.

    The variables are those of a handler, `MISSION_EXECUTION_STATE` and its like, and
    `MISSION_EXIT_CODE`, `MISSION_RUN` (`NAME#NUMBER`).
    """
    told = {
        "MISSION_EXECUTION_ID": found.execution_id,
        "MISSION_EXECUTION_STATE": found.state.value,
        "MISSION_EXECUTION_REASON_CODE": found.reason_code.value,
        "MISSION_EXECUTION_MESSAGE": found.message or "",
        "MISSION_EXIT_CODE": str(code),
        "MISSION_RUN": run_name(found),
    }
    environ = {**os.environ, **{name: value.replace("\0", "") for name, value in told.items()}}
    try:
        ended = subprocess.run(  # noqa: S602 - a shell is what the user writes it for
            text, shell=True, env=environ, stdin=subprocess.DEVNULL, check=False
        )
    except OSError as error:
        invocation.console.say(f"warning: --on-end: {error.strerror or error}")
        return
    if ended.returncode:
        invocation.console.say(f"warning: --on-end ended with exit code {ended.returncode}")
