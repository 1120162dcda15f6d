"""Evaluates execution queries in memory, as `storage.read.executions.execution_sql` does in SQL."""

import json
from collections import Counter
from collections.abc import Iterable

from core.domain.records import Execution
from core.domain.states import ExecutionState
from core.ports.execution_query import (
    ExecutionField,
    ExecutionOrder,
    ExecutionQuery,
    FieldCondition,
    LabelCondition,
)

_ATTENTION = ("RUNNING", "PAUSED", "PENDING", "FAILED", "CANCELLED", "SUCCESS")


def select(executions: Iterable[Execution], query: ExecutionQuery) -> list[Execution]:
    """Return the page a query asks for of `executions`, which come oldest first."""
    found = _fitting(executions, query)
    found.reverse()

    def spent(one: Execution) -> int:
        return _spent(one, query) or 0

    match query.order:
        case ExecutionOrder.NEWEST:
            found = found[::-1] if query.reverse else found
        case ExecutionOrder.MISSION:
            found.sort(key=lambda one: one.mission_name.casefold(), reverse=query.reverse)
        case ExecutionOrder.STATE:
            found.sort(key=lambda one: _ATTENTION.index(one.state.value), reverse=query.reverse)
        case ExecutionOrder.DURATION:
            found.sort(key=spent, reverse=not query.reverse)
            found.sort(key=lambda one: one.started_at is None)
    return found[query.offset : query.offset + query.limit]


def count(executions: Iterable[Execution], query: ExecutionQuery) -> dict[ExecutionState, int]:
    """Return how many of `executions` the query fits, by state."""
    return dict(Counter(one.state for one in _fitting(executions, query)))


def _fitting(executions: Iterable[Execution], query: ExecutionQuery) -> list[Execution]:
    every = list(executions)
    attended = {id_ for one in every for id_ in (one.retry_of, one.rerun_of)}
    return [
        one
        for one in every
        if _fits(one, query) and not (query.is_unattended and one.execution_id in attended)
    ]


def _fits(one: Execution, query: ExecutionQuery) -> bool:
    if query.parent is not None:
        related = one.parent_execution_id == query.parent
    else:
        related = query.include_children or one.parent_execution_id is None
    text = (
        f"{one.mission_name}#{one.run_number or ''} {one.execution_id} {one.actor} "
        f"{one.state.value} {one.reason_code.value} {one.coverage.value}"
    ).casefold()
    spent = _spent(one, query)
    return (
        related
        and query.mission_name in (None, one.mission_name)
        and (not query.states or one.state in query.states)
        and query.coverage in (None, one.coverage)
        and all(word.casefold() in text for word in query.words)
        and not any(word.casefold() in text for word in query.without)
        and all(_holds(one, condition) for condition in query.fields)
        and all(_is_labelled(one, label) for label in query.labels)
        and (query.ids is None or one.execution_id in query.ids)
        and (query.created_from is None or one.created_at >= query.created_from)
        and (query.created_until is None or one.created_at < query.created_until)
        and (query.longer_than is None or (spent is not None and spent > query.longer_than))
        and (query.shorter_than is None or (spent is not None and spent < query.shorter_than))
    )


def _spent(one: Execution, query: ExecutionQuery) -> int | None:
    if one.started_at is None:
        return None
    return (query.now if one.ended_at is None else one.ended_at) - one.started_at


def _holds(one: Execution, condition: FieldCondition) -> bool:
    part = condition.part.casefold()
    if condition.field is ExecutionField.MISSION:
        found = part in one.mission_name.casefold()
    elif condition.field is ExecutionField.ACTOR:
        found = part in one.actor.casefold()
    elif condition.field is ExecutionField.REASON:
        found = part in one.reason_code.value.casefold()
    else:
        name, equals, wanted = part.partition("=")
        texts = {key.casefold(): _text(value) for key, value in one.params.items()}
        found = (
            wanted in texts.get(name, "\0")
            if equals
            else any(part in key or part in text for key, text in texts.items())
        )
    return found == condition.wanted


def _is_labelled(one: Execution, condition: LabelCondition) -> bool:
    labels = one.labels or {}
    value = labels.get(condition.name)
    found = value is not None and condition.value in (None, value)
    return found == condition.wanted


def _text(value: object) -> str:
    plain = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    return plain.casefold()
