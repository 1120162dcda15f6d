"""Finds the task runs of one step in the earlier executions of its mission.

No index holds the steps of all executions by name, because writing it would cost every step of a
run. A step has the same position in all executions of the same mission file, so that its row in
each of them is found by its key: a position is searched once per version of the file.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from core.domain.reasons import Reason
from core.domain.records import TaskRun
from storage.rows import codec
from storage.rows.codec import POSITION_BITS

# ruff: noqa: S608 - statements are put together from constants of this package alone

MAX_EXECUTIONS = 1_000
"""How many earlier executions are looked into at most, the newest first."""
MAX_VERSIONS = 20
"""Of how many versions of the mission file the position of the step is searched."""
MAX_EXECUTIONS_FOR_ITEMS = 20
"""The items of a fan-out are found by their value: all task runs of an execution are read."""
ROWS_AT_ONCE = 50

MAX_EXECUTIONS_OF_ITEMS = 20_000
"""Among how many earlier executions those are searched that the same item of a fan-out made."""

_EARLIER = """
SELECT id, execution_id, mission_digest FROM execution
WHERE mission_name = ? AND id < ? ORDER BY id DESC LIMIT ?
"""
_EARLIER_OF_ITEM = f"""
SELECT id, execution_id, mission_digest FROM (
  SELECT id, execution_id, mission_digest, parent_task_id FROM execution
  WHERE mission_name = ? AND id < ? ORDER BY id DESC LIMIT {MAX_EXECUTIONS_OF_ITEMS}
) WHERE parent_task_id = ? LIMIT ?
"""
_STEP = "SELECT id FROM task_run WHERE id BETWEEN ? AND ? AND task_id = ? LIMIT 1"
_ITEM = """
SELECT id FROM task_run WHERE id BETWEEN ? AND ? AND parent_task_id = ? AND item IS ? LIMIT 1
"""
_COLUMNS = codec.names(codec.TASK_RUN_READ + codec.TASK_RUN_FAILURE)
_TASK_RUN = f"SELECT id, {_COLUMNS} FROM task_run"
_HAS_RUN = f"reason_code NOT IN ('{Reason.REUSED.value}', '{Reason.SET_BY_HAND.value}')"


class HistoryQuery(Struct, frozen=True, kw_only=True):
    """Which task runs are wanted: of the step of `task`, in executions before `row_id`."""

    row_id: int
    mission_name: str
    mission_digest: str
    task: TaskRun
    made_by_item: str | None = None
    """The item of a fan-out that has made the execution: only what the same item made counts."""
    states: Sequence[str]
    """The states that are wanted; empty for all."""
    limit: int


def earlier_task_runs(connection: sqlite3.Connection, query: HistoryQuery) -> list[TaskRun]:
    """Return the task runs, the newest first, without inputs and outputs, with brief errors."""
    is_item = query.task.parent_task_id is not None
    most = MAX_EXECUTIONS_FOR_ITEMS if is_item else MAX_EXECUTIONS
    values = (codec.text(query.mission_name), query.row_id)
    if query.made_by_item is None:
        executions = connection.execute(_EARLIER, (*values, most)).fetchall()
    else:
        made_by = codec.text(query.made_by_item)
        executions = connection.execute(_EARLIER_OF_ITEM, (*values, made_by, most)).fetchall()
    names = {row_id: execution_id for row_id, execution_id, _digest in executions}
    keys = _item_keys(connection, query, names) if is_item else _keys(connection, query, executions)
    found: list[TaskRun] = []
    part: list[int] = []
    for key in keys:
        part.append(key)
        if len(part) == ROWS_AT_ONCE:
            found += _read(connection, query, part, names)
            part = []
        if len(found) >= query.limit:
            break
    found += _read(connection, query, part, names)
    return found[: query.limit]


def _keys(
    connection: sqlite3.Connection, query: HistoryQuery, executions: Sequence[Any]
) -> Iterator[int]:
    """Yield the row ids that a step has in the executions, where it has one."""
    positions: dict[str, int | None] = {query.mission_digest: query.task.position}
    for row_id, _execution_id, digest in executions:
        if digest not in positions:
            if len(positions) == MAX_VERSIONS:
                continue
            name = codec.text(query.task.task_id)
            row = connection.execute(_STEP, (*_range(row_id), name)).fetchone()
            positions[digest] = None if row is None else row[0] - (row_id << POSITION_BITS)
        position = positions[digest]
        if position is not None:
            yield (row_id << POSITION_BITS) + position


def _item_keys(
    connection: sqlite3.Connection, query: HistoryQuery, names: dict[int, str]
) -> Iterator[int]:
    """Yield the row ids of the items of the same fan-out step with the same value."""
    parent, item = codec.text(query.task.parent_task_id), codec.json_text(query.task.item)
    for row_id in names:
        row = connection.execute(_ITEM, (*_range(row_id), parent, item)).fetchone()
        if row is not None:
            yield row[0]


def _read(
    connection: sqlite3.Connection, query: HistoryQuery, keys: Sequence[int], names: dict[int, str]
) -> list[TaskRun]:
    marks = ", ".join("?" * len(keys))
    wanted = f" AND state IN ({', '.join('?' * len(query.states))})" if query.states else ""
    rows = connection.execute(
        f"{_TASK_RUN} WHERE id IN ({marks}) AND {_HAS_RUN}{wanted} ORDER BY id DESC",
        (*keys, *query.states),
    )
    return [codec.task_run_of(names[key >> POSITION_BITS], row) for key, *row in rows]


def _range(row_id: int) -> tuple[int, int]:
    first = row_id << POSITION_BITS
    return first, first + (1 << POSITION_BITS) - 1
