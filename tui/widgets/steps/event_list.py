"""The events of an execution from the audit chain, newest last."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from core.audit.format.body import columns_of
from core.audit.format.known_type import is_known_type
from core.domain.events import AttemptEnded
from core.domain.mission import EMPTY
from core.domain.records import AuditEvent
from tui.look.theme import ThemeStyles
from tui.widgets.base.line_view import LineView, Span
from tui.words.numbers import time_of_day
from tui.words.safe_text import clean_line, fit, fit_right
from tui.words.state_glyphs import APPEARANCES

MAX_EVENTS = 20_000
"""How many events are held at most; the oldest are dropped."""


class EventList(LineView):
    """Events of one execution. It scrolls with new events while the cursor is on the last row."""

    placeholder = "Reading the events …"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._events: list[AuditEvent] = []
        self.last_seq = 0

    def clear(self) -> None:
        """Remove all events."""
        self._events = []
        self.last_seq = 0
        self.rows_changed()

    def extend(self, events: Sequence[AuditEvent]) -> None:
        """Append newer events."""
        if not events:
            self.placeholder = "No events yet"
            self.refresh()
            return
        at_end = self.cursor >= len(self._events) - 1
        self._events.extend(events)
        self.last_seq = events[-1].seq
        if len(self._events) > MAX_EVENTS:
            del self._events[: len(self._events) - MAX_EVENTS]
        self.rows_changed()
        if at_end:
            self.move_to(len(self._events) - 1)

    def event(self, index: int) -> AuditEvent | None:
        """Return the event of a row."""
        return self._events[index] if 0 <= index < len(self._events) else None

    @property
    def chosen_seq(self) -> int | None:
        """The sequence number of the event under the cursor; None without events."""
        event = self.event(self.cursor)
        return None if event is None else event.seq

    def show_seq(self, seq: int) -> None:
        """Move the cursor to the last event up to a sequence number."""
        self.move_to(max(0, bisect_right(self._events, seq, key=lambda event: event.seq) - 1))

    def row_count(self) -> int:
        """Return how many rows there are."""
        return len(self._events)

    def row(self, index: int, width: int, styles: ThemeStyles) -> Iterable[Span]:
        """Return number, time, subject, state and reason."""
        event = self._events[index]
        # What a type of another version says is not known: only its name and target are shown.
        details = event.details if is_known_type(event.event_type) else EMPTY
        if event.event_type == AttemptEnded.type:  # with the end of its step, if it records that
            details = {**details, **details.get("step", {})}
        before, to = str(details.get("from", "")), str(details.get("to", ""))
        appearance = APPEARANCES.get(to)
        narrow = width < 72
        about = task_of(event) or ("run" if event.execution_id else event.target)
        if details.get("attempt"):
            about += f" #{details['attempt']}"
        yield fit_right(f"{event.seq}", 6) + " ", styles.faint
        yield time_of_day(event.timestamp)[: 8 if narrow else None] + " ", styles.muted
        if appearance is not None:
            yield f"{appearance.sign} ", styles.states[to]
        else:
            yield "· ", styles.faint
        yield fit(clean_line(about), max(10, min(32, (width - 30) // 3))) + " ", styles.text
        if appearance is not None:
            source = APPEARANCES[before].word if before in APPEARANCES else before
            if not narrow:
                yield fit_right(f"{clean_line(source)} → ", 12), styles.faint
            yield fit(appearance.word, 10), styles.states[to]
        else:
            yield fit(clean_line(event.event_type), 22), styles.muted
        why = " ".join(str(details[key]) for key in ("reason_code", "message") if details.get(key))
        if event.actor != "engine":
            why += f"  by {event.actor}"
        yield clean_line(why), styles.muted


def task_of(event: AuditEvent) -> str | None:
    """Return the step that an event is about, or None."""
    return columns_of(event.target)[0]
