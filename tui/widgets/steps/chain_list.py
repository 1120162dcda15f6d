"""The events of the audit chain by number; they are read as they come into view."""

from collections.abc import Iterable, Mapping, Sequence, Set

from textual.message import Message

from core.domain.records import AuditEvent
from tui.look.theme import ThemeStyles
from tui.output.report.act_text import act_text
from tui.widgets.base.line_view import LineView, Span
from tui.words.numbers import moment, time_of_day
from tui.words.safe_text import clean_line, fit, fit_right

MIN_NUMBER_CELLS = 3
"""The width of the number of an event, unless the last is longer."""


class ChainList(LineView):
    """A row for each number in `numbers`. It stays at the end while the cursor is there.

    A number without a known event is shown as being read, and `Wanted` is sent.
    """

    placeholder = "Reading the chain …"

    class Wanted(Message):
        """Events that are in view are not known."""

        def __init__(self, numbers: Sequence[int]) -> None:
            super().__init__()
            self.numbers = numbers

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._numbers: Sequence[int] = ()
        self._events: dict[int, AuditEvent] = {}
        self._absent: dict[int, str] = {}
        self._outdated: set[int] = set()
        """The events that are shown as they were read before, and are to be read anew."""
        self._broken: Set[int] = frozenset()
        self._has_asked = False

    def show(self, numbers: Sequence[int]) -> None:
        """Show other events; the cursor stays on its event, or at the end."""
        at_end = self.cursor >= len(self._numbers) - 1
        before = self.number
        self._numbers = numbers
        self.rows_changed()
        if at_end or before is None:
            self.move_to(len(numbers) - 1)
        else:
            self.go_to(before)

    def learn(self, events: Mapping[int, AuditEvent], absent: Mapping[int, str]) -> None:
        """Take in events that were read, and why others could not be."""
        for number in events.keys() | absent.keys():
            self._events.pop(number, None)
            self._absent.pop(number, None)
        self._events.update(events)
        self._absent.update(absent)
        self._outdated -= events.keys() | absent.keys()
        self._has_asked = False
        self.refresh()

    def read_anew(self) -> None:
        """Read all events anew; what was read before is shown, and can be acted on, until then."""
        self._outdated = set(self._events) | set(self._absent)
        self._has_asked = False
        self.refresh()

    def mark(self, broken: Set[int]) -> None:
        """Mark the events with findings."""
        if broken != self._broken:
            self._broken = broken
            self.refresh()

    def go_to(self, number: int) -> None:
        """Move the cursor to an event, or to the next one that is listed."""
        for index, listed in enumerate(self._numbers) if self._is_short else ():
            if listed >= number:
                self.move_to(index)
                return
        if not self._is_short:
            self.move_to(number - 1)

    @property
    def _is_short(self) -> bool:
        return not isinstance(self._numbers, range)

    @property
    def number(self) -> int | None:
        """The number of the event under the cursor."""
        return self._numbers[self.cursor] if self.cursor < len(self._numbers) else None

    @property
    def event(self) -> AuditEvent | None:
        """The event under the cursor, if it was read."""
        number = self.number
        return None if number is None else self._events.get(number)

    @property
    def absence(self) -> str:
        """Why the event under the cursor cannot be shown; empty while it is being read."""
        return self._absent.get(self.number or 0, "")

    def row_count(self) -> int:
        """Return how many rows there are."""
        return len(self._numbers)

    def row(self, index: int, width: int, styles: ThemeStyles) -> Iterable[Span]:
        """Return number, time, actor, type, subject and sentence."""
        number = self._numbers[index]
        is_broken = number in self._broken
        cells = max(MIN_NUMBER_CELLS, len(str(self._numbers[-1])))
        yield fit_right(f"{number}", cells), styles.bad if is_broken else styles.faint
        yield (" ✗ ", styles.bad) if is_broken else ("   ", styles.faint)
        event = self._events.get(number)
        if event is None or number in self._outdated:
            self._ask()
        if event is None:
            yield self._absent.get(number) or "…", styles.muted
            return
        is_wide = width >= 90
        time = moment(event.timestamp) if is_wide else time_of_day(event.timestamp)[:8]
        yield f"{time} ", styles.muted
        if width >= 60:
            actor_cells = 8 if width < 90 else 12 if width < 110 else 18
            yield fit(clean_line(event.actor), actor_cells) + " ", styles.text
        yield fit(clean_line(event.event_type), 22) + " ", styles.strong
        if width >= 130:
            yield fit(clean_line(event.target), 24) + " ", styles.muted
        yield clean_line(act_text(event)), styles.text

    def _ask(self) -> None:
        if self._has_asked:
            return
        self._has_asked = True
        wanted = [self._numbers[index] for index in self.visible_rows]
        self.post_message(
            self.Wanted([one for one in wanted if one not in self._events or one in self._outdated])
        )
