"""Evaluates the items of a fan-out step: the list of `foreach`, or the product of `matrix`.

`include` and `exclude` of a matrix follow the rules of GitHub Actions.
"""

from collections.abc import Mapping
from itertools import product
from typing import Any

from core.domain.events import dump_json
from core.domain.mission import MATRIX_EXCLUDE, MATRIX_INCLUDE, MissionStep
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


def _matrix(matrix: Mapping[str, Any], scope: Mapping[str, Any]) -> list[Any]:
    special = (MATRIX_INCLUDE, MATRIX_EXCLUDE)
    axes = {name: values for name, values in matrix.items() if name not in special}
    found = _product(axes, scope) if axes else []
    left_out = _entries(matrix, MATRIX_EXCLUDE, scope)
    if left_out:
        found = [one for one in found if not any(_matches(one, entry) for entry in left_out)]
    return _with_included(found, _entries(matrix, MATRIX_INCLUDE, scope), frozenset(axes))


def _with_included(
    combinations: list[dict[str, Any]], entries: list[Mapping[str, Any]], axes: frozenset[str]
) -> list[dict[str, Any]]:
    """Extend each combination that an entry agrees with on all axes; else add the entry as one.

    What an entry adds may be replaced by a later one; a value of an axis never is.
    """
    result = [dict(one) for one in combinations]
    for entry in entries:
        of_axes = {name: value for name, value in entry.items() if name in axes}
        agreeing = [
            extended
            for extended, one in zip(result, combinations, strict=False)
            if _matches(one, of_axes)
        ]
        for extended in agreeing:
            extended |= entry
        if not agreeing:
            result.append(dict(entry))
    return result


def _matches(combination: Mapping[str, Any], entry: Mapping[str, Any]) -> bool:
    return all(
        name in combination and dump_json(combination[name]) == dump_json(value)
        for name, value in entry.items()
    )


def _entries(
    matrix: Mapping[str, Any], key: str, scope: Mapping[str, Any]
) -> list[Mapping[str, Any]]:
    found = _rendered(f"matrix.{key}", matrix.get(key) or [], scope)
    if not isinstance(found, list | tuple) or not all(
        isinstance(one, Mapping) and one for one in found
    ):
        raise ItemsError(f"matrix.{key} must give a list of mappings of names to values")
    return list(found)


def _product(axes: Mapping[str, Any], scope: Mapping[str, Any]) -> list[dict[str, Any]]:
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
