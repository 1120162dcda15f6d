"""Lets a default hold for a whole path: `steps.ask.output.inputs.size|default(2)`.

minijinja takes the default of the last name alone: that `inputs` is missing would be an error.
"""

from collections.abc import Mapping
from typing import Any

from core.expression.template import Reference, Template


def with_optional_paths(template: Template, names: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the names with an empty mapping where a reference that may be undefined has a gap.

    A gap that the template names itself, as in `x.y is defined`, stays one.
    """
    for reference in template.optional:
        gap = _gap(reference, names)
        if gap is None:
            continue
        inner = {reference[:end] for end in range(gap + 1, len(reference))}
        if not inner & template.references:
            names = _bridged(names, reference[:-1], gap)
    return names


def _gap(reference: Reference, names: Mapping[str, Any]) -> int | None:
    """Return the place of the first name that is missing, if it is within the path."""
    value: Any = names
    for index, name in enumerate(reference[:-1]):
        if not isinstance(value, Mapping):
            return None
        if name not in value:
            return index or None  # the first name is never optional
        value = value[name]
    return None


def _bridged(names: Mapping[str, Any], path: Reference, gap: int) -> dict[str, Any]:
    """Return a copy in which mappings lead to the end of the path; it has them before the gap."""
    if not path:
        return {}
    inner = names[path[0]] if gap else {}
    return {**names, path[0]: _bridged(inner, path[1:], max(0, gap - 1))}
