"""Base of the screens that show a report: read anew when it may have changed, and taken along."""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import BindingType

from core.errors import MissionDeckError
from core.ports.reader import Reader
from tui.keys.textual_bindings import bindings
from tui.live.coalescing_worker import CoalescingWorker
from tui.look.styled_text import Part
from tui.screens.deck_screen import DeckScreen
from tui.widgets.base.bar import Bar
from tui.widgets.base.key_bar import KeyBar
from tui.widgets.base.report_list import ReportList
from tui.widgets.base.text_view import TextView
from tui.words.numbers import time_of_day
from tui.words.report.report_line import ReportLine
from tui.words.safe_text import clean_line

REFRESH_SECONDS = 1.0
"""How often it is looked whether anything was committed since the report was read."""
SECONDS_CHARACTERS = len("12:06:22")


class Report(NamedTuple):
    """What a report says. The first line is the title of the screen."""

    lines: Sequence[ReportLine]
    may_change: bool
    """Whether later commits may change it."""


class ReportScreen(DeckScreen):
    """A report about executions. Subclasses `read` it and `show` its lines."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("report")
    stem = "report"
    """The name of the file that the report is written to."""
    reading = "reading …"
    """The title until it was read for the first time."""

    def __init__(self, view: TextView | ReportList) -> None:
        super().__init__()
        self._head = Bar(plain=True, id="head")
        self._view = view
        self._title = self.reading
        self._reader = CoalescingWorker(self._read, self.run_worker)
        self._is_wanted = True
        self._may_change = True
        self._version = -1
        self._failed = False

    def compose(self) -> ComposeResult:
        """Compose title, report and key bar."""
        yield self._head
        yield self.banner
        yield self._view
        yield KeyBar()

    def on_mount(self) -> None:
        """Read the report, and again whenever it may have changed."""
        self._view.focus()
        self._entitle("")
        self.read_again()
        self.set_interval(REFRESH_SECONDS, self._look)

    def on_screen_resume(self) -> None:
        """Look at once for what was committed while another screen was shown."""
        super().on_screen_resume()
        self._look()

    def read(self, reader: Reader) -> Report:
        """Read the report, in the thread of the lookup."""
        raise NotImplementedError

    def show(self, lines: Sequence[ReportLine], *, keep_place: bool) -> None:
        """Show the lines below the title; `keep_place` if they are those of before, read anew."""
        raise NotImplementedError

    def read_again(self) -> None:
        """Read the report, whether or not anything was committed."""
        self._is_wanted = True
        self._reader.request()

    def _look(self) -> None:
        if self.is_current and self._may_change:
            self._reader.request()

    async def _read(self) -> None:
        is_wanted, self._is_wanted = self._is_wanted, False
        try:
            version = await self.deck.lookup.read(lambda reader: reader.data_version())
            if version == self._version and not is_wanted:
                return
            report = await self.deck.lookup.read(self.read)
        except MissionDeckError as error:
            self._failed, self._version = True, -1
            self.show_banner(clean_line(str(error)))
            return
        if self._failed:
            self._failed = False
            self.show_banner("")
        self._version, self._may_change = version, report.may_change
        self._title = report.lines[0].text
        self._entitle(f"as of {time_of_day(self.deck.clock.now())[:SECONDS_CHARACTERS]} ")
        self.show(report.lines[1:], keep_place=not is_wanted)

    def _entitle(self, when: str) -> None:
        title = Part(f" {clean_line(self._title)}", style="strong")
        self._head.set_parts([title], [Part(when, style="faint", rank=1)])

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
