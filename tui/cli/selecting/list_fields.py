"""The fields of a listed execution: their names, their text, and the order of a list.

They are the names of the JSON of `mission ls`, with a short name for the most common.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from core.domain.records import Execution
from core.domain.states import ExecutionState
from core.errors import UsageError
from core.ports.execution_query import ExecutionOrder
from core.value.duration import duration_text
from core.value.suggestion import did_you_mean
from tui.output import json_shapes
from tui.output.ansi_colours import Palette
from tui.output.json_document import dump
from tui.output.table import Cell, Column, table
from tui.words.safe_text import safe_line

FIELDS = (
    "execution_id",
    "workflow_id",
    "mission_name",
    "run_number",
    "reference",
    "coverage",
    "state",
    "reason_code",
    "message",
    "created_at",
    "started_at",
    "ended_at",
    "updated_at",
    "duration_ms",
    "log_entry_count",
    "counts",
    "item_counts",
    "actor",
    "cancel_requested_at",
    "cancel_requested_by",
    "breaker",
    "breakpoints",
    "params",
    "mission_digest",
    "source_path",
    "working_dir",
    "parent_execution_id",
    "parent_task_id",
    "parent_attempt",
    "retry_of",
    "rerun_of",
    "run_key",
    "labels",
    "title",
    "child_counts",
)
"""All keys of a listed execution in JSON, in their order."""
SHORT_NAMES: Mapping[str, str] = {
    "id": "execution_id",
    "mission": "mission_name",
    "run": "reference",
    "reason": "reason_code",
    "created": "created_at",
    "started": "started_at",
    "ended": "ended_at",
    "took": "duration_ms",
    "who": "actor",
    "parent": "parent_execution_id",
}
"""Short names of fields."""
_ORDERS = {
    "created_at": (ExecutionOrder.NEWEST, True),
    "mission_name": (ExecutionOrder.MISSION, False),
    "state": (ExecutionOrder.STATE, False),
    "duration_ms": (ExecutionOrder.DURATION, True),
}
"""The order of the database for a field, and whether it is reversed to be ascending."""
SORTS = ("created", "mission", "state", "took")
"""The fields a list can be sorted by, by the names that are offered."""
_DIRECTIONS = ("asc", "desc")


def chosen_fields(text: str) -> tuple[str, ...]:
    """Return the names in a list `a,b,c` as they are written; `UsageError` for an unknown one."""
    names = tuple(part.strip() for part in text.split(",") if part.strip())
    if not names:
        raise UsageError("--fields needs at least one name", hint="as in --fields id,state,took")
    for name in names:
        if name not in FIELDS and name not in SHORT_NAMES:
            known = (*SHORT_NAMES, *FIELDS)
            raise UsageError(
                f"--fields: there is no field {name!r}",
                hint=did_you_mean(name, known) or f"fields: {', '.join(known)}",
            )
    return names


def chosen_order(text: str) -> tuple[ExecutionOrder, bool]:
    """Return the order of `FIELD[:asc|desc]`, and whether the order is reversed; `UsageError`."""
    name, colon, direction = text.partition(":")
    field = SHORT_NAMES.get(name, name)
    if field not in _ORDERS:
        hint = did_you_mean(name, (*SORTS, *_ORDERS)) or f"fields to sort by: {', '.join(SORTS)}"
        raise UsageError(f"--sort: cannot sort by {name!r}", hint=hint)
    if colon and direction not in _DIRECTIONS:
        raise UsageError(
            f"--sort: {direction!r} is no direction", hint=f"write {name}:asc or {name}:desc"
        )
    order, is_ascending_reversed = _ORDERS[field]
    return order, is_ascending_reversed is (direction != "desc")


def listed_json(
    one: Execution,
    children: Mapping[str, Mapping[ExecutionState, int]],
    fields: Sequence[str] = (),
) -> dict[str, Any]:
    """Return a listed execution as JSON, or only some fields of it, by their full names."""
    counts = children.get(one.execution_id, {})
    whole = {
        **json_shapes.execution(one),
        "child_counts": {state.value: count for state, count in counts.items()},
    }
    names = [SHORT_NAMES.get(name, name) for name in fields]
    return {name: whole[name] for name in names} if names else whole


def field_table(
    rows: Sequence[Mapping[str, Any]],
    fields: Sequence[str],
    palette: Palette,
    *,
    width: int | None,
) -> list[str]:
    """Return the fields of the executions as a table, headed by the names as they were given."""
    return table(
        [Column(name.upper(), shrink=True) for name in fields],
        [[Cell(_field_text(row, name)) for name in fields] for row in rows],
        palette,
        width=width,
    )


def _field_text(row: Mapping[str, Any], name: str) -> str:
    value = row[SHORT_NAMES.get(name, name)]
    if name == "took" and value is not None:
        return duration_text(value / 1000)
    return _text(value)


def _text(value: Any) -> str:
    """Return a value as one line: nothing for null, `a=1 b=2` for an object."""
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return " ".join(f"{safe_line(str(key))}={_text(one)}" for key, one in value.items())
    return safe_line(value if isinstance(value, str) else dump(value))
