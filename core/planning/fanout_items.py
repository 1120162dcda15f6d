"""Evaluates the items of a fan-out step: the list of `foreach`, or the product of `matrix`."""

from collections.abc import Mapping
from itertools import product
from typing import Any

from core.domain.mission import MissionStep
from core.expression.evaluate import ExpressionError, TemplateSyntaxError, has_template, render

MAX_ITEMS = 10_000
"""Items that one step may fan out to."""


class ItemsError(Exception):
    """Raised when `foreach` or `matrix` does not give a list of at most `MAX_ITEMS` items."""


def items_of(step: MissionStep, scope: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the items of `step`, in order; those of a matrix are objects, last key fastest."""
    items = _matrix(step.matrix, scope) if step.matrix is not None else _foreach(step, scope)
    if len(items) > MAX_ITEMS:
        raise ItemsError(f"{len(items):,} items; at most {MAX_ITEMS:,} are allowed")
    return tuple(items)


def _foreach(step: MissionStep, scope: Mapping[str, Any]) -> list[Any]:
    found = _rendered("foreach", step.foreach, scope)
    if isinstance(found, Mapping):
        return [{"key": key, "value": value} for key, value in found.items()]
    if not isinstance(found, list | tuple):
        raise ItemsError(f"foreach must give a list, not {type(found).__name__}")
    return list(found)


def _matrix(axes: Mapping[str, Any], scope: Mapping[str, Any]) -> list[Any]:
    lists: list[list[Any]] = []
    count = 1
    for name, values in axes.items():
        found = _rendered(f"matrix.{name}", values, scope)
        if not isinstance(found, list | tuple):
            raise ItemsError(f"matrix.{name} must give a list, not {type(found).__name__}")
        lists.append(list(found))
        count *= len(found)
    if count > MAX_ITEMS:
        raise ItemsError(f"{count:,} combinations; at most {MAX_ITEMS:,} are allowed")
    return [dict(zip(axes, values, strict=True)) for values in product(*lists)]


def _rendered(where: str, value: Any, scope: Mapping[str, Any]) -> Any:
    try:
        return render(value, scope) if has_template(value) else value
    except (ExpressionError, TemplateSyntaxError) as error:
        raise ItemsError(f"{where}: {error}") from error
