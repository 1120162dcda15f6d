"""Which rows the list of steps has, and which of them are folded. Pure.

A fan-out is one row: below it are its items that need someone or have failed, and all others once
it is opened. Many failures with the same error, and many steps that are queued or have ended, are
one row each until they are opened.
"""

from collections.abc import Iterator, Sequence, Set
from typing import NamedTuple

from tui.live.board import Board
from tui.live.steps.bucket import FOLDED, Bucket
from tui.live.steps.fan_out import FanOut

MAX_UNFOLDED = 10
"""Up to this many steps or items of a state that folds are rows of their own."""
MAX_UNFOLDED_ALIKE = 200
"""Up to this many steps, a state that all steps are in is not folded."""


class Fold(NamedTuple):
    """The row of many steps in one bucket; with `parent`, of the items of that fan-out."""

    bucket: Bucket
    parent: str | None = None


class Alike(NamedTuple):
    """The row of the failed items of a fan-out with the same error."""

    parent: str
    key: str


Row = str | Fold | Alike
"""A step or an item by its task id, or what stands for several of them."""


def step_rows(board: Board, opened: Set[Row], shown: str | None) -> list[Row]:
    """Return the rows by urgency; `shown` has a row even where it would be folded away.

    `opened` are the rows that were opened; a fan-out step is opened by its own row.
    """
    rows: list[Row] = []
    holder = None if shown is None else board.tasks[shown].parent_task_id or shown
    for bucket in Bucket:
        members = board.row_members(bucket)
        if not members:
            continue
        if folds(board, bucket):
            fold = Fold(bucket)
            rows.append(fold)
            if fold not in opened:
                members = [holder] if holder and board.row_bucket(holder) is bucket else []
        if not board.fan_outs:
            rows.extend(members)
            continue
        for task_id in members:
            rows.append(task_id)
            fan_out = board.fan_outs.get(task_id)
            if fan_out is not None:
                inside = shown if holder == task_id != shown else None
                rows.extend(_item_rows(board, task_id, fan_out, opened, inside))
    return rows


def folds(board: Board, bucket: Bucket) -> bool:
    """Tell whether the steps of a bucket are many enough for a row that stands for them."""
    size = len(board.row_members(bucket))
    is_all = size == board.row_total and size <= MAX_UNFOLDED_ALIKE
    return bucket in FOLDED and size > MAX_UNFOLDED and not is_all


def holder_of(board: Board, row: Row, opened: Set[Row]) -> Row | None:
    """Return the row that opens and closes a row, or what it is in; None if nothing does."""
    if not isinstance(row, str) or row in board.fan_outs:
        return row
    parent = board.tasks[row].parent_task_id
    if parent is None:
        bucket = board.row_bucket(row)
        return Fold(bucket) if folds(board, bucket) else None
    fan_out = board.fan_outs[parent]
    place = board.positions[row]
    alike = fan_out.failures_of(place)
    if alike is not None and alike.is_one_row:
        return Alike(parent, alike.key)
    fold = Fold(fan_out.items.of(place), parent)
    return fold if parent in opened and _folds_items(fan_out, fold.bucket) else parent


def _item_rows(
    board: Board, parent: str, fan_out: FanOut, opened: Set[Row], shown: str | None
) -> Iterator[Row]:
    """Yield the rows below a fan-out; `shown` is the item that has one in any case."""
    at = None if shown is None else fan_out.items.of(board.positions[shown])
    for bucket in Bucket:
        members = fan_out.items.members(bucket)
        if not members:
            continue
        inside = [shown] if shown is not None and at is bucket else []
        if bucket is Bucket.FAILED:
            yield from _failed_rows(parent, fan_out, opened, shown)
        elif bucket is Bucket.NEEDS_YOU:
            yield from members
        elif parent not in opened:
            yield from inside
        elif not _folds_items(fan_out, bucket):
            yield from members
        else:
            fold = Fold(bucket, parent)
            yield fold
            yield from members if fold in opened else inside


def _failed_rows(
    parent: str, fan_out: FanOut, opened: Set[Row], shown: str | None
) -> Iterator[Row]:
    for alike in fan_out.failures():
        found: Sequence[str] = alike.task_ids
        if alike.is_one_row:
            row = Alike(parent, alike.key)
            yield row
            if row not in opened:
                found = [shown] if shown is not None and shown in found else []
        yield from found


def _folds_items(fan_out: FanOut, bucket: Bucket) -> bool:
    return bucket in FOLDED and fan_out.items.size_of(bucket) > MAX_UNFOLDED
