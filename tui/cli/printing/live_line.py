"""Shows an unfinished line, redrawn in place at the bottom of a terminal."""

from tui.cli.printing.console import Console
from tui.words.safe_text import cut, last_overwritten, safe_line

_ERASE = "\r\x1b[K"


class LiveLine:
    """Shows a line that is still changing; does nothing if its stream is not a terminal."""

    def __init__(self, console: Console, *, is_on: bool = True, on_stderr: bool = False) -> None:
        self._console = console
        self._on_stderr = on_stderr
        is_terminal = console.is_error_terminal if on_stderr else console.is_terminal
        self._is_on = is_on and is_terminal
        self._shown = ""

    def show(self, text: str) -> None:
        """Redraw the line; an empty text removes it."""
        if not self._is_on:
            return
        width = self._console.columns - 1
        line = cut(safe_line(last_overwritten(text)).expandtabs(), width)
        if line != self._shown:
            if self._on_stderr:
                self._console.say(_ERASE + line, end="")
            else:
                self._console.out_raw(_ERASE + line)
            self._shown = line

    def clear(self) -> None:
        """Remove the line before complete lines are written in its place."""
        self.show("")
