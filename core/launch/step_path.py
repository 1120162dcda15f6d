"""Names of steps within the missions that steps run: `STEP`, `STEP/STEP`, and so on."""

from collections.abc import Iterable
from pathlib import Path

from core.domain.mission import Mission, MissionStep
from core.errors import MissionDeckError, NotFoundError
from core.step_type.registry import SUB_MISSION_TYPES

SEPARATOR = "/"
"""Between a step that runs a mission and a step of that mission; ids of steps have none."""


def require_step_path(mission: Mission, name: str, folder: Path) -> None:
    """Raise `NotFoundError` unless `name` is a step of the mission or of one that it runs.

    `folder` is that of the mission file. Steps of a sub-mission whose file is known only at run
    time are not checked.
    """
    step_id, separator, rest = name.partition(SEPARATOR)
    steps = {step.id: step for step in mission.steps}
    step = steps.get(step_id)
    if step is None:
        from core.value.suggestion import did_you_mean  # most commands take the separator alone

        raise NotFoundError(
            f"the mission has no step `{step_id}`", hint=did_you_mean(step_id, list(steps))
        )
    if not separator:
        return
    if step.step_type not in SUB_MISSION_TYPES:
        raise NotFoundError(f"`{step_id}` runs no mission with a step `{rest}`")
    from core.mission_file.inner_mission import GROUP

    path = None if step.step_type == GROUP else folder / str(step.parameters.get("file", ""))
    inner = _mission_of(step, path)
    if inner is not None:
        require_step_path(inner, rest, folder if path is None else path.parent)


def names_within(names: Iterable[str] | None, step_id: str) -> tuple[str, ...]:
    """Return those of the names that are for the sub-mission of a step, as they are there."""
    front = step_id + SEPARATOR
    return tuple(name.removeprefix(front) for name in names or () if name.startswith(front))


def _mission_of(step: MissionStep, path: Path | None) -> Mission | None:
    """Return the mission that a step runs; None where that cannot be known yet.

    What is wrong with its file is told by the step itself.
    """
    from core.expression.template import has_template
    from core.mission_file.inner_mission import inner_mission
    from core.mission_file.load import load_mission

    if path is None:
        return inner_mission(step)
    if has_template(str(path)):
        return None
    try:
        return load_mission(path).mission
    except MissionDeckError:
        return None
