"""How people name executions: full id, unique prefix, `@last`, `@last-failed`, a mission's name."""

import sqlite3
from collections.abc import Sequence

from core.errors import AmbiguousError, NotFoundError
from core.states import ExecutionState

MIN_SHORT = 8
_SHOWN = 5
_SELECT = "SELECT id, execution_id, mission_name, state FROM execution "
_LAST = "ORDER BY id DESC LIMIT 1"

Row = tuple[int, str, str, str]


def resolve(connection: sqlite3.Connection, reference: str) -> int:
    """Return the row id of the execution that `reference` names.

    In this order: `@last`, `@last-failed` (the newest FAILED), a full id, a mission's exact name
    (its newest execution), a prefix only one id has. Raises `NotFoundError`, `AmbiguousError`.
    """
    if reference.startswith("@"):
        return _resolve_symbol(connection, reference)
    text = reference.encode("utf-8", "replace").decode()
    found = _rows(connection, "WHERE execution_id = ?", text.lower())
    found = found or _rows(connection, f"WHERE mission_name = ? {_LAST}", text)
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
    raise _not_found(connection, reference)


def shorten(connection: sqlite3.Connection, execution_ids: Sequence[str]) -> dict[str, str]:
    """Return the shortest prefix of each id, at least 8 characters, that no other id has."""
    short = {}
    for execution_id in execution_ids:
        neighbours = connection.execute(
            "SELECT (SELECT max(execution_id) FROM execution WHERE execution_id < ?1), "
            "(SELECT min(execution_id) FROM execution WHERE execution_id > ?1)",
            (execution_id,),
        ).fetchone()
        length = max(
            MIN_SHORT, *(_common(execution_id, other) + 1 for other in neighbours if other), 0
        )
        if execution_id[length - 1 : length] == "-":
            length += 1
        short[execution_id] = execution_id[:length]
    return short


def _resolve_symbol(connection: sqlite3.Connection, reference: str) -> int:
    if reference == "@last":
        found = _rows(connection, _LAST)
    elif reference == "@last-failed":
        found = _rows(connection, f"WHERE state = ? {_LAST}", ExecutionState.FAILED.value)
    else:
        raise NotFoundError(f"{reference} names nothing", hint="there are @last and @last-failed")
    if not found:
        what = "no execution has failed" if "failed" in reference else "there are no executions"
        raise NotFoundError(f"{what} yet", hint="start one with `mission run FILE`")
    return found[0][0]


def _rows(connection: sqlite3.Connection, where: str, *values: str) -> list[Row]:
    return connection.execute(_SELECT + where, values).fetchall()


def _ambiguous(
    connection: sqlite3.Connection, reference: str, found: Sequence[Row]
) -> AmbiguousError:
    shown = found[:_SHOWN]
    short = shorten(connection, [row[1] for row in shown])
    names = ", ".join(f"{short[row[1]]} ({row[2]}, {row[3]})" for row in shown)
    more = "" if len(found) <= _SHOWN else " and more"
    return AmbiguousError(
        f"{reference!r} fits several executions: {names}{more}", hint="give more of the id"
    )


def _not_found(connection: sqlite3.Connection, reference: str) -> NotFoundError:
    import difflib  # only a mistake needs it

    names = [row[0] for row in connection.execute("SELECT DISTINCT mission_name FROM execution")]
    close = difflib.get_close_matches(reference, names, n=3)
    hint = f"did you mean {' or '.join(close)}?" if close else "`mission ls` lists what there is"
    return NotFoundError(f"there is no execution {reference!r}", hint=hint)


def _common(one: str, other: str) -> int:
    for index, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return index
    return min(len(one), len(other))
