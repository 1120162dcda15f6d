"""The arrangement of the audit screen, its titles and its filter. Verifies nothing."""

from collections.abc import Callable, Sequence

from textual import work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input

from core.domain.records import AuditEvent
from core.domain.state_word import counted
from core.errors import MissionDeckError
from core.ports.reader import Reader
from tui.look.styled_text import Part
from tui.screens.deck_screen import DeckScreen
from tui.search.audit_filter import MAX_MATCHES, SYNTAX, parse_audit_filter, scan_page
from tui.widgets.base.bar import Bar
from tui.widgets.base.filter_field import FilterField, FilterNote, Syntax
from tui.widgets.base.key_bar import KeyBar
from tui.widgets.base.text_view import TextView
from tui.widgets.steps.chain_list import ChainList
from tui.words.safe_text import clean_line

FILTER_WORKER = "chain-filter"


class AuditLayout(DeckScreen):
    """Base of the audit screen: title, verdict, chain, record, filter field, key bar."""

    def __init__(self) -> None:
        super().__init__()
        self._head = Bar(plain=True, id="head")
        self._verdict = TextView(id="verdict", focusable=False)
        self._chain = ChainList(id="chain")
        self._record = TextView(id="record")
        self._field = FilterField()
        self._note = FilterNote()
        self._total = 0
        self._filter = ""
        self._filter_note = ""

    def compose(self) -> ComposeResult:
        """Compose title, banner, verdict, the two panes, filter field and key bar."""
        yield self._head
        yield self.banner
        yield self._verdict
        with Horizontal(id="audit-body"):
            yield self._chain
            yield self._record
        yield self._note
        yield self._field
        yield KeyBar()

    def record_changed(self) -> None:
        """React to another record under the cursor."""

    def _titles(self) -> None:
        shown = counted(self._total, "event") if not self._filter else self._filter_note
        left = [Part(" audit log", style="strong"), Part(f"  {shown}", style="muted")]
        if self._filter:
            left.append(Part(f"  /{clean_line(self._filter)}", style="accent"))
        database = clean_line(self.deck.app_context.database)
        self._head.set_parts(left, [Part(f"{database} ", style="faint", rank=2)])

    # --- the chain -------------------------------------------------------------------------------

    def on_chain_list_wanted(self, event: ChainList.Wanted) -> None:
        """Read the events that have come into view."""
        self._read(list(event.numbers))

    @work(exclusive=True, group="chain-page")
    async def _read(self, numbers: Sequence[int]) -> None:
        if not numbers:
            self._chain.learn({}, {})
            return
        first, last = min(numbers), max(numbers)

        found: dict[int, AuditEvent] = {}
        absent: dict[int, str] = {}
        try:
            events = await self.deck.lookup.read(
                lambda reader: reader.audit_events(after_seq=first - 1, limit=last - first + 1)
            )
            found = {one.seq: one for one in events}
            absent = dict.fromkeys(set(numbers) - set(found), "no event has this number")
        except MissionDeckError:
            for number in numbers:  # at least one of them cannot be read: the others can
                try:
                    events = await self.deck.lookup.read(_one_event(number))
                    found |= {one.seq: one for one in events if one.seq == number}
                    absent |= {} if number in found else {number: "no event has this number"}
                except MissionDeckError as error:
                    absent[number] = clean_line(f"it cannot be read: {error.message}")
        self._chain.learn(found, absent)
        self.record_changed()

    @work(exclusive=True, group="count")
    async def _count(self) -> None:
        """Read how many events there are now."""
        try:
            total = await self.deck.lookup.read(lambda reader: reader.last_seq())
        except MissionDeckError:
            self._chain.placeholder = "There are no events yet"
            self._chain.refresh()
            return  # the feed reports the same failure
        if total != self._total:
            self._total = total
            if not self._filter:
                self._chain.show(range(1, total + 1))
            self._titles()
            self.record_changed()

    # --- filter ----------------------------------------------------------------------------------

    @property
    def filter_help(self) -> Sequence[tuple[str, Syntax]]:
        """The filter syntax of the chain."""
        return [("Filter of events", SYNTAX)]

    def action_filter(self) -> None:
        """Open the filter field."""
        self._note.begin(SYNTAX)
        self._field.begin(self._filter)
        self.set_focus(self._field)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Search while the filter is typed."""
        self.set_filter(event.value)

    def on_input_submitted(self) -> None:
        """Keep the filter and return to the list."""
        self._close_field()

    def action_leave_field(self) -> None:
        """Clear the filter and return to the list."""
        self.set_filter("")
        self._close_field()

    def _close_field(self) -> None:
        self._field.display = self._note.display = False
        self.set_focus(self._chain)

    def set_filter(self, text: str) -> None:
        """Show the events that match a filter, all without one."""
        if text == self._filter:
            return
        self._filter = text
        parsed = parse_audit_filter(text)
        self._note.say(parsed.problems)
        if not parsed:
            self.workers.cancel_group(self, FILTER_WORKER)
            self._filter = "" if not text.strip() else text
            self._filter_note = counted(self._total, "event")
            self._chain.show(range(1, self._total + 1))
            self._titles()
            self.record_changed()
            return
        self._search()

    @work(exclusive=True, group=FILTER_WORKER)
    async def _search(self) -> None:
        """List the matches, the latest events first; the search goes on while they are shown."""
        parsed, numbers, last = parse_audit_filter(self._filter), list[int](), self._total
        self._chain.placeholder = "Searching …"
        while last > 0 and len(numbers) < MAX_MATCHES:
            try:
                page = await self.deck.lookup.read(scan_page(parsed, last))
            except MissionDeckError as error:
                self.show_banner(clean_line(f"not searched before event {last}: {error.message}"))
                break
            numbers = [event.seq for event in page.matches] + numbers
            self._chain.learn({event.seq: event for event in page.matches}, {})
            last = page.first - 1
            back = "" if last <= 0 else f", searched back to event {page.first:,}"
            self._filter_note = f"{len(numbers):,} of {counted(self._total, 'event')} match{back}"
            self._chain.show(list(numbers))
            self._titles()
            self.record_changed()
        self._chain.placeholder = "No event matches this filter\nesc clears it"
        self._chain.refresh()


def _one_event(number: int) -> Callable[[Reader], list[AuditEvent]]:
    return lambda reader: reader.audit_events(after_seq=number - 1, limit=1)
