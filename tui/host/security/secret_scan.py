"""Looking for the values of secrets in files, byte by byte."""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from core.output.masker import Masker, comparable

READ_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Found:
    """One place: a file, the offset of the first byte in it, and whose value it is."""

    path: Path
    offset: int
    name: str


@dataclass(slots=True)
class Report:
    """What a scan read and found."""

    files: int = 0
    bytes: int = 0
    found: list[Found] = field(default_factory=list)
    unreadable: list[Path] = field(default_factory=list)


def scan_files(masker: Masker, places: Iterable[Path]) -> Report:
    """Read every regular file at and below `places`, links aside, each once."""
    report = Report()
    for path in _files(places, report):
        try:
            with path.open("rb") as file:
                _scan(masker, path, file, report)
        except OSError:
            report.unreadable.append(path)
        else:
            report.files += 1
    report.found.sort(key=lambda one: (str(one.path), one.offset, one.name))
    return report


def _scan(masker: Masker, path: Path, file: BinaryIO, report: Report) -> None:
    """Read in pieces that overlap by one less than the longest form, so that none is cut in two."""
    overlap = masker.longest_bytes - 1
    held, offset = b"", 0
    while data := file.read(READ_BYTES):
        report.bytes += len(data)
        window = held + data
        if masker:
            for start, end, names in masker.found(comparable(window)):
                if end > len(held):  # else it was found in the piece before
                    report.found += (Found(path, offset + start, name) for name in names)
        held = window[max(0, len(window) - overlap) :] if overlap > 0 else b""
        offset += len(window) - len(held)


def _files(places: Iterable[Path], report: Report) -> Iterator[Path]:
    seen: set[tuple[int, int]] = set()
    queue = list(places)
    while queue:
        path = queue.pop()
        try:
            about = path.lstat()
            if (about.st_dev, about.st_ino) in seen:
                continue
            seen.add((about.st_dev, about.st_ino))
            if stat.S_ISDIR(about.st_mode):
                queue += (Path(entry.path) for entry in os.scandir(path))
            elif stat.S_ISREG(about.st_mode):
                yield path
        except FileNotFoundError:
            continue
        except OSError:
            report.unreadable.append(path)
