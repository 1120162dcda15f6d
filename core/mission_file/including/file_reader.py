"""Reads the files that a mission includes: from its folder, or from what was recorded of it."""

import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from core.mission_file.finding.limit import MAX_BYTES

ReadFile = Callable[[str], bytes]
"""Returns the content of a file by its path from the mission's folder; `IncludeError`."""


class IncludeError(Exception):
    """Raised when a file cannot be included; `hint` says what to do."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


def folder_reader(folder: Path) -> ReadFile:
    """Return what reads files within `folder`; links that lead out of it are refused."""

    def read(name: str) -> bytes:
        try:
            base = folder.resolve()
            path = (base / name).resolve(strict=True)
            if not path.is_relative_to(base):
                raise IncludeError(
                    f"`{name}` is a link that leads out of the folder of the mission",
                    "copy the file into the folder",
                )
            # What was found is opened itself: nobody can put a link in its place meanwhile.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            with os.fdopen(os.open(path, flags), "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise IncludeError(f"`{name}` is not a file")
                return file.read(MAX_BYTES + 1)
        except FileNotFoundError:
            raise IncludeError(
                f"there is no file `{name}`", "the path is relative to the file that includes it"
            ) from None
        except (OSError, RuntimeError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else None
            raise IncludeError(f"`{name}` cannot be read: {reason or error}") from error

    return read


def recorded_reader(files: Mapping[str, bytes]) -> ReadFile:
    """Return what reads the recorded files of a mission, and nothing else."""

    def read(name: str) -> bytes:
        if name not in files:
            raise IncludeError(f"`{name}` was not recorded with the mission")
        return files[name]

    return read


def no_reader(name: str) -> bytes:
    """Refuse every file: the mission comes from no folder."""
    raise IncludeError(
        f"`{name}` cannot be included: the mission does not come from a file",
        "save the mission, and run that file",
    )
