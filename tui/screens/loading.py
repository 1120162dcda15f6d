"""The first picture: that it is us, while the rest is being loaded."""

from textual.app import ComposeResult
from textual.screen import Screen

from tui.look.styled_text import Part
from tui.widgets.base.bar import Bar


class StartScreen(Screen[None]):
    """A header over nothing; it looks like home before there is anything to show."""

    def compose(self) -> ComposeResult:
        """Show the name."""
        head = Bar(plain=True, id="head")
        head.set_parts([Part(" mission deck", ink="strong"), Part("  opening …", ink="muted")])
        yield head
