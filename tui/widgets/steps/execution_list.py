"""The list of executions, sub-missions below their parent, with progress while they run."""

from collections.abc import Iterable, Mapping, Sequence

from core.domain.records import Execution
from core.domain.state_word import counted
from core.domain.states import Coverage, ExecutionState, is_terminal
from core.domain.tally import tally_of_execution
from core.ports.clock import Clock
from core.value.duration import duration_text
from core.value.terminal_text import width_of
from tui.look.theme import ThemeStyles
from tui.search.home_page import HomeRow
from tui.widgets.base.age_tracker import AgeTracker
from tui.widgets.base.line_view import LineView, Span
from tui.words.numbers import bar, elapsed, percent, when
from tui.words.run_label import SUBSET, number_width, run_name
from tui.words.safe_text import clean_line, fit, fit_right
from tui.words.state_counts import count_signs
from tui.words.state_glyphs import appearance_of, sign


class ExecutionList(LineView):
    """Executions in the order of the database, each with its run number."""

    def __init__(self, clock: Clock, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._clock = clock
        self._rows: Sequence[HomeRow] = ()
        self._short: Mapping[str, str] = {}
        self._ages = AgeTracker()

    def show(self, rows: Sequence[HomeRow], short_ids: Mapping[str, str]) -> None:
        """Replace the executions; the cursor stays on its execution, or at the top."""
        before, shown, was = self.current, self._rows, self._short
        self._rows, self._short = rows, short_ids
        at = 0
        if before is not None and self.cursor > 0:
            ids = [row.execution.execution_id for row in rows]
            at = ids.index(before.execution_id) if before.execution_id in ids else self.cursor
        if was == short_ids and len(shown) == len(rows):
            self.refresh_rows(i for i in self.visible_rows if shown[i] != rows[i])
        else:
            self.rows_changed()
        self.move_to(at)

    def tick(self) -> None:
        """Repaint the visible rows with a running time or another age."""
        aged = self._ages.changed(self.visible_rows, self._age)
        moving = (i for i in self.visible_rows if not is_terminal(self._rows[i].execution.state))
        self.refresh_rows([*aged, *moving])

    @property
    def current_row(self) -> HomeRow | None:
        """The row under the cursor."""
        return self._rows[self.cursor] if self.cursor < len(self._rows) else None

    @property
    def current(self) -> Execution | None:
        """The execution under the cursor."""
        row = self.current_row
        return None if row is None else row.execution

    def row_count(self) -> int:
        """Return how many rows there are."""
        return len(self._rows)

    def row(self, index: int, width: int, styles: ThemeStyles) -> Iterable[Span]:
        """Return state, mission, number, progress, time, user and age."""
        row = self._rows[index]
        execution = row.execution
        now = self._clock.now()
        style = styles.state(execution.state)
        word = appearance_of(execution.state).word
        if execution.coverage is Coverage.SUBSET and execution.state is ExecutionState.SUCCESS:
            style, word = styles.warn, SUBSET
        spent = elapsed(execution.started_at, execution.ended_at, now, execution.duration_us)
        aged, middle, wide = width >= 46, width >= 56, width >= 90
        fixed = 24 + 8 * aged + 17 * middle + 10 * wide
        yield f"{sign(execution.state)} ", style
        yield from self._title(row, max(8, width - fixed), styles)
        yield fit(word, 10), style
        if middle:
            yield from self._progress(execution, styles)
        yield fit_right("" if spent is None else duration_text(spent), 8) + "  ", styles.text
        if wide:
            yield fit(clean_line(execution.actor), 9) + " ", styles.muted
        if aged:
            yield fit_right(self._age(index), 8), styles.muted

    def _title(self, row: HomeRow, width: int, styles: ThemeStyles) -> Iterable[Span]:
        """Return the name with its number and its relation to other executions."""
        execution = row.execution
        indent = "  " * min(row.depth, 4)
        if row.children:
            indent += "▾ " if row.is_expanded else "▸ "
        numbered = number_width(execution)
        short = self._short.get(execution.execution_id, execution.execution_id[:8])
        tag = run_name(execution)[-numbered:] if numbered else f" {short}"
        name = clean_line(execution.mission_name)
        left = width - width_of(indent) - width_of(tag)
        name = fit(name, left).rstrip() if width_of(name) > left else name
        notes = (f"  {note}" for note in _notes(row))
        note = next((note for note in notes if width_of(note) <= left - width_of(name)), "")
        yield indent, styles.accent if row.children else styles.faint
        yield name, styles.text
        yield tag, styles.muted
        failed = bool(row.children.get(ExecutionState.FAILED))
        yield fit(note, left - width_of(name)) + " ", styles.bad if failed else styles.faint

    def _progress(self, execution: Execution, styles: ThemeStyles) -> Iterable[Span]:
        tally = tally_of_execution(execution)
        if not is_terminal(execution.state) and execution.state is not ExecutionState.PENDING:
            share = tally.share_done
            filled, rest = bar(share, 11)
            yield filled, styles.state(execution.state)
            yield rest, styles.faint
            yield fit_right(percent(share), 5) + " ", styles.text
            return
        left = 17
        for state, text in count_signs(tally.steps):
            if width_of(text) < left:
                yield f"{text} ", styles.state(state)
                left -= width_of(text) + 1
        yield " " * left, styles.muted

    def _age(self, index: int) -> str:
        return when(self._rows[index].execution, self._clock.now())


def _notes(row: HomeRow) -> Iterable[str]:
    """Return what is to be said of an execution's kin, in more and in fewer words."""
    if row.children:
        children = sum(row.children.values())
        failed = row.children.get(ExecutionState.FAILED, 0)
        if failed:
            yield f"{failed:,} of {children:,} failed"
            yield f"{failed:,}/{children:,}✗"
        else:
            yield counted(children, "sub-mission")
        yield f"×{children:,}"
    elif row.parent:
        yield f"of {clean_line(row.parent)}"
