"""The input field of a filter or search: enter keeps it, escape clears it."""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.widgets import Input

from tui.keys.textual_bindings import bindings
from tui.look.styled_text import Part
from tui.widgets.base.bar import Bar
from tui.words.safe_text import clean_line

Syntax = Sequence[tuple[str, str]]
"""The forms of a term, and their meanings."""


class FilterField(Input):
    """Hidden until it is opened. Its screen must have an action `leave_field`."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("field")

    def __init__(self, placeholder: str = "") -> None:
        super().__init__(placeholder=placeholder, id="filter", compact=True)
        self.display = False

    def begin(self, text: str) -> None:
        """Show the field with a text, without sending a change."""
        self.display = True
        with self.prevent(Input.Changed):
            self.value = text


class FilterNote(Bar):
    """The line above the field: the syntax, or the problems of the text."""

    def __init__(self) -> None:
        super().__init__(plain=True, id="filter-note")
        self.display = False
        self._syntax: Syntax = ()

    def begin(self, syntax: Syntax) -> None:
        """Show the line with a syntax."""
        self.display = True
        self._syntax = syntax
        self.say(())

    def say(self, problems: Sequence[str]) -> None:
        """Show the problems of the text; without any, the syntax."""
        if problems:
            self.set_parts([Part(f" ? {clean_line('; '.join(problems))}", style="warn")])
            return
        parts = [Part(" ", style="muted")]
        for number, (example, _meaning) in enumerate(self._syntax):
            parts.append(Part(f" {example} ", style="muted", rank=number))
        parts.append(Part("  ? in the list: what they mean", style="faint", rank=20))
        self.set_parts(parts)
