"""Opens the user's editor in the terminal while the screen is suspended."""

import os
import shlex
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager

from tui.live.deck import Deck
from tui.words.safe_text import clean_line


def edit_file(deck: Deck, path: str, suspend: Callable[[], AbstractContextManager[None]]) -> None:
    """Open a file in $VISUAL or $EDITOR while the screen is suspended; list the missions anew."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor:
        deck.show_problem("set $EDITOR to open files from here")
        return
    try:
        with suspend():
            subprocess.run([*shlex.split(editor), path], check=False)
    except (OSError, ValueError) as error:
        deck.show_problem(clean_line(f"the editor did not start: {error}"))
    deck.discover()
