"""Opens a log in the user's pager or editor while the screen is suspended."""

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from core.errors import MissionDeckError
from core.ports.reader import LogQuery
from tui.live.deck import Deck
from tui.live.log.log_pages import write_log
from tui.words.safe_text import clean_line

_LINE_OPTIONS = {"less": "+{line}g"} | dict.fromkeys(
    ("vi", "vim", "nvim", "nano", "emacs", "micro", "kak"), "+{line}"
)
"""How the programs that are known to have one spell the option for a line."""


async def page_log(
    deck: Deck, query: LogQuery, line: int, suspend: Callable[[], AbstractContextManager[None]]
) -> None:
    """Open a whole log, safe to show, at a line (from 1; 0 for none) while the screen is suspended.

    The log is written to a file that only this user can read, and removed afterwards.
    """
    try:
        command = pager_command(os.environ, line)
        if command is None:
            deck.show_problem("set $PAGER or $EDITOR to open logs from here")
            return
        with tempfile.TemporaryDirectory(prefix="mission-log-") as folder:
            path = Path(folder) / "log.txt"
            await deck.lookup.read(lambda reader: write_log(reader, query, path, is_safe=True))
            _run([*command, str(path)], suspend)
    except (OSError, ValueError, MissionDeckError) as error:
        deck.show_problem(clean_line(f"the log was not opened: {error}"))


def _run(command: Sequence[str], suspend: Callable[[], AbstractContextManager[None]]) -> None:
    """Run a command that has the terminal to itself: the screen stands still meanwhile."""
    with suspend():
        subprocess.run(command, check=False)


def pager_command(environ: Mapping[str, str], line: int) -> list[str] | None:
    """Return the command of $PAGER, $VISUAL or $EDITOR, else of `less`; None without any.

    Raises ValueError where it cannot be divided into words.
    """
    named = environ.get("PAGER") or environ.get("VISUAL") or environ.get("EDITOR")
    words = shlex.split(named or "")
    if not words:
        found = shutil.which("less", path=environ.get("PATH"))
        if found is None:
            return None
        words = [found]
    option = _LINE_OPTIONS.get(Path(words[0]).name)
    return [*words, option.format(line=line)] if option is not None and line > 0 else words
