"""Draws the rows of sub-missions that are open in the list of steps."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from core.domain.item_label import step_title
from core.domain.mission import EMPTY, MissionStep
from core.domain.records import TaskRun
from core.domain.state_word import state_word
from core.domain.states import TaskState
from tui.live.board import Board
from tui.live.steps.inner_missions import InnerMission
from tui.live.steps.inner_rows import Inside
from tui.live.steps.step_path import last_of, parent_of
from tui.widgets.base.line_view import Span
from tui.widgets.steps.step_row import ARROW_CELLS, INDENT_CELLS, StepLook, row_indent, row_spans
from tui.words.safe_text import clean_line, fit, shorten
from tui.words.state_counts import count_signs
from tui.words.state_glyphs import sign


@dataclass(frozen=True, slots=True)
class InnerSteps:
    """The open sub-missions by path, and the boards of those that have an execution."""

    opened: Mapping[str, InnerMission] = EMPTY
    boards: Mapping[str, Board] = EMPTY

    @property
    def sizes(self) -> dict[str, int]:
        """How many steps and items each of them has."""
        return {path: len(inner.tasks or inner.steps) for path, inner in self.opened.items()}

    def name_width(self, run: Board) -> int:
        """Return how many cells the longest name of an inner step takes with its indent."""
        widest = 0
        for path, inner in self.opened.items():
            names = [step_title(task) for task in inner.tasks.values()] or inner.steps
            longest = max(map(len, names), default=0)
            widest = max(widest, self.indent(run, path) + ARROW_CELLS + longest)
        return widest

    def task_of(self, inside: Inside) -> TaskRun | None:
        """Return the task run of a row; None if it has none of its own."""
        inner, row = self.opened.get(inside.path), inside.row
        return inner.tasks.get(row) if inner is not None and isinstance(row, str) else None

    def step_of(self, inside: Inside) -> tuple[MissionStep | None, TaskRun | None]:
        """Return the step of a row, and its task run if it has one."""
        inner, row = self.opened.get(inside.path), inside.row
        if inner is None or not isinstance(row, str):
            return None, None
        task = inner.tasks.get(row)
        parent = None if task is None else task.parent_task_id
        return inner.steps.get(parent or row), task

    def indent(self, run: Board, path: str) -> int:
        """Return by how many cells the rows of a sub-mission are indented in the list of a run."""
        above, step_id = parent_of(path), last_of(path)
        board = self.boards.get(above) if above else run
        own = row_indent(board, step_id) if board is not None and step_id in board.tasks else 0
        return (self.indent(run, above) if above else 0) + own + INDENT_CELLS

    def spans(
        self, run: Board, inside: Inside, look: StepLook, *, is_open: bool, opens: bool
    ) -> Iterable[Span]:
        """Return a row, indented below the step that runs its sub-mission."""
        indent = self.indent(run, inside.path)
        board, row = self.boards.get(inside.path), inside.row
        look = replace(look, columns=look.columns.indented(indent), is_marked=False)
        yield " " * indent, look.styles.text
        if row is None:
            yield from self._title(inside.path, board, look)
        elif board is not None and not (isinstance(row, str) and row not in board.tasks):
            yield from row_spans(board, row, look, "", is_open=is_open, opens=opens)
        elif isinstance(row, str):
            yield from self._planned(inside.path, row, look)

    def _title(self, path: str, board: Board | None, look: StepLook) -> Iterable[Span]:
        """Return which execution it is, or what it would run, and its steps by state."""
        inner = self.opened.get(path)
        if inner is None:  # it goes with the next change of the rows
            return
        yield f"{clean_line(inner.title)}  ", look.styles.muted
        if board is not None:
            execution = board.execution
            word = state_word(execution.state, execution.reason_code)
            yield f"{word}  ", look.styles.state(execution.state)
            for state, text in count_signs(board.tally.steps):
                yield f"{text} ", look.styles.state(state)

    def _planned(self, path: str, step_id: str, look: StepLook) -> Iterable[Span]:
        """Return a step that no task run exists of: that of a plan."""
        inner = self.opened.get(path)
        step = None if inner is None else inner.steps.get(step_id)
        name = clean_line(step_id)
        cells, styles = look.columns.name, look.styles
        yield f"{sign(TaskState.PENDING)} ", styles.faint
        yield fit(shorten(name, cells), cells) + " ", styles.muted
        if look.columns.why and step is not None and step.name != step_id:
            why = clean_line(step.name)
            yield why, styles.faint
