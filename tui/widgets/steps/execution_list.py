"""The list of executions under the headings of their groups, sub-missions below their parent."""

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

from core.domain.records import Execution
from core.domain.states import is_terminal
from core.ports.clock import Clock
from core.value.duration import duration_text
from core.value.terminal_text import width_of
from tui.lines.home_row import GROUP_STYLES, given_params, kin, params_text, told, who, word_of
from tui.look.theme import ThemeStyles
from tui.search.home_page import ChainProblem, GroupHead, HomeRow, Need, Row
from tui.widgets.base.age_tracker import AgeTracker
from tui.widgets.base.headed_list import HeadedList
from tui.widgets.base.line_view import Span
from tui.words.numbers import elapsed, when
from tui.words.run_label import number_width, run_name
from tui.words.safe_text import clean_line, fit, fit_right
from tui.words.state_glyphs import sign

MAX_NAME_CELLS, MAX_WHO_CELLS, MAX_PARAM_CELLS = 36, 12, 28
AGE_CELLS, TOOK_CELLS, WORD_CELLS = 8, 7, 9
MARK, APPROVAL = "*", "!"
"""The signs of an execution that is marked, and of one that waits for an approval."""
AGED_COLUMNS, WHO_COLUMNS, PARAM_COLUMNS, TIMED_COLUMNS = 46, 76, 84, 110
"""The widths of the list from which it has a column for age, person, parameters, duration."""


class ExecutionList(HeadedList):
    """Executions in the order of the database. What is said of each comes last, for it is read."""

    def __init__(self, clock: Clock, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._clock = clock
        self._actor = ""
        self._rows: Sequence[Row] = ()
        self._short: Mapping[str, str] = {}
        self._defaults: Mapping[str, Mapping[str, Any]] = {}
        self._marked: Set[str] = frozenset()
        self._ages = AgeTracker()
        self._widths = (0, 0, 0)
        self._is_placed = False
        """Whether a person has put the cursor on a row, so that keys must go on acting on it."""

    def show(self, rows: Sequence[Row], short_ids: Mapping[str, str], actor: str) -> None:
        """Replace the executions; the cursor stays on its execution.

        While nobody has been in the list, it stays at the top, on the most urgent one.
        """
        before, shown, was = self.current_row, self._rows, self._short
        self._rows, self._short, self._actor = rows, short_ids, actor
        at = self.first_row()
        if before is not None and self._is_placed:
            at = self._place_of(before, self.cursor)
        keeps = self._measure() and was == short_ids and len(shown) == len(rows)
        if keeps and rows:
            self.refresh_rows(i for i in self.visible_rows if shown[i] != rows[i])
        else:
            self.rows_changed()
        self.move_to(at)

    def settle(self) -> None:
        """Note that a person is in the list: from now on the cursor stays on its execution."""
        self._is_placed = self._is_placed or self.current_row is not None

    def go_to(self, execution_id: str) -> bool:
        """Move the cursor to an execution; tell whether it is listed."""
        rows = enumerate(self._rows)
        found = (
            index
            for index, row in rows
            if isinstance(row, HomeRow) and row.execution.execution_id == execution_id
        )
        at = next(found, None)
        if at is not None:
            self.move_to(at)
            self.settle()
        return at is not None

    def steer_to(self, index: int) -> None:
        """Move the cursor on behalf of the user."""
        super().steer_to(index)
        self.settle()

    def set_defaults(self, defaults: Mapping[str, Mapping[str, Any]]) -> None:
        """Set the defaults of parameters, by the digest of the mission file."""
        self._defaults = defaults
        self._measure()
        self.refresh()

    def set_marked(self, execution_ids: Set[str]) -> None:
        """Set the executions that are marked."""
        self._marked = execution_ids
        self.refresh()

    def tick(self) -> None:
        """Repaint the visible rows with a running time or another age."""
        aged = self._ages.changed(self.visible_rows, self._age)
        self.refresh_rows([*aged, *(i for i in self.visible_rows if self._is_moving(i))])

    @property
    def current_row(self) -> HomeRow | None:
        """The row under the cursor."""
        row = self._rows[self.cursor] if self.cursor < len(self._rows) else None
        return row if isinstance(row, HomeRow) else None

    @property
    def is_at_chain_problem(self) -> bool:
        """Whether the cursor is on the problem of the audit log."""
        at = self.cursor
        return at < len(self._rows) and isinstance(self._rows[at], ChainProblem)

    @property
    def current(self) -> Execution | None:
        """The execution under the cursor."""
        row = self.current_row
        return None if row is None else row.execution

    @property
    def in_sight(self) -> list[Execution]:
        """The executions in sight."""
        rows = (self._rows[index] for index in self.visible_rows)
        return [row.execution for row in rows if isinstance(row, HomeRow)]

    def row_count(self) -> int:
        """Return how many rows there are."""
        return len(self._rows)

    def is_heading(self, index: int) -> bool:
        """Tell whether a row is the heading of a group."""
        return isinstance(self._rows[index], GroupHead)

    def row(self, index: int, width: int, styles: ThemeStyles) -> Iterable[Span]:
        """Return a heading; or state, mission, number, age, duration, person, and what is said."""
        row = self._rows[index]
        if isinstance(row, GroupHead):
            count = "" if row.count is None else f" {row.count:,}"
            title = f"{row.group.value.upper()}{count}"
            return self.heading(title, width, styles, GROUP_STYLES[row.group])
        if isinstance(row, ChainProblem):
            return [("✗ ", styles.bad), (row.text, styles.text)]
        spans = [*self._columns(index, row, width, styles)]
        left = width - sum(width_of(text) for text, _style in spans)
        parts = told(row, self._actor, self._clock.now())
        if sum(width_of(text) for text, _name in parts) > left and parts[-1][1] == "faint":
            parts = parts[:-1]  # a code that would be cut
        return [*spans, *((text, styles.named(name)) for text, name in parts)]

    def _columns(self, index: int, row: HomeRow, width: int, styles: ThemeStyles) -> Iterable[Span]:
        execution = row.execution
        names, persons, params = self._widths
        word, style = word_of(row)
        named = styles.named(style)
        is_marked = execution.execution_id in self._marked
        yield f"{self._sign(row)} ", styles.accent if is_marked else named
        aged, timed = width >= AGED_COLUMNS, width >= TIMED_COLUMNS
        yield from self._title(row, min(names, max(12, width * 2 // 5)), styles)
        if aged:
            yield fit_right(self._age(index), AGE_CELLS) + "  ", styles.muted
        if timed:
            took = self._spent(execution) if execution.ended_at is not None else ""
            yield fit_right(took, TOOK_CELLS) + "  ", styles.text
        if persons and width >= WHO_COLUMNS:
            yield fit(who(execution.actor, self._actor), persons) + "  ", styles.muted
        if params and width >= PARAM_COLUMNS:
            yield fit(self._params(execution), params) + "  ", styles.accent
        yield fit(word, WORD_CELLS) + " ", named

    def _sign(self, row: HomeRow) -> str:
        if row.execution.execution_id in self._marked:
            return MARK
        return APPROVAL if row.need is Need.APPROVAL else sign(row.execution.state)

    def _title(self, row: HomeRow, width: int, styles: ThemeStyles) -> Iterable[Span]:
        """Return the name with its number and its relation to other executions."""
        name, tag, note = self._title_parts(row)
        indent = "  " * min(row.depth, 4)
        left = width - width_of(indent) - width_of(tag)
        shown = fit(name, left).rstrip() if width_of(name) > left else name
        left -= width_of(shown)
        yield indent + shown, styles.text
        yield tag, styles.muted
        style = styles.bad if "✗" in note else styles.accent if row.children else styles.faint
        yield fit(note, left) + " ", style

    def _title_parts(self, row: HomeRow) -> tuple[str, str, str]:
        execution = row.execution
        numbered = number_width(execution)
        short = self._short.get(execution.execution_id, execution.execution_id[:8])
        tag = run_name(execution)[-numbered:] if numbered else f" {short}"
        return clean_line(execution.mission_name), tag, kin(row)

    def _params(self, execution: Execution) -> str:
        """Return the parameters that differ from the defaults, once these are known."""
        defaults = self._defaults.get(execution.mission_digest)
        return "" if defaults is None else params_text(given_params(execution, defaults))

    def _measure(self) -> bool:
        """Measure the columns by their content; tell whether they have kept their widths."""
        names = persons = params = 0
        for row in self._rows:
            if isinstance(row, HomeRow):
                title = sum(width_of(part) for part in self._title_parts(row))
                names = max(names, title + 2 * min(row.depth, 4))
                persons = max(persons, width_of(who(row.execution.actor, self._actor)))
                if row.execution.params:
                    params = max(params, width_of(self._params(row.execution)))
        before = self._widths
        self._widths = (
            min(names, MAX_NAME_CELLS),
            min(persons, MAX_WHO_CELLS),
            min(params, MAX_PARAM_CELLS),
        )
        return self._widths == before

    def _place_of(self, wanted: HomeRow, otherwise: int) -> int:
        """Return where an execution is now: at its depth, else anywhere, else where it was."""
        depths = {
            index: row.depth
            for index, row in enumerate(self._rows)
            if isinstance(row, HomeRow)
            and row.execution.execution_id == wanted.execution.execution_id
        }
        same = [index for index, depth in depths.items() if depth == wanted.depth]
        return next(iter([*same, *depths]), self.nearest_row(otherwise))

    def _is_moving(self, index: int) -> bool:
        row = self._rows[index]
        return isinstance(row, HomeRow) and (
            not is_terminal(row.execution.state) or row.need is Need.APPROVAL
        )

    def _age(self, index: int) -> str:
        """Return how long ago an execution ended, or how long it has run."""
        row = self._rows[index]
        if not isinstance(row, HomeRow):
            return ""
        is_over = row.execution.ended_at is not None
        return when(row.execution, self._clock.now()) if is_over else self._spent(row.execution)

    def _spent(self, execution: Execution) -> str:
        now = self._clock.now()
        spent = elapsed(execution.started_at, execution.ended_at, now, execution.duration_us)
        return "" if spent is None else duration_text(spent)
