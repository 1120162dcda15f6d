"""Which breakpoints an execution takes: steps of its mission, and `STEP/STEP` of a sub-mission."""

from collections.abc import Sequence
from pathlib import Path

from core.domain.events import dump_json
from core.domain.mission import Mission, MissionStep
from core.errors import MissionDeckError, UsageError
from core.expression.template import has_template
from core.launch.order import Order
from core.mission_file.load import load_mission
from core.step_type.registry import SUB_MISSION_TYPES
from core.value.suggestion import did_you_mean

_SEPARATOR = "/"
"""Between a step that runs a mission and a step of that mission; ids of steps have none."""


def breakpoints_of(order: Order, names: Sequence[str]) -> tuple[str, ...]:
    """Return the breakpoints that a launch asks for, each once.

    Raises `UsageError` for a step that does not exist, that is not run, or that has none. Steps of
    a sub-mission whose file is known only at run time are not checked.
    """
    folder = Path.cwd() if order.source_path is None else Path(order.source_path).parent
    left_out = order.unselected | order.reuse.keys() | order.set_by_hand
    for name in names:
        _require_known(order.mission, name, folder)
        step_id = name.partition(_SEPARATOR)[0]
        if step_id in left_out:
            raise UsageError(
                f"there is nothing to pause before: `{step_id}` is not started in this run",
                hint="give --break a step that this run does not leave out",
            )
    return tuple(dict.fromkeys(names))


def breakpoints_within(breakpoints: Sequence[str] | None, step_id: str) -> tuple[str, ...] | None:
    """Return those of the breakpoints that are for the sub-mission of a step, None for none."""
    front = step_id + _SEPARATOR
    within = (name.removeprefix(front) for name in breakpoints or () if name.startswith(front))
    return tuple(within) or None


def _require_known(mission: Mission, name: str, folder: Path) -> None:
    step_id, separator, rest = name.partition(_SEPARATOR)
    if any(step.id == step_id for step in mission.handlers.all):
        raise UsageError(
            f"`{step_id}` is a handler: handlers have no breakpoints",
            hint="give --break the last step before it",
        )
    steps = {step.id: step for step in mission.steps}
    step = steps.get(step_id)
    if step is None:
        raise UsageError(
            f"the mission has no step `{step_id}`", hint=did_you_mean(step_id, list(steps))
        )
    if not separator:
        return
    if step.step_type not in SUB_MISSION_TYPES:
        raise UsageError(f"`{step_id}` runs no mission with a step `{rest}`")
    path = None if step.step_type == "group" else folder / str(step.parameters.get("file", ""))
    inner = _mission_of(step, path)
    if inner is not None:
        _require_known(inner, rest, folder if path is None else path.parent)


def _mission_of(step: MissionStep, path: Path | None) -> Mission | None:
    """Return the mission that a step runs; None where that cannot be known yet.

    What is wrong with its file is told by the step itself.
    """
    if path is None:
        content = dump_json(step.parameters["mission"]).encode()
        return load_mission(content, name=f"the steps of {step.id}", fmt="json").mission
    if has_template(str(path)):
        return None
    try:
        return load_mission(path).mission
    except MissionDeckError:
        return None
