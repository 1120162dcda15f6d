"""Reads a mission file that a user names and makes the order for a run of it."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.domain.mission import Mission, MissionSource
from core.domain.state_word import counted
from core.errors import MissionInvalidError, UsageError
from core.mission_file.load import Loaded, load_mission

if TYPE_CHECKING:  # validating a file needs no events
    from core.launch.order import Order

STDIN = "-"


def read_mission(reference: str) -> Loaded:
    """Read and validate a mission file, or standard input for `-`.

    Raises `NotFoundError` for a file that is not there, `UsageError` for a standard input that is
    closed; everything else is in the diagnostics.
    """
    if reference == STDIN:
        if sys.stdin is None:
            raise UsageError("standard input is closed: there is no mission to read")
        return load_mission(sys.stdin.buffer.read(), name="<stdin>")
    return load_mission(Path(reference))


def require_valid(loaded: Loaded) -> tuple[Mission, MissionSource]:
    """Return mission and source, or raise `MissionInvalidError` with the diagnostics."""
    if not loaded.ok or loaded.mission is None or loaded.source is None:
        errors = [found for found in loaded.diagnostics if found.severity == "error"]
        count = counted(len(errors), "error")
        raise MissionInvalidError(f"{loaded.path} is not valid: {count}", tuple(loaded.diagnostics))
    return loaded.mission, loaded.source


def make_order(
    loaded: Loaded,
    *,
    reference: str,
    actor: str,
    params: Mapping[str, Any],
    folder: Path | None = None,
    **links: Any,
) -> "Order":
    """Return the order for a run of what was loaded; steps work below the mission file's folder.

    `folder` takes its place for a mission that has no file.
    """
    from core.launch.order import Order

    mission, source = require_valid(loaded)
    path = None if reference == STDIN else Path(reference).absolute()
    folder = (folder or Path.cwd()) if path is None else path.parent
    if mission.env_files:
        _require_env_files(mission, source, loaded.path, folder)
    return Order(
        mission=mission,
        source=source,
        actor=actor,
        params=params,
        source_path=None if path is None else str(path),
        working_dir=str((folder / mission.config.working_dir).absolute()),
        **links,
    )


def _require_env_files(mission: Mission, source: MissionSource, name: str, folder: Path) -> None:
    from core.mission_file.env_file_check import env_file_problems  # few missions name any

    found = env_file_problems(mission, source, name, folder)
    if found:
        raise MissionInvalidError(f"{name} names an environment file that cannot be used", found)


def parse_params(pairs: Sequence[str]) -> dict[str, str]:
    """Return the `NAME=VALUE` pairs of `-p` as a mapping; raise as `parse_pairs` does."""
    return parse_pairs(pairs, option="-p", what="parameter")


def parse_pairs(pairs: Sequence[str], *, option: str, what: str) -> dict[str, str]:
    """Return `NAME=VALUE` pairs as a mapping; `UsageError` for one without `=` or given twice."""
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"{option} {pair!r} is not NAME=VALUE")
        if name in found:
            raise UsageError(f"{what} `{name}` is given twice")
        found[name] = value
    return found
