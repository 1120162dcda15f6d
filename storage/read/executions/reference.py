"""Resolves references to executions: id, unique prefix, `NAME#7`, a mission's name, `@last`."""

import sqlite3
from collections.abc import Sequence
from typing import Any

from core.domain.mission import workflow_id_of
from core.domain.states import ExecutionState
from core.errors import AmbiguousError, NotFoundError
from core.launch.run_number import MARK, parse_run_reference, run_reference
from core.value.suggestion import did_you_mean

MIN_SHORT_CHARACTERS = 8
LAST = "@last"
LAST_FAILED = "@last-failed"
_SHOWN = 5
_SELECT = "SELECT id, execution_id, mission_name, run_number, state FROM execution "
_NEWEST = "ORDER BY id DESC LIMIT 1"
_BELOW = "substr(coalesce(source_path, working_dir) || '/', 1, length(?)) = ?"

Row = tuple[int, str, str, int | None, str]


def resolve(connection: sqlite3.Connection, reference: str, folder: str | None = None) -> int:
    """Return the row id of the execution that `reference` names.

    Tried in this order: `@last` (the newest that is not a sub-mission), `@last-failed` (the newest
    such FAILED one), a full id, `NAME#7`, a mission's exact name (its newest run; a sub-mission
    only if the mission never ran by itself), a unique prefix of an id. With `folder`, both `@`
    references prefer missions in or below it. Raises `NotFoundError`, `AmbiguousError`.
    """
    if reference in (LAST, LAST_FAILED):
        return _newest(connection, reference, folder)
    text = reference.encode("utf-8", "replace").decode()
    found = _rows(connection, "WHERE execution_id = ?", text.lower())
    if not found and (run := parse_run_reference(text)) is not None:
        return _numbered(connection, *run)
    found = found or _rows(
        connection,
        "WHERE mission_name = ? ORDER BY parent_execution_id IS NOT NULL, id DESC LIMIT 1",
        text,
    )
    if not found and text:
        found = _rows(
            connection,
            f"WHERE execution_id >= ? AND execution_id < ? ORDER BY id DESC LIMIT {_SHOWN + 1}",
            text.lower(),
            text.lower() + "\U0010ffff",
        )
    if len(found) == 1:
        return found[0][0]
    if found:
        raise _ambiguous(connection, reference, found)
    raise _pruned(connection, reference) or _not_found(connection, reference)


def shorten(connection: sqlite3.Connection, execution_ids: Sequence[str]) -> dict[str, str]:
    """Return the shortest unique prefix of each id, at least 8 characters long."""
    short = {}
    for execution_id in execution_ids:
        neighbours = connection.execute(
            "SELECT (SELECT max(execution_id) FROM execution WHERE execution_id < :id), "
            "(SELECT min(execution_id) FROM execution WHERE execution_id > :id)",
            {"id": execution_id},
        ).fetchone()
        length = max(
            MIN_SHORT_CHARACTERS,
            *(_common(execution_id, other) + 1 for other in neighbours if other),
            0,
        )
        if execution_id[length - 1 : length] == "-":
            length += 1
        short[execution_id] = execution_id[:length]
    return short


def _newest(connection: sqlite3.Connection, reference: str, folder: str | None) -> int:
    where = "WHERE parent_execution_id IS NULL"
    if reference == LAST_FAILED:
        where += f" AND state = '{ExecutionState.FAILED.value}'"
    found: list[Row] = []
    if folder is not None:
        inside = f"{folder.rstrip('/')}/".encode("utf-8", "replace").decode()
        found = _rows(connection, f"{where} AND {_BELOW} {_NEWEST}", inside, inside)
    found = found or _rows(connection, f"{where} {_NEWEST}")
    if not found:
        what = "no execution has failed" if reference == LAST_FAILED else "there are no executions"
        raise NotFoundError(f"{what} yet", hint="start one with `mission run FILE`")
    return found[0][0]


def _numbered(connection: sqlite3.Connection, name: str, number: int) -> int:
    if MARK in name:
        raise NotFoundError(
            f"{name}{MARK}{number} names no execution: a mission whose name contains `{MARK}` "
            "cannot be referred to by number",
            hint="`mission ls` lists the ids of its executions",
        )
    where = "WHERE workflow_id = ? AND run_number "
    workflow_id = workflow_id_of(name)
    found = _rows(connection, f"{where} = ?", workflow_id, number)
    if found:
        return found[0][0]
    newest = _rows(connection, f"{where} IS NOT NULL ORDER BY run_number DESC LIMIT 1", workflow_id)
    if not newest:
        raise _pruned(connection, f"{name}{MARK}{number}") or _not_found(connection, name)
    if (gone := _pruned(connection, f"{name}{MARK}{number}")) is not None:
        raise gone
    raise NotFoundError(
        f"the mission {name!r} has no run number {number}",
        hint=f"its newest is {_name(newest[0])}",
    )


def _rows(connection: sqlite3.Connection, where: str, *values: Any) -> list[Row]:
    return connection.execute(_SELECT + where, values).fetchall()


def _name(row: Row) -> str:
    return run_reference(row[2], row[3]) or row[2]


def _ambiguous(
    connection: sqlite3.Connection, reference: str, found: Sequence[Row]
) -> AmbiguousError:
    shown = found[:_SHOWN]
    short = shorten(connection, [row[1] for row in shown])
    names = ", ".join(f"{short[row[1]]} ({_name(row)}, {row[4]})" for row in shown)
    more = "" if len(found) <= _SHOWN else " and more"
    return AmbiguousError(
        f"{reference!r} matches several executions: {names}{more}",
        hint="give more characters of the id, or NAME#NUMBER",
    )


def _pruned(connection: sqlite3.Connection, reference: str) -> NotFoundError | None:
    from storage.read.prune_mark import pruned_error  # rarely needed, and it loads the audit format

    return pruned_error(connection, reference)


def _not_found(connection: sqlite3.Connection, reference: str) -> NotFoundError:
    names = [row[0] for row in connection.execute("SELECT DISTINCT mission_name FROM execution")]
    names += [LAST, LAST_FAILED]
    hint = did_you_mean(reference, names) or "`mission ls` lists the executions"
    return NotFoundError(f"there is no execution {reference!r}", hint=hint)


def _common(one: str, other: str) -> int:
    for index, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return index
    return min(len(one), len(other))
