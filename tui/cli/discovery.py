"""Find mission files in folders and say of each whether it is valid."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from core.errors import MissionDeckError
from core.spec.load import SUFFIXES, Loaded, load_mission
from tui.backend import Finding, MissionFile

FOLDER_LIMIT = 500
"""Files looked at in one folder: one that holds more is no folder of missions."""


class Discovery:
    """Looks into folders again and again; a file that has not changed is read once."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self.folders = tuple(folders)
        self._known: dict[Path, tuple[tuple[int, int], MissionFile]] = {}

    def find(self) -> list[MissionFile]:
        """Return the mission files of the folders, each folder's in order of name, none twice."""
        seen: set[Path] = set()
        found: list[MissionFile] = []
        for path in _files(self.folders):
            real = path.resolve()
            if real not in seen:
                seen.add(real)
                found.append(self._describe(path))
        return found

    def _describe(self, path: Path) -> MissionFile:
        try:
            status = path.stat()
            stamp = (status.st_mtime_ns, status.st_size)
            known = self._known.get(path)
            if known is not None and known[0] == stamp:
                return known[1]
            described = describe(path, load_mission(path))
        except (OSError, MissionDeckError) as error:  # it went away while we looked
            broken = Finding(severity="error", code="UNREADABLE", message=str(error))
            return MissionFile(
                path=str(path), name=path.stem, steps=0, valid=False, findings=(broken,)
            )
        self._known[path] = (stamp, described)
        return described


def default_folders(cwd: Path) -> tuple[Path, ...]:
    """Return `./missions`, `./sample_missions`, and the samples that come with the program."""
    here = (cwd / "missions", cwd / "sample_missions")
    packaged = samples_folder()
    return (*here, *(() if packaged in here else (packaged,)))


def samples_folder() -> Path:
    """Return the folder of the samples that come with the program."""
    import sample_missions

    return Path(next(iter(sample_missions.__path__)))


def describe(path: Path, loaded: Loaded) -> MissionFile:
    """Say what a file is; one that is not valid goes by the name of its file."""
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
        candidates = (one for one in entries if one.suffix.lower() in SUFFIXES and one.is_file())
        for _, path in zip(range(FOLDER_LIMIT), candidates, strict=False):
            yield path
