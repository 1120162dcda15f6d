"""The inputs of a step as they are shown. Pure."""

from collections.abc import Mapping
from typing import Any, Final

_WRITTEN_OUT: Final = {"mission", "values", "env"}
"""The parameters of a group."""


def inputs_for_people(inputs: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return the inputs of a step; of a group what its file says, in short.

    These are the ids of its steps, and the values that `with` and `env` have given them.
    """
    mission = None if inputs is None else inputs.get("mission")
    steps = mission.get("steps") if isinstance(mission, Mapping) else None
    if inputs is None or not isinstance(steps, list) or not inputs.keys() <= _WRITTEN_OUT:
        return inputs
    ids = [step.get("id") for step in steps if isinstance(step, Mapping)]
    given = {"with": inputs.get("values"), "env": inputs.get("env")}
    return {"steps": ids, **{key: value for key, value in given.items() if value}}
