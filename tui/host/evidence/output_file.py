"""Files that appear whole or not at all, and overwrite nothing unless that was asked for."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from core.errors import ConflictError, UnavailableError


def refuse_existing(target: Path, *, overwrite: bool) -> None:
    """Raise `ConflictError` if the target exists and may not be overwritten."""
    if not overwrite and os.path.lexists(target):
        raise ConflictError(f"{target} exists already", hint="--force overwrites it")


@contextmanager
def new_file(target: Path) -> Iterator[IO[bytes]]:
    """Open a new private file beside the target; remove it unless it was put in place.

    Raises `UnavailableError` when it cannot be written.
    """
    try:
        file = tempfile.NamedTemporaryFile(  # noqa: SIM115 - closed below, and renamed while open
            dir=target.parent, prefix=f".{target.name[:64]}-", suffix=".part", delete=False
        )
    except OSError as error:
        raise _unwritable(target, error) from error
    try:
        with file:
            yield file
    except OSError as error:
        raise _unwritable(target, error) from error
    finally:
        with suppress(FileNotFoundError):
            Path(file.name).unlink()


def put_in_place(source: Path, target: Path, *, overwrite: bool) -> None:
    """Give a finished file its name; without `overwrite` a file that appeared meanwhile stays."""
    if overwrite:
        source.replace(target)
        return
    try:
        target.hardlink_to(source)
    except FileExistsError:
        refuse_existing(target, overwrite=False)
        raise
    except OSError:  # a file system without hard links
        refuse_existing(target, overwrite=False)
        source.replace(target)


def _unwritable(target: Path, error: OSError) -> UnavailableError:
    return UnavailableError(f"{target} cannot be written: {error.strerror or error}")
