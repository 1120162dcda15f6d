"""Finds mission files in folders and validates them."""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from core.errors import MissionDeckError
from core.mission_file.including.included_keys import INCLUDE
from core.mission_file.including.joined_source import split_files
from core.mission_file.load import SUFFIXES, Loaded, load_mission
from tui.host.places import place_of
from tui.live.backend import Finding, MissionFile

_KEYS = (
    re.compile(rb"""(?m)^steps[ \t]*:|["']steps["'][ \t]*:"""),
    re.compile(rb"""(?m)^(?:version|name)[ \t]*:|["'](?:version|name)["'][ \t]*:"""),
)
SNIFFED_BYTES = 256 * 1024
"""How much of a file is read to decide whether it is a mission."""
MAX_FILES_PER_FOLDER = 500
"""The most files considered per folder; the rest are ignored."""


class Place(Struct, frozen=True):
    """A folder to search, and the heading under which its missions are listed.

    With `others` the folder may contain files of other programs: only files that look like a
    mission are listed.
    """

    folder: Path
    group: str
    others: bool = False


Stamps = Mapping[Path, tuple[int, int]]
"""Of each file its modification time (ns) and size."""


class _Known(NamedTuple):
    """What a file was when it was read, and the files that it includes were."""

    stamps: Stamps
    described: MissionFile
    includes: tuple[Path, ...]


class Discovery:
    """Searches folders repeatedly; unchanged files are not read again.

    The `samples` come last, under a heading of their own. A file that is a part of others, which
    include it, is no mission.
    """

    def __init__(self, places: Iterable[Place], *, samples: Path | None = None) -> None:
        self.places = tuple(places)
        self._samples = samples
        self._known: dict[Path, _Known] = {}
        self._includes: dict[Path, tuple[Path, ...]] = {}

    def find(self, run_before: Iterable[str] = ()) -> list[MissionFile]:
        """Return the distinct mission files by group, sorted by name within a folder.

        `run_before` are the files that executions were made from, newest first.
        """
        seen: set[Path] = set()
        found: list[MissionFile] = []
        parts: set[Path] = set()

        def take(path: Path, group: str) -> None:
            real = path.resolve()
            if real not in seen:
                seen.add(real)
                found.append(replace(self._describe(path), group=group))
                parts.update(self._includes.get(path, ()))

        samples = () if self._samples is None else tuple(_files(self._samples))
        for place in self.places:
            for path in _files(place.folder):
                if not place.others or looks_like_mission(path):
                    take(path, place.group)
        bundled = {path.resolve() for path in samples}
        for path in map(Path, run_before):
            if path.suffix.lower() in SUFFIXES and path.is_file() and path.resolve() not in bundled:
                take(path, "run before")
        for path in samples:
            take(path, "samples")
        return [one for one in found if one.valid or not _is_part(Path(one.path), parts)]

    def _describe(self, path: Path) -> MissionFile:
        try:
            known = self._known.get(path)
            if known is not None and known.stamps == _stamps((path, *known.includes)):
                return known.described
            before = _stamps((path,))
            loaded = load_mission(path)
            described, includes = describe(path, loaded), _includes(path, loaded)
            self._includes[path] = includes
            if loaded.ok or not _may_lack_files(loaded):
                self._known[path] = _Known({**_stamps(includes), **before}, described, includes)
        except (OSError, MissionDeckError) as error:  # it was removed or is unreadable
            broken = Finding(severity="error", code="UNREADABLE", message=str(error))
            return MissionFile(
                path=str(path), name=path.stem, steps=0, valid=False, findings=(broken,)
            )
        return described


def default_places(cwd: Path) -> tuple[Place, ...]:
    """Return the current folder, `./missions` and `./sample_missions`."""
    here = Place(cwd, "this folder", others=True)
    under = (Place(cwd / name, f"./{name}") for name in ("missions", "sample_missions"))
    return (here, *(place for place in under if place.folder != samples_folder()))


def chosen_places(cwd: Path, folders: Iterable[str]) -> tuple[Place, ...]:
    """Return the folders that the settings name, or the usual ones when they name none."""
    chosen = (place_of(folder, "missions") for folder in folders)
    return tuple(Place(folder, str(folder)) for folder in chosen) or default_places(cwd)


def looks_like_mission(path: Path) -> bool:
    """Tell whether a file has the top-level keys of a mission: other programs use YAML too."""
    try:
        with path.open("rb") as file:
            head = file.read(SNIFFED_BYTES)
    except OSError:
        return False
    if path.suffix.lower() == ".json":
        try:
            found = json.loads(head)
        except (ValueError, RecursionError):  # cut off, or a mission with a mistake in it
            return all(key.search(head) is not None for key in _KEYS)
        return isinstance(found, dict) and "steps" in found and bool({"name", "version"} & {*found})
    return all(key.search(head) is not None for key in _KEYS)


def samples_folder() -> Path:
    """Return the folder of the samples that come with the program."""
    import sample_missions

    return Path(next(iter(sample_missions.__path__)))


def describe(path: Path, loaded: Loaded) -> MissionFile:
    """Describe a mission file; an invalid one is named after its file."""
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


def _includes(path: Path, loaded: Loaded) -> tuple[Path, ...]:
    """Return the files that a mission file includes, at any depth."""
    parts = () if loaded.source is None else split_files(loaded.source.content) or ()
    return tuple((path.parent / part.name).resolve() for part in parts[1:])


def _may_lack_files(loaded: Loaded) -> bool:
    """Tell whether a mission may be invalid because it includes a file that is not there yet."""
    return loaded.source is not None and INCLUDE.encode() in loaded.source.content


def _is_part(path: Path, parts: Collection[Path]) -> bool:
    """Tell whether an invalid file is a part of others, and not a mission with mistakes in it."""
    return path.resolve() in parts and not looks_like_mission(path)


def _stamps(paths: Iterable[Path]) -> Stamps:
    """Return the stamps of the files that there are."""
    found: dict[Path, tuple[int, int]] = {}
    for path in paths:
        with suppress(OSError):
            status = path.stat()
            found[path] = (status.st_mtime_ns, status.st_size)
    return found


def _files(folder: Path) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError:  # missing or not readable: nothing to find
        return
    candidates = (one for one in entries if one.suffix.lower() in SUFFIXES and one.is_file())
    yield from islice(candidates, MAX_FILES_PER_FOLDER)
