"""Shows an unfinished line, redrawn in place at the bottom of a terminal."""

from tui.cli.printing.console import Console
from tui.words.safe_text import cut, last_overwritten, safe_line

_ERASE = "\r\x1b[K"


class LiveLine:
    """Shows the line in progress of a followed log; does nothing if stdout is not a terminal."""

    def __init__(self, console: Console, *, is_on: bool = True) -> None:
        self._console = console
        self._is_on = is_on and console.is_terminal
        self._shown = ""

    def show(self, text: str) -> None:
        """Redraw the line; an empty text removes it."""
        if not self._is_on:
            return
        width = (self._console.width or 80) - 1
        line = cut(safe_line(last_overwritten(text)).expandtabs(), width)
        if line != self._shown:
            self._console.out_raw(_ERASE + line)
            self._shown = line

    def clear(self) -> None:
        """Remove the line before complete lines are written in its place."""
        self.show("")
