"""The mission that the argument of a command names: a file, a name, or the folder's own mission."""

from pathlib import Path
from typing import TYPE_CHECKING

from core.domain.state_word import counted
from core.errors import AmbiguousError, NotFoundError
from core.mission_file.load import SUFFIXES
from core.operations.mission_order import STDIN
from core.value.suggestion import did_you_mean
from tui.cli.invocation import Invocation
from tui.host.places import FOLDER_MISSIONS

if TYPE_CHECKING:
    from tui.live.backend import MissionFile

"""The files that are taken when none is named, the first that exists."""
MAX_LISTED = 5
"""The most missions that a message lists."""


def mission_file(invocation: Invocation, argument: str | None) -> str:
    """Return the mission file that `argument` names; `-`, for standard input, stays as it is.

    Without an argument it is `mission.yaml` of the current folder. What is a path, by its ending,
    its separators or because it exists, is returned unchanged. Anything else is the name of a
    mission in the folders where the screen looks for missions.

    Raises `NotFoundError` when there is no such mission, and `AmbiguousError` when several files
    have a mission of that name.
    """
    if argument is None:
        return _default_file(invocation)
    if argument == STDIN or is_path(argument):
        return argument
    missions = _missions(invocation)
    matches = [one for one in missions if one.name == argument]
    if len(matches) == 1:
        return _shown(invocation, matches[0])
    if matches:
        raise AmbiguousError(
            f"{counted(len(matches), 'mission file')} of the name {argument!r}:"
            f" {', '.join(_shown(invocation, one) for one in matches)}",
            hint="name the file",
        )
    raise NotFoundError(
        f"there is no mission file and no mission of the name {argument!r}",
        hint=did_you_mean(argument, [one.name for one in missions]) or _found(invocation, missions),
    )


def is_path(argument: str) -> bool:
    """Tell whether an argument means a file, there or not, rather than a mission's name.

    A folder may be called like a mission: `release` is the mission, `release/` the folder.
    """
    path = Path(argument)
    if path.suffix.lower() in SUFFIXES or "/" in argument or len(path.parts) != 1:
        return True
    return path.exists() and not path.is_dir()


def _default_file(invocation: Invocation) -> str:
    for name in FOLDER_MISSIONS:
        if (invocation.cwd / name).is_file():
            return name
    raise NotFoundError(
        f"no mission is named, and there is no {FOLDER_MISSIONS[0]} in {invocation.cwd}",
        hint=_found(invocation, _missions(invocation)),
    )


def _missions(invocation: Invocation) -> "list[MissionFile]":
    from tui.host.discovery import Discovery, chosen_places

    return Discovery(chosen_places(invocation.cwd, invocation.settings.mission_folders)).find()


def _found(invocation: Invocation, missions: "list[MissionFile]") -> str:
    if not missions:
        return "`mission init` writes a mission to start from; `mission examples` lists samples"
    shown = [f"{one.name} ({_shown(invocation, one)})" for one in missions[:MAX_LISTED]]
    if more := len(missions) - len(shown):
        shown.append(f"{more} more")
    return f"missions found: {', '.join(shown)}"


def _shown(invocation: Invocation, mission: "MissionFile") -> str:
    path = Path(mission.path)
    return str(path.relative_to(invocation.cwd) if path.is_relative_to(invocation.cwd) else path)
