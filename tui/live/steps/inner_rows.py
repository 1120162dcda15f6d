"""The rows of sub-missions that are open in the list of steps, below the step that runs each. Pure.

Within a sub-mission the rows are sorted and folded as those of the run are.
"""

from collections.abc import Iterable, Iterator, Mapping, Set
from typing import NamedTuple

from tui.live.board import Board
from tui.live.steps.inner_missions import InnerMission
from tui.live.steps.step_path import joined
from tui.live.steps.step_rows import Row, holder_of, step_rows


class Inside(NamedTuple):
    """A row within the sub-mission at `path`; without a `row`, the title of that sub-mission."""

    path: str
    row: Row | None = None


ListRow = Row | Inside
"""Any row of the list."""


def path_of(row: ListRow) -> str | None:
    """Return the path of the step of a row; None of what stands for several or is a title."""
    if isinstance(row, str):
        return row
    if isinstance(row, Inside) and isinstance(row.row, str):
        return joined(row.path, row.row)
    return None


def with_inner(
    rows: Iterable[Row],
    inner: Mapping[str, InnerMission],
    boards: Mapping[str, Board],
    opened: Set[ListRow],
    at: ListRow | None,
) -> Iterator[ListRow]:
    """Yield the rows of the run with those of its open sub-missions; `at` has one in any case."""
    for row in rows:
        yield row
        if isinstance(row, str) and row in inner:
            yield from _rows_of(row, inner, boards, opened, at)


def _rows_of(
    path: str,
    inner: Mapping[str, InnerMission],
    boards: Mapping[str, Board],
    opened: Set[ListRow],
    at: ListRow | None,
) -> Iterator[ListRow]:
    yield Inside(path)
    board = boards.get(path)
    rows: Iterable[Row] = inner[path].steps
    if board is not None:
        is_here = isinstance(at, Inside) and at.path == path
        shown = at.row if is_here and isinstance(at, Inside) else None
        own = {one.row for one in opened if isinstance(one, Inside) and one.path == path}
        rows = step_rows(
            board,
            {row for row in own if row is not None},
            shown if isinstance(shown, str) and shown in board.tasks else None,
        )
    for row in rows:
        yield Inside(path, row)
        if isinstance(row, str) and (below := joined(path, row)) in inner:
            yield from _rows_of(below, inner, boards, opened, at)


def inner_holder_of(
    boards: Mapping[str, Board], inside: Inside, opened: Set[ListRow]
) -> Inside | None:
    """Return the row that opens and closes a row, or what it is in, within its sub-mission."""
    board, row = boards.get(inside.path), inside.row
    if board is None or row is None or (isinstance(row, str) and row not in board.tasks):
        return None
    own = {one.row for one in opened if isinstance(one, Inside) and one.path == inside.path}
    holder = holder_of(board, row, {one for one in own if one is not None})
    return None if holder is None else Inside(inside.path, holder)
