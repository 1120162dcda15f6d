"""Translates `core.ports.execution_query` into SQL: conditions, order and page."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from core.domain.reasons import Reason
from core.domain.states import Coverage, ExecutionState
from core.ports.execution_query import (
    ExecutionField,
    ExecutionOrder,
    ExecutionQuery,
    FieldCondition,
    LabelCondition,
)
from storage.rows import codec

_NAMES = "mission_name || '#' || coalesce(run_number, '') || ' ' || execution_id || ' ' || actor"
"""What words are looked for in, besides columns that hold one of a few words."""
_TEXT = f"{_NAMES} || ' ' || state || ' ' || reason_code || ' ' || coverage"
_FEW_WORDS: Mapping[str, Sequence[str]] = {
    "state": [one.value for one in ExecutionState],
    "reason_code": [one.value for one in Reason],
    "coverage": [one.value for one in Coverage],
}
_COLUMNS = {
    ExecutionField.MISSION: "mission_name",
    ExecutionField.ACTOR: "actor",
    ExecutionField.REASON: "reason_code",
}
_PARAM = """EXISTS (
SELECT 1 FROM json_each(params) AS param WHERE {}
)"""
_PARAM_VALUE = "iif(param.type IN ('true', 'false'), param.type, param.value)"
_LABEL = """EXISTS (
SELECT 1 FROM json_each(labels) AS label WHERE label.key = ? AND (? IS NULL OR label.value = ?)
)"""
_SPENT = "(coalesce(ended_at, ?) - started_at)"
_UNATTENDED = (
    "NOT EXISTS (SELECT 1 FROM execution AS later WHERE later.retry_of = execution.execution_id)"
    " AND NOT EXISTS"
    " (SELECT 1 FROM execution AS later WHERE later.rerun_of = execution.execution_id)"
)
_ATTENTION = (
    "CASE state WHEN 'RUNNING' THEN 0 WHEN 'PAUSED' THEN 1 WHEN 'PENDING' THEN 2"
    " WHEN 'FAILED' THEN 3 WHEN 'CANCELLED' THEN 4 ELSE 5 END"
)


def add_functions(connection: sqlite3.Connection) -> None:
    """Register the functions that the conditions call: SQLite's `lower` handles ASCII only."""
    connection.create_function("casefold", 1, _casefold, deterministic=True)


def page(query: ExecutionQuery) -> tuple[str, list[Any]]:
    """Return what follows `FROM execution` to read the page of a query, and its values.

    The index by state finds few of many. It would lead away from known ids, and where most
    executions are in one of the states away from the order in which the newest are read first.
    Other orders sort all that matches: ids alone, because to sort whole rows takes several times as
    long, and an index may hold all that is asked.
    """
    is_wide = ExecutionState.SUCCESS in query.states and query.order is ExecutionOrder.NEWEST
    state = "+state" if is_wide or query.ids is not None else "state"
    where, values = _conditions(query, state=state)
    order, of_order = _ordering(query)
    limit = [query.limit, query.offset]
    if query.order is ExecutionOrder.NEWEST:  # rows are read in this order, and no more than needed
        return f"{where} {order} LIMIT ? OFFSET ?", [*values, *of_order, *limit]
    chosen = f"SELECT id FROM execution {where} {order} LIMIT ? OFFSET ?"  # noqa: S608 - of constants
    return f"WHERE id IN ({chosen}) {order}", [*values, *of_order, *limit, *of_order]


def every(query: ExecutionQuery) -> tuple[str, list[Any]]:
    """Return what follows `FROM execution` to count what matches a query, and its values."""
    return _conditions(query, state="state")


def _conditions(query: ExecutionQuery, *, state: str) -> tuple[str, list[Any]]:
    found = _Conditions()
    if query.parent is not None:
        found.add("parent_execution_id = ?", query.parent)
    elif not query.include_children:
        found.add("parent_execution_id IS NULL")
    if query.mission_name is not None:
        found.add("mission_name = ?", codec.text(query.mission_name))
    if query.states:
        states = sorted(state.value for state in query.states)
        found.add(f"{state} IN ({', '.join('?' * len(states))})", *states)
    if query.coverage is not None:
        found.add("coverage = ?", query.coverage.value)
    for word in query.words:
        found.word(word, wanted=True)
    for word in query.without:
        found.word(word, wanted=False)
    for condition in query.fields:
        found.field(condition)
    for label in query.labels:
        found.label(label)
    if query.ids is not None:
        found.add("execution_id IN (SELECT value FROM json_each(?))", json.dumps([*query.ids]))
    if query.is_unattended:
        found.add(_UNATTENDED)
    if query.created_from is not None:
        found.add("created_at >= ?", query.created_from)
    if query.created_until is not None:
        found.add("created_at < ?", query.created_until)
    if query.longer_than is not None:
        found.add(f"{_SPENT} > ?", query.now, query.longer_than)
    if query.shorter_than is not None:
        found.add(f"{_SPENT} < ?", query.now, query.shorter_than)
    clause = f"WHERE {' AND '.join(found.texts)}" if found.texts else ""
    if any(label.wanted for label in query.labels):
        clause = f"INDEXED BY execution_labelled {clause}"
    return clause, found.values


def _ordering(query: ExecutionQuery) -> tuple[str, list[Any]]:
    """Return the ORDER BY clause and its values."""
    down, up = ("ASC", "DESC") if query.reverse else ("DESC", "ASC")
    values: Sequence[Any] = ()
    match query.order:
        case ExecutionOrder.NEWEST:
            keys = f"id {down}"
        case ExecutionOrder.MISSION:
            keys = f"casefold(mission_name) {up}, id DESC"
        case ExecutionOrder.STATE:
            keys = f"{_ATTENTION} {up}, id DESC"
        case ExecutionOrder.DURATION:
            keys = f"started_at IS NULL, {_SPENT} {down}, id DESC"
            values = (query.now,)
    return f"ORDER BY {keys}", [*values]


class _Conditions:
    def __init__(self) -> None:
        self.texts: list[str] = []
        self.values: list[Any] = []

    def add(self, text: str, *values: Any) -> None:
        self.texts.append(text)
        self.values += values

    def contains(self, column: str, part: str, *, sign: str = ">") -> None:
        """Require that `part` occurs in a column, or with the sign `=` that it does not."""
        fold = "lower" if part.isascii() else "casefold"
        self.add(f"instr({fold}({column}), ?) {sign} 0", _casefold(codec.text(part)))

    def word(self, part: str, *, wanted: bool) -> None:
        """Require that a word occurs in what is known of an execution, or that it does not.

        The few words that a column may hold are compared here, once. To join all columns to one
        text for every execution takes twice as long.
        """
        folded = _casefold(codec.text(part))
        if " " in folded:  # it may go from one column to the next
            self.contains(_TEXT, part, sign=">" if wanted else "=")
            return
        tests, values = [], []
        for column, words in _FEW_WORDS.items():
            fitting = [one for one in words if folded in one.casefold()]
            if fitting:
                tests.append(f"+{column} IN ({', '.join('?' * len(fitting))})")
                values += fitting
        fold = "lower" if folded.isascii() else "casefold"
        tests.append(f"instr({fold}({_NAMES}), ?) > 0")
        self.add(f"{'' if wanted else 'NOT '}({' OR '.join(tests)})", *values, folded)

    def field(self, condition: FieldCondition) -> None:
        """Add a condition on one of the fields."""
        sign = ">" if condition.wanted else "="
        if condition.field is not ExecutionField.PARAM:
            self.contains(_COLUMNS[condition.field], condition.part, sign=sign)
            return
        name, equals, value = condition.part.partition("=")
        inside = f"instr(casefold({_PARAM_VALUE}), ?) > 0"
        if equals:
            text, values = f"casefold(param.key) = ? AND {inside}", (name, value)
        else:
            text, values = f"instr(casefold(param.key), ?) > 0 OR {inside}", (name, name)
        test = _PARAM.format(text)
        folded = [_casefold(codec.text(one)) for one in values]
        self.add(test if condition.wanted else f"NOT {test}", *folded)

    def label(self, condition: LabelCondition) -> None:
        """Add a condition on a label."""
        value = codec.text(condition.value)
        test = _LABEL if condition.wanted else f"NOT {_LABEL}"
        if condition.wanted:
            self.add("labels IS NOT NULL")  # as the index of those that have any requires
        self.add(test, codec.text(condition.name), value, value)


def _casefold(text: Any) -> Any:
    return text.casefold() if isinstance(text, str) else text
