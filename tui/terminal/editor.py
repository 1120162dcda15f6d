"""Opens the user's editor in the terminal while the screen is suspended."""

import os
import shlex
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from textual.app import SuspendNotSupported

from tui.live.deck import Deck
from tui.words.safe_text import clean_line


def edit_file(deck: Deck, path: str, suspend: Callable[[], AbstractContextManager[None]]) -> None:
    """Open a file in $VISUAL or $EDITOR while the screen is suspended; list the missions anew."""
    if _edit(deck, path, suspend) is not None:
        deck.discover()


def edit_text(
    deck: Deck, text: str, suffix: str, suspend: Callable[[], AbstractContextManager[None]]
) -> str | None:
    """Let the user edit a text in a file of its own; return it, None if it was not edited."""
    try:
        with tempfile.TemporaryDirectory(prefix="mission-edit-") as folder:
            path = Path(folder) / f"mission{suffix}"
            path.write_text(text, encoding="utf-8")
            edited = _edit(deck, str(path), suspend) == 0
            return path.read_text(encoding="utf-8") if edited else None
    except (OSError, UnicodeDecodeError) as error:
        deck.show_problem(clean_line(f"the text was not edited: {error}"))
        return None


def _edit(deck: Deck, path: str, suspend: Callable[[], AbstractContextManager[None]]) -> int | None:
    """Run the editor and return its exit code, None without an editor; report a failure."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor:
        deck.show_problem("set $EDITOR to open files from here")
        return None
    try:
        with suspend():
            ran = subprocess.run([*shlex.split(editor), path], check=False)
    except SuspendNotSupported:
        deck.show_problem("an editor cannot be opened from this terminal")
    except (OSError, ValueError) as error:
        deck.show_problem(clean_line(f"the editor did not start: {error}"))
    else:
        return ran.returncode
    return 1
