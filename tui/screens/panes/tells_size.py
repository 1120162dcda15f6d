"""What tells its screen that its size changed, since other content depends on it."""

from textual.message import Message
from textual.widget import Widget


class TellsSize(Widget):
    """Mixin of a widget that posts `Sized` whenever the layout gave it another size.

    A screen that measures a widget after a refresh may measure it before it was laid out.
    """

    class Sized(Message):
        """The widget has another size."""

        def __init__(self, widget: Widget) -> None:
            super().__init__()
            self._widget = widget

        @property
        def control(self) -> Widget:
            """The widget."""
            return self._widget

    def on_resize(self) -> None:
        """Tell the screen."""
        self.post_message(self.Sized(self))
