"""Where in its file a valid mission says what a step does."""

from collections.abc import Iterable, Mapping

from core.domain.mission import Mission, MissionSource, MissionStep
from core.mission_file.finding.problem import Path
from core.mission_file.finding.source_text import LinePosition, Lines, decode
from core.mission_file.including.joined_source import first_file
from core.mission_file.load import guess_format, locator


def step_paths(mission: Mission) -> dict[str, Path]:
    """Return the path of every step and handler in the data of its file, by id."""
    paths: dict[str, Path] = {step.id: ("steps", index) for index, step in enumerate(mission.steps)}
    handlers = mission.handlers
    groups: Mapping[str, tuple[MissionStep, ...]] = {
        "on_success": handlers.on_success,
        "on_failure": handlers.on_failure,
        "on_cancel": handlers.on_cancel,
        "always": handlers.always,
    }
    for name, steps in groups.items():
        for index, step in enumerate(steps):
            paths[step.id] = ("handlers", name, index)
    return paths


def first_places(
    source: MissionSource, candidates: Iterable[tuple[Path, ...]]
) -> list[LinePosition | None]:
    """Return for each list of paths the position of the first that is in the mission file itself.

    What stands in an included file has none.
    """
    wanted = list(candidates)
    own = first_file(source.content)
    text = decode(own)
    lines = Lines(text)
    spots = locator(guess_format(source.name, own), text)(
        {path for paths in wanted for path in paths}
    )
    found: list[LinePosition | None] = []
    for paths in wanted:
        spot = next((spots[path] for path in paths if path in spots), None)
        found.append(None if spot is None else lines.place(spot.key or spot.value))
    return found
