"""Base of the screens that show a report: a title, its lines, and keys to take it along."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from tui.keys.textual_bindings import bindings
from tui.look.styled_report import styled_report
from tui.look.styled_text import Part
from tui.screens.deck_screen import DeckScreen
from tui.widgets.base.bar import Bar
from tui.widgets.base.key_bar import KeyBar
from tui.widgets.base.text_view import TextView
from tui.words.report.report_line import ReportLine
from tui.words.safe_text import clean_line


class ReportScreen(DeckScreen):
    """A report about executions. Subclasses read it and call `show_report`."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("report")
    stem = "report"
    """The name of the file that the report is written to."""

    def __init__(self) -> None:
        super().__init__()
        self._head = Bar(plain=True, id="head")
        self._view = TextView(id="text")

    def compose(self) -> ComposeResult:
        """Compose title, text and key bar."""
        yield self._head
        yield self.banner
        yield self._view
        yield KeyBar()

    def on_mount(self) -> None:
        """Read the report."""
        self._view.focus()
        self.read_report()

    def read_report(self) -> object:
        """Read the report in the background, then show it."""

    def entitle(self, title: str) -> None:
        """Show what the report is about, or that it is being read."""
        self._head.set_parts([Part(f" {clean_line(title)}", style="strong")])

    def show_report(self, lines: Sequence[ReportLine]) -> None:
        """Show the lines of the report; the first one is the title of the screen."""
        self.entitle(lines[0].text)
        self._view.set_lines(styled_report(lines[1:]))

    def action_copy(self) -> None:
        """Copy the mouse selection, else the report."""
        text = self.get_selected_text()
        self.deck.copy(text or self._view.plain, "the selection" if text else "the report")

    def action_save(self) -> None:
        """Write the report to a file."""
        self.deck.save_text(self._view.plain, self.stem, "txt")

    def action_back(self) -> None:
        """Return to the screen below."""
        self.dismiss()
