"""Find mission files in folders and say of each whether it is valid."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from core.errors import MissionDeckError
from core.spec.load import Loaded, load_mission
from tui.backend import Finding, MissionFile

SUFFIXES = frozenset({".yaml", ".yml", ".json"})
FOLDER_LIMIT = 500
"""Files looked at in one folder."""

Known = dict[Path, tuple[tuple[int, int], MissionFile]]
"""By path: modification time and size of a file, and what was found in it."""


def default_folders(cwd: Path) -> tuple[Path, ...]:
    """Return `./missions`, `./sample_missions`, and the samples that come with the program."""
    import sample_missions

    packaged = Path(sample_missions.__file__ or ".").parent
    here = (cwd / "missions", cwd / "sample_missions")
    return (*here, *(() if packaged in here else (packaged,)))


def find_missions(folders: Iterable[Path], known: Known) -> list[MissionFile]:
    """Return the mission files of `folders`, each folder's in order of name, none twice.

    `known` remembers what was found, so that only files that changed are read again.
    """
    seen: set[Path] = set()
    found = []
    for path in _files(folders):
        try:
            real, status = path.resolve(), path.stat()
        except OSError:  # it went away while we looked
            continue
        if real in seen:
            continue
        seen.add(real)
        stamp = (status.st_mtime_ns, status.st_size)
        if path not in known or known[path][0] != stamp:
            known[path] = (stamp, describe(path))
        found.append(known[path][1])
    return found


def describe(path: Path) -> MissionFile:
    """Load one file and say what it is."""
    try:
        loaded = load_mission(path)
    except MissionDeckError as error:
        broken = Finding(severity="error", code=error.code, message=error.message)
        return MissionFile(path=str(path), name=path.name, steps=0, valid=False, findings=(broken,))
    mission = loaded.mission
    return MissionFile(
        path=str(path),
        name=path.stem if mission is None else mission.name,
        steps=0 if mission is None else len(mission.steps),
        valid=loaded.ok,
        description=None if mission is None else mission.description,
        params=() if mission is None else mission.params,
        findings=findings_of(loaded),
    )


def findings_of(loaded: Loaded) -> tuple[Finding, ...]:
    """Return the diagnostics of a file as the screen shows them."""
    return tuple(
        Finding(
            severity=found.severity.value,
            code=found.code.value,
            message=found.message,
            line=found.line or None,
            column=found.column or None,
            hint=found.hint,
        )
        for found in loaded.diagnostics
    )


def _files(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        try:
            entries = sorted(folder.iterdir())
        except OSError:  # not there, or not ours to read: nothing to be found in it
            continue
        candidates = [entry for entry in entries if entry.suffix in SUFFIXES and entry.is_file()]
        yield from candidates[:FOLDER_LIMIT]
