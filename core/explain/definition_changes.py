"""What differs between two versions of a mission, key by key as the file names them. Pure."""

from collections.abc import Mapping
from enum import Enum
from typing import Any

from msgspec import Struct

from core.domain.mission import Mission, MissionStep
from core.explain.change import Aspect, Change, difference, differences

_IDENTITY = frozenset({"id"})
_TOLD_ELSEWHERE = frozenset({"version", "name", "description", "steps", "handlers", "params"})


def step_definition_changes(
    before: MissionStep, after: MissionStep, task_id: str | None = None
) -> list[Change]:
    """Return what differs in the definition of a step, its own keys alone."""
    return _fields(before, after, _IDENTITY, task_id)


def mission_definition_changes(before: Mission, after: Mission) -> list[Change]:
    """Return what differs in the keys of a mission that apply to all its steps.

    These are its configuration, variables, environment and secrets, and the defaults of its
    parameters.
    """
    found = _fields(before, after, _TOLD_ELSEWHERE, None)
    old = {param.name: _plain(param) for param in before.params}
    new = {param.name: _plain(param) for param in after.params}
    return found + differences(Aspect.DEFINITION, old, new, "params.")


def all_definition_changes(before: Mission, after: Mission) -> list[Change]:
    """Return what differs in a mission and in each of its steps, and which steps are new or gone.

    The steps are in the order of the later mission; those that are gone come last.
    """
    found = mission_definition_changes(before, after)
    old = {step.id: step for step in before.all_steps}
    new = {step.id: step for step in after.all_steps}
    for step_id, step in new.items():
        if step_id in old:
            found += step_definition_changes(old[step_id], step, step_id)
        else:
            found.append(Change(aspect=Aspect.DEFINITION, after=step.step_type, task_id=step_id))
    for step_id, step in old.items():
        if step_id not in new:
            found.append(Change(aspect=Aspect.DEFINITION, before=step.step_type, task_id=step_id))
    return found


def _fields(
    before: Struct, after: Struct, left_out: frozenset[str], task_id: str | None
) -> list[Change]:
    found: list[Change] = []
    for name in before.__struct_fields__:
        if name in left_out:
            continue
        old, new = getattr(before, name), getattr(after, name)
        if old is new or old == new:
            continue
        one, other = _plain(old), _plain(new)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            found += differences(Aspect.DEFINITION, one, other, f"{name}.", task_id)
        else:
            found += difference(Aspect.DEFINITION, name, one, other, task_id)
    return found


def _plain(value: Any) -> Any:
    """Return part of a mission as JSON data."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Struct):
        return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value
