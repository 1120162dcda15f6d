"""The screen shown at first paint, while everything else is loaded."""

from textual.app import ComposeResult
from textual.screen import Screen

from tui.look.styled_text import Part
from tui.widgets.base.bar import Bar


class StartScreen(Screen[None]):
    """The header of home over an empty screen."""

    def compose(self) -> ComposeResult:
        """Show the name."""
        head = Bar(plain=True, id="head")
        head.set_parts([Part(" mission deck", style="strong"), Part("  opening …", style="muted")])
        yield head
