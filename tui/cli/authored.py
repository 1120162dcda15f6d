"""The mission an execution was made from, read again from where it is stored."""

from core.errors import MissionDeckError
from core.model import Execution, Mission
from core.ports import Reader


def mission_of(reader: Reader, execution: Execution) -> Mission | None:
    """Return the mission, or None when this version cannot read it any more.

    A step type may have been uninstalled since; what was recorded can still be shown.
    """
    from core.spec.load import load_mission

    try:
        source = reader.mission_source(execution.mission_digest)
        name = execution.source_path or execution.mission_name
        return load_mission(source.content, name=name, fmt=source.format).mission
    except MissionDeckError:
        return None
