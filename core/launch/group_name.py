"""The name of an execution's concurrency group, its templates resolved."""

from collections.abc import Mapping
from typing import Any

from core.domain.mission import Mission
from core.errors import UsageError
from core.expression.evaluate import ExpressionError, render
from core.expression.template import has_template


def group_of(mission: Mission, params: Mapping[str, Any]) -> str | None:
    """Return the group of an execution with these parameters, None for a mission without one.

    Raises `UsageError` for a name that cannot be resolved.
    """
    if mission.concurrency is None:
        return None
    name = mission.concurrency.group
    if not has_template(name):
        return name
    scope = {
        "params": dict(params),
        "vars": dict(mission.variables),
        "mission": {"name": mission.name},
    }
    try:
        found = str(render(name, scope)).strip()
    except ExpressionError as error:
        raise UsageError(f"`concurrency.group` of the mission: {error}") from error
    if not found:
        raise UsageError(f"`concurrency.group` of the mission is empty: {name}")
    return found
