"""The field for a filter or a search: every letter is text, enter keeps, escape clears."""

from typing import ClassVar

from textual.binding import BindingType
from textual.widgets import Input

from tui.keymap import bindings


class FilterField(Input):
    """Out of sight until it is asked for. Its screen has an action `leave_field`."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("field")

    def __init__(self, placeholder: str = "") -> None:
        super().__init__(placeholder=placeholder, id="filter", compact=True)
        self.display = False
