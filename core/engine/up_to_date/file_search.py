"""Finds the files that the patterns of a step name below the folder it works in."""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from core.engine.up_to_date.file_state import FileProblemError
from core.value.glob import Glob

MAX_FILES = 100_000
MAX_VISITED_ENTRIES = 1_000_000
"""The most files of one step, and the most entries that are looked at for them."""

_WILD = frozenset("*?[")


def find_files(folder: Path, patterns: Sequence[str], *, within: Path | None) -> list[str]:
    """Return the files that match, relative to `folder`, in order.

    The name of a folder stands for all files below it. Links to files count as what they lead to,
    links to folders are followed only where a pattern names them literally. With `within` every
    file has to be there when links are resolved. Raises `FileProblemError` for a pattern that
    matches nothing or too much.
    """
    found: dict[str, None] = {}
    for pattern in patterns:
        count = 0
        for path in _matches(folder, pattern):
            found[path] = None
            count += 1
            if len(found) > MAX_FILES:
                raise FileProblemError(f"more than {MAX_FILES:,} files match")
        if not count:
            raise FileProblemError(f"`{pattern}` matches no file")
    if within is not None:
        root = within.resolve()
        for path in found:
            if not (folder / path).resolve().is_relative_to(root):
                raise FileProblemError(f"{path} leads out of the mission's folder")
    return sorted(found)


def _matches(folder: Path, pattern: str) -> Iterator[str]:
    parts = [part for part in pattern.split("/") if part not in {"", "."}]
    literal = 0
    while literal < len(parts) and not _WILD.intersection(parts[literal]):
        literal += 1
    base, rest = "/".join(parts[:literal]), parts[literal:]
    try:
        mode = (folder / base).stat().st_mode
    except OSError:
        return
    if not rest:
        if stat.S_ISDIR(mode):
            rest = ["**"]
        else:
            if not stat.S_ISREG(mode):
                raise FileProblemError(f"{base} is not a regular file")
            yield base
            return
    depth = None if "**" in rest else len(rest)
    glob = Glob("/".join(rest), anchored=True)
    for visited, path in enumerate(_walk(folder / base, "", depth)):
        if visited > MAX_VISITED_ENTRIES:
            raise FileProblemError(f"`{pattern}`: more than {MAX_VISITED_ENTRIES:,} entries")
        if glob.matches(path):
            yield f"{base}/{path}" if base else path


def _walk(folder: Path, prefix: str, depth: int | None) -> Iterator[str]:
    """Yield the regular files below a folder, `depth` levels deep; None: all."""
    pending = [(str(folder), prefix, depth)]
    while pending:
        where, prefix, left = pending.pop()
        try:
            entries = os.scandir(where)
        except OSError as error:
            raise FileProblemError(f"{where}: {error.strerror}") from error
        with entries:
            for entry in entries:
                try:
                    if entry.is_dir(follow_symlinks=False):
                        if left is None or left > 1:
                            below = None if left is None else left - 1
                            pending.append((entry.path, f"{prefix}{entry.name}/", below))
                    elif entry.is_file():
                        yield prefix + entry.name
                except OSError:
                    continue  # it vanished
