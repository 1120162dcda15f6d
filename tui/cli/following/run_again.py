"""`mission run --watch`: run a mission, and again whenever one of its files has changed.

Each run is a process of its own, as if somebody had typed the command again.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from core.domain.state_word import counted
from core.errors import MissionDeckError, UsageError
from core.mission_file.load import load_mission
from core.operations.mission_order import STDIN
from tui.cli.exit_code import EXIT_INTERRUPTED
from tui.cli.following.watched_files import State, changed, files_of, state_of, wait_for_change
from tui.cli.invocation import Invocation
from tui.words.safe_text import safe_line

_MOST_NAMES = 3


def run_again(
    invocation: Invocation, file: str, arguments: Sequence[str], also: Sequence[str]
) -> int:
    """Run `mission` with `arguments` until Ctrl-C, and return the exit code for that.

    What changes while the mission runs makes it run again afterwards; but not what changes in every
    run, which the mission writes itself. Raises `UsageError` for a mission in no file.
    """
    if file == STDIN:
        raise UsageError("--watch needs a mission in a file")
    path, more = Path(file), [Path(name) for name in also]
    say = invocation.console.say

    files = [path.absolute()]

    def look() -> State:
        """Return how the files are; also those known last while the mission is not valid."""
        with suppress(MissionDeckError):  # some editors remove the file before they write it
            loaded = load_mission(path)
            found = files_of(loaded, path, more)
            files[:] = found if loaded.mission is not None else {*files, *found}
        return state_of(files)

    own: set[Path] = set()
    try:
        while True:
            before = look()
            _run_once(arguments)
            meanwhile = {one for one in changed(before, look()) if one not in own}
            if meanwhile:
                own |= meanwhile
                say(f"{_names(sorted(meanwhile))} changed meanwhile: once more")
                continue
            after = look()
            watched = counted(len(after), "file")
            say(f"watching {watched}; Ctrl-C ends")
            invocation.console.flush()
            found = wait_for_change(look, after, time.sleep)
            own -= set(found)
            say(f"{_names(found)} changed")
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _run_once(arguments: Sequence[str]) -> None:
    """Run the command to its end; Ctrl-C reaches it first, as it reaches all in the terminal."""
    program = "from tui.cli.main import entry; entry()"
    command = [sys.executable, "-P", "-c", program, *arguments]
    with subprocess.Popen(command) as process:
        try:
            process.wait()
        except KeyboardInterrupt:
            with suppress(KeyboardInterrupt):
                process.wait()
            raise
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)


def _names(files: Sequence[Path]) -> str:
    names = ", ".join(safe_line(file.name) for file in files[:_MOST_NAMES])
    more = len(files) - _MOST_NAMES
    return f"{names} and {more} more" if more > 0 else names
