"""The files whose change makes `run --watch` run a mission again, and when they have changed.

Knows nothing of how the mission is run.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from core.domain.mission import Mission
from core.mission_file.including.joined_source import split_files
from core.mission_file.load import Loaded

MAX_FILES = 20_000
"""So many files of the folders that were named are looked at."""

SETTLE_SECONDS = 0.3
"""A change counts when nothing has changed for so long: editors write files in several steps."""

POLL_SECONDS = 0.25

_PASSED_OVER = frozenset({".git", ".hg", "node_modules", "__pycache__", ".venv"})

State = Mapping[Path, tuple[int, int, int] | None]
"""Of each file its modification time (ns), size and inode; None while it does not exist."""


def files_of(loaded: Loaded, file: Path, more: Iterable[Path]) -> list[Path]:
    """Return the files of a mission: its own, what it includes, environment files, and `more`.

    The `inputs` of its steps are among them, but for what another step makes. Of a folder in `more`
    it is all files in it, at any depth, but for what tools keep to themselves (`.git` and the
    like).
    """
    found = {file.absolute(): None}
    folder = file.absolute().parent
    if loaded.source is not None:
        parts = split_files(loaded.source.content) or []
        found |= {folder / part.name: None for part in parts[1:]}
    if loaded.mission is not None:
        names = [*loaded.mission.env_files]
        names += [name for step in loaded.mission.all_steps for name in step.env_files]
        found |= {folder / name: None for name in names}
        found |= dict.fromkeys(sorted(_inputs(loaded.mission, folder)))
    for path in more:
        for one in _below(path.absolute()):
            found[one] = None
            if len(found) >= MAX_FILES:
                return list(found)
    return list(found)


def state_of(files: Iterable[Path]) -> State:
    """Return how files are now."""
    return {file: _stamp(file) for file in files}


def changed(before: State, now: State) -> list[Path]:
    """Return the files that were made, removed or written since, in order."""
    return sorted(file for file in {**before, **now} if before.get(file) != now.get(file))


def wait_for_change(
    look: Callable[[], State], before: State, sleep: Callable[[float], None]
) -> list[Path]:
    """Return what has changed since `before`, once it has and changes no more."""
    while True:
        now = look()
        if changed(before, now):
            sleep(SETTLE_SECONDS)
            settled = look()
            if not changed(now, settled):
                return changed(before, settled)
        else:
            sleep(POLL_SECONDS)


def _inputs(mission: Mission, folder: Path) -> set[Path]:
    if not any(step.inputs for step in mission.steps):
        return set()
    from core.engine.up_to_date.input_files import input_files  # few missions declare any

    return input_files(mission, folder)


def _below(path: Path) -> Iterable[Path]:
    if not path.is_dir():
        return (path,)
    return (
        Path(folder) / name
        for folder, folders, names in os.walk(path)
        if _without_tools(folders)
        for name in sorted(names)
    )


def _without_tools(folders: list[str]) -> bool:
    """Leave the folders of tools out of a walk."""
    folders[:] = sorted(name for name in folders if name not in _PASSED_OVER)
    return True


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino)
