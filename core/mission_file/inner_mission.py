"""The steps of a group as a mission of their own, as far as they are known before it starts."""

from core.domain.events import dump_json
from core.domain.mission import Mission, MissionStep
from core.mission_file.load import load_mission

GROUP = "group"


def inner_mission(step: MissionStep) -> Mission | None:
    """Return the mission that a group runs, with the templates of `with` as they are.

    None if it is not valid, which the check of the mission around it tells.
    """
    inner = step.parameters["mission"]
    variables = {**inner.get("variables", {}), **step.parameters.get("values", {})}
    content = dump_json({**inner, "variables": variables}).encode()
    return load_mission(content, name=f"the steps of {step.id}", fmt="json").mission
