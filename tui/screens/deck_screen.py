"""Base of all full screens: access to the app, a banner for problems, CSS classes for sizes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual import events
from textual.messages import Prune
from textual.screen import Screen

from tui.live.deck import Deck, deck_of
from tui.look.styled_text import Part
from tui.widgets.base.bar import Bar
from tui.widgets.base.filter_field import Syntax

if TYPE_CHECKING:
    from tui.live.messages import Delta

NARROW_COLUMNS = 100
SMALL_SIZE = (60, 15)
TINY_SIZE = (40, 12)
BARE_ROWS = 8
"""A terminal with fewer rows shows no key bar."""


class DeckScreen(Screen[None]):
    """A full screen of the application. It composes its `banner`."""

    AUTO_FOCUS = ""
    watches = False
    """Whether it receives the feed's updates; they go to the topmost screen that does."""

    def __init__(self) -> None:
        super().__init__()
        self.banner = Bar(plain=True, id="banner")
        self.banner.display = False

    @property
    def deck(self) -> Deck:
        """The application."""
        return deck_of(self.app)

    @property
    def filter_help(self) -> Sequence[tuple[str, Syntax]]:
        """The syntax of the filters of this screen, by title, for the help."""
        return ()

    def catch_up(self) -> None:
        """Apply a selection whose message is still queued, before a key acts on it."""

    def deliver(self, delta: "Delta") -> None:
        """Apply an update from the feed."""

    def offers(self, action: str) -> bool:  # noqa: ARG002 - for subclasses
        """Tell whether an action is worth showing now; its key works either way."""
        return True

    def shows(self, action: str) -> bool:
        """Tell whether the key bar shows the key of an action; the palette has all on offer."""
        return self.offers(action)

    def label_of(self, action: str, label: str) -> str:  # noqa: ARG002 - for subclasses
        """Return what a key does now; `label` is what it does in general."""
        return label

    def show_banner(self, text: str) -> None:
        """Show a problem in the banner; an empty text leaves that of a broken audit log."""
        text = text or self.deck.log_problem
        self.banner.display = bool(text)
        self.banner.set_parts([Part(f" ✗ {text}", style="bad")])

    async def on_prune(self, event: Prune) -> None:  # noqa: ARG002 - Textual calls its own as well
        """Cancel all work when the screen begins to be removed.

        Textual cancels that of a node once its children are gone: until then a late answer would
        meet widgets that belong to no screen any more.
        """
        for node in self.walk_children(with_self=True):
            self.workers.cancel_node(node)

    def on_screen_resume(self) -> None:
        """Show the keys again, and that the audit log is broken, on whatever screen."""
        self.refresh_bindings()
        if self.deck.log_problem and not self.deck.problem:
            self.show_banner("")

    def on_screen_suspend(self) -> None:
        """Show no keys below what covers the screen."""
        self.refresh_bindings()

    def on_mouse_down(self) -> None:
        """Take away what was said of the last action, as a key does."""
        self.deck.forget_problem()

    def on_resize(self, event: events.Resize) -> None:
        """Mark the size by classes, for the style sheet: `-narrow`, `-small`, `-tiny`, `-bare`."""
        self.sized(event.size.width, event.size.height)

    def sized(self, width: int, height: int) -> None:
        """Set the classes of a size."""
        self.set_class(width < NARROW_COLUMNS, "-narrow")
        self.set_class(width < SMALL_SIZE[0] or height < SMALL_SIZE[1], "-small")
        self.set_class(width < TINY_SIZE[0] or height < TINY_SIZE[1], "-tiny")
        self.set_class(height < BARE_ROWS, "-bare")
